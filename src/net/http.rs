//! The HTTP hop: one connection, several requests in turn, nothing followed, everything capped.
//!
//! hyper parses and frames; timing, caps and the telling-apart of failures are ours. Its connection
//! future is polled together with the request instead of being spawned, so that dropping a check closes
//! its socket at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::link::Method;
use crate::net::stream::Stream;

/// An HTTP/1 connection.
pub struct Connection {}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query; `http://host:port/path?query` when it goes to a proxy.
    pub target: String,
    /// The `Host` header.
    pub host: String,
    /// Further headers. `Accept`, `Accept-Encoding` and `User-Agent` are added unless they are here.
    pub headers: Vec<(String, String)>,
    /// The body's type and text.
    pub body: Option<(&'static str, String)>,
    /// The most bytes of the answer's body, after decompression.
    pub cap: usize,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Lower-case names and their values, each capped.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed, at most the request's cap.
    pub body: Vec<u8>,
    /// There was more body than the cap.
    pub cut: bool,
    /// From the start of sending to the first byte of the answer.
    pub first_byte: Duration,
    /// From the start of sending to the end of the answer.
    pub took: Duration,
}

/// How a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpFailure {
    /// Nothing came in time.
    NoResponse,
    /// A head or a part of it came, and then not all of the body in time.
    BodyTimeout {
        /// The status; none when the head itself was not complete.
        status: Option<u16>,
        /// The body so far.
        read: Vec<u8>,
    },
    /// The server closed the connection in the middle of the body.
    BodyClosed {
        /// The status.
        status: u16,
        /// The body so far.
        read: Vec<u8>,
    },
    /// The connection was closed before the end of the head.
    Closed,
    /// The connection was reset.
    Reset,
    /// The server closed a connection that it had answered on before: dial again, it is no fault.
    Stale,
    /// The server broke off TLS with this alert.
    TlsAlert(String),
    /// The server wants a client certificate, and said so after the handshake.
    ClientCertificateRequired,
    /// The server will not have the client certificate that we gave: its alert.
    ClientCertificateRefused(String),
    /// We spoke plain HTTP and were answered in TLS.
    TlsSpoken,
    /// The head is larger than the cap.
    HeadTooLarge,
    /// What came is no HTTP: its beginning.
    NotHttp(String),
    /// It began as HTTP and then broke its rules.
    Malformed(String),
    /// The request could not be written as HTTP: a fault of ours or of the configuration.
    BadRequest(String),
}

// === impl Connection ===

impl Connection {
    /// Prepares to speak HTTP/1 over `stream`; no byte is exchanged yet.
    ///
    /// # Errors
    /// None that is known; hyper reserves the right.
    pub async fn open(stream: Stream) -> Result<Self, HttpFailure> {
        todo!()
    }

    /// Sends `request` and reads its answer.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn send(
        &mut self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, HttpFailure> {
        todo!()
    }

    /// Whether another request may be sent: false once the server closed or said that it will.
    pub fn is_open(&mut self) -> bool {
        todo!()
    }
}

// === impl Response ===

impl Response {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}
