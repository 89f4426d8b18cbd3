//! What needs history: an end that was reached before, confirmation, recovery, and what stays.

use std::time::Duration;

use promlink::demo::fault::{Dns as D, Grafana as G, Prometheus as F, Wire as W};
use promlink::demo::grafana::Datasource;

use super::ground::{Config, End, Turn};
use super::story::{Story, after, story};
use super::well::V9;

const CLOSED: F = F::Wire(W::PortClosed);
const FROZEN: F = F::Wire(W::Frozen);

/// Something happens to a link that works, and is over again.
fn passes(
    name: &'static str,
    turns: impl Into<Vec<Turn>>,
    told: &'static str,
    over: impl Into<Vec<Turn>>,
) -> Story {
    after(name, turns).tells(told).then(over).tells("working").beside("").series(UP)
}

const UP: &str = "promlink_link_up{link=\"k8s\"} 1";
const DOWN: &str = "promlink_link_up{link=\"k8s\"} 0";
const NEITHER: &str = "!promlink_link_up{";

fn all_is_well() -> [Turn; 4] {
    [Turn::Both(F::None), Turn::Grafana(G::None), Turn::Dns(D::None), Turn::GrafanaDns(D::None)]
}

/// All of them, the longest first: they wait for their cycles side by side.
pub fn stories() -> Vec<Story> {
    [outliving_its_cycle(), broken_and_mended(), seen_from_here_only()].concat()
}

fn broken_and_mended() -> Vec<Story> {
    let prometheus = |name, fault, told| passes(name, [Turn::Both(fault)], told, all_is_well());
    let behind = |name, fault, told| passes(name, [Turn::Behind(fault)], told, all_is_well());
    let grafana = |name, fault: G, told| passes(name, [Turn::Grafana(fault)], told, all_is_well());
    vec![
        after("Prometheus dies", [Turn::Both(CLOSED)])
            .tells("broken no_ready_endpoints direct tcp prometheus")
            .beside("breaks connection_refused grafana/grafana_query")
            .series(DOWN)
            .series("promlink_path_success{link=\"k8s\",path=\"direct\"} 0")
            .series("promlink_path_success{link=\"k8s\",path=\"grafana\"} 0")
            .then(all_is_well())
            .tells("working")
            .series(UP),
        prometheus("Prometheus freezes", FROZEN, "broken no_response direct query prometheus"),
        prometheus(
            "Prometheus starts anew",
            F::Starting,
            "broken starting direct query prometheus",
        ),
        behind(
            "the stored password is wrong now",
            F::Unauthorized,
            "broken unauthorized grafana grafana_query datasource",
        ),
        passes(
            "every DNS server fails",
            [Turn::Dns(D::ServFail), Turn::GrafanaDns(D::ServFail)],
            "broken dns_server_failure direct dns dns",
            all_is_well(),
        ),
        passes(
            "the data source's URL drifts",
            [Turn::Url("http://prometheus-old.monitoring.svc:{port}")],
            "broken datasource_url_differs grafana datasource datasource",
            [Turn::Url("{prometheus}")],
        ),
        grafana(
            "the data source goes",
            G::DatasourceMissing,
            "broken datasource_not_found grafana datasource datasource",
        ),
        grafana(
            "Grafana's Prometheus plugin goes",
            G::PluginNotRegistered,
            "broken plugin_not_registered grafana grafana_query grafana",
        ),
        grafana(
            "Grafana dies",
            G::Wire(W::PortClosed),
            "broken no_ready_endpoints grafana tcp grafana",
        ),
        grafana(
            "Grafana freezes",
            G::Wire(W::Frozen),
            "broken no_response grafana grafana_health grafana",
        ),
        grafana(
            "Grafana's database goes",
            G::DatabaseDown,
            "broken grafana_database_down grafana grafana_health grafana",
        ),
        grafana(
            "something else listens in Grafana's place",
            G::NotGrafana,
            "broken not_grafana grafana grafana_health grafana",
        ),
        after("promlink's packets to Grafana begin to be dropped", [Turn::Drop(End::Grafana)])
            .tells("broken no_ready_endpoints grafana tcp grafana")
            .series("promlink_grafana_up{grafana=\"main\"} 0")
            .then([Turn::Pass(End::Grafana)])
            .tells("working"),
        after(
            "all packets to Prometheus begin to be dropped",
            [Turn::Drop(End::Direct), Turn::Drop(End::Behind)],
        )
        .tells("broken no_ready_endpoints direct tcp prometheus")
        .then([Turn::Pass(End::Direct), Turn::Pass(End::Behind)])
        .tells("working"),
    ]
}

fn seen_from_here_only() -> Vec<Story> {
    let at_address = |config: &mut Config| {
        config.prometheus = "url: 'http://{direct}'";
        // The address is a loopback one, which says nothing here.
        config.link = "    agreement: off";
    };
    let refused = "degraded connection_refused direct tcp promlink";
    vec![
        story(
            "promlink is refused by Prometheus from the start, and Grafana is not",
            [Turn::Direct(CLOSED)],
        )
        .config(at_address)
        .tells(refused)
        .series(UP)
        .series("promlink_path_success{link=\"k8s\",path=\"direct\"} 0")
        .series("promlink_path_success{link=\"k8s\",path=\"grafana\"} 1")
        .then(all_is_well())
        .tells("working"),
        passes(
            "promlink is refused by Prometheus, and Grafana is not",
            [Turn::Direct(CLOSED)],
            "degraded no_ready_endpoints direct tcp promlink",
            all_is_well(),
        ),
        story(
            "promlink's packets to Prometheus are dropped from the start",
            [Turn::Drop(End::Direct)],
        )
        .tells("degraded vantage_blocked direct tcp promlink")
        .series(UP)
        .series("!promlink_path_success{link=\"k8s\",path=\"direct\"}")
        .series("promlink_path_success{link=\"k8s\",path=\"grafana\"} 1"),
        story(
            "promlink's packets to Grafana are dropped from the start",
            [Turn::Drop(End::Grafana)],
        )
        .tells("blind connection_timeout grafana tcp network")
        .series(NEITHER)
        .series("!promlink_grafana_up{"),
        after(
            "promlink's packets to both ends begin to be dropped",
            [Turn::Drop(End::Direct), Turn::Drop(End::Grafana)],
        )
        .tells("blind vantage_blocked direct tcp promlink")
        .series(NEITHER)
        .series("!promlink_path_success{link=\"k8s\"")
        .series("!promlink_grafana_up{")
        .stays(3)
        .then([Turn::Pass(End::Direct), Turn::Pass(End::Grafana)])
        .tells("working"),
        passes(
            "promlink's DNS server falls silent",
            [Turn::Dns(D::Silent)],
            "degraded vantage_blocked direct dns promlink",
            all_is_well(),
        ),
        after("promlink's token is revoked", [Turn::Grafana(G::TokenRevoked)])
            .tells("blind token_rejected grafana auth credentials")
            .series(NEITHER)
            .then(all_is_well())
            .tells("working"),
        after(
            "promlink's token is revoked, and Prometheus dies",
            [Turn::Grafana(G::TokenRevoked), Turn::Both(CLOSED)],
        )
        .tells("broken no_ready_endpoints direct tcp prometheus")
        .beside("breaks token_rejected grafana/auth")
        // Prometheus is back, which is evidence; what Grafana sees is not known yet.
        .then([Turn::Both(F::None)])
        .tells("blind token_rejected grafana auth credentials")
        .series(NEITHER)
        .then(all_is_well())
        .tells("working"),
        after(
            "Grafana dies, and comes back without its tokens",
            [Turn::Grafana(G::Wire(W::PortClosed))],
        )
        .tells("broken no_ready_endpoints grafana tcp grafana")
        .series(DOWN)
        .then([Turn::Grafana(G::TokenRejected)])
        .tells("blind token_rejected grafana auth credentials")
        .series(NEITHER)
        .then(all_is_well())
        .tells("working"),
        story("a data source that was never there", [Turn::Grafana(G::DatasourceMissing)])
            .tells("blind datasource_not_found grafana datasource datasource")
            .then(all_is_well())
            .tells("working"),
        after(
            "Grafana is refused by Prometheus, and then promlink's token expires as well",
            [Turn::Behind(CLOSED)],
        )
        .tells("broken connection_refused grafana grafana_query datasource")
        .then([Turn::Grafana(G::TokenExpired)])
        .tells("broken connection_refused grafana grafana_query datasource")
        .beside("breaks token_expired grafana/auth")
        .cannot_check()
        .stays(3)
        .series(DOWN)
        .then(all_is_well())
        .tells("working"),
    ]
}

/// Two fifths of the usual timeout, as [`LATE`] is of 6 s.
fn scaled(config: &mut Config) {
    (config.interval, config.timeout) = ("4s", "2s");
    config.thresholds = "slow: 800ms";
}

const LATE: F = F::Wire(W::Slow(Duration::from_millis(2400)));

fn outliving_its_cycle() -> Vec<Story> {
    let late = "degraded no_response direct query prometheus";
    let again = "degraded intermittent direct query prometheus";
    let hangs = "broken no_response grafana grafana_query unclear";
    // Unless Grafana gives up before the confirming cycle has ended.
    let first = "?broken no_response grafana grafana_query unclear";
    let slow = "degraded slow grafana grafana_query unclear";
    vec![
        // Calls that hang give their slots back.
        story(
            "six links of one Grafana hang, and this one does not",
            [DEAD, DIRECT, Turn::Drop(End::Behind)],
        )
        .config(|config| config.link = SIX)
        .tells("working")
        .stays(5),
        // The call outlives each cycle, and its answer makes the confirming one a good one.
        story(
            "Prometheus always answers after 1.2 × the timeout, and so does Grafana",
            [Turn::Both(LATE)],
        )
        .config(scaled)
        .tells(late)
        .tells(again)
        .stays(3),
        story(
            "Prometheus always answers after 1.2 × the timeout, and so does Grafana 9.3",
            [V9, Turn::Both(LATE)],
        )
        .config(scaled)
        .tells(late)
        .tells(again)
        .stays(3),
        story("Grafana always answers after 1.2 × the timeout", [Turn::Behind(LATE)])
            .config(scaled)
            .tells(slow)
            .tells("degraded intermittent grafana grafana_query unclear"),
        after("Grafana's packets to Prometheus begin to be dropped", [Turn::Drop(End::Behind)])
            .tells(first)
            .tells("broken connection_timeout grafana grafana_query network")
            .stays(3)
            .then([Turn::Pass(End::Behind)])
            .tells("working"),
        story("Grafana 9.3's packets to Prometheus begin to be dropped", [V9])
            .tells("working")
            .then([Turn::Drop(End::Behind)])
            .tells(first)
            .tells("broken unreachable_from_grafana grafana grafana_query unclear")
            .stays(3)
            .then([Turn::Pass(End::Behind)])
            .tells("working"),
        after("a query hangs in Grafana", [Turn::Grafana(G::QueryHangs)])
            .tells(slow)
            .then([Turn::Behind(FROZEN)])
            .tells(hangs)
            .then([Turn::Behind(F::None)])
            .tells(slow)
            .then(all_is_well())
            .tells("working"),
    ]
}

/// Another data source where the first one was.
const DEAD: Turn = Turn::Setup(|setup| {
    let dead = Datasource { uid: "dead".to_owned(), ..setup.datasources[0].clone() };
    setup.datasources.push(dead);
});
const DIRECT: Turn = Turn::Url("http://{direct}");
const SIX: &str = "
  dead-1: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-2: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-3: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-4: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-5: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
  dead-6: {interval: 3s, timeout: 900ms, grafana: {name: main, datasource: {uid: dead}}}
";
