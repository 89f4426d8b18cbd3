use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;

use super::process::Process;
use super::*;
use crate::expose::catalog::{ALL, Kind, Per};
use crate::expose::probe;
use crate::expose::tests::fixture;
use crate::report::cause::{Cause, Weight};
use crate::report::finding::Fault;
use crate::report::verdict::{Side, Verdict};
use crate::selfstats::Role;

fn exposition(snapshot: Snapshot) -> String {
    let process = Process::new().gather();
    let stats = SelfStats::default();
    stats.receivers.set([
        ("alertmanager am:9093".to_owned(), Role::Alertmanager),
        ("heartbeat".to_owned(), Role::Heartbeat),
    ]);
    stats.receivers.get("alertmanager am:9093").told_one(true, fixture::at(3500).wall);
    stats.receivers.get("heartbeat").told_one(false, fixture::at(3500).wall);
    let pieces = Exposition::new(snapshot.into(), &stats, &process, fixture::now());
    String::from_utf8(pieces.flatten().collect()).unwrap()
}

/// What `link` looks like, alone.
fn of_link(link: LinkView) -> String {
    let links = Arc::new([Arc::new(link)]);
    let text = exposition(Snapshot { links, ..fixture::snapshot() });
    text.lines().filter(|line| line.contains("{link=")).map(|line| format!("{line}\n")).collect()
}

/// The samples of a family, by name.
fn family(text: &str, name: &str) -> String {
    let head = format!("{name}{{");
    text.lines().filter(|line| line.starts_with(&head)).map(|line| format!("{line}\n")).collect()
}

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
}

/// A parser of its own, so that a mistake in the writer is not made twice.
fn parse(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    assert!(value.parse::<f64>().is_ok(), "{line}");
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels = BTreeMap::new();
    let mut chars = rest.strip_suffix('}').unwrap().chars();
    loop {
        let label: String = chars.by_ref().take_while(|c| *c != '=').collect();
        if label.is_empty() {
            break;
        }
        assert_eq!(chars.next(), Some('"'), "{line}");
        let mut value = String::new();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => value.push(chars.next().unwrap()),
                other => value.push(other),
            }
        }
        assert_eq!(labels.insert(label, value), None, "{line}");
        assert!(matches!(chars.next(), Some(',') | None), "{line}");
    }
    Sample { name: name.to_owned(), labels }
}

/// The family of a sample, without the suffixes of a histogram.
fn metric(sample: &Sample) -> &'static Metric {
    let of = |name: &str| ALL.iter().find(|metric| metric.name == name);
    let suffixed = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| {
        of(sample.name.strip_suffix(suffix)?).filter(|m| m.kind == Kind::Histogram)
    });
    of(&sample.name)
        .or(suffixed)
        .unwrap_or_else(|| panic!("{} is not in the catalogue", sample.name))
}

#[test]
fn every_series_is_in_the_catalogue_and_every_name_is_rendered() {
    let mut text = exposition(fixture::snapshot());
    text += &String::from_utf8(probe::render(None)).unwrap();
    let mut seen = BTreeSet::new();
    let mut series = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut sample = parse(line);
        let metric = metric(&sample);
        assert!(series.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
        sample.labels.remove("le");
        let labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
        assert_eq!(labels, metric.labels.iter().copied().collect(), "{line}");
        seen.insert(metric.name);
    }
    let all: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(seen, all);
}

#[test]
fn families_stand_together_behind_one_head_with_the_catalogue_s_words() {
    let text = exposition(fixture::snapshot());
    let mut families = Vec::new();
    let mut current = "";
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# HELP ") {
            let (name, help) = head.split_once(' ').unwrap();
            let metric = ALL.iter().find(|metric| metric.name == name).unwrap();
            assert_eq!(help, metric.help);
            assert_ne!(metric.per, Per::Probe);
            families.push(name);
            current = name;
        } else if let Some(head) = line.strip_prefix("# TYPE ") {
            let (name, kind) = head.split_once(' ').unwrap();
            assert_eq!(name, current);
            assert_eq!(
                kind,
                metric(&Sample { name: name.to_owned(), labels: BTreeMap::new() }).kind.as_str()
            );
        } else {
            assert_eq!(metric(&parse(line)).name, current, "{line}");
        }
    }
    let distinct: BTreeSet<&str> = families.iter().copied().collect();
    assert_eq!(families.len(), distinct.len(), "{families:?}");
}

#[test]
fn promtool_accepts_metrics_and_probe() {
    fixture::promtool(&["check", "metrics"], exposition(fixture::snapshot()).as_bytes());
    let cycle = fixture::working().latest;
    fixture::promtool(&["check", "metrics"], &probe::render(cycle.as_deref()));
}

#[test]
fn pieces_are_bounded_and_lose_nothing() {
    let link = Arc::new(fixture::working());
    let links: Vec<Arc<LinkView>> = (0..500)
        .map(|number| {
            let name = crate::link::LinkName::new(&format!("link-{number:03}"));
            Arc::new(LinkView { name, ..(*link).clone() })
        })
        .collect();
    let snapshot = Arc::new(Snapshot { links: links.into(), ..fixture::snapshot() });
    let pieces: Vec<Vec<u8>> =
        Exposition::new(snapshot, &SelfStats::default(), "", fixture::now()).collect();
    assert!(pieces.len() > 10);
    let (last, full) = pieces.split_last().unwrap();
    assert!(!last.is_empty());
    for piece in full {
        assert!((PIECE..PIECE + SLACK).contains(&piece.len()), "{}", piece.len());
        assert_eq!(piece.capacity(), PIECE + SLACK, "grew");
    }
    let text = String::from_utf8(pieces.concat()).unwrap();
    let of_one = |number| text.matches(&format!("{{link=\"link-{number:03}\"")).count();
    assert!((0..500).all(|number| of_one(number) == of_one(0)));
}

#[test]
fn a_working_link() {
    expect![[r#"
        promlink_link_up{link="working"} 1
        promlink_link_verdict{link="working",verdict="unknown"} 0
        promlink_link_verdict{link="working",verdict="working"} 1
        promlink_link_verdict{link="working",verdict="degraded"} 0
        promlink_link_verdict{link="working",verdict="blind"} 0
        promlink_link_verdict{link="working",verdict="broken"} 0
        promlink_link_finding{link="working",cause="datasource_drift",weight="notes",path="grafana",check="datasource",subject="method"} 1
        promlink_link_finding{link="working",cause="datasource_drift",weight="notes",path="grafana",check="datasource",subject="header"} 1
        promlink_link_finding{link="working",cause="assertion_failed",weight="notes",path="direct",check="assertions",subject="pods"} 1
        promlink_link_alarm{link="working",alarm="broken"} 0
        promlink_link_alarm{link="working",alarm="degraded"} 0
        promlink_link_verdict_changed_timestamp_seconds{link="working"} 1767228600
        promlink_link_verdict_seconds_total{link="working",verdict="unknown"} 15
        promlink_link_verdict_seconds_total{link="working",verdict="working"} 2995.5
        promlink_link_verdict_seconds_total{link="working",verdict="degraded"} 0
        promlink_link_verdict_seconds_total{link="working",verdict="blind"} 0
        promlink_link_verdict_seconds_total{link="working",verdict="broken"} 590
        promlink_link_outages_total{link="working",side="prometheus"} 0
        promlink_link_outages_total{link="working",side="grafana"} 0
        promlink_link_outages_total{link="working",side="datasource"} 0
        promlink_link_outages_total{link="working",side="network"} 0
        promlink_link_outages_total{link="working",side="dns"} 0
        promlink_link_outages_total{link="working",side="credentials"} 0
        promlink_link_outages_total{link="working",side="promlink"} 0
        promlink_link_outages_total{link="working",side="unclear"} 0
        promlink_link_interval_seconds{link="working"} 15
        promlink_link_info{link="working",prometheus_url="http://prometheus-k8s.monitoring.svc:9090",grafana="main",datasource_uid="prometheus",datasource_name=""} 1
        promlink_path_success{link="working",path="direct"} 1
        promlink_path_success{link="working",path="grafana"} 1
        promlink_path_last_duration_seconds{link="working",path="direct"} 0.025
        promlink_path_last_duration_seconds{link="working",path="grafana"} 0.06
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="0.01"} 0
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="0.05"} 1
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="0.25"} 1
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="1"} 1
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="2"} 1
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="3"} 2
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="5"} 2
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="10"} 2
        promlink_path_duration_seconds_bucket{link="working",path="direct",le="+Inf"} 2
        promlink_path_duration_seconds_sum{link="working",path="direct"} 2.53
        promlink_path_duration_seconds_count{link="working",path="direct"} 2
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="0.01"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="0.05"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="0.25"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="1"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="2"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="3"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="5"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="10"} 0
        promlink_path_duration_seconds_bucket{link="working",path="grafana",le="+Inf"} 0
        promlink_path_duration_seconds_sum{link="working",path="grafana"} 0
        promlink_path_duration_seconds_count{link="working",path="grafana"} 0
        promlink_clock_skew_seconds{link="working",path="direct"} 0.25
        promlink_tls_certificate_not_after_timestamp_seconds{link="working",path="grafana"} 1768089600
        promlink_check_success{link="working",path="direct",check="dns"} 1
        promlink_check_success{link="working",path="direct",check="tcp"} 1
        promlink_check_success{link="working",path="direct",check="query"} 1
        promlink_check_success{link="working",path="direct",check="freshness"} 1
        promlink_check_success{link="working",path="direct",check="assertions"} 0
        promlink_check_success{link="working",path="grafana",check="dns"} 1
        promlink_check_success{link="working",path="grafana",check="tcp"} 1
        promlink_check_success{link="working",path="grafana",check="tls"} 1
        promlink_check_success{link="working",path="grafana",check="grafana_health"} 1
        promlink_check_success{link="working",path="grafana",check="auth"} 1
        promlink_check_success{link="working",path="grafana",check="datasource"} 1
        promlink_check_success{link="working",path="grafana",check="grafana_query"} 1
        promlink_check_success{link="working",path="grafana",check="agreement"} 1
        promlink_check_duration_seconds{link="working",path="direct",check="dns"} 0.001
        promlink_check_duration_seconds{link="working",path="direct",check="tcp"} 0.002
        promlink_check_duration_seconds{link="working",path="direct",check="query"} 0.012
        promlink_check_duration_seconds{link="working",path="direct",check="freshness"} 0.009
        promlink_check_duration_seconds{link="working",path="direct",check="assertions"} 0.004
        promlink_check_duration_seconds{link="working",path="grafana",check="dns"} 0.001
        promlink_check_duration_seconds{link="working",path="grafana",check="tcp"} 0.001
        promlink_check_duration_seconds{link="working",path="grafana",check="tls"} 0.007
        promlink_check_duration_seconds{link="working",path="grafana",check="grafana_health"} 0.003
        promlink_check_duration_seconds{link="working",path="grafana",check="auth"} 0.004
        promlink_check_duration_seconds{link="working",path="grafana",check="datasource"} 0.005
        promlink_check_duration_seconds{link="working",path="grafana",check="grafana_query"} 0.021
        promlink_check_duration_seconds{link="working",path="grafana",check="agreement"} 0
        promlink_check_failures_total{link="working",path="direct",check="dns"} 0
        promlink_check_failures_total{link="working",path="direct",check="tcp"} 3
        promlink_prometheus_targets{link="working"} 312
        promlink_prometheus_targets_up{link="working"} 310
        promlink_prometheus_newest_sample_timestamp_seconds{link="working"} 1767229185
        promlink_prometheus_info{link="working",flavour="prometheus",version="2.53.0"} 1
        promlink_assertion_success{link="working",assertion="pods"} 0
        promlink_assertion_success{link="working",assertion="up"} 1
        promlink_cycles_total{link="working"} 240
        promlink_cycles_missed_total{link="working"} 1
        promlink_cycle_last_run_timestamp_seconds{link="working"} 1767229190.06
    "#]].assert_eq(&of_link(fixture::working()));
}

#[test]
fn promlink_itself() {
    let text = exposition(Snapshot { links: Arc::new([]), ..fixture::snapshot() });
    let own = text.lines().filter(|line| !line.starts_with("process_") && !line.starts_with("# "));
    let own: String = own.map(|line| format!("{line}\n")).collect();
    expect![[r#"
        promlink_build_info{version="0.1.0"} 1
        promlink_config_last_reload_successful 0
        promlink_config_last_reload_success_timestamp_seconds 1767225600
        promlink_cycles_in_flight 0
        promlink_panics_total 0
        promlink_alarm_receivers 1
        promlink_alarms_firing 3
        promlink_alarms_delivered 1
        promlink_requests_total{peer="prometheus"} 0
        promlink_requests_total{peer="grafana"} 0
        promlink_requests_total{peer="dns"} 0
        promlink_notifications_total{receiver="alertmanager am:9093"} 1
        promlink_notifications_total{receiver="heartbeat"} 1
        promlink_notifications_failed_total{receiver="alertmanager am:9093"} 0
        promlink_notifications_failed_total{receiver="heartbeat"} 1
        promlink_alarm_last_success_timestamp_seconds{receiver="alertmanager am:9093"} 1767229100
        promlink_grafana_up{grafana="dev"} 0
        promlink_grafana_up{grafana="main"} 1
        promlink_grafana_alarm{grafana="dev",alarm="down"} 1
        promlink_grafana_alarm{grafana="dev",alarm="blind"} 0
        promlink_grafana_alarm{grafana="main",alarm="down"} 0
        promlink_grafana_alarm{grafana="main",alarm="blind"} 1
        promlink_grafana_info{grafana="main",version="11.2.0"} 1
        promlink_grafana_token_not_after_timestamp_seconds{grafana="main"} 1767312000
        promlink_discovered_links{grafana="main"} 3
        promlink_discovery_last_success_timestamp_seconds{grafana="main"} 1767229190
        promlink_server_up{server="10.0.0.7:9090"} 0
        promlink_server_alarm{server="10.0.0.7:9090"} 1
        promlink_server_alarm{server="prometheus-k8s.monitoring.svc:9090"} 0
    "#]]
    .assert_eq(&own);
}

#[test]
fn what_nobody_can_tell_is_absent() {
    let text = exposition(fixture::snapshot());
    let families = ["link_up", "path_success", "link_cause", "prometheus_targets", "check_success"];
    let shown: String =
        families.iter().map(|name| family(&text, &format!("promlink_{name}"))).collect();
    expect![[r#"
        promlink_link_up{link="broken"} 0
        promlink_link_up{link="degraded"} 1
        promlink_link_up{link="working"} 1
        promlink_path_success{link="broken",path="direct"} 0
        promlink_path_success{link="broken",path="grafana"} 0
        promlink_path_success{link="degraded",path="grafana"} 1
        promlink_path_success{link="working",path="direct"} 1
        promlink_path_success{link="working",path="grafana"} 1
        promlink_link_cause{link="broken",cause="connection_refused",path="direct",check="tcp",side="prometheus"} 1
        promlink_link_cause{link="degraded",cause="vantage_blocked",path="direct",check="tcp",side="promlink"} 1
        promlink_link_cause{link="main/blind-1",cause="token_rejected",path="grafana",check="auth",side="credentials"} 1
        promlink_prometheus_targets{link="degraded"} 3
        promlink_prometheus_targets{link="working"} 312
        promlink_check_success{link="broken",path="direct",check="dns"} 1
        promlink_check_success{link="broken",path="direct",check="tcp"} 0
        promlink_check_success{link="broken",path="grafana",check="grafana_health"} 1
        promlink_check_success{link="broken",path="grafana",check="grafana_query"} 0
        promlink_check_success{link="degraded",path="direct",check="tcp"} 0
        promlink_check_success{link="degraded",path="grafana",check="grafana_query"} 1
        promlink_check_success{link="main/blind-1",path="grafana",check="auth"} 0
        promlink_check_success{link="working",path="direct",check="dns"} 1
        promlink_check_success{link="working",path="direct",check="tcp"} 1
        promlink_check_success{link="working",path="direct",check="query"} 1
        promlink_check_success{link="working",path="direct",check="freshness"} 1
        promlink_check_success{link="working",path="direct",check="assertions"} 0
        promlink_check_success{link="working",path="grafana",check="dns"} 1
        promlink_check_success{link="working",path="grafana",check="tcp"} 1
        promlink_check_success{link="working",path="grafana",check="tls"} 1
        promlink_check_success{link="working",path="grafana",check="grafana_health"} 1
        promlink_check_success{link="working",path="grafana",check="auth"} 1
        promlink_check_success{link="working",path="grafana",check="datasource"} 1
        promlink_check_success{link="working",path="grafana",check="grafana_query"} 1
        promlink_check_success{link="working",path="grafana",check="agreement"} 1
    "#]].assert_eq(&shown);
}

#[test]
fn names_that_anybody_chose_cannot_break_out() {
    let text = exposition(fixture::snapshot());
    let broken = family(&text, "promlink_link_info").lines().next().map(str::to_owned).unwrap();
    expect![[r#"promlink_link_info{link="broken",prometheus_url="http://prometheus-k8s.monitoring.svc:9090",grafana="main",datasource_uid="prometheus",datasource_name="\"}<script>alert('&')</script>\\ # {{ x }}"} 1"#]].assert_eq(&broken);
    let name = parse(&broken).labels.remove("datasource_name").unwrap();
    assert_eq!(name, crate::report::facts::clean(fixture::NASTY));
}

#[test]
fn an_overdue_link_loses_its_ones_and_keeps_its_zeros() {
    let overdue = Fault { cause: Cause::Overdue, path: None, check: None, side: Side::Promlink };
    let mut link = fixture::broken();
    let before = of_link(link.clone());
    assert!(before.contains(r#"check_success{link="broken",path="direct",check="dns"} 1"#));

    // Broken stays broken; that it is overdue as well is a finding.
    link.published.findings.push(crate::diagnosis::Placed {
        cause: overdue.cause,
        weight: Weight::Breaks,
        path: None,
        check: None,
        subject: None,
        side: overdue.side,
        detail: String::new(),
    });
    let after = of_link(link);
    assert!(!after.contains(r#"check_success{link="broken",path="direct",check="dns"}"#));
    assert!(after.contains(r#"check_success{link="broken",path="direct",check="tcp"} 0"#));
    assert!(after.contains(r#"path_success{link="broken",path="direct"} 0"#));

    let mut link = fixture::working();
    link.published.verdict = Verdict::Blind;
    link.published.fault = Some(overdue);
    let after = of_link(link);
    for gone in ["link_up{", "path_success{", "prometheus_targets"] {
        assert!(!after.contains(gone), "{gone}");
    }
    let mut told = after.lines().filter(|line| line.contains("_success{"));
    assert!(told.clone().count() == 2 && told.all(|line| line.ends_with(" 0")), "{after}");
    assert!(after.contains("promlink_check_failures_total{"));
}

#[test]
fn numbers_read_back_as_they_were() {
    assert_eq!(text::label("server", "a\\b\"c"), r#"server="a\\b\"c""#);
    for value in [0.0, -0.0, 1.0, 0.1, 1e-7, 1_767_225_600.125, 9e15, 1e300, -2.5] {
        let mut out = Vec::new();
        Samples::new(&mut out, &mut true, &catalog::PROBE_DURATION, "").with(&[], value);
        let line = String::from_utf8(out).unwrap();
        let read: f64 = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(read, value, "{line}");
    }
    let infinite = |value| {
        let mut out = Vec::new();
        Samples::new(&mut out, &mut true, &catalog::PROBE_DURATION, "").with(&[], value);
        String::from_utf8(out).unwrap()
    };
    assert!(infinite(f64::INFINITY).ends_with(" +Inf\n"));
    assert!(infinite(f64::NEG_INFINITY).ends_with(" -Inf\n"));
    assert!(infinite(f64::NAN).ends_with(" NaN\n"));
}
