use runbook_core::Severity;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    En,
    Zh,
}

/// A short text in both languages of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Localized {
    pub en: String,
    pub zh: String,
}

impl Localized {
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    pub id: String,
    pub title: Localized,
    /// `low`, `medium`, `high`.
    pub risk: String,
    /// With `{placeholders}` from the finding's data.
    #[serde(default)]
    pub commands: Vec<String>,
    #[serde(default)]
    pub rollback: Localized,
    #[serde(default)]
    pub verify: Localized,
}

/// One finding code: what the files under `runbooks/findings/` say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub code: String,
    pub severity: Severity,
    pub title: Localized,
    /// The codes that this one, when it is there, is the cause of.
    #[serde(default)]
    pub explains: Vec<String>,
    #[serde(default)]
    pub confused_with: Vec<String>,
    #[serde(default)]
    pub runbooks: Vec<String>,
    /// Texts of error messages that point here.
    #[serde(default)]
    pub errors: Vec<String>,
    #[serde(default)]
    pub sources: Vec<String>,
    #[serde(default, rename = "fix")]
    pub fixes: Vec<Fix>,
    /// The prose, Markdown.
    #[serde(skip)]
    pub body: Localized,
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("finding `{file}`: {what}")]
    Format { file: String, what: String },
    #[error("finding `{code}` explains `{explains}`, which is in no file")]
    Unknown { code: String, explains: String },
    #[error("finding `{0}` explains itself, by way of others")]
    Cycle(String),
}

/// Every code there is, by code.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<String, Entry>);

impl Catalogue {
    /// Reads files given as name and text. A broken file spoils only itself: its error is handed back.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Catalogue, Vec<CatalogueError>) {
        let (mut entries, mut errors) = (BTreeMap::new(), vec![]);
        for (file, text) in files {
            match read_entry(file, text) {
                Ok(entry) => drop(entries.insert(entry.code.clone(), entry)),
                Err(e) => errors.push(e),
            }
        }
        let catalogue = Catalogue(entries);
        errors.extend(catalogue.check());
        (catalogue, errors)
    }

    pub fn get(&self, code: &str) -> Option<&Entry> {
        self.0.get(code)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    pub fn severity(&self, code: &str) -> Severity {
        self.get(code).map_or(Severity::Problem, |e| e.severity)
    }

    /// Is `effect` a consequence of `cause`, directly or by way of others?
    pub fn explains(&self, cause: &str, effect: &str) -> bool {
        self.consequences(cause).contains(effect)
    }

    fn consequences<'a>(&'a self, cause: &str) -> BTreeSet<&'a str> {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![cause]);
        while let Some(code) = todo.pop() {
            for effect in self.0.get(code).into_iter().flat_map(|e| &e.explains) {
                if seen.insert(effect.as_str()) {
                    todo.push(effect);
                }
            }
        }
        seen
    }

    fn check(&self) -> Vec<CatalogueError> {
        let mut errors = vec![];
        for entry in self.iter() {
            for effect in entry.explains.iter().filter(|e| !self.0.contains_key(*e)) {
                errors.push(CatalogueError::Unknown {
                    code: entry.code.clone(),
                    explains: effect.clone(),
                });
            }
            if self.explains(&entry.code, &entry.code) {
                errors.push(CatalogueError::Cycle(entry.code.clone()));
            }
        }
        errors
    }
}

fn read_entry(file: &str, text: &str) -> Result<Entry, CatalogueError> {
    let broken = |what: String| CatalogueError::Format {
        file: file.into(),
        what,
    };
    let rest = text
        .strip_prefix("+++\n")
        .ok_or_else(|| broken("does not begin with `+++`".into()))?;
    let (head, body) = rest
        .split_once("\n+++\n")
        .ok_or_else(|| broken("no second `+++`".into()))?;
    let mut entry: Entry = toml::from_str(head).map_err(|e| broken(e.to_string()))?;
    let (en, zh) = body
        .trim_start()
        .strip_prefix("# en\n")
        .and_then(|b| b.split_once("\n# zh\n"))
        .ok_or_else(|| broken("the text needs the parts `# en` and `# zh`".into()))?;
    entry.body = Localized {
        en: en.trim().into(),
        zh: zh.trim().into(),
    };
    if file.trim_end_matches(".md") != entry.code {
        return Err(broken(format!("holds code `{}`", entry.code)));
    }
    Ok(entry)
}

/// Fills the `{placeholders}` of a fix from a finding's data. Values are quoted for a shell, because a name may be
/// hostile; what is not known stays in braces.
pub(crate) fn fill(text: &str, data: &serde_json::Map<String, serde_json::Value>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let key = from[1..]
            .split('}')
            .next()
            .filter(|k| !k.is_empty() && k.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        match key.and_then(|k| Some((k.len() + 2, data.get(k)?))) {
            Some((length, value)) if from.len() >= length && !value.is_null() => {
                let plain = value.as_str().map_or_else(|| value.to_string(), String::from);
                out.push_str(&runbook_core::shell_quote(&plain));
                rest = &from[length..];
            }
            _ => {
                out.push('{');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_hostile_values_quoted() {
        let data = serde_json::json!({"node": "n1", "pod": "$(reboot)", "port": 4789, "none": null});
        let data = data.as_object().unwrap();
        for (text, want) in [
            ("debug node/{node} -- {pod}", "debug node/n1 -- '$(reboot)'"),
            ("{port} {none} {absent}", "4789 {none} {absent}"),
            ("-p '{\"spec\":{}}' {node", "-p '{\"spec\":{}}' {node"),
        ] {
            assert_eq!(fill(text, data), want);
        }
    }

    fn file(code: &str, explains: &str) -> String {
        format!(
            "+++\ncode = \"{code}\"\nseverity = \"problem\"\ntitle = {{ en = \"a\", zh = \"b\" }}\n\
             explains = [{explains}]\n+++\n# en\nx\n# zh\ny\n"
        )
    }

    #[test]
    fn causes_reach_through_others() {
        let texts = [
            ("A", file("A", "\"B\"")),
            ("B", file("B", "\"C\"")),
            ("C", file("C", "")),
        ];
        let (catalogue, errors) = Catalogue::read(texts.iter().map(|(n, t)| (*n, t.as_str())));
        assert!(errors.is_empty(), "{errors:?}");
        assert!(catalogue.explains("A", "C") && !catalogue.explains("C", "A") && !catalogue.explains("A", "A"));
    }

    #[test]
    fn circles_and_unknown_codes_are_told() {
        let texts = [
            ("A", file("A", "\"B\"")),
            ("B", file("B", "\"A\", \"NOPE\"")),
            ("D.md", "no".into()),
        ];
        let (_, errors) = Catalogue::read(texts.iter().map(|(n, t)| (*n, t.as_str())));
        let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for part in ["`A` explains itself", "`B` explains `NOPE`", "`D.md`: does not begin"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
