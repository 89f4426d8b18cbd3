use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use crate::clock;
use crate::config::{Sources, load_bytes};

/// Hands out one list after the other; the last one again and again.
#[derive(Debug)]
struct Script {
    lists: Mutex<VecDeque<List>>,
    asked: Mutex<Vec<(String, u64)>>,
    begun: Instant,
}

impl Lister for Script {
    async fn list(&self, link: &Link) -> List {
        let at = self.begun.elapsed().as_secs();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push((link.name.to_string(), at));
        let mut lists = self.lists.lock().unwrap();
        if lists.len() > 1 { lists.pop_front().unwrap() } else { lists[0].clone() }
    }

    fn zone(&self) -> String {
        "cluster.local".to_owned()
    }
}

fn list(uids: &str) -> List {
    let source = |uid: &str| Datasource {
        uid: uid.to_owned(),
        kind: "prometheus".to_owned(),
        ..Datasource::default()
    };
    Ok(uids.split_whitespace().map(source).collect())
}

fn no_list() -> List {
    Err(NoList { cause: Some(Cause::TokenRejected), says: "no".to_owned() })
}

fn settings(grafanas: &str) -> Arc<Settings> {
    let sources = Sources { file: Some("promlink.yml".into()), ..Sources::default() };
    let text =
        format!("grafanas: {{{grafanas}}}\nlinks: {{a: {{prometheus: {{url: 'http://a'}}}}}}");
    Arc::new(load_bytes(&sources, Some(text.as_bytes())).unwrap())
}

/// A Grafana of that name and keys of `discover`.
fn grafana(name: &str, keys: &str) -> String {
    format!("{name}: {{url: 'http://{name}', discover: {{{keys}}}}}")
}

/// A reader at work.
struct Bench {
    script: Arc<Script>,
    settings: watch::Sender<Arc<Settings>>,
    found: watch::Receiver<AllFound>,
    events: mpsc::Receiver<Event>,
    _task: JoinSet<()>,
}

impl Bench {
    fn new(first: &str, lists: impl IntoIterator<Item = List>) -> Self {
        let script = Arc::new(Script {
            lists: Mutex::new(lists.into_iter().collect()),
            asked: Mutex::default(),
            begun: clock::deadline(Duration::ZERO),
        });
        let (settings, receiver) = watch::channel(settings(first));
        let (sender, found) = watch::channel(AllFound::default());
        let (events_sender, events) = mpsc::channel(1000);
        let mut task = JoinSet::new();
        task.spawn(run(Arc::clone(&script), receiver, sender, events_sender));
        Self { script, settings, found, events, _task: task }
    }

    /// The links after the next change.
    async fn next(&mut self) -> String {
        self.found.changed().await.unwrap();
        let found = self.found.borrow_and_update();
        let names: Vec<&str> = found.iter().map(|found| found.link.name.as_str()).collect();
        names.join(" ")
    }

    fn asked(&self) -> Vec<(String, u64)> {
        self.script.asked.lock().unwrap().clone()
    }

    fn asked_at(&self) -> Vec<u64> {
        self.asked().into_iter().map(|(_, at)| at).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn lists_are_read_at_once_then_each_interval_and_sooner_after_one_that_failed() {
    let script = [no_list(), list("a"), list("a"), no_list(), list("a b")];
    let mut bench = Bench::new(&grafana("main", ""), script);
    // Until there is a list, one link says why there is none.
    assert_eq!(bench.next().await, "main");
    assert_eq!(bench.next().await, "main/a");
    assert_eq!(bench.asked_at(), [0, 30]);
    assert_eq!(bench.next().await, "main/a main/b");
    assert_eq!(bench.asked_at(), [0, 30, 330, 630, 660]);
    let Some(Event::Listed { grafana, links }) = bench.events.recv().await else { panic!() };
    assert_eq!((grafana.as_str(), links), ("main", Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_failed_is_asked_for_no_later_than_usual() {
    let mut bench = Bench::new(&grafana("main", "interval: 10s"), [no_list(), list("a")]);
    assert_eq!(bench.next().await, "main");
    assert_eq!(bench.next().await, "main/a");
    assert_eq!(bench.asked_at(), [0, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_link_goes_with_the_third_list_that_lacks_it() {
    let lists = [list("a b"), list("a"), list("a"), list("a")];
    let mut bench = Bench::new(&grafana("main", "interval: 60s"), lists);
    assert_eq!(bench.next().await, "main/a main/b");
    assert_eq!(bench.next().await, "main/a");
    assert_eq!(bench.asked_at(), [0, 60, 120, 180]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_was_found_and_takes_what_is_no_longer_wanted() {
    let (one, two) = (grafana("one", ""), grafana("two", ""));
    let mut bench = Bench::new(&format!("{one}, {two}"), [list("a b"), list("a b"), no_list()]);
    while bench.next().await != "one/a one/b two/a two/b" {}

    // Patterns are in force at once, whatever Grafana says now; only that list is read anew.
    let changed = grafana("two", "exclude: [b]");
    bench.settings.send_replace(settings(&format!("{one}, {changed}")));
    assert_eq!(bench.next().await, "one/a one/b two/a");
    bench.settings.send_replace(settings(&changed));
    assert_eq!(bench.next().await, "two/a");
    let asked: Vec<String> = bench.asked().into_iter().map(|(name, _)| name).collect();
    assert_eq!(asked.iter().filter(|name| *name == "one").count(), 1, "{asked:?}");
    bench.settings.send_replace(settings("two: {url: 'http://two'}"));
    assert_eq!(bench.next().await, "");
    let mut last = None;
    while let Ok(Event::Listed { grafana, links }) = bench.events.try_recv() {
        last = Some((grafana.to_string(), links));
    }
    assert_eq!(last, Some(("two".to_owned(), None)));
}
