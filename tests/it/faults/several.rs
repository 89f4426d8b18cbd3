//! Several faults at once: one cause, the others as findings; and faults that are promlink's own.

use std::time::Duration;

use promlink::demo::fault::{Dns as D, Grafana as G, Prometheus as F, Wire as W};

use super::ground::Turn;
use super::row::{Row, row};
use super::well::V9;

const CLOSED: F = F::Wire(W::PortClosed);
const SLOW_DNS: Turn = Turn::Dns(D::Slow(Duration::from_millis(300)));

/// A resolver that takes 300 ms is slow in this row.
fn strict(row: Row) -> Row {
    row.config(|config| config.thresholds = "slow: 30s, dns_slow: 200ms")
}

pub fn rows() -> Vec<Row> {
    [one_is_the_cause(), our_own_files()].concat()
}

/// What blocks first is the cause; what is merely odd stands beside it.
fn one_is_the_cause() -> Vec<Row> {
    let slow_beside = "degrades dns_slow direct/dns; degrades dns_slow grafana/dns";
    let strict_rows = [
        row("slow DNS alone", [SLOW_DNS], "degraded dns_slow direct dns dns")
            .beside("degrades dns_slow grafana/dns"),
        row("slow DNS, and all targets are down", [SLOW_DNS, Turn::Both(F::AllDown)], SLOW)
            .beside("degrades all_targets_down direct/query; degrades dns_slow grafana/dns"),
        row("slow DNS, and Prometheus starts", [SLOW_DNS, Turn::Both(F::Starting)], STARTING)
            .beside(
                "degrades dns_slow direct/dns; degrades dns_slow grafana/dns; \
                 breaks starting grafana/grafana_query",
            ),
        row("slow DNS, and the token has expired", [SLOW_DNS, EXPIRED], TOKEN).beside(slow_beside),
        row("slow DNS, and Grafana's database is down", [SLOW_DNS, DATABASE], DATABASE_DOWN)
            .beside(slow_beside),
    ];
    let rows = [
        row(
            "the token has expired, and Prometheus is dead",
            [EXPIRED, Turn::Both(CLOSED)],
            "broken no_ready_endpoints direct tcp prometheus",
        )
        .beside("breaks token_expired grafana/auth"),
        row(
            "Grafana's database is down, and Prometheus is dead",
            [DATABASE, Turn::Both(CLOSED)],
            DATABASE_DOWN,
        )
        .beside("breaks no_ready_endpoints direct/tcp"),
        row(
            "other servers answer in place of both ends",
            [Turn::Direct(F::WrongPrefix), Turn::Grafana(G::NotGrafana)],
            "blind wrong_path_prefix direct query promlink",
        )
        .beside("breaks not_grafana grafana/grafana_health"),
        row(
            "promlink is refused by Prometheus, and Grafana by its stored password",
            [Turn::Direct(CLOSED), Turn::Behind(F::Unauthorized)],
            "broken unauthorized grafana grafana_query datasource",
        )
        .beside("breaks no_ready_endpoints direct/tcp"),
        row(
            "old data for promlink, and no data for Grafana",
            [Turn::Direct(F::Stale(Duration::from_secs(200))), Turn::Behind(F::Empty)],
            "broken no_series grafana grafana_query prometheus",
        )
        .beside("breaks data_stale direct/freshness"),
        row(
            "the clock is wrong, and all targets are down",
            [Turn::Both(F::AllDown), Turn::Direct(F::Skewed(120))],
            "degraded clock_skew direct query prometheus",
        ),
    ];
    strict_rows.into_iter().map(strict).chain(rows).collect()
}

const EXPIRED: Turn = Turn::Grafana(G::TokenExpired);
const DATABASE: Turn = Turn::Grafana(G::DatabaseDown);
const SLOW: &str = "degraded dns_slow direct dns dns";
const STARTING: &str = "broken starting direct query prometheus";
const TOKEN: &str = "blind token_expired grafana auth credentials";
const DATABASE_DOWN: &str = "broken grafana_database_down grafana grafana_health grafana";

/// Nothing was sent: nothing is known of the end.
fn our_own_files() -> Vec<Row> {
    let alone = "blind own_file_unusable direct query promlink";
    let beside_grafana = "degraded own_file_unusable direct query promlink";
    let drift = "notes datasource_drift grafana/datasource auth";
    let with = |name: &str, keys: &'static str, told: [&'static str; 2], note: &str| {
        let [alone, beside] = told;
        [
            row(format!("{name}, without Grafana"), [], alone).alone(),
            row(format!("{name}, while Grafana reads Prometheus"), [], beside).beside(note),
        ]
        .map(|row| row.config(|config| config.prometheus = keys))
    };
    let rows = [
        with(
            "the token for Prometheus is not there",
            "url: '{prometheus}', authorization: {credentials_file: /nonexistent/token}",
            [alone, beside_grafana],
            drift,
        ),
        with(
            "the password for Prometheus is no text",
            "url: '{prometheus}', basic_auth: {username: u, password_file: /proc/self/cmdline}",
            [alone, beside_grafana],
            drift,
        ),
        with(
            "the CA for Prometheus is not there",
            "url: 'https://{direct}', tls_config: {ca_file: /nonexistent/ca.pem}",
            [
                "blind own_file_unusable direct tls promlink",
                "degraded own_file_unusable direct tls promlink",
            ],
            "notes datasource_url_differs grafana/datasource",
        ),
    ];
    let grafana = [
        row(
            "the CA for Grafana is no certificate",
            [],
            "blind own_file_unusable grafana tls promlink",
        )
        .config(|config| {
            config.main = "url: 'https://{grafana}', tls_config: {ca_file: /proc/version}";
        }),
        row(
            "the token for Grafana is a whole file",
            [V9],
            "blind own_file_unusable grafana auth promlink",
        )
        .config(|config| {
            config.main = "url: '{main}', authorization: {credentials_file: /proc/self/status}";
        }),
    ];
    rows.into_iter().flatten().chain(grafana).collect()
}
