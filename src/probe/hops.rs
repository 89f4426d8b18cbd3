//! The first three checks of either path: name, port, handshake, each timed on the same stream.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::clock;
use crate::judge;
use crate::link::discover::Leave;
use crate::link::{Endpoint, Proxy, Scheme, Thresholds};
use crate::net::dns::{Attempt, DnsFailure, Lookup, Source};
use crate::net::http::Connection;
use crate::net::stream::Stream;
use crate::net::tls::{TlsFacts, TlsFailure};
use crate::net::{credentials, proxy, tcp};
use crate::plan::{self, Explanation};
use crate::probe::{Net, causes, explain};
use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, Why};
use crate::report::facts::{Fact, Facts, Key};
use crate::report::finding::{Finding, Subject};
use crate::report::seen::Seen;
use crate::report::{Outcome, Row};

/// The way to one end.
#[derive(Clone, Copy, Debug)]
pub struct Hops<'a> {
    /// Where it leads.
    pub endpoint: &'a Endpoint,
    /// Whether we may go there.
    pub leave: Leave,
    /// What all walks share.
    pub net: &'a Net,
    /// When a step is too slow, or a certificate too old.
    pub thresholds: &'a Thresholds,
    /// This end answered before.
    pub reached: bool,
    /// Its name led to pods when it was last asked.
    pub was_headless: bool,
    /// The report closes then; what is left between a check's deadline and this belongs to
    /// explaining.
    pub last: Instant,
}

/// The name, resolved.
#[derive(Debug)]
pub struct Named {
    /// The row of `dns`.
    pub row: Row,
    /// Where to dial; empty when the row failed.
    pub addresses: Vec<SocketAddr>,
    /// The name that resolved.
    pub hit: Option<String>,
}

/// The port, connected.
#[derive(Debug)]
pub struct Dialled {
    /// The row of `tcp`.
    pub row: Row,
    /// The stream, and whom it leads to; none when the row failed.
    pub stream: Option<(TcpStream, SocketAddr)>,
    /// What connecting met, where the row has another name for it.
    pub met: Option<Cause>,
}

/// The handshake, done.
#[derive(Debug)]
pub struct Secured {
    /// The row of `tls`.
    pub row: Row,
    /// The stream; none when the row failed.
    pub stream: Option<Stream>,
}

// === impl Hops ===

impl<'a> Hops<'a> {
    /// The proxy on the way, unless the host is exempt from it.
    #[must_use]
    pub fn proxy(&self) -> Option<&'a Proxy> {
        let proxy = self.endpoint.http.proxy.as_ref()?;
        let url = &self.endpoint.url;
        (!proxy::bypass(&proxy.no_proxy, &url.host, url.port)).then_some(proxy)
    }

    /// Plain HTTP through a proxy speaks to the proxy, and names the whole URL.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.endpoint.url.scheme == Scheme::Http && self.proxy().is_some()
    }

    /// Resolves the host to dial.
    pub async fn dns(&self, hint: Option<&str>, deadline: Instant) -> Named {
        let url = self.proxy().map_or(&self.endpoint.url, |proxy| &proxy.url);
        let lookup = self.net.resolver.lookup(&url.host, hint, deadline).await;
        let zone = self.net.resolver.settings().zone();
        let outcome = match &lookup.result {
            Ok(_) => Outcome::Passed,
            Err(_) if explain::denied_by_cluster(&lookup, &url.host, zone) => {
                Outcome::Failed(Cause::DnsNoSuchName)
            }
            Err(failure) => Outcome::Failed(causes::dns(failure)),
        };
        let mut row = Row::ended(outcome, lookup.took, clock::now());
        row.facts = name_facts(&lookup);
        row.findings = name_findings(&lookup, self.thresholds);
        self.note_proxy(&mut row.facts);
        let (resolver, host) = (&self.net.resolver, &url.host);
        let explained = match plan::explanation(Check::Dns, row.outcome) {
            Some(Explanation::NameLadder) => Some(explain::ladder(resolver, host, self.last).await),
            Some(Explanation::HiddenDenial) => {
                Some(explain::hidden(resolver, &lookup, host, self.reached, self.last).await)
            }
            Some(Explanation::ServicePorts) | None => None,
        };
        if let Some((found, rungs)) = explained {
            row = plan::explained_name(row, host, self.was_headless, found);
            if !rungs.is_empty() {
                row.facts.list(Key::Ladder, rungs.iter().map(attempt_words));
            }
        }
        let addresses = self.permitted(&mut row, lookup.result);
        Named {
            row,
            addresses: addresses.into_iter().map(|ip| SocketAddr::new(ip, url.port)).collect(),
            hit: lookup.name_that_hit,
        }
    }

    /// The addresses that we may dial. A name that a list tells and that leads nowhere from here,
    /// or only to what nobody may be sent to, says nothing about its server.
    fn permitted(&self, row: &mut Row, found: Result<Vec<IpAddr>, DnsFailure>) -> Vec<IpAddr> {
        let refused = match found {
            Err(failure) if self.leave == Leave::Guarded && !self.reached => {
                failure.is_answer().then(|| "the name is not known here".to_owned())
            }
            Err(_) => None,
            Ok(all) => {
                let may = |ip: &&IpAddr| self.leave.includes(**ip);
                let some: Vec<IpAddr> = all.iter().filter(may).copied().collect();
                if all.is_empty() || !some.is_empty() {
                    return some;
                }
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                Some(format!("the name leads to {}", all.join(", ")))
            }
        };
        if let Some(reason) = refused {
            row.outcome = Outcome::Skipped(Why::NotPermitted);
            row.findings.clear();
            row.facts.text(Key::Reason, &reason);
        }
        Vec::new()
    }

    /// Connects to one of the addresses, through the proxy if there is one.
    pub async fn tcp(&self, addresses: &[SocketAddr], deadline: Instant) -> Dialled {
        let watch = clock::Stopwatch::start();
        let mut facts = Facts::default();
        self.note_proxy(&mut facts);
        let connected = tcp::connect(addresses, deadline).await;
        let likely = connected.as_ref().err().map(explain::likely);
        let (cause, stream) = match connected {
            Ok(connected) => {
                if !connected.tried.is_empty() {
                    facts.list(Key::Attempts, connected.tried.iter().map(try_words));
                }
                facts.text(Key::Address, &connected.address.to_string());
                match self.through_proxy(connected.stream, deadline, &mut facts).await {
                    Ok(stream) => (None, Some((stream, connected.address))),
                    Err(cause) => (Some(cause), None),
                }
            }
            Err(error) => {
                if let Some(address) = error.address {
                    facts.text(Key::Address, &address.to_string());
                }
                if let tcp::ConnectFailure::Local(text) = &error.failure {
                    facts.text(Key::Error, text);
                }
                if error.tried.len() > 1 {
                    facts.list(Key::Attempts, error.tried.iter().map(try_words));
                }
                let cause = causes::connect(&error.failure);
                let cause = if self.proxy().is_some() { Cause::ProxyUnreachable } else { cause };
                (Some(cause), None)
            }
        };
        let outcome = cause.map_or(Outcome::Passed, Outcome::Failed);
        let mut row = Row::ended(outcome, watch.read(), clock::now());
        row.facts = facts;
        if plan::explanation(Check::Tcp, outcome) == Some(Explanation::ServicePorts) {
            let url = &self.endpoint.url;
            let ports = explain::service_ports(&self.net.resolver, &url.host, self.last).await;
            row = plan::explained_port(row, url.port, &ports, self.reached);
        }
        let met = cause.filter(|cause| row.outcome != Outcome::Failed(*cause));
        if let Some(likely) = likely.filter(|likely| met.is_none() && !likely.is_empty()) {
            row.facts.list(Key::Likely, likely);
        }
        Dialled { row, stream, met }
    }

    /// A tunnel where TLS goes through a proxy; plain HTTP speaks to the proxy itself.
    async fn through_proxy(
        &self,
        stream: TcpStream,
        deadline: Instant,
        facts: &mut Facts,
    ) -> Result<TcpStream, Cause> {
        let Some(via) = self.proxy().filter(|_| self.endpoint.url.scheme == Scheme::Https) else {
            return Ok(stream);
        };
        let authorization = credentials::proxy_authorization(via).map_err(|error| {
            facts.text(Key::Error, &error.says);
            Cause::OwnFileUnusable
        })?;
        let authority = self.endpoint.url.authority();
        proxy::tunnel(stream, &authority, authorization.as_deref(), deadline).await.map_err(
            |failure| {
                facts.text(Key::ProxySays, &causes::proxy_says(&failure));
                causes::of_proxy(&failure)
            },
        )
    }

    /// Shakes hands, and notes what the certificate says even when that fails.
    pub async fn tls(&self, stream: TcpStream, deadline: Instant, seen: &mut Seen) -> Secured {
        let options = &self.endpoint.http.tls;
        let watch = clock::Stopwatch::start();
        let client = match self.net.trust.client(options) {
            Ok(client) => client,
            Err(error) => {
                let cause = Cause::OwnFileUnusable;
                let mut row = Row::ended(Outcome::Failed(cause), watch.read(), clock::now());
                row.facts.text(Key::Error, &error);
                return Secured { row, stream: None };
            }
        };
        let done = client.handshake(stream, &self.endpoint.url.host, deadline).await;
        seen.not_after = done.facts.certificate.as_ref().map(|leaf| leaf.not_after);
        let outcome = match &done.result {
            Ok(_) => Outcome::Passed,
            Err(failure) => Outcome::Failed(causes::tls(failure)),
        };
        let now = clock::now();
        let mut row = Row::ended(outcome, done.took, now);
        row.facts = certificate_facts(&done.facts, done.result.as_ref().err());
        if let Some(leaf) = &done.facts.certificate {
            let limit = self.thresholds.tls_expiring;
            row.findings.extend(
                judge::tls_expiring(leaf.not_before, leaf.not_after, now.wall, limit)
                    .filter(|_| outcome == Outcome::Passed)
                    .map(|cause| Finding::of(cause, format!("issued by {}", leaf.issuer))),
            );
        }
        let secure = |stream| Stream::secured(stream, &done.facts);
        Secured { row, stream: done.result.ok().map(secure) }
    }

    /// Dials a known address once more, untimed: a server that closes after an answer is no fault.
    pub async fn redial(
        &self,
        address: SocketAddr,
        deadline: Instant,
    ) -> Result<Connection, Cause> {
        let connected = tcp::connect(&[address], deadline).await;
        let stream = connected.map_err(|error| causes::connect(&error.failure))?.stream;
        let stream = self.through_proxy(stream, deadline, &mut Facts::default()).await?;
        let stream = match self.endpoint.url.scheme {
            Scheme::Http => Stream::from(stream),
            Scheme::Https => {
                let secured = self.tls(stream, deadline, &mut Seen::default()).await;
                secured.stream.ok_or(match secured.row.outcome {
                    Outcome::Failed(cause) => cause,
                    Outcome::Passed | Outcome::Skipped(_) => Cause::TlsHandshakeFailed,
                })?
            }
        };
        Connection::open(stream).await.map_err(|_| Cause::ConnectionClosed)
    }

    fn note_proxy(&self, facts: &mut Facts) {
        if let Some(proxy) = self.proxy() {
            facts.text(Key::Via, &format!("proxy {}", proxy.url.authority()));
        }
    }
}

/// What there is to show of a lookup.
fn name_facts(lookup: &Lookup) -> Facts {
    let mut facts = Facts::default();
    if let Ok(addresses) = &lookup.result {
        facts.list(Key::Answers, addresses);
    }
    match lookup.source {
        Source::Literal | Source::Localhost => {}
        Source::Hosts => {
            facts.text(Key::Via, "/etc/hosts");
        }
        Source::Dns => note_exchange(lookup, &mut facts),
    }
    facts
}

fn note_exchange(lookup: &Lookup, facts: &mut Facts) {
    if let Some(name) = &lookup.name_that_hit {
        facts.text(Key::Name, name);
    }
    if let Some(ttl) = lookup.ttl {
        facts.push(Key::Ttl, Fact::Seconds(ttl));
    }
    if let Some(denier) = &lookup.denied_by {
        facts.text(Key::Denier, denier);
    }
    let resends: u64 = lookup.attempts.iter().map(|attempt| u64::from(attempt.resends)).sum();
    if resends > 0 {
        facts.push(Key::Resends, Fact::Count(resends));
    }
    if let Err(failure) = &lookup.result {
        facts.text(Key::Error, &causes::dns_words(failure));
        facts.list(Key::Attempts, lookup.attempts.iter().map(attempt_words));
    } else if let Some(last) = lookup.attempts.last() {
        facts.text(Key::Server, &last.server.to_string());
    }
}

fn attempt_words(attempt: &Attempt) -> String {
    let said = match (&attempt.failure, &attempt.alias) {
        (Some(failure), _) => causes::dns_words(failure),
        (None, Some(alias)) => format!("an alias of {alias}, alone"),
        (None, None) => "ok".to_owned(),
    };
    let millis = attempt.took.as_millis();
    format!("{} {:?} @{}: {said}, {millis} ms", attempt.name, attempt.kind, attempt.server)
}

/// What a lookup shows without failing: it was slow, or one server of several did not answer.
fn name_findings(lookup: &Lookup, thresholds: &Thresholds) -> Vec<Finding> {
    let mut findings = Vec::new();
    if lookup.result.is_err() {
        return findings;
    }
    let dead = dead_server(lookup);
    if let Some((attempt, failure)) = dead {
        let detail = format!("{}; another server answered", attempt.server);
        let (cause, subject) = (causes::dns(failure), Some(Subject::DnsServer));
        findings.push(Finding { cause, weight: Weight::Notes, subject, detail });
    }
    // The time that a dead server cost is told by its own finding.
    let took = lookup.took.saturating_sub(dead.map_or(Duration::ZERO, |(attempt, _)| attempt.took));
    if let Some(cause) = judge::dns_slow(took, thresholds.dns_slow) {
        let resends: u32 = lookup.attempts.iter().map(|attempt| attempt.resends).sum();
        let detail = format!("{} ms, {resends} resends", took.as_millis());
        findings.push(Finding::of(cause, detail));
    }
    findings
}

fn try_words((address, failure): &(SocketAddr, tcp::ConnectFailure)) -> String {
    format!("{address}: {}", causes::connect(failure).code())
}

/// A server that failed where another one answered: at all, or at the very name that resolved.
/// (What one says of a candidate of the search list that leads outside may be right.)
fn dead_server(lookup: &Lookup) -> Option<(&Attempt, &DnsFailure)> {
    let failed = |attempt: &Attempt| attempt.failure.as_ref().is_some_and(|f| !f.is_answer());
    let answering = lookup.attempts.iter().rfind(|attempt| !failed(attempt))?.server;
    lookup.attempts.iter().find_map(|attempt| {
        let failure = attempt.failure.as_ref()?;
        let silent = matches!(
            failure,
            DnsFailure::ServerUnreachable | DnsFailure::Timeout | DnsFailure::Malformed
        );
        let at_the_name = Some(&attempt.name) == lookup.name_that_hit.as_ref();
        (attempt.server != answering && failed(attempt) && (silent || at_the_name))
            .then_some((attempt, failure))
    })
}

/// What there is to show of a handshake.
fn certificate_facts(tls: &TlsFacts, failure: Option<&TlsFailure>) -> Facts {
    let mut facts = Facts::default();
    if let Some(protocol) = tls.protocol {
        facts.text(Key::Protocol, protocol);
    }
    if let Some(leaf) = &tls.certificate {
        facts.text(Key::Certificate, &leaf.subject);
        facts.list(Key::CertificateNames, &leaf.names);
        facts.text(Key::Issuer, &leaf.issuer);
        facts.push(Key::NotAfter, Fact::Time(leaf.not_after));
    }
    if !tls.problems.is_empty() {
        facts.list(Key::Problems, tls.problems.iter().map(causes::problem_words));
    } else if let Some(failure) = failure {
        facts.text(Key::Error, &causes::tls_words(failure));
    }
    facts
}
