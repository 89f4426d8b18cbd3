use std::collections::BTreeSet;

use super::*;

fn found(change: impl FnOnce(&mut Datasource)) -> Datasource {
    let mut found = Datasource {
        kind: "prometheus".to_owned(),
        method: Some("POST".to_owned()),
        stored: Some(BTreeSet::new()),
        ..Datasource::default()
    };
    change(&mut found);
    found
}

fn told(findings: &[Finding]) -> Vec<String> {
    let one = |found: &Finding| {
        assert_eq!(found.weight, Weight::Notes);
        format!("{} {}", found.cause.code(), found.subject.as_ref().unwrap().as_str())
    };
    findings.iter().map(one).collect()
}

fn stored(keys: &[&str]) -> Option<BTreeSet<String>> {
    Some(keys.iter().map(|key| (*key).to_owned()).collect())
}

#[test]
fn settings_that_cannot_work_are_named() {
    let invalid = |subject: &str| vec![format!("datasource_settings_invalid {subject}")];
    type Change = fn(&mut Datasource);
    let cases: [(Change, Vec<String>); 15] = [
        (|_| {}, vec![]),
        (|d| d.auth = Some("basic"), invalid("password")),
        (|d| (d.auth, d.stored) = (Some("basic"), stored(&["basicAuthPassword"])), vec![]),
        // Where Grafana does not tell what is stored, nothing is known to be missing.
        (|d| (d.auth, d.stored) = (Some("basic"), None), vec![]),
        (|d| d.own_ca = true, invalid("certificate")),
        (
            |d| (d.auth, d.stored) = (Some("client_certificate"), stored(&["tlsClientCert"])),
            invalid("certificate"),
        ),
        (
            |d| {
                d.headers = vec!["X-Scope-OrgID".to_owned(), "X-Other".to_owned()];
                d.stored = stored(&["httpHeaderValue1"]);
            },
            invalid("header"),
        ),
        (|d| d.method = Some("PUT".to_owned()), invalid("method")),
        (|d| d.method = Some("GET".to_owned()), vec![]),
        (|d| d.method = None, vec![]),
        (|d| d.auth = Some("sigv4"), invalid("auth")),
        (
            |d| (d.auth, d.kind) = (Some("azure"), "grafana-azureprometheus-datasource".to_owned()),
            vec![],
        ),
        (|d| d.query_timeout = Some("60s".to_owned()), vec!["datasource_drift timeout".to_owned()]),
        (|d| (d.query_timeout, d.timeout_seconds) = (Some("1m".to_owned()), Some(60)), vec![]),
        (|d| d.query_timeout = Some("soon".to_owned()), vec![]),
    ];
    for (change, expected) in cases {
        let found = found(change);
        assert_eq!(told(&alone(&found, Some("13.1.0"))), expected, "{found:?}");
    }
    let sigv4 = found(|d| d.auth = Some("sigv4"));
    for version in [Some("12.4.0"), None, Some("hidden")] {
        assert_eq!(alone(&sigv4, version), [], "{version:?}");
    }
}

#[test]
fn what_it_leads_to_must_be_there() {
    let found = found(|d| {
        d.exemplars = vec!["tempo".to_owned(), "gone".to_owned()];
        d.alertmanager = Some("am".to_owned());
    });
    let neighbours = |uids: &[&str], defaults: &[&str]| Neighbours {
        uids: uids.iter().map(|uid| (*uid).to_owned()).collect(),
        defaults: defaults.iter().map(|name| (*name).to_owned()).collect(),
    };
    let target = "datasource_drift target";
    for (neighbours, expected) in [
        (neighbours(&["tempo", "gone", "am"], &["Prometheus"]), vec![]),
        (neighbours(&["tempo", "am"], &[]), vec![target]),
        (neighbours(&["tempo"], &["a", "b"]), vec![target, target, "duplicate_default default"]),
    ] {
        assert_eq!(told(&among(&found, &neighbours)), expected, "{neighbours:?}");
    }
}

#[test]
fn intervals_are_compared() {
    let span = Duration::from_secs;
    for (assumed, real) in [(Some(30), 30), (Some(60), 15), (None, 30), (Some(15), 30)] {
        assert_eq!(interval(assumed.map(span), span(real)), None, "{assumed:?} {real}");
    }
    for assumed in [None, Some(15), Some(29)] {
        let found = interval(assumed.map(span), span(60)).unwrap();
        assert!(found.detail.contains("it does each 60 s"), "{}", found.detail);
    }
}

#[test]
fn durations_are_read_as_grafana_writes_them() {
    for (text, millis) in [
        ("60s", Some(60_000)),
        ("1m", Some(60_000)),
        ("500ms", Some(500)),
        ("30", Some(30_000)),
        ("1h", Some(3_600_000)),
        ("", None),
        ("s", None),
        ("-1s", None),
        ("1d", None),
    ] {
        assert_eq!(seconds(text), millis.map(Duration::from_millis), "{text}");
    }
}

#[test]
fn no_interval_is_too_long_to_compare() {
    let longest = Duration::try_from_secs_f64(1e19).unwrap();
    assert!(interval(Some(longest), Duration::from_secs(15)).is_none());
    assert!(interval(None, longest).is_some());
}
