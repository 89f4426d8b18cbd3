//! Grafana's way to its data source: a client that fails in the words of Go's `net/http`.
//!
//! It resolves by its own view of DNS, so a broken name or server shows through Grafana as it would
//! in a cluster.

mod proxy;
mod tls;

use std::io;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use futures_util::FutureExt;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use url::form_urlencoded;

use crate::demo::http::reason;
pub use tls::Tls;

/// Redirects that Go follows.
const MAX_REDIRECTS: usize = 10;
/// The most of an answer that is read.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The largest head that Go reads.
const MAX_HEAD: usize = 10 * 1024 * 1024;

/// What Grafana knows of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its DNS server; without one, only addresses and `localhost` work.
    pub dns: Option<SocketAddr>,
    /// Its search list.
    pub search: Vec<String>,
    /// The proxy that all its requests go through, if any.
    pub proxy: Option<SocketAddr>,
    /// How long it waits for DNS.
    pub dns_timeout: Duration,
    /// How long it waits for a connection; really 10 s.
    pub dial_timeout: Duration,
    /// How long it waits for an answer; really 30 s.
    pub timeout: Duration,
}

/// What upstream answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    /// What the plugin says of it.
    pub text: String,
    pub is_timeout: bool,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// Parameters in the query string, encoded.
    Get(&'a str),
    /// Parameters as a form, encoded.
    Post(&'a str),
}

impl Default for Network {
    fn default() -> Self {
        Self {
            dns: None,
            search: Vec::new(),
            proxy: None,
            dns_timeout: Duration::from_secs(5),
            dial_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Parameters, encoded for a form or a query string.
pub fn encode<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

impl Network {
    /// Asks `path` below `base`, and follows redirects as the plugin does.
    pub async fn ask(
        &self,
        tls: &Tls,
        base: &str,
        path: &str,
        ask: Ask<'_>,
    ) -> Result<Answer, Failure> {
        let mut url = format!("{}{path}", check(base)?.trim_end_matches('/'));
        let mut ask = ask;
        let mut hops = 0;
        loop {
            let answer = self.once(tls, &url, ask).await?;
            let (Some(location), 301..=308) = (answer.header("location"), answer.status) else {
                return Ok(answer);
            };
            hops += 1;
            if hops > MAX_REDIRECTS {
                let text = format!("{} \"{path}\": stopped after 10 redirects", ask.verb());
                return Err(Failure { text, is_timeout: false });
            }
            url = absolute(&url, location);
            // 307 and 308 keep the form; the others lose it.
            if matches!(answer.status, 301..=303) {
                ask = Ask::Get("");
            }
        }
    }

    /// Asks once; the data proxy hands redirects on.
    pub async fn once(&self, tls: &Tls, url: &str, ask: Ask<'_>) -> Result<Answer, Failure> {
        let failed = |error: Problem| Failure {
            text: format!("{} \"{url}\": {}", ask.verb(), error.text),
            is_timeout: error.is_timeout,
        };
        match timeout(self.timeout, self.exchange(tls, url, ask)).await {
            Ok(result) => result.map_err(failed),
            Err(_) => Err(failed(Problem::timeout(
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            ))),
        }
    }

    async fn exchange(&self, tls: &Tls, url: &str, ask: Ask<'_>) -> Result<Answer, Problem> {
        let parsed = url::Url::parse(url).map_err(|_| Problem::new("invalid URI for request"))?;
        let host = parsed.host_str().unwrap_or_default();
        let port = parsed.port_or_known_default().unwrap_or(80);
        let is_secure = parsed.scheme() == "https";
        let mut stream = if let Some(proxy) = self.proxy {
            let problem = |problem: Problem| Problem {
                text: format!("proxyconnect tcp: {}", problem.text),
                ..problem
            };
            self.dial(proxy).await.map_err(problem)?
        } else {
            let ip = self.resolve(host.trim_matches(['[', ']'])).await?;
            self.dial(SocketAddr::new(ip, port)).await?
        };
        let ends = (stream.local_addr().ok(), stream.peer_addr().ok());
        if is_secure && self.proxy.is_some() {
            let dug = proxy::tunnel(&mut stream, &format!("{host}:{port}")).await;
            let dug = dug.map_err(|_| Problem::new("EOF"))?;
            dug.map_err(|reason| Problem::new(&reason))?;
        }
        let is_absolute = self.proxy.is_some() && !is_secure;
        let sent = if is_secure {
            let secured = tls.secure(stream, host).await;
            let failed = |error| of_io(&error, host, ends).unwrap_or_else(|| Problem::new("EOF"));
            send(secured.map_err(failed)?, &parsed, ask, false).await
        } else {
            send(stream, &parsed, ask, is_absolute).await
        };
        sent.map_err(|error| of_hyper(&error, host, ends))
    }

    async fn dial(&self, address: SocketAddr) -> Result<TcpStream, Problem> {
        let dialled = timeout(self.dial_timeout, TcpStream::connect(address)).await;
        let Ok(connected) = dialled else {
            return Err(Problem::timeout(&format!("dial tcp {address}: i/o timeout")));
        };
        connected.map_err(|error| {
            Problem::new(&format!("dial tcp {address}: connect: {}", errno(&error)))
        })
    }

    async fn resolve(&self, host: &str) -> Result<IpAddr, Problem> {
        if let Ok(ip) = host.parse() {
            return Ok(ip);
        }
        if host == "localhost" {
            return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let Some(server) = self.dns else {
            return Err(Problem::new(&format!("dial tcp: lookup {host}: no such host")));
        };
        let names = self.search.iter().map(|suffix| format!("{host}.{suffix}."));
        let mut problem = "no such host".to_owned();
        for name in names.chain([format!("{host}.")]) {
            match timeout(self.dns_timeout, lookup(server, &name)).await {
                Ok(Ok(Some(ip))) => return Ok(IpAddr::V4(ip)),
                Ok(Ok(None)) => {}
                Ok(Err(text)) => {
                    problem = text;
                    break;
                }
                Err(_) => {
                    let text =
                        format!("dial tcp: lookup {host} on {server}: read udp: i/o timeout");
                    return Err(Problem::timeout(&text));
                }
            }
        }
        Err(Problem::new(&format!("dial tcp: lookup {host} on {server}: {problem}")))
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl Ask<'_> {
    fn verb(self) -> &'static str {
        match self {
            Self::Get(_) => "Get",
            Self::Post(_) => "Post",
        }
    }
}

/// The system's words for an error, in which Go has it too.
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum")]
fn errno(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        io::ErrorKind::PermissionDenied => "permission denied",
        _ => "input/output error",
    }
}

/// What went wrong, without the URL.
struct Problem {
    text: String,
    is_timeout: bool,
}

impl Problem {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), is_timeout: false }
    }

    fn timeout(text: &str) -> Self {
        Self { text: text.to_owned(), is_timeout: true }
    }
}

/// What Go makes of a data source's URL before it asks.
fn check(url: &str) -> Result<&str, Failure> {
    let failed = |text: String| Err(Failure { text, is_timeout: false });
    if url.is_empty() {
        return failed("parse \"\": empty url".to_owned());
    }
    match url.split_once(':') {
        Some(("http" | "https", rest)) if rest.starts_with("//") => Ok(url),
        Some((scheme, _)) if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            failed(format!("Post \"{url}\": unsupported protocol scheme \"{scheme}\""))
        }
        _ => failed(format!("parse \"{url}\": invalid URI for request")),
    }
}

fn absolute(url: &str, location: &str) -> String {
    url::Url::parse(url)
        .and_then(|base| base.join(location))
        .map_or_else(|_| location.to_owned(), String::from)
}

/// One address of a name; none when there is no such name or address, else what Go says.
async fn lookup(server: SocketAddr, name: &str) -> Result<Option<Ipv4Addr>, String> {
    let name = Name::from_str(name).map_err(|_| "no such host".to_owned())?;
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name, RecordType::A));
    let question = message.to_vec().map_err(|_| "no such host".to_owned())?;
    let failed = |error: io::Error| format!("read udp: read: {}", errno(&error));
    let read = |bytes: Vec<u8>| {
        Message::from_vec(&bytes).map_err(|_| "cannot unmarshal DNS message".to_owned())
    };
    let mut answer = read(over_udp(server, &question).await.map_err(failed)?)?;
    if answer.metadata.truncation {
        answer = read(over_tcp(server, &question).await.map_err(failed)?)?;
    }
    let code = answer.metadata.response_code;
    if code != ResponseCode::NoError && code != ResponseCode::NXDomain {
        return Err("server misbehaving".to_owned());
    }
    Ok(answer
        .answers
        .iter()
        .find_map(|record| if let RData::A(ip) = &record.data { Some(ip.0) } else { None }))
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut buffer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut buffer).await?;
    Ok(buffer)
}

async fn over_udp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await?;
    buffer.truncate(length);
    Ok(buffer)
}

/// A proxy is told the whole URL.
async fn send<S>(
    stream: S,
    url: &url::Url,
    ask: Ask<'_>,
    is_absolute: bool,
) -> Result<Answer, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    let own_query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let (method, target, form) = match ask {
        Ask::Get("") => ("GET", format!("{}{own_query}", url.path()), ""),
        Ask::Get(query) => ("GET", format!("{}?{query}", url.path()), ""),
        Ask::Post(form) => ("POST", format!("{}{own_query}", url.path()), form),
    };
    let origin = url.origin().ascii_serialization();
    let target = if is_absolute { origin + &target } else { target };
    let mut request = hyper::Request::new(Full::new(Bytes::from(form.to_owned())));
    *request.method_mut() = method.parse().unwrap_or_default();
    *request.uri_mut() = target.parse().unwrap_or_default();
    let headers = request.headers_mut();
    let authority = url.authority().parse();
    headers.extend(authority.map(|value| (hyper::header::HOST, value)));
    if method == "POST" {
        let form = hyper::header::HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(hyper::header::CONTENT_TYPE, form);
    }
    let exchange = async {
        let mut response = sender.send_request(request).await?;
        let headers = response.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let headers = headers.collect();
        let mut body = Vec::new();
        while let Some(frame) = response.body_mut().frame().await {
            body.extend(frame?.into_data().unwrap_or_default());
            if body.len() > MAX_BODY {
                break;
            }
        }
        Ok(Answer { status: response.status().as_u16(), headers, body })
    };
    // The connection ends after the exchange, or with what breaks it; one of both says what.
    tokio::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    let (result, ended) = tokio::select! {
        result = &mut exchange => (result, connection.now_or_never().and_then(Result::err)),
        ended = &mut connection => (exchange.await, ended.err()),
    };
    result.map_err(|error| {
        let is_told = system(&error).is_some();
        ended.filter(|_| !is_told).unwrap_or(error)
    })
}

/// Both ends of a connection.
type Ends = (Option<SocketAddr>, Option<SocketAddr>);

/// What Go says of what hyper met.
fn of_hyper(error: &hyper::Error, host: &str, ends: Ends) -> Problem {
    if let Some(problem) = system(error).and_then(|error| of_io(error, host, ends)) {
        problem
    } else if error.is_parse() {
        let text = "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"?\"";
        Problem::new(text)
    } else if error.is_body_write_aborted() || error.is_incomplete_message() || error.is_closed() {
        Problem::new("EOF")
    } else {
        Problem::new("unexpected EOF")
    }
}

/// What the system said, however deep it lies.
fn system(error: &hyper::Error) -> Option<&io::Error> {
    let first = std::error::Error::source(error);
    iter::successors(first, |error| error.source()).find_map(|error| error.downcast_ref())
}

/// What Go says of a connection that broke, if it was not merely closed.
fn of_io(error: &io::Error, host: &str, ends: Ends) -> Option<Problem> {
    let end = |address: Option<SocketAddr>| address.map(|a| a.to_string()).unwrap_or_default();
    let (from, to) = (end(ends.0), end(ends.1));
    let text = if let Some(text) = tls::in_words_of_go(error, host) {
        text
    } else if error.kind() == io::ErrorKind::ConnectionReset {
        format!("read tcp {from}->{to}: read: connection reset by peer")
    } else if error.kind() == io::ErrorKind::BrokenPipe {
        format!("write tcp {from}->{to}: write: broken pipe")
    } else {
        return None;
    };
    Some(Problem::new(&text))
}

/// `404 Not Found`.
pub fn status_text(status: u16) -> String {
    format!("{status} {}", reason(status))
}
