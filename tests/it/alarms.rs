//! Alarms that promlink delivers itself, to receivers that are stand-ins.

use std::fs;
use std::process::Command;

use promlink::demo::dns::{self, Zone};
use promlink::demo::prometheus::{self, Prometheus, Setup};
use promlink::demo::standin::ANY_PORT;
use serde_json::Value;

use crate::daemon::{Daemon, until};
use crate::receiver::{Receiver, Seen};

const ALERTS: &str = "/api/v2/alerts";
const DELIVERED: &str = "promlink_alarms_delivered";

async fn stand_in() -> Prometheus {
    prometheus::start(ANY_PORT, Setup::default()).await.unwrap()
}

/// A link that is looked at each second and whose alarms do not wait; `receivers` are keys below
/// `alarms`.
fn yaml(prometheus: &str, receivers: &str) -> String {
    format!(
        "defaults: {{interval: 1s, timeout: 900ms}}\n\
         links: {{k8s: {{prometheus: {{url: '{prometheus}'}}, labels: {{team: platform}}}}}}\n\
         web: {{external_url: 'https://promlink.example.org/'}}\n\
         alarms:\n  for: {{broken: 0s, no_ready_endpoints: 0s}}\n  keep_firing_for: 0s\n  \
         labels: {{cluster: eu-1}}\n  {receivers}\n"
    )
}

/// The alerts of all lists, each as its name and whether it has ended.
fn alerts(seen: &[Seen]) -> Vec<(String, bool)> {
    let posts = seen.iter().filter(|seen| seen.path.ends_with(ALERTS)).map(Seen::json);
    let lists = posts.map(|list| list.as_array().unwrap().clone());
    lists
        .flatten()
        .map(|alert| (alert["labels"]["alertname"].as_str().unwrap().to_owned(), is_over(&alert)))
        .collect()
}

/// Whether an alert of Alertmanager's API ends now: what stands ends in a quarter of an hour.
fn is_over(alert: &Value) -> bool {
    let end = alert["endsAt"].as_str().unwrap();
    let end = humantime::parse_rfc3339(end).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the present, as a receiver has it")]
    let now = std::time::SystemTime::now();
    end < now + std::time::Duration::from_secs(60)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_prometheus_is_told_and_taken_back_to_every_kind_of_receiver() {
    let prometheus = stand_in().await;
    let url = format!("http://{}", prometheus.address());
    let (am, hook, beat) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let daemon = Daemon::start(&yaml(
        &url,
        &format!(
            "alertmanagers: [{{url: '{}/am', basic_auth: {{username: u, password: p4ssw0rd}}}}]\n  \
             webhooks: [{{url: '{}/hook/s3cr3t-path?x=1'}}]\n  \
             heartbeat: {{url: '{}/beat/uuid', interval: 12s, links: true}}",
            am.url(),
            hook.url(),
            beat.url()
        ),
    ))
    .await;
    // An empty list, or what is taken back of before the start.
    daemon.until_value(DELIVERED, 1.0).await;
    let first = am.seen();
    assert_eq!(first[0].path, "/am/api/v2/alerts");
    assert_eq!(first[0].headers["authorization"], "Basic dTpwNHNzdzByZA==");
    assert!(alerts(&first).iter().all(|(_, over)| *over), "{first:?}");
    let good = until("beat", async || beat.seen().first().cloned()).await;
    assert_eq!(good.path, "/beat/uuid");
    assert!(good.body.starts_with("links: "), "{}", good.body);
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 1.0).await;

    am.forget();
    prometheus.stop().await;
    let told = until("tell Alertmanager", async || {
        let stands = |list: &Value| list.as_array().unwrap().iter().find(|a| !is_over(a)).cloned();
        am.seen().iter().find_map(|seen| stands(&seen.json()))
    });
    let told = told.await;
    let server = url.trim_start_matches("http://");
    assert_eq!(
        told["labels"],
        serde_json::json!({"alertname": "PromlinkLinkBroken", "cluster": "eu-1", "link": "k8s",
            "server": server, "severity": "critical", "team": "platform"})
    );
    let annotations = &told["annotations"];
    assert_eq!(annotations["cause"], "connection_refused");
    assert_eq!(
        annotations["runbook_url"],
        "https://promlink.example.org/runbooks/connection_refused"
    );
    assert!(annotations["summary"].as_str().unwrap().starts_with("k8s: "), "{annotations}");

    let notified = until("tell the webhook", async || hook.seen().first().cloned()).await;
    assert_eq!(notified.path, "/hook/s3cr3t-path?x=1");
    let payload = notified.json();
    assert_eq!((&payload["version"], &payload["status"]), (&"4".into(), &"firing".into()));
    assert_eq!(payload["alerts"][0]["labels"], told["labels"]);
    let bad = until("beat a failure", async || {
        beat.seen().into_iter().find(|seen| seen.path == "/beat/uuid/fail")
    })
    .await;
    assert!(bad.body.starts_with("1 of 1 links are broken\n"), "{}", bad.body);
    assert_eq!(hook.seen().len(), 1, "once");

    am.forget();
    let _again = prometheus::start(server.parse().unwrap(), Setup::default()).await.unwrap();
    until("say that it is over", async || {
        alerts(&am.seen())
            .iter()
            .any(|(name, over)| name == "PromlinkLinkBroken" && *over)
            .then_some(())
    })
    .await;
    let end = until("tell the webhook the end", async || hook.seen().get(1).cloned()).await;
    assert_eq!(end.json()["status"], "resolved");
    let log = daemon.log();
    assert!(!log.contains("s3cr3t-path") && !log.contains("p4ssw0rd"), "{log}");
    assert!(!daemon.metrics().await.contains("s3cr3t-path"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_tried_again_and_nothing_of_it_is_lost() {
    let prometheus = stand_in().await;
    let url = format!("http://{}", prometheus.address());
    let (am, hook) = (Receiver::start().await, Receiver::start().await);
    am.answers(|answer| answer.status = 503);
    hook.answers(|answer| {
        answer.status = 503;
        answer.body = "no: /hook/s3cr3t-path is closed".to_owned();
    });
    let daemon = Daemon::start(&yaml(
        &url,
        &format!(
            "alertmanagers: [{{url: '{}'}}]\n  webhooks: [{{name: pager, url: '{}/hook/s3cr3t-path'}}]",
            am.url(),
            hook.url()
        ),
    ))
    .await;
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 1.0).await;
    prometheus.stop().await;
    let failed = "promlink_notifications_failed_total{receiver=\"webhook pager\"}";
    until("fail", async || daemon.value(failed).await.filter(|count| *count >= 2.0)).await;
    assert_eq!(daemon.value(DELIVERED).await, Some(0.0), "the rules have to tell");
    let log = daemon.log();
    let told = log.lines().filter(|line| line.contains("not told; it is tried again"));
    assert_eq!(told.count(), 2, "one line for each receiver: {log}");
    assert!(log.contains("answered 503") && !log.contains("s3cr3t-path"), "{log}");

    for receiver in [&am, &hook] {
        receiver.forget();
        receiver.answers(|answer| answer.status = 200);
    }
    daemon.until_value(DELIVERED, 1.0).await;
    until("tell Alertmanager", async || {
        alerts(&am.seen()).contains(&("PromlinkLinkBroken".to_owned(), false)).then_some(())
    })
    .await;
    let notified = until("tell the webhook", async || hook.seen().last().cloned()).await;
    assert_eq!(notified.json()["alerts"][0]["labels"]["link"], "k8s");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_those_of_an_alertmanager_whose_clock_is_ahead() {
    let am = Receiver::start().await;
    am.answers(|answer| answer.ahead = 300);
    let daemon = Daemon::start(&yaml(
        "http://127.0.0.1:1",
        &format!("resolve: expire\n  alertmanagers: [{{url: '{}'}}]", am.url()),
    ))
    .await;
    // Four minutes from now are over there; nine are not.
    until("tell it in its time", async || {
        let all = am.seen().iter().map(Seen::json).collect::<Vec<_>>();
        let ends = all
            .iter()
            .flat_map(|list| list.as_array().unwrap())
            .map(|alert| humantime::parse_rfc3339(alert["endsAt"].as_str().unwrap()).unwrap());
        #[expect(clippy::disallowed_methods, reason = "the present, as a receiver has it")]
        let now = std::time::SystemTime::now();
        let in_its_time = std::time::Duration::from_secs(480);
        ends.max().filter(|end| *end > now + in_its_time)
    })
    .await;
    assert!(daemon.log().contains("its clock differs"), "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_come_and_go_with_the_configuration() {
    let prometheus = stand_in().await;
    let url = format!("http://{}", prometheus.address());
    let am = Receiver::start().await;
    let daemon = Daemon::start(&yaml(&url, "collapse_at: 5")).await;
    let warned = "no receiver of alarms is configured";
    until("warn", async || daemon.log().contains(warned).then_some(())).await;
    assert_eq!(daemon.value("promlink_alarm_receivers").await, Some(0.0));
    let file = daemon.folder().join("promlink.yml");
    fs::write(&file, yaml(&url, &format!("alertmanagers: [{{url: '{}'}}]", am.url()))).unwrap();
    daemon.until_value(DELIVERED, 1.0).await;
    fs::write(&file, yaml(&url, "collapse_at: 5")).unwrap();
    daemon.until_value("promlink_alarm_receivers", 0.0).await;
    daemon.until_value(DELIVERED, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alert_through_every_way_shows_what_each_answers() {
    let (am, hook, beat) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    hook.answers(|answer| {
        answer.status = 404;
        answer.body = "no such path: /s3cr3t-path".to_owned();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.yml");
    let receivers = format!(
        "alertmanagers: [{{url: '{}'}}, {{url: 'http://127.0.0.1:1'}}, \
         {{url: 'http://nowhere.example:9093'}}]\n  webhooks: [{{name: pager, url: '{}/s3cr3t-path'}}]\n  heartbeat: {{url: '{}/uuid'}}",
        am.url(),
        hook.url(),
        beat.url()
    );
    let dns = dns::start(ANY_PORT, Zone::default()).await.unwrap();
    let dns = format!("dns: {{servers: ['{}'], search: []}}\n", dns.address());
    fs::write(&file, dns + &yaml("http://127.0.0.1:1", &receivers)).unwrap();
    let run = move || {
        let file = format!("--config.file={}", file.display());
        Command::new(env!("CARGO_BIN_EXE_promlink")).args(["alarm", "test", &file]).output()
    };
    let told = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let am_name = am.url().replace("http://", "alertmanager ");
    assert_eq!(lines[0], format!("ok    {am_name}: answered 200"));
    let refused = "http://127.0.0.1:1/api/v2/alerts: Connection refused; check that it runs, and the \
                   port of its url";
    assert_eq!(lines[1], format!("FAIL  alertmanager 127.0.0.1:1: {refused}"));
    let nowhere = "nowhere.example has no address (NXDOMAIN); correct the host of its url";
    assert_eq!(lines[2], format!("FAIL  alertmanager nowhere.example:9093: {nowhere}"));
    let lost = "/<secret> answered 404; nothing takes alarms at that path: check that its path is \
                whole, and was not revoked. Its words: no such path: <secret>";
    assert_eq!(lines[3], format!("FAIL  webhook pager: {}{lost}", hook.url()));
    assert_eq!(lines[4], "ok    heartbeat: answered 200");
    assert_eq!(told.status.code(), Some(1));
    let alert = am.seen()[0].json()[0].clone();
    assert_eq!(alert["labels"]["alertname"], "PromlinkTest");
    assert_eq!(alert["labels"]["cluster"], "eu-1");
    assert_eq!(hook.seen()[0].json()["status"], "firing");
    assert_eq!(beat.seen()[0].path, "/uuid");
}
