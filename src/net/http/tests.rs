//! Servers that answer well, badly, or not at all, byte by byte.

mod answers;
mod failures;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::clock;
use crate::net::testing::{RawServer, hold, request, reset, soon};

const CAP: usize = 1 << 20;

fn get(target: &str) -> Request {
    Request {
        method: Method::Get,
        target: target.to_owned(),
        host: "prometheus.example:9090".to_owned(),
        headers: Vec::new(),
        body: None,
        cap: CAP,
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn open(server: &RawServer) -> Connection {
    Connection::open(server.connect().await.into()).await.unwrap()
}

/// A server that answers every request of a connection with the same bytes, and then waits.
async fn answering(bytes: impl Into<Vec<u8>>) -> RawServer {
    let bytes = bytes.into();
    RawServer::start(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            while !request(&mut stream).await.is_empty() {
                stream.write_all(&bytes).await.ok();
            }
        }
    })
    .await
}

/// A server that answers one request with these bytes and closes in good order.
async fn closing_after(bytes: impl Into<Vec<u8>>) -> RawServer {
    let bytes = bytes.into();
    RawServer::start(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            request(&mut stream).await;
            stream.write_all(&bytes).await.ok();
            close(stream).await;
        }
    })
    .await
}

/// Closes without a reset: everything that was sent is read.
async fn close(mut stream: TcpStream) {
    stream.shutdown().await.ok();
    stream.read_to_end(&mut Vec::new()).await.ok();
}

async fn sent(server: &RawServer) -> Result<Response, HttpFailure> {
    open(server).await.send(&get("/"), soon()).await
}
