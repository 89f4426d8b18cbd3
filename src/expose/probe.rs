//! What `/probe?link=` answers.
use crate::state::snapshot::LatestCycle;

/// The raw result of one cycle in blackbox-exporter's words; `None` when no cycle ended in time.
#[must_use]
pub fn render(cycle: Option<&LatestCycle>) -> String {
    drop(cycle);
    String::new()
}
