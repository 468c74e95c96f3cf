//! Feeds the script to a remote shell and reads what comes back, under one deadline for all of it.

use super::frame::{Collector, Stream};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a sign that the shell is there.
    pub(crate) first: Instant,
    /// For everything.
    pub(crate) end: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Both streams are over: by their last mark, or because the other side closed them.
    Ended,
    /// Nothing came in the time for a first sign.
    Silent,
    /// The time for everything was used up.
    Late,
}

/// stdin stays open until the end: the oldest exec protocol can only close it together with all the rest.
pub(crate) async fn pump(
    mut stdin: impl AsyncWrite + Unpin,
    stdout: impl AsyncRead + Unpin,
    stderr: impl AsyncRead + Unpin,
    script: &str,
    collector: &mut Collector,
    patience: Patience,
) -> Stopped {
    let feed = async {
        // A shell that is gone shows on its outputs; writing to it may also never return.
        if stdin.write_all(script.as_bytes()).await.is_ok() {
            let _ = stdin.flush().await;
        }
        std::future::pending::<()>().await;
    };
    let Collector { out, err } = collector;
    let read = async {
        // A silent stdout ends the wait for stderr too.
        let both = tokio::try_join!(drain(stdout, out, Some(patience.first)), drain(stderr, err, None));
        both.map_or_else(|stopped| stopped, |_| Stopped::Ended)
    };
    tokio::select! {
        stopped = read => stopped,
        () = feed => Stopped::Ended,
        () = tokio::time::sleep_until(patience.end.into()) => Stopped::Late,
    }
}

async fn drain(mut from: impl AsyncRead + Unpin, into: &mut Stream, first: Option<Instant>) -> Result<(), Stopped> {
    let mut buffer = vec![0; 64 * 1024];
    while !into.is_ended() {
        let read = from.read(&mut buffer);
        let read = match first.filter(|_| !into.is_started()) {
            Some(first) => match tokio::time::timeout_at(first.into(), read).await {
                Ok(read) => read,
                Err(_) => return Err(Stopped::Silent),
            },
            None => read.await,
        };
        match read {
            Ok(n) if n > 0 => into.push(&buffer[..n]),
            _ => break,
        }
    }
    into.close();
    Ok(())
}
