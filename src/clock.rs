//! The one file that reads a clock. Everything else is handed a [`Now`].
//!
//! Two clocks, because they answer different questions: `mono` orders and measures (it never
//! jumps), `wall` is shown to people and compared with other machines' clocks. Both are read here
//! so that the pure layers can be tested by the thousand with made-up values, and so that a paused
//! runtime clock moves everything that measures.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Time since this process first looked at the clock.
    pub mono: Duration,
    /// The system's wall clock.
    pub wall: SystemTime,
}

impl Now {
    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.mono.saturating_sub(earlier.mono)
    }

    /// Both clocks moved ahead by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self { mono: self.mono.saturating_add(by), wall: self.wall + by }
    }

    /// A made-up reading, for tables of values: `mono` after an epoch of its own, wall beside it.
    #[cfg(test)]
    pub fn at(mono: Duration) -> Self {
        // 2026-01-01T00:00:00Z: a date that a reader recognises in golden files.
        let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Self { mono, wall: epoch + mono }
    }
}

/// Taken from the system's clock and not the runtime's: a paused runtime may be ahead of every
/// other one.
#[expect(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
static ANCHOR: LazyLock<Instant> = LazyLock::new(|| Instant::from_std(std::time::Instant::now()));

#[expect(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
fn instant() -> Instant {
    Instant::now()
}

/// Reads both clocks.
#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
#[must_use]
pub fn now() -> Now {
    let anchor = *ANCHOR;
    Now { mono: instant().saturating_duration_since(anchor), wall: SystemTime::now() }
}

/// The runtime's instant `after` from now: a deadline to hand down.
#[must_use]
pub fn deadline(after: Duration) -> Instant {
    instant() + after
}

/// The runtime's instant of `mono`, for timers that are planned in [`Now`].
#[must_use]
pub fn instant_of(mono: Duration) -> Instant {
    *ANCHOR + mono
}

/// What is left until `deadline`; zero when it is over.
#[must_use]
pub fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(instant())
}

/// A running measurement.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self(instant())
    }

    /// The time since the start.
    #[must_use]
    pub fn read(&self) -> Duration {
        instant().saturating_duration_since(self.0)
    }
}
