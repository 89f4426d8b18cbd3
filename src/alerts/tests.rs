use super::*;
use crate::expose::tests::fixture;
use crate::link::LinkName;

fn common() -> Common {
    Common {
        labels: Labels::from([("cluster".to_owned(), "eu-1".to_owned())]),
        external_url: Some("https://promlink.example.org".to_owned()),
        rules: Arc::default(),
    }
}

fn shown(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}

#[test]
fn each_alarm_that_stands_is_an_alert_of_its_own() {
    let all = standing(&fixture::snapshot(), &common());
    let told: Vec<String> = all.iter().map(|alert| shown(&alert.labels)).collect();
    expect_test::expect![[r#"
        alertname=PromlinkGrafanaBlind cluster=eu-1 grafana=main severity=warning
        alertname=PromlinkGrafanaDown cluster=eu-1 grafana=dev severity=critical
        alertname=PromlinkLinkBroken cluster=eu-1 datasource_uid=prometheus grafana=main link=broken severity=critical
        alertname=PromlinkLinkDegraded cluster=eu-1 datasource_uid=prometheus grafana=main link=degraded severity=warning
        alertname=PromlinkServerDown cluster=eu-1 server=10.0.0.7:9090 severity=critical
    "#]].assert_eq(&(told.join("\n") + "\n"));
}

#[test]
fn what_is_said_has_cause_side_and_next_step_and_no_label_has() {
    let mut snapshot = fixture::snapshot();
    let mut link = fixture::broken();
    let fault = link.published.fault;
    let alarm = Alarm { fault, ..(*fixture::alarm()).clone() };
    link.alarm.broken = Some(Arc::new(alarm));
    snapshot.links = [Arc::new(link)].into();
    let all = standing(&snapshot, &common());
    let alert = all.iter().find(|alert| alert.labels["alertname"] == "PromlinkLinkBroken").unwrap();
    let lines: Vec<String> =
        alert.annotations.iter().map(|(name, text)| format!("{name}: {text}")).collect();
    expect_test::expect![[r#"
        cause: connection_refused
        dashboard_url: https://promlink.example.org/
        description: Link broken: connection_refused at direct/tcp; to act: whoever runs Prometheus; `promlink explain connection_refused` says more
        next_step: Look.
        runbook_url: https://promlink.example.org/runbooks/connection_refused
        side: prometheus
        summary: broken: Nothing answers.
    "#]].assert_eq(&(lines.join("\n") + "\n"));
    assert!(!alert.labels.values().any(|value| value == "connection_refused"));
}

#[test]
fn a_found_link_is_named_as_people_name_it_and_a_summary_fits_a_phone() {
    let mut snapshot = fixture::snapshot();
    let mut link = fixture::broken();
    link.name = LinkName::new("main/P8E8");
    link.info.datasource_name = Some("Prometheus EU".to_owned());
    let alarm = Alarm { summary: "word ".repeat(100), ..(*fixture::alarm()).clone() };
    link.alarm.broken = Some(Arc::new(alarm));
    snapshot.links = [Arc::new(link)].into();
    let all = standing(&snapshot, &Common::default());
    let alert = all.iter().find(|alert| alert.labels.contains_key("link")).unwrap();
    let summary = &alert.annotations["summary"];
    assert!(summary.starts_with("Prometheus EU: word word"), "{summary}");
    assert_eq!(summary.chars().count(), MAX_SUMMARY_CHARS);
    // Nobody can reach a promlink without a URL.
    assert!(!alert.annotations.contains_key("dashboard_url"));
}

#[test]
fn only_what_surely_does_not_stand_is_over() {
    let over = over(&fixture::snapshot(), &common());
    let told: Vec<String> = over.iter().map(shown).collect();
    expect_test::expect![[r#"
        alertname=PromlinkLinkBroken cluster=eu-1 datasource_uid=prometheus grafana=main link=degraded severity=critical
        alertname=PromlinkLinkBroken cluster=eu-1 datasource_uid=prometheus grafana=main link=working severity=critical
        alertname=PromlinkLinkDegraded cluster=eu-1 datasource_uid=prometheus grafana=main link=working severity=warning
        alertname=PromlinkGrafanaDown cluster=eu-1 grafana=main severity=critical
    "#]].assert_eq(&(told.join("\n") + "\n"));
    let standing = standing(&fixture::snapshot(), &common());
    assert!(standing.iter().all(|alert| !over.contains(&alert.labels)));
}

/// What waits for its time after a restart may stand where it was told before.
#[test]
fn what_only_waits_is_not_over() {
    let mut snapshot = fixture::snapshot();
    let mut link = fixture::degraded();
    link.alarm.degraded = None;
    snapshot.links = [Arc::new(link), Arc::new(fixture::blind())].into();
    let mut grafanas = snapshot.grafanas.to_vec();
    for grafana in &mut grafanas {
        (grafana.up, grafana.alarm_blind) = (None, None);
        grafana.alarms_down.clear();
    }
    snapshot.grafanas = grafanas.into();
    let over = over(&snapshot, &Common::default());
    let told: Vec<&str> = over.iter().map(|labels| labels["alertname"].as_str()).collect();
    assert_eq!(told, ["PromlinkLinkBroken"]);
}

/// What a link's labels add may be what every alert has.
#[test]
fn two_alarms_with_the_same_labels_are_one_alert() {
    let mut snapshot = fixture::snapshot();
    let mut servers = snapshot.servers.to_vec();
    let alarm = servers[0].alarms[0].clone();
    let labels = Arc::new(common().labels);
    servers[0].alarms.push(EndAlarm { labels, ..alarm });
    snapshot.servers = servers.into();
    let all = standing(&snapshot, &common());
    let down = all.iter().filter(|alert| alert.labels["alertname"] == "PromlinkServerDown");
    assert_eq!(down.count(), 1);
}

#[test]
fn a_summary_that_is_cut_is_whole_in_the_description() {
    let mut snapshot = fixture::snapshot();
    let mut link = fixture::broken();
    let summary = "word ".repeat(100).trim_end().to_owned();
    let fault = link.published.fault;
    let alarm = Alarm { summary: summary.clone(), fault, ..(*fixture::alarm()).clone() };
    link.alarm.broken = Some(Arc::new(alarm));
    snapshot.links = [Arc::new(link)].into();
    let all = standing(&snapshot, &common());
    let alert = all.iter().find(|alert| alert.labels.contains_key("link")).unwrap();
    let begin = format!("Link broken: {summary} connection_refused at direct/tcp; ");
    assert!(alert.annotations["description"].starts_with(&begin), "{alert:?}");
}
