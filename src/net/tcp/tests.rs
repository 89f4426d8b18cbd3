use tokio::net::{TcpListener, TcpSocket};

use std::time::Duration;

use super::*;
use crate::clock::Stopwatch;

fn soon() -> Instant {
    clock::deadline(Duration::from_secs(5))
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port that is held and not listened on.
fn dead_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A listener whose queue is full: the kernel drops further attempts in silence.
async fn full() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(stream) = timeout(patience, TcpStream::connect(address)).await {
        held.push(stream.unwrap());
    }
    (listener, held, address)
}

#[tokio::test]
async fn the_first_that_answers_is_taken() {
    let (_dead, dead) = dead_port();
    let (_listener, good) = listener().await;
    let (_other, unused) = listener().await;
    let connected = connect(&[dead, good, unused], soon()).await.unwrap();
    assert_eq!(connected.address, good);
    assert_eq!(connected.tried, [(dead, ConnectFailure::Refused)]);
    assert!(connected.stream.nodelay().unwrap());
    assert_eq!(connected.stream.peer_addr().unwrap(), good);
}

#[tokio::test]
async fn a_dead_port_refuses_at_once() {
    let (_dead, dead) = dead_port();
    let watch = Stopwatch::start();
    let error = connect(&[dead], soon()).await.unwrap_err();
    assert_eq!((error.failure, error.address), (ConnectFailure::Refused, Some(dead)));
    assert!(watch.read() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_full_listener_is_silent_and_the_next_one_has_its_share() {
    let (_listener, _held, silent) = full().await;
    let (_dead, dead) = dead_port();
    let deadline = clock::deadline(Duration::from_millis(400));
    let watch = Stopwatch::start();
    let error = connect(&[silent, dead], deadline).await.unwrap_err();
    assert_eq!((error.failure, error.address), (ConnectFailure::Timeout, Some(silent)));
    assert_eq!(error.tried[1], (dead, ConnectFailure::Refused));
    let took = watch.read();
    assert!(took >= Duration::from_millis(150) && took < Duration::from_secs(2));

    let (_listener, good) = listener().await;
    let deadline = clock::deadline(Duration::from_millis(400));
    let connected = connect(&[silent, good], deadline).await.unwrap();
    assert_eq!(connected.tried, [(silent, ConnectFailure::Timeout)]);
}

#[test]
fn an_address_without_a_route_speaks_last() {
    let four: SocketAddr = "10.0.0.7:9090".parse().unwrap();
    let six: SocketAddr = "[fd00::7]:9090".parse().unwrap();
    let unreachable = (six, ConnectFailure::NetworkUnreachable);
    let refused = (four, ConnectFailure::Refused);
    assert_eq!(telling(&[unreachable.clone(), refused.clone()]), Some(&refused));
    assert_eq!(telling(&[unreachable.clone(), unreachable.clone()]), Some(&unreachable));
}

#[tokio::test]
async fn no_addresses_and_no_time_are_failures() {
    let error = connect(&[], soon()).await.unwrap_err();
    assert_eq!((error.failure, error.address), (ConnectFailure::Timeout, None));
    let (_listener, _held, silent) = full().await;
    let error = connect(&[silent], clock::deadline(Duration::ZERO)).await.unwrap_err();
    assert_eq!(error.failure, ConnectFailure::Timeout);
}

#[test]
fn each_word_of_the_system_has_its_place() {
    // Linux's own numbers: what a kernel, a router or a policy says.
    for (errno, failure) in [
        (111, ConnectFailure::Refused),
        (110, ConnectFailure::Timeout),
        (113, ConnectFailure::HostUnreachable),
        (101, ConnectFailure::NetworkUnreachable),
        (1, ConnectFailure::Denied),
        (13, ConnectFailure::Denied),
        (104, ConnectFailure::Reset),
        // A black hole among the routes, no IPv6 at all, "protocol unreachable".
        (22, ConnectFailure::NetworkUnreachable),
        (97, ConnectFailure::NetworkUnreachable),
        (92, ConnectFailure::HostUnreachable),
    ] {
        assert_eq!(said(errno, "192.0.2.1:9"), failure);
    }
    let no_descriptors = said(24, "192.0.2.1:9");
    assert!(matches!(no_descriptors, ConnectFailure::Local(_)), "{no_descriptors:?}");
    // No address to come from: no port is left, or no IPv6.
    let no_ports = said(99, "192.0.2.1:9");
    assert!(matches!(no_ports, ConnectFailure::Local(_)), "{no_ports:?}");
    assert_eq!(said(99, "[2001:db8::1]:9"), ConnectFailure::NetworkUnreachable);
}

fn said(errno: i32, to: &str) -> ConnectFailure {
    ConnectFailure::of(&io::Error::from_raw_os_error(errno), to.parse().unwrap())
}
