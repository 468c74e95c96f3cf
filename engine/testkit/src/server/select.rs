//! Label and field selectors.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Is(Vec<String>),
    /// Also holds where the key is absent.
    Not(Vec<String>),
    Exists,
    Absent,
}

/// All requirements must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector(Vec<(String, Test)>);

impl Selector {
    /// Both syntaxes of labels: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Fields have only the first two.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |part: &str| format!("unable to parse requirement: found '{part}'");
        let mut all = vec![];
        for part in split(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let set = |word: &str| {
                let (key, values) = part.split_once(word)?;
                let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
                Some((key.trim(), values.split(',').map(|v| v.trim().to_string()).collect()))
            };
            let one = |s: &str| vec![s.trim().to_string()];
            let (key, test) = if let Some((key, values)) = set(" notin ") {
                (key, Test::Not(values))
            } else if let Some((key, values)) = set(" in ") {
                (key, Test::Is(values))
            } else if let Some((key, value)) = part.split_once("!=") {
                (key, Test::Not(one(value)))
            } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (key, Test::Is(one(value)))
            } else if let Some(key) = part.strip_prefix('!') {
                (key, Test::Absent)
            } else {
                (part, Test::Exists)
            };
            let key = key.trim();
            if key.is_empty() || key.contains([' ', '(', ')', '!', '=']) {
                return Err(wrong(part));
            }
            all.push((key.to_string(), test));
        }
        Ok(Selector(all))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn labels(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.0.iter().all(|(key, test)| test.holds(labels[key].as_str()))
    }

    /// Dotted paths; what is absent is the empty text.
    pub(super) fn fields(&self, object: &Value) -> bool {
        self.0.iter().all(|(path, test)| {
            let value = path.split('.').fold(object, |v, key| &v[key]);
            let text = match value {
                Value::Null => String::new(),
                Value::String(s) => s.clone(),
                other => other.to_string(),
            };
            test.holds(Some(&text))
        })
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let among = |list: &[String]| value.is_some_and(|v| list.iter().any(|l| l == v));
        match self {
            Test::Is(list) => among(list),
            Test::Not(list) => !among(list),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
        }
    }
}

/// At commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (vec![], 0i32, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
