use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What is in the only rule of a table, as scripts see it.
fn parse_rule(line: &str) -> Option<Value> {
    let mut table = OpenTable::new("filter");
    table.rule(line)?;
    let table = table.close(true);
    let rule = table.chains.first()?.rules.iter().next().map(serde_json::to_value);
    rule?.ok()
}

fn rule(line: &str) -> Value {
    parse_rule(line).unwrap()
}

#[test]
fn lines_end_where_they_end() {
    let text =
        "*filter\r\n:a - [0:0]\r\n-A a -j x \r\n-A a -m comment --comment \"cut\\\n-A a -j y\n\n  -A a\n-A a -j z";
    let got = parse(text).unwrap();
    let texts: Vec<_> = got.tables[0].chains[0].rules.iter().map(|r| r.text).collect();
    assert_eq!(texts, ["-A a -j x", "-A a -j y", "-A a -j z"]);
    assert_eq!(got.unparsed.iter().map(|u| u.line).collect::<Vec<_>>(), [4, 7]);
}

#[test]
fn rules_of_one_chain_come_together() {
    let got = parse("*filter\n:a - [0:0]\n:b - [0:0]\n-A b -j x\n-A a -j y\n-A b -j z\n").unwrap();
    let jumps = |i: usize| {
        got.tables[0].chains[i]
            .rules
            .iter()
            .filter_map(|r| r.jump)
            .collect::<Vec<_>>()
    };
    assert_eq!((jumps(0), jumps(1)), (vec!["y"], vec!["x", "z"]));
}

#[test]
fn negations_belong_to_what_follows_them() {
    let r = rule("-A F ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,DNAT -j DROP");
    assert_eq!(r["source"], json!({ "value": "127.0.0.0/8", "negated": true }));
    assert_eq!(r["destination"], json!({ "value": "127.0.0.0/8", "negated": false }));
    assert_eq!(r["matches"][0]["negated"], true);
}

#[test]
fn comments_keep_their_text_whatever_it_looks_like() {
    let r = rule(r#"-A F -m comment --comment "a \"b\" -j X" -m comment --comment -x -m socket -j DROP"#);
    assert_eq!(r["comments"], json!([r#"a "b" -j X"#, "-x"]));
    let socket = json!({ "module": "socket", "option": null, "value": null, "negated": false });
    assert_eq!((&r["matches"], &r["jump"]), (&json!([socket]), &json!("DROP")));
}

#[test]
fn values_of_several_words_stay_whole() {
    let r = rule(
        "[1:2] -A F -m set --match-set cali40a src,dst -m rpfilter --validmark --invert -j LOG --log-prefix \"a b\"",
    );
    assert_eq!(r["matches"][0]["value"], "cali40a src,dst");
    assert_eq!(r["matches"][1]["option"], "validmark");
    assert_eq!(r["target_options"][0]["value"], "a b");
    assert_eq!((&r["packets"], &r["bytes"]), (&json!(1), &json!(2)));
}

#[test]
fn options_may_stand_without_a_module_and_modules_without_options() {
    let r = rule("-A F -p tcp ! --dport 80 ! -f -c 5 6 -m socket -g B");
    let want = json!([
        { "module": "tcp", "option": "dport", "value": "80", "negated": true },
        { "module": "ip", "option": "fragment", "value": null, "negated": true },
        { "module": "socket", "option": null, "value": null, "negated": false },
    ]);
    assert_eq!(
        (&r["matches"], &r["packets"], &r["goto"]),
        (&want, &json!(5), &json!("B"))
    );
    assert_eq!(parse_rule("-A F --dport 80"), None);
}

/// No rule is; one that is put together to harm is kept as a line that was not understood.
#[test]
fn a_rule_longer_than_its_places_can_say_is_not_cut() {
    for length in [65_500, 65_536, 70_000] {
        let text = format!(
            "*filter\n-A F -m comment --comment \"{}\" -j X\nCOMMIT\n",
            "x".repeat(length)
        );
        let got = parse(&text).unwrap();
        let fits = text.lines().nth(1).unwrap().len() <= 65_535;
        assert_eq!(
            (got.tables[0].chains.len(), got.unparsed.len()),
            (usize::from(fits), usize::from(!fits))
        );
    }
}

proptest! {
    #[test]
    fn never_panics(text in "(?s).{0,200}") {
        let _ = parse(&text);
        let _ = parse(&format!("*filter\n{text}\nCOMMIT\n"));
    }

    #[test]
    fn never_panics_on_rules(words in proptest::collection::vec(
        prop_oneof!["-[a-z]", "--[a-z]{0,6}", "!", "\"[^\n]{0,4}", "[a-z0-9\\\\]{1,5}", "\\[[0-9:]{0,4}\\]"], 0..12)) {
        let _ = parse_rule(&words.join(" "));
        let _ = parse_rule(&format!("-A x {}", words.join(" ")));
    }

    #[test]
    fn what_is_rendered_is_read_back(
        chain in "[a-zA-Z][a-zA-Z0-9_-]{0,20}",
        counted in any::<bool>(),
        source in proptest::option::of(("[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}", any::<bool>())),
        value in "[a-z0-9][a-z0-9:/,]{0,12}",
        comment in "[^\\r\\n]{0,24}",
        target in "[a-zA-Z][a-zA-Z-]{0,12}",
        goto in any::<bool>(),
    ) {
        let quoted = comment.replace('\\', "\\\\").replace('"', "\\\"");
        let counters = if counted { "[3:180] " } else { "" };
        let operand = source.as_ref().map(|(value, negated)| format!("{}-s {value} ", if *negated { "! " } else { "" }));
        let text = format!(
            "-A {chain} {}-m mark ! --mark {value} -m comment --comment \"{quoted}\" -{} {target}",
            operand.unwrap_or_default(), if goto { "g" } else { "j" }
        );
        let expected = json!({
            "chain": chain,
            "packets": counted.then_some(3),
            "bytes": counted.then_some(180),
            "source": source.map(|(value, negated)| json!({ "value": value, "negated": negated })),
            "destination": null, "protocol": null, "in_interface": null, "out_interface": null,
            "matches": [{ "module": "mark", "option": "mark", "value": value, "negated": true }],
            "comments": [comment],
            "jump": (!goto).then_some(&target),
            "goto": goto.then_some(&target),
            "target_options": [],
            "text": text,
        });
        let line = format!("{counters}{text}");
        prop_assert_eq!(parse_rule(&line).unwrap(), expected);
    }
}
