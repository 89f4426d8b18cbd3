use std::collections::BTreeSet;

use super::*;
use crate::link::{BaseUrl, HttpOptions};

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
        (|d| d.method = Some("GET".to_owned()), vec!["datasource_drift method".to_owned()]),
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
        assert_eq!(told(&alone(&found, Some("13.1.0"), false)), expected, "{found:?}");
    }
    let by_get = found(|d| d.method = Some("GET".to_owned()));
    assert_eq!(alone(&by_get, None, true), []);
    let sigv4 = found(|d| d.auth = Some("sigv4"));
    for version in [Some("12.4.0"), None, Some("hidden")] {
        assert_eq!(alone(&sigv4, version, false), [], "{version:?}");
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
    let (target, default) = ("datasource_drift target", "datasource_drift default");
    for (neighbours, expected) in [
        (neighbours(&["tempo", "gone", "am"], &["Prometheus"]), vec![]),
        (neighbours(&["tempo", "am"], &[]), vec![target, default]),
        (neighbours(&["tempo"], &["a", "b"]), vec![target, target, "duplicate_default default"]),
    ] {
        assert_eq!(told(&among(&found, &neighbours)), expected, "{neighbours:?}");
    }
}

#[test]
fn neighbours_are_read_only_where_they_may_tell_something() {
    type Change = fn(&mut Datasource);
    let cases: [(Change, bool); 4] = [
        (|d| d.is_default = true, false),
        (|d| d.is_default = false, true),
        (|d| (d.is_default, d.exemplars) = (true, vec!["tempo".to_owned()]), true),
        (|d| (d.is_default, d.alertmanager) = (true, Some("am".to_owned())), true),
    ];
    for (change, expected) in cases {
        let found = found(change);
        assert_eq!(wants_neighbours(&found), expected, "{found:?}");
    }
}

#[test]
fn settings_are_compared_with_the_links() {
    let url = "https://prometheus:9090/prom";
    let (host, path) = ("prometheus".to_owned(), "/prom".to_owned());
    let at = BaseUrl { scheme: Scheme::Https, host, port: 9090, path };
    let ours = Endpoint { url: at, http: HttpOptions::default() };
    type Change = fn(&mut Datasource);
    let cases: [(Change, Method, &[&str]); 9] = [
        (|_| {}, Method::Post, &[]),
        (|_| {}, Method::Get, &["datasource_drift method"]),
        (|d| d.method = None, Method::Get, &[]),
        (|d| d.method = Some("GET".to_owned()), Method::Post, &[]),
        (
            |d| d.url = "https://prometheus:9090/".to_owned(),
            Method::Post,
            &["datasource_drift path"],
        ),
        (|d| d.url = "https://prometheus:9090/prom/".to_owned(), Method::Post, &[]),
        (|d| d.tls_skip_verify = true, Method::Post, &["datasource_drift tls_verification"]),
        (|d| d.auth = Some("basic"), Method::Post, &["datasource_drift auth"]),
        (
            |d| d.headers = vec!["X-Scope-OrgID".to_owned()],
            Method::Post,
            &["datasource_drift header"],
        ),
    ];
    for (change, method, expected) in cases {
        let mut theirs = found(|d| d.url = url.to_owned());
        change(&mut theirs);
        let findings = beside(&theirs, &ours, method);
        assert_eq!(told(&findings), expected, "{theirs:?}");
        // What differs, and what to do.
        assert!(findings.iter().all(|found| found.detail.contains("; ")), "{findings:?}");
    }
    let skips = beside(
        &found(|d| (d.url, d.tls_skip_verify) = (url.to_owned(), true)),
        &ours,
        Method::Post,
    );
    assert!(skips[0].detail.starts_with("the data source does not verify"), "{skips:?}");
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

#[test]
fn what_only_tls_has_is_compared_as_such() {
    let compared = |scheme, url: &str, change: fn(&mut Datasource), cert_file: Option<&str>| {
        let mut http = HttpOptions::default();
        http.tls.cert_file = cert_file.map(Into::into);
        let theirs = found(|d| {
            d.url = url.to_owned();
            change(d);
        });
        let host = "prometheus".to_owned();
        let ours =
            Endpoint { url: BaseUrl { scheme, host, port: 9090, path: String::new() }, http };
        told(&beside(&theirs, &ours, Method::Post))
    };
    let (plain, tls) = ("http://prometheus:9090", "https://prometheus:9090");
    let (http, https) = (Scheme::Http, Scheme::Https);
    // Where no certificate is shown, none is left unverified.
    assert_eq!(compared(http, plain, |d| d.tls_skip_verify = true, None), [""; 0]);
    // A client certificate signs in as well.
    let signs: fn(&mut Datasource) = |d| d.auth = Some("client_certificate");
    assert_eq!(compared(https, tls, signs, Some("/cert.pem")), [""; 0]);
    assert_eq!(compared(https, tls, signs, None), ["datasource_drift auth"]);
}
