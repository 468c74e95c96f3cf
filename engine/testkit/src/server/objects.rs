//! Lists and single objects out of the files below `kube/`.

use super::{
    Query, discovery,
    reply::Reply,
    route::Resource,
    select::Selector,
    status::{EXPIRED, USER, forbidden, not_found, status},
};
use crate::{Result, Snapshot};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(super) fn get(snapshot: &Snapshot, want: &Resource, query: &Query, accept: &str) -> Result<Reply> {
    if query.get("watch").is_some_and(|w| w == "true" || w == "1") {
        return Ok(Reply::status(&status(
            405,
            "MethodNotAllowed",
            "watch is not played here",
        )));
    }
    let served = discovery::served(snapshot, &want.folder(), &want.plural)?;
    let Some(list) = snapshot.kube(&format!("{}/{}.json", want.folder(), want.plural))? else {
        return Ok(match served {
            // Known, but never asked when the snapshot was made (secrets): as if our user may not.
            Some(_) => Reply::status(&forbidden(want, if want.name.is_some() { "get" } else { "list" }, USER)),
            None => Reply::page_not_found(),
        });
    };
    let namespaced = served.as_ref().is_none_or(|r| r["namespaced"] != false);
    if want.namespace.is_some() && !namespaced {
        return Ok(Reply::page_not_found());
    }
    if want.name.is_some() && want.namespace.is_none() && served.is_some() && namespaced {
        return Ok(Reply::status(&super::status::by_code(404)));
    }
    if want.sub.as_deref().is_some_and(|s| s != "status") {
        return Ok(Reply::page_not_found());
    }
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let inside = |o: &&Value| match &want.namespace {
        Some(ns) => o["metadata"]["namespace"].as_str() == Some(ns),
        None => true,
    };
    let form = Form::of(accept);
    let Some(form) = form else {
        let message = "only the following media types are accepted: application/json";
        return Ok(Reply::status(&status(406, "NotAcceptable", message)));
    };
    if let Some(name) = &want.name {
        let found = items.iter().filter(inside).find(|o| o["metadata"]["name"] == **name);
        return Ok(match found {
            Some(object) => Reply::json(200, &form.object(&typed(object, &list))),
            None => Reply::status(&not_found(want)),
        });
    }
    let (labels, fields) = match selectors(query) {
        Ok(both) => both,
        Err(why) => return Ok(Reply::status(&status(400, "BadRequest", &why))),
    };
    let chosen = items
        .iter()
        .filter(inside)
        .filter(|o| labels.labels(o) && fields.fields(o));
    let all: Vec<&Value> = chosen.collect();
    let page = match Page::of(&list, want, query, all.len()) {
        Ok(page) => page,
        Err(why) => return Ok(Reply::status(&status(400, "BadRequest", &why))),
    };
    let mut meta = json!({"resourceVersion": list["metadata"]["resourceVersion"]});
    if page.end < all.len() {
        meta["continue"] = json!(page.next());
        // The server does not count what a selector would leave out.
        if labels.is_empty() && fields.is_empty() {
            meta["remainingItemCount"] = json!(all.len() - page.end);
        }
    }
    let items: Vec<Value> = all[page.start..page.end].iter().map(|o| (*o).clone()).collect();
    Ok(Reply::json(200, &form.list(&list, meta, items)))
}

/// 410 for an old continue token, with a fresh one for those who can live with an inconsistent list.
pub(super) fn expired(query: &Query) -> Reply {
    let mut s = status(410, "Expired", EXPIRED);
    s["metadata"] = json!({"continue": query.get("continue").unwrap_or_default()});
    Reply::status(&s)
}

fn selectors(query: &Query) -> Result<(Selector, Selector), String> {
    let parse = |name: &str| Selector::parse(query.get(name).unwrap_or_default());
    Ok((parse("labelSelector")?, parse("fieldSelector")?))
}

/// Items of built-in lists do not say what they are; single objects do.
fn typed(object: &Value, list: &Value) -> Value {
    if object.get("kind").is_some() {
        return object.clone();
    }
    let kind = list["kind"].as_str().unwrap_or_default();
    let mut whole = json!({"kind": kind.strip_suffix("List").unwrap_or(kind), "apiVersion": list["apiVersion"]});
    if let (Some(whole), Some(object)) = (whole.as_object_mut(), object.as_object()) {
        whole.extend(object.clone());
    }
    whole
}

/// What the client wants to see of an object.
#[derive(Clone, Copy)]
enum Form {
    Whole,
    Metadata,
}

impl Form {
    fn of(accept: &str) -> Option<Form> {
        for one in accept.split(',').map(str::trim) {
            let (kind, parameters) = one.split_once(';').unwrap_or((one, ""));
            match kind.trim() {
                "" | "*/*" | "application/*" | "application/json" => {}
                _ => continue,
            }
            match parameters.split(';').find_map(|p| p.trim().strip_prefix("as=")) {
                None => return Some(Form::Whole),
                Some("PartialObjectMetadataList" | "PartialObjectMetadata") => return Some(Form::Metadata),
                // A table is drawn by the server; we have the objects only.
                Some(_) => {}
            }
        }
        None
    }

    fn object(self, object: &Value) -> Value {
        match self {
            Form::Whole => object.clone(),
            Form::Metadata => json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": object["metadata"]}),
        }
    }

    fn list(self, list: &Value, metadata: Value, items: Vec<Value>) -> Value {
        match self {
            Form::Whole => {
                json!({"kind": list["kind"], "apiVersion": list["apiVersion"], "metadata": metadata, "items": items})
            }
            Form::Metadata => {
                let items: Vec<_> = items.iter().map(|o| self.object(o)).collect();
                json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": metadata, "items": items})
            }
        }
    }
}

struct Page {
    start: usize,
    end: usize,
    /// The question that the token belongs to.
    of: String,
    version: Value,
}

impl Page {
    fn of(list: &Value, want: &Resource, query: &Query, len: usize) -> Result<Page, String> {
        let selector = |name| query.get(name).unwrap_or_default().to_string();
        let of = format!("{want:?} {} {}", selector("labelSelector"), selector("fieldSelector"));
        let limit = match query.get("limit").unwrap_or_default() {
            "" => 0,
            n => n
                .parse::<usize>()
                .map_err(|e| format!("strconv.ParseInt: parsing \"{n}\": {e}"))?,
        };
        let start = match query.get("continue").unwrap_or_default() {
            "" => 0,
            token => read_token(token, &of).ok_or_else(|| format!("continue key is not valid: {token}"))?,
        };
        let start = start.min(len);
        let end = if limit == 0 { len } else { (start + limit).min(len) };
        let version = list["metadata"]["resourceVersion"].clone();
        Ok(Page {
            start,
            end,
            of,
            version,
        })
    }

    fn next(&self) -> String {
        let token = json!({"v": "meta.k8s.io/v1", "rv": self.version, "start": self.end, "of": self.of});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }
}

fn read_token(token: &str, of: &str) -> Option<usize> {
    let text = URL_SAFE_NO_PAD.decode(token).ok()?;
    let token: Value = serde_json::from_slice(&text).ok()?;
    (token["of"] == of)
        .then(|| token["start"].as_u64())?
        .map(|n| n as usize)
}
