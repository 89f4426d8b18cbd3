//! promlink → Grafana → Prometheus, with the least that Grafana must do for it.
//!
//! Reaching Grafana and checking our rights is shared at its desk. Two calls may take a minute when
//! packets are dropped behind Grafana: the query and the health check. They are owned by
//! themselves, run side by side, and go home with the link's task when the report closes before
//! they end.

mod ask;
mod assertions;
mod bootstrap;
mod call;
mod datasource;
pub mod list;
mod refs;
mod rights;
mod users;
mod visit;
mod voices;

pub use bootstrap::Made;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::carried::{GrafanaMemory, Pass, Said};
use crate::clock::{self, Stopwatch};
use crate::desk::{Desk, Visit, Wants};
use crate::link::discover::Leave;
use crate::link::{Auth, DatasourceRef, GrafanaSide, Link, Scheme};
use crate::net::credentials::Unusable;
use crate::net::http::{Request, Response};
use crate::plan::{self, Applies, Step};
use crate::probe::causes::End;
use crate::probe::hops::Hops;
use crate::probe::line::{Line, Lost, failed};
use crate::probe::query;
use crate::probe::{Net, Occasion};
use crate::report::cause::Cause;
use crate::report::check::{Check, Path, Why};
use crate::report::facts::Key;
use crate::report::{CarriedFacts, Leg, Outcome, Row, Standing, Trigger, Walk};

/// Walks the path through Grafana.
pub async fn walk(
    net: &Arc<Net>,
    desk: Arc<Desk>,
    link: &Link,
    side: &GrafanaSide,
    facts: &CarriedFacts,
    memory: &mut GrafanaMemory,
    occasion: Occasion,
) -> Walk {
    let watch = Stopwatch::start();
    let through = Through::new(net, &desk, link, side, facts, occasion);
    let mut through = through.walk(memory).await;
    let took = watch.read();
    Box::pin(through.assert(memory)).await;
    send_home(memory, &desk);
    Box::pin(through.users()).await;
    let leg = through.leg;
    Walk { first: leg, others: Vec::new(), took }
}

/// Makes a token with a login, for somebody who asks for one.
///
/// # Errors
/// Why there is none, in words.
pub async fn make_token(
    net: &Arc<Net>,
    desk: &Arc<Desk>,
    link: &Link,
    side: &GrafanaSide,
    login: &Auth,
    life: Option<Duration>,
    occasion: Occasion,
) -> Result<Made, String> {
    let facts = CarriedFacts::default();
    Through::new(net, desk, link, side, &facts, occasion).token_for(login, life).await
}

/// Calls that this cycle listens to no longer give their slots back, and need leave to go on;
/// without it they end here.
fn send_home(memory: &mut GrafanaMemory, desk: &Desk) {
    memory.waiting.retain_mut(|pending| {
        if let Pass::Slot(_) = pending.pass {
            let Some(leave) = desk.leave_to_outlive() else { return false };
            pending.pass = Pass::Leave(leave);
        }
        true
    });
}

/// The walk, step by step.
struct Through<'a> {
    net: &'a Arc<Net>,
    desk: &'a Arc<Desk>,
    link: &'a Link,
    side: &'a GrafanaSide,
    hops: Hops<'a>,
    occasion: Occasion,
    /// Of every call: the checks' at first, the report's once a failure is explained.
    deadline: Instant,
    headers: Result<Vec<(String, String)>, Unusable>,
    visit: Option<Arc<Visit>>,
    line: Option<Line>,
    leg: Leg,
    /// The last cycle that could tell found a fault on this path.
    was_failed: bool,
    /// No direct path looks at the data.
    lacks_direct: bool,
    /// A transport failure of ours has led to a second visit; it does so once a cycle.
    revisited: bool,
}

/// Why a call gave no answer to judge.
enum Missed {
    /// Grafana itself is not there any more: the rows of the visit tell, nothing else is to be
    /// said.
    Gone,
    /// The check has this row instead.
    Instead(Row),
}

impl<'a> Through<'a> {
    fn new(
        net: &'a Arc<Net>,
        desk: &'a Arc<Desk>,
        link: &'a Link,
        side: &'a GrafanaSide,
        facts: &CarriedFacts,
        occasion: Occasion,
    ) -> Self {
        let hops = Hops {
            net,
            endpoint: &side.end.endpoint,
            leave: Leave::Given,
            thresholds: &link.thresholds,
            reached: facts.reached_grafana,
            was_headless: false,
            last: occasion.deadlines.report,
        };
        Self {
            net,
            desk,
            link,
            side,
            hops,
            occasion,
            deadline: occasion.deadlines.checks,
            headers: bootstrap::headers(side, desk),
            visit: None,
            line: None,
            leg: Leg::default(),
            was_failed: matches!(facts.last_standing, [_, Some((Standing::Failed(_), _))]),
            lacks_direct: plan::lacks_direct(link, facts),
            revisited: false,
        }
    }
}

impl Through<'_> {
    async fn walk(mut self, memory: &mut GrafanaMemory) -> Self {
        loop {
            match self.next() {
                Step::Stop | Step::Run(Check::Assertions | Check::Agreement) => break self,
                Step::Skip(check, why) => {
                    self.leg.rows.insert(check, Row::skipped(why, clock::now()));
                }
                Step::Run(check) => self.run(check, memory).await,
            }
        }
    }

    fn next(&self) -> Step {
        let applies = Applies {
            tls: self.side.end.endpoint.url.scheme == Scheme::Https,
            freshness: false,
            assertions: self.lacks_direct && !self.link.assertions.is_empty(),
            agreement: self.link.query.agreement && self.link.query.expect_series,
            by_uid: matches!(self.side.datasource, DatasourceRef::Uid(_)),
        };
        let left = clock::left(self.occasion.deadlines.checks);
        plan::next(Path::Grafana, &self.leg.rows, applies, left)
    }

    /// Runs `check`, and sets its row; or the row of an earlier check, whose fault it turned out to
    /// be.
    ///
    /// Each step is boxed by itself. One future for all of them takes 35 KiB for a whole cycle, and
    /// thousands of those, between what is kept of a report, tear the heap apart.
    async fn run(&mut self, check: Check, memory: &mut GrafanaMemory) {
        match check {
            Check::Dns | Check::Tcp | Check::Tls | Check::GrafanaHealth => {
                Box::pin(self.reach(self.occasion.started)).await;
            }
            Check::Auth => Box::pin(self.auth()).await,
            Check::Datasource => Box::pin(self.datasource(memory)).await,
            Check::DatasourceHealth | Check::GrafanaQuery => Box::pin(self.ask(memory)).await,
            // Not on this path, or done elsewhere.
            Check::Query | Check::Freshness | Check::Assertions | Check::Agreement => {
                self.leg.rows.insert(check, failed(Cause::Internal, Duration::ZERO));
            }
        }
    }

    // --- reaching Grafana

    /// A visit that this cycle may use; its rows stand for the first four checks.
    async fn reach(&mut self, asked: clock::Now) {
        let confirms = self.occasion.trigger == Trigger::Confirmation;
        let wants = Wants {
            asked,
            max_age: self.link.cadence.interval / 2,
            not_before: if self.revisited {
                Some(asked)
            } else {
                self.occasion.last_end.filter(|_| confirms)
            },
        };
        let mut line = None;
        let headers = self.headers.as_deref().unwrap_or_default();
        let run = visit::run(self.hops, self.desk, headers, &mut line, self.deadline);
        let Some(visit) = self.desk.visit.get(wants, self.occasion.deadlines.report, run).await
        else {
            self.leg.rows.insert(Check::Dns, Row::skipped(Why::Busy, clock::now()));
            return;
        };
        for (check, row) in visit.rows.iter() {
            self.leg.rows.insert(check, row.clone());
        }
        self.leg.address = visit.address;
        self.leg.seen.version.clone_from(&visit.seen.version);
        self.leg.seen.not_after = visit.seen.not_after;
        self.leg.seen.connect_failure = visit.seen.connect_failure;
        self.leg.seen.clock_skew_seconds = visit.seen.clock_skew_seconds;
        let fresh = |address| Line::new(End::Grafana, address, None);
        self.line = line.or_else(|| visit.address.map(fresh));
        self.visit = Some(visit);
    }

    /// Sends one short request in a slot of the desk's.
    ///
    /// A transport failure of ours is not the check's fault: it leads to a second visit, and is
    /// charged to that, or to `grafana_health` when even a second try fails.
    async fn call(&mut self, request: &Request) -> Result<Response, Missed> {
        let deadline = self.deadline;
        let Some(_slot) = self.desk.slot(deadline).await else {
            return Err(Missed::Instead(Row::skipped(Why::Busy, clock::now())));
        };
        loop {
            let watch = Stopwatch::start();
            let Some(line) = &mut self.line else { return Err(Missed::Gone) };
            let lost = match line.send(&self.hops, request, deadline).await {
                Ok(response) => return Ok(response),
                Err(lost) => lost,
            };
            if lost.cause == Cause::NoResponse {
                let mut row = failed(Cause::NoResponse, watch.read());
                row.facts.text(Key::Error, &lost.words);
                return Err(Missed::Instead(row));
            }
            if !self.lost_on_the_way(&lost).await {
                return Err(Missed::Gone);
            }
        }
    }

    /// What a transport failure leads to: whether Grafana is there after all, and worth another
    /// try.
    async fn lost_on_the_way(&mut self, lost: &Lost) -> bool {
        if !self.revisited {
            self.revisited = true;
            if let Some(stale) = self.visit.take() {
                self.desk.visit.forget(&stale).await;
            }
            self.reach(clock::now()).await;
            if self.visit.as_ref().is_some_and(|visit| visit.passed) {
                return true;
            }
        }
        if self.visit.as_ref().is_none_or(|visit| visit.passed) {
            let mut row = failed(lost.cause, Duration::ZERO);
            row.facts.text(Key::Error, &lost.words);
            self.leg.rows.insert(Check::GrafanaHealth, row);
        }
        false
    }

    /// A GET of Grafana's own API.
    fn get(&self, path: &str, cap: usize) -> Request {
        let headers = self.headers.as_deref().unwrap_or_default();
        query::get(self.hops.endpoint, path, headers, self.hops.is_absolute(), cap)
    }

    /// The data source's uid, read or configured.
    fn uid(&self) -> Option<&str> {
        let read = self.leg.seen.datasource.as_ref().map(|seen| seen.uid.as_str());
        read.or(match &self.side.datasource {
            DatasourceRef::Uid(uid) => Some(uid),
            DatasourceRef::Name(_) | DatasourceRef::Default => None,
        })
    }

    /// Charges a refusal of ours to `auth`, whichever call met it.
    async fn refused(&mut self, mut row: Row, cause: Cause) {
        if cause == Cause::TokenRejected && !self.is_well_now().await {
            return;
        }
        row.outcome = Outcome::Failed(cause);
        self.leg.rows.insert(Check::Auth, row);
        self.desk.auth.clear().await;
    }

    /// A Grafana whose database is dead refuses tokens in the words of a revoked one: a visit of an
    /// earlier cycle cannot tell them apart. Where this one finds a fault, its rows tell.
    async fn is_well_now(&mut self) -> bool {
        let started = self.occasion.started;
        let Some(old) = self.visit.take_if(|visit| visit.began < started) else { return true };
        self.revisited = true;
        self.desk.visit.forget(&old).await;
        self.reach(clock::now()).await;
        self.visit.as_ref().is_some_and(|visit| visit.passed)
    }

    /// Sets the row of `check`, unless the fault lies elsewhere.
    fn settle(&mut self, check: Check, missed: Missed) {
        match missed {
            Missed::Gone => {}
            Missed::Instead(row) => {
                self.leg.rows.insert(check, row);
            }
        }
    }
}

/// The next call of `memory` to end before `deadline`.
async fn said_before(memory: &mut GrafanaMemory, deadline: Instant) -> Option<Said> {
    timeout_at(deadline, memory.next_said()).await.ok()
}
