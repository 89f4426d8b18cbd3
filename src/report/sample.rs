//! Reports for tests, written as `situations.tsv` writes them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Now;
use crate::link::{LinkName, Origin};
use crate::report::cause::Cause;
use crate::report::check::{Check, Path, Why};
use crate::report::{CarriedFacts, Leg, Outcome, Report, Row, Trigger, Walk};

/// How one path of a report went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// The link has no such path.
    Absent,
    /// Every check passed.
    Passed,
    /// The deciding check did not get to run.
    NoTime,
    /// This check failed first.
    Failed(Check, Cause),
}

/// A report of two paths, each `passed`, `absent`, `no_time` or `check/cause` of its first failure,
/// with `reached` and `seen` as earlier cycles left them.
pub fn report(direct: &str, grafana: &str) -> Report {
    let mut report = empty();
    let words = format!("{direct} {grafana}");
    report.carried.reached_prometheus = has(direct, "reached");
    report.carried.reached_grafana = has(grafana, "reached");
    report.carried.datasource_seen = has(&words, "seen");
    report.direct = walk(Path::Direct, went(direct));
    report.grafana = walk(Path::Grafana, went(grafana));
    report
}

/// `report`, of a cycle that started at that second.
pub fn started_at(seconds: u64, mut report: Report) -> Report {
    report.started = Now::at(Duration::from_secs(seconds));
    for walk in [report.direct.as_mut(), report.grafana.as_mut()].into_iter().flatten() {
        for check in Check::ALL {
            if let Some(row) = walk.first.rows.get_mut(check) {
                row.at = report.started;
            }
        }
    }
    report
}

/// A report without any path.
pub fn empty() -> Report {
    Report {
        link: LinkName::new("link"),
        origin: Origin::Configured,
        trigger: Trigger::Interval,
        interval: Duration::from_secs(15),
        started: Now::at(Duration::ZERO),
        took: Duration::from_millis(20),
        direct: None,
        grafana: None,
        carried: CarriedFacts::default(),
    }
}

/// One path that went so.
pub fn walk(path: Path, went: Went) -> Option<Walk> {
    let took = Duration::from_millis(20);
    match went {
        Went::Absent => None,
        Went::Passed | Went::NoTime | Went::Failed(..) => {
            Some(Walk { first: leg(path, went), others: Vec::new(), took })
        }
    }
}

/// One address that went so.
pub fn leg(path: Path, went: Went) -> Leg {
    let address: Option<SocketAddr> = "10.0.0.7:9090".parse().ok();
    let mut stopped = None;
    let rows = path.checks().iter().map(|&check| {
        let outcome = match (stopped, went) {
            (Some(why), _) => Outcome::Skipped(why),
            (None, Went::NoTime) => {
                stopped = Some(Why::NoTime);
                Outcome::Skipped(Why::NoTime)
            }
            (None, Went::Failed(at, cause)) if at == check => {
                stopped = Some(Why::Needs(check));
                Outcome::Failed(cause)
            }
            (None, Went::Absent | Went::Passed | Went::Failed(..)) => free(check),
        };
        (check, row(outcome))
    });
    Leg { address, rows: rows.collect(), ..Leg::default() }
}

/// A row that ended so.
pub fn row(outcome: Outcome) -> Row {
    Row::ended(outcome, Duration::from_millis(2), Now::at(Duration::ZERO))
}

/// The outcome of a check that nothing stopped.
fn free(check: Check) -> Outcome {
    match check {
        Check::Tls => Outcome::Skipped(Why::NotNeeded),
        Check::DatasourceHealth => Outcome::Skipped(Why::Unsupported),
        Check::Dns
        | Check::Tcp
        | Check::Query
        | Check::Freshness
        | Check::Assertions
        | Check::GrafanaHealth
        | Check::Auth
        | Check::Datasource
        | Check::GrafanaQuery
        | Check::Agreement => Outcome::Passed,
    }
}

/// The path that `words` tell.
pub fn went(words: &str) -> Went {
    let word = words.split(' ').next().unwrap_or_default();
    match word {
        "absent" => Went::Absent,
        "passed" => Went::Passed,
        "no_time" => Went::NoTime,
        _ => {
            let (check, cause) = word.split_once('/').expect(words);
            Went::Failed(self::check(check), Cause::from_code(cause).expect(words))
        }
    }
}

/// The check of that name.
pub fn check(name: &str) -> Check {
    Check::ALL.into_iter().find(|check| check.as_str() == name).expect(name)
}

fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|found| found == word)
}
