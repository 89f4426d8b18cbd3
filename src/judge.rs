//! Thresholds: values in, cause out; each is applied here and nowhere else.

use std::time::{Duration, SystemTime};

use crate::report::cause::Cause;

/// The newest sample is older than `limit`.
#[must_use]
pub fn freshness(age: Duration, limit: Duration) -> Option<Cause> {
    todo!("{age:?} {limit:?}")
}

/// A query took longer than `limit`.
#[must_use]
pub fn slow(took: Duration, limit: Duration) -> Option<Cause> {
    todo!("{took:?} {limit:?}")
}

/// `up` of `series` targets are up; at least `share` (0 to 1) of them being down is a finding.
#[must_use]
pub fn targets(series: u64, up: u64, share: f64) -> Option<Cause> {
    todo!("{series} {up} {share}")
}

/// The server's clock minus ours, in seconds.
#[must_use]
pub fn clock_skew(seconds: f64, limit: Duration) -> Option<Cause> {
    todo!("{seconds} {limit:?}")
}

/// Resolving took longer than `limit`.
#[must_use]
pub fn dns_slow(took: Duration, limit: Duration) -> Option<Cause> {
    todo!("{took:?} {limit:?}")
}

/// The certificate ends within `limit`, or within a tenth of its life if that is less.
#[must_use]
pub fn tls_expiring(
    not_before: SystemTime,
    not_after: SystemTime,
    now: SystemTime,
    limit: Duration,
) -> Option<Cause> {
    todo!("{not_before:?} {not_after:?} {now:?} {limit:?}")
}

/// The token ends within `limit`.
#[must_use]
pub fn token_expiring(not_after: SystemTime, now: SystemTime, limit: Duration) -> Option<Cause> {
    todo!("{not_after:?} {now:?} {limit:?}")
}

/// What one path saw, to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// How many series.
    pub series: u64,
    /// Their identities, as [`Vector`](crate::classify::Vector) holds them.
    pub identities: &'a [u64],
}

/// How two answers compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Agreement {
    /// The same Prometheus, as far as can be told; the overlap, 0 to 1.
    Same(f64),
    /// They differ, with the overlap.
    Differs(Cause, f64),
    /// Too few identities to tell.
    TooFew,
}

/// Compares what the two paths saw.
#[must_use]
pub fn agreement(direct: Answered<'_>, grafana: Answered<'_>) -> Agreement {
    todo!("{direct:?} {grafana:?}")
}
