use super::elements::words;
use super::{Counter, Rule, Verdict};

/// Takes counter, verdict, comment and handle out of the text of a rule.
pub(super) fn parse_rule(text: &str) -> Rule {
    let (text, handle) = handle(text);
    let words = words(text);
    let mut rule = Rule {
        text: Some(text.to_owned()),
        handle,
        ..Rule::default()
    };
    for (at, word) in words.iter().enumerate() {
        let rest = &words[at + 1..];
        match (*word, rest) {
            ("counter", ["packets", packets, "bytes", bytes, ..]) => {
                let numbers = packets.parse().ok().zip(bytes.parse().ok());
                rule.counter = numbers.map(|(packets, bytes)| Counter { packets, bytes });
            }
            ("comment", [quoted, ..]) => rule.comment = Some(quoted.trim_matches('"').to_owned()),
            _ => {
                let before = at
                    .checked_sub(1)
                    .and_then(|i| words.get(i))
                    .copied()
                    .unwrap_or_default();
                if let Some(verdict) = verdict(word, before, rest) {
                    rule.verdict = Some(verdict);
                }
            }
        }
    }
    rule
}

/// `... # handle 12`, as `nft -a` prints it.
pub(super) fn handle(text: &str) -> (&str, Option<u64>) {
    match text
        .rsplit_once("# handle ")
        .map(|(text, handle)| (text.trim(), handle.trim().parse().ok()))
    {
        Some((text, Some(handle))) => (text, Some(handle)),
        _ => (text.trim(), None),
    }
}

fn verdict(word: &str, before: &str, rest: &[&str]) -> Option<Verdict> {
    // These words are values too: `ct status dnat`, `icmp type redirect`.
    let value = matches!(before, "status" | "type" | "code" | "==" | "!=" | "|" | "&" | "state");
    let target = match word {
        "accept" | "drop" | "return" | "continue" if !value => None,
        "jump" | "goto" | "vmap" => Some((*rest.first()?).to_owned()),
        "reject" | "queue" | "masquerade" | "snat" | "dnat" | "redirect" | "tproxy" if !value => {
            let end = rest
                .iter()
                .position(|w| matches!(*w, "comment" | "counter"))
                .unwrap_or(rest.len());
            Some(rest[..end].join(" ")).filter(|t| !t.is_empty())
        }
        _ => return None,
    };
    Some(Verdict {
        kind: word.to_owned(),
        target,
    })
}
