//! What is worth waking somebody for, and who is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::link::{Endpoint, HttpOptions};
use crate::report::cause::Cause;
use crate::secret::Secret;

/// A wait that is longer is one for ever, as of causes that nobody wants to hear of: an alert must
/// not stay for as long when promlink does not come back.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Labels of an alert, sorted: its identity.
pub type Labels = BTreeMap<String, String>;

/// What the alarms of one link are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRules {
    /// Whether there are any.
    pub enabled: bool,
    /// How long what is published must hold.
    pub timing: AlarmTiming,
    /// How bad each alarm is.
    pub severity: Severity,
}

/// How long a verdict must hold before it is an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmTiming {
    /// Waits that depend on the cause; they win over those by verdict.
    pub by_cause: BTreeMap<Cause, Duration>,
    /// The wait of a broken link.
    pub broken: Duration,
    /// The wait of a degraded link.
    pub degraded: Duration,
    /// The wait of a Grafana through which we are blind.
    pub blind: Duration,
    /// How long an alarm stands after its verdict ended, so that a short recovery resets nothing.
    pub keep_firing_for: Duration,
}

/// The label `severity` of each alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severity {
    /// Of a broken link, and of a server or Grafana that is down.
    pub broken: String,
    /// Of a degraded link.
    pub degraded: String,
    /// Of a Grafana through which we are blind.
    pub blind: String,
}

/// All about alarms but what belongs to one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSettings {
    /// What links have that say nothing else.
    pub rules: Arc<AlarmRules>,
    /// From this many links on, one server or Grafana raises one alarm for all of them.
    pub collapse_at: usize,
    /// Labels of every alert, such as `cluster`.
    pub labels: Labels,
    /// Who says that an alarm is over.
    pub resolve: Resolve,
    /// Alertmanagers; each name may stand for several replicas.
    pub alertmanagers: Vec<Alertmanager>,
    /// Webhooks in Alertmanager's shape.
    pub webhooks: Vec<Webhook>,
    /// What is told regularly that promlink lives.
    pub heartbeat: Option<Heartbeat>,
}

/// Who says that an alarm is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolve {
    /// promlink, at once: right for one replica.
    #[default]
    Immediate,
    /// Nobody: an alert ends when no replica refreshes it any more.
    Expire,
}

/// One Alertmanager, or all of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    /// What its series are labelled with.
    pub name: String,
    /// Where it is, and how to speak to it.
    pub endpoint: Endpoint,
}

/// A receiver that is told of what begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What its series are labelled with.
    pub name: String,
    /// Where; the path is often a secret.
    pub url: Secret,
    /// How to speak to it.
    pub http: HttpOptions,
    /// What still stands is told again so often.
    pub repeat_interval: Duration,
    /// What ended is told as well.
    pub send_resolved: bool,
}

/// What is told regularly that promlink cycles and can deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Where; the path is often a secret.
    pub url: Secret,
    /// Where instead, when something is wrong; `/fail` below `url` unless said otherwise.
    pub fail_url: Option<Secret>,
    /// How to speak to it.
    pub http: HttpOptions,
    /// How often.
    pub interval: Duration,
    /// A broken link is something wrong as well.
    pub links: bool,
}

impl AlarmSettings {
    /// Whether somebody is told that what stood before a start is over. Webhooks hear of no end
    /// that they do not wait for.
    #[must_use]
    pub fn takes_back(&self) -> bool {
        self.resolve == Resolve::Immediate && !self.alertmanagers.is_empty()
    }

    /// Whether somebody is told which link is broken. A heartbeat tells that promlink lives.
    #[must_use]
    pub fn tells(&self) -> bool {
        !self.alertmanagers.is_empty() || !self.webhooks.is_empty()
    }
}

impl Default for AlarmSettings {
    fn default() -> Self {
        Self {
            rules: Arc::default(),
            collapse_at: 5,
            labels: Labels::new(),
            resolve: Resolve::default(),
            alertmanagers: Vec::new(),
            webhooks: Vec::new(),
            heartbeat: None,
        }
    }
}

impl Default for AlarmRules {
    fn default() -> Self {
        Self { enabled: true, timing: AlarmTiming::default(), severity: Severity::default() }
    }
}

impl AlarmTiming {
    /// The longest of all waits.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let by_verdict = [self.broken, self.degraded, self.blind];
        by_verdict.into_iter().chain(self.by_cause.values().copied()).max().unwrap_or_default()
    }
}

impl Default for AlarmTiming {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            by_cause: BTreeMap::from([
                (Cause::NoReadyEndpoints, MINUTE * 5),
                (Cause::Starting, MINUTE * 15),
            ]),
            broken: MINUTE * 2,
            degraded: MINUTE * 15,
            blind: MINUTE * 15,
            keep_firing_for: MINUTE * 2,
        }
    }
}

impl Default for Severity {
    fn default() -> Self {
        let [broken, degraded, blind] = ["critical", "warning", "warning"].map(str::to_owned);
        Self { broken, degraded, blind }
    }
}
