use super::{
    index::PolicyIndex,
    types::Action,
    verdict::{Decided, Decision, Part, PartKind, Verdict},
    walk::{PolicyStep, StepResult},
};

/// What would turn the decision around, the least first.
pub(super) fn changes(index: &PolicyIndex, verdict: &Verdict) -> Vec<String> {
    match verdict.decision {
        Decision::Unknown => Vec::new(),
        Decision::Deny => verdict
            .parts
            .iter()
            .filter(|part| part.decision == Decision::Deny)
            .flat_map(|part| to_allow(index, part))
            .collect(),
        Decision::Allow => verdict.parts.iter().flat_map(to_deny).collect(),
    }
}

fn to_allow(index: &PolicyIndex, part: &Part) -> Vec<String> {
    let direction = part.direction.word();
    let endpoint = &part.endpoint;
    let tier = part.deciding.tier.clone().unwrap_or_default();
    match part.deciding.element {
        Decided::Rule => {
            let name = part.deciding.name.clone().unwrap_or_default();
            let order = index
                .policies
                .iter()
                .find(|policy| policy.id.name == name && policy.id.tier == tier)
                .and_then(|policy| policy.order);
            let before = order.map_or_else(String::new, |order| format!(" with an order below {order}"));
            vec![
                format!("an {direction} rule that allows the flow, in tier `{tier}`{before}, selecting `{endpoint}`"),
                format!(
                    "rule {} of `{name}` narrowed so that it leaves the flow out",
                    part.deciding.rule_index.unwrap_or(0)
                ),
            ]
        }
        Decided::EndOfTier => {
            let near: Vec<String> = part
                .tiers
                .iter()
                .filter(|step| step.tier == tier)
                .flat_map(|step| &step.policies)
                .filter_map(nearest)
                .collect();
            let mut all = near;
            let owners: Vec<String> = part
                .tiers
                .iter()
                .filter(|step| step.tier == tier)
                .flat_map(|step| &step.policies)
                .filter(|step| !step.staged)
                .map(|step| format!("`{}`", step.name))
                .collect();
            all.push(format!(
                "an {direction} rule that allows the flow, in {}",
                owners.join(" or ")
            ));
            all
        }
        Decided::NoProfile if part.kind == PartKind::Workload => {
            vec![format!(
                "the namespace object of `{endpoint}`, which gives the profile that allows"
            )]
        }
        Decided::NoProfile => vec![format!(
            "an {direction} policy that selects host endpoint `{endpoint}` and allows the flow"
        )],
        Decided::EndpointToHostAction => {
            vec!["`defaultEndpointToHostAction: Accept` or `Return`".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// An allowing rule that fails by one field, the likeliest mistake.
fn nearest(step: &PolicyStep) -> Option<String> {
    let rule = step.rules.iter().find(|rule| {
        rule.action == Action::Allow && rule.failed_field.is_some_and(|field| !field.ends_with("protocol"))
    })?;
    let hint = rule
        .hint
        .as_ref()
        .map_or_else(String::new, |hint| format!(": {}", hint.sentence));
    Some(format!(
        "rule {} of `{}` (`{}`): {} wants `{}`, the flow has `{}`{hint}",
        rule.index,
        step.name,
        rule.path,
        rule.failed_field?,
        rule.rule_wants.as_deref().unwrap_or(""),
        rule.flow_has.as_deref().unwrap_or(""),
    ))
}

fn to_deny(part: &Part) -> Option<String> {
    let direction = part.direction.word();
    let endpoint = &part.endpoint;
    Some(match part.deciding.element {
        Decided::Rule => format!(
            "without rule {} of `{}`, or with a rule that denies before it, {direction} of `{endpoint}` would not be allowed by it",
            part.deciding.rule_index.unwrap_or(0),
            part.deciding.name.as_deref().unwrap_or(""),
        ),
        Decided::Profile => {
            let passed = part.tiers.iter().any(|tier| tier.result == StepResult::Pass);
            let why = if passed { "decides" } else { "applies" };
            format!("no {direction} policy {why} for `{endpoint}`: one that selects it would isolate it")
        }
        Decided::HostToOwnPod => format!("nothing: a node's own traffic to `{endpoint}` is not policed"),
        _ => return None,
    })
}
