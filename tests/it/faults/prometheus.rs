//! What is wrong with Prometheus: met by promlink, by Grafana, or by both.

use std::time::Duration;

use promlink::demo::fault::{Prometheus as F, Wire as W};
use promlink::demo::prometheus::Version;

use super::ground::Turn;
use super::row::{Row, place_of, row};
use super::well::V9;

/// One fault in six places: a link without Grafana; where only promlink meets it; where only
/// Grafana does, 13 and 9.3; where both do, again with 13 and 9.3.
fn met(what: &str, fault: impl Into<F>, told: [&'static str; 6]) -> Vec<Row> {
    let fault: F = fault.into();
    let [alone, here, there, there_9, both, both_9] = told;
    let name = |place: &str| format!("{what}: {place}");
    // The other path's fault is always a finding.
    let other = |both: &str, there| place_of(if both.contains(" direct ") { there } else { alone });
    vec![
        row(name("a link without Grafana"), [Turn::Direct(fault)], alone).alone(),
        row(name("only promlink meets it"), [Turn::Direct(fault)], here),
        row(name("only Grafana 13 meets it"), [Turn::Behind(fault)], there),
        row(name("only Grafana 9.3 meets it"), [V9, Turn::Behind(fault)], there_9),
        row(name("promlink and Grafana 13 meet it"), [Turn::Both(fault)], both)
            .beside(other(both, there)),
        row(name("promlink and Grafana 9.3 meet it"), [V9, Turn::Both(fault)], both_9)
            .beside(other(both_9, there_9)),
    ]
}

/// The same where all six see one cause at its usual place; the sides are those of promlink alone,
/// of promlink where Grafana passes, and of Grafana where promlink passes.
fn plain(what: &str, fault: impl Into<F>, told: [&'static str; 3]) -> Vec<Row> {
    let [alone, here, there] = told;
    met(what, fault, [alone, here, there, there, alone, alone])
}

/// All of them.
pub fn rows() -> Vec<Row> {
    [
        prometheus_itself(),
        in_front_of_prometheus(),
        the_wire_to_prometheus(),
        what_does_not_break_a_link(),
        more_than_is_read(),
        many_series(),
    ]
    .concat()
}

fn prometheus_itself() -> Vec<Row> {
    let rows = [
        plain(
            "Prometheus replays its write-ahead log",
            F::Starting,
            [
                "broken starting direct query prometheus",
                "degraded starting direct query prometheus",
                "broken starting grafana grafana_query prometheus",
            ],
        ),
        plain(
            "Prometheus is shutting down",
            F::Stopping,
            [
                "broken stopping direct query prometheus",
                "degraded stopping direct query prometheus",
                "broken stopping grafana grafana_query prometheus",
            ],
        ),
        plain(
            "Prometheus runs in agent mode",
            F::AgentMode,
            [
                "broken agent_mode direct query prometheus",
                "degraded agent_mode direct query prometheus",
                "broken agent_mode grafana grafana_query datasource",
            ],
        ),
        plain(
            "every query runs out of Prometheus' own time",
            F::QueryTimeout,
            [
                "broken query_timeout direct query prometheus",
                "degraded query_timeout direct query prometheus",
                "broken query_timeout grafana grafana_query prometheus",
            ],
        ),
        plain(
            "Prometheus' disk is full",
            F::StorageFailing,
            [
                "broken storage_failing direct query prometheus",
                "degraded storage_failing direct query prometheus",
                "broken storage_failing grafana grafana_query prometheus",
            ],
        ),
        plain(
            "429 to every query",
            F::RateLimited,
            [
                "broken rate_limited direct query prometheus",
                "degraded rate_limited direct query prometheus",
                "broken rate_limited grafana grafana_query prometheus",
            ],
        ),
        plain(
            "Prometheus has no series at all",
            F::Empty,
            [
                "broken no_series direct query prometheus",
                "degraded answers_differ direct query prometheus",
                "broken no_series grafana grafana_query datasource",
            ],
        ),
        plain(
            "the newest sample is 200 s old",
            F::Stale(Duration::from_secs(200)),
            [
                "broken data_stale direct freshness prometheus",
                "degraded answers_differ direct freshness prometheus",
                "broken data_stale grafana grafana_query datasource",
            ],
        ),
        // An honest server looks back from the time that it is asked for, so Grafana never sees it.
        vec![
            row(
                "the newest sample is 200 s ahead of its own clock: a link without Grafana",
                [AHEAD],
                "broken answer_malformed direct freshness prometheus",
            )
            .alone(),
            row(
                "the newest sample is 200 s ahead of its own clock: only promlink meets it",
                [AHEAD],
                "degraded answer_malformed direct freshness prometheus",
            ),
        ],
        // Without a header to tell by, one that stops looks like one that starts.
        vec![
            row(
                "Prometheus 2 replays its write-ahead log",
                [OLD, Turn::Both(F::Starting)],
                STARTING,
            )
            .beside("breaks starting grafana/grafana_query"),
            row(
                "Prometheus 2 is shutting down, and says it as one that starts",
                [OLD, Turn::Both(F::Stopping)],
                STARTING,
            )
            .beside("breaks starting grafana/grafana_query"),
        ],
    ];
    rows.into_iter().flatten().collect()
}

const AHEAD: Turn = Turn::Direct(F::Ahead(Duration::from_secs(200)));
const OLD: Turn = Turn::Serve(|setup| setup.version = Version::V2);
const STARTING: &str = "broken starting direct query prometheus";

fn in_front_of_prometheus() -> Vec<Row> {
    let refused = [
        // Stored and own credentials are two; Grafana's are what panels need.
        met(
            "401 to these credentials",
            F::Unauthorized,
            [
                "broken unauthorized direct query credentials",
                "degraded unauthorized direct query credentials",
                "broken unauthorized grafana grafana_query datasource",
                "broken unauthorized grafana grafana_query datasource",
                "broken unauthorized grafana grafana_query datasource",
                "broken unauthorized grafana grafana_query datasource",
            ],
        ),
        met(
            "403 from a proxy in front of Prometheus",
            F::Forbidden,
            [
                "broken forbidden direct query credentials",
                "degraded forbidden direct query credentials",
                "broken forbidden grafana grafana_query datasource",
                "broken forbidden grafana grafana_query datasource",
                "broken forbidden grafana grafana_query datasource",
                "broken forbidden grafana grafana_query datasource",
            ],
        ),
        // 9.3 hands on that it was a 401, and not its text.
        met(
            "a multi-tenant server wants X-Scope-OrgID",
            F::TenantMissing,
            [
                "broken tenant_missing direct query credentials",
                "degraded tenant_missing direct query credentials",
                "broken tenant_missing grafana grafana_query datasource",
                "broken unauthorized grafana grafana_query datasource",
                "broken tenant_missing grafana grafana_query datasource",
                "broken unauthorized grafana grafana_query datasource",
            ],
        ),
        met(
            "a login page with 200",
            F::LoginPage,
            [
                "broken login_page direct query credentials",
                "degraded login_page direct query credentials",
                "broken login_page grafana grafana_query datasource",
                "broken login_page grafana grafana_query datasource",
                "broken login_page grafana grafana_query datasource",
                "broken login_page grafana grafana_query datasource",
            ],
        ),
        met(
            "a redirect to a login page",
            F::LoginRedirect,
            [
                "broken login_page direct query credentials",
                "degraded login_page direct query credentials",
                "broken login_page grafana grafana_query datasource",
                "broken login_page grafana grafana_query datasource",
                "broken login_page grafana grafana_query datasource",
                "broken login_page grafana grafana_query datasource",
            ],
        ),
    ];
    let wrong = [
        plain(
            "a redirect to another host",
            F::Redirect,
            [
                "broken redirected direct query prometheus",
                "degraded redirected direct query prometheus",
                "broken redirected grafana grafana_query datasource",
            ],
        ),
        plain(
            "404 for every path",
            F::WrongPrefix,
            [
                "broken wrong_path_prefix direct query prometheus",
                "degraded wrong_path_prefix direct query prometheus",
                "broken wrong_path_prefix grafana grafana_query datasource",
            ],
        ),
        plain(
            "405 to POST",
            F::GetOnly,
            [
                "broken method_not_allowed direct query prometheus",
                "degraded method_not_allowed direct query prometheus",
                "broken method_not_allowed grafana grafana_query datasource",
            ],
        ),
        plain(
            "a web page that is no Prometheus",
            F::Html,
            [
                "broken not_prometheus direct query prometheus",
                "degraded not_prometheus direct query prometheus",
                "broken not_prometheus grafana grafana_query datasource",
            ],
        ),
        plain(
            "an exporter where Prometheus should be",
            F::Exporter,
            [
                "broken exporter_not_prometheus direct query prometheus",
                "degraded exporter_not_prometheus direct query prometheus",
                "broken exporter_not_prometheus grafana grafana_query datasource",
            ],
        ),
        plain(
            "502 from a gateway with nobody behind it",
            F::Gateway502,
            [
                "broken gateway_error direct query prometheus",
                "degraded gateway_error direct query prometheus",
                "broken gateway_error grafana grafana_query prometheus",
            ],
        ),
    ];
    refused.into_iter().chain(wrong).flatten().collect()
}

const HIDDEN: &str = "broken unreachable_from_grafana grafana grafana_query unclear";

fn the_wire_to_prometheus() -> Vec<Row> {
    let rows = [
        met(
            "nothing listens at the port, and the Service still lists it",
            W::PortClosed,
            [
                "broken no_ready_endpoints direct tcp prometheus",
                "degraded no_ready_endpoints direct tcp promlink",
                "broken connection_refused grafana grafana_query datasource",
                HIDDEN,
                "broken no_ready_endpoints direct tcp prometheus",
                "broken no_ready_endpoints direct tcp prometheus",
            ],
        ),
        met(
            "the connection is reset after the request",
            W::ResetAfterRequest,
            [
                "broken connection_reset direct query prometheus",
                "degraded connection_reset direct query promlink",
                "broken connection_reset grafana grafana_query datasource",
                HIDDEN,
                "broken connection_reset direct query prometheus",
                "broken connection_reset direct query prometheus",
            ],
        ),
        met(
            "the connection is closed without an answer",
            W::HalfClosed,
            [
                "broken connection_closed direct query prometheus",
                "degraded connection_closed direct query prometheus",
                "broken connection_closed grafana grafana_query datasource",
                HIDDEN,
                "broken connection_closed direct query prometheus",
                "broken connection_closed direct query prometheus",
            ],
        ),
        // Never reached, and perhaps our own typo: what Grafana hides is not explained by it.
        met(
            "bytes that are no HTTP",
            W::Garbage,
            [
                "broken not_prometheus direct query prometheus",
                "degraded not_prometheus direct query prometheus",
                "broken not_prometheus grafana grafana_query datasource",
                HIDDEN,
                "broken not_prometheus direct query prometheus",
                HIDDEN,
            ],
        ),
        met(
            "the body ends in its middle",
            W::CutBody,
            [
                "broken answer_malformed direct query prometheus",
                "degraded answer_malformed direct query prometheus",
                "broken answer_malformed grafana grafana_query datasource",
                HIDDEN,
                "broken answer_malformed direct query prometheus",
                HIDDEN,
            ],
        ),
    ];
    let hangs = [
        "broken no_response direct query prometheus",
        "degraded no_response direct query prometheus",
        "broken no_response grafana grafana_query unclear",
    ];
    let hanging = [
        plain("connections are accepted and nothing answers", W::Frozen, hangs),
        plain("a body that never ends", W::EndlessBody(100_000), hangs),
    ];
    let hanging = hanging.into_iter().flatten().map(Row::short);
    rows.into_iter().flatten().chain(hanging).collect()
}

fn what_does_not_break_a_link() -> Vec<Row> {
    let slow = F::Wire(W::Slow(Duration::from_millis(1200)));
    let is_slow = |row: Row| row.config(|config| config.thresholds = "slow: 1s");
    let partial = "degraded partial_answer direct query prometheus";
    let down = "degraded all_targets_down direct query prometheus";
    vec![
        is_slow(row(
            "1.2 s for promlink's query, threshold 1 s",
            [Turn::Direct(slow)],
            "degraded slow direct query prometheus",
        )),
        is_slow(row(
            "1.2 s for Grafana's query, threshold 1 s",
            [Turn::Behind(slow)],
            "degraded slow grafana grafana_query unclear",
        )),
        row(
            "half of the series and a warning (Thanos), for both",
            [Turn::Both(F::Partial)],
            partial,
        )
        .beside("degrades partial_answer grafana/grafana_query"),
        row(
            "half of the series and a warning (Thanos), for Grafana only",
            [Turn::Behind(F::Partial)],
            "degraded partial_answer grafana grafana_query datasource",
        ),
        row("every target is down", [Turn::Both(F::AllDown)], down),
        row(
            "every target is down: a link without a direct path",
            [Turn::Both(F::AllDown)],
            "degraded all_targets_down grafana grafana_query prometheus",
        )
        .through_grafana(),
        row(
            "two of four targets are down",
            [Turn::Serve(|setup| (setup.targets, setup.down) = (4, 2))],
            "degraded targets_down direct query prometheus",
        ),
        row(
            "two of six targets are down",
            [Turn::Serve(|setup| (setup.targets, setup.down) = (6, 2))],
            "working",
        ),
        row(
            "Prometheus' last reload failed",
            [Turn::Serve(|setup| setup.reload_failed = true)],
            "working",
        )
        .beside("notes config_reload_failed direct/query"),
        row("Prometheus keeps 15 days, and panels ask for 30", [], "working")
            .config(|config| config.thresholds = "slow: 30s, dns_slow: 30s, retention: 30d")
            .beside("notes retention_short direct/query"),
        row("Prometheus keeps the 15 days that panels ask for", [], "working")
            .config(|config| config.thresholds = "slow: 30s, dns_slow: 30s, retention: 15d"),
        row(
            "Prometheus' clock is 300 s ahead",
            [Turn::Both(F::Skewed(300))],
            "degraded clock_skew direct query prometheus",
        ),
        row(
            "Prometheus' clock is 300 s behind",
            [Turn::Both(F::Skewed(-300))],
            "degraded clock_skew direct query prometheus",
        ),
        row(
            "Prometheus is under a path prefix, and both URLs have it",
            [PREFIX, Turn::Url(PREFIXED)],
            "working",
        )
        .config(|config| config.prometheus = "url: '{prometheus}/prometheus'"),
        row(
            "405 to POST, and `method: GET` at both ends",
            [Turn::Both(F::GetOnly), GET],
            "working",
        )
        .config(|config| config.link = "    method: GET"),
        row("no series at all, and `expect_series: false`", [Turn::Both(F::Empty)], "working")
            .config(|config| config.link = "    expect_series: false"),
        row(
            "the newest sample is 200 s old, and `freshness: off`",
            [Turn::Both(F::Stale(Duration::from_secs(200)))],
            "working",
        )
        .config(|config| config.link = "    freshness: off"),
    ]
}

/// In a build for tests, so much text takes its time.
/// Grafana has bounds of its own, so these are met by promlink only.
fn more_than_is_read() -> Vec<Row> {
    let alone = "broken answer_too_large direct query prometheus";
    let here = "degraded answer_too_large direct query prometheus";
    [
        ("a header of ten mebibytes", W::HugeHeader),
        ("a body that unpacks to a gibibyte", W::GzipBomb),
    ]
    .into_iter()
    .flat_map(|(what, wire)| {
        let turn = Turn::Direct(F::Wire(wire));
        [
            row(format!("{what}: a link without Grafana"), [turn], alone).alone(),
            row(format!("{what}: only promlink meets it"), [turn], here),
        ]
    })
    .collect()
}

fn many_series() -> Vec<Row> {
    let many = row("3000 series in one answer", [Turn::Both(F::Series(3000))], "working");
    let patient = many.config(|config| {
        config.timeout = "14s";
        config.thresholds = "slow: 14s";
    });
    vec![patient]
}

const PREFIX: Turn = Turn::Serve(|setup| "/prometheus".clone_into(&mut setup.prefix));
const PREFIXED: &str = "{prometheus}/prometheus/";
const GET: Turn = Turn::Datasource(|datasource| datasource.json_data["httpMethod"] = "GET".into());
