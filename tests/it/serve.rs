//! What the daemon serves, to scrapers, probers, kubelets and people.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use promlink::demo::fault::{self, Wire};
use promlink::demo::prometheus::{self, Prometheus as StandIn, Setup};
use promlink::demo::standin::ANY_PORT;

use tokio::io::AsyncWriteExt as _;
use tokio::net;
use tokio::task::JoinSet;

use crate::daemon::{Daemon, until};
use crate::prometheus::Prometheus;

async fn stand_in() -> StandIn {
    prometheus::start(ANY_PORT, Setup::default()).await.unwrap()
}

/// A link `k8s` to it, looked at each second.
fn yaml(server: &StandIn) -> String {
    format!(
        "defaults: {{interval: 1s, timeout: 900ms}}\n\
         links: {{k8s: {{prometheus: {{url: 'http://{}'}}}}}}\n",
        server.address()
    )
}

async fn daemon(server: &StandIn) -> Daemon {
    let daemon = Daemon::start(&yaml(server)).await;
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 1.0).await;
    daemon
}

/// Labels of every series in the catalogue.
fn catalogue() -> BTreeMap<String, BTreeSet<String>> {
    let table = Command::new(env!("CARGO_BIN_EXE_promlink"));
    let output = { table }.args(["metrics", "--markdown"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows = table.lines().filter(|line| line.contains("promlink_"));
    let cells = rows.map(|row| row.split('|').map(|cell| cell.replace('`', "")).collect());
    cells.map(|cells: Vec<String>| (cells[1].trim().to_owned(), labels(&cells[4]))).collect()
}

fn labels(list: &str) -> BTreeSet<String> {
    let names = list.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_series_is_one_of_the_catalogue() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    let catalogue = catalogue();
    assert!(catalogue.len() > 40, "{catalogue:#?}");
    let metrics = daemon.metrics().await;
    let mut seen = 0;
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let name_end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(name_end);
        if name.starts_with("process_") {
            continue;
        }
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).filter(|f| catalogue.contains_key(*f)))
            .unwrap_or(name);
        let known = catalogue.get(family).unwrap_or_else(|| panic!("not in the catalogue: {line}"));
        let pairs = rest.split(['{', '}']).nth(1).unwrap_or_default();
        for pair in pairs.split("\",").filter(|pair| !pair.is_empty()) {
            let (label, _) = pair.split_once('=').unwrap();
            assert!(label == "le" || known.contains(label), "{label} of {line}; {known:?}");
        }
        seen += 1;
    }
    assert!(seen > 60, "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_metrics_are_the_same_series() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    let response = daemon.get_with("/metrics", "accept-encoding", "gzip").await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let bytes = response.bytes().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    let names = |text: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| Some(line.split([' ', '{']).next()?.to_owned())).collect()
    };
    assert_eq!(names(&text), names(&daemon.metrics().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_prometheus_scrapes_it_and_promtool_accepts_it() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    let target = daemon.address().to_string();
    let scrape = format!("static_configs: [{{targets: ['{target}']}}]");
    let Some(real) = Prometheus::start(crate::prometheus::Setup {
        scrape: &scrape,
        ..crate::prometheus::Setup::default()
    }) else {
        return;
    };
    until("be scraped", async || {
        let url = format!("{}/api/v1/query?query=promlink_link_up", real.url());
        let answer = reqwest::get(url).await.ok()?.text().await.ok()?;
        answer.contains("\"1\"]").then_some(())
    })
    .await;

    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = daemon.metrics().await;
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_and_no_other() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    for (path, status, says) in [
        ("/", 200, "k8s"),
        ("/api/v1/links", 200, "\"verdict\":\"working\""),
        ("/api/v1/links/k8s", 200, "\"history\""),
        ("/api/v1/links/a/b", 404, "no such link"),
        ("/probe?link=k8s", 200, "probe_success 1"),
        ("/probe?target=k8s&module=x", 200, "promlink_probe_verdict{verdict=\"working\"} 1"),
        ("/probe?link=nobody", 404, "no such link"),
        ("/probe", 400, "/probe?link=NAME"),
        ("/runbooks", 200, "connection_refused"),
        ("/runbooks/connection_refused", 200, "refused"),
        ("/runbooks/nonsense", 404, "no such cause"),
        ("/-/healthy", 200, "healthy"),
        ("/-/ready", 200, "ready"),
        ("/-/reload", 405, ""),
        ("/etc/passwd", 404, ""),
    ] {
        let (found, text) = daemon.get(path).await;
        assert_eq!(found, status, "{path}: {text}");
        assert!(text.contains(says), "{path}: {text}");
    }
    let page = daemon.get_with("/", "accept", "text/html").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_heeds_the_scrapers_time_out_and_a_scrape_waits_for_none() {
    let server = stand_in().await;
    let config = format!(
        "defaults: {{interval: 20s, timeout: 10s}}\n\
         links: {{k8s: {{prometheus: {{url: 'http://{}'}}}}}}\n",
        server.address()
    );
    server.set(Wire::Frozen).await;
    let daemon = Daemon::start(&config).await;
    daemon.until_value("promlink_cycles_in_flight", 1.0).await;
    #[expect(clippy::disallowed_methods, reason = "measured from outside")]
    let begun = Instant::now();
    daemon.metrics().await;
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());

    let header = "x-prometheus-scrape-timeout-seconds";
    let response = daemon.get_with("/probe?link=k8s", header, "1.5").await;
    let text = response.text().await.unwrap();
    assert!(text.contains("probe_success 0"), "{text}");
    assert!(text.contains("promlink_probe_verdict{verdict=\"unknown\"} 1"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_clients_hurt_nobody_else() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(daemon.address()).unwrap();
        stream.write_all(b"GET /metrics HT").unwrap();
        slow.push(stream);
    }
    let (status, _) = daemon.get("/-/healthy").await;
    assert_eq!(status, 200);

    let mut huge = TcpStream::connect(daemon.address()).unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    // It may hang up in the middle.
    huge.write_all(head.as_bytes()).ok();
    let mut answer = String::new();
    huge.read_to_string(&mut answer).ok();
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");

    // Heads that do not end are given up after 5 s.
    let first = slow.first_mut().unwrap();
    first.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
}

/// More than the server takes at a time, half of them with a request that does not end.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_do_not_keep_a_scraper_out() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    let address = daemon.address();
    let mut coming = JoinSet::new();
    for index in 0..1000 {
        coming.spawn(async move {
            let mut stream = net::TcpStream::connect(address).await.unwrap();
            if index % 2 == 0 {
                // It may be gone already, to make room.
                stream.write_all(b"GET /metrics HT").await.ok();
            }
            stream
        });
    }
    let crowd = coming.join_all().await;
    #[expect(clippy::disallowed_methods, reason = "measured from outside")]
    let begun = Instant::now();
    let scraped = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(scraped.status(), 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(crowd);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_changes_once_with_one_line_each_way() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    assert_eq!(daemon.transitions("info"), 1, "from unknown:\n{}", daemon.log());
    server.set(Wire::PortClosed).await;
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 0.0).await;
    let (_, link) = daemon.get("/api/v1/links/k8s").await;
    for says in ["connection_refused", "\"side\":\"prometheus\"", "\"next_step\":\""] {
        assert!(link.contains(says), "{link}");
    }
    server.set(fault::Prometheus::None).await;
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 1.0).await;
    assert_eq!(daemon.transitions("warn"), 1, "{}", daemon.log());
    assert_eq!(daemon.transitions("info"), 2, "{}", daemon.log());
    let outages = daemon.value("promlink_link_outages_total{link=\"k8s\",side=\"prometheus\"}");
    assert_eq!(outages.await, Some(1.0));
}
