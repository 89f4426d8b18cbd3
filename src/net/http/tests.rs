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
        method: Verb::Get,
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

/// Fuzz target: whatever a server says, what comes of it has its bounds.
#[test]
fn fuzz_answers() {
    use crate::net::limits::{HEADER_VALUE_BYTES, HEADERS};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let mut seeds = crate::fuzz::recordings("prometheus-2");
    seeds.push(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec(),
    );
    seeds.push(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request".to_vec());
    seeds.push(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08".to_vec());
    const SMALL: usize = 100;
    crate::fuzz::run(seeds, |bytes| {
        let answered = runtime.block_on(async {
            let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (near, (mut far, _)) = (near.unwrap(), far.unwrap());
            let mut connection = Connection::open(near.into()).await.unwrap();
            let request = Request { cap: SMALL, ..get("/") };
            let serve = async {
                drop(crate::net::testing::request(&mut far).await);
                far.write_all(bytes).await.ok();
                far.shutdown().await.ok();
            };
            tokio::join!(connection.send(&request, soon()), serve).0
        });
        if let Ok(response) = answered {
            assert!((100..1000).contains(&response.status));
            assert!(response.body.len() <= SMALL);
            assert!(response.headers.len() <= HEADERS);
            for (name, value) in &response.headers {
                assert!(value.len() <= HEADER_VALUE_BYTES);
                assert_eq!(*name, name.to_ascii_lowercase());
            }
        }
    });
}
