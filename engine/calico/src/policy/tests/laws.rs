//! Laws that hold whatever the policies say.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::{cluster, one};

fn any_policy() -> impl Strategy<Value = Value> {
    let side = || {
        prop_oneof![
            Just(json!({})),
            Just(json!({"selector": "app == 'a'"})),
            Just(json!({"selector": "app in {'a', 'c'}", "namespaceSelector": "all()"})),
            Just(json!({"notSelector": "app == 'c'"})),
            Just(json!({"nets": ["10.0.1.0/24"]})),
            Just(json!({"notNets": ["10.0.1.1/32"]})),
        ]
    };
    let rule = (0usize..4, 0usize..3, side(), side()).prop_map(|(action, protocol, source, destination)| {
        let action = ["Allow", "Deny", "Pass", "Log"][action];
        let mut rule = json!({"action": action, "source": source, "destination": destination});
        if let Some(protocol) = [None, Some("TCP"), Some("UDP")][protocol] {
            rule["protocol"] = json!(protocol);
        }
        rule
    });
    let rules = || proptest::collection::vec(rule.clone(), 0..3);
    (
        0usize..2,
        0usize..3,
        proptest::option::of(0u32..4),
        rules(),
        rules(),
        0usize..4,
    )
        .prop_map(|(tier, selector, order, ingress, egress, types)| {
            let tier = ["default", "early"][tier];
            let selector = ["all()", "app == 'b'", "app != 'c'"][selector];
            let types: &[&str] = [
                ["Ingress", "Egress"].as_slice(),
                &["Ingress"],
                &["Egress"],
                &["Egress", "Ingress"],
            ][types];
            let mut spec =
                json!({"tier": tier, "selector": selector, "types": types, "ingress": ingress, "egress": egress});
            if let Some(order) = order {
                spec["order"] = json!(order);
            }
            spec
        })
}

fn lists(specs: &[Value], early: &str) -> Vec<Value> {
    let mut lists = vec![one("Tier", "early", json!({"order": 1, "defaultAction": early}))];
    lists.extend(
        specs
            .iter()
            .enumerate()
            .map(|(at, spec)| one("GlobalNetworkPolicy", &format!("p{at}"), spec.clone())),
    );
    lists
}

fn judge(lists: &[Value], flow: &Flow, brief: bool) -> Verdict {
    let (index, _) = PolicyIndex::new(&cluster(lists));
    index.verdict(
        flow,
        &VerdictOptions {
            brief,
            ..VerdictOptions::default()
        },
    )
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let party = || prop_oneof![Just("x/a"), Just("x/b"), Just("y/c"), Just("198.51.100.1"), Just("n2")];
    (
        party(),
        party(),
        prop_oneof![Just(Protocol::TCP), Just(Protocol::UDP), Just(Protocol::ICMP)],
    )
        .prop_map(|(from, to, protocol)| {
            let port = protocol.has_ports().then_some(8080);
            Flow::new(Party::parse(from).unwrap(), Party::parse(to).unwrap(), protocol, port)
        })
}

/// Rules whose action ended the walk of one part.
fn deciders(part: &Part) -> usize {
    let policies = part
        .tiers
        .iter()
        .flat_map(|tier| &tier.policies)
        .filter(|policy| !policy.staged);
    policies
        .flat_map(|policy| &policy.rules)
        .filter(|rule| rule.matched == Some(true) && matches!(rule.action, Action::Allow | Action::Deny))
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn at_most_one_rule_decides_a_part(specs in proptest::collection::vec(any_policy(), 0..5), flow in any_flow()) {
        for part in &judge(&lists(&specs, "Deny"), &flow, false).parts {
            prop_assert!(deciders(part) <= 1);
            prop_assert_eq!(deciders(part) == 1, part.deciding.element == Decided::Rule);
        }
    }

    #[test]
    fn brief_and_told_agree(specs in proptest::collection::vec(any_policy(), 0..5), flow in any_flow()) {
        let lists = lists(&specs, "Pass");
        let (told, brief) = (judge(&lists, &flow, false), judge(&lists, &flow, true));
        prop_assert_eq!(told.decision, brief.decision);
        prop_assert_eq!(told.deciding, brief.deciding);
    }

    #[test]
    fn reach_and_verdict_agree(specs in proptest::collection::vec(any_policy(), 0..5)) {
        let (index, _) = PolicyIndex::new(&cluster(&lists(&specs, "Deny")));
        for reach in index.reach("x", "b", Protocol::TCP, Some(8080)) {
            let source = Party::pod(&reach.namespace, &reach.pod);
            let flow = Flow::new(source, Party::pod("x", "b"), Protocol::TCP, Some(8080));
            prop_assert_eq!(index.verdict(&flow, &VerdictOptions::default()).decision, reach.decision);
        }
    }

    #[test]
    fn a_policy_for_others_changes_nothing(specs in proptest::collection::vec(any_policy(), 0..5), flow in any_flow(), mut other in any_policy()) {
        let lists = lists(&specs, "Deny");
        other["selector"] = json!("app == 'somebody-else'");
        let mut more = lists.clone();
        more.push(one("GlobalNetworkPolicy", "other", other));
        prop_assert_eq!(judge(&lists, &flow, false), judge(&more, &flow, false));
    }

    #[test]
    fn the_order_of_lists_changes_nothing(specs in proptest::collection::vec(any_policy(), 0..5), flow in any_flow()) {
        let lists = lists(&specs, "Deny");
        let reversed: Vec<Value> = lists.iter().rev().cloned().collect();
        prop_assert_eq!(judge(&lists, &flow, false), judge(&reversed, &flow, false));
    }

    #[test]
    fn a_first_tier_that_allows_or_denies_all_is_final(specs in proptest::collection::vec(any_policy(), 0..5), flow in any_flow(), allow: bool) {
        let mut lists = lists(&specs, "Deny");
        let action = if allow { "Allow" } else { "Deny" };
        lists.push(one("Tier", "zero", json!({"order": 0, "defaultAction": "Deny"})));
        let rules = json!([{"action": action}]);
        lists.push(one("GlobalNetworkPolicy", "all", json!({"tier": "zero", "selector": "has(projectcalico.org/namespace)",
            "types": ["Ingress", "Egress"], "ingress": rules, "egress": rules})));
        let verdict = judge(&lists, &flow, false);
        for part in verdict.parts.iter().filter(|part| part.kind == PartKind::Workload && part.deciding.element != Decided::SamePod && part.deciding.element != Decided::HostToOwnPod) {
            prop_assert_eq!(part.decision == Decision::Allow, allow);
            prop_assert_eq!(part.tiers.len(), 1);
        }
    }

    #[test]
    fn staged_policies_never_change_the_decision(specs in proptest::collection::vec(any_policy(), 0..4), flow in any_flow(), staged in any_policy()) {
        let lists = lists(&specs, "Deny");
        let mut more = lists.clone();
        more.push(one("StagedGlobalNetworkPolicy", "staged", staged));
        prop_assert_eq!(judge(&lists, &flow, false).deciding, judge(&more, &flow, false).deciding);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn odd_objects_never_panic(text in "\\PC{0,20}", number: i64) {
        for spec in [json!(text), json!(number), json!([number]), json!({"selector": text}), json!({"types": text}),
            json!({"ingress": [{"action": text}]}), json!({"egress": [{"action": "Allow", "destination": {"ports": [number]}}]})] {
            for kind in ["NetworkPolicy", "KNP", "GlobalNetworkPolicy", "Tier", "HostEndpoint", "Node", "Pod", "IPAMBlock"] {
                let _ = PolicyIndex::new(&cluster(&[one(kind, "p", spec.clone())]));
            }
        }
    }
}
