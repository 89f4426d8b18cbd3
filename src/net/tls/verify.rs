//! The judge of certificates: chain, dates and name one by one, all of it written down.
//!
//! It is as strict as Go, since Grafana is what it stands in for, and no stricter where that is
//! easy: a server's certificate that is itself in the CA file is trusted, whatever else it says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::net::tls::{Certificate, Problem, TlsFacts};

/// Whom we trust.
#[derive(Debug)]
pub struct Judge {
    /// The authorities.
    pub roots: Arc<RootCertStore>,
    /// Those of the configured CA file once more: a server may show one, and they have dates.
    pub pinned: Pinned,
    /// Remark what is wrong, and go on.
    pub lenient: bool,
    /// Signatures that can be checked.
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// Certificates, and what they say where that can be read.
pub type Pinned = Vec<(CertificateDer<'static>, Option<Certificate>)>;

/// One handshake's judge and witness.
#[derive(Debug)]
pub struct Witness {
    judge: Arc<Judge>,
    key: Option<Arc<CertifiedKey>>,
    facts: Mutex<TlsFacts>,
}

// === impl Judge ===

impl Judge {
    /// Everything that is wrong with a certificate, what must be mended first at the front.
    fn problems(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
        certificate: Option<&Certificate>,
    ) -> Vec<Problem> {
        let (at, date) = certificate.map_or((now, None), |certificate| dates(certificate, now));
        let mut problems: Vec<_> = date.into_iter().collect();
        match ParsedCertificate::try_from(leaf) {
            Ok(parsed) => {
                if !self.pinned.iter().any(|(pinned, _)| pinned == leaf) {
                    let chain = |roots: &_| {
                        let algorithms = self.algorithms.all;
                        verify_server_cert_signed_by_trust_anchor(
                            &parsed,
                            roots,
                            intermediates,
                            at,
                            algorithms,
                        )
                    };
                    problems.extend(self.chain_problem(chain, now, certificate));
                }
                if verify_server_name(&parsed, name).is_err() {
                    problems.push(Problem::WrongName);
                }
            }
            // Version 1 of X.509: it has no room for names, and that is what Go misses in it.
            Err(_) if certificate.is_some_and(|certificate| certificate.names.is_empty()) => {
                problems.push(Problem::WrongName);
            }
            Err(error) => problems.push(Problem::Other(error.to_string())),
        }
        problems.sort();
        problems.dedup();
        problems
    }

    fn chain_problem(
        &self,
        chain: impl Fn(&RootCertStore) -> Result<(), Error>,
        now: UnixTime,
        certificate: Option<&Certificate>,
    ) -> Option<Problem> {
        if let Err(error) = chain(&self.roots) {
            return Some(chain_failure(error, certificate));
        }
        // The library trusts an authority for ever; Go looks at its dates as well.
        let date = |authority: &Option<Certificate>| dates(authority.as_ref()?, now).1;
        let problem = self.pinned.iter().find_map(|(_, authority)| date(authority))?;
        let mut current = RootCertStore::empty();
        let pinned = self.pinned.iter().filter(|(_, authority)| date(authority).is_none());
        current.add_parsable_certificates(pinned.map(|(der, _)| der.clone()));
        chain(&current).is_err().then_some(problem)
    }
}

/// What the dates say, and the moment closest to now at which they would say nothing: the chain is
/// judged then, so that one ended certificate does not hide an unknown authority.
fn dates(certificate: &Certificate, now: UnixTime) -> (UnixTime, Option<Problem>) {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
    let unix = |moment: SystemTime| {
        UnixTime::since_unix_epoch(
            moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        )
    };
    if wall > certificate.not_after {
        (unix(certificate.not_after), Some(Problem::Expired))
    } else if wall < certificate.not_before {
        (unix(certificate.not_before), Some(Problem::NotYetValid))
    } else {
        (now, None)
    }
}

fn chain_failure(error: Error, certificate: Option<&Certificate>) -> Problem {
    let Error::InvalidCertificate(error) = error else {
        return Problem::Other(error.to_string());
    };
    // The library looks at what the certificate may be used for before it looks for the issuer: one
    // that signed itself and is not pinned has none.
    if certificate.is_some_and(Certificate::is_self_signed) {
        return Problem::UnknownCa;
    }
    Problem::of(&error)
}

// === impl Problem ===

impl Problem {
    /// What the library says.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
    pub fn of(error: &CertificateError) -> Self {
        match error {
            // An authority of the right name with another key: a CA that was made anew.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownCa,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            other => Self::Other(other.to_string()),
        }
    }

    /// The words that choose the alert that the server's log will show.
    fn as_alert(&self) -> CertificateError {
        match self {
            Self::UnknownCa => CertificateError::UnknownIssuer,
            Self::Expired => CertificateError::Expired,
            Self::NotYetValid => CertificateError::NotValidYet,
            Self::WrongName => CertificateError::NotValidForName,
            Self::Other(_) => CertificateError::BadEncoding,
        }
    }
}

// === impl Witness ===

impl Witness {
    /// A witness of one handshake; `key` is our certificate, when we have one.
    pub fn new(judge: Arc<Judge>, key: Option<Arc<CertifiedKey>>) -> Self {
        Self { judge, key, facts: Mutex::default() }
    }

    /// What was seen so far.
    pub fn facts(&self) -> TlsFacts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, TlsFacts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = Certificate::read(end_entity);
        let problems =
            self.judge.problems(end_entity, intermediates, server_name, now, certificate.as_ref());
        let verdict = match problems.first() {
            Some(problem) if !self.judge.lenient => Err(problem.as_alert().into()),
            Some(_) | None => Ok(ServerCertVerified::assertion()),
        };
        let mut facts = self.lock();
        facts.certificate = certificate;
        facts.problems = problems;
        verdict
    }

    // Whoever checks nothing gains nothing from a signature by an unknown key, and would lose old
    // certificates that the library cannot read.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.judge.lenient {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.judge.lenient {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Witness {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        if self.key.is_none() {
            self.lock().client_certificate_asked = true;
        }
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
