//! A forward proxy in between: who goes around it, and the tunnel through it.
//!
//! CONNECT is written by hand: a client library hides the status of a refusal, and the status is
//! what tells a proxy's rule from a dead end behind it.

use std::io::{self, ErrorKind};
use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::net::limits::PROXY_HEAD_BYTES;

/// How a proxy would not let us through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyFailure {
    /// It answered and refused.
    Refused {
        /// Its status.
        status: u16,
        /// Its status in words.
        says: String,
    },
    /// It closed the connection.
    Closed,
    /// It reset the connection.
    Reset,
    /// No answer in time.
    Timeout,
    /// Its answer is no HTTP, or too large a head, or has something behind the head.
    Malformed,
}

/// Whether `host:port` is reached without the proxy, by the rules of Go's `httpproxy`, which are
/// Prometheus': `*`, an address, a CIDR block, a name with all below it, or `.name` for only those
/// below; address and name with or without `:port`. As there, a list that is not empty also excepts
/// `localhost` and loopback addresses.
#[must_use]
pub fn bypass(no_proxy: &[String], host: &str, port: u16) -> bool {
    if no_proxy.is_empty() {
        return false;
    }
    let host = host.to_ascii_lowercase();
    let ip: Option<IpAddr> = host.parse().ok();
    let local = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
    local
        || no_proxy.iter().any(|entry| excepts(&entry.trim().to_ascii_lowercase(), &host, ip, port))
}

/// Whether one entry of the list excepts this host.
fn excepts(entry: &str, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some(block) = block(entry) {
        return ip.is_some_and(|ip| contains(block, ip));
    }
    let (name, only_port) = split_port(entry);
    if only_port.is_some_and(|only| only != port.to_string()) || name.is_empty() {
        return false;
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return ip == Some(address);
    }
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    let below = host.strip_suffix(name.strip_prefix('.').unwrap_or(name));
    ip.is_none()
        && below.is_some_and(|below| {
            below.ends_with('.') || (below.is_empty() && !name.starts_with('.'))
        })
}

/// A CIDR block: its address and the length of its prefix.
fn block(entry: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = entry.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length = length.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    (length <= bits).then_some((address, length))
}

fn contains((address, length): (IpAddr, u32), ip: IpAddr) -> bool {
    // A prefix of nothing shifts everything out.
    match (address, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(32 - length).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(128 - length).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// `name:port`, `[address]:port`, or either without a port.
fn split_port(entry: &str) -> (&str, Option<&str>) {
    if let Some((address, port)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, port.strip_prefix(':'));
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => (name, Some(port)),
        Some(_) | None => (entry, None),
    }
}

/// Asks the proxy at the other end of `stream` for a tunnel to `authority` (`host:port`).
/// `authorization` is the value of `Proxy-Authorization`.
///
/// # Errors
/// The proxy would not.
pub async fn tunnel(
    mut stream: TcpStream,
    authority: &str,
    authorization: Option<&str>,
    deadline: Instant,
) -> Result<TcpStream, ProxyFailure> {
    let head = timeout_at(deadline, ask(&mut stream, authority, authorization)).await;
    let head = head.map_err(|_| ProxyFailure::Timeout)??;
    let (status, says) = status(&head).ok_or(ProxyFailure::Malformed)?;
    if (200..300).contains(&status) {
        // Nobody speaks before us in a tunnel to a TLS server.
        return if head.ends_with(END) { Ok(stream) } else { Err(ProxyFailure::Malformed) };
    }
    Err(ProxyFailure::Refused { status, says })
}

const END: &[u8] = b"\r\n\r\n";

/// Sends the request and reads on until the answer's head is there.
async fn ask(
    stream: &mut TcpStream,
    authority: &str,
    authorization: Option<&str>,
) -> Result<Vec<u8>, ProxyFailure> {
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(value) = authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(value);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failure)?;
    let mut head = Vec::with_capacity(1024);
    while !head.windows(END.len()).any(|window| window == END) {
        if head.len() >= PROXY_HEAD_BYTES {
            return Err(ProxyFailure::Malformed);
        }
        if stream.read_buf(&mut head).await.map_err(failure)? == 0 {
            return Err(ProxyFailure::Closed);
        }
    }
    Ok(head)
}

/// The status of an answer, in figures and in words.
fn status(head: &[u8]) -> Option<(u16, String)> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let line = String::from_utf8_lossy(line);
    let (version, rest) = line.split_once(' ')?;
    let (status, says) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = status.parse().ok().filter(|status| (100..1000).contains(status))?;
    version.starts_with("HTTP/1.").then(|| (status, says.to_owned()))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system may say anything")]
fn failure(error: io::Error) -> ProxyFailure {
    match error.kind() {
        ErrorKind::UnexpectedEof => ProxyFailure::Closed,
        ErrorKind::TimedOut => ProxyFailure::Timeout,
        _ => ProxyFailure::Reset,
    }
}

#[cfg(test)]
mod tests;
