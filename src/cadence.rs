//! When a cycle starts, when it must end, and when a link has been silent for too long.

use std::time::Duration;

use crate::link::{Cadence, LinkName};

/// The ticks of one link, on the monotonic clock of `Now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    first: Duration,
    interval: Duration,
}

impl Ticks {
    /// The ticks of `link` from `now` on; the first one lies less than an interval ahead.
    #[must_use]
    pub fn starting(now: Duration, link: &LinkName, host: &str, interval: Duration) -> Self {
        todo!()
    }

    /// The first tick after `now`.
    #[must_use]
    pub fn next(&self, now: Duration) -> Duration {
        todo!()
    }

    /// How many ticks lie after `from`, up to and including `to`.
    #[must_use]
    pub fn between(&self, from: Duration, to: Duration) -> u64 {
        todo!()
    }
}

/// How long the checks may take before the rest of the timeout belongs to explaining.
#[must_use]
pub fn walking_time(timeout: Duration) -> Duration {
    todo!()
}

/// The last part of `timeout`, which belongs to explaining.
#[must_use]
pub fn explaining_time(timeout: Duration) -> Duration {
    todo!()
}

/// When the cycle that confirms another one starts.
#[must_use]
pub fn confirmation_start(started: Duration, ended: Duration) -> Duration {
    todo!()
}

/// How long a link may be silent before its result is withdrawn.
#[must_use]
pub fn overdue_after(cadence: Cadence) -> Duration {
    todo!()
}
