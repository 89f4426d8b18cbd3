//! `assertions`, and the shipped sets of them that `assertion_sets` switches on by name.
//!
//! A set is nothing but assertions with names of its own, `SET.WHAT`: a link may write one of these
//! names itself, to ask something else under it, or `off`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::node::{Keys, Node};
use super::words::{NAME_RULE, SPAN, duration, is_name, line, meant, switch};
use crate::link::assertion::{Assertion, Comparison, Condition, Expected};
use crate::report::facts::clean;

/// Assertions of one link: at 50 ms each they take 1.6 s once a minute, a third of a cycle of 5 s;
/// and 32 lines of evidence of 200 characters are 6 KiB, for which the view of a link has room.
const MAX_ASSERTIONS: usize = 32;
/// The longest query: escaped, three times as long, it fits the 8 KiB that proxies give to the
/// first line of a request, for links that ask by GET.
const MAX_QUERY_BYTES: usize = 2000;

/// What one section says of assertions, by name; none where it says `off`.
pub type AssertionsPart = BTreeMap<String, Option<Assertion>>;

/// A shipped assertion: its name, PromQL and condition.
type Shipped = (&'static str, &'static str, Condition);

/// There is at least one series.
const SOME: Condition = Condition { answer: Expected::Some, within: None, optional: false };
/// The source of this set calls 2 s excellent.
const SOON: Condition = Condition { within: Some(Duration::from_secs(2)), ..SOME };
/// Nothing failed, where failures are counted: a Prometheus that nobody scrapes, or that writes to
/// nowhere, has no such series, and neither good nor bad is known of it.
const ZERO: Condition =
    Condition { answer: Expected::Each(Comparison::Equal, 0.0), optional: true, ..SOME };
const ONE: Condition =
    Condition { answer: Expected::Each(Comparison::Equal, 1.0), optional: true, ..SOME };
/// Prometheus' own mixin calls two minutes behind.
const BEHIND: Condition =
    Condition { answer: Expected::Each(Comparison::Below, 120.0), optional: true, ..SOME };

/// The shipped sets.
const SETS: [(&str, &[Shipped]); 2] = [("kubernetes", KUBERNETES), ("prometheus", PROMETHEUS)];

/// The Kubernetes metrics are there. Job names differ between installations, so what only a name
/// tells is also told by a series that nothing else exports.
const KUBERNETES: &[Shipped] = &[
    ("kubernetes.pods_running", r#"sum(kube_pod_status_phase{phase="Running"}) > 0"#, SOME),
    // Three minutes: cAdvisor's own timestamps lag behind, and some scrape it once a minute.
    (
        "kubernetes.container_cpu",
        r#"time() - max(timestamp(container_cpu_usage_seconds_total{pod!=""})) < 180"#,
        SOME,
    ),
    (
        "kubernetes.container_memory",
        r#"time() - max(timestamp(container_memory_working_set_bytes{pod!=""})) < 180"#,
        SOME,
    ),
    (
        "kubernetes.kube_state_metrics",
        r#"max(up{job=~".*kube-state-metrics.*"}) == 1 or count(kube_node_info) > 0"#,
        SOME,
    ),
    // A node that is down is no news here; more than half of them are. The other series is asked
    // only where no job has such a name: it is there as long as one kubelet is.
    (
        "kubernetes.kubelets",
        "avg(up{job=~\".*kubelet.*|kubernetes-nodes\"}) > 0.5 \
         or count(kubelet_running_pods) > 0 unless on() up{job=~\".*kubelet.*|kubernetes-nodes\"}",
        SOME,
    ),
    (
        "kubernetes.kube_system_cpu",
        r#"sum(rate(container_cpu_usage_seconds_total{namespace="kube-system"}[5m])) by (pod)"#,
        SOON,
    ),
];

/// Prometheus' own health, as far as it scrapes itself. The four counters of the tsdb are the only
/// sign, after 40-120 s, of a data directory that was deleted under a running server.
const PROMETHEUS: &[Shipped] = &[
    // There may be hundreds of groups, each with long labels.
    (
        "prometheus.rules",
        "max(increase(prometheus_rule_evaluation_failures_total[5m])) by (rule_group)",
        ZERO,
    ),
    ("prometheus.reload", "prometheus_config_last_reload_successful", ONE),
    (
        "prometheus.remote_write",
        "max_over_time(prometheus_remote_storage_highest_timestamp_in_seconds[5m]) \
         - ignoring (remote_name, url) group_right \
         max_over_time(prometheus_remote_storage_queue_highest_sent_timestamp_seconds[5m])",
        BEHIND,
    ),
    ("prometheus.compactions", "increase(prometheus_tsdb_compactions_failed_total[5m])", ZERO),
    ("prometheus.block_reloads", "increase(prometheus_tsdb_reloads_failures_total[5m])", ZERO),
    ("prometheus.wal_writes", "increase(prometheus_tsdb_wal_writes_failed_total[5m])", ZERO),
    (
        "prometheus.head_truncations",
        "increase(prometheus_tsdb_head_truncations_failed_total[5m])",
        ZERO,
    ),
];

/// Reads `assertions`.
pub fn assertions(node: &Node<'_>) -> Option<AssertionsPart> {
    let named = node.named().into_iter().filter_map(|(name, node)| {
        if !is_name(name) {
            node.fail_at_key(NAME_RULE);
            return None;
        }
        let part = if node.is_word("off") { None } else { Some(assertion(name, &node)?) };
        Some((name.to_owned(), part))
    });
    Some(named.collect())
}

/// Reads `assertion_sets`: the assertions of all sets that it names.
pub fn sets(node: &Node<'_>) -> Option<AssertionsPart> {
    let names = SETS.map(|(name, _)| name);
    let mut all = AssertionsPart::new();
    for (node, text) in node.items() {
        match SETS.iter().find(|(name, _)| *name == text) {
            Some((_, set)) => all.extend(set.iter().map(|shipped| {
                let (name, query, holds) = *shipped;
                let shipped = Assertion { name: name.into(), query: query.to_owned(), holds };
                (name.to_owned(), Some(shipped))
            })),
            None => {
                let meant = meant(text, &names, "");
                node.fail(format!("no set has the name `{}`; {meant}", clean(text)));
            }
        }
    }
    Some(all)
}

/// All assertions of a link, those of sets included, in the order of their names.
pub fn complete(parts: [&AssertionsPart; 3], keys: &Keys<'_>) -> Vec<Assertion> {
    let mut all = AssertionsPart::new();
    for part in parts {
        all.extend(part.iter().map(|(name, part)| (name.clone(), part.clone())));
    }
    let all: Vec<Assertion> = all.into_values().flatten().collect();
    if all.len() > MAX_ASSERTIONS {
        let count = all.len();
        let what = format!("makes {count} assertions with those of sets; {MAX_ASSERTIONS} at most");
        keys.fail_in("assertions", what);
    }
    all
}

fn assertion(name: &str, node: &Node<'_>) -> Option<Assertion> {
    let (query, holds) = if node.is_text() {
        (query(node)?, Condition::default())
    } else {
        node.section(|keys| {
            let query = keys.get("query", query);
            if !keys.has("query") {
                keys.fail("has no query; give it `query: 'PromQL'`");
            }
            let value = keys.get("value", value);
            let empty = keys.get("empty", switch).unwrap_or(false);
            let within = keys.get("within", |node| duration(node, &SPAN));
            let optional = keys.get("optional", switch).unwrap_or(false);
            if empty && keys.has("value") {
                keys.refuse("value", "an answer without series has none; remove one of the two");
            }
            if empty && optional {
                keys.refuse("optional", "without series it holds already; remove one of the two");
            }
            let answer = if empty { Expected::None } else { value.unwrap_or_default() };
            Some((query?, Condition { answer, within, optional }))
        })??
    };
    Some(Assertion { name: name.into(), query, holds })
}

fn query(node: &Node<'_>) -> Option<String> {
    let text = line(node)?;
    if text.len() > MAX_QUERY_BYTES {
        return node.refuse(format!("is longer than {MAX_QUERY_BYTES} bytes"));
    }
    Some(text)
}

/// `>= 1`: a comparison and a number.
fn value(node: &Node<'_>) -> Option<Expected> {
    let text = node.text()?;
    let parts = Comparison::ALL.iter().find_map(|comparison| {
        let rest = text.trim().strip_prefix(comparison.as_str())?;
        Some((*comparison, rest.trim().parse().ok()?))
    });
    let number = parts.filter(|(_, number): &(_, f64)| number.is_finite());
    if let Some((comparison, number)) = number {
        return Some(Expected::Each(comparison, number));
    }
    let signs = Comparison::ALL.map(Comparison::as_str).join(", ");
    node.refuse(format!("`{}` is no condition; write one of {signs} and a number", clean(text)))
}

#[cfg(test)]
mod tests;
