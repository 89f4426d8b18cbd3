//! `/metrics` in text format 0.0.4.
pub mod process;

use crate::clock::Now;
use crate::selfstats::SelfStats;
use crate::state::snapshot::Snapshot;
use std::sync::Arc;

/// The `Content-Type` of `/metrics` and `/probe`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The exposition, a piece of about 64 KiB at a time, so that a server can stream it and yield in between.
#[derive(Debug)]
pub struct Exposition {}

impl Exposition {
    /// Everything in `snapshot` at `now`; `process` is the text of [`process::Process::gather`].
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, stats: &SelfStats, process: String, now: Now) -> Self {
        drop((snapshot, stats.panics.get(), process, now));
        Self {}
    }
}

impl Iterator for Exposition {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        None
    }
}
