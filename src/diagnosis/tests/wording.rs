//! What people read.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::diagnosis::diagnose;
use crate::report::cause::Cause;
use crate::report::check::{Check, Path};
use crate::report::facts::{Fact, Key};
use crate::report::finding::Finding;
use crate::report::sample::report;
use crate::report::{Report, Row};

fn row(report: &mut Report, path: Path, check: Check) -> &mut Row {
    let walk = match path {
        Path::Direct => report.direct.as_mut(),
        Path::Grafana => report.grafana.as_mut(),
    };
    walk.unwrap().first.rows.get_mut(check).unwrap()
}

fn check(report: &Report, expect: Expect) {
    let diagnosis = diagnose(report);
    let mut text = format!("{}\n{}\n", diagnosis.summary, diagnosis.next_step);
    for placed in &diagnosis.findings {
        let _ = writeln!(text, "- {}: {}", placed.weight.as_str(), placed.detail);
    }
    expect.assert_eq(&text);
}

#[test]
fn a_refused_connection() {
    check(
        &report("tcp/connection_refused reached", "grafana_query/connection_refused"),
        expect![[r#"
            Prometheus refused the connection: the address answers, nothing listens at the port (address 10.0.0.7:9090).
            Check that the process runs and listens at that port, and that its Service selects ready pods.
            - breaks: as Grafana sees it, Prometheus refused the connection: the address answers, nothing listens at the port
        "#]],
    );
}

#[test]
fn what_grafana_says_is_quoted() {
    let mut report = report("passed", "grafana_query/connection_refused");
    let says = "Post \"http://prom:9091/api/v1/query\": dial tcp 10.0.0.9:9091: connect: connection refused";
    row(&mut report, Path::Grafana, Check::GrafanaQuery).facts.text(Key::GrafanaSays, says);
    check(
        &report,
        expect![[r#"
        As Grafana sees it, Prometheus refused the connection: the address answers, nothing listens at the port (grafana says Post "http://prom:9091/api/v1/query": dial tcp 10.0.0.9:9091: connect: connecti…).
        Compare the data source's URL with this link's, which works, and correct it.
    "#]],
    );
}

#[test]
fn a_wrong_password_in_the_data_source() {
    let mut report = report("passed", "grafana_query/unauthorized");
    row(&mut report, Path::Grafana, Check::GrafanaQuery).facts.push(Key::Status, Fact::Count(401));
    check(
        &report,
        expect![[r#"
        As Grafana sees it, Prometheus rejects the credentials (401).
        In the settings of the data source: Check user, password or token for Prometheus; without any, configure them.
    "#]],
    );
}

#[test]
fn our_own_position() {
    check(
        &report("tcp/connection_timeout", "passed"),
        expect![[r#"
        Promlink itself cannot reach Prometheus from where it runs: packets to Prometheus get no answer (address 10.0.0.7:9090).
        Allow promlink's pod in the NetworkPolicies of Prometheus and Grafana, and check its own network.
    "#]],
    );
    check(
        &report("tcp/connection_timeout", "tcp/connection_timeout"),
        expect![[r#"
        Promlink itself cannot reach Prometheus and Grafana from where it runs: packets to Prometheus get no answer (address 10.0.0.7:9090).
        Allow promlink's pod in the NetworkPolicies of Prometheus and Grafana, and check its own network.
        - breaks: packets to Grafana get no answer (address 10.0.0.7:9090)
    "#]],
    );
}

#[test]
fn two_different_answers() {
    check(
        &report("freshness/data_stale", "passed"),
        expect![[r#"
        Grafana and promlink get different answers: the newest sample of Prometheus is too old.
        Compare the two: a replica that lags, another tenant, or a cache in between.
    "#]],
    );
}

#[test]
fn our_own_token() {
    check(
        &report("passed", "auth/token_rejected reached"),
        expect![[r#"
        Grafana rejects promlink's token.
        Make a new service-account token (role Viewer) and put it into the token file; it is read at each use.
    "#]],
    );
}

#[test]
fn a_finding_tells_its_detail() {
    let mut report = report("passed", "absent");
    let slow = Finding::of(Cause::Slow, "2.5 s, more than 2 s".to_owned());
    row(&mut report, Path::Direct, Check::Query).findings.push(slow);
    check(
        &report,
        expect![[r#"
        Prometheus answers slowly: 2.5 s, more than 2 s.
        Look at the load of Prometheus and of the way to it; the checks show where the time goes.
    "#]],
    );
}

#[test]
fn no_fault_at_all() {
    check(
        &report("passed", "passed"),
        expect![[r#"
        Prometheus answers, directly and through Grafana.

    "#]],
    );
    check(
        &report("passed", "absent"),
        expect![[r#"
        Prometheus answers directly; no path through Grafana is judged.

    "#]],
    );
    check(
        &report("absent", "passed"),
        expect![[r#"
        Prometheus answers through Grafana; no direct path is judged.

    "#]],
    );
    check(
        &report("absent", "absent"),
        expect![[r#"
        Neither path to Prometheus can be judged.
        Give this link a Prometheus URL, or a Grafana token that may query the data source.
    "#]],
    );
}

#[test]
fn long_evidence_is_cut() {
    let mut report = report("dns/dns_no_such_service", "absent");
    let facts = &mut row(&mut report, Path::Direct, Check::Dns).facts;
    facts.text(Key::Name, &"very-long-name.".repeat(40)).text(Key::Server, "10.96.0.10:53");
    check(
        &report,
        expect![[r#"
        The namespace exists, but has no Service of the name of Prometheus (name very-long-name.very-long-name.very-long-name.very-long-name.very-long-name.very…; server 10.96.0.10:53).
        Compare the URL with `kubectl get services` in that namespace; was the Service renamed or deleted?
    "#]],
    );
}
