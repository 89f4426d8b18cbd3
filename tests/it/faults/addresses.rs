//! Names with several addresses, and hosts that need no DNS or are written oddly.

use std::time::Duration;

use promlink::demo::dns::{Service, Zone};
use promlink::demo::fault::{Dns as D, Prometheus as F, Wire as W};

use super::front::Tls;
use super::ground::{Config, End, Ground, Turn};
use super::row::{Row, check, line, row};
use super::story::{self, Story};
use super::well::V9;

/// All of it in one cycle.
pub fn rows() -> Vec<Row> {
    [every_replica(), replicas_of_grafana(), a_proxy_on_the_way(), grafana_s_proxy(), odd_hosts()]
        .concat()
}

/// A link that checks every address behind the name.
fn each(name: &'static str, given: impl Into<Vec<Turn>>, told: &'static str) -> Row {
    row(name, given, told).config(|config| config.link = "    all_addresses: true")
}

fn every_replica() -> Vec<Row> {
    let others = Turn::ServeBehind(|setup| setup.name = "another".to_owned());
    vec![
        each("two replicas", [Turn::Replicas(2)], "working"),
        each(
            "nothing listens at one replica of three",
            [Turn::Replicas(3)],
            "degraded connection_refused direct tcp prometheus",
        )
        .says(".9:"),
        each(
            "one replica of two starts",
            [Turn::Replicas(2), Turn::Direct(F::Starting)],
            "degraded starting direct query prometheus",
        ),
        each(
            "one replica of two has old data",
            [Turn::Replicas(2), Turn::Direct(F::Stale(Duration::from_secs(200)))],
            "degraded data_stale direct freshness prometheus",
        ),
        each(
            "one replica of two is frozen",
            [Turn::Replicas(2), Turn::Direct(F::Wire(W::Frozen))],
            "degraded no_response direct query prometheus",
        )
        .short(),
        each(
            "two replicas scrape different targets",
            [Turn::Replicas(2), others],
            "degraded replicas_disagree direct query prometheus",
        )
        .alone(),
        each(
            "no replica of two listens",
            [Turn::Replicas(2), Turn::Both(F::Wire(W::PortClosed))],
            "broken connection_refused direct tcp prometheus",
        )
        .beside(
            "degrades connection_refused direct/tcp replica; \
             breaks connection_refused grafana/grafana_query",
        ),
        row(
            "nothing listens at one replica of two, no series are expected, and one asserts",
            [Turn::Replicas(2), Turn::Direct(F::Wire(W::PortClosed))],
            "degraded connection_refused direct tcp prometheus",
        )
        .alone()
        .check("direct/assertions", "passed")
        .config(|config| {
            config.link = "    all_addresses: true\n    expect_series: false\n    \
                           assertions: {targets: count(up)}";
        }),
        row(
            "the first of three addresses listens, and one is enough",
            [Turn::Replicas(3)],
            "working",
        ),
        row(
            "the first of two addresses is closed, and one is enough",
            [Turn::Replicas(2), Turn::Direct(F::Wire(W::PortClosed))],
            "working",
        ),
    ]
}

/// Grafana has two pods, and nothing listens at the second one.
fn with_a_dead_pod(zone: &mut Zone) {
    let key = ("monitoring".to_owned(), "grafana".to_owned());
    let service = zone.services.get_mut(&key).unwrap();
    let [a, b, c, _] = service.addresses[0].octets();
    (service.headless, service.addresses) =
        (true, vec![service.addresses[0], std::net::Ipv4Addr::new(a, b, c, 9)]);
}

/// The same, the other way round.
fn with_a_dead_pod_first(zone: &mut Zone) {
    with_a_dead_pod(zone);
    zone.services
        .get_mut(&("monitoring".to_owned(), "grafana".to_owned()))
        .unwrap()
        .addresses
        .reverse();
}

/// Another pod of Grafana, the first one, has a socket that listens and never answers.
fn with_a_frozen_pod_first(zone: &mut Zone) {
    let key = ("monitoring".to_owned(), "grafana".to_owned());
    let service = zone.services.get_mut(&key).unwrap();
    let [a, b, c, _] = service.addresses[0].octets();
    service.headless = true;
    service.addresses.insert(0, std::net::Ipv4Addr::new(a, b, c, 8));
}

/// It must not take the time in which the others would have answered.
#[tokio::test]
async fn a_silent_grafana_hides_no_other_one() {
    let ground = Ground::build().await;
    let (mut frozen, port) = ([0; 4], ground.grafana.address().port());
    if let std::net::IpAddr::V4(ip) = ground.grafana.address().ip() {
        frozen = ip.octets();
    }
    frozen[3] = 8;
    let _listens = std::net::TcpListener::bind((std::net::Ipv4Addr::from(frozen), port)).unwrap();
    ground.turns(&[Turn::Zone(with_a_frozen_pod_first)]).await;
    let link = check(&ground.yaml(&Config {
        timeout: "900ms",
        main: "url: '{main}', all_addresses: true, authorization: {credentials: {token}}",
        ..Config::default()
    }))
    .await;
    let told = line(&link);
    assert_eq!(told, "degraded no_response grafana grafana_health grafana", "{link:#}");
}

fn replicas_of_grafana() -> Vec<Row> {
    let each = |name, given: &[Turn], told| {
        row(name, given, told).config(|config| {
            config.main =
                "url: '{main}', all_addresses: true, authorization: {credentials: {token}}";
        })
    };
    let dead = "degraded connection_refused grafana grafana_health grafana";
    let frozen = Turn::Grafana(promlink::demo::fault::Grafana::DatabaseDown);
    vec![
        each("one Grafana of one, each of which is visited", &[], "working"),
        each("nothing listens at one Grafana of two", &[Turn::Zone(with_a_dead_pod)], dead)
            .says(".9:"),
        each(
            "nothing listens at the first Grafana of two",
            &[Turn::Zone(with_a_dead_pod_first)],
            dead,
        ),
        row(
            "nothing listens at one Grafana of two, and one is enough",
            [Turn::Zone(with_a_dead_pod)],
            "working",
        ),
        each(
            "one Grafana of two has no database, and nothing listens at the other one",
            &[Turn::Zone(with_a_dead_pod), frozen],
            "broken grafana_database_down grafana grafana_health grafana",
        )
        .beside("degrades connection_refused grafana/grafana_health replica"),
    ]
}

#[tokio::test]
async fn a_closed_port_has_likely_causes_and_no_certain_one() {
    let config = Config { prometheus: "url: 'http://localhost:1'", ..Config::default() };
    let link = check(&Ground::build().await.yaml(&config)).await;
    let likely = &link["checks"][1]["evidence"]["likely_causes"];
    assert!(likely[0].as_str().unwrap().starts_with("the process is down"), "{likely}");
    assert!(
        !likely.to_string().contains("Service"),
        "no Service is in front of localhost: {likely}"
    );
}

/// Names that are there no more.
pub fn stories() -> Vec<Story> {
    let gone = Turn::Zone(|zone| {
        zone.services.values_mut().for_each(|service| service.addresses.clear());
    });
    let deleted = Turn::Zone(|zone| zone.services.clear());
    let alone = |config: &mut Config| config.grafana = "";
    vec![
        story::story("the last pod of a headless Service is gone", [Turn::Replicas(2)])
            .config(alone)
            .tells("working")
            .then([gone])
            .tells("broken no_ready_endpoints direct dns prometheus"),
        story::story("a Service with an address of its own is deleted", [])
            .config(alone)
            .tells("working")
            .then([deleted])
            .tells("broken dns_no_such_service direct dns prometheus"),
        // Its domain is no mistake: it was served.
        story::story("the DNS of another cluster fails", [Turn::Zone(another_cluster)])
            .config(|config| {
                alone(config);
                config.prometheus =
                    "url: 'http://prometheus-k8s.monitoring.svc.cluster.example:{port}'";
            })
            .tells("working")
            .then([Turn::Dns(D::Outside(&D::ServFail))])
            .tells("broken dns_server_failure direct dns dns"),
    ]
}

/// This one's DNS passes names of the other one on.
fn another_cluster(zone: &mut Zone) {
    let key = ("monitoring".to_owned(), "prometheus-k8s".to_owned());
    let address = zone.services[&key].addresses[0];
    let name = "prometheus-k8s.monitoring.svc.cluster.example";
    zone.outside.insert(name.to_owned(), address);
}

fn a_proxy_on_the_way() -> Vec<Row> {
    let by = |name: &'static str, keys: &'static str, told: &'static str| {
        row(name, [], told).alone().config(|config| config.prometheus = keys)
    };
    let unreachable = "broken proxy_unreachable direct tcp network";
    vec![
        by(
            "nothing listens at the proxy",
            "url: '{prometheus}', proxy_url: 'http://127.0.0.1:1'",
            unreachable,
        ),
        by(
            "nothing listens at the proxy, on the way to TLS",
            "url: 'https://prometheus.example.org', proxy_url: 'http://127.0.0.1:1'",
            unreachable,
        ),
        // A Prometheus is no proxy, and says so to CONNECT.
        by(
            "the proxy refuses a tunnel",
            "url: 'https://prometheus.example.org', proxy_url: 'http://{direct}'",
            "broken proxy_refused direct tcp network",
        ),
        by(
            "nothing listens at the proxy, and this host needs none",
            "url: '{prometheus}', proxy_url: 'http://127.0.0.1:1', no_proxy: '.cluster.local'",
            "working",
        ),
    ]
    .into_iter()
    .chain(a_proxy_that_refuses())
    .collect()
}

/// A tunnel is refused where it is dug; without one, the proxy answers in Prometheus' place.
fn a_proxy_that_refuses() -> Vec<Row> {
    const TUNNEL: &str = "url: 'https://prometheus.example.org', proxy_url: 'http://{front}'";
    const PLAIN: &str = "url: '{prometheus}', proxy_url: 'http://{front}'";
    let by = |what: &str, proxy: Tls, told: [&'static str; 2]| {
        let one = |place: &str, keys: &'static str, told: &'static str| {
            let row = row(format!("{what}{place}"), [Turn::Front(End::Direct, proxy)], told);
            row.alone().config(|config| config.prometheus = keys)
        };
        [one(", on the way to TLS", TUNNEL, told[0]), one("", PLAIN, told[1])]
    };
    let refused = [
        "broken proxy_refused direct tcp network",
        "broken forward_proxy_answered direct query network",
    ];
    let rows = [
        by("the proxy wants a login", Tls::WantsLogin, refused),
        by("the proxy has a rule against it", Tls::Forbids, refused),
        by("the proxy cannot connect", Tls::CannotConnect, refused),
        by(
            "the proxy says nothing",
            Tls::Silent,
            [
                "broken proxy_unreachable direct tcp network",
                "broken no_response direct query prometheus",
            ],
        )
        .map(Row::short),
    ];
    rows.into_iter().flatten().collect()
}

/// `HTTP_PROXY` in Grafana's environment, and no exception for names of the cluster.
fn grafana_s_proxy() -> Vec<Row> {
    const SECURE: Turn = Turn::Url("https://secure.monitoring.svc.cluster.local:{front_port}");
    let by = |what: &str, proxy: Tls, told: &'static str| {
        let given = [Turn::Front(End::Direct, proxy), Turn::GrafanaProxy("{front}")];
        row(format!("Grafana's proxy {what}"), given, told)
    };
    let digs = |what: &str, proxy: Tls| {
        let given = [Turn::Front(End::Direct, proxy), Turn::GrafanaProxy("{front}"), SECURE];
        let told = "broken proxy_refused grafana grafana_query network";
        row(format!("Grafana's proxy {what}, on the way to TLS"), given, told).through_grafana()
    };
    let answered = "broken forward_proxy_answered grafana grafana_query network";
    let unreachable = "broken proxy_unreachable grafana grafana_query network";
    let hidden = "broken unreachable_from_grafana grafana grafana_query unclear";
    let closed = [Turn::GrafanaProxy("127.0.0.1:1")];
    vec![
        row("nothing listens at Grafana's proxy", closed, unreachable),
        row(
            "nothing listens at Grafana's proxy: Grafana 9.3",
            [&[V9], &closed[..]].concat(),
            hidden,
        ),
        by("wants a login", Tls::WantsLogin, answered),
        by("has a rule against it", Tls::Forbids, answered),
        by("cannot connect", Tls::CannotConnect, answered),
        digs("wants a login", Tls::WantsLogin),
        digs("has a rule against it", Tls::Forbids),
        digs("cannot connect", Tls::CannotConnect),
    ]
}

fn odd_hosts() -> Vec<Row> {
    let at = |url: &'static str, turns: &[Turn]| {
        let shown = url.replace("{direct}", "ADDRESS:PORT").replace("{port}", "PORT");
        let shown = shown.trim_start_matches("url: ").trim_matches('\'').to_owned();
        row(format!("healthy at `{shown}`"), turns, "working")
            .alone()
            .config(|config| config.prometheus = url)
    };
    let external = |zone: &mut Zone| {
        let to = |name: &str| Service { external: Some(name.to_owned()), ..Service::default() };
        let key = |name: &str| ("monitoring".to_owned(), name.to_owned());
        let inner = "prometheus-k8s.monitoring.svc.cluster.local";
        zone.services.insert(key("external"), to("further.monitoring.svc.cluster.local"));
        zone.services.insert(key("further"), to(inner));
    };
    let dead = |zone: &mut Zone| {
        let service = Service { external: Some("gone.example.org".into()), ..Service::default() };
        zone.services.insert(("monitoring".to_owned(), "external".to_owned()), service);
    };
    vec![
        // Without DNS: the server is dead.
        at("url: 'http://{direct}'", &[Turn::Dns(D::PortClosed)]),
        at("url: 'http://PROMETHEUS-K8S.Monitoring.svc:{port}'", &[]),
        at("url: 'http://external.monitoring:{port}'", &[Turn::Zone(external)]),
        at(
            "url: 'http://external.monitoring.svc:{port}'",
            &[Turn::Zone(external), Turn::Dns(D::Truncate)],
        ),
        // Go takes it for an empty answer, and every libc does.
        row(
            "an alias comes without its address, which DNS has",
            [Turn::Zone(external), Turn::Dns(D::BareAlias)],
            "broken dns_no_address direct dns prometheus",
        )
        .alone()
        .config(|config| {
            config.prometheus = "url: 'http://external.monitoring.svc.cluster.local:{port}'";
        }),
        row(
            "an alias leads nowhere",
            [Turn::Zone(dead)],
            "broken dns_no_such_name direct dns prometheus",
        )
        .alone()
        .config(|config| {
            config.prometheus = "url: 'http://external.monitoring.svc.cluster.local:{port}'";
        }),
        row(
            "nothing listens at localhost",
            [Turn::Dns(D::PortClosed)],
            "broken connection_refused direct tcp prometheus",
        )
        .alone()
        .config(|config| config.prometheus = "url: 'http://localhost:1'"),
        row(
            "nothing listens at an IPv6 address",
            [Turn::Dns(D::PortClosed)],
            "broken connection_refused direct tcp prometheus",
        )
        .alone()
        .config(|config| config.prometheus = "url: 'http://[::1]:1'"),
    ]
}
