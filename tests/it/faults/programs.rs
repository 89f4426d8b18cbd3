//! Real programs, working and failing: nobody scripted what they say.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::front::{self, Tls};
use super::ground::{End, Turn};
use super::row::{Row, place_of, row};
use super::tls;
use crate::prometheus::{Mode, Prometheus, Setup};
use crate::victoria::Victoria;

/// A program, and what happens to it once it runs.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// In the web configuration, `{tls}` is the folder of certificates.
    Prometheus(Setup<'static>, fn(&mut Prometheus)),
    /// With a second server before it that tells another time, so many seconds ahead.
    Ahead(i64),
    Victoria(fn(&mut Victoria)),
}

/// A running one.
pub struct Running {
    pub address: SocketAddr,
    _program: Kept,
    _before: JoinSet<()>,
}

/// Dropping it ends it.
enum Kept {
    Prometheus(#[expect(dead_code, reason = "it lives as long")] Prometheus),
    Victoria(#[expect(dead_code, reason = "it lives as long")] Victoria),
}

// === impl Program ===

impl Program {
    /// Why it cannot be had here, if so.
    pub fn is_missing(self) -> Option<&'static str> {
        const BOTH: &[(&str, &str)] =
            &[("prometheus", "no prometheus"), ("promtool", "no promtool")];
        let needed = match self {
            Self::Prometheus(..) | Self::Ahead(_) => BOTH,
            Self::Victoria(_) => &[("victoria-metrics", "no victoria-metrics")],
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_there =
            |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        needed.iter().find(|(name, _)| !is_there(name)).map(|(_, why)| *why)
    }

    pub async fn start(self) -> Running {
        let start = tokio::task::spawn_blocking(move || self.begin());
        let (program, address) = start.await.unwrap();
        let mut running = Running { address, _program: program, _before: JoinSet::new() };
        if let Self::Ahead(seconds) = self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            running.address = listener.local_addr().unwrap();
            running._before.spawn(tell_another_time(listener, address, seconds));
        }
        running
    }

    fn begin(self) -> (Kept, SocketAddr) {
        let (setup, then): (_, fn(&mut Prometheus)) = match self {
            Self::Prometheus(setup, then) => (setup, then),
            Self::Ahead(_) => (PLAIN, nothing),
            Self::Victoria(then) => {
                let mut server = Victoria::start().unwrap();
                then(&mut server);
                let address = server.address();
                return (Kept::Victoria(server), address);
            }
        };
        let web = setup.web.replace("{tls}", &front::files().display().to_string());
        let mut server = Prometheus::start(Setup { web: &web, ..setup }).unwrap();
        then(&mut server);
        let address = server.address();
        (Kept::Prometheus(server), address)
    }
}

/// Hands everything on, and sets the clock of answers.
async fn tell_another_time(listener: TcpListener, behind: SocketAddr, seconds: i64) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let Ok(behind) = TcpStream::connect(behind).await else { return };
            let (mut asks, answers) = stream.into_split();
            let (reads, mut writes) = behind.into_split();
            tokio::select! {
                _ = copy(&mut asks, &mut writes) => {}
                _ = shift(reads, answers, seconds) => {}
            }
        });
    }
}

/// A head comes in one piece from a server that writes it at once.
async fn shift(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seconds: i64) -> io::Result<()> {
    const DATE: &[u8] = b"\r\nDate: ";
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let piece = &mut buffer[..length];
        if length == 0 {
            return Ok(());
        }
        if let Some(at) = piece.windows(DATE.len()).position(|bytes| bytes == DATE) {
            let date = httpdate::fmt_http_date(ahead(seconds));
            piece[at + DATE.len()..][..date.len()].copy_from_slice(date.as_bytes());
        }
        to.write_all(piece).await?;
    }
}

#[expect(clippy::disallowed_methods, reason = "the time of a real server")]
fn ahead(seconds: i64) -> SystemTime {
    let shift = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::now() - shift } else { SystemTime::now() + shift }
}

// === the rows ===

/// All of them; those that wait for a first scrape come first.
pub fn rows() -> Vec<Row> {
    [targets(), itself(), in_another_mode(), web(), limits(), data(), victoria()].concat()
}

/// With a sample at once: a first scrape or rule would have to be waited for.
const PLAIN: Setup<'static> =
    Setup { arguments: &[], web: "", files: &[], scrape: "", mode: Mode::Block(1) };

const fn prometheus(setup: Setup<'static>, then: fn(&mut Prometheus)) -> Turn {
    Turn::Real(Program::Prometheus(setup, then))
}

const fn in_mode(mode: Mode) -> Turn {
    prometheus(Setup { mode, ..PLAIN }, nothing)
}

fn nothing(_: &mut Prometheus) {}

/// One fault that both paths meet at the same program: in a link without Grafana, and in one with.
fn met(what: &str, program: Turn, told: [&'static str; 2], beside: &'static str) -> [Row; 2] {
    let name = |place: &str| format!("a real Prometheus {what}: {place}");
    [
        row(name("a link without Grafana"), [program], told[0]).alone(),
        row(name("promlink and Grafana"), [program], told[1]).beside(beside),
    ]
}

fn itself() -> Vec<Row> {
    let alone = |name: &str, link: &'static str, told: &'static str| {
        let row = row(format!("a real Prometheus {name}"), [WELL], told).alone();
        row.config(|config| config.link = link)
    };
    let dead = "broken no_ready_endpoints direct tcp prometheus";
    let frozen = "broken no_response direct query prometheus";
    let rows = [
        met("works", WELL, ["working"; 2], ""),
        met("was killed", KILLED, [dead; 2], "breaks connection_refused grafana/grafana_query"),
        met("is frozen", FROZEN, [frozen; 2], "breaks no_response grafana/grafana_query")
            .map(Row::short),
    ];
    let none = "    selector: 'up{job=\"none\"}'";
    let at = |row: Row, url: &'static str| row.config(|config| config.prometheus = url);
    let more = [
        alone("is asked by GET", "    method: GET", "working"),
        alone("has no series for the selector", none, "broken no_series direct query prometheus"),
        alone("has no series, and none is expected", NOT_EXPECTED, "working"),
        alone("is asked what is no PromQL", "    selector: 'up{'", REJECTED)
            .shows("direct/query", "parse error"),
        at(
            alone("speaks no TLS", "", "broken tls_not_spoken direct tls prometheus"),
            "url: 'https://prometheus-k8s.monitoring:{port}'",
        ),
        at(
            row(
                "a real Prometheus was killed, and is given as an address",
                [KILLED],
                "broken connection_refused direct tcp prometheus",
            )
            .alone(),
            "url: 'http://{direct}'",
        ),
    ];
    rows.into_iter().flatten().chain(more).collect()
}

const KILLED: Turn = prometheus(PLAIN, Prometheus::kill);
const FROZEN: Turn = prometheus(PLAIN, |server| server.freeze());
const REJECTED: &str = "broken query_rejected direct query prometheus";
const NOT_EXPECTED: &str = "    selector: 'up{job=\"none\"}'\n    expect_series: false";

fn in_another_mode() -> Vec<Row> {
    let told = |cause| [cause; 2];
    let rows = [
        met(
            "replays its write-ahead log",
            in_mode(Mode::Replaying),
            told("broken starting direct query prometheus"),
            "breaks starting grafana/grafana_query",
        )
        .map(|row| row.shows("direct/query", "\"replay\":\"segment ")),
        met(
            "runs in agent mode",
            in_mode(Mode::Agent),
            told("broken agent_mode direct query prometheus"),
            "breaks agent_mode grafana/grafana_query",
        ),
        met(
            "has nothing to scrape",
            in_mode(Mode::Empty),
            told("broken no_series direct query prometheus"),
            "breaks no_series grafana/grafana_query",
        ),
    ];
    rows.into_iter().flatten().collect()
}

/// It scrapes itself, and targets that are dead.
const fn scraping(scrape: &'static str, then: fn(&mut Prometheus)) -> Turn {
    prometheus(Setup { scrape, mode: Mode::Server, ..PLAIN }, then)
}

/// Writes what is scraped once it is known, and waits until all of it was.
fn itself_and(server: &Prometheus, dead: &str, count: usize) {
    let targets = format!("[{{targets: ['{}', {dead}]}}]\n", server.address());
    std::fs::write(server.path("targets.yml"), targets).unwrap();
    server.until_series(&format!("count(up)%3D%3D{count}"));
}

fn targets() -> Vec<Row> {
    const FOUND: &str = "file_sd_configs: [{files: [targets.yml]}]";
    let dead = scraping("static_configs: [{targets: ['127.0.0.1:9']}]", |server| {
        server.until_series("up");
    });
    let most = scraping(FOUND, |server| itself_and(server, "'127.0.0.1:8', '127.0.0.1:9'", 3));
    let some = scraping(FOUND, |server| itself_and(server, "'127.0.0.1:9'", 2));
    let lenient = "slow: 30s, dns_slow: 30s, targets_down: 51%";
    vec![
        row(
            "a real Prometheus scrapes a dead target",
            [dead],
            "degraded all_targets_down direct query prometheus",
        ),
        row(
            "a real Prometheus scrapes itself and two dead targets",
            [most],
            "degraded targets_down direct query prometheus",
        ),
        row(
            "a real Prometheus scrapes itself and a dead target, threshold 51 %",
            [some],
            "working",
        )
        .config(|config| config.thresholds = lenient),
    ]
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

/// What stands in its `--web.config.file` or changes its paths.
fn web() -> Vec<Row> {
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
        ),
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
const WELL: Turn = prometheus(PLAIN, nothing);

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
            asked(&name(", and both show one"), &[turn, AS_HTTPS, SHOWS], SHOWING, "working"),
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

const SHOWS: Turn = tls::SHOWS;

fn limits() -> Vec<Row> {
    let with = |arguments, then| prometheus(Setup { arguments, ..PLAIN }, then);
    let many = "    selector: 'vector(1) or on(x) vector(2)'";
    let samples = with(&["--query.max-samples=1"], nothing);
    let late = with(&["--query.timeout=0s"], nothing);
    let full = with(&["--web.max-connections=1"], Prometheus::hold_a_connection);
    let silent = "broken no_response direct query prometheus";
    let timeout = "broken query_timeout direct query prometheus";
    vec![
        row("a real Prometheus may load one sample", [samples], REJECTED)
            .alone()
            .config(|config| config.link = many),
        row("a real Prometheus gives no time to a query", [late], timeout)
            .alone()
            .shows("direct/query", "timed out in"),
        row("a real Prometheus gives no time to a query: promlink and Grafana", [late], timeout)
            .beside("breaks query_timeout grafana/grafana_query"),
        row("a real Prometheus has no connection left", [full], silent).alone().short(),
        row("a real Prometheus has no connection left: promlink and Grafana", [full], silent)
            .beside("breaks no_response grafana/grafana_query")
            .short(),
    ]
}

fn data() -> Vec<Row> {
    let skewed = "degraded clock_skew direct query prometheus";
    let stale = "broken data_stale direct freshness prometheus";
    let rots = prometheus(PLAIN, Prometheus::rot);
    let failing = "broken storage_failing direct query prometheus";
    let old = in_mode(Mode::Block(200));
    let rows = [
        met(
            "has samples up to 200 s ago",
            old,
            [stale; 2],
            "breaks data_stale grafana/grafana_query",
        ),
        met("reads a block that rots", rots, [failing; 2], STORAGE),
    ];
    let clocks = [
        row("a real Prometheus' clock is 300 s ahead", [ahead_by(300)], skewed),
        row("a real Prometheus' clock is 300 s behind", [ahead_by(-300)], skewed),
        row("a real Prometheus' clock is 10 s ahead", [ahead_by(10)], "working"),
    ];
    rows.into_iter().flatten().chain(clocks).collect()
}

const STORAGE: &str = "breaks storage_failing grafana/grafana_query";

const fn ahead_by(seconds: i64) -> Turn {
    Turn::Real(Program::Ahead(seconds))
}

fn victoria() -> Vec<Row> {
    let started = |then| Turn::Real(Program::Victoria(then));
    let fresh = started(|server| server.import(Duration::ZERO));
    let name = |what: &str| format!("a real VictoriaMetrics {what}");
    let at = |what: &str, url, told| {
        row(name(what), [fresh], told).alone().config(|config| config.prometheus = url)
    };
    let stale = "broken data_stale direct freshness prometheus";
    vec![
        row(name("has no series"), [started(|_| {})], "broken no_series direct query prometheus")
            .beside("breaks no_series grafana/grafana_query"),
        // Hidden for 30 s, unless `nocache` is said.
        row(name("has a sample of now"), [fresh], "working").alone(),
        at("is asked below `/prometheus`", "url: '{prometheus}/prometheus'", "working"),
        at(
            "is asked below another path",
            "url: '{prometheus}/elsewhere'",
            "broken wrong_path_prefix direct query prometheus",
        ),
        row(name("is asked what is no PromQL"), [fresh], REJECTED)
            .alone()
            .config(|config| config.link = "    selector: 'up{'"),
        row(
            name("has samples up to 200 s ago"),
            [started(|server| server.import(Duration::from_secs(200)))],
            stale,
        )
        .beside("breaks data_stale grafana/grafana_query"),
        row(
            name("was killed"),
            [started(Victoria::kill)],
            "broken no_ready_endpoints direct tcp prometheus",
        )
        .alone(),
    ]
}
