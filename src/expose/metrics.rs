//! `/metrics` in text format 0.0.4, the one that every version of Prometheus and its kin reads.
//!
//! Written by hand, family by family over all links, because a registry of a million series costs
//! twenty times the CPU and holds everything twice. It comes in pieces, pulled one at a time: the
//! server sends each before it asks for the next, so 10,000 links cost one piece of memory and
//! never hold a thread for long. A family's samples take their label names from the catalogue, so
//! the two cannot part.

mod link;
pub mod process;
pub mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::clock::Now;
use crate::expose::catalog::{self, Metric};
use crate::selfstats::{Receiver, SelfStats};
use crate::state::snapshot::{Alarm, GrafanaView, LinkView, ServerView, Snapshot};
use text::{Samples, flag, unix};

/// The `Content-Type` of `/metrics` and `/probe`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A piece is handed out once it has grown to this: large enough for one write of a socket, small
/// enough that a scrape of any size costs nothing to hold.
const PIECE: usize = 64 * 1024;
/// What the samples of one link in one family may add to a full piece: a histogram on both paths.
const SLACK: usize = 8 * 1024;

/// The exposition, a piece of about 64 KiB at a time.
#[derive(Debug)]
pub struct Exposition {
    snapshot: Arc<Snapshot>,
    now: Now,
    /// `link="…"` of each link, escaped once.
    owners: Box<[String]>,
    /// What comes next: a family, one of its items, and whether its head was written.
    family: usize,
    item: usize,
    headed: bool,
    /// The piece that is being filled; promlink's own series to begin with.
    piece: Vec<u8>,
}

/// Writes the samples of one item of a family.
enum Family {
    Link(fn(&LinkView, &mut Samples<'_>)),
    /// Counts on from the snapshot to the moment of rendering.
    LinkAt(fn(&LinkView, Now, &mut Samples<'_>)),
    Grafana(fn(&GrafanaView, &mut Samples<'_>)),
    Server(fn(&ServerView, &mut Samples<'_>)),
}

const FAMILIES: &[(Metric, Family)] = &[
    (catalog::LINK_UP, Family::Link(link::up)),
    (catalog::LINK_VERDICT, Family::Link(link::verdict)),
    (catalog::LINK_CAUSE, Family::Link(link::cause)),
    (catalog::LINK_FINDING, Family::Link(link::findings)),
    (catalog::LINK_ALARM, Family::Link(link::alarm)),
    (catalog::LINK_VERDICT_CHANGED, Family::Link(link::verdict_changed)),
    (catalog::LINK_VERDICT_SECONDS, Family::LinkAt(link::verdict_seconds)),
    (catalog::LINK_OUTAGES, Family::Link(link::outages)),
    (catalog::LINK_INTERVAL, Family::Link(link::interval)),
    (catalog::LINK_INFO, Family::Link(link::info)),
    (catalog::PATH_SUCCESS, Family::Link(link::path_success)),
    (catalog::PATH_LAST_DURATION, Family::Link(link::path_last_duration)),
    (catalog::PATH_DURATION, Family::Link(link::path_duration)),
    (catalog::CLOCK_SKEW, Family::Link(link::clock_skew)),
    (catalog::TLS_NOT_AFTER, Family::Link(link::tls_not_after)),
    (catalog::CHECK_SUCCESS, Family::Link(link::check_success)),
    (catalog::CHECK_DURATION, Family::Link(link::check_duration)),
    (catalog::CHECK_FAILURES, Family::Link(link::check_failures)),
    (catalog::TARGETS, Family::Link(link::targets)),
    (catalog::TARGETS_UP, Family::Link(link::targets_up)),
    (catalog::NEWEST_SAMPLE, Family::Link(link::newest_sample)),
    (catalog::PROMETHEUS_INFO, Family::Link(link::prometheus_info)),
    (catalog::ASSERTION_SUCCESS, Family::Link(link::assertion_success)),
    (catalog::CYCLES, Family::Link(link::cycles)),
    (catalog::CYCLES_MISSED, Family::Link(link::cycles_missed)),
    (catalog::CYCLE_LAST_RUN, Family::Link(link::cycle_last_run)),
    (catalog::GRAFANA_UP, Family::Grafana(grafana_up)),
    (catalog::GRAFANA_ALARM, Family::Grafana(grafana_alarm)),
    (catalog::GRAFANA_INFO, Family::Grafana(grafana_info)),
    (catalog::GRAFANA_TOKEN_NOT_AFTER, Family::Grafana(grafana_token_not_after)),
    (catalog::DISCOVERED_LINKS, Family::Grafana(discovered_links)),
    (catalog::DISCOVERY_LAST_SUCCESS, Family::Grafana(discovery_last_success)),
    (catalog::SERVER_UP, Family::Server(server_up)),
    (catalog::SERVER_ALARM, Family::Server(server_alarm)),
];

// === impl Exposition ===

impl Exposition {
    /// Everything in `snapshot` at `now`; `process` is the text of [`process::Process::gather`].
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, stats: &SelfStats, process: &str, now: Now) -> Self {
        let mut piece = Vec::with_capacity(PIECE + SLACK);
        own(&mut piece, &snapshot, stats);
        piece.extend_from_slice(process.as_bytes());
        let owners =
            snapshot.links.iter().map(|view| text::label("link", view.name.as_str())).collect();
        Self { snapshot, now, owners, family: 0, item: 0, headed: false, piece }
    }

    /// Writes the next item of the current family, or goes on to the next family; false at the end.
    fn step(&mut self) -> bool {
        let Some((metric, family)) = FAMILIES.get(self.family) else { return false };
        let (snapshot, item, now) = (&self.snapshot, self.item, self.now);
        let (out, headed) = (&mut self.piece, &mut self.headed);
        let link = || snapshot.links.get(item).zip(self.owners.get(item));
        let wrote = match family {
            Family::Link(write) => link().map(|(view, owner)| {
                write(view, &mut Samples::new(out, headed, metric, owner));
            }),
            Family::LinkAt(write) => link().map(|(view, owner)| {
                write(view, now, &mut Samples::new(out, headed, metric, owner));
            }),
            Family::Grafana(write) => snapshot.grafanas.get(item).map(|view| {
                let owner = text::label("grafana", view.name.as_str());
                write(view, &mut Samples::new(out, headed, metric, &owner));
            }),
            Family::Server(write) => snapshot.servers.get(item).map(|view| {
                let owner = text::label("server", &view.server);
                write(view, &mut Samples::new(out, headed, metric, &owner));
            }),
        };
        if wrote.is_some() {
            self.item += 1;
        } else {
            (self.family, self.item, self.headed) = (self.family + 1, 0, false);
        }
        true
    }
}

impl Iterator for Exposition {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while self.piece.len() < PIECE && self.step() {}
        if self.piece.is_empty() {
            return None;
        }
        Some(std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE + SLACK)))
    }
}

// === promlink's own ===

fn own(out: &mut Vec<u8>, snapshot: &Snapshot, stats: &SelfStats) {
    let mut one = |metric, values: &[&str], value| {
        Samples::new(out, &mut false, metric, "").with(values, value);
    };
    one(&catalog::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
    let config = snapshot.config;
    one(&catalog::CONFIG_RELOAD_SUCCESSFUL, &[], flag(config.last_reload_successful));
    one(&catalog::CONFIG_RELOAD_SUCCESS_TIME, &[], unix(config.last_success));
    one(&catalog::CYCLES_IN_FLIGHT, &[], stats.cycles_in_flight.get() as f64);
    one(&catalog::PANICS, &[], stats.panics.get() as f64);
    let receivers = stats.receivers.all();
    one(&catalog::ALARM_RECEIVERS, &[], stats.receivers.hear_alarms() as f64);
    one(&catalog::ALARMS_FIRING, &[], firing(snapshot) as f64);
    one(&catalog::ALARMS_DELIVERED, &[], flag(stats.receivers.delivers()));

    let mut headed = false;
    let mut requests = Samples::new(out, &mut headed, &catalog::REQUESTS, "");
    for (peer, count) in [
        ("prometheus", &stats.requests_prometheus),
        ("grafana", &stats.requests_grafana),
        ("dns", &stats.requests_dns),
    ] {
        requests.with(&[peer], count.get() as f64);
    }
    let each = |metric, value: fn(&Receiver) -> Option<f64>, out: &mut Vec<u8>| {
        let mut headed = false;
        let mut samples = Samples::new(out, &mut headed, metric, "");
        for (name, receiver) in &receivers {
            if let Some(value) = value(receiver) {
                samples.with(&[name], value);
            }
        }
    };
    each(&catalog::NOTIFICATIONS, |one| Some(one.sent.get() as f64), out);
    each(&catalog::NOTIFICATIONS_FAILED, |one| Some(one.failed.get() as f64), out);
    each(&catalog::ALARM_LAST_SUCCESS, |one| one.last_success().map(unix), out);
}

/// How many alarms stand.
fn firing(snapshot: &Snapshot) -> usize {
    let one = |alarm: &Option<Arc<Alarm>>| usize::from(alarm.is_some());
    let links = snapshot.links.iter().map(|l| one(&l.alarm.broken) + one(&l.alarm.degraded));
    let blind = |grafana: &GrafanaView| usize::from(grafana.alarm_blind.is_some());
    let grafanas = snapshot.grafanas.iter().map(|g| g.alarms_down.len() + blind(g));
    let servers = snapshot.servers.iter().map(|s| s.alarms.len());
    links.chain(grafanas).chain(servers).sum()
}

// === Grafanas and servers ===

fn grafana_up(grafana: &GrafanaView, out: &mut Samples<'_>) {
    out.maybe(&[], grafana.up.map(flag));
}

fn grafana_alarm(grafana: &GrafanaView, out: &mut Samples<'_>) {
    out.with(&["down"], flag(!grafana.alarms_down.is_empty()));
    out.with(&["blind"], flag(grafana.alarm_blind.is_some()));
}

fn grafana_info(grafana: &GrafanaView, out: &mut Samples<'_>) {
    if let Some(version) = &grafana.version {
        out.with(&[version], 1.0);
    }
}

fn grafana_token_not_after(grafana: &GrafanaView, out: &mut Samples<'_>) {
    out.maybe(&[], grafana.token_not_after.map(unix));
}

fn discovered_links(grafana: &GrafanaView, out: &mut Samples<'_>) {
    out.maybe(&[], grafana.listed.map(|listed| listed.links as f64));
}

fn discovery_last_success(grafana: &GrafanaView, out: &mut Samples<'_>) {
    out.maybe(&[], grafana.listed.map(|listed| unix(listed.at)));
}

fn server_up(server: &ServerView, out: &mut Samples<'_>) {
    out.maybe(&[], server.up.map(flag));
}

fn server_alarm(server: &ServerView, out: &mut Samples<'_>) {
    out.with(&[], flag(!server.alarms.is_empty()));
}
