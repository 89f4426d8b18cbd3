//! Alarms that promlink delivers itself, through a real pair of Alertmanagers to a webhook.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use promlink::demo::dns::{self, Dns, Zone};
use promlink::demo::prometheus::{self as standin, Setup as Standing};
use promlink::demo::standin::ANY_PORT;
use serde_json::Value;

use crate::alertmanager::{Alertmanager, free};
use crate::daemon::{Daemon, foreign, timed, until};
use crate::prometheus::{Prometheus, Setup};
use crate::receiver::Receiver;

const RULES: &str = include_str!("../../alerts/rules.yaml");
const BROKEN: &str = "PromlinkLinkBroken";
const UP: &str = "promlink_link_up{link=\"k8s\"}";
const DELIVERED: &str = "promlink_alarms_delivered";

/// Two Alertmanagers behind one name, the webhook that they tell, and the DNS that knows the name.
struct Stage {
    pair: [Alertmanager; 2],
    hook: Receiver,
    dns: Dns,
}

impl Stage {
    /// `home` is the third number of its addresses: each test has its own.
    async fn set(home: u8) -> Option<Self> {
        let hook = Receiver::start().await;
        let url = format!("{}/hook", hook.url());
        let at = |last| Ipv4Addr::new(127, 77, home, last);
        let first = free(at(1).into());
        let one = Alertmanager::start(first, &url, None).await?;
        let second = SocketAddr::new(at(2).into(), first.port());
        let two = Alertmanager::start(second, &url, Some(one.gossip())).await?;
        let mut zone = Zone::default().with("alertmanager-operated", "web", first);
        zone.services.values_mut().for_each(|service| service.addresses.push(at(2)));
        let dns = dns::start(ANY_PORT, zone).await.unwrap();
        Some(Self { pair: [one, two], hook, dns })
    }

    /// A configuration for a link to `prometheus`, with further keys of `alarms`.
    fn yaml(&self, prometheus: SocketAddr, more: &str) -> String {
        let port = self.pair[0].address().port();
        let name = format!("alertmanager-operated.monitoring.svc.cluster.local:{port}");
        format!(
            "defaults: {{interval: 1s, timeout: 900ms}}\n\
             dns: {{servers: ['{}'], search: [cluster.local]}}\n\
             links: {{k8s: {{prometheus: {{url: 'http://{prometheus}'}}}}}}\n\
             alarms: {{alertmanagers: [{{url: 'http://{name}'}}], keep_firing_for: 0s, \
             for: {{broken: 0s, no_ready_endpoints: 0s, starting: 0s}}, \
             labels: {{cluster: eu-1}}{more}}}\n",
            self.dns.address()
        )
    }

    /// What the webhook was told of the broken link, in order.
    fn told(&self) -> Vec<Value> {
        let all = self.hook.seen().into_iter().map(|seen| seen.json());
        all.filter(|told| told["commonLabels"]["alertname"] == BROKEN).collect()
    }

    fn states(&self) -> Vec<&'static str> {
        let state = |told: &Value| if told["status"] == "firing" { "firing" } else { "resolved" };
        self.told().iter().map(state).collect()
    }

    /// A promlink that told of a dead Prometheus, and was killed itself: where that was, and the
    /// configuration.
    async fn outlived(&self) -> (SocketAddr, String) {
        let watched = standin::start(ANY_PORT, Standing::default()).await.unwrap();
        let address = watched.address();
        let yaml = self.yaml(address, "");
        let daemon = Daemon::start(&yaml).await;
        daemon.until_value(UP, 1.0).await;
        watched.stop().await;
        self.is_told_once().await;
        daemon.signal("KILL");
        (address, yaml)
    }

    /// Waits until the webhook was told this many times, and no more.
    async fn until_told(&self, states: &[&str]) {
        let is = async || {
            let now = self.states();
            assert!(
                states.starts_with(&now),
                "{now:?} is more than {states:?}: {:#?}",
                self.told()
            );
            (now == states).then_some(())
        };
        until(&format!("tell {states:?}"), is).await;
    }

    /// Both have exactly one alert of the broken link, and have had time to say it twice: a group
    /// is told each second.
    async fn is_told_once(&self) {
        for one in &self.pair {
            one.until_alerts(BROKEN, 1).await;
        }
        self.until_told(&["firing"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_prometheus_reaches_people_once_with_its_cause_and_is_taken_back() {
    let Some(stage) = Stage::set(1).await else { return };
    let Some(mut watched) = Prometheus::start(Setup::default()) else { return };
    let daemon = Daemon::start(&stage.yaml(watched.address(), "")).await;
    daemon.until_value(UP, 1.0).await;
    daemon.until_value(DELIVERED, 1.0).await;

    watched.kill();
    let (took, ()) = timed(stage.until_told(&["firing"])).await;
    let told = stage.told()[0].clone();
    let annotations = &told["alerts"][0]["annotations"];
    assert_eq!(annotations["cause"], "connection_refused");
    assert!(annotations["next_step"].as_str().unwrap().starts_with("Check that the process runs"));
    assert_eq!(told["alerts"][0]["labels"]["link"], "k8s");
    // Interval, time-out, confirmation, and what the two wait for each other and their groups.
    println!("told after {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    stage.is_told_once().await;

    let _back = standin::start(watched.address(), Standing::default()).await.unwrap();
    let (took, ()) = timed(stage.until_told(&["firing", "resolved"])).await;
    println!("taken back after {took:?}");
    for one in &stage.pair {
        one.until_alerts(BROKEN, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_promlinks_tell_once_and_let_the_alert_end_by_itself() {
    let Some(stage) = Stage::set(2).await else { return };
    let watched = standin::start(ANY_PORT, Standing::default()).await.unwrap();
    let address = watched.address();
    let yaml = stage.yaml(address, ", resolve: expire");
    let daemons = [Daemon::start(&yaml).await, Daemon::start(&yaml).await];
    for daemon in &daemons {
        daemon.until_value(UP, 1.0).await;
    }
    watched.stop().await;
    for daemon in &daemons {
        daemon.until_value(UP, 0.0).await;
        let sent = "promlink_notifications_total";
        // The first round, of two addresses, told nothing.
        until("tell", async || daemon.value(sent).await.filter(|sent| *sent >= 4.0)).await;
    }
    stage.is_told_once().await;
    // Nobody refreshes it any more: four minutes after the last word it is over.
    drop(daemons);
    for one in &stage.pair {
        let alert = one.until_alerts(BROKEN, 1).await.remove(0);
        let left = ends_in(&alert);
        assert!(left < Duration::from_secs(4 * 60 + 1), "{left:?}");
        assert!(left > Duration::from_secs(3 * 60), "{left:?}");
    }
    assert_eq!(stage.states(), ["firing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_outlives_a_killed_promlink_and_another_cause() {
    let Some(stage) = Stage::set(3).await else { return };
    let (address, yaml) = stage.outlived().await;
    // A killed promlink says nothing. What it said holds for a quarter of an hour.
    let alert = stage.pair[1].until_alerts(BROKEN, 1).await.remove(0);
    assert!(ends_in(&alert) > Duration::from_secs(14 * 60), "{alert}");
    // Back after a while, it finds another fault at the same link: the same alert, told once.
    let failing = standin::start(address, Standing::default()).await.unwrap();
    failing.set(promlink::demo::fault::Prometheus::Starting).await;
    let daemon = Daemon::start(&yaml).await;
    daemon.until_value("promlink_link_cause{link=\"k8s\",cause=\"starting\"", 1.0).await;
    daemon.until_value("promlink_link_alarm{link=\"k8s\",alarm=\"broken\"}", 1.0).await;
    until("tell the new cause", async || {
        let alerts = stage.pair[0].alerts().await;
        alerts.iter().any(|alert| alert["annotations"]["cause"] == "starting").then_some(())
    })
    .await;
    stage.is_told_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_before_a_restart_is_taken_back_after_it() {
    let Some(stage) = Stage::set(5).await else { return };
    let (address, yaml) = stage.outlived().await;
    let _back = standin::start(address, Standing::default()).await.unwrap();
    let daemon = Daemon::start(&yaml).await;
    daemon.until_value(UP, 1.0).await;
    stage.until_told(&["firing", "resolved"]).await;
    for one in &stage.pair {
        one.until_alerts(BROKEN, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_that_was_away_is_told_as_soon_as_it_is_back() {
    let Some(mut stage) = Stage::set(4).await else { return };
    let watched = standin::start(ANY_PORT, Standing::default()).await.unwrap();
    let daemon = Daemon::start(&stage.yaml(watched.address(), "")).await;
    daemon.until_value(UP, 1.0).await;
    stage.pair[0].kill();
    watched.stop().await;
    stage.pair[1].until_alerts(BROKEN, 1).await;
    // One of two is enough, for people and for the rules.
    assert_eq!(daemon.value(DELIVERED).await, Some(1.0));
    stage.pair[0].restart().await;
    stage.pair[0].until_alerts(BROKEN, 1).await;
    stage.is_told_once().await;
}

/// Push wins: what is delivered, no rule begins to tell. (That they tell what is not, their own tests
/// show.)
#[tokio::test(flavor = "multi_thread")]
async fn rules_beside_the_push_keep_quiet() {
    let Some(stage) = Stage::set(6).await else { return };
    let watched = standin::start(ANY_PORT, Standing::default()).await.unwrap();
    let daemon = Daemon::start(&stage.yaml(watched.address(), "")).await;
    daemon.until_value(UP, 1.0).await;
    daemon.until_value(DELIVERED, 1.0).await;
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 500ms}}\nrule_files: [rules.yml]\n\
         scrape_configs: [{{job_name: promlink, static_configs: [{{targets: ['{}']}}]}}]\n",
        daemon.address()
    );
    let files = [("prometheus.yml", config.as_str()), ("rules.yml", RULES)];
    let setup = Setup { files: &files, ..Setup::default() };
    let Some(rules) = Prometheus::start(setup) else { return };
    watched.stop().await;
    stage.until_told(&["firing"]).await;
    let tells = format!("ALERTS{{alertname=\"{BROKEN}\"}}");
    // It has seen the alarm, and that it is delivered, and has evaluated that a few times.
    for seen in [
        "promlink_link_alarm{alarm=\"broken\"} == 1",
        "link:promlink_link_verdict:delivered5m{verdict=\"broken\"} == 1",
        "count_over_time(link:promlink_link_verdict:max5m{verdict=\"broken\"}[5m]) > 5",
    ] {
        until(seen, async || (series(&rules, seen).await == 1).then_some(())).await;
    }
    assert_eq!(series(&rules, &tells).await, 0);
}

/// How many series a query has.
async fn series(server: &Prometheus, query: &str) -> usize {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let url = format!("{}/api/v1/query?query={query}", server.url());
    let answer = foreign().get(url).send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["data"]["result"].as_array().unwrap().len()
}

/// How long the alert would stand if nobody said anything any more.
fn ends_in(alert: &Value) -> Duration {
    let end = humantime::parse_rfc3339(alert["endsAt"].as_str().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the present, as Alertmanager has it")]
    let now = std::time::SystemTime::now();
    end.duration_since(now).unwrap_or_default()
}
