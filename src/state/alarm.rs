//! Which verdicts are worth waking somebody: those that hold for a while.
//!
//! A second machine on top of what is published, and the one truth for every carrier: metrics,
//! rules and push show what is decided here. A short recovery neither resets the wait nor ends an
//! alarm, or a link that flaps would never be heard of, or be heard of all the time.
//!
//! Many links on one end that fails are one alarm of that end. Whether they are many is decided
//! from the set of links, never from how many fail: otherwise alarms would change their names while
//! an outage spreads.

use std::time::Duration;

use crate::clock::Now;
use crate::link::AlarmTiming;
use crate::report::cause::{Cause, Family};
use crate::report::check::{Check, Path};
use crate::report::finding::Fault;
use crate::report::verdict::{Side, Verdict};
use crate::state::snapshot::{AlarmView, PublishedView};

/// The alarms of one link, before and after collapsing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alarms {
    broken: Hold,
    degraded: Hold,
    blind: Hold,
    /// The end at whose own hops a broken link's fault is, or was when it was last broken.
    end: Option<Path>,
    crowded: Crowded,
}

/// Which ends of a link carry so many links that they raise one alarm for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowded {
    /// Its Prometheus address.
    pub server: bool,
    /// Its Grafana.
    pub grafana: bool,
}

/// What a link adds to the alarms of its ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndAlarms {
    /// The server is down.
    pub server_down: bool,
    /// Grafana is down.
    pub grafana_down: bool,
    /// Grafana blinds us.
    pub grafana_blind: bool,
}

/// A condition that must hold for a while, and stands for a while after it ended.
#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    /// Since when it holds, short breaks included.
    since: Option<Now>,
    /// Since when it does not hold any more.
    ended: Option<Now>,
    stands: bool,
}

// === impl Alarms ===

impl Alarms {
    /// Takes in what is published, and that time has passed.
    pub fn observe(&mut self, published: &PublishedView, timing: &AlarmTiming, now: Now) {
        let PublishedView { verdict, fault, .. } = *published;
        let wait = |alarming: Verdict, by_verdict: Duration| {
            let by_cause = fault.and_then(|fault| timing.by_cause.get(&fault.cause));
            (verdict == alarming).then(|| by_cause.copied().unwrap_or(by_verdict))
        };
        let keep = timing.keep_firing_for;
        self.broken.observe(wait(Verdict::Broken, timing.broken), keep, now);
        self.degraded.observe(wait(Verdict::Degraded, timing.degraded), keep, now);
        self.blind.observe(wait(Verdict::Blind, timing.blind), keep, now);
        if verdict == Verdict::Broken {
            self.end = fault.and_then(end_at_fault);
        }
    }

    /// The set of links changed.
    pub fn set_crowded(&mut self, crowded: Crowded) {
        self.crowded = crowded;
    }

    /// The link's own alarms.
    #[must_use]
    pub fn own(&self) -> AlarmView {
        AlarmView {
            broken: self.broken.stands && self.collapsed_into().is_none(),
            degraded: self.degraded.stands,
        }
    }

    /// What it adds to the alarms of its ends.
    #[must_use]
    pub fn of_ends(&self) -> EndAlarms {
        let broken_by = if self.broken.stands { self.collapsed_into() } else { None };
        EndAlarms {
            server_down: broken_by == Some(Path::Direct),
            grafana_down: broken_by == Some(Path::Grafana),
            grafana_blind: self.blind.stands,
        }
    }

    /// The end that raises the alarm of a broken link in its place.
    fn collapsed_into(&self) -> Option<Path> {
        self.end.filter(|end| match end {
            Path::Direct => self.crowded.server,
            Path::Grafana => self.crowded.grafana,
        })
    }
}

/// The end at whose own hops the fault is. What depends on the link alone (its selector, its
/// credentials, its URL) is no matter of the end.
fn end_at_fault(fault: Fault) -> Option<Path> {
    let of_the_end = match fault.path? {
        Path::Grafana => !fault.is_through_grafana(),
        Path::Direct => {
            let own_hop =
                matches!(fault.check, Some(Check::Dns | Check::Tcp | Check::Tls | Check::Query));
            let of_the_link = fault.cause.family() == Family::Data
                || matches!(fault.cause, Cause::QueryRejected | Cause::AnswerTooLarge)
                || matches!(fault.side, Side::Credentials | Side::Promlink);
            own_hop && !of_the_link
        }
    };
    fault.path.filter(|_| of_the_end)
}

// === impl Hold ===

impl Hold {
    /// `wait` is how long the condition must hold; none while it does not hold.
    fn observe(&mut self, wait: Option<Duration>, keep: Duration, now: Now) {
        if wait.is_none() && self.since.is_some() {
            self.ended.get_or_insert(now);
        }
        if self.ended.is_some_and(|ended| now.since(ended) >= keep) {
            *self = Self::default();
        }
        if let Some(wait) = wait {
            self.ended = None;
            let since = *self.since.get_or_insert(now);
            self.stands |= now.since(since) >= wait;
        }
    }
}

#[cfg(test)]
mod tests;
