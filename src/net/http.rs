//! The HTTP hop: one connection, several requests in turn, nothing followed, everything capped.
//!
//! hyper parses and frames; timing, caps and the telling-apart of failures are ours. Its connection
//! future is polled together with the request instead of being spawned, so that dropping a check
//! closes its socket at once.

mod sink;
mod wire;

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::net::http::sink::{Kept, Sink};
use crate::net::http::wire::{Marks, Seen, Wire};
use crate::net::limits::{HEAD_BYTES, HEADER_VALUE_BYTES, HEADERS, OVERHEAD_BYTES};
use crate::net::stream::Stream;
use crate::net::tls::TlsFailure;

/// Headers that every request has unless it says otherwise.
const DEFAULT_HEADERS: [(&str, &str); 3] = [
    ("accept", "application/json"),
    ("accept-encoding", "gzip"),
    ("user-agent", concat!("promlink/", env!("CARGO_PKG_VERSION"))),
];

/// An HTTP/1 connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    marks: Marks,
    /// Inside TLS.
    secure: bool,
    /// The server asked for a client certificate that we do not have.
    certificate_owed: bool,
    /// Whole answers so far.
    answers: u32,
}

/// What moves the bytes, polled beside whatever waits for them.
#[derive(Debug)]
struct Driver(Option<http1::Connection<TokioIo<Wire>, Full<Bytes>>>);

/// One request.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Verb,
    /// Path and query; `http://host:port/path?query` when it goes to a proxy.
    pub target: String,
    /// The `Host` header.
    pub host: String,
    /// Further headers. `Accept`, `Accept-Encoding` and `User-Agent` are added unless they are
    /// here.
    pub headers: Vec<(String, String)>,
    /// The body's type and text.
    pub body: Option<(&'static str, String)>,
    /// The most bytes of the answer's body, after decompression.
    pub cap: usize,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// GET
    Get,
    /// POST
    Post,
    /// DELETE
    Delete,
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
    /// No whole head came in time.
    NoResponse,
    /// The head came, and then not all of the body in time.
    BodyTimeout {
        /// The status.
        status: u16,
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
    /// TLS broke off after the handshake: the server's alert, or the library's words.
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
        let (secure, certificate_owed) = (stream.is_secure(), stream.owes_certificate());
        let marks = Marks::new();
        let wire = TokioIo::new(Wire::new(stream, marks.clone()));
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES).max_headers(HEADERS);
        let opened = builder.handshake(wire).await;
        let (sender, connection) = opened.map_err(|e| HttpFailure::Malformed(e.to_string()))?;
        let driver = Driver(Some(connection));
        Ok(Self { sender, driver, marks, secure, certificate_owed, answers: 0 })
    }

    /// Sends `request` and reads its answer. A connection that failed, or whose answer was cut, is
    /// closed at once.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn send(
        &mut self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, HttpFailure> {
        let result = self.exchange(request, deadline).await;
        match &result {
            Ok(response) if !response.cut => self.answers += 1,
            Ok(_) | Err(_) => self.driver = Driver(None),
        }
        result
    }

    /// Whether another request may be sent: false once the server closed or said that it will.
    pub fn is_open(&mut self) -> bool {
        self.driver.step(&mut Context::from_waker(Waker::noop()));
        self.driver.0.is_some() && !self.sender.is_closed()
    }

    async fn exchange(
        &mut self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, HttpFailure> {
        let message = request.build()?;
        self.marks.begin(request.cap.saturating_add(OVERHEAD_BYTES));
        let sender = &mut self.sender;
        let head = self.driver.beside(async {
            sender.ready().await?;
            sender.send_request(message).await
        });
        let head = timeout_at(deadline, head).await.map_err(|_| HttpFailure::NoResponse)?;
        let (parts, body) = head.map_err(|error| self.head_failure(&error))?.into_parts();
        let status = parts.status.as_u16();
        let headers = headers(&parts.headers);
        let sink = Sink::new(find(&headers, "content-encoding"), request.cap);
        let Kept { bytes, cut, .. } = self.read(body, sink, status, deadline).await?;
        let took = self.marks.elapsed();
        let first_byte = self.marks.seen().first_byte.unwrap_or(took);
        Ok(Response { status, headers, body: bytes, cut, first_byte, took })
    }

    /// Reads a body to its end, or to the cap.
    async fn read(
        &mut self,
        mut body: Incoming,
        mut sink: Sink,
        status: u16,
        deadline: Instant,
    ) -> Result<Kept, HttpFailure> {
        let fill = self.driver.beside(async {
            while let Some(frame) = body.frame().await.transpose()? {
                if frame.into_data().is_ok_and(|piece| !sink.push(&piece)) {
                    break;
                }
            }
            Ok::<_, hyper::Error>(())
        });
        let filled = timeout_at(deadline, fill).await;
        let seen = self.marks.seen();
        let kept = sink.finish(matches!(filled, Ok(Ok(()))));
        match filled {
            Ok(Ok(())) if kept.broken => Err(HttpFailure::Malformed("broken gzip".to_owned())),
            Ok(Ok(())) => Ok(kept),
            Ok(Err(_)) if seen.overrun => Ok(Kept { cut: true, ..kept }),
            Ok(Err(error)) => Err(match wire_failure(&seen) {
                Some(HttpFailure::Closed) => HttpFailure::BodyClosed { status, read: kept.bytes },
                Some(failure) => failure,
                None => HttpFailure::Malformed(error.to_string()),
            }),
            Err(_) => Err(HttpFailure::BodyTimeout { status, read: kept.bytes }),
        }
    }

    /// Why no head came.
    fn head_failure(&self, error: &hyper::Error) -> HttpFailure {
        let seen = self.marks.seen();
        let start = seen.start.as_slice();
        // An alert, or a handshake.
        if !self.secure && matches!(start, [0x15 | 0x16, 0x03, ..]) {
            return HttpFailure::TlsSpoken;
        }
        if seen.overrun || error.is_parse_too_large() {
            return HttpFailure::HeadTooLarge;
        }
        if error.is_parse() {
            return if start.starts_with(b"HTTP/") {
                HttpFailure::Malformed(error.to_string())
            } else {
                HttpFailure::NotHttp(String::from_utf8_lossy(start).into_owned())
            };
        }
        if error.is_user() {
            return HttpFailure::BadRequest(error.to_string());
        }
        // Whoever speaks before being asked, as SSH, SMTP and MySQL do, speaks no HTTP; after an
        // answer it is what a server says before it hangs up.
        if !start.is_empty() && !start.iter().zip(b"HTTP/").all(|(said, http)| said == http) {
            return match self.answers {
                0 => HttpFailure::NotHttp(String::from_utf8_lossy(start).into_owned()),
                _ => HttpFailure::Stale,
            };
        }
        let failure = wire_failure(&seen).unwrap_or(HttpFailure::Closed);
        let hung_up = matches!(failure, HttpFailure::Closed | HttpFailure::Reset);
        let alerted =
            matches!(failure, HttpFailure::TlsAlert(_) | HttpFailure::ClientCertificateRefused(_));
        match self.answers {
            _ if !start.is_empty() => failure,
            // In TLS 1.3 the server looks for the certificate after our side of the handshake, and
            // whoever misses it has many ways to say so.
            0 if self.certificate_owed && (hung_up || alerted) => {
                HttpFailure::ClientCertificateRequired
            }
            1.. if hung_up => HttpFailure::Stale,
            _ => failure,
        }
    }
}

/// How the stream itself failed, if it did.
fn wire_failure(seen: &Seen) -> Option<HttpFailure> {
    let Some(failure) = &seen.failure else { return seen.closed.then_some(HttpFailure::Closed) };
    Some(match failure {
        TlsFailure::ClientCertificateRequired => HttpFailure::ClientCertificateRequired,
        TlsFailure::ClientCertificateRefused(alert) => {
            HttpFailure::ClientCertificateRefused(alert.clone())
        }
        TlsFailure::Closed => HttpFailure::Closed,
        TlsFailure::Reset => HttpFailure::Reset,
        TlsFailure::Timeout => HttpFailure::NoResponse,
        TlsFailure::Alert(says) | TlsFailure::Other(says) => HttpFailure::TlsAlert(says.clone()),
        TlsFailure::Certificate(_) | TlsFailure::NotSpoken | TlsFailure::NoCommonVersion => {
            HttpFailure::TlsAlert(format!("{failure:?}"))
        }
    })
}

// === impl Driver ===

impl Driver {
    /// Moves bytes as far as they go now; a connection that ended is dropped, its socket with it.
    fn step(&mut self, cx: &mut Context<'_>) {
        if self.0.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            self.0 = None;
        }
    }

    /// Waits for `future` while the bytes move.
    async fn beside<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.step(cx);
            future.as_mut().poll(cx)
        })
        .await
    }
}

// === impl Request ===

impl fmt::Debug for Request {
    /// Without headers and body: credentials are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} of {}", self.method, self.target, self.host)
    }
}

impl Request {
    fn build(&self) -> Result<hyper::Request<Full<Bytes>>, HttpFailure> {
        let method = match self.method {
            Verb::Get => hyper::Method::GET,
            Verb::Post => hyper::Method::POST,
            Verb::Delete => hyper::Method::DELETE,
        };
        let mut builder = hyper::Request::builder().method(method).uri(self.target.as_str());
        builder = builder.header("host", &self.host);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        for (name, value) in DEFAULT_HEADERS {
            if !self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                builder = builder.header(name, value);
            }
        }
        let mut bytes = Bytes::new();
        if let Some((content_type, body)) = &self.body {
            builder = builder.header("content-type", *content_type);
            bytes = Bytes::copy_from_slice(body.as_bytes());
        }
        builder.body(Full::new(bytes)).map_err(|error| HttpFailure::BadRequest(error.to_string()))
    }
}

// === impl Response ===

impl Response {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let capped = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        let bytes = bytes.get(..HEADER_VALUE_BYTES).unwrap_or(bytes);
        String::from_utf8_lossy(bytes).into_owned()
    };
    map.iter().map(|(name, value)| (name.as_str().to_owned(), capped(value))).collect()
}

#[cfg(test)]
mod tests;
