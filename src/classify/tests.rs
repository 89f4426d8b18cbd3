mod recordings;

use proptest::prelude::*;

use super::*;
use crate::classify::grafana_answer::DsQuery;
use crate::classify::tests::recordings::Recording;
use crate::classify::{grafana_answer as grafana, prometheus};
use crate::link::Scheme;
use crate::report::kinds::is_refusal_by_grafana;

/// The columns of a table, with `\n` and `\r` for line ends.
fn rows(table: &str) -> impl Iterator<Item = Vec<String>> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let columns = line.split('|').map(|column| column.trim_matches(' '));
        columns.map(|column| column.replace(r"\n", "\n").replace(r"\r", "\r")).collect()
    })
}

#[test]
fn credentials_in_a_url_are_never_shown() {
    for (url, shown) in [
        ("http://u:p@w@prom:9090/x@y", "http://prom:9090/x@y"),
        ("http://prom:9090", "http://prom:9090"),
        ("//u:p@prom", "//prom"),
        ("u:p@prom:9090/a//b", "prom:9090/a//b"),
        ("prom:9090", "prom:9090"),
    ] {
        assert_eq!(without_credentials(url), shown);
    }
    assert_eq!(bare_url("https://u:p@login/auth?token=1#2"), "https://login/auth");
    assert_eq!(bare_url("/login?to=a@b"), "/login");
}

#[test]
fn without_credentials_a_token_is_missing() {
    let nobody = Recording::read("grafana-prometheus-plugin-13.1.7/side-nocred-org");
    let answer = Answer { credentials: false, ..nobody.answer() };
    assert_eq!(grafana::organisation(&answer).unwrap_err().cause, Cause::TokenMissing);
}

#[test]
fn messages_tell_causes() {
    for row in rows(include_str!("tests/messages.txt")) {
        let [wanted, status, message] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(grafana_message::cause(message, status.parse().ok()).code(), wanted, "{row:?}");
    }
}

#[test]
fn evidence_is_kept() {
    let read = |name: &str| Recording::read(name);
    let rejection = prometheus::query(&read("prometheus-2.42/agent-query").answer()).unwrap_err();
    assert_eq!(rejection.api_error_type.as_deref(), Some("execution"));
    assert_eq!(rejection.api_error.as_deref(), Some("unavailable with Prometheus Agent"));
    assert_eq!(rejection.body_start, None);
    let rejection = prometheus::query(&read("prometheus-2.42/wrong-prefix").answer()).unwrap_err();
    assert_eq!(rejection.body_start.as_deref(), Some("404 page not found"));
    let locked = read("grafana-prometheus-plugin-13.1.7/db-sqlite-locked-org");
    let rejection = grafana::organisation(&locked.answer()).unwrap_err();
    assert_eq!(grafana::permission(&rejection), Some("orgs:read"));
    assert!(is_refusal_by_grafana(rejection.cause));
    assert!(!is_refusal_by_grafana(Cause::GrafanaDatabaseDown));
}

#[test]
fn both_paths_see_the_same_identities() {
    let direct = Recording::read("grafana-prometheus-plugin-13.1.7/working-proxy");
    let direct = prometheus::query(&direct.answer()).unwrap();
    assert_eq!(direct.evaluated_at, Some(1_795_401_941.115));
    for (name, time) in [
        ("grafana-prometheus-plugin-13.1.7/working-dsquery", 1_795_401_940.905),
        ("grafana-9.3.2/working-dsquery", 1_795_403_760.0),
    ] {
        let DsQuery::Data { a, .. } = grafana::ds_query(&Recording::read(name).answer()) else {
            panic!("{name}")
        };
        assert_eq!(a.identities, direct.identities);
        assert_eq!(a.identities.len(), 2);
        assert_eq!(a.evaluated_at, Some(time));
    }
}

/// A body that came with 200.
fn good(body: &str, cut: bool) -> Answer<'_> {
    let body = body.as_bytes();
    Answer { status: 200, headers: &[], body, cut, asked: "", credentials: false }
}

/// An answer cut at the cap that began as a good vector is good.
#[test]
fn cut_vectors_count() {
    let series = |n: u32| {
        format!(r#"{{"metric":{{"instance":"i{n}","job":"j"}},"value":[1795401941.115,"1"]}}"#)
    };
    let list: Vec<String> = (0..5000).map(series).collect();
    let start = r#"{"status":"success","data":{"resultType":"vector","result":["#;
    let body = format!("{start}{}]}}}}", list.join(","));
    let vector = prometheus::query(&good(&body, false)).unwrap();
    assert_eq!((vector.series, vector.up, vector.complete, vector.large), (5000, 5000, true, true));

    let (half, _) = body.split_at(body.len() / 2);
    let vector = prometheus::query(&good(half, true)).unwrap();
    assert!((2400..2600).contains(&vector.series) && !vector.complete, "{}", vector.series);
    // What nobody cut was lost on the way; and nothing can be said when no series was whole.
    let cause = |answer| prometheus::query(&answer).unwrap_err().cause;
    assert_eq!(cause(good(half, false)), Cause::AnswerMalformed);
    let label = format!(r#"{start}{{"metric":{{"job":"{}"#, "x".repeat(1000));
    assert_eq!(cause(good(&label, true)), Cause::AnswerTooLarge);
    assert_eq!(cause(good("   ", true)), Cause::AnswerTooLarge);
    assert_eq!(cause(good("   ", false)), Cause::NotPrometheus);
}

#[test]
fn cut_frames_count() {
    let frame = |n: u32| {
        let labels = format!(r#""labels":{{"job":"{n}"}}"#);
        let fields = format!(r#"[{{"type":"time"}},{{"type":"number",{labels}}}]"#);
        format!(r#"{{"schema":{{"fields":{fields}}},"data":{{"values":[[1000],[0]]}}}}"#)
    };
    let frames: Vec<String> = (0..100).map(frame).collect();
    let body = format!(r#"{{"results":{{"A":{{"status":200,"frames":[{}"#, frames.join(","));
    let DsQuery::Data { a, newest: None } = grafana::ds_query(&good(&body, true)) else {
        panic!("no data")
    };
    assert_eq!((a.series, a.up, a.complete), (100, 0, false));
    let DsQuery::Rejected(rejection) = grafana::ds_query(&good(&body, false)) else {
        panic!("not rejected")
    };
    assert_eq!(rejection.cause, Cause::AnswerMalformed);
}

/// As in kube-prometheus, which marks none.
#[test]
fn where_no_default_is_marked_the_only_prometheus_is_it() {
    let defaults = |list: &[(&str, bool)]| {
        let one = |(number, (kind, is_default)): (usize, &(&str, bool))| {
            format!(r#"{{"uid":"{number}","name":"n","type":"{kind}","isDefault":{is_default}}}"#)
        };
        let wire: Vec<String> = list.iter().enumerate().map(one).collect();
        let told = Recording::told(200, &[], &format!("[{}]", wire.join(",")));
        let list = grafana::datasource_list(&told.answer()).unwrap();
        list.into_iter().filter(|one| one.is_default).map(|one| one.uid).collect::<Vec<_>>()
    };
    let prometheus = ("prometheus", false);
    let amazon = ("grafana-amazonprometheus-datasource", false);
    assert_eq!(defaults(&[prometheus]), ["0"]);
    assert_eq!(defaults(&[("alertmanager", false), amazon, ("loki", false)]), ["1"]);
    assert_eq!(defaults(&[prometheus, ("loki", true)]), ["1"]);
    for none in [&[prometheus, amazon][..], &[("loki", false)], &[]] {
        assert_eq!(defaults(none), [""; 0]);
    }
}

/// Such a data source answers each team in another way, and a service account in none.
#[test]
fn headers_of_teams_depend_on_who_asks() {
    let forwards = |teams: &str| {
        let json = format!(r#"{{"teamHttpHeaders":{teams}}}"#);
        let wire = format!(
            r#"{{"uid":"u","name":"n","type":"prometheus","url":"http://p","jsonData":{json}}}"#
        );
        let found = grafana::datasource(&Recording::told(200, &[], &wire).answer()).unwrap();
        assert_eq!(found.withholds().is_some(), found.forwards_user, "{teams}");
        found.forwards_user
    };
    const POLICY: &str = r#"[{"header":"X-Prom-Label-Policy","value":"1:{job=\"a\"}"}]"#;
    assert!(forwards(&format!(r#"{{"headers":{{"1":{POLICY}}}}}"#)));
    assert!(forwards(&format!(r#"{{"headers":{{"1":[],"2":{POLICY}}},"restrictAccess":true}}"#)));
    for none in [
        "null",
        "{}",
        r#"{"headers":{}}"#,
        r#"{"headers":{"1":[]},"restrictAccess":true}"#,
        r#"{"headers":null}"#,
        r#"{"headers":["x"]}"#,
        "true",
        "[1]",
    ] {
        assert!(!forwards(none), "{none}");
    }
}

#[test]
fn datasources_are_taken_apart() {
    let list = Recording::read("grafana-prometheus-plugin-13.1.7/fresh-ds-list");
    let list = grafana::datasource_list(&list.answer()).unwrap();
    let defaults = list.iter().filter(|one| one.is_default).map(|one| one.uid.as_str());
    assert_eq!(defaults.collect::<Vec<_>>(), ["prometheus"]);

    let full = Recording::read("grafana-prometheus-plugin-13.1.7/ds-uid-full-jsondata");
    let full = grafana::datasource(&full.answer()).unwrap();
    assert_eq!(full.method.as_deref(), Some("POST"));
    assert_eq!(full.interval.as_deref(), Some("30s"));
    assert_eq!(full.query_timeout.as_deref(), Some("60s"));
    assert_eq!(full.auth, Some("basic"));
    assert_eq!(full.headers, ["X-Scope-OrgID", "X-Custom"]);
    assert_eq!(full.exemplars, ["tempo"]);
    assert!(full.tls_skip_verify && !full.forwards_user && !full.read_only);

    let wire = r#"{"uid":"u","name":"n","type":"prometheus",
        "url":"https://me:secret@p.example.org/base/",
        "jsonData":{"timeout":"30","oauthPassThru":true,"manageAlerts":"t","httpMethod":"get"}}"#;
    let told = Recording::told(200, &[], wire);
    let forwards = grafana::datasource(&told.answer()).unwrap();
    assert_eq!(forwards.url, "https://p.example.org/base/");
    assert_eq!(forwards.timeout_seconds, Some(30));
    assert_eq!(forwards.method.as_deref(), Some("GET"));
    assert!(forwards.withholds().is_some_and(|why| why.contains("login")));
    let with = |url: &str, json: &str| {
        let wire = format!(
            r#"[{{"uid":"u","name":"n","type":"prometheus","url":"{url}","jsonData":{json}}}]"#
        );
        let list = grafana::datasource_list(&Recording::told(200, &[], &wire).answer()).unwrap();
        list[0].withholds()
    };
    assert_eq!(with("https://p", r#"{"tlsAuthWithCACert":true,"tlsSkipVerify":true}"#), None);
    for (url, json, why) in [
        ("https://me:secret@p", "{}", "in its URL"),
        ("https://p", r#"{"tlsAuthWithCACert":true}"#, "a CA"),
        ("https://p", r#"{"customQueryParameters":"token=x"}"#, "parameters"),
        ("https://p", r#"{"enableSecureSocksProxy":true}"#, "SOCKS"),
        ("https://p", r#"{"httpHeaderName1":"X-Scope-OrgID"}"#, "headers"),
        ("https://p", r#"{"tlsAuth":true}"#, "credentials"),
        ("https://p", r#"{"sigV4Auth":true}"#, "credentials"),
        ("https://p", r#"{"keepCookies":["session"]}"#, "login"),
    ] {
        assert!(with(url, json).is_some_and(|said| said.contains(why)), "{json}");
    }
    let explained = grafana::explained;
    assert_eq!(explained(Cause::Forbidden, true), Cause::DatasourceNeedsUserLogin);
    assert_eq!(explained(Cause::ConnectionRefused, true), Cause::ConnectionRefused);
    assert_eq!(explained(Cause::Forbidden, false), Cause::Forbidden);
    assert!(forwards.forwards_user);
    let address = forwards.address().unwrap();
    assert_eq!(
        (address.scheme, address.port, address.path.as_str()),
        (Scheme::Https, 443, "/base")
    );
    assert!(!format!("{:?}", grafana::datasource(&told.answer())).contains("secret"));
}

/// Whoever may edit one data source must not be able to hide the others, nor to flood anything.
#[test]
fn one_hostile_data_source_does_not_spoil_the_list() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let hostile = [
        r#"{"uid":"x","name":"x","type":"prometheus","jsonData":{"a":1e999}}"#.to_owned(),
        format!(r#"{{"uid":"x","name":"x","type":"prometheus","jsonData":{{"a":{deep}}}}}"#),
        r#"{"uid":null,"name":7}"#.to_owned(),
        "null".to_owned(),
    ];
    let good = r#"{"uid":"good","name":"good","type":"prometheus","url":"http://p"}"#;
    for one in hostile {
        let wire = format!("[{one},{good}]");
        let list = grafana::datasource_list(&Recording::told(200, &[], &wire).answer()).unwrap();
        let uids: Vec<&str> = list.iter().map(|source| source.uid.as_str()).collect();
        assert_eq!(uids, ["", "good"], "{wire}");
    }
    let mut json = serde_json::json!({"exemplarTraceIdDestinations":
        vec![serde_json::json!({"datasourceUid": "u"}); 5000]});
    (1..5000).for_each(|n| json[format!("httpHeaderName{n}")] = "X".into());
    let wire = serde_json::json!({"uid": "u", "name": "n", "type": "prometheus", "jsonData": json});
    let told = Recording::told(200, &[], &wire.to_string());
    let found = grafana::datasource(&told.answer()).unwrap();
    assert_eq!((found.exemplars.len(), found.headers.len()), (20, 20));
}

/// It goes into a header, and to a terminal.
#[test]
fn a_token_is_one_word() {
    let made = |key: &str| {
        let wire = serde_json::json!({"id": 1, "name": "n", "key": key}).to_string();
        grafana::accounts::made(&Recording::told(200, &[], &wire).answer()).ok()
    };
    assert_eq!(made("glsa_abc").as_deref(), Some("glsa_abc"));
    for key in ["", "a b", "a\r\nX-Other: b", "\u{1b}]0;title\u{7}", &"a".repeat(5000)] {
        assert_eq!(made(key), None, "{key:?}");
    }
}

#[test]
fn datasource_urls_are_judged() {
    let rows = [
        ("", "datasource_url_empty"),
        (" ", "datasource_url_empty"),
        ("prometheus:9090", "datasource_url_invalid"),
        ("prometheus", "datasource_url_invalid"),
        ("127.0.0.1:9090", "datasource_url_invalid"),
        ("ftp://prometheus:9090", "datasource_url_invalid"),
        ("http://prometheus:90x", "datasource_url_invalid"),
        ("http://", "datasource_url_invalid"),
        ("http://localhost:9090", "datasource_url_localhost"),
        ("http://127.0.0.53:9090/", "datasource_url_localhost"),
        ("http://[::1]:9090", "datasource_url_localhost"),
        ("http://[::ffff:127.0.0.1]:9090", "datasource_url_localhost"),
        ("http://0.0.0.0:9090", "datasource_url_localhost"),
        ("http://localhost.example.org", "fine"),
        ("http://prometheus.monitoring.svc:9090/prometheus/", "fine"),
        ("https://10.0.0.7", "fine"),
    ];
    for (url, wanted) in rows {
        let datasource = grafana::Datasource {
            kind: "prometheus".to_owned(),
            url: url.to_owned(),
            ..grafana::Datasource::default()
        };
        let faults = datasource.faults();
        assert!(faults.len() <= 1);
        assert_eq!(faults.first().map_or("fine", |cause| cause.code()), wanted, "{url}");
    }
}

#[test]
fn rules_tell_what_ds_query_hides() {
    let rules = Recording::read("grafana-prometheus-plugin-13.1.7/alerting-rules");
    let failure = grafana::rule_error(&rules.answer(), "http://127.0.0.1:19001").unwrap();
    assert_eq!(failure.cause, Cause::ConnectionRefused);
    assert!(failure.message.starts_with("failed to execute query A: Post"));
    assert_eq!(grafana::rule_error(&rules.answer(), "http://127.0.0.1:1900"), None);
}

fn any_answer() -> impl Strategy<Value = (Recording, bool, bool)> {
    let names = vec!["content-type", "location", "server", "set-cookie", "www-authenticate"];
    let header = (prop::sample::select(names), ".{0,40}");
    let start = prop::sample::select(vec![
        "",
        "{",
        "<html><title>",
        r#"{"status":"success","data":{"resultType":"vector","result":["#,
        r#"{"status":"error","error":"#,
        r#"{"results":{"A":{"frames":["#,
        r#"{"results":{"A":{"error":"#,
        r#"[{"uid":"#,
        r#"{"message":"#,
    ]);
    let rest = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        ".{0,80}".prop_map(String::into_bytes)
    ];
    (0..1000_u16, prop::collection::vec(header, 0..4), start, rest, any::<bool>(), any::<bool>())
        .prop_map(|(status, headers, start, rest, cut, credentials)| {
            let headers = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            let body = [start.as_bytes(), &rest].concat();
            (Recording { status, headers, body }, cut, credentials)
        })
}

proptest! {
    #[test]
    fn no_answer_panics((recording, cut, credentials) in any_answer()) {
        let answer = Answer { cut, credentials, ..recording.answer() };
        drop(prometheus::query(&answer));
        drop(prometheus::buildinfo(&answer));
        assert!(gateway::name(&answer).is_none_or(|name| !name.is_empty()));
        drop(grafana::health(&answer));
        drop(grafana::organisation(&answer));
        drop(grafana::datasource(&answer).map(|datasource| datasource.faults()));
        drop(grafana::datasource_list(&answer));
        drop(grafana::datasource_health(&answer));
        drop(grafana::ds_query(&answer));
        drop(grafana::data_proxy(&answer));
        drop(grafana::rule_error(&answer, "http://p:9090"));
    }

    #[test]
    fn no_message_panics(
        message in "(Post \")?(\": )?(dial |lookup |x509: |bigger context ...\\|)?.{0,60}",
        status in any::<Option<u16>>(),
    ) {
        assert!(!grafana_message::cause(&message, status).code().is_empty());
    }
}
