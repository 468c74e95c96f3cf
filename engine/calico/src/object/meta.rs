use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ObjectError, decode};

/// Annotation in which the v1 store keeps the metadata that the v3 API shows.
const METADATA_BLOB: &str = "projectcalico.org/metadata";

/// The part of an object's metadata that the model uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Meta {
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
    pub uid: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub creation_timestamp: Option<String>,
    pub deletion_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawMeta {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
}

impl Meta {
    /// Reads `metadata`, preferring what the v1 store's blob says about the v3 object.
    pub fn from_value(kind: &str, value: &Value) -> Result<Self, ObjectError> {
        let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
        let namespace = value.pointer("/metadata/namespace").and_then(Value::as_str);
        let object = describe(kind, namespace, name);
        let Some(body) = value.get("metadata") else {
            return Err(ObjectError::new(object, "metadata", "is missing"));
        };
        let raw: RawMeta = decode(body, &object, "metadata")?;
        let mut annotations = raw.annotations.unwrap_or_default();
        let mut meta = Self {
            kind: kind.to_owned(),
            namespace: raw.namespace.filter(|namespace| !namespace.is_empty()),
            name: raw
                .name
                .filter(|name| !name.is_empty())
                .ok_or_else(|| ObjectError::new(object.clone(), "metadata.name", "is missing"))?,
            uid: raw.uid,
            labels: raw.labels.unwrap_or_default(),
            annotations: BTreeMap::new(),
            creation_timestamp: raw.creation_timestamp,
            deletion_timestamp: raw.deletion_timestamp,
        };
        if let Some(blob) = annotations.remove(METADATA_BLOB) {
            let at = format!("metadata.annotations[\"{METADATA_BLOB}\"]");
            let blob: Value = serde_json::from_str(&blob)
                .map_err(|error| ObjectError::new(object.clone(), at.clone(), format!("is not JSON: {error}")))?;
            let stored: RawMeta = decode(&blob, &object, &at)?;
            // The blob is written by Calico and wins; what it does not hold was not in the v3 object.
            meta.name = stored.name.filter(|name| !name.is_empty()).unwrap_or(meta.name);
            meta.labels = stored.labels.unwrap_or(meta.labels);
            meta.annotations = stored.annotations.unwrap_or_default();
        } else {
            meta.annotations = annotations;
        }
        Ok(meta)
    }

    /// `IPPool `default-ipv4-ippool``, `NetworkPolicy `shop/allow``.
    pub fn describe(&self) -> String {
        describe(&self.kind, self.namespace.as_deref(), &self.name)
    }

    /// `shop/allow`, or the bare name of a cluster-scoped object.
    pub fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

fn describe(kind: &str, namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{kind} `{namespace}/{name}`"),
        None => format!("{kind} `{name}`"),
    }
}

/// Takes the `<tier>.` prefix that older releases store in policy names off `name`.
///
/// Newer releases keep a prefix that the user wrote for a tier other than `default`, so names are
/// compared without it.
pub fn strip_tier<'a>(name: &'a str, tier: &str) -> &'a str {
    name.strip_prefix(tier)
        .and_then(|rest| rest.strip_prefix('.'))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blob_of_the_v1_store_wins() {
        let value = json!({"metadata": {"name": "default.a", "labels": {"x": "1"}, "annotations": {
            METADATA_BLOB: "{\"name\":\"a\",\"labels\":{\"role\":\"blocked\"}}", "crd": "only"}}});
        let meta = Meta::from_value("GlobalNetworkPolicy", &value).unwrap();
        assert_eq!(meta.name, "a");
        assert_eq!(meta.labels.get("role").map(String::as_str), Some("blocked"));
        assert!(meta.annotations.is_empty());
    }

    #[test]
    fn errors_name_object_and_path() {
        let value = json!({"metadata": {"name": "p", "labels": {"x": 1}}});
        let error = Meta::from_value("IPPool", &value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "IPPool `p`: field `metadata.labels.x`: invalid type: integer `1`, expected a string"
        );
        assert_eq!(Meta::from_value("IPPool", &json!(3)).unwrap_err().path, "metadata");
        assert_eq!(
            Meta::from_value("IPPool", &json!({"metadata": {}})).unwrap_err().path,
            "metadata.name"
        );
    }

    #[test]
    fn tier_prefix() {
        assert_eq!(strip_tier("default.allow-dns", "default"), "allow-dns");
        assert_eq!(strip_tier("platform.", "platform"), "platform.");
        assert_eq!(strip_tier("defaults.x", "default"), "defaults.x");
    }
}
