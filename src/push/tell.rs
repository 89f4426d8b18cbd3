//! The task of each receiver: when it is told, and what becomes of that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use url::Url;

use crate::clock::{self, Now, Stopwatch};
use crate::link::alarm::{Alertmanager, Heartbeat, Labels, Resolve, Webhook};
use crate::push::alertmanager::{self, Ledger, Skew};
use crate::push::heartbeat;
use crate::push::said::{Refusal, Said};
use crate::push::send::Target;
use crate::push::webhook::{Notifier, Payload};
use crate::push::{JSON, TEXT, To, Told, Ways};
use crate::selfstats::{Receiver, SelfStats};
use crate::state::snapshot::Snapshot;

#[cfg(test)]
mod tests;

/// After a failure, doubled each time up to the other.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// Addresses of one name that are told at the same time.
const AT_ONCE: usize = 8;
/// So often a batch that was refused is told in halves: enough to find some alerts that are to
/// blame, and not to tell thousands one by one.
const SPLITS: usize = 32;

/// What is known of each address of a name.
type Peers = BTreeMap<Option<IpAddr>, Peer>;

/// What is known of one address.
#[derive(Clone, Debug, Default)]
struct Peer {
    /// How far its clock is from ours.
    skew: Skew,
    /// It asked to be left alone: until when, and in which words.
    leave: Option<(Now, String)>,
}

/// What came of telling all addresses of a name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Round {
    taken: u64,
    failed: u64,
    /// What those said that did not take it, and those that are left alone.
    says: Vec<String>,
}

/// What every task works with.
pub struct Teller<W> {
    pub ways: Arc<W>,
    pub stats: Arc<SelfStats>,
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
}

/// Whom a failure was told already: one line for each streak.
#[derive(Default)]
struct Streak {
    failures: u32,
}

// === impl Teller ===

impl<W: Ways> Teller<W> {
    /// Tells one receiver until it is dropped.
    pub async fn tell(&self, name: &str, to: To, told: watch::Receiver<Arc<Told>>) {
        let stats = self.stats.receivers.get(name);
        match to {
            To::Alertmanager(one, resolve) => {
                self.alertmanager(name, &one, resolve, told, &stats).await;
            }
            To::Webhook(one, url) => self.webhook(name, &one, url, told, &stats).await,
            To::Heartbeat(one) => self.heartbeat(name, &one, &stats).await,
        }
    }

    async fn alertmanager(
        &self,
        name: &str,
        one: &Alertmanager,
        resolve: Resolve,
        mut told: watch::Receiver<Arc<Told>>,
        stats: &Receiver,
    ) {
        let mut ledger = Ledger::new(resolve);
        let mut peers = Peers::new();
        let mut streak = Streak::default();
        loop {
            let round = Stopwatch::start();
            let begun = told.borrow_and_update().clone();
            ledger.take(&begun.standing, &BTreeSet::new(), clock::now());
            let mut last = self.tell_all(one, &ledger, &mut peers).await;
            stats.told(last.taken, last.failed, clock::now().wall);
            // What stands does not wait until it is known what was told before a restart.
            let over = self.still_held(one, &begun.over).await;
            let latest = Arc::clone(&told.borrow());
            if !over.is_empty() && ledger.take(&latest.standing, &over, clock::now()) {
                last = self.tell_all(one, &ledger, &mut peers).await;
                stats.told(last.taken, last.failed, clock::now().wall);
            }
            let pause = streak.after(name, &last.result());
            // News of thousands come one by one, and each round tells all.
            let least = round.read() + pause.map_or(Duration::ZERO, |pause| pause.min(RETRY));
            let (soonest, again) =
                (clock::deadline(least), clock::deadline(pause.unwrap_or(alertmanager::RESEND)));
            loop {
                tokio::select! {
                    changed = told.changed() => if changed.is_err() {
                        return;
                    },
                    () = sleep_until(again) => break,
                }
                let latest = told.borrow_and_update().clone();
                let is_news = ledger.take(&latest.standing, &BTreeSet::new(), clock::now());
                if is_news || latest.over != begun.over {
                    sleep_until(soonest).await;
                    break;
                }
            }
        }
    }

    /// What of `over` an Alertmanager still has from before a restart. It is asked, because an end
    /// that nobody waits for may cross a beginning, and be told in its place.
    async fn still_held(&self, one: &Alertmanager, over: &[Labels]) -> BTreeSet<Labels> {
        let mut all = BTreeSet::new();
        if over.is_empty() {
            return all;
        }
        let Ok(target) = alertmanager_target(one) else { return all };
        let target = target.at(|url| url.set_query(Some(alertmanager::QUERY)));
        let each = target.each(self.ways.as_ref()).await.unwrap_or_default();
        let asked = each.iter().map(async |(_, target)| {
            let answer = target.get(self.ways.as_ref(), alertmanager::HELD_BYTES).await;
            alertmanager::held(&answer.unwrap_or_default())
        });
        for held in join_all(asked.take(AT_ONCE)).await {
            all.extend(over.iter().filter(|labels| held.contains(*labels)).cloned());
        }
        all
    }

    /// Tells every address of an Alertmanager; they neither tell nor wait for each other.
    async fn tell_all(&self, one: &Alertmanager, ledger: &Ledger, peers: &mut Peers) -> Round {
        let each = async { alertmanager_target(one)?.each(self.ways.as_ref()).await };
        let each = match each.await {
            Ok(each) => each,
            Err(says) => return Round { failed: 1, says: vec![says], ..Round::default() },
        };
        peers.retain(|address, _| each.iter().any(|(known, _)| known == address));
        let mut round = Round::default();
        for some in each.chunks(AT_ONCE) {
            let told = some.iter().map(async |(address, target)| {
                let mut peer = peers.get(address).cloned().unwrap_or_default();
                let told = self.tell_one(target, ledger, &mut peer).await;
                (*address, peer, told)
            });
            for (address, peer, told) in join_all(told).await {
                match told {
                    Some(Ok(())) => round.taken += 1,
                    Some(Err(_)) => round.failed += 1,
                    None => {}
                }
                let left = peer.leave.as_ref().map(|(_, says)| says.clone());
                let says = told.and_then(Result::err).map(|refusal| refusal.says).or(left);
                let place = address.map(|ip| format!("{ip}: ")).unwrap_or_default();
                round.says.extend(says.map(|says| format!("{place}{says}")));
                peers.insert(address, peer);
            }
        }
        round
    }

    /// Tells one address, unless it wants to be left alone; once again, where its clock showed that
    /// the times were wrong. A clock that shows something else each time is not run after.
    async fn tell_one(
        &self,
        target: &Target<'_>,
        ledger: &Ledger,
        peer: &mut Peer,
    ) -> Option<Result<(), Refusal>> {
        if peer.leave.as_ref().is_some_and(|(until, _)| clock::now() < *until) {
            return None;
        }
        let skew = &mut peer.skew;
        let used = *skew;
        let mut told = self.tell_at(target, ledger, skew).await;
        if told.is_ok() && skew.differs(used) {
            tracing::warn!(skew = %skew, "its clock differs: alarms are told in its time");
            told = self.tell_at(target, ledger, skew).await;
        }
        peer.leave = told
            .as_ref()
            .err()
            .and_then(|refusal| Some((clock::now().plus(refusal.patience?), refusal.says.clone())));
        Some(told)
    }

    /// Tells one address all in the time of its clock, which is `skew`, and learns what it shows.
    async fn tell_at(
        &self,
        target: &Target<'_>,
        ledger: &Ledger,
        skew: &mut Skew,
    ) -> Result<(), Refusal> {
        let all = ledger.wire(clock::now(), *skew);
        // An empty list says that promlink is there, and hears whether Alertmanager is.
        let mut todo: Vec<_> = all.rchunks(alertmanager::BATCH).collect();
        if todo.is_empty() {
            todo.push(&all);
        }
        let mut refused = Ok(());
        let mut splits = SPLITS;
        while let Some(batch) = todo.pop() {
            let body = alertmanager::body(batch);
            let said = target.post(self.ways.as_ref(), (JSON, body)).await?;
            if let Some(date) = said.date {
                *skew = Skew::between(date, clock::now().wall);
            }
            if said.is_good() {
                continue;
            }
            let is_of_the_content = said.is_of_the_content();
            refused = said.accepted();
            if !is_of_the_content {
                break;
            }
            // The others of a batch must not suffer for one that is refused for ever.
            if batch.len() > 1 && splits > 0 {
                splits -= 1;
                let (first, second) = batch.split_at(batch.len() / 2);
                todo.extend([second, first]);
            }
        }
        refused
    }

    async fn webhook(
        &self,
        name: &str,
        one: &Webhook,
        url: Option<String>,
        mut told: watch::Receiver<Arc<Told>>,
        stats: &Receiver,
    ) {
        let mut notifier = Notifier::new(one);
        let mut streak = Streak::default();
        let mut not_before = clock::now();
        loop {
            notifier.take(&told.borrow_and_update().standing, clock::now());
            let now = clock::now();
            let batch = if now < not_before { Vec::new() } else { notifier.batch(now) };
            if !batch.is_empty() {
                let payload = notifier.payload(&batch, &one.name, url.as_deref());
                let said = notify(self.ways.as_ref(), one, &payload).await;
                let refused = said.as_ref().is_ok_and(Said::is_of_the_content);
                let result = said.map_err(Refusal::from).and_then(Said::accepted);
                stats.told_one(result.is_ok(), clock::now().wall);
                if result.is_ok() {
                    notifier.told(&batch, clock::now());
                }
                let mut pause = streak.after(name, &result).unwrap_or_default();
                if refused {
                    notifier.refused(&batch, clock::now());
                    // The others must not wait for long.
                    pause = pause.min(RETRY * if batch.len() > 1 { 1 } else { 10 });
                }
                not_before = clock::now().plus(pause);
                continue;
            }
            let due = notifier.due().map(|due| due.max(not_before));
            tokio::select! {
                changed = told.changed() => if changed.is_err() {
                    return;
                },
                () = sleep_until(clock::instant_of(due.unwrap_or(now).mono)), if due.is_some() => {}
            }
        }
    }

    async fn heartbeat(&self, name: &str, one: &Heartbeat, stats: &Receiver) {
        let mut streak = Streak::default();
        loop {
            let snapshot = self.snapshots.borrow().clone();
            let failing = self.failing_beside(name);
            let beat = heartbeat::beat(&snapshot, &failing, one.links, clock::now());
            let result = self.beat(one, &beat).await;
            stats.told_one(result.is_ok(), clock::now().wall);
            sleep(until_next(streak.after(name, &result), one.interval)).await;
        }
    }

    /// The receivers that accept nothing, but for this one.
    fn failing_beside(&self, name: &str) -> Vec<String> {
        let all = self.stats.receivers.all().into_iter();
        let failing = all.filter(|(other, receiver)| other != name && receiver.is_failing());
        failing.map(|(other, _)| other).collect()
    }

    async fn beat(&self, one: &Heartbeat, beat: &heartbeat::Beat) -> Result<(), Refusal> {
        let target = match &one.fail_url {
            Some(url) if !beat.is_good => Target::secret(url, "fail_url", &one.http)?,
            None if !beat.is_good => {
                Target::secret(&one.url, "url", &one.http)?.at(heartbeat::fail)
            }
            Some(_) | None => Target::secret(&one.url, "url", &one.http)?,
        };
        target.post(self.ways.as_ref(), (TEXT, beat.text.clone())).await?.accepted()
    }
}

/// From one heartbeat to the next; after a failure sooner, as far as receivers allow.
fn until_next(retry: Option<Duration>, interval: Duration) -> Duration {
    retry.map_or(interval, |pause| pause.max(RETRY * 10).min(interval))
}

/// Where an Alertmanager is told.
///
/// # Errors
/// There is no such URL.
pub fn alertmanager_target(one: &Alertmanager) -> Result<Target<'_>, String> {
    let url = format!("{}{}", one.endpoint.url, alertmanager::PATH);
    let url = Url::parse(&url).map_err(|error| error.to_string())?;
    Ok(Target::new(url, &one.endpoint.http))
}

/// Tells a webhook.
///
/// # Errors
/// There was no answer; why.
pub async fn notify(ways: &impl Ways, one: &Webhook, payload: &Payload) -> Result<Said, String> {
    Target::secret(&one.url, "url", &one.http)?.post(ways, (JSON, payload.body())).await
}

// === impl Streak ===

impl Streak {
    /// How long to wait before the next try, after a failure; each streak is logged once, and its
    /// end.
    fn after(&mut self, receiver: &str, result: &Result<(), Refusal>) -> Option<Duration> {
        match result {
            Ok(()) => {
                if self.failures > 0 {
                    tracing::info!(receiver, failures = self.failures, "told again");
                }
                self.failures = 0;
                None
            }
            Err(Refusal { says, patience }) => {
                if self.failures == 0 {
                    tracing::warn!(receiver, says, "not told; it is tried again");
                }
                let pause = RETRY.saturating_mul(1 << self.failures.min(6)).min(RETRY_MOST);
                self.failures += 1;
                Some(with_jitter(pause).max(patience.unwrap_or_default()))
            }
        }
    }
}

// === impl Round ===

impl Round {
    fn result(&self) -> Result<(), Refusal> {
        if self.says.is_empty() { Ok(()) } else { Err(self.says.join("; ").into()) }
    }
}

/// A fifth more or less: replicas that failed together do not come back together.
fn with_jitter(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or_default() % 1000;
    pause.mul_f64(0.8 + f64::from(random) / 2500.0)
}
