//! Counters of our own health: written by the shell, read by one face.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Counters since the process started.
#[derive(Debug, Default)]
pub struct SelfStats {
    /// Cycles that run now.
    pub cycles_in_flight: Gauge,
    /// Panics that a cycle's isolation caught.
    pub panics: Counter,
    /// Requests sent to a Prometheus.
    pub requests_prometheus: Counter,
    /// Requests sent to a Grafana.
    pub requests_grafana: Counter,
    /// Questions sent to DNS servers.
    pub requests_dns: Counter,
    /// Who is told of alarms, and how that goes.
    pub receivers: Receivers,
}

/// Every configured receiver of alarms, by its name.
#[derive(Debug, Default)]
pub struct Receivers(Mutex<BTreeMap<String, Arc<Receiver>>>);

/// How telling one receiver goes.
#[derive(Debug, Default)]
pub struct Receiver {
    /// What it is.
    pub role: Role,
    /// Notifications sent.
    pub sent: Counter,
    /// Those that were not accepted.
    pub failed: Counter,
    /// When one was accepted last, in seconds since 1970; 0 for never.
    last_success: AtomicU64,
    /// The last one was accepted.
    accepts: AtomicBool,
}

/// What a receiver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// What it accepts, the rules need not say.
    Alertmanager,
    /// It tells people, and no rule keeps quiet for it.
    #[default]
    Webhook,
    /// It hears that promlink lives, and of no alarm.
    Heartbeat,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A number of things that are there now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// Counts as one until it is dropped, on whatever way.
#[derive(Debug)]
pub struct Held<'a>(&'a Gauge);

impl Counter {
    /// One more.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// One more, until the answer is dropped.
    pub fn hold(&self) -> Held<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }

    /// How many now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Receivers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Receiver>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are all; those that stay keep their counts.
    pub fn set(&self, names: impl IntoIterator<Item = (String, Role)>) {
        let mut all = self.lock();
        let mut before = std::mem::take(&mut *all);
        for (name, role) in names {
            let kept = before.remove(&name).filter(|one| one.role == role);
            let new = || Arc::new(Receiver { role, ..Receiver::default() });
            all.insert(name, kept.unwrap_or_else(new));
        }
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Arc<Receiver> {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    /// All, by name.
    pub fn all(&self) -> Vec<(String, Arc<Receiver>)> {
        self.lock().iter().map(|(name, one)| (name.clone(), Arc::clone(one))).collect()
    }

    /// Whether an Alertmanager accepts what it is told.
    pub fn delivers(&self) -> bool {
        self.lock().values().any(|one| one.role == Role::Alertmanager && one.is_well())
    }

    /// How many hear of alarms.
    pub fn hear_alarms(&self) -> usize {
        self.lock().values().filter(|one| one.role != Role::Heartbeat).count()
    }
}

impl Receiver {
    /// It was told, and accepted that or did not.
    pub fn told_one(&self, accepted: bool, at: SystemTime) {
        self.told(u64::from(accepted), u64::from(!accepted), at);
    }

    /// It was told at several addresses, of which this many accepted it and this many did not. One
    /// is enough.
    pub fn told(&self, accepted: u64, failed: u64, at: SystemTime) {
        if accepted + failed == 0 {
            return;
        }
        self.sent.add(accepted + failed);
        self.failed.add(failed);
        self.accepts.store(accepted > 0, Ordering::Relaxed);
        if accepted > 0 {
            let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.last_success.store(since.as_secs(), Ordering::Relaxed);
        }
    }

    /// The last notification was accepted.
    pub fn is_well(&self) -> bool {
        self.accepts.load(Ordering::Relaxed)
    }

    /// The last notification was not accepted.
    pub fn is_failing(&self) -> bool {
        self.failed.get() > 0 && !self.is_well()
    }

    /// When one was accepted last.
    pub fn last_success(&self) -> Option<SystemTime> {
        match self.last_success.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules keep quiet for what an Alertmanager has, and not for what a webhook was told.
    #[test]
    fn only_an_alertmanager_delivers_and_only_while_it_accepts() {
        let receivers = Receivers::default();
        receivers.set([("am".to_owned(), Role::Alertmanager), ("hook".to_owned(), Role::Webhook)]);
        receivers.get("hook").told_one(true, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert!(!receivers.delivers());
        receivers.get("am").told_one(true, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert!(receivers.delivers());
        receivers.get("am").told_one(false, SystemTime::UNIX_EPOCH + Duration::from_secs(2));
        assert!(!receivers.delivers());
        let kept = receivers.get("am").last_success().unwrap();
        assert_eq!(kept, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        receivers.set([("hook".to_owned(), Role::Webhook)]);
        assert_eq!(receivers.all().len(), 1);
    }
}
