//! New configuration in a running daemon: all of it, or nothing.

use std::fs;
use std::os::unix::fs::symlink;

use promlink::demo::prometheus::{self, Prometheus, Setup};
use promlink::demo::standin::ANY_PORT;

use crate::daemon::{Daemon, until};

const SUCCESSFUL: &str = "promlink_config_last_reload_successful";

async fn stand_in() -> Prometheus {
    prometheus::start(ANY_PORT, Setup::default()).await.unwrap()
}

/// Links of these names to it.
fn yaml(server: &Prometheus, names: &[&str]) -> String {
    let url = format!("http://{}", server.address());
    let link = |name: &&str| format!("  {name}: {{prometheus: {{url: '{url}'}}}}\n");
    let links: String = names.iter().map(link).collect();
    format!("defaults: {{interval: 1s, timeout: 900ms}}\nlinks:\n{links}")
}

fn up(name: &str) -> String {
    format!("promlink_link_up{{link=\"{name}\"}}")
}

fn cycles(name: &str) -> String {
    format!("promlink_cycles_total{{link=\"{name}\"}}")
}

async fn is_gone(daemon: &Daemon, name: &str) {
    let series = cycles(name);
    until("forget a link", async || daemon.value(&series).await.is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_come_go_and_stay_by_request_signal_and_changed_content() {
    let server = stand_in().await;
    let daemon = Daemon::start(&yaml(&server, &["stays", "goes"])).await;
    daemon.until_value(&up("stays"), 1.0).await;
    let since = "promlink_link_verdict_changed_timestamp_seconds{link=\"stays\"}";
    let before = daemon.value(since).await.unwrap();
    let counted = daemon.value(&cycles("stays")).await.unwrap();
    let file = daemon.folder().join("promlink.yml");

    fs::write(&file, yaml(&server, &["stays", "comes"])).unwrap();
    let (status, text) = daemon.post("/-/reload").await;
    assert_eq!((status.as_u16(), text.as_str()), (200, "reloaded\n"));
    daemon.until_value(&up("comes"), 1.0).await;
    is_gone(&daemon, "goes").await;

    fs::write(&file, yaml(&server, &["stays", "third"])).unwrap();
    daemon.signal("HUP");
    daemon.until_value(&up("third"), 1.0).await;
    is_gone(&daemon, "comes").await;

    // Nobody says anything: the content alone is noticed.
    fs::write(&file, yaml(&server, &["stays", "fourth"])).unwrap();
    daemon.until_value(&up("fourth"), 1.0).await;
    assert_eq!(daemon.value(SUCCESSFUL).await, Some(1.0));
    assert_eq!(daemon.value(since).await, Some(before), "what stays keeps its state");
    assert!(daemon.value(&cycles("stays")).await.unwrap() > counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_that_swaps_its_link_is_noticed() {
    let server = stand_in().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |version: &str, names: &[&str]| {
        fs::create_dir(folder.path().join(version)).unwrap();
        let file = folder.path().join(version).join("promlink.yml");
        fs::write(file, yaml(&server, names)).unwrap();
    };
    write("..one", &["before"]);
    symlink("..one", folder.path().join("..data")).unwrap();
    symlink("..data/promlink.yml", folder.path().join("promlink.yml")).unwrap();
    write("..two", &["after"]);
    let file = folder.path().join("promlink.yml");
    let daemon = Daemon::start_in(folder, &file).await;
    daemon.until_value(&up("before"), 1.0).await;
    // As a kubelet does: a new link beside the old one, moved over it.
    symlink("..two", daemon.folder().join("..new")).unwrap();
    fs::rename(daemon.folder().join("..new"), daemon.folder().join("..data")).unwrap();
    daemon.until_value(&up("after"), 1.0).await;
    is_gone(&daemon, "before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_but_the_gauge_and_says_why_once() {
    let server = stand_in().await;
    let good = yaml(&server, &["k8s"]);
    let daemon = Daemon::start(&good).await;
    daemon.until_value(&up("k8s"), 1.0).await;
    let file = daemon.folder().join("promlink.yml");
    fs::write(&file, "links: {k8s: {prometheus: {ur: x}}, b: {}}\n").unwrap();
    let (status, text) = daemon.post("/-/reload").await;
    assert_eq!(status, 500);
    for says in ["links.k8s.prometheus.ur", "links.b"] {
        assert!(text.contains(says), "{text}");
    }
    daemon.until_value(SUCCESSFUL, 0.0).await;
    assert_eq!(daemon.value(&up("k8s")).await, Some(1.0));
    let counted = daemon.value(&cycles("k8s")).await.unwrap();
    until("go on", async || (daemon.value(&cycles("k8s")).await? > counted + 6.0).then_some(()))
        .await;
    // It looks at the file meanwhile, and has nothing new to say.
    let log = daemon.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("refused; the one")).collect();
    assert_eq!(said.len(), 1, "{log}");
    for says in ["level=warn", "links.k8s.prometheus.ur", "links.b"] {
        assert!(said[0].contains(says), "{}", said[0]);
    }

    fs::write(&file, good).unwrap();
    daemon.signal("HUP");
    daemon.until_value(SUCCESSFUL, 1.0).await;
}
