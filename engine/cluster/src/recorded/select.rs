//! Label and field selectors, as the API server reads them.

use serde_json::Value;

/// Does `object` fulfil a `labelSelector` (`app=web,tier!=db,env in (a,b),!x`)? `None`: the selector does not parse.
pub(super) fn labels_match(object: &Value, selector: &str) -> Option<bool> {
    let labels = &object["metadata"]["labels"];
    let value = |key: &str| labels.get(key).and_then(Value::as_str);
    let mut all = true;
    for term in split_terms(selector) {
        all &= match_term(term, &value)?;
    }
    Some(all)
}

/// Does `object` fulfil a `fieldSelector` (`spec.nodeName=n1,status.phase!=Failed`)?
pub(super) fn fields_match(object: &Value, selector: &str) -> Option<bool> {
    let mut all = true;
    for term in selector.split(',').filter(|t| !t.trim().is_empty()) {
        let (path, want, equal) = equality(term)?;
        let found = path.split('.').try_fold(object, |v, key| v.get(key));
        let text = match found {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(s)) => s.clone(),
            Some(other) => other.to_string(),
        };
        all &= (text == want) == equal;
    }
    Some(all)
}

/// Splits at commas outside parentheses.
fn split_terms(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let outside = move |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    };
    selector.split(outside).map(str::trim).filter(|t| !t.is_empty())
}

fn equality(term: &str) -> Option<(&str, &str, bool)> {
    let (key, value, equal) = match (term.split_once("!="), term.split_once("=="), term.split_once('=')) {
        (Some((k, v)), _, _) => (k, v, false),
        (_, Some((k, v)), _) | (_, _, Some((k, v))) => (k, v, true),
        _ => return None,
    };
    Some((key.trim(), value.trim(), equal))
}

fn match_term<'a>(term: &str, value: &impl Fn(&str) -> Option<&'a str>) -> Option<bool> {
    if let Some((head, set)) = term.split_once('(') {
        let members: Vec<&str> = set.strip_suffix(')')?.split(',').map(str::trim).collect();
        let mut words = head.split_whitespace();
        let key = words.next()?;
        let is_member = value(key).is_some_and(|v| members.contains(&v));
        return match (words.next()?, words.next()) {
            ("in", None) => Some(is_member),
            ("notin", None) => Some(!is_member),
            _ => None,
        };
    }
    if let Some((key, want, equal)) = equality(term) {
        return Some((value(key) == Some(want)) == equal);
    }
    let (key, absent) = term.strip_prefix('!').map_or((term, false), |key| (key.trim(), true));
    (!key.contains(char::is_whitespace)).then(|| value(key).is_some() != absent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_select() {
        let pod = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}, "spec": {"nodeName": "n1"}});
        for (selector, want) in [
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app!=web", false),
            ("none!=web", true),
            ("app in (db, web)", true),
            ("app notin (db,web)", false),
            ("app,!gone", true),
            ("!app", false),
            ("", true),
        ] {
            assert_eq!(labels_match(&pod, selector), Some(want), "{selector}");
        }
        assert_eq!(labels_match(&pod, "app in web"), None);
        assert_eq!(fields_match(&pod, "spec.nodeName=n1,status.phase!=Failed"), Some(true));
        assert_eq!(fields_match(&pod, "spec.nodeName=n2"), Some(false));
    }
}
