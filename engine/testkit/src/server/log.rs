//! `pods/log`

use super::{Query, reply::Reply, status::status};
use crate::{Result, Snapshot, snapshot::Pod};

/// The container a request means, or why it means none.
pub(super) fn container(pod: &Pod, name: &str, query: &Query) -> Result<String, Reply> {
    let bad = |message: String| Reply::status(&status(400, "BadRequest", &message));
    match query.get("container") {
        Some(container) if !container.is_empty() => {
            if pod.containers().contains(&container) {
                Ok(container.into())
            } else {
                Err(bad(format!("container {container} is not valid for pod {name}")))
            }
        }
        _ => match pod.plain_containers().as_slice() {
            [one] => Ok(one.to_string()),
            [] => Ok(String::new()),
            many => Err(bad(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                many.join(" ")
            ))),
        },
    }
}

pub(super) fn get(snapshot: &Snapshot, pod: &Pod, name: &str, query: &Query) -> Result<Reply> {
    let container = match container(pod, name, query) {
        Ok(container) => container,
        Err(reply) => return Ok(reply),
    };
    if query.is("previous") {
        let message = format!("previous terminated container \"{container}\" in pod \"{name}\" not found");
        return Ok(Reply::status(&status(400, "BadRequest", &message)));
    }
    let mut log = if pod.plain_containers().contains(&container.as_str()) {
        snapshot.log(pod)?
    } else {
        String::new()
    };
    if let Some(tail) = query.get("tailLines").and_then(|n| n.parse::<usize>().ok()) {
        let skip = log.lines().count().saturating_sub(tail);
        log = log.split_inclusive('\n').skip(skip).collect();
    }
    let mut bytes = log.into_bytes();
    if let Some(limit) = query.get("limitBytes").and_then(|n| n.parse().ok()) {
        bytes.truncate(limit);
    }
    Ok(Reply::new(200, "text/plain", bytes))
}
