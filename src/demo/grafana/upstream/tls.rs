//! TLS on Grafana's way to a data source: real handshakes by rustls, whose failures are worded as
//! Go's `crypto/tls` words them.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier as Verifier,
};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::demo::grafana::Datasource;

/// What a data source brings to a handshake.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    server_name: Option<String>,
}

/// Nothing is verified: `tlsSkipVerify`.
#[derive(Debug)]
struct Lenient(Arc<CryptoProvider>);

// === impl Tls ===

impl Tls {
    /// By the keys of the data source's settings; `tlsSkipVerify` and without a CA of its own it
    /// trusts nobody, for the stand-in has no bundle of the system.
    ///
    /// # Errors
    /// What Grafana says of settings that it cannot use.
    pub fn of(datasource: &Datasource) -> Result<Self, String> {
        let (settings, secrets) = (&datasource.json_data, &datasource.secrets);
        let is_set = |key: &str| settings[key].as_bool().unwrap_or_default();
        let secret = |key: &str| secrets[key].as_str().unwrap_or_default().as_bytes();
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        if is_set("tlsAuthWithCACert") {
            let mut certificates = CertificateDer::pem_slice_iter(secret("tlsCACert"));
            let added = certificates.next().is_some_and(|certificate| {
                certificate.is_ok_and(|certificate| roots.add(certificate).is_ok())
            });
            if !added {
                return Err("failed to parse TLS CA PEM certificate".to_owned());
            }
        }
        let said = |error: Error| error.to_string();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(said)?
            .with_root_certificates(roots);
        let mut config = if is_set("tlsAuth") {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(secret("tlsClientCert")).collect();
            let key = PrivateKeyDer::from_pem_slice(secret("tlsClientKey"));
            let (Ok(chain), Ok(key)) = (chain, key) else {
                return Err("tls: failed to find any PEM data in certificate input".to_owned());
            };
            builder.with_client_auth_cert(chain, key).map_err(said)?
        } else {
            builder.with_no_client_auth()
        };
        if is_set("tlsSkipVerify") {
            config.dangerous().set_certificate_verifier(Arc::new(Lenient(provider)));
        }
        let server_name = settings["serverName"].as_str().map(str::to_owned);
        Ok(Self { config: Arc::new(config), server_name })
    }

    /// Shakes hands with the server that the URL calls `host`.
    pub async fn secure(&self, stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }
}

/// What Go says of an error of TLS, during the handshake or after it; none for any other error.
#[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
pub fn in_words_of_go(error: &io::Error, host: &str) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(problem) => {
            format!("tls: failed to verify certificate: x509: {}", certificate(problem, host))
        }
        Error::AlertReceived(alert) => format!("remote error: tls: {}", of_alert(*alert)),
        // Go looks whether these bytes begin an answer in plain HTTP.
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "http: server gave HTTP response to HTTPS client".to_owned()
        }
        other => format!("tls: {other}"),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
fn certificate(problem: &CertificateError, host: &str) -> String {
    let date = |time: &UnixTime| {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(time.as_secs());
        humantime::format_rfc3339_seconds(time).to_string()
    };
    const DATES: &str = "certificate has expired or is not yet valid: current time";
    match problem {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("{DATES} {} is after {}", date(time), date(not_after))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("{DATES} {} is before {}", date(time), date(not_before))
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let is_address = host.parse::<std::net::IpAddr>().is_ok();
            let names = presented.iter().filter_map(|name| name.split('"').nth(1));
            let names = names.collect::<Vec<_>>().join(", ");
            if is_address {
                format!(
                    "cannot validate certificate for {host} because it doesn't contain any IP SANs"
                )
            } else {
                format!("certificate is valid for {names}, not {host}")
            }
        }
        _ => "certificate signed by unknown authority".to_owned(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::DecryptError => "error decrypting message",
        _ => "handshake failure",
    }
}

// === impl Verifier ===

impl Verifier for Lenient {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
