//! The indented lines below a protocol in `show protocols all`.

use serde::Serialize;

/// A line of details without a field of its own: `Restart timer`, `60/-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Detail<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// The way of routes between a protocol and one table.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Channel<'a> {
    /// `ipv4`, `ipv6`; `null` for BIRD 1.6.
    pub name: Option<&'a str>,
    /// `UP`, `DOWN`, ...; `null` for BIRD 1.6.
    pub state: Option<&'a str>,
    pub table: Option<&'a str>,
    /// Preference given to routes that name none.
    pub preference: Option<u32>,
    /// A name, `ACCEPT`, `REJECT` or `(unnamed)`.
    pub input_filter: Option<&'a str>,
    pub output_filter: Option<&'a str>,
    pub routes: RouteCounts,
    pub changes: RouteChanges,
    /// The address that BGP announces as next hop, of BIRD 2.
    pub next_hop: Option<&'a str>,
    pub other: Vec<Detail<'a>>,
}

/// Numbers of routes now; `null` where BIRD does not print that number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RouteCounts {
    pub imported: Option<u64>,
    /// Received and kept, but rejected by the import filter. Printed only where there are some.
    pub filtered: Option<u64>,
    pub exported: Option<u64>,
    pub preferred: Option<u64>,
}

/// Numbers of changes since the protocol started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RouteChanges {
    pub import_updates: Option<Changes>,
    pub import_withdraws: Option<Changes>,
    pub export_updates: Option<Changes>,
    pub export_withdraws: Option<Changes>,
}

/// `null` where BIRD prints `---`: that count has no meaning in this row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Changes {
    pub received: Option<u64>,
    pub rejected: Option<u64>,
    pub filtered: Option<u64>,
    pub ignored: Option<u64>,
    pub accepted: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Bgp<'a> {
    /// `Established`, `Idle`, `Connect`, `Active`, `Passive`, `OpenSent`, `OpenConfirm`, `Close`, `Down`.
    pub state: Option<&'a str>,
    pub neighbor_address: Option<&'a str>,
    pub neighbor_as: Option<u32>,
    pub local_as: Option<u32>,
    /// Router id of the neighbour, known once it answered.
    pub neighbor_id: Option<&'a str>,
    /// Capabilities; nested ones of BIRD 2 follow their parent.
    pub local_capabilities: Vec<&'a str>,
    pub neighbor_capabilities: Vec<&'a str>,
    /// `internal multihop AS4`: whether both sides have one AS, and what they agreed on.
    pub session: Option<&'a str>,
    pub source_address: Option<&'a str>,
    pub hold_timer: Option<Timer>,
    pub keepalive_timer: Option<Timer>,
    /// Time until the next attempt, after the start and between attempts.
    pub connect_delay: Option<Timer>,
    /// Time until the next attempt, after an error.
    pub error_wait: Option<Timer>,
    /// The neighbour restarts; its routes are kept until `restart_timer` ends.
    pub neighbor_restarting: bool,
    pub restart_timer: Option<Timer>,
    pub last_error: Option<&'a str>,
    pub other: Vec<Detail<'a>>,
}

/// `170/240`: seconds left, of seconds in all; `null` for `-`, a timer that does not run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timer {
    pub left_s: Option<f64>,
    pub of_s: Option<f64>,
}

#[derive(Debug, Default)]
pub(super) struct Details<'a> {
    pub(super) description: Option<&'a str>,
    pub(super) channels: Vec<Channel<'a>>,
    pub(super) bgp: Option<Bgp<'a>>,
    pub(super) other: Vec<Detail<'a>>,
    columns: Vec<&'a str>,
    part: Part,
}

/// The part that deeper lines belong to.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Part {
    #[default]
    Protocol,
    Channel,
    Session,
    LocalCapabilities,
    NeighborCapabilities,
}

impl<'a> Details<'a> {
    pub(super) fn line(&mut self, line: &'a str) {
        let depth = line.len() - line.trim_start().len();
        let body = line.trim();
        if depth <= 2 {
            self.part = Part::Protocol;
        }
        if self.capability(depth, body) {
            return;
        }
        if let Some(name) = body.strip_prefix("Channel ").filter(|_| depth <= 2) {
            self.channels.push(Channel {
                name: Some(name.trim()),
                ..Channel::default()
            });
            self.part = Part::Channel;
            return;
        }
        let (name, value) = body.split_once(':').unwrap_or((body, ""));
        let detail = Detail {
            name,
            value: value.trim(),
        };
        match (self.part, detail.name) {
            (_, "BGP state") => {
                self.bgp.get_or_insert_default().state = Some(detail.value);
                self.part = Part::Session;
            }
            (Part::Protocol, "Description") => self.description = Some(detail.value),
            (Part::Session, _) => self.bgp.get_or_insert_default().detail(detail),
            (Part::Channel, _) => self.channel(detail),
            _ if is_channel_line(name) => {
                // BIRD 1.6: what BIRD 2 calls a channel stands directly below the protocol.
                self.channels.is_empty().then(|| self.channels.push(Channel::default()));
                self.part = Part::Channel;
                self.channel(detail);
            }
            _ => self.other.push(detail),
        }
    }

    /// Takes the lines below `Local capabilities` and `Neighbor capabilities`, which are deeper than these.
    fn capability(&mut self, depth: usize, body: &'a str) -> bool {
        if matches!(self.part, Part::LocalCapabilities | Part::NeighborCapabilities) && depth <= 4 {
            self.part = Part::Session;
        }
        let Some(bgp) = &mut self.bgp else { return false };
        match (self.part, body) {
            (Part::Session, "Local capabilities") => self.part = Part::LocalCapabilities,
            (Part::Session, "Neighbor capabilities") => self.part = Part::NeighborCapabilities,
            (Part::LocalCapabilities, _) => bgp.local_capabilities.push(body),
            (Part::NeighborCapabilities, _) => bgp.neighbor_capabilities.push(body),
            _ => return false,
        }
        true
    }

    fn channel(&mut self, detail: Detail<'a>) {
        let Some(channel) = self.channels.last_mut() else {
            return;
        };
        let Detail { name, value } = detail;
        let known = match name {
            "State" => set(&mut channel.state, Some(value)),
            "Table" => set(&mut channel.table, Some(value)),
            "Preference" => set(&mut channel.preference, value.parse().ok()),
            "Input filter" => set(&mut channel.input_filter, Some(value)),
            "Output filter" => set(&mut channel.output_filter, Some(value)),
            "Routes" => channel.routes.read(value),
            "BGP Next hop" => set(&mut channel.next_hop, Some(value)),
            "Route change stats" => {
                self.columns = value.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
                true
            }
            "Import updates" => set(&mut channel.changes.import_updates, changes(&self.columns, value)),
            "Import withdraws" => set(&mut channel.changes.import_withdraws, changes(&self.columns, value)),
            "Export updates" => set(&mut channel.changes.export_updates, changes(&self.columns, value)),
            "Export withdraws" => set(&mut channel.changes.export_withdraws, changes(&self.columns, value)),
            _ => false,
        };
        if !known {
            channel.other.push(detail);
        }
    }
}

fn is_channel_line(name: &str) -> bool {
    matches!(
        name,
        "Preference"
            | "Input filter"
            | "Output filter"
            | "Routes"
            | "Route change stats"
            | "Import limit"
            | "Export limit"
            | "Receive limit"
            | "Import updates"
            | "Import withdraws"
            | "Export updates"
            | "Export withdraws"
    )
}

impl<'a> Bgp<'a> {
    fn detail(&mut self, detail: Detail<'a>) {
        let Detail { name, value } = detail;
        let known = match name {
            "Neighbor address" => set(&mut self.neighbor_address, Some(value)),
            "Neighbor AS" => set(&mut self.neighbor_as, value.parse().ok()),
            "Local AS" => set(&mut self.local_as, value.parse().ok()),
            "Neighbor ID" => set(&mut self.neighbor_id, Some(value)),
            "Neighbor caps" => {
                self.neighbor_capabilities = value.split_ascii_whitespace().collect();
                true
            }
            "Session" => set(&mut self.session, Some(value)),
            "Source address" => set(&mut self.source_address, Some(value)),
            "Hold timer" => set(&mut self.hold_timer, timer(value)),
            "Keepalive timer" => set(&mut self.keepalive_timer, timer(value)),
            "Connect delay" => set(&mut self.connect_delay, timer(value)),
            "Error wait" => set(&mut self.error_wait, timer(value)),
            "Restart timer" => set(&mut self.restart_timer, timer(value)),
            "Neighbor graceful restart active" => {
                self.neighbor_restarting = true;
                true
            }
            "Last error" => set(&mut self.last_error, Some(value)),
            _ => false,
        };
        if !known {
            self.other.push(detail);
        }
    }
}

/// Stores what was read; `false` if nothing was, so that the line is kept as text.
fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    *field = value;
    field.is_some()
}

impl RouteCounts {
    /// `3 imported, 1 filtered, 3 exported, 2 preferred`
    fn read(&mut self, text: &str) -> bool {
        let mut known = true;
        for part in text.split(',') {
            let Some((count, what)) = part.trim().split_once(' ') else {
                return false;
            };
            let count = count.parse().ok();
            known &= match what {
                "imported" => set(&mut self.imported, count),
                "filtered" => set(&mut self.filtered, count),
                "exported" => set(&mut self.exported, count),
                "preferred" => set(&mut self.preferred, count),
                _ => false,
            };
        }
        known
    }
}

/// A row of counts below the names of its columns. Newer versions have more columns.
fn changes(columns: &[&str], row: &str) -> Option<Changes> {
    let counts: Vec<&str> = row.split_ascii_whitespace().collect();
    let mut changes = Changes::default();
    if counts.len() != columns.len() || counts.is_empty() {
        return None;
    }
    for (column, count) in columns.iter().zip(counts) {
        let count = match count {
            "---" => None,
            number => Some(number.parse().ok()?),
        };
        match *column {
            "received" => changes.received = count,
            "rejected" => changes.rejected = count,
            "filtered" => changes.filtered = count,
            "ignored" => changes.ignored = count,
            "accepted" => changes.accepted = count,
            _ => return None,
        }
    }
    Some(changes)
}

fn timer(text: &str) -> Option<Timer> {
    let (left, of) = text.split_once('/')?;
    let seconds = |text: &str| match text.trim() {
        "-" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some(Timer {
        left_s: seconds(left)?,
        of_s: seconds(of)?,
    })
}
