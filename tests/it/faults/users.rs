//! How Grafana's users fare, by its own counters: evidence beside a verdict that it leaves alone.

use futures_util::future::join_all;
use promlink::demo::grafana::{Datasource, Flavour, Setup, Shown, TOKEN};
use serde_json::{Value, json};

use super::ground::{Config, Ground, Turn};
use super::row::{findings, is_of_a_viewer, line};
use super::story::Watched;
use crate::daemon::foreign;

const ON: &str = "url: '{main}', authorization: {credentials: {token}}, users_queries: true";
const OFF: &str = "url: '{main}', authorization: {credentials: {token}}";
/// Users' queries that fail.
const FAILED: usize = 20;
/// Within so many cycles, of which four lie between two readings, a restart has been seen and a
/// difference after it, even if a cycle of a busy machine had no time for one reading.
const CYCLES: f64 = 13.0;
const PAGES: [&str; 2] = ["GET /metrics/plugins/prometheus", "GET /metrics"];

/// A Grafana, what becomes of it between two readings, and what is then told and asked.
struct Case {
    name: &'static str,
    main: &'static str,
    setup: fn(&mut Setup),
    then: fn(&mut Setup),
    /// How what is told ends; how many failed, it begins with.
    told: Option<&'static str>,
    failed: usize,
    /// How often the plugin's page is asked for, and Grafana's.
    asked: [Asked; 2],
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Never,
    Once,
    Again,
}

use Asked::{Again, Never, Once};

fn cases() -> Vec<Case> {
    let plain = Case {
        name: "an external plugin, whose own page alone tells of failures",
        main: ON,
        setup: |_| {},
        then: |_| {},
        told: Some(", at Prometheus or on the way to it; promlink's own and wrong PromQL included"),
        failed: FAILED,
        asked: [Again, Never],
    };
    vec![
        Case {
            name: "a plugin of the core, whose page does not say who failed",
            setup: |setup| setup.flavour = Flavour::V9,
            told: Some(", for any reason; promlink's own and wrong PromQL included"),
            asked: [Once, Again],
            ..plain
        },
        Case {
            name: "off, as it is by default",
            main: OFF,
            told: None,
            asked: [Never, Never],
            ..plain
        },
        Case {
            name: "restarted between the readings",
            then: |setup| {
                setup.counters.began += 3600.0;
                setup.counters.good += 1000;
            },
            // What lies before it is no difference; what lies behind it is one.
            told: Some("; promlink's own included"),
            failed: 0,
            ..plain
        },
        Case {
            name: "guarded by a password",
            setup: |setup| setup.counters.shown = Shown::Guarded,
            told: None,
            asked: [Once, Never],
            ..plain
        },
        Case {
            name: "switched off",
            setup: |setup| setup.counters.shown = Shown::Off,
            told: None,
            asked: [Once, Once],
            ..plain
        },
        Case {
            name: "moved to the address for people, where nobody follows",
            setup: |setup| setup.counters.shown = Shown::Moved,
            told: None,
            asked: [Once, Once],
            ..plain
        },
        Case {
            name: "a login page in their place",
            setup: |setup| setup.counters.shown = Shown::BehindLogin,
            told: None,
            asked: [Once, Once],
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
            asked: [Again, Again],
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
        // At once, so that hardly ever a reading falls between them.
        let got = join_all((0..FAILED).map(|_| ask_as_a_user(&ground))).await;
        assert_eq!(got, [false; FAILED], "{name}");
        ground.grafana.edit(self.then);
        let mut link = daemon.link().await;
        let until = daemon.count().await + CYCLES;
        while daemon.count().await < until && evidence(&link).is_none() {
            daemon.after_cycles(1.0).await;
            link = daemon.link().await;
        }
        let seen = ground.grafana.seen();
        let asked = PAGES.map(|page| match seen.iter().filter(|seen| *seen == page).count() {
            0 => Never,
            1 => Once,
            _ => Again,
        });
        assert_eq!(asked, self.asked, "{name}");
        let others: Vec<_> = seen.iter().filter(|seen| !is_of_a_viewer(seen)).collect();
        assert!(others.is_empty(), "{name}: {others:?}");
        assert_eq!(ground.grafana.edit(|setup| setup.counters.credentials), 0, "{name}");
        assert_eq!((line(&link).as_str(), findings(&link).as_str()), ("working", ""), "{name}");
        let told = evidence(&link);
        let begins = format!("{} of ", self.failed);
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
    let request = foreign().post(url).bearer_auth(TOKEN).body(body);
    request.send().await.unwrap().status().is_success()
}

/// All at once: each waits more than it works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_queries_are_told_and_judge_nothing() {
    join_all(cases().into_iter().map(Case::prove)).await;
}
