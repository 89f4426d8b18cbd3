use std::sync::Arc;

use expect_test::{Expect, expect};
use serde_json::Value;

use super::*;
use crate::expose::tests::fixture;
use crate::state::snapshot::LinkView;

/// Compared as a person reads it; that it is valid JSON is checked on the way.
fn check(text: &[u8], expected: Expect) {
    let value: Value = serde_json::from_slice(text).unwrap();
    expected.assert_eq(&serde_json::to_string_pretty(&value).unwrap());
}

fn published(view: &LinkView) -> Shown<'_> {
    Shown::published(view)
}

/// No `null` anywhere, and each member once.
fn assert_no_null(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::Array(values) => values.iter().for_each(assert_no_null),
        Value::Object(members) => members.values().for_each(assert_no_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_broken_link_with_its_history() {
    check(
        &one(&published(&fixture::broken()), "https://promlink.example.org"),
        expect![[r#"
            {
              "links": [
                {
                  "cannot_check_since": "2026-01-01T00:58:20Z",
                  "cause": "connection_refused",
                  "check": "tcp",
                  "checked_at": "2026-01-01T00:59:50Z",
                  "checks": [
                    {
                      "check": "dns",
                      "duration_seconds": 0.001,
                      "outcome": "passed",
                      "path": "direct"
                    },
                    {
                      "cause": "connection_refused",
                      "check": "tcp",
                      "duration_seconds": 0.004,
                      "evidence": {
                        "address": "10.0.0.7:9090",
                        "attempts": [
                          "first",
                          "second"
                        ],
                        "error": "\"}<script>alert('&')</script>\\  # {{ x }}"
                      },
                      "outcome": "failed",
                      "path": "direct"
                    },
                    {
                      "check": "query",
                      "outcome": "skipped",
                      "path": "direct",
                      "why": "needs_tcp"
                    },
                    {
                      "check": "grafana_health",
                      "duration_seconds": 0.003,
                      "outcome": "passed",
                      "path": "grafana"
                    },
                    {
                      "cause": "connection_refused",
                      "check": "grafana_query",
                      "duration_seconds": 0.004,
                      "outcome": "failed",
                      "path": "grafana"
                    }
                  ],
                  "datasource_name": "\"}<script>alert('&')</script>\\\n # {{ x }}",
                  "datasource_uid": "prometheus",
                  "duration_seconds": 0.06,
                  "findings": [],
                  "grafana": "main",
                  "history": [
                    {
                      "duration_seconds": 0.04,
                      "started": "2026-01-01T00:59:20Z",
                      "trigger": "interval",
                      "verdict": "working"
                    },
                    {
                      "cause": "connection_refused",
                      "check": "tcp",
                      "duration_seconds": 0.04,
                      "path": "direct",
                      "side": "prometheus",
                      "started": "2026-01-01T00:59:35Z",
                      "summary": "refused",
                      "trigger": "interval",
                      "verdict": "broken"
                    }
                  ],
                  "link": "broken",
                  "next_step": "Check that the process runs and listens at that address and port; behind a Service, that it selects ready pods.",
                  "path": "direct",
                  "prometheus_url": "http://prometheus-k8s.monitoring.svc:9090",
                  "runbook": "https://promlink.example.org/runbooks/connection_refused",
                  "side": "prometheus",
                  "since": "2026-01-01T00:50:00Z",
                  "summary": "Prometheus refused the connection at 10.0.0.7:9090",
                  "trigger": "interval",
                  "verdict": "broken"
                }
              ],
              "schema_version": 1
            }"#]],
    );
}

#[test]
fn a_link_as_one_check_found_it() {
    let view = fixture::degraded();
    let cycle = view.latest.clone().unwrap();
    check(
        &super::check(&[Shown::raw(&view.info, &cycle)], None),
        expect![[r#"
        {
          "links": [
            {
              "cause": "vantage_blocked",
              "check": "tcp",
              "checked_at": "2026-01-01T00:59:50Z",
              "checks": [
                {
                  "address": "10.0.0.7:9090",
                  "cause": "connection_timeout",
                  "check": "tcp",
                  "duration_seconds": 0.004,
                  "outcome": "failed",
                  "path": "direct"
                },
                {
                  "address": "10.0.0.8:9090",
                  "cause": "connection_timeout",
                  "check": "tcp",
                  "duration_seconds": 0.004,
                  "outcome": "failed",
                  "path": "direct"
                },
                {
                  "check": "grafana_query",
                  "duration_seconds": 0.03,
                  "outcome": "passed",
                  "path": "grafana"
                }
              ],
              "datasource_uid": "prometheus",
              "duration_seconds": 0.06,
              "findings": [],
              "grafana": "main",
              "link": "degraded",
              "next_step": "Allow promlink's pod in the NetworkPolicies of Prometheus and Grafana, and check its own network.",
              "path": "direct",
              "prometheus_url": "http://prometheus-k8s.monitoring.svc:9090",
              "side": "promlink",
              "summary": "raw",
              "trigger": "interval",
              "verdict": "degraded"
            }
          ],
          "schema_version": 1
        }"#]],
    );
}

#[test]
fn a_link_without_a_cycle() {
    check(
        &one(&published(&fixture::unknown()), ""),
        expect![[r#"
        {
          "links": [
            {
              "checks": [],
              "datasource_uid": "prometheus",
              "findings": [],
              "grafana": "main",
              "history": [],
              "link": "unknown",
              "prometheus_url": "http://prometheus-k8s.monitoring.svc:9090",
              "since": "2026-01-01T00:50:00Z",
              "verdict": "unknown"
            }
          ],
          "schema_version": 1
        }"#]],
    );
}

#[test]
fn members_keep_the_order_of_the_design() {
    let text = one(&published(&fixture::working()), "");
    let text = String::from_utf8(text).unwrap();
    let start: String = text.chars().take(330).collect();
    expect![[r#"{"schema_version":1,"links":[{"link":"working","verdict":"working","summary":"312 series came back on both paths","since":"2026-01-01T00:50:00Z","checked_at":"2026-01-01T00:59:50Z","duration_seconds":0.06,"trigger":"interval","prometheus_url":"http://prometheus-k8s.monitoring.svc:9090","grafana":"main","datasource_uid":"promethe"#]].assert_eq(&start);
}

#[test]
fn all_links_in_pieces_are_one_document() {
    let link = fixture::working();
    let many: Vec<Arc<LinkView>> = (0..100).map(|_| Arc::new(link.clone())).collect();
    for links in [fixture::snapshot().links, many.into(), Arc::new([])] {
        let count = links.len();
        let snapshot = Arc::new(Snapshot { links, ..fixture::snapshot() });
        let pieces: Vec<Vec<u8>> = Links::new(snapshot, "").collect();
        assert_eq!(pieces.len() > 1, count == 100);
        let value: Value = serde_json::from_slice(&pieces.concat()).unwrap();
        assert_no_null(&value);
        assert_eq!(value["links"].as_array().unwrap().len(), count);
        assert_eq!(value["schema_version"], 1);
    }
}
