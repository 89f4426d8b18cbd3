//! One idle connection to each server whose links ask for it: its end is the first sign of a death.
//!
//! A process that dies closes its connections at once, long before the next interval. That is a
//! sign and no verdict: servers close idle connections as well, and proxies whatever they like. So
//! an end starts one cycle of *one* link; only when that one finds the server gone do the others
//! look too, and what they find is confirmed like anything else. A keep-alive of the probes' own
//! connections was the obvious other way: it would take one connection a link (Prometheus accepts
//! 512 in all), and make each cycle time an old connection in place of a new one.
//!
//! The links hold a wire and nobody else does: it is armed by the first good cycle at an address,
//! and cut when the last link lets go. The server's address is the one that the cycle reached, so
//! nothing is resolved here. What needs no end of the process, such as a frozen one or dropped
//! packets, closes nothing: the interval finds that.
//!
//! Measured: Prometheus closes a connection that says nothing after 300.0 s, with TLS and without
//! (its `--web.read-timeout`, which Go takes for the handshake as well). Other servers do after
//! 10-60 s; how soon is learnt from an end that a living server made.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock::{self, Stopwatch};
use crate::link::{Link, Proxy};
use crate::net::{proxy, tcp};

#[cfg(test)]
mod tests;

/// A connection is replaced after so long: a minute before Prometheus closes it.
const RENEW: Duration = Duration::from_secs(240);
/// A server that closes sooner keeps no idle connections; one that closes later may be had by
/// replacing them in time.
const SHORT: Duration = Duration::from_secs(10);
/// After such an end, the first pause; each further one is twice as long, ...
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// ... up to this: one cycle more in four minutes costs nobody anything.
const LONGEST_PAUSE: Duration = Duration::from_secs(240);
/// Connecting takes no longer: the address has just answered.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The cycle that an end started says by then what it found; else its link went meanwhile.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// What a server may say before it closes, such as `408 Request Timeout`.
const MAX_SAID: usize = 4096;

/// All wires, by the address that they lead to.
#[derive(Debug, Default)]
pub struct Tripwires(Mutex<BTreeMap<SocketAddr, Weak<Wire>>>);

/// What a link holds.
#[derive(Debug, Default)]
pub struct Held {
    wire: Option<(SocketAddr, Arc<Wire>)>,
    /// How often another link found the server gone.
    lost: Option<watch::Receiver<u64>>,
    /// This link looks for all.
    elected: bool,
}

/// One wire; dropping it closes the connection.
#[derive(Debug)]
struct Wire {
    signals: Arc<Signals>,
    _watch: JoinSet<()>,
}

/// What a wire and its links tell each other.
#[derive(Debug, Default)]
struct Signals {
    /// The connection ended; one link takes this.
    ended: Notify,
    /// What that link found: the server answers.
    told: watch::Sender<bool>,
    /// It does not, and the other links want to look.
    lost: watch::Sender<u64>,
    /// A link had an answer.
    answered: watch::Sender<()>,
}

/// How soon a connection is replaced, and how long there is none after it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rhythm {
    renew: Duration,
    pause: Duration,
}

/// Whether `link` wants a wire: not through a proxy, whose end says nothing about the server.
#[must_use]
pub fn wants(link: &Link) -> bool {
    let Some(end) = link.prometheus.as_ref().filter(|_| link.tripwire) else { return false };
    let is_exempt = |proxy: &Proxy| proxy::bypass(&proxy.no_proxy, &end.url.host, end.url.port);
    end.http.proxy.as_ref().is_none_or(is_exempt)
}

// === impl Tripwires ===

impl Tripwires {
    /// The wire to `address`; a new one begins when nobody holds one.
    fn wire(&self, address: SocketAddr) -> Arc<Wire> {
        let mut wires = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wire) = wires.get(&address).and_then(Weak::upgrade) {
            return wire;
        }
        wires.retain(|_, wire| wire.strong_count() > 0);
        let signals = Arc::new(Signals::default());
        let mut watch = JoinSet::new();
        watch.spawn(self::watch(address, Arc::clone(&signals)));
        let wire = Arc::new(Wire { signals, _watch: watch });
        wires.insert(address, Arc::downgrade(&wire));
        wire
    }
}

// === impl Held ===

impl Held {
    /// Returns when this link should look: the connection ended, and this link looks for all; or
    /// the one that did found the server gone. Never, without a wire. Dropping the future loses
    /// nothing.
    pub async fn pulled(&mut self) {
        let (Some((_, wire)), Some(lost)) = (&self.wire, &mut self.lost) else {
            return pending().await;
        };
        tokio::select! {
            () = wire.signals.ended.notified() => self.elected = true,
            // The sender lives as long as the wire.
            _ = lost.changed() => {}
        }
    }

    /// Takes in a cycle, which had an answer from that address, or none.
    pub fn learn(&mut self, wires: &Tripwires, answered: Option<SocketAddr>) {
        let elected = std::mem::take(&mut self.elected);
        if let Some((_, wire)) = self.wire.as_ref().filter(|_| elected) {
            wire.signals.told.send_replace(answered.is_some());
            if answered.is_none() {
                wire.signals.lost.send_modify(|lost| *lost += 1);
            }
        }
        let Some(address) = answered else {
            // This cycle was the look that a loss asks for.
            self.lost.iter_mut().for_each(watch::Receiver::mark_unchanged);
            return;
        };
        if self.wire.as_ref().is_none_or(|(held, _)| *held != address) {
            let wire = wires.wire(address);
            self.lost = Some(wire.signals.lost.subscribe());
            self.wire = Some((address, wire));
        }
        if let Some((_, wire)) = &self.wire {
            wire.signals.answered.send_replace(());
        }
    }
}

// === impl Wire ===

/// Keeps a connection while links have answers, and says when it ends.
async fn watch(address: SocketAddr, signals: Arc<Signals>) {
    let mut told = signals.told.subscribe();
    let mut answered = signals.answered.subscribe();
    let mut rhythm = Rhythm::default();
    loop {
        sleep(rhythm.pause).await;
        let lived = hold(address, rhythm.renew).await;
        let mut lives = lived.is_none().then_some(true);
        if lived.is_some() {
            told.mark_unchanged();
            signals.ended.notify_one();
            if let Ok(Ok(())) = timeout(TOLD_WITHIN, told.changed()).await {
                lives = Some(*told.borrow_and_update());
            }
        }
        rhythm = rhythm.after(lived.unwrap_or_default(), lives);
        if lived.is_none() || lives != Some(true) {
            answered.mark_unchanged();
            // The sender is ours.
            answered.changed().await.ok();
        }
    }
}

/// Holds a connection until the other side ends it, and replaces it in time; how long the last one
/// lived. None, if there was none.
async fn hold(address: SocketAddr, renew: Duration) -> Option<Duration> {
    let mut stream = connect(address).await?;
    let mut life = Stopwatch::start();
    while timeout(renew, end(&mut stream)).await.is_err() {
        // The old one serves on when the server takes no new one now: a cycle finds out why.
        if let Some(fresh) = connect(address).await {
            (stream, life) = (fresh, Stopwatch::start());
        }
    }
    Some(life.read())
}

async fn connect(address: SocketAddr) -> Option<TcpStream> {
    let connected = tcp::connect(&[address], clock::deadline(CONNECT_WITHIN)).await;
    connected.ok().map(|connected| connected.stream)
}

/// Reads until the end, a failure, or more than anybody says before closing.
async fn end(stream: &mut TcpStream) {
    let (mut said, mut buffer) = (0, [0; 512]);
    while said < MAX_SAID {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(more) => said += more,
        }
    }
}

// === impl Rhythm ===

impl Default for Rhythm {
    fn default() -> Self {
        Self { renew: RENEW, pause: Duration::ZERO }
    }
}

impl Rhythm {
    /// After a connection that ended when it had lived so long, of a server that then answered, or
    /// not; nobody may know.
    fn after(self, lived: Duration, answers: Option<bool>) -> Self {
        let quick = Self { pause: Duration::ZERO, ..self };
        match answers {
            Some(true) if lived < SHORT => {
                let pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                Self { pause, ..self }
            }
            Some(true) => Self { renew: self.renew.min(lived.mul_f64(0.8)), ..quick },
            Some(false) | None => quick,
        }
    }
}
