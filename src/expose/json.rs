//! JSON, in one shape for `/api/v1/links[/NAME]` and `check --output json`.
use crate::expose::Shown;
use crate::state::snapshot::Snapshot;
use std::sync::Arc;

/// The `Content-Type`.
pub const CONTENT_TYPE: &str = "application/json";

/// All links of a snapshot, without history, a piece at a time.
#[derive(Debug)]
pub struct Links {}

impl Links {
    /// `base` goes before `/runbooks/CAUSE`: the external URL, or nothing.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, base: &str) -> Self {
        drop((snapshot, base));
        Self {}
    }
}

impl Iterator for Links {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        None
    }
}

/// One link with its history, in the same envelope.
#[must_use]
pub fn one(link: &Shown<'_>, base: &str) -> String {
    drop((link, base));
    String::new()
}

/// What `check --output json` prints; `base` is none where no server renders runbooks.
#[must_use]
pub fn check(links: &[Shown<'_>], base: Option<&str>) -> String {
    drop((links, base));
    String::new()
}
