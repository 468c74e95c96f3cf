//! `birdcl show status` of BIRD 1.6 and 2.

use super::reply::{Refusal, Reply};
use crate::{ParseError, Unparsed};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ShowStatus<'a> {
    /// `1.6.8`, `2.0.12`, `v0.3.3+birdv1.6.8`.
    pub bird_version: Option<&'a str>,
    pub refusal: Option<Refusal<'a>>,
    pub router_id: Option<&'a str>,
    /// BIRD 2 only.
    pub hostname: Option<&'a str>,
    /// Times are the daemon's local ones, as printed: `2026-11-24 15:33:22.022`.
    pub server_time: Option<&'a str>,
    pub last_reboot: Option<&'a str>,
    pub last_reconfiguration: Option<&'a str>,
    pub state: Option<State>,
    /// Present while routes of the last run are kept and neighbours are waited for.
    pub graceful_restart: Option<GracefulRestart>,
    pub unparsed: Vec<Unparsed>,
}

/// What the daemon does. Recovery wins over `up`, because BIRD says both then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Up,
    GracefulRestartRecovery,
    Reconfiguring,
    ShuttingDown,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct GracefulRestart {
    /// Protocols (BIRD 1.6) or channels (BIRD 2) that have not recovered.
    pub waiting_for: Option<u64>,
    pub wait_left_s: Option<f64>,
    pub wait_of_s: Option<f64>,
}

/// Reads the output of `birdcl show status`.
pub fn parse(text: &str) -> Result<ShowStatus<'_>, ParseError> {
    let mut reply = Reply::new(text);
    let mut status = ShowStatus::default();
    while let Some((number, line)) = reply.next() {
        let line = line.trim();
        if !line.is_empty() && status.line(line).is_none() && !reply.refuses(line) {
            status.unparsed.push(Unparsed::new(number, line));
        }
    }
    status.refusal = reply.refusal;
    status.bird_version = status.bird_version.or(reply.version);
    if status.bird_version.is_none() && status.refusal.is_none() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`BIRD VERSION ready.`",
        ));
    }
    Ok(status)
}

impl<'a> ShowStatus<'a> {
    fn line(&mut self, line: &'a str) -> Option<()> {
        match line {
            "Daemon is up and running" => _ = self.state.get_or_insert(State::Up),
            "Reconfiguration in progress" => _ = self.state.get_or_insert(State::Reconfiguring),
            "Shutdown in progress" => self.state = Some(State::ShuttingDown),
            "Graceful restart recovery in progress" => {
                self.state = Some(State::GracefulRestartRecovery);
                self.graceful_restart = Some(GracefulRestart::default());
            }
            _ => self.value(line)?,
        }
        Some(())
    }

    fn value(&mut self, line: &'a str) -> Option<()> {
        if let Some(version) = line.strip_prefix("BIRD ") {
            self.bird_version = Some(version);
        } else if let Some(id) = line.strip_prefix("Router ID is ") {
            self.router_id = Some(id);
        } else if let Some(name) = line.strip_prefix("Hostname is ") {
            self.hostname = Some(name);
        } else if let Some(time) = line.strip_prefix("Current server time is ") {
            self.server_time = Some(time);
        } else if let Some(time) = line.strip_prefix("Last reboot on ") {
            self.last_reboot = Some(time);
        } else if let Some(time) = line.strip_prefix("Last reconfiguration on ") {
            self.last_reconfiguration = Some(time);
        } else if let Some(rest) = line.strip_prefix("Waiting for ") {
            let count = rest.strip_suffix(" to recover")?.split(' ').next()?;
            self.graceful_restart.as_mut()?.waiting_for = Some(count.parse().ok()?);
        } else {
            let (left, of) = line.strip_prefix("Wait timer is ")?.split_once('/')?;
            let restart = self.graceful_restart.as_mut()?;
            (restart.wait_left_s, restart.wait_of_s) = (Some(left.parse().ok()?), Some(of.parse().ok()?));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_wins_over_up() {
        let got = parse(
            "BIRD 1.6.8 ready.\nBIRD 1.6.8\nRouter ID is 192.0.2.1\nGraceful restart recovery in progress\n  \
             Waiting for 2 protocols to recover\n  Wait timer is 119/120\nDaemon is up and running\nNews\n",
        )
        .unwrap();
        assert_eq!(got.state, Some(State::GracefulRestartRecovery));
        assert_eq!(got.graceful_restart.unwrap().waiting_for, Some(2));
        assert_eq!(got.unparsed, [Unparsed::new(8, "News")]);
    }
}
