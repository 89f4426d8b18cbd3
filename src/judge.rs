//! Thresholds: values in, cause out; each is applied here and nowhere else.
//!
//! A value exactly at its limit is still good, except for the share of targets that are down, which
//! the configuration calls "at least". Comparing answers is here too: how much may differ is a
//! threshold.

pub mod assertion;
pub mod audit;

use std::time::{Duration, SystemTime};

use crate::report::cause::Cause;
use crate::report::seen::MAX_IDENTITIES;

/// The newest sample is older than `limit`.
#[must_use]
pub fn freshness(age: Duration, limit: Duration) -> Option<Cause> {
    (age > limit).then_some(Cause::DataStale)
}

/// An instant query looks back and never ahead, so a sample from the future is no sample: it would
/// stay the newest for as long, whatever became of the others. `age` is in seconds, and a minute
/// ahead is rounding and what two clocks are apart.
#[must_use]
pub fn from_the_future(age: f64) -> Option<Cause> {
    (age < -60.0).then_some(Cause::AnswerMalformed)
}

/// The limit of freshness where the scrape interval is known: four scrapes may be lost.
#[must_use]
pub fn freshness_limit(limit: Duration, scrape_interval: Option<Duration>) -> Duration {
    scrape_interval.map_or(limit, |interval| limit.max(interval.saturating_mul(4)))
}

/// A query took longer than `limit`.
#[must_use]
pub fn slow(took: Duration, limit: Duration) -> Option<Cause> {
    (took > limit).then_some(Cause::Slow)
}

/// `up` of `series` targets are up; at least `share` (0 to 1) of them being down is a finding.
#[must_use]
pub fn targets(series: u64, up: u64, share: f64) -> Option<Cause> {
    if series == 0 || up >= series {
        return None;
    }
    if up == 0 {
        return Some(Cause::AllTargetsDown);
    }
    let down = (series - up) as f64 / series as f64;
    (down >= share).then_some(Cause::TargetsDown)
}

/// The server's clock minus ours, in seconds, is more than `limit` either way.
#[must_use]
pub fn clock_skew(seconds: f64, limit: Duration) -> Option<Cause> {
    (seconds.abs() > limit.as_secs_f64()).then_some(Cause::ClockSkew)
}

/// `kept` is how long the server keeps data, in its own words (`15d`, `15d or 10GiB`, `10GiB`), and
/// `asked` how far back panels ask. A size alone says nothing of time.
#[must_use]
pub fn retention(kept: &str, asked: Option<Duration>) -> Option<Cause> {
    let time = kept.split(" or ").find_map(|part| humantime::parse_duration(part.trim()).ok())?;
    (time < asked?).then_some(Cause::RetentionShort)
}

/// Resolving took longer than `limit`.
#[must_use]
pub fn dns_slow(took: Duration, limit: Duration) -> Option<Cause> {
    (took > limit).then_some(Cause::DnsSlow)
}

/// The certificate ends within `limit`, or within a tenth of its life if that is less: one that
/// lives for a day is no news when it has an hour left. One that has ended is the handshake's to
/// report.
#[must_use]
pub fn tls_expiring(
    not_before: SystemTime,
    not_after: SystemTime,
    now: SystemTime,
    limit: Duration,
) -> Option<Cause> {
    let left = not_after.duration_since(now).ok()?;
    let life = not_after.duration_since(not_before).unwrap_or_default();
    (left < limit.min(life / 10)).then_some(Cause::TlsExpiring)
}

/// What one path saw, to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// How many series.
    pub series: u64,
    /// Their identities, as [`Vector`](crate::classify::Vector) holds them: sorted, the smallest
    /// ones.
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

/// Fewer identities than this are compared only when they have nothing in common.
const FEWEST: usize = 3;
/// Below this overlap, it is another Prometheus.
const SAME_OVERLAP: f64 = 0.5;
/// Counts may be this share apart.
const COUNTS_APART: f64 = 0.1;
/// And this many series, so that one target of ten that comes or goes is nothing.
const SERIES_APART: u64 = 2;

/// Compares what the two paths saw.
///
/// Counts alone say little: of two replicas one may lag behind by a target. So they differ only
/// when neither side's series contain the other's, which a lag explains.
#[must_use]
pub fn agreement(direct: Answered<'_>, grafana: Answered<'_>) -> Agreement {
    let (a, b) = comparable(direct.identities, grafana.identities);
    let smaller = a.len().min(b.len());
    if smaller == 0 {
        return Agreement::TooFew;
    }
    let common = a.iter().filter(|identity| b.binary_search(identity).is_ok()).count();
    if smaller < FEWEST && common > 0 {
        return Agreement::TooFew;
    }
    let overlap = common as f64 / smaller as f64;
    if overlap < SAME_OVERLAP {
        return Agreement::Differs(Cause::DifferentPrometheus, overlap);
    }
    let (low, high) = (direct.series.min(grafana.series), direct.series.max(grafana.series));
    let apart = high - low;
    if common < smaller && apart > SERIES_APART && apart as f64 > COUNTS_APART * high as f64 {
        return Agreement::Differs(Cause::AnswersDiffer, overlap);
    }
    Agreement::Same(overlap)
}

/// A set at its cap knows nothing of hashes above its greatest, so neither side may bring those in.
fn comparable<'a>(a: &'a [u64], b: &'a [u64]) -> (&'a [u64], &'a [u64]) {
    let bound = [a, b]
        .iter()
        .filter(|set| set.len() >= MAX_IDENTITIES)
        .filter_map(|set| set.last().copied())
        .min()
        .unwrap_or(u64::MAX);
    let within = |set: &'a [u64]| {
        let end = set.partition_point(|identity| *identity <= bound);
        set.get(..end).unwrap_or(set)
    };
    (within(a), within(b))
}

#[cfg(test)]
mod tests;
