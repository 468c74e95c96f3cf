//! `bridge fdb`: which port or remote tunnel end has which MAC address.

use crate::ParseError;
use crate::text::{Line, clean, is_json, json, lines};
use serde::{Deserialize, Serialize};

/// One forwarding entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FdbEntry {
    pub mac: String,
    /// Not printed when the command named a device.
    pub dev: Option<String>,
    /// Remote tunnel end (VXLAN).
    pub dst: Option<String>,
    pub vlan: Option<u32>,
    pub vni: Option<u32>,
    pub src_vni: Option<u32>,
    pub port: Option<String>,
    pub via: Option<String>,
    pub nhid: Option<u32>,
    pub master: Option<String>,
    /// `permanent`, `static`, `stale`; nothing for learned entries.
    pub state: Option<String>,
    /// Entry of the device itself, not of the bridge it belongs to.
    pub on_self: bool,
    /// `extern_learn`, `offload`, `sticky`, `router`, ...: all but `self` and `master`.
    pub flags: Vec<String>,
    /// Seconds since last used and updated; needs `-s`.
    pub used_s: Option<u64>,
    pub updated_s: Option<u64>,
}

const FLAGS: &[&str] = &[
    "extern_learn",
    "offload",
    "sticky",
    "router",
    "added_by_user",
    "locked",
    "added_by_ext_learn",
];

/// Reads `bridge fdb show`, with or without `dev NAME`, `-j`, `-s`.
///
/// Shape: a list of [`FdbEntry`]; ages in seconds.
pub fn parse(text: &str) -> Result<Vec<FdbEntry>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let raw: Vec<RawEntry> = json(&text, "the entries of `bridge -j fdb`")?;
        return Ok(raw.into_iter().map(RawEntry::typed).collect());
    }
    lines(&text).map(entry).collect()
}

fn entry(line: Line<'_>) -> Result<FdbEntry, ParseError> {
    let mut words = line.words();
    let mac = words.next().filter(|w| is_mac(w));
    let mac = mac.ok_or_else(|| line.error("an entry: `MAC [dev NAME] [dst ADDRESS] ...`"))?;
    let mut found = FdbEntry {
        mac: mac.to_owned(),
        ..FdbEntry::default()
    };
    while let Some(word) = words.next() {
        match word {
            "dev" => found.dev = Some(words.text(word)?),
            "dst" => found.dst = Some(words.text(word)?),
            "vlan" => found.vlan = Some(words.number(word)?),
            "vni" => found.vni = Some(words.number(word)?),
            "src_vni" => found.src_vni = Some(words.number(word)?),
            "port" => found.port = Some(words.text(word)?),
            "via" => found.via = Some(words.text(word)?),
            "nhid" => found.nhid = Some(words.number(word)?),
            "master" => found.master = Some(words.text(word)?),
            "permanent" | "static" | "stale" => found.state = Some(word.to_owned()),
            "self" => found.on_self = true,
            // What `link-netnsid` says is the device's, not the entry's.
            "link-netnsid" => {
                words.value(word)?;
            }
            "used" => {
                let (used, updated) = words
                    .value(word)?
                    .split_once('/')
                    .ok_or_else(|| line.error("`used N/N`"))?;
                found.used_s = Some(line.number(used, "used")?);
                found.updated_s = Some(line.number(updated, "updated")?);
            }
            _ if FLAGS.contains(&word) => found.flags.push(word.to_owned()),
            _ => return Err(words.unknown(word, "an attribute of a forwarding entry")),
        }
    }
    Ok(found)
}

fn is_mac(word: &str) -> bool {
    word.len() == 17
        && word
            .split(':')
            .all(|b| b.len() == 2 && b.bytes().all(|c| c.is_ascii_hexdigit()))
}

#[derive(Deserialize)]
struct RawEntry {
    mac: String,
    ifname: Option<String>,
    dst: Option<String>,
    vlan: Option<u32>,
    vni: Option<u32>,
    src_vni: Option<u32>,
    port: Option<serde_json::Value>,
    #[serde(alias = "viaIf")]
    via: Option<String>,
    #[serde(alias = "nhid")]
    nexthop_id: Option<u32>,
    master: Option<String>,
    state: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    used: Option<u64>,
    updated: Option<u64>,
}

impl RawEntry {
    fn typed(self) -> FdbEntry {
        FdbEntry {
            mac: self.mac,
            dev: self.ifname,
            dst: self.dst,
            vlan: self.vlan,
            vni: self.vni,
            src_vni: self.src_vni,
            port: self.port.as_ref().and_then(crate::text::json_word),
            via: self.via,
            nhid: self.nexthop_id,
            master: self.master,
            // JSON gives learned entries an empty state.
            state: self.state.filter(|s| !s.is_empty()),
            on_self: self.flags.iter().any(|f| f == "self"),
            flags: self
                .flags
                .into_iter()
                .filter(|f| f != "self" && f != "master")
                .collect(),
            used_s: self.used,
            updated_s: self.updated,
        }
    }
}
