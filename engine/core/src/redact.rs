use crate::{Answer, Outcome, Raw};
use regex::{Captures, Regex};
use serde_json::Value;
use std::{borrow::Cow, sync::LazyLock};

/// What a secret looks like. Group `keep` is written back, the rest of the match is masked.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    let alternatives = [
        // ServiceAccount tokens and other JWTs.
        r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
        // Private keys, also those whose end was cut off.
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        // Authorization headers.
        r"(?P<a>\b(?i:bearer|basic)\s+)[A-Za-z0-9+/=_.~-]{8,}",
        // `password=…`, `"token": "…"`, BIRD's `password "…"`.
        r#"(?P<b>\b(?i:[a-z_-]*(?:password|passwd|secret|token|api[_-]?key))"?(?:=|:\s?|\s)")[^"\n]+"#,
        r#"(?P<c>\b(?i:[a-z_-]*(?:password|passwd|secret|token|api[_-]?key))(?:=|:\s))[^\s"',;&]+"#,
        r"(?P<d>\bclient-(?:key|certificate)-data:\s*)\S+",
    ];
    Regex::new(&alternatives.join("|")).expect("the pattern is fixed and covered by a test")
});

/// Takes secrets out of text before it reaches a disk. Text without any is returned uncopied.
pub fn redact(text: &str) -> Cow<'_, str> {
    SECRET.replace_all(text, |found: &Captures<'_>| {
        let keep = ["a", "b", "c", "d"]
            .iter()
            .find_map(|g| found.name(g))
            .map_or("", |m| m.as_str());
        format!("{keep}****")
    })
}

/// The same for a whole answer, before it is kept anywhere: what programs said, and what objects of the API hold that is
/// nobody's business here: values of environment variables, data of Secrets, copies of whole objects in annotations.
pub fn redact_answer(mut answer: Answer) -> Answer {
    let mask = |raw: &Raw| match std::str::from_utf8(raw.bytes()) {
        Ok(text) => match redact(text) {
            Cow::Borrowed(_) => raw.clone(),
            Cow::Owned(masked) => masked.into(),
        },
        Err(_) => raw.clone(),
    };
    match &mut answer.outcome {
        Outcome::Output(output) => {
            output.stdout = mask(&output.stdout);
            output.stderr = mask(&output.stderr);
        }
        Outcome::Body(body) => {
            if let Ok(mut object) = serde_json::from_slice::<Value>(body.bytes()) {
                mask_object(&mut object);
                *body = object.to_string().into();
            }
            *body = mask(body);
        }
        Outcome::Time(_) | Outcome::Failed(_) => {}
    }
    answer
}

const MASK: &str = "****";

fn mask_object(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask_object),
        Value::Object(map) => {
            let is_secret = map.get("kind").is_some_and(|k| k == "Secret");
            for (key, value) in map.iter_mut() {
                match (key.as_str(), &mut *value) {
                    ("env", Value::Array(variables)) => variables.iter_mut().for_each(mask_variable),
                    ("kubectl.kubernetes.io/last-applied-configuration", _) => *value = MASK.into(),
                    ("data" | "stringData", Value::Object(data)) if is_secret => {
                        data.values_mut().for_each(|v| *v = MASK.into());
                    }
                    (_, value) => mask_object(value),
                }
            }
        }
        _ => {}
    }
}

/// Calico's own settings say how it runs and are no secrets; everybody else's values go.
fn mask_variable(variable: &mut Value) {
    const OPEN: [&str; 6] = ["CALICO_", "FELIX_", "IP", "CLUSTER_TYPE", "DATASTORE_TYPE", "NODENAME"];
    let known = variable["name"]
        .as_str()
        .is_some_and(|n| OPEN.iter().any(|p| n.starts_with(p)));
    if let Some(value) = variable.get_mut("value").filter(|_| !known) {
        *value = MASK.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Via;
    use jiff::Timestamp;

    #[test]
    fn an_object_keeps_its_shape_and_loses_its_secrets() {
        let object = serde_json::json!({"kind": "List", "items": [
            {"kind": "Pod", "metadata": {"name": "a", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}},
             "spec": {"containers": [{"env": [{"name": "DB", "value": "hunter2"}, {"name": "FELIX_IPINIPMTU", "value": "1440"}]}]}},
            {"kind": "Secret", "data": {"key": "hunter2"}}, {"kind": "ConfigMap", "data": {"open": "yes"}},
        ]});
        let answer = Answer::new(
            Outcome::Body(object.to_string().into()),
            Via::Api,
            Timestamp::UNIX_EPOCH,
        );
        let kept = redact_answer(answer);
        let text = kept.body().unwrap().text().into_owned();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(
            text.contains("1440") && text.contains("yes") && text.contains("\"DB\""),
            "{text}"
        );
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let jwt = format!(
            "eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl",
            "eyJzdWIiOiJzeXN0ZW0ifQ".repeat(2)
        );
        let cases = [
            (format!("token is {jwt} ok"), "token is **** ok"),
            (
                "Authorization: Bearer abc.def.ghi x".into(),
                "Authorization: Bearer **** x",
            ),
            ("password=hunter2 next".into(), "password=**** next"),
            ("  password \"s3cret\";".into(), "  password \"****\";"),
            (
                "{\"token\": \"abc def\", \"a\": 1}".into(),
                "{\"token\": \"****\", \"a\": 1}",
            ),
            ("AWS_SECRET=abc".into(), "AWS_SECRET=****"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nAA\n-----END RSA PRIVATE KEY-----\nx".into(),
                "****\nx",
            ),
            ("-----BEGIN PRIVATE KEY-----\nAA".into(), "****"),
            ("password: \n".into(), "password: \n"),
            ("10.0.0.1 via 10.0.0.2".into(), "10.0.0.1 via 10.0.0.2"),
            ("secretName: cart-tls".into(), "secretName: cart-tls"),
        ];
        for (text, want) in cases {
            let once = redact(&text).into_owned();
            assert_eq!(once, want);
            assert_eq!(redact(&once), once, "redacting twice changes nothing");
        }
    }

    #[test]
    fn a_certificate_is_no_secret() {
        let text = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----";
        assert_eq!(redact(text), text);
    }
}
