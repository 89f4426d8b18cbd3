//! The DNS hop: a stub resolver that asks as a pod would, and keeps every attempt.
//!
//! Ready-made resolvers answer "which address?"; this one must also answer "who failed, and how?".
//! They merge questions, resend behind the caller's back, stop at the first server that refuses and
//! let the last candidate of the search list hide what the right one said. So only the codec is
//! borrowed.
//!
//! Addresses come IPv4 first: those that a cluster gives for IPv6 are unique local ones, which
//! RFC 6724 and so Go rank below IPv4.
//!
//! Whose rules are followed is decided once: Go's, because Grafana is written in Go. That is
//! `/etc/hosts` first, the search list by `ndots`, servers in the order of the file, and both
//! address families; `docs/resolution.md` has it beside other resolvers. Unlike Go a server that
//! fails for one candidate is remembered: its failure is what gets reported when later candidates
//! are merely denied.

mod ask;
mod message;
mod settings;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout};

use crate::clock::Stopwatch;
use crate::net::dns::ask::{Servers, Walk};
use crate::net::dns::message::{Denied, Found, is_name};
use crate::net::limits::DNS_OTHER_FAMILY_WAIT;
use crate::selfstats::SelfStats;
pub use settings::DnsSettings;

/// Asks DNS servers. One for the process, shared by all links; it remembers which servers kept
/// silent.
#[derive(Debug)]
pub struct Resolver {
    settings: DnsSettings,
    servers: Servers,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Ports of a service.
    Srv,
}

/// As DNS writes it: people read it among the attempts.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        })
    }
}

/// How a name was resolved.
#[derive(Debug)]
pub struct Lookup {
    /// The addresses, IPv4 first, each kind in the server's order; never empty.
    pub result: Result<Vec<IpAddr>, DnsFailure>,
    /// Where the answer comes from.
    pub source: Source,
    /// The absolute name that had addresses, without the last dot: the next lookup's hint.
    pub name_that_hit: Option<String>,
    /// How long the answer may be kept, the least along the chain.
    pub ttl: Option<Duration>,
    /// Every exchange with a server, in the order in which they ended.
    pub attempts: Vec<Attempt>,
    /// The owner of the SOA record under the denial of the name as written, else of the last
    /// candidate.
    pub denied_by: Option<String>,
    /// From the first question to the result, without the time that our questions stood in line.
    pub took: Duration,
}

/// Where a lookup's answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The host was an address already.
    Literal,
    /// `localhost`.
    Localhost,
    /// `/etc/hosts`.
    Hosts,
    /// A DNS server.
    Dns,
}

/// The answer to one absolute question.
#[derive(Debug)]
pub struct Asked {
    /// The records at the end of the chain of aliases; never empty.
    pub result: Result<Vec<Record>, DnsFailure>,
    /// Every exchange with a server.
    pub attempts: Vec<Attempt>,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A or AAAA.
    Address(IpAddr),
    /// SRV: a port of a service and who serves it.
    Srv {
        /// The port.
        port: u16,
        /// The host behind it.
        target: String,
    },
}

/// Why a name has no answer. `NxDomain` and `NoData` are answers; all else are failures of a server
/// or of the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsFailure {
    /// The name does not exist.
    NxDomain,
    /// The name exists, without records of this kind.
    NoData,
    /// The server could not answer.
    ServFail {
        /// With a SOA of serial 0: a CoreDNS that has not yet read the Kubernetes API.
        unsynchronised: bool,
    },
    /// The server will not answer for this name.
    Refused,
    /// Another error code of the server's.
    OtherRcode(u16),
    /// Nothing listens there, or no route leads there: said at once by the network.
    ServerUnreachable,
    /// No answer in time.
    Timeout,
    /// Only answers that cannot be read, or a chain of aliases that never ends.
    Malformed,
    /// The host cannot be a DNS name: nothing was asked.
    InvalidName,
    /// This machine had no socket left to ask with, or too many questions: in words.
    Local(String),
}

/// One exchange with one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The server.
    pub server: SocketAddr,
    /// The absolute name, without the last dot.
    pub name: String,
    /// What was asked for.
    pub kind: Kind,
    /// From the first datagram to its end.
    pub took: Duration,
    /// Datagrams beyond the first.
    pub resends: u32,
    /// It went over TCP, because the answer did not fit a datagram or `resolv.conf` wants it so.
    pub over_tcp: bool,
    /// All that was answered is that the name stands for this one.
    pub alias: Option<String>,
    /// How it failed; a denial is a failure here as well.
    pub failure: Option<DnsFailure>,
    /// The owner of the SOA record under a denial: who said no.
    pub denied_by: Option<String>,
}

// === impl Resolver ===

impl Resolver {
    /// A resolver that asks as `settings` say.
    #[must_use]
    pub fn new(settings: DnsSettings, stats: Arc<SelfStats>) -> Self {
        let servers = Servers::new(&settings, stats);
        Self { settings, servers }
    }

    /// What it was made from.
    #[must_use]
    pub fn settings(&self) -> &DnsSettings {
        &self.settings
    }

    /// Resolves `host` as a pod does: address literal, `/etc/hosts`, `localhost`, then the search
    /// list by `ndots`; a trailing dot asks that name alone. `hint` is the absolute name that hit
    /// last time: it is asked first, if `host` may still stand for it.
    pub async fn lookup(&self, host: &str, hint: Option<&str>, deadline: Instant) -> Lookup {
        let stopwatch = Stopwatch::start();
        if let Some((addresses, source)) = self.without_dns(host) {
            return Lookup { took: stopwatch.read(), ..Lookup::new(Ok(addresses), source) };
        }
        let walk = Walk::new(&self.servers, deadline);
        let found = self.search(&walk, host, hint).await;
        let took = stopwatch.read().saturating_sub(walk.queued());
        let attempts = walk.into_attempts();
        let lookup = match found {
            Ok((name, Found { records, ttl })) => Lookup {
                name_that_hit: Some(name),
                ttl: Some(ttl),
                ..Lookup::new(Ok(records.iter().filter_map(Record::address).collect()), Source::Dns)
            },
            Err(Denied { failure, by }) => {
                Lookup { denied_by: by, ..Lookup::new(Err(failure), Source::Dns) }
            }
        };
        Lookup { attempts, took, ..lookup }
    }

    /// Asks one absolute question.
    pub async fn ask(&self, name: &str, kind: Kind, deadline: Instant) -> Asked {
        let walk = Walk::new(&self.servers, deadline);
        let found = walk.resolve(name.strip_suffix('.').unwrap_or(name), kind).await;
        let result = found.map(|found| found.records).map_err(|denied| denied.failure);
        Asked { result, attempts: walk.into_attempts() }
    }

    fn without_dns(&self, host: &str) -> Option<(Vec<IpAddr>, Source)> {
        if let Ok(literal) = host.parse() {
            return Some((vec![literal], Source::Literal));
        }
        if let Some(addresses) = self.settings.hosts.get(host) {
            return Some((addresses.to_vec(), Source::Hosts));
        }
        let localhost = host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case("localhost");
        let loopback = || vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        localhost.then(|| (loopback(), Source::Localhost))
    }

    /// Asks for the candidates in turn until one has addresses.
    async fn search(
        &self,
        walk: &Walk<'_>,
        host: &str,
        hint: Option<&str>,
    ) -> Result<(String, Found), Denied> {
        let written = host.strip_suffix('.').unwrap_or(host);
        if !is_name(written) {
            return Err(DnsFailure::InvalidName.into());
        }
        let candidates = || self.settings.candidates(host);
        let hint = hint.and_then(|hint| candidates().find(|name| name == hint));
        let others = candidates().filter(|name| Some(name) != hint.as_ref());
        let mut gravest: Option<DnsFailure> = None;
        let mut denied_by = None;
        let mut denied_as_written = false;
        for name in hint.iter().cloned().chain(others) {
            let Denied { failure, by } = match addresses(walk, &name).await {
                Ok(found) => return Ok((name, found)),
                // The suffix makes it too long: Go passes over it as well.
                Err(Denied { failure: DnsFailure::InvalidName, .. }) => continue,
                Err(denied) => denied,
            };
            if by.is_some() && !denied_as_written {
                denied_by = by;
                denied_as_written = name == written;
            }
            // Where nobody listens, nobody will for the next candidate. Silence may be about this
            // one alone, which the server forwards to somebody else: Go asks on after it too.
            let is_dead = failure == DnsFailure::ServerUnreachable;
            gravest = Some(failure.graver(gravest));
            if is_dead || walk.is_over() {
                break;
            }
        }
        Err(Denied { failure: gravest.unwrap_or(DnsFailure::InvalidName), by: denied_by })
    }
}

/// Both families of one name at once. One of them is enough, and then the other must be quick. So
/// must IPv6 after NXDOMAIN for IPv4, which denies the name and not only its IPv4 address (RFC
/// 8020); the reverse does not hold, because some servers say NXDOMAIN where they only lack IPv6
/// (RFC 4074 §4.2).
async fn addresses(walk: &Walk<'_>, name: &str) -> Result<Found, Denied> {
    let four = pin!(walk.resolve(name, Kind::A));
    let six = pin!(walk.resolve(name, Kind::Aaaa));
    let quick = DNS_OTHER_FAMILY_WAIT;
    let (four, six) = match select(four, six).await {
        Either::Left((four, six)) => {
            let is_settled = four.as_ref().map_or_else(Denied::is_of_name, |_| true);
            let six = if is_settled { timeout(quick, six).await.ok() } else { Some(six.await) };
            (Some(four), six)
        }
        Either::Right((six, four)) => {
            let four = if six.is_ok() { timeout(quick, four).await.ok() } else { Some(four.await) };
            (four, Some(six))
        }
    };
    match (four, six) {
        (Some(Ok(mut four)), Some(Ok(six))) => {
            four.records.extend(six.records);
            Ok(Found { ttl: four.ttl.min(six.ttl), ..four })
        }
        (Some(Ok(found)), _) | (_, Some(Ok(found))) => Ok(found),
        (Some(Err(four)), _) if four.is_of_name() => Err(four),
        (Some(Err(four)), Some(Err(six))) => {
            Err(Denied { failure: four.failure.graver(Some(six.failure)), by: four.by.or(six.by) })
        }
        (Some(Err(denied)), None) | (None, Some(Err(denied))) => Err(denied),
        (None, None) => Err(DnsFailure::Timeout.into()),
    }
}

// === impl Lookup, Record, DnsFailure ===

impl Lookup {
    fn new(result: Result<Vec<IpAddr>, DnsFailure>, source: Source) -> Self {
        Self {
            result,
            source,
            name_that_hit: None,
            ttl: None,
            attempts: Vec::new(),
            denied_by: None,
            took: Duration::ZERO,
        }
    }
}

impl Record {
    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Srv { .. } => None,
        }
    }
}

impl DnsFailure {
    /// Whether it answers the question, with a no.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        self.gravity() <= Self::NoData.gravity()
    }

    /// Whether the server answered that it cannot answer: another one behind its address may.
    fn may_pass(&self) -> bool {
        matches!(self, Self::ServFail { .. } | Self::Refused)
    }

    /// Which of two failures tells more: that of a server more than any denial, because a later
    /// candidate's denial must not hide it, and what was said more than silence.
    fn graver(self, other: Option<Self>) -> Self {
        other.filter(|other| other.gravity() >= self.gravity()).unwrap_or(self)
    }

    fn gravity(&self) -> u8 {
        match self {
            Self::NxDomain => 0,
            Self::NoData => 1,
            Self::InvalidName => 2,
            Self::Local(_) => 3,
            Self::ServerUnreachable => 4,
            Self::Timeout => 5,
            Self::Malformed => 6,
            Self::OtherRcode(_) => 7,
            Self::Refused => 8,
            Self::ServFail { unsynchronised: false } => 9,
            Self::ServFail { unsynchronised: true } => 10,
        }
    }
}

#[cfg(test)]
mod tests;
