//! The rules of alerts: what they do is in `rules_test.yaml`, what they are is here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value;

use super::{ROOT, causes, promtool, read};
use crate::daemon::Daemon;
use crate::yaml;

/// Where promlink is, until somebody says otherwise; one `sed` changes it.
const URL: &str = "https://promlink.example.org";

/// Every rule of a file in Prometheus' format.
fn rules(text: &str) -> Vec<Value> {
    let file = yaml::read(text);
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// The names that are recorded.
pub fn recorded() -> BTreeSet<String> {
    let rules = rules(&read("alerts/rules.yaml"));
    rules.iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)).collect()
}

#[test]
fn the_rules_are_good_and_do_what_they_say() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", "alerts/rules.yaml"]);
    promtool(&["test", "rules", "alerts/rules_test.yaml"]);
}

#[test]
fn each_rule_has_a_test() {
    let rules = rules(&read("alerts/rules.yaml"));
    let tests = yaml::read(&read("alerts/rules_test.yaml"));
    let tests = tests["tests"].as_array().unwrap();
    let list = |test: &Value, key: &str| test[key].as_array().cloned().unwrap_or_default();
    let mut fires: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for case in tests.iter().flat_map(|test| list(test, "alert_rule_test")) {
        let expected = !list(&case, "exp_alerts").is_empty();
        fires.entry(text(&case, "alertname").to_owned()).or_default().insert(expected);
    }
    let asked = tests.iter().flat_map(|test| list(test, "promql_expr_test"));
    let asked: Vec<Value> = asked.collect();
    let uses = |name: &str| {
        let all = rules.iter().chain(&asked).map(|one| text(one, "expr"));
        all.filter(|expression| expression.contains(name)).count()
    };
    for rule in &rules {
        match rule["alert"].as_str() {
            Some(name) => {
                let told = fires.get(name).cloned().unwrap_or_default();
                assert_eq!(told, BTreeSet::from([false, true]), "{name}: one test each");
            }
            None => assert!(uses(text(rule, "record")) > 0, "{rule} is neither used nor tested"),
        }
    }
}

#[test]
fn each_alert_says_what_it_means_and_where_to_read_on() {
    let causes = causes();
    for rule in rules(&read("alerts/rules.yaml")) {
        let Some(name) = rule["alert"].as_str() else { continue };
        assert!(name.starts_with("Promlink"), "{name}");
        // Neither the cause nor a number: they change, and it would be another alert.
        let labels: Vec<&String> = rule["labels"].as_object().unwrap().keys().collect();
        assert_eq!(labels, ["severity"], "{name}");
        assert!(["critical", "warning"].contains(&text(&rule["labels"], "severity")), "{name}");
        let told = &rule["annotations"];
        let summary = text(told, "summary");
        assert!(summary.ends_with('.') && !summary.contains("{{"), "{name}: {summary}");
        assert!(text(told, "description").contains(' '), "{name}");
        assert_eq!(text(told, "dashboard_url"), format!("{URL}/"), "{name}");
        let runbook = text(told, "runbook_url").strip_prefix(URL).unwrap();
        let code = runbook.strip_prefix("/runbooks").unwrap().trim_start_matches('/');
        let known =
            code.is_empty() || code.trim_start().starts_with("{{-") || causes.contains(code);
        assert!(known, "{name}: {code}");
    }
    // Nothing else may look like a place to change.
    for file in ["alerts/rules.yaml", "alerts/grafana-alerts.yaml"] {
        let text = read(file);
        let urls = text.split("https://").skip(1).filter(|rest| !rest.starts_with("your.promlink"));
        let urls = urls.filter(|rest| !rest.starts_with(['(', '?']));
        for rest in urls {
            assert!(rest.starts_with("promlink.example.org"), "{file}: https://{rest:.40}");
        }
    }
}

/// Many clusters in one store, and several jobs in one cluster, do not mix.
#[test]
fn everything_is_told_apart_by_cluster_namespace_and_job() {
    let mut found = 0;
    for rule in rules(&read("alerts/rules.yaml")) {
        let expression = text(&rule, "expr");
        for opening in [" by (", " on ("] {
            for rest in expression.split(opening).skip(1) {
                found += 1;
                let (labels, _) = rest.split_once(')').unwrap();
                assert!(labels.starts_with("cluster, namespace, job"), "{labels} in {expression}");
            }
        }
        assert!(!expression.contains("without"), "{expression}");
        // What promlink pushes as well is quiet while one that sees it delivers it.
        let twin = expression.contains("_alarm{") || expression.contains("_alarm[");
        let quiet = expression.contains("link:promlink_link_verdict:delivered5m{");
        let told = rule["alert"] == "PromlinkLinkSlow" || rule["alert"].is_null();
        assert_eq!(twin && !told, quiet, "{expression}");
    }
    assert!(found > 80, "{found}");
}

/// The alert of a server is known by the label that promlink gives it, in rules by the link's URL.
#[tokio::test]
async fn servers_are_called_as_promlink_calls_them() {
    let urls = [
        "http://127.0.0.1:9/a/b",
        "https://127.0.0.1:9443",
        "http://127.0.0.1",
        "https://127.0.0.1/prometheus",
        "http://[::1]/x",
        "https://[::1]",
        "http://[::1]:9/x",
        "http://name-only.invalid",
    ];
    let mut config = "links:\n".to_owned();
    for (index, url) in urls.iter().enumerate() {
        writeln!(config, "  l{index}: {{prometheus: {{url: \"{url}\"}}}}").unwrap();
    }
    let metrics = Daemon::start(&config).await.metrics().await;
    let series = |name: &str| -> Vec<String> {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    let (info, servers) = (series("promlink_link_info{"), series("promlink_server_alarm{"));
    assert_eq!((info.len(), servers.len()), (urls.len(), urls.len()), "{metrics}");
    let mut test = format!("rule_files: ['{ROOT}/alerts/rules.yaml']\ntests:\n- interval: 1m\n");
    test += "  input_series:\n";
    for one in info.iter().chain(&servers) {
        writeln!(test, "  - {{series: '{one}', values: '1x2'}}").unwrap();
    }
    test += "  promql_expr_test:\n  - eval_time: 1m\n    expr: count by (server) (promlink_server_alarm \
             and on (server) link:promlink_link_info:labels)\n    exp_samples:\n";
    for server in &servers {
        let labels = server.strip_prefix("promlink_server_alarm").unwrap();
        writeln!(test, "    - {{labels: '{labels}', value: 1}}").unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(test.as_bytes()).unwrap();
    promtool(&["test", "rules", file.path().to_str().unwrap()]);
}

// === Grafana's ===

#[test]
fn grafana_s_rules_are_as_it_reads_them() {
    let file = read("alerts/grafana-alerts.yaml");
    assert!(!file.contains('$'), "Grafana takes it for a variable of the environment");
    let file = yaml::read(&file);
    assert_eq!(file["apiVersion"], 1);
    let group = &file["groups"][0];
    assert_eq!((&group["orgId"], text(group, "interval")), (&1.into(), "1m"));
    let rules = group["rules"].as_array().unwrap();
    let uids: BTreeSet<&str> = rules.iter().map(|rule| text(rule, "uid")).collect();
    assert_eq!(uids.len(), rules.len());
    let mut expressions = "groups:\n- name: grafana\n  rules:\n".to_owned();
    for (index, rule) in rules.iter().enumerate() {
        let uid = text(rule, "uid");
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(uid.len() <= 40 && uid.chars().all(plain), "{uid}");
        let states = (text(rule, "noDataState"), text(rule, "execErrState"));
        // A data source that fails is one fault, and one alert.
        let deaf = if uid == "promlink-absent" { "Alerting" } else { "OK" };
        assert_eq!(states, ("OK", deaf), "{uid}");
        assert!(rule["labels"]["severity"].is_string() && rule["for"].is_string(), "{uid}");
        let told = &rule["annotations"];
        assert_eq!(text(told, "runbook_url"), format!("{URL}/runbooks"), "{uid}");
        assert_eq!(text(told, "dashboard_url"), format!("{URL}/"), "{uid}");
        assert!(told["summary"].is_string() && told["description"].is_string(), "{uid}");
        let (query, threshold) = (&rule["data"][0], &rule["data"][1]);
        assert_eq!((text(query, "refId"), text(query, "datasourceUid")), ("A", "prometheus"));
        assert_eq!(query["model"]["datasource"]["uid"], query["datasourceUid"], "{uid}");
        assert_eq!(query["model"]["instant"], true, "{uid}");
        assert_eq!((text(rule, "condition"), text(threshold, "refId")), ("B", "B"), "{uid}");
        assert_eq!(text(threshold, "datasourceUid"), "__expr__", "{uid}");
        assert_eq!(threshold["model"]["expression"], "A", "{uid}");
        let expression = serde_json::to_string(text(&query["model"], "expr")).unwrap();
        writeln!(expressions, "  - {{record: 'a:b:c{index}', expr: {expression}}}").unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(expressions.as_bytes()).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()]);
}
