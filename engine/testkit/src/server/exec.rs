//! `pods/exec`: a process of this machine behind the channels of `v5.channel.k8s.io` and `v4.channel.k8s.io`.

use super::{Query, Shared, status};
use crate::{Cut, ExecFault, Kubelet, procs, shims::Tools, snapshot::Pod};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::{SinkExt as _, StreamExt as _, stream::SplitSink};
use serde_json::Value;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// v5 only: the next byte names the channel that ends.
const CLOSE: u8 = 255;

pub(super) struct Call {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) pod: Pod,
    pub(super) container: String,
    pub(super) query: Query,
    pub(super) fault: Option<ExecFault>,
}

type Sender = SplitSink<WebSocket, Message>;

pub(super) async fn run(shared: &Shared, call: Call, socket: WebSocket) {
    let (mut to, mut from) = socket.split();
    match &call.fault {
        Some(ExecFault::Silent) => {
            // Reads, so that a close of the client is seen.
            while let Some(Ok(_)) = from.next().await {}
            return;
        }
        Some(ExecFault::Dead(how)) => return end(&mut to, &status::exec_error(&dead(&call, *how).await)).await,
        Some(ExecFault::ContainerGone) => return end(&mut to, &gone(&call)).await,
        Some(ExecFault::Garbage) => {
            for rubbish in [
                &[9, 1, 2, 3][..],
                &[STDOUT, 0xff, 0xfe, 0x1b],
                &[],
                &[STATUS, b'{', b'"'],
            ] {
                let _ = to.send(Message::Binary(rubbish.to_vec().into())).await;
            }
            let _ = to.send(Message::Text("not a frame".into())).await;
            return;
        }
        Some(ExecFault::Cut { .. }) | None => {}
    }
    if !call.pod.runs(&call.container) {
        return end(&mut to, &gone(&call)).await;
    }
    let tools = match shared.shims.of(&shared.snapshot, &call.pod.subject()) {
        Ok(tools) => tools,
        Err(e) => return end(&mut to, &status::exec_error(&format!("testkit: {e}"))).await,
    };
    let mut child = match start(shared, &call, &tools) {
        Ok(child) => child,
        Err(why) => return end(&mut to, &status::exec_error(&why)).await,
    };
    // Tells the client that the streams are open.
    let _ = frame(&mut to, STDOUT, &[]).await;
    let stdin = child.stdin.take();
    let input = tokio::spawn(async move { feed(&mut from, stdin).await });
    let cut = match call.fault {
        Some(ExecFault::Cut { after, how }) => Some((after, how)),
        _ => None,
    };
    let whole = pump(&mut child, &mut to, cut).await;
    match whole {
        Pumped::All => {
            let code = child.wait().await.ok().map(|s| {
                use std::os::unix::process::ExitStatusExt as _;
                s.code().or(s.signal().map(|n| 128 + n)).unwrap_or(255)
            });
            let said = match code {
                Some(0) => status::exec_success(),
                code => status::exec_exit(code.unwrap_or(255)),
            };
            end(&mut to, &said).await;
        }
        Pumped::Cut(Cut::LooksFine) => end(&mut to, &status::exec_success()).await,
        Pumped::Cut(Cut::Abrupt) => {}
        // The kubelet leaves the process alone.
        Pumped::ClientGone => drain(child).await,
    }
    input.abort();
}

fn start(shared: &Shared, call: &Call, tools: &Tools) -> Result<Child, String> {
    let argv = call.query.all("command");
    let program = argv.first().map(String::as_str).unwrap_or_default();
    let file = Path::new(program).file_name().map(|n| tools.path.join(n));
    let Some(file) = file.filter(|f| f.exists()) else {
        let where_ = if program.contains('/') {
            format!("stat {program}: no such file or directory")
        } else {
            "executable file not found in $PATH".into()
        };
        return Err(format!(
            "error executing command in container: failed to exec in container: failed to start exec \
             \"6d1f0c6bb1f4\": OCI runtime exec failed: exec failed: unable to start container process: exec: \
             \"{program}\": {where_}: unknown"
        ));
    };
    let subject = call.pod.subject();
    let host = if subject.contains('/') { &call.name } else { &subject };
    let piped = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
    Command::new(file)
        .args(&argv[1..])
        .env_clear()
        .env("PATH", &tools.path)
        .env("TMPDIR", &tools.tmp)
        .env("HOME", &tools.tmp)
        .env("HOSTNAME", host)
        .env(procs::MARK, &shared.mark)
        .current_dir("/")
        .process_group(0)
        .stdin(piped(call.query.is("stdin")))
        .stdout(piped(call.query.is("stdout")))
        .stderr(piped(call.query.is("stderr")))
        .spawn()
        .map_err(|e| format!("error executing command in container: {e}"))
}

enum Pumped {
    All,
    Cut(Cut),
    ClientGone,
}

/// Sends what the process prints until it has ended.
async fn pump(child: &mut Child, to: &mut Sender, cut: Option<(usize, Cut)>) -> Pumped {
    let (tx, mut rx) = mpsc::channel::<(u8, Vec<u8>)>(16);
    let stdout = child.stdout.take().map(|s| tokio::spawn(read(s, STDOUT, tx.clone())));
    let stderr = child.stderr.take().map(|s| tokio::spawn(read(s, STDERR, tx.clone())));
    drop(tx);
    let mut sent = 0;
    let mut ended = false;
    loop {
        // What the process left behind may hold its pipes open; the runtime waits for that a little, not for ever.
        let next = tokio::select! {
            next = rx.recv() => next,
            _ = child.wait(), if !ended => {
                ended = true;
                continue;
            }
            _ = tokio::time::sleep(Duration::from_secs(2)), if ended => None,
        };
        let Some((channel, mut bytes)) = next else { break };
        if let (STDOUT, Some((after, how))) = (channel, cut) {
            let room = after - sent;
            let full = bytes.len() >= room;
            bytes.truncate(room);
            sent += bytes.len();
            let _ = frame(to, channel, &bytes).await;
            if full {
                return Pumped::Cut(how);
            }
        } else if frame(to, channel, &bytes).await.is_err() {
            tokio::spawn(async move { while rx.recv().await.is_some() {} });
            return Pumped::ClientGone;
        }
    }
    for reader in [stdout, stderr].into_iter().flatten() {
        reader.abort();
    }
    Pumped::All
}

async fn read(mut stream: impl AsyncRead + Unpin, channel: u8, tx: mpsc::Sender<(u8, Vec<u8>)>) {
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        if tx.send((channel, buffer[..n].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn drain(mut child: Child) {
    let _ = child.wait().await;
}

/// Passes on what the client types.
async fn feed(from: &mut futures::stream::SplitStream<WebSocket>, mut stdin: Option<ChildStdin>) {
    while let Some(Ok(message)) = from.next().await {
        let Message::Binary(bytes) = message else { continue };
        match bytes.as_ref() {
            [0, typed @ ..] => {
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(typed).await.is_err()
                {
                    stdin = None;
                }
            }
            [CLOSE, 0] => stdin = None,
            _ => {}
        }
    }
}

async fn frame(to: &mut Sender, channel: u8, bytes: &[u8]) -> Result<(), axum::Error> {
    let mut whole = Vec::with_capacity(bytes.len() + 1);
    whole.push(channel);
    whole.extend_from_slice(bytes);
    to.send(Message::Binary(whole.into())).await
}

async fn end(to: &mut Sender, status: &Value) {
    let _ = frame(to, STATUS, status.to_string().as_bytes()).await;
    let normal = CloseFrame {
        code: 1000,
        reason: "".into(),
    };
    let _ = to.send(Message::Close(Some(normal))).await;
    // Until the client has read it all and closes too.
    let _ = to.flush().await;
}

async fn dead(call: &Call, how: Kubelet) -> String {
    let kubelet = format!("{}:10250", call.pod.host_ip());
    let why = match how {
        Kubelet::Refused => "connect: connection refused",
        Kubelet::NoRoute => "connect: no route to host",
        Kubelet::TimedOut => "i/o timeout",
    };
    // As long as it takes, but not the thirty seconds of a real one.
    let wait = if how == Kubelet::TimedOut { 1500 } else { 5 };
    tokio::time::sleep(Duration::from_millis(wait)).await;
    let (ns, name, container) = (&call.namespace, &call.name, &call.container);
    format!("error sending request: Post \"https://{kubelet}/exec/{ns}/{name}/{container}\": dial tcp {kubelet}: {why}")
}

fn gone(call: &Call) -> Value {
    status::exec_error(&format!(
        "unable to upgrade connection: container not found (\"{}\")",
        call.container
    ))
}
