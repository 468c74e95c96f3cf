use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn matches(selector: &str, pairs: &[(&str, &str)]) -> bool {
    Selector::parse(selector).unwrap().matches(&labels(pairs))
}

#[test]
fn comparisons() {
    let web = [("app", "web"), ("tier", "front-end")];
    for (selector, expected) in [
        ("", true),
        ("all()", true),
        ("!all()", false),
        ("app == 'web'", true),
        ("app == \"db\"", false),
        ("app != 'web'", false),
        ("none != 'web'", true),
        ("none == ''", false),
        ("app in { 'web', 'db', }", true),
        ("app in {}", false),
        ("app not in {'web'}", false),
        ("none notin {'web'}", true),
        ("has(app) && !has(none)", true),
        ("tier contains 'nt-e'", true),
        ("tier starts with 'front'", true),
        ("tier startswith 'end'", false),
        ("tier endswith 'end'", true),
        ("!!has(app)", true),
        ("app=='db'||app=='web'&&tier=='x'", false),
        ("(app=='db'||app=='web')&&has(tier)", true),
    ] {
        assert_eq!(matches(selector, &web), expected, "{selector}");
    }
    assert!(matches("in == 'x' && has.x == 'y'", &[("in", "x"), ("has.x", "y")]));
}

#[test]
fn errors_have_a_position() {
    for (text, column, expected) in [
        ("app = 'web'", 5, "`==`"),
        ("app == web", 8, "a string in quotes"),
        ("app == 'web", 8, "a string that ends"),
        ("(app == 'web'", 14, "`)`"),
        ("app == 'web' has(x)", 14, "`&&`"),
        ("app in 'web'", 8, "`{`"),
        ("has (app)", 5, "`==`"),
        ("ä", 1, "a label"),
        ("a == 'ö' &", 10, "`&&`"),
    ] {
        let error = Selector::parse(text).unwrap_err();
        assert_eq!(error.column, column, "{error}");
        assert!(error.expected.contains(expected), "{error}");
    }
    assert!(Selector::parse(&"(".repeat(100_000)).is_err());
    assert!(Selector::parse(&format!("{}all()", "!".repeat(100_000))).is_ok());
}

#[test]
fn canonical_text() {
    for (text, canonical) in [
        ("app=='web'", "app == \"web\""),
        ("(app in {'b','a','b'})", "app in {\"a\", \"b\"}"),
        ("a=='1'&&(b!='2'||!has(c))", "(a == \"1\" && (b != \"2\" || !has(c)))"),
        ("a == 'x\"y'", "a == 'x\"y'"),
        ("a notin {'x'}", "a not in {\"x\"}"),
    ] {
        assert_eq!(Selector::parse(text).unwrap().canonical(), canonical);
    }
}

#[test]
fn kubernetes_selectors() {
    let value = json!({"matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["y", "x"]}, {"key": "d", "operator": "DoesNotExist"}]});
    let pods = from_label_selector(&value, "o", "p").unwrap();
    assert_eq!(
        pods.canonical(),
        "(projectcalico.org/orchestrator == \"k8s\" && a == \"1\" && b == \"2\" && c not in {\"x\", \"y\"} && !has(d))"
    );
    assert_eq!(
        from_label_selector_unprefixed(&json!({}), "o", "p")
            .unwrap()
            .canonical(),
        "all()"
    );
    let error = from_label_selector(
        &json!({"matchExpressions": [{"key": "a", "operator": "Like"}]}),
        "o",
        "p",
    )
    .unwrap_err();
    assert_eq!(error.path, "p.matchExpressions[0].operator");
}

#[test]
fn nearest_miss() {
    let selector = Selector::parse("projectcalico.org/orchestrator == 'k8s' && app == 'orders-svc'").unwrap();
    let pod = labels(&[("projectcalico.org/orchestrator", "k8s"), ("app", "orders")]);
    let failed = explain(&selector, &pod);
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].has.as_deref(), failed[0].wants.as_deref()),
        (Some("orders"), Some("orders-svc"))
    );
    let failed = explain(
        &Selector::parse("ap == 'x' || (a == '1' && b == '2')").unwrap(),
        &labels(&[("app", "x")]),
    );
    assert_eq!((failed.len(), failed[0].term.as_str()), (1, "ap == \"x\""));
    assert_eq!(
        nearest_values("car", ["cart", "orders", "catalog"].into_iter(), 2),
        ["cart", "catalog"]
    );
    assert!(explain(&Selector::all(), &pod).is_empty());
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let label = "[a-c]";
    let value = "[x-z]{0,2}";
    let set = || proptest::collection::btree_set(value, 0..3).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    let leaf = prop_oneof![
        Just(Expr::All),
        label.prop_map(Expr::Has),
        (label, value).prop_map(|(label, value)| Expr::Eq(label, value)),
        (label, value).prop_map(|(label, value)| Expr::Ne(label, value)),
        (label, value).prop_map(|(label, value)| Expr::Contains(label, value)),
        (label, value).prop_map(|(label, value)| Expr::StartsWith(label, value)),
        (label, value).prop_map(|(label, value)| Expr::EndsWith(label, value)),
        (label, set()).prop_map(|(label, set)| Expr::In(label, set)),
        (label, set()).prop_map(|(label, set)| Expr::NotIn(label, set)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            // Two negations in a row are one expression to the parser.
            inner
                .clone()
                .prop_filter("one negation", |expr| !matches!(expr, Expr::Not(_)))
                .prop_map(|expr| Expr::Not(Box::new(expr))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            proptest::collection::vec(inner, 2..4).prop_map(Expr::Or),
        ]
    })
}

fn any_labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-c]", "[x-z]{0,2}", 0..3)
}

proptest! {
    #[test]
    fn canonical_text_parses_back(expr in any_expr()) {
        let text = expr.to_string();
        let parsed = Selector::parse(&text).unwrap();
        prop_assert_eq!(parsed.canonical(), text);
        prop_assert_eq!(parsed.expr(), &expr);
    }

    #[test]
    fn negation_and_de_morgan(a in any_expr(), b in any_expr(), labels in any_labels()) {
        let not = |expr: &Expr| Expr::Not(Box::new(expr.clone()));
        prop_assert_ne!(a.matches(&labels), not(&a).matches(&labels));
        let left = not(&Expr::And(vec![a.clone(), b.clone()]));
        let right = Expr::Or(vec![not(&a), not(&b)]);
        prop_assert_eq!(left.matches(&labels), right.matches(&labels));
    }

    #[test]
    fn a_failure_is_explained_exactly_when_there_is_one(expr in any_expr(), labels in any_labels()) {
        let selector = Selector::from_expr(expr);
        prop_assert_eq!(explain(&selector, &labels).is_empty(), selector.matches(&labels));
    }

    #[test]
    fn indexed_equality_is_necessary(expr in any_expr(), labels in any_labels()) {
        if let Some((label, value)) = expr.required_equality()
            && expr.matches(&labels) {
            prop_assert_eq!(labels.get(label).map(String::as_str), Some(value));
        }
    }

    #[test]
    fn never_panics(text in "\\PC{0,60}") {
        let _ = Selector::parse(&text);
    }

    #[test]
    fn never_panics_on_likely_text(text in "[a!=&|(){}'\", inhasnotl.]{0,40}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert!(Selector::parse(&selector.canonical()).is_ok(), "{}", selector.canonical());
        }
    }
}
