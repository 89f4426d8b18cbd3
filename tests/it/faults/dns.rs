//! What is wrong with DNS: promlink's server, Grafana's, both, or one of two; and names that are
//! wrong.

use std::net::Ipv4Addr;
use std::time::Duration;

use promlink::demo::dns::{Service, Zone};
use promlink::demo::fault::{Dns as D, Prometheus as F, Wire as W};

use super::ground::Turn;
use super::row::{Row, place_of, row};
use super::well::V9;

/// One fault in five places: promlink's server, in a link without Grafana, with a Grafana that is
/// named (both ends are lost at once), and with one at an address; Grafana's server alone; both
/// servers.
fn served(what: &str, fault: D, told: [&'static str; 5]) -> Vec<Row> {
    let [alone, named, ours, theirs, both] = told;
    let name = |place: &str| format!("{what}: {place}");
    vec![
        row(name("promlink's DNS server, a link without Grafana"), [Turn::Dns(fault)], alone)
            .alone(),
        row(name("promlink's DNS server, for both ends"), [Turn::Dns(fault)], named)
            .beside(place_of(alone).replace("direct", "grafana")),
        row(name("promlink's DNS server, Grafana is at an address"), [Turn::Dns(fault)], ours)
            .config(|config| config.main = AT_ADDRESS),
        row(name("Grafana's DNS server"), [Turn::GrafanaDns(fault)], theirs),
        row(name("Grafana's DNS server, Grafana 9.3"), [V9, Turn::GrafanaDns(fault)], HIDDEN),
        row(
            name("promlink's and Grafana's DNS servers"),
            [Turn::Dns(fault), Turn::GrafanaDns(fault)],
            both,
        )
        .beside(place_of(theirs))
        .config(|config| config.main = AT_ADDRESS),
    ]
}

const AT_ADDRESS: &str = "url: 'http://{grafana}', authorization: {credentials: {token}}";
const HIDDEN: &str = "broken unreachable_from_grafana grafana grafana_query unclear";
const BLOCKED: &str = "degraded vantage_blocked direct dns promlink";

/// All of them.
pub fn rows() -> Vec<Row> {
    [the_server(), a_server_that_answers_after_all(), names_and_services()].concat()
}

fn the_server() -> Vec<Row> {
    let said = [
        served(
            "SERVFAIL for every name",
            D::ServFail,
            [
                "broken dns_server_failure direct dns dns",
                "blind dns_server_failure direct dns dns",
                BLOCKED,
                "broken dns_server_failure grafana grafana_query dns",
                "broken dns_server_failure direct dns dns",
            ],
        ),
        // Go has one word for both.
        served(
            "REFUSED for every name",
            D::Refused,
            [
                "broken dns_refused direct dns dns",
                "blind dns_refused direct dns dns",
                BLOCKED,
                "broken dns_server_failure grafana grafana_query dns",
                "broken dns_refused direct dns dns",
            ],
        ),
        served(
            "SERVFAIL with a SOA of serial 0 (CoreDNS without the API server)",
            D::Unsynchronised,
            [
                "broken dns_server_failure direct dns dns",
                "blind dns_server_failure direct dns dns",
                BLOCKED,
                "broken dns_server_failure grafana grafana_query dns",
                "broken dns_server_failure direct dns dns",
            ],
        ),
        served(
            "nothing listens at the port",
            D::PortClosed,
            [
                "broken dns_server_unreachable direct dns dns",
                "blind dns_server_unreachable direct dns dns",
                BLOCKED,
                "broken dns_server_unreachable grafana grafana_query dns",
                "broken dns_server_unreachable direct dns dns",
            ],
        ),
        served(
            "NXDOMAIN for every name",
            D::NxDomainAll,
            [
                "broken dns_wrong_cluster_domain direct dns prometheus",
                "blind dns_wrong_cluster_domain direct dns promlink",
                "degraded dns_wrong_cluster_domain direct dns promlink",
                "broken dns_no_such_name grafana grafana_query datasource",
                "broken dns_wrong_cluster_domain direct dns prometheus",
            ],
        ),
    ];
    // No position of ours makes garbage, but never reached it may be our own mistake.
    let garbage = served(
        "bytes that are no DNS message",
        D::GarbageBytes,
        [
            "broken dns_malformed direct dns prometheus",
            "blind dns_malformed direct dns promlink",
            "degraded dns_malformed direct dns promlink",
            "broken dns_malformed grafana grafana_query datasource",
            "broken dns_malformed direct dns prometheus",
        ],
    );
    let silent = [
        row(
            "silence: promlink's DNS server, a link without Grafana",
            [Turn::Dns(D::Silent)],
            SILENT[0],
        )
        .alone(),
        row("silence: promlink's DNS server, for both ends", [Turn::Dns(D::Silent)], SILENT[1])
            .beside("breaks dns_timeout grafana/dns"),
        row(
            "silence: promlink's DNS server, Grafana is at an address",
            [Turn::Dns(D::Silent)],
            BLOCKED,
        )
        .config(|config| config.main = AT_ADDRESS),
        row(SILENT_GRAFANA, [Turn::GrafanaDns(D::Silent)], SILENT[2])
            .config(|config| config.timeout = "4s"),
    ];
    let short = garbage.into_iter().chain(silent).map(|row| match row.name() {
        SILENT_GRAFANA => row,
        _ => row.short(),
    });
    said.into_iter().flatten().chain(short).collect()
}

const SILENT_GRAFANA: &str = "silence: Grafana's DNS server";
const SILENT: [&str; 3] = [
    "broken dns_timeout direct dns dns",
    "blind dns_timeout direct dns dns",
    "broken dns_timeout grafana grafana_query dns",
];

fn a_server_that_answers_after_all() -> Vec<Row> {
    let two = |row: Row| row.config(|config| config.dns = TWO);
    let note = |cause: &str| {
        format!("notes {cause} direct/dns dns_server; notes {cause} grafana/dns dns_server")
    };
    let dead = |what: &str, fault: D, cause: &str| {
        two(row(format!("{what}: one of two DNS servers"), [Turn::Dns(fault)], "working"))
            .beside(note(cause))
    };
    let slow = D::Slow(Duration::from_millis(300));
    vec![
        dead("nothing listens at the port", D::PortClosed, "dns_server_unreachable"),
        dead("silence", D::Silent, "dns_timeout"),
        // What it costs to wait for it makes no other one slow.
        two(row(
            "silence: one of two DNS servers, threshold 600 ms",
            [Turn::Dns(D::Silent)],
            "working",
        ))
        .config(|config| config.thresholds = "slow: 30s, dns_slow: 600ms")
        .beside(note("dns_timeout")),
        dead("SERVFAIL for every name", D::ServFail, "dns_server_failure"),
        dead("REFUSED for every name", D::Refused, "dns_refused"),
        dead("bytes that are no DNS message", D::GarbageBytes, "dns_malformed"),
        row(
            "truncated over UDP, and whole over TCP",
            [Turn::Dns(D::Truncate), Turn::GrafanaDns(D::Truncate)],
            "working",
        ),
        row("the first packet of each DNS question is lost", [LOSES], "working")
            .shows("direct/dns", "\"resends\":"),
        row(
            "the first packet of each DNS question is lost, threshold 200 ms",
            [LOSES],
            "degraded dns_slow direct dns dns",
        )
        .beside("degrades dns_slow grafana/dns")
        .says("resends")
        .config(|config| config.thresholds = "slow: 30s, dns_slow: 200ms"),
        row(
            "DNS answers after 300 ms, threshold 200 ms",
            [Turn::Dns(slow)],
            "degraded dns_slow direct dns dns",
        )
        .beside("degrades dns_slow grafana/dns")
        .config(|config| config.thresholds = "dns_slow: 200ms"),
    ]
}

const LOSES: Turn = Turn::Dns(D::LosesFirst);
pub const TWO: &str = "servers: ['{dns}', '{spare}'], search: [monitoring.svc.cluster.local, \
                   svc.cluster.local, cluster.local], ndots: 5";

fn names_and_services() -> Vec<Row> {
    let at = |what: &str, url: &'static str, told: &'static str| {
        row(what, [], told).config(|config| config.prometheus = url)
    };
    let named = |row: Row| row.beside(DIFFERS);
    let headless = |zone: &mut Zone| {
        let service = Service { headless: true, ..Service::default() };
        zone.services.insert(operated(), service);
    };
    vec![
        named(at(
            "promlink's URL has another cluster domain",
            "url: 'http://prometheus-k8s.monitoring.svc.cluster.example:{port}'",
            "degraded dns_wrong_cluster_domain direct dns promlink",
        )),
        lost("SERVFAIL", &D::ServFail, "prometheus.monitoring", NO_SERVICE),
        lost("REFUSED", &D::Refused, "prometheus.monitoring", NO_SERVICE),
        // Nobody has said that it does not exist.
        lost("SERVFAIL", &D::ServFail, "prometheus.example", BLOCKED),
        foreign("SERVFAIL", &D::ServFail),
        foreign("REFUSED", &D::Refused),
        foreign("no answer", &D::Silent).short(),
        // Nothing can be compared, and nothing else waits for it.
        row(
            "promlink's DNS has no answer for the name in the data source's URL",
            [
                Turn::Dns(D::Outside(&D::Silent)),
                Turn::GrafanaZone(outside),
                Turn::Url("http://prometheus.example.org:{port}"),
            ],
            "working",
        )
        .short(),
        named(at(
            "promlink's URL has a namespace that is not there",
            "url: 'http://prometheus-k8s.monitor.svc.cluster.local:{port}'",
            "degraded dns_no_such_namespace direct dns promlink",
        )),
        // It may as well be somebody's domain.
        named(at(
            "promlink's URL has a namespace that is not there, as `service.namespace`",
            "url: 'http://prometheus-k8s.monitor:{port}'",
            "degraded dns_no_such_name direct dns promlink",
        )),
        named(at(
            "promlink's URL has a Service that is not there",
            "url: 'http://prometheus.monitoring.svc.cluster.local:{port}'",
            "degraded dns_no_such_service direct dns promlink",
        )),
        named(at(
            "promlink's URL has a Service that is not there, as `service.namespace`",
            "url: 'http://prometheus.monitoring:{port}'",
            "degraded dns_no_such_service direct dns promlink",
        )),
        named(at(
            "promlink's URL has a name outside the cluster that nobody knows",
            "url: 'http://prometheus.example.org:{port}'",
            "degraded dns_no_such_name direct dns promlink",
        )),
        named(at(
            "promlink's URL has a namespace's own name, which has no address",
            "url: 'http://monitoring.svc.cluster.local:{port}'",
            "degraded dns_no_address direct dns promlink",
        )),
        at(
            "promlink's URL has a bare Service name",
            "url: 'http://prometheus-k8s:{port}'",
            "working",
        ),
        at(
            "promlink's URL has `service.namespace`",
            "url: 'http://prometheus-k8s.monitoring:{port}'",
            "working",
        ),
        at(
            "promlink's URL ends its name with a dot",
            "url: 'http://prometheus-k8s.monitoring.svc.cluster.local.:{port}'",
            "working",
        ),
        // Nothing listens at port 1, and the Service does not list it.
        row(
            "promlink's URL has a port that the Service does not list",
            [],
            "broken wrong_port direct tcp prometheus",
        )
        .config(|config| {
            config.prometheus = "url: 'http://prometheus-k8s.monitoring:1'";
        })
        .alone(),
        row("no pod is ready behind `prometheus-operated`: its name is gone", [], NOT_READY)
            .alone()
            .config(|config| {
                config.prometheus =
                    "url: 'http://prometheus-operated.monitoring.svc.cluster.local:{port}'";
            }),
        row(
            "no pod is ready behind `prometheus-operated`: its name has no address",
            [Turn::Zone(headless)],
            NOT_READY,
        )
        .alone()
        .config(|config| {
            config.prometheus =
                "url: 'http://prometheus-operated.monitoring.svc.cluster.local:{port}'";
        }),
        row(
            "the data source names a Service that is not there, and Prometheus is dead",
            [Turn::Both(F::Wire(W::PortClosed)), Turn::Url("http://prometheus.monitoring:{port}")],
            "broken dns_no_such_name grafana grafana_query prometheus",
        )
        .beside(
            "breaks no_ready_endpoints direct/tcp; notes datasource_url_differs grafana/datasource",
        ),
        row(
            "no route to Prometheus: for promlink and Grafana",
            [Turn::Zone(astray), Turn::GrafanaZone(astray)],
            ASTRAY,
        )
        .beside("breaks network_unreachable grafana/grafana_query"),
        row(
            "no route to Prometheus: for promlink only",
            [Turn::Zone(astray)],
            "degraded vantage_blocked direct tcp promlink",
        ),
        row(
            "no route to Prometheus: for Grafana only",
            [Turn::GrafanaZone(astray)],
            "broken network_unreachable grafana grafana_query network",
        ),
    ]
}

const NO_SERVICE: &str = "degraded dns_no_such_service direct dns promlink";

/// A name of two parts, which is asked for as it is written as well.
fn lost(said: &str, fault: &'static D, host: &str, told: &'static str) -> Row {
    let url: &'static str = format!("url: 'http://{host}:{{port}}'").leak();
    row(
        format!("promlink's URL has `{host}`, for which DNS outside the cluster has {said}"),
        [Turn::Dns(D::Outside(fault))],
        told,
    )
    .config(|config| config.prometheus = url)
}

/// Prometheus has a name outside the cluster as well.
fn outside(zone: &mut Zone) {
    let key = ("monitoring".to_owned(), "prometheus-k8s".to_owned());
    let address = zone.services[&key].addresses[0];
    zone.outside.insert("prometheus.example.org".to_owned(), address);
}

/// As in a cluster without a way out: its own names are served all the same.
fn foreign(said: &str, fault: &'static D) -> Row {
    row(
        format!("promlink's URL has another cluster domain, for which DNS has {said}"),
        [Turn::Dns(D::Outside(fault))],
        "degraded dns_wrong_cluster_domain direct dns promlink",
    )
    .config(|config| {
        config.prometheus = "url: 'http://prometheus-k8s.monitoring.svc.cluster.example:{port}'";
    })
}

const DIFFERS: &str = "notes datasource_url_differs grafana/datasource";
const NOT_READY: &str = "broken no_ready_endpoints direct dns prometheus";
const ASTRAY: &str = "broken network_unreachable direct tcp network";

fn operated() -> (String, String) {
    ("monitoring".to_owned(), "prometheus-operated".to_owned())
}

/// Prometheus' name leads to a broadcast address, to which the kernel has no route for a
/// connection.
fn astray(zone: &mut Zone) {
    let key = ("monitoring".to_owned(), "prometheus-k8s".to_owned());
    zone.services.get_mut(&key).unwrap().addresses = vec![Ipv4Addr::new(127, 255, 255, 255)];
}
