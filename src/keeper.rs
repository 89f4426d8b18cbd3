//! The one task that owns the board: it takes events in, and lets everybody see the latest state.
//!
//! Readers take the latest snapshot and never lag behind; so publishing more often than somebody
//! can look is a waste, and a burst of events makes one snapshot. A panic here ends the process: a
//! state that cannot be trusted must not be shown.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use crate::clock::{self, Now};
use crate::links::LinkSet;
use crate::report::facts::clean;
use crate::report::verdict::Verdict;
use crate::state::snapshot::Snapshot;
use crate::state::{Board, Event, Transition};

/// The least time between two snapshots.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);
/// Time passes for the board at least this often; liveness allows ten of them.
const BEAT: Duration = Duration::from_secs(1);
/// Events taken in at a time.
const BATCH: usize = 256;

/// Keeps the board until the last sender of events is gone, then publishes what is last.
pub async fn run(
    mut board: Board,
    mut events: mpsc::Receiver<Event>,
    mut links: watch::Receiver<Arc<LinkSet>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut batch = Vec::with_capacity(BATCH);
    let mut publish_at: Option<Duration> = None;
    let mut published = Duration::ZERO;
    loop {
        let due = clock::instant_of(publish_at.unwrap_or_default());
        tokio::select! {
            // A new link is on the board before its first event is looked at.
            biased;
            Ok(()) = links.changed() => {
                let set = links.borrow_and_update().clone();
                board.set(&set, clock::now());
            }
            () = sleep_until(due), if publish_at.is_some() => {
                publish(&mut board, &snapshots);
                published = clock::now().mono;
                publish_at = None;
                continue;
            }
            received = events.recv_many(&mut batch, BATCH) => {
                if received == 0 {
                    break;
                }
                for event in batch.drain(..) {
                    take_in(&mut board, event, clock::now());
                }
            }
            _ = beat.tick() => take_in(&mut board, Event::Beat, clock::now()),
        }
        publish_at = publish_at.or(Some(published + PUBLISH_EVERY));
    }
    publish(&mut board, &snapshots);
}

fn publish(board: &mut Board, snapshots: &watch::Sender<Arc<Snapshot>>) {
    snapshots.send_replace(Arc::new(board.snapshot(clock::now())));
}

fn take_in(board: &mut Board, event: Event, now: Now) {
    for transition in board.observe(event, now) {
        log(&transition, now);
    }
}

/// One line at a transition: what WARN wakes for, INFO for what got better.
fn log(transition: &Transition, now: Now) {
    let Transition { link, datasource, from, to, fault, summary, next_step, since } = transition;
    let cause = fault.map(|fault| fault.cause.code());
    let path = fault.and_then(|fault| fault.path).map(|path| path.as_str());
    let check = fault.and_then(|fault| fault.check).map(|check| check.as_str());
    let side = fault.map(|fault| fault.side.as_str());
    let datasource = datasource.as_deref().map(clean);
    let held = now.since(*since).as_secs();
    if *to <= Verdict::Working || to < from {
        tracing::info!(
            %link, datasource, verdict = to.as_str(), was = from.as_str(), was_for_seconds = held,
            cause, path, check, side, "{summary}"
        );
    } else {
        tracing::warn!(
            %link, datasource, verdict = to.as_str(), was = from.as_str(), was_for_seconds = held,
            cause, path, check, side, next_step, "{summary}"
        );
    }
}
