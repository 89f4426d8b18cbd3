//! Alertmanagers that are not as they should be.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::SystemTime;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rustls::ClientConfig;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;
use crate::expose::tests::fixture;
use crate::link::{BaseUrl, Endpoint, HttpOptions, Scheme, TlsOptions};
use crate::net::tls::trust::Trust;

const PATIENCE: Duration = Duration::from_secs(8);

/// A name with some addresses of this machine.
struct Name(Vec<Ipv4Addr>);

impl Ways for Name {
    async fn addresses(&self, _host: &str) -> Result<Vec<IpAddr>, String> {
        Ok(self.0.iter().copied().map(IpAddr::from).collect())
    }

    fn tls(&self, options: &TlsOptions) -> Result<ClientConfig, String> {
        Trust::default().client(options)?.config()
    }

    fn namespace(&self) -> Option<String> {
        None
    }
}

/// What one replica was told, each list with when.
type Heard = Arc<Mutex<Vec<(SystemTime, Vec<Value>)>>>;

/// Replicas behind one name.
struct Stage {
    desk: Desk<Name>,
    one: Alertmanager,
    heard: Vec<Heard>,
    tasks: JoinSet<()>,
}

/// How a replica answers a list that is its nth: a status, and seconds that its clock is ahead;
/// or never.
type Answer = fn(usize, &[Value]) -> Option<(u16, i64)>;

impl Stage {
    /// Each replica at its own address; `home` is the second number, for each test another.
    async fn set(home: u8, replicas: &[Answer]) -> Self {
        let addresses: Vec<_> =
            (1..).map(|last| Ipv4Addr::new(127, 78, home, last)).take(replicas.len()).collect();
        let (mut tasks, mut heard, mut port) = (JoinSet::new(), Vec::new(), 0);
        for (address, answer) in addresses.iter().zip(replicas) {
            let listener = TcpListener::bind((*address, port)).await.unwrap();
            port = listener.local_addr().unwrap().port();
            let (mine, answer) = (Heard::default(), *answer);
            heard.push(Arc::clone(&mine));
            let router = Router::new().fallback(move |body: String| reply(mine, answer, body));
            tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        }
        let (_, snapshots) = watch::channel(Arc::new(fixture::snapshot()));
        let desk = Desk { ways: Arc::new(Name(addresses)), stats: Arc::default(), snapshots };
        let (scheme, host) = (Scheme::Http, "alertmanagers".to_owned());
        let url = BaseUrl { scheme, host, port, path: String::new() };
        let endpoint = Endpoint { url, http: HttpOptions::default() };
        Self { desk, one: Alertmanager { name: "am".to_owned(), endpoint }, heard, tasks }
    }

    async fn tell(&self, ledger: &Ledger, clocks: &mut Clocks) -> (bool, Result<(), String>) {
        let told = self.desk.tell_all(&self.one, ledger, clocks);
        timeout(PATIENCE, told).await.expect("told")
    }

    fn heard(&self, replica: usize) -> Vec<(SystemTime, Vec<Value>)> {
        self.heard[replica].lock().unwrap().clone()
    }
}

async fn reply(heard: Heard, answer: Answer, body: String) -> Response {
    let list: Vec<Value> = serde_json::from_str(&body).unwrap();
    let nth = heard.lock().unwrap().len();
    let now = clock::now().wall;
    heard.lock().unwrap().push((now, list.clone()));
    let Some((status, ahead)) = answer(nth, &list) else { return std::future::pending().await };
    let by = Duration::from_secs(ahead.unsigned_abs());
    let date = httpdate::fmt_http_date(if ahead < 0 { now - by } else { now + by });
    (StatusCode::from_u16(status).unwrap(), [("date", date)]).into_response()
}

fn ledger(names: impl IntoIterator<Item = String>) -> Ledger {
    let alert = |name: String| crate::alerts::Alert {
        labels: Labels::from([("alertname".to_owned(), name)]),
        annotations: BTreeMap::new(),
        since: clock::now(),
        wait: Duration::ZERO,
    };
    let mut all: Vec<_> = names.into_iter().map(alert).collect();
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    let mut ledger = Ledger::new(Resolve::Expire);
    ledger.take(&all, &BTreeSet::new(), clock::now());
    ledger
}

#[tokio::test]
async fn a_clock_that_shows_something_else_each_time_is_not_run_after() {
    // As of a service whose addresses have different clocks.
    let stage = Stage::set(1, &[|nth, _| Some((200, [600, -600][nth % 2]))]).await;
    let told = stage.tell(&ledger(["a".to_owned()]), &mut Clocks::new()).await;
    assert_eq!(told, (true, Ok(())));
    assert_eq!(stage.heard(0).len(), 2);
}

#[tokio::test]
async fn each_replica_is_told_in_the_time_of_its_own_clock() {
    let right: Answer = |_, _| Some((200, 0));
    let stage = Stage::set(2, &[right, |_, _| Some((200, -1200))]).await;
    let (ledger, mut clocks) = (ledger(["a".to_owned()]), Clocks::new());
    for _ in 0..2 {
        assert_eq!(stage.tell(&ledger, &mut clocks).await, (true, Ok(())));
    }
    // An end in the past would tell people that it is over.
    for (at, list) in stage.heard(0) {
        let end = humantime::parse_rfc3339(list[0]["endsAt"].as_str().unwrap()).unwrap();
        assert!(end > at, "{list:?}");
    }
    assert_eq!(stage.heard(0).len(), 2, "once a round");
    assert_eq!(stage.heard(1).len(), 3, "twice, to learn its clock");
}

#[tokio::test]
async fn an_alert_that_is_refused_for_ever_keeps_no_other_from_being_told() {
    let picky: Answer = |_, list| {
        let bad = list.iter().any(|alert| alert["labels"]["alertname"] == "a007");
        Some((if bad { 400 } else { 200 }, 0))
    };
    let stage = Stage::set(3, &[picky]).await;
    let names = (0..600).map(|n| format!("a{n:03}"));
    let (accepted, says) = stage.tell(&ledger(names), &mut Clocks::new()).await;
    assert!(!accepted, "the rules have to tell that one");
    assert_eq!(says, Err("127.78.3.1: answered 400".to_owned()));
    let heard = stage.heard(0).into_iter();
    let accepted = heard.filter(|(_, list)| picky(0, list) == Some((200, 0)));
    assert_eq!(accepted.map(|(_, list)| list.len()).sum::<usize>(), 599);
    assert!(stage.heard(0).len() < 25, "{}", stage.heard(0).len());
}

#[tokio::test]
async fn whoever_refuses_everything_is_not_told_thousands_of_times() {
    let stage = Stage::set(4, &[|_, _| Some((422, 0))]).await;
    let names = (0..3000).map(|n| format!("a{n:04}"));
    let (accepted, _) = stage.tell(&ledger(names), &mut Clocks::new()).await;
    assert!(!accepted);
    assert!(stage.heard(0).len() < 90, "{}", stage.heard(0).len());
}

#[tokio::test]
async fn a_replica_that_hangs_keeps_no_other_waiting() {
    let mut stage = Stage::set(5, &[|_, _| None, |_, _| Some((200, 0))]).await;
    let ledger = ledger(["a".to_owned()]);
    let (desk, one) = (stage.desk, stage.one);
    stage.tasks.spawn(async move {
        let mut clocks = Clocks::new();
        let _given_up = desk.tell_all(&one, &ledger, &mut clocks).await;
    });
    let heard = &stage.heard[1];
    let told = async {
        while heard.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    // Sooner than the first is given up.
    timeout(PATIENCE, told).await.expect("told");
}
