//! The audit of a data source: settings that cannot do what they look like.
//!
//! Every finding is a note: panels may get data all the same. Where they do not, it stands beside
//! the cause and says what to mend.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::classify::grafana_answer::Datasource;
use crate::link::{Endpoint, Method, Scheme};
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

/// What is wrong with `found` by itself, in a Grafana of this version. Whoever had `get_chosen` for
/// the link as well knows why.
#[must_use]
pub fn alone(found: &Datasource, version: Option<&str>, get_chosen: bool) -> Vec<Finding> {
    [secrets(found), method(found, get_chosen), cloud(found, version), timeouts(found)].concat()
}

/// Whether the others are worth a look: `found` leads to some, or one of them may be the default.
#[must_use]
pub fn wants_neighbours(found: &Datasource) -> bool {
    !found.exemplars.is_empty() || found.alertmanager.is_some() || !found.is_default
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
    match neighbours.defaults.as_slice() {
        [_] => {}
        [] => {
            let detail = "no data source is the default, or it is hidden from promlink's token: a \
                          panel that names none shows nothing; mark one as the default"
                .to_owned();
            findings.push(note(Cause::DatasourceDrift, Subject::Default, detail));
        }
        several => {
            let names = several.join(", ");
            let detail = format!("each of these claims to be the default: {names}");
            findings.push(note(Cause::DuplicateDefault, Subject::Default, detail));
        }
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

/// Settings of `theirs` that differ from those which this link uses for the same server. Each may
/// be right where it is.
#[must_use]
pub fn beside(theirs: &Datasource, ours: &Endpoint, method: Method) -> Vec<Finding> {
    let http = &ours.http;
    let has = |on: bool| if on { "has" } else { "has not" };
    let lower = |name: &String| name.to_ascii_lowercase();
    let headers: [BTreeSet<String>; 2] = [
        theirs.headers.iter().map(lower).collect(),
        http.headers.iter().map(|(name, _)| lower(name)).collect(),
    ];
    let auths = [theirs.auth.is_some(), http.auth.is_some() || http.tls.cert_file.is_some()];
    let skips = [theirs.tls_skip_verify, http.tls.insecure_skip_verify];
    let paths = [theirs.address().map(|url| url.path).unwrap_or_default(), ours.url.path.clone()];
    let drift = |subject, differs: bool, detail: String| {
        differs.then(|| note(Cause::DatasourceDrift, subject, detail))
    };
    let [their_path, our_path] = &paths;
    let [their_auth, our_auth] = auths.map(has);
    let [their_headers, our_headers] = &headers;
    let who = if theirs.tls_skip_verify { "the data source" } else { "this link" };
    [
        drift(
            Subject::Path,
            their_path != our_path,
            format!(
                "the data source asks below {their_path:?}, this link below {our_path:?}; correct \
                 the URL that is wrong"
            ),
        ),
        drift(
            Subject::Method,
            method == Method::Get && theirs.method.as_deref() == Some("POST"),
            "the data source asks by POST, this link by GET; leave `method` out of this link"
                .to_owned(),
        ),
        drift(
            Subject::TlsVerification,
            ours.url.scheme == Scheme::Https && skips[0] != skips[1],
            format!(
                "{who} does not verify the certificate, the other one does; give {who} the CA \
                 instead"
            ),
        ),
        drift(
            Subject::Auth,
            auths[0] != auths[1],
            format!(
                "the data source {their_auth} credentials, this link {our_auth}; where they are \
                 wanted, give them to both"
            ),
        ),
        drift(
            Subject::Header,
            their_headers != our_headers,
            format!(
                "headers of the data source: {their_headers:?}, of this link: {our_headers:?}; the \
                 same tenant wants the same ones"
            ),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
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

fn method(found: &Datasource, get_chosen: bool) -> Vec<Finding> {
    let (cause, detail) = match found.method.as_deref() {
        None | Some("POST") => return Vec::new(),
        Some("GET") if get_chosen => return Vec::new(),
        Some("GET") => (
            Cause::DatasourceDrift,
            "the data source asks by GET: a long query is refused by what limits URLs, mostly to \
             8 KiB; set `HTTP method` to POST, unless something on the way refuses that"
                .to_owned(),
        ),
        Some(method) => (
            Cause::DatasourceSettingsInvalid,
            format!("the HTTP method is {method}; only GET and POST are possible"),
        ),
    };
    vec![note(cause, Subject::Method, detail)]
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
            "a query may take {}, and Grafana waits {}{} for it; raise `Timeout`, or lower `Query \
             timeout`",
            in_seconds(query),
            in_seconds(waits),
            if found.timeout_seconds.is_none() {
                ", unless its `dataproxy.timeout` is longer,"
            } else {
                ""
            }
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
