//! The text form that `ip link` and `ip addr` share.

use super::ip_link::{Link, Tunnel, Vxlan};
use crate::ParseError;
use crate::text::{Line, Words, lines};

/// Devices, each with the lines (`inet ...`, `valid_lft ...`) that only `ip addr` has.
pub(crate) fn read(text: &str) -> Result<Vec<(Link, Vec<Line<'_>>)>, ParseError> {
    let mut links: Vec<(Link, Vec<Line<'_>>)> = Vec::new();
    let mut counters: Option<Counters<'_>> = None;
    for line in lines(text) {
        if !line.indented() {
            links.push((first_line(line)?, Vec::new()));
            counters = None;
            continue;
        }
        let (link, addresses) = links
            .last_mut()
            .ok_or_else(|| line.error("a device: `1: lo: <...> mtu ...`"))?;
        if let Some(names) = counters.take() {
            names.read(line, link)?;
            continue;
        }
        let trimmed = line.text.trim_start();
        let mut words = line.words();
        match words.next().unwrap_or_default() {
            "inet" | "inet6" | "valid_lft" => addresses.push(line),
            "RX:" | "TX:" => counters = Some(Counters { line }),
            "RX" | "TX" if trimmed.contains("errors:") => {
                counters = Some(Counters { line });
            }
            "alias" => link.alias = Some(trimmed.trim_start_matches("alias").trim_start().to_owned()),
            "altname" => link.altnames.push(words.text("altname")?),
            word if word.starts_with("link/") => hardware(link, word, words)?,
            word => kind(link, word, words)?,
        }
    }
    Ok(links)
}

/// `4: eth0@if5: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP group default qlen 1000`
fn first_line(line: Line<'_>) -> Result<Link, ParseError> {
    const EXPECTED: &str = "a device: `1: lo: <FLAGS> mtu ...`";
    let mut words = line.words();
    let index = words
        .next()
        .and_then(|w| w.strip_suffix(':'))
        .and_then(|w| w.parse().ok());
    let name = words.next().and_then(|w| w.strip_suffix(':'));
    let flags = words.next().and_then(|w| w.strip_prefix('<')?.strip_suffix('>'));
    let (Some(ifindex), Some(name), Some(flags)) = (index, name, flags) else {
        return Err(line.error(EXPECTED));
    };
    let (name, parent) = name.split_once('@').map_or((name, None), |(n, p)| (n, Some(p)));
    let mut link = Link {
        ifindex,
        name: name.to_owned(),
        parent: parent.filter(|p| *p != "NONE").map(str::to_owned),
        ..Link::default()
    }
    .with_flags(flags.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect());
    while let Some(word) = words.next() {
        match word {
            "mtu" => link.mtu = Some(words.number(word)?),
            "qdisc" => link.qdisc = Some(words.text(word)?),
            "master" => link.master = Some(words.text(word)?),
            "state" => link.operstate = Some(words.text(word)?),
            "group" => link.group = Some(words.text(word)?),
            "qlen" => link.txqlen = Some(words.number(word)?),
            "mode" => {
                words.value(word)?;
            }
            _ => return Err(words.unknown(word, "mtu, qdisc, master, state, mode, group or qlen")),
        }
    }
    Ok(link)
}

/// `link/ether 66:f9:69:c6:aa:59 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 0 minmtu 68 ...`
fn hardware(link: &mut Link, word: &str, mut words: Words<'_>) -> Result<(), ParseError> {
    let kind = word.trim_start_matches("link/");
    link.link_type = Some(kind.to_owned());
    if words.peek().is_some_and(|w| w.contains([':', '.'])) {
        link.address = words.next().map(str::to_owned);
    }
    while let Some(word) = words.next() {
        match word {
            "brd" => link.broadcast = Some(words.text(word)?),
            "peer" => link.peer = Some(words.text(word)?),
            "link-netns" => link.link_netns = Some(words.text(word)?),
            "link-netnsid" => link.link_netnsid = Some(words.number(word)?),
            _ => passed_over(word, &mut words)?,
        }
    }
    Ok(())
}

/// Buffers and limits that `-d` prints for every device: known, and of no use to a diagnosis.
fn passed_over(word: &str, words: &mut Words<'_>) -> Result<(), ParseError> {
    match word {
        "promiscuity"
        | "allmulti"
        | "minmtu"
        | "maxmtu"
        | "addrgenmode"
        | "numtxqueues"
        | "numrxqueues"
        | "gso_max_size"
        | "gso_max_segs"
        | "gso_ipv4_max_size"
        | "gro_max_size"
        | "gro_ipv4_max_size"
        | "tso_max_size"
        | "tso_max_segs"
        | "permaddr"
        | "new-netnsid"
        | "new-ifindex"
        | "portname"
        | "portid"
        | "switchid"
        | "parentbus"
        | "parentdev"
        | "max_pacing_offload_horizon"
        | "headroom"
        | "tailroom" => words.value(word).map(drop),
        "protodown" => {
            // `protodown on protodown_reason <...>`
            words.value(word).map(drop)
        }
        "link_netns_immutable" | "netns-immutable" => {
            words.accept("on");
            words.accept("off");
            Ok(())
        }
        _ => Err(words.unknown(word, "a property of a device")),
    }
}

/// The line that begins with the kind of device.
fn kind(link: &mut Link, kind: &str, mut words: Words<'_>) -> Result<(), ParseError> {
    if kind == "protodown" || kind == "protodown_reason" || kind == "vf" || kind.ends_with("_slave") {
        link.details.push(words.line().text.trim().to_owned());
        return Ok(());
    }
    if link.link_kind.is_some() {
        return Err(words.line().error("one line that names the kind of device"));
    }
    // Devices without a kind (hardware, loopback) begin with what every device has.
    if kind == "addrgenmode" {
        words.value(kind)?;
    } else {
        link.link_kind = Some(kind.to_owned());
    }
    match kind {
        "addrgenmode" => {}
        "vxlan" => link.vxlan = Some(vxlan(&mut words)?),
        "ipip" | "sit" | "gre" | "gretap" => link.ipip = Some(tunnel(&mut words)?),
        _ => {
            let mut all = Vec::new();
            while let Some(word) = words.peek().filter(|w| *w != "addrgenmode" && *w != "numtxqueues") {
                all.push(word);
                words.next();
            }
            if !all.is_empty() {
                link.details.push(all.join(" "));
            }
        }
    }
    while let Some(word) = words.next() {
        passed_over(word, &mut words)?;
    }
    Ok(())
}

fn vxlan(words: &mut Words<'_>) -> Result<Vxlan, ParseError> {
    let mut vxlan = Vxlan {
        learning: Some(true),
        ..Vxlan::default()
    };
    while let Some(word) = words.peek().filter(|w| *w != "addrgenmode" && *w != "numtxqueues") {
        words.next();
        match word {
            "id" => vxlan.id = Some(words.number(word)?),
            "local" => vxlan.local = Some(words.text(word)?),
            "remote" => vxlan.remote = Some(words.text(word)?),
            "group" => vxlan.group = Some(words.text(word)?),
            "dev" => vxlan.dev = Some(words.text(word)?),
            "dstport" => vxlan.port = Some(words.number(word)?),
            "nolearning" => vxlan.learning = Some(false),
            "learning" => {}
            "external" => vxlan.external = true,
            "srcport" => {
                words.value(word)?;
                words.value(word)?;
            }
            "ttl" | "tos" | "ageing" | "maxaddr" | "flowlabel" | "df" | "label_policy" => {
                words.value(word)?;
            }
            "proxy" | "rsc" | "l2miss" | "l3miss" | "gbp" | "gpe" | "vnifilter" | "localbypass" => {}
            // Checksum and offload switches, each with its `no` twin.
            _ if word.contains("csum") || word.contains("localbypass") || word.starts_with("remcsum") => {}
            _ => return Err(words.unknown(word, "a property of a VXLAN device")),
        }
    }
    Ok(vxlan)
}

fn tunnel(words: &mut Words<'_>) -> Result<Tunnel, ParseError> {
    let any = |word: &str| (word != "any").then(|| word.to_owned());
    let mut tunnel = Tunnel::default();
    while let Some(word) = words.peek().filter(|w| *w != "addrgenmode" && *w != "numtxqueues") {
        words.next();
        match word {
            "remote" => tunnel.remote = any(words.value(word)?),
            "local" => tunnel.local = any(words.value(word)?),
            "dev" => tunnel.dev = Some(words.text(word)?),
            "ttl" | "hoplimit" => tunnel.ttl = Some(words.text(word)?),
            "pmtudisc" => tunnel.pmtudisc = Some(true),
            "nopmtudisc" => tunnel.pmtudisc = Some(false),
            "mode" => {
                words.value(word)?;
            }
            "tos" | "encap" | "encap-sport" | "encap-dport" | "fwmark" | "6rd-prefix" | "ikey" | "okey" | "key"
            | "6rd-relay_prefix" => {
                words.value(word)?;
            }
            // `external`, `ipip`/`any` after a kind, checksum switches.
            "external" | "ipip" | "ip6ip" | "mplsip" | "any" | "ignore-df" | "noignore-df" | "icsum" | "ocsum"
            | "iseq" | "oseq" | "isatap" => {}
            _ if word.contains("csum") => {}
            _ => return Err(words.unknown(word, "a property of a tunnel device")),
        }
    }
    Ok(tunnel)
}

/// The header line of counters; the values are on the next line.
struct Counters<'a> {
    line: Line<'a>,
}

impl Counters<'_> {
    fn read(self, values: Line<'_>, link: &mut Link) -> Result<(), ParseError> {
        let stats = link.stats.get_or_insert_default();
        let mut names = self.line.words();
        let side = names.next().unwrap_or_default();
        if !side.ends_with(':') {
            // `-s -s`: `RX errors:` and the parts of the sum above.
            link.details
                .push(self.line.words().chain(values.words()).collect::<Vec<_>>().join(" "));
            return Ok(());
        }
        for (name, word) in names.zip(values.words()) {
            let value: u64 = values.number(word, name)?;
            match (side, name) {
                ("RX:", "bytes") => stats.rx_bytes = value,
                ("RX:", "packets") => stats.rx_packets = value,
                ("RX:", "errors") => stats.rx_errors = value,
                ("RX:", "dropped") => stats.rx_dropped = value,
                ("RX:", "missed") => stats.rx_missed = Some(value),
                ("RX:", "overrun") => stats.rx_over_errors = Some(value),
                ("RX:", "mcast") => stats.rx_multicast = Some(value),
                ("TX:", "bytes") => stats.tx_bytes = value,
                ("TX:", "packets") => stats.tx_packets = value,
                ("TX:", "errors") => stats.tx_errors = value,
                ("TX:", "dropped") => stats.tx_dropped = value,
                ("TX:", "carrier") => stats.tx_carrier_errors = Some(value),
                ("TX:", "collsns") => stats.tx_collisions = Some(value),
                _ => return Err(self.line.error("the names of known counters")),
            }
        }
        Ok(())
    }
}
