//! `alarms`: what is worth waking somebody for, and who is told.
//!
//! How long, how bad and whether at all are keys of the whole, of `defaults` and of each link; the
//! receivers are the whole's alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::Base;
use super::http::{HttpPart, any_url, http, secret};
use super::link::labels;
use super::node::{Keys, Node, nearest};
use super::words::{duration, line, meant, number, one_of, switch};
use crate::link::alarm::{
    AlarmRules, AlarmSettings, Alertmanager, Heartbeat, Resolve, Severity, Webhook,
};
use crate::link::{BaseUrl, Endpoint, HttpOptions};
use crate::report::cause::Cause;
use crate::report::facts::clean;
use crate::secret::Secret;

/// An alarm that waits longer is off.
const MAX_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);
/// What still stands is told again so often, as Alertmanager does.
const REPEAT: Duration = Duration::from_secs(4 * 3600);
const REPEATS: RangeInclusive<Duration> = Duration::from_secs(60)..=MAX_WAIT;
const BEAT: Duration = Duration::from_secs(60);
/// Receivers of heartbeats take five a minute at most.
const BEATS: RangeInclusive<Duration> = Duration::from_secs(12)..=Duration::from_secs(24 * 3600);
/// Each is told by itself, and all at once.
const MAX_RECEIVERS: usize = 20;

/// What one section says of how alarms are.
#[derive(Default)]
pub struct AlarmPart {
    enabled: Option<bool>,
    broken: Option<Duration>,
    degraded: Option<Duration>,
    blind: Option<Duration>,
    by_cause: BTreeMap<Cause, Duration>,
    keep_firing_for: Option<Duration>,
    severity: SeverityPart,
}

#[derive(Default)]
struct SeverityPart {
    broken: Option<String>,
    degraded: Option<String>,
    blind: Option<String>,
}

/// Reads the section of a link or of `defaults`.
pub fn of_link(node: &Node<'_>) -> Option<AlarmPart> {
    node.section(|keys| {
        for key in ["alertmanagers", "webhooks", "heartbeat", "resolve", "collapse_at"] {
            keys.refuse(key, "is for all links; write it below `alarms` at the top");
        }
        keys.refuse("labels", "belongs to the link itself; write it one level further out");
        part(keys)
    })
}

/// Reads the section at the top.
pub fn alarms(node: &Node<'_>, base: &Base) -> Option<AlarmSettings> {
    node.section(|keys| {
        let begin = AlarmSettings::default();
        let rules = part(keys).over(&begin.rules);
        let least = keys.get("collapse_at", |node| number(node, 2..=u64::from(u32::MAX)));
        let resolve = [("immediate", Resolve::Immediate), ("expire", Resolve::Expire)];
        let alertmanagers = keys.get("alertmanagers", |node| {
            Some(each(node, |node| alertmanager(node, base), |one| &mut one.name))
        });
        let webhooks = keys.get("webhooks", |node| {
            Some(each(node, |node| webhook(node, base), |one| &mut one.name))
        });
        AlarmSettings {
            rules: Arc::new(rules),
            collapse_at: least
                .and_then(|least| usize::try_from(least).ok())
                .unwrap_or(begin.collapse_at),
            labels: keys.get("labels", |node| Some(labels(node))).unwrap_or_default(),
            resolve: keys.get("resolve", |node| one_of(node, &resolve)).unwrap_or_default(),
            alertmanagers: alertmanagers.unwrap_or_default(),
            webhooks: webhooks.unwrap_or_default(),
            heartbeat: keys.get("heartbeat", |node| heartbeat(node, base)),
        }
    })
}

fn part(keys: &mut Keys<'_>) -> AlarmPart {
    let wait = |node: &Node<'_>| duration(node, &(Duration::ZERO..=MAX_WAIT));
    let mut part = AlarmPart { enabled: keys.get("enabled", switch), ..AlarmPart::default() };
    keys.get("for", |node| {
        for (word, node) in node.named() {
            let Some(wait) = wait(&node) else { continue };
            match (word, Cause::from_code(word)) {
                ("broken", _) => part.broken = Some(wait),
                ("degraded", _) => part.degraded = Some(wait),
                ("blind", _) => part.blind = Some(wait),
                (_, Some(cause)) => {
                    part.by_cause.insert(cause, wait);
                }
                (_, None) => node.fail_at_key(unknown_wait(word)),
            }
        }
        Some(())
    });
    part.keep_firing_for = keys.get("keep_firing_for", wait);
    part.severity = keys.get("severity", severity).unwrap_or_default();
    part
}

fn unknown_wait(word: &str) -> String {
    let verdicts = ["broken", "degraded", "blind"].into_iter();
    let known: Vec<&str> = verdicts.chain(Cause::ALL.iter().map(|cause| cause.code())).collect();
    let meant = match nearest(word, known.iter().copied()) {
        Some(_) => meant(word, &known, ""),
        None => "see `promlink explain` for the causes".to_owned(),
    };
    format!("`{}` is neither broken, degraded, blind nor a cause; {meant}", clean(word))
}

fn severity(node: &Node<'_>) -> Option<SeverityPart> {
    node.section(|keys| SeverityPart {
        broken: keys.get("broken", line),
        degraded: keys.get("degraded", line),
        blind: keys.get("blind", line),
    })
}

// === receivers ===

/// The parts of a list, whose names are made different.
fn each<T>(
    node: &Node<'_>,
    read: impl Fn(&Node<'_>) -> Option<T>,
    name: impl Fn(&mut T) -> &mut String,
) -> Vec<T> {
    let parts = node.parts();
    if parts.len() > MAX_RECEIVERS {
        node.fail(format!("has more than {MAX_RECEIVERS} receivers"));
        return Vec::new();
    }
    let mut all: Vec<T> = parts.iter().filter_map(read).collect();
    let mut seen = BTreeSet::new();
    for one in &mut all {
        let name = name(one);
        let (given, mut count) = (name.clone(), 1);
        while !seen.insert(name.clone()) {
            count += 1;
            *name = format!("{given}#{count}");
        }
    }
    all
}

fn alertmanager(node: &Node<'_>, base: &Base) -> Option<Alertmanager> {
    if node.is_text() {
        return node.refuse("expected keys, not a value; write `- url: http://alertmanager:9093`");
    }
    node.section(|keys| {
        if !keys.has("url") && !keys.resembles("url") {
            keys.fail("has no url; give it `url: http://alertmanager:9093`");
        }
        let url = keys.get("url", alertmanager_url);
        let http = options(keys, base);
        let (url, http) = (url?, http?);
        Some(Alertmanager { name: url.authority(), endpoint: Endpoint { url, http } })
    })?
}

fn alertmanager_url(node: &Node<'_>) -> Option<BaseUrl> {
    let url = any_url(node, "basic_auth")?;
    for page in ["/api/v2/alerts", "/api/v2", "/api/v1/alerts", "/api/v1"] {
        if let Some(above) = url.path.strip_suffix(page) {
            let above = BaseUrl { path: above.to_owned(), ..url.clone() };
            return node
                .refuse(format!("ends in {page}, which promlink adds itself; write {above}"));
        }
    }
    Some(url)
}

fn webhook(node: &Node<'_>, base: &Base) -> Option<Webhook> {
    if node.is_text() {
        return node.refuse("expected keys, not a value; write `- url: https://host/path`");
    }
    node.section(|keys| {
        let url = hook(keys, ["url", "url_file"], base);
        let name = keys.get("name", line);
        let http = options(keys, base);
        let repeat = keys.get("repeat_interval", |node| duration(node, &REPEATS));
        let send_resolved = keys.get("send_resolved", switch);
        let url = url?;
        Some(Webhook {
            name: name.or_else(|| place(&url)).unwrap_or_else(|| "webhook".to_owned()),
            url,
            http: http?,
            repeat_interval: repeat.unwrap_or(REPEAT),
            send_resolved: send_resolved.unwrap_or(true),
        })
    })?
}

fn heartbeat(node: &Node<'_>, base: &Base) -> Option<Heartbeat> {
    node.section(|keys| {
        let url = hook(keys, ["url", "url_file"], base);
        let fail = ["fail_url", "fail_url_file"];
        let is_told = fail.iter().any(|key| keys.has(key));
        let fail_url = if is_told { hook(keys, fail, base) } else { None };
        // Known also where they are not there, so that a slip of the pen shows what was meant.
        fail.iter().for_each(|key| keys.know(key));
        let http = options(keys, base);
        let interval = keys.get("interval", |node| duration(node, &BEATS));
        let links = keys.get("links", switch);
        Some(Heartbeat {
            url: url?,
            fail_url,
            http: http?,
            interval: interval.unwrap_or(BEAT),
            links: links.unwrap_or(false),
        })
    })?
}

/// A URL that may hold a secret anywhere, and so is never shown.
fn hook(keys: &mut Keys<'_>, [key, file_key]: [&'static str; 2], base: &Base) -> Option<Secret> {
    if !keys.has(key) && !keys.has(file_key) {
        if !keys.resembles(key) && !keys.resembles(file_key) {
            keys.fail(format!("has no {key}; give it `{key}: https://host/path`, or {file_key}"));
        }
        keys.know(key);
        keys.know(file_key);
        return None;
    }
    let url = secret(keys, key, file_key, base)?;
    if let Secret::Value(text) = &url {
        let wrong = match Url::parse(text) {
            Err(_) => Some("is no URL; write https://host/path"),
            Ok(url) if !["http", "https"].contains(&url.scheme()) => {
                Some("must begin with http:// or https://")
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Some("must not hold credentials; use basic_auth")
            }
            Ok(_) => None,
        };
        if let Some(wrong) = wrong {
            keys.fail_in(key, wrong);
            return None;
        }
    }
    Some(url)
}

/// What is no secret of it, and tells it from others.
fn place(url: &Secret) -> Option<String> {
    match url {
        Secret::Value(text) => Some(Url::parse(text).ok()?.host_str()?.to_owned()),
        Secret::File(path) => Some(clean(&path.display().to_string())),
    }
}

fn options(keys: &mut Keys<'_>, base: &Base) -> Option<HttpOptions> {
    let http = http(keys, base).finish(&HttpPart::default());
    let http = http.map_err(|what| keys.fail(what)).ok()?;
    // A library's client asks the proxy for the name that it asks TLS for.
    if http.proxy.is_some() && http.tls.server_name.is_some() {
        keys.fail("has both proxy_url and tls_config.server_name; here they exclude each other");
        return None;
    }
    Some(http)
}

// === impl AlarmPart ===

impl AlarmPart {
    /// What is said here; the rest as it was said before.
    pub fn over(self, before: &AlarmRules) -> AlarmRules {
        let mut rules = before.clone();
        let set = |to: &mut Duration, wait: Option<Duration>| *to = wait.unwrap_or(*to);
        let timing = &mut rules.timing;
        set(&mut timing.broken, self.broken);
        set(&mut timing.degraded, self.degraded);
        set(&mut timing.blind, self.blind);
        set(&mut timing.keep_firing_for, self.keep_firing_for);
        timing.by_cause.extend(self.by_cause);
        let Severity { broken, degraded, blind } = rules.severity;
        rules.severity = Severity {
            broken: self.severity.broken.unwrap_or(broken),
            degraded: self.severity.degraded.unwrap_or(degraded),
            blind: self.severity.blind.unwrap_or(blind),
        };
        rules.enabled = self.enabled.unwrap_or(rules.enabled);
        rules
    }
}
