//! A Prometheus that knows one metric, `up`, and the few questions that promlink and Grafana ask.
//!
//! Bodies and headers are those of Prometheus 2.42 and 3.16; which of the two shows in `buildinfo`
//! and in the header that a starting 3.x sends.

mod promql;

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::demo::fault::{self, Odd, Wire};
use crate::demo::http::{Connection, Reply, Request};
use crate::demo::standin::{Stage, Standin, accept};
use promql::Data;

/// A running stand-in for Prometheus.
pub type Prometheus = Standin<Setup, fault::Prometheus>;

/// What it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Names its targets, `NAME-0:9100` and so on: another name is another Prometheus.
    pub name: String,
    /// How many targets it has.
    pub targets: usize,
    /// The number of the first one.
    pub first: usize,
    /// How many of them, the last ones, are down.
    pub down: usize,
    /// Its version.
    pub version: Version,
    /// The path that everything is under, empty or like `/prometheus`.
    pub prefix: String,
    /// The value of the `Authorization` header that it wants.
    pub authorization: Option<String>,
    /// How often it scrapes, in seconds.
    pub scrapes_each: u32,
    /// Its last reload failed.
    pub reload_failed: bool,
    /// How it answers, below what it says.
    pub odd: Odd,
    /// Its JSON has its keys in another order, blanks, escapes, unknown keys, and remarks.
    pub odd_json: bool,
}

/// Two generations that answer differently in places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 2.42.0.
    V2,
    /// 3.16.0.
    V3,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            name: "prometheus".to_owned(),
            targets: 3,
            first: 0,
            down: 0,
            version: Version::V3,
            prefix: String::new(),
            authorization: None,
            scrapes_each: 30,
            reload_failed: false,
            odd: Odd::No,
            odd_json: false,
        }
    }
}

/// Starts one at `listen`.
///
/// # Errors
/// The port cannot be bound.
pub async fn start(listen: SocketAddr, setup: Setup) -> io::Result<Prometheus> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    Ok(Standin::spawn(address, setup, fault::Prometheus::None, |stage, switch| {
        let is_closed = |fault| fault == fault::Prometheus::Wire(Wire::PortClosed);
        accept(listener, switch, is_closed, move |stream| serve(stream, stage.clone()))
    }))
}

async fn serve(stream: TcpStream, stage: Stage<Setup, fault::Prometheus>) {
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.request().await {
        let asked = format!("{} {} {}", request.method, request.path, request.parameter("query"));
        stage.saw(asked.trim_end().to_owned());
        // A frozen process that wakes up answers what it was asked meanwhile.
        let frozen = fault::Prometheus::Wire(Wire::Frozen);
        let fault = stage.fault_that(|fault| fault != frozen).await;
        if let fault::Prometheus::Wire(wire) = fault
            && connection.fail(wire).await.is_break()
        {
            return;
        }
        if let fault::Prometheus::SlowQuery(part, late) = fault
            && request.parameter("query").contains(part)
        {
            tokio::time::sleep(late).await;
        }
        let skew = if let fault::Prometheus::Skewed(seconds) = fault { seconds } else { 0 };
        let state = stage.state();
        connection.odd = state.odd;
        let reply = answer(&request, &state, fault);
        if connection.reply(&request, reply, skew).await == ControlFlow::Break(()) {
            return;
        }
    }
}

fn answer(request: &Request, setup: &Setup, fault: fault::Prometheus) -> Reply {
    if let Some(reply) = in_front(request, fault) {
        return reply;
    }
    let authorization = request.headers.get("authorization");
    let is_foreign = setup.authorization.is_some() && authorization != setup.authorization.as_ref();
    if is_foreign || fault == fault::Prometheus::Unauthorized {
        return Reply::text(401, "Unauthorized\n").with("Www-Authenticate", "Basic");
    }
    let Some(path) = request.path.strip_prefix(setup.prefix.as_str()) else { return not_found() };
    match (path, not_ready(setup, fault)) {
        ("/-/healthy", _) => Reply::text(200, "Prometheus Server is Healthy.\n"),
        ("/api/v1/status/walreplay", _) => Reply::json(200, REPLAY),
        (_, Some(reply)) => reply,
        ("/-/ready", None) => Reply::text(200, "Prometheus Server is Ready.\n"),
        ("/api/v1/status/buildinfo", None) => Reply::json(200, buildinfo(setup.version)),
        ("/api/v1/status/runtimeinfo", None) => Reply::json(200, runtimeinfo(setup)),
        ("/api/v1/status/config", None) => Reply::json(200, config(setup)),
        ("/api/v1/stores", None) if let fault::Prometheus::Stores(left) = fault => {
            Reply::json(200, stores(left))
        }
        ("/api/v1/query", None) => match request.method.as_str() {
            "POST" if fault == fault::Prometheus::GetOnly => not_allowed("GET, OPTIONS"),
            "GET" | "POST" => query(request, setup, fault),
            _ => not_allowed("GET, OPTIONS, POST"),
        },
        (_, None) => not_found(),
    }
}

fn runtimeinfo(setup: &Setup) -> Value {
    json!({"status": "success", "data": {
        "reloadConfigSuccess": !setup.reload_failed, "corruptionCount": 0, "storageRetention": "15d",
    }})
}

fn config(setup: &Setup) -> Value {
    let each = setup.scrapes_each;
    let yaml = format!(
        "global:\n  scrape_interval: {each}s\n  scrape_timeout: 10s\n  evaluation_interval: 30s\n"
    );
    json!({"status": "success", "data": {"yaml": yaml}})
}

/// What something in place of Prometheus answers, or in front of it.
fn in_front(request: &Request, fault: fault::Prometheus) -> Option<Reply> {
    const LOGIN: &str = concat!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Sign in</title></head><body>",
        "<form method=\"post\" action=\"/login\"><input name=\"username\">",
        "<input name=\"password\" type=\"password\"></form></body></html>\n",
    );
    const PAGE: &str =
        "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head></html>\n";
    const METRICS: &str = "# HELP go_goroutines Number of goroutines that currently exist.\n\
        # TYPE go_goroutines gauge\ngo_goroutines 8\n";
    use fault::Prometheus as F;
    match fault {
        F::LoginPage => Some(Reply::html(200, LOGIN)),
        F::LoginRedirect if request.path == "/login" => Some(Reply::html(200, LOGIN)),
        F::LoginRedirect => Some(Reply::redirect(&format!("/login?rd={}", request.path))),
        F::Redirect => Some(Reply::redirect(&format!("http://127.0.0.1:9{}", request.path))),
        F::WrongPrefix => Some(not_found()),
        F::Html => Some(Reply::html(200, PAGE).with("Server", "nginx")),
        F::Exporter => Some(Reply::new(200, "text/plain; version=0.0.4; charset=utf-8", METRICS)),
        F::LostQuery(part) if !request.parameter("query").contains(part) => None,
        F::Gateway502 | F::LostQuery(_) => {
            Some(Reply::html(502, &nginx("502 Bad Gateway")).with("Server", "nginx"))
        }
        F::Says(said) => {
            let reply = Reply::new(said.status, said.kind, said.body);
            let (name, value) = said.header;
            Some(if name.is_empty() { reply } else { reply.with(name, value) })
        }
        F::Forbidden => Some(Reply::html(403, &nginx("403 Forbidden")).with("Server", "nginx")),
        F::RateLimited => Some(Reply::text(429, "Too Many Requests\n")),
        F::TenantMissing if request.header("x-scope-orgid").is_empty() => {
            Some(Reply::text(401, "no org id\n"))
        }
        F::None
        | F::Wire(_)
        | F::Starting
        | F::Stopping
        | F::AgentMode
        | F::Unauthorized
        | F::TenantMissing
        | F::GetOnly
        | F::Empty
        | F::Stale(_)
        | F::Ahead(_)
        | F::QueryTimeout
        | F::SlowQuery(..)
        | F::StorageFailing
        | F::Partial
        | F::Stores(_)
        | F::AllDown
        | F::Series(_)
        | F::Skewed(_) => None,
    }
}

/// Prometheus' answer to everything but `/-/healthy` while it starts or stops: 19 bytes, no
/// newline.
fn not_ready(setup: &Setup, fault: fault::Prometheus) -> Option<Reply> {
    let is_stopping = fault == fault::Prometheus::Stopping;
    if !is_stopping && fault != fault::Prometheus::Starting {
        return None;
    }
    let reply = Reply::text(503, "Service Unavailable");
    Some(match setup.version {
        Version::V2 => reply,
        Version::V3 => reply.with("X-Prometheus-Stopping", &is_stopping.to_string()),
    })
}

fn query(request: &Request, setup: &Setup, fault: fault::Prometheus) -> Reply {
    use fault::Prometheus as F;
    if fault == F::AgentMode {
        return error(422, "execution", "unavailable with Prometheus Agent");
    }
    if fault == F::QueryTimeout {
        return error(503, "timeout", "query timed out in expression evaluation");
    }
    if fault == F::StorageFailing {
        let text = "expanding series: open /prometheus/wal: no space left on device";
        return error(500, "internal", text);
    }
    match promql::evaluate(request.parameter("query"), &data(setup, fault)) {
        Ok(data) if setup.odd_json => Reply::json(200, ODD.replace("DATA", &data)),
        Ok(data) => {
            // Thanos writes this last into `data`.
            let data = match data.strip_suffix('}') {
                Some(inner) if matches!(fault, F::Stores(_)) => {
                    format!("{inner},\"analysis\":{{}}}}")
                }
                Some(_) | None => data,
            };
            let more = if fault == F::Partial { PARTIAL } else { "" };
            Reply::json(200, format!(r#"{{"status":"success","data":{data}{more}}}"#))
        }
        Err(text) => error(400, "bad_data", &format!("invalid parameter \"query\": {text}")),
    }
}

/// Progress of a replay.
const REPLAY: &str = r#"{"status":"success","data":{"min":0,"max":12,"current":3}}"#;

/// The same answer, written by somebody else.
const ODD: &str = concat!(
    "\r\n { \"infos\" : [\"PromQL info: metric might not be a counter\"],\t\"data\":DATA,",
    "\"trace\": {\"x\": [1e300, null, {}]}, \"st\\u0061tus\" :\n \"succ\\u0065ss\" }\n\n"
);

/// The two stores of Thanos, so many of which are left.
fn stores(left: u8) -> String {
    let stores = (0..2).map(|number| {
        let name = format!("10.0.0.{}:10901", 7 + number);
        let error = (number >= left).then(|| {
            format!("rpc error: code = DeadlineExceeded desc = dial tcp {name}: connection refused")
        });
        json!({"name": name, "lastError": error, "minTime": 0, "maxTime": i64::MAX})
    });
    let stores: Vec<Value> = stores.collect();
    json!({"status": "success", "data": {"sidecar": stores}}).to_string()
}

/// What Thanos adds when a store is gone.
const PARTIAL: &str = concat!(
    r#","warnings":["receive series from Addr: 10.0.0.7:10901: rpc error: "#,
    r#"code = Unavailable desc = connection error"]"#
);

fn error(status: u16, kind: &str, text: &str) -> Reply {
    let text = Value::from(text);
    let body = format!(r#"{{"status":"error","errorType":"{kind}","error":{text}}}"#);
    Reply::json(status, body)
}

/// What the fault leaves of the data.
fn data(setup: &Setup, fault: fault::Prometheus) -> Data {
    use fault::Prometheus as F;
    let targets = if let F::Series(n) = fault {
        n
    } else if matches!(fault, F::Empty | F::Stores(0)) {
        0
    } else if matches!(fault, F::Partial | F::Stores(1)) {
        setup.targets.div_ceil(2)
    } else {
        setup.targets
    };
    Data {
        name: setup.name.clone(),
        targets,
        first: setup.first,
        down: if fault == F::AllDown { targets } else { setup.down },
        age: if let F::Stale(age) = fault { age } else { Duration::from_secs(1) },
        ahead: if let F::Ahead(ahead) = fault { ahead } else { Duration::ZERO },
        skew: if let F::Skewed(seconds) = fault { seconds } else { 0 },
    }
}

fn buildinfo(version: Version) -> String {
    let (version, revision, go) = match version {
        Version::V2 => ("2.42.0", "225c61122d88b01d1f0eaaee0e05b6f3e0567ac0", "go1.19.5"),
        Version::V3 => ("3.16.0", "v0.316.0", "go1.26.8"),
    };
    let data = json!({
        "version": version, "revision": revision, "branch": "HEAD", "buildUser": "",
        "buildDate": "", "goVersion": go,
    });
    format!(r#"{{"status":"success","data":{data}}}"#)
}

fn not_found() -> Reply {
    Reply::text(404, "404 page not found\n")
}

fn not_allowed(allow: &str) -> Reply {
    Reply::text(405, "Method Not Allowed\n").with("Allow", allow)
}

/// A page of nginx.
pub(super) fn nginx(title: &str) -> String {
    let head = format!("<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n");
    let heading = format!("<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n");
    format!("{head}{heading}</body>\r\n</html>\r\n")
}

#[cfg(test)]
mod tests;
