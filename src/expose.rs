//! The faces: each a pure function of the snapshot and of the moment at which it renders.
//!
//! None may ask anybody anything, so none can be slower than its own text, and no two can disagree:
//! they read the same words from the same place. What JSON, table and page have in common is
//! [`Shown`]: one link as the daemon publishes it, or as one `check` found it.

pub mod catalog;
pub mod json;
pub mod metrics;
pub mod page;
pub mod probe;
pub mod reproduce;
pub mod runbook;
pub mod table;
mod words;

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;

use crate::clock::Now;
use crate::diagnosis::{Placed, about};
use crate::link::LinkName;
use crate::report::finding::Fault;
use crate::report::verdict::Verdict;
use crate::state::snapshot::{HistoryEntry, LatestCycle, LinkInfo, LinkView};

/// One link as people and programs are shown it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its identity.
    pub name: &'a LinkName,
    /// What it is.
    pub info: &'a LinkInfo,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why; none while working or unknown.
    pub fault: Option<Fault>,
    /// What else was found.
    pub findings: &'a [Placed],
    /// One sentence, without a name.
    sentence: &'a str,
    /// One sentence; empty while working.
    pub next_step: &'a str,
    /// When the verdict became this one; a single `check` cannot know.
    pub since: Option<Now>,
    /// Broken stays broken while we are blind; since when we are.
    pub cannot_check_since: Option<Now>,
    /// The latest cycle; none before the first.
    pub latest: Option<&'a LatestCycle>,
    /// Past cycles, oldest first.
    pub history: &'a [HistoryEntry],
}

impl<'a> Shown<'a> {
    /// A link as the daemon publishes it.
    #[must_use]
    pub fn published(view: &'a LinkView) -> Self {
        let published = &view.published;
        Self {
            name: &view.name,
            info: &view.info,
            verdict: published.verdict,
            fault: published.fault,
            findings: &published.findings,
            sentence: &published.summary,
            next_step: &published.next_step,
            since: Some(published.since),
            cannot_check_since: published.cannot_check_since,
            latest: view.latest.as_deref(),
            history: &view.history,
        }
    }

    /// A link as one cycle found it, which is all that `promlink check` knows.
    #[must_use]
    pub fn raw(info: &'a LinkInfo, cycle: &'a LatestCycle) -> Self {
        let diagnosis = &cycle.diagnosis;
        Self {
            name: &cycle.report.link,
            info,
            verdict: diagnosis.verdict,
            fault: diagnosis.fault,
            findings: &diagnosis.findings,
            sentence: &diagnosis.summary,
            next_step: &diagnosis.next_step,
            since: None,
            cannot_check_since: None,
            latest: Some(cycle),
            history: &[],
        }
    }

    /// One sentence. A link that is named by a uid has the data source's own name before it.
    #[must_use]
    pub fn summary(&self) -> Cow<'a, str> {
        about(self.info.known_as(self.name), self.sentence)
    }
}
