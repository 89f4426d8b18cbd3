//! Data sources as Grafana describes them, and what is wrong with them by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use url::{Host, Url};

use crate::classify::grafana_answer::{Said, expect};
use crate::classify::{Answer, Rejection, without_credentials};
use crate::link::Scheme;
use crate::report::cause::Cause;

/// A data source as Grafana describes it, by uid, by name or in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datasource {
    /// Its uid.
    pub uid: String,
    /// Its display name.
    pub name: String,
    /// Its type, such as `prometheus`.
    pub kind: String,
    /// Its URL as configured, without credentials.
    pub url: String,
    /// The organisation that it belongs to.
    pub org_id: Option<u64>,
    /// The organisation's default, or in a list without any the only Prometheus.
    pub is_default: bool,
    /// The browser is to ask Prometheus itself, which Grafana no longer does.
    pub access_direct: bool,
    /// It has the logo of missing plugins; only the list shows it.
    pub plugin_missing: bool,
    /// It depends on who asks: it forwards OAuth tokens or cookies, or sends headers of one's team.
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
    /// How it signs in: basic auth, a header, SigV4, Azure, a client certificate.
    pub auth: Option<&'static str>,
    /// Names of its custom headers, each at its number, from 1.
    pub headers: Vec<String>,
    /// What else Grafana has and we have not, in order to ask its server.
    pub private: Option<&'static str>,
    /// Data sources that its exemplars lead to, by uid.
    pub exemplars: Vec<String>,
    /// The Alertmanager that its alerts are shown from, by uid.
    pub alertmanager: Option<String>,
    /// It trusts a CA of its own (`tlsAuthWithCACert`).
    pub own_ca: bool,
    /// Keys of the secrets that are stored with it; the list does not tell.
    pub stored: Option<BTreeSet<String>>,
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

/// Judges `GET /api/datasources/uid/:uid` and `GET /api/datasources/name/:name`.
pub fn datasource(answer: &Answer<'_>) -> Result<Datasource, Rejection> {
    let result = expect::<Wire>(answer).map(Datasource::from);
    result.map_err(|rejection| {
        // Wrong organisation looks the same: each sees its own data sources only.
        if answer.status == 404 && Said::read(answer).message == "Data source not found" {
            Rejection { cause: Cause::DatasourceNotFound, ..rejection }
        } else {
            rejection
        }
    })
}

/// Judges `GET /api/datasources`. Each is read by itself: whoever may edit one of them must not be
/// able to hide the others, so one that is not understood has nothing, not even a uid.
pub fn datasource_list(answer: &Answer<'_>) -> Result<Vec<Datasource>, Rejection> {
    let one = |raw: &RawValue| serde_json::from_str::<Wire>(raw.get()).ok();
    let list = expect::<Vec<&RawValue>>(answer)?;
    let list = list.into_iter().map(|raw| one(raw).map(Datasource::from).unwrap_or_default());
    let mut list: Vec<Datasource> = list.collect();
    choose_default(&mut list);
    Ok(list)
}

/// kube-prometheus provides one data source, and marks it as nothing. Where none is marked, whoever
/// says `default` means the only Prometheus there is.
fn choose_default(list: &mut [Datasource]) {
    if list.iter().any(|one| one.is_default) {
        return;
    }
    let mut ours = list.iter_mut().filter(|one| is_prometheus(&one.kind));
    if let (Some(only), None) = (ours.next(), ours.next()) {
        only.is_default = true;
    }
}

/// Headers and exemplars that are looked at: each may become a finding.
const MAX_PARTS: usize = 20;
/// The logo that the list gives to a data source without a plugin.
const LOGO_OF_NONE: &str = "public/img/icn-datasource.svg";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    uid: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    access: String,
    org_id: Option<u64>,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    basic_auth: bool,
    #[serde(default)]
    with_credentials: bool,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    type_logo_url: String,
    secure_json_fields: Option<BTreeMap<String, bool>>,
    /// People write anything into it, so each key is read by itself.
    #[serde(default, deserialize_with = "object")]
    json_data: serde_json::Map<String, Value>,
}

fn object<'de, D: Deserializer<'de>>(d: D) -> Result<serde_json::Map<String, Value>, D::Error> {
    Ok(Option::<serde_json::Map<String, Value>>::deserialize(d)?.unwrap_or_default())
}

// === impl Wire ===

impl Wire {
    fn flag(&self, key: &str) -> bool {
        self.json_data.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.json_data.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// What its settings have that we cannot have, by the key that says so; `url` is its own
    /// without credentials.
    fn private(&self, url: &str) -> Option<&'static str> {
        if self.url != url {
            Some("the data source has credentials in its URL")
        } else if self.flag("tlsAuthWithCACert") && !self.flag("tlsSkipVerify") {
            Some("the data source has a CA of its own")
        } else if self.text("customQueryParameters").is_some() {
            Some("the data source adds parameters to each query")
        } else if self.flag("enableSecureSocksProxy") {
            Some("the data source goes through a SOCKS proxy")
        } else {
            None
        }
    }
}

impl From<Wire> for Datasource {
    fn from(wire: Wire) -> Self {
        let json = &wire.json_data;
        let list = |key: &str| json.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let auth = if wire.flag("sigV4Auth") {
            Some("sigv4")
        } else if json.contains_key("azureCredentials") {
            Some("azure")
        } else if wire.basic_auth {
            Some("basic")
        } else if wire.flag("tlsAuth") {
            Some("client_certificate")
        } else {
            None
        };
        // `timeout` is a number that old forms stored as text.
        let timeout = json.get("timeout").and_then(|value| match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_u64(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        });
        let url = without_credentials(&wire.url);
        Self {
            private: wire.private(&url),
            url,
            org_id: wire.org_id,
            is_default: wire.is_default,
            access_direct: wire.access == "direct",
            plugin_missing: wire.type_logo_url == LOGO_OF_NONE,
            forwards_user: wire.flag("oauthPassThru")
                || wire.with_credentials
                || !list("keepCookies").is_empty()
                || has_team_headers(json),
            read_only: wire.read_only,
            method: wire.text("httpMethod").map(str::to_ascii_uppercase),
            interval: wire.text("timeInterval").map(str::to_owned),
            timeout_seconds: timeout.filter(|seconds| *seconds > 0),
            query_timeout: wire.text("queryTimeout").map(str::to_owned),
            tls_skip_verify: wire.flag("tlsSkipVerify"),
            auth,
            headers: (1..)
                .map_while(|n| wire.text(&format!("httpHeaderName{n}")).map(str::to_owned))
                .take(MAX_PARTS)
                .collect(),
            alertmanager: wire
                .text("alertmanagerUid")
                .filter(|_| wire.flag("manageAlerts"))
                .map(str::to_owned),
            own_ca: wire.flag("tlsAuthWithCACert"),
            exemplars: list("exemplarTraceIdDestinations")
                .iter()
                .filter_map(|to| Some(to.get("datasourceUid")?.as_str()?.to_owned()))
                .take(MAX_PARTS)
                .collect(),
            stored: wire.secure_json_fields.map(|fields| {
                fields.into_iter().filter_map(|(key, is_set)| is_set.then_some(key)).collect()
            }),
            uid: wire.uid,
            name: wire.name,
            kind: wire.kind,
        }
    }
}

/// Headers that Grafana adds for whoever is in a team (Enterprise and Cloud); a service account
/// mostly is in none.
fn has_team_headers(json: &serde_json::Map<String, Value>) -> bool {
    let teams = json.get("teamHttpHeaders").and_then(|all| all.get("headers")?.as_object());
    let mut teams = teams.into_iter().flatten();
    teams.any(|(_, headers)| headers.as_array().is_some_and(|headers| !headers.is_empty()))
}

// === impl Datasource ===

impl Datasource {
    /// Why nobody but Grafana can ask its server.
    #[must_use]
    pub fn withholds(&self) -> Option<&'static str> {
        if self.kind != "prometheus" {
            Some("a data source of this type signs its requests")
        } else if self.auth.is_some() {
            Some("the data source has credentials of its own")
        } else if !self.headers.is_empty() {
            Some("the data source has headers of its own")
        } else if self.forwards_user {
            Some("the data source forwards each user's login or team")
        } else {
            self.private
        }
    }

    /// What is wrong with it by itself: type, plugin, access, URL, the worst first.
    #[must_use]
    pub fn faults(&self) -> Vec<Cause> {
        let mut faults = Vec::new();
        if !is_prometheus(&self.kind) {
            faults.push(Cause::DatasourceWrongType);
        }
        if self.plugin_missing {
            faults.push(Cause::PluginNotRegistered);
        }
        if self.access_direct {
            faults.push(Cause::DatasourceAccessDirect);
        }
        match self.address() {
            Err(cause) => faults.push(cause),
            Ok(url) if url.loopback => faults.push(Cause::DatasourceUrlLocalhost),
            Ok(_) => {}
        }
        faults
    }

    /// Its URL taken apart, or what is wrong with it.
    pub fn address(&self) -> Result<DatasourceUrl, Cause> {
        if self.url.trim().is_empty() {
            return Err(Cause::DatasourceUrlEmpty);
        }
        let url = Url::parse(&self.url).map_err(|_| Cause::DatasourceUrlInvalid)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(Cause::DatasourceUrlInvalid),
        };
        let (host, loopback) = match url.host().ok_or(Cause::DatasourceUrlInvalid)? {
            Host::Domain(name) => (name.to_owned(), is_localhost(name)),
            Host::Ipv4(ip) => (ip.to_string(), is_own(IpAddr::V4(ip))),
            Host::Ipv6(ip) => (ip.to_string(), is_own(IpAddr::V6(ip))),
        };
        Ok(DatasourceUrl {
            scheme,
            host,
            port: url.port().unwrap_or(scheme.default_port()),
            path: url.path().trim_end_matches('/').to_owned(),
            loopback,
        })
    }
}

/// What `cause`, met through a data source, means: one that forwards the user's own identity is
/// refused for lack of a user, and people may be fine.
#[must_use]
pub fn explained(cause: Cause, forwards_user: bool) -> Cause {
    if forwards_user && matches!(cause, Cause::Unauthorized | Cause::Forbidden) {
        Cause::DatasourceNeedsUserLogin
    } else {
        cause
    }
}

/// Grafana's own type, and those of its vendors' twins since 13.
fn is_prometheus(kind: &str) -> bool {
    kind == "prometheus" || kind.ends_with("prometheus-datasource")
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Connecting to the unspecified address reaches the own host as well.
fn is_own(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback() || ip.is_unspecified()
}
