//! Typed observations that rules do read, apart from the evidence that only people read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::report::cause::Cause;

/// What the walk of one address saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The absolute name that resolved, for next time.
    pub name_that_hit: Option<String>,
    /// What connecting met, where the ports of the Service gave it another name.
    pub connect_failure: Option<Cause>,
    /// The end of the certificate's life.
    pub not_after: Option<SystemTime>,
    /// How many series the selector gave.
    pub series: Option<u64>,
    /// How many of them have the value 1.
    pub series_up: Option<u64>,
    /// The answer was so large that aggregates are asked from now on.
    pub large_answer: bool,
    /// The time of the newest sample, by the server's clock.
    pub newest_sample: Option<SystemTime>,
    /// The server's clock minus ours, in seconds.
    pub clock_skew_seconds: Option<f64>,
    /// `{job,instance}` of the series, sorted, hashed; at most [`MAX_IDENTITIES`].
    pub identities: Option<Vec<u64>>,
    /// What the server is.
    pub flavour: Option<Flavour>,
    /// The version that it names.
    pub version: Option<String>,
    /// How often it scrapes, unless a job says otherwise.
    pub scrape_interval: Option<Duration>,
    /// Grafana's token ends then.
    pub token_not_after: Option<SystemTime>,
    /// The data source that the reference led to.
    pub datasource: Option<DatasourceSeen>,
    /// How long the deciding query took.
    pub query_took: Option<Duration>,
    /// Assertions by name, and whether each holds; those that nobody can tell are missing.
    pub assertions: Vec<(Arc<str>, bool)>,
}

/// Identities kept for comparing: 8 bytes each, 32 KiB at the most while a cycle runs.
pub const MAX_IDENTITIES: usize = 4096;

/// What kind of server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flavour {
    /// Prometheus itself.
    Prometheus,
    /// Prometheus in agent mode.
    PrometheusAgent,
    /// Thanos Query.
    Thanos,
    /// Grafana Mimir.
    Mimir,
    /// Cortex.
    Cortex,
    /// VictoriaMetrics.
    VictoriaMetrics,
}

/// The data source as Grafana describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatasourceSeen {
    /// Its uid.
    pub uid: String,
    /// Its display name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its URL, without credentials.
    pub url: String,
    /// It forwards the user's own identity.
    pub forwards_user: bool,
    /// The scrape interval that panels assume (`jsonData.timeInterval`).
    pub scrape_interval: Option<Duration>,
    /// It comes from a file, and Grafana refuses to change it.
    pub provisioned: bool,
    /// It asks by POST.
    pub posts: bool,
}

/// All data sources of an organisation, as far as one of them has to know of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Their uids.
    pub uids: BTreeSet<String>,
    /// Names of those that claim to be the default one.
    pub defaults: Vec<String>,
}

impl Flavour {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::PrometheusAgent => "prometheus_agent",
            Self::Thanos => "thanos",
            Self::Mimir => "mimir",
            Self::Cortex => "cortex",
            Self::VictoriaMetrics => "victoriametrics",
        }
    }
}
