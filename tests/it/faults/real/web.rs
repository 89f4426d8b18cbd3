//! What stands in a real Prometheus' `--web.config.file`, or changes its paths.

use super::{PLAIN, WELL, in_mode, nothing, prometheus};
use crate::faults::front::Tls;
use crate::faults::ground::{End, Turn};
use crate::faults::row::{Row, place_of, row};
use crate::faults::tls;
use crate::prometheus::{Mode, Setup};

/// All of them.
pub fn rows() -> Vec<Row> {
    [
        passwords(),
        prefixes(),
        certificates(),
        wrong_certificates(),
        odd_certificates(),
        client_certificates(),
    ]
    .concat()
}

/// bcrypt of "correct horse", with the lowest cost that there is.
const USERS: &str = "basic_auth_users:\n  \
    someone: $2b$04$promlinkpromlinkpromleUxsf9/lgDVZaDGtzYt1gIzRPb24Mg9i\n";
const BASIC: Turn = prometheus(Setup { web: USERS, ..PLAIN }, nothing);
const PREFIX: Turn =
    prometheus(Setup { arguments: &["--web.external-url=http://x/prometheus"], ..PLAIN }, nothing);
/// It has that certificate, and speaks TLS from that version to this.
macro_rules! certified {
    ($file:literal, $from:literal, $to:literal) => {
        prometheus(
            Setup {
                web: concat!(
                    "tls_server_config: {cert_file: '{tls}/",
                    $file,
                    ".pem', key_file: '{tls}/",
                    $file,
                    ".key', min_version: ",
                    $from,
                    ", max_version: ",
                    $to,
                    "}"
                ),
                ..PLAIN
            },
            nothing,
        )
    };
}
const TLS: Turn = certified!("server", "TLS12", "TLS13");
const OLD_TLS: Turn = certified!("server", "TLS10", "TLS11");
/// It wants client certificates, in that version of TLS.
macro_rules! wanting {
    ($version:literal) => {
        prometheus(
            Setup {
                web: concat!(
                    "tls_server_config: {cert_file: '{tls}/server.pem', \
                     key_file: '{tls}/server.key', client_ca_file: '{tls}/ca.pem', \
                     client_auth_type: RequireAndVerifyClientCert, min_version: ",
                    $version,
                    ", max_version: ",
                    $version,
                    "}"
                ),
                ..PLAIN
            },
            nothing,
        )
    };
}
const WANTING: [Turn; 2] = [wanting!("TLS12"), wanting!("TLS13")];

const HTTPS: &str = "url: 'https://prometheus-k8s.monitoring.svc.cluster.local:{port}'";
const TRUSTING: &str = "url: 'https://prometheus-k8s.monitoring.svc.cluster.local:{port}', \
                        tls_config: {ca_file: '{tls}/ca.pem'}";
const SHOWING: &str = "url: 'https://prometheus-k8s.monitoring.svc.cluster.local:{port}', \
    tls_config: {ca_file: '{tls}/ca.pem', cert_file: '{tls}/client.pem', \
    key_file: '{tls}/client.key'}";
const SHOWING_ANOTHER: &str = "url: 'https://prometheus-k8s.monitoring.svc.cluster.local:{port}', \
    tls_config: {ca_file: '{tls}/ca.pem', cert_file: '{tls}/other.pem', \
    key_file: '{tls}/other.key'}";
const AS_HTTPS: Turn = Turn::Url("https://prometheus-k8s.monitoring.svc.cluster.local:{port}");

/// A row whose link asks it with these keys.
fn asked(name: &str, given: &[Turn], keys: &'static str, told: &'static str) -> Row {
    let row = row(format!("a real Prometheus {name}"), given, told);
    row.config(|config| config.prometheus = keys)
}

fn passwords() -> Vec<Row> {
    let refused = "broken unauthorized direct query credentials";
    let right = "url: '{prometheus}', basic_auth: {username: someone, password: correct horse}";
    vec![
        asked("wants a password, and has it", &[BASIC], right, "working").alone(),
        asked(
            "wants a password, and gets another",
            &[BASIC],
            "url: '{prometheus}', basic_auth: {username: someone, password: wrong horse}",
            refused,
        )
        .alone(),
        asked("wants a password, and gets none", &[BASIC], "url: '{prometheus}'", refused).alone(),
        asked(
            "wants a password, which only promlink has",
            &[BASIC],
            right,
            "broken unauthorized grafana grafana_query datasource",
        )
        .beside("notes datasource_drift grafana/datasource auth"),
    ]
}

fn prefixes() -> Vec<Row> {
    let wrong = "broken wrong_path_prefix direct query prometheus";
    let suggests = |row: Row, prefix| row.shows("direct/query", prefix);
    let at = |name: &str, url: &'static str, told| asked(name, &[PREFIX], url, told).alone();
    vec![
        at("is under a prefix, and asked there", "url: '{prometheus}/prometheus'", "working"),
        at("is under a prefix with a slash", "url: '{prometheus}/prometheus/'", "working"),
        suggests(
            at("is under a prefix, and asked without", "url: '{prometheus}'", wrong),
            "\"base_path\":\"/prometheus\"",
        ),
        at("is under a prefix, written otherwise", "url: '{prometheus}/Prometheus'", wrong),
        at("is under another prefix", "url: '{prometheus}/other'", wrong),
        suggests(
            asked("is under no prefix", &[in_mode(Mode::Empty)], "url: '{prometheus}/x'", wrong)
                .alone(),
            "\"base_path\":\"/\"",
        ),
        asked(
            "is under a prefix that only the data source lacks",
            &[PREFIX],
            "url: '{prometheus}/prometheus'",
            "broken wrong_path_prefix grafana grafana_query datasource",
        )
        .beside("notes datasource_drift grafana/datasource path"),
    ]
}

fn certificates() -> Vec<Row> {
    let unknown = "broken tls_unknown_ca direct tls credentials";
    let given = [TLS, AS_HTTPS, tls::TRUSTS];
    vec![
        asked("has a certificate of a CA that both trust", &given, TRUSTING, "working"),
        asked("has a certificate of an unknown CA", &[TLS], HTTPS, unknown)
            .alone()
            .shows("direct/tls", "our CA"),
        asked(
            "has a certificate of a CA that only promlink trusts",
            &[TLS, AS_HTTPS],
            TRUSTING,
            "broken tls_unknown_ca grafana grafana_query datasource",
        ),
        asked(
            "has a certificate of a CA that only Grafana trusts",
            &given,
            HTTPS,
            "degraded tls_unknown_ca direct tls credentials",
        ),
        asked(
            "speaks TLS, and is asked in plain HTTP",
            &[TLS],
            "url: '{prometheus}'",
            "broken tls_required direct query prometheus",
        )
        .alone(),
        asked(
            "speaks TLS, and only the data source has http",
            &[TLS],
            TRUSTING,
            "broken tls_required grafana grafana_query datasource",
        )
        .beside("notes datasource_url_differs grafana/datasource"),
        asked(
            "speaks only TLS 1.1",
            &[OLD_TLS],
            TRUSTING,
            "broken tls_handshake_failed direct tls prometheus",
        )
        .alone(),
    ]
}

/// In TLS 1.2 and 1.3: what the certificate is, is evidence all the same.
fn wrong_certificates() -> Vec<Row> {
    const WRONG: [(&str, [Turn; 2], &str, [&str; 2]); 3] = [
        (
            "has an expired certificate",
            [certified!("expired", "TLS12", "TLS12"), certified!("expired", "TLS13", "TLS13")],
            "broken tls_expired direct tls prometheus",
            ["\"issuer\":\"CN=our CA\"", "\"not_after\":\"2021-01-01T00:00:00Z\""],
        ),
        (
            "has a certificate for another name",
            [certified!("elsewhere", "TLS12", "TLS12"), certified!("elsewhere", "TLS13", "TLS13")],
            "broken tls_wrong_name direct tls prometheus",
            ["\"certificate_names\":[\"prometheus.example.org\"]", "\"not_after\":\"2090-"],
        ),
        (
            "has a certificate of another CA",
            [certified!("stranger", "TLS12", "TLS12"), certified!("stranger", "TLS13", "TLS13")],
            "broken tls_unknown_ca grafana grafana_query datasource",
            ["\"issuer\":\"CN=another CA\"", "\"not_after\":\"2090-"],
        ),
    ];
    let rows = WRONG.into_iter().flat_map(|(what, turns, told, shown)| {
        let both = move |(turn, version): (Turn, &str)| {
            let name = format!("{what} (TLS {version})");
            let row = asked(&name, &[turn, AS_HTTPS, tls::TRUSTS], TRUSTING, told);
            let there = told.replace(" direct tls ", " grafana grafana_query ");
            let other = if there == told { UNKNOWN } else { &there };
            let row = row.beside(place_of(other));
            shown.iter().fold(row, |row, part| row.shows("direct/tls", part))
        };
        turns.into_iter().zip(["1.2", "1.3"]).map(both)
    });
    rows.collect()
}

const UNKNOWN: &str = "broken tls_unknown_ca direct tls credentials";

fn odd_certificates() -> Vec<Row> {
    let well =
        |name: &str, turn: Turn| asked(name, &[turn, AS_HTTPS, tls::TRUSTS], TRUSTING, "working");
    let by_address = "url: 'https://{direct}', tls_config: {ca_file: '{tls}/ca.pem'}";
    let tunnelled = "url: 'https://prometheus-k8s.monitoring.svc.cluster.local:{port}', \
                     tls_config: {ca_file: '{tls}/ca.pem'}, proxy_url: 'http://{front}'";
    vec![
        well("speaks only TLS 1.2", certified!("server", "TLS12", "TLS12")),
        well("speaks only TLS 1.3", certified!("server", "TLS13", "TLS13")),
        well("has a wildcard certificate", certified!("wildcard", "TLS12", "TLS13")),
        well("has a certificate of an intermediate CA", certified!("chain", "TLS12", "TLS13")),
        asked(
            "has a certificate for its address",
            &[certified!("address", "TLS12", "TLS13"), AT_ADDRESS, tls::TRUSTS],
            by_address,
            "working",
        ),
        asked(
            "speaks TLS, through a proxy's tunnel",
            &[TLS, Turn::Front(End::Direct, Tls::Tunnel), AS_HTTPS, tls::TRUSTS],
            tunnelled,
            "working",
        ),
        asked(
            "speaks TLS, through a proxy's tunnel of Grafana",
            &[
                TLS,
                Turn::Front(End::Direct, Tls::Tunnel),
                AS_HTTPS,
                tls::TRUSTS,
                Turn::GrafanaProxy("{front}"),
            ],
            TRUSTING,
            "working",
        ),
        // Go's server takes what is meant for a proxy as meant for itself.
        asked(
            "is its own proxy",
            &[WELL],
            "url: '{prometheus}', proxy_url: '{prometheus}'",
            "working",
        ),
    ]
}

const AT_ADDRESS: Turn = Turn::Url("https://{direct}");

/// TLS 1.3 ends its handshake before the server has seen what the client shows.
fn client_certificates() -> Vec<Row> {
    let missing = [
        "broken tls_client_certificate_required direct tls credentials",
        "broken tls_client_certificate_required direct query credentials",
    ];
    let only_grafana = "broken tls_client_certificate_required grafana grafana_query datasource";
    let rows = WANTING.into_iter().zip(missing).zip(["1.2", "1.3"]).map(|((turn, told), tls)| {
        let name = |what: &str| format!("wants a client certificate in TLS {tls}{what}");
        [
            asked(&name(", and both show one"), &[turn, AS_HTTPS, tls::SHOWS], SHOWING, "working"),
            asked(&name(", and promlink has none"), &[turn], TRUSTING, told).alone(),
            asked(&name(", and promlink's is of another CA"), &[turn], SHOWING_ANOTHER, told)
                .alone(),
            asked(
                &name(", and only Grafana has none"),
                &[turn, AS_HTTPS, tls::TRUSTS],
                SHOWING,
                only_grafana,
            )
            .beside("notes datasource_drift grafana/datasource auth"),
        ]
    });
    rows.flatten().collect()
}
