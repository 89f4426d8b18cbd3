//! HTTP/1.1 by hand, because most faults of the wire are what a proper server never does.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use url::form_urlencoded;

use crate::clock;
use crate::demo::fault::{Odd, Wire};

/// The longest head and the longest body of a request that are read.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 1024 * 1024;
/// An endless body comes in portions of a tenth of a second.
const PORTION: Duration = Duration::from_millis(100);
/// A bomb's block is a mebibyte, and this many of them are sent.
const BOMB_BLOCKS: usize = 1024;

/// One request.
#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    /// The path as it was sent, without the query.
    pub path: String,
    /// The query of the URL, still encoded.
    pub query: String,
    /// Parameters of the URL and of a form.
    pub parameters: BTreeMap<String, String>,
    /// Headers, with lower-case names.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A connection as the server sees it.
#[derive(Debug)]
pub struct Connection {
    /// How it answers.
    pub odd: Odd,
    stream: TcpStream,
    buffer: Vec<u8>,
}

// === impl Connection ===

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self { odd: Odd::No, stream, buffer: Vec::new() }
    }

    /// The next request; none when the client is gone or sends something else.
    pub async fn request(&mut self) -> Option<Request> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill(MAX_HEAD).await?;
            // A handshake of TLS: Go says so at once, and waits for no end of a head.
            if self.buffer.starts_with(&[0x16, 3]) {
                let text = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request";
                self.stream.write_all(text.as_bytes()).await.ok()?;
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut request = Request::parse(str::from_utf8(&head).ok()?)?;
        let length = request.header("content-length").parse().unwrap_or(0);
        while self.buffer.len() < length {
            self.fill(MAX_BODY).await?;
        }
        request.body = self.buffer.drain(..length).collect();
        if request.header("content-type").starts_with("application/x-www-form-urlencoded") {
            let form = form_urlencoded::parse(&request.body).into_owned();
            request.parameters.extend(form);
        }
        Some(request)
    }

    async fn fill(&mut self, limit: usize) -> Option<()> {
        let read = self.stream.read_buf(&mut self.buffer).await.ok()?;
        (read > 0 && self.buffer.len() <= limit).then_some(())
    }

    /// Sends `reply`; breaks when the connection ends with it.
    pub async fn reply(&mut self, request: &Request, reply: Reply, skew: i64) -> ControlFlow<()> {
        let bytes = reply.encode(request, skew, self.odd);
        let closes = matches!(self.odd, Odd::Http10 | Odd::Closes);
        if self.stream.write_all(&bytes).await.is_err()
            || closes
            || request.header("connection") == "close"
        {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Fails below HTTP after a request; goes on where the fault is only a delay.
    pub async fn fail(&mut self, wire: Wire) -> ControlFlow<()> {
        if let Wire::Slow(delay) = wire {
            sleep(delay).await;
            return ControlFlow::Continue(());
        }
        // Whatever goes wrong here is what was wanted.
        self.misbehave(wire).await.ok();
        ControlFlow::Break(())
    }

    async fn misbehave(&mut self, wire: Wire) -> io::Result<()> {
        const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        let stream = &mut self.stream;
        match wire {
            Wire::EndlessBody(bytes_per_second) => {
                let portion = vec![b' '; bytes_per_second.div_ceil(10) as usize];
                let start =
                    format!("{OK}Connection: close\r\n\r\n{{\"status\":\"success\",\"data\":");
                stream.write_all(start.as_bytes()).await?;
                loop {
                    stream.write_all(&portion).await?;
                    sleep(PORTION).await;
                }
            }
            Wire::HugeHeader => {
                let padding = "x".repeat(10 * 1024 * 1024);
                stream.write_all(format!("{OK}X-Padding: {padding}\r\n\r\n{{}}").as_bytes()).await
            }
            Wire::GzipBomb => {
                let head = format!("{OK}Content-Encoding: gzip\r\nConnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                let (start, block) = bomb();
                stream.write_all(&start).await?;
                for _ in 0..BOMB_BLOCKS {
                    stream.write_all(&block).await?;
                }
                Ok(())
            }
            Wire::Garbage => {
                stream.write_all(b"\x00\xff\x13\x37 this is no HTTP \x80\r\n\r\n").await
            }
            Wire::HalfClosed => {
                stream.shutdown().await?;
                let mut rest = [0; 1024];
                while stream.read(&mut rest).await? > 0 {}
                Ok(())
            }
            Wire::ResetAfterRequest => stream.set_zero_linger(),
            Wire::CutBody => {
                let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"met"#;
                let head = format!("{OK}Content-Length: 1000\r\n\r\n{body}");
                stream.write_all(head.as_bytes()).await
            }
            Wire::PortClosed | Wire::Frozen | Wire::Slow(_) => Ok(()),
        }
    }
}

// === impl Request ===

impl Request {
    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut start = lines.next()?.split(' ');
        let (method, target) = (start.next()?, start.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            parameters: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers,
            body: Vec::new(),
        })
    }

    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The value of a parameter, or nothing.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

// === impl Reply ===

impl Reply {
    /// An answer of that type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// JSON.
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// Plain text.
    pub fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// A web page.
    pub fn html(status: u16, body: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        Self::html(302, &format!("<a href=\"{to}\">Found</a>.\n\n")).with("Location", to)
    }

    /// The same with one header more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The bytes to send; compressed when the client takes that, as Prometheus does.
    fn encode(mut self, request: &Request, skew: i64, odd: Odd) -> Vec<u8> {
        let takes_gzip = request.header("accept-encoding").contains("gzip");
        if takes_gzip && self.status == 200 && odd != Odd::Plain {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing to memory does not fail.
            if encoder.write_all(&self.body).is_ok()
                && let Ok(packed) = encoder.finish()
            {
                self.body = packed;
                self = self.with("Content-Encoding", "gzip");
            }
        }
        let now = clock::now().wall;
        let shift = Duration::from_secs(skew.unsigned_abs());
        let date = httpdate::fmt_http_date(if skew < 0 { now - shift } else { now + shift });
        if odd != Odd::NoDate {
            self = self.with("Date", &date);
        }
        match odd {
            Odd::Http10 => {}
            Odd::Chunked => {
                self = self.with("Transfer-Encoding", "chunked");
                self.body = chunked(&self.body);
            }
            Odd::No | Odd::LowerCase | Odd::Closes | Odd::NoDate | Odd::Interim | Odd::Plain => {
                let length = self.body.len().to_string();
                self = self.with("Content-Length", &length);
            }
        }
        if odd == Odd::Closes {
            self = self.with("Connection", "close");
        }
        let mut head = String::new();
        if odd == Odd::Interim {
            head.push_str("HTTP/1.1 100 Continue\r\n\r\n");
            head.push_str("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
        }
        let version = if odd == Odd::Http10 { "1.0" } else { "1.1" };
        head.push_str(&format!("HTTP/{version} {} {}\r\n", self.status, reason(self.status)));
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            let name = if odd == Odd::LowerCase { &lower } else { name };
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if request.method != "HEAD" {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// A body in chunks of seven bytes, with an extension and a trailer.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(7) {
        bytes.extend_from_slice(format!("{:x};odd=yes\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\nX-Trailer: odd\r\n\r\n");
    bytes
}

/// The reason phrase, as Go has it.
pub fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

/// The start of a gzip stream of blanks, and the block that continues it for ever: with a window
/// full of blanks, a mebibyte of them compresses to the same few bytes each time.
fn bomb() -> (Vec<u8>, Vec<u8>) {
    let blanks = vec![b' '; 1024 * 1024];
    let mut compress = Compress::new(Compression::best(), false);
    let mut block = || {
        let mut out = Vec::with_capacity(64 * 1024);
        compress.compress_vec(&blanks, &mut out, FlushCompress::Sync).map(|_| out)
    };
    let first = block().unwrap_or_default();
    let next = block().unwrap_or_default();
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    ([&header, first.as_slice()].concat(), next)
}

#[cfg(test)]
mod tests;
