//! Questions to Prometheus, as requests: the same on the direct path and through Grafana.

use crate::link::{BaseUrl, Endpoint, Link, Method, QueryPlan, escape};
use crate::net::http::{Request, Verb};
use crate::net::limits;

/// The path of an instant query.
pub const QUERY_PATH: &str = "/api/v1/query";

/// What to ask of Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The selector itself.
    Selector(String),
    /// How many series it has, where they are too many to read each time.
    Count(String),
    /// How many of them have the value 1.
    CountUp(String),
    /// The age of its newest sample, in seconds, by the server's clock.
    Age(String),
    /// The time of its newest sample.
    Newest(String),
    /// An assertion, as the user wrote it.
    Assertion(String),
}

impl Question {
    /// What proves the link: its selector, or that Prometheus can count to one.
    #[must_use]
    pub fn main(plan: &QueryPlan, large: bool) -> Self {
        let selector = plan.asked().to_owned();
        if large { Self::Count(selector) } else { Self::Selector(selector) }
    }

    /// The PromQL.
    #[must_use]
    pub fn promql(&self) -> String {
        match self {
            Self::Selector(promql) | Self::Assertion(promql) => promql.clone(),
            Self::Count(selector) => format!("count({selector})"),
            Self::CountUp(selector) => format!("count({selector} == 1)"),
            Self::Age(selector) => format!("time() - max(timestamp({selector}))"),
            Self::Newest(selector) => format!("max(timestamp({selector}))"),
        }
    }
}

/// The selector is of the `up` series, whose values say how many targets are up.
#[must_use]
pub fn counts_targets(link: &Link) -> bool {
    let rest = link.query.selector.trim_start().strip_prefix("up");
    link.query.expect_series
        && rest.is_some_and(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('{'))
}

/// The instant query `question` at `endpoint`.
///
/// `nocache=1` makes VictoriaMetrics (seen: 1.150) evaluate at the present instead of 30 s ago;
/// Prometheus ignores it.
#[must_use]
pub fn instant(
    endpoint: &Endpoint,
    question: &Question,
    method: Method,
    headers: &[(String, String)],
    through_proxy: bool,
) -> Request {
    let form = format!("query={}&nocache=1", escape(&question.promql()));
    let path = format!("{}{QUERY_PATH}", endpoint.url.path);
    let (method, target, body) = match method {
        Method::Get => (Verb::Get, format!("{path}?{form}"), None),
        Method::Post => (Verb::Post, path, Some(("application/x-www-form-urlencoded", form))),
    };
    Request {
        method,
        target: target_form(&endpoint.url, target, through_proxy),
        host: endpoint.url.host_header(),
        headers: headers.to_vec(),
        body,
        cap: limits::DIRECT_BODY,
    }
}

/// A plain GET under the base path.
#[must_use]
pub fn get(
    endpoint: &Endpoint,
    path: &str,
    headers: &[(String, String)],
    through_proxy: bool,
    cap: usize,
) -> Request {
    let url = &endpoint.url;
    get_at(url, &format!("{}{path}", url.path), headers, through_proxy, cap)
}

/// A plain GET of a whole path.
#[must_use]
pub fn get_at(
    url: &BaseUrl,
    path: &str,
    headers: &[(String, String)],
    through_proxy: bool,
    cap: usize,
) -> Request {
    Request {
        method: Verb::Get,
        target: target_form(url, path.to_owned(), through_proxy),
        host: url.host_header(),
        headers: headers.to_vec(),
        body: None,
        cap,
    }
}

/// A proxy that speaks plain HTTP is told the whole URL (RFC 9112 §3.2.2).
#[must_use]
pub fn target_form(url: &BaseUrl, target: String, through_proxy: bool) -> String {
    if through_proxy {
        format!("{}://{}{target}", url.scheme.as_str(), url.host_header())
    } else {
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_aggregates_of_a_large_answer_and_a_constant_where_no_series_are_expected() {
        let plan = QueryPlan::default();
        assert_eq!(Question::main(&plan, false).promql(), "up");
        assert_eq!(Question::main(&plan, true).promql(), "count(up)");
        let constant = QueryPlan { expect_series: false, ..plan };
        assert_eq!(Question::main(&constant, false).promql(), "vector(1)");
    }
}
