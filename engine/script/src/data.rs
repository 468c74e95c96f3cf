//! What primitives hand to scripts: immutable trees that remember which evidence they come from.

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext, Position};
use runbook_core::EvidenceId;
use serde_json::Value;
use std::{fmt, sync::Arc};

type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// A tree that is cheap to clone and to take parts of: a list of 3,300 pods is not copied by looking at it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(ImmutableString),
    List(Arc<[Node]>),
    Object(Arc<Fields>),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Fields {
    /// Is a key that is not there a mistake? Ours have fixed keys; objects of the API leave out what is empty.
    strict: bool,
    /// Sorted by key.
    entries: Vec<(ImmutableString, Node)>,
}

impl Node {
    pub(crate) fn new(value: Value, strict: bool) -> Node {
        match value {
            Value::Null => Node::Null,
            Value::Bool(b) => Node::Bool(b),
            Value::Number(n) => match n.as_i64() {
                Some(i) => Node::Int(i),
                // Numbers past 63 bits stay exact as text.
                None if n.is_u64() => Node::Text(n.to_string().into()),
                None => Node::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(s) => Node::Text(s.into()),
            Value::Array(items) => Node::List(items.into_iter().map(|v| Node::new(v, strict)).collect()),
            Value::Object(map) => {
                let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k.into(), Node::new(v, strict))).collect();
                entries.sort_by(|(a, _): &(ImmutableString, Node), (b, _)| a.cmp(b));
                Node::Object(Arc::new(Fields { strict, entries }))
            }
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Node::Null => Value::Null,
            Node::Bool(b) => (*b).into(),
            Node::Int(i) => (*i).into(),
            Node::Float(f) => (*f).into(),
            Node::Text(t) => t.as_str().into(),
            Node::List(items) => items.iter().map(Node::to_value).collect(),
            Node::Object(fields) => fields
                .entries
                .iter()
                .map(|(k, v)| (k.to_string(), v.to_value()))
                .collect(),
        }
    }
}

impl Fields {
    fn get(&self, key: &str) -> Option<&Node> {
        let at = self.entries.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok()?;
        self.entries.get(at).map(|(_, v)| v)
    }
}

/// A list or an object of a [`Node`] tree, with the evidence that it was read from. Scalars become plain values.
#[derive(Clone)]
pub(crate) struct Data {
    node: Node,
    evidence: Arc<[EvidenceId]>,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.to_value().fmt(f)
    }
}

impl Data {
    /// A value for a script: scalars as they are, the rest as `Data`.
    pub(crate) fn dynamic(node: Node, evidence: Arc<[EvidenceId]>) -> Dynamic {
        match node {
            Node::Null => Dynamic::UNIT,
            Node::Bool(b) => b.into(),
            Node::Int(i) => i.into(),
            Node::Float(f) => f.into(),
            Node::Text(t) => t.into(),
            node => Dynamic::from(Data { node, evidence }),
        }
    }

    pub(crate) fn evidence(&self) -> &[EvidenceId] {
        &self.evidence
    }

    pub(crate) fn to_value(&self) -> Value {
        self.node.to_value()
    }

    fn part(&self, node: &Node) -> Dynamic {
        Data::dynamic(node.clone(), self.evidence.clone())
    }

    fn items(&self) -> Vec<Dynamic> {
        match &self.node {
            Node::List(items) => items.iter().map(|n| self.part(n)).collect(),
            _ => vec![],
        }
    }

    fn field(&mut self, key: &str) -> Result<Dynamic> {
        match &self.node {
            Node::Object(fields) => match fields.get(key) {
                Some(node) => Ok(self.part(node)),
                None if !fields.strict => Ok(Dynamic::UNIT),
                None => Err(no_field(key, fields.entries.iter().map(|(k, _)| k.as_str()))),
            },
            _ => Err(fail(format!("a list has no field `{key}`; take an item of it first"))),
        }
    }

    fn at(&mut self, index: i64) -> Result<Dynamic> {
        let Node::List(items) = &self.node else {
            return Err(fail("an object is indexed by name, not by number"));
        };
        let from_end = usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|n| items.len().checked_sub(n));
        let at = if index < 0 {
            from_end
        } else {
            usize::try_from(index).ok()
        };
        let item = at.and_then(|i| items.get(i));
        item.map(|n| self.part(n))
            .ok_or_else(|| fail(format!("no item {index} in a list of {}", items.len())))
    }

    fn len(&mut self) -> i64 {
        match &self.node {
            Node::List(items) => items.len() as i64,
            Node::Object(fields) => fields.entries.len() as i64,
            _ => 0,
        }
    }

    fn keys(&mut self) -> Array {
        match &self.node {
            Node::Object(fields) => fields.entries.iter().map(|(k, _)| k.clone().into()).collect(),
            _ => vec![],
        }
    }

    fn contains(&mut self, wanted: Dynamic) -> bool {
        match &self.node {
            Node::Object(fields) => wanted
                .into_immutable_string()
                .is_ok_and(|key| fields.get(&key).is_some()),
            Node::List(items) => from_dynamic(&wanted).is_ok_and(|v| items.iter().any(|n| n.to_value() == v)),
            _ => false,
        }
    }
}

pub(crate) fn fail(text: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(text.into().into(), Position::NONE).into()
}

fn no_field<'a>(key: &str, fields: impl Iterator<Item = &'a str> + Clone) -> Box<EvalAltResult> {
    let near = nearest(key, fields.clone())
        .map(|n| format!("did you mean `{n}`? "))
        .unwrap_or_default();
    let all = fields.collect::<Vec<_>>().join(", ");
    fail(format!("no field `{key}`; {near}fields: {all}"))
}

/// The candidate that a person most likely meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Short words differ much by one swapped letter; long ones agree in how they begin.
    let score = |c: &str| strsim::jaro_winkler(word, c).max(strsim::normalized_damerau_levenshtein(word, c) + 0.15);
    let scored = candidates.map(|c| (score(c), c)).filter(|(score, _)| *score > 0.8);
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, c)| c)
}

/// Plain data out of whatever a script holds.
pub(crate) fn from_dynamic(value: &Dynamic) -> std::result::Result<Value, String> {
    if let Some(data) = value.read_lock::<Data>() {
        return Ok(data.to_value());
    }
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().map(from_dynamic).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.iter().map(|(k, v)| Ok((k.to_string(), from_dynamic(v)?))).collect();
    }
    match value.type_name() {
        "()" => Ok(Value::Null),
        "bool" => Ok(value.as_bool().unwrap_or_default().into()),
        "i64" => Ok(value.as_int().unwrap_or_default().into()),
        "f64" => Ok(value.as_float().unwrap_or_default().into()),
        "string" | "char" => Ok(value.to_string().into()),
        other => Err(format!("a {other} is no plain data")),
    }
}

/// The evidence that a value, or anything inside it, was read from.
pub(crate) fn evidence_of(value: &Dynamic, found: &mut Vec<EvidenceId>) {
    let mut add = |ids: &[EvidenceId]| {
        ids.iter().for_each(|id| {
            if !found.contains(id) {
                found.push(*id)
            }
        })
    };
    if let Some(data) = value.read_lock::<Data>() {
        add(data.evidence());
    } else if let Some(list) = value.read_lock::<Array>() {
        list.iter().for_each(|v| evidence_of(v, found));
    } else if let Some(map) = value.read_lock::<Map>() {
        map.values().for_each(|v| evidence_of(v, found));
    } else if let Some(id) = value
        .clone()
        .into_string()
        .ok()
        .and_then(|t| t.strip_prefix('e')?.parse().ok())
    {
        add(&[EvidenceId(id)]);
    }
}

/// What scripts can do with `Data`: the names and meanings of Rhai's own arrays and maps.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Data>("data")
        .register_indexer_get(|d: &mut Data, key: &str| d.field(key))
        .register_indexer_get(|d: &mut Data, index: i64| d.at(index))
        .register_iterator::<Data>()
        .register_fn("len", Data::len)
        .register_get("len", Data::len)
        .register_fn("is_empty", |d: &mut Data| d.len() == 0)
        .register_fn("keys", Data::keys)
        .register_fn("contains", Data::contains)
        .register_fn("to_string", |d: &mut Data| d.to_string())
        .register_fn("to_debug", |d: &mut Data| d.to_string())
        .register_fn("to_array", |d: &mut Data| d.items())
        .register_fn("==", |a: Data, b: Data| a.node == b.node)
        .register_fn("!=", |a: Data, b: Data| a.node != b.node);
    register_searches(engine);
}

/// A list gives its items, an object its keys.
impl IntoIterator for Data {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;
    fn into_iter(mut self) -> Self::IntoIter {
        match &self.node {
            Node::Object(_) => self.keys(),
            _ => self.items(),
        }
        .into_iter()
    }
}

fn register_searches(engine: &mut Engine) {
    fn test(cx: &NativeCallContext<'_>, f: &FnPtr, item: &Dynamic) -> Result<bool> {
        let holds = f.call_within_context::<Dynamic>(cx, (item.clone(),))?;
        holds
            .as_bool()
            .map_err(|kind| fail(format!("the test must say true or false, not {kind}")))
    }
    fn filter(cx: NativeCallContext<'_>, d: &mut Data, f: FnPtr) -> Result<Array> {
        let mut kept = vec![];
        for item in d.items() {
            if test(&cx, &f, &item)? {
                kept.push(item);
            }
        }
        Ok(kept)
    }
    fn find(cx: NativeCallContext<'_>, d: &mut Data, f: FnPtr) -> Result<Dynamic> {
        for item in d.items() {
            if test(&cx, &f, &item)? {
                return Ok(item);
            }
        }
        Ok(Dynamic::UNIT)
    }
    engine
        .register_fn("filter", filter)
        .register_fn("find", find)
        .register_fn(
            "some",
            |cx: NativeCallContext<'_>, d: &mut Data, f: FnPtr| -> Result<bool> {
                for item in d.items() {
                    if test(&cx, &f, &item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            },
        )
        .register_fn(
            "all",
            |cx: NativeCallContext<'_>, d: &mut Data, f: FnPtr| -> Result<bool> {
                for item in d.items() {
                    if !test(&cx, &f, &item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            },
        )
        .register_fn(
            "map",
            |cx: NativeCallContext<'_>, d: &mut Data, f: FnPtr| -> Result<Array> {
                d.items()
                    .into_iter()
                    .map(|item| f.call_within_context::<Dynamic>(&cx, (item,)))
                    .collect()
            },
        );
}
