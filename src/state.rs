//! The only mutable state of the daemon, and what is published of it.
//!
//! One task owns the [`Board`] and feeds it events; everybody else sees snapshots. A moment is
//! always handed in, so every timeline of the design is a table of values in a test.

mod alarm;
mod ends;
mod history;
mod published;
pub mod snapshot;
mod tally;
#[cfg(test)]
mod tests;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Now;
use crate::link::{GrafanaName, Link, LinkName};
use crate::links::{Change, LinkSet};
use crate::report::check::Path;
use crate::report::finding::Fault;
use crate::report::verdict::Verdict;
use alarm::Crowded;
use ends::{Places, Together};
use snapshot::{ConfigView, GrafanaView, LatestCycle, LinkView, Listed, ServerView, Snapshot};
use watched::Watched;

pub use published::needs_confirmation;

/// The state of all links; one task owns it.
#[derive(Debug)]
pub struct Board {
    set: LinkSet,
    links: BTreeMap<LinkName, Watched>,
    /// Every Grafana, sorted by name.
    grafanas: Vec<GrafanaView>,
    /// Every distinct Prometheus address, sorted.
    servers: Vec<ServerView>,
    config: ConfigView,
    /// What the last snapshot was made of; none once the set of links changed.
    last: Option<Parts>,
}

/// What may happen to it.
#[derive(Debug)]
pub enum Event {
    /// A cycle ended.
    Cycled(Box<LatestCycle>),
    /// Ticks passed while a cycle of the link was still running.
    Missed(LinkName, u64),
    /// A cycle of the link panicked.
    Panicked(LinkName),
    /// Time passed. Alarms that wait and results that grow too old need it about once a second.
    Beat,
    /// A Grafana's list of data sources was read, or is no longer.
    Listed {
        /// Which Grafana.
        grafana: GrafanaName,
        /// The links that were found; none when lists are no longer read.
        links: Option<usize>,
    },
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
    /// What people call its data source, where its own name is but a uid.
    pub datasource: Option<String>,
    /// What was said of it; the same as `to` when only the cause changed.
    pub from: Verdict,
    /// What is said of it now.
    pub to: Verdict,
    /// Why; none while working.
    pub fault: Option<Fault>,
    /// One sentence.
    pub summary: String,
    /// One sentence; empty while working.
    pub next_step: String,
    /// Since when `from` was said.
    pub since: Now,
}

/// The parts of a snapshot that are shared until they change.
#[derive(Clone, Debug)]
struct Parts {
    links: Arc<[Arc<LinkView>]>,
    grafanas: Arc<[GrafanaView]>,
    servers: Arc<[ServerView]>,
}

// === impl Board ===

impl Board {
    /// No links yet; the configuration was loaded at `now`.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self {
            set: LinkSet::default(),
            links: BTreeMap::new(),
            grafanas: Vec::new(),
            servers: Vec::new(),
            config: ConfigView { last_reload_successful: true, last_success: now.wall },
            last: None,
        }
    }

    /// Puts another set of links in force. Links that stay keep everything; links that go take
    /// their series with them.
    pub fn set(&mut self, links: &LinkSet, now: Now) {
        for (name, change) in self.set.changes(links) {
            let Some(link) = links.links.get(&name).map(Arc::clone) else {
                self.links.remove(&name);
                continue;
            };
            let new = || Watched::new(Arc::clone(&link), now);
            let watched = self.links.entry(name).or_insert_with(new);
            match change {
                Change::Added | Change::Removed => {}
                Change::Redirected => watched.redirect(link, now),
                Change::Retuned => watched.retune(link),
            }
        }
        self.set = links.clone();
        self.last = None;
        self.find_ends();
    }

    /// Takes in what happened; hands back what is to be logged. What is said of a link that is gone
    /// is ignored: its last cycle may still have been on its way.
    pub fn observe(&mut self, event: Event, now: Now) -> Vec<Transition> {
        match event {
            Event::Cycled(cycle) => {
                let Some(watched) = self.links.get_mut(&cycle.report.link) else {
                    return Vec::new();
                };
                let grafana = watched.places().grafana;
                if let Some(grafana) = grafana.and_then(|index| self.grafanas.get_mut(index)) {
                    grafana.learn(&cycle.report);
                }
                watched.cycled(*cycle, now).into_iter().collect()
            }
            Event::Missed(link, ticks) => {
                self.links.get_mut(&link).into_iter().for_each(|link| link.missed(ticks));
                Vec::new()
            }
            Event::Panicked(link) => {
                let link = self.links.get_mut(&link);
                link.and_then(|link| link.panicked(now)).into_iter().collect()
            }
            Event::Beat => self.links.values_mut().filter_map(|link| link.beat(now)).collect(),
            Event::Listed { grafana, links } => {
                let view = self.grafanas.iter_mut().find(|view| view.name == grafana);
                let listed = links.map(|links| Listed { links, at: now.wall });
                view.into_iter().for_each(|view| view.listed = listed);
                self.last = None;
                Vec::new()
            }
            Event::Reloaded { ok } => {
                self.config.last_reload_successful = ok;
                if ok {
                    self.config.last_success = now.wall;
                }
                Vec::new()
            }
        }
    }

    /// What every face sees. Views that did not change are shared with the last snapshot.
    #[must_use]
    pub fn snapshot(&mut self, now: Now) -> Snapshot {
        let parts = match self.last.take() {
            Some(parts) if !self.links.values().any(Watched::changed) => parts,
            before => self.parts(before),
        };
        self.last = Some(parts.clone());
        let Parts { links, grafanas, servers } = parts;
        Snapshot { at: now, links, grafanas, servers, config: self.config }
    }

    /// Which ends there are, which of them each link has, and which are crowded.
    fn find_ends(&mut self) {
        let links = || self.set.links.values();
        self.servers = ends::servers(links());
        self.grafanas = ends::grafanas(&self.set, &self.grafanas);

        let place = |link: &Link| Places::of(link, &self.servers, &self.grafanas);
        let many = |count: usize| count >= self.set.collapse_at;
        let mut servers = vec![0; self.servers.len()];
        let mut grafanas = vec![0; self.grafanas.len()];
        for places in links().map(|link| place(link)) {
            places.server.into_iter().for_each(|index| servers[index] += 1);
            places.grafana.into_iter().for_each(|index| grafanas[index] += 1);
        }
        for watched in self.links.values_mut() {
            let places = place(watched.link());
            let crowded = Crowded {
                server: places.server.is_some_and(|index| many(servers[index])),
                grafana: places.grafana.is_some_and(|index| many(grafanas[index])),
            };
            watched.put(places, crowded);
        }
    }

    fn parts(&mut self, before: Option<Parts>) -> Parts {
        let links = self.links.values_mut().map(Watched::view).collect();
        self.take_together();
        let (grafanas, servers) = before.map(|parts| (parts.grafanas, parts.servers)).unzip();
        Parts {
            links,
            grafanas: shared(&self.grafanas, grafanas),
            servers: shared(&self.servers, servers),
        }
    }

    /// Whether each end is up, and its alarms, from what its links say.
    fn take_together(&mut self) {
        let mut servers = vec![Together::default(); self.servers.len()];
        let mut grafanas = vec![Together::default(); self.grafanas.len()];
        for watched in self.links.values() {
            let Places { server, grafana } = watched.places();
            if let Some(together) = server.and_then(|index| servers.get_mut(index)) {
                watched.add_to(Path::Direct, together);
            }
            if let Some(together) = grafana.and_then(|index| grafanas.get_mut(index)) {
                watched.add_to(Path::Grafana, together);
            }
        }
        for (view, together) in self.servers.iter_mut().zip(servers) {
            (view.up, view.alarms) = (together.up(), together.into_down());
        }
        for (view, together) in self.grafanas.iter_mut().zip(grafanas) {
            view.up = together.up();
            view.alarm_blind.clone_from(&together.blind);
            view.alarms_down = together.into_down();
        }
    }
}

/// `now`, shared with the last snapshot where it is the same.
fn shared<T: Clone + PartialEq>(now: &[T], before: Option<Arc<[T]>>) -> Arc<[T]> {
    before.filter(|before| **before == *now).unwrap_or_else(|| now.into())
}
