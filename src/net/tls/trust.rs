//! From files to trust.
//!
//! Files are looked at before each handshake and read again only when they changed: a rotated
//! bundle or client certificate needs no restart, and ten thousand links with one bundle parse it
//! once.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ALL_VERSIONS, ClientConfig, InconsistentKeys, RootCertStore};

use crate::link::{TlsOptions, TlsVersion};
use crate::net::files::{self, say};
use crate::net::limits::{PEM_BYTES, TRUST_CACHE};
use crate::net::tls::verify::{Judge, Pinned, Witness};
use crate::net::tls::{Certificate, TlsClient};

/// Whom we trust and who we are; one for the process.
#[derive(Debug, Default)]
pub struct Trust {
    system: OnceLock<Arc<RootCertStore>>,
    kept: Mutex<BTreeMap<Files, (Stamps, Arc<Means>)>>,
}

/// What one kind of handshake needs.
#[derive(Debug)]
pub struct Means {
    tls13_only: bool,
    judge: Arc<Judge>,
    key: Option<Arc<CertifiedKey>>,
}

/// The options that make a difference here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Files {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    lenient: bool,
    tls13_only: bool,
}

/// How the files looked when they were read.
type Stamps = [Option<Stamp>; 3];

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

/// Named wherever it is needed: a default of the process would be whichever came first.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(ring::default_provider()));

// === impl Trust ===

impl Trust {
    /// The client for `options`; the files are looked at on each call.
    ///
    /// # Errors
    /// Which file is wrong, and what is wrong with it.
    pub fn client(&self, options: &TlsOptions) -> Result<TlsClient, String> {
        Ok(TlsClient { means: self.means(options)?, server_name: options.server_name.clone() })
    }

    fn means(&self, options: &TlsOptions) -> Result<Arc<Means>, String> {
        let files = Files {
            ca: options.ca_file.clone(),
            cert: options.cert_file.clone(),
            key: options.key_file.clone(),
            lenient: options.insecure_skip_verify,
            tls13_only: options.min_version == TlsVersion::Tls13,
        };
        // Looked at before they are read: a change in between is found at the next call.
        let stamps = files.stamps()?;
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((kept, means)) = lock().get(&files)
            && *kept == stamps
        {
            return Ok(Arc::clone(means));
        }
        let means = Arc::new(self.read(&files)?);
        let mut kept = lock();
        if kept.len() >= TRUST_CACHE {
            kept.clear();
        }
        kept.insert(files, (stamps, Arc::clone(&means)));
        Ok(means)
    }

    fn read(&self, files: &Files) -> Result<Means, String> {
        let (roots, pinned) = match &files.ca {
            Some(path) => authorities(path)?,
            None => (self.system(files.lenient)?, Vec::new()),
        };
        let key = match (&files.cert, &files.key) {
            (Some(cert), Some(key)) => Some(Arc::new(certified_key(cert, key)?)),
            (None, None) => None,
            (Some(_), None) => return Err("cert_file is set without key_file".to_owned()),
            (None, Some(_)) => return Err("key_file is set without cert_file".to_owned()),
        };
        let algorithms = PROVIDER.signature_verification_algorithms;
        Ok(Means {
            tls13_only: files.tls13_only,
            judge: Arc::new(Judge { roots, pinned, lenient: files.lenient, algorithms }),
            key,
        })
    }

    /// The system's bundle, read once.
    fn system(&self, lenient: bool) -> Result<Arc<RootCertStore>, String> {
        let roots = self.system.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        });
        if roots.is_empty() && !lenient {
            return Err("this system has no CA certificates: set ca_file".to_owned());
        }
        Ok(Arc::clone(roots))
    }
}

// === impl Means ===

impl Means {
    /// A configuration for one handshake, and its witness.
    ///
    /// Every handshake is whole: a resumed one would not look at the certificate.
    pub fn config(&self) -> Result<(ClientConfig, Arc<Witness>), rustls::Error> {
        let witness = Arc::new(Witness::new(Arc::clone(&self.judge), self.key.clone()));
        let newest = [&TLS13];
        let versions = if self.tls13_only { newest.as_slice() } else { ALL_VERSIONS };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as _);
        let mut config = builder.with_client_cert_resolver(Arc::clone(&witness) as _);
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((config, witness))
    }

    /// Whether we have a certificate to show.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }
}

// === impl Files ===

impl Files {
    fn stamps(&self) -> Result<Stamps, String> {
        let stamp = |path: &Option<PathBuf>| path.as_deref().map(Stamp::of).transpose();
        Ok([stamp(&self.ca)?, stamp(&self.cert)?, stamp(&self.key)?])
    }
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, String> {
        let metadata = files::look(path)?;
        Ok(Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            inode: metadata.ino(),
        })
    }
}

/// The authorities of a CA file. Like Go, what cannot be read is passed over while anything can.
fn authorities(path: &Path) -> Result<(Arc<RootCertStore>, Pinned), String> {
    let certificates = certificates(path)?;
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(certificates.iter().cloned());
    if good == 0 {
        return Err(say(path, "holds no certificate that can be read"));
    }
    let pinned = certificates.into_iter().map(|der| {
        let certificate = Certificate::read(&der);
        (der, certificate)
    });
    Ok((Arc::new(roots), pinned.collect()))
}

fn certified_key(cert: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let chain = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_slice(&files::read(key, PEM_BYTES)?)
        .map_err(|_| say(key, "holds no private key in PEM that is not encrypted"))?;
    let private = PROVIDER.key_provider.load_private_key(private).map_err(|e| say(key, e))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(format!("{} does not belong to {}", key.display(), cert.display()))
        }
        // What the library cannot read, such as version 1 of X.509, is the server's to judge.
        Ok(()) | Err(_) => Ok(certified),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = files::read(path, PEM_BYTES)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).flatten().collect();
    if certificates.is_empty() {
        return Err(say(path, "holds no certificate in PEM"));
    }
    Ok(certificates)
}
