//! Names and pages: what a resolver and an HTTP server say, and the tools that ask them.

use super::ask::{WRITE_OUT, argv, host, place};
use crate::{data::fail, facts, host::Result};
use rhai::Map;
use runbook_core::{Effect, Question};
use runbook_parsers::probe;
use std::time::Duration;

/// Names one DNS question: `server` and `tcp` as `measure::lookup` takes them.
pub(super) fn lookup_question(from: &str, name: &str, options: &Map) -> Result<Question> {
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

/// What a name server said.
pub(super) struct Lookup {
    pub(super) status: String,
    pub(super) addresses: Vec<String>,
    pub(super) server: Option<String>,
    pub(super) query_time_ms: Option<u64>,
}

impl Lookup {
    fn failed(status: String) -> Lookup {
        Lookup {
            status,
            addresses: vec![],
            server: None,
            query_time_ms: None,
        }
    }
}

/// What a resolver's tool said, in one form.
pub(super) fn lookup_answer(program: &str, exit: i32, said: &str) -> std::result::Result<Lookup, String> {
    // A failing tool that printed nothing that it usually prints.
    let silent = |e: runbook_parsers::ParseError| {
        if exit == 0 {
            Err(e.to_string())
        } else {
            Ok(Lookup::failed("other".into()))
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
            Ok(Lookup {
                status,
                addresses,
                server: dig.server,
                query_time_ms: dig.query_time_ms,
            })
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
            Ok(Lookup {
                addresses: found.answers.into_iter().map(|a| a.address).collect(),
                server: found.server,
                ..Lookup::failed(status)
            })
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
            Ok(Lookup {
                addresses: known,
                ..Lookup::failed(status.into())
            })
        }
    }
}

/// An HTTP request as a question.
pub(super) fn http_question(from: &str, url: &str) -> Result<Question> {
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
pub(super) fn http_outcome(by_curl: bool, exit: i32, connected: bool, said: &str) -> &'static str {
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

pub(super) fn program_of(evidence: &runbook_run::Evidence) -> String {
    let program = evidence.answer.argv.as_ref().and_then(|a| a.first());
    program
        .and_then(|p| p.rsplit('/').next())
        .unwrap_or_default()
        .to_owned()
}

/// Did `curl` say that it was connected?
pub(super) fn connected(said: &str) -> bool {
    probe::curl_write_out::parse(said).is_ok_and(|t| t.time_connect_s.is_some_and(|s| s > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(program: &str, exit: i32, said: &str) -> (String, Vec<String>) {
        let Lookup { status, addresses, .. } = lookup_answer(program, exit, said).unwrap();
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
