//! What is asked by `POST /api/ds/query`, the way panels go: the selector (A), which decides, and
//! the time of its newest sample (B), which may be missing.
//!
//! Grafana asks both of one request side by side since 12.0, and one after the other before
//! (`prometheusRunQueriesInParallel`). There B would keep A's answer back: a Prometheus that takes
//! 6 s would be waited for 12 s, and count as silent. So B goes after A there, by itself.

use serde_json::{Value, json};

use crate::net::http::{Request, Verb};
use crate::net::limits;
use crate::probe::grafana::Through;
use crate::probe::query::{self, Question};

const PATH: &str = "/api/ds/query";
/// The first major version that asks side by side.
const SIDE_BY_SIDE: u32 = 12;

impl Through<'_> {
    /// The request that decides, and the one after it that asks for the newest sample, if that is
    /// not in the first.
    pub(super) fn query_requests(&self, uid: &str, large: bool) -> (Request, Option<Request>) {
        let plan = &self.link.query;
        let selector = self.reference(uid, "A", &Question::main(plan, large));
        if !plan.checks_freshness() {
            return (self.query_request(&[selector]), None);
        }
        let newest = Question::Newest(plan.asked().to_owned());
        if asks_side_by_side(self.leg.seen.version.as_deref()) {
            let newest = self.reference(uid, "B", &newest);
            return (self.query_request(&[selector, newest]), None);
        }
        let newest = self.reference(uid, "A", &newest);
        (self.query_request(&[selector]), Some(self.query_request(&[newest])))
    }

    pub(super) fn reference(&self, uid: &str, name: &str, question: &Question) -> Value {
        let kind = self.leg.seen.datasource.as_ref().map_or("prometheus", |seen| &seen.kind);
        json!({
            "refId": name,
            "datasource": {"type": kind, "uid": uid},
            "expr": question.promql(),
            "instant": true,
            "range": false,
            "format": "time_series",
            "intervalMs": 15_000,
            "maxDataPoints": 100,
        })
    }

    /// All in one data source: two in one request have crashed a Grafana.
    pub(super) fn query_request(&self, queries: &[Value]) -> Request {
        let url = &self.side.end.endpoint.url;
        let body = json!({"from": "now-5m", "to": "now", "queries": queries}).to_string();
        Request {
            method: Verb::Post,
            target: query::target_form(url, format!("{}{PATH}", url.path), self.hops.is_absolute()),
            host: url.host_header(),
            headers: self.headers.clone().unwrap_or_default(),
            body: Some(("application/json", body)),
            cap: limits::GRAFANA_BODY,
        }
    }
}

/// A version that is hidden is taken for an old one, which is right for both.
fn asks_side_by_side(version: Option<&str>) -> bool {
    let major = version.and_then(|version| version.split('.').next()?.parse().ok());
    major.is_some_and(|major: u32| major >= SIDE_BY_SIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_ask_side_by_side_does_not() {
        for (version, expected) in [
            (Some("13.2.0"), true),
            (Some("12.0.0-pre"), true),
            (Some("11.6.4"), false),
            (Some("9.3.2"), false),
            (Some("next"), false),
            (None, false),
        ] {
            assert_eq!(asks_side_by_side(version), expected, "{version:?}");
        }
    }
}
