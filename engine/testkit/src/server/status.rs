//! The `Status` objects of an API server, in its own words.

use super::route::Resource;
use serde_json::{Value, json};

pub(super) const USER: &str = "runbook-test";

pub(super) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code})
}

pub(super) fn not_found(r: &Resource) -> Value {
    let name = r.name.as_deref().unwrap_or_default();
    let mut s = status(404, "NotFound", &format!("{} \"{name}\" not found", r.qualified()));
    s["details"] = json!({"name": name, "group": r.group, "kind": r.plural});
    if r.group.is_empty() {
        s["details"] = json!({"name": name, "kind": r.plural});
    }
    s
}

pub(super) fn forbidden(r: &Resource, verb: &str, user: &str) -> Value {
    let (what, group) = (r.qualified(), &r.group);
    let object = r.name.as_ref().map(|n| format!(" \"{n}\"")).unwrap_or_default();
    let whole = match &r.sub {
        Some(sub) => format!("{}/{sub}", r.plural),
        None => r.plural.clone(),
    };
    let place = match &r.namespace {
        Some(ns) => format!("in the namespace \"{ns}\""),
        None => "at the cluster scope".into(),
    };
    let message = format!(
        "{what}{object} is forbidden: User \"{user}\" cannot {verb} resource \"{whole}\" in API group \"{group}\" {place}"
    );
    let mut s = status(403, "Forbidden", &message);
    s["details"] = json!({"kind": r.plural});
    if let Some(name) = &r.name {
        s["details"]["name"] = json!(name);
    }
    if !group.is_empty() {
        s["details"]["group"] = json!(group);
    }
    s
}

/// What the server says with `code` when nothing more is known.
pub(super) fn by_code(code: u16) -> Value {
    let (reason, message) = match code {
        400 => ("BadRequest", "the server rejected our request for an unknown reason"),
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden: User \"runbook-test\" cannot get path"),
        404 => ("NotFound", "the server could not find the requested resource"),
        409 => (
            "Conflict",
            "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again",
        ),
        410 => ("Expired", EXPIRED),
        429 => (
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        ),
        500 => (
            "InternalError",
            "Internal error occurred: etcdserver: request timed out",
        ),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        504 => (
            "Timeout",
            "Timeout: request did not complete within the allotted timeout",
        ),
        _ => ("Unknown", "unknown"),
    };
    status(code, reason, message)
}

pub(super) const EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// How an exec ended, for channel 3.
pub(super) fn exec_success() -> Value {
    json!({"metadata": {}, "status": "Success"})
}

pub(super) fn exec_exit(code: i32) -> Value {
    json!({"metadata": {}, "status": "Failure",
        "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}})
}

pub(super) fn exec_error(error: &str) -> Value {
    json!({"metadata": {}, "status": "Failure", "message": format!("Internal error occurred: {error}"),
        "reason": "InternalError", "details": {"causes": [{"message": error}]}, "code": 500})
}
