use super::*;
use proptest::prelude::*;

/// The only rule of a table.
fn parse_rule(line: &str) -> Option<Rule<'_>> {
    let mut table = OpenTable::new("filter");
    table.rule(line)?;
    table.close(true).chains.first()?.rules.first().cloned()
}

fn rule(line: &str) -> Rule<'_> {
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
    assert_eq!(
        r.source,
        Some(Operand {
            value: "127.0.0.0/8",
            negated: true
        })
    );
    assert_eq!(
        r.destination,
        Some(Operand {
            value: "127.0.0.0/8",
            negated: false
        })
    );
    assert!(r.matches[0].negated);
}

#[test]
fn comments_keep_their_text_whatever_it_looks_like() {
    let r = rule(r#"-A F -m comment --comment "a \"b\" -j X" -m comment --comment -x -m socket -j DROP"#);
    assert_eq!(*r.comments, [r#"a "b" -j X"#, "-x"]);
    assert_eq!(
        *r.matches,
        [Match {
            module: "socket",
            option: None,
            value: None,
            negated: false
        }]
    );
    assert_eq!(r.jump, Some("DROP"));
}

#[test]
fn values_of_several_words_stay_whole() {
    let r = rule(
        "[1:2] -A F -m set --match-set cali40a src,dst -m rpfilter --validmark --invert -j LOG --log-prefix \"a b\"",
    );
    assert_eq!(r.matches[0].value.as_deref(), Some("cali40a src,dst"));
    assert_eq!(r.matches[1].option, Some("validmark"));
    assert_eq!(r.target_options[0].value.as_deref(), Some("a b"));
    assert_eq!((r.packets, r.bytes), (Some(1), Some(2)));
}

/// Prints a rule from its parts, the way the command does.
fn render(r: &Rule<'_>) -> String {
    let mut out = String::new();
    if let (Some(packets), Some(bytes)) = (r.packets, r.bytes) {
        out += &format!("[{packets}:{bytes}] ");
    }
    out += &format!("-A {}", r.chain);
    let not = |negated| if negated { " !" } else { "" };
    for (flag, operand) in [
        ("-s", r.source),
        ("-d", r.destination),
        ("-i", r.in_interface),
        ("-p", r.protocol),
    ] {
        if let Some(o) = operand {
            out += &format!("{} {flag} {}", not(o.negated), o.value);
        }
    }
    for m in &r.matches {
        out += &format!(" -m {}", m.module);
        if let Some(option) = m.option {
            out += &format!("{} --{option}", not(m.negated));
        }
        out.extend(m.value.iter().map(|v| format!(" {v}")));
    }
    for comment in &r.comments {
        let escaped = comment.replace('\\', "\\\\").replace('"', "\\\"");
        out += &format!(" -m comment --comment \"{escaped}\"");
    }
    out.extend(r.jump.map(|j| format!(" -j {j}")));
    out.extend(r.goto.map(|g| format!(" -g {g}")));
    out
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
        let mut expected = Rule {
            chain: &chain,
            source: source.as_ref().map(|(value, negated)| Operand { value, negated: *negated }),
            matches: vec![Match { module: "mark", option: Some("mark"), value: Some(value.as_str().into()), negated: true }].into(),
            comments: vec![comment.as_str().into()].into(),
            jump: (!goto).then_some(&target),
            goto: goto.then_some(&target),
            ..Rule::default()
        };
        if counted {
            (expected.packets, expected.bytes) = (Some(3), Some(180));
        }
        let line = render(&expected);
        let mut got = parse_rule(&line).unwrap();
        got.text = "";
        prop_assert_eq!(got, expected);
    }
}
