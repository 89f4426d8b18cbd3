//! What is wrong with the data source: where it leads, how it signs in, what it is.

use promlink::demo::fault::{Grafana as G, Prometheus as F, Wire as W};
use promlink::demo::grafana::Datasource;

use super::ground::Turn;
use super::row::{Row, row};
use super::well::V9;

/// The data source's URL, in three places: with Grafana 13, with 9.3, and with a dead Prometheus.
fn leads(url: &'static str, told: [&'static str; 3], beside: [&'static str; 3]) -> Vec<Row> {
    let [told, told_9, dead] = told;
    let [beside, beside_9, beside_dead] = beside;
    let turn = Turn::Url(url);
    let name = |place: &str| format!("the data source's URL is `{}`{place}", said(url));
    vec![
        row(name(""), [turn], told).beside(beside),
        row(name(": Grafana 9.3"), [V9, turn], told_9).beside(beside_9),
        row(name(": Prometheus is dead as well"), [turn, Turn::Direct(CLOSED)], dead)
            .beside(beside_dead),
    ]
}

/// As a person would write it.
fn said(url: &str) -> String {
    let right = "http://prometheus-k8s.monitoring.svc.cluster.local:9090";
    let names = [("{prometheus}", right), ("{port}", "9090"), ("{address}", "10.0.0.7")];
    names.iter().fold(url.to_owned(), |url, (name, value)| url.replace(name, value))
}

/// One that panels get data by: notes at the most.
fn works(url: &'static str, note: &'static str) -> Vec<Row> {
    let dead = "degraded no_ready_endpoints direct tcp promlink";
    leads(url, ["working", "working", dead], [note; 3])
}

const PATH: &str = "notes datasource_drift grafana/datasource path";
const CLOSED: F = F::Wire(W::PortClosed);
const DEAD: &str = "broken no_ready_endpoints direct tcp prometheus";
const DIFFERS: &str = "broken datasource_url_differs grafana datasource datasource";
const LOCALHOST: &str = "broken datasource_url_localhost grafana datasource datasource";
const HIDDEN: &str = "breaks unreachable_from_grafana grafana/grafana_query";

/// All of them.
pub fn rows() -> Vec<Row> {
    [where_it_leads(), what_it_is(), what_depends_on_who_asks(), how_it_is_set(), in_the_list()]
        .concat()
}

/// Settings that cannot do what they look like; panels may get data all the same.
fn how_it_is_set() -> Vec<Row> {
    type Change = fn(&mut Datasource);
    const INVALID: &str = "notes datasource_settings_invalid grafana/datasource";
    const DRIFT: &str = "notes datasource_drift grafana/datasource";
    let rows: [(&str, Change, &[&str]); 12] = [
        (
            "basic auth, and no password is stored",
            |d| d.basic_auth = true,
            &["invalid password", "drift auth"],
        ),
        (
            "basic auth with its password",
            |d| (d.basic_auth, d.secrets) = (true, serde_json::json!({"basicAuthPassword": "x"})),
            &["drift auth"],
        ),
        (
            "a header without a value",
            |d| d.json_data["httpHeaderName1"] = "X-Scope-OrgID".into(),
            &["invalid header", "drift header"],
        ),
        (
            "a CA of its own that is not stored",
            |d| d.json_data["tlsAuthWithCACert"] = true.into(),
            &["invalid certificate"],
        ),
        (
            "a client certificate without its key",
            |d| {
                d.json_data["tlsAuth"] = true.into();
                d.secrets["tlsClientCert"] = "x".into();
            },
            &["invalid certificate", "drift auth"],
        ),
        (
            "Amazon's way to sign in, in a core data source",
            |d| d.json_data["sigV4Auth"] = true.into(),
            &["invalid auth", "drift auth"],
        ),
        (
            "a query that may take longer than Grafana waits",
            |d| d.json_data["queryTimeout"] = "60s".into(),
            &["drift timeout"],
        ),
        (
            "a query that may take as long as Grafana waits",
            |d| {
                d.json_data["queryTimeout"] = "60s".into();
                d.json_data["timeout"] = 60.into();
            },
            &[],
        ),
        (
            "exemplars that lead nowhere",
            |d| {
                let to = serde_json::json!([{"name": "trace_id", "datasourceUid": "tempo"}]);
                d.json_data["exemplarTraceIdDestinations"] = to;
            },
            &["drift target"],
        ),
        (
            "exemplars that lead somewhere",
            |d| {
                let to = serde_json::json!([{"name": "trace_id", "datasourceUid": "prometheus"}]);
                d.json_data["exemplarTraceIdDestinations"] = to;
            },
            &[],
        ),
        (
            "alerts of an Alertmanager that is not there",
            |d| {
                d.json_data["manageAlerts"] = true.into();
                d.json_data["alertmanagerUid"] = "gone".into();
            },
            &["drift target"],
        ),
        (
            "a scrape interval far below the real one",
            |d| d.json_data["timeInterval"] = "10s".into(),
            &["drift interval"],
        ),
    ];
    let beside = |words: &[&str]| {
        let one = |word: &&str| match word.split_once(' ').unwrap() {
            ("invalid", subject) => format!("{INVALID} {subject}"),
            (_, subject) => format!("{DRIFT} {subject}"),
        };
        words.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let rows = rows.into_iter().map(|(what, change, words)| {
        // Grafana cannot even begin with a certificate that is half there.
        let told = if words.contains(&"invalid certificate") {
            "broken datasource_settings_invalid grafana grafana_query datasource"
        } else {
            "working"
        };
        row(format!("the data source has {what}"), [Turn::Datasource(change)], told)
            .beside(beside(words))
    });
    rows.collect()
}

/// What only the list of all data sources tells is a note, and must cost the query no time.
fn in_the_list() -> Vec<Row> {
    const HANGS: Turn = Turn::Grafana(G::Hangs("/api/datasources"));
    const EXEMPLARS: Turn = Turn::Datasource(|datasource| {
        let to = serde_json::json!([{"name": "trace_id", "datasourceUid": "tempo"}]);
        datasource.json_data["exemplarTraceIdDestinations"] = to;
    });
    const TWO_DEFAULTS: Turn = Turn::Setup(|setup| {
        let uid = "tempo".to_owned();
        setup.datasources.push(Datasource { uid, ..setup.datasources[0].clone() });
    });
    let hangs = |name: &str, turns: &[Turn]| {
        let name = format!("the list of data sources hangs{name}");
        row(name, [turns, &[HANGS, EXEMPLARS]].concat(), "working")
            .check("grafana/datasource", "passed")
            .check("grafana/grafana_query", "passed")
            .short()
    };
    vec![
        hangs("", &[]),
        hangs(": Grafana 9.3", &[V9]),
        hangs(": a link without a direct path", &[]).through_grafana(),
        row("two data sources claim to be the default", [EXEMPLARS, TWO_DEFAULTS], "working")
            .beside("notes duplicate_default grafana/datasource default"),
    ]
}

fn where_it_leads() -> Vec<Row> {
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
            [
                PATH,
                PATH,
                "breaks no_ready_endpoints direct/tcp; notes datasource_drift grafana/datasource path",
            ],
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
    rows.into_iter().flatten().collect()
}

fn what_it_is() -> Vec<Row> {
    let missing = "blind datasource_not_found grafana datasource datasource";
    let different = "degraded different_prometheus grafana agreement datasource";
    let by = |row: Row, reference: &'static str| row.config(|config| config.grafana = reference);
    let each = |name: &str, turn: Turn, told: &'static str| {
        [row(name, [turn], told), row(format!("{name}: Grafana 9.3"), [V9, turn], told)]
    };
    let rows = [
        each(
            "the data source has browser access",
            Turn::Datasource(|datasource| "direct".clone_into(&mut datasource.access)),
            "broken datasource_access_direct grafana datasource datasource",
        ),
        each(
            "the data source is of another type (Loki)",
            Turn::Datasource(|datasource| "loki".clone_into(&mut datasource.kind)),
            "broken datasource_wrong_type grafana datasource datasource",
        ),
        each("the data source is a vendor's Prometheus (Amazon)", AMAZON, "working"),
        each("the data source is configured by its name", UID, "working")
            .map(|row| by(row, "name: main, datasource: {name: Prometheus}")),
        each("the data source is configured as the default one", UID, "working")
            .map(|row| by(row, "name: main, datasource: default")),
        each(
            "no data source is the default one, which is configured",
            Turn::Setup(|setup| {
                setup.datasources[0].is_default = false;
                let uid = "other".to_owned();
                setup.datasources.push(Datasource { uid, ..setup.datasources[0].clone() });
            }),
            missing,
        )
        .map(|row| by(row, "name: main, datasource: default")),
        each(
            "no data source is the default one, of two",
            Turn::Setup(|setup| {
                setup.datasources[0].is_default = false;
                let uid = "other".to_owned();
                setup.datasources.push(Datasource { uid, ..setup.datasources[0].clone() });
            }),
            "working",
        )
        .map(|row| row.beside("notes datasource_drift grafana/datasource default")),
        each(
            "no data source is the default one, and one is the only Prometheus",
            Turn::Datasource(|datasource| datasource.is_default = false),
            "working",
        )
        .map(|row| by(row, "name: main, datasource: default")),
        each("no data source has the configured name", UID, missing)
            .map(|row| by(row, "name: main, datasource: {name: Thanos}")),
        each(
            "the data source leads to another Prometheus",
            Turn::ServeBehind(|setup| "other".clone_into(&mut setup.name)),
            different,
        ),
        each("Grafana's Prometheus has all of our targets, and more", MORE, "working"),
        [
            row("Grafana's Prometheus has eight of our ten targets", [TEN, OTHERS], DIFFER),
            row(
                "Grafana's Prometheus has eight of our ten targets: Grafana 9.3",
                [V9, TEN, OTHERS],
                DIFFER,
            ),
        ],
        each(
            "the stored password is wrong",
            PASSWORD,
            "broken unauthorized grafana grafana_query datasource",
        )
        .map(|row| row.config(|config| config.prometheus = SIGNED_IN).beside(DRIFT)),
    ];
    rows.into_iter().flatten().collect()
}

/// People may be fine, and promlink cannot ask as one of them.
fn what_depends_on_who_asks() -> Vec<Row> {
    let ways = [("forwards the user's login", FORWARDS), ("has headers for each team", TEAMS)];
    let rows = ways.map(|(what, turn)| {
        let refused = |status: &str, more: &[Turn], fault: F| {
            let name = format!("{status} through a data source that {what}");
            let name = if more.is_empty() { name } else { format!("{name}: Grafana 9.3") };
            row(name, [more, &[turn, Turn::Behind(fault)]].concat(), LOGIN)
        };
        [
            refused("401", &[], F::Unauthorized),
            refused("401", &[V9], F::Unauthorized),
            refused("403", &[], F::Forbidden),
            row(format!("a data source {what}, and nobody needs it"), [turn], "working"),
        ]
    });
    rows.into_iter().flatten().collect()
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
const TEAMS: Turn = Turn::Datasource(|datasource| {
    let policy = serde_json::json!([{"header": "X-Prom-Label-Policy", "value": "1:{job=\"a\"}"}]);
    datasource.json_data["teamHttpHeaders"] = serde_json::json!({"headers": {"7": policy}});
});
const LOGIN: &str = "blind datasource_needs_user_login grafana grafana_query datasource";
