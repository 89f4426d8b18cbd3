//! What the daemon serves, to scrapers, probers, kubelets and people.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use flate2::read::GzDecoder;
use promlink::demo::fault::{self, Wire};
use promlink::demo::prometheus::{self, Prometheus as StandIn, Setup};
use promlink::demo::standin::ANY_PORT;

use tokio::io::AsyncWriteExt as _;
use tokio::net;
use tokio::task::JoinSet;

use crate::check::check_url;
use crate::daemon::{Daemon, foreign, timed, until};
use crate::prometheus::Prometheus;
use crate::shipped::catalogue;

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

#[tokio::test(flavor = "multi_thread")]
async fn every_series_is_one_of_the_catalogue() {
    let server = stand_in().await;
    let daemon = daemon(&server).await;
    let catalogue = catalogue();
    let metrics = daemon.metrics().await;
    let mut seen = 0;
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let known = catalogue.get(name).unwrap_or_else(|| panic!("not in the catalogue: {line}"));
        let pairs = rest.split(['{', '}']).nth(1).unwrap_or_default();
        for pair in pairs.split("\",").filter(|pair| !pair.is_empty()) {
            let (label, _) = pair.split_once('=').unwrap();
            assert!(known.contains(label), "{label} of {line}; {known:?}");
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
    let scrape = format!("static_configs: [{{targets: ['{}']}}]", daemon.address());
    let Some(real) = Prometheus::start(crate::prometheus::Setup {
        scrape: &scrape,
        ..crate::prometheus::Setup::default()
    }) else {
        return;
    };
    for (path, says) in
        [("targets", "\"health\":\"up\""), ("query?query=promlink_link_up", "\"1\"]")]
    {
        until("be scraped", async || {
            let url = format!("{}/api/v1/{path}", real.url());
            let answer = foreign().get(url).send().await.ok()?.text().await.ok()?;
            answer.contains(says).then_some(())
        })
        .await;
    }
    check_url(&real.url()).is("0 working");

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
        ("/api/v1/links/k%38s", 200, "\"history\""),
        ("/api/v1/links/Eu-1_prod.a%2Fb", 404, "no such link"),
        ("/api/v1/links/a/b", 404, "no such link"),
        ("/api/v1/links/%ff", 400, ""),
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
async fn a_scrape_waits_for_no_probe() {
    let server = stand_in().await;
    server.set(Wire::Frozen).await;
    let mut config = "defaults: {interval: 60s, timeout: 30s}\nlinks:\n".to_owned();
    for index in 0..20 {
        let url = format!("http://{}", server.address());
        writeln!(config, "  k8s-{index}: {{prometheus: {{url: '{url}'}}}}").unwrap();
    }
    let daemon = Daemon::start(&config).await;
    daemon.until_value("promlink_cycles_in_flight", 20.0).await;
    let mut took = Vec::new();
    for path in ["/metrics", "/api/v1/links", "/", "/metrics", "/metrics"] {
        took.push(timed(daemon.get(path)).await.0);
    }
    took.sort_unstable();
    // One may meet a busy machine.
    assert!(took[3] < Duration::from_millis(200) && took[4] < Duration::from_secs(2), "{took:?}");
    assert_eq!(daemon.value("promlink_cycles_in_flight").await, Some(20.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_heeds_its_time_out_and_joins_the_cycle_that_runs() {
    let server = stand_in().await;
    server.set(Wire::Frozen).await;
    let timing = "interval: 60s, timeout: 30s";
    let config = yaml(&server).replace("interval: 1s, timeout: 900ms", timing);
    let daemon = Daemon::start(&config).await;
    daemon.until_value("promlink_cycles_in_flight", 1.0).await;
    let within = "x-prometheus-scrape-timeout-seconds";
    let (took, response) = timed(daemon.get_with("/probe?link=k8s", within, "1.5")).await;
    let text = response.text().await.unwrap();
    assert!(text.contains("probe_success 0"), "{text}");
    assert!(text.contains("promlink_probe_verdict{verdict=\"unknown\"} 1"), "{text}");
    assert!((1.0..4.0).contains(&took.as_secs_f64()), "{took:?}");

    let thaw = async {
        daemon.metrics().await;
        server.set(fault::Prometheus::None).await;
    };
    let (one, other, ()) =
        tokio::join!(daemon.get("/probe?link=k8s"), daemon.get("/probe?target=k8s"), thaw);
    for (status, text) in [one, other] {
        assert_eq!(status, 200);
        assert!(text.contains("probe_success 1"), "{text}");
    }
    let cycles = server.seen().iter().filter(|seen| *seen == "POST /api/v1/query up").count();
    assert_eq!(cycles, 1, "{:?}", server.seen());
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
    let (took, scraped) = timed(foreign().get(format!("http://{address}/metrics")).send()).await;
    assert_eq!(scraped.unwrap().status(), 200);
    assert!(took < Duration::from_secs(2), "{took:?}");
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
