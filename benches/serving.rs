//! The release binary, serving, and a client of it: what both benchmarks measure.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use promlink::demo::standin::ANY_PORT;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

pub const BINARY: &str = env!("CARGO_BIN_EXE_promlink");
pub const SECOND: Duration = Duration::from_secs(1);

/// The release binary, serving.
pub struct Daemon {
    pub process: Child,
    /// From its start until it was ready.
    pub ready_after: Duration,
    address: SocketAddr,
}

impl Daemon {
    /// Starts it with this file, and waits until it is ready.
    pub fn start(config: &Path) -> Outcome<Self> {
        // A port that was free a moment ago: nobody else is expected here.
        let address = std::net::TcpListener::bind(ANY_PORT)?.local_addr()?;
        let begun = Instant::now();
        let process = Command::new(BINARY)
            .arg("serve")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()?;
        let mut daemon = Self { process, ready_after: Duration::ZERO, address };
        while daemon.get("/-/ready").is_err() {
            if begun.elapsed() > 30 * SECOND {
                return Err("not ready after 30 s".into());
            }
            sleep(Duration::from_micros(500));
        }
        daemon.ready_after = begun.elapsed();
        Ok(daemon)
    }

    /// The body of a path, by a client that costs the daemon as little as possible.
    pub fn get(&self, path: &str) -> Outcome<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: promlink\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if answer.starts_with(b"HTTP/1.1 200") { Ok(answer) } else { Err("not 200".into()) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

pub fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
