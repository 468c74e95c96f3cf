//! Reading API objects of every layout into slim typed structs.
//!
//! The same object looks different in `crd.projectcalico.org/v1` (the true metadata sits in an
//! annotation blob, policy names carry their tier) and in `projectcalico.org/v3`. What is wrong in
//! one object is told with its field path and never spoils the list around it.

mod fields;
mod meta;

pub(crate) use fields::{de_cidr, de_cidrs, de_lenient_bool, de_opt_ip, parse_cidr, ser_wide};
pub use meta::{Meta, strip_tier};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What is wrong with one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{object}: field `{path}`: {reason}")]
pub struct ObjectError {
    /// Kind and name, `IPPool `default-ipv4-ippool``.
    pub object: String,
    /// Where in the object, `spec.cidr`.
    pub path: String,
    /// What was expected.
    pub reason: String,
}

impl ObjectError {
    pub(crate) fn new(object: impl Into<String>, path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            path: path.into(),
            reason: reason.into(),
        }
    }
}

/// The usable part of a list, and what had to be left out of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Read<T> {
    pub items: Vec<T>,
    pub left_out: Vec<ObjectError>,
}

impl<T> Default for Read<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// An API object that the model understands.
pub trait Object: Sized {
    /// The kind as the API spells it.
    const KIND: &'static str;

    /// Reads one object; the metadata has been read already.
    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError>;

    /// Reads one object.
    fn from_value(value: &Value) -> Result<Self, ObjectError> {
        Self::from_parts(Meta::from_value(Self::KIND, value)?, value)
    }
}

/// The objects of a `List`, of a bare array, or a single object.
pub fn items(list: &Value) -> &[Value] {
    match list {
        Value::Array(items) => items,
        Value::Object(map) => match map.get("items") {
            Some(Value::Array(items)) => items,
            // `"items": null` is how Go writes an empty list.
            Some(Value::Null) => &[],
            _ => std::slice::from_ref(list),
        },
        Value::Null => &[],
        _ => std::slice::from_ref(list),
    }
}

/// Reads every object of a list; one bad object is told and the others are kept.
pub fn read_list<T: Object>(list: &Value) -> Read<T> {
    let mut read = Read::default();
    for value in items(list) {
        match T::from_value(value) {
            Ok(item) => read.items.push(item),
            Err(error) => read.left_out.push(error),
        }
    }
    read
}

/// Deserialises the part of `value` under `field`; a missing part reads as an empty map.
pub(crate) fn part<T: DeserializeOwned>(meta: &Meta, value: &Value, field: &str) -> Result<T, ObjectError> {
    let empty = Value::Object(serde_json::Map::new());
    let body = match value.get(field) {
        None | Some(Value::Null) => &empty,
        Some(body) => body,
    };
    decode(body, &meta.describe(), field)
}

pub(crate) fn decode<T: for<'a> Deserialize<'a>>(body: &Value, object: &str, at: &str) -> Result<T, ObjectError> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let inner = error.path().to_string();
        let path = match (at.is_empty(), inner.as_str()) {
            (true, _) => inner.clone(),
            (false, ".") => at.to_owned(),
            (false, _) => format!("{at}.{inner}"),
        };
        ObjectError::new(object, path, error.into_inner().to_string())
    })
}
