//! `process_*`, by the `prometheus` crate, whose collector reads `/proc`: the one thing on
//! `/metrics` that is not in a snapshot. So it is gathered apart, once a scrape, and handed to the
//! face as text.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

/// The process' own series.
#[derive(Clone, Debug)]
pub struct Process(Registry);

impl Process {
    /// Reads what never changes; on a system without `/proc` there are no series.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        match registry.register(Box::new(ProcessCollector::for_self())) {
            // A new registry holds nothing that it could collide with.
            Ok(()) | Err(_) => Self(registry),
        }
    }

    /// The series as text 0.0.4; empty when they cannot be read.
    #[must_use]
    pub fn gather(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.gather()).unwrap_or_default()
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}
