//! What is said to people: one sentence of what happened, one of what to do first.
//!
//! Sentences are made of the table of causes and of evidence that was cleaned when it was
//! collected, so nothing that a third party says can shape them.

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::diagnosis::Placed;
use crate::report::cause::{Cause, Family};
use crate::report::check::{Check, Path};
use crate::report::facts::{Fact, Facts, Key, MAX_TEXT_CHARS, clean};
use crate::report::finding::Fault;
use crate::report::verdict::Side;
use crate::report::{Row, Standing};

/// The longest sentence, in characters.
pub const MAX_SENTENCE_CHARS: usize = MAX_TEXT_CHARS;
/// The longest piece of evidence inside a sentence; the rest is beside the check.
const MAX_EVIDENCE_CHARS: usize = 80;
/// The longest name before a sentence.
const MAX_NAME_CHARS: usize = 40;
/// Where a data source is to be mended that Grafana refuses to change.
pub const PROVISIONED: &str =
    " It is provisioned: change its file, or the values that make it, and not Grafana's form.";
/// How many pieces of evidence a sentence holds.
const MAX_EVIDENCE: usize = 2;

/// Evidence that tells most, in this order.
const TELLING: [Key; 23] = [
    Key::Permission,
    Key::Organisation,
    Key::GrafanaSays,
    Key::ProxySays,
    Key::HealthSays,
    Key::ApiError,
    Key::Error,
    Key::Name,
    Key::ServicePorts,
    Key::Address,
    Key::Issuer,
    Key::CertificateNames,
    Key::NotAfter,
    Key::Age,
    Key::Replay,
    Key::BasePath,
    Key::Stores,
    Key::Location,
    Key::DatasourceUrl,
    Key::Server,
    Key::Rcode,
    Key::Status,
    Key::BodyStart,
];

/// What happened, as a clause: no capital, no full stop.
#[must_use]
pub fn clause(fault: Fault) -> String {
    if hangs_through_grafana(fault) {
        return "Grafana's query of Prometheus got no answer in time".to_owned();
    }
    let clause = fault.cause.row().sentence.replace("{it}", end(fault));
    let seen_by_both = matches!(
        fault.cause.family(),
        Family::Dns | Family::Tcp | Family::Tls | Family::Query | Family::Data
    );
    if seen_by_both && fault.is_through_grafana() {
        format!("as Grafana sees it, {clause}")
    } else {
        clause
    }
}

/// What happened at a failed check, with the evidence that tells most.
#[must_use]
pub fn seen(fault: Fault, row: &Row, address: Option<SocketAddr>) -> String {
    let clause = clause(fault);
    let mut evidence = telling(&row.facts, &clause);
    let dialled =
        matches!(fault.check, Some(Check::Tcp | Check::Tls | Check::Query | Check::GrafanaHealth));
    if dialled && evidence.len() < MAX_EVIDENCE && row.facts.get(Key::Address).is_none() {
        evidence.extend(address.map(|address| format!("address {address}")));
    }
    if evidence.is_empty() { clause } else { format!("{clause} ({})", evidence.join("; ")) }
}

/// The clause of a cause that stands for another one, with that one as the reason.
#[must_use]
pub fn instead(published: Fault, both_ends: bool, reason: &str) -> String {
    let it = if both_ends { "Prometheus and Grafana" } else { "Prometheus" };
    format!("{}: {reason}", published.cause.row().sentence.replace("{it}", it))
}

/// The clause of a link that fails again and again, most often by `mostly`.
#[must_use]
pub fn intermittent(failed: usize, cycles: usize, mostly: Option<Cause>) -> String {
    let clause = Cause::Intermittent.row().sentence;
    let mostly = mostly.map(|cause| format!(", most of them by {}", cause.code()));
    let mostly = mostly.unwrap_or_default();
    format!("{clause}: {failed} of the last {cycles} cycles failed{mostly}")
}

/// The clause of a finding, with its detail where that does not say it all by itself.
#[must_use]
pub fn finding(placed: &Placed) -> String {
    let clause = clause(placed.fault());
    if placed.detail.starts_with(&clause) {
        placed.detail.clone()
    } else if placed.detail.is_empty() {
        clause
    } else {
        format!("{clause}: {}", placed.detail)
    }
}

/// A clause as a sentence of at most [`MAX_SENTENCE_CHARS`].
#[must_use]
pub fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    // A name keeps its own spelling.
    let first = match chars.next() {
        Some(first) if !clause.starts_with("promlink") => first.to_uppercase().to_string(),
        first => first.map(String::from).unwrap_or_default(),
    };
    let stop = if clause.ends_with(['.', '…', '!', '?']) { "" } else { "." };
    cut(&format!("{first}{}{stop}", chars.as_str()), MAX_SENTENCE_CHARS)
}

/// A sentence about a link that people know by another name than promlink.
#[must_use]
pub fn about<'a>(name: Option<&str>, sentence: &'a str) -> Cow<'a, str> {
    match name.map(clean).filter(|name| !name.is_empty() && !sentence.is_empty()) {
        Some(name) => Cow::Owned(format!("{}: {sentence}", cut(&name, MAX_NAME_CHARS))),
        None => Cow::Borrowed(sentence),
    }
}

/// What is said of a link without a fault.
#[must_use]
pub fn faultless(direct: Standing, grafana: Standing) -> (&'static str, &'static str) {
    match (direct == Standing::Passed, grafana == Standing::Passed) {
        (true, true) => ("Prometheus answers, directly and through Grafana.", ""),
        (true, false) => ("Prometheus answers directly; no path through Grafana is judged.", ""),
        (false, true) => ("Prometheus answers through Grafana; no direct path is judged.", ""),
        (false, false) => (
            "Neither path to Prometheus can be judged.",
            "Give this link a Prometheus URL, or a Grafana token that may query the data source.",
        ),
    }
}

/// What to do first.
#[must_use]
pub fn next_step(fault: Fault) -> String {
    let (through, family) = (fault.is_through_grafana(), fault.cause.family());
    match (fault.side, family) {
        (Side::Datasource, Family::Dns | Family::Tcp) if through => {
            "Compare the data source's URL with this link's, which works, and correct it."
                .to_owned()
        }
        // Our own way has these very data: they are not missing, they are looked for elsewhere.
        (Side::Datasource, Family::Data) if through && are_missing(fault.cause) => {
            "Compare the data source's URL, headers and query parameters with this link's, which \
             gets these data."
                .to_owned()
        }
        (Side::Datasource, Family::Tls | Family::Query) if through => {
            format!("In the settings of the data source: {}", row_step(fault))
        }
        (Side::Promlink, Family::Dns | Family::Tcp) if fault.path == Some(Path::Direct) => {
            "Correct this link's Prometheus URL, or run promlink where it leads to Prometheus."
                .to_owned()
        }
        _ if hangs_through_grafana(fault) => {
            "Look at the way from Grafana to Prometheus: packets that are dropped, a Prometheus that \
             hangs; then at Grafana itself."
                .to_owned()
        }
        (Side::Unclear, _) if fault.cause == Cause::Slow => {
            "Ask the same query from Grafana's pod: slow there, it is the way or the data source's \
             URL; else it is the load of Grafana."
                .to_owned()
        }
        _ => row_step(fault),
    }
}

/// There are fewer or older series than expected.
fn are_missing(cause: Cause) -> bool {
    use Cause as C;
    matches!(
        cause,
        C::NoSeries | C::DataStale | C::AllTargetsDown | C::TargetsDown | C::PartialAnswer
    )
}

/// Nobody knows whether Grafana ever came as far as a connection.
fn hangs_through_grafana(fault: Fault) -> bool {
    fault.cause == Cause::NoResponse && fault.is_through_grafana()
}

fn row_step(fault: Fault) -> String {
    fault.cause.row().next_step.replace("{it}", end(fault))
}

/// The end of the link that `{it}` stands for.
fn end(fault: Fault) -> &'static str {
    if fault.path == Some(Path::Grafana) && !fault.is_through_grafana() {
        "Grafana"
    } else {
        "Prometheus"
    }
}

/// The evidence that tells most and is not part of the clause.
fn telling(facts: &Facts, clause: &str) -> Vec<String> {
    TELLING
        .into_iter()
        .filter_map(|key| facts.get(key).map(|fact| (key, shown(fact))))
        .filter(|(_, shown)| !clause.contains(shown))
        .take(MAX_EVIDENCE)
        .map(|(key, shown)| {
            let name = key.as_str().trim_end_matches("_seconds").replace('_', " ");
            let colon = if is_said(key) { ":" } else { "" };
            format!("{name}{colon} {}", cut(without_request(&shown), MAX_EVIDENCE_CHARS))
        })
        .collect()
}

/// Words of somebody else, which must not run into ours: `body start: it works`.
fn is_said(key: Key) -> bool {
    use Key as K;
    matches!(
        key,
        K::GrafanaSays | K::ProxySays | K::HealthSays | K::ApiError | K::Error | K::BodyStart
    )
}

/// Go says what it did before what went wrong, `Post "http://…": dial tcp …`; a sentence has room
/// for the latter.
fn without_request(text: &str) -> &str {
    let asked = ["Post \"", "Get \""].into_iter().any(|verb| text.starts_with(verb));
    text.split_once("\": ").filter(|_| asked).map_or(text, |(_, what)| what)
}

fn shown(fact: &Fact) -> String {
    match fact {
        Fact::Text(text) => text.clone(),
        Fact::List(texts) => texts.join(", "),
        Fact::Count(count) => count.to_string(),
        Fact::Number(number) => number.to_string(),
        Fact::Seconds(duration) => format!("{:.3} s", duration.as_secs_f64()),
        Fact::Time(time) => humantime::format_rfc3339_seconds(*time).to_string(),
    }
}

/// At most `max` characters, the last one an ellipsis when something is missing.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let start: String = text.chars().take(max - 1).collect();
    format!("{}…", start.trim_end_matches(['…', ' ']))
}
