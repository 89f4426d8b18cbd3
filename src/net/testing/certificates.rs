//! Authorities, certificates that are wrong in one way, and the files that hold them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

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
use tokio_rustls::TlsAcceptor;

use crate::link::TlsOptions;

/// The name that good certificates are for.
pub const HOST: &str = "prometheus.example";

/// A certificate with its key, as PEM and DER.
pub struct Pair {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

/// An authority that signs certificates.
pub struct Authority {
    pub pem: String,
    pub der: CertificateDer<'static>,
    pub issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self::of(params(name, &[], true), None)
    }

    pub fn of(params: CertificateParams, above: Option<&Self>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = match above {
            Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Self { pem, der, issuer: Issuer::new(params, key) }
    }

    pub fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    pub fn leaf(&self, names: &[&str]) -> Pair {
        self.sign(&params("leaf", names, false))
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        Arc::new(roots)
    }
}

impl Pair {
    pub fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

pub fn params(name: &str, names: &[&str], ca: bool) -> CertificateParams {
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

pub fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_after = date_time_ymd(2021, 1, 1);
    params
}

/// What a server does beside showing its certificate.
#[derive(Default)]
pub struct Serving {
    /// TLS 1.2 alone.
    pub old: bool,
    /// Wants client certificates of these authorities.
    pub clients: Option<Arc<RootCertStore>>,
    /// And takes those who have none as well.
    pub tolerant: bool,
}

/// What a server with this certificate accepts connections with.
pub fn acceptor(chain: Vec<CertificateDer<'static>>, pair: &Pair, serving: Serving) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let old = [&TLS12];
    let versions = if serving.old { old.as_slice() } else { rustls::ALL_VERSIONS };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match serving.clients {
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let tolerant = serving.tolerant;
            let verifier = if tolerant { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, pair.key()).unwrap()))
}

/// Files that last as long as the test.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn trusting(&self, pem: &str) -> TlsOptions {
        TlsOptions { ca_file: Some(self.write("ca.pem", pem)), ..TlsOptions::default() }
    }

    pub fn showing(&self, ca: &str, pair: &Pair) -> TlsOptions {
        TlsOptions {
            cert_file: Some(self.write("cert.pem", pair.certificate.pem())),
            key_file: Some(self.write("key.pem", pair.key.serialize_pem())),
            ..self.trusting(ca)
        }
    }
}
