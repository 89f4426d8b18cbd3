//! What a failure of the wire is called: the one bridge from `net`'s words to causes.

use crate::net::dns::DnsFailure;
use crate::net::http::HttpFailure;
use crate::net::proxy::ProxyFailure;
use crate::net::tcp::ConnectFailure;
use crate::net::tls::TlsFailure;
use crate::report::cause::Cause;

/// Which end is spoken to: the same garbage is "not Prometheus" or "not Grafana".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The direct path's.
    Prometheus,
    /// The other path's.
    Grafana,
}

/// A name that did not resolve.
pub fn dns(failure: &DnsFailure) -> Cause {
    match failure {
        DnsFailure::NxDomain | DnsFailure::InvalidName => Cause::DnsNoSuchName,
        DnsFailure::NoData => Cause::DnsNoAddress,
        DnsFailure::ServFail { .. } | DnsFailure::OtherRcode(_) => Cause::DnsServerFailure,
        DnsFailure::Refused => Cause::DnsRefused,
        DnsFailure::ServerUnreachable => Cause::DnsServerUnreachable,
        DnsFailure::Timeout => Cause::DnsTimeout,
        DnsFailure::Malformed => Cause::DnsMalformed,
    }
}

/// A port that did not accept.
pub fn connect(failure: &ConnectFailure) -> Cause {
    match failure {
        ConnectFailure::Refused => Cause::ConnectionRefused,
        ConnectFailure::Timeout => Cause::ConnectionTimeout,
        ConnectFailure::HostUnreachable | ConnectFailure::Other(_) => Cause::HostUnreachable,
        ConnectFailure::NetworkUnreachable => Cause::NetworkUnreachable,
        ConnectFailure::Denied => Cause::ConnectionDenied,
        ConnectFailure::Reset => Cause::ConnectionReset,
    }
}
