//! From kubeconfig files or the pod's own account to the address and credentials of a cluster. Sends nothing.

use super::{options::LiveOptions, text};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Why there is no cluster to ask.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot read the kubeconfig `{file}`: {why}")]
    Unreadable { file: String, why: String },
    #[error("no kubeconfig (looked at {looked}) and not inside a cluster: {why}")]
    NoConfig { looked: String, why: String },
    #[error("no context `{wanted}` in {files}; contexts: {known}")]
    NoContext {
        wanted: String,
        files: String,
        known: String,
    },
    #[error("no current context in {files}; name one of: {known}")]
    NoCurrentContext { files: String, known: String },
    #[error("no cluster `{wanted}` in {files}; clusters: {known}")]
    NoCluster {
        wanted: String,
        files: String,
        known: String,
    },
    #[error("cannot use context `{context}` of {files}: {why}")]
    Unusable {
        context: String,
        files: String,
        why: String,
    },
    #[error("cannot make a directory for ssh connections: {0}")]
    ControlDirectory(String),
}

/// Where we connect to, and what to call it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: Config,
    pub(crate) name: String,
}

pub(crate) async fn load(options: &LiveOptions) -> Result<Cluster, ConnectError> {
    let files = match &options.kubeconfig {
        Some(file) => vec![file.clone()],
        None => usual_files(std::env::var_os("KUBECONFIG")),
    };
    let found: Vec<&PathBuf> = match &options.kubeconfig {
        // Asked for by name: that it is not there is an error.
        Some(_) => files.iter().collect(),
        None => files.iter().filter(|f| f.exists()).collect(),
    };
    let (mut config, context) = if found.is_empty() {
        (in_cluster(&files)?, None)
    } else {
        let (config, context) = from_files(&found, options).await?;
        (config, Some(context))
    };
    // kube's own retry: 15 times on 429, 503 and 504, up to 1000 s apart. Ours knows the deadline.
    config.default_retry = false;
    if let Some(namespace) = &options.namespace {
        config.default_namespace.clone_from(namespace);
    }
    if options.as_user.is_some() {
        config.auth_info.impersonate.clone_from(&options.as_user);
    }
    if !options.as_group.is_empty() {
        config.auth_info.impersonate_groups = Some(options.as_group.clone());
    }
    let name = match context {
        Some(context) => format!("{} (context {context})", config.cluster_url),
        None => format!("{} (in-cluster)", config.cluster_url),
    };
    Ok(Cluster { config, name })
}

/// `KUBECONFIG`, a list, else `~/.kube/config`.
fn usual_files(listed: Option<OsString>) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = listed
        .map(|v| {
            std::env::split_paths(&v)
                .filter(|p| !p.as_os_str().is_empty())
                .collect()
        })
        .unwrap_or_default();
    if !listed.is_empty() {
        return listed;
    }
    std::env::home_dir()
        .map(|home| vec![home.join(".kube/config")])
        .unwrap_or_default()
}

fn in_cluster(looked: &[PathBuf]) -> Result<Config, ConnectError> {
    Config::incluster().map_err(|e| ConnectError::NoConfig {
        looked: list(looked.iter()),
        why: text::chain(&e),
    })
}

async fn from_files(files: &[&PathBuf], options: &LiveOptions) -> Result<(Config, String), ConnectError> {
    let mut merged = Kubeconfig::default();
    for file in files {
        let unreadable = |e| ConnectError::Unreadable {
            file: file.display().to_string(),
            // A syntax error quotes the line, and the line may be a token.
            why: runbook_core::redact(&text::chain(&e)).into_owned(),
        };
        let next = Kubeconfig::read_from(absolute(file)).map_err(unreadable)?;
        merged = merged.merge(next).map_err(unreadable)?;
    }
    let names = list(files.iter().copied());
    let known = |names: Vec<&str>| match names.is_empty() {
        true => "none".to_string(),
        false => names.join(", "),
    };
    let contexts = || known(merged.contexts.iter().map(|c| c.name.as_str()).collect());
    let current = merged.current_context.as_ref().filter(|c| !c.is_empty());
    let Some(context) = options.context.as_ref().or(current).cloned() else {
        return Err(ConnectError::NoCurrentContext {
            files: names,
            known: contexts(),
        });
    };
    if !merged.contexts.iter().any(|c| c.name == context) {
        return Err(ConnectError::NoContext {
            wanted: context,
            files: names,
            known: contexts(),
        });
    }
    if let Some(wanted) = options
        .cluster
        .as_ref()
        .filter(|w| !merged.clusters.iter().any(|c| c.name == **w))
    {
        return Err(ConnectError::NoCluster {
            wanted: wanted.clone(),
            files: names,
            known: known(merged.clusters.iter().map(|c| c.name.as_str()).collect()),
        });
    }
    let chosen = KubeConfigOptions {
        context: Some(context.clone()),
        cluster: options.cluster.clone(),
        user: None,
    };
    match Config::from_custom_kubeconfig(merged, &chosen).await {
        Ok(config) => Ok((config, context)),
        Err(e) => Err(ConnectError::Unusable {
            context,
            files: names,
            why: runbook_core::redact(&text::chain(&e)).into_owned(),
        }),
    }
}

/// kube resolves the files that a kubeconfig names against its directory, which a bare file name does not have.
fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf())
}

fn list<'a>(files: impl Iterator<Item = &'a PathBuf>) -> String {
    let quoted: Vec<String> = files.map(|f| format!("`{}`", f.display())).collect();
    match quoted.is_empty() {
        true => "`KUBECONFIG` and `~/.kube/config`".into(),
        false => quoted.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: 'https://192.0.2.1:6443'}\n\
        contexts:\n- name: a\n  context: {cluster: c, user: u, namespace: shop}\n- name: b\n  context: {cluster: gone, user: u}\n\
        users:\n- name: u\n  user: {token: hunter2}\n";

    async fn loaded(text: &str, options: LiveOptions) -> Result<Cluster, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(&file, text).unwrap();
        let options = LiveOptions {
            kubeconfig: Some(file.clone()),
            ..options
        };
        load(&options)
            .await
            .map_err(|e| e.to_string().replace(&file.display().to_string(), "FILE"))
    }

    fn context(name: &str) -> LiveOptions {
        LiveOptions {
            context: Some(name.into()),
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn a_context_is_found_and_errors_say_what_there_is() {
        let a = loaded(TWO, context("a")).await.unwrap();
        assert_eq!(a.config.default_namespace, "shop");
        assert!(!a.config.default_retry);
        assert_eq!(a.name, "https://192.0.2.1:6443/ (context a)");
        let wrong = loaded(TWO, context("x")).await.unwrap_err();
        assert_eq!(wrong, "no context `x` in `FILE`; contexts: a, b");
        let none = loaded(TWO, LiveOptions::default()).await.unwrap_err();
        assert_eq!(none, "no current context in `FILE`; name one of: a, b");
        let dangling = loaded(TWO, context("b")).await.unwrap_err();
        assert!(dangling.starts_with("cannot use context `b` of `FILE`: "), "{dangling}");
        let options = LiveOptions {
            cluster: Some("y".into()),
            ..context("a")
        };
        assert_eq!(
            loaded(TWO, options).await.unwrap_err(),
            "no cluster `y` in `FILE`; clusters: c"
        );
    }

    #[tokio::test]
    async fn several_files_are_one_and_the_first_wins() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&first, "apiVersion: v1\nkind: Config\ncurrent-context: b\n").unwrap();
        std::fs::write(
            &second,
            format!("current-context: a\n{}", TWO.replace("cluster: gone", "cluster: c")),
        )
        .unwrap();
        let listed = std::env::join_paths([&first, &PathBuf::new(), &second]).unwrap();
        let files = usual_files(Some(listed));
        assert_eq!(files, [first, second]);
        let files: Vec<_> = files.iter().collect();
        let (config, context) = from_files(&files, &LiveOptions::default()).await.unwrap();
        assert_eq!((context.as_str(), config.cluster_url.host()), ("b", Some("192.0.2.1")));
        assert!(usual_files(Some("".into())).iter().all(|f| f.ends_with(".kube/config")));
    }

    #[tokio::test]
    async fn a_broken_file_is_named_and_keeps_its_secrets() {
        let broken = loaded(&TWO.replace("{token: hunter2}", "{token: hunter2"), context("a")).await;
        let text = broken.unwrap_err();
        assert!(text.starts_with("cannot read the kubeconfig `FILE`"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        let options = LiveOptions {
            kubeconfig: Some("/nonexistent/config".into()),
            ..Default::default()
        };
        let text = load(&options).await.unwrap_err().to_string();
        assert!(
            text.starts_with("cannot read the kubeconfig `/nonexistent/config`"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn impersonation_and_namespace_are_taken_over() {
        let options = LiveOptions {
            as_user: Some("ann".into()),
            as_group: vec!["ops".into()],
            namespace: Some("kube-system".into()),
            ..context("a")
        };
        let config = loaded(TWO, options).await.unwrap().config;
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("ann"));
        assert_eq!(config.auth_info.impersonate_groups, Some(vec!["ops".to_string()]));
        assert_eq!(config.default_namespace, "kube-system");
    }
}
