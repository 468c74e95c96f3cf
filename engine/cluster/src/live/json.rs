//! JSON bodies without a tree: members are sliced out of the text, not parsed into values.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The members of an object, in order, each value still text.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl<'a> Members<'a> {
    fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(k, _)| k == name).map(|(_, v)| v.get())
    }

    /// Writes the object; `change` may write another value, or say that the member is left out.
    fn write(
        &self,
        out: &mut String,
        mut change: impl FnMut(&str, &str, &mut String) -> Change,
    ) -> serde_json::Result<()> {
        out.push('{');
        let start = out.len();
        for (key, value) in &self.0 {
            let before = out.len();
            if before > start {
                out.push(',');
            }
            out.push_str(&serde_json::to_string(key)?);
            out.push(':');
            match change(key, value.get(), out) {
                Change::Keep => out.push_str(value.get()),
                Change::Written => {}
                Change::Drop => out.truncate(before),
            }
        }
        out.push('}');
        Ok(())
    }
}

enum Change {
    Keep,
    Written,
    Drop,
}

/// The object without `metadata.managedFields`, which is often half of it and answers nothing that we ask.
fn write_object(text: &str, out: &mut String) -> serde_json::Result<()> {
    let mut result = Ok(());
    Members::parse(text)?.write(out, |key, value, out| {
        if key != "metadata" || !value.starts_with('{') {
            return Change::Keep;
        }
        result = Members::parse(value).and_then(|metadata| {
            metadata.write(out, |key, _, _| match key {
                "managedFields" => Change::Drop,
                _ => Change::Keep,
            })
        });
        Change::Written
    })?;
    result
}

/// Puts the pages of a list together.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// The first page, its items taken out.
    head: Option<String>,
    /// Joined with commas.
    items: String,
}

impl Pages {
    /// Takes a page; gives the token of the next.
    pub(crate) fn add(&mut self, page: &str) -> serde_json::Result<Option<String>> {
        let members = Members::parse(page)?;
        let items: Vec<&RawValue> = match members.get("items") {
            Some(items) => serde_json::from_str::<Option<_>>(items)?.unwrap_or_default(),
            None => vec![],
        };
        for item in items {
            if !self.items.is_empty() {
                self.items.push(',');
            }
            write_object(item.get(), &mut self.items)?;
        }
        if self.head.is_none() {
            let mut head = String::new();
            members.write(&mut head, |key, _, out| match key {
                "items" => {
                    out.push_str("[]");
                    Change::Written
                }
                _ => Change::Keep,
            })?;
            self.head = Some(head);
        }
        #[derive(Deserialize)]
        struct ListMeta {
            #[serde(rename = "continue")]
            next: Option<String>,
        }
        let meta: Option<ListMeta> = members.get("metadata").map(serde_json::from_str).transpose()?;
        Ok(meta.and_then(|m| m.next).filter(|next| !next.is_empty()))
    }

    /// One list, as if it had come in one page.
    pub(crate) fn finish(self) -> serde_json::Result<String> {
        let head = self.head.unwrap_or_else(|| "{}".into());
        let mut out = String::with_capacity(head.len() + self.items.len() + 16);
        let mut result = Ok(());
        Members::parse(&head)?.write(&mut out, |key, value, out| match key {
            "items" => {
                out.push('[');
                out.push_str(&self.items);
                out.push(']');
                Change::Written
            }
            "metadata" if value.starts_with('{') => {
                result = Members::parse(value).and_then(|metadata| {
                    metadata.write(out, |key, _, _| match key {
                        "continue" | "remainingItemCount" => Change::Drop,
                        _ => Change::Keep,
                    })
                });
                Change::Written
            }
            _ => Change::Keep,
        })?;
        result.map(|()| out)
    }
}

/// A body that is not a list of ours: an object loses its `managedFields`, anything else stays as it is.
pub(crate) fn slim(body: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&body) else {
        return body;
    };
    let mut out = String::with_capacity(text.len());
    match text.trim_start().starts_with('{') && write_object(text, &mut out).is_ok() {
        true => out.into_bytes(),
        false => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_one_list() {
        let mut pages = Pages::default();
        let first = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"t\"1","remainingItemCount":1},
            "items":[{"metadata":{"name":"a","managedFields":[{"x":1}],"uid":"u"},"n":18446744073709551615}]}"#;
        assert_eq!(pages.add(first).unwrap().as_deref(), Some("t\"1"));
        let last = r#"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"managedFields":[]}},{"spec":{"managedFields":1}}]}"#;
        assert_eq!(pages.add(last).unwrap(), None);
        assert_eq!(
            pages.finish().unwrap(),
            r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","uid":"u"},"n":18446744073709551615},{"metadata":{}},{"spec":{"managedFields":1}}]}"#
        );
    }

    #[test]
    fn an_empty_list_stays_a_list() {
        for items in ["[]", "null"] {
            let mut pages = Pages::default();
            pages
                .add(&format!(r#"{{"kind":"PodList","metadata":{{}},"items":{items}}}"#))
                .unwrap();
            assert_eq!(
                pages.finish().unwrap(),
                r#"{"kind":"PodList","metadata":{},"items":[]}"#
            );
        }
    }

    #[test]
    fn other_bodies_stay_as_they_are() {
        for body in ["ok", "[1, 2]", "{\"a\": ", "", "{}", "{\"metadata\":\"x\"}"] {
            assert_eq!(slim(body.as_bytes().to_vec()), body.as_bytes());
        }
        assert_eq!(slim(vec![0xff]), vec![0xff]);
        let object = br#"{"metadata":{"managedFields":[],"name":"a"}}"#;
        assert_eq!(slim(object.to_vec()), br#"{"metadata":{"name":"a"}}"#);
    }
}
