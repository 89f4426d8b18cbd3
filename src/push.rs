//! Alarms that do not pass through what broke: pushed to Alertmanagers and webhooks, and a
//! heartbeat for when promlink itself is gone.
//!
//! Every receiver has a task of its own that looks at the latest snapshot. Nothing upstream waits
//! for it, and nothing is queued for it: a word that was lost is repaired by the next one.

mod alertmanager;
mod heartbeat;
mod said;
mod send;
mod tell;
mod trial;
mod ways;
mod webhook;

pub use trial::{Tried, run as try_all};
pub use ways::Ways;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::JoinMap;

use crate::alerts::{self, Alert, Common};
use crate::clock::{self, Now, Stopwatch};
use crate::config::Settings;
use crate::link::alarm::{
    AlarmSettings, Alertmanager, Heartbeat, LONGEST_WAIT, Labels, Resolve, Webhook,
};
use crate::selfstats::{Role, SelfStats};
use crate::state::snapshot::Snapshot;
use alertmanager::OUTLIVES;
use tell::Teller;

#[cfg(test)]
mod tests;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
/// What stands is looked at again at most so often: 10,000 links change all the time.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After a look that took long, as at thousands of alarms, so many times as long: looking takes a
/// tenth of one core at most.
const REST: u32 = 9;
/// What is over is looked for at each look so long after a start, ours or a receiver's, ...
const FRESH: Duration = Duration::from_secs(60);
/// ... and then so often, until all that was told before it has ended by itself.
const OVER_EVERY: Duration = Duration::from_secs(10);
/// From a panic of a receiver's task to the next one.
const REVIVE: Duration = Duration::from_secs(1);

/// What is to be told to everybody.
#[derive(Debug, Default, PartialEq)]
struct Told {
    standing: Vec<Alert>,
    over: Vec<Labels>,
}

/// One receiver, as it is configured.
#[derive(Clone, Debug, PartialEq)]
enum To {
    Alertmanager(Alertmanager, Resolve),
    Webhook(Webhook, Option<String>),
    Heartbeat(Heartbeat),
}

/// Tells everybody until stopped.
pub async fn run<W: Ways>(
    ways: Arc<W>,
    stats: Arc<SelfStats>,
    mut settings: watch::Receiver<Arc<Settings>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) {
    let teller = Arc::new(Teller { ways, stats, snapshots });
    let (sender, told) = watch::channel(Arc::new(Told::default()));
    let mut tasks: JoinMap<String, ()> = JoinMap::new();
    let mut running: Vec<(String, To)> = Vec::new();
    let mut engaged = clock::now();
    let mut snapshots = teller.snapshots.clone();
    loop {
        let now = settings.borrow_and_update().clone();
        let wanted = receivers(&now);
        if running != wanted {
            engage(&teller, &mut tasks, &running, &wanted, &told);
            // What ended while the one before could not tell is taken back by its heir.
            engaged = clock::now();
            running = wanted;
        }
        warn(&now.alarms);
        if running.is_empty() {
            // Nobody is told, so nobody need look.
            if settings.changed().await.is_err() {
                return;
            }
            continue;
        }
        let common = common(teller.ways.as_ref(), &now);
        let mut back = TakenBack::new(&now.alarms, engaged);
        // Until the settings change, what stands is followed.
        loop {
            let look = Stopwatch::start();
            let snapshot = snapshots.borrow_and_update().clone();
            let standing = alerts::standing(&snapshot, &common);
            let over = back.over(clock::now(), || alerts::over(&snapshot, &common));
            publish(&sender, Told { standing, over });
            let rest = rest_after(look.read());
            tokio::select! {
                biased;
                changed = settings.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                Some((name, ended)) = tasks.join_next() => {
                    // Whoever was aborted is no longer wanted.
                    if ended.is_err_and(|error| error.is_panic()) {
                        // It has been logged. Nobody is told until the task runs again, which may
                        // meet the same.
                        teller.stats.receivers.get(&name).told_one(false, clock::now().wall);
                        running.retain(|(other, _)| *other != name);
                        sleep(REVIVE).await;
                        break;
                    }
                }
                changed = snapshots.changed() => if changed.is_err() {
                    return;
                },
            }
            sleep(rest).await;
        }
    }
}

/// Tells all receivers, if it is news.
fn publish(sender: &watch::Sender<Arc<Told>>, new: Told) {
    sender.send_if_modified(|before| {
        let changed = **before != new;
        if changed {
            *before = Arc::new(new);
        }
        changed
    });
}

/// From a look that took so long to the next one.
fn rest_after(look: Duration) -> Duration {
    LOOK_EVERY.max(look * REST)
}

/// What may have been told before a start and is surely over.
struct TakenBack {
    since: Now,
    until: Option<Now>,
    /// When it was found last, and what.
    last: Option<(Now, Vec<Labels>)>,
}

// === impl TakenBack ===

impl TakenBack {
    fn new(alarms: &AlarmSettings, since: Now) -> Self {
        let lives = OUTLIVES.saturating_add(alarms.rules.timing.longest().min(LONGEST_WAIT));
        Self { since, until: alarms.takes_back().then(|| since.plus(lives)), last: None }
    }

    /// It is found by `find`, at 10,000 links not all the time.
    fn over(&mut self, now: Now, find: impl FnOnce() -> Vec<Labels>) -> Vec<Labels> {
        if self.until.is_none_or(|until| now >= until) {
            return Vec::new();
        }
        let is_fresh = now.since(self.since) < FRESH;
        match &self.last {
            Some((at, over)) if !is_fresh && now.since(*at) < OVER_EVERY => over.clone(),
            Some(_) | None => {
                let over = find();
                self.last = Some((now, over.clone()));
                over
            }
        }
    }
}

/// All receivers by name, as they are configured now.
fn receivers(settings: &Settings) -> Vec<(String, To)> {
    let alarms = &settings.alarms;
    let alertmanagers = alarms.alertmanagers.iter().map(|one| {
        (format!("alertmanager {}", one.name), To::Alertmanager(one.clone(), alarms.resolve))
    });
    let url = settings.web.external_url.as_ref();
    let webhooks = alarms
        .webhooks
        .iter()
        .map(|one| (format!("webhook {}", one.name), To::Webhook(one.clone(), url.cloned())));
    let beat = alarms.heartbeat.iter();
    let beat = beat.map(|one| ("heartbeat".to_owned(), To::Heartbeat(one.clone())));
    alertmanagers.chain(webhooks).chain(beat).collect()
}

/// What every alert has.
fn common(ways: &impl Ways, settings: &Settings) -> Common {
    let mut labels = settings.alarms.labels.clone();
    if let Some(namespace) = ways.namespace() {
        labels.entry("namespace".to_owned()).or_insert(namespace);
    }
    let external_url = settings.web.external_url.as_ref();
    Common {
        labels,
        external_url: external_url.map(|url| url.trim_end_matches('/').to_owned()),
        rules: Arc::clone(&settings.alarms.rules),
    }
}

fn warn(alarms: &AlarmSettings) {
    if let Some(warning) = warning(alarms) {
        tracing::warn!("{warning}");
    }
}

/// What is worth a warning about who is told.
fn warning(alarms: &AlarmSettings) -> Option<&'static str> {
    if !alarms.tells() {
        return Some(
            "no receiver of alarms is configured: only the rules in a Prometheus tell of an \
             outage, and not of its own; a heartbeat is none; add `alarms.alertmanagers` or \
             `alarms.webhooks`",
        );
    }
    (!alarms.alertmanagers.is_empty() && !alarms.labels.contains_key("cluster")).then_some(
        "alarms have no label `cluster`: an Alertmanager of several clusters cannot tell them \
         apart; set `alarms.labels.cluster`",
    )
}

/// Ends the tasks of receivers that are gone or changed, and starts those of the new ones.
fn engage<W: Ways>(
    teller: &Arc<Teller<W>>,
    tasks: &mut JoinMap<String, ()>,
    running: &[(String, To)],
    wanted: &[(String, To)],
    told: &watch::Receiver<Arc<Told>>,
) {
    let role = |to: &To| match to {
        To::Alertmanager(..) => Role::Alertmanager,
        To::Webhook(..) => Role::Webhook,
        To::Heartbeat(_) => Role::Heartbeat,
    };
    let names = wanted.iter().map(|(name, to)| (name.clone(), role(to)));
    teller.stats.receivers.set(names);
    for (name, _) in running.iter().filter(|one| !wanted.contains(one)) {
        tasks.abort(name);
    }
    for (name, to) in wanted.iter().filter(|one| !running.contains(one)) {
        let (teller, told) = (Arc::clone(teller), told.clone());
        let (key, name, to) = (name.clone(), name.clone(), to.clone());
        tasks.spawn(key, async move { teller.tell(&name, to, told).await });
    }
}
