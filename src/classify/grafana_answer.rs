//! Answers of Grafana's own endpoints.
//!
//! Everywhere a [`Rejection`] means that Grafana, or something in its place, did not do what was
//! asked; its cause tells whether that was for lack of rights, which is charged to `auth`. A
//! [`Failure`] means that Grafana did, and tells of the data source. The body decides which of the
//! two it is, for one status serves both: 400 is the plugin's word for a broken data source and
//! Grafana's for a bad request, and 500 `invalid API key` is a revoked token (or a dead database,
//! which `/api/health` has told before).

pub mod accounts;
mod datasource;
mod decode;
mod queries;

pub use datasource::{Datasource, DatasourceUrl, datasource, datasource_list, explained};
pub use queries::queries;

use serde::Deserialize;

use crate::classify::tally;
use crate::classify::{
    Answer, LARGE_BYTES, Rejection, Vector, gateway, grafana_message, prometheus,
};
use crate::report::cause::Cause;
use decode::{Envelope, EnvelopeSeed};

/// `/api/health`, healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrafanaHealth {
    /// The version, unless it is hidden.
    pub version: Option<String>,
}

/// `/api/org`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Organisation {
    /// Its id.
    pub id: u64,
    /// Its display name.
    pub name: String,
}

/// What `/api/datasources/uid/:uid/health` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatasourceHealth {
    /// The plugin got an answer.
    Good,
    /// The plugin talks, and is not content; or it cannot talk.
    Bad(Failure),
    /// This Grafana has no such check.
    Unsupported,
    /// Grafana itself did not ask the plugin.
    Rejected(Rejection),
}

/// What Grafana says went wrong with the data source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why; `UnreachableFromGrafana` where the message hides it.
    pub cause: Cause,
    /// What it says, as it came (not cleaned).
    pub message: String,
}

/// What `POST /api/ds/query` gave for refs A (the selector) and B (`max(timestamp(SELECTOR))`).
#[derive(Clone, Debug, PartialEq)]
pub enum DsQuery {
    /// A has data.
    Data {
        /// The answer of A.
        a: Vector,
        /// The time of the newest sample in Unix seconds, where B has it.
        newest: Option<f64>,
    },
    /// A has no frames, no fields or no values. That may be no data, or an upstream's error page.
    Empty {
        /// What Grafana remarks.
        warnings: Vec<String>,
    },
    /// The data source failed, and Grafana says why (or hides it: `UnreachableFromGrafana`).
    Failed(Failure),
    /// Grafana itself did not run the query.
    Rejected(Rejection),
}

/// What came through the data proxy.
#[derive(Clone, Debug, PartialEq)]
pub enum ProxyVoice {
    /// What Prometheus, or whatever is in its place, answered to Grafana.
    Upstream(Result<Vector, Rejection>),
    /// Grafana's own word about the data source; `UnreachableFromGrafana` when it got no answer.
    Cause(Cause),
    /// The proxy refuses, or does not know this uid: it never matters.
    Useless,
}

/// Judges `GET /api/health`.
pub fn health(answer: &Answer<'_>) -> Result<GrafanaHealth, Rejection> {
    #[derive(Deserialize)]
    struct Body {
        database: String,
        version: Option<String>,
    }
    match serde_json::from_slice::<Body>(answer.body) {
        Ok(body) if answer.status == 200 && body.database == "ok" => {
            Ok(GrafanaHealth { version: body.version.filter(|version| !version.is_empty()) })
        }
        Ok(body) if body.database != "ok" => {
            Err(Rejection::new(Cause::GrafanaDatabaseDown, answer))
        }
        _ => Err(rejection(answer)),
    }
}

/// Judges `GET /api/org`.
pub fn organisation(answer: &Answer<'_>) -> Result<Organisation, Rejection> {
    expect(answer)
}

/// Judges `GET /api/datasources/uid/:uid/health`.
#[must_use]
pub fn datasource_health(answer: &Answer<'_>) -> DatasourceHealth {
    /// The plugin speaks where `status` is one of its words; without one, Grafana does.
    const WORDS: [&str; 3] = ["OK", "ERROR", "UNKNOWN"];
    #[derive(Deserialize)]
    struct Body {
        status: String,
        #[serde(default)]
        message: String,
        details: Option<serde::de::IgnoredAny>,
    }
    let body = serde_json::from_slice::<Body>(answer.body).ok();
    if let Some(body) = body.filter(|body| WORDS.contains(&body.status.as_str())) {
        if body.status == "OK" && answer.is_success() {
            return DatasourceHealth::Good;
        }
        let mut cause = grafana_message::cause(&body.message, None);
        // `1+1` is unprocessable in agent mode only, where the details are there all the same.
        if body.message.starts_with("422 ") && body.details.is_some() {
            cause = Cause::AgentMode;
        }
        return DatasourceHealth::Bad(Failure { cause, message: body.message });
    }
    let envelope = Said::read(answer);
    if let Some(failure) = envelope.plugin_failure() {
        return DatasourceHealth::Bad(failure);
    }
    match (answer.status, envelope.message.as_str()) {
        (404, "Not found" | "Method not implemented" | "Plugin not found") => {
            DatasourceHealth::Unsupported
        }
        // The uid is unknown, or can be none.
        (500, "Unable to load datasource metadata") | (400, "UID is invalid") => {
            envelope.failure(Cause::DatasourceNotFound)
        }
        // Also of a healthy plugin whose message is not UTF-8.
        (500, "Plugin health check failed" | "Plugin request failed") => {
            envelope.failure(Cause::UnreachableFromGrafana)
        }
        _ => DatasourceHealth::Rejected(rejection(answer)),
    }
}

/// Judges `POST /api/ds/query`.
#[must_use]
pub fn ds_query(answer: &Answer<'_>) -> DsQuery {
    let mut envelope = Envelope::default();
    let decoded = tally::decode(answer.body, EnvelopeSeed(&mut envelope));
    // 400 with results: one of the refs failed. 207: the same, by an old feature toggle.
    if !envelope.has_results || !matches!(answer.status, 200 | 207 | 400) {
        return not_queried(answer);
    }
    let a = envelope.a;
    if let Some(error) = a.error {
        let cause = grafana_message::cause(&error, a.status);
        return DsQuery::Failed(Failure { cause, message: error.into_owned() });
    }
    if decoded.is_err() && (!answer.cut || a.tally.is_empty()) {
        let cause = if answer.cut { Cause::AnswerTooLarge } else { Cause::AnswerMalformed };
        return DsQuery::Rejected(Rejection::new(cause, answer));
    }
    if a.tally.is_empty() {
        return DsQuery::Empty { warnings: a.tally.finish().warnings };
    }
    let newest = envelope.b.tally.value().filter(|seconds| seconds.is_finite());
    let mut vector = a.tally.finish();
    vector.complete = decoded.is_ok();
    vector.large = answer.body.len() > LARGE_BYTES;
    DsQuery::Data { a: vector, newest }
}

/// What came for each ref of [`ds_queries`], by its name.
pub type ByRef = Vec<(String, Result<Vector, Failure>)>;

/// Judges `POST /api/ds/query` with refs of any other names than A and B; a ref whose answer did
/// not come whole is missing.
///
/// # Errors
/// None of them was answered.
pub fn ds_queries(answer: &Answer<'_>) -> Result<ByRef, Failure> {
    let mut envelope = Envelope::default();
    // What was read before an error is whole.
    let _cut = tally::decode(answer.body, EnvelopeSeed(&mut envelope));
    if !envelope.has_results || !matches!(answer.status, 200 | 207 | 400) {
        let rejection = match not_queried(answer) {
            DsQuery::Failed(failure) => return Err(failure),
            DsQuery::Rejected(rejection) => rejection,
            DsQuery::Data { .. } | DsQuery::Empty { .. } => rejection(answer),
        };
        let message = rejection.api_error.unwrap_or_default();
        return Err(Failure { cause: rejection.cause, message });
    }
    let each = envelope.others.into_iter().map(|(name, found)| {
        let came = match found.error {
            Some(error) => {
                let cause = grafana_message::cause(&error, found.status);
                Err(Failure { cause, message: error.into_owned() })
            }
            None => Ok(found.tally.finish()),
        };
        (name.into_owned(), came)
    });
    Ok(each.collect())
}

/// An answer of ds/query without results.
fn not_queried(answer: &Answer<'_>) -> DsQuery {
    let envelope = Said::read(answer);
    if let Some(failure) = envelope.plugin_failure() {
        return DsQuery::Failed(failure);
    }
    let cause = match (answer.status, envelope.id.as_str(), envelope.message.as_str()) {
        (404, _, "Data source not found") => Cause::DatasourceNotFound,
        (500, "plugin.downstreamError", _)
        | (500, _, "Query data error" | "An error occurred within the plugin") => {
            Cause::UnreachableFromGrafana
        }
        _ => return DsQuery::Rejected(rejection(answer)),
    };
    DsQuery::Failed(Failure { cause, message: envelope.message })
}

/// Judges `GET /api/datasources/proxy/uid/:uid/api/v1/query`.
///
/// Grafana marks what it hands on with `Content-Security-Policy: sandbox`, its own answers it does
/// not.
#[must_use]
pub fn data_proxy(answer: &Answer<'_>) -> ProxyVoice {
    let text = answer.text();
    if answer.status == 400 && text.trim() == "Authentication to data source failed" {
        // Upstream's 401; ours would have stayed one.
        return ProxyVoice::Cause(Cause::Unauthorized);
    }
    let judged = prometheus::query(answer);
    let is_marked = answer.header("content-security-policy") == Some("sandbox");
    let speaks_prometheus = match &judged {
        Ok(_) => true,
        Err(rejection) => {
            rejection.api_error_type.is_some()
                || matches!(rejection.cause, Cause::Starting | Cause::Stopping)
        }
    };
    if is_marked || speaks_prometheus {
        let is_lost = matches!(&judged, Err(rejection) if rejection.cause == Cause::WrongPathPrefix)
            && uid_has_hyphen(answer.asked);
        return if is_lost { ProxyVoice::Useless } else { ProxyVoice::Upstream(judged) };
    }
    let envelope = Said::read(answer);
    match (answer.status, envelope.message.as_str()) {
        (502 | 504, "") if answer.body.is_empty() => {
            ProxyVoice::Cause(Cause::UnreachableFromGrafana)
        }
        (404, "Unable to find datasource") => ProxyVoice::Cause(Cause::DatasourceNotFound),
        (404, "Unable to find datasource plugin") => ProxyVoice::Cause(Cause::PluginNotRegistered),
        (400, "Unable to load TLS certificate") | (500, "Failed creating data source proxy") => {
            ProxyVoice::Cause(Cause::DatasourceSettingsInvalid)
        }
        (400, message) if message.starts_with("Invalid data source URL") => {
            ProxyVoice::Cause(Cause::DatasourceUrlInvalid)
        }
        _ => ProxyVoice::Useless,
    }
}

/// Grafana 9 takes the uid off the path only up to a hyphen, and asks upstream for the rest of it
/// as well.
fn uid_has_hyphen(asked: &str) -> bool {
    let rest = asked.split_once("/proxy/uid/").map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split('/').next()).is_some_and(|uid| uid.contains('-'))
}

/// The last error of an alert rule that names the data source's `url`, from
/// `GET /api/prometheus/grafana/api/v1/rules`: where ds/query hides its reason, rules tell it.
#[must_use]
pub fn rule_error(answer: &Answer<'_>, url: &str) -> Option<Failure> {
    #[derive(Deserialize)]
    struct Body {
        data: Groups,
    }
    #[derive(Deserialize)]
    struct Groups {
        groups: Vec<Group>,
    }
    #[derive(Deserialize)]
    struct Group {
        #[serde(default)]
        rules: Vec<Rule>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rule {
        last_error: Option<String>,
    }
    let body: Body = serde_json::from_slice(answer.body).ok().filter(|_| answer.status == 200)?;
    // With the slash that every request puts behind it, `…:9090` is no part of `…:90901`.
    let place = format!("\"{}/", url.trim_end_matches('/'));
    let mut rules = body.data.groups.into_iter().flat_map(|group| group.rules);
    let message = rules.find_map(|rule| rule.last_error.filter(|error| error.contains(&place)))?;
    Some(Failure { cause: grafana_message::cause(&message, None), message })
}

/// The permission that a refusal names.
#[must_use]
pub fn permission(rejection: &Rejection) -> Option<&str> {
    let (_, permission) = rejection.api_error.as_deref()?.split_once("Permissions needed: ")?;
    Some(permission)
}

/// Decodes what the endpoint promises, or says what came instead.
fn expect<'a, T: Deserialize<'a>>(answer: &Answer<'a>) -> Result<T, Rejection> {
    if !answer.is_success() {
        return Err(rejection(answer));
    }
    serde_json::from_slice(answer.body).map_err(|error| {
        let is_cut = error.classify() == serde_json::error::Category::Eof;
        match answer.first_byte() {
            Some(b'{' | b'[') if answer.cut => Rejection::new(Cause::AnswerTooLarge, answer),
            Some(b'{' | b'[') if is_cut => Rejection::new(Cause::AnswerMalformed, answer),
            _ => rejection(answer),
        }
    })
}

/// What Grafana says in place of what was asked.
#[derive(Debug, Default)]
struct Said {
    message: String,
    id: String,
    is_loading: bool,
    /// It has what Grafana's errors have: a message, or at least a trace id.
    is_own: bool,
}

impl Said {
    fn read(answer: &Answer<'_>) -> Self {
        let mut envelope = Envelope::default();
        // What came before an error is enough: the whitelist's refusal is two documents.
        tally::decode(answer.body, EnvelopeSeed(&mut envelope)).ok();
        Self {
            is_loading: envelope.is_loading,
            is_own: envelope.message.is_some() || envelope.has_trace_id,
            message: envelope.message.unwrap_or_default().into_owned(),
            id: envelope.message_id.unwrap_or_default().into_owned(),
        }
    }

    /// The plugin is gone, or does not run: the words of Grafana 9 to 13.
    fn plugin_failure(&self) -> Option<Failure> {
        let cause = match (self.id.as_str(), self.message.as_str()) {
            ("plugin.notRegistered", _)
            | (_, "Unable to find datasource plugin" | "Plugin not registered") => {
                Cause::PluginNotRegistered
            }
            ("plugin.unavailable", _) | (_, "Plugin unavailable") => Cause::PluginUnavailable,
            _ => return None,
        };
        Some(Failure { cause, message: self.message.clone() })
    }

    fn failure(self, cause: Cause) -> DatasourceHealth {
        DatasourceHealth::Bad(Failure { cause, message: self.message })
    }
}

/// Why Grafana, or something in its place, did not do what was asked.
fn rejection(answer: &Answer<'_>) -> Rejection {
    let said = Said::read(answer);
    let cause = rejection_cause(answer, &said);
    let mut rejection = Rejection::new(cause, answer);
    if !said.message.is_empty() {
        rejection.body_start = None;
        rejection.api_error = Some(said.message);
    }
    rejection.api_error_type = Some(said.id).filter(|id| !id.is_empty());
    rejection
}

fn rejection_cause(answer: &Answer<'_>, said: &Said) -> Cause {
    let text = answer.text();
    if gateway::wants_tls(&text) {
        return Cause::TlsRequired;
    }
    if gateway::is_forward_proxy(answer) {
        return Cause::ForwardProxyAnswered;
    }
    if said.is_loading || said.message.starts_with("Your instance is loading") {
        return Cause::GrafanaStarting;
    }
    if is_own_login(answer) {
        // Grafana never sends a request for its API to its login page: the path was not the API's.
        return Cause::WrongPathPrefix;
    }
    if gateway::wants_login(answer) {
        return Cause::GrafanaLoginRedirect;
    }
    if answer.is_redirect() {
        return Cause::Redirected;
    }
    if said.is_own && !answer.is_success() {
        return own_error(answer, said);
    }
    match answer.status {
        // A password in front of Grafana: nobody's token opens it.
        401 => Cause::GrafanaLoginRedirect,
        403 => Cause::Forbidden,
        // One of Grafana's pages in place of its API.
        200 | 404 if answer.is_html() && text.contains("<title>Grafana</title>") => {
            Cause::WrongPathPrefix
        }
        405 => Cause::MethodNotAllowed,
        429 => Cause::RateLimited,
        status if gateway::is_gateway_status(status) => Cause::GatewayError,
        500..600 => Cause::GrafanaServerError,
        _ => Cause::NotGrafana,
    }
}

/// Grafana's redirect to its own login: 9.x remembers the way back in a cookie, newer ones in the
/// query.
fn is_own_login(answer: &Answer<'_>) -> bool {
    let Some(location) = answer.header("location").filter(|_| answer.is_redirect()) else {
        return false;
    };
    let (path, query) = location.split_once('?').unwrap_or((location, ""));
    path.ends_with("/login")
        && (query.starts_with("redirectTo=")
            || answer
                .headers
                .iter()
                .any(|(name, value)| name == "set-cookie" && value.starts_with("redirect_to=")))
}

/// An error of Grafana's API, by status and message.
fn own_error(answer: &Answer<'_>, said: &Said) -> Cause {
    let message = said.message.to_ascii_lowercase();
    let is = |id: &str, words: &str| said.id == id || message.contains(words);
    match answer.status {
        401 | 403 | 404 if is("api-key.organization-mismatch", "requested organization") => {
            Cause::WrongOrganisation
        }
        404 if message == "organization not found" => Cause::WrongOrganisation,
        401 if is("api-key.expired", "expired") => Cause::TokenExpired,
        401 if answer.credentials => Cause::TokenRejected,
        401 => Cause::TokenMissing,
        // A token that was revoked, or whose account is gone.
        500 if message == "invalid api key" => Cause::TokenRejected,
        // An empty error with a trace id is what a dead database leaves of "forbidden".
        403 if message.is_empty() => Cause::GrafanaServerError,
        403 => Cause::PermissionMissing,
        405 => Cause::MethodNotAllowed,
        429 => Cause::RateLimited,
        status if gateway::is_gateway_status(status) => Cause::GatewayError,
        500..600 => Cause::GrafanaServerError,
        // Only Grafana names its errors so.
        _ if !said.id.is_empty() => Cause::GrafanaServerError,
        _ => Cause::NotGrafana,
    }
}
