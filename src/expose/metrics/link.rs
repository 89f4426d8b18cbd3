//! The families of a link: what each series says, and when it is better absent.
//!
//! Link-level series are the published ones, path- and check-level series those of the latest
//! cycle. What nobody can tell is absent, because both 0 and 1 would be a lie that an average
//! believes.

use crate::clock::Now;
use crate::expose::metrics::text::{Samples, flag, seconds, unix};
use crate::expose::words;
use crate::report::cause::Cause;
use crate::report::check::{Check, Path};
use crate::report::seen::Seen;
use crate::report::verdict::{Side, Verdict};
use crate::report::{Outcome, Row, Standing};
use crate::state::snapshot::{LatestCycle, LinkView, WALK_BOUNDS};

// === published ===

pub fn up(link: &LinkView, out: &mut Samples<'_>) {
    let up = match link.published.verdict {
        Verdict::Working | Verdict::Degraded => Some(true),
        Verdict::Broken => Some(false),
        Verdict::Blind | Verdict::Unknown => None,
    };
    out.maybe(&[], up.map(flag));
}

pub fn verdict(link: &LinkView, out: &mut Samples<'_>) {
    for verdict in Verdict::ALL {
        out.with(&[verdict.as_str()], flag(verdict == link.published.verdict));
    }
}

pub fn cause(link: &LinkView, out: &mut Samples<'_>) {
    if let Some(fault) = link.published.fault {
        let (path, check) = (path_label(fault.path), check_label(fault.check));
        out.with(&[fault.cause.code(), path, check, fault.side.as_str()], 1.0);
    }
}

pub fn findings(link: &LinkView, out: &mut Samples<'_>) {
    let labels = |index: usize| {
        link.published.findings.get(index).map(|finding| {
            [
                finding.cause.code(),
                finding.weight.as_str(),
                path_label(finding.path),
                check_label(finding.check),
                finding.subject.as_ref().map_or("", |subject| subject.as_str()),
            ]
        })
    };
    for index in 0..link.published.findings.len() {
        let Some(values) = labels(index) else { continue };
        // Two headers may differ, or two replicas: Prometheus refuses a series that comes twice.
        if !(0..index).any(|earlier| labels(earlier) == Some(values)) {
            out.with(&values, 1.0);
        }
    }
}

pub fn alarm(link: &LinkView, out: &mut Samples<'_>) {
    out.with(&[Verdict::Broken.as_str()], flag(link.alarm.broken.is_some()));
    out.with(&[Verdict::Degraded.as_str()], flag(link.alarm.degraded.is_some()));
}

pub fn verdict_changed(link: &LinkView, out: &mut Samples<'_>) {
    out.with(&[], unix(link.published.since.wall));
}

pub fn verdict_seconds(link: &LinkView, now: Now, out: &mut Samples<'_>) {
    let uncounted = seconds(now.mono.saturating_sub(link.tally.counted_until));
    for (verdict, counted) in Verdict::ALL.into_iter().zip(link.tally.verdict_seconds) {
        let running = if verdict == link.published.verdict { uncounted } else { 0.0 };
        out.with(&[verdict.as_str()], counted + running);
    }
}

pub fn outages(link: &LinkView, out: &mut Samples<'_>) {
    for (side, count) in Side::ALL.into_iter().zip(link.tally.outages) {
        out.with(&[side.as_str()], count as f64);
    }
}

pub fn interval(link: &LinkView, out: &mut Samples<'_>) {
    out.with(&[], seconds(link.info.interval));
}

pub fn info(link: &LinkView, out: &mut Samples<'_>) {
    let info = &link.info;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let grafana = info.grafana.as_ref().map_or("", |name| name.as_str());
    let (url, uid) = (text(&info.prometheus_url), text(&info.datasource_uid));
    out.with(&[&url, grafana, &uid, &text(&info.datasource_name)], 1.0);
}

// === paths ===

pub fn path_success(link: &LinkView, out: &mut Samples<'_>) {
    for path in Path::ALL {
        let success = match link.standing(path) {
            Standing::Passed => Some(true),
            Standing::Failed(_) => Some(false),
            Standing::Untold(_) | Standing::Absent => None,
        };
        out.maybe(&[path.as_str()], still_true(link, success));
    }
}

pub fn path_last_duration(link: &LinkView, out: &mut Samples<'_>) {
    for (path, took) in Path::ALL.into_iter().zip(link.tally.last_walk) {
        out.maybe(&[path.as_str()], took.map(seconds));
    }
}

pub fn path_duration(link: &LinkView, out: &mut Samples<'_>) {
    for (path, walks) in Path::ALL.into_iter().zip(&link.tally.walks) {
        if link.info.has(path) {
            out.histogram(&[path.as_str()], &WALK_BOUNDS, &walks.counts, walks.sum);
        }
    }
}

pub fn clock_skew(link: &LinkView, out: &mut Samples<'_>) {
    for_each_path(link, |path, seen| out.maybe(&[path.as_str()], seen.clock_skew_seconds));
}

pub fn tls_not_after(link: &LinkView, out: &mut Samples<'_>) {
    for_each_path(link, |path, seen| out.maybe(&[path.as_str()], seen.not_after.map(unix)));
}

// === checks ===

pub fn check_success(link: &LinkView, out: &mut Samples<'_>) {
    for_each_row(link, |path, check, row| {
        let success = match row.outcome {
            Outcome::Passed => Some(true),
            Outcome::Failed(_) => Some(false),
            Outcome::Skipped(_) => None,
        };
        out.maybe(&[path.as_str(), check.as_str()], still_true(link, success));
    });
}

pub fn check_duration(link: &LinkView, out: &mut Samples<'_>) {
    for_each_row(link, |path, check, row| match row.outcome {
        Outcome::Passed | Outcome::Failed(_) => {
            out.with(&[path.as_str(), check.as_str()], seconds(row.took));
        }
        Outcome::Skipped(_) => {}
    });
}

pub fn check_failures(link: &LinkView, out: &mut Samples<'_>) {
    for (path, check, count) in &link.tally.failures {
        out.with(&[path.as_str(), check.as_str()], *count as f64);
    }
}

// === data ===

pub fn targets(link: &LinkView, out: &mut Samples<'_>) {
    out.maybe(&[], data(link, |seen| seen.series).map(|count| count as f64));
}

pub fn targets_up(link: &LinkView, out: &mut Samples<'_>) {
    out.maybe(&[], data(link, |seen| seen.series_up).map(|count| count as f64));
}

pub fn newest_sample(link: &LinkView, out: &mut Samples<'_>) {
    out.maybe(&[], data(link, |seen| seen.newest_sample).map(unix));
}

pub fn prometheus_info(link: &LinkView, out: &mut Samples<'_>) {
    // On the other path the version is Grafana's.
    let Some(walk) = link.latest.as_deref().and_then(|latest| latest.report.direct.as_ref()) else {
        return;
    };
    let (flavour, version) = (walk.first.seen.flavour, walk.first.seen.version.as_deref());
    if flavour.is_some() || version.is_some() {
        let flavour = flavour.map_or("", |flavour| flavour.as_str());
        out.with(&[flavour, version.unwrap_or("")], 1.0);
    }
}

pub fn assertion_success(link: &LinkView, out: &mut Samples<'_>) {
    for_each_path(link, |_, seen| {
        for (name, holds) in &seen.assertions {
            out.maybe(&[name], still_true(link, Some(*holds)));
        }
    });
}

// === cycles ===

pub fn cycles(link: &LinkView, out: &mut Samples<'_>) {
    out.with(&[], link.tally.cycles as f64);
}

pub fn cycles_missed(link: &LinkView, out: &mut Samples<'_>) {
    out.with(&[], link.tally.missed as f64);
}

pub fn cycle_last_run(link: &LinkView, out: &mut Samples<'_>) {
    out.maybe(&[], link.latest.as_deref().map(|latest| unix(words::ended(&latest.report).wall)));
}

// === helpers ===

fn path_label(path: Option<Path>) -> &'static str {
    path.map_or("", Path::as_str)
}

fn check_label(check: Option<Check>) -> &'static str {
    check.map_or("", Check::as_str)
}

/// A 1 that is too old is withdrawn; a 0 stays.
fn still_true(link: &LinkView, success: Option<bool>) -> Option<f64> {
    success.filter(|yes| !yes || !is_overdue(link)).map(flag)
}

/// The board says so, without path and check: no cycle of this link has ended for too long.
fn is_overdue(link: &LinkView) -> bool {
    let by_board = |cause, path: Option<Path>| cause == Cause::Overdue && path.is_none();
    let published = &link.published;
    published.fault.is_some_and(|fault| by_board(fault.cause, fault.path))
        || published.findings.iter().any(|finding| by_board(finding.cause, finding.path))
}

fn for_each_path<'a>(link: &'a LinkView, mut write: impl FnMut(Path, &'a Seen)) {
    let Some(latest) = link.latest.as_deref() else { return };
    for path in Path::ALL {
        if let Some(walk) = latest.report.walk(path) {
            write(path, &walk.first.seen);
        }
    }
}

fn for_each_row(link: &LinkView, mut write: impl FnMut(Path, Check, &Row)) {
    let Some(latest) = link.latest.as_deref() else { return };
    for path in Path::ALL {
        let rows = latest.report.walk(path).into_iter().flat_map(|walk| walk.first.rows.iter());
        for (check, row) in rows {
            write(path, check, row);
        }
    }
}

/// What the direct path saw of the data, else what came through Grafana; nothing once it is too
/// old.
fn data<'a, T>(link: &'a LinkView, read: impl Fn(&'a Seen) -> Option<T>) -> Option<T> {
    let latest: &LatestCycle = link.latest.as_deref()?;
    if is_overdue(link) {
        return None;
    }
    Path::ALL
        .into_iter()
        .filter_map(|path| latest.report.walk(path))
        .find_map(|walk| read(&walk.first.seen))
}
