//! Assertions on the real Prometheus: what is shipped is PromQL, and tells well from ill.

use std::fmt::Write as _;
use std::fs;

use crate::check::{Checked, check};
use crate::prometheus::{Prometheus, Setup};

/// What one `check` says of both sets, once the selector has an answer.
fn both_sets(server: &Prometheus, selector: &str) -> Checked {
    let url = server.url();
    let yaml = format!(
        "links: {{real: {{prometheus: {{url: '{url}'}}, selector: '{selector}', \
         thresholds: {{slow: 30s}}, assertion_sets: [kubernetes, prometheus]}}}}\n"
    );
    let file = server.path("promlink.yml");
    fs::write(&file, yaml).unwrap();
    let told = check(&["--config.file", file.to_str().unwrap(), "--wait=30s"]);
    told.is("0 working");
    told
}

/// The names that the evidence says this of, sorted.
fn that(told: &Checked, what: &str) -> Vec<String> {
    let lines = told.evidence("assertions", "assertions").as_array().unwrap().iter();
    let lines = lines.map(|line| line.as_str().unwrap().split_once(": ").unwrap());
    let mut names: Vec<String> =
        lines.filter(|(_, says)| says.starts_with(what)).map(|(name, _)| name.to_owned()).collect();
    names.sort_unstable();
    names
}

const KUBERNETES: [&str; 6] = [
    "kubernetes.container_cpu",
    "kubernetes.container_memory",
    "kubernetes.kube_state_metrics",
    "kubernetes.kube_system_cpu",
    "kubernetes.kubelets",
    "kubernetes.pods_running",
];
const PROMETHEUS: [&str; 7] = [
    "prometheus.block_reloads",
    "prometheus.compactions",
    "prometheus.head_truncations",
    "prometheus.reload",
    "prometheus.remote_write",
    "prometheus.rules",
    "prometheus.wal_writes",
];

#[test]
fn a_prometheus_that_scrapes_itself_is_well_and_no_kubernetes() {
    let scrape = "file_sd_configs: [{files: [itself.yml]}]";
    let Some(server) = Prometheus::start(Setup { scrape, ..Setup::default() }) else { return };
    let itself = server.url();
    let address = itself.strip_prefix("http://").unwrap();
    fs::write(server.path("itself.yml"), format!("[{{targets: ['{address}']}}]\n")).unwrap();
    let told = both_sets(&server, "count_over_time(up[1m]) >= 3");
    let mut holds = PROMETHEUS.to_vec();
    // It has no rules and writes to nowhere.
    let untold = ["prometheus.remote_write", "prometheus.rules"];
    holds.retain(|name| !untold.contains(name));
    assert_eq!(that(&told, "holds, "), holds, "{:#}", told.link);
    assert_eq!(that(&told, "cannot be told, "), untold, "{:#}", told.link);
    assert_eq!(that(&told, "does not hold, "), KUBERNETES, "{:#}", told.link);
}

#[test]
fn one_kubelet_of_four_is_not_enough_whatever_it_still_exports() {
    let up = |node: &str, value: u8| {
        let labels = format!("{{job: kubelet, instance: {node}}}");
        format!("  - {{record: up, expr: vector({value}), labels: {labels}}}\n")
    };
    let rules = format!(
        "groups:\n- name: made\n  rules:\n{}{}{}{}  \
         - {{record: kubelet_running_pods, expr: vector(1), labels: {{node: a}}}}\n",
        up("a", 1),
        up("b", 0),
        up("c", 0),
        up("d", 0),
    );
    let files = [("rules.yml", rules.as_str())];
    let Some(server) = Prometheus::start(Setup { files: &files, ..Setup::default() }) else {
        return;
    };
    let told = both_sets(&server, "kubelet_running_pods");
    assert!(that(&told, "does not hold, ").contains(&"kubernetes.kubelets".to_owned()));
    assert_eq!(that(&told, "cannot be told, "), PROMETHEUS, "{:#}", told.link);
}

/// The series that make each shipped assertion say the opposite; `up` comes last, so what has some
/// samples of it has as many of all.
const SERIES: [(&str, &str, &str); 13] = [
    ("kube_pod_status_phase", "vector(1)", "phase: Running, pod: a"),
    ("container_cpu_usage_seconds_total", "vector(time())", "namespace: kube-system, pod: a"),
    ("container_memory_working_set_bytes", "vector(1)", "pod: a"),
    ("kube_node_info", "vector(1)", "node: a"),
    ("kubelet_running_pods", "vector(1)", "node: a"),
    ("prometheus_rule_evaluation_failures_total", "vector(time())", "job: prometheus"),
    ("prometheus_config_last_reload_successful", "vector(0)", "job: prometheus"),
    ("prometheus_remote_storage_highest_timestamp_in_seconds", "vector(time())", "job: prometheus"),
    (
        "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
        "vector(time() - 600)",
        "job: prometheus, remote_name: far, url: 'http://far'",
    ),
    ("prometheus_tsdb_compactions_failed_total", "vector(time())", "job: prometheus"),
    ("prometheus_tsdb_reloads_failures_total", "vector(time())", "job: prometheus"),
    ("prometheus_tsdb_wal_writes_failed_total", "vector(time())", "job: prometheus"),
    ("prometheus_tsdb_head_truncations_failed_total", "vector(time())", "job: prometheus"),
];

#[test]
fn each_shipped_assertion_can_hold_and_fail() {
    let mut rules = "groups:\n- name: made\n  rules:\n".to_owned();
    for (name, expr, labels) in SERIES.into_iter().chain([("up", "vector(1)", "job: itself")]) {
        let labels = format!("{{{labels}}}");
        writeln!(rules, "  - {{record: {name}, expr: {expr}, labels: {labels}}}").unwrap();
    }
    let files = [("rules.yml", rules.as_str())];
    let Some(server) = Prometheus::start(Setup { files: &files, ..Setup::default() }) else {
        return;
    };
    let told = both_sets(&server, "count_over_time(up[1m]) >= 3");
    assert_eq!(that(&told, "holds, "), KUBERNETES, "{:#}", told.link);
    assert_eq!(that(&told, "does not hold, "), PROMETHEUS, "{:#}", told.link);
    let subjects = told.link["findings"].as_array().unwrap().iter();
    let subjects: Vec<&str> = subjects.map(|found| found["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, PROMETHEUS);
}
