//! How soon promlink knows: from what happens until `/metrics` and `/api/v1/links` say it.
//!
//! Bounds, not measurements: `cargo bench --bench know` measures. Where nothing closes, knowing
//! takes what waiting for an answer twice takes; where a process dies, one interval, or none.

use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::daemon::{Daemon, timed, until};
use crate::faults::ground::{Config, End, Ground, Turn, drops_packets};
use crate::need;
use crate::prometheus::{Prometheus, Setup};

const INTERVAL: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);
/// A link whose ticks may say nothing about how soon it knows.
const NEVER: &str = "1h";
/// What starting two processes at once may cost a machine with two processors.
const BUSY: Duration = Duration::from_millis(250);

fn link(url: &str, interval: &str, tripwire: bool) -> String {
    format!(
        "links: {{k8s: {{prometheus: {{url: '{url}'}}, interval: {interval}, timeout: 1s, \
         tripwire: {tripwire}}}}}\n"
    )
}

async fn start(config: &str) -> Daemon {
    let daemon = Daemon::start(config).await;
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 1.0).await;
    daemon
}

/// Both faces say that the link is broken.
async fn broken(daemon: &Daemon) {
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 0.0).await;
    let says = async || {
        let (_, json) = daemon.get("/api/v1/links/k8s").await;
        json.contains("\"verdict\":\"broken\"").then_some(())
    };
    until("say so as JSON", says).await;
}

async fn real() -> Option<Prometheus> {
    spawn_blocking(|| Prometheus::start(Setup::default())).await.unwrap()
}

#[tokio::test]
async fn a_killed_prometheus_within_an_interval_and_a_half() {
    let Some(mut server) = real().await else { return };
    let daemon = start(&link(&server.url(), "2s", false)).await;
    server.kill();
    let (took, ()) = timed(broken(&daemon)).await;
    assert!(took <= INTERVAL + Duration::from_millis(1500), "{took:?}");
}

#[tokio::test]
async fn a_killed_prometheus_at_once_with_a_tripwire() {
    let Some(mut server) = real().await else { return };
    let daemon = start(&link(&server.url(), NEVER, true)).await;
    // Its connections end before it is known to have ended.
    let (took, ()) = timed(async {
        server.kill();
        broken(&daemon).await;
    })
    .await;
    let confirmation = Duration::from_secs(1);
    assert!(confirmation <= took, "one cycle proves nothing: {took:?}");
    assert!(took <= confirmation + Duration::from_millis(250) + BUSY, "{took:?}");
    let (_, json) = daemon.get("/api/v1/links/k8s").await;
    assert!(json.contains("\"trigger\":\"tripwire\""), "{json}");
}

#[tokio::test]
async fn a_frozen_prometheus_within_an_interval_and_two_timeouts() {
    let Some(server) = real().await else { return };
    let daemon = start(&link(&server.url(), "2s", true)).await;
    server.freeze();
    let (took, ()) = timed(broken(&daemon)).await;
    assert!(took <= INTERVAL + 2 * TIMEOUT + BUSY, "{took:?}");
}

#[tokio::test]
async fn dropped_packets_within_an_interval_and_two_timeouts() {
    let turns = [Turn::Drop(End::Direct)];
    if !drops_packets().await {
        return need::skipped("a listener with a full queue accepts all the same here");
    }
    let ground = Ground::build().await;
    let config = Config { interval: "2s", timeout: "1s", grafana: "", ..Config::default() };
    let yaml = ground.yaml(&config).replace(&ground.link, "k8s");
    let daemon = start(&yaml).await;
    let (took, ()) = timed(async {
        ground.turns(&turns).await;
        broken(&daemon).await;
    })
    .await;
    assert!(took <= INTERVAL + 2 * TIMEOUT + BUSY, "{took:?}");
}
