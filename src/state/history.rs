//! Past cycles of one link, of which failures outlive successes.
//!
//! One ring for all would hold nothing but successes ten minutes after a failure, which is when
//! somebody comes to look. So each kind has a bound of its own.

use std::sync::Arc;

#[cfg(test)]
use crate::report::facts::MAX_TEXT_CHARS;
use crate::report::verdict::Verdict;
use crate::state::snapshot::HistoryEntry;

/// Failures kept: what a night's flapping looked like, at the least.
const FAILURES: usize = 8;
/// Successes kept: enough to see the rhythm.
const SUCCESSES: usize = 6;
/// What all of it takes at the most; a failure has a sentence of at most 200 bytes or so.
#[cfg(test)]
pub const MAX_BYTES: usize =
    (FAILURES + SUCCESSES) * size_of::<HistoryEntry>() + FAILURES * MAX_TEXT_CHARS;

/// `past` with `entry` after it, and without the oldest of its kind if that is one too many. The
/// ring is shared with snapshots, so it is made anew.
#[must_use]
pub fn with(past: &[HistoryEntry], entry: HistoryEntry) -> Arc<[HistoryEntry]> {
    let failed = is_failure(&entry);
    let bound = if failed { FAILURES } else { SUCCESSES };
    let same_kind = past.iter().filter(|past| is_failure(past) == failed).count();
    let mut surplus = (same_kind + 1).saturating_sub(bound);
    let kept = past.iter().filter(|past| {
        let drop = surplus > 0 && is_failure(past) == failed;
        surplus -= usize::from(drop);
        !drop
    });
    kept.cloned().chain([entry]).collect()
}

/// Panels got no data, or we could not tell.
fn is_failure(entry: &HistoryEntry) -> bool {
    entry.verdict >= Verdict::Blind
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Now;
    use crate::report::Trigger;

    fn entry(second: u64, verdict: Verdict) -> HistoryEntry {
        HistoryEntry {
            started: Now::at(Duration::from_secs(second)),
            took: Duration::from_millis(20),
            trigger: Trigger::Interval,
            verdict,
            fault: None,
            summary: String::new(),
        }
    }

    fn seconds(history: &[HistoryEntry]) -> Vec<u64> {
        history.iter().map(|entry| entry.started.mono.as_secs()).collect()
    }

    #[test]
    fn failures_outlive_successes_and_all_is_bounded() {
        let mut history: Arc<[HistoryEntry]> = Arc::default();
        for second in 0..100 {
            let verdict = if second < 3 { Verdict::Broken } else { Verdict::Working };
            history = with(&history, entry(second, verdict));
        }
        assert_eq!(seconds(&history), [0, 1, 2, 94, 95, 96, 97, 98, 99]);

        for second in 100..200 {
            history = with(&history, entry(second, Verdict::Blind));
        }
        let expected: Vec<u64> = (94..100).chain(192..200).collect();
        assert_eq!(seconds(&history), expected, "in the order of time");
        assert_eq!(history.len(), FAILURES + SUCCESSES);
    }
}
