//! What is wrong with TLS: at Prometheus, with and without a Grafana that reads it, and at Grafana.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::ground::{End, Turn};
use super::row::{Row, row};

/// What stands before a plain server, and speaks TLS for it.
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
}

/// A running one.
pub struct Front {
    pub address: SocketAddr,
    _serving: JoinSet<()>,
}

/// One fault in three places: at Prometheus, in a link without Grafana, and where Grafana reads it
/// all the same; and at Grafana. `keys` are those of the client.
fn met(what: &str, tls: Tls, keys: [&'static str; 2], told: [&'static str; 3]) -> Vec<Row> {
    let [prometheus, grafana] = keys;
    let [alone, here, there] = told;
    let name = |place: &str| format!("{what}: {place}");
    let differs = "notes datasource_url_differs grafana/datasource";
    vec![
        row(name("Prometheus, a link without Grafana"), [Turn::Front(End::Direct, tls)], alone)
            .config(|config| config.prometheus = prometheus)
            .alone(),
        row(name("Prometheus, and Grafana reads it"), [Turn::Front(End::Direct, tls)], here)
            .config(|config| config.prometheus = prometheus)
            .beside(differs),
        row(
            name("Grafana, and promlink reads Prometheus"),
            [Turn::Front(End::Grafana, tls)],
            there,
        )
        .config(|config| config.main = grafana),
    ]
}

const TRUSTING: [&str; 2] = [
    "url: 'https://secure.monitoring.svc.cluster.local:{front_port}', \
     tls_config: {ca_file: '{tls}/ca.pem'}",
    "url: 'https://secure.monitoring.svc.cluster.local:{front_port}', \
     authorization: {credentials: {token}}, tls_config: {ca_file: '{tls}/ca.pem'}",
];
const IN_PLAIN: [&str; 2] = [
    "url: 'http://secure.monitoring.svc.cluster.local:{front_port}'",
    "url: 'http://secure.monitoring.svc.cluster.local:{front_port}', \
     authorization: {credentials: {token}}",
];
const BY_ADDRESS: [&str; 2] = [
    "url: 'https://{front}', tls_config: {ca_file: '{tls}/ca.pem'}",
    "url: 'https://{front}', authorization: {credentials: {token}}, \
     tls_config: {ca_file: '{tls}/ca.pem'}",
];
const SHOWING: [&str; 2] = [
    "url: 'https://secure.monitoring.svc.cluster.local:{front_port}', tls_config: \
     {ca_file: '{tls}/ca.pem', cert_file: '{tls}/client.pem', key_file: '{tls}/client.key'}",
    "url: 'https://secure.monitoring.svc.cluster.local:{front_port}', \
     authorization: {credentials: {token}}, tls_config: \
     {ca_file: '{tls}/ca.pem', cert_file: '{tls}/client.pem', key_file: '{tls}/client.key'}",
];
const SHOWING_ANOTHER: [&str; 2] = [
    "url: 'https://secure.monitoring.svc.cluster.local:{front_port}', tls_config: \
     {ca_file: '{tls}/ca.pem', cert_file: '{tls}/other.pem', key_file: '{tls}/other.key'}",
    "url: 'https://secure.monitoring.svc.cluster.local:{front_port}', \
     authorization: {credentials: {token}}, tls_config: \
     {ca_file: '{tls}/ca.pem', cert_file: '{tls}/other.pem', key_file: '{tls}/other.key'}",
];

/// All of them.
pub fn rows() -> Vec<Row> {
    [certificates(), handshakes(), well()].concat()
}

fn certificates() -> Vec<Row> {
    let unknown = [
        "broken tls_unknown_ca direct tls credentials",
        "degraded tls_unknown_ca direct tls credentials",
        "blind tls_unknown_ca grafana tls credentials",
    ];
    let expired = [
        "broken tls_expired direct tls prometheus",
        "degraded tls_expired direct tls promlink",
        "blind tls_expired grafana tls promlink",
    ];
    let early = [
        "broken tls_not_yet_valid direct tls prometheus",
        "degraded tls_not_yet_valid direct tls promlink",
        "blind tls_not_yet_valid grafana tls promlink",
    ];
    let named = [
        "broken tls_wrong_name direct tls prometheus",
        "degraded tls_wrong_name direct tls promlink",
        "blind tls_wrong_name grafana tls promlink",
    ];
    let rows = [
        met("a CA that promlink does not trust", Tls::Stranger, TRUSTING, unknown),
        met("a self-signed certificate", Tls::SelfSigned, TRUSTING, unknown),
        met("an expired certificate", Tls::Expired, TRUSTING, expired),
        met("a certificate that is not valid yet", Tls::NotYetValid, TRUSTING, early),
        met("a certificate for another DNS name", Tls::WrongName, TRUSTING, named),
        met("a certificate for an address, dialled by name", Tls::WrongAddress, TRUSTING, named),
        met("a certificate for a name, dialled by address", Tls::Good, BY_ADDRESS, named),
        met("expired, and for another name", Tls::ExpiredWrongName, TRUSTING, expired),
        met(
            "an unknown CA, expired, and for another name",
            Tls::StrangerExpiredWrongName,
            TRUSTING,
            unknown,
        ),
    ];
    rows.into_iter().flatten().collect()
}

fn handshakes() -> Vec<Row> {
    let plain = [
        "broken tls_not_spoken direct tls prometheus",
        "degraded tls_not_spoken direct tls promlink",
        "blind tls_not_spoken grafana tls promlink",
    ];
    let wants = [
        "broken tls_client_certificate_required direct tls credentials",
        "degraded tls_client_certificate_required direct tls credentials",
        "blind tls_client_certificate_required grafana tls credentials",
    ];
    // TLS 1.3 ends its handshake before the server has seen what the client shows.
    let wants_late = [
        "broken tls_client_certificate_required direct query credentials",
        "degraded tls_client_certificate_required direct query credentials",
        "blind tls_client_certificate_required grafana grafana_health credentials",
    ];
    let fails = [
        "broken tls_handshake_failed direct tls prometheus",
        "degraded tls_handshake_failed direct tls promlink",
        "blind tls_handshake_failed grafana tls promlink",
    ];
    let closed = [
        "broken connection_closed direct tls prometheus",
        "degraded connection_closed direct tls prometheus",
        "broken connection_closed grafana tls grafana",
    ];
    let asked_in_plain = [
        "broken tls_required direct query prometheus",
        "degraded tls_required direct query prometheus",
        "blind tls_required grafana grafana_health promlink",
    ];
    let asks = "a client certificate is required, and promlink has none";
    let refuses = "promlink's client certificate is of another CA";
    let rows = [
        met("TLS at an http URL", Tls::Good, IN_PLAIN, asked_in_plain),
        met("plain HTTP at an https URL", Tls::Plain, TRUSTING, plain),
        met(&format!("{asks} (TLS 1.3)"), Tls::Clients, TRUSTING, wants_late),
        met(&format!("{asks} (TLS 1.2)"), Tls::ClientsOld, TRUSTING, wants),
        met(&format!("{refuses} (TLS 1.3)"), Tls::Clients, SHOWING_ANOTHER, wants_late),
        met(&format!("{refuses} (TLS 1.2)"), Tls::ClientsOld, SHOWING_ANOTHER, wants),
        met("only TLS 1.1 or older", Tls::OldProtocol, TRUSTING, fails),
        met("no cipher in common", Tls::NoCipher, TRUSTING, fails),
        met("the connection is closed in the TLS handshake", Tls::Closes, TRUSTING, closed),
        met("neither TLS nor HTTP at an https URL", Tls::Garbage, TRUSTING, plain),
    ];
    rows.into_iter().flatten().collect()
}

fn well() -> Vec<Row> {
    let working = ["working"; 3];
    let soon = [
        "notes tls_expiring direct/tls",
        "notes tls_expiring direct/tls; notes datasource_url_differs grafana/datasource",
        "notes tls_expiring grafana/tls",
    ];
    let expiring = met("a certificate that expires tomorrow", Tls::Expiring, TRUSTING, working);
    let expiring = expiring.into_iter().zip(soon).map(|(row, note)| row.beside(note));
    let rows = [
        met("a good certificate", Tls::Good, TRUSTING, working),
        met("a client certificate that is wanted (TLS 1.3)", Tls::Clients, SHOWING, working),
        met("a client certificate that is wanted (TLS 1.2)", Tls::ClientsOld, SHOWING, working),
    ];
    rows.into_iter().flatten().chain(expiring).collect()
}

/// The data source trusts our CA, and shows a client certificate of it or none.
pub const TRUSTS: Turn = Turn::Datasource(|datasource| {
    datasource.json_data["tlsAuthWithCACert"] = true.into();
    datasource.secrets["tlsCACert"] = pem("ca.pem").into();
});
pub const SHOWS: Turn = Turn::Datasource(|datasource| {
    for key in ["tlsAuthWithCACert", "tlsAuth"] {
        datasource.json_data[key] = true.into();
    }
    for (key, file) in
        [("tlsCACert", "ca.pem"), ("tlsClientCert", "client.pem"), ("tlsClientKey", "client.key")]
    {
        datasource.secrets[key] = pem(file).into();
    }
});

fn pem(name: &str) -> String {
    std::fs::read_to_string(files().join(name)).unwrap()
}

// === the servers ===

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
        let path: PathBuf = files.path().join(name);
        std::fs::write(path, text).unwrap();
    };
    write("ca.pem", ours.pem());
    for (name, issuer) in [("client", &ours), ("other", &strangers)] {
        let key = KeyPair::generate().unwrap();
        let certificate = params(&[]).signed_by(&key, issuer).unwrap();
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    let key = KeyPair::generate().unwrap();
    let names = params(&["prometheus-k8s.monitoring.svc.cluster.local"]);
    write("server.pem", names.signed_by(&key, &ours).unwrap().pem());
    write("server.key", key.serialize_pem());
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
        ]
        .into_iter()
        .find_map(|(tls, says)| (tls == self).then_some(says))
    }
}

impl Front {
    /// Before the plain server at `behind`, at another port of the same address.
    pub async fn start(tls: Tls, behind: SocketAddr) -> Self {
        let listener = TcpListener::bind(SocketAddr::new(behind.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let acceptor = acceptor(tls);
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(tls, acceptor.clone(), stream, behind));
            }
        });
        Self { address, _serving: serving }
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
    if let Ok(mut stream) = acceptor.accept(stream).await {
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
