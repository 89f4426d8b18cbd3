//! What a firewall, a router or a data plane does to packets: real rules of the kernel, in a network
//! of the test's own.

use std::net::Ipv4Addr;

use promlink::demo::dns::Zone;
use promlink::demo::fault::Dns as D;

use super::ground::Turn;
use super::row::{Row, row};

/// One rejection of packets to Prometheus in four places: a link without Grafana, promlink only,
/// Grafana only, both; each is `cause` at the usual place.
macro_rules! rejected {
    ($with:literal, $cause:literal, $alone:literal, $here:literal, $there:literal, $both:literal) => {{
        let direct = Turn::Packets(concat!("input {to_direct} ", $with));
        let behind = Turn::Packets(concat!("input {to_behind} ", $with));
        let at = |place: &str| format!("packets to Prometheus meet `{}`: {place}", $with);
        [
            row(at("a link without Grafana"), [direct], $alone).alone(),
            row(at("promlink's"), [direct], $here),
            row(at("Grafana's"), [behind], $there),
            row(at("all"), [direct, behind], $both).beside(concat!(
                "breaks ",
                $cause,
                " grafana/grafana_query"
            )),
        ]
    }};
}

/// All of it; proven inside only.
pub fn rows() -> Vec<Row> {
    [rejections(), drops(), routes(), dns()].concat()
}

fn rejections() -> Vec<Row> {
    let said_by_a_router = [
        rejected!(
            "reject with icmp type host-unreachable",
            "host_unreachable",
            "broken host_unreachable direct tcp network",
            "degraded vantage_blocked direct tcp promlink",
            "broken host_unreachable grafana grafana_query network",
            "broken host_unreachable direct tcp network"
        ),
        rejected!(
            "reject with icmp type admin-prohibited",
            "host_unreachable",
            "broken host_unreachable direct tcp network",
            "degraded vantage_blocked direct tcp promlink",
            "broken host_unreachable grafana grafana_query network",
            "broken host_unreachable direct tcp network"
        ),
        rejected!(
            "reject with icmp type net-unreachable",
            "network_unreachable",
            "broken network_unreachable direct tcp network",
            "degraded vantage_blocked direct tcp promlink",
            "broken network_unreachable grafana grafana_query network",
            "broken network_unreachable direct tcp network"
        ),
        // As kube-proxy does for a Service without endpoints.
        rejected!(
            "reject with icmp type port-unreachable",
            "connection_refused",
            "broken no_ready_endpoints direct tcp prometheus",
            "degraded no_ready_endpoints direct tcp promlink",
            "broken connection_refused grafana grafana_query datasource",
            "broken no_ready_endpoints direct tcp prometheus"
        ),
        rejected!(
            "reject with tcp reset",
            "connection_refused",
            "broken no_ready_endpoints direct tcp prometheus",
            "degraded no_ready_endpoints direct tcp promlink",
            "broken connection_refused grafana grafana_query datasource",
            "broken no_ready_endpoints direct tcp prometheus"
        ),
    ];
    let to_grafana = |with: &str, rule: &'static str, told: &'static str| {
        row(format!("promlink's packets to Grafana meet `{with}`"), [Turn::Packets(rule)], told)
    };
    let mut rows: Vec<Row> = said_by_a_router.into_iter().flatten().collect();
    rows.extend([
        to_grafana(
            "reject with icmp type host-unreachable",
            "input {to_grafana} reject with icmp type host-unreachable",
            "blind host_unreachable grafana tcp network",
        ),
        to_grafana(
            "reject with icmp type port-unreachable",
            "input {to_grafana} reject with icmp type port-unreachable",
            "broken no_ready_endpoints grafana tcp grafana",
        ),
        row(
            "packets meet `prot-unreachable`",
            [Turn::Packets("input {to_direct} reject with icmp type prot-unreachable")],
            "broken host_unreachable direct tcp network",
        )
        .alone(),
    ]);
    rows
}

fn drops() -> Vec<Row> {
    let dropped = "degraded vantage_blocked direct tcp promlink";
    vec![
        row(
            "packets to Prometheus are dropped on the way: a link without Grafana",
            [Turn::Packets("input {to_direct} drop")],
            "broken connection_timeout direct tcp network",
        )
        .alone()
        .short(),
        row(
            "a port that the Service does not list, whose packets are dropped",
            [Turn::Packets("input tcp dport 9 drop")],
            "broken wrong_port direct tcp prometheus",
        )
        .alone()
        .config(|config| {
            config.prometheus = "url: 'http://prometheus-k8s.monitoring.svc.cluster.local:9'";
        })
        .short(),
        row("promlink's packets are dropped", [Turn::Packets("input {to_direct} drop")], dropped)
            .short(),
        row(
            "promlink's packets are dropped before they leave",
            [Turn::Packets("output {to_direct} drop")],
            dropped,
        )
        .short(),
        row(
            "Grafana's packets are dropped",
            [Turn::Packets("input {to_behind} drop")],
            "broken connection_timeout grafana grafana_query network",
        ),
        row(
            "packets to Grafana are dropped, none else",
            [Turn::Packets("input {to_grafana} drop")],
            "blind connection_timeout grafana tcp network",
        )
        .short(),
        row(
            "packets of all to Prometheus are dropped",
            [Turn::Packets("input {to_direct} drop"), Turn::Packets("input {to_behind} drop")],
            "broken connection_timeout direct tcp network",
        )
        .beside("breaks connection_timeout grafana/grafana_query"),
        row(
            "promlink's packets to both ends are dropped on the way",
            [Turn::Packets("input {to_direct} drop"), Turn::Packets("input {to_grafana} drop")],
            "blind vantage_blocked direct tcp promlink",
        )
        .beside("breaks connection_timeout grafana/tcp")
        .short(),
        row(
            "the answer is dropped, the connection is not",
            [Turn::Packets("input {to_direct} tcp flags & (syn | psh) == psh drop")],
            "broken no_response direct query prometheus",
        )
        .alone()
        .short(),
    ]
}

/// Prometheus' name leads to an address whose route is none.
fn routes() -> Vec<Row> {
    fn lead(zone: &mut Zone, last: u8) {
        let key = ("monitoring".to_owned(), "prometheus-k8s".to_owned());
        zone.services.get_mut(&key).unwrap().addresses = vec![Ipv4Addr::new(192, 0, 2, last)];
    }
    let (prohibited, unreachable, black_hole) = (
        Turn::Zone(|zone| lead(zone, 1)),
        Turn::Zone(|zone| lead(zone, 2)),
        Turn::Zone(|zone| lead(zone, 3)),
    );
    let behind = Turn::GrafanaZone(|zone| lead(zone, 1));
    vec![
        row(
            "the system forbids connections to Prometheus: a link without Grafana",
            [prohibited],
            "broken connection_denied direct tcp network",
        )
        .alone(),
        row(
            "the system forbids promlink's connections",
            [prohibited],
            "degraded vantage_blocked direct tcp promlink",
        ),
        row(
            "the system forbids Grafana's connections",
            [behind],
            "broken connection_denied grafana grafana_query network",
        ),
        row(
            "a route says that the host is unreachable",
            [unreachable],
            "broken host_unreachable direct tcp network",
        )
        .alone(),
        row(
            "a route is a black hole",
            [black_hole],
            "broken network_unreachable direct tcp network",
        )
        .alone(),
    ]
}

fn dns() -> Vec<Row> {
    let two = |row: Row| row.config(|config| config.dns = super::dns::TWO);
    let noted = |row: Row, cause: &str| {
        two(row).beside(format!(
            "notes {cause} direct/dns dns_server; notes {cause} grafana/dns dns_server"
        ))
    };
    let truncated = Turn::Dns(D::Truncate);
    vec![
        row(
            "DNS by UDP is dropped",
            [Turn::Packets("input {to_dns} drop")],
            "broken dns_timeout direct dns dns",
        )
        .alone()
        .short(),
        row(
            "DNS by UDP is rejected, as for a kube-dns without pods",
            [Turn::Packets("input {to_dns} reject")],
            "broken dns_server_unreachable direct dns dns",
        )
        .alone(),
        row(
            "DNS by UDP is prohibited on the way",
            [Turn::Packets("input {to_dns} reject with icmp type admin-prohibited")],
            "broken dns_server_unreachable direct dns dns",
        )
        .alone(),
        row(
            "the system forbids DNS by UDP",
            [Turn::Packets("output {to_dns} drop")],
            "broken dns_server_unreachable direct dns dns",
        )
        .alone(),
        row(
            "a truncated answer, and DNS by TCP is dropped",
            [truncated, Turn::Packets("input {to_dns_tcp} drop")],
            "broken dns_timeout direct dns dns",
        )
        .alone()
        .short(),
        row(
            "a truncated answer, and DNS by TCP is rejected",
            [truncated, Turn::Packets("input {to_dns_tcp} reject")],
            "broken dns_server_unreachable direct dns dns",
        )
        .alone(),
        noted(
            row(
                "one DNS server of two is rejected",
                [Turn::Packets("input {to_dns} reject")],
                "working",
            ),
            "dns_server_unreachable",
        ),
        noted(
            row(
                "one DNS server of two is dropped",
                [Turn::Packets("input {to_dns} drop")],
                "working",
            ),
            "dns_timeout",
        ),
        two(row(
            "one DNS server of two is rejected, the other one dropped",
            [Turn::Packets("input {to_dns} reject"), Turn::Packets("input {to_spare} drop")],
            "broken dns_timeout direct dns dns",
        )
        .alone()
        .config(|config| config.timeout = "4s")),
        row(
            "Grafana's DNS is dropped",
            [Turn::Packets("input {to_grafana_dns} drop")],
            "broken dns_timeout grafana grafana_query dns",
        ),
        row(
            "Grafana's DNS is rejected",
            [Turn::Packets("input {to_grafana_dns} reject")],
            "broken dns_server_unreachable grafana grafana_query dns",
        ),
    ]
}
