//! What one cycle leaves behind for the judgement of the next ones.

use crate::report::{CarriedFacts, Report};

/// Learns from `report`, which has ended.
pub fn carry(carried: &mut CarriedFacts, report: &Report) {
    todo!()
}
