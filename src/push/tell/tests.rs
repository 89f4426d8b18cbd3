//! Alertmanagers that are not as they should be.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::SystemTime;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
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
use crate::secret::Secret;
use crate::selfstats::Role;

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
    teller: Arc<Teller<Name>>,
    one: Alertmanager,
    heard: Vec<Heard>,
    /// What each has, as JSON.
    held: Arc<Mutex<String>>,
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
        let held = Arc::new(Mutex::new("[]".to_owned()));
        for (address, answer) in addresses.iter().zip(replicas) {
            let listener = TcpListener::bind((*address, port)).await.unwrap();
            port = listener.local_addr().unwrap().port();
            let (mine, answer) = (Heard::default(), *answer);
            heard.push(Arc::clone(&mine));
            let held = Arc::clone(&held);
            let router = Router::new().fallback(move |method: Method, body: String| {
                let asked = (method == Method::GET).then(|| held.lock().unwrap().clone());
                async move {
                    match asked {
                        Some(held) => held.into_response(),
                        None => reply(mine, answer, body).await,
                    }
                }
            });
            tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        }
        let (_, snapshots) = watch::channel(Arc::new(fixture::snapshot()));
        let (ways, stats) = (Arc::new(Name(addresses)), Arc::default());
        let teller = Arc::new(Teller { ways, stats, snapshots });
        let (scheme, host) = (Scheme::Http, "alertmanagers".to_owned());
        let url = BaseUrl { scheme, host, port, path: String::new() };
        let endpoint = Endpoint { url, http: HttpOptions::default() };
        Self { teller, one: Alertmanager { name: "am".to_owned(), endpoint }, heard, held, tasks }
    }

    async fn tell(&self, ledger: &Ledger, peers: &mut Peers) -> Round {
        let told = self.teller.tell_all(&self.one, ledger, peers);
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
    let mut response = (StatusCode::from_u16(status).unwrap(), [("date", date)]).into_response();
    if status == 429 {
        response.headers_mut().insert("retry-after", "60".parse().unwrap());
    }
    response
}

fn good() -> Round {
    Round { taken: 1, ..Round::default() }
}

fn ledger(names: impl IntoIterator<Item = String>) -> Ledger {
    let alert = |name: String| crate::alerts::Alert {
        labels: Labels::from([("alertname".to_owned(), name)]),
        annotations: BTreeMap::new(),
        since: clock::now(),
        wait: Duration::ZERO,
        longest: Duration::ZERO,
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
    let told = stage.tell(&ledger(["a".to_owned()]), &mut Peers::new()).await;
    assert_eq!(told, good());
    assert_eq!(stage.heard(0).len(), 2);
}

#[tokio::test]
async fn each_replica_is_told_in_the_time_of_its_own_clock() {
    let right: Answer = |_, _| Some((200, 0));
    let stage = Stage::set(2, &[right, |_, _| Some((200, -1200))]).await;
    let (ledger, mut peers) = (ledger(["a".to_owned()]), Peers::new());
    for _ in 0..2 {
        let round = stage.tell(&ledger, &mut peers).await;
        assert_eq!(round, Round { taken: 2, ..Round::default() }, "each address is counted");
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
    let round = stage.tell(&ledger(names), &mut Peers::new()).await;
    assert_eq!((round.taken, round.failed), (0, 1), "the rules have to tell that one");
    assert!(round.says[0].contains(" answered 400; "), "{round:?}");
    let heard = stage.heard(0).into_iter();
    let accepted = heard.filter(|(_, list)| picky(0, list) == Some((200, 0)));
    assert_eq!(accepted.map(|(_, list)| list.len()).sum::<usize>(), 599);
    assert!(stage.heard(0).len() < 25, "{}", stage.heard(0).len());
}

#[tokio::test]
async fn whoever_refuses_everything_is_not_told_thousands_of_times() {
    let stage = Stage::set(4, &[|_, _| Some((422, 0))]).await;
    let names = (0..3000).map(|n| format!("a{n:04}"));
    let round = stage.tell(&ledger(names), &mut Peers::new()).await;
    assert_eq!(round.taken, 0);
    assert!(stage.heard(0).len() < 90, "{}", stage.heard(0).len());
}

#[tokio::test]
async fn a_replica_that_hangs_keeps_no_other_waiting() {
    let mut stage = Stage::set(5, &[|_, _| None, |_, _| Some((200, 0))]).await;
    let ledger = ledger(["a".to_owned()]);
    let (teller, one) = (stage.teller, stage.one);
    stage.tasks.spawn(async move {
        let mut peers = Peers::new();
        let _given_up = teller.tell_all(&one, &ledger, &mut peers).await;
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

/// What stands and what is over, by their names.
fn told(standing: &[&str], over: &[&str]) -> Arc<Told> {
    let labels = |name: &&str| Labels::from([("alertname".to_owned(), (*name).to_owned())]);
    let alert = |name: &&str| crate::alerts::Alert {
        labels: labels(name),
        annotations: BTreeMap::new(),
        since: clock::now(),
        wait: Duration::ZERO,
        longest: Duration::ZERO,
    };
    let standing = standing.iter().map(alert).collect();
    Arc::new(Told { standing, over: over.iter().map(labels).collect() })
}

/// The names in a list.
fn names(list: &[Value]) -> Vec<&str> {
    list.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect()
}

impl Stage {
    /// Starts to tell, until the stage ends; what is to be told, and how that goes.
    fn run(&mut self) -> (watch::Sender<Arc<Told>>, Arc<Receiver>) {
        let (teller, one) = (Arc::clone(&self.teller), self.one.clone());
        let (sender, told) = watch::channel(told(&[], &[]));
        let stats = Arc::new(Receiver::default());
        let mine = Arc::clone(&stats);
        self.tasks.spawn(async move {
            teller.alertmanager("am", &one, Resolve::Immediate, told, &mine).await;
        });
        (sender, stats)
    }

    /// Waits until the first replica has heard a list that `is` the one.
    async fn until(&self, is: impl Fn(&[Value]) -> bool) {
        let heard = async {
            while !self.heard(0).iter().any(|(_, list)| is(list)) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, heard).await.expect("heard");
    }
}

#[tokio::test]
async fn one_replica_that_accepts_is_enough_whichever_it_is() {
    let (good, bad): (Answer, Answer) = (|_, _| Some((200, 0)), |_, _| Some((503, 0)));
    for (home, replicas) in [(6, [good, bad]), (7, [bad, good])] {
        let mut stage = Stage::set(home, &replicas).await;
        let (_keep, stats) = stage.run();
        let told = async {
            while stats.sent.get() < 2 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, told).await.expect("told");
        assert!(stats.is_well() && !stats.is_failing(), "{home}");
        assert!(stats.failed.get() > 0, "and the other one is counted");
    }
}

/// An end that nobody waits for may cross a beginning, and be told in its place.
#[tokio::test]
async fn only_what_an_alertmanager_has_is_taken_back() {
    let mut stage = Stage::set(8, &[|_, _| Some((200, 0))]).await;
    *stage.held.lock().unwrap() =
        r#"[{"labels":{"alertname":"b"}},{"labels":{"alertname":"c"}}]"#.to_owned();
    let (sender, _) = stage.run();
    sender.send_replace(told(&["s"], &["a", "b"]));
    stage.until(|list| names(list) == ["s", "b"]).await;
    // As many are over, but others.
    sender.send_replace(told(&["s"], &["a", "c"]));
    stage.until(|list| names(list) == ["s", "b", "c"]).await;
    assert!(stage.heard(0).iter().all(|(_, list)| !names(list).contains(&"a")));
}

#[tokio::test]
async fn an_address_that_asks_to_be_left_alone_is_and_keeps_no_other_waiting() {
    let stage = Stage::set(9, &[|_, _| Some((429, 0)), |_, _| Some((200, 0))]).await;
    let (ledger, mut peers) = (ledger(["a".to_owned()]), Peers::new());
    let first = stage.tell(&ledger, &mut peers).await;
    assert_eq!((first.taken, first.failed), (1, 1));
    for _ in 0..3 {
        let round = stage.tell(&ledger, &mut peers).await;
        assert_eq!((round.taken, round.failed), (1, 0));
        assert!(round.says[0].contains("answered 429"), "{round:?}");
    }
    assert_eq!(stage.heard(0).len(), 1);
    assert_eq!(stage.heard(1).len(), 4);
}

#[test]
fn a_failure_is_followed_by_a_pause_as_long_as_the_receiver_asks_for() {
    let mut streak = Streak::default();
    let patient = |seconds: Option<u64>| {
        Err(Refusal { says: "no".to_owned(), patience: seconds.map(Duration::from_secs) })
    };
    assert_eq!(streak.after("hook", &patient(Some(90))), Some(Duration::from_secs(90)));
    let pause = streak.after("hook", &patient(None)).unwrap();
    assert!(
        pause >= Duration::from_millis(1600) && pause <= Duration::from_millis(2400),
        "{pause:?}"
    );
    assert_eq!(streak.after("hook", &Ok(())), None);
}

#[tokio::test]
async fn a_heartbeat_counts_others_and_tells_a_failure_where_it_is_asked_to() {
    let stage = Stage::set(10, &[|_, _| Some((200, 0))]).await;
    let receivers = &stage.teller.stats.receivers;
    let roles =
        [("heartbeat", Role::Heartbeat), ("hook", Role::Webhook), ("am", Role::Alertmanager)];
    receivers.set(roles.map(|(name, role)| (name.to_owned(), role)));
    for name in ["heartbeat", "hook"] {
        receivers.get(name).told_one(false, clock::now().wall);
    }
    receivers.get("am").told_one(true, clock::now().wall);
    assert_eq!(stage.teller.failing_beside("heartbeat"), ["hook"]);

    let paths: Arc<Mutex<Vec<String>>> = Arc::default();
    let mine = Arc::clone(&paths);
    let router = Router::new().fallback(async move |uri: Uri| {
        mine.lock().unwrap().push(uri.to_string());
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let secret = |path: &str| Secret::Value(format!("{url}/{path}"));
    let mut one = Heartbeat {
        url: secret("good"),
        fail_url: None,
        http: HttpOptions::default(),
        interval: Duration::from_secs(60),
        links: false,
    };
    let beat = |is_good| heartbeat::Beat { is_good, text: "how it is".to_owned() };
    for fail_url in [None, Some(secret("bad"))] {
        one.fail_url = fail_url;
        for is_good in [true, false] {
            assert_eq!(stage.teller.beat(&one, &beat(is_good)).await, Ok(()));
        }
    }
    assert_eq!(*paths.lock().unwrap(), ["/good", "/good/fail", "/good", "/bad"]);
}

#[test]
fn a_heartbeat_is_tried_again_no_sooner_than_receivers_allow() {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    for (retry, interval, pause) in [
        (None, minute, minute),
        (Some(second), minute, second * 10),
        (Some(second * 30), minute, second * 30),
        (Some(second * 120), minute, minute),
    ] {
        assert_eq!(until_next(retry, interval), pause, "{retry:?}");
    }
}
