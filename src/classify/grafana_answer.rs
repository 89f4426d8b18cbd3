//! Answers of Grafana's own endpoints.
//!
//! Everywhere an `Err(Rejection)` means that Grafana, or something in its place, did not do what was asked;
//! [`is_refusal`] tells whether it was for lack of rights, which is charged to `auth`.

use crate::classify::{Answer, Rejection, Vector};
use crate::link::Scheme;
use crate::report::cause::Cause;

/// `/api/health`, healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrafanaHealth {
    /// The version, unless it is hidden.
    pub version: Option<String>,
}

/// `/api/org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its id.
    pub id: u64,
    /// Its display name.
    pub name: String,
}

/// A data source as Grafana describes it, by uid, by name or in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datasource {
    /// Its uid.
    pub uid: String,
    /// Its display name.
    pub name: String,
    /// Its type, such as `prometheus`.
    pub kind: String,
    /// Its URL as configured.
    pub url: String,
    /// The organisation that it belongs to.
    pub org_id: Option<u64>,
    /// The organisation's default.
    pub is_default: bool,
    /// The browser asks Prometheus itself, which Grafana no longer can.
    pub access_direct: bool,
    /// It has the logo of missing plugins; only the list shows it.
    pub plugin_missing: bool,
    /// It forwards the user's own identity: OAuth token or cookies.
    pub forwards_user: bool,
    /// Provisioned from a file.
    pub read_only: bool,
    /// `jsonData.httpMethod`, upper case.
    pub method: Option<String>,
    /// `jsonData.timeInterval`, the scrape interval that panels assume.
    pub interval: Option<String>,
    /// `jsonData.timeout`, in seconds.
    pub timeout_seconds: Option<u64>,
    /// `jsonData.queryTimeout`.
    pub query_timeout: Option<String>,
    /// It does not verify the server's certificate.
    pub tls_skip_verify: bool,
    /// It signs in by basic auth, SigV4 or the like.
    pub auth: Option<&'static str>,
    /// Names of its custom headers.
    pub headers: Vec<String>,
    /// Data sources that its exemplars lead to, by uid.
    pub exemplars: Vec<String>,
}

/// A data source's URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasourceUrl {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// The host, an IPv6 literal without its brackets.
    pub host: String,
    /// The port, written or implied.
    pub port: u16,
    /// The path, without a trailing slash.
    pub path: String,
    /// The host is Grafana's own.
    pub loopback: bool,
}

/// What `/api/datasources/uid/:uid/health` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatasourceHealth {
    /// The plugin got an answer.
    Good,
    /// The plugin talks, and is not content.
    Bad(Failure),
    /// This Grafana has no such check.
    Unsupported,
    /// Grafana itself did not let the plugin talk.
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
    /// A has no frames, no fields or no values.
    Empty,
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
    /// Grafana got no answer; the cause, as far as the status tells it.
    NoAnswer(Cause),
    /// The proxy refuses, or does not know this uid: it never matters.
    Useless,
}

/// Judges `GET /api/health`.
pub fn health(answer: &Answer<'_>) -> Result<GrafanaHealth, Rejection> {
    todo!("{answer:?}")
}

/// Judges `GET /api/org`.
pub fn organisation(answer: &Answer<'_>) -> Result<Organisation, Rejection> {
    todo!("{answer:?}")
}

/// Judges `GET /api/datasources/uid/:uid` and `GET /api/datasources/name/:name`.
pub fn datasource(answer: &Answer<'_>) -> Result<Datasource, Rejection> {
    todo!("{answer:?}")
}

/// Judges `GET /api/datasources`.
pub fn datasource_list(answer: &Answer<'_>) -> Result<Vec<Datasource>, Rejection> {
    todo!("{answer:?}")
}

/// Judges `GET /api/datasources/uid/:uid/health`.
#[must_use]
pub fn datasource_health(answer: &Answer<'_>) -> DatasourceHealth {
    todo!("{answer:?}")
}

/// Judges `POST /api/ds/query`.
#[must_use]
pub fn ds_query(answer: &Answer<'_>) -> DsQuery {
    todo!("{answer:?}")
}

/// Judges `GET /api/datasources/proxy/uid/:uid/api/v1/query`.
#[must_use]
pub fn data_proxy(answer: &Answer<'_>) -> ProxyVoice {
    todo!("{answer:?}")
}

/// The last error of an alert rule that names the data source's `url`, from
/// `GET /api/prometheus/grafana/api/v1/rules`.
#[must_use]
pub fn rule_error(answer: &Answer<'_>, url: &str) -> Option<Failure> {
    todo!("{answer:?} {url}")
}

/// The cause is a refusal of ours by Grafana, whichever call met it.
#[must_use]
pub fn is_refusal(cause: Cause) -> bool {
    todo!("{cause:?}")
}

impl Datasource {
    /// What is wrong with it by itself, worst first: type, plugin, access, URL.
    #[must_use]
    pub fn faults(&self) -> Vec<Cause> {
        todo!()
    }

    /// Its URL taken apart, or what is wrong with it.
    pub fn address(&self) -> Result<DatasourceUrl, Cause> {
        todo!()
    }
}
