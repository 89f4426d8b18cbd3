//! Counters of our own health: written by the shell, read by one face.

use std::sync::atomic::{AtomicU64, Ordering};

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

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
