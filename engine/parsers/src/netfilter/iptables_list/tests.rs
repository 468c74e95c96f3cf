use super::*;
use proptest::prelude::*;

fn list(text: &str) -> IptablesList<'_> {
    parse(text).unwrap()
}

#[test]
fn blank_columns_are_noticed() {
    let got = list(
        "Chain F (policy DROP 12K packets, 3M bytes)\nnum   pkts bytes target     prot opt in     out     source               destination\n\
         1       46  3890            all  --  !eth+  *       10.0.0.0/8           0.0.0.0/0            ctstate NEW /* a */ x /* b */\n\
         2       4K  3890 cali-very-long-target-name  !6  -f  *      *       0.0.0.0/0            !10.0.0.1  [goto] /* c */\n",
    );
    let got: Vec<_> = got.chains[0].rules.iter().collect();
    assert_eq!(
        (got[0].target(), got[0].source().unwrap().value()),
        (None, "10.0.0.0/8")
    );
    assert_eq!(got[0].in_interface(), Some(Operand("!eth+")));
    assert_eq!(
        (got[0].comments().len(), got[0].details().as_deref()),
        (2, Some("ctstate NEW x"))
    );
    assert_eq!(
        got[1].counter(),
        Some(Counter {
            packets: 4000,
            bytes: 3890,
            exact: false
        })
    );
    assert_eq!(
        (got[1].goto(), got[1].fragment(), got[1].protocol().unwrap().negated()),
        (true, Some(Fragment::Only), true)
    );
    assert!(got[1].destination().unwrap().negated() && got[1].details().is_none());
}

#[test]
fn other_listings_have_other_columns() {
    let got = list(
        "Chain X (0 references)\ntarget     prot opt source               destination\nACCEPT     tcp      ::/0                 2001:db8::/32  tcp dpt:80\n           tcp      ::/0                 ::/0\n",
    );
    let got: Vec<_> = got.chains[0].rules.iter().collect();
    assert_eq!(
        (got[0].target(), got[0].destination().unwrap().value()),
        (Some("ACCEPT"), "2001:db8::/32")
    );
    assert_eq!((got[1].target(), got[1].protocol().unwrap().value()), (None, "tcp"));
    assert_eq!(parse("Chain X (0 references)\npkts bytes what\n").unwrap_err().line, 2);
    assert!(parse("iptables: No chain/target/match by that name.\n").is_err() && parse("").unwrap().chains.is_empty());
}

proptest! {
    #[test]
    fn never_panics(line in "[ 0-9KMa-z!/*:.\\[\\]()-]{0,80}") {
        let _ = parse(&format!("Chain {line}"));
        let _ = parse(&format!("Chain X (0 references)\n pkts bytes target prot opt in out source destination\n{line}"));
        let _ = parse(&format!("Chain X (0 references)\nnum target prot opt source destination\n{line}"));
    }
}
