//! When a cycle starts, when it must end, and when a link has been silent for too long.
//!
//! Ticks are multiples of the interval from a first one, not "interval after the last end": the
//! cadence of a link stays what the user wrote, however long its cycles take. The first one is
//! spread over the interval by a hash of link and host, so that neither the links of one promlink
//! nor its replicas ask all at once, and so that a restart does not draw anew.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::link::{Cadence, LinkName};

/// From the start of a cycle to the start of the one that confirms it, at the least: a stalled
/// process or a lost packet is over by then.
const CONFIRMATION_DELAY: Duration = Duration::from_secs(1);
/// The most time that explaining may take from a cycle: a round of DNS in the cluster takes 10 ms.
const EXPLAINING_AT_MOST: Duration = Duration::from_millis(500);
/// The most of a short timeout that explaining may take: a quarter.
const EXPLAINING_SHARE: u32 = 4;
/// So many intervals, and the timeout of a cycle, pass before a silent link is overdue.
const OVERDUE_INTERVALS: u32 = 3;

/// The ticks of one link, on the monotonic clock of `Now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    first: Duration,
    interval: Duration,
}

impl Ticks {
    /// The ticks of `link` on `host` (the pod's name); the first one lies less than an interval
    /// ahead.
    #[must_use]
    pub fn starting(now: Duration, link: &LinkName, host: &str, interval: Duration) -> Self {
        Self { first: now + jitter((link, host), interval), interval }
    }

    /// The first tick after `now`.
    #[must_use]
    pub fn next(&self, now: Duration) -> Duration {
        let passed = self.passed(now);
        // A tick beyond the range of the clock never comes.
        let ahead = u32::try_from(passed).ok().and_then(|n| self.interval.checked_mul(n));
        ahead.and_then(|ahead| self.first.checked_add(ahead)).unwrap_or(Duration::MAX)
    }

    /// How many ticks lie after `from`, up to and including `to`: those that a cycle which ran from
    /// one to the other has missed.
    #[must_use]
    pub fn between(&self, from: Duration, to: Duration) -> u64 {
        self.passed(to).saturating_sub(self.passed(from))
    }

    /// How many ticks lie up to and including `now`.
    fn passed(&self, now: Duration) -> u64 {
        let Some(since) = now.checked_sub(self.first) else { return 0 };
        let intervals = since.as_nanos() / self.interval.as_nanos().max(1);
        u64::try_from(intervals).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// Where within a span of time this one of many has its place. The hash is the same in every
/// process of one build, which is all that its uses need.
#[must_use]
pub fn jitter(one: impl Hash, within: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    one.hash(&mut hasher);
    let share = (u128::from(hasher.finish()) * within.as_nanos()) >> 64;
    u64::try_from(share).map_or(Duration::ZERO, Duration::from_nanos)
}

/// The last part of `timeout`, which belongs to explaining: min(500 ms, timeout / 4).
#[must_use]
pub fn explaining_time(timeout: Duration) -> Duration {
    EXPLAINING_AT_MOST.min(timeout / EXPLAINING_SHARE)
}

/// How long the checks may take: what explaining leaves of `timeout`.
#[must_use]
pub fn walking_time(timeout: Duration) -> Duration {
    timeout - explaining_time(timeout)
}

/// When the cycle starts that confirms one which started and ended then.
#[must_use]
pub fn confirmation_start(started: Duration, ended: Duration) -> Duration {
    (started + CONFIRMATION_DELAY).max(ended)
}

/// How long a link may be silent before its result is withdrawn.
#[must_use]
pub fn overdue_after(cadence: Cadence) -> Duration {
    cadence.interval * OVERDUE_INTERVALS + cadence.timeout
}

/// How many cycles may run at a time, for links that are watched so: twice the average, and 64 at
/// the least.
#[must_use]
pub fn concurrency(cadences: impl Iterator<Item = Cadence>) -> usize {
    let share = |c: Cadence| c.timeout.as_secs_f64() / c.interval.as_secs_f64();
    let average: f64 = cadences.map(share).sum();
    (2.0 * average).ceil().max(64.0) as usize
}

/// Within which share of an interval the first cycles of `links` start: all of it for many; a few
/// need no spreading, and a person waits for the first verdict. At 5 ms a link, 15 s are full with
/// 3,000.
#[must_use]
pub fn first_spread(links: usize) -> f64 {
    (links.saturating_sub(1) as f64 / 3000.0).min(1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn ticks_keep_their_rhythm_however_long_a_cycle_takes() {
        let ticks = Ticks { first: ms(3_000), interval: ms(10_000) };
        for (now, next) in [
            (0, 3_000),
            (2_999, 3_000),
            (3_000, 13_000),
            (12_999, 13_000),
            (13_000, 23_000),
            (1_000_000, 1_003_000),
        ] {
            assert_eq!(ticks.next(ms(now)), ms(next), "after {now} ms");
        }
        for (from, to, missed) in [
            (3_000, 3_000, 0),
            (3_000, 12_999, 0),
            (3_000, 13_000, 1),
            (3_000, 43_500, 4),
            (0, 3_000, 1),
            (5_000, 0, 0),
        ] {
            assert_eq!(ticks.between(ms(from), ms(to)), missed, "from {from} to {to} ms");
        }
    }

    #[test]
    fn the_first_tick_lies_within_the_interval_and_is_always_the_same() {
        let interval = ms(15_000);
        let first = |link: &str, host| {
            Ticks::starting(SECOND, &LinkName::new(link), host, interval).next(SECOND)
        };
        for link in ["a", "b", "main/PBFA97CFB590B2093"] {
            assert!((SECOND..SECOND + interval).contains(&first(link, "pod-0")));
            assert_eq!(first(link, "pod-0"), first(link, "pod-0"));
            assert_ne!(first(link, "pod-0"), first(link, "pod-1"), "replicas do not ask at once");
        }
    }

    #[test]
    fn first_ticks_spread_over_the_interval() {
        let starts: BTreeSet<u64> = (0..1000)
            .map(|n| jitter((LinkName::new(&format!("link-{n}")), "pod"), SECOND * 10).as_secs())
            .collect();
        assert_eq!(starts, (0..10).collect());
        let crowded = (0..1000)
            .filter(|n| jitter((LinkName::new(&format!("link-{n}")), "pod"), SECOND * 10) < SECOND)
            .count();
        assert!((50..200).contains(&crowded), "{crowded} of 1000 in a tenth of the interval");
    }

    #[test]
    fn deadlines_keep_their_order() {
        for timeout in [1, 10, 400, 1_000, 2_000, 5_000, 60_000].map(ms) {
            let (walking, explaining) = (walking_time(timeout), explaining_time(timeout));
            assert_eq!(walking + explaining, timeout);
            assert!(explaining <= ms(500) && explaining <= timeout / 4 && !explaining.is_zero());
            assert!(walking >= explaining * 3);
        }
        assert_eq!(explaining_time(ms(5_000)), ms(500));
        assert_eq!(explaining_time(ms(1_000)), ms(250));

        let cadence = Cadence { interval: ms(15_000), timeout: ms(5_000) };
        assert_eq!(overdue_after(cadence), ms(50_000));
        // A cycle that is merely slow, and its confirmation, end before the link is overdue.
        assert!(overdue_after(cadence) > cadence.interval + cadence.timeout * 2);
    }

    #[test]
    fn a_confirmation_starts_after_a_second_or_when_the_first_cycle_has_ended() {
        assert_eq!(confirmation_start(ms(15_000), ms(15_020)), ms(16_000));
        assert_eq!(confirmation_start(ms(15_000), ms(20_000)), ms(20_000));
    }
}
