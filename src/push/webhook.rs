//! What a webhook is told, in the shape of Alertmanager's own notifications (version 4), so that
//! receivers that know those know these.
//!
//! Told once when it begins, again each `repeat_interval` while it stands, and when it ends. What
//! the receiver did not take is told again until it does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::alerts::Alert;
use crate::clock::Now;
use crate::link::alarm::{Labels, Webhook};
use crate::push::alertmanager::rfc3339;

#[cfg(test)]
mod tests;

/// What comes together is told together.
const WAIT: Duration = Duration::from_secs(5);
/// Alerts of one request.
const BATCH: usize = 50;
/// What is refused for what it says is left out for so long.
const ASIDE: Duration = Duration::from_secs(600);
/// Alertmanager's word for an end that is not known.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// What was told, and what is to be.
#[derive(Clone, Debug)]
pub struct Notifier {
    repeat: Duration,
    send_resolved: bool,
    /// Alerts of the next request.
    most: usize,
    known: BTreeMap<Labels, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    alert: Alert,
    /// When it was last told that it stands.
    told: Option<Now>,
    ended: Option<Now>,
    due: Now,
    /// The receiver refuses it; until when it is left out.
    aside: Option<Now>,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    version: &'static str,
    group_key: &'static str,
    truncated_alerts: u32,
    status: &'static str,
    receiver: String,
    group_labels: Labels,
    common_labels: Labels,
    common_annotations: BTreeMap<&'static str, String>,
    #[serde(rename = "externalURL")]
    external_url: String,
    alerts: Vec<One>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    status: &'static str,
    labels: Labels,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// What one notification tells: labels, and whether it is the end.
pub type Batch = Vec<(Labels, bool)>;

// === impl Notifier ===

impl Notifier {
    /// Nothing told yet.
    #[must_use]
    pub fn new(webhook: &Webhook) -> Self {
        let Webhook { repeat_interval, send_resolved, .. } = *webhook;
        Self { repeat: repeat_interval, send_resolved, most: BATCH, known: BTreeMap::new() }
    }

    /// Takes in what stands.
    pub fn take(&mut self, standing: &[Alert], now: Now) {
        for known in self.known.values_mut() {
            let at = standing.binary_search_by(|alert| alert.labels.cmp(&known.alert.labels));
            match at.ok().and_then(|at| standing.get(at)) {
                Some(alert) => {
                    if known.ended.take().is_some() {
                        known.due = known.told.map_or(now, |told| told.plus(self.repeat));
                    }
                    known.alert.clone_from(alert);
                }
                None if known.ended.is_none() => {
                    (known.ended, known.due) = (Some(now), now.plus(WAIT));
                }
                None => {}
            }
        }
        // Nobody was told that it began.
        let resolves = self.send_resolved;
        self.known.retain(|_, known| known.ended.is_none() || (resolves && known.told.is_some()));
        for alert in standing {
            self.known.entry(alert.labels.clone()).or_insert_with(|| Known {
                alert: alert.clone(),
                told: None,
                ended: None,
                due: now.plus(WAIT),
                aside: None,
            });
        }
    }

    /// When something is to be told next.
    #[must_use]
    pub fn due(&self) -> Option<Now> {
        self.known
            .values()
            .map(|known| known.aside.map_or(known.due, |aside| aside.max(known.due)))
            .min()
    }

    /// What is to be told now: all that has waited, and with it what is news.
    #[must_use]
    pub fn batch(&self, now: Now) -> Batch {
        if self.due().is_none_or(|due| due > now) {
            return Batch::new();
        }
        let is_news = |known: &Known| {
            let news = known.due <= now || known.told.is_none() || known.ended.is_some();
            news && known.aside.is_none_or(|aside| aside <= now)
        };
        let due = self.known.iter().filter(|(_, known)| is_news(known));
        due.take(self.most).map(|(labels, known)| (labels.clone(), known.ended.is_some())).collect()
    }

    /// The receiver took `batch`; nothing was taken in since that was made.
    pub fn told(&mut self, batch: &Batch, now: Now) {
        self.most = (self.most * 2).min(BATCH);
        for (labels, is_end) in batch {
            if *is_end {
                self.known.remove(labels);
            } else if let Some(known) = self.known.get_mut(labels) {
                (known.told, known.due, known.aside) = (Some(now), now.plus(self.repeat), None);
            }
        }
    }

    /// The receiver refused `batch` for what it says. One alert may be to blame: fewer are told
    /// next, and the one that is refused alone no longer keeps the others from being told.
    pub fn refused(&mut self, batch: &Batch, now: Now) {
        self.most = (batch.len() / 2).max(1);
        if let [(labels, _)] = batch.as_slice()
            && let Some(known) = self.known.get_mut(labels)
        {
            known.aside = Some(now.plus(ASIDE));
            self.most = BATCH;
        }
    }

    /// `batch` as it is sent.
    #[must_use]
    pub fn payload(&self, batch: &Batch, receiver: &str, external_url: Option<&str>) -> Payload {
        let alerts: Vec<One> = batch
            .iter()
            .filter_map(|(labels, is_end)| Some(one(self.known.get(labels)?, *is_end)))
            .collect();
        let firing = alerts.iter().any(|alert| alert.status == "firing");
        Payload {
            version: "4",
            group_key: "{}:{}",
            truncated_alerts: 0,
            status: if firing { "firing" } else { "resolved" },
            receiver: receiver.to_owned(),
            group_labels: Labels::new(),
            common_labels: common(alerts.iter().map(|alert| &alert.labels)),
            common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
            external_url: external_url.unwrap_or_default().to_owned(),
            alerts,
        }
    }
}

// === impl Payload ===

impl Payload {
    /// It as it is sent.
    #[must_use]
    pub fn body(&self) -> String {
        // Texts in maps can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn one(known: &Known, is_end: bool) -> One {
    let Alert { labels, annotations, since, .. } = &known.alert;
    let end = known.ended.filter(|_| is_end);
    One {
        status: if is_end { "resolved" } else { "firing" },
        labels: labels.clone(),
        annotations: annotations.clone(),
        starts_at: rfc3339(since.wall),
        ends_at: end.map_or_else(|| NO_END.to_owned(), |end| rfc3339(end.wall)),
        generator_url: annotations.get("dashboard_url").cloned().unwrap_or_default(),
        fingerprint: fingerprint(labels),
    }
}

/// What all have in common.
fn common<'a, K: Ord + Clone + 'a>(
    mut all: impl Iterator<Item = &'a BTreeMap<K, String>>,
) -> BTreeMap<K, String> {
    let mut common = all.next().cloned().unwrap_or_default();
    for other in all {
        common.retain(|key, value| other.get(key) == Some(value));
    }
    common
}

/// Alertmanager's name for a set of labels, by which receivers tell alerts apart: FNV-1a of 64 bits
/// over names and values, each followed by a byte that no text has.
#[must_use]
pub fn fingerprint(labels: &Labels) -> String {
    let texts = labels.iter().flat_map(|(name, value)| [name, value]);
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
