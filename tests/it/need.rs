//! What a test needs and a machine may lack: it is then skipped, and says so; where everything must
//! be proven, as under `tests/run`, it fails instead.

use std::io::ErrorKind;
use std::process::{Child, Command};

/// Whether `PROMLINK_REQUIRE_REAL` is set: nothing may be skipped.
pub fn everything() -> bool {
    std::env::var_os("PROMLINK_REQUIRE_REAL").is_some()
}

/// Says that a test cannot be, for want of that.
///
/// # Panics
/// Where everything must be proven.
pub fn skipped(why: &str) {
    println!("skipped: {why}");
    assert!(!everything(), "skipped: {why}");
}

/// Starts a real program; none where it is missing.
pub fn spawn(command: &mut Command) -> Option<Child> {
    match command.spawn() {
        Ok(process) => Some(process),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skipped(&format!("no {}", command.get_program().display()));
            None
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}
