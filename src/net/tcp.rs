//! The TCP hop.
//!
//! Addresses are tried one after the other, not in a race: a race would hide that the first one is
//! dead, and which of several replicas answered would be chance.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

/// A connection that was made.
#[derive(Debug)]
pub struct Connected {
    /// The connection, without Nagle's delay.
    pub stream: TcpStream,
    /// The address that answered.
    pub address: SocketAddr,
    /// The addresses that failed before it.
    pub tried: Vec<(SocketAddr, ConnectFailure)>,
    /// All tries together.
    pub took: Duration,
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
    /// All tries together.
    pub took: Duration,
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
    todo!()
}
