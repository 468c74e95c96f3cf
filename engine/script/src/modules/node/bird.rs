use super::{ask, name_of};
use crate::{
    data::fail,
    facts::{self, Exit},
    host::{Hand, Result, to_script},
};
use rhai::{Dynamic, NativeCallContext, plugin::*};
use runbook_core::{Effect, Question, Target};
use serde_json::Value;
use std::time::Duration;

/// How long a command that only reads may take on the other side.
const READ: Duration = Duration::from_secs(15);

fn command(node: &Dynamic, forms: &[&[&str]]) -> Result<Question> {
    let forms = forms
        .iter()
        .map(|form| form.iter().map(ToString::to_string).collect())
        .collect();
    Ok(facts::command(Target::Node(name_of(node)?), forms, Effect::Read, READ))
}

/// What BIRD and its sessions say about themselves, besides the facts that every runbook may ask.
#[export_module]
pub(crate) mod bird {
    /// Returns what BIRD says about itself.
    ///
    /// Shape: as the parser `birdcl_show_status`; a daemon that does not answer is part of the answer.
    /// Source: `birdcl show status`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_status("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_status(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_status", &node)
    }

    /// Returns BIRD's protocols, one line each.
    ///
    /// Shape: as the parser `birdcl_show_protocols`. Source: `birdcl show protocols`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_protocols("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_protocols(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_protocols", &node)
    }

    /// Returns BIRD's protocols with all details: neighbours, AS numbers, timers, route counts, last error.
    ///
    /// Shape: as the parser `birdcl_show_protocols_all`. Source: `birdcl show protocols all`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_protocols_all("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_protocols_all(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_protocols_all", &node)
    }

    /// Returns BIRD's routes.
    ///
    /// Shape: as the parser `birdcl_show_route`. Source: `birdcl show route all`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_routes("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_routes(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_routes", &node)
    }

    /// Returns the text of BIRD's export and kernel filters, as confd wrote them.
    ///
    /// Source: `bird_ipam.cfg`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_ipam_config("kworker-1").contains("calico_export_to_bgp_peers"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_ipam_config(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_ipam_config", &node)
    }

    /// Returns BIRD's configuration, as confd wrote it.
    ///
    /// Shape: as the parser `bird_config`. Source: `bird.cfg`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_config("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_config(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_config", &node)
    }

    /// Returns what the BIRD for IPv6 says about itself.
    ///
    /// Shape: as `node::bird_status`. Source: `birdcl -s bird6.ctl show status`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// try { node::bird6_status("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird6_status(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird6_status", &node)
    }

    /// Returns the protocols of the BIRD for IPv6, one line each.
    ///
    /// Shape: as `node::bird_protocols`. Source: `birdcl -s bird6.ctl show protocols`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// try { node::bird6_protocols("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird6_protocols(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird6_protocols", &node)
    }

    /// Returns the routes of the BIRD for IPv6.
    ///
    /// Shape: as `node::bird_routes`. Source: `birdcl -s bird6.ctl show route all`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// try { node::bird6_routes("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird6_routes(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird6_routes", &node)
    }

    /// Returns what BIRD on a node tells a peer now: its routes after the session's export filter.
    ///
    /// `session` is the protocol's name in BIRD. Shape: as `node::bird_routes`; a session that is down is a refusal.
    /// Source: `birdcl show route export NAME`. Effect: read, root. Errors: as `node::routes`; not a protocol's name.
    /// ```rhai
    /// assert(node::bird_exports("kworker-2", "Mesh_198_18_0_1").routes.some(|r| r.network == "10.66.74.192/26"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_exports(cx: NativeCallContext<'_>, node: Dynamic, session: &str) -> Result<Dynamic> {
        if session.is_empty() || !session.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(fail(format!("`{session}` is no name of a protocol")));
        }
        let hand = Hand::of(&cx)?;
        // Addresses of IPv6 leave more underscores than the three dots of IPv4; a session knows its daemon by its address.
        let socket = if facts::is_ipv6_protocol(session) {
            facts::BIRD6
        } else {
            facts::BIRD
        };
        let argv = ["birdcl", "-s", socket, "show", "route", "export", session];
        let evidence = hand.ask_one(super::command(&node, &[&argv])?)?;
        hand.parse_once(evidence.id, "birdcl_show_route", || {
            let text = facts::said(&evidence, "what BIRD exports", Exit::Answers)?;
            facts::read("birdcl_show_route", &text, &evidence)
        })
    }

    /// Returns the TCP sockets of BGP on a node, with the processes that hold them: who listens, what is on its way.
    ///
    /// Shape: as the parser `ss`, those of port 179 only. Source: `ss -tanp`. Effect: read; the names of processes need root.
    /// Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bgp_sockets("kworker-1").some(|s| s.state == "LISTEN" && s.processes[0].name == "bird"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_sockets(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        bgp_sockets_on(cx, node, 179)
    }

    /// Returns the TCP sockets of BGP on a node where it uses another port.
    ///
    /// Shape: as `node::bgp_sockets(node)`. Source: `ss -tanp`. Effect: read; the names of processes need root. Errors: as `node::routes`; no port.
    /// ```rhai
    /// assert(node::bgp_sockets("kworker-1", 1790).is_empty());
    /// ```
    #[rhai_fn(return_raw, name = "bgp_sockets")]
    pub fn bgp_sockets_on(cx: NativeCallContext<'_>, node: Dynamic, port: i64) -> Result<Dynamic> {
        let port = u16::try_from(port).map_err(|_| fail(format!("{port} is no port")))?;
        let hand = Hand::of(&cx)?;
        let filter = format!("( sport = :{port} or dport = :{port} )");
        // The same question as the fact's, where it is the usual port.
        let forms: [&[&str]; 2] = [&["ss", "-tanp", &filter], &["ss", "-tanp"]];
        let evidence = hand.ask_one(super::command(&node, &forms)?)?;
        let text = facts::said(&evidence, "the sockets", Exit::Fails)?;
        let sockets = facts::parse("ss", &text).map_err(fail)?;
        let concerns = |s: &&Value| s["local_port"] == port || s["peer_port"] == port;
        let kept: Vec<Value> = sockets
            .as_array()
            .into_iter()
            .flatten()
            .filter(concerns)
            .cloned()
            .collect();
        Ok(to_script(kept.into(), true, &[evidence.id]))
    }
}
