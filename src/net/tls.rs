//! The TLS hop: a handshake whose every judgement is written down.
//!
//! A ready-made verifier stops at the first thing that it dislikes and throws the certificate away.
//! Here the certificate is read first and kept, then chain, dates and name are judged one by one,
//! and only then the verdict falls: one that is expired *and* of the wrong name is mended once, not
//! twice.

pub mod certificate;
pub mod trust;
mod verify;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, InvalidMessage, PeerIncompatible, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock::Stopwatch;
use crate::net::tls::trust::Means;
pub use certificate::Certificate;

/// How to shake hands with one end: trust, client certificate and the name to ask for.
#[derive(Clone, Debug)]
pub struct TlsClient {
    means: Arc<Means>,
    server_name: Option<String>,
}

/// What came of a handshake.
#[derive(Debug)]
pub struct Handshake<S> {
    /// The connection, or what must be mended first.
    pub result: Result<TlsStream<S>, TlsFailure>,
    /// What was seen, also of a handshake that failed.
    pub facts: TlsFacts,
    /// From the first byte to the result.
    pub took: Duration,
}

/// What a handshake showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3`; none when the handshake failed.
    pub protocol: Option<&'static str>,
    /// The server's certificate.
    pub certificate: Option<Certificate>,
    /// Everything wrong with the certificate, what must be mended first at the front. With
    /// `insecure_skip_verify` it is only remarked.
    pub problems: Vec<Problem>,
    /// The server asked for a client certificate and we had none. In TLS 1.3 that shows at the
    /// first request only, and often as a mere reset.
    pub client_certificate_asked: bool,
}

/// What can be wrong with a certificate, in the order in which it must be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// The chain ends at no authority that we trust.
    UnknownCa,
    /// The certificate, or one above it, has ended.
    Expired,
    /// The certificate, or one above it, has not begun.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// Another fault, in the words of the library.
    Other(String),
}

/// How a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// The certificate is not to be trusted; the first of its problems.
    Certificate(Problem),
    /// Something else than TLS is spoken there, such as plain HTTP.
    NotSpoken,
    /// The server wants a client certificate and we have none.
    ClientCertificateRequired,
    /// The server will not have the client certificate that we gave: its alert.
    ClientCertificateRefused(String),
    /// No protocol version in common.
    NoCommonVersion,
    /// The server broke off with this alert.
    Alert(String),
    /// No answer in time.
    Timeout,
    /// The server closed the connection.
    Closed,
    /// The connection was reset.
    Reset,
    /// Anything else, in the words of the library.
    Other(String),
}

// === impl TlsClient ===

impl TlsClient {
    /// What a library's client is to shake hands by.
    ///
    /// # Errors
    /// The library refuses it; why, in its words.
    pub fn config(&self) -> Result<ClientConfig, String> {
        self.means.config().map(|(config, _)| config).map_err(|error| error.to_string())
    }

    /// Shakes hands over `stream`; `host` is the URL's, which a configured `server_name` overrides.
    pub async fn handshake<S>(&self, stream: S, host: &str, deadline: Instant) -> Handshake<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stopwatch = Stopwatch::start();
        let mut facts = TlsFacts::default();
        let result = self.connect(stream, host, deadline, &mut facts).await;
        Handshake { result, facts, took: stopwatch.read() }
    }

    async fn connect<S>(
        &self,
        stream: S,
        host: &str,
        deadline: Instant,
        facts: &mut TlsFacts,
    ) -> Result<TlsStream<S>, TlsFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.server_name.as_deref().unwrap_or(host);
        let name = name.strip_suffix('.').unwrap_or(name);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| TlsFailure::Other(format!("{name} is no name that TLS can ask for")))?;
        let (config, witness) =
            self.means.config().map_err(|error| TlsFailure::Other(error.to_string()))?;
        let connect = TlsConnector::from(Arc::new(config)).connect(server_name, stream);
        let result = timeout_at(deadline, connect).await;
        *facts = witness.facts();
        match result {
            Ok(Ok(stream)) => {
                facts.protocol = match stream.get_ref().1.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
                    Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
                    _ => None,
                };
                Ok(stream)
            }
            Ok(Err(error)) => Err(self.judge(TlsFailure::of(&error), facts)),
            Err(_) => Err(TlsFailure::Timeout),
        }
    }

    /// A failed handshake, in the light of what was seen before it failed.
    fn judge(&self, failure: TlsFailure, facts: &TlsFacts) -> TlsFailure {
        if let (TlsFailure::Certificate(_), Some(first)) = (&failure, facts.problems.first()) {
            return TlsFailure::Certificate(first.clone());
        }
        // Up to TLS 1.2 a missing certificate has no alert of its own, and some just hang up.
        let hung_up = matches!(
            failure,
            TlsFailure::Alert(_)
                | TlsFailure::ClientCertificateRefused(_)
                | TlsFailure::Closed
                | TlsFailure::Reset
        );
        if hung_up && facts.client_certificate_asked {
            return TlsFailure::ClientCertificateRequired;
        }
        // These alerts speak of a certificate that the server does not like: ours, if we have one.
        if !self.means.has_key()
            && let TlsFailure::ClientCertificateRefused(alert) = failure
        {
            return TlsFailure::Alert(alert);
        }
        failure
    }
}

// === impl TlsFailure ===

impl TlsFailure {
    /// What an error of a TLS stream says, also after the handshake.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system may say anything")]
    pub fn of(error: &io::Error) -> Self {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::of_library(error);
        }
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Closed,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            }
            // What the kernel says when nobody acknowledges any more.
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Self::Timeout
            }
            _ => Self::Other(error.to_string()),
        }
    }

    /// What the library says, which others may have wrapped.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
    pub fn of_library(error: &rustls::Error) -> Self {
        use PeerIncompatible as Peer;
        match error {
            rustls::Error::InvalidCertificate(error) => Self::Certificate(Problem::of(error)),
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotSpoken,
            rustls::Error::PeerIncompatible(
                Peer::ServerDoesNotSupportTls12Or13
                | Peer::ServerTlsVersionIsDisabledByOurConfig
                | Peer::Tls12NotOffered
                | Peer::Tls12NotOfferedOrEnabled,
            ) => Self::NoCommonVersion,
            other => Self::Other(other.to_string()),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
    fn of_alert(alert: AlertDescription) -> Self {
        let name = || alert.as_str().map_or_else(|| format!("{alert:?}"), str::to_owned);
        match alert {
            AlertDescription::CertificateRequired => Self::ClientCertificateRequired,
            AlertDescription::ProtocolVersion => Self::NoCommonVersion,
            AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => Self::ClientCertificateRefused(name()),
            _ => Self::Alert(name()),
        }
    }
}

#[cfg(test)]
mod tests;
