//! CNI configuration: what the runtime calls when a pod starts.

use crate::ParseError;
use crate::text::{clean, json, json_word};
use serde::Serialize;
use serde_json::{Map, Value};

/// A `.conflist`, or a single plugin's `.conf` as a list of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CniConfig {
    pub name: Option<String>,
    pub cni_version: Option<String>,
    pub plugins: Vec<CniPlugin>,
}

/// One plugin of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CniPlugin {
    /// Name of the program: `calico`, `portmap`, `bandwidth`, ...
    pub kind: String,
    /// `calico-ipam`, `host-local`, ...
    pub ipam: Option<String>,
    /// MTU in bytes for the pod's device; `None` when not given or 0, which is Calico's word for "find out".
    pub mtu: Option<u32>,
    /// Calico: the name the node has in the datastore.
    pub nodename: Option<String>,
    pub nodename_file_optional: Option<bool>,
    pub datastore_type: Option<String>,
    pub log_level: Option<String>,
    pub log_file_path: Option<String>,
    pub kubeconfig: Option<String>,
    /// Calico: `k8s` when policies are enforced.
    pub policy: Option<String>,
    /// Everything else, as JSON; tokens, passwords and keys are `****`.
    pub other: Map<String, Value>,
}

/// Reads `/etc/cni/net.d/*.conflist` or `*.conf`.
///
/// Shape: [`CniConfig`].
pub fn parse(text: &str) -> Result<CniConfig, ParseError> {
    let text = clean(text);
    let mut raw: Map<String, Value> = json(&text, "a CNI configuration")?;
    let mut word = |key: &str| raw.remove(key).as_ref().and_then(json_word);
    let (name, cni_version) = (word("name"), word("cniVersion"));
    let plugins = match raw.remove("plugins") {
        Some(Value::Array(plugins)) => plugins.into_iter().map(plugin).collect::<Result<_, _>>()?,
        Some(other) => return Err(ParseError::new(1, other.to_string(), "a list for `plugins`")),
        None => vec![plugin(Value::Object(raw))?],
    };
    Ok(CniConfig {
        name,
        cni_version,
        plugins,
    })
}

fn plugin(value: Value) -> Result<CniPlugin, ParseError> {
    let Value::Object(mut raw) = value else {
        return Err(ParseError::new(1, value.to_string(), "an object for each plugin"));
    };
    let Some(kind) = raw.remove("type").as_ref().and_then(json_word) else {
        return Err(ParseError::new(
            1,
            Value::Object(raw).to_string(),
            "`type`, the name of the plugin",
        ));
    };
    let inner = |raw: &Map<String, Value>, key: &str, part: &str| raw.get(key)?.get(part).and_then(json_word);
    let mut found = CniPlugin {
        kind,
        ipam: inner(&raw, "ipam", "type"),
        kubeconfig: inner(&raw, "kubernetes", "kubeconfig"),
        policy: inner(&raw, "policy", "type"),
        ..CniPlugin::default()
    };
    let mut word = |key: &str| raw.remove(key).as_ref().and_then(json_word);
    found.mtu = word("mtu").and_then(|mtu| mtu.parse().ok()).filter(|mtu| *mtu > 0);
    found.nodename = word("nodename");
    found.nodename_file_optional = word("nodename_file_optional").and_then(|w| w.parse().ok());
    found.datastore_type = word("datastore_type");
    found.log_level = word("log_level");
    found.log_file_path = word("log_file_path");
    hide_secrets(&mut raw, 0);
    found.other = raw;
    Ok(found)
}

/// A CNI configuration may hold the credentials of the datastore. Paths to files with credentials are no secrets.
fn hide_secrets(map: &mut Map<String, Value>, depth: u32) {
    for (key, value) in map.iter_mut() {
        let key = key.to_ascii_lowercase();
        let secret = ["token", "password", "_key", "secret", "client_key_data"]
            .iter()
            .any(|end| key.ends_with(end));
        match value {
            Value::String(text) if secret && !text.starts_with('/') => *value = Value::String("****".into()),
            Value::Object(inner) if depth < 8 => hide_secrets(inner, depth + 1),
            _ => {}
        }
    }
}
