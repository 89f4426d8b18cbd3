//! One task a link: ticks, asks, late answers, and cycles that cannot hurt their neighbours.
//!
//! A task owns what its link carries from cycle to cycle. It learns its own published verdict from the
//! snapshot like any other reader, so that only one place decides what is published. A cycle is one boxed
//! future: dropping it cancels everything it does, and a panic in it costs that cycle alone.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::JoinMap;

use crate::cadence::{self, Schedule};
use crate::carried::Carried;
use crate::clock::{self, Now};
use crate::diagnosis::{Diagnosis, diagnose};
use crate::link::{Link, LinkName};
use crate::links::LinkSet;
use crate::report::{Report, Trigger};
use crate::selfstats::SelfStats;
use crate::state::snapshot::Snapshot;
use crate::state::{Event, needs_confirmation};

#[cfg(test)]
mod tests;

/// Asks that wait at one link. More than a handful of scrapers of one link would be a mistake.
const ASKS: usize = 16;
/// How long a task waits for its cycle to appear in a snapshot: publishing takes 50 ms at the most, the
/// rest is for a busy machine. Afterwards it goes by what it knows.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(1);

/// Walks both paths of a link once. It never fails: what goes wrong is what it reports.
pub trait Prober: Send + Sync + 'static {
    /// One cycle.
    fn cycle(
        &self,
        link: Arc<Link>,
        trigger: Trigger,
        carried: Carried,
    ) -> impl Future<Output = Cycle> + Send;
}

/// What a cycle gives back.
#[derive(Debug)]
pub struct Cycle {
    /// What it saw.
    pub report: Report,
    /// What the next cycle needs.
    pub carried: Carried,
}

/// Somebody wants a cycle of a link now.
#[derive(Debug)]
pub struct Ask {
    /// Which link.
    pub link: LinkName,
    /// Told when the cycle has been published; dropped when the link is not there.
    pub done: oneshot::Sender<()>,
}

/// What all link tasks share.
#[derive(Debug)]
pub struct Shared<P> {
    /// Who walks.
    pub prober: P,
    /// Towards the keeper.
    pub events: mpsc::Sender<Event>,
    /// What is published.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Our own counters.
    pub stats: Arc<SelfStats>,
    /// Told apart from other replicas, so that they do not tick together.
    pub host: String,
}

/// Runs a task for each link until stopped.
pub async fn run<P: Prober>(
    shared: Shared<P>,
    mut links: watch::Receiver<Arc<LinkSet>>,
    mut asks: mpsc::Receiver<Ask>,
    stop: CancellationToken,
) {
    let shared = Arc::new(shared);
    let mut crew = Crew::new(Arc::clone(&shared));
    crew.set(&links.borrow_and_update().clone());
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = links.changed() => match changed {
                Ok(()) => crew.set(&links.borrow_and_update().clone()),
                Err(_) => break,
            },
            ask = asks.recv() => match ask {
                Some(ask) => crew.ask(ask),
                None => break,
            },
            Some((name, ended)) = crew.tasks.join_next() => crew.ended(&name, ended.is_err()),
        }
    }
    // Dropping the crew drops its tasks, and with them the cycles that still run.
}

/// The tasks, and how to talk to them.
struct Crew<P> {
    shared: Arc<Shared<P>>,
    permits: Arc<Semaphore>,
    tasks: JoinMap<LinkName, ()>,
    lines: BTreeMap<LinkName, Line>,
}

/// How to talk to one task.
struct Line {
    link: watch::Sender<Arc<Link>>,
    asks: mpsc::Sender<oneshot::Sender<()>>,
}

/// One link's task.
struct Task<P> {
    shared: Arc<Shared<P>>,
    permits: Arc<Semaphore>,
    link: watch::Receiver<Arc<Link>>,
    asks: mpsc::Receiver<oneshot::Sender<()>>,
    carried: Carried,
    waiting: Vec<oneshot::Sender<()>>,
}

// === impl Crew ===

impl<P: Prober> Crew<P> {
    fn new(shared: Arc<Shared<P>>) -> Self {
        let permits = Arc::new(Semaphore::new(0));
        Self { shared, permits, tasks: JoinMap::new(), lines: BTreeMap::new() }
    }

    /// Starts tasks of new links, hands changed ones their change, ends those whose link went.
    fn set(&mut self, links: &LinkSet) {
        self.permits.close();
        self.permits = Arc::new(Semaphore::new(cadence::concurrency(links.iter())));
        self.lines.retain(|name, _| {
            let stays = links.get(name).is_some();
            if !stays {
                self.tasks.abort(name);
            }
            stays
        });
        for link in links.iter() {
            match self.lines.get(&link.name) {
                Some(line) => {
                    line.link.send_if_modified(|old| {
                        let changed = old != link;
                        if changed {
                            *old = Arc::clone(link);
                        }
                        changed
                    });
                }
                None => self.start(Arc::clone(link)),
            }
        }
    }

    fn start(&mut self, link: Arc<Link>) {
        let name = link.name.clone();
        let (link_sender, link) = watch::channel(link);
        let (asks_sender, asks) = mpsc::channel(ASKS);
        let task = Task {
            shared: Arc::clone(&self.shared),
            permits: Arc::clone(&self.permits),
            link,
            asks,
            carried: Carried::default(),
            waiting: Vec::new(),
        };
        self.lines.insert(name.clone(), Line { link: link_sender, asks: asks_sender });
        self.tasks.spawn(name, task.run());
    }

    /// Passes an ask on; a link that is not there, or has too many, drops it.
    fn ask(&self, ask: Ask) {
        if let Some(line) = self.lines.get(&ask.link) {
            drop(line.asks.try_send(ask.done));
        }
    }

    /// A task that ended by a panic outside a cycle starts anew; one that was aborted is gone.
    fn ended(&mut self, name: &LinkName, failed: bool) {
        let Some(line) = self.lines.remove(name) else { return };
        if failed {
            self.shared.stats.panics.add_one();
        }
        let link = line.link.borrow().clone();
        self.start(link);
    }
}
