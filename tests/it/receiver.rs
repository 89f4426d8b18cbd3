//! A receiver of alarms: it keeps what it is told, and answers as it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One POST.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

/// How it answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// How far its clock is ahead, in seconds.
    pub ahead: i64,
}

/// A running receiver; dropping it ends it.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    inside: Arc<Inside>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Inside {
    seen: Mutex<Vec<Seen>>,
    answer: Mutex<Answer>,
}

// === impl Receiver ===

impl Receiver {
    /// Starts one that accepts everything.
    pub async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into()).await
    }

    /// The same, there.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let good = Answer { status: 200, body: String::new(), ahead: 0 };
        let inside = Arc::new(Inside { seen: Mutex::default(), answer: Mutex::new(good) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inside));
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inside, _task: task }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers like this from now on.
    pub fn answers(&self, change: impl FnOnce(&mut Answer)) {
        change(&mut self.inside.answer.lock().unwrap());
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.inside.seen.lock().unwrap().clone()
    }

    /// Forgets them.
    pub fn forget(&self) {
        self.inside.seen.lock().unwrap().clear();
    }
}

impl Seen {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn answer(
    State(inside): State<Arc<Inside>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Whoever asks an Alertmanager what it has hears: nothing.
    if method == Method::GET {
        return "[]".into_response();
    }
    let path = uri.path_and_query().unwrap().to_string();
    let body = String::from_utf8(body.to_vec()).unwrap();
    inside.seen.lock().unwrap().push(Seen { path, headers, body });
    let Answer { status, body, ahead } = inside.answer.lock().unwrap().clone();
    #[expect(clippy::disallowed_methods, reason = "a server's clock")]
    let now = SystemTime::now();
    let by = Duration::from_secs(ahead.unsigned_abs());
    let date = httpdate::fmt_http_date(if ahead < 0 { now - by } else { now + by });
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("date", date)], body).into_response()
}
