//! JSON, in one shape for `/api/v1/links[/NAME]` and `check --output json`.
//!
//! Times are RFC 3339, durations seconds. What has no value is absent: a `null` or a `-1` would
//! have to be told from a value by every reader, and one of them would forget.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::expose::{Shown, reproduce, words};
use crate::report::check::{Check, Path};
use crate::report::facts::{Fact, Facts};
use crate::report::finding::Fault;
use crate::report::{Leg, Outcome, Row, Walk};
use crate::state::snapshot::{HistoryEntry, LinkInfo, Snapshot};
use crate::{diagnosis, report};

/// The `Content-Type`.
pub const CONTENT_TYPE: &str = "application/json";

const HEAD: &[u8] = br#"{"schema_version":1,"links":["#;
const TAIL: &[u8] = b"]}\n";
/// A piece is handed out once it has grown to this.
const PIECE: usize = 64 * 1024;

/// All links of a snapshot, without history, a piece at a time: 10,000 of them are tens of
/// megabytes.
#[derive(Debug)]
pub struct Links {
    snapshot: Arc<Snapshot>,
    base: String,
    next: usize,
    ended: bool,
}

#[derive(Serialize)]
struct Link<'a> {
    link: &'a str,
    verdict: &'static str,
    #[serde(flatten)]
    fault: Option<Place>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    next_step: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cannot_check_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prometheus_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grafana: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasource_uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasource_name: Option<&'a str>,
    checks: Vec<CheckRow<'a>>,
    findings: Vec<Finding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Past<'a>>>,
}

#[derive(Serialize)]
struct Place {
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
    side: &'static str,
}

#[derive(Serialize)]
struct CheckRow<'a> {
    path: &'static str,
    check: &'static str,
    /// Only where several addresses were walked.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    /// Only where the row is older than the cycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Evidence::is_empty")]
    evidence: Evidence<'a>,
    /// The command that shows the same to a person, of a failed check.
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduce: Option<String>,
}

struct Evidence<'a>(&'a Facts);

#[derive(Serialize)]
struct Finding<'a> {
    cause: &'static str,
    weight: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    side: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

#[derive(Serialize)]
struct Past<'a> {
    started: String,
    duration_seconds: f64,
    trigger: &'static str,
    verdict: &'static str,
    #[serde(flatten)]
    fault: Option<Place>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
}

/// One link with its history, in the same envelope; `base` as in [`Links::new`].
#[must_use]
pub fn one(link: &Shown<'_>, base: &str) -> Vec<u8> {
    let past = link.history.iter().map(Past::from).collect();
    document([Link { history: Some(past), ..Link::of(link, Some(base)) }])
}

/// What `check --output json` prints; `base` is none where no server renders runbooks.
#[must_use]
pub fn check(links: &[Shown<'_>], base: Option<&str>) -> Vec<u8> {
    document(links.iter().map(|link| Link::of(link, base)))
}

/// A text as JSON writes it, with its quotes.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn document<'a>(links: impl IntoIterator<Item = Link<'a>>) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    for (index, link) in links.into_iter().enumerate() {
        push(&mut out, index, &link);
    }
    out.extend_from_slice(TAIL);
    out
}

fn push(out: &mut Vec<u8>, index: usize, link: &Link<'_>) {
    if index > 0 {
        out.push(b',');
    }
    let pushed = serde_json::to_writer(&mut *out, link);
    debug_assert!(pushed.is_ok(), "text and numbers into memory");
}

// === impl Links ===

impl Links {
    /// `base` goes before `/runbooks/CAUSE`: the external URL, or nothing for links on this host.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, base: &str) -> Self {
        Self { snapshot, base: base.to_owned(), next: 0, ended: false }
    }
}

impl Iterator for Links {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        let mut out = if self.next == 0 { HEAD.to_vec() } else { Vec::new() };
        while out.len() < PIECE {
            let Some(view) = self.snapshot.links.get(self.next) else {
                out.extend_from_slice(TAIL);
                self.ended = true;
                break;
            };
            push(&mut out, self.next, &Link::of(&Shown::published(view), Some(&self.base)));
            self.next += 1;
        }
        Some(out)
    }
}

// === from words to wire ===

impl<'a> Link<'a> {
    fn of(shown: &Shown<'a>, base: Option<&str>) -> Self {
        let report = shown.latest.map(|latest| &latest.report);
        let info = shown.info;
        Self {
            link: shown.name.as_str(),
            verdict: shown.verdict.as_str(),
            fault: shown.fault.map(Place::from),
            summary: shown.summary(),
            next_step: shown.next_step,
            runbook: base.zip(shown.fault).map(|(base, fault)| {
                format!("{}/runbooks/{}", base.trim_end_matches('/'), fault.cause.code())
            }),
            since: shown.since.map(|since| words::rfc3339(since.wall)),
            cannot_check_since: shown.cannot_check_since.map(|since| words::rfc3339(since.wall)),
            checked_at: report.map(|report| words::rfc3339(words::ended(report).wall)),
            duration_seconds: report.map(|report| report.took.as_secs_f64()),
            trigger: report.map(|report| report.trigger.as_str()),
            prometheus_url: info.prometheus_url.as_deref(),
            grafana: info.grafana.as_ref().map(|name| name.as_str()),
            datasource_uid: info.datasource_uid.as_deref(),
            datasource_name: info.datasource_name.as_deref(),
            checks: report.map(|report| checks(report, info)).unwrap_or_default(),
            findings: shown.findings.iter().map(Finding::from).collect(),
            history: None,
        }
    }
}

fn checks<'a>(report: &'a report::Report, info: &LinkInfo) -> Vec<CheckRow<'a>> {
    let walks = Path::ALL.into_iter().filter_map(|path| Some((path, report.walk(path)?)));
    let legs =
        walks.flat_map(|(path, walk)| legs(walk).map(move |(leg, several)| (path, leg, several)));
    legs.flat_map(|(path, leg, several)| {
        let address = leg.address.filter(|_| several).map(|address| address.to_string());
        leg.rows.iter().map(move |(check, row)| {
            let at = (row.at.mono < report.started.mono).then_some(row.at);
            let reproduce = reproduce::failed(info, path, check, row);
            CheckRow { address: address.clone(), reproduce, ..CheckRow::of(path, check, row, at) }
        })
    })
    .collect()
}

fn legs(walk: &Walk) -> impl Iterator<Item = (&Leg, bool)> {
    let several = !walk.others.is_empty();
    [&walk.first].into_iter().chain(&walk.others).map(move |leg| (leg, several))
}

impl<'a> CheckRow<'a> {
    fn of(path: Path, check: Check, row: &'a Row, at: Option<crate::clock::Now>) -> Self {
        let (outcome, cause, why) = match row.outcome {
            Outcome::Passed => ("passed", None, None),
            Outcome::Failed(cause) => ("failed", Some(cause.code()), None),
            Outcome::Skipped(why) => ("skipped", None, Some(why.as_str())),
        };
        Self {
            path: path.as_str(),
            check: check.as_str(),
            address: None,
            outcome,
            cause,
            why,
            duration_seconds: why.is_none().then_some(row.took.as_secs_f64()),
            at: at.map(|at| words::rfc3339(at.wall)),
            evidence: Evidence(&row.facts),
            reproduce: None,
        }
    }
}

impl From<Fault> for Place {
    fn from(fault: Fault) -> Self {
        Self {
            cause: fault.cause.code(),
            path: fault.path.map(Path::as_str),
            check: fault.check.map(Check::as_str),
            side: fault.side.as_str(),
        }
    }
}

impl<'a> From<&'a diagnosis::Placed> for Finding<'a> {
    fn from(placed: &'a diagnosis::Placed) -> Self {
        Self {
            cause: placed.cause.code(),
            weight: placed.weight.as_str(),
            path: placed.path.map(Path::as_str),
            check: placed.check.map(Check::as_str),
            subject: placed.subject.as_ref().map(|subject| subject.as_str()),
            side: placed.side.as_str(),
            detail: &placed.detail,
        }
    }
}

impl<'a> From<&'a HistoryEntry> for Past<'a> {
    fn from(entry: &'a HistoryEntry) -> Self {
        Self {
            started: words::rfc3339(entry.started.wall),
            duration_seconds: entry.took.as_secs_f64(),
            trigger: entry.trigger.as_str(),
            verdict: entry.verdict.as_str(),
            fault: entry.fault.map(Place::from),
            summary: &entry.summary,
        }
    }
}

impl Evidence<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Evidence<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, fact) in self.0.iter() {
            // A key that comes twice would be two members of one name: the first stands.
            if self.0.get(key).is_some_and(|first| std::ptr::eq(first, fact)) {
                entry(&mut map, key.as_str(), fact)?;
            }
        }
        map.end()
    }
}

fn entry<M: serde::ser::SerializeMap>(map: &mut M, key: &str, fact: &Fact) -> Result<(), M::Error> {
    match fact {
        Fact::Text(text) => map.serialize_entry(key, text),
        Fact::List(texts) => map.serialize_entry(key, texts),
        Fact::Count(count) => map.serialize_entry(key, count),
        // JSON has no word for the others.
        Fact::Number(number) if number.is_finite() => map.serialize_entry(key, number),
        Fact::Number(_) => Ok(()),
        Fact::Seconds(took) => map.serialize_entry(key, &took.as_secs_f64()),
        Fact::Time(time) => map.serialize_entry(key, &words::rfc3339(*time)),
    }
}
