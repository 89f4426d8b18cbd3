//! `/`: the page for people. It works without JavaScript; with it, it renews itself and says when
//! it cannot.
//!
//! Worst first, because whoever opens it wants to know what is wrong. The number of links is
//! bounded, so a page of 10,000 links is as light as one of a hundred; `?q=` finds the others. All
//! text is escaped by the template, and the policy lets no script run but `page.js`.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use askama::Template;

use crate::clock::Now;
use crate::diagnosis::Placed;
use crate::expose::runbook::{Span, spans};
use crate::expose::{Shown, reproduce, words};
use crate::report::check::{Check, Path};
use crate::report::facts::clean;
use crate::report::finding::Fault;
use crate::report::verdict::Verdict;
use crate::report::{Outcome, Report, Row, Standing, Walk};
use crate::selfstats::Receivers;
use crate::state::snapshot::{HistoryEntry, LinkInfo, LinkView, Snapshot};

/// The `Content-Type` of both kinds of page.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// The `Content-Security-Policy` of both kinds of page; a test holds the hash against the script.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'sha256-tPsor90xoKtC+SAaU/GQbb5XsL4mi+StdHl9MMl1wd4='; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Links on one page: about half a megabyte of HTML at the most.
const MAX_LINKS: usize = 100;
/// Past cycles of one link.
const MAX_PAST: usize = 20;
/// Links that stand open from the start, so that the first look shows the hops.
const OPEN_LINKS: usize = 3;
/// The longest filter that is heeded, in characters.
const MAX_FILTER: usize = 200;

#[derive(Template)]
#[template(path = "page.html", config = "src/expose/askama.toml")]
struct Page {
    title: String,
    version: &'static str,
    at: Moment,
    counts: Vec<(&'static str, usize)>,
    notices: Vec<String>,
    filter: String,
    total: usize,
    matching: usize,
    links: Vec<Card>,
    script: &'static str,
}

/// One link.
struct Card {
    name: String,
    open: bool,
    verdict: &'static str,
    mark: &'static str,
    meaning: &'static str,
    summary: String,
    pending: Option<&'static str>,
    next_step: Vec<Span>,
    fault: Option<Charge>,
    since: Option<Moment>,
    cannot_check_since: Option<Moment>,
    alarming: bool,
    checked: Option<Moment>,
    paths: Vec<Hops>,
    findings: Vec<Also>,
    past: Vec<Past>,
}

/// A cause, where it was found, and who has to act.
struct Charge {
    cause: &'static str,
    place: String,
    who: &'static str,
}

/// One path, hop by hop.
struct Hops {
    title: &'static str,
    end: String,
    standing: &'static str,
    hops: Vec<Hop>,
}

struct Hop {
    outcome: &'static str,
    check: &'static str,
    took: String,
    age: String,
    cause: Option<&'static str>,
    seen: Vec<(String, String)>,
}

struct Also {
    cause: &'static str,
    weight: &'static str,
    place: String,
    who: &'static str,
    detail: String,
}

struct Past {
    started: Moment,
    verdict: &'static str,
    fault: Option<Charge>,
    took: String,
    trigger: &'static str,
    summary: String,
}

/// A moment for machines, for eyes, and from now.
struct Moment {
    machine: String,
    text: String,
    ago: String,
}

/// The page; `filter` is the `q` of the query string.
#[must_use]
pub fn render(snapshot: &Snapshot, receivers: &Receivers, filter: &str, now: Now) -> String {
    let filter: String = filter.chars().take(MAX_FILTER).collect();
    let terms: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    let mut matching: Vec<&LinkView> =
        snapshot.links.iter().map(|link| &**link).filter(|link| matches(link, &terms)).collect();
    matching.sort_by_key(|link| (Reverse(urgency(link.published.verdict)), &link.name));

    let counts = counts(snapshot);
    let page = Page {
        title: counts.first().map_or_else(String::new, |(verdict, n)| format!("{n} {verdict} · ")),
        version: env!("CARGO_PKG_VERSION"),
        at: Moment::of(now, now),
        counts,
        notices: notices(snapshot, receivers),
        filter,
        total: snapshot.links.len(),
        matching: matching.len(),
        links: cards(&matching, now),
        script: include_str!("page.js"),
    };
    // Writing text into a String cannot fail.
    page.render().unwrap_or_default()
}

fn matches(link: &LinkView, terms: &[String]) -> bool {
    if terms.is_empty() {
        return true;
    }
    let info = &link.info;
    let fault = link.published.fault;
    let words = [
        Some(link.name.as_str()),
        Some(link.published.verdict.as_str()),
        fault.map(|fault| fault.cause.code()),
        fault.map(|fault| fault.side.as_str()),
        info.prometheus_url.as_deref(),
        info.grafana.as_ref().map(|name| name.as_str()),
        info.datasource_uid.as_deref(),
        info.datasource_name.as_deref(),
    ];
    let text = words.into_iter().flatten().collect::<Vec<_>>().join("\n").to_lowercase();
    terms.iter().all(|term| text.contains(term))
}

/// What is looked at first; a link that waits for its first cycle comes before those that are well.
fn urgency(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Working => 0,
        Verdict::Unknown => 1,
        Verdict::Degraded => 2,
        Verdict::Blind => 3,
        Verdict::Broken => 4,
    }
}

/// How many links there are of each verdict, the most urgent first.
fn counts(snapshot: &Snapshot) -> Vec<(&'static str, usize)> {
    let mut verdicts = Verdict::ALL;
    verdicts.sort_by_key(|verdict| Reverse(urgency(*verdict)));
    let count = |verdict| snapshot.links.iter().filter(|l| l.published.verdict == verdict).count();
    let counts = verdicts.map(|verdict| (verdict.as_str(), count(verdict)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// What concerns more than one link.
fn notices(snapshot: &Snapshot, receivers: &Receivers) -> Vec<String> {
    let mut notices = Vec::new();
    if !snapshot.config.last_reload_successful {
        let since = words::clock_text(snapshot.config.last_success);
        notices.push(format!(
            "The configuration file could not be loaded; the one of {since} is in force. \
             promlink's log has the errors."
        ));
    }
    for grafana in snapshot.grafanas.iter().filter(|grafana| grafana.up == Some(false)) {
        notices.push(format!(
            "Grafana {} ({}) is down or out of reach.",
            grafana.name,
            clean(&grafana.url)
        ));
    }
    for server in snapshot.servers.iter().filter(|server| server.up == Some(false)) {
        notices.push(format!("The Prometheus at {} is down or out of reach.", server.server));
    }
    if receivers.hear_alarms() == 0 {
        notices.push(
            "Nobody is told of alarms: no Alertmanager and no webhook is configured, and a \
             heartbeat is none. Only rules in a Prometheus can tell, and not of its own outage."
                .to_owned(),
        );
    }
    for (name, _) in receivers.all().iter().filter(|(_, receiver)| receiver.is_failing()) {
        notices.push(format!("Alarms do not reach: {}.", clean(name)));
    }
    notices
}

fn cards(links: &[&LinkView], now: Now) -> Vec<Card> {
    let alone = links.len() == 1;
    let shown = links.iter().take(MAX_LINKS).enumerate();
    let open = |index, verdict| alone || index < OPEN_LINKS && verdict != Verdict::Working;
    shown.map(|(index, link)| Card::of(link, open(index, link.published.verdict), now)).collect()
}

// === from words to text ===

impl Card {
    fn of(view: &LinkView, open: bool, now: Now) -> Self {
        let shown = Shown::published(view);
        let report = shown.latest.map(|latest| &latest.report);
        let past = shown.history.iter().rev().take(MAX_PAST);
        Self {
            name: shown.name.to_string(),
            open,
            verdict: shown.verdict.as_str(),
            mark: mark(shown.verdict),
            meaning: words::meaning(shown.verdict, shown.info),
            summary: shown.summary().into_owned(),
            pending: pending(view),
            next_step: spans(shown.next_step),
            fault: shown.fault.map(Charge::of),
            since: shown.since.map(|since| Moment::of(since, now)),
            cannot_check_since: shown.cannot_check_since.map(|since| Moment::of(since, now)),
            alarming: view.alarm.broken.is_some() || view.alarm.degraded.is_some(),
            checked: report.map(|report| Moment::of(words::ended(report), now)),
            paths: Path::ALL.into_iter().filter_map(|path| Hops::of(view, path)).collect(),
            findings: shown.findings.iter().map(Also::of).collect(),
            past: past.map(|entry| Past::of(entry, now)).collect(),
        }
    }
}

/// Why the hops below may say another thing than the verdict does.
fn pending(view: &LinkView) -> Option<&'static str> {
    let published = view.published.verdict;
    let latest = view.latest.as_deref()?.diagnosis.verdict;
    if published == Verdict::Broken && latest < Verdict::Blind {
        // One good cycle ends an outage, but for those that came too often.
        Some(
            "The latest cycle was good. After several outages in a short time, a few good cycles \
             in a row must show that this one is over.",
        )
    } else if latest > published && published != Verdict::Unknown {
        Some("The latest cycle was worse than this; it counts when the next ones agree.")
    } else {
        None
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Working => "✓",
        Verdict::Unknown => "…",
        Verdict::Degraded => "!",
        Verdict::Blind => "?",
        Verdict::Broken => "✗",
    }
}

impl Charge {
    fn of(fault: Fault) -> Self {
        let place = words::place(fault).unwrap_or_default();
        Self { cause: fault.cause.code(), place, who: fault.side.who() }
    }
}

impl Hops {
    fn of(view: &LinkView, path: Path) -> Option<Self> {
        let report = view.latest.as_deref().map(|latest| &latest.report)?;
        let walk = report.walk(path)?;
        let standing = match view.standing(path) {
            Standing::Passed => "passed",
            Standing::Failed(_) => "failed",
            // The published fault of a broken link was told by something.
            Standing::Untold(fault)
                if view.published.verdict == Verdict::Broken
                    && view.published.fault == Some(fault) =>
            {
                "failed"
            }
            Standing::Untold(_) => "cannot tell",
            Standing::Absent => "not asked",
        };
        let title = match path {
            Path::Direct => "promlink → Prometheus",
            Path::Grafana => "promlink → Grafana → Prometheus",
        };
        let end = words::end(&view.info, path);
        Some(Self { title, end, standing, hops: hops(walk, report, &view.info, path) })
    }
}

fn hops(walk: &Walk, report: &Report, info: &LinkInfo, path: Path) -> Vec<Hop> {
    let legs = [&walk.first].into_iter().chain(&walk.others);
    let several = !walk.others.is_empty();
    legs.flat_map(|leg| {
        let address = leg.address.filter(|_| several);
        leg.rows.iter().map(move |(check, row)| {
            let mut hop = Hop::of(check, row, report);
            let command = reproduce::failed(info, path, check, row);
            hop.seen.extend(command.map(|command| ("try".to_owned(), command)));
            if let Some(address) = address {
                hop.seen.insert(0, ("replica".to_owned(), address.to_string()));
            }
            hop
        })
    })
    .collect()
}

impl Hop {
    fn of(check: Check, row: &Row, report: &Report) -> Self {
        let (outcome, cause, took) = match row.outcome {
            Outcome::Passed => ("passed", None, words::duration(row.took)),
            Outcome::Failed(cause) => ("failed", Some(cause.code()), words::duration(row.took)),
            Outcome::Skipped(_) => ("skipped", None, String::new()),
        };
        // A failed check has room for a line each.
        let seen = row.facts.iter().flat_map(|(key, fact)| {
            let texts = match cause {
                Some(_) => words::each(fact),
                None => vec![words::fact(fact)],
            };
            texts.into_iter().map(move |text| (words::key(key), text))
        });
        let mut seen: Vec<_> = seen.collect();
        if let Outcome::Skipped(why) = row.outcome {
            seen.insert(0, ("why".to_owned(), why.as_str().replace('_', " ")));
        }
        let age = report.started.since(row.at);
        let age = if age.is_zero() { String::new() } else { words::duration(age) };
        Self { outcome, check: check.as_str(), took, age, cause, seen }
    }
}

impl Also {
    fn of(placed: &Placed) -> Self {
        let place = placed.path.zip(placed.check);
        let place = place.map(|(path, check)| format!("{}/{}", path.as_str(), check.as_str()));
        Self {
            cause: placed.cause.code(),
            weight: placed.weight.as_str(),
            place: place.unwrap_or_default(),
            who: placed.side.who(),
            detail: placed.detail.clone(),
        }
    }
}

impl Past {
    fn of(entry: &HistoryEntry, now: Now) -> Self {
        Self {
            started: Moment::of(entry.started, now),
            verdict: entry.verdict.as_str(),
            fault: entry.fault.map(Charge::of),
            took: words::duration(entry.took),
            trigger: entry.trigger.as_str(),
            summary: entry.summary.clone(),
        }
    }
}

impl Moment {
    fn of(then: Now, now: Now) -> Self {
        Self {
            machine: words::rfc3339(then.wall),
            text: words::clock_text(then.wall),
            ago: words::duration(now.since(then)),
        }
    }
}
