//! Every runbook that ships has all of its words in Chinese too, and no words of steps or parameters that are gone.

use super::*;
use runbook_script::{Runbook, Wording};
use std::collections::BTreeSet;

fn is_cjk(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// What is wrong with a translation, one complaint each.
fn complaints(runbook: &Runbook, words: &Wording) -> Vec<String> {
    let mut found = vec![];
    let ids: BTreeSet<&String> = runbook.plan.iter().map(|s| &s.id).collect();
    let names: BTreeSet<&String> = runbook.params.iter().map(|p| &p.name).collect();
    for (what, ours, theirs) in [
        ("step", ids, words.steps.keys().collect::<BTreeSet<_>>()),
        ("parameter", names, words.params.keys().collect()),
    ] {
        found.extend(ours.difference(&theirs).map(|k| format!("{what} `{k}` has no words")));
        found.extend(theirs.difference(&ours).map(|k| format!("there is no {what} `{k}`")));
    }
    let texts = [("doc", &words.doc)].into_iter();
    let texts = texts.chain(words.steps.iter().chain(&words.params).map(|(k, v)| (k.as_str(), v)));
    let english = texts.filter(|(_, text)| !text.chars().any(is_cjk));
    found.extend(english.map(|(key, text)| format!("`{key}` is not Chinese: {text:?}")));
    found
}

#[test]
fn every_runbook_has_all_its_words_in_chinese() {
    let host = Host::new(Library::default());
    let library = Library::default();
    let mut wrong = vec![];
    let runbooks = library.runbooks();
    assert!(!runbooks.is_empty());
    for source in runbooks {
        let runbook = host.load(&source).unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert!(!runbook.plan.is_empty(), "{} has no steps", source.name);
        let said = match library.wording(&source.name, Language::Zh) {
            Ok(Some(words)) => complaints(&runbook, &words),
            Ok(None) => vec!["there is no file".into()],
            Err(e) => vec![e],
        };
        wrong.extend(said.iter().map(|line| format!("zh/{}.toml: {line}", source.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_translation_that_fell_behind_is_noticed() {
    let (_, runbook) = load(
        "//! handmade\nfn params() { [#{ name: \"node\", kind: \"node\", help: \"only this node\" }] }\n\
         fn main(p) { step(\"a\", \"One?\", || 1); step(\"b\", \"Two?\", || 2); }\n",
    )
    .unwrap_or_else(|e| panic!("{}", e.render(false)));
    let words = Wording {
        doc: "手工".into(),
        steps: [("a", "一？"), ("c", "Three?")]
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .into(),
        params: Default::default(),
    };
    assert_eq!(
        complaints(&runbook, &words),
        [
            "step `b` has no words",
            "there is no step `c`",
            "parameter `node` has no words",
            "`c` is not Chinese: \"Three?\"",
        ]
    );
}
