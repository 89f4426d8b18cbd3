//! What a failure of the wire is called: the one bridge from `net`'s words to causes, and to words
//! for people.

use crate::net::dns::DnsFailure;
use crate::net::http::HttpFailure;
use crate::net::proxy::ProxyFailure;
use crate::net::tcp::ConnectFailure;
use crate::net::tls::{Problem, TlsFailure};
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
        DnsFailure::Local(_) => Cause::Internal,
    }
}

/// The same, for people.
pub fn dns_words(failure: &DnsFailure) -> String {
    match failure {
        DnsFailure::NxDomain => "NXDOMAIN".to_owned(),
        DnsFailure::NoData => "no such record".to_owned(),
        DnsFailure::ServFail { unsynchronised: false } => "SERVFAIL".to_owned(),
        DnsFailure::ServFail { unsynchronised: true } => {
            "SERVFAIL: CoreDNS has not read the Kubernetes API yet".to_owned()
        }
        DnsFailure::Refused => "REFUSED".to_owned(),
        DnsFailure::OtherRcode(code) => format!("rcode {code}"),
        DnsFailure::ServerUnreachable => "port closed, or no way there".to_owned(),
        DnsFailure::Timeout => "no answer".to_owned(),
        DnsFailure::Malformed => "not a DNS message".to_owned(),
        DnsFailure::InvalidName => "not a valid name".to_owned(),
        DnsFailure::Local(text) => text.clone(),
    }
}

/// A port that did not accept.
pub fn connect(failure: &ConnectFailure) -> Cause {
    match failure {
        ConnectFailure::Refused => Cause::ConnectionRefused,
        ConnectFailure::Timeout => Cause::ConnectionTimeout,
        ConnectFailure::HostUnreachable => Cause::HostUnreachable,
        ConnectFailure::NetworkUnreachable => Cause::NetworkUnreachable,
        ConnectFailure::Denied => Cause::ConnectionDenied,
        ConnectFailure::Reset => Cause::ConnectionReset,
        ConnectFailure::Local(_) => Cause::Internal,
    }
}

/// A proxy that will not dig a tunnel; one that says nothing, or no HTTP, is none that works.
pub fn of_proxy(failure: &ProxyFailure) -> Cause {
    match failure {
        ProxyFailure::Refused { .. } => Cause::ProxyRefused,
        ProxyFailure::Closed
        | ProxyFailure::Reset
        | ProxyFailure::Timeout
        | ProxyFailure::Malformed => Cause::ProxyUnreachable,
    }
}

/// What a proxy said in place of opening a tunnel.
pub fn proxy_says(failure: &ProxyFailure) -> String {
    match failure {
        ProxyFailure::Refused { status, says } => format!("{status} {says}"),
        ProxyFailure::Closed => "closed the connection".to_owned(),
        ProxyFailure::Reset => "reset the connection".to_owned(),
        ProxyFailure::Timeout => "no answer".to_owned(),
        ProxyFailure::Malformed => "not an HTTP answer".to_owned(),
    }
}

/// A handshake that failed.
pub fn tls(failure: &TlsFailure) -> Cause {
    match failure {
        TlsFailure::Certificate(Problem::UnknownCa) => Cause::TlsUnknownCa,
        TlsFailure::Certificate(Problem::Expired) => Cause::TlsExpired,
        TlsFailure::Certificate(Problem::NotYetValid) => Cause::TlsNotYetValid,
        TlsFailure::Certificate(Problem::WrongName) => Cause::TlsWrongName,
        TlsFailure::NotSpoken => Cause::TlsNotSpoken,
        TlsFailure::ClientCertificateRequired | TlsFailure::ClientCertificateRefused(_) => {
            Cause::TlsClientCertificateRequired
        }
        TlsFailure::Timeout => Cause::NoResponse,
        TlsFailure::Closed => Cause::ConnectionClosed,
        TlsFailure::Reset => Cause::ConnectionReset,
        TlsFailure::Certificate(Problem::Other(_))
        | TlsFailure::NoCommonVersion
        | TlsFailure::Alert(_)
        | TlsFailure::Other(_) => Cause::TlsHandshakeFailed,
    }
}

/// The same, for people.
pub fn tls_words(failure: &TlsFailure) -> String {
    match failure {
        TlsFailure::Certificate(problem) => problem_words(problem),
        TlsFailure::NotSpoken => "the answer is not TLS".to_owned(),
        TlsFailure::ClientCertificateRequired => "a client certificate is required".to_owned(),
        TlsFailure::ClientCertificateRefused(alert) => {
            format!("the client certificate is refused: {alert}")
        }
        TlsFailure::NoCommonVersion => "no protocol version in common".to_owned(),
        TlsFailure::Alert(alert) => format!("alert {alert}"),
        TlsFailure::Timeout => "no answer to the handshake".to_owned(),
        TlsFailure::Closed => "closed during the handshake".to_owned(),
        TlsFailure::Reset => "reset during the handshake".to_owned(),
        TlsFailure::Other(text) => text.clone(),
    }
}

/// What is wrong with a certificate, for people.
pub fn problem_words(problem: &Problem) -> String {
    match problem {
        Problem::UnknownCa => "signed by an unknown CA".to_owned(),
        Problem::Expired => "expired".to_owned(),
        Problem::NotYetValid => "not valid yet".to_owned(),
        Problem::WrongName => "for other names".to_owned(),
        Problem::Other(text) => format!("bad certificate: {text}"),
    }
}

/// A request without a whole answer.
pub fn http(failure: &HttpFailure, end: End) -> Cause {
    match failure {
        HttpFailure::NoResponse | HttpFailure::BodyTimeout { .. } => Cause::NoResponse,
        HttpFailure::Closed | HttpFailure::Stale => Cause::ConnectionClosed,
        HttpFailure::Reset => Cause::ConnectionReset,
        HttpFailure::TlsAlert(_) => Cause::TlsHandshakeFailed,
        HttpFailure::ClientCertificateRequired | HttpFailure::ClientCertificateRefused(_) => {
            Cause::TlsClientCertificateRequired
        }
        HttpFailure::TlsSpoken => Cause::TlsRequired,
        HttpFailure::HeadTooLarge => Cause::AnswerTooLarge,
        HttpFailure::BodyClosed { .. } | HttpFailure::Malformed(_) => Cause::AnswerMalformed,
        HttpFailure::NotHttp(_) => match end {
            End::Prometheus => Cause::NotPrometheus,
            End::Grafana => Cause::NotGrafana,
        },
        HttpFailure::BadRequest(_) => Cause::Internal,
    }
}

/// The same, for people.
pub fn http_words(failure: &HttpFailure) -> String {
    match failure {
        HttpFailure::NoResponse => "no byte of an answer in time".to_owned(),
        HttpFailure::BodyTimeout { status, read } => {
            format!("{status}, then only {} bytes of the body in time", read.len())
        }
        HttpFailure::BodyClosed { status, read } => {
            format!("{status}, then closed after {} bytes of the body", read.len())
        }
        HttpFailure::Closed | HttpFailure::Stale => "closed before an answer".to_owned(),
        HttpFailure::Reset => "reset before an answer".to_owned(),
        HttpFailure::TlsAlert(alert) => format!("TLS alert {alert}"),
        HttpFailure::ClientCertificateRequired => "a client certificate is required".to_owned(),
        HttpFailure::ClientCertificateRefused(alert) => {
            format!("the client certificate is refused: {alert}")
        }
        HttpFailure::TlsSpoken => "answered in TLS".to_owned(),
        HttpFailure::HeadTooLarge => "the head of the answer is too large".to_owned(),
        HttpFailure::NotHttp(start) => format!("not HTTP: {start}"),
        HttpFailure::Malformed(text) | HttpFailure::BadRequest(text) => text.clone(),
    }
}
