//! A second backend: the real VictoriaMetrics, as Debian packages it. It speaks Prometheus' API with
//! other errors, other times and no scalars, and promlink must say what it is.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::need;
use crate::prometheus::{ask, get};

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct Victoria {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

// === impl Victoria ===

impl Victoria {
    /// Starts it; none where the program is missing.
    pub fn start() -> Option<Self> {
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
        this.until(|| get(address, "/health").is_some_and(|said| said.contains("OK")));
        Some(this)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// One sample of `up` that is so old, and can be read. One of now is hidden for 30 s, unless
    /// `nocache` is said.
    pub fn import(&self, age: Duration) {
        let now = promlink_now();
        let at = (now - age.as_secs_f64()) * 1000.0;
        let line = format!("up{{job=\"j\",instance=\"i\"}} 1 {at:.0}\n");
        ask(self.address, "POST", "/api/v1/import/prometheus", &line).unwrap();
        get(self.address, "/internal/force_flush").unwrap();
        let asked = "/api/v1/query?query=up&nocache=1";
        self.until(|| get(self.address, asked).is_some_and(|said| said.contains("metric")));
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
