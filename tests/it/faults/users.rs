//! How Grafana's users fare, by its own counters: evidence beside a verdict that it leaves alone.

use std::time::Duration;

use futures_util::future::join_all;
use promlink::demo::grafana::{Datasource, Flavour, Setup, Shown, TOKEN};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::ground::{Config, Ground, Turn};
use super::row::{findings, is_of_a_viewer, line};
use super::story::Watched;

const ON: &str = "url: '{main}', authorization: {credentials: {token}}, users_queries: true";
const OFF: &str = "url: '{main}', authorization: {credentials: {token}}";
/// Users' queries that fail, and the shortest time between two readings.
const FAILED: usize = 20;
const PERIOD: Duration = Duration::from_secs(60);
const PAGES: [&str; 2] = ["GET /metrics/plugins/prometheus", "GET /metrics"];

/// A Grafana, what becomes of it between two readings, and what is then told and asked.
struct Case {
    name: &'static str,
    main: &'static str,
    setup: fn(&mut Setup),
    then: fn(&mut Setup),
    told: Option<&'static str>,
    /// Requests for the plugin's page, and for Grafana's.
    asked: [usize; 2],
}

fn cases() -> Vec<Case> {
    let plain = Case {
        name: "an external plugin, whose own page alone tells of failures",
        main: ON,
        setup: |_| {},
        then: |_| {},
        told: Some(", at Prometheus or on the way to it; promlink's own and wrong PromQL included"),
        asked: [2, 0],
    };
    vec![
        Case {
            name: "a plugin of the core, whose page does not say who failed",
            setup: |setup| setup.flavour = Flavour::V9,
            told: Some(", for any reason; promlink's own and wrong PromQL included"),
            asked: [1, 2],
            ..plain
        },
        Case { name: "off, as it is by default", main: OFF, told: None, asked: [0, 0], ..plain },
        Case {
            name: "restarted between the readings",
            then: |setup| {
                setup.counters.began += 3600.0;
                setup.counters.good += 1000;
            },
            told: None,
            ..plain
        },
        Case {
            name: "guarded by a password",
            setup: |setup| setup.counters.shown = Shown::Guarded,
            told: None,
            asked: [1, 0],
            ..plain
        },
        Case {
            name: "switched off",
            setup: |setup| setup.counters.shown = Shown::Off,
            told: None,
            asked: [1, 1],
            ..plain
        },
        Case {
            name: "moved to the address for people, where nobody follows",
            setup: |setup| setup.counters.shown = Shown::Moved,
            told: None,
            asked: [1, 1],
            ..plain
        },
        Case {
            name: "a page that never comes",
            setup: |setup| setup.counters.shown = Shown::Silent,
            told: None,
            ..plain
        },
        Case {
            name: "a page that is too large",
            setup: |setup| setup.counters.shown = Shown::Behind(5 << 20),
            told: None,
            asked: [2, 2],
            ..plain
        },
        plain,
    ]
}

impl Case {
    async fn prove(self) {
        let name = self.name;
        let ground = Ground::build().await;
        ground.turns(&[Turn::Setup(self.setup)]).await;
        ground.grafana.edit(|setup| {
            // Nothing listens at the discard port.
            let dead = Datasource::prometheus("http://127.0.0.1:9");
            let uid = "dead".to_owned();
            setup.datasources.push(Datasource { uid, is_default: false, ..dead });
        });
        let main = self.main;
        let config = Config { interval: "2s", timeout: "1900ms", main, ..Config::default() };
        let daemon = Watched::start(&ground.link, &ground.yaml(&config)).await;
        daemon.after_cycles(3.0).await;
        assert_eq!(evidence(&daemon.link().await), None, "{name}: after one reading");
        for _ in 0..FAILED {
            assert!(!ask_as_a_user(&ground).await, "{name}");
        }
        ground.grafana.edit(self.then);
        sleep(PERIOD).await;
        daemon.after_cycles(2.0).await;
        let link = daemon.link().await;
        // Two readings: the first one within a few cycles of the start.
        let seen = ground.grafana.seen();
        let asked = PAGES.map(|page| seen.iter().filter(|seen| *seen == page).count());
        assert_eq!(asked, self.asked, "{name}");
        let others: Vec<_> = seen.iter().filter(|seen| !is_of_a_viewer(seen)).collect();
        assert!(others.is_empty(), "{name}: {others:?}");
        assert_eq!(ground.grafana.edit(|setup| setup.counters.credentials), 0, "{name}");
        assert_eq!((line(&link).as_str(), findings(&link).as_str()), ("working", ""), "{name}");
        let told = evidence(&link);
        let begins = format!("{FAILED} of ");
        let is_told = |told: &str| told.starts_with(&begins) && told.ends_with(self.told.unwrap());
        assert_eq!(told.is_some(), self.told.is_some(), "{name}: {told:?}");
        assert!(told.as_deref().is_none_or(is_told), "{name}: {told:?}");
    }
}

/// What is told beside the query.
fn evidence(link: &Value) -> Option<String> {
    let rows = link["checks"].as_array().unwrap();
    let row = rows.iter().find(|row| row["check"] == "grafana_query").unwrap();
    Some(row["evidence"]["users_queries"].as_str()?.to_owned())
}

/// A panel on the data source that nobody watches: whether it got data.
async fn ask_as_a_user(ground: &Ground) -> bool {
    let datasource = json!({"type": "prometheus", "uid": "dead"});
    let query = json!({"refId": "A", "expr": "up", "instant": true, "datasource": datasource});
    let body = json!({"queries": [query], "from": "now-5m", "to": "now"}).to_string();
    let url = format!("http://{}/api/ds/query", ground.grafana.address());
    let request = reqwest::Client::new().post(url).bearer_auth(TOKEN).body(body);
    request.send().await.unwrap().status().is_success()
}

/// All at once: between two readings lies a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_queries_are_told_and_judge_nothing() {
    join_all(cases().into_iter().map(Case::prove)).await;
}
