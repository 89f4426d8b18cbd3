//! Answers that no server should give: each is told for what it is, in time, and costs little
//! memory.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use promlink::demo::fault::{self, Wire};
use promlink::demo::prometheus::{self, Prometheus, Setup};
use promlink::demo::standin::ANY_PORT;
use tempfile::TempDir;

use crate::check::check_yaml;

const TIMEOUT: Duration = Duration::from_secs(2);
/// The most memory that the daemon ever had, in KiB, whatever it was sent.
const MEMORY: u64 = 64 * 1024;
/// For a daemon's first port and cycles.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each fault, and what `check` makes of it.
const TABLE: [(Wire, &str); 9] = [
    (Wire::EndlessBody(200_000), "2 broken direct/query no_response"),
    (Wire::HugeHeader, "2 broken direct/query answer_too_large"),
    (Wire::GzipBomb, "2 broken direct/query answer_too_large"),
    (Wire::Garbage, "2 broken direct/query not_prometheus"),
    (Wire::HalfClosed, "2 broken direct/query connection_closed"),
    (Wire::CutBody, "2 broken direct/query answer_malformed"),
    (Wire::ResetAfterRequest, "2 broken direct/query connection_reset"),
    (Wire::Frozen, "2 broken direct/query no_response"),
    (Wire::Slow(Duration::from_secs(3)), "2 broken direct/query no_response"),
];

async fn server(targets: usize, fault: impl Into<fault::Prometheus>) -> Prometheus {
    let setup = Setup { targets, ..Setup::default() };
    let server = prometheus::start(ANY_PORT, setup).await.unwrap();
    server.set(fault).await;
    server
}

/// A file with a link to each.
fn yaml(servers: &[Prometheus], timing: &str) -> String {
    let mut text = format!("defaults: {{{timing}}}\nlinks:\n");
    for (index, server) in servers.iter().enumerate() {
        let url = format!("http://{}", server.address());
        writeln!(text, "  link-{index}: {{prometheus: {{url: '{url}'}}}}").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_told_in_time() {
    let mut wrong = Vec::new();
    for (wire, told) in TABLE {
        let server = server(3, wire).await;
        let timing = format!("interval: 15s, timeout: {}s", TIMEOUT.as_secs());
        let found = check_yaml(&yaml(&[server], &timing));
        let in_time = found.took < TIMEOUT + Duration::from_secs(1);
        if found.told != told || !in_time {
            wrong.push(format!("{wire:?}: {told}; found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_whatever_is_sent() {
    let mut servers = Vec::new();
    for (wire, _) in TABLE {
        servers.push(server(3, wire).await);
    }
    let daemon = Daemon::start(&yaml(&servers, "interval: 1s, timeout: 1s"));
    for index in 0..servers.len() {
        daemon.until(|metrics| cycles(metrics, index) >= 3);
    }
    let peak = daemon.peak();
    println!("at most {peak} KiB");
    assert!(peak < MEMORY, "{peak} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_thousand_series_are_read_once_and_then_counted() {
    let servers = [server(30_000, fault::Prometheus::None).await];
    let text = yaml(&servers, "interval: 5s, timeout: 5s");
    check_yaml(&text).is("0 working");

    let [server] = &servers;
    server.forget();
    let daemon = Daemon::start(&text);
    daemon.until(|metrics| cycles(metrics, 0) >= 3);
    let asked = server.seen();
    let times = |query: &str| {
        let request = format!("POST /api/v1/query {query}");
        asked.iter().filter(|seen| **seen == request).count()
    };
    assert_eq!(times("up"), 1, "{asked:?}");
    assert!(times("count(up)") >= 2 && times("count(up == 1)") >= 2, "{asked:?}");
    let peak = daemon.peak();
    println!("at most {peak} KiB");
    assert!(peak < MEMORY, "{peak} KiB");
}

/// How often that link was looked at.
fn cycles(metrics: &str, index: usize) -> u64 {
    let start = format!("promlink_cycles_total{{link=\"link-{index}\"");
    let lines = metrics.lines().filter(|line| line.starts_with(&start));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// `promlink serve`; dropping it ends it.
struct Daemon {
    process: Child,
    address: SocketAddr,
    _log: Lines<BufReader<ChildStderr>>,
    _folder: TempDir,
}

/// Where it serves, if this line of its log says so.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("promlink serves").and(line.split_once("address="))?;
    rest.split_whitespace().next()?.trim_matches('"').parse().ok()
}

// === impl Daemon ===

impl Daemon {
    fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("promlink.yml");
        fs::write(&file, config).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_promlink"))
            .arg("serve")
            .arg(format!("--config.file={}", file.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = log.find_map(|line| address(&line.unwrap())).unwrap();
        // A few lines, one at each transition: they fit the pipe.
        Self { process, address, _log: log, _folder: folder }
    }

    /// Waits until `/metrics` says so.
    fn until(&self, condition: impl Fn(&str) -> bool) {
        #[expect(clippy::disallowed_methods, reason = "a deadline of real time")]
        let begun = Instant::now();
        let mut metrics = String::new();
        while !self.metrics().is_some_and(|now| {
            metrics = now;
            condition(&metrics)
        }) {
            assert!(begun.elapsed() < PATIENCE, "{metrics}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn metrics(&self) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let request = "GET /metrics HTTP/1.1\r\nHost: promlink\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The most memory that it ever had, in KiB.
    fn peak(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
