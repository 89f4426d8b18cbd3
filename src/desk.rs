//! One Grafana's desk: what its links share, and how many of them it serves at a time.
//!
//! A hundred links of one Grafana must not make a hundred connections and a hundred `/api/health` a
//! cycle. So reaching it and checking our rights are done by one link for all that ask meanwhile,
//! and calls take one of a few slots. A call that outlives its cycle gives its slot back: a Grafana
//! that hangs for a minute on one dead data source must still answer for the others.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::carried::NameMemory;
use crate::clock::Now;
use crate::link::{Auth, Grafana};
use crate::report::Row;
use crate::report::check::CheckMap;
use crate::report::queries::{Page, Queries};
use crate::report::seen::{Neighbours, Seen};
use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// Requests at a time inside cycles: as many as a browser with a small dashboard.
const SLOTS: usize = 4;
/// Calls at a time that outlived their cycle. Each holds one connection of ours, and one of
/// Grafana's to a dead Prometheus, for a minute at most.
const OUTLIVING: usize = 16;
/// Between two readings of Grafana's own counters: a minute, or so many cycles of a link that is
/// looked at more often than usual.
const READING_PERIOD: Duration = Duration::from_secs(60);
const READING_CYCLES: u32 = 4;
/// The same where there are none to be read: that hardly changes from one minute to the next.
const NO_READING_PAUSE: Duration = Duration::from_secs(600);

/// One Grafana's desk.
#[derive(Debug)]
pub struct Desk {
    /// The Grafana.
    pub grafana: Arc<Grafana>,
    /// Reaching it.
    pub visit: Shared<Visit>,
    /// Our rights there.
    pub auth: Shared<Rights>,
    /// Which data sources there are.
    pub list: Shared<List>,
    /// Where it last answered, and by which name.
    pub last: std::sync::Mutex<LastGood>,
    /// A token that we made for ourselves.
    pub own: std::sync::Mutex<OwnToken>,
    /// How its users fare.
    users: std::sync::Mutex<Users>,
    slots: Arc<Semaphore>,
    outliving: Arc<Semaphore>,
}

/// Where a Grafana last answered.
#[derive(Debug, Default)]
pub struct LastGood {
    /// Its address: dialled when its name fails to resolve.
    pub address: Option<SocketAddr>,
    /// The name that resolved.
    pub name: NameMemory,
}

/// A token that we made for ourselves, in memory alone.
#[derive(Clone, Debug, Default)]
pub struct OwnToken {
    /// What opens Grafana's API with it.
    pub token: Option<Auth>,
    /// When it was made.
    pub made: Option<Now>,
    /// Not before this is another one made.
    pub not_before: Option<Duration>,
    /// Why none was made the last time, in words.
    pub failed: Option<String>,
    /// The login that Grafana refused the last time.
    pub refused: Option<Refused>,
}

/// A login that Grafana refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What of it is secret: another one is worth another attempt.
    pub secret: Secret,
    /// How often in a row.
    pub times: u32,
    /// Not before this is it shown again.
    pub not_before: Duration,
}

/// How Grafana's users fare, by its own counters.
#[derive(Clone, Debug, Default)]
pub struct Users {
    /// Not before this are they read again.
    not_before: Option<Duration>,
    /// The page to ask for first.
    first: Page,
    /// The last reading.
    last: Option<Reading>,
    /// What happened between the last two, and how far apart these were.
    told: Option<(Queries, Duration)>,
}

/// One reading of those counters.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Where they stood.
    pub page: Page,
    /// What they said.
    pub queries: Queries,
    /// When.
    pub at: Now,
}

/// One visit: Grafana reached, and asked for its health.
#[derive(Clone, Debug)]
pub struct Visit {
    /// When it began.
    pub began: Now,
    /// When it ended.
    pub ended: Now,
    /// `dns tcp tls grafana_health`.
    pub rows: CheckMap<Row>,
    /// Where Grafana answered.
    pub address: Option<SocketAddr>,
    /// Certificate, version, clock.
    pub seen: Seen,
    /// Grafana is there and well.
    pub passed: bool,
}

/// What we may do there.
#[derive(Clone, Debug)]
pub struct Rights {
    /// When it began to be asked.
    pub began: Now,
    /// When it was known.
    pub ended: Now,
    /// `auth`.
    pub row: Row,
    /// Token expiry.
    pub seen: Seen,
    /// The token is good enough.
    pub passed: bool,
}

/// Which data sources there are.
#[derive(Clone, Debug)]
pub struct List {
    /// When it began to be asked.
    pub began: Now,
    /// When it was known.
    pub ended: Now,
    /// None where Grafana does not tell.
    pub known: Option<Neighbours>,
}

/// Something that one link finds out for all.
#[derive(Debug)]
pub struct Shared<T>(Mutex<Option<Arc<T>>>);

/// Which result an asker accepts.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// When it began to ask: a failure is shared only with those that waited for it.
    pub asked: Now,
    /// The greatest age of a good result.
    pub max_age: Duration,
    /// Only what began after this.
    pub not_before: Option<Now>,
}

/// A result that is shared.
pub trait Finding {
    /// When it began, when it ended, and whether it was good.
    fn span(&self) -> (Now, Now, bool);
}

// === impl Desk ===

impl Desk {
    /// A desk that knows nothing yet.
    #[must_use]
    pub fn new(grafana: Arc<Grafana>) -> Self {
        Self {
            grafana,
            visit: Shared::default(),
            auth: Shared::default(),
            list: Shared::default(),
            last: std::sync::Mutex::default(),
            own: std::sync::Mutex::default(),
            users: std::sync::Mutex::default(),
            slots: Arc::new(Semaphore::new(SLOTS)),
            outliving: Arc::new(Semaphore::new(OUTLIVING)),
        }
    }

    /// A slot for one request, or none until the deadline.
    pub async fn slot(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let slot = Arc::clone(&self.slots).acquire_owned();
        timeout_at(deadline, slot).await.ok().and_then(Result::ok)
    }

    /// Leave to outlive a cycle, while there are not too many.
    #[must_use]
    pub fn leave_to_outlive(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.outliving).try_acquire_owned().ok()
    }

    /// What else than the configured credentials we may have shown: a token of our own, and the
    /// login that makes one.
    #[must_use]
    pub fn logins(&self) -> Vec<Auth> {
        let own = self.with_own(|own| own.token.clone());
        own.into_iter().chain(self.grafana.bootstrap.clone()).collect()
    }

    /// Takes over the token that is our own, and how long to wait for another one, from the desk
    /// that stood here: while the login is the same, a reload is no reason to show it again.
    #[must_use]
    pub fn heir_of(mut self, before: &Self) -> Self {
        let key = |end: &Grafana| (end.endpoint.url.clone(), end.org_id, end.bootstrap.clone());
        if key(&self.grafana) == key(&before.grafana) {
            self.own = std::sync::Mutex::new(before.with_own(|own| own.clone()));
        }
        self
    }

    /// Reads or changes the token that is our own.
    pub fn with_own<R>(&self, change: impl FnOnce(&mut OwnToken) -> R) -> R {
        let mut own = self.own.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut own)
    }

    /// Reads or changes how its users fare.
    pub fn with_users<R>(&self, change: impl FnOnce(&mut Users) -> R) -> R {
        let mut users = self.users.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut users)
    }

    /// Reads or changes where it last answered.
    pub fn with_last<R>(&self, change: impl FnOnce(&mut LastGood) -> R) -> R {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut last)
    }
}

// === impl Users ===

impl Users {
    /// The page to ask for first, if it is time; nobody else has a turn for a while then.
    pub fn take_turn(&mut self, now: Now, interval: Duration) -> Option<Page> {
        if self.not_before.is_some_and(|limit| now.mono < limit) {
            return None;
        }
        self.not_before = Some(now.mono + READING_PERIOD.min(interval * READING_CYCLES));
        Some(self.first)
    }

    /// Notes a reading. Where it does not go on from the one before, the page may have moved as
    /// well: with a plugin that became a process of its own.
    pub fn note(&mut self, reading: Reading) {
        let before = self.last.replace(reading);
        let same = before.filter(|before| before.page == reading.page);
        self.told = same.and_then(|before| {
            let after = reading.queries.since(before.queries)?;
            Some((after, reading.at.since(before.at)))
        });
        let goes_on = before.is_none() || self.told.is_some();
        self.first = if goes_on { reading.page } else { Page::default() };
    }

    /// Notes that there are no counters to be read, and waits longer.
    pub fn note_none(&mut self, now: Now) {
        *self = Self { not_before: Some(now.mono + NO_READING_PAUSE), ..Self::default() };
    }

    /// What is told at `now`, for people; none where it is too old.
    #[must_use]
    pub fn words(&self, now: Now) -> Option<String> {
        let (last, (queries, span)) = self.last.zip(self.told)?;
        let ago = now.since(last.at);
        (ago < READING_PERIOD * 2).then(|| queries.words(span, ago))
    }
}

// === impl Shared ===

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Finding> Shared<T> {
    /// A result that the asker accepts, found out by `run` if there is none; none when another
    /// asker is still at it at the deadline.
    ///
    /// The lock is the turn: it is held while one asker works, because the others wait for just
    /// that. An asker that is dropped passes the turn on.
    pub async fn get<F>(&self, wants: Wants, deadline: Instant, run: F) -> Option<Arc<T>>
    where
        F: Future<Output = T>,
    {
        let mut turn = timeout_at(deadline, self.0.lock()).await.ok()?;
        if let Some(known) = turn.as_ref().filter(|known| wants.accept(known.as_ref())) {
            return Some(Arc::clone(known));
        }
        *turn = None;
        let found = Arc::new(run.await);
        *turn = Some(Arc::clone(&found));
        Some(found)
    }

    /// Takes over what was found out elsewhere.
    pub async fn put(&self, found: T) {
        *self.0.lock().await = Some(Arc::new(found));
    }

    /// Forgets whatever is known.
    pub async fn clear(&self) {
        *self.0.lock().await = None;
    }

    /// Forgets `stale`, unless something newer is known.
    pub async fn forget(&self, stale: &Arc<T>) {
        let mut turn = self.0.lock().await;
        if turn.as_ref().is_some_and(|known| Arc::ptr_eq(known, stale)) {
            *turn = None;
        }
    }
}

// === impl Wants ===

impl Wants {
    fn accept(&self, known: &impl Finding) -> bool {
        let (began, ended, good) = known.span();
        let new_enough = self.not_before.is_none_or(|limit| began >= limit);
        let waited_for = ended >= self.asked;
        new_enough && (waited_for || (good && self.asked.since(ended) < self.max_age))
    }
}

impl Finding for Visit {
    fn span(&self) -> (Now, Now, bool) {
        (self.began, self.ended, self.passed)
    }
}

impl Finding for List {
    /// That we may not read it does not change from one minute to the next.
    fn span(&self) -> (Now, Now, bool) {
        (self.began, self.ended, true)
    }
}

impl Finding for Rights {
    fn span(&self) -> (Now, Now, bool) {
        (self.began, self.ended, self.passed)
    }
}
