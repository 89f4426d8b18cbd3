//! Every condition that was recorded behind a real Grafana, answered again word for word, and what
//! promlink says of it: by Grafana alone, and beside a direct path on which all is well.
//!
//! `recorded.txt` has what must be said, in a block a condition; `UPDATE_EXPECT=1` writes it anew,
//! and each change of it is to be read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use promlink::demo::prometheus;
use promlink::demo::standin::ANY_PORT;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use family::{Answer, Item};

use crate::faults::row::{check_all, line};

pub mod family;

/// What was recorded, the newest first.
const FAMILIES: [&str; 3] =
    ["grafana-prometheus-plugin-13.1.7", "grafana-9.4-pre", "grafana-9.3.2"];
/// Links of one cycle: what they share waits for each other.
const AT_A_TIME: usize = 40;

/// What was wrong behind the data source, or with whoever asked.
#[derive(Clone, Debug)]
struct Condition {
    name: String,
    /// The data source's URL.
    url: String,
    about: String,
    /// By what was asked.
    answers: BTreeMap<String, Answer>,
}

/// A Grafana that answers as recorded.
#[derive(Debug)]
struct Replay {
    condition: Condition,
    /// Answers of the whole family.
    family: BTreeMap<String, Answer>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_recorded_condition_is_told_right() {
    let mut told: BTreeMap<String, (String, String)> = BTreeMap::new();
    for family in FAMILIES {
        let (common, conditions) = read(family);
        assert!(conditions.len() > 140, "{family}: {}", conditions.len());
        for some in conditions.chunks(AT_A_TIME) {
            for (condition, lines) in some.iter().zip(check_these(some, &common).await) {
                let of = told.entry(condition.name.clone()).or_default();
                of.0.clone_from(&condition.about);
                let [alone, beside] = lines;
                let _infallible =
                    writeln!(of.1, "    {family}: {alone}\n        direct is well: {beside}");
            }
        }
    }
    let actual: String =
        told.iter().map(|(name, (about, lines))| format!("{name}: {about}\n{lines}")).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/recorded.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &actual).unwrap();
    }
    let wanted = std::fs::read_to_string(path).unwrap_or_default();
    let wrong: Vec<_> =
        wanted.lines().zip(actual.lines()).filter(|(wanted, got)| wanted != got).collect();
    assert!(wrong.is_empty() && wanted == actual, "{wrong:#?}");
}

/// What is said of each of these, by Grafana alone and beside a good direct path.
async fn check_these(
    conditions: &[Condition],
    family: &BTreeMap<String, Answer>,
) -> Vec<[String; 2]> {
    let setup = prometheus::Setup { targets: 2, ..prometheus::Setup::default() };
    let direct = prometheus::start(ANY_PORT, setup).await.unwrap();
    let mut serving = JoinSet::new();
    let mut yaml =
        "defaults: {thresholds: {slow: 30s}, freshness: off, agreement: off}\n".to_owned();
    let (mut grafanas, mut links) = (String::new(), String::new());
    for (number, condition) in conditions.iter().enumerate() {
        let mut condition = condition.clone();
        condition.lead_to(direct.address());
        let name = condition.name.clone();
        let replay = Replay { condition, family: family.clone() };
        let address = serve(replay, &mut serving).await;
        let _infallible = writeln!(
            grafanas,
            "  g{number}: {{url: 'http://{address}', authorization: {{credentials: any}}}}"
        );
        let grafana = format!("grafana: {{name: g{number}, datasource: {{uid: {name}}}}}");
        let _infallible = write!(
            links,
            "  l{number:02}-alone: {{{grafana}}}\n  \
             l{number:02}-beside: {{prometheus: {{url: 'http://{}'}}, {grafana}}}\n",
            direct.address()
        );
    }
    let _infallible = write!(yaml, "grafanas:\n{grafanas}links:\n{links}");
    let links = check_all(&yaml).await;
    links.chunks(2).map(|two| [line(&two[0]), line(&two[1])]).collect()
}

async fn serve(replay: Replay, serving: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = listener.local_addr().unwrap();
    let replay = Arc::new(replay);
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let replay = Arc::clone(&replay);
            let answer = service_fn(move |request: Request<Incoming>| {
                let replay = Arc::clone(&replay);
                async move { Ok::<_, Infallible>(replay.answer(request).await) }
            });
            connections.spawn(async move {
                // A connection that its client ends is no failure here.
                http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
            });
        }
    });
    address
}

// === impl Replay ===

impl Replay {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let mut body = request.into_body();
        let mut asked = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            asked.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        let answer = self.find(&path, &String::from_utf8_lossy(&asked));
        let mut response = Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        response.body(Full::from(answer.body)).unwrap()
    }

    fn find(&self, path: &str, body: &str) -> Answer {
        let of = |what: &str| self.condition.answers.get(what).cloned();
        let uid = format!("/api/datasources/uid/{}", self.condition.name);
        let found = match path {
            "/api/health" => of("api-health").or_else(|| self.family.get("api-health").cloned()),
            "/api/org" => of("org").or_else(|| Some(json(&json!({"id": 1, "name": "Main Org."})))),
            "/api/ds/query" if body.contains("\"A\"") => of("dsquery"),
            "/api/prometheus/grafana/api/v1/rules" => self.family.get("alerting-rules").cloned(),
            // It was asked by GET there, which is what makes this condition well.
            _ if path.starts_with("/api/datasources/proxy/")
                && self.condition.name == "post_405" =>
            {
                None
            }
            _ if path.starts_with("/api/datasources/proxy/") => of("proxy"),
            _ if path == format!("{uid}/health") => of("health"),
            _ if path == uid => of("ds-uid").or_else(|| Some(self.datasource())),
            _ => None,
        };
        found.unwrap_or_else(|| Answer {
            status: 404,
            ..json(&json!({"message": "Not found", "traceID": ""}))
        })
    }

    fn datasource(&self) -> Answer {
        let name = &self.condition.name;
        let access = if name == "access_direct" { "direct" } else { "proxy" };
        json(&json!({
            "id": 1, "uid": name, "orgId": 1, "name": name, "type": "prometheus",
            "access": access, "url": self.condition.url, "isDefault": false, "readOnly": false,
            "jsonData": {"httpMethod": if name == "method_put" { "PUT" } else { "POST" }},
        }))
    }
}

// === impl Condition ===

impl Condition {
    /// Makes the data source's address the one that is well: so it is the condition that is told,
    /// and not that the two differ. What is wrong with a URL stays wrong.
    fn lead_to(&mut self, address: SocketAddr) {
        if let (Some((scheme, rest)), false) =
            (self.url.split_once("://"), self.name.starts_with("url_"))
        {
            let path = rest.split_once('/').map_or(String::new(), |(_, path)| format!("/{path}"));
            self.url = format!("{scheme}://{address}{path}");
        }
    }
}

fn json(value: &serde_json::Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = value.to_string().into_bytes();
    Answer { name: String::new(), status: 200, headers, body }
}

/// A family's own answers, and its conditions.
fn read(family: &str) -> (BTreeMap<String, Answer>, Vec<Condition>) {
    let (mut common, mut conditions) = (BTreeMap::new(), Vec::<Condition>::new());
    for item in family::read(family) {
        match (item, conditions.last_mut()) {
            (Item::Condition { name, url, about }, _) => {
                conditions.push(Condition { name, url, about, answers: BTreeMap::new() });
            }
            (Item::Answer(answer), Some(condition)) => {
                let what = answer.name.strip_prefix(&format!("{}-", condition.name)).unwrap();
                condition.answers.insert(what.to_owned(), answer);
            }
            (Item::Answer(answer), None) => {
                common.insert(answer.name.clone(), answer);
            }
        }
    }
    (common, conditions)
}
