//! How the program begins and ends: signals, ports, and what it says before it does either.

use std::io::Write as _;
use std::net;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use promlink::app;
use promlink::config::{Sources, load_bytes};
use promlink::demo::fault::Wire;
use promlink::demo::prometheus::{self, Setup};
use promlink::demo::standin::ANY_PORT;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::daemon::{Daemon, until};

fn promlink(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_promlink")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_in_the_middle_of_a_hanging_probe() {
    let server = prometheus::start(ANY_PORT, Setup::default()).await.unwrap();
    server.set(Wire::Frozen).await;
    let config = format!(
        "defaults: {{interval: 60s, timeout: 50s}}\n\
         links: {{k8s: {{prometheus: {{url: 'http://{}'}}}}}}\n",
        server.address()
    );
    for signal in ["TERM", "INT"] {
        let mut daemon = Daemon::start(&config).await;
        daemon.until_value("promlink_cycles_in_flight", 1.0).await;
        #[expect(clippy::disallowed_methods, reason = "measured from outside")]
        let begun = Instant::now();
        daemon.signal(signal);
        let ended = daemon.ended().await;
        assert_eq!((ended.code(), ended.signal()), (Some(0), None), "{}", daemon.log());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

/// Its parts end because they are told to: whichever is first, that is no death.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_well_every_time() {
    let server = prometheus::start(ANY_PORT, Setup::default()).await.unwrap();
    let yaml = format!("links: {{k8s: {{prometheus: {{url: 'http://{}'}}}}}}", server.address());
    for _ in 0..100 {
        let sources = Sources::default();
        let settings = load_bytes(&sources, Some(yaml.as_bytes())).unwrap();
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let stop = CancellationToken::new();
        let running = app::Daemon::assemble(settings, sources).unwrap().run(listener, stop.clone());
        // In a task of its own, as in the program: its parts end on other threads than it waits on.
        let mut task = JoinSet::from_iter([running]);
        stop.cancel();
        assert_eq!(task.join_next().await.unwrap().unwrap(), Ok(()));
    }
}

/// A client that never ends its request holds the drain up, for 2 s, or until a second signal.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait_for_clients() {
    let config = "links: {k8s: {prometheus: {url: 'http://127.0.0.1:1'}}}";
    for (again, code) in [(None, 0), (Some("TERM"), 128 + 15), (Some("INT"), 128 + 2)] {
        let mut daemon = Daemon::start(config).await;
        let mut client = net::TcpStream::connect(daemon.address()).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        // The one above was accepted first.
        daemon.metrics().await;
        daemon.signal("TERM");
        if let Some(again) = again {
            let begun = async || daemon.log().contains("shutting down").then_some(());
            until("begin to end", begun).await;
            daemon.signal(again);
        }
        assert_eq!(daemon.ended().await.code(), Some(code), "{again:?}: {}", daemon.log());
    }
}

#[test]
fn five_mistakes_are_five_lines_before_anything_begins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.yml");
    let text = "\
defaults: {interval: 0s}
grafanas:
  main: {url: 'ftp://grafana'}
links:
  k8s:
    prometheus: {url: 'http://prometheus:99999'}
    selectr: up
  other: {grafana: {name: nobody, datasource: {uid: x}}}
";
    std::fs::write(&file, text).unwrap();
    // A port that is taken: the configuration is refused before it could matter.
    let taken = net::TcpListener::bind(ANY_PORT).unwrap();
    let listen = format!("--web.listen-address={}", taken.local_addr().unwrap());
    let config = format!("--config.file={}", file.display());
    let output = promlink(&["serve", &config, &listen]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    for line in [
        "promlink.yml:1:22: defaults.interval: ",
        "promlink.yml:3:15: grafanas.main.url: ",
        "promlink.yml:6:23: links.k8s.prometheus.url: ",
        "promlink.yml:7:5: links.k8s.selectr: ",
        "links.other.grafana.name: ",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let taken = net::TcpListener::bind(ANY_PORT).unwrap();
    let listen = format!("--web.listen-address={}", taken.local_addr().unwrap());
    let output = promlink(&["serve", "--prometheus.url=http://127.0.0.1:1", &listen]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("choose another --web.listen-address"), "{}", said(&output));
}

#[test]
fn without_anything_to_watch_it_says_the_three_ways_to_begin() {
    let output = promlink(&["serve"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    for way in ["config default", "--prometheus.url", "demo"] {
        assert!(said.contains(way), "{way}\n{said}");
    }
}

#[test]
fn the_demo_tells_its_story_and_every_verdict_is_the_expected_one() {
    #[expect(clippy::disallowed_methods, reason = "measured from outside")]
    let begun = Instant::now();
    let output = promlink(&["demo", "--once"]);
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}{}", said(&output));
    for verdict in
        ["dns_server_failure", "no_ready_endpoints", "datasource_url_differs", "token_rejected"]
    {
        assert!(told.contains(verdict), "{verdict}\n{told}");
    }
    assert_eq!(told.matches("k8s is WORKING").count(), 5, "{told}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
