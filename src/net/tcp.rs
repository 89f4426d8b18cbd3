//! The TCP hop.
//!
//! Addresses are tried one after the other, not in a race: a race would hide that the first one is
//! dead, and which of several replicas answered would be chance.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::clock;

/// A connection that was made.
#[derive(Debug)]
pub struct Connected {
    /// The connection, without Nagle's delay.
    pub stream: TcpStream,
    /// The address that answered.
    pub address: SocketAddr,
    /// The addresses that failed before it.
    pub tried: Vec<(SocketAddr, ConnectFailure)>,
}

/// No address could be connected to.
#[derive(Debug)]
pub struct ConnectError {
    /// The first address's failure; that of the first one with a route, if there is such a one.
    pub failure: ConnectFailure,
    /// The address that `failure` belongs to.
    pub address: Option<SocketAddr>,
    /// Every address that was tried.
    pub tried: Vec<(SocketAddr, ConnectFailure)>,
}

/// How a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Nothing listens there, or something rejects on its behalf.
    Refused,
    /// No answer: dropped on the way, or a listener that accepts no more.
    Timeout,
    /// A router says that the host is not there.
    HostUnreachable,
    /// No route leads to that network.
    NetworkUnreachable,
    /// This machine's own rules forbid it.
    Denied,
    /// Answered and torn down at once.
    Reset,
    /// Something of this machine, such as no free descriptor or port, in the words of the system.
    Local(String),
}

/// Connects to the first of `addresses` that answers, in the order given; what is left until
/// `deadline` is shared out evenly among those not yet tried.
///
/// # Errors
/// None answered.
pub async fn connect(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<Connected, ConnectError> {
    let mut tried = Vec::new();
    let mut rest = addresses.len();
    for &address in addresses {
        let share = clock::left(deadline) / u32::try_from(rest).unwrap_or(u32::MAX);
        rest -= 1;
        let failure = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A socket that refuses this option still carries bytes.
                stream.set_nodelay(true).ok();
                return Ok(Connected { stream, address, tried });
            }
            Ok(Err(error)) => ConnectFailure::of(&error, address),
            Err(_) => ConnectFailure::Timeout,
        };
        tried.push((address, failure));
    }
    let (address, failure) = match telling(&tried) {
        Some((address, failure)) => (Some(*address), failure.clone()),
        None => (None, ConnectFailure::Timeout),
    };
    Err(ConnectError { failure, address, tried })
}

/// The first failure; but an address of a family that this machine does not speak says nothing
/// about the server as long as there is another one.
fn telling(tried: &[(SocketAddr, ConnectFailure)]) -> Option<&(SocketAddr, ConnectFailure)> {
    let routed = tried.iter().find(|(_, failure)| *failure != ConnectFailure::NetworkUnreachable);
    routed.or(tried.first())
}

// === impl ConnectFailure ===

impl ConnectFailure {
    /// What the system's error means, measured on Linux for each kind of route and rejection.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system may say anything")]
    fn of(error: &io::Error, to: SocketAddr) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::HostUnreachable => Self::HostUnreachable,
            // A `blackhole` route is told as an invalid argument.
            ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown | ErrorKind::InvalidInput => {
                Self::NetworkUnreachable
            }
            // A machine without IPv6 has no address to come from; for IPv4 the ports are used up.
            ErrorKind::AddrNotAvailable if to.is_ipv6() => Self::NetworkUnreachable,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Self::Reset,
            _ => match error.raw_os_error() {
                Some(NO_SUCH_FAMILY) => Self::NetworkUnreachable,
                Some(PROTOCOL_UNREACHABLE) => Self::HostUnreachable,
                Some(_) | None => Self::Local(error.to_string()),
            },
        }
    }
}

/// `EAFNOSUPPORT`: the kernel speaks no IPv6.
const NO_SUCH_FAMILY: i32 = 97;
/// `ENOPROTOOPT`: a firewall rejects with the ICMP message "protocol unreachable".
const PROTOCOL_UNREACHABLE: i32 = 92;

#[cfg(test)]
mod tests;
