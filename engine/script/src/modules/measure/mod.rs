//! Probes and their statistics.

mod ask;
mod statistics;
mod stream;
mod web;

use crate::{
    data::{evidence_of, fail},
    facts::{self, one_line},
    host::{Hand, Result, failure_map, to_script, unanswered},
};
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_core::{Answer, Effect, Outcome, Via};
use runbook_parsers::probe;
use runbook_run::Stored;
use serde_json::json;
use std::{path::Path, time::Duration};

/// Probes: what happens when something is really sent. They need `--allow probe`; a recording answers them without any effect.
#[export_module]
pub(crate) mod measure {
    use super::{ask, statistics, web};

    /// Asks several probes of several places at once, so that `measure::ping`, `connect`, `lookup` and `http` of each are answered.
    ///
    /// `probes`: maps `#{ from, address }` for a ping (with `count`, `payload_bytes`, `dont_fragment` as there), with `port` for
    /// a connection; `#{ from, name }` for a lookup (with `server`, `tcp`); `#{ from, url }` for a request. One round trip for each
    /// place. Effect: probe. Errors: not a probe; what fails is told by its own call.
    /// ```rhai
    /// measure::together([#{ from: "kworker-1", address: "198.18.0.2" }, #{ from: "kworker-1", address: "198.18.0.250", port: 6443 }]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn together(cx: NativeCallContext<'_>, probes: Array) -> Result<()> {
        let questions = probes.iter().map(ask::read_probe).collect::<Result<Vec<_>>>()?;
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
        let evidence = hand.ask_one(ask::ping_question(from, address, &options)?)?;
        let target = evidence.question.target();
        let output = evidence
            .answer
            .output()
            .map_err(|f| unanswered(&format!("a ping of {address}"), &target, &f))?;
        let read = ask::read_ping(output, address, &target)?;
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
        let evidence = Hand::of(&cx)?.ask_one(ask::connect_question(from, address, port)?)?;
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
            (true, 28) if web::connected(&output.stdout.text()) => "open",
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

    /// Returns the round trip times of many small pings between a node or a pod and an address.
    ///
    /// As `measure::rtt(from, address, #{ count: 10 })`. Source: `ping`. Effect: probe. Errors: as `measure::ping`.
    /// ```rhai
    /// assert(measure::rtt("kworker-1", "198.18.0.2").median_ms < 5.0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn rtt(cx: NativeCallContext<'_>, from: &str, address: &str) -> Result<Dynamic> {
        let ten = Map::from([("count".into(), Dynamic::from_int(10))]);
        rtt_with(cx, from, address, ten)
    }

    /// Returns the round trip times of `count` pings, spread out in numbers; options as `measure::ping`.
    ///
    /// Shape: `#{ samples_ms, sent, received, lost, loss_ratio, min_ms, median_ms, mean_ms, p95_ms, p99_ms, max_ms, jitter_ms,
    /// first_ms }`; without an answer the times are `()`. Of more than five, the first is only in `first_ms`: it waits for
    /// neighbours and caches. `jitter_ms` is the mean step from one time to the next. A record has as many pings as were
    /// made then. Source: `ping`. Effect: probe. Errors: as `measure::ping`.
    /// ```rhai
    /// let trips = measure::rtt("shop/frontend-6d4cf56db6-x7k2p", "10.65.228.65", #{ count: 20 });
    /// assert(trips.received == 3 && trips.min_ms <= trips.median_ms && trips.median_ms <= trips.max_ms);
    /// ```
    #[rhai_fn(return_raw, name = "rtt")]
    pub fn rtt_with(cx: NativeCallContext<'_>, from: &str, address: &str, options: Map) -> Result<Dynamic> {
        let evidence = Hand::of(&cx)?.ask_one(ask::ping_question(from, address, &options)?)?;
        let target = evidence.question.target();
        let output = evidence.answer.output();
        let output = output.map_err(|f| unanswered(&format!("pings of {address}"), &target, &f))?;
        let read = ask::read_ping(output, address, &target)?;
        Ok(to_script(ask::round_trips(&read), true, &[evidence.id]))
    }

    /// Returns the round trip times that an earlier run's journal holds for the same two ends; `()` where it has none.
    ///
    /// `journal` is a path: the folder or file that `runbook run` names at its end. It is read on this machine and kept as
    /// evidence. Shape: as `measure::rtt`. Source: the journal. Effect: read. Errors: no journal there, or one that cannot be read.
    /// ```rhai
    /// let said = ();
    /// try { measure::rtt_before("no-such-journal", "kworker-1", "198.18.0.2"); } catch (err) { said = err; }
    /// assert(said != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn rtt_before(cx: NativeCallContext<'_>, journal: &str, from: &str, address: &str) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let target = ask::place(from)?;
        let address = ask::host(address)?;
        let stored = Stored::read(Path::new(journal)).map_err(|e| fail(format!("cannot read the baseline: {e}")))?;
        let best = stored
            .answers()
            .filter_map(|(question, answer)| ask::small_ping(&question, &answer, &target, address))
            .max_by_key(|(ping, _)| ping.replies.len());
        let Some((ping, answer)) = best else {
            return Ok(Dynamic::UNIT);
        };
        // A question that only this machine answers: the run that is going on must not take it for its own ping.
        let argv = ask::argv(&["runbook", "replay", journal, "ping", address]);
        let question = facts::command(target, vec![argv], Effect::Read, Duration::from_secs(5));
        let said = Outcome::Output(answer.output().cloned().map_err(|f| fail(f.to_string()))?);
        let evidence = hand
            .session
            .derive(question, Answer::new(said, Via::Derived, answer.at));
        Ok(to_script(ask::round_trips(&ping), true, &[evidence.id]))
    }

    /// Returns whether the values of `b` lie above or below those of `a`: the Mann-Whitney U test, two-sided, which asks nothing
    /// of the shape of the distributions.
    ///
    /// `a` and `b`: lists of numbers, or what `measure::rtt` gives. Shape: `#{ n_a, n_b, median_a, median_b, difference, ratio, u,
    /// p_value, exact, effect, verdict }`. `effect` is Cliff's delta, from -1 (every `b` is below) to 1 (above). `verdict`:
    /// `"higher"` or `"lower"` with p below 0.05, `"same"` when no difference is shown, `"too_few"` when none could be shown with
    /// so few samples. Significant is not important: look at `difference` too. Effect: none. Errors: no numbers.
    /// ```rhai
    /// let c = measure::compare([1.0, 1.2, 1.1, 1.3, 1.0], [2.0, 2.2, 2.1, 2.4, 1.9]);
    /// assert(c.verdict == "higher" && c.effect == 1.0 && c.p_value < 0.01);
    /// assert(measure::compare([1.0, 1.1, 1.2], [9.0, 9.1, 9.2]).verdict == "too_few");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn compare(a: Dynamic, b: Dynamic) -> Result<Dynamic> {
        let found = statistics::compare(&ask::series(&a)?, &ask::series(&b)?);
        let mut evidence = vec![];
        evidence_of(&a, &mut evidence);
        evidence_of(&b, &mut evidence);
        Ok(to_script(json!(found), true, &evidence))
    }

    /// Returns what a name server says about a name. The name is asked as it stands: no search list is tried.
    ///
    /// Shape: `#{ answered, status: "NOERROR"|"NXDOMAIN"|"SERVFAIL"|"REFUSED"|"timeout"|"refused"|"unreachable"|"other", addresses,
    /// server, query_time_ms, by }`; `query_time_ms` only where `dig` was asked; `answered` is true where a name server replied, whatever it said. Source: `dig`, else `nslookup`, else
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
        let evidence = Hand::of(&cx)?.ask_one(web::lookup_question(from, name, &options)?)?;
        let target = evidence.question.target();
        let what = format!("a lookup of {name}");
        let output = evidence.answer.output().map_err(|f| unanswered(&what, &target, &f))?;
        let program = web::program_of(&evidence);
        let said = format!("{}\n{}", output.stdout.text(), output.stderr.text());
        let read = web::lookup_answer(&program, output.exit, &said);
        let found = read.map_err(|e| failure_map(format!("{what} from {target}: {e}"), "format", &target))?;
        let answered = found.status.chars().all(|c| c.is_ascii_uppercase());
        let value = json!({
            "answered": answered, "status": found.status, "addresses": found.addresses, "server": found.server,
            "query_time_ms": found.query_time_ms, "by": program,
        });
        Ok(to_script(value, true, &[evidence.id]))
    }

    /// Returns how an HTTP request ends. A certificate is not looked at, and an error of the server is an answer.
    ///
    /// Shape: `#{ answered, outcome: "answered"|"refused"|"timeout"|"stalled"|"unresolved"|"unreachable"|"other", http_code,
    /// exit_code, received_bytes, connect_ms, first_byte_ms, total_ms, rate_bps, text }`; `stalled` was connected and then heard nothing. Times are `()` without
    /// curl; `rate_bps` is told from 100 kB on. Source: `curl`, else `wget`. Effect: probe. Errors: as `measure::ping`; not an http address.
    /// ```rhai
    /// assert(measure::http("shop/frontend-6d4cf56db6-x7k2p", "http://10.96.71.5/").http_code == 200);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn http(cx: NativeCallContext<'_>, from: &str, url: &str) -> Result<Dynamic> {
        let evidence = Hand::of(&cx)?.ask_one(web::http_question(from, url)?)?;
        let target = evidence.question.target();
        let output = evidence
            .answer
            .output()
            .map_err(|f| unanswered(&format!("a request to {url}"), &target, &f))?;
        let by_curl = web::program_of(&evidence) == "curl";
        let told = probe::curl_write_out::parse(&output.stdout.text())
            .ok()
            .filter(|_| by_curl);
        let said = format!("{}\n{}", output.stdout.text(), output.stderr.text());
        let connect = told.as_ref().and_then(|t| t.time_connect_s).filter(|s| *s > 0.0);
        let first = told.as_ref().and_then(|t| t.time_starttransfer_s).filter(|s| *s > 0.0);
        let total = told.as_ref().and_then(|t| t.time_total_s);
        let bytes = told.as_ref().and_then(|t| t.size_download_bytes);
        let took = total
            .zip(first)
            .map(|(total, first)| total - first)
            .filter(|t| *t > 0.0);
        let rate = took
            .zip(bytes.filter(|b| *b >= 100_000))
            .map(|(t, bytes)| bytes as f64 * 8.0 / t);
        let outcome = web::http_outcome(by_curl, output.exit, connect.is_some(), &said);
        let value = json!({
            "answered": outcome == "answered", "outcome": outcome,
            "http_code": told.as_ref().and_then(|t| t.http_code),
            "exit_code": output.exit,
            "received_bytes": bytes,
            "connect_ms": connect.map(|s| s * 1000.0),
            "first_byte_ms": first.map(|s| s * 1000.0),
            "total_ms": total.map(|s| s * 1000.0),
            "rate_bps": rate,
            "text": told.and_then(|t| t.error).filter(|e| !e.is_empty()).unwrap_or_else(|| one_line(said.trim())),
        });
        Ok(to_script(value, true, &[evidence.id]))
    }

    /// Returns the largest packet that reaches an address unfragmented, as far as the usual sizes up to `largest` tell.
    ///
    /// Shape: `#{ mtu, lost, told }`: the largest size that was answered, the smallest that was not although smaller ones were,
    /// the MTU that a router or the own kernel named; `()` where there is none. All sizes are asked at once, in bytes with
    /// headers. Source: `ping -M do`. Effect: probe. Errors: as `measure::ping`, when no size could be asked.
    /// ```rhai
    /// let found = ();
    /// try { found = measure::path_mtu("kworker-1", "198.18.0.2", 1500); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(found == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn path_mtu(cx: NativeCallContext<'_>, from: &str, address: &str, largest: i64) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let mut sizes: Vec<i64> = ask::USUAL_MTUS.into_iter().filter(|m| *m < largest).collect();
        sizes.insert(0, largest);
        let question = |mtu: &i64| {
            let bytes = Dynamic::from_int(mtu - ask::PING_HEADERS);
            let count = Dynamic::from_int(2);
            let options = [
                ("payload_bytes", bytes),
                ("dont_fragment", true.into()),
                ("count", count),
            ];
            ask::ping_question(
                from,
                address,
                &options.into_iter().map(|(k, v)| (k.into(), v)).collect(),
            )
        };
        let asked = hand.ask(sizes.iter().map(question).collect::<Result<_>>()?, false)?;
        let (mut ids, mut passed, mut lost, mut told) = (vec![], None, None, None);
        for (size, evidence) in sizes.iter().zip(&asked) {
            let Ok(output) = evidence.answer.output() else { continue };
            ids.push(evidence.id);
            let read = ask::read_ping(output, address, &evidence.question.target())?;
            told = told.or(read.errors.iter().find_map(|e| e.mtu));
            match read.received {
                Some(n) if n > 0 => passed = passed.max(Some(*size)),
                // Smaller sizes come later: the last one lost before the first that passes is the smallest.
                _ if passed.is_none() => lost = Some(*size),
                _ => {}
            }
        }
        if let (true, Some(first)) = (ids.is_empty(), asked.first()) {
            let failure = first.answer.output().err();
            let failure = failure.ok_or_else(|| fail("the world gave no answer"))?;
            return Err(unanswered(
                &format!("pings of {address}"),
                &first.question.target(),
                &failure,
            ));
        }
        // Nothing at all came back: that says nothing about sizes.
        let lost = passed.and(lost);
        Ok(to_script(
            json!({"mtu": passed, "lost": lost, "told": told}),
            true,
            &ids,
        ))
    }

    /// Returns how much a TCP stream moves between two places.
    ///
    /// `options`: `streams` (1), `seconds` (3), `reverse` (false: towards the address), `port` (5201), `server`: a node or
    /// `namespace/pod` at the address, where a listener is then started that ends by itself. Shape: `#{ method: "iperf3"|"nc",
    /// streams, seconds_s, bytes, rate_bps, settled_bps, retransmits, retransmit_ratio, rtt_mean_ms, mss_bytes, local_cpu_ratio,
    /// remote_cpu_ratio }`; `settled_bps` is the rate of the second half, when a burst at the start is over. Source: `iperf3 -J`;
    /// with a `server` and where one end has no iperf3, `dd` through `nc`, which tells less. It loads the path for some seconds.
    /// Effect: probe. Errors: no such tool, nobody listens, effect not allowed, not recorded.
    /// ```rhai
    /// let said = ();
    /// try { measure::throughput("kworker-1", "198.18.0.2", #{ streams: 4 }); } catch (err) { said = err; }
    /// assert(said.kind == "not-recorded");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn throughput(cx: NativeCallContext<'_>, from: &str, address: &str, options: Map) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let (stream, server) = ask::read_stream(address, &options)?;
        ask::run_stream(&hand, &ask::place(from)?, &stream, server)
    }
}
