//! What is wrong with the data source: where it leads, how it signs in, what it is.

use promlink::demo::fault::{Prometheus as F, Wire as W};

use super::ground::Turn;
use super::row::{Row, prove, row};
use super::well::V9;

/// The data source's URL, in three places: with Grafana 13, with 9.3, and with a dead Prometheus.
fn leads(url: &'static str, told: [&'static str; 3], beside: [&'static str; 3]) -> Vec<Row> {
    let [told, told_9, dead] = told;
    let [beside, beside_9, beside_dead] = beside;
    let turn = Turn::Url(url);
    let name = |place: &str| format!("the data source's URL is '{url}'{place}");
    vec![
        row(name(""), [turn], told).beside(beside),
        row(name(", 9.3"), [V9, turn], told_9).beside(beside_9),
        row(name(", Prometheus dead"), [turn, Turn::Direct(CLOSED)], dead).beside(beside_dead),
    ]
}

/// One that panels get data by: notes at the most.
fn works(url: &'static str, note: &'static str) -> Vec<Row> {
    let dead = "degraded no_ready_endpoints direct tcp promlink";
    leads(url, ["working", "working", dead], [note; 3])
}

const CLOSED: F = F::Wire(W::PortClosed);
const DEAD: &str = "broken no_ready_endpoints direct tcp prometheus";
const DIFFERS: &str = "broken datasource_url_differs grafana datasource datasource";
const LOCALHOST: &str = "broken datasource_url_localhost grafana datasource datasource";
const HIDDEN: &str = "breaks unreachable_from_grafana grafana/grafana_query";

#[tokio::test]
async fn where_it_leads() {
    let rows = [
        works("{prometheus}/", ""),
        works("http://prometheus-k8s.monitoring.svc:{port}", ""),
        works("http://prometheus-k8s.monitoring:{port}", ""),
        works("http://user:secret@prometheus-k8s.monitoring:{port}", ""),
        // A loopback address that is Grafana's own host and Prometheus' as well.
        works("http://{address}:{port}", "notes datasource_url_localhost grafana/datasource"),
        leads(
            "http://localhost:{port}",
            [LOCALHOST, LOCALHOST, DEAD],
            [
                "breaks connection_refused grafana/grafana_query",
                HIDDEN,
                "notes datasource_url_localhost grafana/datasource; breaks connection_refused \
             grafana/grafana_query",
            ],
        ),
        leads(
            "http://prometheus-old.monitoring.svc:{port}",
            [DIFFERS, DIFFERS, "broken dns_no_such_name grafana grafana_query prometheus"],
            [
                "breaks dns_no_such_name grafana/grafana_query",
                HIDDEN,
                "breaks no_ready_endpoints direct/tcp; notes datasource_url_differs \
                 grafana/datasource",
            ],
        ),
        leads(
            "http://prometheus-k8s.monitoring.svc:1",
            [DIFFERS, DIFFERS, DEAD],
            [
                "breaks connection_refused grafana/grafana_query",
                HIDDEN,
                "notes datasource_url_differs grafana/datasource; breaks connection_refused \
             grafana/grafana_query",
            ],
        ),
        leads(
            "https://prometheus-k8s.monitoring.svc:{port}",
            [DIFFERS, DIFFERS, "broken tls_not_spoken grafana grafana_query prometheus"],
            [
                "breaks tls_not_spoken grafana/grafana_query",
                HIDDEN,
                "breaks no_ready_endpoints direct/tcp; notes datasource_url_differs \
                 grafana/datasource",
            ],
        ),
        // With an HTTP answer, the answer's own cause stays.
        leads(
            "{prometheus}/prometheus",
            [
                "broken wrong_path_prefix grafana grafana_query datasource",
                "broken wrong_path_prefix grafana grafana_query datasource",
                "broken wrong_path_prefix grafana grafana_query prometheus",
            ],
            ["", "", "breaks no_ready_endpoints direct/tcp"],
        ),
        leads(
            "",
            ["broken datasource_url_empty grafana datasource datasource"; 3],
            ["", "", "breaks no_ready_endpoints direct/tcp"],
        ),
        leads(
            "prometheus:9090",
            ["broken datasource_url_invalid grafana datasource datasource"; 3],
            ["", "", "breaks no_ready_endpoints direct/tcp"],
        ),
    ];
    prove(rows.into_iter().flatten()).await;
}

#[tokio::test]
async fn what_it_is() {
    let missing = "blind datasource_not_found grafana datasource datasource";
    let different = "degraded different_prometheus grafana agreement datasource";
    let by = |row: Row, reference: &'static str| row.config(|config| config.grafana = reference);
    let each = |name: &str, turn: Turn, told: &'static str| {
        [row(name, [turn], told), row(format!("{name}, 9.3"), [V9, turn], told)]
    };
    let rows = [
        each(
            "browser access",
            Turn::Datasource(|datasource| "direct".clone_into(&mut datasource.access)),
            "broken datasource_access_direct grafana datasource datasource",
        ),
        each(
            "another type",
            Turn::Datasource(|datasource| "loki".clone_into(&mut datasource.kind)),
            "broken datasource_wrong_type grafana datasource datasource",
        ),
        each("a vendor's Prometheus", AMAZON, "working"),
        each("found by name", UID, "working")
            .map(|row| by(row, "name: main, datasource: {name: Prometheus}")),
        each("the default", UID, "working").map(|row| by(row, "name: main, datasource: default")),
        each("no default", Turn::Datasource(|datasource| datasource.is_default = false), missing)
            .map(|row| by(row, "name: main, datasource: default")),
        each("nobody of that name", UID, missing)
            .map(|row| by(row, "name: main, datasource: {name: Thanos}")),
        each(
            "another Prometheus",
            Turn::ServeBehind(|setup| "other".clone_into(&mut setup.name)),
            different,
        ),
        each("more targets, those of the other among them", MORE, "working"),
        [
            row("answers that differ", [TEN, OTHERS], DIFFER),
            row("answers that differ, 9.3", [V9, TEN, OTHERS], DIFFER),
        ],
        each(
            "wrong stored credentials",
            PASSWORD,
            "broken unauthorized grafana grafana_query datasource",
        )
        .map(|row| row.config(|config| config.prometheus = SIGNED_IN).beside(DRIFT)),
        [
            row("the users' own login", [FORWARDS, Turn::Behind(F::Unauthorized)], LOGIN),
            row("the users' own login, 9.3", [V9, FORWARDS, Turn::Behind(F::Unauthorized)], LOGIN),
        ],
        [
            row("the users' own login, forbidden", [FORWARDS, Turn::Behind(F::Forbidden)], LOGIN),
            row("the users' own login is not needed", [FORWARDS], "working"),
        ],
    ];
    prove(rows.into_iter().flatten()).await;
}

const AMAZON: Turn = Turn::Datasource(|datasource| {
    "grafana-amazonprometheus-datasource".clone_into(&mut datasource.kind);
});
/// A uid like those that Grafana makes, with what 9.3 cannot take off a path.
const UID: Turn = Turn::Datasource(|datasource| "P1809-F7".clone_into(&mut datasource.uid));
const MORE: Turn = Turn::ServeBehind(|setup| setup.targets = 12);
const TEN: Turn = Turn::Serve(|setup| setup.targets = 10);
/// Eight of those ten, and six more.
const OTHERS: Turn = Turn::ServeBehind(|setup| (setup.first, setup.targets) = (2, 14));
const DIFFER: &str = "degraded answers_differ grafana agreement datasource";
const PASSWORD: Turn = Turn::Serve(|setup| setup.authorization = Some("Bearer secret".to_owned()));
const DRIFT: &str = "notes datasource_drift grafana/datasource auth";
const SIGNED_IN: &str = "url: '{prometheus}', authorization: {credentials: secret}";
const FORWARDS: Turn =
    Turn::Datasource(|datasource| datasource.json_data["oauthPassThru"] = true.into());
const LOGIN: &str = "blind datasource_needs_user_login grafana grafana_query datasource";
