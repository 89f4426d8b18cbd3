//! promlink → Prometheus: name, port, handshake, query, freshness, on one stream.

mod about;
mod bad;
mod second;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::carried::{About, DirectMemory};
use crate::classify::{self, Vector};
use crate::clock::{self, Stopwatch};
use crate::judge;
use crate::link::assertion::Assertion;
use crate::link::{Endpoint, Link, Scheme};
use crate::net::credentials;
use crate::net::http::{Connection, Request, Response};
use crate::net::stream::Stream;
use crate::plan::{self, Applies, Step};
use crate::probe::agreement;
use crate::probe::causes::End;
use crate::probe::direct::bad::{Bad, proxied};
use crate::probe::hops::Hops;
use crate::probe::line::{self, Line, failed};
use crate::probe::query::{self, Question};
use crate::probe::{Net, Occasion, assertions};
use crate::report::asserted::Asserted;
use crate::report::cause::Cause;
use crate::report::check::{Check, Path, Why};
use crate::report::facts::{Fact, Facts, Key};
use crate::report::finding::Finding;
use crate::report::{CarriedFacts, Leg, Outcome, Row, Walk};

/// Addresses walked under `all_addresses`: more replicas than one Prometheus ever has.
const MAX_REPLICAS: usize = 16;

/// Walks the direct path.
pub async fn walk(
    net: &Net,
    link: &Link,
    endpoint: &Endpoint,
    facts: &CarriedFacts,
    memory: &mut DirectMemory,
    occasion: Occasion,
) -> Walk {
    let watch = Stopwatch::start();
    let hops = Hops {
        net,
        endpoint,
        leave: link.leave,
        thresholds: &link.thresholds,
        reached: facts.reached_prometheus,
        was_headless: memory.about.as_ref().is_some_and(|about| about.is_headless),
        last: occasion.deadlines.report,
    };
    let now = occasion.started;
    let named = hops.dns(memory.name.hint(now), occasion.deadlines.checks).await;
    memory.name.note(named.hit.clone(), now);
    let replicas = if link.all_addresses { named.addresses.len().min(MAX_REPLICAS) } else { 1 };
    let start = |addresses: &[SocketAddr]| Steps {
        link,
        hops,
        occasion,
        large: memory.large,
        about: memory.about.clone(),
        addresses: addresses.to_vec(),
        is_replica: replicas > 1,
        lacks_direct: plan::lacks_direct(link, facts),
        wire: Wire::Apart,
        leg: Leg {
            rows: [(Check::Dns, named.row.clone())].into_iter().collect(),
            ..Leg::default()
        },
    };
    let mut done: Vec<Steps<'_>> = if replicas > 1 {
        let each = named.addresses.iter().take(replicas);
        join_all(each.map(|address| start(&[*address]).walk())).await
    } else {
        vec![start(&named.addresses).walk().await]
    };
    let best = done.iter().position(|steps| steps.has_passed()).unwrap_or(0);
    // Not on the path's account: assertions are no part of the way of panels.
    let took = watch.read();
    if let Some(steps) = done.get_mut(best) {
        Box::pin(steps.assert(&mut memory.assertions)).await;
    }
    memory.large = done.iter().any(|steps| steps.large);
    memory.about = done.iter().find_map(|steps| steps.about.clone());
    let mut legs: Vec<Leg> = done.into_iter().map(|steps| steps.leg).collect();
    let mut first = legs.swap_remove(best);
    agreement::replicas(&mut first, &legs);
    legs.shrink_to_fit();
    Walk { first, others: legs, took }
}

/// The path where promlink may not ask by itself.
pub fn refused(why: &str) -> Walk {
    let now = clock::now();
    let mut first = Row::skipped(Why::NotPermitted, now);
    first.facts.text(Key::Reason, why);
    let mut leg = Leg::default();
    leg.rows.insert(Check::Dns, first);
    for check in [Check::Tcp, Check::Tls, Check::Query, Check::Freshness] {
        leg.rows.insert(check, Row::skipped(Why::Needs(Check::Dns), now));
    }
    Walk { first: leg, others: Vec::new(), took: Duration::ZERO }
}

/// The walk of one address (or of the first of several that answers), step by step.
struct Steps<'a> {
    link: &'a Link,
    hops: Hops<'a>,
    occasion: Occasion,
    large: bool,
    about: Option<About>,
    addresses: Vec<SocketAddr>,
    /// The address is one of several that are walked.
    is_replica: bool,
    /// What looks at the data beside panels' way goes through Grafana.
    lacks_direct: bool,
    wire: Wire,
    leg: Leg,
}

/// How far the connection has come: each check consumes what the one before it produced.
enum Wire {
    Apart,
    Connected(TcpStream, SocketAddr),
    Speaking(Box<Line>),
}

impl Steps<'_> {
    async fn walk(mut self) -> Self {
        loop {
            let (check, row) = match self.next() {
                Step::Stop | Step::Run(Check::Assertions) => break,
                Step::Skip(check, why) => (check, Row::skipped(why, clock::now())),
                Step::Run(check) => (check, self.run(check).await),
            };
            self.leg.rows.insert(check, row);
        }
        // Last, because no check may wait for what decides nothing.
        if self.leg.outcome(Check::Query) == Some(Outcome::Passed) {
            self.ask_about().await;
            self.stores().await;
        } else {
            self.explain().await;
        }
        self
    }

    fn next(&self) -> Step {
        let applies = Applies {
            tls: self.hops.endpoint.url.scheme == Scheme::Https,
            freshness: self.link.query.checks_freshness(),
            assertions: !self.lacks_direct && !self.link.assertions.is_empty(),
            ..Applies::default()
        };
        let left = clock::left(self.occasion.deadlines.checks);
        plan::next(Path::Direct, &self.leg.rows, applies, left)
    }

    fn has_passed(&self) -> bool {
        let freshness = self.link.query.checks_freshness();
        let deciding = if freshness { Check::Freshness } else { Check::Query };
        self.leg.outcome(deciding) == Some(Outcome::Passed)
    }

    /// Asks the assertions that are due, in turn, while there is time.
    async fn assert(&mut self, memory: &mut Vec<Asserted>) {
        if self.next() != Step::Run(Check::Assertions) {
            return;
        }
        let now = self.occasion.started;
        let due = assertions::due(self.link, memory, self.occasion);
        for (turn, assertion) in due.into_iter().enumerate() {
            if clock::left(self.occasion.deadlines.checks).is_zero() {
                break;
            }
            let (asserted, lost) = self.assert_one(assertion).await;
            // One that had less than the whole time is the first of the next cycle instead.
            if !lost || turn == 0 {
                assertions::keep(memory, asserted);
            }
            if lost {
                break;
            }
        }
        assertions::settle(&mut self.leg, memory, now, Check::Query);
    }

    /// What comes of one assertion, and whether the connection was lost over it.
    async fn assert_one(&mut self, assertion: &Assertion) -> (Asserted, bool) {
        let watch = Stopwatch::start();
        let flavour = self.leg.seen.flavour;
        let answer = self.ask(&Question::Assertion(assertion.query.clone())).await;
        let took = watch.read();
        self.leg.seen.flavour = flavour;
        let lost = matches!(answer, Err(Bad::Lost(..)));
        let answer = answer.map(|(_, vector)| vector).map_err(Bad::words);
        let answer = answer.as_ref().map_err(|(cause, words)| (*cause, words.as_str()));
        (assertions::came(assertion, answer, took, self.occasion.started), lost)
    }

    async fn run(&mut self, check: Check) -> Row {
        match check {
            Check::Tcp => self.tcp().await,
            Check::Tls => self.tls().await,
            Check::Query => self.query().await,
            Check::Freshness => self.freshness().await,
            // `dns` has its row from the start, assertions come last; the rest is not on this path.
            Check::Dns
            | Check::Assertions
            | Check::GrafanaHealth
            | Check::Auth
            | Check::Datasource
            | Check::DatasourceHealth
            | Check::GrafanaQuery
            | Check::Agreement => failed(Cause::Internal, Duration::ZERO),
        }
    }

    async fn tcp(&mut self) -> Row {
        let mut dialled = self.hops.tcp(&self.addresses, self.occasion.deadlines.checks).await;
        // DNS lists ready pods only, so this very one is to blame and not the Service.
        if self.is_replica
            && dialled.row.outcome == Outcome::Failed(Cause::NoReadyEndpoints)
            && let Some(met) = dialled.met.take()
        {
            dialled.row.outcome = Outcome::Failed(met);
        }
        self.leg.seen.connect_failure = dialled.met;
        if let Some((stream, address)) = dialled.stream {
            self.leg.address = Some(address);
            self.wire = Wire::Connected(stream, address);
        } else {
            self.leg.address = self.addresses.first().copied();
        }
        dialled.row
    }

    async fn tls(&mut self) -> Row {
        let Wire::Connected(stream, address) = std::mem::replace(&mut self.wire, Wire::Apart)
        else {
            return failed(Cause::Internal, Duration::ZERO);
        };
        let deadline = self.occasion.deadlines.checks;
        let secured = self.hops.tls(stream, deadline, &mut self.leg.seen).await;
        if let Some(stream) = secured.stream {
            self.speak(stream, address).await;
        }
        secured.row
    }

    async fn speak(&mut self, stream: Stream, address: SocketAddr) {
        let connection = Connection::open(stream).await.ok();
        let line = Line::new(End::Prometheus, address, connection);
        self.wire = Wire::Speaking(Box::new(line));
    }

    async fn query(&mut self) -> Row {
        if let Wire::Connected(..) = self.wire
            && let Wire::Connected(stream, address) = std::mem::replace(&mut self.wire, Wire::Apart)
        {
            self.speak(Stream::from(stream), address).await;
        }
        let watch = Stopwatch::start();
        let question = Question::main(&self.link.query, self.large);
        match self.ask(&question).await {
            Ok((response, vector)) => self.judge_query(&response, vector, watch).await,
            Err(row) => row.into_row(watch.read()),
        }
    }

    /// What a good answer amounts to.
    async fn judge_query(
        &mut self,
        response: &Response,
        mut vector: Vector,
        watch: Stopwatch,
    ) -> Row {
        let took = watch.read();
        if self.large {
            vector.series = vector.value.map_or(0, |count| count as u64);
            let up = Question::CountUp(self.link.query.asked().to_owned());
            vector.up = match self.ask(&up).await {
                Ok((_, up)) => up.value.map_or(0, |count| count as u64),
                Err(_) => vector.series,
            };
        }
        self.large |= vector.large;
        let thresholds = &self.link.thresholds;
        let empty = self.link.query.expect_series && vector.series == 0;
        let outcome = if empty { Outcome::Failed(Cause::NoSeries) } else { Outcome::Passed };
        let mut row = Row::ended(outcome, took, clock::now());
        note_vector(&mut row.facts, &vector);
        let mut found = |cause: Option<Cause>, detail: String| {
            row.findings.extend(cause.map(|cause| Finding::of(cause, detail)));
        };
        found(judge::slow(took, thresholds.slow), format!("{} ms", took.as_millis()));
        found(vector.partial.then_some(Cause::PartialAnswer), vector.warnings.join("; "));
        if query::counts_targets(self.link) && !empty {
            let targets = judge::targets(vector.series, vector.up, thresholds.targets_down);
            found(targets, format!("{} of {} up", vector.up, vector.series));
        }
        if let Some(skew) = line::skew(response, row.at.wall) {
            self.leg.seen.clock_skew_seconds = Some(skew);
            found(judge::clock_skew(skew, thresholds.clock_skew), format!("{skew:+.0} s"));
        }
        let seen = &mut self.leg.seen;
        seen.series = Some(vector.series);
        seen.series_up = query::counts_targets(self.link).then_some(vector.up);
        seen.identities = (!self.large).then_some(vector.identities);
        seen.query_took = Some(took);
        seen.flavour = vector.flavour;
        row
    }

    async fn freshness(&mut self) -> Row {
        let watch = Stopwatch::start();
        let question = Question::Age(self.link.query.asked().to_owned());
        let vector = match self.ask(&question).await {
            Ok((_, vector)) => vector,
            Err(row) => return row.into_row(watch.read()),
        };
        let Some(age) = vector.value.filter(|age| age.is_finite()) else {
            return failed(Cause::NoSeries, watch.read());
        };
        if let Some(cause) = judge::from_the_future(age) {
            let mut row = failed(cause, watch.read());
            row.facts.text(Key::Error, &format!("newest sample {:.0} s ahead of its clock", -age));
            return row;
        }
        let age = age.clamp(0.0, 1e9);
        let stale = judge::freshness(Duration::from_secs_f64(age), self.occasion.freshness);
        let outcome = stale.map_or(Outcome::Passed, Outcome::Failed);
        let mut row = Row::ended(outcome, watch.read(), clock::now());
        row.facts.push(Key::Age, Fact::Seconds(Duration::from_secs_f64(age)));
        self.leg.seen.newest_sample = vector
            .evaluated_at
            .filter(|at| at.is_finite() && (0.0..1e11).contains(at))
            .and_then(|at| unix(at - age));
        row
    }

    /// Asks Prometheus, and hands back the answer with what it means.
    async fn ask(&mut self, question: &Question) -> Result<(Response, Vector), Bad> {
        let endpoint = self.hops.endpoint;
        let headers = self.headers()?;
        let method = self.link.query.method;
        let request = query::instant(endpoint, question, method, &headers, self.hops.is_absolute());
        let response = self.send(&request).await?;
        let asked = format!("{}{}", endpoint.url.path, query::QUERY_PATH);
        let answer = line::answer(&response, &asked, endpoint.http.auth.is_some());
        match classify::prometheus::query(&answer) {
            Ok(vector) => Ok((response, vector)),
            Err(rejection) => {
                self.leg.seen.flavour = rejection.flavour;
                let rejection =
                    if self.hops.is_absolute() { proxied(&response, rejection) } else { rejection };
                Err(Bad::Rejected(response.status, Box::new(rejection)))
            }
        }
    }

    fn headers(&self) -> Result<Vec<(String, String)>, Bad> {
        credentials::headers(&self.hops.endpoint.http).map_err(|bad| Bad::Credentials(bad.says))
    }

    async fn send(&mut self, request: &Request) -> Result<Response, Bad> {
        let deadline = self.occasion.deadlines.checks;
        let Wire::Speaking(line) = &mut self.wire else {
            return Err(Bad::Lost(Cause::Internal, "no stream".to_owned()));
        };
        let sent = line.send(&self.hops, request, deadline).await;
        sent.map_err(|lost| Bad::Lost(lost.cause, lost.words))
    }
}

fn note_vector(facts: &mut Facts, vector: &Vector) {
    facts.push(Key::Series, Fact::Count(vector.series));
    if !vector.warnings.is_empty() {
        facts.list(Key::Warnings, &vector.warnings);
    }
}

fn unix(seconds: f64) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}
