//! A DNS server for one small cluster, which denies as CoreDNS' kubernetes plugin does.
//!
//! What it says was recorded from CoreDNS 1.15 with a real API server behind it: a Service that is
//! missing and a namespace that is missing are the same NXDOMAIN, a namespace that exists is an
//! empty answer, and SRV of the plain name lists every port.

mod zone;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::demo::fault::Dns as Fault;
use crate::demo::standin::{Stage, Standin, Switch, rebind};
pub use zone::{Service, Zone};

/// A running stand-in for a DNS server.
pub type Dns = Standin<Zone, Fault>;

/// The longest message that is read.
const MAX_MESSAGE: usize = 4096;
/// A port that is free for TCP may be taken for UDP; another one is tried.
const BIND_ATTEMPTS: usize = 20;

/// Starts one at `listen`, UDP and TCP.
///
/// # Errors
/// The port cannot be bound.
pub async fn start(listen: SocketAddr, zone: Zone) -> io::Result<Dns> {
    let mut attempts = 0;
    let sockets = loop {
        attempts += 1;
        match bind(listen).await {
            Err(_) if listen.port() == 0 && attempts < BIND_ATTEMPTS => {}
            bound => break bound?,
        }
    };
    let address = sockets.1.local_addr()?;
    Ok(Standin::spawn(address, zone, Fault::None, move |stage, switch| run(sockets, stage, switch)))
}

async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let tcp = TcpListener::bind(address).await?;
    Ok((UdpSocket::bind(tcp.local_addr()?).await?, tcp))
}

async fn run(
    (mut udp, mut tcp): (UdpSocket, TcpListener),
    stage: Stage<Zone, Fault>,
    mut switch: Switch<Fault>,
) {
    let Ok(address) = tcp.local_addr() else { return };
    let mut connections = JoinSet::new();
    let mut lost = BTreeSet::new();
    loop {
        // Answers that wait end with the sockets, so each round of a port has its own.
        let mut late = JoinSet::new();
        let mut buffer = [0; MAX_MESSAGE];
        let mut is_closed = false;
        while !is_closed {
            tokio::select! {
                fault = switch.next() => is_closed = fault == Fault::PortClosed,
                received = udp.recv_from(&mut buffer) => {
                    let Ok((length, from)) = received else { continue };
                    let question = buffer.get(..length).unwrap_or_default().to_vec();
                    if stage.fault() == Fault::LosesFirst && lost.insert(question.clone()) {
                        continue;
                    }
                    if let Fault::Slow(delay) = stage.fault() {
                        let stage = stage.clone();
                        late.spawn(async move {
                            sleep(delay).await;
                            (answer(&question, &stage, Transport::Udp), from)
                        });
                    } else if let Some(answer) = answer(&question, &stage, Transport::Udp) {
                        udp.send_to(&answer, from).await.ok();
                    }
                }
                Some(Ok((Some(answer), from))) = late.join_next() => {
                    udp.send_to(&answer, from).await.ok();
                }
                accepted = tcp.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(serve(stream, stage.clone()));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop((udp, tcp));
        connections.shutdown().await;
        while switch.next().await == Fault::PortClosed {}
        (udp, tcp) = rebind(|| bind(address)).await;
    }
}

async fn serve(mut stream: TcpStream, stage: Stage<Zone, Fault>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; usize::from(length)];
        if stream.read_exact(&mut question).await.is_err() {
            return;
        }
        let delay = if let Fault::Slow(delay) = stage.fault() { delay } else { Duration::ZERO };
        sleep(delay).await;
        let Some(answer) = answer(&question, &stage, Transport::Tcp) else { continue };
        let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
        let framed = [&length.to_be_bytes(), answer.as_slice()].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

/// The answer to one question; none where the server keeps silent.
fn answer(question: &[u8], stage: &Stage<Zone, Fault>, transport: Transport) -> Option<Vec<u8>> {
    let (described, mut message, fault) = zone::answer(question, &stage.state(), stage.fault())?;
    let by = if transport == Transport::Udp { "udp" } else { "tcp" };
    stage.saw(format!("{described} {by}"));
    match fault {
        Fault::Silent | Fault::PortClosed => return None,
        Fault::TcpOnly if transport == Transport::Udp => return None,
        Fault::GarbageBytes => return Some(b"\x00\x01this is no DNS".to_vec()),
        Fault::Truncate if transport == Transport::Udp => message = message.truncate(),
        Fault::None
        | Fault::Truncate
        | Fault::TcpOnly
        | Fault::LosesFirst
        | Fault::ServFail
        | Fault::Refused
        | Fault::Unsynchronised
        | Fault::NxDomainAll
        | Fault::Lame
        | Fault::BareAlias
        | Fault::Six(_)
        | Fault::Outside(_)
        | Fault::Slow(_) => {}
    }
    message.to_vec().ok()
}

#[cfg(test)]
mod tests;
