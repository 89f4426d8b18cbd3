//! What promlink asks of Grafana. (Every row of the table holds the bounds of one link: 7 requests
//! in a good check and 12 in any.)

use std::fmt::Write as _;
use std::time::Duration;

use promlink::demo::fault::{Grafana as G, Wire};
use promlink::demo::grafana::Datasource;

use super::ground::{Config, End, Ground, Turn};
use super::row::check_all;
use super::story::{Watched, prove, story};
use super::well::V9;

const LINKS: usize = 10;

/// As many links on one Grafana.
fn many(ground: &Ground) -> String {
    let mut yaml = ground.yaml(&Config::default());
    let url = ground.url();
    for number in 1..LINKS {
        let grafana = "grafana: {name: main, datasource: {uid: prometheus}}";
        let _infallible =
            writeln!(yaml, "  k{number}: {{prometheus: {{url: '{url}'}}, {grafana}}}");
    }
    yaml
}

fn count(seen: &[String], request: &str) -> usize {
    seen.iter().filter(|seen| *seen == request).count()
}

#[tokio::test]
async fn a_good_check_asks_once_for_each_thing() {
    for (turns, flavour) in [(vec![], "13"), (vec![V9], "9.3")] {
        let ground = Ground::build().await;
        ground.turns(&turns).await;
        assert_eq!(check_all(&ground.yaml(&Config::default())).await[0]["verdict"], "working");
        let mut seen = ground.grafana.seen();
        seen.sort();
        let expected = [
            "GET /api/datasources/uid/prometheus",
            "GET /api/datasources/uid/prometheus/health",
            "GET /api/health",
            "GET /api/org",
            "POST /api/ds/query",
        ];
        assert_eq!(seen, expected, "{flavour}");
    }
}

#[tokio::test]
async fn links_of_one_grafana_share_a_visit_and_its_slots() {
    let ground = Ground::build().await;
    // Slow enough to meet each other.
    ground.turns(&[Turn::Grafana(G::Wire(Wire::Slow(Duration::from_millis(50))))]).await;
    let links = check_all(&many(&ground)).await;
    assert_eq!(links.len(), LINKS);
    assert!(links.iter().all(|link| link["verdict"] == "working"), "{links:#?}");
    let seen = ground.grafana.seen();
    assert_eq!(count(&seen, "GET /api/health"), 1, "one visit for all");
    assert_eq!(count(&seen, "GET /api/org"), 1, "our rights, read once for all");
    assert_eq!(count(&seen, "POST /api/ds/query"), LINKS);
    assert_eq!(ground.grafana.most_at_a_time(), 4);
}

#[tokio::test]
async fn a_daemon_s_good_cycle_costs_a_visit_and_a_query() {
    let ground = Ground::build().await;
    let config = Config { interval: "1s", timeout: "900ms", ..Config::default() };
    let daemon = Watched::start(&ground.link, &ground.yaml(&config)).await;
    daemon.after_cycles(1.0).await;
    ground.grafana.forget();
    daemon.after_cycles(3.0).await;
    let seen = ground.grafana.seen();
    let (visits, queries) = (count(&seen, "GET /api/health"), count(&seen, "POST /api/ds/query"));
    assert!(visits.abs_diff(queries) <= 1 && queries >= 2, "{seen:?}");
    assert_eq!(visits + queries, seen.len(), "{seen:?}");
}

#[tokio::test]
async fn links_of_a_dead_data_source_leave_room_for_the_others() {
    let room = story("six links hang, one does not", [DEAD, DIRECT, Turn::Drop(End::Behind)])
        .config(|config| config.link = SIX)
        .tells("working")
        .stays(5);
    prove([room]).await;
}

/// Another data source where the first one was.
const DEAD: Turn = Turn::Setup(|setup| {
    let dead = Datasource { uid: "dead".to_owned(), ..setup.datasources[0].clone() };
    setup.datasources.push(dead);
});
const DIRECT: Turn = Turn::Url("http://{direct}");
const SIX: &str = "
  dead-1: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-2: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-3: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-4: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-5: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-6: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
";
