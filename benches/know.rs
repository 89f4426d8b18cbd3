//! How soon promlink knows, measured on the release binary from outside: `cargo bench --bench know`.
//!
//! From the moment of the injection until `/metrics` says that the link is down, and until
//! `/api/v1/links` says why; without a tripwire and with one. What can be done to the real
//! Prometheus is done to it; the rest to stand-ins. Each number is one run, and where in its
//! interval a link is when something happens is chance: the medians are of several.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program of its own, which measures from outside"
)]

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use promlink::demo::dns::{self, Zone};
use promlink::demo::fault::{Dns, Prometheus as Fault, Wire};
use promlink::demo::prometheus;
use promlink::demo::standin::ANY_PORT;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use serving::{Daemon, Outcome, median};

mod serving;

/// The cadence of the links: every bound is told in it.
const INTERVAL: u64 = 5;
const TIMEOUT: u64 = 2;
/// Runs of each.
const RUNS: usize = 3;
/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome<()> {
    let runtime = Runtime::new()?;
    println!("interval {INTERVAL} s, timeout {TIMEOUT} s; medians of {RUNS}\n");
    println!("| what | tripwire | `promlink_link_up` 0 | `/api/v1/links` | cause |");
    println!("|---|---|---|---|---|");
    for fault in [What::Kill, What::Freeze, What::Certificate, What::Name, What::Drop] {
        for tripwire in [false, true] {
            let mut runs = Vec::new();
            for _ in 0..RUNS {
                runs.push(fault.run(&runtime, tripwire)?);
            }
            let median =
                |of: fn(&Known) -> Duration| median(runs.iter().map(of).collect()).as_secs_f64();
            let cause = runs.first().map_or("", |known| &known.cause);
            let (metrics, json) = (median(|known| known.metrics), median(|known| known.json));
            let on = if tripwire { "on" } else { "off" };
            println!("| {} | {on} | {metrics:.2} s | {json:.2} s | `{cause}` |", fault.words());
        }
    }
    Ok(())
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum What {
    Kill,
    Freeze,
    Certificate,
    Name,
    Drop,
}

/// When it was known, from the injection.
#[derive(Clone, Debug)]
struct Known {
    metrics: Duration,
    json: Duration,
    cause: String,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            Self::Kill => "Prometheus is killed",
            Self::Freeze => "Prometheus is frozen",
            Self::Certificate => "its certificate is replaced by a stranger's",
            Self::Name => "its Service is deleted (stand-in)",
            Self::Drop => "packets to it are dropped (stand-in)",
        }
    }

    fn run(self, runtime: &Runtime, tripwire: bool) -> Outcome<Known> {
        match self {
            Self::Kill | Self::Freeze => {
                let server = Real::start(false)?;
                let daemon = server.watched(tripwire)?;
                daemon.known_after(|| {
                    let signal = if matches!(self, Self::Kill) { "-KILL" } else { "-STOP" };
                    let id = server.process.id().to_string();
                    Command::new("kill").args([signal, &id]).status()?;
                    Ok(())
                })
            }
            Self::Certificate => {
                let server = Real::start(true)?;
                let daemon = server.watched(tripwire)?;
                // It reads its web configuration, and with it the certificate, at each handshake.
                daemon.known_after(|| certificate(server.folder.path(), "cert.pem"))
            }
            Self::Name | Self::Drop => self.with_stand_ins(runtime, tripwire),
        }
    }

    fn with_stand_ins(self, runtime: &Runtime, tripwire: bool) -> Outcome<Known> {
        let setup = prometheus::Setup::default();
        let server = runtime.block_on(prometheus::start(ANY_PORT, setup))?;
        let zone = Zone::default().with("prometheus-k8s", "web", server.address());
        let names = runtime.block_on(dns::start(ANY_PORT, zone))?;
        let url = format!(
            "http://prometheus-k8s.monitoring.svc.cluster.local:{}",
            server.address().port()
        );
        let folder = tempfile::tempdir()?;
        let config = format!(
            "dns: {{servers: ['{}'], search: [svc.cluster.local, cluster.local], ndots: 5}}\n{}",
            names.address(),
            link(&format!("url: '{url}'"), tripwire)
        );
        let daemon = watched(folder.path(), &config)?;
        let mut hole = None;
        let known = daemon.known_after(|| {
            if matches!(self, Self::Name) {
                names.edit(|zone| zone.services.clear());
                return Ok(());
            }
            let _in_runtime = runtime.enter();
            runtime.block_on(server.set(Fault::Wire(Wire::PortClosed)));
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(server.address())?;
            // A queue that is full: the kernel drops what comes further.
            let listener = socket.listen(0)?;
            hole = Some((listener, TcpStream::connect(server.address())?));
            Ok(())
        });
        runtime.block_on(names.set(Dns::None));
        drop(hole);
        runtime.block_on(async {
            server.stop().await;
            names.stop().await;
        });
        known
    }
}

/// The daemon, with this configuration in that folder.
fn watched(folder: &Path, config: &str) -> Outcome<Daemon> {
    let file = folder.join("promlink.yml");
    fs::write(&file, config)?;
    Daemon::start(&file)
}

fn link(end: &str, tripwire: bool) -> String {
    format!(
        "links: {{k8s: {{prometheus: {{{end}}}, interval: {INTERVAL}s, timeout: {TIMEOUT}s, \
         tripwire: {tripwire}}}}}\n"
    )
}

/// A certificate and its key, signed by itself, as these two files.
fn certificate(folder: &Path, name: &str) -> Outcome<()> {
    let key = KeyPair::generate()?;
    let signed = CertificateParams::new(["127.0.0.1".to_owned()])?.self_signed(&key)?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    fs::write(folder.join(name), signed.pem())?;
    Ok(())
}

/// The real Prometheus, with one rule that makes `up`.
struct Real {
    process: Child,
    folder: TempDir,
    address: SocketAddr,
    tls: bool,
}

impl Real {
    fn start(tls: bool) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let rule = "{record: up, expr: vector(1), labels: {job: prometheus, instance: itself}}";
        fs::write(path("rules.yml"), format!("groups: [{{name: up, rules: [{rule}]}}]\n"))?;
        let config = "global: {evaluation_interval: 100ms}\nrule_files: [rules.yml]\n";
        fs::write(path("prometheus.yml"), config)?;
        certificate(folder.path(), "cert.pem")?;
        fs::copy(path("cert.pem"), path("ca.pem"))?;
        let web =
            if tls { "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n" } else { "" };
        fs::write(path("web.yml"), web)?;
        let address = std::net::TcpListener::bind(ANY_PORT)?.local_addr()?;
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--web.config.file={}", path("web.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process, folder, address, tls })
    }

    fn watched(&self, tripwire: bool) -> Outcome<Daemon> {
        watched(self.folder.path(), &self.link(tripwire))
    }

    fn link(&self, tripwire: bool) -> String {
        let address = self.address;
        if !self.tls {
            return link(&format!("url: 'http://{address}'"), tripwire);
        }
        let ca: PathBuf = self.folder.path().join("ca.pem");
        let ca = ca.display();
        link(&format!("url: 'https://{address}', tls_config: {{ca_file: {ca}}}"), tripwire)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Daemon {
    /// Waits until all is well, injects, and measures.
    fn known_after(&self, inject: impl FnOnce() -> Outcome<()>) -> Outcome<Known> {
        let up = |value: &str| format!("promlink_link_up{{link=\"k8s\"}} {value}\n");
        self.until("/metrics", &up("1"))?;
        // Anywhere in the interval.
        let share = f64::from(rand_byte()) / 256.0;
        sleep(Duration::from_secs_f64(1.0 + INTERVAL as f64 * share));
        let begun = Instant::now();
        inject()?;
        let (metrics, json) = std::thread::scope(|scope| {
            let json = scope.spawn(|| {
                let body = self.until("/api/v1/links", "\"verdict\":\"broken\"");
                body.map(|body| (begun.elapsed(), body)).map_err(|error| error.to_string())
            });
            let metrics = self.until("/metrics", &up("0")).map(|_| begun.elapsed());
            (metrics, json.join())
        });
        let (json, body) = json.map_err(|_| "a thread died")??;
        let cause = body.split_once("\"cause\":\"").and_then(|(_, rest)| rest.split('"').next());
        Ok(Known { metrics: metrics?, json, cause: cause.unwrap_or_default().to_owned() })
    }

    fn until(&self, path: &str, wanted: &str) -> Outcome<String> {
        let begun = Instant::now();
        loop {
            let body = String::from_utf8(self.get(path)?)?;
            if body.contains(wanted) {
                return Ok(body);
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{path} never says {wanted}: {body}").into());
            }
            sleep(Duration::from_millis(10));
        }
    }
}

/// From the clock: good enough to begin anywhere.
fn rand_byte() -> u8 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let [byte, ..] = now.unwrap_or_default().subsec_micros().to_le_bytes();
    byte
}
