//! The TLS hop: a handshake whose every judgement is written down.
//!
//! A ready-made verifier stops at the first thing that it dislikes and throws the certificate away.
//! Here the certificate is read first and kept, then chain, dates and name are judged one by one, and
//! only then the verdict falls: one that is expired *and* of the wrong name is mended once, not twice.

pub mod certificate;
mod trust;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

pub use certificate::Certificate;
pub use trust::Trust;

/// How to shake hands with one end: trust, client certificate and the name to ask for.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
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
    pub problems: Vec<TlsFailure>,
    /// The server asked for a client certificate and we had none. In TLS 1.3 that shows at the first
    /// request only, and often as a mere reset.
    pub client_certificate_asked: bool,
}

/// How a handshake failed. The order of the first four is the order in which they must be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsFailure {
    /// The chain ends at no authority that we trust.
    UnknownCa,
    /// The certificate, or one above it, has ended.
    Expired,
    /// The certificate, or one above it, has not begun.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// The certificate has another fault, in the words of the library.
    BadCertificate(String),
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
    /// Shakes hands over `stream`; `host` is the URL's, which a configured `server_name` overrides.
    pub async fn handshake<S>(&self, stream: S, host: &str, deadline: Instant) -> Handshake<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        todo!()
    }
}
