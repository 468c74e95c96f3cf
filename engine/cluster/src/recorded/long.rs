//! Long lists, read item by item: as values, a hundred thousand pods take ten times the room of their text.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// From this size on a list is not kept as values.
pub(super) const LONG: usize = 8 << 20;

/// What is kept of a list.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// `kind` and `apiVersion` of the list.
    pub(super) head: Map<String, Value>,
    pub(super) items: Vec<Value>,
    /// Whether `wanted` could not tell about some item.
    pub(super) doubtful: bool,
}

/// Reads a list and keeps what `wanted` says; `None` means that it cannot tell.
pub(super) fn keep(bytes: &[u8], wanted: impl Fn(&Value) -> Option<bool>) -> serde_json::Result<Kept> {
    let mut reading = Reading {
        wanted,
        kept: Kept::default(),
    };
    serde_json::Deserializer::from_slice(bytes).deserialize_map(&mut reading)?;
    Ok(reading.kept)
}

struct Reading<F> {
    wanted: F,
    kept: Kept,
}

impl<'de, F: Fn(&Value) -> Option<bool>> Visitor<'de> for &mut Reading<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list with `items`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => map.next_value_seed(Items(&mut *self))?,
                "kind" | "apiVersion" => {
                    let value = map.next_value()?;
                    self.kept.head.insert(key, value);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct Items<'r, F>(&'r mut Reading<F>);

impl<'de, F: Fn(&Value) -> Option<bool>> DeserializeSeed<'de> for Items<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Fn(&Value) -> Option<bool>> Visitor<'de> for Items<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    // `"items": null` is how Go writes an empty list.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<Value>()? {
            match (self.0.wanted)(&item) {
                Some(true) => self.0.kept.items.push(item),
                Some(false) => {}
                None => self.0.kept.doubtful = true,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wanted_is_kept() {
        let list = br#"{"items":[{"a":1},{"a":2},{"b":3}],"metadata":{"x":[]},"kind":"XList","apiVersion":"v1"}"#;
        let found = keep(list, |item| Some(item["a"] == 2)).unwrap();
        assert_eq!(found.items, [serde_json::json!({"a": 2})]);
        assert_eq!((&found.head["kind"], found.doubtful), (&Value::from("XList"), false));
        assert!(keep(list, |_| None).unwrap().doubtful);
        assert!(keep(br#"{"items":null}"#, |_| Some(true)).unwrap().items.is_empty());
        assert!(keep(br#"{"items":[{"a":1}"#, |_| Some(true)).is_err());
        assert!(keep(b"[]", |_| Some(true)).is_err());
    }
}
