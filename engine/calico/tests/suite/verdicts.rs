use runbook_calico::policy::{Decision, Flow, Party, PolicyIndex, Protocol, VerdictOptions};

use crate::data::{Recorded, healthy, recorded};

/// The manifest's DaemonSet sets it in the environment.
fn options() -> VerdictOptions {
    VerdictOptions {
        endpoint_to_host_action: Some("Accept".to_owned()),
        brief: false,
    }
}

fn differences(world: &Recorded) -> (usize, usize, Vec<String>) {
    let (index, errors) = PolicyIndex::new(&world.cluster());
    assert_eq!(errors, []);
    let (mut same, mut unknown, mut different) = (0, 0, Vec::new());
    for probe in &world.probes {
        let protocol = Protocol::parse(&probe.protocol).unwrap();
        let flow = Flow::new(
            Party::parse(&probe.from).unwrap(),
            Party::parse(&probe.to).unwrap(),
            protocol,
            probe.port,
        );
        let verdict = index.verdict(&flow, &options());
        match verdict.decision {
            Decision::Unknown => unknown += 1,
            decision if (decision == Decision::Allow) == probe.ok => same += 1,
            decision => different.push(format!(
                "{}: {flow} is {decision:?} by `{}`, the probe {}",
                world.name,
                verdict.deciding.map(|deciding| deciding.sentence).unwrap_or_default(),
                if probe.ok { "was answered" } else { "was not" },
            )),
        }
    }
    (same, unknown, different)
}

#[test]
fn verdicts_equal_recorded_probes() {
    let judged = |name: &str| healthy(name) || name.starts_with("policy-") || name == "host-endpoint-blocks";
    let mut all = Vec::new();
    for world in recorded(judged) {
        let (same, unknown, different) = differences(&world);
        println!(
            "{}: {same} as recorded, {unknown} unknown, {} different",
            world.name,
            different.len()
        );
        assert!(same > 50, "{}: only {same} probes judged", world.name);
        all.extend(different);
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The mistake that was made in each of these clusters is named, with what was meant.
#[test]
fn hints_name_the_mistake() {
    for (name, from, to, conclusion, nearest) in [
        (
            "policy-source-typo",
            "shop/cart-",
            "shop/ledger-0",
            "DENY-SELECTOR-TYPO",
            "app=cart",
        ),
        (
            "policy-named-port",
            "shop/cart-",
            "shop/ledger-0",
            "DENY-NAMED-PORT",
            "http",
        ),
    ] {
        let world = recorded(|found| found == name).remove(0);
        let (index, _) = PolicyIndex::new(&world.cluster());
        let source = index
            .endpoints
            .iter()
            .find(|endpoint| format!("{}/{}", endpoint.namespace, endpoint.pod).starts_with(from));
        let source = source
            .map(|endpoint| Party::pod(&endpoint.namespace, &endpoint.pod))
            .unwrap();
        let flow = Flow::new(source, Party::parse(to).unwrap(), Protocol::TCP, Some(8080));
        let verdict = index.verdict(&flow, &options());
        assert_eq!(verdict.decision, Decision::Deny, "{name}");
        let steps = verdict
            .parts
            .iter()
            .flat_map(|part| &part.tiers)
            .flat_map(|tier| &tier.policies);
        let hints: Vec<_> = steps
            .flat_map(|policy| &policy.rules)
            .filter_map(|rule| rule.hint.as_ref())
            .collect();
        assert_eq!(hints.len(), 1, "{name}: {hints:?}");
        assert_eq!(
            (hints[0].conclusion, hints[0].nearest.as_deref()),
            (conclusion, Some(nearest))
        );
    }
}
