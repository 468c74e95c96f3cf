//! One request: log it, let go wrong what the script says, answer it.

use super::{
    Query, Request, Shared, discovery, exec, log, objects,
    reply::Reply,
    route::{Resource, Route},
    status,
};
use crate::{ExecFault, Fault, On, Result, snapshot::Pod};
use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts as _, State, ws::WebSocketUpgrade},
    response::Response,
};
use http::{HeaderMap, Method, Uri, header, request::Parts};
use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};

pub(super) fn app(shared: Arc<Shared>) -> Router {
    Router::new().fallback(any).with_state(shared)
}

async fn any(State(shared): State<Arc<Shared>>, request: axum::extract::Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let asked = Asked::new(&shared, &parts);
    let index = {
        let mut log = shared.log();
        log.push(asked.to_log(&parts));
        log.len() - 1
    };
    let response = answer(&shared, asked, &mut parts, body).await;
    if let Some(entry) = shared.log().get_mut(index) {
        entry.status = response.status().as_u16();
    }
    response
}

/// A request, understood.
struct Asked {
    method: Method,
    path: String,
    query: Query,
    route: Route,
    /// Of `pods/exec` and `pods/log`.
    pod: Option<Pod>,
    user: String,
    accept: String,
}

impl Asked {
    fn new(shared: &Shared, parts: &Parts) -> Self {
        let path = decode(parts.uri.path());
        let route = Route::parse(&path);
        let pod = match &route {
            Route::Resource(r) if r.is_pod_part("exec") || r.is_pod_part("log") => {
                let (ns, name) = (r.namespace.as_deref(), r.name.as_deref());
                shared
                    .snapshot
                    .pod(ns.unwrap_or_default(), name.unwrap_or_default())
                    .ok()
                    .flatten()
            }
            _ => None,
        };
        let text = |name| header_text(&parts.headers, name);
        Asked {
            method: parts.method.clone(),
            path,
            query: query_of(&parts.uri),
            route,
            pod,
            user: text("impersonate-user").unwrap_or_else(|| status::USER.into()),
            accept: text("accept").unwrap_or_default(),
        }
    }

    fn to_log(&self, parts: &Parts) -> Request {
        let exec = matches!(&self.route, Route::Resource(r) if r.is_pod_part("exec"));
        let subject = self.pod.as_ref().map(Pod::subject).unwrap_or_default();
        Request {
            at: Instant::now(),
            method: self.method.to_string(),
            path: self.path.clone(),
            query: self.query.0.clone(),
            status: 0,
            impersonate: header_text(&parts.headers, "impersonate-user"),
            exec: exec.then(|| (subject, self.query.all("command"))),
        }
    }

    fn is_meant_by(&self, on: &On) -> bool {
        let part = |sub: &str, wanted: &str| {
            let Route::Resource(r) = &self.route else {
                return false;
            };
            let name = format!(
                "{}/{}",
                r.namespace.as_deref().unwrap_or_default(),
                r.name.as_deref().unwrap_or_default()
            );
            let subject = self.pod.as_ref().map(Pod::subject);
            r.is_pod_part(sub) && (wanted == "*" || wanted == name || subject.as_deref() == Some(wanted))
        };
        match on {
            On::All => true,
            On::Path(path) => match path.strip_suffix('*') {
                Some(start) => self.path.starts_with(start),
                None => self.path == *path,
            },
            On::Continue => self.query.get("continue").is_some_and(|c| !c.is_empty()),
            On::Exec(wanted) => part("exec", wanted),
            On::Logs(wanted) => part("log", wanted),
        }
    }

    /// The verb that RBAC would judge.
    fn verb(&self) -> &'static str {
        let named = matches!(&self.route, Route::Resource(r) if r.name.is_some());
        match self.method.as_str() {
            "GET" if named => "get",
            "GET" => "list",
            "POST" => "create",
            "PATCH" => "patch",
            "PUT" => "update",
            _ => "delete",
        }
    }

    /// What a real server would say with this code, here.
    fn refuse(&self, code: u16) -> Reply {
        match (code, &self.route) {
            (403, Route::Resource(r)) => Reply::status(&status::forbidden(r, self.verb(), &self.user)),
            (403, _) => {
                let verb = self.method.as_str().to_lowercase();
                let message = format!("forbidden: User \"{}\" cannot {verb} path \"{}\"", self.user, self.path);
                Reply::status(&status::status(403, "Forbidden", &message))
            }
            (404, Route::Resource(r)) if r.name.is_some() => Reply::status(&status::not_found(r)),
            (404, _) => Reply::page_not_found(),
            (410, _) => objects::expired(&self.query),
            (429, _) => Reply::status(&status::by_code(429)).retry_after(1),
            _ => Reply::status(&status::by_code(code)),
        }
    }
}

impl Resource {
    fn is_pod_part(&self, sub: &str) -> bool {
        self.group.is_empty() && self.plural == "pods" && self.sub.as_deref() == Some(sub) && self.namespace.is_some()
    }
}

async fn answer(shared: &Arc<Shared>, asked: Asked, parts: &mut Parts, body: Body) -> Response {
    let bearer = header_text(&parts.headers, header::AUTHORIZATION.as_str());
    if asked.route != Route::Healthy && bearer.as_deref() != Some(&format!("Bearer {}", shared.token)) {
        return Reply::status(&status::by_code(401)).send(None);
    }
    let planned = shared
        .script
        .faults
        .iter()
        .find(|p| asked.is_meant_by(&p.on) && p.take());
    let (mut cut, mut broken) = (None, None);
    match planned.map(|p| &p.fault) {
        None => {}
        Some(Fault::Status(code)) => return asked.refuse(*code).send(None),
        Some(Fault::TooMany { retry_after }) => {
            return Reply::status(&status::by_code(429))
                .retry_after(*retry_after)
                .send(None);
        }
        Some(Fault::Html(code)) => return Reply::html(*code).send(None),
        Some(Fault::Body {
            code,
            content_type,
            body,
        }) => {
            return Reply::new(*code, content_type, body.clone()).send(None);
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Slow(time)) => tokio::time::sleep(*time).await,
        Some(Fault::CutBody(after)) => cut = Some(*after),
        Some(Fault::Exec(fault)) => broken = Some(fault.clone()),
    }
    if matches!(&asked.route, Route::Resource(r) if r.is_pod_part("exec")) {
        return open_exec(shared, asked, parts, broken).await;
    }
    let reply = if asked.method == Method::POST {
        post(shared, &asked, body).await
    } else if asked.method == Method::GET {
        get(shared, &asked)
    } else {
        let message = "the server does not allow this method on the requested resource";
        Ok(Reply::status(&status::status(405, "MethodNotAllowed", message)))
    };
    reply.unwrap_or_else(|e| internal(&e)).send(cut)
}

fn internal(error: &crate::Error) -> Reply {
    let cause = std::error::Error::source(error)
        .map(|s| format!(": {s}"))
        .unwrap_or_default();
    Reply::status(&status::status(
        500,
        "InternalError",
        &format!("testkit: {error}{cause}"),
    ))
}

fn get(shared: &Shared, asked: &Asked) -> Result<Reply> {
    let snapshot = &shared.snapshot;
    let aggregated = !shared.script.plain_discovery && discovery::wants_aggregated(&asked.accept);
    match &asked.route {
        Route::Version => discovery::file(snapshot, "version.json"),
        Route::Healthy => Ok(Reply::new(200, "text/plain; charset=utf-8", "ok")),
        Route::Core if aggregated => discovery::aggregated(snapshot, true),
        Route::Groups if aggregated => discovery::aggregated(snapshot, false),
        Route::Core => discovery::file(snapshot, "api.json"),
        Route::Groups => discovery::file(snapshot, "apis.json"),
        Route::Group(name) => discovery::group(snapshot, name),
        Route::GroupVersion(folder) => discovery::file(snapshot, &format!("{folder}/_resources.json")),
        Route::Resource(r) if r.is_pod_part("log") => match &asked.pod {
            Some(pod) => log::get(snapshot, pod, r.name.as_deref().unwrap_or_default(), &asked.query),
            None => Ok(Reply::status(&status::not_found(r))),
        },
        Route::Resource(r) => objects::get(snapshot, r, &asked.query, &asked.accept),
        Route::Unknown => Ok(Reply::page_not_found()),
    }
}

/// Only questions are posted here: may I, and who am I.
async fn post(shared: &Shared, asked: &Asked, body: Body) -> Result<Reply> {
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut review: Value = serde_json::from_slice(&body).unwrap_or_default();
    match &asked.route {
        Route::Resource(r) if r.plural == "selfsubjectaccessreviews" => {
            let attributes = review["spec"]["resourceAttributes"].clone();
            let text = |k: &str| {
                attributes[k]
                    .as_str()
                    .filter(|s| !s.is_empty() && *s != "*")
                    .map(String::from)
            };
            let wanted = Resource {
                group: text("group").unwrap_or_default(),
                version: text("version").unwrap_or("v1".into()),
                namespace: text("namespace"),
                plural: text("resource").unwrap_or_default(),
                name: text("name"),
                sub: text("subresource"),
            };
            let no = denied(shared, wanted);
            review["status"] = match no {
                true => json!({"allowed": false}),
                false => json!({"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"testkit\""}),
            };
            Ok(Reply::json(201, &review))
        }
        Route::Resource(r) if r.plural == "selfsubjectreviews" => {
            review["status"] = json!({"userInfo": {"username": asked.user, "groups": ["system:authenticated"]}});
            Ok(Reply::json(201, &review))
        }
        _ => Ok(asked.refuse(403)),
    }
}

/// Does the script answer 403 to such requests?
fn denied(shared: &Shared, wanted: Resource) -> bool {
    let dir = if wanted.group.is_empty() { "/api/" } else { "/apis/" };
    let mut path = format!("{dir}{}", wanted.folder());
    let namespace = wanted.namespace.as_ref().map(|ns| format!("namespaces/{ns}"));
    let below = [
        namespace,
        Some(wanted.plural.clone()),
        wanted.name.clone(),
        wanted.sub.clone(),
    ];
    below
        .into_iter()
        .flatten()
        .for_each(|part| path = format!("{path}/{part}"));
    let (ns, name) = (wanted.namespace.as_deref(), wanted.name.as_deref());
    let pod = shared.snapshot.pod(ns.unwrap_or_default(), name.unwrap_or_default());
    let asked = Asked {
        method: Method::GET,
        path,
        query: Query::default(),
        pod: pod.ok().flatten(),
        route: Route::Resource(wanted),
        user: status::USER.into(),
        accept: String::new(),
    };
    let refuses = |f: &Fault| matches!(f, Fault::Status(403));
    shared
        .script
        .faults
        .iter()
        .any(|p| refuses(&p.fault) && p.is_left() && asked.is_meant_by(&p.on))
}

async fn open_exec(shared: &Arc<Shared>, asked: Asked, parts: &mut Parts, fault: Option<ExecFault>) -> Response {
    let Route::Resource(r) = &asked.route else {
        return Reply::page_not_found().send(None);
    };
    let name = r.name.clone().unwrap_or_default();
    let Some(pod) = asked.pod.clone() else {
        return Reply::status(&status::not_found(r)).send(None);
    };
    let bad = |message: &str| Reply::status(&status::status(400, "BadRequest", message)).send(None);
    if asked.query.all("command").is_empty() {
        return bad("you must specify at least 1 command for the container");
    }
    if !["stdin", "stdout", "stderr"].iter().any(|s| asked.query.is(s)) {
        return bad("you must specify at least 1 of stdin, stdout, stderr");
    }
    if pod.node().is_none() {
        return bad(&format!("pod {name} does not have a host assigned"));
    }
    let container = match log::container(&pod, &name, &asked.query) {
        Ok(container) => container,
        Err(reply) => return reply.send(None),
    };
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(parts, &()).await else {
        return bad("Upgrade request required");
    };
    let call = exec::Call {
        namespace: r.namespace.clone().unwrap_or_default(),
        pod,
        name,
        container,
        query: asked.query,
        fault,
    };
    let shared = shared.clone();
    upgrade
        .protocols(["v5.channel.k8s.io", "v4.channel.k8s.io"])
        .on_upgrade(move |socket| async move { exec::run(&shared, call, socket).await })
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(String::from)
}

fn query_of(uri: &Uri) -> Query {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    Query(pairs.map(|q| q.0).unwrap_or_default())
}

fn decode(path: &str) -> String {
    let (mut bytes, mut rest) = (vec![], path.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
