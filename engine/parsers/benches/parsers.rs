//! Speed of the parsers for the largest outputs, each next to a loop that only splits the same bytes, both in this run.
//!
//! `cargo bench -p runbook-parsers`. With `write iptables-list FILE MEGABYTES` it writes an input for another program,
//! with `read iptables-list FILE` it reads one and tells what that took.

#![allow(clippy::unwrap_used)]

mod beside;

use beside::{both, tell};
use cpu_time::ThreadTime;
use runbook_parsers::{bird::birdcl_show_route, netfilter::iptables_list, netfilter::iptables_save};
use std::fmt::Write;
use std::hint::black_box;

const ENTRIES: usize = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["write", "iptables-list", file, megabytes] => std::fs::write(file, list(megabytes.parse().unwrap())).unwrap(),
        ["read", "iptables-list", file] => read_list(file),
        _ => against_splitting(),
    }
}

fn against_splitting() {
    let save = save();
    tell_split("iptables-save -c, 100,000 rules", &save, |text| {
        let dump = iptables_save::parse(text).unwrap();
        let rules = dump.tables.iter().flat_map(|t| &t.chains).map(|c| c.rules.len());
        assert_eq!((rules.sum(), dump.unparsed.len()), (ENTRIES, 0));
        dump
    });
    let read = |text: &str| {
        let dump = iptables_save::parse(text).unwrap();
        let matches = dump.tables.iter().flat_map(|t| &t.chains).flat_map(|c| c.rules.iter());
        matches.map(|rule| black_box(rule).matches.len()).sum::<usize>()
    };
    // No goal: what a script that looks at every rule pays, where it is usually a few chains.
    eprintln!(
        "the same with every rule looked at: {:.1?}",
        (0..5).map(|_| beside::time(&mut || read(&save))).min()
    );
    for (form, text) in [
        ("", routes(false, false)),
        (" of BIRD 2", routes(true, false)),
        (" all", routes(false, true)),
    ] {
        tell_split(&format!("birdcl show route{form}, 100,000 routes"), &text, |text| {
            let answer = birdcl_show_route::parse(text).unwrap();
            assert_eq!(answer.routes.len(), ENTRIES);
            answer
        });
    }
}

fn tell_split<'t, T>(work: &str, text: &'t str, parse: impl Fn(&'t str) -> T) {
    let (ours, other) = both(15, || parse(text), || split(text));
    tell(work, ours, "lines and fields only", other, 1.5);
}

/// What anyone does first, with nothing kept.
fn split(text: &str) -> usize {
    let fields = |line: &str| {
        line.split_ascii_whitespace()
            .map(|field| black_box(field).len())
            .sum::<usize>()
    };
    text.lines().map(fields).sum()
}

/// What Felix and kube-proxy write for as many pods and services as it takes.
fn save() -> String {
    let mut rules = Vec::new();
    let mut at = 0;
    while rules.len() < ENTRIES {
        let (pod, hash) = (format!("cali{:011x}", at * 7919), format!("{:016X}", at * 104_729));
        let address = format!("10.{}.{}.{}", 64 + (at >> 16), at >> 8 & 255, at & 255);
        let mut add = |chain: &str, rule: &str| {
            rules.push(format!("[{}:{}] -A {chain} {rule}\n", at * 3 % 977, at * 180 % 90_001))
        };
        let tag = |n: usize| format!("-m comment --comment \"cali:{:08x}_{n}aB-xYz\"", at * 31);
        add(
            "cali-from-wl-dispatch",
            &format!("-i {pod} {} -g cali-fw-{pod}", tag(0)),
        );
        let chain = format!("cali-tw-{pod}");
        add(
            &chain,
            &format!("{} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", tag(1)),
        );
        add(&chain, &format!("{} -m conntrack --ctstate INVALID -j DROP", tag(2)));
        add(&chain, &format!("{} -j MARK --set-xmark 0x0/0x10000", tag(3)));
        add(
            &chain,
            &format!(
                "{} -m comment --comment \"Start of tier default\" -j MARK --set-xmark 0x0/0x20000",
                tag(4)
            ),
        );
        add(
            &chain,
            &format!("{} -m mark --mark 0x0/0x20000 -j cali-pi-_{hash}", tag(5)),
        );
        add(
            &chain,
            &format!(
                "{} -m comment --comment \"Return if policy accepted\" -m mark --mark 0x10000/0x10000 -j RETURN",
                tag(6)
            ),
        );
        add(
            &format!("cali-pi-_{hash}"),
            &format!(
                "-p tcp {} -m set --match-set cali40s:{hash} src -m multiport --dports 80,443 -j MARK --set-xmark 0x10000/0x10000",
                tag(7)
            ),
        );
        add(
            "KUBE-SERVICES",
            &format!(
                "-d {address}/32 -p tcp -m comment --comment \"shop/web:http cluster IP\" -m tcp --dport 80 -j KUBE-SVC-{hash}"
            ),
        );
        add(
            &format!("KUBE-SVC-{hash}"),
            &format!(
                "-m comment --comment \"shop/web:http -> {address}:8080\" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-{hash}"
            ),
        );
        add(
            &format!("KUBE-SEP-{hash}"),
            &format!("-s {address}/32 -m comment --comment \"shop/web:http\" -j KUBE-MARK-MASQ"),
        );
        add(
            &format!("KUBE-SEP-{hash}"),
            &format!("-p tcp -m comment --comment \"shop/web:http\" -m tcp -j DNAT --to-destination {address}:8080"),
        );
        at += 1;
    }
    rules.truncate(ENTRIES);
    // The command prints all rules of a chain together, in the order in which it declares the chains.
    let chain = |rule: &String| rule.split(' ').nth(2).unwrap_or_default().to_owned();
    rules.sort_by_cached_key(chain);
    let mut text =
        "# Generated by iptables-save v1.8.9 (nf_tables) on Tue Nov 24 16:31:14 2026\n*filter\n:INPUT ACCEPT [1:2]\n"
            .to_owned();
    let mut chains: Vec<String> = rules.iter().map(chain).collect();
    chains.dedup();
    chains
        .iter()
        .for_each(|chain| writeln!(text, ":{chain} - [0:0]").unwrap());
    text.extend(rules);
    text + "COMMIT\n# Completed on Tue Nov 24 16:31:14 2026\n"
}

/// What a node with that many blocks as neighbours sees.
fn routes(second: bool, all: bool) -> String {
    let mut text = if second {
        "BIRD 2.0.12 ready.\nTable master4:\n"
    } else {
        "BIRD 1.6.8 ready.\n"
    }
    .to_owned();
    for at in 0..ENTRIES {
        let network = format!("10.{}.{}.{}/26", 64 + (at >> 16), at >> 8 & 255, at & 255);
        let peer = format!("172.16.{}.{}", at >> 8 & 15, at & 255);
        let from = format!("[Mesh_{} 16:30:58] * (100/0) [i]", peer.replace('.', "_"));
        match second {
            true => writeln!(text, "{network:<20} unicast {from}\n\tvia {peer} on eth0"),
            false => writeln!(text, "{network:<18} via {peer} on eth0 {from}"),
        }
        .unwrap();
        if all {
            text += "\tType: BGP unicast univ\n\tBGP.origin: IGP\n\tBGP.as_path: \n";
            writeln!(text, "\tBGP.next_hop: {peer}\n\tBGP.local_pref: 100").unwrap();
        }
    }
    text
}

/// `iptables -L -v -n -x` of that size.
fn list(megabytes: usize) -> String {
    let mut text = String::with_capacity(megabytes << 20);
    let mut at = 0usize;
    while text.len() < megabytes << 20 {
        let pod = format!("cali{:011x}", at * 7919);
        let tag = format!("/* cali:{:08x}_aB-xYzQ */", at * 31);
        write!(text, "Chain cali-tw-{pod} (1 references)\n    pkts      bytes target     prot opt in     out     source               destination         \n").unwrap();
        for (target, prot, in_device, source, rest) in [
            ("ACCEPT", "0", "*", "0.0.0.0/0", " ctstate RELATED,ESTABLISHED"),
            ("DROP", "0", "*", "0.0.0.0/0", " ctstate INVALID"),
            ("MARK", "0", "*", "0.0.0.0/0", " MARK and 0xfffeffff"),
            (
                "cali-pi-_Zx81bW",
                "6",
                "cali+",
                "10.64.0.0/16",
                " /* Policy team-7/web ingress */ multiport dports 80,443",
            ),
            (
                "RETURN",
                "0",
                "*",
                "0.0.0.0/0",
                " /* Return if policy accepted */ mark match 0x10000/0x10000",
            ),
        ] {
            let (packets, bytes) = (at * 3 % 977, at * 180 % 90_001);
            writeln!(text, "{packets:8} {bytes:10} {target:<10} {prot:<4} --  {in_device:<6} *       {source:<20} 0.0.0.0/0            {tag}{rest}").unwrap();
        }
        text.push('\n');
        at += 1;
    }
    text
}

/// Prints what reading took, without the time that the file took, and the most memory that the process had.
fn read_list(file: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let start = ThreadTime::now();
    let value = black_box(iptables_list::parse(&text).unwrap());
    let seconds = start.elapsed().as_secs_f64();
    let rules: usize = value.chains.iter().map(|c| c.rules.len()).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!(
        r#"{{"seconds":{seconds},"rules":{rules},"peak_kb":{}}}"#,
        peak.unwrap_or("null")
    );
}
