//! Servers with certificates that are wrong in one way each.

mod files;
mod handshakes;

use std::sync::Arc;
use std::time::Duration;

use rcgen::{KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::clock;
use crate::link::{TlsOptions, TlsVersion};
use crate::net::limits::CERTIFICATE_NAMES;
use crate::net::testing::certificates::{
    Authority, Files, HOST, Pair, Serving, acceptor, expired, params,
};
use crate::net::testing::{RawServer, hold, soon};
use crate::net::tls::trust::Trust;

/// A TLS server that answers each connection's first bytes with `pong`.
async fn serve(chain: Vec<CertificateDer<'static>>, pair: &Pair, serving: Serving) -> RawServer {
    let acceptor = acceptor(chain, pair, serving);
    RawServer::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut ping = [0; 16];
            if stream.read(&mut ping).await.is_ok() {
                stream.write_all(b"pong").await.ok();
                stream.flush().await.ok();
            }
        }
    })
    .await
}

async fn serve_pair(pair: &Pair) -> RawServer {
    serve(pair.chain(), pair, Serving::default()).await
}

async fn shake(server: &RawServer, options: &TlsOptions, host: &str) -> Handshake<TcpStream> {
    let client = Trust::default().client(options).unwrap();
    client.handshake(server.connect().await, host, soon()).await
}
