//! What a refusal of the API server, or no answer from it, means.

use super::text::{self, clean};
use http::HeaderMap;
use runbook_core::Failure;
use serde::Deserialize;
use std::time::Duration;

/// Why a request has no body to give.
#[derive(Debug)]
pub(crate) enum Refused {
    Final(Failure),
    /// The same request may go well a moment later.
    Again {
        failure: Failure,
        after: Option<Duration>,
    },
    /// 410: what the request refers to (a page of a list) is gone.
    Expired(Failure),
}

impl Refused {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Refused::Final(failure) | Refused::Again { failure, .. } | Refused::Expired(failure) => failure,
        }
    }
}

/// The part of `metav1.Status` that we read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    reason: String,
}

/// Reads an HTTP answer that is not a success.
pub(crate) fn status(code: u16, headers: &HeaderMap, body: &[u8]) -> Refused {
    let raw = String::from_utf8_lossy(body);
    // A proxy in between says something else than the API server would.
    let parsed = serde_json::from_slice::<Status>(body);
    let message = clean(parsed.as_ref().map_or(&*raw, |s| &s.message), 300);
    let status = parsed.unwrap_or_default();
    let after = headers
        .get(http::header::RETRY_AFTER)
        .and_then(|v| v.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    match by_code(code, &status.reason, &message) {
        failure if code == 410 => Refused::Expired(failure),
        failure if matches!(code, 429 | 503 | 504) => Refused::Again { failure, after },
        failure => Refused::Final(failure),
    }
}

/// The failure for an HTTP code with the server's words.
pub(crate) fn by_code(code: u16, reason: &str, message: &str) -> Failure {
    let said = match (message, reason) {
        ("", "") => format!("{code} without a word"),
        ("", reason) => format!("{code}: {reason}"),
        (message, _) => format!("{code}: {message}"),
    };
    match code {
        401 | 403 => Failure::Denied(said),
        404 if is_unknown_kind(reason, message) => Failure::NotFound(format!("this kind is not installed ({message})")),
        404 => Failure::NotFound(message.to_string()),
        _ => Failure::Server(said),
    }
}

/// A path that the server does not know (no such group, version or plural), as opposed to an object that is not there.
fn is_unknown_kind(reason: &str, message: &str) -> bool {
    message.contains("404 page not found")
        || message.contains("could not find the requested resource")
        || reason == "Failed to parse error data"
}

/// Reads an error from below HTTP.
pub(crate) fn transport(error: &kube::Error) -> Refused {
    if let kube::Error::Auth(_) = error {
        return Refused::Final(client(error));
    }
    let why = text::chain(error);
    let broke = [
        "reset by peer",
        "closed before message completed",
        "broken pipe",
        "Broken pipe",
        "unexpected end of file",
        "connection closed",
    ];
    let failure = Failure::Unreachable(why.clone());
    match broke.iter().any(|b| why.contains(b)) {
        true => Refused::Again { failure, after: None },
        false => Refused::Final(failure),
    }
}

/// Reads an error of making a client: credentials, certificates, a proxy.
pub(crate) fn client(error: &kube::Error) -> Failure {
    let why = runbook_core::redact(&text::chain(error)).into_owned();
    match error {
        kube::Error::Auth(_) => Failure::Denied(format!("no credentials for the API server: {why}")),
        _ => Failure::Other(format!("cannot make a client for the API server: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: u16, body: &str) -> Failure {
        status(code, &HeaderMap::new(), body.as_bytes()).into_failure()
    }

    #[test]
    fn refusals_are_told_apart() {
        let forbidden = r#"{"kind":"Status","message":"pods is forbidden: User \"ann\" cannot list","reason":"Forbidden","code":403}"#;
        let cases = [
            (
                failure(403, forbidden),
                "denied: 403: pods is forbidden: User \"ann\" cannot list",
            ),
            (failure(401, ""), "denied: 401 without a word"),
            (
                failure(404, r#"{"message":"pods \"x\" not found","reason":"NotFound"}"#),
                "not found: pods \"x\" not found",
            ),
            (
                failure(404, "404 page not found\n"),
                "not found: this kind is not installed (404 page not found)",
            ),
            (
                failure(
                    404,
                    r#"{"message":"the server could not find the requested resource","reason":"NotFound"}"#,
                ),
                "not found: this kind is not installed (the server could not find the requested resource)",
            ),
            (
                failure(502, "<html>\u{1b}[2J bad\r\ngateway</html>"),
                "the API server answered 502: <html> [2J bad gateway</html>",
            ),
            (
                failure(500, r#"{"reason":"InternalError"}"#),
                "the API server answered 500: InternalError",
            ),
        ];
        for (failure, want) in cases {
            assert_eq!(failure.to_string(), want);
        }
        assert!(failure(500, &"x".repeat(1000)).to_string().chars().count() < 340);
    }

    #[test]
    fn what_passes_is_tried_again() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "2".parse().unwrap());
        for code in [429, 503, 504] {
            let Refused::Again { after, .. } = status(code, &headers, b"") else {
                panic!("{code}")
            };
            assert_eq!(after, Some(Duration::from_secs(2)));
        }
        assert!(matches!(status(410, &headers, b""), Refused::Expired(_)));
        assert!(matches!(status(500, &headers, b""), Refused::Final(_)));
    }
}
