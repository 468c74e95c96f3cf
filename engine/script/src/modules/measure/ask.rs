//! The probes as questions, and what came back as numbers.

use super::{
    statistics::Spread,
    stream::{self, Stream},
    web,
};
use crate::{
    data::{fail, from_dynamic},
    facts,
    host::{Hand, Result, failure_map, to_script, unanswered},
};
use rhai::{Dynamic, Map};
use runbook_core::{Answer, Argv, Effect, Output, Question, Target};
use runbook_parsers::probe;
use serde_json::{Value, json};
use std::time::Duration;

/// `namespace/pod` or the name of a node.
pub(super) fn place(text: &str) -> Result<Target> {
    match text.contains('/') {
        true => super::super::pod::reference(text).map(Target::Pod),
        false => super::super::node::name_of(&text.into()).map(Target::Node),
    }
}

pub(super) fn number(options: &Map, key: &str) -> Result<Option<i64>> {
    options
        .get(key)
        .map(|v| {
            v.as_int()
                .map_err(|kind| fail(format!("`{key}` is a number, not {kind}")))
        })
        .transpose()
}

/// Only what names an address or a host: it becomes an argument of a program, and must not read as an option.
pub(super) fn host(text: &str) -> Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    let ok = !text.is_empty() && !text.starts_with('-') && text.len() <= 253 && text.chars().all(plain);
    ok.then_some(text)
        .ok_or_else(|| fail(format!("`{text}` is neither an address nor a name")))
}

pub(super) fn argv(words: &[&str]) -> Argv {
    words.iter().map(ToString::to_string).collect()
}

/// What `curl -w` is asked to say, as JSON.
pub(super) const WRITE_OUT: &str = r#"{"time_namelookup":%{time_namelookup},"time_connect":%{time_connect},"time_starttransfer":%{time_starttransfer},"time_total":%{time_total},"size_download":%{size_download},"http_code":%{http_code},"remote_ip":"%{remote_ip}","exitcode":%{exitcode},"errormsg":"%{errormsg}"}\n"#;

/// A ping as a question; `options` as `measure::ping` takes them.
pub(super) fn ping_question(from: &str, address: &str, options: &Map) -> Result<Question> {
    let count = number(options, "count")?.unwrap_or(3).clamp(1, 100);
    let size = number(options, "payload_bytes")?.map(|s| s.clamp(0, 65_507).to_string());
    let dont_fragment = options.get("dont_fragment").is_some_and(|v| v.as_bool() == Ok(true));
    let count_text = count.to_string();
    let mut quick = vec!["ping", "-c", &count_text, "-i", "0.2", "-W", "1"];
    // busybox takes no fractions of a second.
    let mut plain = vec!["ping", "-c", &count_text, "-W", "1"];
    for form in [&mut quick, &mut plain] {
        if dont_fragment {
            form.extend(["-M", "do"]);
        }
        if let Some(size) = &size {
            form.extend(["-s", size]);
        }
        form.push(host(address)?);
    }
    let timeout = Duration::from_secs(5 + 2 * count.unsigned_abs());
    Ok(facts::command(
        place(from)?,
        vec![argv(&quick), argv(&plain)],
        Effect::Probe,
        timeout,
    ))
}

pub(super) fn port_number(port: i64) -> Result<u16> {
    u16::try_from(port).map_err(|_| fail(format!("{port} is no port")))
}

/// An HTTP request, as curl is asked for it. Port 80 is not written, as people do not write it either.
pub(super) fn curl(address: &str, port: u16) -> Result<Argv> {
    let address = host(address)?;
    let bracketed = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_string()
    };
    let url = match port {
        80 => format!("http://{bracketed}/"),
        _ => format!("http://{bracketed}:{port}/"),
    };
    Ok(argv(&[
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-m",
        "3",
        "-w",
        WRITE_OUT,
        &url,
    ]))
}

/// A TCP connection as a question.
pub(super) fn connect_question(from: &str, address: &str, port: i64) -> Result<Question> {
    let port = port_number(port)?;
    let nc = argv(&["nc", "-zv", "-w", "2", host(address)?, &port.to_string()]);
    let forms = vec![nc, curl(address, port)?];
    Ok(facts::command(
        place(from)?,
        forms,
        Effect::Probe,
        Duration::from_secs(8),
    ))
}

/// One entry of `measure::together`.
pub(super) fn read_probe(probe: &Dynamic) -> Result<Question> {
    let probe = probe.read_lock::<Map>().ok_or_else(|| fail("a probe is a map"))?;
    let text = |key: &str| {
        let value = probe.get(key).and_then(|v| v.clone().into_string().ok());
        value.ok_or_else(|| fail(format!("a probe needs `{key}`")))
    };
    let known = [
        "from",
        "address",
        "port",
        "name",
        "server",
        "tcp",
        "url",
        "count",
        "payload_bytes",
        "dont_fragment",
    ];
    if let Some(key) = probe.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(fail(format!("a probe has no `{key}`; it has {}", known.join(", "))));
    }
    if probe.contains_key("name") {
        return web::lookup_question(&text("from")?, &text("name")?, &probe);
    }
    if probe.contains_key("url") {
        return web::http_question(&text("from")?, &text("url")?);
    }
    match number(&probe, "port")? {
        Some(port) => connect_question(&text("from")?, &text("address")?, port),
        None => ping_question(&text("from")?, &text("address")?, &probe),
    }
}

/// A ping's answer, read.
pub(super) fn read_ping(output: &Output, address: &str, target: &Target) -> Result<probe::ping::Ping> {
    let read = probe::ping::parse_with_stderr(&output.stdout.text(), &output.stderr.text());
    read.map_err(|e| failure_map(format!("ping of {address} from {target}: {e}"), "format", target))
}

/// Round trip times in numbers. The first of many waits for ARP and for caches: it is told apart.
pub(super) fn round_trips(ping: &probe::ping::Ping) -> Value {
    let times: Vec<f64> = ping
        .replies
        .iter()
        .filter(|r| !r.duplicate)
        .filter_map(|r| r.time_ms)
        .collect();
    let samples = if times.len() > 5 { &times[1..] } else { &times[..] };
    let mut value = json!(Spread::of(samples));
    let received = ping.received.unwrap_or(times.len() as u64);
    let sent = ping.transmitted.unwrap_or(received);
    value["samples_ms"] = json!(samples);
    value["first_ms"] = json!(times.first());
    value["sent"] = sent.into();
    value["received"] = received.into();
    value["lost"] = sent.saturating_sub(received).into();
    value["loss_ratio"] = json!(ping.loss_ratio);
    value
}

/// The numbers of a series: a list, or something with `samples_ms`.
pub(super) fn series(value: &Dynamic) -> Result<Vec<f64>> {
    let plain = from_dynamic(value).map_err(fail)?;
    let list = plain.get("samples_ms").unwrap_or(&plain);
    let list = list
        .as_array()
        .ok_or_else(|| fail("a series is a list of numbers, or what `measure::rtt` gives"))?;
    let numbers = list.iter().map(|v| v.as_f64().filter(|n| n.is_finite()));
    numbers
        .collect::<Option<_>>()
        .ok_or_else(|| fail("a series holds something that is no number"))
}

/// The packet sizes of common links and tunnels, largest first: 9001 jumbo, Ethernet and what encapsulations leave of it.
pub(super) const USUAL_MTUS: [i64; 18] = [
    9001, 9000, 8981, 8951, 8941, 1500, 1480, 1460, 1450, 1440, 1430, 1420, 1410, 1400, 1390, 1350, 1300, 1228,
];

/// IPv4 and ICMP headers.
pub(super) const PING_HEADERS: i64 = 28;

/// A small ping of this address from there, where an answer in a journal is one.
pub(super) fn small_ping(
    question: &Question,
    answer: &Answer,
    target: &Target,
    address: &str,
) -> Option<(probe::ping::Ping, Answer)> {
    let Question::Command(command) = question else {
        return None;
    };
    let argv = command.forms.first()?;
    let plain = !argv.iter().any(|w| w == "-s" || w == "-M");
    let same = command.target == *target && argv.first()? == "ping" && argv.last()? == address && plain;
    let output = answer.output().ok().filter(|_| same)?;
    let ping = probe::ping::parse_with_stderr(&output.stdout.text(), &output.stderr.text()).ok()?;
    Some((ping, answer.clone()))
}

pub(super) fn read_stream(address: &str, options: &Map) -> Result<(Stream, Option<Target>)> {
    let known = ["streams", "seconds", "reverse", "port", "server"];
    if let Some(key) = options.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(fail(format!("a stream has no `{key}`; it has {}", known.join(", "))));
    }
    let server = options.get("server").filter(|s| !s.is_unit());
    let server = server.map(|s| place(&s.to_string())).transpose()?;
    let stream = Stream {
        address: host(address)?.to_string(),
        streams: number(options, "streams")?.unwrap_or(1).clamp(1, 32),
        seconds: number(options, "seconds")?.unwrap_or(3).clamp(1, 20),
        reverse: options.get("reverse").is_some_and(|v| v.as_bool() == Ok(true)),
        port: port_number(number(options, "port")?.unwrap_or(stream::PORT.into()))?,
    };
    Ok((stream, server))
}

/// A listener where one is asked for, then the client. What the listener's start says matters only if the client fails.
pub(super) fn run_stream(hand: &Hand, from: &Target, stream: &Stream, server: Option<Target>) -> Result<Dynamic> {
    let what = format!("a TCP stream to {}", stream.address);
    if let Some(at) = &server {
        hand.ask(vec![stream.listen(at.clone())], true)?;
    }
    let evidence = hand.ask_one(stream.iperf3(from.clone()))?;
    let by_iperf3 = match evidence.answer.output() {
        Ok(output) => stream::read_iperf3(output, stream.streams).map(|v| to_script(v, true, &[evidence.id])),
        Err(failure) => Err(unanswered(&what, from, &failure)),
    };
    let Some(at) = server.filter(|_| by_iperf3.is_err() && stream.streams == 1 && !stream.reverse) else {
        return by_iperf3;
    };
    hand.ask(vec![stream.listen_plain(at.clone())], true)?;
    let mut best = None;
    // Two mebibytes tell how many fill the time.
    for mebibytes in [2, 64, 1024] {
        if mebibytes > 2 {
            hand.ask(vec![stream.listen_plain(at.clone())], true)?;
        }
        let evidence = hand.ask_one(stream.send_plain(from.clone(), mebibytes))?;
        let sent = evidence
            .answer
            .output()
            .ok()
            .filter(|o| o.exit == 0)
            .and_then(stream::read_dd);
        let Some(sent) = sent else { break };
        let enough = sent.seconds_s > 0.5;
        best = Some(to_script(json!(sent), true, &[evidence.id]));
        if enough {
            break;
        }
    }
    best.map_or(by_iperf3, Ok)
}
