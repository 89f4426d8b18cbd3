//! Counters of users' queries, from the pages that Grafana has for Prometheus to scrape.
//!
//! They are read line by line: of some thousand series two or three are wanted, and what all others
//! mean is nobody's business here. A page that is cut, or on which one of those few is not
//! understood, tells nothing: half of a sum looks just like a sum.

use crate::classify::Answer;
use crate::report::queries::{Page, Queries};

/// Requests to plugins, by what was asked and how that ended.
const REQUESTS: &[u8] = b"grafana_plugin_request_total{";
/// When the process began, which tells it from any other one.
const BEGAN: &[u8] = b"process_start_time_seconds ";
/// The type of the data sources that are counted. Others have processes of their own, whose pages
/// nobody asks for.
const PLUGIN: &str = "prometheus";
/// The largest whole number that a sample holds exactly.
const MOST: f64 = 9_007_199_254_740_992.0;
/// Labels of one series; Grafana writes five.
const MAX_LABELS: usize = 16;

/// Labels of a series, as they stand there.
type Labels<'a> = Vec<(&'a str, &'a str)>;

/// Judges `GET /metrics` and `GET /metrics/plugins/prometheus`: the counters, where it has some
/// that can be believed.
#[must_use]
pub fn queries(answer: &Answer<'_>, page: Page) -> Option<Queries> {
    if answer.status != 200 || answer.cut {
        return None;
    }
    let (mut queries, mut has_some) = (Queries::default(), false);
    for line in answer.body.split(|byte| *byte == b'\n') {
        if let Some(value) = line.strip_prefix(BEGAN) {
            queries.process = str::from_utf8(value).ok().and_then(number);
        }
        let Some(rest) = line.strip_prefix(REQUESTS) else { continue };
        let (labels, count) = sample(str::from_utf8(rest).ok()?)?;
        let label = |name| labels.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        // The plugin's own page does not say whose it is.
        if label("plugin_id").is_some_and(|id| id != PLUGIN) {
            continue;
        }
        match label("endpoint") {
            // It has told its counters itself: it is a process of its own, of whose failures
            // Grafana's page may know nothing.
            Some("collectMetrics") if label("status") == Some("ok") && page == Page::Grafana => {
                return None;
            }
            Some("queryData") => {}
            Some(_) | None => continue,
        }
        has_some = true;
        let counter = match (label("status"), label("status_source")) {
            (Some("ok"), _) => &mut queries.good,
            (Some("error"), Some("downstream")) => &mut queries.downstream,
            (Some("error"), Some(_)) => &mut queries.plugin,
            (Some("error"), None) => &mut queries.unplaced,
            // Given up by whoever asked.
            (Some(_) | None, _) => continue,
        };
        *counter = counter.saturating_add(count);
    }
    has_some.then_some(queries)
}

/// The labels and the count of a series whose name and `{` were read.
fn sample(mut rest: &str) -> Option<(Labels<'_>, u64)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(value) = rest.strip_prefix('}') {
            return Some((labels, whole(value)?));
        }
        let (name, value) = rest.split_once("=\"").filter(|_| labels.len() < MAX_LABELS)?;
        let (value, after) = value.split_at_checked(quoted(value)?)?;
        labels.push((name.trim(), value));
        rest = after.strip_prefix('"')?;
    }
}

/// Where the value of a label ends: at the first quote that is not escaped.
fn quoted(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

/// The value of a sample; a time or an example may follow it.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.split_whitespace().next()?.parse().ok()?;
    number.is_finite().then_some(number)
}

fn whole(text: &str) -> Option<u64> {
    let number = number(text).filter(|number| (0.0..=MOST).contains(number))?;
    Some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: Page, body: impl AsRef<[u8]>) -> Option<Queries> {
        let asked = page.path();
        let body = body.as_ref();
        let answer =
            Answer { status: 200, headers: &[], body, cut: false, asked, credentials: false };
        assert_eq!(queries(&Answer { cut: true, ..answer }, page), None, "half of a page");
        assert_eq!(queries(&Answer { status: 500, ..answer }, page), None);
        queries(&answer, page)
    }

    #[test]
    fn sums_what_is_meant_and_nothing_else() {
        let page = r#"
# TYPE grafana_plugin_request_total counter
grafana_plugin_request_total{endpoint="queryData",plugin_id="prometheus",status="ok",status_source="plugin",target="in_memory"} 1.234567e+06
grafana_plugin_request_total{endpoint="queryData",plugin_id="prometheus",status="error",status_source="downstream",target="in_memory"} 7 1795404160000
grafana_plugin_request_total{ endpoint="queryData" , plugin_id="prometheus", status="error", status_source="downstream", target="a } \" queryData" } 1 # {traceID="x"} 1
grafana_plugin_request_total{endpoint="queryData",plugin_id="prometheus",status="error",status_source="plugin",target="in_memory"} 2
grafana_plugin_request_total{endpoint="queryData",plugin_id="prometheus",status="cancelled",status_source="plugin",target="in_memory"} 100
grafana_plugin_request_total{endpoint="checkHealth",plugin_id="prometheus",status="error"} 100
grafana_plugin_request_total{endpoint="collectMetrics",plugin_id="prometheus",status="error"} 100
grafana_plugin_request_total{endpoint="queryData",plugin_id="loki",status="error"} 100
grafana_plugin_request_total_other{endpoint="queryData",status="error"} 100
grafana_process_start_time_seconds 1
process_start_time_seconds 1.79540232512e+09
"#;
        let expected = Queries {
            process: Some(1_795_402_325.12),
            good: 1_234_567,
            downstream: 8,
            plugin: 2,
            unplaced: 0,
        };
        assert_eq!(read(Page::Grafana, page), Some(expected));
    }

    #[test]
    fn what_is_not_understood_tells_nothing() {
        let series = |rest: &str| format!("grafana_plugin_request_total{{{rest}\n");
        let good = series(r#"endpoint="queryData",status="ok"} 5"#);
        assert_eq!(read(Page::Plugin, &good).map(|queries| queries.good), Some(5));
        for strange in [
            r#"endpoint="queryData",status="error"} NaN"#,
            r#"endpoint="queryData",status="error"} -1"#,
            r#"endpoint="queryData",status="error"} 1e300"#,
            r#"endpoint="queryData",status="error"} "#,
            r#"endpoint="queryData",status="error"#,
            r#"endpoint="queryData",status="err\"} 5"#,
            r#"endpoint=queryData} 5"#,
        ] {
            assert_eq!(read(Page::Plugin, format!("{good}{}", series(strange))), None, "{strange}");
        }
        let odd = b"grafana_plugin_request_total{status=\"\xff\",endpoint=\"queryData\"} 5";
        assert_eq!(read(Page::Plugin, [good.as_bytes(), odd].concat()), None);
        let others = [b"other{name=\"\xff\"} 5\n", good.as_bytes()].concat();
        assert!(read(Page::Plugin, others).is_some());
        assert_eq!(read(Page::Plugin, "<html>Request blocked.</html>"), None);
        assert_eq!(read(Page::Plugin, ""), None);
    }
}
