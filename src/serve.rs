//! What we serve: listener, limits, and the accept loop below the routes.
//!
//! A scraper that hangs, sends byte by byte or opens a thousand connections must cost us nothing:
//! heads have a time-out and a size, connections a number, and nobody here waits for a probe but
//! `/probe`.

mod body;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use routes::Front;

/// Connections at a time: some Prometheis, a kubelet and people, and far below a pod's descriptors.
const CONNECTIONS: usize = 256;
/// From the first byte of a request to the end of its head.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// The largest head of a request.
const HEAD_BYTES: usize = 16 << 10;
/// The whole life of a connection: the largest scrape over a slow line takes some seconds. Readers
/// that never read would hold all connections otherwise, and the kubelet's with them.
const LIFE: Duration = Duration::from_secs(30);
/// What is under way at the end may take this long.
const DRAIN: Duration = Duration::from_secs(2);
/// After an accept that failed for want of descriptors, others may close meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until stopped, and then what is under way.
pub async fn run(listener: TcpListener, front: Arc<Front>, stop: CancellationToken) {
    let routes = routes::router(front);
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = open.join_next() => {}
            accepted = accept(&listener, &permits) => {
                let Some((stream, permit)) = accepted else { continue };
                let service = TowerToHyperService::new(routes.clone());
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_WITHIN)
                    .max_buf_size(HEAD_BYTES)
                    .serve_connection(TokioIo::new(stream), service);
                let connection = graceful.watch(connection);
                open.spawn(async move {
                    // A peer that went, or never reads, is no news.
                    drop(timeout(LIFE, connection).await);
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    drop(timeout(DRAIN, graceful.shutdown()).await);
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(_) => {
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
