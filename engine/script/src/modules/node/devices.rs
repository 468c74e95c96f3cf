use super::{name_of, words};
use crate::{
    data::fail,
    facts::{self, Exit},
    host::{Hand, Result},
};
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_core::{Effect, Question, Target};

/// What the drivers of a node's devices say.
#[export_module]
pub(crate) mod devices {
    /// Asks facts of devices, all at once, so that `node::offloads`, `node::driver`, … of each are answered.
    ///
    /// `devices`: maps `#{ node, device }`; `facts`: `offloads`, `driver`, `link_settings`, `driver_counters`, `tc_classes`. One round
    /// trip for each node. Effect: read. Errors: an unknown fact; what could not be asked is told when it is used.
    /// ```rhai
    /// node::observe_devices([#{ node: "kworker-1", device: "eth0" }, #{ node: "kworker-2", device: "eth0" }], ["offloads"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn observe_devices(cx: NativeCallContext<'_>, devices: Array, facts: Array) -> Result<()> {
        let facts = words(facts)?;
        let mut questions = vec![];
        for place in &devices {
            let place = place
                .read_lock::<Map>()
                .ok_or_else(|| fail("a device is a map: `#{ node, device }`"))?;
            let part = |key: &str| place.get(key).ok_or_else(|| fail(format!("a device needs `{key}`")));
            let node = name_of(part("node")?)?;
            let device = part("device")?.to_string();
            for fact in &facts {
                questions.push(device_question(fact, &node, &device)?);
            }
        }
        Hand::of(&cx)?.ask(questions, false).map(drop)
    }

    /// Returns the offload settings of a device on a node, as an object from feature to its line.
    ///
    /// Shape: as the parser `ethtool_k`. Source: `ethtool -k DEV`. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::offloads("kworker-1", "vxlan.calico") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn offloads(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "offloads", &node, device)
    }

    /// Returns the driver of a device on a node.
    ///
    /// Shape: as the parser `ethtool_i`: `#{ driver, version, firmware_version, bus_info, .. }`. Source: `ethtool -i DEV`.
    /// Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::driver("kworker-1", "eth0"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn driver(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "driver", &node, device)
    }

    /// Returns the speed and duplex of a device on a node; virtual ones have none.
    ///
    /// Shape: as the parser `ethtool`: `#{ speed_mbps, duplex, .. }`. Source: `ethtool DEV`. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::link_settings("kworker-1", "eth0"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn link_settings(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "link_settings", &node, device)
    }

    /// Returns the counters that a device's driver keeps, as an object from its own names to numbers.
    ///
    /// Shape: as the parser `ethtool_s`. Source: `ethtool -S DEV`. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::driver_counters("kworker-1", "eth0") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn driver_counters(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "driver_counters", &node, device)
    }

    /// Returns the classes of a shaping queue on a device of a node; `[]` where nothing is in classes.
    ///
    /// Shape: as the parser `tc_class`: `#{ kind, id, parent, rate_bps, ceil_bps, burst_bytes, stats }`. Source: `tc -s class show dev DEV`.
    /// Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::tc_classes("kworker-1", "eth0"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn tc_classes(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "tc_classes", &node, device)
    }
}

/// The facts of a device: word, parser, what is run before the device's name.
const DEVICE_FACTS: &[(&str, &str, &[&str])] = &[
    ("offloads", "ethtool_k", &["ethtool", "-k"]),
    ("driver", "ethtool_i", &["ethtool", "-i"]),
    ("link_settings", "ethtool", &["ethtool"]),
    ("driver_counters", "ethtool_s", &["ethtool", "-S"]),
    ("tc_classes", "tc_class", &["tc", "-s", "class", "show", "dev"]),
];

fn device_fact(word: &str) -> Result<(&'static str, &'static [&'static str])> {
    let known = DEVICE_FACTS.iter().find(|(name, ..)| *name == word);
    let known = known.map(|(_, parser, argv)| (*parser, *argv));
    known.ok_or_else(|| fail(format!("no fact `{word}` of a device")))
}

fn device_question(fact: &str, node: &str, device: &str) -> Result<Question> {
    let (_, start) = device_fact(fact)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_@".contains(c);
    if device.is_empty() || device.starts_with('-') || !device.chars().all(plain) {
        return Err(fail(format!("`{device}` is no name of a device")));
    }
    let argv = start.iter().copied().chain([device]).map(String::from).collect();
    let timeout = std::time::Duration::from_secs(10);
    Ok(facts::command(
        Target::Node(node.into()),
        vec![argv],
        Effect::Read,
        timeout,
    ))
}

fn ask_device(cx: &NativeCallContext<'_>, fact: &str, node: &Dynamic, device: &str) -> Result<Dynamic> {
    let (parser, _) = device_fact(fact)?;
    let evidence = Hand::of(cx)?.ask_one(device_question(fact, &name_of(node)?, device)?)?;
    let text = facts::said(&evidence, &format!("the {}", fact.replace('_', " ")), Exit::Fails)?;
    facts::read(parser, &text, &evidence)
}
