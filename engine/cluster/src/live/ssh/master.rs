//! One `ssh` per host that holds the connection; commands go through its control socket.

use super::super::text::clean;
use runbook_core::Failure;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStdin, Command},
};

/// Ends `ssh` as soon as our end of the pipe closes. So no connection outlives us, whichever way we go: dropped in the
/// middle of connecting, by `exit`, by SIGKILL. Letting `ssh` go to the background by itself would leave it for
/// `ControlPersist`, and leave a connect that nobody waits for any more.
const KEEPER: &str = r#"exec 3<&0
ssh "$@" </dev/null 3<&- &
p=$!
{ read -r x <&3; kill "$p"; } 2>/dev/null &
w=$!
wait "$p"
c=$?
kill "$w" 2>/dev/null
rmdir "$0" 2>/dev/null
exit "$c"
"#;

const CONNECT_TIMEOUT_S: u64 = 5;

/// What the user's own `ssh` is told on top of the user's own configuration.
#[derive(Debug, Clone)]
pub(super) struct Destination<'a> {
    pub(super) host: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) config_file: Option<&'a Path>,
    pub(super) accept_new: bool,
}

#[derive(Debug)]
pub(crate) struct Master {
    pub(super) session: openssh::Session,
    child: Child,
    /// Closing it ends the connection.
    lifeline: Option<ChildStdin>,
    words: Arc<Mutex<String>>,
}

impl Master {
    /// Connects. The error is what `ssh` said.
    pub(super) async fn connect(
        to: &Destination<'_>,
        directory: &Path,
        socket: PathBuf,
        until: Instant,
    ) -> Result<Master, Failure> {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(KEEPER)
            .arg(directory)
            .args(arguments(to, &socket))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C at the terminal is for us; what we have to undo may still need the connection.
            .process_group(0);
        let mut child = command
            .spawn()
            .map_err(|e| Failure::Other(format!("cannot start `sh` to run `ssh`: {e}")))?;
        let lifeline = child.stdin.take();
        let words = Arc::new(Mutex::new(String::new()));
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen(stderr, words.clone()));
        }
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        loop {
            tokio::select! {
                _ = child.wait() => {
                    // Its last words may still be in the pipe.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Err(read_words(&text_of(&words)));
                }
                _ = tick.tick() => if socket.exists() { break },
                () = tokio::time::sleep_until(until.into()) => {
                    return Err(Failure::Unreachable(format!("no ssh connection to `{}` in time", clean(to.host, 100))));
                }
            }
        }
        Ok(Master {
            session: openssh::Session::resume_mux(socket.into_boxed_path(), None),
            child,
            lifeline,
            words,
        })
    }

    /// What `ssh` said since: why a connection was lost.
    pub(super) fn words(&self) -> String {
        clean(&text_of(&self.words), 300)
    }

    pub(super) async fn close(mut self) {
        drop(self.lifeline.take());
        let _ = tokio::time::timeout(Duration::from_millis(500), self.child.wait()).await;
    }
}

fn arguments(to: &Destination<'_>, socket: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![];
    if let Some(file) = to.config_file {
        args.extend(["-F".into(), file.into()]);
    }
    if let Some(user) = to.user {
        args.extend(["-l".into(), user.into()]);
    }
    args.extend(["-M", "-N", "-T", "-S"].map(OsString::from));
    args.push(socket.into());
    let strict = if to.accept_new { "accept-new" } else { "yes" };
    for option in [
        "ControlPersist=no".into(),
        "BatchMode=yes".into(),
        format!("ConnectTimeout={CONNECT_TIMEOUT_S}"),
        "ServerAliveInterval=15".into(),
        "ServerAliveCountMax=3".into(),
        format!("StrictHostKeyChecking={strict}"),
        "LogLevel=ERROR".into(),
        // What the user's configuration does for a person at a terminal.
        "ClearAllForwardings=yes".into(),
        "ForwardAgent=no".into(),
        "ForwardX11=no".into(),
        "PermitLocalCommand=no".into(),
        "RemoteCommand=none".into(),
        "RequestTTY=no".into(),
    ] {
        args.extend(["-o".into(), option.into()]);
    }
    args.extend(["--".into(), to.host.into()]);
    args
}

/// Keeps the last of what `ssh` says, and keeps it from blocking.
async fn listen(mut stderr: impl tokio::io::AsyncRead + Unpin, words: Arc<Mutex<String>>) {
    let mut buffer = [0; 1024];
    while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_str(&String::from_utf8_lossy(&buffer[..n]));
        if words.len() > 8192 {
            let from = words.char_indices().map(|(i, _)| i).find(|i| *i >= words.len() - 4096);
            words.drain(..from.unwrap_or(0));
        }
    }
}

fn text_of(words: &Mutex<String>) -> String {
    words.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// `ssh` has one exit code for everything, 255; the words tell.
pub(super) fn read_words(words: &str) -> Failure {
    let lower = words.to_lowercase();
    let has = |any: &[&str]| any.iter().any(|w| lower.contains(w));
    // The warning about a changed key is a page long; its last lines say which key and where.
    let said = match words.len() > 300 {
        true => last_lines(words),
        false => clean(words, 300),
    };
    if has(&[
        "host key verification failed",
        "host identification has changed",
        "host key is known",
    ]) {
        Failure::HostKey(said)
    } else if has(&[
        "permission denied",
        "too many authentication failures",
        "no more authentication methods",
    ]) {
        Failure::Denied(said)
    } else if said.is_empty() {
        Failure::Unreachable("ssh ended without a word".into())
    } else {
        // Refused, timed out, unresolvable, no route, a jump host that fails, a banner that never comes.
        Failure::Unreachable(said)
    }
}

fn last_lines(words: &str) -> String {
    let lines: Vec<&str> = words
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.contains("@@@@"))
        .collect();
    let from = lines.len().saturating_sub(4);
    clean(&lines[from..].join(" "), 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_ssh_are_told_apart() {
        let cases = [
            (
                "No ED25519 host key is known for 192.0.2.12 and you have requested strict checking.\r\nHost key verification failed.",
                "host key",
            ),
            ("ops@192.0.2.12: Permission denied (publickey).", "denied"),
            (
                "ssh: connect to host 192.0.2.12 port 22: Connection refused",
                "unreachable",
            ),
            (
                "ssh: Could not resolve hostname worker-1: Name or service not known",
                "unreachable",
            ),
            ("Connection timed out during banner exchange", "unreachable"),
            ("", "unreachable"),
        ];
        for (words, want) in cases {
            assert!(read_words(words).to_string().starts_with(want), "{words}");
        }
    }

    #[test]
    fn a_changed_key_says_where_it_is_known_from() {
        let page = format!(
            "{0}\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{0}\n{1}\nOffending ED25519 key in /home/ann/.ssh/known_hosts:4\n\
             Host key for worker-1 has changed and you have requested strict checking.\nHost key verification failed.\n",
            "@".repeat(60),
            "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n".repeat(8)
        );
        let text = read_words(&page).to_string();
        assert!(
            text.starts_with("host key not accepted") && text.contains("known_hosts:4"),
            "{text}"
        );
    }
}
