use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;
use crate::demo::fault::{self, Wire};
use crate::demo::prometheus::{self, Setup};

const REQUEST: &[u8] = b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n";

async fn start() -> prometheus::Prometheus {
    prometheus::start(ANY_PORT, Setup::default()).await.unwrap()
}

/// What one request brings until the server has said enough or is gone.
async fn exchange(stream: &mut TcpStream) -> io::Result<String> {
    stream.write_all(REQUEST).await?;
    let mut answer = vec![0; 64 * 1024];
    let length = stream.read(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    exchange(&mut TcpStream::connect(address).await?).await
}

#[tokio::test]
async fn a_closed_port_refuses_and_comes_back() {
    let standin = start().await;
    let mut open = TcpStream::connect(standin.address()).await.unwrap();
    assert!(exchange(&mut open).await.unwrap().starts_with("HTTP/1.1 200 OK"));
    for _ in 0..3 {
        standin.set(Wire::PortClosed).await;
        let error = ask(standin.address()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        standin.set(fault::Prometheus::None).await;
        assert!(ask(standin.address()).await.unwrap().contains("Ready"));
    }
    // Connections from before are gone, as after the death of a process.
    assert!(exchange(&mut open).await.map_or(true, |answer| answer.is_empty()));
    assert_eq!(standin.seen().len(), 4);
    standin.forget();
    assert!(standin.seen().is_empty());
}

#[tokio::test]
async fn stopping_closes_the_port() {
    let standin = start().await;
    let address = standin.address();
    standin.stop().await;
    assert_eq!(ask(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_frozen_server_accepts_and_answers_when_it_wakes() {
    let standin = start().await;
    standin.set(Wire::Frozen).await;
    let mut stream = TcpStream::connect(standin.address()).await.unwrap();
    let mut asked = Box::pin(exchange(&mut stream));
    assert!(timeout(Duration::from_millis(50), &mut asked).await.is_err());
    standin.set(fault::Prometheus::None).await;
    assert!(asked.await.unwrap().contains("Ready"));
}

#[tokio::test]
async fn faults_of_the_wire_are_what_they_say() {
    let standin = start().await;
    for (fault, wanted) in [
        (Wire::Garbage, "\0"),
        (
            Wire::CutBody,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000",
        ),
        (Wire::HugeHeader, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Padding: xxx"),
        (Wire::EndlessBody(1000), "HTTP/1.1 200 OK"),
        (
            Wire::GzipBomb,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip",
        ),
        (Wire::Slow(Duration::from_millis(20)), "HTTP/1.1 200 OK"),
        (Wire::HalfClosed, ""),
    ] {
        standin.set(fault).await;
        let answer = ask(standin.address()).await.unwrap();
        assert!(answer.starts_with(wanted), "{fault:?} {answer}");
        assert_eq!(answer.is_empty(), wanted.is_empty(), "{fault:?}");
    }
    standin.set(Wire::ResetAfterRequest).await;
    assert_eq!(ask(standin.address()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
