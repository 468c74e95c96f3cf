//! A runbook's words in another language: `runbooks/zh/NAME.toml`, beside the English ones that stand in the script.

use crate::{Library, Runbook};
use runbook_run::Language;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What `runbook show` and guided mode say in place of the script's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// The header, Markdown.
    pub doc: String,
    /// Titles of steps, by id.
    #[serde(default)]
    pub steps: BTreeMap<String, String>,
    /// Help of parameters, by name.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

impl Library {
    /// A runbook's words in a language: `Ok(None)` where nobody translated it.
    pub fn wording(&self, runbook: &str, language: Language) -> Result<Option<Wording>, String> {
        let Language::Zh = language else { return Ok(None) };
        let Some(source) = self.words(&format!("zh/{runbook}.toml")) else {
            return Ok(None);
        };
        let read = toml::from_str(&source.text);
        read.map(Some)
            .map_err(|e| format!("`{}` does not parse: {e}", source.path))
    }
}

impl Runbook {
    /// The runbook with another language's words where there are some.
    #[must_use]
    pub fn worded(mut self, words: &Wording) -> Runbook {
        if !words.doc.is_empty() {
            self.doc.clone_from(&words.doc);
        }
        for step in &mut self.plan {
            if let Some(title) = words.steps.get(&step.id) {
                step.title.clone_from(title);
            }
        }
        for param in &mut self.params {
            if let Some(help) = words.params.get(&param.name) {
                param.help.clone_from(help);
            }
        }
        self
    }
}
