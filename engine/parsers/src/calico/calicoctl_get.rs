//! `calicoctl get -o yaml` and `-o json`; `kubectl get -o yaml` prints the same shapes.

use crate::ParseError;
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Resources {
    /// Of the list, or of the one object asked for; of the first where there are several documents.
    pub api_version: Option<String>,
    /// `IPPoolList`, or `IPPool` where one object was asked for by name.
    pub kind: Option<String>,
    /// Fields are spelt as in the API.
    pub items: Vec<Value>,
}

/// Reads the output of `calicoctl get KIND -o yaml` or `-o json`.
///
/// Shape: always a list, of one if one object was asked for by name. Several documents are read as one list.
pub fn parse(text: &str) -> Result<Resources, ParseError> {
    let documents = if text.trim_start().starts_with(['{', '[']) {
        json(text)?
    } else {
        yaml(text)?
    };
    let mut resources = Resources::default();
    for document in documents {
        let (mut object, kind) = object(document).ok_or_else(|| {
            let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
            ParseError::new(1, first, "objects of the API, each with its `kind`, in YAML or JSON")
        })?;
        let api_version = object.get("apiVersion").and_then(Value::as_str).map(str::to_owned);
        resources.api_version = resources.api_version.or(api_version);
        match object.remove("items") {
            Some(Value::Array(items)) => resources.items.extend(items),
            Some(Value::Null) => {}
            None if kind.ends_with("List") => {}
            None => resources.items.push(Value::Object(object)),
            Some(_) => return Err(ParseError::new(1, "items", "a list of items")),
        }
        resources.kind = resources.kind.or(Some(kind));
    }
    Ok(resources)
}

/// Messages in words are YAML too: what has no kind is none of the API's.
fn object(document: Value) -> Option<(Map<String, Value>, String)> {
    let Value::Object(object) = document else { return None };
    let kind = object.get("kind")?.as_str()?.to_owned();
    Some((object, kind))
}

/// `calicoctl get -o json` of one object is an object, of several kinds at once a list of lists.
fn json(text: &str) -> Result<Vec<Value>, ParseError> {
    let value = serde_json::from_str(text).map_err(|e| error(text, e.line(), &e.to_string()))?;
    Ok(match value {
        Value::Array(documents) => documents,
        document => vec![document],
    })
}

fn yaml(text: &str) -> Result<Vec<Value>, ParseError> {
    // As Kubernetes reads it: `yes` is a word, not a truth value. The budget is for lists of 100,000 objects.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        budget: serde_saphyr::budget! {
            max_documents: 100_000, max_nodes: 20_000_000, max_events: 40_000_000, max_total_scalar_bytes: 1 << 30,
        },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|e| {
        let line = e
            .location()
            .map_or(1, |l| usize::try_from(l.line()).unwrap_or_default());
        error(
            text,
            line,
            e.without_snippet().to_string().lines().next().unwrap_or_default(),
        )
    })
}

fn error(text: &str, line: usize, cause: &str) -> ParseError {
    let quoted = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    ParseError::new(line, quoted, format!("YAML or JSON: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_and_a_list_have_one_shape() {
        let one = parse("apiVersion: v3\nkind: IPPool\nmetadata: {name: a}\nspec: {natOutgoing: on}\n").unwrap();
        assert_eq!((one.kind.as_deref(), one.items.len()), (Some("IPPool"), 1));
        assert_eq!(one.items[0]["spec"]["natOutgoing"], "on");
        assert_eq!(parse("kind: IPPoolList\nitems: []\n").unwrap().items.len(), 0);
        assert_eq!(parse("kind: A\n---\nkind: B\n").unwrap().items.len(), 2);
        assert_eq!(
            parse(r#"[{"kind":"AList","items":[{"kind":"A"}]}]"#)
                .unwrap()
                .items
                .len(),
            1
        );
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        assert!(parse("resource does not exist: BGPPeer(x)\n").is_err() && parse("words\n").is_err());
        assert_eq!(parse("kind: A\n  b: [\n").unwrap_err().line, 2);
        assert_eq!(parse("{\n\"a\": }").unwrap_err().line, 2);
    }
}
