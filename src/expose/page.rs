//! `/`: the page for people.
use crate::clock::Now;
use crate::state::snapshot::Snapshot;

/// The page; `filter` is the `q` of the query string.
#[must_use]
pub fn render(snapshot: &Snapshot, filter: &str, now: Now) -> String {
    drop((snapshot, filter, now));
    String::new()
}
