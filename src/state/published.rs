//! What is published of one link: raw diagnoses through confirmation, damping and stickiness.
//!
//! One cycle proves little: packets get lost, processes stall. So getting worse takes more than one
//! cycle, in a row. Getting better takes one, because a good answer cannot be had by accident;
//! unless the link broke again and again, and everybody is tired of hearing it. `broken` is left by
//! evidence only: that we cannot check any more mends nothing. Evidence is a good cycle, or that
//! the very check which broke the link passes again, whatever keeps us from those after it.
//!
//! A counter of failures was the obvious other rule. It cannot tell "blind, then broken" from
//! "broken twice", and so publishes what nobody has seen twice.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use crate::clock::Now;
use crate::diagnosis::{Diagnosis, Placed};
use crate::report::Trigger;
use crate::report::cause::Cause;
use crate::report::check::Check;
use crate::report::finding::Fault;
use crate::report::verdict::Verdict;
use crate::state::snapshot::PublishedView;

/// The cycles that intermittence looks back on: five minutes at the default interval.
const WINDOW: usize = 20;
/// So many of them have failed at the least, ...
const INTERMITTENT_AT_LEAST: usize = 3;
/// ... and at least one in so many.
const INTERMITTENT_ONE_IN: usize = 5;
/// A link that became broken so many times ...
const OUTAGES: usize = 3;
/// ... within this time is damped: ...
const OUTAGES_WITHIN: Duration = Duration::from_secs(15 * 60);
/// ... it comes back only after so many good cycles in a row.
const DAMPED_GOOD_CYCLES: u32 = 4;

/// The published state of one link, and what leads to the next one.
#[derive(Clone, Debug)]
pub struct Published {
    view: PublishedView,
    /// The last confirmed diagnosis. While it is `unknown`, the view is that of an endpoint which
    /// the link had before, or empty.
    confirmed: Diagnosis,
    /// The latest cycles in a row that were worse than what is confirmed, oldest first.
    worse: Vec<Diagnosis>,
    /// The latest cycles since the link last left `broken` or `blind`, oldest first.
    window: VecDeque<Raw>,
    /// Cycles in a row, up to the latest, that were good or refute why the link is broken.
    good: u32,
    /// When the link became broken, the last few times, oldest first.
    outages: VecDeque<Now>,
    /// Its present outage is one too many.
    damped: bool,
}

/// What is remembered of one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Raw {
    verdict: Verdict,
    fault: Option<Fault>,
}

/// Whether a cycle that `trigger` started must be confirmed before it is believed; when is
/// `cadence::confirmation_start`. A confirming cycle itself is not confirmed once more.
#[must_use]
pub fn needs_confirmation(
    published: &PublishedView,
    trigger: Trigger,
    diagnosis: &Diagnosis,
) -> bool {
    let known = published.verdict.max(Verdict::Working);
    trigger.counts() && trigger != Trigger::Confirmation && diagnosis.verdict > known
}

// === impl Published ===

impl Published {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(now: Now) -> Self {
        let unknown = Diagnosis::unknown();
        Self {
            view: PublishedView {
                verdict: unknown.verdict,
                fault: None,
                findings: Vec::new(),
                summary: unknown.summary.clone(),
                next_step: String::new(),
                since: now,
                cannot_check_since: None,
            },
            confirmed: unknown,
            worse: Vec::new(),
            window: VecDeque::new(),
            good: 0,
            outages: VecDeque::new(),
            damped: false,
        }
    }

    /// What people see.
    #[must_use]
    pub fn view(&self) -> &PublishedView {
        &self.view
    }

    /// The link has another endpoint, and nothing that was confirmed holds for it. The view stays
    /// until something is.
    pub fn forget(&mut self) {
        let new = Self::new(self.view.since);
        let old = mem::replace(self, new);
        self.view = old.view;
    }

    /// Takes in the diagnosis of a cycle that counts.
    pub fn observe(&mut self, raw: Diagnosis, now: Now) {
        let before = self.window.back().copied();
        push(&mut self.window, Raw::of(&raw), WINDOW);
        let is_good = matches!(raw.verdict, Verdict::Working | Verdict::Degraded);
        let is_evidence = is_good || self.is_refuted_by(&raw);
        self.good = if is_evidence { self.good.saturating_add(1) } else { 0 };

        let known = self.confirmed.verdict;
        if raw.verdict <= known {
            self.worse = Vec::new();
        }
        let mut blinded = None;
        if raw.verdict > known {
            self.suspect(raw, now);
        } else if raw.verdict == known {
            self.renew(raw, before);
        } else if known != Verdict::Broken || is_evidence && self.good >= self.good_cycles_needed()
        {
            self.adopt(raw, now);
        } else if !is_good {
            blinded = Some(raw);
        }
        self.show(blinded, now);
    }

    /// No cycle ends any more: withdraws a result that is too old. That may remove a 1, never a 0.
    pub fn withdraw(&mut self, now: Now) {
        let overdue = Diagnosis::without_report(Cause::Overdue);
        self.worse = Vec::new();
        if self.view.verdict == Verdict::Broken {
            self.show(Some(overdue), now);
        } else {
            self.adopt(overdue, now);
            self.show(None, now);
        }
    }

    /// Getting worse: adopts what enough of the latest cycles agree on. Later ones that are worse
    /// still may yet be confirmed by the next cycle.
    fn suspect(&mut self, raw: Diagnosis, now: Now) {
        self.worse.push(raw);
        if let Some(index) = agreed(&self.worse) {
            let later = self.worse.split_off(index + 1);
            let confirmed = mem::replace(&mut self.worse, later).pop();
            confirmed.into_iter().for_each(|confirmed| self.adopt(confirmed, now));
        }
    }

    /// The same verdict again: a new cause is believed when it comes twice in a row.
    fn renew(&mut self, raw: Diagnosis, before: Option<Raw>) {
        let same = raw.cause() == self.confirmed.cause();
        let twice = before
            .is_some_and(|before| before.verdict == raw.verdict && before.cause() == raw.cause());
        if same || twice {
            self.confirmed = raw;
        }
    }

    fn adopt(&mut self, diagnosis: Diagnosis, now: Now) {
        let from = mem::replace(&mut self.confirmed, diagnosis).verdict;
        let to = self.confirmed.verdict;
        if from >= Verdict::Blind && to < Verdict::Blind {
            self.window.drain(..self.window.len().saturating_sub(1));
        }
        if to == Verdict::Broken {
            push(&mut self.outages, now, OUTAGES);
            let first = self.outages.front().filter(|_| self.outages.len() == OUTAGES);
            self.damped = first.is_some_and(|first| now.since(*first) <= OUTAGES_WITHIN);
        }
    }

    /// Whether the very check that broke the link passed, and nothing is broken now. What the audit
    /// publishes stands at a check that passes all the while.
    fn is_refuted_by(&self, raw: &Diagnosis) -> bool {
        let Some(Fault { path: Some(path), check: Some(check), .. }) = self.confirmed.fault else {
            return false;
        };
        raw.verdict < Verdict::Broken && check != Check::Datasource && raw.passes(path, check)
    }

    fn good_cycles_needed(&self) -> u32 {
        if self.damped { DAMPED_GOOD_CYCLES } else { 1 }
    }

    /// Makes the view of what is confirmed, of intermittence, and of what keeps us from checking.
    fn show(&mut self, blinded: Option<Diagnosis>, now: Now) {
        let cannot_check_since = self.view.cannot_check_since;
        self.view.cannot_check_since = blinded.as_ref().map(|_| cannot_check_since.unwrap_or(now));
        if self.confirmed.verdict == Verdict::Unknown {
            return;
        }
        let shown = self.intermittent().unwrap_or_else(|| self.confirmed.clone());
        let blinding = blinded.and_then(|blinded| blinded.as_finding());
        let is_told = |found: &Placed| {
            blinding.as_ref().is_some_and(|told| {
                (told.cause, told.path, told.check) == (found.cause, found.path, found.check)
            })
        };
        let others: Vec<Placed> =
            shown.findings.into_iter().filter(|found| !is_told(found)).collect();
        self.view = PublishedView {
            verdict: shown.verdict,
            fault: shown.fault,
            findings: blinding.into_iter().chain(others).collect(),
            summary: shown.summary,
            next_step: shown.next_step,
            since: if shown.verdict == self.view.verdict { self.view.since } else { now },
            cannot_check_since: self.view.cannot_check_since,
        };
    }

    /// A link that is not down but fails again and again is degraded by that.
    fn intermittent(&self) -> Option<Diagnosis> {
        let failed: Vec<Raw> =
            self.window.iter().filter(|raw| raw.verdict >= Verdict::Blind).copied().collect();
        let often = failed.len() >= INTERMITTENT_AT_LEAST
            && failed.len() * INTERMITTENT_ONE_IN >= self.window.len();
        if !often || !matches!(self.confirmed.verdict, Verdict::Working | Verdict::Degraded) {
            return None;
        }
        let count = |raw: &Raw| failed.iter().filter(|other| other.fault == raw.fault).count();
        let most = failed.iter().copied().max_by_key(count)?;
        Some(self.confirmed.intermittent(most.fault, failed.len(), self.window.len()))
    }
}

/// How many cycles in a row must be at least that bad.
fn cycles_needed(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Unknown | Verdict::Working => 1,
        Verdict::Blind | Verdict::Broken => 2,
        Verdict::Degraded => 3,
    }
}

/// The latest of the cycles which says the worst verdict that enough of them in a row agree on. If
/// enough are at least that bad, one is exactly that bad: else they would agree on a worse one.
fn agreed(worse: &[Diagnosis]) -> Option<usize> {
    Verdict::ALL.into_iter().rev().find_map(|verdict| {
        let start = worse.len().checked_sub(cycles_needed(verdict))?;
        let latest = worse.get(start..)?;
        let agree = latest.iter().all(|raw| raw.verdict >= verdict);
        let index = latest.iter().rposition(|raw| raw.verdict == verdict)?;
        agree.then_some(start + index)
    })
}

fn push<T>(latest: &mut VecDeque<T>, item: T, at_most: usize) {
    if latest.len() == at_most {
        latest.pop_front();
    }
    latest.push_back(item);
}

// === impl Raw ===

impl Raw {
    fn of(diagnosis: &Diagnosis) -> Self {
        Self { verdict: diagnosis.verdict, fault: diagnosis.fault }
    }

    fn cause(self) -> Option<Cause> {
        self.fault.map(|fault| fault.cause)
    }
}

#[cfg(test)]
mod tests;
