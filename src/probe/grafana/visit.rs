//! One visit: Grafana's own address, hop by hop, and `/api/health`.

use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::classify::grafana_answer;
use crate::clock::{self, Now, Stopwatch};
use crate::desk::{Desk, Visit};
use crate::link::Scheme;
use crate::net::http::Connection;
use crate::net::limits;
use crate::net::stream::Stream;
use crate::plan::{self, Applies, Step};
use crate::probe::causes::End;
use crate::probe::hops::Hops;
use crate::probe::line::{self, Line, failed};
use crate::probe::query;
use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, CheckMap, Path};
use crate::report::facts::Key;
use crate::report::finding::{Finding, Subject};
use crate::report::kinds::is_of_position;
use crate::report::seen::Seen;
use crate::report::{Outcome, Row};

const HEALTH_PATH: &str = "/api/health";
/// Addresses visited under `all_addresses`.
const MAX_REPLICAS: usize = 16;

/// Visits Grafana; a stream that is left over goes to `line`.
pub async fn run(
    hops: Hops<'_>,
    desk: &Desk,
    headers: &[(String, String)],
    line: &mut Option<Line>,
    deadline: Instant,
) -> Visit {
    let began = clock::now();
    let mut visiting = Visiting::new(hops, deadline);
    if desk.grafana.all_addresses {
        visiting = visiting.each(desk, began, headers).await;
    } else {
        visiting.walk(desk, began, headers).await;
    }
    let passed = visiting.has_passed();
    let address = visiting.line.as_ref().map(Line::address);
    if passed {
        desk.with_last(|last| last.address = address);
        *line = visiting.line;
    }
    let Visiting { rows, seen, .. } = visiting;
    Visit { began, ended: clock::now(), rows, address, seen, passed }
}

struct Visiting<'a> {
    hops: Hops<'a>,
    deadline: Instant,
    /// Where to dial, once the name is resolved.
    addresses: Vec<SocketAddr>,
    rows: CheckMap<Row>,
    seen: Seen,
    line: Option<Line>,
}

impl<'a> Visiting<'a> {
    fn new(hops: Hops<'a>, deadline: Instant) -> Self {
        Self {
            hops,
            deadline,
            addresses: Vec::new(),
            rows: CheckMap::default(),
            seen: Seen::default(),
            line: None,
        }
    }

    /// Visits each address by itself, all at once: one that is silent must not take the time of the
    /// others. The best one is Grafana's, and the others are findings: who meets a bad one gets no
    /// panels, by chance.
    async fn each(mut self, desk: &Desk, began: Now, headers: &[(String, String)]) -> Self {
        let named = self.resolve(desk, began).await;
        // The rest is for what is asked of the best one.
        self.deadline = clock::deadline(clock::left(self.deadline) * 2 / 3);
        if self.addresses.len() < 2 {
            // Nothing to compare.
            self.rows.insert(Check::Dns, named);
            self.walk(desk, began, headers).await;
            return self;
        }
        let visits = self.addresses.iter().take(MAX_REPLICAS).map(|address| {
            let mut visit = Self::new(self.hops, self.deadline);
            visit.addresses = vec![*address];
            visit.rows.insert(Check::Dns, named.clone());
            async move {
                visit.walk(desk, began, headers).await;
                visit
            }
        });
        let mut visits = join_all(visits).await;
        let best = visits.iter().position(Self::has_passed).unwrap_or_default();
        let mut best = visits.swap_remove(best);
        let bad: Vec<Finding> = visits.iter().filter_map(Self::as_bad_replica).collect();
        if let Some(row) = best.rows.get_mut(Check::GrafanaHealth) {
            row.findings.extend(bad);
        }
        best
    }

    fn as_bad_replica(&self) -> Option<Finding> {
        let (check, cause) = self.rows.iter().find_map(|(check, row)| match row.outcome {
            Outcome::Failed(cause) => Some((check, cause)),
            Outcome::Passed | Outcome::Skipped(_) => None,
        })?;
        let address = self.line.as_ref().map(Line::address).or(self.addresses.first().copied())?;
        // Other pods are ready: what was met at this one tells more.
        let met = self.seen.connect_failure.filter(|_| cause == Cause::NoReadyEndpoints);
        let cause = met.unwrap_or(cause);
        // Of another family than this pod has: that is no replica's fault.
        if cause == Cause::NetworkUnreachable {
            return None;
        }
        let detail = format!("{address} at {}", check.as_str());
        let subject = Some(Subject::Replica);
        Some(Finding { weight: Weight::Degrades, subject, ..Finding::of(cause, detail) })
    }

    fn has_passed(&self) -> bool {
        self.rows.get(Check::GrafanaHealth).map(|row| row.outcome) == Some(Outcome::Passed)
    }
}

impl Visiting<'_> {
    async fn walk(&mut self, desk: &Desk, began: Now, headers: &[(String, String)]) {
        let tls = self.hops.endpoint.url.scheme == Scheme::Https;
        let applies = Applies { tls, ..Applies::default() };
        let mut connected = None;
        loop {
            let left = clock::left(self.deadline);
            let (check, row) = match plan::next(Path::Grafana, &self.rows, applies, left) {
                Step::Run(check @ Check::Dns) => (check, self.resolve(desk, began).await),
                Step::Run(check @ Check::Tcp) => {
                    let dialled = self.hops.tcp(&self.addresses, self.deadline).await;
                    connected = dialled.stream;
                    self.seen.connect_failure = dialled.met;
                    (check, dialled.row)
                }
                Step::Run(check @ Check::Tls) => {
                    let Some((stream, address)) = connected.take() else { return };
                    let secured = self.hops.tls(stream, self.deadline, &mut self.seen).await;
                    if let Some(stream) = secured.stream {
                        self.speak(stream, address).await;
                    }
                    (check, secured.row)
                }
                Step::Run(check @ Check::GrafanaHealth) => {
                    if let Some((stream, address)) = connected.take() {
                        self.speak(Stream::from(stream), address).await;
                    }
                    (check, self.health(headers).await)
                }
                Step::Skip(check, why) if !beyond(check) => {
                    (check, Row::skipped(why, clock::now()))
                }
                // Everything after health is no part of a visit.
                Step::Run(_) | Step::Skip(..) | Step::Stop => return,
            };
            self.rows.insert(check, row);
        }
    }

    /// The row of `dns`; where to dial is kept.
    async fn resolve(&mut self, desk: &Desk, began: Now) -> Row {
        let left = clock::left(self.deadline);
        let (hint, fallback) =
            desk.with_last(|last| (last.name.hint(began).map(str::to_owned), last.address));
        // Time to dial the last good address is kept.
        let share = if fallback.is_some() { left / 2 } else { left };
        let mut named = self.hops.dns(hint.as_deref(), clock::deadline(share)).await;
        desk.with_last(|last| {
            last.name.note(named.hit.take(), began);
            fall_back(&mut named.row, &mut named.addresses, last.address);
        });
        self.addresses = named.addresses;
        named.row
    }

    async fn speak(&mut self, stream: Stream, address: SocketAddr) {
        let connection = Connection::open(stream).await.ok();
        self.line = Some(Line::new(End::Grafana, address, connection));
    }

    async fn health(&mut self, headers: &[(String, String)]) -> Row {
        let watch = Stopwatch::start();
        let endpoint = self.hops.endpoint;
        let request =
            query::get(endpoint, HEALTH_PATH, headers, self.hops.is_absolute(), limits::SMALL_BODY);
        let Some(line) = &mut self.line else { return failed(Cause::Internal, watch.read()) };
        let response = match line.send(&self.hops, &request, self.deadline).await {
            Ok(response) => response,
            Err(lost) => {
                let mut row = failed(lost.cause, watch.read());
                row.facts.text(Key::Error, &lost.words);
                return row;
            }
        };
        self.seen.clock_skew_seconds = line::skew(&response, clock::now().wall);
        let asked = format!("{}{HEALTH_PATH}", endpoint.url.path);
        match grafana_answer::health(&line::answer(&response, &asked, false)) {
            Ok(health) => {
                let mut row = Row::ended(Outcome::Passed, watch.read(), clock::now());
                if let Some(version) = health.version {
                    row.facts.text(Key::Version, &version);
                    self.seen.version = Some(version);
                }
                row
            }
            Err(rejection) => {
                let mut row = failed(rejection.cause, watch.read());
                line::note_rejection(&mut row.facts, response.status, &rejection);
                row
            }
        }
    }
}

/// No part of a visit.
fn beyond(check: Check) -> bool {
    check.is_through_grafana() || check == Check::Auth
}

/// A resolver that fails us says nothing about Grafana: its last good address is dialled instead,
/// and the failure is a finding.
fn fall_back(row: &mut Row, addresses: &mut Vec<SocketAddr>, last: Option<SocketAddr>) {
    let (Outcome::Failed(cause), Some(last)) = (row.outcome, last) else { return };
    if !is_of_position(cause) {
        return;
    }
    row.outcome = Outcome::Passed;
    let detail = format!("dialled its last good address {last} instead");
    row.findings.push(Finding { weight: Weight::Notes, ..Finding::of(cause, detail) });
    addresses.push(last);
}
