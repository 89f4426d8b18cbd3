//! What is told, second by second.

use std::collections::BTreeSet;

use super::*;
use crate::link::HttpOptions;
use crate::secret::Secret;

fn at(seconds: u64) -> Now {
    Now::at(Duration::from_secs(seconds))
}

fn alert(name: &str) -> Alert {
    Alert {
        labels: Labels::from([("alertname".to_owned(), name.to_owned())]),
        annotations: BTreeMap::from([("summary", format!("{name} is bad"))]),
        since: at(0),
        wait: Duration::ZERO,
        longest: Duration::ZERO,
    }
}

fn notifier(send_resolved: bool) -> Notifier {
    Notifier::new(&Webhook {
        name: "pager".to_owned(),
        url: Secret::Value("https://example.org/x".to_owned()),
        http: HttpOptions::default(),
        repeat_interval: Duration::from_secs(3600),
        send_resolved,
    })
}

/// Walks a timeline of `second standing = told`; the receiver takes everything, but where `!`
/// follows.
fn check(mut notifier: Notifier, timeline: &str) {
    for line in timeline.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, expected) = line.split_once('=').expect(line);
        let (second, standing) = step.trim().split_once(' ').unwrap_or((step.trim(), ""));
        let now = at(second.parse().expect(line));
        let alerts: Vec<Alert> = standing.split_whitespace().map(alert).collect();
        notifier.take(&alerts, now);
        let batch = notifier.batch(now);
        let word = |(labels, is_end): &(Labels, bool)| {
            format!("{}{}", if *is_end { "-" } else { "+" }, labels["alertname"])
        };
        let told: Vec<String> = batch.iter().map(word).collect();
        let (expected, takes) = match expected.trim().strip_suffix('!') {
            Some(expected) => (expected, false),
            None => (expected.trim(), true),
        };
        assert_eq!(told.join(" "), expected, "{line}");
        if takes {
            notifier.told(&batch, now);
        }
    }
}

#[test]
fn each_beginning_and_end_is_told_once_and_what_stands_again_after_hours() {
    check(
        notifier(true),
        "0 =
         10 a =
         14 a =
         15 a = +a
         16 a =
         3614 a =
         3615 a = +a
         3700 =
         3705 = -a
         3706 =
         9000 =",
    );
}

#[test]
fn what_comes_together_is_told_together() {
    check(
        notifier(true),
        "10 a =
         13 a b =
         15 a b = +a +b
         20 b =
         24 b c =
         25 b c = -a +c",
    );
}

#[test]
fn what_the_receiver_did_not_take_is_told_again() {
    check(
        notifier(true),
        "0 a =
         5 a = +a!
         6 a = +a!
         7 a = +a
         8 a =
         20 =
         25 = -a!
         30 = -a
         31 =",
    );
}

#[test]
fn of_what_nobody_heard_nobody_hears_the_end() {
    check(
        notifier(true),
        "0 a =
         2 =
         9 =",
    );
    check(
        notifier(false),
        "0 a =
         5 a = +a
         6 =
         20 =
         30 a =
         35 a = +a",
    );
}

#[test]
fn what_begins_again_after_its_end_was_told_is_new() {
    check(
        notifier(true),
        "0 a =
         5 a = +a
         20 =
         25 = -a
         26 a =
         30 a =
         31 a = +a",
    );
}

#[test]
fn what_begins_again_before_its_end_was_told_never_ended() {
    check(
        notifier(true),
        "0 a =
         5 a = +a
         20 =
         22 a =
         30 a =
         3605 a = +a",
    );
}

#[test]
fn fifty_alerts_are_one_request() {
    let mut notifier = notifier(true);
    let all: Vec<Alert> = (0..120).map(|n| alert(&format!("a{n:03}"))).collect();
    notifier.take(&all, at(0));
    let sizes: Vec<usize> = (0..4)
        .map(|_| {
            let batch = notifier.batch(at(5));
            notifier.told(&batch, at(5));
            batch.len()
        })
        .collect();
    assert_eq!(sizes, [50, 50, 20, 0]);
}

#[test]
fn an_alert_that_is_refused_for_ever_keeps_no_other_from_being_told() {
    let mut notifier = notifier(true);
    let all: Vec<Alert> = (0..120).map(|n| alert(&format!("a{n:03}"))).collect();
    notifier.take(&all, at(0));
    let mut told = BTreeSet::new();
    let mut requests = 0;
    while let batch = notifier.batch(at(5))
        && !batch.is_empty()
    {
        requests += 1;
        assert!(requests < 25, "{} told", told.len());
        if batch.iter().any(|(labels, _)| labels["alertname"] == "a007") {
            notifier.refused(&batch, at(5));
        } else {
            notifier.told(&batch, at(5));
            told.extend(batch);
        }
    }
    assert_eq!(told.len(), 119);
    // It has another chance later, and is not repeated like what was heard.
    assert_eq!(notifier.due(), Some(at(605)));
    assert_eq!(notifier.batch(at(605)).len(), 1);
}

/// `captures/alertmanager-0.25/get-alerts.http` and `webhook-payload-resolved.json` have these.
#[test]
fn fingerprints_are_alertmanager_s() {
    for (labels, known) in [
        (&[("alertname", "V1")][..], "4fbce442ddbd975b"),
        (&[("alertname", "NoEnd"), ("severity", "critical")], "5a7d77578e9d13fc"),
        (&[("alertname", "WithEnd"), ("severity", "critical")], "6b1f8bf953b3631f"),
    ] {
        let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(fingerprint(&labels), known);
    }
}

#[test]
fn the_payload_has_the_shape_of_alertmanager_s() {
    let mut notifier = notifier(true);
    notifier.take(&[alert("a"), alert("b")], at(0));
    notifier.told(&notifier.batch(at(5)), at(5));
    notifier.take(&[alert("a")], at(20));
    let payload = notifier.payload(&notifier.batch(at(25)), "pager", Some("https://p"));
    expect_test::expect![[r#"{"version":"4","groupKey":"{}:{}","truncatedAlerts":0,"status":"resolved","receiver":"pager","groupLabels":{},"commonLabels":{"alertname":"b"},"commonAnnotations":{"summary":"b is bad"},"externalURL":"https://p","alerts":[{"status":"resolved","labels":{"alertname":"b"},"annotations":{"summary":"b is bad"},"startsAt":"2026-01-01T00:00:00.000Z","endsAt":"2026-01-01T00:00:20.000Z","generatorURL":"","fingerprint":"d256efc389800170"}]}"#]]
    .assert_eq(&serde_json::to_string(&payload).unwrap());
}
