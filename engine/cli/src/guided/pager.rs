//! Long text, in the person's pager.

use crate::{run::Interrupt, text};
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// Shows text in `$PAGER`, else `less`, else as it is. Ctrl-C belongs to the pager meanwhile.
pub(super) fn show(page: &str, interrupt: &Interrupt) {
    let pager = std::env::var("PAGER")
        .ok()
        .filter(|p| !p.trim().is_empty())
        .unwrap_or_else(|| "less".into());
    let ignored = interrupt.leave_to_pager();
    let shown = through(&pager, page);
    drop(ignored);
    if let Err(why) = shown {
        text::say(page);
        text::say(&format!(
            "  (`{}` does not work: {why}; `PAGER` names another)",
            text::clean_line(&pager)
        ));
    }
}

fn through(pager: &str, page: &str) -> Result<(), String> {
    let mut command = Command::new("sh");
    command
        .args(["-c", pager])
        .stdin(Stdio::piped())
        .stdout(std::io::stderr());
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // A pager that is closed early stops reading.
        drop(input.write_all(page.as_bytes()));
    }
    match child.wait() {
        Ok(status) if matches!(status.code(), Some(126 | 127)) => Err("not found".into()),
        Ok(_) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}
