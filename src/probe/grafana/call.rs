//! The two calls that may outlive their cycle: the query and the health check of the data source.
//!
//! Grafana waits 10 s for a connection whose packets are dropped and 30 s for an answer, and the
//! health check does so twice (`facts` of Grafana 9.3 to 13.1, measured). So each call owns all
//! that it needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::OwnedSemaphorePermit;

use crate::carried::{Pass, Pending, Said, Voice};
use crate::classify::grafana_answer::{self, DatasourceHealth, DsQuery, Failure};
use crate::classify::{Rejection, Vector};
use crate::clock::{self, Stopwatch};
use crate::judge;
use crate::link::discover::Leave;
use crate::link::{Grafana, Thresholds};
use crate::net::http::{Request, Response};
use crate::probe::Net;
use crate::probe::causes::End;
use crate::probe::hops::Hops;
use crate::probe::line::{self, Line, failed};
use crate::report::cause::Cause;
use crate::report::check::{Check, Why};
use crate::report::facts::{Fact, Key};
use crate::report::finding::Finding;
use crate::report::seen::Seen;
use crate::report::{Outcome, Row};

/// A call's whole life: a hang of 2 x 30 s for the health check, and some seconds for Grafana
/// itself.
const HEALTH_LIFE: Duration = Duration::from_secs(65);
/// A hang of 30 s for the query, likewise.
const QUERY_LIFE: Duration = Duration::from_secs(35);

/// What a call needs.
pub struct Call {
    pub net: Arc<Net>,
    pub grafana: Arc<Grafana>,
    pub thresholds: Thresholds,
    /// Where Grafana answered in this cycle.
    pub address: SocketAddr,
    /// The stream to use; a new one is dialled without it.
    pub line: Option<Line>,
    pub request: Request,
    /// Asks for the newest sample after the first answer, where that has no room for it.
    pub newest: Option<Request>,
    pub asks: Asks,
}

/// What it asks, and how the answer is judged.
#[derive(Clone, Copy, Debug)]
pub enum Asks {
    /// The health check.
    Health(Expected),
    /// The query.
    Query(Expected),
}

/// What is known of the data source and expected of its data.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// It forwards each user's own login, which we do not have.
    pub forwards_user: bool,
    /// Series must exist.
    pub series: bool,
    /// How old the newest sample may be, where that is judged.
    pub freshness: Option<Duration>,
    /// A count was asked instead of the series.
    pub counted: bool,
    /// The share of targets that may be down, where no direct path looks at them.
    pub targets_down: Option<f64>,
}

impl Call {
    /// Begins the call in a slot; nothing happens until the answer is polled.
    pub fn begin(self, slot: OwnedSemaphorePermit) -> Pending {
        let check = self.asks.check();
        let (since, pass) = (clock::now(), Pass::Slot(slot));
        Pending { check, since, call: Box::pin(self.run()), pass }
    }

    async fn run(self) -> Said {
        let watch = Stopwatch::start();
        let deadline = clock::deadline(match self.asks {
            Asks::Health(_) => HEALTH_LIFE,
            Asks::Query(_) => QUERY_LIFE,
        });
        let hops = Hops {
            net: &self.net,
            endpoint: &self.grafana.endpoint,
            leave: Leave::Given,
            thresholds: &self.thresholds,
            reached: true,
            was_headless: false,
            last: deadline,
        };
        let fresh = || Line::new(End::Grafana, self.address, None);
        let mut line = self.line.unwrap_or_else(fresh);
        let sent = line.send(&hops, &self.request, deadline).await;
        let took = watch.read();
        let response = match sent {
            Ok(response) => response,
            Err(lost) => {
                let silent = lost.cause == Cause::NoResponse;
                let voice = if silent { Voice::Nobody } else { Voice::Wire };
                let mut row = failed(lost.cause, took);
                row.facts.text(Key::Error, &lost.words);
                return self.asks.said(row, Seen::default(), voice);
            }
        };
        match self.asks {
            Asks::Health(expected) => health(&response, &self.request, expected, took),
            Asks::Query(expected) => {
                let mut newest = None;
                // Whoever was slow once would be slow twice; A is enough.
                let slow = self.thresholds.slow;
                if let Some(request) = self.newest.filter(|_| took <= slow) {
                    let until = deadline.min(clock::deadline(slow));
                    let sent = line.send(&hops, &request, until).await.ok();
                    newest = sent.and_then(|response| newest_of(&response, &request));
                }
                query(&response, &self.request, newest, expected, &self.thresholds, took)
            }
        }
    }
}

impl Asks {
    fn check(self) -> Check {
        match self {
            Self::Health(_) => Check::DatasourceHealth,
            Self::Query(_) => Check::GrafanaQuery,
        }
    }

    fn said(self, row: Row, seen: Seen, voice: Voice) -> Said {
        Said { check: self.check(), row, seen, voice }
    }
}

fn health(response: &Response, request: &Request, expected: Expected, took: Duration) -> Said {
    let (row, voice) =
        match grafana_answer::datasource_health(&line::answer(response, &request.target, true)) {
            DatasourceHealth::Good => {
                (Row::ended(Outcome::Passed, took, clock::now()), Voice::Datasource)
            }
            DatasourceHealth::Unsupported => {
                let outcome = Outcome::Skipped(Why::Unsupported);
                (Row::ended(outcome, Duration::ZERO, clock::now()), Voice::Grafana)
            }
            DatasourceHealth::Bad(failure) => {
                (told(&failure, Key::HealthSays, expected, took), Voice::Datasource)
            }
            DatasourceHealth::Rejected(rejection) => {
                let mut row = rejected(&rejection, response.status, took);
                if rejection.cause == Cause::PermissionMissing {
                    row.outcome = Outcome::Skipped(Why::NotPermitted);
                }
                (row, Voice::Grafana)
            }
        };
    Said { check: Check::DatasourceHealth, row, seen: Seen::default(), voice }
}

fn query(
    response: &Response,
    request: &Request,
    asked_apart: Option<f64>,
    expected: Expected,
    thresholds: &Thresholds,
    took: Duration,
) -> Said {
    let mut seen = Seen::default();
    let answer = line::answer(response, &request.target, true);
    let (row, voice) = match grafana_answer::ds_query(&answer) {
        DsQuery::Data { a, newest } => {
            let newest = newest.or(asked_apart);
            let row = data(a, newest, expected, thresholds, took, &mut seen);
            (row, Voice::Datasource)
        }
        DsQuery::Empty { warnings } => {
            let mut row = failed(Cause::NoSeries, took);
            if !warnings.is_empty() {
                row.facts.list(Key::Warnings, warnings);
            }
            (row, Voice::Datasource)
        }
        DsQuery::Failed(failure) => {
            (told(&failure, Key::GrafanaSays, expected, took), Voice::Datasource)
        }
        DsQuery::Rejected(rejection) => {
            (rejected(&rejection, response.status, took), Voice::Grafana)
        }
    };
    Said { check: Check::GrafanaQuery, row, seen, voice }
}

/// The time of the newest sample, asked by itself.
fn newest_of(response: &Response, request: &Request) -> Option<f64> {
    match grafana_answer::ds_query(&line::answer(response, &request.target, true)) {
        DsQuery::Data { a, .. } => a.value.filter(|seconds| seconds.is_finite()),
        DsQuery::Empty { .. } | DsQuery::Failed(_) | DsQuery::Rejected(_) => None,
    }
}

/// What good data amounts to.
fn data(
    mut vector: Vector,
    newest: Option<f64>,
    expected: Expected,
    thresholds: &Thresholds,
    took: Duration,
    seen: &mut Seen,
) -> Row {
    if expected.counted {
        vector.series = vector.value.map_or(0, |count| count as u64);
    }
    let now = clock::now();
    let age = newest.map(|at| age(at, vector.evaluated_at, now.wall));
    let stale = age.zip(expected.freshness).and_then(|(age, limit)| judge::freshness(age, limit));
    let empty = (expected.series && vector.series == 0).then_some(Cause::NoSeries);
    let outcome = empty.or(stale).map_or(Outcome::Passed, Outcome::Failed);
    let mut row = Row::ended(outcome, took, now);
    row.facts.push(Key::Series, Fact::Count(vector.series));
    if let Some(age) = age {
        row.facts.push(Key::Age, Fact::Seconds(age));
    }
    let slow = judge::slow(took, thresholds.slow);
    row.findings.extend(slow.map(|slow| Finding::of(slow, format!("{} ms", took.as_millis()))));
    if vector.partial {
        row.findings.push(Finding::of(Cause::PartialAnswer, vector.warnings.join("; ")));
    }
    if let Some(share) = expected.targets_down.filter(|_| !expected.counted) {
        let down = judge::targets(vector.series, vector.up, share);
        let detail = format!("{} of {} up", vector.up, vector.series);
        row.findings.extend(down.map(|down| Finding::of(down, detail)));
        seen.series_up = Some(vector.up);
    }
    seen.series = Some(vector.series);
    seen.large_answer = vector.large;
    seen.identities = (!expected.counted).then_some(vector.identities);
    seen.query_took = Some(took);
    row
}

/// The age of the newest sample. Grafana evaluates by its own clock and Prometheus stamps by
/// another; a wrong clock must not make fresh data stale, so the younger of two ages counts: by
/// Grafana's clock, and by ours. (The direct path knows the age by Prometheus' own clock.)
fn age(newest: f64, evaluated_at: Option<f64>, now: SystemTime) -> Duration {
    let by_ours = line::seconds(now) - newest;
    let age = evaluated_at.map_or(by_ours, |at| by_ours.min(at - newest));
    // What no duration holds is old, not new.
    Duration::try_from_secs_f64(age.max(0.0)).unwrap_or(Duration::MAX)
}

fn told(failure: &Failure, key: Key, expected: Expected, took: Duration) -> Row {
    let mut row = failed(grafana_answer::explained(failure.cause, expected.forwards_user), took);
    row.facts.text(key, &failure.message);
    row
}

fn rejected(rejection: &Rejection, status: u16, took: Duration) -> Row {
    let mut row = failed(rejection.cause, took);
    line::note_rejection(&mut row.facts, status, rejection);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_any_duration_is_old_and_one_to_come_is_new() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(age(-1e308, None, now), Duration::MAX);
        assert_eq!(age(1e308, None, now), Duration::ZERO);
        assert_eq!(age(f64::NAN, Some(f64::NAN), now), Duration::ZERO);
    }
}
