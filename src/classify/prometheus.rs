//! Answers of the query API, asked directly or through Grafana's data proxy.
//!
//! First the content: a decodable API answer is judged by what it says, whatever its status,
//! because Prometheus 3 gives one and the same time-out as 503, 422 or 400. Only what is no API
//! answer is judged by status, and then Prometheus' own plain texts come before the guesses about
//! gateways.

pub mod around;
mod decode;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::error::Category;

use crate::classify::tally::decode;
use crate::classify::{Answer, LARGE_BYTES, Rejection, Vector, gateway};
use crate::report::cause::Cause;
use crate::report::seen::Flavour;
use decode::{Api, ApiSeed};

/// What `/api/v1/status/buildinfo` gives away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version; none where it is empty or a constant that means nothing.
    pub version: Option<String>,
    /// What the server is; what a query answer gives away is more exact (Thanos looks like
    /// Prometheus).
    pub flavour: Option<Flavour>,
}

/// Judges the answer to an instant query.
pub fn query(answer: &Answer<'_>) -> Result<Vector, Rejection> {
    let mut api = Api::default();
    let decoded = decode(answer.body, ApiSeed(&mut api));
    let flavour = api.flavour.or_else(|| flavour_of(answer));
    let succeeded = answer.is_success() && api.status.as_deref() == Some("success");
    let failed = api.status.as_deref() == Some("error");

    if succeeded && api.has_result && (decoded.is_ok() || (answer.cut && api.tally.series() > 0)) {
        let is_partial = api.is_partial;
        let mut vector = api.tally.finish();
        vector.partial |= is_partial;
        vector.complete = decoded.is_ok();
        vector.large = answer.body.len() > LARGE_BYTES;
        vector.flavour = flavour;
        return Ok(vector);
    }
    if failed && decoded.is_ok() && (api.error.is_some() || api.error_type.is_some()) {
        return Err(api_rejection(answer, &api, flavour));
    }
    let cause = match decoded {
        // It began as JSON of the right kind, and then it ended; or blanks alone filled the cap.
        Err(error)
            if answer.is_success()
                && (answer.cut || answer.first_byte().is_some())
                && error.classify() == Category::Eof =>
        {
            if answer.cut {
                Cause::AnswerTooLarge
            } else {
                Cause::AnswerMalformed
            }
        }
        _ if succeeded => Cause::AnswerMalformed,
        _ => foreign_cause(answer),
    };
    Err(Rejection { flavour, ..Rejection::new(cause, answer) })
}

/// Reads the answer of `/api/v1/status/buildinfo`; none when it is no good, which is no failure.
#[must_use]
pub fn buildinfo(answer: &Answer<'_>) -> Option<BuildInfo> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        status: Cow<'a, str>,
        data: Data,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        application: Option<String>,
        version: Option<String>,
        go_version: Option<String>,
        build_date: Option<String>,
    }

    let envelope: Envelope<'_> = serde_json::from_slice(answer.body).ok()?;
    if !answer.is_success() || envelope.status != "success" {
        return None;
    }
    let data = envelope.data;
    let flavour = match data.application.as_deref() {
        Some(name) if name.contains("Mimir") => Some(Flavour::Mimir),
        Some(name) if name.contains("Cortex") => Some(Flavour::Cortex),
        // VictoriaMetrics says the version of Prometheus that it imitates, or nothing at all.
        _ if data.go_version.is_none() => Some(Flavour::VictoriaMetrics),
        _ if data.build_date.is_some() => Some(Flavour::Prometheus),
        _ => None,
    };
    let version = data
        .version
        .filter(|version| !version.is_empty() && flavour != Some(Flavour::VictoriaMetrics));
    Some(BuildInfo { version, flavour: flavour_of(answer).or(flavour) })
}

fn api_rejection(answer: &Answer<'_>, api: &Api<'_>, flavour: Option<Flavour>) -> Rejection {
    let kind = api.error_type.as_deref().unwrap_or_default();
    let text = api.error.as_deref().unwrap_or_default();
    let unknown = if answer.status < 500 { Cause::QueryRejected } else { Cause::ServerError };
    let cause = api_cause(kind, text).unwrap_or(unknown);
    let flavour = if cause == Cause::AgentMode {
        Some(Flavour::PrometheusAgent)
    } else if kind.parse::<u16>().is_ok() {
        // VictoriaMetrics' error types are status codes as text.
        Some(Flavour::VictoriaMetrics)
    } else {
        flavour
    };
    Rejection {
        api_error_type: api.error_type.as_deref().map(str::to_owned),
        api_error: api.error.as_deref().map(str::to_owned),
        body_start: None,
        flavour,
        ..Rejection::new(cause, answer)
    }
}

/// The cause that `errorType` and `error` tell; none when neither does.
///
/// Grafana hands on exactly these two, as `errorType: error`.
pub fn api_cause(kind: &str, text: &str) -> Option<Cause> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["unavailable with Prometheus Agent"]) {
        return Some(Cause::AgentMode);
    }
    if kind == "timeout" || kind == "canceled" || says(&TIMED_OUT) {
        return Some(Cause::QueryTimeout);
    }
    if says(&["shutting down"]) {
        return Some(Cause::Stopping);
    }
    if says(&["exceeded the maximum", "too many samples"]) {
        // Limits of the tenant, which Mimir reports from wherever it met them.
        return Some(Cause::QueryRejected);
    }
    match kind {
        "bad_data" if says(&["method not allowed"]) => Some(Cause::MethodNotAllowed),
        "bad_data" | "not_acceptable" | "too_large_entry" => Some(Cause::QueryRejected),
        "execution" | "400" | "422" => {
            Some(if says(&STORAGE) { Cause::StorageFailing } else { Cause::QueryRejected })
        }
        "internal" | "unavailable" | "500" | "502" | "503" => {
            Some(if says(&STORAGE) { Cause::StorageFailing } else { Cause::ServerError })
        }
        "too_many_requests" | "429" => Some(Cause::RateLimited),
        "unauthorized" | "401" => Some(Cause::Unauthorized),
        "forbidden" | "403" => Some(Cause::Forbidden),
        "not_found" if says(&["tenant", "org id"]) => Some(Cause::TenantMissing),
        "not_found" | "404" => Some(Cause::WrongPathPrefix),
        _ => None,
    }
}

/// Out of time, in the words of Prometheus 2 and 3, Thanos and VictoriaMetrics.
const TIMED_OUT: [&str; 5] = [
    "timed out",
    "context deadline exceeded",
    "DeadlineExceeded",
    "timeout exceeded",
    "concurrent requests are executed",
];

/// The storage cannot be read: a disk, or the stores behind Thanos, Mimir and VictoriaMetrics.
const STORAGE: [&str; 13] = [
    "expanding series",
    "no space left on device",
    "input/output error",
    "read-only file system",
    "permission denied",
    "too many open files",
    "corrupt",
    "populate chunk",
    "No StoreAPIs",
    "rpc error",
    "vmstorage",
    "healthy replica",
    "empty ring",
];

/// The cause of an answer that is no API answer.
pub fn foreign_cause(answer: &Answer<'_>) -> Cause {
    let text = answer.text();
    if gateway::wants_tls(&text) {
        return Cause::TlsRequired;
    }
    if gateway::is_forward_proxy(answer) {
        return Cause::ForwardProxyAnswered;
    }
    if let Some(cause) = not_ready(answer) {
        return cause;
    }
    if answer.status == 401 && text.trim() == "no org id" {
        return Cause::TenantMissing;
    }
    if gateway::wants_login(answer) {
        return Cause::LoginPage;
    }
    if answer.is_redirect() {
        return Cause::Redirected;
    }
    if answer.is_success() {
        return foreign_success(answer, &text);
    }
    if knows_no_such_path(answer.status, &text) {
        return Cause::WrongPathPrefix;
    }
    match answer.status {
        401 => Cause::Unauthorized,
        403 => Cause::Forbidden,
        405 => Cause::MethodNotAllowed,
        429 => Cause::RateLimited,
        500 => Cause::ServerError,
        status if gateway::is_gateway_status(status) => Cause::GatewayError,
        _ => Cause::NotPrometheus,
    }
}

/// Prometheus itself says that it is not ready: 3.x by a header, 2.x by a text of exactly 19 bytes.
/// The error pages of Go programs in between (Traefik) have the same words and a newline.
fn not_ready(answer: &Answer<'_>) -> Option<Cause> {
    let plain = answer.content_type().is_empty() || answer.content_type().starts_with("text/plain");
    match answer.header("x-prometheus-stopping") {
        Some("true") => Some(Cause::Stopping),
        Some(_) => Some(Cause::Starting),
        None if answer.status == 503 && plain && answer.body == b"Service Unavailable" => {
            Some(Cause::Starting)
        }
        None => None,
    }
}

/// 404 of anybody, and VictoriaMetrics' words for it.
fn knows_no_such_path(status: u16, text: &str) -> bool {
    status == 404
        || (status == 400
            && ["unsupported path requested", "missing -http.pathPrefix", "missing route for"]
                .iter()
                .any(|words| text.contains(words)))
}

/// 200, but no API answer.
fn foreign_success(answer: &Answer<'_>, text: &str) -> Cause {
    let kind = answer.content_type();
    let is_exposition = ["# HELP ", "# TYPE "].iter().any(|mark| text.starts_with(mark))
        || kind.starts_with("text/plain; version=0.0.4")
        || kind.starts_with("application/openmetrics-text");
    // The landing page of an exporter links to its metrics.
    let is_landing_page = answer.is_html()
        && text.to_ascii_lowercase().contains("exporter")
        && ["\"/metrics\"", "'/metrics'", "\"metrics\""].iter().any(|link| text.contains(link));
    if is_exposition || is_landing_page {
        Cause::ExporterNotPrometheus
    } else if answer.status == 200 && answer.body.is_empty() {
        Cause::AnswerMalformed
    } else {
        Cause::NotPrometheus
    }
}

/// What the headers give away.
fn flavour_of(answer: &Answer<'_>) -> Option<Flavour> {
    let realm = answer.header("www-authenticate").unwrap_or_default();
    (answer.header("x-server-hostname").is_some() || realm.contains("VictoriaMetrics"))
        .then_some(Flavour::VictoriaMetrics)
}
