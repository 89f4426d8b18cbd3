//! `promlink serve`, started from a file, asked by a foreign client, and read by its log.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode};
use tempfile::TempDir;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where it listens, unless told otherwise.
pub const ANY_PORT: &str = "--web.listen-address=127.0.0.1:0";

/// A running daemon; dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    process: Child,
    address: SocketAddr,
    log: PathBuf,
    folder: TempDir,
    client: Client,
}

// === impl Daemon ===

impl Daemon {
    /// Starts one with a file that has this text.
    pub async fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("promlink.yml");
        fs::write(&file, config).unwrap();
        Self::start_in(folder, &file).await
    }

    /// Starts one with a file that lies in `folder`.
    pub async fn start_in(folder: TempDir, file: &Path) -> Self {
        Self::run(folder, &[format!("--config.file={}", file.display())], &[]).await
    }

    /// Starts one with these flags and variables, whose log lies in `folder`.
    pub async fn run(folder: TempDir, flags: &[String], variables: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promlink"));
        command.arg("serve").args(flags).arg(ANY_PORT);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self::spawn(folder, command).await
    }

    /// Starts one by this command; its log lies in `folder`.
    pub async fn spawn(folder: TempDir, mut command: Command) -> Self {
        let log = folder.path().join("log");
        let process = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let client = foreign();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Self { process, address, log, folder, client };
        let process = Mutex::new(&mut daemon.process);
        let serves = async || {
            let log = fs::read_to_string(&daemon.log).unwrap();
            let ended = process.lock().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {log}");
            address_in(&log)
        };
        daemon.address = until("serve", serves).await;
        daemon
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder, which goes with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The lines of its log at that level that are about a link.
    pub fn transitions(&self, level: &str) -> usize {
        let level = format!("level={level}");
        let log = self.log();
        log.lines().filter(|line| line.contains(&level) && line.contains(" was=")).count()
    }

    /// A path, asked.
    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        text(self.client.get(self.url(path)).send().await.unwrap()).await
    }

    /// A path, asked with this header.
    pub async fn get_with(&self, path: &str, name: &str, value: &str) -> Response {
        self.client.get(self.url(path)).header(name, value).send().await.unwrap()
    }

    /// A path, posted to.
    pub async fn post(&self, path: &str) -> (StatusCode, String) {
        text(self.client.post(self.url(path)).send().await.unwrap()).await
    }

    /// `/metrics`.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.1
    }

    /// The value of a series, by how its line begins.
    pub async fn value(&self, series: &str) -> Option<f64> {
        let metrics = self.metrics().await;
        let line = metrics.lines().find(|line| line.starts_with(series))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Waits until a series has that value.
    pub async fn until_value(&self, series: &str, wanted: f64) {
        let is = async || (self.value(series).await == Some(wanted)).then_some(());
        until(&format!("have {series} {wanted}:\n{}", self.log()), is).await;
    }

    /// The most memory that it ever had, in KiB.
    pub fn peak(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// A file of the kernel's about it.
    pub fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.process.id())).unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// How it ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let process = Mutex::new(&mut self.process);
        until("end", async || process.lock().unwrap().try_wait().unwrap()).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Status and body.
pub async fn text(response: Response) -> (StatusCode, String) {
    (response.status(), response.text().await.unwrap())
}

/// A client for plain HTTP that is not ours; it insists on some TLS, of which it makes no use.
pub fn foreign() -> Client {
    let provider = rustls::crypto::ring::default_provider();
    let tls = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).gzip(false).build().unwrap()
}

/// How long it takes, and what comes of it.
pub async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    #[expect(clippy::disallowed_methods, reason = "measured from outside")]
    let begun = Instant::now();
    let result = work.await;
    (begun.elapsed(), result)
}

/// Asks again and again until there is an answer.
pub async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "a deadline of real time")]
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Where it serves, if its log says so.
fn address_in(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("promlink serves"))?;
    let (_, rest) = line.split_once("address=")?;
    rest.split_whitespace().next()?.trim_matches('"').parse().ok()
}
