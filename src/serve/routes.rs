//! Who answers what. Every answer but two comes from the latest snapshot, at once; `/probe` may
//! wait for one cycle of a known link, and `/-/reload` for the configuration. No target ever comes
//! from a URL.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Now};
use crate::expose::metrics::process::Process;
use crate::expose::{Shown, json, metrics, page, probe, runbook};
use crate::link::LinkName;
use crate::reload;
use crate::report::cause::Cause;
use crate::selfstats::SelfStats;
use crate::serve::body::streamed;
use crate::state::snapshot::{LatestCycle, Snapshot};
use crate::supervisor::Ask;

/// The keeper's beat is once a second; without ten of them in a row it is dead.
const HEALTHY_WITHIN: Duration = Duration::from_secs(10);
/// A result that `/probe` hands out without a new cycle.
const PROBE_REUSES: Duration = Duration::from_secs(5);
/// How long `/probe` waits when the scraper does not say.
const PROBE_WAITS: Duration = Duration::from_secs(10);
/// What is left of the scraper's time-out for the way back, as blackbox_exporter leaves it.
const PROBE_RESERVE: Duration = Duration::from_millis(500);

/// What the routes read.
#[derive(Debug)]
pub struct Front {
    /// What is published.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Our own counters.
    pub stats: Arc<SelfStats>,
    /// `process_*`.
    pub process: Process,
    /// Towards the supervisor.
    pub asks: mpsc::Sender<Ask>,
    /// Towards the reloader.
    pub reload: reload::Handle,
    /// Where links of ours lead: `web.external_url`, or nothing for relative ones.
    pub base: String,
    /// Cancelled when the daemon begins to stop.
    pub stopping: CancellationToken,
}

type Shared = State<Arc<Front>>;

/// All routes.
pub fn router(front: Arc<Front>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/metrics", get(exposition))
        .route("/api/v1/links", get(links))
        .route("/api/v1/links/{*name}", get(link))
        .route("/probe", get(probe_link))
        .route("/runbooks", get(|| async { html(runbook::index()) }))
        .route("/runbooks/{cause}", get(runbook_of))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload_now).put(reload_now))
        .fallback(|| async { plain(StatusCode::NOT_FOUND, "nothing is here; / has the links\n") })
        .with_state(front)
}

impl Front {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    q: String,
}

async fn home(State(front): Shared, Query(filter): Query<Filter>) -> Response {
    html(page::render(&front.snapshot(), &front.stats.receivers, &filter.q, clock::now()))
}

async fn exposition(State(front): Shared, headers: HeaderMap) -> Response {
    let process = front.process.gather();
    let pieces = metrics::Exposition::new(front.snapshot(), &front.stats, &process, clock::now());
    streamed(pieces, metrics::CONTENT_TYPE, &headers)
}

async fn links(State(front): Shared, headers: HeaderMap) -> Response {
    streamed(json::Links::new(front.snapshot(), &front.base), json::CONTENT_TYPE, &headers)
}

async fn link(State(front): Shared, Path(name): Path<String>) -> Response {
    match front.snapshot().link(&name) {
        Some(view) => {
            let text = json::one(&Shown::published(view), &front.base);
            ([(header::CONTENT_TYPE, json::CONTENT_TYPE)], text).into_response()
        }
        None => unknown_link(),
    }
}

#[derive(Deserialize)]
struct Wanted {
    link: Option<String>,
    target: Option<String>,
}

async fn probe_link(
    State(front): Shared,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let Some(name) = wanted.link.or(wanted.target) else {
        return plain(StatusCode::BAD_REQUEST, "say which link: /probe?link=NAME\n");
    };
    if front.snapshot().link(&name).is_none() {
        return unknown_link();
    }
    let fresh = |cycle: &LatestCycle, now: Now| {
        now.since(cycle.report.started.plus(cycle.report.took)) < PROBE_REUSES
    };
    let asked = clock::now();
    if !latest(&front, &name).is_some_and(|cycle| fresh(&cycle, asked)) {
        let (done, published) = oneshot::channel();
        let ask = front.asks.send(Ask { link: LinkName::new(&name), done });
        let answer = async {
            if ask.await.is_ok() {
                published.await.ok();
            }
        };
        // Without an answer in time the verdict is that we do not know.
        drop(timeout(patience(&headers), answer).await);
    }
    let cycle = latest(&front, &name).filter(|cycle| fresh(cycle, clock::now()));
    let text = probe::render(cycle.as_deref());
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

fn latest(front: &Front, name: &str) -> Option<Arc<LatestCycle>> {
    front.snapshot().link(name).and_then(|view| view.latest.clone())
}

/// How long the scraper waits, less the way back.
fn patience(headers: &HeaderMap) -> Duration {
    let said = headers.get("x-prometheus-scrape-timeout-seconds");
    let seconds = said.and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
    let said = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    said.map_or(PROBE_WAITS, |said| said.saturating_sub(PROBE_RESERVE)).min(PROBE_WAITS)
}

async fn runbook_of(Path(code): Path<String>) -> Response {
    match Cause::from_code(&code) {
        Some(cause) => html(runbook::page(cause)),
        None => plain(StatusCode::NOT_FOUND, "no such cause; /runbooks lists all of them\n"),
    }
}

async fn healthy(State(front): Shared) -> Response {
    if clock::now().since(front.snapshot().at) < HEALTHY_WITHIN {
        plain(StatusCode::OK, "promlink is healthy.\n")
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, "promlink's state has not moved for 10 s.\n")
    }
}

/// The port is bound only when the configuration is loaded and the first snapshot is out, so being
/// asked is being ready, until the end begins.
async fn ready(State(front): Shared) -> Response {
    if front.stopping.is_cancelled() {
        plain(StatusCode::SERVICE_UNAVAILABLE, "promlink is stopping.\n")
    } else {
        plain(StatusCode::OK, "promlink is ready.\n")
    }
}

async fn reload_now(State(front): Shared) -> Response {
    match front.reload.reload().await {
        Ok(()) => plain(StatusCode::OK, "reloaded\n"),
        Err(errors) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{errors}\n")).into_response(),
    }
}

fn unknown_link() -> Response {
    plain(StatusCode::NOT_FOUND, "no such link; /api/v1/links lists all of them\n")
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

fn html(text: String) -> Response {
    let mut response = ([(header::CONTENT_TYPE, page::CONTENT_TYPE)], text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
