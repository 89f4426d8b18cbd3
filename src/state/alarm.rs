//! Which verdicts are worth waking somebody: those that hold for a while.
//!
//! A second machine on top of what is published, and the one truth for every carrier: metrics,
//! rules and push show what is decided here. A short recovery neither resets the wait nor ends an
//! alarm, or a link that flaps would never be heard of, or be heard of all the time.
//!
//! Many links on one end that fails are one alarm of that end. Whether they are many is decided
//! from the set of links, never from how many fail: otherwise alarms would change their names while
//! an outage spreads.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::link::alarm::AlarmRules;
use crate::report::cause::{Cause, Family};
use crate::report::check::{Check, Path};
use crate::report::finding::Fault;
use crate::report::verdict::{Side, Verdict};
use crate::state::snapshot::{Alarm, AlarmView, PublishedView};

/// The alarms of one link, before and after collapsing.
#[derive(Clone, Debug, Default)]
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndAlarms {
    /// The server is down.
    pub server_down: Option<Arc<Alarm>>,
    /// Grafana is down.
    pub grafana_down: Option<Arc<Alarm>>,
    /// Grafana blinds us.
    pub grafana_blind: Option<Arc<Alarm>>,
}

/// A condition that must hold for a while, and stands for a while after it ended.
#[derive(Clone, Debug, Default)]
struct Hold {
    /// Since when it holds, short breaks included.
    since: Option<Now>,
    /// Since when it does not hold any more.
    ended: Option<Now>,
    alarm: Option<Arc<Alarm>>,
}

/// What is published of a link, for as long as one alarm looks at it.
struct Seen<'a> {
    published: &'a PublishedView,
    datasource_uid: Option<&'a str>,
    now: Now,
}

// === impl Alarms ===

impl Alarms {
    /// Takes in what is published, and that time has passed. `datasource_uid` is what is known of
    /// it now.
    pub fn observe(
        &mut self,
        published: &PublishedView,
        datasource_uid: Option<&str>,
        rules: &AlarmRules,
        now: Now,
    ) {
        let PublishedView { verdict, fault, .. } = *published;
        let timing = &rules.timing;
        let seen = Seen { published, datasource_uid, now };
        let wait = |alarming: Verdict, by_verdict: Duration| {
            let by_cause = fault.and_then(|fault| timing.by_cause.get(&fault.cause));
            (rules.enabled && verdict == alarming).then(|| by_cause.copied().unwrap_or(by_verdict))
        };
        let keep = if rules.enabled { timing.keep_firing_for } else { Duration::ZERO };
        self.broken.observe(wait(Verdict::Broken, timing.broken), keep, &seen);
        self.degraded.observe(wait(Verdict::Degraded, timing.degraded), keep, &seen);
        self.blind.observe(wait(Verdict::Blind, timing.blind), keep, &seen);
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
        let own = self.collapsed_into().is_none();
        AlarmView {
            broken: self.broken.alarm.clone().filter(|_| own),
            degraded: self.degraded.alarm.clone(),
        }
    }

    /// What it adds to the alarms of its ends.
    #[must_use]
    pub fn of_ends(&self) -> EndAlarms {
        let into = self.collapsed_into();
        let broken = |end| self.broken.alarm.clone().filter(|_| into == Some(end));
        EndAlarms {
            server_down: broken(Path::Direct),
            grafana_down: broken(Path::Grafana),
            grafana_blind: self.blind.alarm.clone(),
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
    fn observe(&mut self, wait: Option<Duration>, keep: Duration, seen: &Seen<'_>) {
        let now = seen.now;
        if wait.is_none() && self.since.is_some() {
            self.ended.get_or_insert(now);
        }
        if self.ended.is_some_and(|ended| now.since(ended) >= keep) {
            *self = Self::default();
        }
        if let Some(wait) = wait {
            self.ended = None;
            let since = *self.since.get_or_insert(now);
            if self.alarm.is_some() || now.since(since) >= wait {
                self.alarm = Some(seen.tell(self.alarm.take(), wait));
            }
        }
    }
}

// === impl Seen ===

impl Seen<'_> {
    /// The alarm as it is now; the same one, while nothing else is to be said.
    fn tell(&self, before: Option<Arc<Alarm>>, wait: Duration) -> Arc<Alarm> {
        let PublishedView { fault, summary, next_step, .. } = self.published;
        let before = match before {
            Some(same) if (same.fault, &same.summary) == (*fault, summary) => return same,
            before => before,
        };
        let uid = || self.datasource_uid.map(str::to_owned);
        Arc::new(Alarm {
            since: before.as_ref().map_or(self.now, |alarm| alarm.since),
            wait,
            fault: *fault,
            summary: summary.clone(),
            next_step: next_step.clone(),
            datasource_uid: before.map_or_else(uid, |alarm| alarm.datasource_uid.clone()),
        })
    }
}

#[cfg(test)]
mod tests;
