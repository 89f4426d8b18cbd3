//! What is wrong with TLS: at Prometheus, with and without a Grafana that reads it; at Grafana; and on
//! Grafana's own way to Prometheus.

use promlink::demo::grafana::Datasource;
use serde_json::Value;

use super::front::{Tls, pem};
use super::ground::{End, Turn};
use super::row::{Row, place_of, row};
use super::story::{Story, story};
use super::well::V9;

/// One fault in three places: at Prometheus, in a link without Grafana, and where Grafana reads it
/// all the same; and at Grafana. `keys` are those of the client.
fn met(what: &str, tls: Tls, keys: [&'static str; 2], told: [&'static str; 3]) -> Vec<Row> {
    let [prometheus, grafana] = keys;
    let [alone, here, there] = told;
    let name = |place: &str| format!("{what}: {place}");
    let shows = prometheus.contains("cert_file");
    let drift = if shows { "; notes datasource_drift grafana/datasource auth" } else { "" };
    let differs = format!("notes datasource_url_differs grafana/datasource{drift}");
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
    [certificates(), handshakes(), well(), through_grafana(), only_grafana()].concat()
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
        all(
            met("expired, and for another name", Tls::ExpiredWrongName, TRUSTING, expired),
            r#""problems":["expired","for other names"]"#,
        ),
        all(
            met(
                "an unknown CA, expired, and for another name",
                Tls::StrangerExpiredWrongName,
                TRUSTING,
                unknown,
            ),
            r#""problems":["signed by an unknown CA","expired","for other names"]"#,
        ),
    ];
    // What the certificate is does not depend on its being good.
    let shown = |row: Row| {
        CERTIFICATE.iter().fold(row, |row, part| {
            let check = handshake_of(&row);
            row.shows(check, part)
        })
    };
    rows.into_iter().flatten().map(shown).collect()
}

/// All of its problems are in evidence: whoever mends it does so once.
fn all(rows: Vec<Row>, problems: &'static str) -> Vec<Row> {
    let shown = |row: Row| {
        let check = handshake_of(&row);
        row.shows(check, problems)
    };
    rows.into_iter().map(shown).collect()
}

fn handshake_of(row: &Row) -> &'static str {
    if row.name().contains(": Grafana") { "grafana/tls" } else { "direct/tls" }
}

const CERTIFICATE: [&str; 3] =
    ["\"certificate_names\":[", "\"issuer\":\"CN=", "\"not_after\":\"20"];

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

/// Both paths meet the same server: Grafana 13 tells what it met, and 9.3 does not.
fn through_grafana() -> Vec<Row> {
    // What may be our own mistake tells nothing of a Grafana that hides what it met.
    let hidden = "broken unreachable_from_grafana grafana grafana_query unclear";
    let met = |what: &str, tls: Tls, told: [&'static str; 2], beside: [&str; 2]| {
        let given = [Turn::Front(End::Direct, tls), SECURE, TRUSTS];
        let name = |place: &str| format!("{what}: Prometheus, for promlink and {place}");
        [
            row(name("Grafana"), given, told[0]).beside(beside[0]),
            row(name("Grafana 9.3"), [&[V9], &given[..]].concat(), told[1]).beside(beside[1]),
        ]
        .map(|row| row.config(|config| config.prometheus = TRUSTING[0]))
    };
    // The same of both, and so told as promlink saw it.
    let both = |what: &str, tls: Tls, told: &'static str| {
        let there = told.replace(" direct tls ", " grafana grafana_query ");
        met(what, tls, [told, hidden], [&place_of(&there), &place_of(told)])
    };
    let rows = [
        met("a good certificate", Tls::Good, ["working"; 2], [""; 2]),
        both("an expired certificate", Tls::Expired, "broken tls_expired direct tls prometheus"),
        both(
            "a certificate that is not valid yet",
            Tls::NotYetValid,
            "broken tls_not_yet_valid direct tls prometheus",
        ),
        both(
            "a certificate for another DNS name",
            Tls::WrongName,
            "broken tls_wrong_name direct tls prometheus",
        ),
        met(
            "a CA that nobody trusts",
            Tls::Stranger,
            ["broken tls_unknown_ca grafana grafana_query datasource", hidden],
            ["breaks tls_unknown_ca direct/tls"; 2],
        ),
        met(
            "a client certificate is required, and nobody has one (TLS 1.3)",
            Tls::Clients,
            ["broken tls_client_certificate_required grafana grafana_query datasource", hidden],
            ["breaks tls_client_certificate_required direct/query"; 2],
        ),
        both(
            "only TLS 1.1 or older",
            Tls::OldProtocol,
            "broken tls_handshake_failed direct tls prometheus",
        ),
        both(
            "no cipher in common",
            Tls::NoCipher,
            "broken tls_handshake_failed direct tls prometheus",
        ),
        both(
            "plain HTTP at an https URL",
            Tls::Plain,
            "broken tls_not_spoken direct tls prometheus",
        ),
    ];
    let alone = |what: &str, tls: Tls, given: &[Turn], told: &'static str| {
        let given = [&[Turn::Front(End::Direct, tls), SECURE], given].concat();
        row(format!("{what}: a link without a direct path"), given, told).through_grafana()
    };
    let more = [
        alone(
            "an expired certificate",
            Tls::Expired,
            &[TRUSTS],
            "broken tls_expired grafana grafana_query prometheus",
        ),
        alone(
            "the data source has no CA",
            Tls::Good,
            &[],
            "broken tls_unknown_ca grafana grafana_query datasource",
        ),
    ];
    rows.into_iter().flatten().chain(more).collect()
}

/// A certificate that was good, at Prometheus and at Grafana.
pub fn stories() -> Vec<Story> {
    let swapped = |name, given: &[Turn], tls, told| {
        story(name, [&[Turn::Front(End::Direct, Tls::Good), SECURE, TRUSTS], given].concat())
            .config(|config| config.prometheus = TRUSTING[0])
            .tells("working")
            .then([Turn::Swap(tls)])
            .tells(told)
            .then([Turn::Swap(Tls::Good)])
            .tells("working")
    };
    let expired = "broken tls_expired direct tls prometheus";
    let unknown = "broken tls_unknown_ca grafana grafana_query datasource";
    vec![
        swapped("Prometheus' certificate expires", &[], Tls::Expired, expired),
        swapped("Prometheus' certificate expires: Grafana 9.3", &[V9], Tls::Expired, expired),
        swapped("Prometheus' certificate comes from another CA", &[], Tls::Stranger, unknown),
        story("Grafana's certificate expires", [Turn::Front(End::Grafana, Tls::Good)])
            .config(|config| config.main = TRUSTING[1])
            .tells("working")
            .then([Turn::Swap(Tls::Expired)])
            .tells("broken tls_expired grafana tls grafana")
            .then([Turn::Swap(Tls::Good)])
            .tells("working"),
    ]
}

/// promlink reads Prometheus, and Grafana's settings do not fit.
fn only_grafana() -> Vec<Row> {
    let hidden = "broken unreachable_from_grafana grafana grafana_query unclear";
    let only = |what: &str, tls: Tls, given: &[Turn], told: &'static str| {
        let given = [&[Turn::Front(End::Direct, tls)], given].concat();
        let old = [&[V9], &given[..]].concat();
        let name = |place: &str| format!("the data source {what}{place}");
        [row(name(""), given, told), row(name(": Grafana 9.3"), old, hidden)]
            .map(|row| row.config(|config| config.prometheus = TRUSTING[0]))
    };
    let showing = |rows: [Row; 2]| {
        rows.map(|row| {
            let row = row.beside("notes datasource_drift grafana/datasource auth");
            row.config(|config| config.prometheus = SHOWING[0])
        })
    };
    let unknown = "broken tls_unknown_ca grafana grafana_query datasource";
    let named = "broken tls_wrong_name grafana grafana_query datasource";
    let wants = "broken tls_client_certificate_required grafana grafana_query datasource";
    let rows = [
        only("has no CA", Tls::Good, &[SECURE], unknown),
        only("has another CA", Tls::Good, &[SECURE, TRUSTS_STRANGERS], unknown),
        only("names Prometheus as its certificate does not", Tls::Good, &[SHORT, TRUSTS], named),
        only("expects another name", Tls::Good, &[SECURE, TRUSTS, EXPECTS], named),
        showing(only("shows no client certificate", Tls::Clients, &[SECURE, TRUSTS], wants)),
        showing(only("shows one of another CA", Tls::Clients, &[SECURE, SHOWS_OTHER], wants))
            .map(|row| row.beside("")),
    ];
    let settings = "broken datasource_settings_invalid grafana grafana_query datasource";
    // 9.3 says it in its data proxy.
    let broken = [
        row("the data source has a CA that is no PEM", [NO_PEM], settings),
        row("the data source has a CA that is no PEM: Grafana 9.3", [V9, NO_PEM], settings),
    ];
    let lenient = row(
        "the data source does not verify an expired certificate",
        [Turn::Front(End::Direct, Tls::Expired), SECURE, LENIENT],
        "degraded tls_expired direct tls promlink",
    )
    .config(|config| config.prometheus = TRUSTING[0])
    .beside("notes datasource_drift grafana/datasource tls_verification");
    rows.into_iter().flatten().chain(broken).chain([lenient]).collect()
}

const SECURE: Turn = Turn::Url("https://secure.monitoring.svc.cluster.local:{front_port}");
const SHORT: Turn = Turn::Url("https://secure.monitoring.svc:{front_port}");
const EXPECTS: Turn = Turn::Datasource(|d| d.json_data["serverName"] = "other.example".into());
const LENIENT: Turn = Turn::Datasource(|d| d.json_data["tlsSkipVerify"] = true.into());
const NO_PEM: Turn = Turn::Datasource(|datasource| trust(datasource, "no certificate"));
const TRUSTS_STRANGERS: Turn =
    Turn::Datasource(|datasource| trust(datasource, pem("strangers.pem")));
const SHOWS_OTHER: Turn = Turn::Datasource(|datasource| show(datasource, "other"));

/// The data source trusts our CA, and shows a client certificate of it or none.
pub const TRUSTS: Turn = Turn::Datasource(|datasource| trust(datasource, pem("ca.pem")));
pub const SHOWS: Turn = Turn::Datasource(|datasource| show(datasource, "client"));

fn trust(datasource: &mut Datasource, ca: impl Into<Value>) {
    datasource.json_data["tlsAuthWithCACert"] = true.into();
    datasource.secrets["tlsCACert"] = ca.into();
}

fn show(datasource: &mut Datasource, whose: &str) {
    trust(datasource, pem("ca.pem"));
    datasource.json_data["tlsAuth"] = true.into();
    datasource.secrets["tlsClientCert"] = pem(&format!("{whose}.pem")).into();
    datasource.secrets["tlsClientKey"] = pem(&format!("{whose}.key")).into();
}
