use expect_test::{Expect, expect};

use super::*;
use crate::expose::tests::fixture;
use crate::state::snapshot::LinkView;

fn check(views: &[LinkView], expected: Expect) {
    let links: Vec<Shown<'_>> = views.iter().map(Shown::published).collect();
    expected.assert_eq(&render(&links, false));
}

#[test]
fn working() {
    check(
        &[fixture::working()],
        expect![[r#"
            working  WORKING
              Real, fresh data comes back.
              312 series came back on both paths
              312 series, 310 of 312 targets up, newest sample 5.3 s old

              direct    http://prometheus-k8s.monitoring.svc:9090
                ok    dns                  1.00 ms   answers 10.0.0.7
                ok    tcp                  2.00 ms
                -     tls                            skipped: not needed
                ok    query                  12 ms   series 312
                ok    freshness            9.00 ms   age 3.2 s
                FAIL  assertions           4.00 ms   assertion_failed
                                                     assertions: pods: does not hold, no series
                                                                 up: holds, 3 series

              grafana   main, data source prometheus
                ok    dns                  1.00 ms
                ok    tcp                  1.00 ms
                ok    tls                  7.00 ms   not after 2026-01-11 00:00:00 UTC
                ok    grafana_health       3.00 ms
                ok    auth                 4.00 ms   (50.0 s ago)
                ok    datasource           5.00 ms   (50.0 s ago)
                -     datasource_health              skipped: unsupported
                ok    grafana_query          21 ms
                ok    agreement            0.00 ms

              also  datasource_drift (grafana/datasource, notes): the data source uses GET, this link POST
              also  datasource_drift (grafana/datasource, notes): header X-A
              also  datasource_drift (grafana/datasource, notes): header X-B
              also  assertion_failed (direct/assertions, notes): pods: does not hold, no series

        "#]],
    );
}

#[test]
fn broken() {
    check(
        &[fixture::broken()],
        expect![[r#"
            broken  BROKEN  connection_refused at direct/tcp
              Panels get no true data.
              Prometheus refused the connection at 10.0.0.7:9090

              direct    http://prometheus-k8s.monitoring.svc:9090
                ok    dns                  1.00 ms
                FAIL  tcp                  4.00 ms   connection_refused
                                                     address: 10.0.0.7:9090
                                                     overlap: NaN
                                                     attempts: first
                                                               second
                                                     error: "}<script>alert('&')</script>\  # {{ x }}
                -     query                          skipped: needs tcp

              grafana   main, data source "}<script>alert('&')</script>\ # {{ x }}
                ok    grafana_health       3.00 ms
                FAIL  grafana_query        4.00 ms   connection_refused

              who   whoever runs Prometheus
              next  Check that the process runs and listens at that address and port; behind a Service, that it selects ready pods.
              more  promlink explain connection_refused

        "#]],
    );
}

#[test]
fn several_links_and_what_they_are_in_all() {
    check(
        &[fixture::degraded(), fixture::blind(), fixture::unknown()],
        expect![[r#"
            degraded  DEGRADED  vantage_blocked at direct/tcp
              Panels get data, but something wants attention.
              promlink itself cannot reach Prometheus
              3 series, 3 of 3 targets up

              direct    http://prometheus-k8s.monitoring.svc:9090
                at 10.0.0.7:9090
                FAIL  tcp                  4.00 ms   connection_timeout
                at 10.0.0.8:9090
                FAIL  tcp                  4.00 ms   connection_timeout

              grafana   main, data source prometheus
                ok    grafana_query          30 ms

              who   whoever configured and placed promlink
              next  Allow promlink's pod in the NetworkPolicies of Prometheus and Grafana, and check its own network.
              more  promlink explain vantage_blocked

            main/blind-1  BLIND  token_rejected at grafana/auth
              promlink cannot tell: it is kept from looking. The link itself may be fine.
              Grafana rejects promlink's token

              grafana   main, data source prometheus
                FAIL  auth                 4.00 ms   token_rejected

              who   whoever gave promlink its credentials
              next  Check that the file holds the token, or the password, of this Grafana and nothing else; if the token was deleted there, make a new one by `promlink grafana-token`.
              more  promlink explain token_rejected

            unknown  UNKNOWN
              No cycle has ended yet.

            3 links: 1 blind, 1 degraded, 1 unknown
        "#]],
    );
}

#[test]
fn colour_only_when_asked() {
    let views = [fixture::broken(), fixture::working()];
    let links: Vec<Shown<'_>> = views.iter().map(Shown::published).collect();
    assert!(!render(&links, false).contains('\x1b'));
    let colours = render(&links, true);
    assert!(colours.contains("\x1b[31mBROKEN\x1b[0m"));
    // Without the colours it is the same text.
    let plain = ["31", "32", "33", "35", "1", "2", "0"]
        .iter()
        .fold(colours, |text, code| text.replace(&format!("\x1b[{code}m"), ""));
    assert_eq!(plain, render(&links, false));
}

#[test]
fn the_worst_link_decides() {
    use Verdict::{Blind, Broken, Degraded, Unknown, Working};
    for (verdicts, expected) in [
        (&[Working][..], Working),
        (&[Working, Degraded], Degraded),
        (&[Working, Unknown], Unknown),
        (&[Degraded, Unknown], Unknown),
        (&[Blind, Unknown], Blind),
        (&[Broken, Blind], Broken),
        (&[], Unknown),
    ] {
        assert_eq!(worst(verdicts), expected, "{verdicts:?}");
    }
}

#[test]
fn exit_codes_are_those_of_nagios() {
    let codes = |fail_on| Verdict::ALL.map(|verdict| exit_code(verdict, fail_on));
    // In the order unknown, working, degraded, blind, broken.
    assert_eq!(codes(FailOn::Degraded), [3, 0, 1, 3, 2]);
    assert_eq!(codes(FailOn::Blind), [3, 0, 0, 3, 2]);
    assert_eq!(codes(FailOn::Broken), [0, 0, 0, 0, 2]);
    assert_eq!("blind".parse(), Ok(FailOn::Blind));
    assert_eq!("Blind".parse::<FailOn>(), Err("one of degraded, blind, broken".to_owned()));
}

#[test]
fn many_assertions_are_counted_where_each_stands_above() {
    let mut view = fixture::working();
    let found = |placed: &&Placed| placed.check == Some(Check::Assertions);
    let one = view.published.findings.iter().find(found).unwrap().clone();
    view.published.findings.extend(vec![one; MAX_ASSERTIONS]);
    let told = render(&[Shown::published(&view)], false);
    assert!(
        told.contains("also  4 assertions that do not hold or cannot be asked, above"),
        "{told}"
    );
    assert!(!told.contains("also  assertion_failed"), "{told}");
}
