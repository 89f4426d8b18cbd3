//! Real programs, working and failing: nobody scripted what they say.
//!
//! What is missing: a data directory that is deleted under a running Prometheus shows only after 40 s
//! and more, in counters of its own.

mod web;

use std::time::Duration;

use super::ground::Turn;
use super::programs::{PLAIN, Program, nothing};
use super::row::{Row, row};
use crate::prometheus::{Mode, Prometheus, Setup};
use crate::victoria::Victoria;

/// All of them; those that wait for a first scrape come first.
pub fn rows() -> Vec<Row> {
    [targets(), itself(), in_another_mode(), web::rows(), limits(), data(), victoria()].concat()
}

const fn prometheus(setup: Setup<'static>, then: fn(&mut Prometheus)) -> Turn {
    Turn::Real(Program::Prometheus(setup, then))
}

const fn in_mode(mode: Mode) -> Turn {
    prometheus(Setup { mode, ..PLAIN }, nothing)
}

const WELL: Turn = prometheus(PLAIN, nothing);

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
