use regex::{Captures, Regex};
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

#[cfg(test)]
mod tests {
    use super::redact;

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
