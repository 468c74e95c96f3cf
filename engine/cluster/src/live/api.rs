//! Requests to the Kubernetes API: complete lists, our own retry, each refusal told apart.

use super::{
    count::RoundTrips,
    json::{self, Pages},
    refused::{self, Refused},
    text,
};
use http_body_util::BodyExt as _;
use kube::client::Body;
use runbook_core::{ApiGet, Failure, Target};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, Semaphore};

/// Items of one page: keeps a page of pods at a few megabytes.
const PAGE: u32 = 500;
/// Tries of one request. Waits before the second, third and fourth.
const WAITS: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(400),
];
/// A server may ask for a longer wait than a diagnosis has time for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Nothing we ask for is larger; a server that never stops must not fill the memory.
const LARGEST_BODY: usize = 256 << 20;
/// A credential plugin that failed is not asked again for each of a hundred questions.
const PLUGIN_REST: Duration = Duration::from_secs(10);

type Made = Result<kube::Client, Failure>;

#[derive(Debug)]
pub(crate) struct Api {
    config: kube::Config,
    client: Mutex<Option<(Instant, MadeClient)>>,
    permits: Semaphore,
    server_timeout: Option<Duration>,
    counts: Arc<RoundTrips>,
}

struct MadeClient(Made);

impl std::fmt::Debug for MadeClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_ok() { "a client" } else { "no client" })
    }
}

impl Api {
    pub(crate) fn new(
        config: kube::Config,
        parallel: usize,
        server_timeout: Option<Duration>,
        counts: Arc<RoundTrips>,
    ) -> Self {
        Api {
            config,
            client: Mutex::default(),
            permits: Semaphore::new(parallel.max(1)),
            server_timeout,
            counts,
        }
    }

    pub(crate) fn default_namespace(&self) -> &str {
        &self.config.default_namespace
    }

    /// Made on first use: making it may run a credential plugin, which may ask the network.
    pub(crate) async fn client(&self) -> Made {
        let mut made = self.client.lock().await;
        if let Some((at, MadeClient(client))) = &*made
            && (client.is_ok() || at.elapsed() < PLUGIN_REST)
        {
            return client.clone();
        }
        let config = self.config.clone();
        let client = tokio::task::spawn_blocking(move || kube::Client::try_from(config))
            .await
            .map_err(|e| Failure::Other(format!("cannot make a client: {e}")))
            .and_then(|client| client.map_err(|e| refused::client(&e)));
        *made = Some((Instant::now(), MadeClient(client.clone())));
        client
    }

    /// Answers a GET. A list is complete.
    pub(crate) async fn get(&self, get: &ApiGet, deadline: Instant) -> Result<Vec<u8>, Failure> {
        let paged = is_list(&get.path) && !get.query.iter().any(|(k, _)| k == "limit" || k == "continue");
        if !paged {
            return self
                .request(&uri(&get.path, &get.query), &Target::Api, deadline)
                .await
                .map(json::slim)
                .map_err(Refused::into_failure);
        }
        match self.list(get, deadline).await {
            // The token of the next page outlived the server's memory: a second start sees one consistent list.
            Err(Refused::Expired(_)) => self.list(get, deadline).await,
            other => other,
        }
        .map_err(Refused::into_failure)
    }

    async fn list(&self, get: &ApiGet, deadline: Instant) -> Result<Vec<u8>, Refused> {
        let mut pages = Pages::default();
        let mut next = None;
        loop {
            let mut query = get.query.clone();
            query.push(("limit".into(), PAGE.to_string()));
            query.extend(next.map(|token| ("continue".to_string(), token)));
            let body = self.request(&uri(&get.path, &query), &Target::Api, deadline).await?;
            let unreadable = |e: &dyn std::fmt::Display| {
                Refused::Final(Failure::Server(format!(
                    "with something that is no list: {}",
                    text::clean(&e.to_string(), 200)
                )))
            };
            let body = String::from_utf8(body).map_err(|e| unreadable(&e))?;
            next = pages.add(&body).map_err(|e| unreadable(&e))?;
            if next.is_none() {
                return pages.finish().map(String::into_bytes).map_err(|e| unreadable(&e));
            }
        }
    }

    /// One request, tried again where that can help.
    pub(crate) async fn request(&self, uri: &str, target: &Target, deadline: Instant) -> Result<Vec<u8>, Refused> {
        let mut waits = WAITS.iter();
        loop {
            let refused = match self.once(uri, target, deadline).await {
                Err(Refused::Again { failure, after }) => Refused::Again { failure, after },
                other => return other,
            };
            let Refused::Again { after, .. } = &refused else {
                return Err(refused);
            };
            let Some(usual) = waits.next() else {
                return Err(refused);
            };
            let wait = after.map_or(*usual, |asked| asked.min(LONGEST_WAIT).max(*usual));
            if Instant::now() + wait >= deadline {
                return Err(refused);
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&self, uri: &str, target: &Target, deadline: Instant) -> Result<Vec<u8>, Refused> {
        let started = Instant::now();
        let until = self.server_timeout.map_or(deadline, |t| deadline.min(started + t));
        let late = || {
            let waited = until.saturating_duration_since(started);
            Refused::Final(Failure::TimedOut(format!(
                "{:.1} s from the API server",
                waited.as_secs_f32()
            )))
        };
        // Waiting for our own turn is not the server's fault.
        let _permit = tokio::time::timeout_at(deadline.into(), self.permits.acquire())
            .await
            .map_err(|_| late())?;
        tokio::time::timeout_at(until.into(), self.send(uri, target))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn send(&self, uri: &str, target: &Target) -> Result<Vec<u8>, Refused> {
        let client = self.client().await.map_err(Refused::Final)?;
        let request = http::Request::get(uri)
            .header(http::header::ACCEPT, "application/json, */*;q=0.5")
            .body(Body::empty())
            .map_err(|e| {
                Refused::Final(Failure::Other(format!(
                    "`{}` cannot be asked for: {e}",
                    text::clean(uri, 200)
                )))
            })?;
        self.counts.add(target);
        let response = client.send(request).await.map_err(|e| refused::transport(&e))?;
        let (parts, mut body) = response.into_parts();
        let mut bytes = vec![];
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| Refused::Again {
                failure: Failure::Incomplete(text::chain(&e)),
                after: None,
            })?;
            if let Some(data) = frame.data_ref() {
                bytes.extend_from_slice(data);
            }
            if bytes.len() > LARGEST_BODY {
                return Err(Refused::Final(Failure::Server(format!(
                    "with more than {LARGEST_BODY} bytes"
                ))));
            }
        }
        match parts.status.is_success() {
            true => Ok(bytes),
            false => Err(refused::status(parts.status.as_u16(), &parts.headers, &bytes)),
        }
    }
}

/// Does this path name a collection? `/api/v1/pods`, `/apis/apps/v1/namespaces/shop/deployments`.
fn is_list(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let resource = match parts.as_slice() {
        ["api", _version, rest @ ..] => rest,
        ["apis", _group, _version, rest @ ..] => rest,
        _ => return false,
    };
    match resource {
        [resource] => !resource.is_empty(),
        // The subresources of a namespace itself.
        ["namespaces", _, "status" | "finalize"] => false,
        ["namespaces", _, resource] => !resource.is_empty(),
        _ => false,
    }
}

pub(crate) fn uri(path: &str, query: &[(String, String)]) -> String {
    let mut uri = path.to_string();
    for (i, (key, value)) in query.iter().enumerate() {
        uri.push(if i == 0 { '?' } else { '&' });
        encode(key, &mut uri);
        uri.push('=');
        encode(value, &mut uri);
    }
    uri
}

/// One word of a path or query: anything but the unreserved characters is escaped.
pub(crate) fn encode(word: &str, into: &mut String) {
    for byte in word.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => into.push(byte as char),
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

pub(crate) fn encoded(word: &str) -> String {
    let mut out = String::new();
    encode(word, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_by_their_path() {
        for list in [
            "/api/v1/pods",
            "/api/v1/namespaces",
            "/api/v1/namespaces/shop/pods",
            "/apis/crd.projectcalico.org/v1/ippools",
            "/apis/apps/v1/namespaces/shop/deployments",
        ] {
            assert!(is_list(list), "{list}");
        }
        for other in [
            "/version",
            "/api",
            "/apis",
            "/api/v1",
            "/apis/apps/v1",
            "/apis/apps",
            "/api/v1/nodes/a",
            "/api/v1/namespaces/shop",
            "/api/v1/namespaces/shop/status",
            "/api/v1/namespaces/shop/pods/a",
            "/api/v1/namespaces/shop/pods/a/log",
            "/healthz",
        ] {
            assert!(!is_list(other), "{other}");
        }
    }

    #[test]
    fn a_query_cannot_break_out() {
        let query = [("labelSelector".to_string(), "a in (b,c),d=é&x=1#".to_string())];
        assert_eq!(
            uri("/api/v1/pods", &query),
            "/api/v1/pods?labelSelector=a%20in%20%28b%2Cc%29%2Cd%3D%C3%A9%26x%3D1%23"
        );
    }
}
