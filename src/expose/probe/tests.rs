use expect_test::expect;

use super::*;
use crate::expose::tests::fixture;

fn samples(cycle: Option<&LatestCycle>) -> String {
    let text = String::from_utf8(render(cycle)).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_degraded_link_succeeds() {
    let mut cycle = (*fixture::working().latest.unwrap()).clone();
    cycle.diagnosis.verdict = Verdict::Degraded;
    expect![[r#"
        probe_success 1
        probe_duration_seconds 0.06
        probe_dns_lookup_time_seconds 0.001
        promlink_probe_verdict{verdict="unknown"} 0
        promlink_probe_verdict{verdict="working"} 0
        promlink_probe_verdict{verdict="degraded"} 1
        promlink_probe_verdict{verdict="blind"} 0
        promlink_probe_verdict{verdict="broken"} 0
    "#]]
    .assert_eq(&samples(Some(&cycle)));
}

#[test]
fn only_working_and_degraded_succeed() {
    for verdict in Verdict::ALL {
        let mut cycle = (*fixture::working().latest.unwrap()).clone();
        cycle.diagnosis.verdict = verdict;
        let success = samples(Some(&cycle)).contains("probe_success 1\n");
        assert_eq!(success, matches!(verdict, Verdict::Working | Verdict::Degraded), "{verdict:?}");
    }
}

#[test]
fn without_a_cycle_it_is_unknown() {
    expect![[r#"
        probe_success 0
        probe_duration_seconds 0
        probe_dns_lookup_time_seconds 0
        promlink_probe_verdict{verdict="unknown"} 1
        promlink_probe_verdict{verdict="working"} 0
        promlink_probe_verdict{verdict="degraded"} 0
        promlink_probe_verdict{verdict="blind"} 0
        promlink_probe_verdict{verdict="broken"} 0
    "#]]
    .assert_eq(&samples(None));
}

#[test]
fn without_a_direct_path_the_lookup_is_grafana_s() {
    let mut cycle = (*fixture::working().latest.unwrap()).clone();
    cycle.report.direct = None;
    if let Some(row) = cycle.report.grafana.as_mut().unwrap().first.rows.get_mut(Check::Dns) {
        row.took = Duration::from_millis(7);
    }
    assert!(samples(Some(&cycle)).contains("probe_dns_lookup_time_seconds 0.007\n"));
}
