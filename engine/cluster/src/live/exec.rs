//! A process in a pod, over the WebSocket of the Kubernetes API.
//!
//! The transport is not believed: when the link between API server and kubelet breaks, it reports success, and when the
//! kubelet hangs it reports nothing for ever. The frame's end marks and our own clock decide.

use super::{
    count::RoundTrips,
    frame::{Collector, Found, Job, Run, Script},
    pump::{Patience, Stopped, pump},
    refused,
    text::clean,
};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::api::{AttachParams, AttachedProcess};
use runbook_core::{Failure, Output, Target};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The default pipe of 1 KiB makes large outputs four times slower.
const PIPE: usize = 256 * 1024;
/// After the status everything has been sent; but after a broken WebSocket the pipes are never closed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExecError {
    /// The container has no `sh`.
    NoShell(String),
    /// The pod has several containers and none was named.
    NeedsContainer,
    /// Nothing ran, or it is not known what ran.
    Failed(Failure),
}

#[derive(Clone, Copy)]
pub(crate) struct Exec<'a> {
    pub(crate) client: &'a kube::Client,
    pub(crate) place: &'a Place,
    /// On whose account the round trips go.
    pub(crate) target: &'a Target,
    pub(crate) counts: &'a RoundTrips,
}

impl Exec<'_> {
    /// Runs the script. `Ok`: every mark came. On an error the collector still holds what came whole.
    pub(crate) async fn run(
        &self,
        script: &Script,
        collector: &mut Collector,
        patience: Patience,
    ) -> Result<(), ExecError> {
        let mut process = self.start(vec!["sh".into(), "-s".into()], true, patience).await?;
        let status = wait(process.take_status());
        let (Some(stdin), Some(stdout), Some(stderr)) = (process.stdin(), process.stdout(), process.stderr()) else {
            return Err(ExecError::Failed(Failure::Other("exec without its streams".into())));
        };
        tokio::pin!(status);
        let (mut said, mut told) = (None, false);
        let stopped = {
            let pumped = pump(stdin, stdout, stderr, &script.text, collector, patience);
            tokio::pin!(pumped);
            tokio::select! {
                stopped = &mut pumped => Some(stopped),
                status = &mut status => {
                    (said, told) = (status, true);
                    tokio::time::timeout(LAST_WORDS, &mut pumped).await.ok()
                }
            }
        };
        if collector.is_done() {
            return Ok(());
        }
        if stopped == Some(Stopped::Ended) && !told {
            said = tokio::time::timeout(LAST_WORDS, status).await.ok().flatten();
        }
        let started = collector.out.is_started();
        match (said, stopped) {
            (Some(status), _) => Err(read_status(&status, started)),
            (None, Some(Stopped::Silent)) => Err(ExecError::Failed(silence())),
            (None, Some(Stopped::Late)) if started => {
                Err(ExecError::Failed(Failure::TimedOut("the time of the batch".into())))
            }
            (None, Some(Stopped::Late)) => Err(ExecError::Failed(silence())),
            (None, _) => Err(ExecError::Failed(Failure::Incomplete(
                "the connection broke before the end mark".into(),
            ))),
        }
    }

    async fn start(&self, argv: Vec<String>, stdin: bool, patience: Patience) -> Result<AttachedProcess, ExecError> {
        let mut attach = AttachParams::default()
            .stdin(stdin)
            .stdout(true)
            .stderr(true)
            .max_stdin_buf_size(PIPE)
            .max_stdout_buf_size(PIPE)
            .max_stderr_buf_size(PIPE);
        if let Some(container) = &self.place.container {
            attach = attach.container(container);
        }
        let pods: kube::Api<Pod> = kube::Api::namespaced(self.client.clone(), &self.place.namespace);
        self.counts.add(self.target);
        match tokio::time::timeout_at(patience.first.into(), pods.exec(&self.place.pod, argv, &attach)).await {
            Ok(Ok(process)) => Ok(process),
            Ok(Err(error)) => Err(read_error(&error)),
            Err(_) => Err(ExecError::Failed(silence())),
        }
    }

    /// For an image without a shell: one program, its forms one after the other. There is no end mark, so the status
    /// has to be believed; the caller says so.
    pub(crate) async fn direct(&self, job: &Job, limit: u64, patience: Patience) -> Result<Found, Failure> {
        let mut in_vain = vec![];
        let mut best: Option<Run> = None;
        for (form, argv) in job.forms.iter().enumerate() {
            match self.program(argv.clone(), limit, patience).await {
                Ok(output) => {
                    let good = output.exit == 0;
                    if good || best.is_none() {
                        in_vain.extend(best.take().map(|b| (b.form, format!("exit {}", b.output.exit))));
                        best = Some(Run {
                            form,
                            output,
                            took_ms: 0,
                        });
                    } else {
                        in_vain.push((form, format!("exit {}", output.exit)));
                    }
                    if good {
                        break;
                    }
                }
                Err(ExecError::NoShell(_)) => in_vain.push((form, "no such program".into())),
                Err(ExecError::NeedsContainer) => return Err(Failure::NotFound("the pod's container".into())),
                Err(ExecError::Failed(failure)) => return Err(failure),
            }
        }
        in_vain.sort();
        Ok(best.map_or(Found::Missing, |run| Found::Whole { run, in_vain }))
    }

    async fn program(&self, argv: Vec<String>, limit: u64, patience: Patience) -> Result<Output, ExecError> {
        let mut process = self.start(argv, false, patience).await?;
        let (Some(stdout), Some(stderr)) = (process.stdout(), process.stderr()) else {
            return Err(ExecError::Failed(Failure::Other("exec without its streams".into())));
        };
        let all = async {
            let status = wait(process.take_status());
            let read = async { tokio::join!(bounded(stdout, limit), bounded(stderr, limit)) };
            tokio::pin!(status, read);
            tokio::select! {
                read = &mut read => Some((read, tokio::time::timeout(LAST_WORDS, status).await.ok().flatten())),
                status = &mut status => Some((tokio::time::timeout(LAST_WORDS, read).await.ok()?, status)),
            }
        };
        let read = tokio::time::timeout_at(patience.end.into(), all)
            .await
            .map_err(|_| ExecError::Failed(Failure::TimedOut("the time of the batch".into())))?;
        let (((stdout, cut_bytes), (stderr, _)), status) = read.unwrap_or_default();
        let Some(status) = status else {
            return Err(ExecError::Failed(Failure::Incomplete(
                "the connection broke before the exit code".into(),
            )));
        };
        let exit = match status.status.as_deref() {
            Some("Success") => 0,
            _ => match exit_code(&status) {
                // A runtime that says "not found" by the code of a shell.
                Some(126 | 127) if stdout.is_empty() => return Err(ExecError::NoShell(message(&status))),
                Some(code) => code,
                None => return Err(read_status(&status, false)),
            },
        };
        Ok(Output {
            stdout: stdout.into(),
            stderr: stderr.into(),
            exit,
            cut_bytes,
        })
    }
}

async fn wait(status: Option<impl Future<Output = Option<Status>>>) -> Option<Status> {
    match status {
        Some(status) => status.await,
        None => None,
    }
}

async fn bounded(mut from: impl AsyncRead + Unpin, limit: u64) -> (Vec<u8>, u64) {
    let (mut kept, mut cut) = (vec![], 0);
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        let room = (limit - kept.len() as u64).min(n as u64) as usize;
        kept.extend_from_slice(&buffer[..room]);
        cut += (n - room) as u64;
    }
    (kept, cut)
}

fn silence() -> Failure {
    Failure::Unreachable(
        "no sign of life through the API server (a kubelet that accepts and stays silent looks so)".into(),
    )
}

fn exit_code(status: &Status) -> Option<i32> {
    let causes = status.details.as_ref()?.causes.as_ref()?;
    let cause = causes.iter().find(|c| c.reason.as_deref() == Some("ExitCode"))?;
    cause.message.as_ref()?.trim().parse().ok()
}

fn message(status: &Status) -> String {
    clean(status.message.as_deref().unwrap_or_default(), 300)
}

/// The status that ended an exec whose end mark did not come.
fn read_status(status: &Status, started: bool) -> ExecError {
    let message = message(status);
    if started {
        let why = match exit_code(status) {
            Some(code) => format!("the shell ended early with exit {code}"),
            None if status.status.as_deref() == Some("Success") => {
                "the link broke; the server called it a success".into()
            }
            None => message,
        };
        return ExecError::Failed(Failure::Incomplete(why));
    }
    match exit_code(status) {
        Some(126 | 127) => ExecError::NoShell(message),
        Some(code) => ExecError::Failed(Failure::Other(format!(
            "the shell did not start: exit {code}: {message}"
        ))),
        None if status.status.as_deref() == Some("Success") => {
            ExecError::Failed(Failure::Incomplete("success without an answer: the link broke".into()))
        }
        None => by_text(status.code.unwrap_or(500).try_into().unwrap_or(500), "", message),
    }
}

/// Exec was refused before there was a stream.
fn read_error(error: &kube::Error) -> ExecError {
    match error {
        kube::Error::Api(status) => by_text(status.code, &status.reason, clean(&status.message, 300)),
        kube::Error::UpgradeConnection(kube::client::UpgradeConnectionError::ProtocolSwitch(code)) => {
            by_text(code.as_u16(), "", format!("no WebSocket: {code}"))
        }
        other => ExecError::Failed(refused::transport(other).into_failure()),
    }
}

/// Neither the API server nor the runtimes have codes for these; the words are theirs (containerd, CRI-O, kubelet, API server).
fn by_text(code: u16, reason: &str, message: String) -> ExecError {
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    if matches!(code, 401 | 403) {
        // Over a WebSocket it is authorised as `get`, which a role for `kubectl exec` of old does not have.
        let hint = if lower.contains("pods/exec") {
            "; exec needs the verbs `create` and `get` on `pods/exec`"
        } else {
            ""
        };
        return ExecError::Failed(Failure::Denied(format!("{message}{hint}")));
    }
    if has(&["a container name must be specified"]) {
        return ExecError::NeedsContainer;
    }
    if has(&[
        "executable file not found",
        "no such file or directory",
        "permission denied: unknown",
    ]) {
        return ExecError::NoShell(message);
    }
    if has(&[
        "connection refused",
        "no route to host",
        "i/o timeout",
        "dial tcp",
        "network is unreachable",
        "tls handshake timeout",
        "no such host",
        "connection reset",
    ]) {
        return ExecError::Failed(Failure::Unreachable(format!(
            "the API server cannot reach the kubelet: {message}"
        )));
    }
    if has(&[
        "container not found",
        "is not valid for pod",
        "cannot exec into a container in a completed pod",
        "not running",
        "does not exist",
    ]) {
        return ExecError::Failed(Failure::NotFound(message));
    }
    if has(&["forbidden", "unauthorized"]) {
        return ExecError::Failed(Failure::Denied(message));
    }
    ExecError::Failed(refused::by_code(code, reason, &message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_field_are_told_apart() {
        let said = |code, text: &str| match by_text(code, "", text.into()) {
            ExecError::Failed(f) => f.to_string().split(':').next().unwrap_or_default().to_string(),
            ExecError::NoShell(_) => "no shell".into(),
            ExecError::NeedsContainer => "which container".into(),
        };
        let cases = [
            (
                500,
                "error dialing backend: dial tcp 192.0.2.12:10250: connect: connection refused",
                "unreachable",
            ),
            (
                500,
                "error dialing backend: dial tcp 192.0.2.12:10250: connect: no route to host",
                "unreachable",
            ),
            (
                500,
                "error dialing backend: dial tcp 192.0.2.12:10250: i/o timeout",
                "unreachable",
            ),
            (
                500,
                "unable to upgrade connection: container not found (\"web\")",
                "not found",
            ),
            (
                500,
                "Internal error occurred: failed to exec in container: failed to start exec \"e2c\": OCI runtime exec failed: \
                 exec failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: unknown",
                "no shell",
            ),
            (
                400,
                "a container name must be specified for pod web-1, choose one of: [web proxy]",
                "which container",
            ),
            (400, "container gone is not valid for pod web-1", "not found"),
            (
                403,
                "pods \"web-1\" is forbidden: User \"ann\" cannot create resource \"pods/exec\"",
                "denied",
            ),
            (404, "pods \"web-9\" not found", "not found"),
            (
                500,
                "unable to upgrade connection: Forbidden (user=x, verb=create, resource=nodes)",
                "denied",
            ),
            (502, "<html>", "the API server answered 502"),
        ];
        for (code, text, want) in cases {
            assert_eq!(said(code, text), want, "{text}");
        }
    }
}
