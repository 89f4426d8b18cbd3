//! A program that runs until it is dropped, and what it says.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::ROOT;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One that runs; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// Where `tests/cluster/build` put what it built.
pub fn built(name: &str) -> PathBuf {
    let folder = std::env::var_os("PROMLINK_CLUSTER_BIN").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(ROOT).join("target/cluster/bin"));
    let path = folder.join(name);
    assert!(path.exists(), "no {}: run tests/cluster/build", path.display());
    path
}

/// Waits until that is so.
///
/// # Panics
/// With what `said` gives, when it takes too long.
pub fn until(what: &str, condition: impl Fn() -> bool, said: impl Fn() -> String) {
    #[expect(clippy::disallowed_methods, reason = "a deadline of real time")]
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}\n{}", said());
        sleep(Duration::from_millis(50));
    }
}

// === impl Process ===

impl Process {
    /// Starts the program of that name, which logs into `folder`.
    pub fn start(folder: &Path, name: &str, arguments: &[String]) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let mut command = Command::new(built(name));
        command.args(arguments).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), log }
    }

    /// Waits until that is so, and tells what it said when it never is.
    pub fn until(&self, what: &str, condition: impl Fn() -> bool) {
        until(what, condition, || self.log());
    }

    /// Everything that it said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
