//! The end: the first signal drains, the second aborts, and draining has a bound.
//!
//! Nothing here ends the process. The signal handler only cancels a token and, if that was not
//! enough, comes back with a reason; `cli` turns it into the exit code, so that every way out is in
//! one place.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{self, SignalKind};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long draining may take: well below the 30 s that Kubernetes grants by default.
pub const GRACE: Duration = Duration::from_secs(10);

/// A wish to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: Kubernetes, systemd.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
}

/// The signals of this process.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

/// Why draining was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// A second signal came.
    Again(Signal),
    /// The grace was over.
    GraceOver,
}

/// Cancels `drain` at the first signal; returns only when waiting for the rest makes no sense any
/// more.
pub async fn guard(
    mut next: impl AsyncFnMut() -> Signal,
    drain: CancellationToken,
    grace: Duration,
) -> Abort {
    let first = next().await;
    tracing::info!(signal = first.as_str(), "shutting down; a second signal aborts");
    drain.cancel();
    match timeout(grace, next()).await {
        Ok(second) => Abort::Again(second),
        Err(_) => Abort::GraceOver,
    }
}

// === impl Signals ===

impl Signals {
    /// Takes the signals over from their default, which is to end at once.
    ///
    /// # Errors
    /// The system's, when it lets nobody handle signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal. Cancelling this loses none.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

// === impl Signal, Abort ===

impl Signal {
    fn as_str(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

impl Abort {
    /// As a shell reports a process that a signal ended; 1 when it was slow by itself.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Again(Signal::Terminate) => 128 + 15,
            Self::Again(Signal::Interrupt) => 128 + 2,
            Self::GraceOver => 1,
        }
    }
}

#[cfg(test)]
mod tests;
