//! One task a link: ticks, asks, late answers, and cycles that cannot hurt their neighbours.
//!
//! A task owns what its link carries from cycle to cycle. It learns its own published verdict from
//! the snapshot like any other reader, so that only one place decides what is published. A cycle is
//! one boxed future: dropping it cancels everything it does, and a panic in it costs that cycle
//! alone.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::JoinMap;

use crate::cadence::{self, Ticks};
use crate::carried::Carried;
use crate::carry::carry;
use crate::clock::{self, Now};
use crate::diagnosis::diagnose;
use crate::link::{Link, LinkName};
use crate::links::LinkSet;
use crate::report::check::{Check, Path};
use crate::report::{Report, Trigger};
use crate::selfstats::SelfStats;
use crate::state::snapshot::{LatestCycle, LinkView, Snapshot};
use crate::state::{Event, needs_confirmation};
use crate::tripwire::{self, Held, Tripwires};

#[cfg(test)]
mod tests;

/// Asks that wait at one link. More than a handful of scrapers of one link would be a mistake.
const ASKS: usize = 16;
/// How long a task waits for its cycle to appear in a snapshot: publishing takes 50 ms at the most,
/// the rest is for a busy machine. Afterwards it goes by what it knows.
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
    pub prober: Arc<P>,
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
    capacity: usize,
    /// The first cycles lie within this share of an interval.
    spread: f64,
    wires: Arc<Tripwires>,
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
    /// The link as it is now.
    link: Arc<Link>,
    /// How it changes.
    changes: watch::Receiver<Arc<Link>>,
    /// The first cycle lies within this share of an interval.
    spread: f64,
    asks: mpsc::Receiver<oneshot::Sender<()>>,
    wires: Arc<Tripwires>,
    wire: Held,
    carried: Carried,
    waiting: Vec<oneshot::Sender<()>>,
}

// === impl Shared ===

impl<P> Shared<P> {
    /// Waits when the keeper is behind: ticks are then missed and counted, nothing piles up.
    async fn tell(&self, event: Event) {
        // The keeper ends only when the daemon does.
        drop(self.events.send(event).await);
    }

    /// The view of `link`, once it holds the cycle that started then.
    async fn published(&self, link: &LinkName, started: Now) -> Option<Arc<LinkView>> {
        let mut snapshots = self.snapshots.clone();
        let holds = |snapshot: &Arc<Snapshot>| {
            let latest = snapshot.link(link.as_str()).and_then(|view| view.latest.as_ref());
            latest.is_some_and(|latest| latest.report.started >= started)
        };
        // Only a stopped keeper takes longer; then nothing is to be confirmed any more.
        let found = timeout(PUBLISHED_WITHIN, snapshots.wait_for(holds)).await;
        found.ok()?.ok()?.link(link.as_str()).cloned()
    }
}

// === impl Crew ===

impl<P: Prober> Crew<P> {
    fn new(shared: Arc<Shared<P>>) -> Self {
        Self {
            shared,
            permits: Arc::new(Semaphore::new(0)),
            capacity: 0,
            spread: 0.0,
            wires: Arc::default(),
            tasks: JoinMap::new(),
            lines: BTreeMap::new(),
        }
    }

    /// Starts tasks of new links, hands changed ones their change, ends those whose link went.
    fn set(&mut self, set: &LinkSet) {
        self.resize(cadence::concurrency(set.links.values().map(|link| link.cadence)));
        self.spread = cadence::first_spread(set.links.len());
        self.lines.retain(|name, _| {
            let stays = set.links.contains_key(name);
            if !stays {
                self.tasks.abort(name);
            }
            stays
        });
        for (name, link) in &set.links {
            match self.lines.get(name) {
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

    /// Lets as many cycles run at a time as the links need; cycles that run now are not disturbed.
    fn resize(&mut self, wanted: usize) {
        if wanted > self.capacity {
            self.permits.add_permits(wanted - self.capacity);
            self.capacity = wanted;
        } else {
            self.capacity -= self.permits.forget_permits(self.capacity - wanted);
        }
    }

    fn start(&mut self, link: Arc<Link>) {
        let name = link.name.clone();
        let (link_sender, changes) = watch::channel(Arc::clone(&link));
        let (asks_sender, asks) = mpsc::channel(ASKS);
        let task = Task {
            shared: Arc::clone(&self.shared),
            permits: Arc::clone(&self.permits),
            link: Arc::clone(&link),
            changes,
            spread: self.spread,
            asks,
            wires: Arc::clone(&self.wires),
            wire: Held::default(),
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

    /// A task that ended by a panic outside of a cycle starts anew; one whose link went is gone.
    fn ended(&mut self, name: &LinkName, failed: bool) {
        let Some(line) = self.lines.get(name).filter(|_| failed) else { return };
        self.shared.stats.panics.add_one();
        let link = line.link.borrow().clone();
        self.start(link);
    }
}

// === impl Task ===

impl<P: Prober> Task<P> {
    async fn run(mut self) {
        let mut ticks = self.ticks();
        let begun = clock::now().mono;
        let mut tick = begun + (ticks.next(begun) - begun).mul_f64(self.spread);
        let mut confirmation = None;
        loop {
            // A tick that comes sooner would be a second look too soon after the first.
            let wake = confirmation.unwrap_or(tick);
            let trigger = tokio::select! {
                // What counts goes first, however often somebody asks or answers.
                biased;
                () = sleep_until(clock::instant_of(wake)) => {
                    if wake == tick { Trigger::Interval } else { Trigger::Confirmation }
                }
                // Not while a second look is due: this one would confirm too soon.
                () = self.wire.pulled(), if confirmation.is_none() => Trigger::Tripwire,
                Some(done) = self.asks.recv() => {
                    self.waiting.push(done);
                    Trigger::Request
                }
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.adopt();
                    ticks = self.ticks();
                    Trigger::Reload
                }
                said = self.carried.grafana.next_said() => {
                    let of_query = said.check == Check::GrafanaQuery;
                    self.carried.grafana.take_in(said);
                    if !of_query {
                        continue;
                    }
                    Trigger::LateAnswer
                }
            };
            let started = clock::now().mono;
            // Boxed: an idle task must not hold the room that a cycle needs.
            let confirm = Box::pin(self.cycle(trigger)).await;
            let ended = clock::now().mono;
            if trigger == Trigger::Reload {
                (tick, confirmation) = (ticks.next(ended), None);
            } else if trigger.counts() {
                confirmation = confirm.then(|| cadence::confirmation_start(started, ended));
                tick = ticks.next(ended);
                let missed = ticks.between(started, ended);
                if missed > 0 {
                    let event = Event::Missed(self.link.name.clone(), missed);
                    self.shared.tell(event).await;
                }
            }
            // A cycle that does not count takes no tick's place, and no confirmation's.
        }
    }

    fn ticks(&self) -> Ticks {
        let now = clock::now().mono;
        Ticks::starting(now, &self.link.name, &self.shared.host, self.link.cadence.interval)
    }

    /// Takes over the changed link, and forgets what was learnt about another end.
    fn adopt(&mut self) {
        let newer = self.changes.borrow_and_update().clone();
        self.carried.follow(&self.link, &newer);
        // The cycle that follows takes it up again where it is still wanted.
        self.wire = Held::default();
        self.link = newer;
    }

    /// Runs one cycle to its end; whether it wants to be confirmed.
    async fn cycle(&mut self, trigger: Trigger) -> bool {
        let Ok(_permit) = Arc::clone(&self.permits).acquire_owned().await else { return false };
        let shared = Arc::clone(&self.shared);
        let _held = shared.stats.cycles_in_flight.hold();
        let carried = mem::take(&mut self.carried);
        self.carried.facts = carried.facts.clone();
        let cycle = shared.prober.cycle(Arc::clone(&self.link), trigger, carried);
        let mut cycle = Box::pin(AssertUnwindSafe(cycle).catch_unwind());
        let done = loop {
            tokio::select! {
                done = &mut cycle => break done,
                Some(done) = self.asks.recv() => self.waiting.push(done),
                changed = self.changes.changed() => {
                    // What runs is about a link that is no more.
                    if changed.is_ok() {
                        self.changes.mark_changed();
                    }
                    return false;
                }
            }
        };
        drop(cycle);
        match done {
            Ok(done) => self.publish(trigger, done).await,
            Err(panic) => {
                self.survive(panic.as_ref());
                shared.tell(Event::Panicked(self.link.name.clone())).await;
                false
            }
        }
    }

    /// Hands the report on, waits until it is published, and answers those who asked for it.
    async fn publish(&mut self, trigger: Trigger, cycle: Cycle) -> bool {
        let Cycle { report, carried } = cycle;
        self.carried = carried;
        carry(&mut self.carried.facts, &report);
        if tripwire::wants(&self.link) {
            let first = report.direct.as_ref().filter(|_| report.reaches(Path::Direct));
            self.wire.learn(&self.wires, first.and_then(|walk| walk.first.address));
        }
        let diagnosis = diagnose(&report);
        let started = report.started;
        let latest = LatestCycle { report, diagnosis: diagnosis.clone() };
        let shared = Arc::clone(&self.shared);
        shared.tell(Event::Cycled(Box::new(latest))).await;
        let confirm = shared
            .published(&self.link.name, started)
            .await
            .is_some_and(|view| needs_confirmation(&view.published, trigger, &diagnosis));
        for done in self.waiting.drain(..) {
            // Whoever asked may have gone.
            done.send(()).ok();
        }
        confirm
    }

    /// Notes a panic: the carried facts stay, whoever asked is let go.
    fn survive(&mut self, panic: &(dyn Any + Send)) {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(link = %self.link.name, message, "a cycle panicked");
        self.shared.stats.panics.add_one();
        self.waiting.clear();
    }
}
