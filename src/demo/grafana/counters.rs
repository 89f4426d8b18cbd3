//! The pages that Grafana has for Prometheus to scrape, with the counters of its plugins.

use std::fmt::Write as _;

use crate::demo::grafana::{Flavour, Setup};
use crate::demo::http::{Reply, Request};

/// What both paths begin with.
const PATH: &str = "/metrics";

/// Who may read the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Everybody.
    #[default]
    ToAll,
    /// Whoever has their own password.
    Guarded,
    /// Nobody: they are switched off.
    Off,
    /// Everybody, below the path that Grafana serves from.
    Moved,
    /// Whoever signs in at the page that is shown instead.
    BehindLogin,
    /// Everybody, who waits for ever.
    Silent,
    /// Everybody; before the counters, so many bytes of others.
    Behind(usize),
}

/// What was asked of data sources of the type `prometheus`, since the process began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counters {
    /// Who may read them.
    pub shown: Shown,
    /// When the process began, in Unix seconds.
    pub began: f64,
    /// Queries without an error.
    pub good: u64,
    /// Queries that failed at Prometheus or on the way to it.
    pub failed: u64,
    /// Requests for the pages that had credentials.
    pub credentials: u64,
    /// How often the plugin was asked for its page.
    collected: u64,
}

impl Default for Counters {
    fn default() -> Self {
        let began = 1_795_402_325.12;
        let (good, failed, credentials, collected) = (0, 0, 0, 0);
        Self { shown: Shown::default(), began, good, failed, credentials, collected }
    }
}

impl Counters {
    /// Whether nothing comes back for `request`.
    pub fn hang(&self, request: &Request) -> bool {
        self.shown == Shown::Silent && request.path.starts_with(PATH)
    }

    /// Takes in how `request` was answered.
    pub fn note(&mut self, request: &Request, reply: &Reply) {
        if request.path.ends_with("/api/ds/query") && request.method == "POST" {
            let counter = if reply.status == 200 { &mut self.good } else { &mut self.failed };
            *counter += 1;
        }
    }
}

/// Answers for the pages; none for any other path, or where they are off.
pub fn answer(request: &Request, setup: &mut Setup) -> Option<Reply> {
    let rest = request.path.strip_prefix(PATH)?;
    let (flavour, counters) = (setup.flavour, &mut setup.counters);
    if !request.header("authorization").is_empty() {
        counters.credentials += 1;
    }
    match counters.shown {
        Shown::Off => return None,
        Shown::Guarded => return Some(Reply::new(401, "text/plain", "")),
        Shown::Moved => {
            return Some(Reply::redirect(&format!(
                "https://grafana.example.org/grafana{}",
                request.path
            )));
        }
        Shown::BehindLogin => {
            return Some(Reply::new(200, "text/html", "<!doctype html><title>Sign in</title>"));
        }
        Shown::ToAll | Shown::Silent | Shown::Behind(_) => {}
    }
    match (rest, flavour) {
        ("", _) => Some(page(counters, &grafanas(*counters, flavour))),
        ("/plugins/prometheus", Flavour::V13) => {
            counters.collected += 1;
            Some(page(counters, &plugins(*counters)))
        }
        // A plugin of the core has no page of its own.
        ("/plugins/prometheus", Flavour::V9) => Some(Reply::new(500, "text/plain", "")),
        _ => None,
    }
}

fn page(counters: &Counters, series: &str) -> Reply {
    let mut text = "# TYPE go_goroutines gauge\ngo_goroutines 42\n".to_owned();
    if let Shown::Behind(bytes) = counters.shown {
        let line = "grafana_alerting_alerts{state=\"normal\"} 1\n";
        text.push_str(&line.repeat(bytes / line.len()));
    }
    let name = "grafana_plugin_request_total";
    let _infallible = write!(
        text,
        "# HELP {name} The total amount of plugin requests\n# TYPE {name} counter\n{series}\
         # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {:e}\n",
        counters.began
    );
    Reply::new(200, "text/plain; version=0.0.4; charset=utf-8", text)
}

/// As plugin 13.1 counts: by who failed.
fn plugins(counters: Counters) -> String {
    let status = [("error\",status_source=\"downstream", counters.failed)];
    let status = status.into_iter().chain([("ok\",status_source=\"plugin", counters.good)]);
    series("", status)
}

/// Of an external plugin, Grafana's own page has nothing but successes.
fn grafanas(counters: Counters, flavour: Flavour) -> String {
    let id = "plugin_id=\"prometheus\",";
    match flavour {
        Flavour::V9 => series(id, [("error", counters.failed), ("ok", counters.good)]),
        Flavour::V13 => {
            let collected = counters.collected;
            let all = series(id, [("ok", counters.good + counters.failed)]);
            let name = "grafana_plugin_request_total";
            format!("{name}{{endpoint=\"collectMetrics\",{id}status=\"ok\"}} {collected}\n{all}")
        }
    }
}

/// A counter that was never raised is not there.
fn series<'a>(id: &str, status: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let some = status.into_iter().filter(|(_, count)| *count > 0);
    let line = |(status, count)| {
        format!(
            "grafana_plugin_request_total{{endpoint=\"queryData\",{id}status=\"{status}\"}} {count}\n"
        )
    };
    some.map(line).collect()
}
