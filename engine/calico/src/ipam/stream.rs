//! Lists read item by item.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::pool::Block;

/// Why a list could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot read item {item} of the list")]
pub struct StreamError {
    /// Counted from 0.
    pub item: usize,
    pub source: serde_json::Error,
}

/// Hands each element of a list's `items` to `each`.
pub(super) fn each_item<'de, R, T>(
    deserializer: &mut serde_json::Deserializer<R>,
    each: impl FnMut(T),
) -> Result<(), StreamError>
where
    R: serde_json::de::Read<'de>,
    T: Deserialize<'de>,
{
    let mut walk = Walk {
        each,
        item: 0,
        of: PhantomData,
    };
    deserializer.deserialize_map(&mut walk).map_err(|source| StreamError {
        item: walk.item,
        source,
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiBlock {
    pub(super) spec: Block,
}

/// Reads an IPAMBlockList of bytes at hand, without the list around it.
pub fn read_blocks(list: &[u8]) -> Result<Vec<Block>, StreamError> {
    let mut blocks = Vec::new();
    each_item(&mut serde_json::Deserializer::from_slice(list), |block: ApiBlock| {
        blocks.push(block.spec);
    })?;
    Ok(blocks)
}

struct Walk<T, F> {
    each: F,
    item: usize,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for &mut Walk<T, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list with `items`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                map.next_value_seed(Items(&mut *self))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Items<'w, T, F>(&'w mut Walk<T, F>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Items<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Items<'_, T, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of objects")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<T>()? {
            (self.0.each)(item);
            self.0.item += 1;
        }
        Ok(())
    }
}
