//! When receivers come, go and fail, on a clock that is not waited for.

use std::net::IpAddr;
use std::sync::Mutex;

use rustls::ClientConfig;
use tokio::task::JoinSet;

use super::*;
use crate::config::{Sources, load_bytes};
use crate::expose::tests::fixture;
use crate::link::TlsOptions;

/// No name has an address; each that was looked up, with the millisecond since the start.
#[derive(Default)]
struct Asked(Mutex<Vec<(String, u128)>>);

impl Ways for Asked {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        self.0.lock().unwrap().push((host.to_owned(), clock::now().mono.as_millis()));
        assert_ne!(host, "panics");
        Err("none".to_owned())
    }

    fn tls(&self, _options: &TlsOptions) -> Result<ClientConfig, String> {
        Err("none".to_owned())
    }

    fn namespace(&self) -> Option<String> {
        Some("of-the-pod".to_owned())
    }
}

/// How often `host` was looked up in the first moment in which it was.
fn first(asked: &Asked, host: &str) -> usize {
    let all = asked.0.lock().unwrap();
    let mut moments = all.iter().filter(|(other, _)| other == host).map(|(_, at)| *at);
    let Some(first) = moments.next() else { return 0 };
    1 + moments.filter(|at| *at == first).count()
}

fn settings(host: &str) -> Arc<Settings> {
    let yaml = format!("alarms: {{alertmanagers: [{{url: 'http://{host}:9093'}}]}}");
    Arc::new(load_bytes(&Sources::default(), Some(yaml.as_bytes())).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_changed_takes_back_what_the_one_before_could_not() {
    let asked = Arc::new(Asked::default());
    let (set, watched) = watch::channel(settings("one"));
    let (_keep, snapshots) = watch::channel(Arc::new(fixture::snapshot()));
    let mut tasks = JoinSet::new();
    tasks.spawn(run(Arc::clone(&asked), Arc::default(), watched, snapshots));
    sleep(FRESH * 10).await;
    // To be told, and to be asked what it has.
    assert_eq!(first(&asked, "one"), 2);
    let count = |host| asked.0.lock().unwrap().iter().filter(|(other, _)| other == host).count();
    set.send_replace(settings("two"));
    sleep(FRESH).await;
    assert_eq!(first(&asked, "two"), 2);
    let before = (count("one"), count("two"));
    sleep(FRESH * 10).await;
    assert_eq!(count("one"), before.0, "whoever is gone is told nothing");
    assert!(count("two") > before.1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_delivers_nothing_and_is_not_revived_all_the_time() {
    let asked = Arc::new(Asked::default());
    let stats = Arc::new(SelfStats::default());
    let (_set, watched) = watch::channel(settings("panics"));
    let (_keep, snapshots) = watch::channel(Arc::new(fixture::snapshot()));
    let mut tasks = JoinSet::new();
    tasks.spawn(run(Arc::clone(&asked), Arc::clone(&stats), watched, snapshots));
    sleep(Duration::from_millis(100)).await;
    let of_its_own = stats.receivers.get("alertmanager panics:9093");
    assert!(of_its_own.is_failing(), "who waits for an answer must hear that there is none");
    sleep(Duration::from_secs(10)).await;
    let times = asked.0.lock().unwrap().len();
    assert!((5..20).contains(&times), "{times}");
}

#[test]
fn what_is_over_is_looked_for_until_all_that_was_told_before_a_start_has_ended() {
    let mut alarms = settings("one").alarms.clone();
    let at = |seconds| Now::at(Duration::from_secs(seconds));
    let found = |back: &mut TakenBack, second| {
        let mut looked = false;
        let over = back.over(at(second), || {
            looked = true;
            vec![Labels::new()]
        });
        (over.len(), looked)
    };
    let mut back = TakenBack::new(&alarms, at(1000));
    // The longest wait is a quarter of an hour, and what was told outlives that by as much.
    for (second, expected) in [
        (1000, (1, true)),
        (1059, (1, true)),
        (1060, (1, false)),
        (1068, (1, false)),
        (1069, (1, true)),
        (1000 + 1799, (1, true)),
        (1000 + 1800, (0, false)),
        (9999, (0, false)),
    ] {
        assert_eq!(found(&mut back, second), expected, "{second}");
    }
    alarms.resolve = Resolve::Expire;
    assert_eq!(found(&mut TakenBack::new(&alarms, at(0)), 0), (0, false));
}

#[test]
fn a_namespace_that_is_configured_stays() {
    let mut settings = (*settings("one")).clone();
    let namespace = |settings: &Settings| {
        common(&Asked::default(), settings).labels.get("namespace").cloned().unwrap()
    };
    assert_eq!(namespace(&settings), "of-the-pod");
    settings.alarms.labels.insert("namespace".to_owned(), "configured".to_owned());
    assert_eq!(namespace(&settings), "configured");
}

#[test]
fn who_is_told_of_nothing_or_cannot_tell_clusters_apart_is_warned() {
    let hook = "{url: 'https://example.org'}";
    for (alarms, begins) in [
        ("collapse_at: 5".to_owned(), Some("no receiver of alarms is configured")),
        (format!("heartbeat: {hook}"), Some("no receiver of alarms is configured")),
        (format!("webhooks: [{hook}]"), None),
        (format!("alertmanagers: [{hook}]"), Some("alarms have no label `cluster`")),
        (format!("alertmanagers: [{hook}], labels: {{cluster: eu}}"), None),
    ] {
        let yaml = format!("alarms: {{{alarms}}}");
        let settings = load_bytes(&Sources::default(), Some(yaml.as_bytes())).unwrap();
        let warned = warning(&settings.alarms).map(|text| text.split(':').next().unwrap());
        assert_eq!(warned, begins, "{yaml}");
    }
}

#[test]
fn looking_takes_a_tenth_of_the_time_at_most() {
    let millis = Duration::from_millis;
    for (look, rest) in [(0, 200), (22, 200), (23, 207), (100, 900)] {
        assert_eq!(rest_after(millis(look)), millis(rest), "{look}");
    }
}
