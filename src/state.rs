//! The only mutable state of the daemon, and what is published of it.

pub mod snapshot;

use crate::clock::Now;
use crate::diagnosis::Diagnosis;
use crate::link::LinkName;
use crate::links::LinkSet;
use crate::report::Trigger;
use crate::report::finding::Fault;
use crate::report::verdict::Verdict;
use snapshot::{LatestCycle, PublishedView, Snapshot};

/// The state of all links; one task owns it.
#[derive(Debug)]
pub struct Board {}

/// What may happen to it.
#[derive(Debug)]
pub enum Event {
    /// A cycle ended.
    Cycled(Box<LatestCycle>),
    /// Ticks passed while a cycle of the link was still running.
    Missed(LinkName, u64),
    /// A cycle of the link panicked.
    Panicked(LinkName),
    /// Time passed: at least once a second.
    Beat,
    /// The configuration was read again, and is in force or was refused.
    Reloaded {
        /// It is in force.
        ok: bool,
    },
}

/// A change of what is published of a link: what one log line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Which link.
    pub link: LinkName,
    /// What was said of it; the same as `to` when only the cause changed.
    pub from: Verdict,
    /// What is said of it now.
    pub to: Verdict,
    /// Why.
    pub fault: Option<Fault>,
    /// One sentence.
    pub summary: String,
    /// One sentence; empty while working.
    pub next_step: String,
    /// How long `from` was said: since then.
    pub since: Now,
}

impl Board {
    /// No links yet; the configuration was loaded at `now`.
    #[must_use]
    pub fn new(now: Now) -> Self {
        todo!()
    }

    /// Puts another set of links in force. Links that stay keep everything; links that go take their
    /// series with them.
    pub fn set(&mut self, links: &LinkSet, now: Now) {
        todo!()
    }

    /// Takes in what happened; hands back what is to be logged.
    pub fn observe(&mut self, event: Event, now: Now) -> Vec<Transition> {
        todo!()
    }

    /// What every face sees. Views that did not change are shared with the last snapshot.
    #[must_use]
    pub fn snapshot(&mut self, now: Now) -> Snapshot {
        todo!()
    }
}

/// Whether a cycle that `trigger` started must be confirmed before it is believed
/// (when: `cadence::confirmation_start`).
#[must_use]
pub fn needs_confirmation(
    published: &PublishedView,
    trigger: Trigger,
    diagnosis: &Diagnosis,
) -> bool {
    todo!()
}
