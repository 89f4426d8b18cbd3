use std::fs;

use expect_test::expect_file;

use super::*;
use crate::link::{Auth, DatasourceRef};
use crate::secret::Secret;

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/testdata")
}

/// The errors are those of the file of that name; `UPDATE_EXPECT=1` writes it anew.
fn golden(name: &str, errors: &ConfigErrors) {
    let errors = errors.to_string();
    assert!(!errors.contains("hunter2"), "{name} shows a secret:\n{errors}");
    expect_file![testdata().join(format!("{name}.expected"))].assert_eq(&(errors + "\n"));
}

/// Every `*.bad.yml` has the mistakes of its `*.expected`, and no others.
#[test]
fn bad_files_say_what_is_wrong() {
    let mut names: Vec<_> = fs::read_dir(testdata())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".bad.yml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 20);
    for name in names {
        let bytes = fs::read(testdata().join(format!("{name}.bad.yml"))).unwrap();
        let sources = Sources { file: Some("promlink.yml".into()), ..Sources::default() };
        golden(&name, &load_bytes(&sources, Some(&bytes)).expect_err(&name));
    }
}

fn load_text(text: &str) -> Result<Settings, ConfigErrors> {
    let sources = Sources { file: Some("/etc/promlink/promlink.yml".into()), ..Sources::default() };
    load_bytes(&sources, Some(text.as_bytes()))
}

#[test]
fn the_default_file_loads_also_with_every_comment_taken_away() {
    let begin = load_text(DEFAULT_FILE).unwrap();
    assert_eq!(begin.links.len(), 1);
    let whole: Vec<String> = DEFAULT_FILE
        .lines()
        .map(|line| match line.trim_start().strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                line.replacen('#', "", 1)
            }
            _ => line.to_owned(),
        })
        .collect();
    let whole = load_text(&whole.join("\n")).unwrap();
    assert_eq!(whole.dns.ndots, Some(5));
    // What it calls the default is the default.
    let alarms = |settings: &Settings| {
        let alarms = &settings.alarms;
        (alarms.rules.clone(), alarms.collapse_at, alarms.resolve)
    };
    assert_eq!(alarms(&whole), alarms(&begin));
    assert_eq!(whole.web.listen, begin.web.listen);
    let [k8s, _] = whole.links.as_slice() else { panic!("two links") };
    assert_eq!(k8s.thresholds, begin.links[0].thresholds);
    assert_eq!(k8s.cadence, begin.links[0].cadence);
    assert_eq!(k8s.query, begin.links[0].query);
}

fn env(vars: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    vars.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn with_env(text: &str, vars: &[(&str, &str)]) -> Result<Settings, ConfigErrors> {
    let file = Some("/etc/promlink/promlink.yml".into());
    let sources = Sources { file, env: env(vars), ..Sources::default() };
    load_bytes(&sources, Some(text.as_bytes()))
}

const FLAG_LISTEN: Flag =
    Flag { name: "--web.listen-address", path: &["web", "listen_address"], value: String::new() };

const ONE: &str = "links:\n  a: {prometheus: {url: \"http://a:9090\"}}\n";

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let file = format!("web: {{listen_address: \":1\"}}\nlog: {{level: warn}}\n{ONE}");
    let mut sources = Sources {
        file: Some("promlink.yml".into()),
        env: env(&[("PROMLINK__WEB__LISTEN_ADDRESS", ":2"), ("PROMLINK__LOG__FORMAT", "json")]),
        flags: Vec::new(),
        ..Sources::default()
    };
    let settings = load_bytes(&sources, Some(file.as_bytes())).unwrap();
    assert_eq!(settings.web.listen.port(), 2);
    assert_eq!(settings.log, Log { level: Level::Warn, format: LogFormat::Json });
    sources.flags = vec![Flag { value: "127.0.0.1:3".to_owned(), ..FLAG_LISTEN }];
    let settings = load_bytes(&sources, Some(file.as_bytes())).unwrap();
    assert_eq!(settings.web.listen.to_string(), "127.0.0.1:3");
}

#[test]
fn mistakes_name_the_variable_or_the_flag() {
    let sources = Sources {
        file: None,
        env: env(&[
            ("PROMLINK__WEB__LISTEN", ":2"),
            ("PROMLINK__LOG__LEVEL", "loud"),
            ("PROMLINK__LOG", "x"),
            ("PROMLINK____X", "y"),
            ("PROMLINK__DNS__SERVERS", "10.0.0.10, example.org"),
            ("PROMLINK__GRAFANAS__MAIN__AUTHORIZATION", "hunter2"),
            ("PROMLINK_SERVICE_HOST", "10.0.0.1"),
        ]),
        flags: vec![Flag { value: "10079".to_owned(), ..FLAG_LISTEN }],
        ..Sources::default()
    };
    let errors = load_bytes(&sources, None).unwrap_err();
    golden("environment", &errors);
    assert_eq!(errors.count(), 8);
}

#[test]
fn a_section_of_the_file_is_not_blamed_on_a_variable() {
    let set = [("PROMLINK__LINKS__A__SELECTOR", "up"), ("PROMLINK__LINKS__A__METHOD", "PUT")];
    let errors = with_env("links:\n  a: {labels: {job: x}}\n", &set).unwrap_err();
    golden("environment_over_file", &errors);
}

#[test]
fn the_environment_is_never_shown() {
    let env = env(&[("PROMLINK__X", "hunter2")]);
    let sources = Sources { env, ..Sources::default() };
    assert!(!format!("{sources:?}").contains("hunter2"));
}

#[test]
fn a_variable_finds_a_name_with_capitals_and_dashes() {
    let file = "links:\n  Prod-EU.1: {prometheus: {url: \"http://a:9090\"}}\n";
    let set = [
        ("PROMLINK__LINKS__PROD_EU_1__SELECTOR", "up{job=\"x\"}"),
        ("PROMLINK__LINKS__NEW__PROMETHEUS__URL", "http://new:9090"),
        ("PROMLINK__LINKS__NEW__SELECTOR", ""),
    ];
    let settings = with_env(file, &set).unwrap();
    let [old, new] = settings.links.as_slice() else { panic!("two links") };
    assert_eq!((old.name.as_str(), old.query.selector.as_str()), ("Prod-EU.1", "up{job=\"x\"}"));
    assert_eq!((new.name.as_str(), new.query.selector.as_str()), ("new", "up"));

    let file = format!("{file}  prod_eu.1: {{prometheus: {{url: \"http://b:9090\"}}}}\n");
    let errors = with_env(&file, &set).unwrap_err();
    assert!(errors.to_string().contains("fits several names"), "{errors}");
}

#[test]
fn a_link_inherits_what_it_does_not_say() {
    let settings = load_text(
        r#"
grafanas:
  main: {url: "http://grafana:3000"}
defaults:
  interval: 30s
  timeout: 10s
  selector: up{job="prometheus"}
  prometheus:
    basic_auth: {username: u, password_file: secret}
    tls_config: {ca_file: ca.pem, insecure_skip_verify: true}
    http_headers: {X-Scope-OrgID: {values: [one]}, X-Kept: {files: [/f]}}
  grafana: {name: main}
  thresholds: {slow: 1s}
  labels: {team: a, tier: b}
links:
  plain: {prometheus: {url: "https://a:9090"}}
  own:
    interval: 4s
    freshness: off
    prometheus:
      url: "https://b:9090//base//"
      authorization: {credentials: token}
      tls_config: {insecure_skip_verify: false}
      http_headers: {x-scope-orgid: {values: [two, three]}}
    grafana: {datasource: {uid: prom}}
    thresholds: {freshness: 5m}
    labels: {team: c}
  managed: {grafana: {datasource: default}, expect_series: false}
"#,
    )
    .unwrap();
    let [managed, own, plain] = settings.links.as_slice() else { panic!("three links") };

    assert_eq!(plain.cadence.timeout, std::time::Duration::from_secs(10));
    assert_eq!(plain.query.selector, "up{job=\"prometheus\"}");
    assert!(plain.grafana.is_none(), "no data source was said");
    let http = &plain.prometheus.as_ref().unwrap().http;
    assert!(http.tls.insecure_skip_verify);
    assert_eq!(http.tls.ca_file.as_deref(), Some(Path::new("/etc/promlink/ca.pem")));
    let secret = Secret::File("/etc/promlink/secret".into());
    assert_eq!(http.auth, Some(Auth::Basic { username: "u".to_owned(), password: secret }));

    assert_eq!(own.cadence.timeout, own.cadence.interval, "an inherited time-out gives way");
    assert!(!own.query.freshness && own.query.agreement);
    let end = own.prometheus.as_ref().unwrap();
    assert_eq!(end.url.to_string(), "https://b:9090/base");
    assert!(!end.http.tls.insecure_skip_verify);
    assert!(matches!(end.http.auth, Some(Auth::Scheme { .. })), "one of the two ways");
    let headers: Vec<&str> = end.http.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(headers, ["X-Kept", "x-scope-orgid", "x-scope-orgid"]);
    assert_eq!(own.grafana.as_ref().unwrap().datasource, DatasourceRef::Uid("prom".to_owned()));
    assert_eq!(own.thresholds.slow, std::time::Duration::from_secs(1));
    assert_eq!(
        own.labels,
        BTreeMap::from(
            ["team", "tier"]
                .map(|l| { (l.to_owned(), if l == "team" { "c" } else { "b" }.to_owned()) })
        )
        .into()
    );

    assert!(managed.prometheus.is_none());
    assert!(!managed.query.freshness && !managed.query.agreement, "nothing to compare");
}

#[test]
fn any_editor_may_have_saved_the_file() {
    let plain = load_text(ONE).unwrap();
    for text in [
        format!("\u{feff}{ONE}"),
        ONE.replace('\n', "\r\n"),
        format!("---\n{ONE}...\n"),
        format!("# comment\n%TAG ! tag:x,2000:\n---\n{ONE}"),
        r#"{"links": {"a": {"prometheus": {"url": "http://a:9090"}}}}"#.to_owned(),
    ] {
        assert_eq!(load_text(&text).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn scalars_stay_what_was_written() {
    let text = r#"
links:
  on:
    prometheus:
      url: http://a:9090
      basic_auth: {username: no, password: 00123}
    labels: {version: 1.10, flag: yes, text: "null"}
  copy: {prometheus: &end {url: "http://[2001:DB8::1]/"}, selector: |-
      up
    , labels: {}}
  alias: {prometheus: *end}
"#;
    let settings = load_text(text).unwrap();
    let [alias, copy, on] = settings.links.as_slice() else { panic!("three links") };
    assert_eq!(alias.prometheus, copy.prometheus);
    assert_eq!(alias.prometheus.as_ref().unwrap().url.authority(), "[2001:db8::1]:80");
    let password = Secret::Value("00123".to_owned());
    let auth = Auth::Basic { username: "no".to_owned(), password };
    assert_eq!(on.prometheus.as_ref().unwrap().http.auth, Some(auth));
    let labels: Vec<&str> = on.labels.values().map(String::as_str).collect();
    assert_eq!(labels, ["yes", "null", "1.10"]);
}

#[test]
fn what_is_shown_loads_again_without_its_secrets() {
    let text = r#"
web: {listen_address: "localhost:0", external_url: "https://promlink.example.org/base/"}
log: {level: debug, format: json}
dns: {servers: [10.0.0.10, "[fd00::a]:5353"], search: [svc.cluster.local], ndots: 2}
alarms:
  for: {broken: 1m 30s, starting: 0s}
  keep_firing_for: 1h
  collapse_at: 7
  severity: {broken: page}
  resolve: expire
  labels: {cluster: eu-1}
  alertmanagers: [{url: "https://alertmanager:9093/am", basic_auth: {username: u, password_file: /p}}, {url: "http://alertmanager"}, {url: "http://alertmanager"}]
  webhooks: [{url_file: /hook, repeat_interval: 1h, send_resolved: false, name: pager}]
  heartbeat: {url_file: /beat, fail_url_file: /fail, interval: 30s, links: true}
grafanas:
  main:
    url: "https://grafana.example.org"
    org_id: 7
    authorization: {type: Token, credentials_file: token}
    tls_config: {ca_file: ca, cert_file: c, key_file: k, server_name: g, min_version: TLS13}
    proxy_url: "http://proxy:3128"
    proxy_basic_auth: {username: "a \"b\"", password_file: /p}
    no_proxy: [.svc, "10.0.0.0/8", "*"]
    http_headers: {X-B: {files: [/b1, b2]}, X-A: {files: [/a]}}
    discover:
      types: [prometheus]
      exclude: ["dev-*"]
      interval: 1m
      limit: 10
      namespace: monitoring
      allow: ["*.example.org"]
      overrides:
        - {match: "prod-*", interval: 15s, method: GET, labels: {team: a}}
        - {match: cloud, prometheus: none}
        - {match: own, prometheus: {url: "http://a:9090", basic_auth: {username: u, password_file: /p}}}
  plain: {url: "http://grafana", discover: true, users_queries: true}
  not: {url: "http://grafana", discover: off}
links:
  "1": {grafana: {name: main, datasource: {name: "Prometheus: prod"}}, prometheus: none, alarms: {enabled: off, severity: {degraded: info}}}
  by-uid:
    grafana: {name: main, datasource: {uid: "true"}}
    prometheus: {url: "http://[fd00::1]:9090/base"}
    selector: 'up{job="a # b"}'
    method: GET
    all_addresses: true
    tripwire: true
    thresholds: {targets_down: 12.5%, slow: 1ms 500us, freshness: 30d, retention: 90d}
    labels: {number: "12", "null": on, empty_brace: "{}"}
    interval: 1m
    timeout: 30s
"#;
    let text = text.replace("slow: 1ms 500us", "slow: 10ms 500us");
    let settings = load_text(&text).unwrap();
    let shown = show(&settings);
    assert_eq!(load_text(&shown).map_err(|errors| format!("{errors}\n{shown}")), Ok(settings));
}

#[test]
fn no_secret_is_ever_shown() {
    let text = r#"
links:
  a:
    prometheus:
      url: "http://a:9090"
      authorization: {credentials: hunter2}
      proxy_url: "http://proxy:3128"
      proxy_basic_auth: {username: u, password: hunter2}
      http_headers: {X-Scope-OrgID: {values: [hunter2], secrets: [hunter2], files: [/f]}}
"#;
    let settings = load_text(text).unwrap();
    let shown = show(&settings);
    expect_test::expect![[r#"
        web:
          listen_address: "[::]:10079"
        log:
          level: info
          format: logfmt
        links:
          a:
            prometheus:
              url: "http://a:9090"
              authorization:
                type: Bearer
                credentials: "<secret>"
              proxy_url: "http://proxy:3128"
              proxy_basic_auth:
                username: u
                password: "<secret>"
              http_headers:
                X-Scope-OrgID:
                  secrets: ["<secret>", "<secret>"]
                  files: [/f]
            grafana: none
            selector: up
            method: POST
            expect_series: true
            freshness: true
            agreement: true
            interval: 15s
            timeout: 5s
            all_addresses: false
            tripwire: false
            thresholds:
              freshness: 2m
              slow: 2s
              targets_down: 0.5
              clock_skew: 30s
              dns_slow: 1s
              tls_expiring: 14d
        alarms:
          enabled: true
          for:
            broken: 2m
            degraded: 15m
            blind: 15m
            no_ready_endpoints: 5m
            starting: 15m
          keep_firing_for: 2m
          severity:
            broken: critical
            degraded: warning
            blind: warning
          collapse_at: 5
          resolve: immediate
    "#]]
    .assert_eq(&shown);
    assert!(!format!("{settings:?}").contains("hunter2"));
    let again = load_text(&shown).unwrap_err().to_string();
    assert_eq!(again.lines().count(), 4, "each placeholder is refused:\n{again}");
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let fails = |path: PathBuf| {
        let sources = Sources { file: Some(path), ..Sources::default() };
        let shown = load(&sources).unwrap_err().to_string();
        shown.replace(&dir.path().display().to_string(), "")
    };
    let missing = fails(dir.path().join("none.yml"));
    assert!(missing.starts_with("/none.yml: does not exist; correct --config.file"), "{missing}");
    let directory = fails(dir.path().into());
    assert!(directory.starts_with(": cannot be read (Is a directory"), "{directory}");
    let large = dir.path().join("large.yml");
    fs::write(&large, vec![b'#'; source::MAX_FILE_BYTES + 1]).unwrap();
    assert_eq!(fails(large), "/large.yml: is larger than 4 MiB; is it the right file?");
}

#[test]
fn ten_thousand_links_fit_and_many_mistakes_are_cut() {
    let link = |n: usize, scheme: &str| {
        format!(
            "  link-{n:05}:
    prometheus:
      url: {scheme}://prometheus.namespace-{n}.svc.cluster.local:9090
      basic_auth: {{username: promlink, password_file: /etc/promlink/passwords/{n}}}
    grafana: {{name: main, datasource: {{uid: prometheus-{n}}}}}
    interval: 30s
    selector: up{{job=\"prometheus\"}}
    thresholds: {{freshness: 2m, slow: 3s}}
    labels: {{team: team-{n}}}
"
        )
    };
    let head = "grafanas: {main: {url: \"http://grafana:3000\"}}\nlinks:\n";
    let file = |links, scheme| (0..links).fold(head.to_owned(), |file, n| file + &link(n, scheme));
    let good = file(10_000, "http");
    assert!(good.len() < source::MAX_FILE_BYTES);
    assert_eq!(load_text(&good).unwrap().links.len(), 10_000);
    let errors = load_text(&file(1000, "ftp")).unwrap_err();
    assert_eq!(errors.count(), 1000);
    assert_eq!(errors.to_string().lines().count(), 101);
}

/// Texts behind aliases count by their length: a few MB of file would be many GB of memory.
#[test]
fn long_texts_behind_aliases_are_refused() {
    let long = "x".repeat(1 << 20);
    for file in [
        format!("a: &a {long}\nb: [{}]\n", "*a,".repeat(1000)),
        format!("a: &a {{? {long} : 1}}\nb: [{}]\n", "*a,".repeat(1000)),
    ] {
        let errors = load_text(&file).unwrap_err().to_string();
        assert!(errors.contains("after aliases"), "{errors}");
    }
}

/// Opening a pipe without a writer waits for ever, and the start or a reload with it.
#[test]
fn pipes_without_a_writer_are_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let sources = Sources { file: Some(pipe.clone()), ..Sources::default() };
    let errors = read(&sources).unwrap_err().to_string();
    assert!(errors.contains("is a pipe"), "{errors}");
    let text = format!(
        "links: {{a: {{prometheus: {{url: \"http://a\", authorization: {{credentials_file: {}}}}}}}}}",
        pipe.display()
    );
    let warnings = warnings(&load_text(&text).unwrap());
    assert!(warnings.iter().any(|warning| warning.contains("is no regular file")), "{warnings:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::with_cases(256)
    })]
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        text in "[-a-c:?,{}\\[\\]&*!|>'\"% #\t\n\r~<]{0,200}",
    ) {
        let sources = Sources { file: Some("promlink.yml".into()), ..Sources::default() };
        load_bytes(&sources, Some(&bytes)).ok();
        load_bytes(&sources, Some(text.as_bytes())).ok();
    }
}

#[test]
fn what_is_found_is_looked_at_each_minute_and_gets_no_credentials() {
    let text = r#"
defaults:
  interval: 10s
  selector: 'up{job="a"}'
  prometheus: {url: "http://a:9090", authorization: {credentials: hunter2}, tls_config: {ca_file: /ca}}
grafanas:
  main:
    url: "http://grafana:3000"
    discover: {overrides: [{match: "prod-*", interval: 5s}, {match: Cloud, prometheus: none}]}
"#;
    let settings = load_text(text).unwrap();
    assert!(settings.links.is_empty());
    let main = &settings.discover[&GrafanaName::new("main")];
    let seconds = |name: &str| main.template("uid", name).unwrap().link.cadence.interval.as_secs();
    assert_eq!((seconds("prod-1"), seconds("prod"), seconds("x")), (5, 60, 60));
    let plain = main.template("uid", "x").unwrap();
    assert_eq!(plain.link.query.selector, "up{job=\"a\"}");
    assert_eq!((&plain.link.prometheus, plain.finds_direct), (&None, true));
    assert_eq!(plain.trust.ca_file, Some("/ca".into()));
    assert!(!main.template("uid", "cloud").unwrap().finds_direct);
    assert_eq!(main.wants("prometheus", "uid", "x"), Ok(()));
    assert_eq!(main.wants("loki", "uid", "x"), Err("another type"));
    let side = main.list().unwrap().grafana.unwrap();
    assert_eq!((side.name.as_str(), side.datasource), ("main", DatasourceRef::Default));
    assert_eq!(side.end, settings.grafanas[&side.name]);
}

#[test]
fn receivers_have_names_that_differ() {
    let hook = |name: &str| format!("{{url: 'https://example.org/x'{name}}}");
    let (named, clash) = (hook(", name: pager"), hook(", name: 'pager#2'"));
    let yaml =
        format!("{ONE}alarms: {{webhooks: [{named}, {named}, {clash}, {0}, {0}]}}", hook(""));
    let settings = load_text(&yaml).unwrap();
    let names: Vec<&str> = settings.alarms.webhooks.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["pager", "pager#2", "pager#2#2", "example.org", "example.org#2"]);
}
