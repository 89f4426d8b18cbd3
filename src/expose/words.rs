//! How numbers, times and evidence read: the same on page and table, and with JSON's times.

use std::time::{Duration, SystemTime};

use crate::clock::Now;
use crate::report::Report;
use crate::report::check::Path;
use crate::report::facts::{Fact, Key, clean};
use crate::report::finding::Fault;
use crate::report::seen::Seen;
use crate::report::verdict::Verdict;
use crate::state::snapshot::LinkInfo;

/// When a cycle ended.
#[must_use]
pub fn ended(report: &Report) -> Now {
    report.started.plus(report.took)
}

/// RFC 3339 to the second: what every language's parser takes, `jq` included.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    // Before 1970 and after 9999 there is no such text.
    let year_10000 = Duration::from_secs(253_402_300_800);
    let inside = time.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < year_10000);
    let time = if inside { time } else { SystemTime::UNIX_EPOCH };
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The same moment for eyes.
#[must_use]
pub fn clock_text(time: SystemTime) -> String {
    rfc3339(time).replace('T', " ").replace('Z', " UTC")
}

/// A duration in at most two units, three digits where it is short.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole {
        0 if duration < Duration::from_millis(10) => {
            format!("{:.2} ms", duration.as_secs_f64() * 1e3)
        }
        0 => format!("{:.0} ms", duration.as_secs_f64() * 1e3),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..172_800 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// `path/check`, or nothing where no report says so.
#[must_use]
pub fn place(fault: Fault) -> Option<String> {
    fault.path.zip(fault.check).map(|(path, check)| format!("{}/{}", path.as_str(), check.as_str()))
}

/// The name of a fact as words.
#[must_use]
pub fn key(key: Key) -> String {
    let name = key.as_str();
    name.strip_suffix("_seconds").unwrap_or(name).replace('_', " ")
}

/// A fact as words.
#[must_use]
pub fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Text(text) => text.clone(),
        Fact::List(texts) => texts.join(", "),
        Fact::Count(count) => count.to_string(),
        Fact::Number(number) => number.to_string(),
        Fact::Seconds(took) => duration(*took),
        Fact::Time(time) => clock_text(*time),
    }
}

/// A fact as words, the entries of a list one by one.
#[must_use]
pub fn each(fact: &Fact) -> Vec<String> {
    match fact {
        Fact::List(texts) => texts.clone(),
        Fact::Text(_) | Fact::Count(_) | Fact::Number(_) | Fact::Seconds(_) | Fact::Time(_) => {
            vec![self::fact(fact)]
        }
    }
}

/// What a verdict means, for whoever reads the word for the first time.
#[must_use]
pub fn meaning(verdict: Verdict, info: &LinkInfo) -> &'static str {
    match verdict {
        // Nobody has said that there are panels.
        Verdict::Degraded if info.grafana.is_none() => {
            "Data comes back, but something wants attention."
        }
        Verdict::Broken if info.grafana.is_none() => "No true data comes back.",
        Verdict::Unknown => "No cycle has ended yet.",
        Verdict::Working => "Real, fresh data comes back.",
        Verdict::Degraded => "Panels get data, but something wants attention.",
        Verdict::Blind => {
            "promlink cannot tell: it is kept from looking. The link itself may be fine."
        }
        Verdict::Broken => "Panels get no true data.",
    }
}

/// How old the newest sample was at `now`, by the server's clock as far as its difference is known.
#[must_use]
pub fn newest_age(seen: &Seen, now: SystemTime) -> Option<Duration> {
    let age = now.duration_since(seen.newest_sample?).unwrap_or_default().as_secs_f64();
    let age = age + seen.clock_skew_seconds.unwrap_or_default();
    Some(Duration::try_from_secs_f64(age).unwrap_or_default())
}

/// What stands at the end of a path.
#[must_use]
pub fn end(info: &LinkInfo, path: Path) -> String {
    match path {
        Path::Direct => info.prometheus_url.clone().unwrap_or_default(),
        Path::Grafana => {
            let grafana = info.grafana.as_ref().map_or("", |name| name.as_str());
            let source = info.datasource_name.as_ref().or(info.datasource_uid.as_ref());
            let source = source.map(|source| format!(", data source {}", clean(source)));
            format!("{grafana}{}", source.unwrap_or_default())
        }
    }
}
