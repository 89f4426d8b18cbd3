//! What is wrong with Prometheus: met by promlink, by Grafana, or by both.

use std::time::Duration;

use promlink::demo::fault::{Prometheus as F, Wire as W};
use promlink::demo::prometheus::Version;

use super::ground::Turn;
use super::row::{Row, place_of, prove, row};
use super::well::V9;

/// One fault in six places: a link without Grafana; where only promlink meets it; where only
/// Grafana does, 13 and 9.3; where both do, again with 13 and 9.3.
fn met(fault: impl Into<F>, told: [&'static str; 6]) -> Vec<Row> {
    let fault: F = fault.into();
    let [alone, here, there, there_9, both, both_9] = told;
    let name = |place: &str| format!("{fault:?} {place}");
    // The other path's fault is always a finding.
    let other = |both: &str, there| place_of(if both.contains(" direct ") { there } else { alone });
    vec![
        row(name("in a link without Grafana"), [Turn::Direct(fault)], alone).alone(),
        row(name("for promlink only"), [Turn::Direct(fault)], here),
        row(name("for Grafana 13 only"), [Turn::Behind(fault)], there),
        row(name("for Grafana 9 only"), [V9, Turn::Behind(fault)], there_9),
        row(name("for promlink and Grafana 13"), [Turn::Both(fault)], both)
            .beside(other(both, there)),
        row(name("for promlink and Grafana 9"), [V9, Turn::Both(fault)], both_9)
            .beside(other(both_9, there_9)),
    ]
}

/// The same where all six see one cause at its usual place; the sides are those of promlink alone,
/// of promlink where Grafana passes, and of Grafana where promlink passes.
fn plain(fault: impl Into<F>, told: [&'static str; 3]) -> Vec<Row> {
    let [alone, here, there] = told;
    met(fault, [alone, here, there, there, alone, alone])
}

#[tokio::test]
async fn prometheus_itself() {
    let rows = [
        plain(
            F::Starting,
            [
                "broken starting direct query prometheus",
                "degraded starting direct query prometheus",
                "broken starting grafana grafana_query prometheus",
            ],
        ),
        plain(
            F::Stopping,
            [
                "broken stopping direct query prometheus",
                "degraded stopping direct query prometheus",
                "broken stopping grafana grafana_query prometheus",
            ],
        ),
        plain(
            F::AgentMode,
            [
                "broken agent_mode direct query prometheus",
                "degraded agent_mode direct query prometheus",
                "broken agent_mode grafana grafana_query datasource",
            ],
        ),
        plain(
            F::QueryTimeout,
            [
                "broken query_timeout direct query prometheus",
                "degraded query_timeout direct query prometheus",
                "broken query_timeout grafana grafana_query prometheus",
            ],
        ),
        plain(
            F::StorageFailing,
            [
                "broken storage_failing direct query prometheus",
                "degraded storage_failing direct query prometheus",
                "broken storage_failing grafana grafana_query prometheus",
            ],
        ),
        plain(
            F::RateLimited,
            [
                "broken rate_limited direct query prometheus",
                "degraded rate_limited direct query prometheus",
                "broken rate_limited grafana grafana_query prometheus",
            ],
        ),
        plain(
            F::Empty,
            [
                "broken no_series direct query prometheus",
                "degraded answers_differ direct query prometheus",
                "broken no_series grafana grafana_query datasource",
            ],
        ),
        plain(
            F::Stale(Duration::from_secs(200)),
            [
                "broken data_stale direct freshness prometheus",
                "degraded answers_differ direct freshness prometheus",
                "broken data_stale grafana grafana_query datasource",
            ],
        ),
        // Without a header to tell by, one that stops looks like one that starts.
        vec![
            row("2.x starts", [OLD, Turn::Both(F::Starting)], STARTING)
                .beside("breaks starting grafana/grafana_query"),
            row("2.x stops", [OLD, Turn::Both(F::Stopping)], STARTING)
                .beside("breaks starting grafana/grafana_query"),
        ],
    ];
    prove(rows.into_iter().flatten()).await;
}

const OLD: Turn = Turn::Serve(|setup| setup.version = Version::V2);
const STARTING: &str = "broken starting direct query prometheus";

#[tokio::test]
async fn in_front_of_prometheus() {
    let refused = [
        // Stored and own credentials are two; Grafana's are what panels need.
        met(
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
            F::Redirect,
            [
                "broken redirected direct query prometheus",
                "degraded redirected direct query prometheus",
                "broken redirected grafana grafana_query datasource",
            ],
        ),
        plain(
            F::WrongPrefix,
            [
                "broken wrong_path_prefix direct query prometheus",
                "degraded wrong_path_prefix direct query prometheus",
                "broken wrong_path_prefix grafana grafana_query datasource",
            ],
        ),
        plain(
            F::GetOnly,
            [
                "broken method_not_allowed direct query prometheus",
                "degraded method_not_allowed direct query prometheus",
                "broken method_not_allowed grafana grafana_query datasource",
            ],
        ),
        plain(
            F::Html,
            [
                "broken not_prometheus direct query prometheus",
                "degraded not_prometheus direct query prometheus",
                "broken not_prometheus grafana grafana_query datasource",
            ],
        ),
        plain(
            F::Exporter,
            [
                "broken exporter_not_prometheus direct query prometheus",
                "degraded exporter_not_prometheus direct query prometheus",
                "broken exporter_not_prometheus grafana grafana_query datasource",
            ],
        ),
        plain(
            F::Gateway502,
            [
                "broken gateway_error direct query prometheus",
                "degraded gateway_error direct query prometheus",
                "broken gateway_error grafana grafana_query prometheus",
            ],
        ),
    ];
    prove(refused.into_iter().chain(wrong).flatten()).await;
}

const HIDDEN: &str = "broken unreachable_from_grafana grafana grafana_query unclear";

#[tokio::test]
async fn the_wire_to_prometheus() {
    let rows = [
        met(
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
    let hanging = [plain(W::Frozen, hangs), plain(W::EndlessBody(100_000), hangs)];
    let hanging = hanging.into_iter().flatten().map(Row::short);
    prove(rows.into_iter().flatten().chain(hanging)).await;
}

#[tokio::test]
async fn what_does_not_break_a_link() {
    let slow = F::Wire(W::Slow(Duration::from_millis(300)));
    let is_slow = |row: Row| row.config(|config| config.link = "    thresholds: {slow: 200ms}");
    let partial = "degraded partial_answer direct query prometheus";
    let down = "degraded all_targets_down direct query prometheus";
    prove([
        is_slow(row(
            "slow for promlink",
            [Turn::Direct(slow)],
            "degraded slow direct query prometheus",
        )),
        is_slow(row(
            "slow for Grafana",
            [Turn::Behind(slow)],
            "degraded slow grafana grafana_query datasource",
        )),
        row("part of the data for both", [Turn::Both(F::Partial)], partial)
            .beside("degrades partial_answer grafana/grafana_query"),
        row(
            "part of the data for Grafana",
            [Turn::Behind(F::Partial)],
            "degraded partial_answer grafana grafana_query datasource",
        ),
        row("all targets down", [Turn::Both(F::AllDown)], down),
        row(
            "all targets down, without a direct path",
            [Turn::Both(F::AllDown)],
            "degraded all_targets_down grafana grafana_query prometheus",
        )
        .through_grafana(),
        row(
            "half of the targets down",
            [Turn::Serve(|setup| (setup.targets, setup.down) = (4, 2))],
            "degraded targets_down direct query prometheus",
        ),
        row(
            "a third of the targets down",
            [Turn::Serve(|setup| (setup.targets, setup.down) = (6, 2))],
            "working",
        ),
        row(
            "Prometheus' clock is ahead",
            [Turn::Both(F::Skewed(300))],
            "degraded clock_skew direct query prometheus",
        ),
        row(
            "Prometheus' clock is behind",
            [Turn::Both(F::Skewed(-300))],
            "degraded clock_skew direct query prometheus",
        ),
        row("Prometheus lies under a prefix", [PREFIX, Turn::Url(PREFIXED)], "working")
            .config(|config| config.prometheus = "url: '{prometheus}/prometheus'"),
        row("GET where POST is not allowed", [Turn::Both(F::GetOnly), GET], "working")
            .config(|config| config.link = "    method: GET"),
        row("no series where none are expected", [Turn::Both(F::Empty)], "working")
            .config(|config| config.link = "    expect_series: false"),
        row(
            "stale where freshness is off",
            [Turn::Both(F::Stale(Duration::from_secs(200)))],
            "working",
        )
        .config(|config| config.link = "    freshness: off"),
    ])
    .await;
}

/// By itself: in a build for tests, so much text holds up whoever shares its thread.
#[tokio::test]
async fn many_series() {
    let many = row("many series", [Turn::Both(F::Series(3000))], "working");
    let patient = many.config(|config| {
        config.timeout = "14s";
        config.link = "    thresholds: {slow: 14s}";
    });
    prove([patient]).await;
}

const PREFIX: Turn = Turn::Serve(|setup| "/prometheus".clone_into(&mut setup.prefix));
const PREFIXED: &str = "{prometheus}/prometheus/";
const GET: Turn = Turn::Datasource(|datasource| datasource.json_data["httpMethod"] = "GET".into());
