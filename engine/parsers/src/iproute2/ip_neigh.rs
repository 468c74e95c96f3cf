//! `ip neigh`: which link address answers for which IP address.

use super::address::split;
use crate::ParseError;
use crate::text::{Line, clean, is_json, json, lines};
use serde::{Deserialize, Serialize};

/// One neighbour entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Neighbour {
    pub address: String,
    /// Not printed when the command named a device.
    pub dev: Option<String>,
    /// MAC address; none while `INCOMPLETE` and when `FAILED`.
    pub lladdr: Option<String>,
    /// Usually one of `REACHABLE`, `STALE`, `DELAY`, `PROBE`, `FAILED`, `INCOMPLETE`, `PERMANENT`, `NOARP`, `NONE`.
    pub states: Vec<String>,
    /// Who made it, when a routing daemon says so.
    pub proto: Option<String>,
    pub proxy: bool,
    pub router: bool,
    pub extern_learn: bool,
    pub offload: bool,
    pub managed: bool,
    /// Seconds since last used, confirmed and updated; needs `-s`.
    pub used_s: Option<u64>,
    pub confirmed_s: Option<u64>,
    pub updated_s: Option<u64>,
    pub refcount: Option<u64>,
    pub probes: Option<u64>,
}

const STATES: &[&str] = &[
    "REACHABLE",
    "STALE",
    "DELAY",
    "PROBE",
    "FAILED",
    "INCOMPLETE",
    "PERMANENT",
    "NOARP",
    "NONE",
];

/// Reads `ip neigh` (or `ip neigh show proxy`), with or without `-j`, `-s`; of iproute2 or busybox.
///
/// Shape: a list of [`Neighbour`]; ages in seconds.
pub fn parse(text: &str) -> Result<Vec<Neighbour>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let raw: Vec<RawNeighbour> = json(&text, "the neighbours of `ip -j neigh`")?;
        return Ok(raw.into_iter().map(RawNeighbour::typed).collect());
    }
    lines(&text).map(neighbour).collect()
}

fn neighbour(line: Line<'_>) -> Result<Neighbour, ParseError> {
    let mut words = line.words();
    let address = words.next().filter(|w| split(w).is_some());
    let address = address.ok_or_else(|| line.error("a neighbour: `ADDRESS dev NAME lladdr MAC STATE`"))?;
    let mut found = Neighbour {
        address: address.to_owned(),
        ..Neighbour::default()
    };
    while let Some(word) = words.next() {
        match word {
            "dev" => found.dev = Some(words.text(word)?),
            "lladdr" => found.lladdr = Some(words.text(word)?),
            "proxy" => found.proxy = true,
            "router" => found.router = true,
            "extern_learn" => found.extern_learn = true,
            "offload" => found.offload = true,
            "managed" => found.managed = true,
            "ref" => found.refcount = Some(words.number(word)?),
            "probes" => found.probes = Some(words.number(word)?),
            "proto" => found.proto = Some(words.text(word)?),
            "used" => {
                let ages = words.value(word)?;
                // iproute2 6.1 leaves out the blank: `used 2/2/4probes 0`.
                let (ages, probes) = ages.strip_suffix("probes").map_or((ages, false), |a| (a, true));
                read_ages(&mut found, line, ages)?;
                if probes {
                    found.probes = Some(words.number("probes")?);
                }
            }
            _ if STATES.contains(&word) => found.states.push(word.to_owned()),
            _ => return Err(words.unknown(word, "an attribute or state of a neighbour")),
        }
    }
    Ok(found)
}

fn read_ages(found: &mut Neighbour, line: Line<'_>, ages: &str) -> Result<(), ParseError> {
    let mut ages = ages.split('/').map(|age| line.number(age, "used/confirmed/updated"));
    found.used_s = ages.next().transpose()?;
    found.confirmed_s = ages.next().transpose()?;
    found.updated_s = ages.next().transpose()?;
    Ok(())
}

#[derive(Deserialize)]
struct RawNeighbour {
    dst: String,
    dev: Option<String>,
    lladdr: Option<String>,
    #[serde(default)]
    state: Vec<String>,
    protocol: Option<String>,
    // Flags are keys with the value `null`, so what counts is that the key is there.
    #[serde(default)]
    proxy: Present,
    #[serde(default)]
    router: Present,
    #[serde(default)]
    extern_learn: Present,
    #[serde(default)]
    offload: Present,
    #[serde(default)]
    managed: Present,
    used: Option<u64>,
    confirmed: Option<u64>,
    updated: Option<u64>,
    refcnt: Option<u64>,
    probes: Option<u64>,
}

/// Whether a key is there, whatever its value.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: serde::Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(value).map(|_| Present(true))
    }
}

impl RawNeighbour {
    fn typed(self) -> Neighbour {
        Neighbour {
            address: self.dst,
            dev: self.dev,
            lladdr: self.lladdr,
            states: self.state,
            proto: self.protocol,
            proxy: self.proxy.0,
            router: self.router.0,
            extern_learn: self.extern_learn.0,
            offload: self.offload.0,
            managed: self.managed.0,
            used_s: self.used,
            confirmed_s: self.confirmed,
            updated_s: self.updated,
            refcount: self.refcnt,
            probes: self.probes,
        }
    }
}
