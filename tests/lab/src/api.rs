//! The API server, asked in plain JSON. Calls block: the lab does one thing after the other.

use crate::{Result, state};
use http::{Method, Request};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Client, Config,
    api::AttachParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncReadExt;

pub struct Api {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

impl Api {
    /// The API server as one of the lab's users.
    pub fn of(user: &str) -> Result<Api> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let file = Kubeconfig::read_from(state::path(&format!("pki/{user}.kubeconfig")))?;
        let client = runtime.block_on(async {
            let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
            config.default_retry = false;
            Ok::<_, crate::Error>(Client::try_from(config)?)
        })?;
        Ok(Api { runtime, client })
    }

    fn ask(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Result<Value> {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header("content-type", kind)
            .body(body)?;
        let answer = self.runtime.block_on(async {
            let limit = Duration::from_secs(15);
            tokio::time::timeout(limit, self.client.request_text(request)).await
        });
        let text = match answer {
            Ok(text) => text.map_err(|e| format!("{method} {path}: {e}"))?,
            Err(_) => return Err(format!("{method} {path}: no answer").into()),
        };
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, "application/json", vec![])
    }

    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        Ok(self.get(path)?["items"].as_array().cloned().unwrap_or_default())
    }

    /// Makes an object what it should be, by server-side apply.
    pub fn apply(&self, object: &Value) -> Result<Value> {
        let path = format!("{}?fieldManager=lab&force=true", path_of(object)?);
        self.ask(
            Method::PATCH,
            &path,
            "application/apply-patch+yaml",
            serde_json::to_vec(object)?,
        )
    }

    pub fn merge(&self, path: &str, patch: &Value) -> Result<Value> {
        self.ask(
            Method::PATCH,
            path,
            "application/merge-patch+json",
            serde_json::to_vec(patch)?,
        )
    }

    /// Runs a command in a pod; its exit code and what it wrote.
    pub fn exec(&self, namespace: &str, pod: &str, argv: &[&str]) -> Result<(i32, Vec<u8>)> {
        let pods: kube::Api<Pod> = kube::Api::namespaced(self.client.clone(), namespace);
        let settings = AttachParams::default().stderr(false);
        let run = async {
            let mut process = pods.exec(pod, argv.iter().copied(), &settings).await?;
            let status = process.take_status().ok_or("no status")?;
            let mut out = vec![];
            process.stdout().ok_or("no output")?.read_to_end(&mut out).await?;
            let status = status.await.ok_or("the stream ended without a status")?;
            let causes = status.details.and_then(|d| d.causes).unwrap_or_default();
            let code = causes.iter().find(|c| c.reason.as_deref() == Some("ExitCode"));
            let code = code.and_then(|c| c.message.as_deref()?.parse().ok());
            let success = status.status.as_deref() == Some("Success");
            Ok::<_, crate::Error>((code.unwrap_or(if success { 0 } else { -1 }), out))
        };
        self.runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(30), run).await })?
    }

    /// Takes an object away; it need not be there.
    pub fn delete(&self, path: &str) -> Result<()> {
        match self.ask(Method::DELETE, path, "application/json", vec![]) {
            Err(e) if !e.to_string().contains("NotFound") && !e.to_string().contains("not found") => Err(e),
            _ => Ok(()),
        }
    }
}

/// Where an object lives, from what it says about itself.
pub fn path_of(object: &Value) -> Result<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let (version, kind) = (word(&object["apiVersion"]), word(&object["kind"]));
    let (name, namespace) = (
        word(&object["metadata"]["name"]),
        word(&object["metadata"]["namespace"]),
    );
    if version.is_empty() || kind.is_empty() || name.is_empty() {
        return Err(format!("not an object: {object}").into());
    }
    let root = if version.contains('/') {
        format!("/apis/{version}")
    } else {
        format!("/api/{version}")
    };
    let space = if namespace.is_empty() {
        String::new()
    } else {
        format!("/namespaces/{namespace}")
    };
    Ok(format!("{root}{space}/{}/{name}", plural(&kind)))
}

fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => kind,
        None => format!("{kind}s"),
    }
}

/// The documents of a YAML file.
pub fn yaml(text: &str) -> Result<Vec<Value>> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let all: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)?;
    Ok(all.into_iter().filter(Value::is_object).collect())
}
