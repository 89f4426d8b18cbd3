//! What is wrong with Grafana itself, or with our way and our rights there.

use promlink::demo::fault::{Dns as D, Grafana as G, Prometheus as F, Wire as W};

use super::ground::{End, Turn};
use super::row::{Row, place_of, row};
use super::well::V9;

/// One fault in five places: where promlink reads Prometheus, and where that is dead, each of
/// Grafana 13 and 9.3; and in a link without a direct path.
fn met(what: &str, fault: G, alive: &'static str, dead: &'static str) -> Vec<Row> {
    let name = |place: &str| format!("{what}: {place}");
    let turn = Turn::Grafana(fault);
    let beside = if dead == DEAD { place_of(alive) } else { place_of(DEAD) };
    let and_dead = Turn::Both(CLOSED);
    vec![
        row(name("promlink reads Prometheus"), [turn], alive),
        row(name("Grafana 9.3, promlink reads Prometheus"), [V9, turn], alive),
        row(name("Prometheus is dead as well"), [turn, and_dead], dead).beside(beside.clone()),
        row(name("Grafana 9.3, Prometheus is dead as well"), [V9, turn, and_dead], dead)
            .beside(beside),
        row(name("a link without a direct path"), [turn], alive).through_grafana(),
    ]
}

/// Grafana's fault is what people suffer, whatever promlink sees of Prometheus.
fn breaks(what: &str, fault: impl Into<G>, told: &'static str) -> Vec<Row> {
    met(what, fault.into(), told, told)
}

/// Grafana does not let us see; then promlink's own eyes decide.
fn blinds(what: &str, fault: impl Into<G>, told: &'static str) -> Vec<Row> {
    met(what, fault.into(), told, DEAD)
}

const CLOSED: F = F::Wire(W::PortClosed);
const DEAD: &str = "broken no_ready_endpoints direct tcp prometheus";

/// All of them.
pub fn rows() -> Vec<Row> {
    [
        grafana_fails(),
        grafana_does_not_let_us_see(),
        packets_are_dropped(),
        what_does_not_break_a_link(),
        the_sentence_shows_what_grafana_says(),
    ]
    .concat()
}

fn grafana_fails() -> Vec<Row> {
    let rows = [
        breaks(
            "Grafana's database is down",
            G::DatabaseDown,
            "broken grafana_database_down grafana grafana_health grafana",
        ),
        breaks(
            "Grafana Cloud wakes a paused Grafana",
            G::Starting,
            "broken grafana_starting grafana grafana_health grafana",
        ),
        breaks(
            "502 from a gateway in front of Grafana",
            G::Gateway502,
            "broken gateway_error grafana grafana_health grafana",
        ),
        breaks(
            "Grafana answers everything that wants a token with 500",
            G::ServerError,
            "broken grafana_server_error grafana auth grafana",
        ),
        breaks(
            "Grafana's Prometheus plugin is gone",
            G::PluginNotRegistered,
            "broken plugin_not_registered grafana grafana_query grafana",
        ),
        breaks(
            "Grafana's Prometheus plugin does not run",
            G::PluginUnavailable,
            "broken plugin_unavailable grafana grafana_query grafana",
        ),
        breaks(
            "nothing listens at Grafana's port",
            W::PortClosed,
            "broken no_ready_endpoints grafana tcp grafana",
        ),
        breaks(
            "Grafana closes the connection without an answer",
            W::HalfClosed,
            "broken connection_closed grafana grafana_health grafana",
        ),
        breaks(
            "Grafana resets the connection after the request",
            W::ResetAfterRequest,
            "broken connection_reset grafana grafana_health grafana",
        ),
    ];
    let hanging = "broken no_response grafana grafana_health grafana";
    let hanging = [
        breaks("Grafana accepts connections and nothing answers", W::Frozen, hanging),
        breaks("Grafana's answer never ends", W::EndlessBody(100_000), hanging),
    ];
    let refused = "broken connection_refused grafana tcp grafana";
    let refused = row(
        "nothing listens at Grafana's port: it is given as an address",
        [Turn::Grafana(G::Wire(W::PortClosed))],
        refused,
    )
    .config(|config| {
        config.main = "url: 'http://{grafana}', authorization: {credentials: {token}}"
    });
    let hanging = hanging.into_iter().flatten().map(Row::short);
    rows.into_iter().flatten().chain(hanging).chain([refused]).collect()
}

fn grafana_does_not_let_us_see() -> Vec<Row> {
    let rows = [
        blinds(
            "Grafana does not know promlink's token",
            G::TokenRejected,
            "blind token_rejected grafana auth credentials",
        ),
        blinds(
            "promlink's token was revoked",
            G::TokenRevoked,
            "blind token_rejected grafana auth credentials",
        ),
        blinds(
            "promlink's token has expired",
            G::TokenExpired,
            "blind token_expired grafana auth credentials",
        ),
        blinds(
            "promlink's token may not query data sources",
            G::PermissionMissing,
            "blind permission_missing grafana auth credentials",
        ),
        blinds(
            "a login proxy in front of Grafana",
            G::LoginRedirect,
            "blind grafana_login_redirect grafana grafana_health credentials",
        ),
        blinds(
            "something else listens in Grafana's place",
            G::NotGrafana,
            "blind not_grafana grafana grafana_health promlink",
        ),
        blinds(
            "bytes that are no HTTP in Grafana's place",
            W::Garbage,
            "blind not_grafana grafana grafana_health promlink",
        ),
        blinds(
            "Grafana's answer ends in its middle",
            W::CutBody,
            "blind answer_malformed grafana grafana_health promlink",
        ),
        blinds(
            "the data source is not there",
            G::DatasourceMissing,
            "blind datasource_not_found grafana datasource datasource",
        ),
    ];
    let main = |name: &'static str, main: &'static str, told: &'static str| {
        [
            row(name, [], told).config(|config| config.main = main),
            row(
                format!("{name}: Grafana 9.3, Prometheus is dead as well"),
                [V9, Turn::Both(CLOSED)],
                DEAD,
            )
            .beside(place_of(told))
            .config(|config| config.main = main),
        ]
    };
    let ours = [
        main(
            "promlink has no token",
            "url: '{main}'",
            "blind token_missing grafana auth credentials",
        ),
        main(
            "promlink's token file is not there",
            "url: '{main}', authorization: {credentials_file: /nonexistent/token}",
            "blind token_missing grafana auth credentials",
        ),
        main(
            "a token that Grafana does not know",
            "url: '{main}', authorization: {credentials: glsa_other}",
            "blind token_rejected grafana auth credentials",
        ),
        main(
            "a token of another organisation than `org_id`",
            "url: '{main}', org_id: 2, authorization: {credentials: {token}}",
            "blind wrong_organisation grafana auth credentials",
        ),
        main(
            "promlink's URL of Grafana has a prefix that is not there",
            "url: '{main}/grafana', authorization: {credentials: {token}}",
            "blind wrong_path_prefix grafana grafana_health promlink",
        ),
    ];
    rows.into_iter().flatten().chain(ours.into_iter().flatten()).collect()
}

fn packets_are_dropped() -> Vec<Row> {
    let silent = "broken no_response grafana grafana_query unclear";
    let dropped = |ends: &[End]| ends.iter().copied().map(Turn::Drop).collect::<Vec<_>>();
    let (prometheus, grafana) = (dropped(&[End::Direct]), dropped(&[End::Grafana]));
    let from_grafana = dropped(&[End::Behind]);
    let blocked = "degraded vantage_blocked direct tcp promlink";
    let blind = "blind connection_timeout grafana tcp network";
    Vec::from(
        [
            row("promlink's packets to Prometheus are dropped", prometheus.clone(), blocked),
            row(
                "promlink's packets to Prometheus are dropped: a link without Grafana",
                prometheus,
                "broken connection_timeout direct tcp network",
            )
            .alone(),
            row("promlink's packets to Grafana are dropped", grafana.clone(), blind),
            row(
                "promlink's packets to Grafana are dropped: a link without a direct path",
                grafana.clone(),
                blind,
            )
            .through_grafana(),
            row(
                "promlink's packets to Grafana are dropped: Prometheus is dead as well",
                [grafana, vec![Turn::Direct(CLOSED)]].concat(),
                DEAD,
            )
            .beside(place_of(blind)),
            row(
                "promlink's packets to both ends are dropped",
                dropped(&[End::Direct, End::Grafana]),
                "blind vantage_blocked direct tcp promlink",
            )
            .beside(place_of(blind)),
            row("Grafana's packets to Prometheus are dropped", from_grafana.clone(), silent),
            row(
                "Grafana's packets to Prometheus are dropped: Grafana 9.3",
                [&[V9], &from_grafana[..]].concat(),
                silent,
            ),
            row(
                "Grafana's packets to Prometheus are dropped: a link without a direct path",
                from_grafana,
                silent,
            )
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
}

fn what_does_not_break_a_link() -> Vec<Row> {
    let slow = "degraded slow grafana grafana_query unclear";
    vec![
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
        row(
            "Grafana's health check of the data source is red, and queries work",
            [Turn::Grafana(G::HealthRed)],
            "working",
        )
        .beside("notes unreachable_from_grafana grafana/datasource_health"),
        row(
            "Grafana's data proxy refuses promlink, and queries work",
            [Turn::Grafana(G::ProxyDenied)],
            "working",
        ),
        row(
            "Grafana's data proxy refuses promlink, and Prometheus replays its log",
            [Turn::Grafana(G::ProxyDenied), Turn::Behind(F::Starting)],
            "broken starting grafana grafana_query prometheus",
        ),
        row(
            "a query hangs in Grafana, and its data proxy answers",
            [Turn::Grafana(G::QueryHangs)],
            slow,
        )
        .short(),
        row(
            "a query hangs in Grafana, and so does its data proxy",
            [Turn::Grafana(G::QueryHangs), Turn::Behind(F::Wire(W::Frozen))],
            "broken no_response grafana grafana_query unclear",
        )
        .short(),
        row(
            "a query hangs in Grafana, and its data proxy meets a Prometheus that starts",
            [Turn::Grafana(G::QueryHangs), Turn::Behind(F::Starting)],
            "broken starting grafana grafana_query prometheus",
        )
        .short(),
    ]
}

/// What tells most must not be cut off.
fn the_sentence_shows_what_grafana_says() -> Vec<Row> {
    let refused = "broken connection_refused grafana grafana_query datasource";
    let no_name = "broken dns_no_such_name grafana grafana_query datasource";
    let org = "url: '{main}', org_id: 2, authorization: {credentials: {token}}";
    vec![
        row("the sentence quotes Grafana: refused", [Turn::Behind(CLOSED)], refused)
            .says("connect: connection refused"),
        row(
            "the sentence quotes Grafana: no such name",
            [Turn::GrafanaDns(D::NxDomainAll)],
            no_name,
        )
        .says("lookup prometheus-k8s.monitoring.svc.cluster.local"),
        row(
            "the sentence names the permission that is missing",
            [Turn::Grafana(G::PermissionMissing)],
            BARRED,
        )
        .says("permission datasources:query"),
        row(
            "the sentence names both organisations",
            [],
            "blind wrong_organisation grafana auth credentials",
        )
        .config(|config| config.main = org)
        .says("1 (Main Org.)"),
        row(
            "the sentence shows both URLs",
            [Turn::Url("http://prometheus-old.monitoring:{port}")],
            ELSEWHERE,
        )
        .beside(place_of(no_name))
        .says("answers: http://prometheus-old.monitoring"),
    ]
}

const BARRED: &str = "blind permission_missing grafana auth credentials";
const ELSEWHERE: &str = "broken datasource_url_differs grafana datasource datasource";
