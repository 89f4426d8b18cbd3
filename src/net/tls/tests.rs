//! Servers with certificates that are wrong in one way each.

mod files;
mod handshakes;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS12;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::clock;
use crate::link::{TlsOptions, TlsVersion};

const HOST: &str = "prometheus.example";

/// A certificate with its key, as PEM and DER.
struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// An authority that signs certificates.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        Self::of(params(name, &[], true), None)
    }

    fn of(params: CertificateParams, above: Option<&Self>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = match above {
            Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Self { pem, der, issuer: Issuer::new(params, key) }
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    fn leaf(&self, names: &[&str]) -> Pair {
        self.sign(&params("leaf", names, false))
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        Arc::new(roots)
    }
}

impl Pair {
    fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

fn params(name: &str, names: &[&str], ca: bool) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    if ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    }
    params
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_after = date_time_ymd(2021, 1, 1);
    params
}

/// What a server does beside showing its certificate.
#[derive(Default)]
struct Serving {
    /// TLS 1.2 alone.
    old: bool,
    clients: Option<Arc<RootCertStore>>,
}

/// A TLS server on loopback; answers each connection's first bytes with `pong`.
struct Server {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn tls(chain: Vec<CertificateDer<'static>>, pair: &Pair, serving: Serving) -> Self {
        let provider = Arc::new(ring::default_provider());
        let old = [&TLS12];
        let versions = if serving.old { old.as_slice() } else { rustls::ALL_VERSIONS };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match serving.clients {
            Some(roots) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap(),
            ),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, pair.key()).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::raw(move |stream| {
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

    async fn with(pair: &Pair) -> Self {
        Self::tls(pair.chain(), pair, Serving::default()).await
    }

    async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
        });
        Self { port, _tasks: tasks }
    }

    async fn shake(&self, options: &TlsOptions, host: &str) -> Handshake<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let client = Trust::default().client(options).unwrap();
        client.handshake(stream, host, soon()).await
    }
}

fn soon() -> Instant {
    clock::deadline(Duration::from_secs(10))
}

/// Files that last as long as the test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn trusting(&self, pem: &str) -> TlsOptions {
        TlsOptions { ca_file: Some(self.write("ca.pem", pem)), ..TlsOptions::default() }
    }

    fn showing(&self, ca: &str, pair: &Pair) -> TlsOptions {
        TlsOptions {
            cert_file: Some(self.write("cert.pem", pair.certificate.pem())),
            key_file: Some(self.write("key.pem", pair.key.serialize_pem())),
            ..self.trusting(ca)
        }
    }
}
