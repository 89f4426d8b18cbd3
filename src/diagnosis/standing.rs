//! What each path amounts to: passed, failed, untold or absent.
//!
//! A failed check is not yet a failed path: what our own typo, credentials or position explain as
//! well as the far end does is *untold*. The rules are few and ordered, because a page must be able
//! to say them.

use crate::clock::Now;
use crate::diagnosis::side::{Place, side};
use crate::link::Origin;
use crate::report::cause::Cause;
use crate::report::check::{Check, Path, Why};
use crate::report::finding::Fault;
use crate::report::kinds::{
    hides_its_reason, is_in_plain_sight, is_of_position, is_our_own, is_refusal,
    is_refusal_by_grafana, is_seen_through_grafana,
};
use crate::report::verdict::Side;
use crate::report::{Leg, Outcome, Report, Standing, Walk};

/// How many intervals an old standing may stand in for one that no cycle could tell.
const REMEMBERED_INTERVALS: u32 = 3;

/// The failed check that decides a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stop {
    /// Why it failed.
    cause: Cause,
    /// Which one.
    check: Check,
}

/// How one address was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The deciding check passed.
    Passed,
    /// It did not get to run, for lack of time or room.
    Undecided,
    /// A check failed.
    Stopped(Stop),
    /// It does not apply.
    Absent,
}

/// The standing of `path`: what this report says, else the last one if that is young, else
/// `overdue`.
#[must_use]
pub fn standing(path: Path, report: &Report) -> Standing {
    told(path, report).or_else(|| remembered(path, report)).unwrap_or_else(|| {
        let check = report.walk(path).map(|walk| deciding(path, best(path, walk)));
        let side = Side::Promlink;
        Standing::Untold(Fault { cause: Cause::Overdue, path: Some(path), check, side })
    })
}

/// The standing of `path` by this report alone; none when its deciding check did not get to run.
#[must_use]
pub fn told(path: Path, report: &Report) -> Option<Standing> {
    match read(path, report) {
        Reading::Passed => Some(Standing::Passed),
        Reading::Absent => Some(Standing::Absent),
        Reading::Undecided => None,
        Reading::Stopped(stop) => {
            let untold = is_untold(path, stop, report);
            let passes = passes(path.other(), report);
            let place = place(path, stop.check, stop.cause, passes, !untold);
            let side = side(stop.cause, place);
            let fault =
                Fault { cause: stop.cause, path: Some(path), check: Some(stop.check), side };
            Some(if untold { Standing::Untold(fault) } else { Standing::Failed(fault) })
        }
    }
}

/// Where a check of `path` met `cause`, for `side`.
pub fn place(path: Path, check: Check, cause: Cause, other_passes: bool, told: bool) -> Place {
    match path {
        Path::Direct => Place::Direct { grafana_passes: other_passes },
        Path::Grafana if is_seen_through_grafana(check, cause) => {
            Place::ThroughGrafana { direct_passed: other_passes }
        }
        Path::Grafana => Place::GrafanaItself { told },
    }
}

/// The address by which the path is judged: the first of the best ones.
pub fn best(path: Path, walk: &Walk) -> &Leg {
    let rank = |leg: &&Leg| match read_leg(path, leg) {
        Reading::Passed => 0,
        Reading::Undecided => 1,
        Reading::Stopped(_) => 2,
        Reading::Absent => 3,
    };
    walk.legs().min_by_key(rank).unwrap_or(&walk.first)
}

/// Where a failed check is charged: a refusal of ours by Grafana is a matter of `auth`, whichever
/// call met it.
pub fn charged(path: Path, check: Check, cause: Cause) -> Check {
    match path {
        Path::Grafana if check.is_through_grafana() && is_refusal_by_grafana(cause) => Check::Auth,
        Path::Grafana | Path::Direct => check,
    }
}

fn read(path: Path, report: &Report) -> Reading {
    report.walk(path).map_or(Reading::Absent, |walk| read_leg(path, best(path, walk)))
}

fn read_leg(path: Path, leg: &Leg) -> Reading {
    let deciding = deciding(path, leg);
    if leg.outcome(deciding) == Some(Outcome::Passed) {
        return Reading::Passed;
    }
    match reason(leg, deciding) {
        Some(Why::Off | Why::NotPermitted | Why::Unsupported) => Reading::Absent,
        _ => first_failure(path, leg).map_or(Reading::Undecided, Reading::Stopped),
    }
}

fn deciding(path: Path, leg: &Leg) -> Check {
    match path {
        Path::Grafana => Check::GrafanaQuery,
        Path::Direct if leg.outcome(Check::Freshness) == Some(Outcome::Skipped(Why::Off)) => {
            Check::Query
        }
        Path::Direct => Check::Freshness,
    }
}

/// Why `check` was skipped, `needs_X` followed to its end; none when something failed or passed
/// there.
fn reason(leg: &Leg, check: Check) -> Option<Why> {
    let mut at = check;
    // No chain is longer than there are checks, so a circle ends as well.
    for _ in Check::ALL {
        match leg.outcome(at) {
            Some(Outcome::Skipped(Why::Needs(before))) => at = before,
            Some(Outcome::Skipped(why)) => return Some(why),
            Some(Outcome::Passed | Outcome::Failed(_)) | None => return None,
        }
    }
    None
}

/// The first failed check that was in the way.
fn first_failure(path: Path, leg: &Leg) -> Option<Stop> {
    let in_the_way = |check: &Check| !walked_around(leg, *check) && !is_echo(leg, *check);
    path.checks().iter().copied().filter(in_the_way).find_map(|check| {
        let cause = failure(leg, check)?;
        Some(Stop { cause, check: charged(path, check, cause) })
    })
}

fn failure(leg: &Leg, check: Check) -> Option<Cause> {
    match leg.outcome(check) {
        Some(Outcome::Failed(cause)) => Some(cause),
        Some(Outcome::Passed | Outcome::Skipped(_)) | None => None,
    }
}

/// Grafana tells of one fault twice: the query, and its health check of the data source. What the
/// query says counts, because panels ask as it does; where it hides why, what the other one says.
pub fn is_echo(leg: &Leg, check: Check) -> bool {
    let (health, query) = (Check::DatasourceHealth, Check::GrafanaQuery);
    let (Some(by_health), Some(by_query)) = (failure(leg, health), failure(leg, query)) else {
        return false;
    };
    let health_tells_more =
        hides_its_reason(by_query, Some(query)) && !hides_its_reason(by_health, Some(query));
    check == if health_tells_more { query } else { health }
}

/// It was not in the way after all: the last good address was dialled in place of a name that did
/// not resolve, or the query met something else than what kept a description from being read.
fn walked_around(leg: &Leg, check: Check) -> bool {
    if check == Check::Dns {
        return leg.outcome(Check::Tcp) == Some(Outcome::Passed);
    }
    let by_query = failure(leg, Check::GrafanaQuery);
    let describes = matches!(check, Check::Auth | Check::Datasource);
    describes && by_query.is_some() && by_query != failure(leg, check)
}

/// Whether our own side explains it as well as the far end does.
fn is_untold(path: Path, stop: Stop, report: &Report) -> bool {
    if is_our_own(stop.cause) {
        return true;
    }
    if stop.check.is_through_grafana() {
        return is_untold_through_grafana(stop.cause, report);
    }
    let reached = report.carried.reached(path) || report.reaches(path);
    is_refusal(stop.cause)
        || !reached && !is_in_plain_sight(stop.cause)
        || is_of_position(stop.cause) && is_lost(path.other(), report)
}

/// Grafana answers for itself; only what it cannot show to us is untold.
fn is_untold_through_grafana(cause: Cause, report: &Report) -> bool {
    let seen = report.carried.datasource_seen
        || report.grafana.as_ref().is_some_and(|walk| walk.passed(Check::Datasource));
    cause == Cause::DatasourceNeedsUserLogin
        || cause == Cause::DatasourceNotFound && (!seen || report.origin == Origin::Discovered)
}

/// The end of `path` is lost at its own address by a cause of position.
fn is_lost(path: Path, report: &Report) -> bool {
    match read(path, report) {
        Reading::Stopped(stop) => !stop.check.is_through_grafana() && is_of_position(stop.cause),
        Reading::Passed | Reading::Undecided | Reading::Absent => false,
    }
}

/// Whether `path` passes, by this report or by the last standing.
fn passes(path: Path, report: &Report) -> bool {
    match read(path, report) {
        Reading::Passed => true,
        Reading::Undecided => remembered(path, report) == Some(Standing::Passed),
        Reading::Stopped(_) | Reading::Absent => false,
    }
}

/// The last standing of `path`, while it is young enough to stand in.
fn remembered(path: Path, report: &Report) -> Option<Standing> {
    let young = |at: &Now| report.started.since(*at) <= report.interval * REMEMBERED_INTERVALS;
    let last = path.of(report.carried.last_standing);
    last.filter(|(_, at)| young(at)).map(|(standing, _)| standing)
}
