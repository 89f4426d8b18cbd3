//! Whether each Grafana and each server answers, derived from what the links see of them.
//!
//! Every link keeps what its own cycles confirmed of its two ends; an end is up when any of its
//! links says so. Links may differ in credentials and paths, so one that fails says less than one
//! that passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnosis::told;
use crate::link::alarm::Labels;
use crate::link::{Grafana, GrafanaName, Link};
use crate::links::LinkSet;
use crate::report::check::Path;
use crate::report::{Report, Standing};
use crate::state::alarm::EndAlarms;
use crate::state::snapshot::{Alarm, EndAlarm, GrafanaView, ServerView};

/// What one cycle saw of one end itself; the order is that of getting worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sighting {
    /// It gave an answer of the right kind.
    Answered,
    /// It did not, and our own side explains that as well.
    Untold,
    /// It did not.
    Failed,
}

/// What the cycles of one link confirmed of one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    said: Option<Sighting>,
    last: Option<Sighting>,
}

/// All links of one end, taken together.
#[derive(Clone, Debug, Default)]
pub struct Together {
    answered: bool,
    failed: bool,
    /// `PromlinkServerDown` or `PromlinkGrafanaDown`, by the labels of the links.
    down: BTreeMap<Arc<Labels>, EndAlarm>,
    /// `PromlinkGrafanaBlind`.
    pub blind: Option<EndAlarm>,
}

/// Where a link's ends are in the lists of all ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Its Prometheus address.
    pub server: Option<usize>,
    /// Its Grafana.
    pub grafana: Option<usize>,
}

/// The distinct Prometheus addresses of `links`, sorted.
#[must_use]
pub fn servers<'a>(links: impl Iterator<Item = &'a Arc<Link>>) -> Vec<ServerView> {
    let names: BTreeSet<String> = links.filter_map(|link| link.server()).collect();
    names.into_iter().map(|server| ServerView { server, up: None, alarms: Vec::new() }).collect()
}

/// All Grafanas of `set`, sorted by name; those that stay at their address keep what they told.
#[must_use]
pub fn grafanas(set: &LinkSet, before: &[GrafanaView]) -> Vec<GrafanaView> {
    let view = |(name, grafana): (&GrafanaName, &Arc<Grafana>)| {
        let url = grafana.endpoint.url.to_string();
        let old = before.iter().find(|old| old.name == *name && old.url == url);
        old.cloned().unwrap_or_else(|| GrafanaView {
            name: name.clone(),
            url,
            up: None,
            version: None,
            token_not_after: None,
            listed: None,
            alarms_down: Vec::new(),
            alarm_blind: None,
        })
    };
    set.grafanas.iter().map(view).collect()
}

/// What `report` saw of the end of `path`; none when it did not get to look.
#[must_use]
pub fn sighting(report: &Report, path: Path) -> Option<Sighting> {
    if report.reaches(path) {
        return Some(Sighting::Answered);
    }
    match told(path, report)? {
        Standing::Failed(fault) if !fault.is_through_grafana() => Some(Sighting::Failed),
        Standing::Untold(fault) if !fault.is_through_grafana() => Some(Sighting::Untold),
        Standing::Failed(_) | Standing::Untold(_) | Standing::Passed | Standing::Absent => None,
    }
}

// === impl Places ===

impl Places {
    /// The places of `link`'s ends in lists that are sorted by name.
    #[must_use]
    pub fn of(link: &Link, servers: &[ServerView], grafanas: &[GrafanaView]) -> Self {
        let server = link
            .server()
            .and_then(|name| servers.binary_search_by(|view| view.server.cmp(&name)).ok());
        let grafana = link
            .grafana
            .as_ref()
            .and_then(|side| grafanas.binary_search_by(|view| view.name.cmp(&side.name)).ok());
        Self { server, grafana }
    }
}

// === impl GrafanaView ===

impl GrafanaView {
    /// Remembers what Grafana told of itself.
    pub fn learn(&mut self, report: &Report) {
        let Some(walk) = &report.grafana else { return };
        let seen = &walk.first.seen;
        if seen.version.is_some() && seen.version != self.version {
            self.version.clone_from(&seen.version);
        }
        self.token_not_after = seen.token_not_after.or(self.token_not_after);
    }
}

// === impl Confirmed ===

impl Confirmed {
    /// Takes in a cycle that counts. Getting worse takes two in a row, and a 0 is left by a 1 only.
    pub fn observe(&mut self, sighting: Sighting) {
        let agreed = self.last.replace(sighting).map(|last| last.min(sighting));
        self.said = match sighting {
            Sighting::Answered => Some(sighting),
            Sighting::Untold | Sighting::Failed => self.said.max(agreed),
        };
    }

    /// The result is too old: that may remove a 1, never a 0.
    pub fn withdraw(&mut self) {
        self.last = None;
        self.said = self.said.filter(|said| *said == Sighting::Failed);
    }

    /// 1, 0, or none when nobody can tell.
    #[must_use]
    pub fn up(self) -> Option<bool> {
        match self.said? {
            Sighting::Answered => Some(true),
            Sighting::Untold => None,
            Sighting::Failed => Some(false),
        }
    }
}

// === impl Together ===

impl Together {
    /// Adds one link of the end behind `path`, which has these labels.
    pub fn add(&mut self, path: Path, seen: Confirmed, alarms: EndAlarms, labels: &Arc<Labels>) {
        self.answered |= seen.up() == Some(true);
        self.failed |= seen.up() == Some(false);
        let (down, blind) = match path {
            Path::Direct => (alarms.server_down, None),
            Path::Grafana => (alarms.grafana_down, alarms.grafana_blind),
        };
        if let Some(alarm) = down {
            let new = EndAlarm { labels: Arc::clone(labels), links: 0, alarm: Arc::clone(&alarm) };
            self.down.entry(Arc::clone(labels)).or_insert(new).count(&alarm);
        }
        if let Some(alarm) = blind {
            let none = EndAlarm { labels: Arc::default(), links: 0, alarm: Arc::clone(&alarm) };
            self.blind.get_or_insert(none).count(&alarm);
        }
    }

    /// One alarm for each set of labels.
    #[must_use]
    pub fn into_down(self) -> Vec<EndAlarm> {
        self.down.into_values().collect()
    }

    /// 1, 0, or none when nobody can tell.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        (self.answered || self.failed).then_some(self.answered)
    }
}

// === impl EndAlarm ===

impl EndAlarm {
    /// One more link; the first that raised it speaks for all.
    fn count(&mut self, alarm: &Arc<Alarm>) {
        self.links += 1;
        if alarm.since < self.alarm.since {
            self.alarm = Arc::clone(alarm);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Now;
    use crate::link::sample::grafana;
    use crate::report::sample::report;

    #[test]
    fn what_a_cycle_saw_of_an_end_itself() {
        for (grafana, expected) in [
            ("passed", Some(Sighting::Answered)),
            ("grafana_query/starting", Some(Sighting::Answered)),
            ("auth/token_rejected", Some(Sighting::Answered)),
            ("tcp/connection_refused", Some(Sighting::Failed)),
            ("tcp/connection_timeout", Some(Sighting::Untold)),
            ("tcp/connection_timeout reached", Some(Sighting::Failed)),
            ("no_time", None),
            ("absent", None),
        ] {
            assert_eq!(sighting(&report("passed", grafana), Path::Grafana), expected, "{grafana}");
        }
        let stale = report("freshness/data_stale", "absent");
        assert_eq!(sighting(&stale, Path::Direct), Some(Sighting::Answered));
    }

    #[test]
    fn getting_worse_takes_two_in_a_row_and_getting_better_one() {
        use Sighting as S;
        let check = |timeline: &[(S, Option<bool>)]| {
            let mut confirmed = Confirmed::default();
            for (step, (sighting, up)) in timeline.iter().enumerate() {
                confirmed.observe(*sighting);
                assert_eq!(confirmed.up(), *up, "step {step} of {timeline:?}");
            }
        };
        let (up, down) = (Some(true), Some(false));
        check(&[(S::Answered, up), (S::Failed, up), (S::Answered, up), (S::Failed, up)]);
        check(&[(S::Answered, up), (S::Failed, up), (S::Failed, down), (S::Answered, up)]);
        check(&[(S::Answered, up), (S::Untold, up), (S::Failed, None), (S::Failed, down)]);
        check(&[(S::Failed, None), (S::Failed, down), (S::Untold, down), (S::Untold, down)]);
        check(&[(S::Untold, None), (S::Answered, up)]);
    }

    #[test]
    fn the_first_link_that_raised_an_alarm_speaks_for_all() {
        let alarm = |second: u64, summary: &str| {
            Arc::new(Alarm {
                since: Now::at(Duration::from_secs(second)),
                wait: Duration::ZERO,
                fault: None,
                summary: summary.to_owned(),
                next_step: String::new(),
                datasource_uid: None,
            })
        };
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let all = [alarm(5, "first"), alarm(7, "second"), alarm(9, "third")];
            let mut together = Together::default();
            for index in order {
                let server_down = Some(Arc::clone(&all[index]));
                let alarms = EndAlarms { server_down, ..EndAlarms::default() };
                together.add(Path::Direct, Confirmed::default(), alarms, &Arc::default());
            }
            let down = together.into_down();
            assert_eq!((down.len(), down[0].links), (1, 3));
            assert_eq!(down[0].alarm.summary, "first", "{order:?}");
        }
    }

    #[test]
    fn a_grafana_at_another_url_is_another_one() {
        let names = BTreeMap::from([(GrafanaName::new("main"), grafana("main"))]);
        let set = LinkSet::merge(Vec::new(), &[], names, 5);
        let mut before = grafanas(&set, &[]);
        before[0].version = Some("11.2.0".to_owned());
        assert_eq!(grafanas(&set, &before)[0].version.as_deref(), Some("11.2.0"));
        before[0].url = "http://elsewhere:3000".to_owned();
        assert_eq!(grafanas(&set, &before)[0].version, None);
    }

    #[test]
    fn withdrawing_may_remove_a_1_never_a_0() {
        for (sighting, before, after) in
            [(Sighting::Answered, Some(true), None), (Sighting::Failed, Some(false), Some(false))]
        {
            let mut confirmed = Confirmed::default();
            confirmed.observe(sighting);
            confirmed.observe(sighting);
            assert_eq!(confirmed.up(), before);
            confirmed.withdraw();
            assert_eq!(confirmed.up(), after);
        }
    }
}
