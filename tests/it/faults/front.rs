//! What stands before a plain server: TLS that is right or wrong in one way, or a proxy.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS12;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// A certificate as it should be.
    Good,
    /// Signed by nobody that we know.
    Stranger,
    /// Signed by itself.
    SelfSigned,
    Expired,
    /// Tomorrow.
    Expiring,
    NotYetValid,
    /// For another DNS name.
    WrongName,
    /// For an address, which we do not dial by.
    WrongAddress,
    ExpiredWrongName,
    StrangerExpiredWrongName,
    /// No TLS: plain HTTP.
    Plain,
    /// Wants a client certificate of our authority.
    Clients,
    /// The same, in TLS 1.2.
    ClientsOld,
    /// An alert: no protocol version in common.
    OldProtocol,
    /// An alert: no cipher in common.
    NoCipher,
    /// Closes the connection in the handshake.
    Closes,
    /// Bytes that are neither TLS nor HTTP.
    Garbage,
    /// A proxy that opens a tunnel to the server.
    Tunnel,
    /// Proxies that refuse: a login, a rule, a host that they cannot reach.
    WantsLogin,
    Forbids,
    CannotConnect,
    /// A proxy that says nothing.
    Silent,
}

/// A running one.
pub struct Front {
    pub address: SocketAddr,
    now: watch::Sender<(Tls, TlsAcceptor)>,
    _serving: JoinSet<()>,
}

/// The text of one of them.
pub fn pem(name: &str) -> String {
    std::fs::read_to_string(files().join(name)).unwrap()
}

/// Where the files are, made once.
pub fn files() -> &'static Path {
    AUTHORITY.files.path()
}

struct Authority {
    files: TempDir,
    ours: CertifiedIssuer<'static, KeyPair>,
    strangers: CertifiedIssuer<'static, KeyPair>,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let files = tempfile::tempdir().unwrap();
    let (ours, strangers) = (issuer("our CA"), issuer("another CA"));
    let write = |name: &str, text: String| {
        let path = files.path().join(name);
        std::fs::write(path, text).unwrap();
    };
    write("ca.pem", ours.pem());
    write("strangers.pem", strangers.pem());
    let between = {
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::CommonName, "our intermediate CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &ours).unwrap()
    };
    let name = "prometheus-k8s.monitoring.svc.cluster.local";
    for (file, names, issuer) in [
        ("client", [].as_slice(), &ours),
        ("other", &[], &strangers),
        ("server", &[name], &ours),
        ("expired", &[name], &ours),
        ("elsewhere", &["prometheus.example.org"], &ours),
        ("stranger", &[name], &strangers),
        ("wildcard", &["*.monitoring.svc.cluster.local"], &ours),
        ("address", &["127.0.0.1"], &ours),
        ("chain", &[name], &between),
    ] {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        if file == "expired" {
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let mut chain = params.signed_by(&key, issuer).unwrap().pem();
        if file == "chain" {
            chain += &between.pem();
        }
        write(&format!("{file}.pem"), chain);
        write(&format!("{file}.key"), key.serialize_pem());
    }
    Authority { files, ours, strangers }
});

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params(&[]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    params
}

const NAME: &str = "secure.monitoring.svc.cluster.local";

impl Tls {
    /// The name of the certificate.
    fn name(self) -> &'static str {
        if matches!(self, Self::WrongName | Self::ExpiredWrongName | Self::StrangerExpiredWrongName)
        {
            "other.example"
        } else if self == Self::WrongAddress {
            "10.0.0.7"
        } else {
            NAME
        }
    }

    fn is_expired(self) -> bool {
        matches!(self, Self::Expired | Self::ExpiredWrongName | Self::StrangerExpiredWrongName)
    }

    /// What comes in place of a handshake.
    fn says(self) -> Option<&'static [u8]> {
        // Alerts: handshake_failure, protocol_version.
        [
            (Self::NoCipher, &[21, 3, 1, 0, 2, 2, 40][..]),
            (Self::OldProtocol, &[21, 3, 1, 0, 2, 2, 70]),
            (Self::Closes, b""),
            // What Go's server makes of the first bytes of TLS.
            (Self::Plain, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
            (Self::Garbage, b"220 mail.example ESMTP\r\n"),
            (Self::WantsLogin, WANTS_LOGIN),
            (
                Self::Forbids,
                b"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n",
            ),
            (Self::CannotConnect, CANNOT_CONNECT),
        ]
        .into_iter()
        .find_map(|(tls, says)| (tls == self).then_some(says))
    }
}

const WANTS_LOGIN: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
    Proxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n";
const CANNOT_CONNECT: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    X-Squid-Error: ERR_CONNECT_FAIL 111\r\nContent-Length: 0\r\n\r\n";

impl Front {
    /// Before the plain server at `behind`, at another port of the same address.
    pub async fn start(tls: Tls, behind: SocketAddr) -> Self {
        let listener = TcpListener::bind(SocketAddr::new(behind.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (now, seen) = watch::channel((tls, acceptor(tls)));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, acceptor) = seen.borrow().clone();
                connections.spawn(serve(tls, acceptor, stream, behind));
            }
        });
        Self { address, now, _serving: serving }
    }

    /// From now on, it is that.
    pub fn become_another(&self, tls: Tls) {
        self.now.send_replace((tls, acceptor(tls)));
    }
}

/// Failing is all that some of them do.
async fn serve(tls: Tls, acceptor: TlsAcceptor, mut stream: TcpStream, behind: SocketAddr) {
    let says = tls.says();
    if let Some(says) = says {
        // What was not read would make a reset of the close.
        let _hello = stream.read(&mut [0; 4096]).await;
        let _sent = stream.write_all(says).await;
        return;
    }
    let Ok(mut plain) = TcpStream::connect(behind).await else { return };
    if tls == Tls::Silent {
        let _read = copy(&mut stream, &mut sink()).await;
    } else if tls == Tls::Tunnel {
        let _asked = stream.read(&mut [0; 4096]).await;
        let _opened = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
        let _copied = copy_bidirectional(&mut stream, &mut plain).await;
    } else if let Ok(mut stream) = acceptor.accept(stream).await {
        let _copied = copy_bidirectional(&mut stream, &mut plain).await;
    }
}

fn acceptor(tls: Tls) -> TlsAcceptor {
    let Authority { ours, strangers, .. } = &*AUTHORITY;
    let mut params = params(&[tls.name()]);
    if tls.is_expired() {
        params.not_after = date_time_ymd(2021, 1, 1);
    } else if tls == Tls::Expiring {
        params.not_after = tomorrow().into();
    } else if tls == Tls::NotYetValid {
        params.not_before = date_time_ymd(2080, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = if tls == Tls::SelfSigned {
        params.self_signed(&key)
    } else if matches!(tls, Tls::Stranger | Tls::StrangerExpiredWrongName) {
        params.signed_by(&key, strangers)
    } else {
        params.signed_by(&key, ours)
    };
    let provider = Arc::new(ring::default_provider());
    let old = [&TLS12];
    let versions = if tls == Tls::ClientsOld { &old[..] } else { rustls::ALL_VERSIONS };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = if matches!(tls, Tls::Clients | Tls::ClientsOld) {
        let mut roots = RootCertStore::empty();
        roots.add(ours.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(clients.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let chain = vec![certificate.unwrap().der().clone()];
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
}

fn tomorrow() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "certificates are of real time")]
    let now = SystemTime::now();
    now + Duration::from_secs(24 * 3600)
}
