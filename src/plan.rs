//! What runs next: all the branching of a cycle, as functions of the outcomes so far.
//!
//! A check that cannot run is skipped with the reason at the root of it, never failed: so a refused
//! port makes one fault and not six. What explains a failure (the ladder of DNS questions, the
//! ports of a Service) is decided here too, and folded into the failed row; the shell only asks the
//! questions.

use std::time::Duration;

use crate::clock::Now;
use crate::link::Link;
use crate::link::assertion::Assertion;
use crate::report::asserted::Asserted;
use crate::report::cause::{Cause, Family};
use crate::report::check::{Check, CheckMap, Path, Why};
use crate::report::facts::Key;
use crate::report::kinds::{is_of_position, is_our_own, is_refusal_by_grafana};
use crate::report::{CarriedFacts, Leg, Outcome, Row, Standing, Walk};

#[cfg(test)]
mod tests;

/// How often `auth`, `datasource` and `datasource_health` are read anew while they pass.
pub const SLOW_CHECK_PERIOD: Duration = Duration::from_secs(60);

/// For how many of these periods what was found stands in for what is not asked anew.
const KEPT_PERIODS: u32 = 3;

/// What the configuration says of a path's checks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Applies {
    /// The end is reached by TLS.
    pub tls: bool,
    /// The age of the newest sample is checked.
    pub freshness: bool,
    /// The paths are compared.
    pub agreement: bool,
    /// There are assertions, and this is the path on which they are asked.
    pub assertions: bool,
    /// The data source can be asked without its description: its uid is configured.
    pub by_uid: bool,
}

/// What to do next on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Run this check.
    Run(Check),
    /// Note that this check does not run.
    Skip(Check, Why),
    /// Every check has a row.
    Stop,
}

/// What would explain a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// Which part of a cluster name is wrong.
    NameLadder,
    /// Whether the server only fails for what it does not serve.
    HiddenDenial,
    /// Which ports the Service has.
    ServicePorts,
}

/// What the ladder of questions found about a name that does not resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ladder {
    /// The domain after `.svc.` is not served here.
    WrongClusterDomain,
    /// `<ns>.svc.<zone>` does not exist.
    NoSuchNamespace,
    /// `<ns>.svc.<zone>` exists.
    NoSuchService,
    /// The name is not a cluster's, or the questions were not answered.
    Unknown,
}

/// The next step of `path`: the first of its checks without a row.
#[must_use]
pub fn next(path: Path, rows: &CheckMap<Row>, applies: Applies, left: Duration) -> Step {
    // Where the direct path asks the assertions, the other one has no such check.
    let has =
        |check: Check| check != Check::Assertions || path == Path::Direct || applies.assertions;
    let mut open = path.checks().iter().copied().filter(|check| rows.get(*check).is_none());
    let Some(check) = open.find(|check| has(*check)) else {
        return Step::Stop;
    };
    if let Some(root) = blocker(path, check, rows, applies) {
        return Step::Skip(check, Why::Needs(root));
    }
    match check {
        Check::Tls if !applies.tls => Step::Skip(check, Why::NotNeeded),
        Check::Freshness if !applies.freshness => Step::Skip(check, Why::Off),
        Check::Agreement if !applies.agreement => Step::Skip(check, Why::Off),
        Check::Assertions if !applies.assertions => Step::Skip(check, Why::Off),
        // Comparing costs nothing, and is done when both paths have ended; and of assertions there
        // may be what earlier cycles found, which costs nothing either.
        Check::Assertions | Check::Agreement => Step::Run(check),
        Check::Dns
        | Check::Tcp
        | Check::Tls
        | Check::Query
        | Check::Freshness
        | Check::GrafanaHealth
        | Check::Auth
        | Check::Datasource
        | Check::DatasourceHealth
        | Check::GrafanaQuery => {
            if left.is_zero() {
                Step::Skip(check, Why::NoTime)
            } else {
                Step::Run(check)
            }
        }
    }
}

/// The check at the root of why `check` cannot run.
fn blocker(path: Path, check: Check, rows: &CheckMap<Row>, applies: Applies) -> Option<Check> {
    let needed = prerequisite(path, check)?;
    match rows.get(needed)?.outcome {
        // A step that was not needed stands for the one before it, and a data source that we may
        // not read may still be asked.
        Outcome::Passed | Outcome::Skipped(Why::NotNeeded | Why::Unsupported) => {
            blocker(path, needed, rows, applies)
        }
        Outcome::Skipped(Why::NotPermitted) if needed == Check::Datasource => {
            blocker(path, needed, rows, applies)
        }
        Outcome::Skipped(Why::Off) if needed == Check::Freshness => {
            blocker(path, needed, rows, applies)
        }
        Outcome::Failed(cause) if is_beside_the_way(needed, cause, applies) => {
            blocker(path, needed, rows, applies)
        }
        Outcome::Skipped(Why::Needs(root)) => Some(root),
        Outcome::Failed(_)
        | Outcome::Skipped(
            Why::NotPermitted | Why::StillWaiting | Why::NoTime | Why::Busy | Why::Off,
        ) => Some(needed),
    }
}

/// A failure to read what is no part of the way that panels go: the organisation's name, or the
/// description of a data source whose uid is known. A firewall that bars one path of Grafana's API
/// breaks no panel, so the query itself has to tell.
fn is_beside_the_way(check: Check, cause: Cause, applies: Applies) -> bool {
    let can_do_without = check == Check::Auth
        || check == Check::Datasource && applies.by_uid && cause.family() != Family::Datasource;
    can_do_without && !is_refusal_by_grafana(cause) && !is_our_own(cause)
}

/// The check whose product `check` consumes.
fn prerequisite(path: Path, check: Check) -> Option<Check> {
    match check {
        Check::Dns => None,
        Check::Tcp => Some(Check::Dns),
        Check::Tls => Some(Check::Tcp),
        Check::Query | Check::GrafanaHealth => Some(Check::Tls),
        Check::Freshness => Some(Check::Query),
        Check::Assertions => Some(match path {
            Path::Direct => Check::Freshness,
            Path::Grafana => Check::GrafanaQuery,
        }),
        Check::Auth => Some(Check::GrafanaHealth),
        Check::Datasource => Some(Check::Auth),
        Check::DatasourceHealth | Check::GrafanaQuery => Some(Check::Datasource),
        Check::Agreement => Some(Check::GrafanaQuery),
    }
}

/// Whether no direct path looks at the data: the link has none, or its name led where promlink may
/// not go. The paths are walked side by side, so that is known of the cycle before.
#[must_use]
pub fn lacks_direct(link: &Link, before: &CarriedFacts) -> bool {
    let [direct, _] = before.last_standing;
    link.prometheus.is_none() || matches!(direct, Some((Standing::Absent, _)))
}

/// Whether a row with a period of its own may stand for this cycle as well. A failed `auth` or
/// `datasource` is read anew in every cycle, because mending it must show at once; a failed health
/// check costs Grafana up to a minute, and waits for its period.
#[must_use]
pub fn still_good(check: Check, kept: Option<&Row>, now: Now) -> bool {
    kept.is_some_and(|row| {
        let keeps = check == Check::DatasourceHealth || row.outcome == Outcome::Passed;
        keeps && now.since(row.at) < SLOW_CHECK_PERIOD
    })
}

/// The assertions to ask now, whichever has waited longest first: so those for which a cycle had no
/// time are the first ones of the next.
#[must_use]
pub fn due<'a>(all: &'a [Assertion], asked: &[Asserted], now: Now) -> Vec<&'a Assertion> {
    let last = |assertion: &Assertion| {
        let found = asked.iter().find(|asserted| asserted.name == assertion.name);
        found.map(|asserted| asserted.asked.mono)
    };
    let is_due =
        |at: Option<Duration>| at.is_none_or(|at| now.mono.saturating_sub(at) >= SLOW_CHECK_PERIOD);
    let mut due: Vec<&Assertion> = all.iter().filter(|one| is_due(last(one))).collect();
    due.sort_by_key(|assertion| last(assertion));
    due
}

/// Whether what was found of an assertion still stands.
#[must_use]
pub fn still_stands(asserted: &Asserted, now: Now) -> bool {
    now.since(asserted.asked) < SLOW_CHECK_PERIOD * KEPT_PERIODS
}

/// What would explain this failure, if anything.
#[must_use]
pub fn explanation(check: Check, outcome: Outcome) -> Option<Explanation> {
    match (check, outcome) {
        (Check::Dns, Outcome::Failed(Cause::DnsNoSuchName)) => Some(Explanation::NameLadder),
        (
            Check::Dns,
            Outcome::Failed(Cause::DnsServerFailure | Cause::DnsRefused | Cause::DnsTimeout),
        ) => Some(Explanation::HiddenDenial),
        (
            Check::Tcp,
            Outcome::Failed(
                Cause::ConnectionRefused
                | Cause::ConnectionTimeout
                | Cause::HostUnreachable
                | Cause::ConnectionDenied,
            ),
        ) => Some(Explanation::ServicePorts),
        (_, Outcome::Passed | Outcome::Failed(_) | Outcome::Skipped(_)) => None,
    }
}

/// The failed `dns` row, told more exactly. The name of a headless Service exists exactly while a
/// pod is ready, so a missing one is not a misspelt one; it is headless if it was so before, or if
/// it governs what the Prometheus operator runs.
#[must_use]
pub fn explained_name(mut row: Row, host: &str, was_headless: bool, found: Ladder) -> Row {
    let operated = host.split('.').next().is_some_and(|name| name.ends_with("-operated"));
    let is_headless = was_headless || operated;
    let cause = match found {
        Ladder::WrongClusterDomain => Cause::DnsWrongClusterDomain,
        Ladder::NoSuchNamespace => Cause::DnsNoSuchNamespace,
        Ladder::NoSuchService if is_headless => Cause::NoReadyEndpoints,
        Ladder::NoSuchService => Cause::DnsNoSuchService,
        Ladder::Unknown => return row,
    };
    row.outcome = Outcome::Failed(cause);
    row
}

/// The failed `tcp` row, told more exactly by the ports that the Service has.
///
/// Only a refusal says by itself that nothing is ready there. Silence, and what a router or the
/// system says, mean as much only of what was reached before: to anybody else a firewall that
/// rejects looks the same.
#[must_use]
pub fn explained_port(mut row: Row, port: u16, service_ports: &[u16], reached: bool) -> Row {
    if service_ports.is_empty() {
        return row;
    }
    row.facts.list(Key::ServicePorts, service_ports);
    if !service_ports.contains(&port) {
        row.outcome = Outcome::Failed(Cause::WrongPort);
    } else if row.outcome == Outcome::Failed(Cause::ConnectionRefused) || reached {
        row.outcome = Outcome::Failed(Cause::NoReadyEndpoints);
    }
    row
}

/// Takes back what the ports of a Service explained, where both ends are lost at once: that its
/// pods are not ready is then less likely than that our packets go nowhere.
pub fn doubt(direct: &mut Walk, grafana: &mut Walk) {
    if [&*direct, &*grafana].into_iter().all(|walk| walk.legs().all(is_lost)) {
        direct.legs_mut().chain(grafana.legs_mut()).for_each(unexplain);
    }
}

/// Its own address is not reached, and our position explains that.
fn is_lost(leg: &Leg) -> bool {
    let failed = |check| match leg.outcome(check) {
        Some(Outcome::Failed(cause)) => Some(cause),
        Some(Outcome::Passed | Outcome::Skipped(_)) | None => None,
    };
    let met = match failed(Check::Tcp) {
        Some(Cause::NoReadyEndpoints) => leg.seen.connect_failure,
        told => told.or(failed(Check::Dns)),
    };
    met.is_some_and(is_of_position)
}

fn unexplain(leg: &mut Leg) {
    if let (Some(row), Some(met)) = (leg.rows.get_mut(Check::Tcp), leg.seen.connect_failure)
        && row.outcome == Outcome::Failed(Cause::NoReadyEndpoints)
    {
        row.outcome = Outcome::Failed(met);
    }
}
