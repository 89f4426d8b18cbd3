//! What each Alertmanager is told: everything that stands, again each minute.
//!
//! A word that is lost is repaired by the next one, so there is no queue. What ended is said for a
//! while as well, because a replica that was away has not heard it; or never, where several
//! promlinks tell and only the last of them knows that it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::alerts::Alert;
use crate::clock::Now;
use crate::link::alarm::{LONGEST_WAIT, Labels, Resolve};

#[cfg(test)]
mod tests;

/// What is below the base path.
pub const PATH: &str = "/api/v2/alerts";
/// From one word to the next, as Prometheus has it (`--rules.alert.resend-delay`).
pub const RESEND: Duration = Duration::from_secs(60);
/// Alerts of one request, as Prometheus sends them.
pub const BATCH: usize = 256;
/// An alert that nobody refreshes ends by itself: after a restart that takes this long, at the
/// earliest.
pub const OUTLIVES: Duration = Duration::from_secs(15 * 60);
/// The same where promlinks that are several let alerts end by themselves: four times the resend;
/// or until those that were restarted together have waited once more, and had this time to start.
const EXPIRES: Duration = Duration::from_secs(4 * 60);
const STARTS: Duration = Duration::from_secs(2 * 60);
/// How long it is said that an alert has ended, as Prometheus does.
const ENDED_FOR: Duration = Duration::from_secs(15 * 60);

/// From 1970 to the last second of the year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// One alert on the wire (Alertmanager's API v2).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire {
    labels: Labels,
    annotations: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<String>,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

/// What is asked for, to hear which of our alerts it has: those of [`PATH`] that stand.
pub const QUERY: &str = "filter=alertname%3D~%22Promlink.%2B%22";
/// What is read of that: some thousands of alerts.
pub const HELD_BYTES: usize = 8 << 20;

/// The labels of the alerts in such an answer.
#[must_use]
pub fn held(answer: &str) -> BTreeSet<Labels> {
    #[derive(Deserialize)]
    struct Held {
        labels: Labels,
    }
    let mut all = BTreeSet::new();
    let mut rest = answer.trim_start().strip_prefix('[');
    while let Some(text) = rest {
        let mut one = serde_json::Deserializer::from_str(text).into_iter::<Held>();
        // Of thousands the end may not have been read.
        let Some(Ok(held)) = one.next() else { break };
        all.insert(held.labels);
        let after = text.get(one.byte_offset()..).unwrap_or_default();
        rest = after.trim_start().strip_prefix(',');
    }
    all
}

/// A list as it is sent.
#[must_use]
pub fn body(batch: &[Wire]) -> String {
    // Texts in maps can always be written.
    serde_json::to_string(batch).unwrap_or_default()
}

/// What stands and what has ended.
#[derive(Clone, Debug)]
pub struct Ledger {
    resolve: Resolve,
    standing: BTreeMap<Labels, Alert>,
    ended: BTreeMap<Labels, Ended>,
}

#[derive(Clone, Debug)]
struct Ended {
    /// None where nobody knows how it began.
    alert: Option<Alert>,
    at: Now,
}

// === impl Ledger ===

impl Ledger {
    /// Nothing yet.
    #[must_use]
    pub fn new(resolve: Resolve) -> Self {
        Self { resolve, standing: BTreeMap::new(), ended: BTreeMap::new() }
    }

    /// Takes in what stands, and what stood before a restart and surely does not now;
    /// whether something began or ended, which is to be said at once. Other words for what stands
    /// have time until the next round.
    pub fn take(&mut self, standing: &[Alert], over: &BTreeSet<Labels>, now: Now) -> bool {
        let mut news = false;
        let fresh: BTreeMap<Labels, Alert> =
            standing.iter().map(|alert| (alert.labels.clone(), alert.clone())).collect();
        let before = std::mem::replace(&mut self.standing, fresh);
        for labels in self.standing.keys() {
            self.ended.remove(labels);
            news |= !before.contains_key(labels);
        }
        self.ended.retain(|_, ended| now.since(ended.at) < ENDED_FOR);
        if self.resolve == Resolve::Expire {
            return news;
        }
        for (labels, alert) in before {
            if !self.standing.contains_key(&labels) {
                let ended = Ended { alert: Some(alert), at: now };
                self.ended.insert(labels, ended);
                news = true;
            }
        }
        for labels in over.iter().filter(|labels| !self.standing.contains_key(*labels)) {
            self.ended.entry(labels.clone()).or_insert_with(|| {
                news = true;
                Ended { alert: None, at: now }
            });
        }
        news
    }

    /// All that is to be said now, in the clock of an Alertmanager that is `skew` ahead of ours.
    #[must_use]
    pub fn wire(&self, now: Now, skew: Skew) -> Vec<Wire> {
        let standing = self.standing.values().map(|alert| {
            let lives = match self.resolve {
                Resolve::Immediate => {
                    OUTLIVES.saturating_add(alert.wait.max(alert.longest.min(LONGEST_WAIT)))
                }
                Resolve::Expire => EXPIRES.max(alert.wait.min(LONGEST_WAIT) + STARTS),
            };
            wire(&alert.labels, Some(alert), skew.of(now.plus(lives).wall), skew)
        });
        let ended = self.ended.iter();
        let ended = ended.map(|(labels, ended)| {
            // By the clock that does not jump: an end that lies ahead would stand again.
            let at = now.wall.checked_sub(now.since(ended.at)).unwrap_or(ended.at.wall);
            wire(labels, ended.alert.as_ref(), skew.of(at), skew)
        });
        standing.chain(ended).collect()
    }
}

fn wire(labels: &Labels, alert: Option<&Alert>, ends_at: SystemTime, skew: Skew) -> Wire {
    let annotations = alert.map(|alert| alert.annotations.clone()).unwrap_or_default();
    Wire {
        labels: labels.clone(),
        generator_url: annotations.get("dashboard_url").cloned(),
        annotations,
        starts_at: alert.map(|alert| rfc3339(skew.of(alert.since.wall).min(ends_at))),
        ends_at: rfc3339(ends_at),
    }
}

/// A moment as Alertmanager writes it: the nearest that can be written, because clocks may show
/// anything.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let first = SystemTime::UNIX_EPOCH;
    humantime::format_rfc3339_millis(time.clamp(first, first + LAST)).to_string()
}

/// How far a receiver's clock is from ours: an end in its past is no alert, and says so to nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew {
    ahead: bool,
    by: Duration,
}

// === impl Skew ===

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match (self.by, self.ahead) {
            (Duration::ZERO, _) => "",
            (_, true) => "+",
            (_, false) => "-",
        };
        write!(f, "{sign}{} s", self.by.as_secs())
    }
}

impl Skew {
    /// Less than this is the way of the answer, and the second of the `Date` header.
    const IGNORED: Duration = Duration::from_secs(2);

    /// What a clock tells that showed `theirs` when ours showed `ours`.
    #[must_use]
    pub fn between(theirs: SystemTime, ours: SystemTime) -> Self {
        let skew = match theirs.duration_since(ours) {
            Ok(by) => Self { ahead: true, by },
            Err(behind) => Self { ahead: false, by: behind.duration() },
        };
        if skew.by <= Self::IGNORED { Self::default() } else { skew }
    }

    /// Whether times that were written for `before` are wrong now.
    #[must_use]
    pub fn differs(self, before: Self) -> bool {
        let apart = if self.ahead == before.ahead {
            self.by.abs_diff(before.by)
        } else {
            self.by.saturating_add(before.by)
        };
        apart > Self::IGNORED
    }

    fn of(self, time: SystemTime) -> SystemTime {
        let moved = if self.ahead { time.checked_add(self.by) } else { time.checked_sub(self.by) };
        moved.unwrap_or(time)
    }
}
