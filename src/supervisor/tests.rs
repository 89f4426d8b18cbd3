//! Scenarios: a scripted prober, paused time, no sockets; what is published, second by second.

use std::time::Duration;

use expect_test::{Expect, expect};
use tokio::time::sleep;

use super::*;
use crate::keeper;
use crate::link::sample;
use crate::report::sample as reports;
use crate::state::Board;
use crate::state::snapshot::PublishedView;

const NAME: &str = "k8s";
/// Cycles of a script take this long unless it says otherwise.
const QUICK: Duration = Duration::from_millis(20);

/// From a second on, both paths go so.
#[derive(Clone, Copy, Debug)]
struct Scene {
    from: u64,
    direct: &'static str,
    grafana: &'static str,
    takes: Duration,
}

/// Plays scenes; panics where the direct path says `panic`.
struct Script {
    begun: Duration,
    scenes: Vec<Scene>,
}

fn at(from: u64, direct: &'static str, grafana: &'static str) -> Scene {
    Scene { from, direct, grafana, takes: QUICK }
}

impl Prober for Script {
    async fn cycle(&self, link: Arc<Link>, trigger: Trigger, carried: Carried) -> Cycle {
        let started = clock::now();
        let second = (started.mono - self.begun).as_secs();
        let scene = self.scenes.iter().rev().find(|scene| scene.from <= second);
        let scene = *scene.expect("a script begins at 0");
        sleep(scene.takes).await;
        assert!(scene.direct != "panic", "as the script says");
        let mut report = reports::report(scene.direct, scene.grafana);
        report.link = link.name.clone();
        report.trigger = trigger;
        report.started = started;
        report.took = scene.takes;
        report.carried = carried.facts.clone();
        Cycle { report, carried }
    }
}

/// One link's daemon without sockets, and what it publishes.
struct Stage {
    begun: Duration,
    links: watch::Sender<Arc<LinkSet>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    asks: mpsc::Sender<Ask>,
    stats: Arc<SelfStats>,
    stop: CancellationToken,
    tasks: tokio::task::JoinSet<()>,
}

impl Stage {
    fn set(scenes: Vec<Scene>) -> Self {
        let begun = clock::now().mono;
        let link = sample::link(NAME, Some("prometheus"), Some("main"));
        let set = Arc::new(links_of(vec![link]));
        let mut board = Board::new(clock::now());
        board.set(&set, clock::now());
        let (snapshots_sender, snapshots) = watch::channel(Arc::new(board.snapshot(clock::now())));
        let (links, links_receiver) = watch::channel(set);
        let (events_sender, events) = mpsc::channel(16);
        let (asks, asks_receiver) = mpsc::channel(4);
        let stats = Arc::new(SelfStats::default());
        let stop = CancellationToken::new();
        let shared = Shared {
            prober: Arc::new(Script { begun, scenes }),
            events: events_sender,
            snapshots: snapshots.clone(),
            stats: Arc::clone(&stats),
            host: "pod-0".to_owned(),
        };
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(keeper::run(board, events, links_receiver.clone(), snapshots_sender));
        tasks.spawn(run(shared, links_receiver, asks_receiver, stop.clone()));
        Self { begun, links, snapshots, asks, stats, stop, tasks }
    }

    /// Lets `seconds` pass, and notes each change of what is published.
    async fn play(&mut self, seconds: u64) -> String {
        let mut lines = String::new();
        let mut last = String::new();
        let end = clock::instant_of(self.begun + Duration::from_secs(seconds));
        loop {
            let now = self.published().map_or_else(|| "gone".to_owned(), |view| words(&view));
            if now != last {
                // Timers of the runtime are exact to a millisecond only.
                let past = clock::now().mono - self.begun + Duration::from_millis(5);
                lines += &format!("t={:<3} {now}\n", past.as_secs());
                last = now;
            }
            tokio::select! {
                () = sleep_until(end) => return lines,
                changed = self.snapshots.changed() => changed.expect("the keeper lives"),
            }
        }
    }

    fn published(&mut self) -> Option<PublishedView> {
        let snapshot = self.snapshots.borrow_and_update().clone();
        snapshot.link(NAME).map(|view| view.published.clone())
    }

    fn view(&self) -> Arc<LinkView> {
        Arc::clone(self.snapshots.borrow().link(NAME).expect("the link is there"))
    }
}

fn links_of(links: Vec<Link>) -> LinkSet {
    LinkSet::merge(links, &[], BTreeMap::new(), 5)
}

fn words(view: &PublishedView) -> String {
    let mut words = view.verdict.as_str().to_owned();
    if let Some(fault) = view.fault {
        let path = fault.path.map_or("-", |path| path.as_str());
        let check = fault.check.map_or("-", |check| check.as_str());
        words += &format!(" {} {path} {check} {}", fault.cause.code(), fault.side.as_str());
    }
    if view.cannot_check_since.is_some() {
        words += " (cannot check)";
    }
    words
}

async fn scenario(scenes: &[Scene], seconds: u64, expected: Expect) {
    expected.assert_eq(&Stage::set(scenes.to_vec()).play(seconds).await);
}

#[tokio::test(start_paused = true)]
async fn the_first_verdict_comes_at_once_and_a_dead_prometheus_within_an_interval() {
    let scenes = [
        at(0, "passed", "passed"),
        at(60, "tcp/connection_refused", "grafana_query/connection_refused"),
        at(240, "passed", "passed"),
    ];
    scenario(
        &scenes,
        300,
        expect![[r#"
            t=0   unknown
            t=0   working
            t=66  broken connection_refused direct tcp prometheus
            t=245 working
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_lost_cycle_between_good_ones_is_not_published() {
    // The ticks of this link lie at 5, 20, 35 ... s.
    let stall = at(30, "query/no_response", "grafana_query/no_response");
    let scenes = [
        at(0, "passed", "passed"),
        Scene { takes: Duration::from_secs(5), ..stall },
        at(36, "passed", "passed"),
    ];
    let mut stage = Stage::set(scenes.to_vec());
    let published = stage.play(200).await;
    let raw: Vec<_> = stage.view().history.iter().map(|past| past.verdict.as_str()).collect();
    assert!(raw.contains(&"broken"), "the raw cycle is seen: {raw:?}");
    expect![[r#"
        t=0   unknown
        t=0   working
    "#]]
    .assert_eq(&published);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_on_a_broken_link_hides_nothing() {
    let scenes = [
        at(0, "passed", "passed"),
        at(30, "passed", "grafana_query/connection_refused"),
        at(90, "passed", "auth/token_expired"),
        at(180, "passed", "passed"),
    ];
    scenario(
        &scenes,
        240,
        expect![[r#"
            t=0   unknown
            t=0   working
            t=36  broken connection_refused grafana grafana_query datasource
            t=95  broken connection_refused grafana grafana_query datasource (cannot check)
            t=185 working
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn our_own_lost_network_is_never_broken() {
    let scenes = [
        at(0, "passed", "passed"),
        at(30, "tcp/connection_timeout", "tcp/connection_timeout"),
        at(90, "passed", "passed"),
    ];
    scenario(
        &scenes,
        120,
        expect![[r#"
            t=0   unknown
            t=0   working
            t=36  blind vantage_blocked direct tcp promlink
            t=95  working
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_prometheus_that_grafana_reads_is_degraded() {
    let scenes = [
        at(0, "passed", "passed"),
        Scene { takes: Duration::from_secs(5), ..at(30, "query/no_response", "passed") },
    ];
    scenario(
        &scenes,
        120,
        expect![[r#"
            t=0   unknown
            t=0   working
            t=55  degraded no_response direct query prometheus
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_cycle_that_never_ends_is_overdue_and_takes_only_a_one_away() {
    let never = Duration::from_secs(1_000_000);
    let scenes = [at(0, "passed", "passed"), Scene { takes: never, ..at(30, "passed", "passed") }];
    scenario(
        &scenes,
        200,
        expect![[r#"
            t=0   unknown
            t=0   working
            t=71  blind overdue - - promlink
        "#]],
    )
    .await;
    let scenes = [
        at(0, "tcp/connection_refused", "grafana_query/connection_refused"),
        Scene { takes: never, ..at(30, "passed", "passed") },
    ];
    scenario(
        &scenes,
        200,
        expect![[r#"
            t=0   unknown
            t=1   broken connection_refused direct tcp prometheus
            t=71  broken connection_refused direct tcp prometheus (cannot check)
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_cycle_and_nothing_else() {
    let scenes = [at(0, "passed", "passed"), at(30, "panic", "passed"), at(80, "passed", "passed")];
    let mut stage = Stage::set(scenes.to_vec());
    expect![[r#"
        t=0   unknown
        t=0   working
        t=50  blind internal - - promlink
        t=80  working
    "#]]
    .assert_eq(&stage.play(120).await);
    assert!(stage.stats.panics.get() >= 3, "each cycle of the scene panicked");
    assert_eq!(stage.stats.cycles_in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn ticks_that_find_a_cycle_running_are_counted_and_not_made_up_for() {
    let slow = Scene { takes: Duration::from_secs(40), ..at(0, "passed", "passed") };
    let mut stage = Stage::set(vec![slow]);
    stage.play(200).await;
    let tally = stage.view().tally.clone();
    assert_eq!((tally.cycles, tally.missed), (4, 9), "cycles of 40 s at a tick of 15 s");
}

#[tokio::test(start_paused = true)]
async fn who_asks_joins_the_running_cycle_and_learns_when_it_is_published() {
    let slow = Scene { takes: Duration::from_secs(3), ..at(0, "passed", "passed") };
    let mut stage = Stage::set(vec![slow]);
    stage.play(1).await;
    let mut answers = Vec::new();
    for link in [NAME, NAME, "no-such-link"] {
        let (done, answer) = oneshot::channel();
        stage.asks.send(Ask { link: LinkName::new(link), done }).await.unwrap();
        answers.push(answer);
    }
    stage.play(5).await;
    let told: Vec<bool> = answers.into_iter().map(|mut answer| answer.try_recv().is_ok()).collect();
    assert_eq!(told, [true, true, false]);
    assert_eq!(stage.view().tally.cycles, 1, "one cycle answered both");
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_and_again_takes_no_tick_s_place_and_no_confirmation_s() {
    let slow = |scene| Scene { takes: Duration::from_secs(5), ..scene };
    let dead = at(100, "tcp/connection_refused", "grafana_query/connection_refused");
    let mut stage = Stage::set(vec![slow(at(0, "passed", "passed")), slow(dead)]);
    let asks = stage.asks.clone();
    stage.tasks.spawn(async move {
        loop {
            let (done, answer) = oneshot::channel();
            if asks.send(Ask { link: LinkName::new(NAME), done }).await.is_err() {
                break;
            }
            answer.await.ok();
        }
    });
    expect![[r#"
        t=0   unknown
        t=5   working
        t=110 broken connection_refused direct tcp prometheus
    "#]]
    .assert_eq(&stage.play(200).await);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_unchanged_links_runs_changed_ones_at_once_and_drops_what_went() {
    let mut stage = Stage::set(vec![at(0, "passed", "passed")]);
    stage.play(40).await;
    let before = stage.view().tally.cycles;

    let unchanged = sample::link(NAME, Some("prometheus"), Some("main"));
    stage.links.send_replace(Arc::new(links_of(vec![unchanged.clone()])));
    stage.play(41).await;
    assert_eq!(stage.view().tally.cycles, before, "no cycle for nothing");

    let mut changed = unchanged;
    changed.cadence.interval = Duration::from_secs(20);
    stage.links.send_replace(Arc::new(links_of(vec![changed])));
    stage.play(42).await;
    assert_eq!(stage.view().tally.cycles, before + 1);
    assert_eq!(stage.view().published.verdict.as_str(), "working");

    stage.links.send_replace(Arc::new(links_of(Vec::new())));
    assert_eq!(stage.play(44).await.lines().last(), Some("t=42  gone"));
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_running_cycles_and_publishes_what_is_last() {
    let hanging = Scene { takes: Duration::from_secs(1_000), ..at(0, "passed", "passed") };
    let mut stage = Stage::set(vec![hanging]);
    stage.play(10).await;
    let stopped_at = clock::now();
    stage.stop.cancel();
    while let Some(ended) = stage.tasks.join_next().await {
        ended.expect("no task panics");
    }
    assert_eq!(clock::now().since(stopped_at), Duration::ZERO);
}
