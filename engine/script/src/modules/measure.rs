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

/// Names one DNS question: `server` and `tcp` as `measure::lookup` takes them.
fn lookup_question(from: &str, name: &str, options: &Map) -> Result<Question> {
    let server = options.get("server").and_then(|v| v.clone().into_string().ok());
    let at = server.as_deref().map(|s| host(s).map(|h| format!("@{h}")));
    let at = at.transpose()?;
    let tcp = options.get("tcp").is_some_and(|v| v.as_bool() == Ok(true));
    let (name, absolute) = (
        host(name)?.trim_end_matches('.'),
        format!("{}.", name.trim_end_matches('.')),
    );
    let dig = |short: bool| {
        let words = [
            tcp.then_some("+tcp"),
            Some("+tries=1"),
            Some("+time=2"),
            short.then_some("+short"),
        ];
        let words = [Some("dig")]
            .into_iter()
            .chain(words)
            .chain([at.as_deref(), Some(name)]);
        argv(&words.flatten().collect::<Vec<_>>())
    };
    let mut forms = vec![dig(false), dig(true)];
    if !tcp {
        let words = [Some("nslookup"), Some(absolute.as_str()), server.as_deref()];
        forms.push(argv(&words.into_iter().flatten().collect::<Vec<_>>()));
        // It follows the pod's own configuration, so it can ask nobody else.
        if server.is_none() {
            forms.push(argv(&["getent", "ahosts", &absolute]));
        }
    }
    Ok(facts::command(
        place(from)?,
        forms,
        Effect::Probe,
        Duration::from_secs(8),
    ))
}

/// What a resolver's tool said, in one form: `(status, addresses, server)`.
fn lookup_answer(
    program: &str,
    exit: i32,
    said: &str,
) -> std::result::Result<(String, Vec<String>, Option<String>), String> {
    // A failing tool that printed nothing that it usually prints.
    let silent = |e: runbook_parsers::ParseError| {
        if exit == 0 {
            Err(e.to_string())
        } else {
            Ok(("other".into(), vec![], None))
        }
    };
    let word = |kind: &str| match kind {
        "timed_out" => "timeout".to_owned(),
        "net_unreachable" | "host_unreachable" => "unreachable".to_owned(),
        other => other.to_owned(),
    };
    match program {
        "dig" => {
            let dig = match probe::dig::parse(said) {
                Ok(dig) => dig,
                Err(e) => return silent(e),
            };
            let addresses = dig
                .answers
                .iter()
                .filter(|a| a.kind == "A" || a.kind == "AAAA")
                .map(|a| a.value.clone());
            let short = dig
                .short
                .iter()
                .filter(|s| s.parse::<std::net::IpAddr>().is_ok())
                .cloned();
            let addresses = addresses.chain(short).collect::<Vec<_>>();
            let failed = dig.errors.first().map(|e| word(&e.kind));
            let status = match (dig.status, failed) {
                (Some(status), _) => status,
                (None, Some(failed)) => failed,
                (None, None) if dig.unreachable => "timeout".into(),
                (None, None) if exit == 0 => "NOERROR".into(),
                (None, None) => "other".into(),
            };
            Ok((status, addresses, dig.server))
        }
        "nslookup" => {
            let found = match probe::nslookup::parse(said) {
                Ok(found) => found,
                Err(e) => return silent(e),
            };
            let status = match found.error {
                _ if !found.answers.is_empty() => "NOERROR".into(),
                Some(kind) if kind == "no_answer" => "NOERROR".into(),
                Some(kind) => word(&kind),
                None => "other".into(),
            };
            Ok((
                status,
                found.answers.into_iter().map(|a| a.address).collect(),
                found.server,
            ))
        }
        // `10.96.0.1  STREAM kubernetes`; exit 2 means only that there was nothing to print.
        _ => {
            let mut addresses = said.lines().filter_map(|l| l.split_whitespace().next());
            let mut known: Vec<String> = vec![];
            for address in addresses.by_ref().filter(|a| a.parse::<std::net::IpAddr>().is_ok()) {
                if !known.iter().any(|k| k == address) {
                    known.push(address.to_owned());
                }
            }
            let status = if known.is_empty() { "other" } else { "NOERROR" };
            Ok((status.into(), known, None))
        }
    }
}

/// An HTTP request as a question.
fn http_question(from: &str, url: &str) -> Result<Question> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_/[]%?=&~".contains(c);
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    if !rest.is_some_and(|r| !r.is_empty() && r.len() <= 400 && r.chars().all(plain)) {
        return Err(fail(format!("`{url}` is no plain http:// or https:// address")));
    }
    let forms = vec![
        argv(&["curl", "-sSk", "-o", "/dev/null", "-m", "5", "-w", WRITE_OUT, url]),
        argv(&["wget", "-T", "5", "-O", "/dev/null", url]),
    ];
    Ok(facts::command(
        place(from)?,
        forms,
        Effect::Probe,
        Duration::from_secs(10),
    ))
}

/// How a request ended, in one word. curl's own exit codes: 6 no name, 7 no connection, 28 time is over, 35 and 60 TLS.
fn http_outcome(by_curl: bool, exit: i32, connected: bool, said: &str) -> &'static str {
    match (by_curl, exit) {
        (true, 0 | 35 | 52 | 56 | 60) | (false, 0) => "answered",
        (true, 6) => "unresolved",
        (true, 28) if connected => "stalled",
        (true, 28) => "timeout",
        (true, _) if said.contains("efused") => "refused",
        (true, _) => "other",
        // wget tells a server's error from all others in words only.
        _ if said.contains("server returned error") || said.contains("ERROR 4") || said.contains("ERROR 5") => {
            "answered"
        }
        _ if said.contains("bad address") || said.contains("unable to resolve") || said.contains("not known") => {
            "unresolved"
        }
        _ if said.contains("efused") => "refused",
        _ if said.contains("timed out") => "timeout",
        _ if said.contains("nreachable") || said.contains("No route") => "unreachable",
        _ => "other",
    }
}

fn program_of(evidence: &runbook_run::Evidence) -> String {
    let program = evidence.answer.argv.as_ref().and_then(|a| a.first());
    program
        .and_then(|p| p.rsplit('/').next())
        .unwrap_or_default()
        .to_owned()
}

/// One entry of `measure::together`.
fn read_probe(probe: &Dynamic) -> Result<Question> {
    let probe = probe.read_lock::<Map>().ok_or_else(|| fail("a probe is a map"))?;
    let text = |key: &str| {
        let value = probe.get(key).and_then(|v| v.clone().into_string().ok());
        value.ok_or_else(|| fail(format!("a probe needs `{key}`")))
    };
    let known = [
        "from",
        "address",
        "port",
        "count",
        "payload_bytes",
        "dont_fragment",
        "name",
        "server",
        "tcp",
        "url",
    ];
    if let Some(key) = probe.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(fail(format!("a probe has no `{key}`; it has {}", known.join(", "))));
    }
    if probe.contains_key("name") {
        return lookup_question(&text("from")?, &text("name")?, &probe);
    }
    if probe.contains_key("url") {
        return http_question(&text("from")?, &text("url")?);
    }
    match number(&probe, "port")? {
        Some(port) => connect_question(&text("from")?, &text("address")?, port),
        None => ping_question(&text("from")?, &text("address")?, &probe),
    }
}

/// Probes: what happens when something is really sent. They need `--allow probe`; a recording answers them without any effect.
#[export_module]
pub(crate) mod measure {
    /// Asks several probes of several places at once, so that `measure::ping`, `connect`, `lookup` and `http` of each are answered.
    ///
    /// `probes`: maps `#{ from, address }` for a ping (with `count`, `payload_bytes`, `dont_fragment` as there), with `port` for
    /// a connection; `#{ from, name }` for a lookup (with `server`, `tcp`); `#{ from, url }` for a request. One round trip for each place. Effect: probe. Errors: not a probe; what fails is told by its own call.
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
            // It was connected, and nobody talked.
            (true, 28) if connected(&output.stdout.text()) => "open",
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

    /// Returns what a name server says about a name. The name is asked as it stands: no search list is tried.
    ///
    /// Shape: `#{ answered, status: "NOERROR"|"NXDOMAIN"|"SERVFAIL"|"REFUSED"|"timeout"|"refused"|"unreachable"|"other", addresses,
    /// server, by }`; `answered` is true where a name server replied, whatever it said. Source: `dig`, else `nslookup`, else
    /// `getent`. Effect: probe. Errors: as `measure::ping`.
    /// ```rhai
    /// let name = measure::lookup("shop/cart-59b8c7d6f4-qm9rz", "kubernetes.default.svc.cluster.local");
    /// assert(name.status == "NOERROR" && "10.96.0.1" in name.addresses);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn lookup(cx: NativeCallContext<'_>, from: &str, name: &str) -> Result<Dynamic> {
        lookup_with(cx, from, name, Map::new())
    }

    /// Returns the same, asked of one `server`, or with `tcp: true` over TCP.
    ///
    /// Shape: as `measure::lookup`. Source: as there; `getent` cannot choose. Effect: probe. Errors: as `measure::ping`.
    /// ```rhai
    /// let options = #{ server: "10.65.74.194" };
    /// assert(measure::lookup("shop/cart-59b8c7d6f4-qm9rz", "kubernetes.default.svc.cluster.local", options).answered);
    /// ```
    #[rhai_fn(return_raw, name = "lookup")]
    pub fn lookup_with(cx: NativeCallContext<'_>, from: &str, name: &str, options: Map) -> Result<Dynamic> {
        let evidence = Hand::of(&cx)?.ask_one(super::lookup_question(from, name, &options)?)?;
        let target = evidence.question.target();
        let what = format!("a lookup of {name}");
        let output = evidence.answer.output().map_err(|f| unanswered(&what, &target, &f))?;
        let program = super::program_of(&evidence);
        let said = format!("{}\n{}", output.stdout.text(), output.stderr.text());
        let read = super::lookup_answer(&program, output.exit, &said);
        let (status, addresses, server) =
            read.map_err(|e| failure_map(format!("{what} from {target}: {e}"), "format", &target))?;
        let answered = status.chars().all(|c| c.is_ascii_uppercase());
        let value =
            json!({"answered": answered, "status": status, "addresses": addresses, "server": server, "by": program});
        Ok(to_script(value, true, &[evidence.id]))
    }

    /// Returns how an HTTP request ends. A certificate is not looked at, and an error of the server is an answer.
    ///
    /// Shape: `#{ answered, outcome: "answered"|"refused"|"timeout"|"stalled"|"unresolved"|"unreachable"|"other", http_code,
    /// received_bytes, connect_ms, total_ms, text }`; `stalled` was connected and then heard nothing. Times are `()` without
    /// curl. Source: `curl`, else `wget`. Effect: probe. Errors: as `measure::ping`; not an http address.
    /// ```rhai
    /// assert(measure::http("shop/frontend-6d4cf56db6-x7k2p", "http://10.96.71.5/").http_code == 200);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn http(cx: NativeCallContext<'_>, from: &str, url: &str) -> Result<Dynamic> {
        let evidence = Hand::of(&cx)?.ask_one(super::http_question(from, url)?)?;
        let target = evidence.question.target();
        let output = evidence
            .answer
            .output()
            .map_err(|f| unanswered(&format!("a request to {url}"), &target, &f))?;
        let by_curl = super::program_of(&evidence) == "curl";
        let told = probe::curl_write_out::parse(&output.stdout.text())
            .ok()
            .filter(|_| by_curl);
        let said = format!("{}\n{}", output.stdout.text(), output.stderr.text());
        let connect = told.as_ref().and_then(|t| t.time_connect_s).filter(|s| *s > 0.0);
        let outcome = super::http_outcome(by_curl, output.exit, connect.is_some(), &said);
        let value = json!({
            "answered": outcome == "answered", "outcome": outcome,
            "http_code": told.as_ref().and_then(|t| t.http_code),
            "received_bytes": told.as_ref().and_then(|t| t.size_download_bytes),
            "connect_ms": connect.map(|s| s * 1000.0),
            "total_ms": told.as_ref().and_then(|t| t.time_total_s).map(|s| s * 1000.0),
            "text": told.and_then(|t| t.error).filter(|e| !e.is_empty()).unwrap_or_else(|| one_line(said.trim())),
        });
        Ok(to_script(value, true, &[evidence.id]))
    }
}

/// Did `curl` say that it was connected?
fn connected(said: &str) -> bool {
    probe::curl_write_out::parse(said).is_ok_and(|t| t.time_connect_s.is_some_and(|s| s > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(program: &str, exit: i32, said: &str) -> (String, Vec<String>) {
        let (status, addresses, _) = lookup_answer(program, exit, said).unwrap();
        (status, addresses)
    }

    #[test]
    fn every_tool_says_the_same_about_a_name() {
        let found = ("NOERROR".to_owned(), vec!["10.96.0.1".to_owned()]);
        assert_eq!(lookup("dig", 0, "10.96.0.1\n"), found);
        let busybox = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.1\n\n";
        assert_eq!(lookup("nslookup", 0, busybox), found);
        let getent = "10.96.0.1       STREAM kubernetes.default.svc.cluster.local\n10.96.0.1       DGRAM  \n";
        assert_eq!(lookup("getent", 0, getent), found);
    }

    #[test]
    fn a_name_that_is_not_there_and_nobody_who_answers_are_two_things() {
        let unknown =
            "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n** server can't find no.such.name: NXDOMAIN\n\n";
        assert_eq!(lookup("nslookup", 1, unknown).0, "NXDOMAIN");
        let silent = ";; communications error to 10.96.0.10#53: timed out\n\n; <<>> DiG 9.18 <<>> a.test\n;; global options: +cmd\n;; no servers could be reached\n";
        assert_eq!(lookup("dig", 9, silent).0, "timeout");
        assert_eq!(lookup("getent", 2, "").0, "other");
    }

    #[test]
    fn a_request_ends_in_one_word() {
        for (by_curl, exit, connected, said, outcome) in [
            (true, 0, true, "", "answered"),
            (true, 28, true, "", "stalled"),
            (true, 28, false, "", "timeout"),
            (true, 6, false, "", "unresolved"),
            (
                false,
                1,
                false,
                "wget: server returned error: HTTP/1.1 404 Not Found",
                "answered",
            ),
            (
                false,
                1,
                false,
                "wget: can't connect to remote host (10.96.71.5): Connection refused",
                "refused",
            ),
            (false, 1, false, "wget: bad address 'no.such.name'", "unresolved"),
            (false, 1, false, "wget: download timed out", "timeout"),
        ] {
            assert_eq!(http_outcome(by_curl, exit, connected, said), outcome, "{said}");
        }
    }

    #[test]
    fn an_address_of_a_request_is_no_option_and_no_shell() {
        for url in [
            "ftp://a",
            "http://",
            "-oProxy=x",
            "http://a b",
            "http://a;id",
            "http://$(id)",
        ] {
            assert!(http_question("shop/cart-0", url).is_err(), "{url}");
        }
    }
}
