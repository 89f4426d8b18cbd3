//! The DNS hop: a stub resolver that asks as a pod would, and keeps every attempt.
//!
//! Ready-made resolvers answer "which address?"; this one must also answer "who failed, and how?". They
//! merge questions, resend behind the caller's back, stop at the first server that refuses and let the
//! last candidate of the search list hide what the right one said. So only the codec is borrowed.
//!
//! Whose rules are followed is decided once: Go's, because Grafana is written in Go. That is
//! `/etc/hosts` first, the search list by `ndots`, servers in the order of the file, and both address
//! families. Unlike Go a server that fails for one candidate is remembered: its failure is what gets
//! reported when later candidates are merely denied.

mod ask;
mod message;
mod settings;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::selfstats::SelfStats;
pub use settings::DnsSettings;

/// Asks DNS servers. One for the process, shared by all links; it remembers which servers kept silent.
#[derive(Debug)]
pub struct Resolver {
    settings: DnsSettings,
    stats: Arc<SelfStats>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Ports of a service.
    Srv,
    /// Text.
    Txt,
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
    /// The owner of the SOA record under the denial of the name as written, else of the last candidate.
    pub denied_by: Option<String>,
    /// From the first question to the result.
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
    /// How long the answer may be kept, the least along the chain.
    pub ttl: Option<Duration>,
    /// Every exchange with a server.
    pub attempts: Vec<Attempt>,
    /// The owner of the SOA record under the denial.
    pub denied_by: Option<String>,
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
    /// TXT, its strings joined.
    Text(String),
}

/// Why a name has no answer. `NxDomain` and `NoData` are answers; all else are failures of a server or
/// of the way to it.
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
    /// This machine had no socket left to ask with, in the words of the system.
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
    /// The answer did not fit a datagram and was fetched over TCP.
    pub over_tcp: bool,
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
        Self { settings, stats }
    }

    /// What it was made from.
    #[must_use]
    pub fn settings(&self) -> &DnsSettings {
        &self.settings
    }

    /// Resolves `host` as a pod does: address literal, `/etc/hosts`, `localhost`, then the search list
    /// by `ndots`; a trailing dot asks that name alone. `hint` is the absolute name that hit last time:
    /// it is asked first.
    pub async fn lookup(&self, host: &str, hint: Option<&str>, deadline: Instant) -> Lookup {
        todo!()
    }

    /// Asks one absolute question.
    pub async fn ask(&self, name: &str, kind: Kind, deadline: Instant) -> Asked {
        todo!()
    }
}
