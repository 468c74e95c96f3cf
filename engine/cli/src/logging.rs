//! What the program says about itself: on stderr, and only when asked or when something went wrong inside.

use crate::{
    guided,
    text::{self, Style},
};
use std::io;
use tracing_subscriber::EnvFilter;

/// `-v` tells what is done, `-vv` what is asked, `-vvv` all.
pub(crate) fn start(verbose: u8, style: Style) {
    let level = match verbose {
        0 => "runbook=warn,runbook_cluster=warn,runbook_run=warn,runbook_script=warn,runbook_cli=warn,script=warn",
        1 => "info",
        2 => "debug,hyper=info,tower=info,h2=info,rustls=info",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("RUNBOOK_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(style.colour);
    drop(subscriber.without_time().try_init());
}

/// A panic is a bug: said in two lines, with a terminal that still works.
pub(crate) fn hook_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        guided::restore_terminal();
        let payload = info.payload();
        let said = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        let at = info
            .location()
            .map(|l| format!(" at {}:{}", l.file(), l.line()))
            .unwrap_or_default();
        text::say(&format!(
            "error: internal: {}{at}",
            text::clean(&said.unwrap_or_default())
        ));
        text::say("\nhint: this is a bug in runbook; `RUST_BACKTRACE=1` tells more for the report");
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            usual(info);
        }
    }));
}
