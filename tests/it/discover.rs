//! Data sources that become links by themselves, and go again.

use std::fs;
use std::process::Output;

use promlink::demo::dns::{self, Zone};
use promlink::demo::fault;
use promlink::demo::grafana::{self, Datasource, Flavour, Grafana, Setup, TOKEN};
use promlink::demo::prometheus::{self, Prometheus};
use promlink::demo::standin::ANY_PORT;
use serde_json::json;

use crate::daemon::{Daemon, until};

/// Both ends, with a list that is read each second.
struct Stage {
    prometheus: Prometheus,
    grafana: Grafana,
}

impl Stage {
    async fn new() -> Self {
        let prometheus = prometheus::start(ANY_PORT, prometheus::Setup::default()).await.unwrap();
        let setup = Setup::new(Flavour::V13, &format!("http://{}", prometheus.address()));
        let grafana = grafana::start(ANY_PORT, setup).await.unwrap();
        Self { prometheus, grafana }
    }

    fn source(&self, uid: &str) -> Datasource {
        let url = format!("http://{}", self.prometheus.address());
        Datasource {
            uid: uid.to_owned(),
            name: format!("Name of {uid}"),
            is_default: false,
            ..Datasource::prometheus(&url)
        }
    }

    fn list(&self, uids: &[&str]) {
        let sources: Vec<_> = uids.iter().map(|uid| self.source(uid)).collect();
        self.grafana.edit(|setup| setup.datasources = sources);
    }

    /// The configuration, with these keys of `discover`, and with this after it.
    fn config(&self, discover: &str, after: &str) -> String {
        let url = format!("http://{}", self.grafana.address());
        format!(
            "grafanas:\n  main: {{url: '{url}', authorization: {{credentials: {TOKEN}}}, \
             discover: {{interval: 1s, allow: [127.0.0.1], overrides: \
             [{{match: '*', interval: 1s, timeout: 900ms}}], {discover}}}}}\n{after}"
        )
    }
}

fn up(name: &str) -> String {
    format!("promlink_link_up{{link=\"{name}\"}}")
}

async fn is_gone(daemon: &Daemon, name: &str) {
    let link = format!("link=\"{name}\"");
    let gone = async || (!daemon.metrics().await.contains(&link)).then_some(());
    until("forget all series of a link", gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_appear_and_go_with_their_series() {
    let stage = Stage::new().await;
    stage.list(&["a", "b"]);
    let daemon = Daemon::start(&stage.config("", "")).await;
    daemon.until_value(&up("main/a"), 1.0).await;
    daemon.until_value(&up("main/b"), 1.0).await;
    daemon.until_value("promlink_discovered_links{grafana=\"main\"}", 2.0).await;
    let metrics = daemon.metrics().await;
    let url = format!("http://{}", stage.prometheus.address());
    let info = format!(
        "promlink_link_info{{link=\"main/a\",prometheus_url=\"{url}\",grafana=\"main\",\
         datasource_uid=\"a\",datasource_name=\"Name of a\"}} 1"
    );
    assert!(metrics.contains(&info), "{metrics}");
    assert!(metrics.contains("promlink_discovery_last_success_timestamp_seconds{"), "{metrics}");

    stage.list(&["a", "c"]);
    daemon.until_value(&up("main/c"), 1.0).await;
    is_gone(&daemon, "main/b").await;
    let log = daemon.log();
    let gone: Vec<_> = log.lines().filter(|line| line.contains("gone from three")).collect();
    assert_eq!(gone.len(), 1, "{log}");
    assert!(gone[0].contains("level=info") && gone[0].contains("link=main/b"), "{log}");
    assert_eq!(daemon.value(&up("main/a")).await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_lists_lack_is_blind_and_a_list_without_any_does_not_count() {
    let stage = Stage::new().await;
    stage.list(&["a", "b"]);
    let daemon = Daemon::start(&stage.config("", "")).await;
    daemon.until_value(&up("main/a"), 1.0).await;
    stage.grafana.set(fault::Grafana::DatasourceMissing).await;
    let blind = "promlink_link_verdict{link=\"main/a\",verdict=\"blind\"}";
    daemon.until_value(blind, 1.0).await;
    let asked = || stage.grafana.seen().iter().filter(|r| *r == "GET /api/datasources").count();
    let before = asked();
    until("read more lists", async || (asked() > before + 4).then_some(())).await;
    assert_eq!(daemon.value(blind).await, Some(1.0));
    stage.grafana.set(fault::Grafana::None).await;
    daemon.until_value(&up("main/a"), 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_links_replace_found_ones_and_a_reload_keeps_these() {
    let stage = Stage::new().await;
    stage.list(&["a", "b", "dev-1"]);
    let with = |link: &str| stage.config("exclude: [dev-*]", link);
    let daemon = Daemon::start(&with("")).await;
    daemon.until_value(&up("main/a"), 1.0).await;
    daemon.until_value(&up("main/b"), 1.0).await;
    let since = "promlink_link_verdict_changed_timestamp_seconds{link=\"main/b\"}";
    let before = daemon.value(since).await.unwrap();
    let mine = "links:\n  mine: {interval: 1s, timeout: 900ms, grafana: {name: main, \
                datasource: {uid: a}}}\n";
    fs::write(daemon.folder().join("promlink.yml"), with(mine)).unwrap();
    assert_eq!(daemon.post("/-/reload").await.0, 200);
    daemon.until_value(&up("mine"), 1.0).await;
    is_gone(&daemon, "main/a").await;
    assert_eq!(daemon.value(since).await, Some(before), "what stays keeps its state");
    is_gone(&daemon, "main/dev-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_fail_or_shrink_take_no_link_at_once() {
    let stage = Stage::new().await;
    stage.list(&["a", "b", "c", "d", "e"]);
    let daemon = Daemon::start(&stage.config("", "")).await;
    daemon.until_value(&up("main/e"), 1.0).await;
    let asked = |path: &str| stage.grafana.seen().iter().filter(|seen| *seen == path).count();
    let lists = || asked("GET /api/datasources");
    stage.grafana.edit(|setup| setup.tokens.clear());
    let blind = "promlink_link_verdict{link=\"main/e\",verdict=\"blind\"}";
    daemon.until_value(blind, 1.0).await;
    // Each list that is tried asks for our rights first, and each cycle does.
    let before = asked("GET /api/org");
    let tried = async || (asked("GET /api/org") > before + 20).then_some(());
    until("try to read lists", tried).await;
    assert_eq!(daemon.value(blind).await, Some(1.0));
    let log = daemon.log();
    let said: Vec<_> = log.lines().filter(|line| line.contains("no list of data")).collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(said[0].contains("cause=token_rejected"), "{log}");

    stage.grafana.edit(|setup| setup.tokens = [TOKEN.to_owned()].into());
    daemon.until_value(&up("main/e"), 1.0).await;
    stage.list(&["a"]);
    let before = lists();
    is_gone(&daemon, "main/e").await;
    // The first one does not count, and three do; one may have been under way.
    assert!(lists() >= before + 4, "{} lists", lists() - before);
    assert!(daemon.log().contains("much shorter"), "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_data_sources_are_bounded() {
    let stage = Stage::new().await;
    let uids: Vec<String> = (0..5000).map(|uid| format!("uid-{uid:04}")).collect();
    stage.list(&uids.iter().map(String::as_str).collect::<Vec<_>>());
    let daemon = Daemon::start(&stage.config("limit: 3", "")).await;
    daemon.until_value(&up("main/uid-0002"), 1.0).await;
    daemon.until_value("promlink_discovered_links{", 3.0).await;
    assert!(daemon.log().contains("4997 over the limit"), "{}", daemon.log());
    let peak = daemon.peak() / 1024;
    println!("5,000 data sources listed, 3 links: {peak} MiB at the most");
    assert!(peak < 64, "{peak} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_dns_tells_what_is_there() {
    let stage = Stage::new().await;
    // As kube-prometheus provides it: none is the default.
    stage.list(&["P1809F7CD0C75ACF3"]);
    let zone = Zone::default().with("prometheus-k8s", "web", stage.prometheus.address()).with(
        "grafana",
        "http",
        stage.grafana.address(),
    );
    let search = zone.search("default").join(",");
    let dns = dns::start(ANY_PORT, zone).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, TOKEN).unwrap();
    let at = |variable: &'static str, value: &str| (variable, value.to_owned());
    let variables = [
        at("PROMLINK__DNS__SERVERS", &dns.address().to_string()),
        at("PROMLINK__DNS__SEARCH", &search),
        at("PROMLINK__DEFAULTS__INTERVAL", "1s"),
        at("PROMLINK__DEFAULTS__TIMEOUT", "900ms"),
    ];
    let flags = ["--discover".to_owned()];
    let daemon = Daemon::run(tempfile::tempdir().unwrap(), &flags, &variables).await;
    let blind = "promlink_link_verdict{link=\"monitoring\",verdict=\"blind\"}";
    daemon.until_value(blind, 1.0).await;
    let log = daemon.log();
    let variable = "PROMLINK__GRAFANAS__MONITORING__AUTHORIZATION__CREDENTIALS_FILE";
    for says in
        ["http://prometheus-k8s.monitoring.svc:", "http://grafana.monitoring.svc:", variable]
    {
        assert!(log.contains(says), "{says}: {log}");
    }
    assert_eq!(daemon.post("/-/reload").await.0, 200);
    drop(daemon);
    let flags = ["--discover".to_owned(), format!("--discover.token-file={}", token.display())];
    let daemon = Daemon::run(folder, &flags, &variables).await;
    daemon.until_value(&up("monitoring"), 1.0).await;
    daemon.until_value("promlink_discovered_links{grafana=\"monitoring\"}", 1.0).await;
    let metrics = daemon.metrics().await;
    assert!(!metrics.contains("link=\"monitoring/"), "the same data source twice: {metrics}");
    let output = tokio::task::spawn_blocking(move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_promlink"));
        command.arg("check").args(flags).envs(variables).output().unwrap()
    });
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("found Grafana at http://grafana.monitoring.svc:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_list_one_link_says_why() {
    let stage = Stage::new().await;
    stage.list(&["a"]);
    stage.grafana.edit(|setup| setup.tokens.clear());
    let daemon = Daemon::start(&stage.config("", "")).await;
    let cause = "promlink_link_cause{link=\"main\",cause=\"token_rejected\"";
    daemon.until_value(cause, 1.0).await;
    stage.grafana.edit(|setup| setup.tokens = [TOKEN.to_owned()].into());
    daemon.until_value(&up("main/a"), 1.0).await;
    is_gone(&daemon, "main").await;
}

/// `promlink check` with this file.
fn check(config: &str, args: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.yml");
    fs::write(&file, config).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_promlink"));
    command.arg("check").arg(format!("--config.file={}", file.display())).args(args);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

async fn checked(config: &str, args: &'static [&'static str]) -> (Output, String) {
    let config = config.to_owned();
    tokio::task::spawn_blocking(move || check(&config, args)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_lists_first_and_says_why_there_is_no_list() {
    let stage = Stage::new().await;
    stage.list(&["a", "b"]);
    let config = stage.config("", "");
    let (output, text) = checked(&config, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("main/a") && text.contains("Name of b"), "{text}");
    let (output, text) = checked(&config, &["--link", "main/b"]).await;
    assert!(!text.contains("main/a") && text.contains("main/b"), "{text} {output:?}");
    let (output, _) = checked(&config, &["--link", "man/b"]).await;
    assert_eq!(output.status.code(), Some(64));
    let (output, _) = checked(&config, &["--link", "main/a", "--link", "main/c"]).await;
    assert_eq!(output.status.code(), Some(3), "one that nobody found is not working");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(error, "--link main/c: no data source became this link\n");

    stage.grafana.edit(|setup| setup.tokens.clear());
    let (output, text) = checked(&config, &[]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(text.contains("token_rejected"), "{text}");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("grafanas.main: no list of data sources: token_rejected"), "{error}");
}

/// The checks of the direct path of the one link, by what Grafana's data source is like.
async fn direct(stage: &Stage, keys: &str, source: Datasource, dns: &str) -> serde_json::Value {
    stage.grafana.edit(|setup| setup.datasources = vec![source]);
    let (output, text) = checked(&stage.config(keys, dns), &["--output=json"]).await;
    assert_eq!(output.status.code(), Some(0), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let checks = document["links"][0]["checks"].as_array().unwrap().clone();
    json!(checks.into_iter().filter(|check| check["path"] == "direct").collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn promlink_asks_only_where_it_may() {
    let stage = Stage::new().await;
    let refused = async |keys: &str, source: Datasource, dns: &str, reason: &str| {
        let before = stage.prometheus.seen().len();
        let checks = direct(&stage, keys, source, dns).await;
        assert_eq!(checks[0]["why"], "not_permitted", "{checks}");
        let said = checks[0]["evidence"]["reason"].as_str().unwrap_or_default().to_owned();
        assert!(said.contains(reason), "{checks}");
        let asked = stage.prometheus.seen().len() - before;
        // Grafana asked, and nobody else.
        assert!(asked >= 1, "{asked}");
    };
    let header = json!({"httpMethod": "POST", "httpHeaderName1": "X-Scope-OrgID"});
    let with_header = Datasource { json_data: header, ..stage.source("a") };
    refused("", with_header, "", "headers of its own").await;
    let (_, table) = checked(&stage.config("", ""), &[]).await;
    assert!(table.contains("skipped: not permitted, the data source has headers"), "{table}");

    // Names that Grafana reads, and promlink must not, or does not know.
    let port = stage.prometheus.address().port();
    let mut zone = Zone::default().with("evil", "web", stage.prometheus.address());
    zone.outside.insert("prom.example".to_owned(), [127, 0, 0, 1].into());
    let search = zone.search("monitoring");
    let dns = dns::start(ANY_PORT, zone).await.unwrap();
    let after =
        format!("dns: {{servers: ['{}'], search: [{}]}}\n", dns.address(), search.join(","));
    stage.grafana.edit(|setup| {
        setup.network.dns = Some(dns.address());
        setup.network.search = search;
    });
    let at = |name: &str| Datasource { url: format!("http://{name}:{port}"), ..stage.source("a") };
    refused("namespace: monitoring", at("evil"), &after, "leads to 127.0.0.1").await;
    refused("", at("evil"), &after, "`namespace` is not set").await;
    refused("", at("prom.example"), &after, "not known here").await;

    // What has no direct path is asserted through Grafana.
    let source = Datasource { url: format!("http://evil:{port}"), ..stage.source("a") };
    stage.grafana.edit(|setup| setup.datasources = vec![source]);
    let after = format!("{after}defaults: {{assertions: {{any: up}}}}\n");
    let daemon = Daemon::start(&stage.config("namespace: monitoring", &after)).await;
    let holds = "promlink_assertion_success{link=\"main/a\",assertion=\"any\"}";
    daemon.until_value(holds, 1.0).await;
    assert_eq!(daemon.value(&up("main/a")).await, Some(1.0));
}
