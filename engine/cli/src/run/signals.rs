//! Ctrl-C and SIGTERM: the first ends the run in order, the second at once.

use crate::{code::Code, guided};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whether somebody wants the program to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    pub(crate) token: CancellationToken,
    hit: Arc<AtomicBool>,
    /// Ctrl-C is meant for a pager that is open.
    pager: Arc<AtomicBool>,
}

/// Until this is dropped, Ctrl-C is left to the pager.
pub(crate) struct LeftToPager(Arc<AtomicBool>);

impl Drop for LeftToPager {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Interrupt {
    /// As Ctrl-C does, which is a mere key while a terminal is read raw.
    pub(crate) fn raise(&self) {
        self.hit.store(true, Ordering::SeqCst);
        self.token.cancel();
    }

    pub(crate) fn was_raised(&self) -> bool {
        self.hit.load(Ordering::SeqCst)
    }

    pub(crate) fn leave_to_pager(&self) -> LeftToPager {
        self.pager.store(true, Ordering::SeqCst);
        LeftToPager(self.pager.clone())
    }

    /// Watches from here on.
    pub(crate) fn watch(&self) -> std::io::Result<()> {
        let mut signals = Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if ignores_hang_up() {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        };
        let this = self.clone();
        tokio::spawn(async move {
            signals.next(&this.pager).await;
            this.raise();
            signals.next(&this.pager).await;
            guided::restore_terminal();
            std::process::exit(Code::Interrupted as i32);
        });
        Ok(())
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    async fn next(&mut self, pager: &AtomicBool) {
        let Signals {
            interrupt,
            terminate,
            hang_up,
        } = self;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {
                    if !pager.load(Ordering::SeqCst) {
                        return;
                    }
                }
                _ = terminate.recv() => return,
                Some(()) = async { hang_up.as_mut()?.recv().await } => return,
            }
        }
    }
}

/// Under `nohup` a terminal that goes away is no reason to stop.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 != 0)
}
