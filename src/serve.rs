//! What we serve: listener, limits, and the accept loop below the routes.
//!
//! A scraper that hangs, sends byte by byte or opens a thousand connections must cost us nothing:
//! heads have a time-out and a size, connections a number, and nobody here waits for a probe but
//! `/probe`.

mod body;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::JoinMap;

pub use routes::Front;

/// Connections at a time: some Prometheis, a kubelet and people, and far below a pod's descriptors.
/// One more makes the oldest go: a crowd that waits must not keep out whoever asks and goes.
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
    let graceful = GracefulShutdown::new();
    let mut open = JoinMap::new();
    let mut accepted = 0_u64;
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = open.join_next() => continue,
            stream = listener.accept(), if open.len() <= CONNECTIONS => stream,
        };
        let Ok((stream, _)) = stream else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(routes.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        accepted += 1;
        // A peer that went, or never reads, is no news.
        open.spawn(accepted, timeout(LIFE, graceful.watch(connection)).map(|_| ()));
        if open.len() > CONNECTIONS
            && let Some(oldest) = open.keys().min().copied()
        {
            open.abort(&oldest);
        }
    }
    drop(listener);
    drop(timeout(DRAIN, graceful.shutdown()).await);
}
