//! `agreement`: did both paths see the same Prometheus, and does Grafana know how often it scrapes?

use crate::clock::{self, Stopwatch};
use crate::judge::{self, Agreement, Answered};
use crate::link::Link;
use crate::report::cause::Cause;
use crate::report::check::{Check, Path, Why};
use crate::report::facts::{Fact, Key};
use crate::report::finding::Finding;
use crate::report::{Leg, Outcome, Row, Walk};

/// Sets the row of `agreement`. A difference is a finding and no failure: panels get data.
pub fn check(link: &Link, direct: Option<&Walk>, grafana: &mut Walk) {
    if grafana.first.rows.get(Check::Agreement).is_some() {
        return;
    }
    let row = compare(link, direct.map(|walk| &walk.first), &grafana.first);
    grafana.first.rows.insert(Check::Agreement, row);
}

/// Notes at the data source that panels assume another scrape interval than the server has.
pub fn interval(direct: Option<&Walk>, grafana: &mut Walk) {
    let real = direct.and_then(|walk| walk.first.seen.scrape_interval);
    let (Some(real), Some(seen)) = (real, &grafana.first.seen.datasource) else { return };
    let found = judge::audit::interval(seen.scrape_interval, real);
    if let (Some(found), Some(row)) = (found, grafana.first.rows.get_mut(Check::Datasource)) {
        row.findings.push(found);
    }
}

fn compare(link: &Link, direct: Option<&Leg>, grafana: &Leg) -> Row {
    let watch = Stopwatch::start();
    let now = clock::now();
    let Some(direct) = direct else { return Row::skipped(Why::NotNeeded, now) };
    if direct.outcome(Check::Query) != Some(Outcome::Passed) {
        return Row::skipped(Why::Needs(Check::Query), now);
    }
    let (Some(ours), Some(theirs)) = (answered(direct), answered(grafana)) else {
        // Aggregates were asked on one side: there is nothing to compare.
        return Row::skipped(Why::NotNeeded, now);
    };
    let mut row = Row::ended(Outcome::Passed, watch.read(), now);
    let (overlap, cause): (f64, Option<Cause>) = match judge::agreement(ours, theirs) {
        Agreement::Same(overlap) => (overlap, None),
        Agreement::Differs(cause, overlap) => (overlap, Some(cause)),
        Agreement::TooFew => return Row::skipped(Why::NotNeeded, now),
    };
    row.facts.push(Key::Overlap, Fact::Number(overlap));
    let detail = format!(
        "{} series {}, {} through Grafana, {:.0} % in common",
        ours.series,
        Path::Direct.as_str(),
        theirs.series,
        overlap * 100.0
    );
    row.findings.extend(cause.map(|cause| Finding::of(cause, detail)));
    debug_assert!(link.query.agreement);
    row
}

/// Notes at the best replica that others give different answers: who reads the name gets one or the
/// other by chance.
pub fn replicas(best: &mut Leg, others: &[Leg]) {
    let Some(ours) = answered(best) else { return };
    let differ = |leg: &&Leg| {
        let theirs = answered(leg).filter(|theirs| theirs.series > 0);
        theirs
            .is_some_and(|theirs| matches!(judge::agreement(ours, theirs), Agreement::Differs(..)))
    };
    let found = others.iter().find(differ).map(|other| {
        let end = |leg: &Leg| leg.address.map(|address| address.to_string()).unwrap_or_default();
        let series = other.seen.series.unwrap_or_default();
        let detail = format!("{}: {} series, {}: {series}", end(best), ours.series, end(other));
        Finding::of(Cause::ReplicasDisagree, detail)
    });
    if let (Some(row), Some(found)) = (best.rows.get_mut(Check::Query), found) {
        row.findings.push(found);
    }
}

fn answered(leg: &Leg) -> Option<Answered<'_>> {
    let identities = leg.seen.identities.as_deref()?;
    Some(Answered { series: leg.seen.series?, identities })
}
