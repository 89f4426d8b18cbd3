//! Everything that the board holds of one link.

use std::sync::Arc;
use std::time::Duration;

use crate::cadence::overdue_after;
use crate::clock::Now;
use crate::diagnosis::{Diagnosis, about};
use crate::link::Link;
use crate::report::cause::Cause;
use crate::report::check::Path;
use crate::report::verdict::Verdict;
use crate::report::{Report, Trigger};
use crate::state::Transition;
use crate::state::alarm::{Alarms, Crowded};
use crate::state::ends::{Confirmed, Places, Together, sighting};
use crate::state::history;
use crate::state::published::Published;
use crate::state::snapshot::{HistoryEntry, LatestCycle, LinkInfo, LinkView, Tally};

/// One link.
#[derive(Debug)]
pub struct Watched {
    link: Arc<Link>,
    info: LinkInfo,
    published: Published,
    alarms: Alarms,
    /// What it confirmed of its two ends, direct first, and where they are.
    ends: [Confirmed; 2],
    places: Places,
    tally: Tally,
    history: Arc<[HistoryEntry]>,
    latest: Option<Arc<LatestCycle>>,
    /// When a cycle that counts ended last.
    heard: Now,
    /// Nothing has ended for too long, and the result was withdrawn.
    withdrawn: bool,
    /// What snapshots show; none once something changed.
    view: Option<Arc<LinkView>>,
}

impl Watched {
    /// A new link.
    #[must_use]
    pub fn new(link: Arc<Link>, now: Now) -> Self {
        Self {
            info: LinkInfo::of(&link),
            published: Published::new(now),
            alarms: Alarms::default(),
            ends: [Confirmed::default(); 2],
            places: Places::default(),
            tally: Tally::starting(&link, now),
            history: Arc::default(),
            latest: None,
            heard: now,
            withdrawn: false,
            view: None,
            link,
        }
    }

    /// What the link is now.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The link has other settings, and the same ends.
    pub fn retune(&mut self, link: Arc<Link>) {
        self.info.interval = link.cadence.interval;
        self.info.alarms = Arc::clone(&link.alarms);
        self.info.labels = Arc::clone(&link.labels);
        self.tally.fit(&link);
        self.link = link;
        self.view = None;
    }

    /// The link has another end: what was seen of the old one is no more. What is published of it
    /// stays until something of the new one is confirmed.
    pub fn redirect(&mut self, link: Arc<Link>, now: Now) {
        self.info = LinkInfo::of(&link);
        self.published.forget();
        self.ends = [Confirmed::default(); 2];
        self.latest = None;
        self.heard = now;
        self.withdrawn = false;
        self.retune(link);
    }

    /// The set of links changed around it.
    pub fn put(&mut self, places: Places, crowded: Crowded) {
        self.places = places;
        self.alarms.set_crowded(crowded);
        self.view = None;
    }

    /// Where its ends are.
    #[must_use]
    pub fn places(&self) -> Places {
        self.places
    }

    /// A cycle ended.
    pub fn cycled(&mut self, mut cycle: LatestCycle, now: Now) -> Option<Transition> {
        let report = &cycle.report;
        self.tally.cycled(report);
        self.info.learn(report);
        self.record(report.started, report.took, report.trigger, &cycle.diagnosis);
        let counts = report.trigger.counts();
        if counts {
            for (end, path) in self.ends.iter_mut().zip(Path::ALL) {
                sighting(report, path).into_iter().for_each(|sighting| end.observe(sighting));
            }
        }
        let diagnosis = counts.then(|| cycle.diagnosis.clone());
        forget_identities(&mut cycle.report);
        self.latest = Some(Arc::new(cycle));
        self.judge(diagnosis, now)
    }

    /// A cycle panicked: promlink's own fault, and no word about the link.
    pub fn panicked(&mut self, now: Now) -> Option<Transition> {
        let internal = Diagnosis::without_report(Cause::Internal);
        self.tally.cycles += 1;
        self.record(now, Duration::ZERO, Trigger::Interval, &internal);
        self.judge(Some(internal), now)
    }

    /// Ticks passed while a cycle was still running.
    pub fn missed(&mut self, ticks: u64) {
        self.tally.missed += ticks;
        self.view = None;
    }

    /// Time passed.
    pub fn beat(&mut self, now: Now) -> Option<Transition> {
        let silent = now.since(self.heard);
        if !self.withdrawn && silent > overdue_after(self.link.cadence) {
            self.withdrawn = true;
            self.ends.iter_mut().for_each(Confirmed::withdraw);
            return self.publish(now, |published| published.withdraw(now));
        }
        let before = (self.alarms.own(), self.alarms.of_ends());
        self.alarm(now);
        if before != (self.alarms.own(), self.alarms.of_ends()) {
            self.view = None;
        }
        None
    }

    /// Whether snapshots show something else than before.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.view.is_none()
    }

    /// Adds this link to what is known of its end behind `path`.
    pub fn add_to(&self, path: Path, together: &mut Together) {
        let confirmed = path.of(self.ends);
        together.add(path, confirmed, self.alarms.of_ends(), &self.link.labels);
    }

    /// What snapshots show; made anew only when something changed.
    pub fn view(&mut self) -> Arc<LinkView> {
        let view = self.view.take().unwrap_or_else(|| {
            Arc::new(LinkView {
                name: self.link.name.clone(),
                info: self.info.clone(),
                published: self.published.view().clone(),
                alarm: self.alarms.own(),
                latest: self.latest.clone(),
                tally: self.tally.clone(),
                history: Arc::clone(&self.history),
            })
        });
        self.view = Some(Arc::clone(&view));
        view
    }

    /// A cycle ended; `diagnosis` is there if it counts.
    fn judge(&mut self, diagnosis: Option<Diagnosis>, now: Now) -> Option<Transition> {
        if diagnosis.is_some() {
            self.heard = now;
            self.withdrawn = false;
        }
        self.publish(now, |published| {
            diagnosis.into_iter().for_each(|diagnosis| published.observe(diagnosis, now));
        })
    }

    /// Lets the machine move, and counts and tells what came of it.
    fn publish(&mut self, now: Now, step: impl FnOnce(&mut Published)) -> Option<Transition> {
        let before = self.published.view();
        let (from, cause, since) = (before.verdict, before.fault.map(|f| f.cause), before.since);
        self.tally.settle(from, now);
        step(&mut self.published);
        self.view = None;

        self.alarm(now);
        let view = self.published.view();
        if let (Verdict::Broken, Some(fault)) = (view.verdict, view.fault)
            && from != Verdict::Broken
        {
            self.tally.broke(fault.side);
        }
        let same = (from, cause) == (view.verdict, view.fault.map(|fault| fault.cause));
        (!same).then(|| Transition {
            link: self.link.name.clone(),
            datasource: self.link.datasource_name.clone(),
            from,
            to: view.verdict,
            fault: view.fault,
            summary: about(self.link.datasource_name.as_deref(), &view.summary).into_owned(),
            next_step: view.next_step.clone(),
            since,
        })
    }

    /// Lets the alarms see what is published, and that time has passed.
    fn alarm(&mut self, now: Now) {
        let uid = self.info.datasource_uid.as_deref();
        self.alarms.observe(self.published.view(), uid, &self.link.alarms, now);
    }

    fn record(&mut self, started: Now, took: Duration, trigger: Trigger, diagnosis: &Diagnosis) {
        let Diagnosis { verdict, fault, .. } = *diagnosis;
        let working = verdict == Verdict::Working;
        let summary = if working { String::new() } else { diagnosis.summary.clone() };
        let entry = HistoryEntry { started, took, trigger, verdict, fault, summary };
        self.history = history::with(&self.history, entry);
    }
}

/// They were compared while the cycle ran, and are by far the largest part of a report.
fn forget_identities(report: &mut Report) {
    let walks = [report.direct.as_mut(), report.grafana.as_mut()].into_iter().flatten();
    for walk in walks {
        walk.first.seen.identities = None;
        walk.others.iter_mut().for_each(|leg| leg.seen.identities = None);
    }
}
