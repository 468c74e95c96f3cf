use crate::{
    data::fail,
    facts::{self, one_line},
    host::{Hand, Result, failure_map, to_script, unanswered},
};
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_core::{Argv, Effect, Question, Target};
use runbook_parsers::probe;
use serde_json::json;
use std::time::Duration;

/// `namespace/pod` or the name of a node.
fn place(text: &str) -> Result<Target> {
    match text.contains('/') {
        true => super::pod::reference(text).map(Target::Pod),
        false => super::node::name_of(&text.into()).map(Target::Node),
    }
}

fn number(options: &Map, key: &str) -> Result<Option<i64>> {
    options
        .get(key)
        .map(|v| {
            v.as_int()
                .map_err(|kind| fail(format!("`{key}` is a number, not {kind}")))
        })
        .transpose()
}

/// Only what names an address or a host: it becomes an argument of a program, and must not read as an option.
fn host(text: &str) -> Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    let ok = !text.is_empty() && !text.starts_with('-') && text.len() <= 253 && text.chars().all(plain);
    ok.then_some(text)
        .ok_or_else(|| fail(format!("`{text}` is neither an address nor a name")))
}

fn argv(words: &[&str]) -> Argv {
    words.iter().map(ToString::to_string).collect()
}

/// What `curl -w` is asked to say, as JSON.
const WRITE_OUT: &str = r#"{"time_namelookup":%{time_namelookup},"time_connect":%{time_connect},"time_starttransfer":%{time_starttransfer},"time_total":%{time_total},"size_download":%{size_download},"http_code":%{http_code},"remote_ip":"%{remote_ip}","exitcode":%{exitcode},"errormsg":"%{errormsg}"}\n"#;

/// A ping as a question; `options` as `measure::ping` takes them.
fn ping_question(from: &str, address: &str, options: &Map) -> Result<Question> {
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

/// A TCP connection as a question.
fn connect_question(from: &str, address: &str, port: i64) -> Result<Question> {
    let port = u16::try_from(port)
        .map_err(|_| fail(format!("{port} is no port")))?
        .to_string();
    let address = host(address)?;
    let bracketed = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_string()
    };
    let url = format!("http://{bracketed}:{port}/");
    let forms = vec![
        argv(&["nc", "-zv", "-w", "2", address, &port]),
        argv(&["curl", "-sS", "-o", "/dev/null", "-m", "3", "-w", WRITE_OUT, &url]),
    ];
    Ok(facts::command(
        place(from)?,
        forms,
        Effect::Probe,
        Duration::from_secs(8),
    ))
}

/// One entry of `measure::together`.
fn read_probe(probe: &Dynamic) -> Result<Question> {
    let probe = probe.read_lock::<Map>().ok_or_else(|| fail("a probe is a map"))?;
    let text = |key: &str| {
        let value = probe.get(key).and_then(|v| v.clone().into_string().ok());
        value.ok_or_else(|| fail(format!("a probe needs `{key}`")))
    };
    let known = ["from", "address", "port", "count", "payload_bytes", "dont_fragment"];
    if let Some(key) = probe.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(fail(format!("a probe has no `{key}`; it has {}", known.join(", "))));
    }
    match number(&probe, "port")? {
        Some(port) => connect_question(&text("from")?, &text("address")?, port),
        None => ping_question(&text("from")?, &text("address")?, &probe),
    }
}

/// Probes: what happens when something is really sent. They need `--allow probe`; a recording answers them without any effect.
#[export_module]
pub(crate) mod measure {
    /// Asks several probes of several places at once, so that `measure::ping` and `measure::connect` of each are answered.
    ///
    /// `probes`: maps `#{ from, address }` for a ping (with `count`, `payload_bytes`, `dont_fragment` as there), with `port` for
    /// a connection. One round trip for each place. Effect: probe. Errors: not a probe; what fails is told by its own call.
    /// ```rhai
    /// measure::together([#{ from: "kworker-1", address: "198.18.0.2" }, #{ from: "kworker-1", address: "198.18.0.250", port: 6443 }]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn together(cx: NativeCallContext<'_>, probes: Array) -> Result<()> {
        let questions = probes.iter().map(super::read_probe).collect::<Result<Vec<_>>>()?;
        Hand::of(&cx)?.ask(questions, false).map(drop)
    }

    /// Returns whether an address answers three small pings from a node or a pod.
    ///
    /// `from` is a node's name or `namespace/pod`. Shape: `#{ reachable, transmitted, received, loss_ratio, rtt_avg_ms, errors }`.
    /// Source: `ping`. Effect: probe. Errors: no `ping` there, effect not allowed, not recorded.
    /// ```rhai
    /// assert(measure::ping("kworker-1", "198.18.0.2").reachable);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn ping(cx: NativeCallContext<'_>, from: &str, address: &str) -> Result<Dynamic> {
        ping_with(cx, from, address, Map::new())
    }

    /// Returns whether an address answers pings of a size: `payload_bytes` (without headers), `dont_fragment`, `count`.
    ///
    /// Shape: as `measure::ping`; `errors` name the MTU that a router told. Source: `ping`. Effect: probe. Errors: as `measure::ping`.
    /// ```rhai
    /// let small = measure::ping("kworker-1", "198.18.0.2", #{ count: 5 });
    /// assert(small.loss_ratio == 0.0);
    /// ```
    #[rhai_fn(return_raw, name = "ping")]
    pub fn ping_with(cx: NativeCallContext<'_>, from: &str, address: &str, options: Map) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let evidence = hand.ask_one(super::ping_question(from, address, &options)?)?;
        let target = evidence.question.target();
        let output = evidence
            .answer
            .output()
            .map_err(|f| unanswered(&format!("a ping of {address}"), &target, &f))?;
        let read = probe::ping::parse_with_stderr(&output.stdout.text(), &output.stderr.text());
        let read = read.map_err(|e| failure_map(format!("ping of {address} from {target}: {e}"), "format", &target))?;
        let received = read.received.unwrap_or(0);
        let mut value = serde_json::to_value(&read).map_err(|e| fail(e.to_string()))?;
        value["reachable"] = (received > 0).into();
        Ok(to_script(value, true, &[evidence.id]))
    }

    /// Returns whether something accepts a TCP connection.
    ///
    /// Shape: `#{ open, outcome: "open"|"refused"|"timeout"|"unreachable"|"other", text }`. `refused` proves that packets go
    /// there and back. Source: `nc -z`, else `curl`. Effect: probe. Errors: as `measure::ping`.
    /// ```rhai
    /// let web = measure::connect("shop/frontend-6d4cf56db6-x7k2p", "10.65.74.193", 8080);
    /// assert(web.outcome != "");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn connect(cx: NativeCallContext<'_>, from: &str, address: &str, port: i64) -> Result<Dynamic> {
        let evidence = Hand::of(&cx)?.ask_one(super::connect_question(from, address, port)?)?;
        let target = evidence.question.target();
        let what = format!("a connection to {address}:{port}");
        let output = evidence.answer.output().map_err(|f| unanswered(&what, &target, &f))?;
        let by_curl = evidence
            .answer
            .argv
            .as_ref()
            .is_some_and(|a| a.first().is_some_and(|p| p.ends_with("curl")));
        let said = format!("{}\n{}", output.stdout.text(), output.stderr.text());
        let outcome = match (by_curl, output.exit) {
            (_, 0) => "open",
            (true, 7) | (false, 1) if said.contains("efused") => "refused",
            (true, 28) => "timeout",
            // An HTTP server, or another one, that talked to us after the connection was made.
            (true, 1 | 8 | 52 | 56) => "open",
            _ if said.contains("timed out") => "timeout",
            _ if said.contains("nreachable") || said.contains("No route") => "unreachable",
            _ => "other",
        };
        let value = json!({"open": outcome == "open", "outcome": outcome, "text": one_line(said.trim())});
        Ok(to_script(value, true, &[evidence.id]))
    }
}
