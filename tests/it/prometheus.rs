//! The real Prometheus, as Debian packages it: each test starts its own, with a data directory of
//! its own, on a port that the kernel chooses, so that no two can meet.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::need;

/// It logs this once everything works.
const READY: &str = "Server is ready to receive web requests.";
/// It logs this, and its address, once its port is open.
const LISTENING: &str = "msg=\"Listening on\" address=";
/// The longest that it may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// How it is started. A rule gives it the one series `up` at once: before a first scrape, it waits
/// for 5 s.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Where it listens, if not on loopback.
    pub listen: &'a str,
    /// Further arguments.
    pub arguments: &'a [&'a str],
    /// Its `--web.config.file`, if any: paths in it are below the folder of `files`.
    pub web: &'a str,
    /// Files beside that one, by name.
    pub files: &'a [(&'a str, &'a str)],
    /// What it scrapes each second in place of that rule, if anything: keys of the job.
    pub scrape: &'a str,
    /// What is special about it.
    pub mode: Mode,
}

/// What is special about a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    #[default]
    Server,
    /// It forwards and cannot be queried.
    Agent,
    /// It is held in the replay of its write-ahead log: one segment is a pipe that nobody writes.
    Replaying,
    /// It has no rules and scrapes nothing.
    Empty,
    /// The same, with a block of samples of `up`, the newest of which is so many seconds old.
    Block(u64),
}

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
    held: Vec<TcpStream>,
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts it and waits until it is as far as its mode allows; none where the program is
    /// missing.
    pub fn start(setup: Setup<'_>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path(), setup);
        let process = need::spawn(&mut command(folder.path(), setup))?;
        let mut this =
            Self { process, address: ([127, 0, 0, 1], 0).into(), folder, held: Vec::new() };
        let awaited = if setup.mode == Mode::Replaying { "Replaying WAL" } else { READY };
        this.until("start", || {
            let log = this.log();
            log.contains(LISTENING) && log.contains(awaited)
        });
        let log = this.log();
        let (_, address) = log.split_once(LISTENING).unwrap();
        this.address = address.lines().next().unwrap().trim().parse().unwrap();
        Some(this)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Takes one of its connections for good.
    pub fn hold_a_connection(&mut self) {
        self.held.push(TcpStream::connect(self.address).unwrap());
    }

    /// Writes over the samples of its block, as a disk that rots.
    pub fn rot(&mut self) {
        let blocks = fs::read_dir(self.path("data")).unwrap();
        let mut chunks =
            blocks.map(|entry| entry.unwrap().path().join("chunks/000001")).filter(|p| p.exists());
        let chunks = chunks.next().unwrap();
        let mut bytes = fs::read(&chunks).unwrap();
        bytes[8..].fill(0);
        // In place: it has the file in memory.
        fs::OpenOptions::new().write(true).open(chunks).unwrap().write_all(&bytes).unwrap();
    }

    /// Waits until a query, encoded, has a series in its answer.
    pub fn until_series(&self, query: &str) {
        self.until("answer", || {
            let said = get(self.address, &format!("/api/v1/query?query={query}"));
            said.is_some_and(|said| said.contains("\"value\""))
        });
    }

    /// Stops it as it stands; its port stays open.
    pub fn freeze(&self) {
        let id = self.process.id();
        assert!(Command::new("kill").args(["-STOP", &id.to_string()]).status().unwrap().success());
        self.until("freeze", || {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        });
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn until(&self, what: &str, condition: impl Fn() -> bool) {
        #[expect(clippy::disallowed_methods, reason = "a deadline of real time")]
        let begun = Instant::now();
        while !condition() {
            assert!(begun.elapsed() < PATIENCE, "prometheus does not {what}:\n{}", self.log());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn command(folder: &Path, setup: Setup<'_>) -> Command {
    let storage = if setup.mode == Mode::Agent { "agent" } else { "tsdb" };
    let listen = if setup.listen.is_empty() { "127.0.0.1:0" } else { setup.listen };
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.{storage}.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={listen}"))
        .args(setup.arguments)
        .stderr(fs::File::create(folder.join("log")).unwrap());
    if setup.mode == Mode::Agent {
        command.arg("--enable-feature=agent");
    }
    if !setup.web.is_empty() {
        command.arg(format!("--web.config.file={}", folder.join("web.yml").display()));
    }
    command
}

fn write_files(folder: &Path, setup: Setup<'_>) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let source = if matches!(setup.mode, Mode::Empty | Mode::Block(_)) {
        String::new()
    } else if setup.scrape.is_empty() {
        "rule_files: [rules.yml]".to_owned()
    } else {
        format!("scrape_configs: [{{job_name: scraped, {}}}]", setup.scrape)
    };
    let mut config =
        format!("global: {{scrape_interval: 1s, evaluation_interval: 100ms}}\n{source}\n");
    if setup.mode == Mode::Agent {
        config = "remote_write: [{url: 'http://127.0.0.1:9/write'}]\n".to_owned();
    }
    let up = "{record: up, expr: vector(1), labels: {job: prometheus, instance: itself}}";
    write("rules.yml", &format!("groups: [{{name: up, rules: [{up}]}}]\n"));
    write("prometheus.yml", &config);
    write("web.yml", setup.web);
    for (name, text) in setup.files {
        write(name, text);
    }
    if let Mode::Block(age) = setup.mode {
        write_block(folder, age);
    }
    if setup.mode == Mode::Replaying {
        let wal = folder.join("data/wal");
        fs::create_dir_all(&wal).unwrap();
        // It looks into the first segment before it begins.
        fs::write(wal.join("00000000"), "").unwrap();
        let made = Command::new("mkfifo").arg(wal.join("00000001")).status().unwrap();
        assert!(made.success());
    }
}

/// Samples of a minute, as a restored backup has them.
fn write_block(folder: &Path, newest: u64) {
    #[expect(clippy::disallowed_methods, reason = "samples of real time")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut text = "# TYPE up gauge\n".to_owned();
    for step in (0..5).rev() {
        let labels = "job=\"prometheus\",instance=\"itself\"";
        writeln!(text, "up{{{labels}}} 1 {}", now - newest - 15 * step).unwrap();
    }
    let file = folder.join("up.txt");
    fs::write(&file, text + "# EOF\n").unwrap();
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"]);
    let made = promtool.arg(file).arg(folder.join("data")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// What a server answers to the plainest of requests.
pub fn get(address: SocketAddr, path: &str) -> Option<String> {
    ask(address, "GET", path, "")
}

/// The same with a method and a body.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut said = String::new();
    stream.read_to_string(&mut said).ok()?;
    Some(said)
}
