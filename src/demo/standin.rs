//! The life of a stand-in: a port, a state that can be edited, and a fault that can be switched.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Any free port on loopback.
pub const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Requests that are remembered; a demo may run for days.
const MAX_SEEN: usize = 10_000;
/// Between attempts to get the old port back, which a passing connection may hold.
const REBIND_PAUSE: Duration = Duration::from_millis(10);

/// A running stand-in. Dropping it stops everything and closes the port.
pub struct Standin<S, F> {
    address: SocketAddr,
    stage: Stage<S, F>,
    fault: watch::Sender<Switched<F>>,
    applied: watch::Receiver<u64>,
    tasks: JoinSet<()>,
}

/// What a stand-in's tasks see of it.
pub struct Stage<S, F> {
    state: Arc<Mutex<S>>,
    seen: Arc<Mutex<Vec<String>>>,
    busy: Arc<Mutex<Busy>>,
    fault: watch::Receiver<Switched<F>>,
}

/// How many requests are being answered, and how many were at the most.
#[derive(Debug, Default)]
struct Busy {
    now: usize,
    most: usize,
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Answering(Arc<Mutex<Busy>>);

/// The receiving end of the switch.
pub struct Switch<F> {
    fault: watch::Receiver<Switched<F>>,
    /// The last one that `next` handed out.
    count: u64,
    applied: watch::Sender<u64>,
}

#[derive(Clone, Copy)]
struct Switched<F> {
    fault: F,
    count: u64,
}

// === impl Standin ===

impl<S: Clone, F: Copy> Standin<S, F> {
    /// Starts `run` for a port that is bound already.
    pub(super) fn spawn<R>(
        address: SocketAddr,
        state: S,
        fault: F,
        run: impl FnOnce(Stage<S, F>, Switch<F>) -> R,
    ) -> Self
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = watch::channel(Switched { fault, count: 0 });
        let (applied, is_applied) = watch::channel(0);
        let stage = Stage {
            state: Arc::new(Mutex::new(state)),
            seen: Arc::default(),
            busy: Arc::default(),
            fault: receiver.clone(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(run(stage.clone(), Switch { fault: receiver, count: 0, applied }));
        Self { address, stage, fault: sender, applied: is_applied, tasks }
    }

    /// Where it listens; it stays the same while the port is closed.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Switches the fault; when this returns, it acts, and a port is really closed or open.
    pub async fn set(&self, fault: impl Into<F>) {
        let fault = fault.into();
        let mut count = 0;
        self.fault.send_modify(|switched| {
            count = switched.count + 1;
            *switched = Switched { fault, count };
        });
        let mut applied = self.applied.clone();
        // The only error is that its task has ended, and then there is nothing to wait for.
        applied.wait_for(|done| *done >= count).await.ok();
    }

    /// Changes what it serves.
    pub fn edit<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        change(&mut lock(&self.stage.state))
    }

    /// The requests so far, as `GET /path`, of Prometheus with the query behind it, or `name TYPE`
    /// of a DNS server.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        lock(&self.stage.seen).clone()
    }

    /// How many requests there were at a time, at the most.
    #[must_use]
    pub fn most_at_a_time(&self) -> usize {
        lock(&self.stage.busy).most
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        lock(&self.stage.seen).clear();
        lock(&self.stage.busy).most = 0;
    }

    /// Stops it, and returns when the port is closed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

impl<S, F> fmt::Debug for Standin<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standin").field("address", &self.address).finish_non_exhaustive()
    }
}

// === impl Stage ===

impl<S: Clone, F: Copy> Stage<S, F> {
    /// What it serves now.
    #[must_use]
    pub fn state(&self) -> S {
        lock(&self.state).clone()
    }

    /// Changes what it serves, as somebody who asks may.
    pub fn edit<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        change(&mut lock(&self.state))
    }

    /// How it fails now.
    #[must_use]
    pub fn fault(&self) -> F {
        self.fault.borrow().fault
    }

    /// The fault, once it is one that `wanted` accepts.
    pub async fn fault_that(&self, wanted: impl Fn(F) -> bool) -> F {
        let mut fault = self.fault.clone();
        let found = fault.wait_for(|switched| wanted(switched.fault)).await;
        match found.map(|switched| switched.fault) {
            Ok(fault) => fault,
            // The stand-in is gone, and this task with it at its next step.
            Err(_) => std::future::pending().await,
        }
    }

    /// Remembers a request.
    pub fn saw(&self, request: String) {
        let mut seen = lock(&self.seen);
        if seen.len() < MAX_SEEN {
            seen.push(request);
        }
    }

    /// Notes that a request is being answered, until what it hands back is dropped: before the
    /// answer is sent, because whoever has it may ask again at once.
    #[must_use]
    pub fn answering(&self) -> Answering {
        let mut busy = lock(&self.busy);
        busy.now += 1;
        busy.most = busy.most.max(busy.now);
        Answering(Arc::clone(&self.busy))
    }
}

impl<S, F> Clone for Stage<S, F> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            seen: self.seen.clone(),
            busy: self.busy.clone(),
            fault: self.fault.clone(),
        }
    }
}

impl<S, F> fmt::Debug for Stage<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        lock(&self.0).now -= 1;
    }
}

// === impl Switch ===

impl<F: Copy> Switch<F> {
    /// Says that the fault it gave last acts by now, and waits for the next one. Nothing is lost
    /// when the waiting is given up.
    pub async fn next(&mut self) -> F {
        self.applied.send_replace(self.count);
        if self.fault.changed().await.is_err() {
            return std::future::pending().await;
        }
        let switched = *self.fault.borrow_and_update();
        self.count = switched.count;
        switched.fault
    }
}

impl<F> fmt::Debug for Switch<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").finish_non_exhaustive()
    }
}

/// Serves connections from `listener`; while `is_closed` says so of the fault, the port is closed
/// and every connection gone, as after the death of a process.
pub async fn accept<F: Copy, C>(
    mut listener: TcpListener,
    mut switch: Switch<F>,
    is_closed: impl Fn(F) -> bool,
    mut serve: impl FnMut(TcpStream) -> C,
) where
    C: Future<Output = ()> + Send + 'static,
{
    let Ok(address) = listener.local_addr() else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            fault = switch.next() => {
                if is_closed(fault) {
                    drop(listener);
                    connections.shutdown().await;
                    while is_closed(switch.next().await) {}
                    listener = rebind(|| TcpListener::bind(address)).await;
                }
            }
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Binds a port that was ours before.
pub async fn rebind<T, B: Future<Output = io::Result<T>>>(bind: impl Fn() -> B) -> T {
    loop {
        match bind().await {
            Ok(bound) => return bound,
            Err(_) => sleep(REBIND_PAUSE).await,
        }
    }
}

/// A panic of one task must not hide what the others do.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
