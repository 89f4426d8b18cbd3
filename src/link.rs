//! The nouns of the configuration after it was checked: links, their two ends, and how to watch
//! them.

pub mod alarm;
pub mod assertion;
pub mod discover;
#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::link::alarm::{AlarmRules, Labels};
use crate::link::assertion::Assertion;
use crate::link::discover::Leave;
use crate::secret::Secret;

/// The identity of a link; `GRAFANA/<uid>` when it was discovered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkName(Arc<str>);

/// The identity of a Grafana in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrafanaName(Arc<str>);

/// One Grafana data source and the Prometheus-compatible server that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its identity.
    pub name: LinkName,
    /// Whether a person wrote it down or a Grafana listed it.
    pub origin: Origin,
    /// The direct end; none for managed servers that we may not ask.
    pub prometheus: Option<Endpoint>,
    /// Whether promlink may go to the direct end; only links that were found are told otherwise.
    pub leave: Leave,
    /// The end through Grafana.
    pub grafana: Option<GrafanaSide>,
    /// What Grafana calls the data source, where its list told.
    pub datasource_name: Option<String>,
    /// What is asked of Prometheus.
    pub query: QueryPlan,
    /// What must hold of the data, in the order of their names.
    pub assertions: Vec<Assertion>,
    /// When it is asked.
    pub cadence: Cadence,
    /// When an answer is not good enough.
    pub thresholds: Thresholds,
    /// Walk every address behind the name, not only the first that answers.
    pub all_addresses: bool,
    /// Keep an idle connection to the server, whose end starts a cycle.
    pub tripwire: bool,
    /// What its alarms are like.
    pub alarms: Arc<AlarmRules>,
    /// Labels for this link's alarms.
    pub labels: Arc<Labels>,
}

/// Where a link comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration.
    Configured,
    /// A Grafana's list of data sources.
    Discovered,
}

/// A link's way through Grafana.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrafanaSide {
    /// Which Grafana.
    pub name: GrafanaName,
    /// That Grafana; shared by all its links.
    pub end: Arc<Grafana>,
    /// The data source in it.
    pub datasource: DatasourceRef,
}

/// One Grafana.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grafana {
    /// Its address and how to speak to it.
    pub endpoint: Endpoint,
    /// The organisation that the token must belong to, when the user named one.
    pub org_id: Option<u64>,
    /// Visit every address behind its name, not only the first that answers.
    pub all_addresses: bool,
    /// Read its own counters of users' queries.
    pub users_queries: bool,
    /// Who may make a token for us where none is given or the given one is rejected.
    pub bootstrap: Option<Auth>,
}

/// How a link names its data source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatasourceRef {
    /// By `uid`, the one stable name.
    Uid(String),
    /// By display name.
    Name(String),
    /// Whichever is the organisation's default.
    Default,
}

/// An HTTP server and how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub url: BaseUrl,
    /// Credentials, TLS, proxy and headers.
    pub http: HttpOptions,
}

/// `http(s)://host:port/base/path`, without credentials, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// The host as the user wrote it, an IPv6 literal without its brackets.
    pub host: String,
    /// The port, written or implied by the scheme.
    pub port: u16,
    /// The base path, without a trailing slash: empty, or `/prometheus`.
    pub path: String,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// Prometheus' own `http_config`, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOptions {
    /// What the `Authorization` header says.
    pub auth: Option<Auth>,
    /// Trust and client certificate.
    pub tls: TlsOptions,
    /// An HTTP proxy in between.
    pub proxy: Option<Proxy>,
    /// Further request headers, such as `X-Scope-OrgID`.
    pub headers: Vec<(String, Secret)>,
}

/// The `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `basic_auth`.
    Basic {
        /// The user, shown in the open.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// `authorization`: a scheme (`Bearer` unless said otherwise) and its credentials.
    Scheme {
        /// The scheme's name.
        scheme: String,
        /// The token.
        credentials: Secret,
    },
}

/// Prometheus' own `tls_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM bundle that replaces the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate, PEM.
    pub cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
    /// The name to ask for and to verify, instead of the URL's host.
    pub server_name: Option<String>,
    /// Verify nothing.
    pub insecure_skip_verify: bool,
    /// The oldest protocol to accept.
    pub min_version: TlsVersion,
}

/// Protocol versions that are still safe to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// An HTTP proxy between us and an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The proxy's address; `http` only.
    pub url: BaseUrl,
    /// Credentials for `Proxy-Authorization`.
    pub auth: Option<(String, Secret)>,
    /// Hosts that are reached without it: names with or without a leading dot, IPs, CIDR blocks,
    /// `*`.
    pub no_proxy: Vec<String>,
}

/// What is asked of Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPlan {
    /// The series that prove the link, `up` unless said otherwise.
    pub selector: String,
    /// POST, or GET where POST is not allowed.
    pub method: Method,
    /// Series must exist; if not, `vector(1)` is asked instead of the selector.
    pub expect_series: bool,
    /// Check the age of the newest sample.
    pub freshness: bool,
    /// Compare what the two paths saw.
    pub agreement: bool,
}

/// The HTTP method of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Parameters in the query string.
    Get,
    /// Parameters as a form.
    Post,
}

/// When a link is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// From the start of one cycle to the start of the next.
    pub interval: Duration,
    /// From the start of a cycle to its report.
    pub timeout: Duration,
}

/// When an answer is not good enough (`judge` applies each in one place).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// The newest sample is older than this: stale.
    pub freshness: Duration,
    /// A query that took longer is slow.
    pub slow: Duration,
    /// At least this share of targets is down, 0 to 1.
    pub targets_down: f64,
    /// The server's clock differs by more.
    pub clock_skew: Duration,
    /// Resolving took longer.
    pub dns_slow: Duration,
    /// A certificate ends sooner (or within a tenth of its life, if that is less).
    pub tls_expiring: Duration,
    /// Panels ask this far back, and the server keeps less; `None`: nobody said how far they ask.
    pub retention: Option<Duration>,
}

// === impl Link ===

impl Link {
    /// `host:port` of the direct end: what tells servers apart.
    #[must_use]
    pub fn server(&self) -> Option<String> {
        self.prometheus.as_ref().map(|endpoint| endpoint.url.authority())
    }
}

// === impl HttpOptions, Auth ===

impl HttpOptions {
    /// All that they hold in secret, each with the user whose it is, if there is one.
    pub fn secrets(&self) -> impl Iterator<Item = (Option<&str>, &Secret)> {
        let Self { auth, tls: _, proxy, headers } = self;
        let proxy = proxy.as_ref().and_then(|proxy| proxy.auth.as_ref());
        let proxy = proxy.map(|(user, password)| (Some(user.as_str()), password));
        let headers = headers.iter().map(|(_, value)| (None, value));
        auth.as_ref().map(Auth::secret).into_iter().chain(proxy).chain(headers)
    }
}

impl Auth {
    /// What it holds in secret, and the user whose it is, if there is one.
    #[must_use]
    pub fn secret(&self) -> (Option<&str>, &Secret) {
        match self {
            Self::Basic { username, password } => (Some(username), password),
            Self::Scheme { credentials, .. } => (None, credentials),
        }
    }

    /// This token.
    #[must_use]
    pub fn bearer(token: String) -> Self {
        Self::Scheme { scheme: "Bearer".to_owned(), credentials: Secret::Value(token) }
    }
}

// === impl LinkName, GrafanaName ===

impl LinkName {
    /// Wraps a name that was checked.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// It is made of a uid that a list told, `GRAFANA/<uid>`, which tells people nothing; no
    /// configured name has a slash.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.0.contains('/')
    }
}

impl Borrow<str> for LinkName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl GrafanaName {
    /// Wraps a name that was checked.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GrafanaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` as a value of a form or a segment of a path (RFC 3986 §2.3).
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

// === impl QueryPlan ===

impl QueryPlan {
    /// The selector where series are expected; `vector(1)` where they are not.
    #[must_use]
    pub fn asked(&self) -> &str {
        if self.expect_series { &self.selector } else { "vector(1)" }
    }

    /// Whether the age of the newest sample is checked; a constant has none.
    #[must_use]
    pub fn checks_freshness(&self) -> bool {
        self.freshness && self.expect_series
    }
}

// === impl BaseUrl ===

impl BaseUrl {
    /// The host as an address, when it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host:port`, an IPv6 literal in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What the `Host` header says: the port only where the scheme does not imply it.
    #[must_use]
    pub fn host_header(&self) -> String {
        let implied = self.port == self.scheme.default_port();
        match (implied, self.host.contains(':')) {
            (true, true) => format!("[{}]", self.host),
            (true, false) => self.host.clone(),
            (false, _) => self.authority(),
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.host_header(), self.path)
    }
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that the scheme implies.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

// === impl defaults ===

impl Default for QueryPlan {
    fn default() -> Self {
        Self {
            selector: "up".to_owned(),
            method: Method::Post,
            expect_series: true,
            freshness: true,
            agreement: true,
        }
    }
}

impl Default for Cadence {
    fn default() -> Self {
        Self { interval: Duration::from_secs(15), timeout: Duration::from_secs(5) }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            freshness: Duration::from_secs(120),
            slow: Duration::from_secs(2),
            targets_down: 0.5,
            clock_skew: Duration::from_secs(30),
            dns_slow: Duration::from_secs(1),
            tls_expiring: DAY * 14,
            retention: None,
        }
    }
}
