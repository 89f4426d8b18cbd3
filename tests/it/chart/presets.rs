//! The presets: names as the stacks' own charts make them, configurations that promlink takes, and
//! what is made for Prometheus' and Grafana's operators.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{Case, ROOT, case, preset, preset_names, told};
use crate::{shipped, yaml};

/// Release, Prometheus, Grafana and Alertmanager of each stack: as rendered by the charts themselves
/// (kube-prometheus-stack 88.5, prometheus of prometheus-community), as the manifests of
/// kube-prometheus 0.18 have them, as MicroK8s' add-on installs them.
const NAMES: &[(&str, &str, [&str; 3])] = &[
    (
        "kube-prometheus-stack",
        "kube-prometheus-stack",
        ["kube-prometheus-stack-prometheus:9090", "kube-prometheus-stack-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "prometheus",
        ["prometheus-kube-prometheus-prometheus:9090", "prometheus-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "monitoring",
        ["monitoring-kube-prometheus-prometheus:9090", "monitoring-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "kps",
        ["kps-kube-prometheus-stack-prometheus:9090", "kps-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "prom",
        ["prom-kube-prometheus-stack-prometheus:9090", "prom-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "prometheus-stack",
        ["prometheus-stack-kube-prom-prometheus:9090", "prometheus-stack-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "prometheus-operator",
        ["prometheus-operator-kube-p-prometheus:9090", "prometheus-operator-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "kube-prometheus",
        ["kube-prometheus-kube-prome-prometheus:9090", "kube-prometheus-grafana:80", OPERATED],
    ),
    (
        "kube-prometheus-stack",
        "my-grafana",
        ["my-grafana-kube-prometheus-prometheus:9090", "my-grafana:80", OPERATED],
    ),
    (
        "microk8s",
        "kube-prom-stack",
        ["kube-prom-stack-kube-prome-prometheus:9090", "kube-prom-stack-grafana:80", OPERATED],
    ),
    ("kube-prometheus", "", ["prometheus-k8s:9090", "grafana:3000", OPERATED]),
    (
        "prometheus",
        "prometheus",
        ["prometheus-server:80", "grafana:80", "prometheus-alertmanager:9093"],
    ),
    (
        "prometheus",
        "metrics",
        ["metrics-prometheus-server:80", "grafana:80", "metrics-alertmanager:9093"],
    ),
];
/// The operator's own, with an address for each replica.
const OPERATED: &str = "alertmanager-operated:9093";
/// Where each stack is by default.
const HOMES: [(&str, &str); 2] = [("microk8s", "observability"), ("openshift", "promlink")];

/// Where promlink is installed for a stack.
pub fn home(stack: &str) -> &'static str {
    HOMES.iter().find(|(of, _)| *of == stack).map_or("monitoring", |(_, home)| home)
}

fn named(preset: &str, release: &str) -> String {
    format!("names: {preset} as {release}")
}

/// One for each line of names.
pub fn cases() -> Vec<(String, Case)> {
    let one = |(stack, release, _): &(&str, &str, _)| {
        let home = home(stack);
        let set = json!({"stack": {"release": *release}});
        (named(stack, release), Case { values: vec![preset(stack)], namespace: home, ..case(set) })
    };
    NAMES.iter().map(one).collect()
}

#[test]
fn names_are_those_that_the_stacks_make() {
    let Some(told) = told() else { return };
    for (stack, release, [prometheus, grafana, alertmanager]) in NAMES {
        let case = named(stack, release);
        let config = yaml::read(told.configuration(&case).unwrap());
        let home = home(stack);
        let at = |service: &str| {
            let (service, port) = service.split_once(':').unwrap();
            json!(format!("http://{service}.{home}.svc:{port}"))
        };
        assert_eq!(config["links"]["prometheus"]["prometheus"]["url"], at(prometheus), "{case}");
        assert_eq!(config["grafanas"]["main"]["url"], at(grafana), "{case}");
        assert_eq!(config["alarms"]["alertmanagers"][0]["url"], at(alertmanager), "{case}");
    }
}

#[test]
fn the_password_is_where_each_stack_keeps_it() {
    let Some(told) = told() else { return };
    for (case, secret) in [
        ("kube-prometheus-stack", "kube-prometheus-stack-grafana"),
        ("microk8s", "kube-prom-stack-grafana"),
        ("victoriametrics", "vmks-grafana"),
        ("prometheus", "grafana"),
        ("kube-prometheus", "promlink-bootstrap"),
    ] {
        let pod = &told.object(case, "Deployment", "promlink")["spec"]["template"]["spec"];
        let volumes = pod["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == "bootstrap").unwrap();
        let items = json!([{"key": "admin-password", "path": "password"}]);
        let wanted = json!({"secretName": secret, "optional": true, "items": items});
        assert_eq!(volume["secret"], wanted, "{case}");
    }
    let made = told.object("kube-prometheus", "Secret", "-bootstrap");
    assert_eq!(made["stringData"], json!({"admin-password": "admin"}));
}

fn promlink(config: &str, args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.yml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_promlink"));
    command.args(args).arg("--config.file").arg(file).output().unwrap()
}

#[test]
fn promlink_takes_every_configuration_and_would_tell_of_alarms() {
    let Some(told) = told() else { return };
    for name in preset_names() {
        let config = told.configuration(&name).unwrap();
        let output = promlink(config, &["config", "check"]);
        assert!(output.status.success(), "{name}: {output:?}");
        // Secrets come later; everything else that it warns of is a mistake.
        let warnings = String::from_utf8(output.stderr).unwrap();
        for warning in warnings.lines() {
            assert!(warning.contains("/etc/promlink-"), "{name}: {warning}");
        }
        let config = yaml::read(config);
        assert!(config["alarms"]["alertmanagers"][0]["url"].is_string(), "{name}");
        let bootstrap = config["grafanas"]["main"]["bootstrap"].is_object();
        assert_eq!(bootstrap, name != "openshift", "{name}");
        let text = std::fs::read_to_string(format!("{ROOT}/{}", preset(&name))).unwrap();
        assert_eq!(text.matches("\n    enabled: true # false: ").count(), usize::from(bootstrap));
    }
    let everything = promlink(told.configuration("everything").unwrap(), &["config", "show"]);
    let shown = String::from_utf8(everything.stdout).unwrap();
    for says in ["cluster: eu-1", "resolve: expire", "https://promlink.example.net"] {
        assert!(shown.replace('"', "").contains(says), "{says}: {shown}");
    }
    // Without a file, the same comes by variables.
    let env = &told.object("several", "Deployment", "")["spec"]["template"]["spec"];
    let env = &env["containers"][0]["env"];
    let wanted = json!([
        {"name": "PROMLINK__ALARMS__LABELS__CLUSTER", "value": "eu-1"},
        {"name": "PROMLINK__ALARMS__RESOLVE", "value": "expire"},
    ]);
    assert_eq!(env, &wanted);
}

#[test]
fn rules_and_dashboards_are_those_of_the_repository() {
    let Some(told) = told() else { return };
    for (case, url) in [
        ("kube-prometheus-stack", "http://promlink.monitoring.svc:10079"),
        ("everything", "https://promlink.example.net"),
    ] {
        let rule = told.object(case, "PrometheusRule", "promlink");
        let rules = std::fs::read_to_string(format!("{ROOT}/alerts/rules.yaml")).unwrap();
        let rules = yaml::read(&rules.replace("https://promlink.example.org", url));
        assert_eq!(rule["spec"], rules, "{case}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), rule["spec"].to_string()).unwrap();
        shipped::promtool(&["check", "rules", "--lint=all", file.path().to_str().unwrap()]);
        for name in ["overview", "link"] {
            let path = format!("{ROOT}/dashboards/{name}.json");
            let file = std::fs::read_to_string(path).unwrap();
            let file: Value =
                serde_json::from_str(&file.replace("http://localhost:10079", url)).unwrap();
            let map = told.object(case, "ConfigMap", &format!("-{name}"));
            let json = map["data"][format!("promlink-{name}.json")].as_str().unwrap();
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), file, "{case} {name}");
            assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
        }
    }
    let made = told.object("everything", "GrafanaDashboard", "-overview");
    assert_eq!(made["spec"]["instanceSelector"]["matchLabels"]["dashboards"], "grafana");
    let labels = |case: &str, kind: &str| {
        told.object(case, kind, "promlink")["metadata"]["labels"]["release"].clone()
    };
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        assert_eq!(labels("kube-prometheus-stack", kind), "kube-prometheus-stack");
        assert_eq!(labels("microk8s", kind), "kube-prom-stack");
        assert_eq!(labels("everything", kind), "monitoring");
    }
    let relabelings = told.object("everything", "ServiceMonitor", "promlink");
    let first = &relabelings["spec"]["endpoints"][0]["relabelings"][0];
    assert_eq!(first, &json!({"targetLabel": "cluster", "replacement": "eu-1"}));
}

/// kube-prometheus' own policies let in only pods of its own; each of these adds one door. The first
/// policy that selects a pod shuts out everybody else, so none is made unless somebody says so.
#[test]
fn access_opens_exactly_what_is_needed_where_it_is_guarded() {
    let Some(told) = told() else { return };
    for name in preset_names() {
        let policies = told.objects(&name).iter().filter(|one| one["kind"] == "NetworkPolicy");
        assert_eq!(policies.count(), 0, "{name}");
    }
    let policies = told.objects("access").iter();
    let policies = policies.filter(|object| object["kind"] == "NetworkPolicy");
    let doors: BTreeSet<(String, String, u64)> = policies
        .filter(|policy| policy["metadata"]["name"] != "promlink")
        .map(|policy| {
            let spec = &policy["spec"];
            assert_eq!(spec["policyTypes"], json!(["Ingress"]));
            let [rule] = spec["ingress"].as_array().unwrap().as_slice() else { panic!("{spec}") };
            let [port] = rule["ports"].as_array().unwrap().as_slice() else { panic!("{rule}") };
            let [from] = rule["from"].as_array().unwrap().as_slice() else { panic!("{rule}") };
            let home = &from["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
            assert_eq!(home, "monitoring");
            assert_eq!(from["podSelector"]["matchLabels"]["app.kubernetes.io/name"], "promlink");
            let to = &spec["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
            let namespace = &policy["metadata"]["namespace"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(namespace), text(to), port["port"].as_u64().unwrap())
        })
        .collect();
    let door = |to: &str, port| ("monitoring".to_owned(), to.to_owned(), port);
    let wanted = [door("prometheus", 9090), door("grafana", 3000), door("alertmanager", 9093)];
    assert_eq!(doors, BTreeSet::from(wanted));

    let own = told.object("everything", "NetworkPolicy", "promlink");
    let ports = |rule: &Value| rule["ports"][0]["port"].clone();
    assert_eq!(own["spec"]["egress"][0]["ports"].as_array().unwrap().len(), 4);
    let egress: Vec<Value> = own["spec"]["egress"].as_array().unwrap().iter().map(ports).collect();
    assert_eq!(egress, [53, 9090, 3000, 443].map(Value::from));
    let other = told.object("everything", "NetworkPolicy", "-to-grafana");
    assert_eq!(other["metadata"]["namespace"], "other");
    let names = |object: &&Value| object["kind"] == "NetworkPolicy";
    assert_eq!(told.objects("default").iter().filter(names).count(), 0, "off by default");
}
