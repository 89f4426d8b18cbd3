//! Everything by which promlink is installed: tried where a machine can, else held against what it
//! names.

mod compose; // four programs on one machine
mod docs; // how to install
mod image; // the static binary in an empty root
mod unit; // the service of systemd
mod workflows; // what tests and releases it

use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
