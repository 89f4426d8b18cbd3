//! Answers around a query that explain what its own leaves open. They are evidence and no verdict:
//! an answer that is no good says nothing, because many servers lack these paths.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::classify::{Answer, bare_url};

/// One store behind Thanos that does not answer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadStore {
    /// Its address.
    pub name: String,
    /// What Thanos met there (not cleaned).
    pub error: String,
}

/// Stores behind Thanos, as `/api/v1/stores` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stores {
    /// How many there are.
    pub known: usize,
    /// Those that do not answer.
    pub dead: Vec<DeadStore>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// How far the replay of the write-ahead log is, from `/api/v1/status/walreplay`, which a starting
/// Prometheus answers (seen: 2.42, 3.16).
#[must_use]
pub fn replay(answer: &Answer<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Progress {
        max: u64,
        current: u64,
    }
    let progress: Progress = data(answer)?;
    Some(format!("segment {} of {}", progress.current, progress.max))
}

/// What a Prometheus says of its own state (`/api/v1/status/runtimeinfo`; seen: 2.42, 3.16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Its last reload failed: it runs with the configuration before that.
    pub reload_failed: bool,
    /// How long it keeps data, such as `15d`; what panels ask beyond it comes back empty.
    pub retention: Option<String>,
}

/// What it says of its own state.
#[must_use]
pub fn runtime(answer: &Answer<'_>) -> Option<Runtime> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Info {
        reload_config_success: Option<bool>,
        storage_retention: Option<String>,
    }
    let info: Info = data(answer)?;
    let retention = info.storage_retention.filter(|text| !text.is_empty());
    Some(Runtime { reload_failed: info.reload_config_success == Some(false), retention })
}

/// The scrape interval of its configuration (`/api/v1/status/config`; seen: 2.42, 3.16). What it
/// serves is written anew, so `global` comes first with its keys in one order, and a configuration
/// that was cut has it all the same.
#[must_use]
pub fn scrape_interval(answer: &Answer<'_>) -> Option<Duration> {
    let text = answer.text();
    let (_, yaml) = text.split_once("\"yaml\":\"global:\\n")?;
    let (_, rest) = yaml.split_once("  scrape_interval: ")?;
    let (value, _) = rest.split_once("\\n")?;
    humantime::parse_duration(value).ok().filter(|_| answer.is_success())
}

/// The stores behind Thanos (seen: 0.43). A dead one is a warning of queries for some seconds, and
/// then only here.
#[must_use]
pub fn stores(answer: &Answer<'_>) -> Option<Stores> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Store {
        name: String,
        last_error: Option<String>,
    }
    let kinds: BTreeMap<String, Vec<Store>> = data(answer)?;
    let mut stores = Stores::default();
    for store in kinds.into_values().flatten() {
        stores.known += 1;
        if let Some(error) = store.last_error.filter(|error| !error.is_empty()) {
            stores.dead.push(DeadStore { name: store.name, error });
        }
    }
    Some(stores)
}

/// Where the root of a server leads: the base path of its API, if it is Prometheus under a prefix
/// (seen: 302 `/prometheus`). Its pages lie below that base path.
#[must_use]
pub fn prefix(answer: &Answer<'_>) -> Option<String> {
    let location = answer.header("location").filter(|_| answer.is_redirect()).map(bare_url)?;
    let path = match location.split_once("//") {
        Some((_, rest)) => rest.split_once('/')?.1.to_owned(),
        None => location.strip_prefix('/')?.to_owned(),
    };
    let path = path.trim_end_matches('/');
    let base = ["classic/graph", "graph", "query", "agent"]
        .iter()
        .find_map(|page| path.strip_suffix(page))
        .unwrap_or(path)
        .trim_end_matches('/');
    (!base.is_empty()).then(|| format!("/{base}"))
}

fn data<T: DeserializeOwned>(answer: &Answer<'_>) -> Option<T> {
    if !answer.is_success() {
        return None;
    }
    serde_json::from_slice::<Envelope<T>>(answer.body).ok().map(|envelope| envelope.data)
}
