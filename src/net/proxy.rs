//! A forward proxy in between: who goes around it, and the tunnel through it.
//!
//! CONNECT is written by hand: a client library hides the status of a refusal, and the status is what
//! tells a proxy's rule from a dead end behind it.

use tokio::net::TcpStream;
use tokio::time::Instant;

/// How a proxy would not let us through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyFailure {
    /// It answered and refused.
    Refused {
        /// Its status.
        status: u16,
        /// The beginning of what it says.
        says: String,
    },
    /// It closed the connection.
    Closed,
    /// It reset the connection.
    Reset,
    /// No answer in time.
    Timeout,
    /// Its answer is no HTTP, or too large a head.
    Malformed,
}

/// Whether `host:port` is reached without the proxy, by the rules of Go's `httpproxy`, which are
/// Prometheus': `*`, an address, a CIDR block, a name with all below it, or `.name` for only those
/// below; address and name with or without `:port`. As there, a list that is not empty also excepts
/// `localhost` and loopback addresses.
#[must_use]
pub fn bypass(no_proxy: &[String], host: &str, port: u16) -> bool {
    todo!()
}

/// Asks the proxy at the other end of `stream` for a tunnel to `authority` (`host:port`).
/// `authorization` is the value of `Proxy-Authorization`.
///
/// # Errors
/// The proxy would not.
pub async fn tunnel(
    stream: TcpStream,
    authority: &str,
    authorization: Option<&str>,
    deadline: Instant,
) -> Result<TcpStream, ProxyFailure> {
    todo!()
}
