//! The audit of a data source: settings that cannot do what they look like.
//!
//! Every finding is a note: panels may get data all the same. Where they do not, it stands beside
//! the cause and says what to mend.

use std::time::Duration;

use crate::classify::grafana_answer::Datasource;
use crate::report::cause::{Cause, Weight};
use crate::report::finding::{Finding, Subject};
use crate::report::seen::Neighbours;

#[cfg(test)]
mod tests;

/// How long Grafana's own data proxy and its plugin wait for Prometheus, unless `timeout` says
/// otherwise (`dataproxy.timeout`).
const GRAFANA_WAITS: Duration = Duration::from_secs(30);
/// From this one on, the core data source signs requests neither for Amazon nor for Azure.
const NO_CLOUD_AUTH: u32 = 13;

/// What is wrong with `found` by itself, in a Grafana of this version.
#[must_use]
pub fn alone(found: &Datasource, version: Option<&str>) -> Vec<Finding> {
    [secrets(found), method(found), cloud(found, version), timeouts(found)].concat()
}

/// Whether `found` leads to others, so that they are worth a look.
#[must_use]
pub fn has_neighbours(found: &Datasource) -> bool {
    !found.exemplars.is_empty() || found.alertmanager.is_some()
}

/// What is wrong with `found` among its neighbours.
#[must_use]
pub fn among(found: &Datasource, neighbours: &Neighbours) -> Vec<Finding> {
    let missing = |uid: &String| !neighbours.uids.contains(uid);
    let mut findings = Vec::new();
    for uid in found.exemplars.iter().filter(|uid| missing(uid)) {
        let detail = format!(
            "exemplars lead to the data source {uid}, which is not there or is hidden from \
             promlink's token; correct its uid in the exemplars' internal link"
        );
        findings.push(note(Cause::DatasourceDrift, Subject::Target, detail));
    }
    for uid in found.alertmanager.iter().filter(|uid| missing(uid)) {
        let detail = format!(
            "alerts are taken from the Alertmanager data source {uid}, which is not there or is \
             hidden from promlink's token; choose another one, or turn `Manage alerts` off"
        );
        findings.push(note(Cause::DatasourceDrift, Subject::Target, detail));
    }
    if let [_, _, ..] = neighbours.defaults.as_slice() {
        let names = neighbours.defaults.join(", ");
        let detail = format!("each of these claims to be the default: {names}");
        findings.push(note(Cause::DuplicateDefault, Subject::Default, detail));
    }
    findings
}

/// Panels assume so short an interval that rates over `$__rate_interval`, four of them, see fewer
/// than two samples and are empty. A longer one is only coarse.
#[must_use]
pub fn interval(assumed: Option<Duration>, real: Duration) -> Option<Finding> {
    // Grafana's own default where none is set.
    let assumed = assumed.unwrap_or(Duration::from_secs(15));
    if assumed.saturating_mul(2) >= real {
        return None;
    }
    let detail = format!(
        "panels assume that Prometheus scrapes each {}, and it does each {}; set `Scrape interval` \
         of the data source to that",
        in_seconds(assumed),
        in_seconds(real)
    );
    Some(note(Cause::DatasourceDrift, Subject::Interval, detail))
}

fn in_seconds(span: Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

fn secrets(found: &Datasource) -> Vec<Finding> {
    let Some(stored) = &found.stored else { return Vec::new() };
    let lacks = |key: &str| !stored.contains(key);
    let mut findings = Vec::new();
    let mut missing = |is_wanted: bool, key: &str, subject, what: &str| {
        if is_wanted && lacks(key) {
            let detail = format!("{what}, and none is stored; enter it again (`{key}`)");
            findings.push(note(Cause::DatasourceSettingsInvalid, subject, detail));
        }
    };
    let is_basic = found.auth == Some("basic");
    missing(is_basic, "basicAuthPassword", Subject::Password, "basic auth wants a password");
    let certificate = Subject::Certificate;
    missing(found.own_ca, "tlsCACert", certificate.clone(), "its own CA is to be trusted");
    let signs = found.auth == Some("client_certificate");
    missing(signs, "tlsClientCert", certificate.clone(), "a client certificate is to be shown");
    missing(signs, "tlsClientKey", certificate, "a client certificate wants a key");
    for (number, name) in (1..).zip(&found.headers) {
        let what = format!("the header {name} wants a value");
        missing(true, &format!("httpHeaderValue{number}"), Subject::Header, &what);
    }
    findings
}

fn method(found: &Datasource) -> Vec<Finding> {
    let other = found.method.as_deref().filter(|method| !["GET", "POST"].contains(method));
    let finding = other.map(|method| {
        let detail = format!("the HTTP method is {method}; only GET and POST are possible");
        note(Cause::DatasourceSettingsInvalid, Subject::Method, detail)
    });
    finding.into_iter().collect()
}

fn cloud(found: &Datasource, version: Option<&str>) -> Vec<Finding> {
    let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    let is_core = found.kind == "prometheus" && major.is_some_and(|major| major >= NO_CLOUD_AUTH);
    let kind = match found.auth {
        Some("sigv4") if is_core => "grafana-amazonprometheus-datasource",
        Some("azure") if is_core => "grafana-azureprometheus-datasource",
        Some(_) | None => return Vec::new(),
    };
    let detail = format!("since Grafana 13 this way to sign in wants the type {kind}");
    vec![note(Cause::DatasourceSettingsInvalid, Subject::Auth, detail)]
}

fn timeouts(found: &Datasource) -> Vec<Finding> {
    let waits = found.timeout_seconds.map_or(GRAFANA_WAITS, Duration::from_secs);
    let query = found.query_timeout.as_deref().and_then(seconds);
    let finding = query.filter(|query| *query > waits).map(|query| {
        let detail = format!(
            "a query may take {}, and Grafana waits {} for it; raise `Timeout`, or lower `Query \
             timeout`",
            in_seconds(query),
            in_seconds(waits)
        );
        note(Cause::DatasourceDrift, Subject::Timeout, detail)
    });
    finding.into_iter().collect()
}

/// A duration as Grafana writes it: `60s`, `1m`, `500ms`, or seconds alone.
fn seconds(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let count: f64 = digits.parse().ok()?;
    Duration::try_from_secs_f64(count * unit).ok()
}

fn note(cause: Cause, subject: Subject, detail: String) -> Finding {
    Finding { weight: Weight::Notes, subject: Some(subject), ..Finding::of(cause, detail) }
}
