//! A second backend: the real VictoriaMetrics, as Debian packages it. It speaks Prometheus' API with
//! other errors, other times and no scalars, and promlink must say what it is.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::check::{check_url, check_yaml};
use crate::need;

/// A running server; dropping it kills it.
struct Victoria {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

#[test]
fn a_second_backend() {
    let Some(mut server) = Victoria::start() else { return };
    let url = server.url();
    check_url(&url).is("2 broken no_series direct query prometheus");

    // A sample of now is hidden for 30 s, unless `nocache` is said: promlink says it, so it neither
    // misses the sample nor believes it younger than it is.
    server.import(Duration::ZERO);
    let working = check_url(&url);
    working.is("0 working");
    assert_eq!(working.evidence("query", "series"), 1);
    let age = working.evidence("freshness", "age_seconds").as_f64().unwrap();
    assert!((0.0..20.0).contains(&age), "{age}");
    check_url(&format!("{url}/prometheus")).is("0 working");
    check_url(&format!("{url}/elsewhere")).is("2 broken wrong_path_prefix direct query prometheus");
    let rejected = format!("links: {{v: {{prometheus: {{url: '{url}'}}, selector: 'up{{'}}}}\n");
    check_yaml(&rejected).is("2 broken query_rejected direct query prometheus");

    server.process.kill().unwrap();
    server.process.wait().unwrap();
    check_url(&url).is("2 broken connection_refused direct tcp prometheus");
}

#[test]
fn samples_that_end() {
    let Some(server) = Victoria::start() else { return };
    server.import(Duration::from_secs(200));
    check_url(&server.url()).is("2 broken data_stale direct freshness prometheus");
}

// === impl Victoria ===

impl Victoria {
    /// Starts it; none where the program is missing.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // It cannot be told to choose a port by itself and say which.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", folder.path().join("data").display()))
            .arg(format!("-httpListenAddr={address}"))
            .stderr(fs::File::create(folder.path().join("log")).unwrap());
        let process = need::spawn(&mut command)?;
        let this = Self { process, address, _folder: folder };
        this.until(|| this.get("GET", "/health", "").is_some_and(|said| said.contains("OK")));
        Some(this)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// One sample of `up` that is so old, and can be read.
    fn import(&self, age: Duration) {
        let now = promlink_now();
        let at = (now - age.as_secs_f64()) * 1000.0;
        let line = format!("up{{job=\"j\",instance=\"i\"}} 1 {at:.0}\n");
        self.get("POST", "/api/v1/import/prometheus", &line).unwrap();
        self.get("GET", "/internal/force_flush", "").unwrap();
        let asked = "/api/v1/query?query=up&nocache=1";
        self.until(|| self.get("GET", asked, "").is_some_and(|said| said.contains("metric")));
    }

    fn get(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let head = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        Some(said)
    }

    fn until(&self, condition: impl Fn() -> bool) {
        for _ in 0..3000 {
            if condition() {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("victoria-metrics is not ready");
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "a sample of now, for a real server")]
fn promlink_now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}
