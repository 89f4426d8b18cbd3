//! Assertions about the data: what does not hold is a note, and what cannot be asked is not failed.

use std::time::Duration;

use promlink::demo::fault::Prometheus as F;

use super::ground::{Config, Ground, Turn};
use super::row::{Row, check, findings, row};
use super::story::Watched;
use super::well::V9;

/// A link without Grafana that asserts this.
fn asserts(
    name: &'static str,
    given: impl Into<Vec<Turn>>,
    assertions: &'static str,
    outcome: &'static str,
    beside: &'static str,
) -> Row {
    row(name, given, "working")
        .alone()
        .config(|config| config.link = assertions)
        .check("direct/assertions", outcome)
        .beside(beside)
}

const ONE_DOWN: Turn = Turn::Serve(|setup| setup.down = 1);
const LATE: Turn = Turn::Direct(F::SlowQuery("max(up)", Duration::from_millis(200)));
const NEVER: Turn = Turn::Direct(F::SlowQuery("max(up)", Duration::from_secs(60)));
const FAILED: &str = "failed assertion_failed";

/// All of them.
pub fn rows() -> Vec<Row> {
    [asserted(), not_asked(), sets(), through_grafana()].concat()
}

fn asserted() -> Vec<Row> {
    let all = "    assertions: {some: 'count(up) > 2', each: {query: up, value: '>= 1'}, \
               none: {query: 'up == 0', empty: true}, fast: {query: up, within: 30s}}";
    vec![
        asserts("all assertions hold", [], all, "passed", ""),
        asserts(
            "an assertion without series",
            [],
            "    assertions: {pods: 'count(kube_pod_status_phase) > 0', up: up}",
            FAILED,
            "notes assertion_failed direct/assertions pods",
        ),
        asserts(
            "assertions: a value of several is wrong, and there is a series where none should be",
            [ONE_DOWN],
            all,
            FAILED,
            "notes assertion_failed direct/assertions each; \
             notes assertion_failed direct/assertions none",
        ),
        asserts(
            "an assertion answered late",
            [LATE],
            "    assertions: {soon: {query: 'max(up)', within: 100ms}, up: up}",
            FAILED,
            "notes assertion_failed direct/assertions soon",
        ),
        asserts(
            "an assertion answered late, which it may be",
            [LATE],
            "    assertions: {m: max(up)}",
            "passed",
            "",
        ),
        asserts(
            "an assertion without freshness",
            [],
            "    freshness: off\n    assertions: {up: up}",
            "passed",
            "",
        ),
        row("an assertion on the direct path of two", [], "working")
            .config(|config| config.link = "    assertions: {pods: kube_pod_status_phase}")
            .check("direct/assertions", FAILED)
            .beside("notes assertion_failed direct/assertions pods"),
    ]
}

/// What cannot be asked is not failed.
fn not_asked() -> Vec<Row> {
    let hasty = |config: &mut Config| config.timeout = "1s";
    vec![
        asserts(
            "an assertion that is rejected",
            [],
            "    assertions: {typo: nosuch(up)}",
            "skipped unsupported",
            "notes query_rejected direct/assertions typo",
        ),
        asserts(
            "an assertion that is rejected, beside a good one",
            [],
            "    assertions: {typo: nosuch(up), up: up}",
            "passed",
            "notes query_rejected direct/assertions typo",
        ),
        asserts(
            "an assertion that is lost on the way",
            [Turn::Direct(F::LostQuery("max(up)"))],
            "    assertions: {lost: max(up)}",
            "skipped needs_query",
            "",
        ),
        asserts(
            "an assertion not answered before the end of the cycle",
            [NEVER],
            "    assertions: {never: max(up), up: up}",
            "skipped needs_query",
            "",
        )
        .config(hasty),
        asserts(
            "an assertion not answered before its own time is over",
            [NEVER],
            "    assertions: {never: {query: max(up), within: 100ms}}",
            FAILED,
            "notes assertion_failed direct/assertions never",
        )
        .config(hasty),
        row(
            "an assertion about stale data",
            [Turn::Both(F::Stale(Duration::from_secs(200)))],
            STALE,
        )
        .alone()
        .config(|config| config.link = "    assertions: {up: up}")
        .check("direct/assertions", "skipped needs_freshness"),
    ]
}

const STALE: &str = "broken data_stale direct freshness prometheus";

fn sets() -> Vec<Row> {
    const NONE_OF_KUBERNETES: &str = "notes assertion_failed direct/assertions \
        kubernetes.container_cpu; notes assertion_failed direct/assertions \
        kubernetes.container_memory; notes assertion_failed direct/assertions \
        kubernetes.kube_state_metrics; notes assertion_failed direct/assertions \
        kubernetes.kube_system_cpu; notes assertion_failed direct/assertions \
        kubernetes.kubelets; notes assertion_failed direct/assertions \
        kubernetes.pods_running";
    let off = "    assertion_sets: [prometheus]\n    assertions: {prometheus.rules: off, up: up}";
    vec![
        asserts(
            "the set `prometheus` where nobody scrapes a Prometheus",
            [],
            "    assertion_sets: [prometheus]",
            "skipped unsupported",
            "",
        ),
        asserts(
            "the set `kubernetes` without Kubernetes",
            [],
            "    assertion_sets: [kubernetes, prometheus]",
            FAILED,
            NONE_OF_KUBERNETES,
        ),
        asserts(
            "the set `prometheus` without one of its own, and an own one",
            [],
            off,
            "passed",
            "",
        ),
    ]
}

fn through_grafana() -> Vec<Row> {
    let asserts = |name, given: &[Turn], assertions, outcome, beside: &'static str| {
        row(name, given, "working")
            .through_grafana()
            .config(|config| config.link = assertions)
            .check("grafana/assertions", outcome)
            .beside(beside)
    };
    let all = "    assertions: {some: 'count(up) > 2', each: {query: up, value: '>= 1'}, \
               none: {query: 'up == 0', empty: true}, scalar: '1'}";
    let late = Turn::Behind(F::SlowQuery("max(up)", Duration::from_millis(200)));
    let never = Turn::Behind(F::SlowQuery("max(up)", Duration::from_secs(60)));
    let passed = "passed";
    vec![
        asserts("assertions through Grafana 13 hold", &[], all, passed, ""),
        asserts("assertions through Grafana 9.3 hold", &[V9], all, passed, ""),
        asserts(
            "assertions through Grafana do not hold",
            &[ONE_DOWN],
            all,
            FAILED,
            "notes assertion_failed grafana/assertions each; \
             notes assertion_failed grafana/assertions none",
        ),
        asserts(
            "an assertion through Grafana is rejected, beside a good one",
            &[],
            "    assertions: {typo: nosuch(up), up: up}",
            passed,
            "notes query_rejected grafana/assertions typo",
        ),
        asserts(
            "an assertion through Grafana 9.3 is rejected, beside a good one",
            &[V9],
            "    assertions: {typo: nosuch(up), up: up}",
            passed,
            "notes query_rejected grafana/assertions typo",
        ),
        asserts(
            "an assertion through Grafana is rejected",
            &[V9],
            "    assertions: {typo: nosuch(up)}",
            "skipped unsupported",
            "notes query_rejected grafana/assertions typo",
        ),
        asserts(
            "an assertion through Grafana is answered late",
            &[late],
            "    assertions: {soon: {query: max(up), within: 100ms}, up: up}",
            FAILED,
            "notes assertion_failed grafana/assertions soon",
        ),
        asserts(
            "an assertion through Grafana is never answered",
            &[never],
            "    assertions: {never: max(up)}",
            "skipped needs_grafana_query",
            "",
        )
        .config(|config| config.timeout = "1s"),
    ]
}

#[tokio::test]
async fn each_is_named_with_its_reason() {
    let ground = Ground::build().await;
    let config = Config {
        grafana: "",
        link: "    assertions: {pods: kube_pod_status_phase, up: {query: up, value: '> 0'}}",
        ..Config::default()
    };
    let link = check(&ground.yaml(&config)).await;
    let rows = link["checks"].as_array().unwrap();
    let row = rows.iter().find(|row| row["check"] == "assertions").unwrap();
    let lines = ["pods: does not hold, the answer has no series", "up: holds, 3 series, each > 0"];
    assert_eq!(row["evidence"]["assertions"], serde_json::json!(lines));
    assert_eq!(findings(&link), "notes assertion_failed direct/assertions pods");
    assert_eq!(link["findings"][0]["detail"], lines[0]);
}

/// How often this query was asked.
fn times(seen: &[String], query: &str) -> usize {
    seen.iter().filter(|seen| seen.ends_with(query)).count()
}

#[tokio::test]
async fn a_daemon_asks_once_a_minute_and_keeps_what_it_found() {
    let ground = Ground::build().await;
    let config = Config {
        interval: "1s",
        timeout: "900ms",
        grafana: "",
        link: "    assertions: {pods: kube_pod_status_phase, up: count(up)}",
        ..Config::default()
    };
    let daemon = Watched::start(&ground.link, &ground.yaml(&config)).await;
    daemon.after_cycles(3.0).await;
    let seen = ground.direct.seen();
    let asked = |query: &str| times(&seen, query);
    assert_eq!((asked(" kube_pod_status_phase"), asked(" count(up)")), (1, 1), "{seen:?}");
    assert!(asked(" up") >= 3, "{seen:?}");
    let metrics = daemon.get("/metrics").await;
    for (name, value) in [("pods", 0), ("up", 1)] {
        let link = &ground.link;
        let series = format!("assertion_success{{link=\"{link}\",assertion=\"{name}\"}} {value}\n");
        assert!(metrics.contains(&series), "{series}{metrics}");
    }
}

#[tokio::test]
async fn one_that_hangs_keeps_neither_the_link_nor_the_others_from_working() {
    let ground = Ground::build().await;
    ground.turns(&[NEVER]).await;
    let config = Config {
        interval: "1s",
        timeout: "900ms",
        grafana: "",
        link: "    assertions: {a: max(up), b: count(up)}",
        ..Config::default()
    };
    let daemon = Watched::start(&ground.link, &ground.yaml(&config)).await;
    daemon.after_cycles(3.0).await;
    let seen = ground.direct.seen();
    let asked = |query: &str| times(&seen, query);
    assert_eq!((asked(" max(up)"), asked(" count(up)")), (1, 1), "{seen:?}");
    let metrics = daemon.get("/metrics").await;
    let link = &ground.link;
    for series in [
        format!("promlink_link_up{{link=\"{link}\"}} 1\n"),
        format!("promlink_assertion_success{{link=\"{link}\",assertion=\"b\"}} 1\n"),
        format!(
            "promlink_check_success{{link=\"{link}\",path=\"direct\",check=\"assertions\"}} 1\n"
        ),
    ] {
        assert!(metrics.contains(&series), "{series}{metrics}");
    }
    assert!(!metrics.contains("assertion=\"a\""), "{metrics}");
}

#[tokio::test]
async fn one_that_hangs_behind_grafana_takes_nothing_from_the_others() {
    let ground = Ground::build().await;
    ground.turns(&[Turn::Behind(F::SlowQuery("max(up)", Duration::from_secs(60)))]).await;
    let config = Config {
        interval: "1s",
        timeout: "900ms",
        prometheus: "",
        link: "    assertions: {a: max(up), b: count(up), c: sum(up)}",
        ..Config::default()
    };
    let daemon = Watched::start(&ground.link, &ground.yaml(&config)).await;
    // Together, then each by itself, and one more for the cycle that begins before its answer.
    daemon.after_cycles(5.0).await;
    let metrics = daemon.get("/metrics").await;
    let link = &ground.link;
    for series in [
        format!("promlink_link_up{{link=\"{link}\"}} 1\n"),
        format!("promlink_assertion_success{{link=\"{link}\",assertion=\"b\"}} 1\n"),
        format!("promlink_assertion_success{{link=\"{link}\",assertion=\"c\"}} 1\n"),
    ] {
        assert!(metrics.contains(&series), "{series}{metrics}");
    }
    assert!(!metrics.contains("assertion=\"a\""), "{metrics}");
}
