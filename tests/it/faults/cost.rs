//! What promlink asks of Grafana. (Every row of the table holds the bounds of one link: 7 requests
//! in a good check and 12 in any.)

use std::fmt::Write as _;
use std::time::Duration;

use promlink::demo::fault::{Grafana as G, Wire};

use super::ground::{Config, Ground, Turn};
use super::row::{check_all, line, rows};
use super::story::Watched;
use super::table::{Line, Proof};
use super::well::V9;

const LINKS: usize = 10;

/// What a lack of slots looks like.
pub fn lines() -> Vec<Line> {
    let told = "blind overdue grafana grafana_query promlink";
    let name = "eight links of one Grafana hang, and this one gets no slot there";
    vec![Line::new(name, [told], without_a_slot(told))]
}

/// Links are walked in the order of their names, and slots are given in the order of asking.
async fn without_a_slot(told: &'static str) -> Proof {
    let ground = Ground::build().await;
    ground.turns(&[Turn::Grafana(G::QueryHangs), Turn::Behind(Wire::Frozen.into())]).await;
    let mut yaml = ground.yaml(&Config { timeout: "1s", ..Config::default() });
    for number in 0..8 {
        let grafana = "grafana: {name: main, datasource: {uid: prometheus}}";
        let _infallible = writeln!(yaml, "  a{number}: {{timeout: 3s, {grafana}}}");
    }
    let links = check_all(&yaml).await;
    let link = links.iter().find(|link| link["link"] == ground.link).unwrap();
    if line(link) == told {
        Proof::Right
    } else {
        Proof::Wrong(format!("\n  told: {told}\n   got: {}\n{}", line(link), rows(link)))
    }
}

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
    // Before 12.0, the newest sample is asked for apart.
    for (turns, flavour, queries) in [(vec![], "13", 1), (vec![V9], "9.3", 2)] {
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
        ];
        let queries = ["POST /api/ds/query"].repeat(queries);
        assert_eq!(seen, [&expected[..], &queries].concat(), "{flavour}");
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
