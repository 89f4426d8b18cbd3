//! A Grafana whose data sources are really asked: what is broken behind it shows through it.
//!
//! Two flavours. `V9` is 9.3.2: no health check of Prometheus data sources, and a query that fails
//! says only that it did. `V13` words what went wrong, as plugin 13.1 does.

mod accounts;
mod counters;
mod organisations;
mod plugin;
mod upstream;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::demo::fault::{self, Wire};
use crate::demo::http::{Connection, Reply, Request};
use crate::demo::prometheus::nginx;
use crate::demo::standin::{Stage, Standin, accept};
pub use accounts::{Account, Accounts};
pub use counters::{Counters, Shown};
pub use organisations::Organisation;
pub use upstream::Network;
use upstream::{Ask, Tls};

/// A running stand-in for Grafana.
pub type Grafana = Standin<Setup, fault::Grafana>;

/// What it serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Which generation it is.
    pub flavour: Flavour,
    /// Its data sources.
    pub datasources: Vec<Datasource>,
    /// The tokens that it accepts.
    pub tokens: BTreeSet<String>,
    /// The path that it serves from as well, empty or like `/grafana`: `serve_from_sub_path`.
    pub sub_path: String,
    /// The organisation of those tokens and data sources.
    pub org_id: u64,
    /// Its other organisations.
    pub others: Vec<Organisation>,
    /// What it knows of the network.
    pub network: Network,
    /// The administrator's password, and the service accounts that were made with it.
    pub accounts: Accounts,
    /// What it counted.
    pub counters: Counters,
}

/// Two generations that answer differently in places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// 9.3.2.
    V9,
    /// 13.
    V13,
}

/// A data source.
#[derive(Clone, Debug, PartialEq)]
pub struct Datasource {
    /// Its uid.
    pub uid: String,
    /// Its display name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Where it points.
    pub url: String,
    /// The organisation's default.
    pub is_default: bool,
    /// `proxy` or `direct`.
    pub access: String,
    /// Its settings.
    pub json_data: Value,
    /// It signs in with a password.
    pub basic_auth: bool,
    /// A file provides it, and nobody may edit it.
    pub read_only: bool,
    /// Its secret settings, which nobody is shown: `tlsCACert` and the like.
    pub secrets: Value,
}

/// The token that a setup accepts unless told otherwise.
pub const TOKEN: &str = "glsa_demo";

impl Datasource {
    /// The Prometheus that a chart provisions: uid `prometheus`, the default, POST.
    #[must_use]
    pub fn prometheus(url: &str) -> Self {
        Self {
            uid: "prometheus".to_owned(),
            name: "Prometheus".to_owned(),
            kind: "prometheus".to_owned(),
            url: url.to_owned(),
            is_default: true,
            access: "proxy".to_owned(),
            json_data: json!({"httpMethod": "POST", "timeInterval": "30s"}),
            basic_auth: false,
            read_only: false,
            secrets: json!({}),
        }
    }
}

impl Setup {
    /// A Grafana of `flavour` whose one data source points at `url`.
    #[must_use]
    pub fn new(flavour: Flavour, url: &str) -> Self {
        Self {
            flavour,
            datasources: vec![Datasource::prometheus(url)],
            tokens: [TOKEN.to_owned()].into(),
            sub_path: String::new(),
            org_id: 1,
            others: Vec::new(),
            network: Network::default(),
            accounts: Accounts::default(),
            counters: Counters::default(),
        }
    }

    /// Points its first data source elsewhere.
    pub fn point_at(&mut self, url: &str) {
        if let Some(datasource) = self.datasources.first_mut() {
            url.clone_into(&mut datasource.url);
        }
    }
}

/// Starts one at `listen`.
///
/// # Errors
/// The port cannot be bound.
pub async fn start(listen: SocketAddr, setup: Setup) -> io::Result<Grafana> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    Ok(Standin::spawn(address, setup, fault::Grafana::None, |stage, switch| {
        let is_closed = |fault| fault == fault::Grafana::Wire(Wire::PortClosed);
        accept(listener, switch, is_closed, move |stream| serve(stream, stage.clone()))
    }))
}

async fn serve(stream: TcpStream, stage: Stage<Setup, fault::Grafana>) {
    let mut connection = Connection::new(stream);
    while let Some(mut request) = connection.request().await {
        if let Some(path) = request.path.strip_prefix(&stage.state().sub_path) {
            request.path = path.to_owned();
        }
        stage.saw(format!("{} {}", request.method, request.path));
        let answering = stage.answering();
        let is_query = request.path.ends_with("/api/ds/query");
        let hangs = |fault| match fault {
            fault::Grafana::QueryHangs => is_query,
            fault::Grafana::Hangs(end) => request.path.ends_with(end),
            fault => fault == fault::Grafana::Wire(Wire::Frozen),
        };
        if stage.state().counters.hang(&request) {
            return std::future::pending().await;
        }
        let fault = stage.fault_that(|fault| !hangs(fault)).await;
        if let fault::Grafana::Wire(wire) = fault
            && connection.fail(wire).await.is_break()
        {
            return;
        }
        let reply = if request.path.starts_with(accounts::PATH) {
            stage.edit(|setup| accounts::answer(&request, setup))
        } else if let Some(page) = stage.edit(|setup| counters::answer(&request, setup)) {
            in_front(&request, fault).unwrap_or(page)
        } else {
            answer(&request, &organisations::seen_by(&request, stage.state()), fault).await
        };
        stage.edit(|setup| setup.counters.note(&request, &reply));
        drop(answering);
        if connection.reply(&request, reply, 0).await == ControlFlow::Break(()) {
            return;
        }
    }
}

async fn answer(request: &Request, setup: &Setup, fault: fault::Grafana) -> Reply {
    if let Some(reply) = in_front(request, fault) {
        return reply;
    }
    let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    if segments == ["api", "health"] {
        return health(setup.flavour, fault);
    }
    if !request.path.starts_with("/api/") {
        return no_page(request, setup);
    }
    if let Some(reply) = refused(request, setup, fault) {
        return reply;
    }
    match segments.as_slice() {
        ["api", "org"] => Reply::json(200, json!({"id": setup.org_id, "name": "Main Org."})),
        ["api", "prometheus", "grafana", "api", "v1", "rules"] => {
            Reply::json(200, json!({"status": "success", "data": {"groups": []}}))
        }
        ["api", "ds", "query"] if request.method == "POST" => query(request, setup, fault).await,
        ["api", "datasources", rest @ ..] => datasources(request, setup, fault, rest).await,
        _ => Reply::json(404, json!({"message": "Not found"})),
    }
}

/// What something in place of Grafana answers, or in front of it.
fn in_front(request: &Request, fault: fault::Grafana) -> Option<Reply> {
    use fault::Grafana as F;
    const PAGE: &str =
        "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head></html>\n";
    match fault {
        F::Starting => {
            let message = "Your instance is loading, and will be ready shortly.";
            Some(Reply::json(503, json!({"code": "Loading", "message": message})))
        }
        F::LoginRedirect => {
            let to = format!("https://auth.example.org/oauth2/start?rd={}", request.path);
            Some(Reply::redirect(&to).with("Server", "nginx"))
        }
        F::Barred(path) if request.path.starts_with(path) => {
            Some(Reply::html(200, "<html><body>Request blocked.</body></html>\n"))
        }
        F::NotGrafana => Some(Reply::html(200, PAGE).with("Server", "nginx")),
        F::Gateway502 => Some(Reply::html(502, &nginx("502 Bad Gateway")).with("Server", "nginx")),
        F::None
        | F::Wire(_)
        | F::TokenRejected
        | F::TokenRevoked
        | F::TokenExpired
        | F::PermissionMissing
        | F::DatabaseDown
        | F::DatasourceMissing
        | F::PluginNotRegistered
        | F::PluginUnavailable
        | F::QueryHangs
        | F::Hangs(_)
        | F::ServerError
        | F::HealthRed
        | F::ProxyDenied
        | F::Barred(_) => None,
    }
}

fn health(flavour: Flavour, fault: fault::Grafana) -> Reply {
    let version = match flavour {
        Flavour::V9 => "9.3.2",
        Flavour::V13 => "13.2.0",
    };
    let is_down = fault == fault::Grafana::DatabaseDown;
    let (status, database) = if is_down { (503, "failing") } else { (200, "ok") };
    let body = json!({"commit": "e9c96ca10a", "database": database, "version": version});
    let pretty = serde_json::to_string_pretty(&body).unwrap_or_default();
    Reply::new(status, "application/json; charset=UTF-8", pretty)
}

/// A path outside the API: a page for those who are signed in, the login for others.
fn no_page(request: &Request, setup: &Setup) -> Reply {
    if has_token(request, setup) {
        let page = "<!DOCTYPE html>\n<html><head>\n<title>Grafana</title>\n</head></html>\n";
        return Reply::html(404, page);
    }
    match setup.flavour {
        Flavour::V9 => {
            let cookie = format!("redirect_to={}; Path=/; HttpOnly", request.path);
            Reply::redirect("/login").with("Set-Cookie", &cookie)
        }
        Flavour::V13 => Reply::redirect(&format!("/login?redirectTo={}", request.path)),
    }
}

/// A token, or an administrator's login.
fn has_token(request: &Request, setup: &Setup) -> bool {
    let token = request.header("authorization").strip_prefix("Bearer ");
    token.is_some_and(|token| setup.tokens.contains(token)) || accounts::is_admin(request, setup)
}

/// Why a token does not open the API; the words differ by generation.
fn refused(request: &Request, setup: &Setup, fault: fault::Grafana) -> Option<Reply> {
    use fault::Grafana as F;
    let named = |status, message: &str, id: &str| match setup.flavour {
        Flavour::V9 => error(status, message),
        Flavour::V13 => {
            let body = json!({"message": message, "messageId": id, "statusCode": status});
            Reply::json(status, body)
        }
    };
    if request.header("authorization").is_empty() {
        return Some(named(401, "Unauthorized", "auth.unauthorized"));
    }
    if fault == F::DatabaseDown || fault == F::TokenRevoked {
        return Some(error(500, "invalid API key"));
    }
    if fault == F::TokenExpired {
        return Some(named(401, "Expired API key", "api-key.expired"));
    }
    if fault == F::TokenRejected || !has_token(request, setup) {
        return Some(named(401, "Invalid API key", "api-key.invalid"));
    }
    if organisations::is_unknown(request, setup) {
        return Some(error(404, "Organization not found"));
    }
    if fault == F::ServerError {
        return Some(error(500, "Internal server error"));
    }
    let is_guarded = request.path.starts_with("/api/d");
    (fault == F::PermissionMissing && is_guarded).then(|| not_permitted(request))
}

fn not_permitted(request: &Request) -> Reply {
    let is_query = ["/health", "/query"].iter().any(|end| request.path.ends_with(end));
    let permission = if is_query { "datasources:query" } else { "datasources:read" };
    let message = "You'll need additional permissions to perform this action.";
    let message = format!("{message} Permissions needed: {permission}");
    let id = "ACE0123456789";
    Reply::json(403, json!({"accessErrorId": id, "message": message, "title": "Access denied"}))
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"message": message, "traceID": ""}))
}

fn named_error(status: u16, message: &str, id: &str) -> Reply {
    let body = json!({"message": message, "messageId": id, "statusCode": status, "traceID": ""});
    Reply::json(status, body)
}

/// What 9.x says of almost every fault.
fn downstream_error() -> Reply {
    named_error(500, "An error occurred within the plugin", "plugin.downstreamError")
}

async fn query(request: &Request, setup: &Setup, fault: fault::Grafana) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let uid = body["queries"][0]["datasource"]["uid"].as_str().unwrap_or_default();
    match (find(setup, fault, |datasource| datasource.uid == uid), fault) {
        (None, _) => error(404, "Data source not found"),
        (_, fault::Grafana::PluginNotRegistered) => {
            named_error(404, "Plugin not registered", "plugin.notRegistered")
        }
        (_, fault::Grafana::PluginUnavailable) => {
            named_error(500, "Plugin unavailable", "plugin.unavailable")
        }
        (Some(datasource), _) => {
            plugin::query(&setup.network, datasource, setup.flavour, request).await
        }
    }
}

async fn datasources(
    request: &Request,
    setup: &Setup,
    fault: fault::Grafana,
    path: &[&str],
) -> Reply {
    let by_uid = |uid: &str| find(setup, fault, |datasource| datasource.uid == uid);
    let found = match path {
        [] if fault == fault::Grafana::DatasourceMissing => return Reply::json(200, "[]"),
        [] => {
            let list = setup.datasources.iter();
            let list: Vec<Value> = list.map(|d| describe(d, setup, fault, true)).collect();
            return Reply::json(200, json!(list));
        }
        ["uid", uid, "health"] => {
            return match by_uid(uid) {
                Some(datasource) => datasource_health(setup, datasource, fault).await,
                None => error(500, "Unable to load datasource metadata"),
            };
        }
        ["proxy", "uid", uid, rest @ ..] => {
            return proxy(request, setup, fault, uid, &rest.join("/")).await;
        }
        ["uid", uid] => by_uid(uid),
        ["name", name] => {
            let name = percent_decoded(name);
            find(setup, fault, |datasource| datasource.name == name)
        }
        _ => None,
    };
    match found {
        Some(datasource) => Reply::json(200, describe(datasource, setup, fault, false)),
        None => Reply::json(404, json!({"message": "Data source not found"})),
    }
}

fn find(
    setup: &Setup,
    fault: fault::Grafana,
    is_it: impl Fn(&Datasource) -> bool,
) -> Option<&Datasource> {
    let is_missing = fault == fault::Grafana::DatasourceMissing;
    setup.datasources.iter().find(|datasource| !is_missing && is_it(datasource))
}

fn describe(datasource: &Datasource, setup: &Setup, fault: fault::Grafana, listed: bool) -> Value {
    // Only the list shows a logo, and the one that a lost plugin has.
    let logo = match (listed, fault) {
        (false, _) => "",
        (true, fault::Grafana::PluginNotRegistered) => "public/img/icn-datasource.svg",
        (true, _) => "public/plugins/prometheus/img/prometheus_logo.svg",
    };
    let mut described = json!({
        "id": 1, "uid": datasource.uid, "orgId": setup.org_id, "name": datasource.name,
        "type": datasource.kind, "typeLogoUrl": logo, "access": datasource.access,
        "url": datasource.url, "user": "", "database": "", "basicAuth": datasource.basic_auth,
        "isDefault": datasource.is_default, "jsonData": datasource.json_data,
        "readOnly": datasource.read_only,
    });
    if !listed {
        let stored = datasource.secrets.as_object().into_iter().flatten();
        let stored = stored.map(|(key, _)| (key.clone(), Value::Bool(true)));
        described["secureJsonFields"] = Value::Object(stored.collect());
    }
    described
}

async fn datasource_health(setup: &Setup, datasource: &Datasource, fault: fault::Grafana) -> Reply {
    match (fault, setup.flavour) {
        (fault::Grafana::PluginNotRegistered, Flavour::V9) => {
            Reply::json(500, json!({"message": "Unable to find datasource plugin"}))
        }
        (fault::Grafana::PluginNotRegistered, Flavour::V13) => {
            named_error(404, "Plugin not registered", "plugin.notRegistered")
        }
        (_, Flavour::V9) => error(404, "Not found"),
        (fault::Grafana::PluginUnavailable, Flavour::V13) => {
            named_error(500, "Plugin unavailable", "plugin.unavailable")
        }
        (fault::Grafana::HealthRed, Flavour::V13) => {
            let message =
                "400 Bad Request - There was an error returned querying the Prometheus API.";
            Reply::json(400, json!({"message": message, "status": "ERROR"}))
        }
        (_, Flavour::V13) => plugin::health(&setup.network, datasource).await,
    }
}

/// The data proxy: upstream's own answer, marked, and little else.
async fn proxy(
    request: &Request,
    setup: &Setup,
    fault: fault::Grafana,
    uid: &str,
    path: &str,
) -> Reply {
    let say = |status, message: &str| Reply::json(status, json!({"message": message}));
    if fault == fault::Grafana::ProxyDenied {
        return say(403, "Data proxy hostname and ip are not included in whitelist");
    }
    let Some(datasource) = find(setup, fault, |datasource| datasource.uid == uid) else {
        return say(404, "Unable to find datasource");
    };
    if fault == fault::Grafana::PluginNotRegistered {
        return say(404, "Unable to find datasource plugin");
    }
    if datasource.url.is_empty() {
        return error(500, "Failed creating data source proxy");
    }
    let Ok(tls) = Tls::of(datasource) else {
        return error(400, "Unable to load TLS certificate");
    };
    // 9.x takes the uid off the path only up to a hyphen.
    let rest = match (setup.flavour, uid.split_once('-')) {
        (Flavour::V9, Some((_, rest))) => format!("-{rest}/{path}"),
        _ => path.to_owned(),
    };
    let url = format!("{}/{rest}", datasource.url.trim_end_matches('/'));
    let form = String::from_utf8_lossy(&request.body);
    let ask = if request.method == "POST" { Ask::Post(&form) } else { Ask::Get(&request.query) };
    match setup.network.once(&tls, &url, ask).await {
        Err(failure) => {
            let status = if failure.is_timeout { 504 } else { 502 };
            Reply { status, headers: Vec::new(), body: Vec::new() }
        }
        Ok(answer) if answer.status == 401 => {
            Reply::text(400, "Authentication to data source failed\n").with(SANDBOX.0, SANDBOX.1)
        }
        Ok(upstream::Answer { status, mut headers, body }) => {
            // Our own server writes these.
            headers.retain(|(name, _)| !["content-length", "date"].contains(&name.as_str()));
            Reply { status, headers, body }.with(SANDBOX.0, SANDBOX.1)
        }
    }
}

/// Grafana's mark on what it hands on.
const SANDBOX: (&str, &str) = ("Content-Security-Policy", "sandbox");

fn percent_decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests;
