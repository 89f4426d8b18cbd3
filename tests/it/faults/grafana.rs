//! What is wrong with Grafana itself, or with our way and our rights there.

use promlink::demo::fault::{Dns as D, Grafana as G, Prometheus as F, Wire as W};

use super::ground::{End, Turn};
use super::row::{Row, place_of, prove, row};
use super::well::V9;

/// One fault in five places: where promlink reads Prometheus, and where that is dead, each of
/// Grafana 13 and 9.3; and in a link without a direct path.
fn met(fault: G, alive: &'static str, dead: &'static str) -> Vec<Row> {
    let name = |place: &str| format!("{fault:?} {place}");
    let turn = Turn::Grafana(fault);
    let beside = if dead == DEAD { place_of(alive) } else { place_of(DEAD) };
    let and_dead = Turn::Both(CLOSED);
    vec![
        row(name("while promlink reads Prometheus"), [turn], alive),
        row(name("of 9.3 while promlink reads Prometheus"), [V9, turn], alive),
        row(name("while Prometheus is dead"), [turn, and_dead], dead).beside(beside.clone()),
        row(name("of 9.3 while Prometheus is dead"), [V9, turn, and_dead], dead).beside(beside),
        row(name("in a link without a direct path"), [turn], alive).through_grafana(),
    ]
}

/// Grafana's fault is what people suffer, whatever promlink sees of Prometheus.
fn breaks(fault: impl Into<G>, told: &'static str) -> Vec<Row> {
    met(fault.into(), told, told)
}

/// Grafana does not let us see; then promlink's own eyes decide.
fn blinds(fault: impl Into<G>, told: &'static str) -> Vec<Row> {
    met(fault.into(), told, DEAD)
}

const CLOSED: F = F::Wire(W::PortClosed);
const DEAD: &str = "broken no_ready_endpoints direct tcp prometheus";

#[tokio::test]
async fn grafana_fails() {
    let rows = [
        breaks(G::DatabaseDown, "broken grafana_database_down grafana grafana_health grafana"),
        breaks(G::Starting, "broken grafana_starting grafana grafana_health grafana"),
        breaks(G::Gateway502, "broken gateway_error grafana grafana_health grafana"),
        breaks(G::ServerError, "broken grafana_server_error grafana auth grafana"),
        breaks(
            G::PluginNotRegistered,
            "broken plugin_not_registered grafana grafana_query grafana",
        ),
        breaks(G::PluginUnavailable, "broken plugin_unavailable grafana grafana_query grafana"),
        breaks(W::PortClosed, "broken no_ready_endpoints grafana tcp grafana"),
        breaks(W::HalfClosed, "broken connection_closed grafana grafana_health grafana"),
        breaks(W::ResetAfterRequest, "broken connection_reset grafana grafana_health grafana"),
    ];
    let hanging = "broken no_response grafana grafana_health grafana";
    let hanging = [breaks(W::Frozen, hanging), breaks(W::EndlessBody(100_000), hanging)];
    let refused = "broken connection_refused grafana tcp grafana";
    let refused =
        row("Grafana at an address refuses", [Turn::Grafana(G::Wire(W::PortClosed))], refused)
            .config(|config| {
                config.main = "url: 'http://{grafana}', authorization: {credentials: {token}}"
            });
    let hanging = hanging.into_iter().flatten().map(Row::short);
    prove(rows.into_iter().flatten().chain(hanging).chain([refused])).await;
}

#[tokio::test]
async fn grafana_does_not_let_us_see() {
    let rows = [
        blinds(G::TokenRejected, "blind token_rejected grafana auth credentials"),
        blinds(G::TokenRevoked, "blind token_rejected grafana auth credentials"),
        blinds(G::TokenExpired, "blind token_expired grafana auth credentials"),
        blinds(G::PermissionMissing, "blind permission_missing grafana auth credentials"),
        blinds(G::LoginRedirect, "blind grafana_login_redirect grafana grafana_health credentials"),
        blinds(G::NotGrafana, "blind not_grafana grafana grafana_health promlink"),
        blinds(W::Garbage, "blind not_grafana grafana grafana_health promlink"),
        blinds(W::CutBody, "blind answer_malformed grafana grafana_health promlink"),
        blinds(G::DatasourceMissing, "blind datasource_not_found grafana datasource datasource"),
    ];
    let main = |name: &'static str, main: &'static str, told: &'static str| {
        [
            row(name, [], told).config(|config| config.main = main),
            row(format!("{name}, 9.3, Prometheus dead"), [V9, Turn::Both(CLOSED)], DEAD)
                .beside(place_of(told))
                .config(|config| config.main = main),
        ]
    };
    let ours = [
        main("no token", "url: '{main}'", "blind token_missing grafana auth credentials"),
        main(
            "no token file",
            "url: '{main}', authorization: {credentials_file: /nonexistent/token}",
            "blind token_missing grafana auth credentials",
        ),
        main(
            "another's token",
            "url: '{main}', authorization: {credentials: glsa_other}",
            "blind token_rejected grafana auth credentials",
        ),
        main(
            "another organisation's token",
            "url: '{main}', org_id: 2, authorization: {credentials: {token}}",
            "blind wrong_organisation grafana auth credentials",
        ),
        main(
            "a prefix that Grafana does not have",
            "url: '{main}/grafana', authorization: {credentials: {token}}",
            "blind wrong_path_prefix grafana grafana_health promlink",
        ),
    ];
    prove(rows.into_iter().flatten().chain(ours.into_iter().flatten())).await;
}

#[tokio::test]
async fn packets_are_dropped() {
    let silent = "broken no_response grafana grafana_query unclear";
    let dropped = |ends: &[End]| ends.iter().copied().map(Turn::Drop).collect::<Vec<_>>();
    let (prometheus, grafana) = (dropped(&[End::Direct]), dropped(&[End::Grafana]));
    let from_grafana = dropped(&[End::Behind]);
    let blocked = "degraded vantage_blocked direct tcp promlink";
    let blind = "blind connection_timeout grafana tcp network";
    prove(
        [
            row("packets to Prometheus are dropped", prometheus.clone(), blocked),
            row(
                "packets to Prometheus are dropped, without Grafana",
                prometheus,
                "broken connection_timeout direct tcp network",
            )
            .alone(),
            row("packets to Grafana are dropped", grafana.clone(), blind),
            row("packets to Grafana are dropped, without a direct path", grafana.clone(), blind)
                .through_grafana(),
            row(
                "packets to Grafana are dropped, Prometheus is dead",
                [grafana, vec![Turn::Direct(CLOSED)]].concat(),
                DEAD,
            )
            .beside(place_of(blind)),
            row(
                "packets to both ends are dropped",
                dropped(&[End::Direct, End::Grafana]),
                "blind vantage_blocked direct tcp promlink",
            )
            .beside(place_of(blind)),
            row("Grafana's packets are dropped", from_grafana.clone(), silent),
            row("Grafana's packets are dropped, 9.3", [&[V9], &from_grafana[..]].concat(), silent),
            row("Grafana's packets are dropped, without a direct path", from_grafana, silent)
                .through_grafana(),
            row(
                "all packets to Prometheus are dropped",
                dropped(&[End::Direct, End::Behind]),
                silent,
            )
            .beside("breaks connection_timeout direct/tcp"),
        ]
        .map(Row::short),
    )
    .await;
}

#[tokio::test]
async fn what_does_not_break_a_link() {
    let slow = "degraded slow grafana grafana_query datasource";
    prove([
        row("a red health check beside a good query", [Turn::Grafana(G::HealthRed)], "working")
            .beside("notes unreachable_from_grafana grafana/datasource_health"),
        row(
            "a firewall bars the organisation's description",
            [Turn::Grafana(G::Barred("/api/org"))],
            "degraded not_grafana grafana auth grafana",
        ),
        row(
            "a firewall bars the data source's description",
            [Turn::Grafana(G::Barred("/api/datasources/uid"))],
            "degraded not_grafana grafana datasource grafana",
        )
        .check("grafana/grafana_query", "passed"),
        row(
            "a firewall bars the organisation's description, and Prometheus starts",
            [Turn::Grafana(G::Barred("/api/org")), Turn::Both(F::Starting)],
            "broken starting direct query prometheus",
        )
        .beside("breaks not_grafana grafana/auth; breaks starting grafana/grafana_query"),
        row("the data proxy refuses", [Turn::Grafana(G::ProxyDenied)], "working"),
        row(
            "the data proxy refuses while Prometheus starts",
            [Turn::Grafana(G::ProxyDenied), Turn::Behind(F::Starting)],
            "broken starting grafana grafana_query prometheus",
        ),
        row("a query hangs, and the data proxy answers", [Turn::Grafana(G::QueryHangs)], slow)
            .short(),
        row(
            "a query hangs, and so does the data proxy",
            [Turn::Grafana(G::QueryHangs), Turn::Behind(F::Wire(W::Frozen))],
            "broken no_response grafana grafana_query unclear",
        )
        .short(),
        row(
            "a query hangs, and the data proxy is refused",
            [Turn::Grafana(G::QueryHangs), Turn::Behind(F::Starting)],
            "broken starting grafana grafana_query prometheus",
        )
        .short(),
    ])
    .await;
}

/// What tells most must not be cut off.
#[tokio::test]
async fn the_sentence_shows_what_grafana_says() {
    let refused = "broken connection_refused grafana grafana_query datasource";
    let no_name = "broken dns_no_such_name grafana grafana_query datasource";
    let org = "url: '{main}', org_id: 2, authorization: {credentials: {token}}";
    prove([
        row("refused", [Turn::Behind(CLOSED)], refused).says("connect: connection refused"),
        row("no name", [Turn::GrafanaDns(D::NxDomainAll)], no_name)
            .says("lookup prometheus-k8s.monitoring.svc.cluster.local"),
        row("a permission", [Turn::Grafana(G::PermissionMissing)], BARRED)
            .says("permission datasources:query"),
        row("an organisation", [], "blind wrong_organisation grafana auth credentials")
            .config(|config| config.main = org)
            .says("1 (Main Org.)"),
        row("a URL", [Turn::Url("http://prometheus-old.monitoring:{port}")], ELSEWHERE)
            .beside(place_of(no_name))
            .says("data source: http://prometheus-old.monitoring"),
    ])
    .await;
}

const BARRED: &str = "blind permission_missing grafana auth credentials";
const ELSEWHERE: &str = "broken datasource_url_differs grafana datasource datasource";
