//! What a link's task keeps from one cycle to the next.
//!
//! It lives with the task and travels through each cycle by value: a cycle that is dropped takes
//! its half of it along, so nothing half-updated is ever used. Only [`CarriedFacts`] is read by
//! judgement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::clock::Now;
use crate::link::Link;
use crate::report::asserted::Asserted;
use crate::report::check::Check;
use crate::report::seen::{DatasourceSeen, Flavour, Seen};
use crate::report::{CarriedFacts, Row};

/// How long the candidate that resolved last time is asked first; then the search list is walked
/// whole, so that a name that appears earlier in it is noticed.
const HINT_LIFE: Duration = Duration::from_secs(300);
/// How long a server's version is believed.
const VERSION_LIFE: Duration = Duration::from_secs(600);

/// What a link's task keeps from one cycle to the next.
#[derive(Debug, Default)]
pub struct Carried {
    /// What judgement reads.
    pub facts: CarriedFacts,
    /// When the last cycle ended.
    pub last_end: Option<Now>,
    /// Of the direct path.
    pub direct: DirectMemory,
    /// Of the path through Grafana.
    pub grafana: GrafanaMemory,
}

/// What is kept of the direct path.
#[derive(Debug, Default)]
pub struct DirectMemory {
    /// How its name resolved.
    pub name: NameMemory,
    /// Its answer was large: aggregates are asked.
    pub large: bool,
    /// What the server is.
    pub about: Option<About>,
    /// What came of the assertions.
    pub assertions: Vec<Asserted>,
}

/// What is kept of the path through Grafana.
#[derive(Debug, Default)]
pub struct GrafanaMemory {
    /// Its answer was large: aggregates are asked.
    pub large: bool,
    /// Rows with a period of their own.
    pub kept: BTreeMap<Check, Row>,
    /// What came of the assertions, where no direct path asks them.
    pub assertions: Vec<Asserted>,
    /// Assertions that were lost in one request, because one of them was: each is asked by itself
    /// until it has an answer.
    pub alone: BTreeSet<Arc<str>>,
    /// The data source as it was last read.
    pub datasource: Option<DatasourceSeen>,
    /// Calls that outlived their cycle.
    pub waiting: Vec<Pending>,
    /// The last answer that came too late for its cycle; it fills the gap of a call that still
    /// hangs.
    pub late: Option<Box<Said>>,
}

/// The name that resolved last time.
#[derive(Debug, Default)]
pub struct NameMemory {
    hit: Option<(String, Duration)>,
}

/// What a server is.
#[derive(Clone, Debug)]
pub struct About {
    /// What kind.
    pub flavour: Option<Flavour>,
    /// Its version.
    pub version: Option<String>,
    /// Its name led to pods: it is there exactly while one of them is ready.
    pub is_headless: bool,
    /// How it is set up.
    pub status: Status,
    /// When it was asked.
    pub asked: Now,
}

/// How a server is set up, as far as its status pages tell.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// How often it scrapes, unless a job says otherwise.
    pub scrape_interval: Option<Duration>,
    /// How long it keeps data, in its own words.
    pub retention: Option<String>,
    /// Its last reload of the configuration failed.
    pub reload_failed: bool,
}

/// A call to Grafana that is under way.
pub struct Pending {
    /// Which check waits for it.
    pub check: Check,
    /// When it began.
    pub since: Now,
    /// The call; it has a deadline of its own.
    pub call: Pin<Box<dyn Future<Output = Said> + Send>>,
    /// What it holds at the desk, and gives back when it ends.
    pub pass: Pass,
}

/// What a call holds at the desk; only its end is of use.
#[derive(Debug)]
#[expect(dead_code, reason = "a permit is there to be dropped")]
pub enum Pass {
    /// A slot, while the cycle that began it listens to it.
    Slot(OwnedSemaphorePermit),
    /// Leave to outlive that cycle.
    Leave(OwnedSemaphorePermit),
}

/// How a call to Grafana ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Which check waited for it.
    pub check: Check,
    /// That check's row.
    pub row: Row,
    /// What it saw besides.
    pub seen: Seen,
    /// Who spoke.
    pub voice: Voice,
}

/// Who spoke in answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The data source, well or ill.
    Datasource,
    /// Grafana, which did not let the data source speak.
    Grafana,
    /// Nobody: the call's own long deadline came first.
    Nobody,
    /// The connection to Grafana failed.
    Wire,
}

// === impl Carried ===

impl Carried {
    /// Goes over from `older` to `newer`, which have the same name: what was learnt about an end
    /// that is another one now is forgotten.
    pub fn follow(&mut self, older: &Link, newer: &Link) {
        if older.assertions != newer.assertions {
            self.direct.assertions.clear();
            self.grafana.assertions.clear();
        }
        if older.prometheus != newer.prometheus || older.query != newer.query {
            self.direct = DirectMemory::default();
        }
        if older.prometheus != newer.prometheus {
            self.facts.reached_prometheus = false;
            self.facts.last_standing[0] = None;
        }
        if older.grafana != newer.grafana || older.query != newer.query {
            self.grafana = GrafanaMemory::default();
        }
        if older.grafana != newer.grafana {
            self.facts.reached_grafana = false;
            self.facts.datasource_seen = false;
            self.facts.last_standing[1] = None;
        }
    }
}

// === impl NameMemory ===

impl NameMemory {
    /// The name to try first.
    #[must_use]
    pub fn hint(&self, now: Now) -> Option<&str> {
        self.hit
            .as_ref()
            .filter(|(_, since)| now.mono.saturating_sub(*since) < HINT_LIFE)
            .map(|(name, _)| name.as_str())
    }

    /// Notes which name resolved; a name that stays keeps the time at which it was found.
    pub fn note(&mut self, name: Option<String>, now: Now) {
        let Some(name) = name else { return };
        if self.hint(now) != Some(name.as_str()) {
            self.hit = Some((name, now.mono));
        }
    }
}

// === impl About ===

impl About {
    /// Whether it is still believed.
    #[must_use]
    pub fn is_fresh(&self, now: Now) -> bool {
        now.since(self.asked) < VERSION_LIFE
    }
}

// === impl GrafanaMemory ===

impl GrafanaMemory {
    /// Whether a call for `check` is still under way.
    #[must_use]
    pub fn waits_for(&self, check: Check) -> bool {
        self.waiting.iter().any(|pending| pending.check == check)
    }

    /// Takes in an answer that came after its cycle.
    pub fn take_in(&mut self, said: Said) {
        if said.check == Check::DatasourceHealth {
            self.kept.insert(said.check, said.row);
        } else {
            self.late = Some(Box::new(said));
        }
    }

    /// The next call to end; never, when none is under way. Dropping the future loses nothing.
    pub async fn next_said(&mut self) -> Said {
        poll_fn(|context| {
            for index in 0..self.waiting.len() {
                let Some(pending) = self.waiting.get_mut(index) else { break };
                if let Poll::Ready(said) = pending.call.as_mut().poll(context) {
                    drop(self.waiting.swap_remove(index));
                    return Poll::Ready(said);
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("check", &self.check)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}
