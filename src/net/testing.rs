//! What several tests of the wire share: a server on loopback that does what a closure says.

pub mod certificates;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock;
use crate::link::TlsOptions;
use crate::net::tls::trust::Trust;

/// Serves each connection by a closure; ends when dropped, its connections with it.
pub struct RawServer {
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl RawServer {
    pub async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
        });
        Self { address, _tasks: tasks }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// A foreign client for plain HTTP; it insists on some TLS, of which it makes no use.
pub fn foreign() -> reqwest::Client {
    let lenient = TlsOptions { insecure_skip_verify: true, ..TlsOptions::default() };
    let tls = Trust::default().client(&lenient).unwrap().config().unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Long enough for whatever is to end by itself.
pub fn soon() -> Instant {
    clock::deadline(Duration::from_secs(10))
}

/// Holds on to a connection without a word.
pub async fn hold(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// Ends a connection by a reset.
pub fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// Reads one request, its body by `content-length`; empty when the other side closed.
pub async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}
