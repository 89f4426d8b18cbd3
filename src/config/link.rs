//! A link, and the `defaults` that take every key of a link.
//!
//! Both are read into the same part, once each, so that a mistake in `defaults` is reported once
//! and not for each link. Then a link's part is completed from the defaults' and from what is built
//! in.

use std::collections::BTreeMap;
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::Base;
use super::alarms::{AlarmPart, of_link};
use super::assertions::{AssertionsPart, assertions, complete, sets};
use super::http::{HttpPart, http, url};
use super::node::{Keys, Node};
use super::words::{SPAN, duration, line, meant, one_of, share, switch};
use crate::link::alarm::{AlarmRules, Labels};
use crate::link::discover::{Leave, Pattern, Template};
use crate::link::{
    BaseUrl, Cadence, DatasourceRef, Endpoint, Grafana, GrafanaName, GrafanaSide, Link, LinkName,
    Method, Origin, QueryPlan, Thresholds,
};
use crate::report::facts::clean;

/// From one cycle to the next.
pub const INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// How often a link that was found is looked at, unless an override says otherwise.
pub const FOUND_EACH: Duration = Duration::from_secs(60);

/// Labels that Prometheus setups or promlink add to a series or an alert themselves.
const RESERVED_LABELS: [&str; 14] = [
    "alertname",
    "container",
    "datasource_uid",
    "endpoint",
    "grafana",
    "instance",
    "job",
    "link",
    "pod",
    "prometheus",
    "prometheus_replica",
    "server",
    "service",
    "severity",
];

/// What one section says of a link.
#[derive(Default)]
pub struct LinkPart {
    prometheus: End<DirectPart>,
    grafana: End<GrafanaPart>,
    selector: Option<String>,
    method: Option<Method>,
    expect_series: Option<bool>,
    freshness: Option<bool>,
    agreement: Option<bool>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
    all_addresses: Option<bool>,
    tripwire: Option<bool>,
    thresholds: ThresholdsPart,
    sets: Option<AssertionsPart>,
    assertions: AssertionsPart,
    alarms: Option<AlarmPart>,
    /// What alarms are like that nothing else is said of; of `defaults` alone.
    rules: Arc<AlarmRules>,
    labels: Labels,
}

/// What one section says of an end.
#[derive(Default)]
enum End<T> {
    /// Nothing.
    #[default]
    Unsaid,
    /// That there is none.
    Off,
    /// This.
    Part(T),
}

#[derive(Default)]
struct DirectPart {
    url: Option<BaseUrl>,
    http: HttpPart,
}

#[derive(Default)]
struct GrafanaPart {
    name: Option<GrafanaName>,
    datasource: Option<DatasourceRef>,
}

#[derive(Default)]
struct ThresholdsPart {
    freshness: Option<Duration>,
    slow: Option<Duration>,
    targets_down: Option<f64>,
    clock_skew: Option<Duration>,
    dns_slow: Option<Duration>,
    tls_expiring: Option<Duration>,
    retention: Option<Duration>,
}

/// What a link needs from the rest of the configuration.
pub struct Around<'a> {
    /// The `defaults`.
    pub defaults: LinkPart,
    /// Every Grafana that was written, also with mistakes.
    pub names: Vec<&'a str>,
    /// Those without mistakes.
    pub grafanas: &'a BTreeMap<GrafanaName, Arc<Grafana>>,
    /// Where relative paths begin.
    pub base: &'a Base,
}

/// Reads `defaults`.
pub fn defaults(node: &Node<'_>, grafanas: &[&str], base: &Base) -> Option<LinkPart> {
    node.section(|keys| part(keys, grafanas, base, Cadence::default().interval))
}

/// Reads one link and completes it.
pub fn link(name: &str, node: &Node<'_>, around: &Around<'_>) -> Option<Link> {
    node.section(|keys| {
        let inherited = around.defaults.interval.unwrap_or(Cadence::default().interval);
        let own = part(keys, &around.names, around.base, inherited);
        own.complete(name, keys, around)
    })?
}

/// Reads the keys of a link, whose interval is the `inherited` one unless it has its own.
pub fn part(keys: &mut Keys<'_>, grafanas: &[&str], base: &Base, inherited: Duration) -> LinkPart {
    let interval = keys.get("interval", |node| duration(node, &INTERVAL));
    let most = interval.unwrap_or(inherited);
    LinkPart {
        prometheus: keys.get("prometheus", |node| direct(node, base)).unwrap_or_default(),
        grafana: keys.get("grafana", |node| grafana(node, grafanas)).unwrap_or_default(),
        selector: keys.get("selector", line),
        method: keys
            .get("method", |node| one_of(node, &[("GET", Method::Get), ("POST", Method::Post)])),
        expect_series: keys.get("expect_series", switch),
        freshness: keys.get("freshness", |node| check_switch(node, "thresholds: {freshness: …}")),
        agreement: keys.get("agreement", switch),
        interval,
        timeout: keys.get("timeout", |node| timeout(node, most)),
        all_addresses: keys.get("all_addresses", switch),
        tripwire: keys.get("tripwire", switch),
        thresholds: keys.get("thresholds", thresholds).unwrap_or_default(),
        sets: keys.get("assertion_sets", sets),
        assertions: keys.get("assertions", assertions).unwrap_or_default(),
        alarms: keys.get("alarms", of_link),
        rules: Arc::default(),
        labels: keys.get("labels", |node| Some(labels(node))).unwrap_or_default(),
    }
}

fn timeout(node: &Node<'_>, interval: Duration) -> Option<Duration> {
    let timeout = duration(node, &SPAN)?;
    if timeout > interval {
        let interval = humantime::format_duration(interval);
        return node.refuse(format!("is longer than the interval ({interval}); shorten it"));
    }
    Some(timeout)
}

/// A switch with the name of a threshold: a duration here was meant for that one.
fn check_switch(node: &Node<'_>, threshold: &str) -> Option<bool> {
    if node.text().is_some_and(|text| humantime::parse_duration(text).is_ok_and(|d| !d.is_zero())) {
        return node.refuse(format!("is a switch, `on` or `off`; the limit is {threshold}"));
    }
    switch(node)
}

fn direct(node: &Node<'_>, base: &Base) -> Option<End<DirectPart>> {
    if node.is_word("none") {
        return Some(End::Off);
    }
    if node.is_text() {
        return node.refuse("expected keys below this one, or `none`; write {url: …}");
    }
    let part = node.section(|keys| {
        misplaced(keys);
        DirectPart { url: keys.get("url", url), http: http(keys, base) }
    });
    part.map(End::Part)
}

/// Keys of the link that are often written one level too deep.
fn misplaced(keys: &mut Keys<'_>) {
    for key in ["interval", "timeout", "selector", "thresholds", "labels", "assertions"] {
        keys.refuse(key, "belongs to the link itself; write it one level further out");
    }
}

fn grafana(node: &Node<'_>, known: &[&str]) -> Option<End<GrafanaPart>> {
    if node.is_word("none") {
        return Some(End::Off);
    }
    if node.is_text() {
        return node
            .refuse("expected keys below this one, or `none`; write {name: …, datasource: …}");
    }
    let part = node.section(|keys| {
        misplaced(keys);
        keys.refuse("url", "belongs below `grafanas`; here is the `name` that it has there");
        GrafanaPart {
            name: keys.get("name", |node| grafana_name(node, known)),
            datasource: keys.get("datasource", datasource),
        }
    });
    part.map(End::Part)
}

fn grafana_name(node: &Node<'_>, known: &[&str]) -> Option<GrafanaName> {
    let text = node.text()?;
    if known.contains(&text) {
        return Some(GrafanaName::new(text));
    }
    let meant = meant(text, known, "there is none yet; add it to `grafanas`");
    node.refuse(format!("no Grafana has the name `{}`; {meant}", clean(text)))
}

fn datasource(node: &Node<'_>) -> Option<DatasourceRef> {
    if node.is_word("default") {
        return Some(DatasourceRef::Default);
    }
    let how = "write one of {uid: …}, {name: …} and `default`";
    if node.is_text() {
        return node.refuse(format!("cannot tell whether this is a uid or a name; {how}"));
    }
    node.section(|keys| {
        let given = ["uid", "name", "default"].iter().filter(|key| keys.has(key)).count();
        let uid = keys.get("uid", line).map(DatasourceRef::Uid);
        let name = keys.get("name", line).map(DatasourceRef::Name);
        let default = keys.get("default", |node| match switch(node)? {
            true => Some(DatasourceRef::Default),
            false => node.refuse("can only be `true`; or give the uid or name"),
        });
        if given != 1 {
            keys.fail(format!("must be given in exactly one way; {how}"));
        }
        uid.or(name).or(default)
    })?
}

fn thresholds(node: &Node<'_>) -> Option<ThresholdsPart> {
    let limit = |node: &Node<'_>| duration(node, &SPAN);
    node.section(|keys| ThresholdsPart {
        freshness: keys.get("freshness", limit),
        slow: keys.get("slow", limit),
        targets_down: keys.get("targets_down", share),
        clock_skew: keys.get("clock_skew", limit),
        dns_slow: keys.get("dns_slow", limit),
        tls_expiring: keys.get("tls_expiring", limit),
        retention: keys.get("retention", limit),
    })
}

/// Labels for alarms.
pub fn labels(node: &Node<'_>) -> Labels {
    let mut labels = Labels::new();
    for (name, node) in node.named() {
        let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !start || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            node.fail("is no label name; use letters, digits and `_`, and no digit first");
        } else if name.starts_with("__") || RESERVED_LABELS.contains(&name) {
            node.fail("is a label that Prometheus or promlink sets itself; choose another name");
        } else if let Some(value) = line(&node) {
            labels.insert(name.to_owned(), value);
        }
    }
    labels
}

// === impl End ===

impl<T: Default> End<T> {
    fn part(&self) -> Option<&T> {
        match self {
            Self::Part(part) => Some(part),
            Self::Unsaid | Self::Off => None,
        }
    }

    /// What is said here, possibly nothing; none only for an end that must not be.
    fn into_part(self) -> Option<T> {
        match self {
            Self::Part(part) => Some(part),
            Self::Unsaid => Some(T::default()),
            Self::Off => None,
        }
    }
}

// === impl LinkPart ===

impl LinkPart {
    /// These `defaults`, where alarms are like this in general.
    pub fn alarming(mut self, rules: &Arc<AlarmRules>) -> Self {
        self.rules = match self.alarms.take() {
            None => Arc::clone(rules),
            Some(part) => Arc::new(part.over(rules)),
        };
        self
    }

    fn complete(mut self, name: &str, keys: &Keys<'_>, around: &Around<'_>) -> Option<Link> {
        let defaults = &around.defaults;
        let prometheus = direct_end(mem::take(&mut self.prometheus), &defaults.prometheus, keys);
        let grafana = grafana_end(mem::take(&mut self.grafana), &defaults.grafana, keys, around);
        if matches!((&prometheus, &grafana), (Ok(None), Ok(None))) {
            keys.fail("has neither end; give it `prometheus: {url: …}`, `grafana: {…}`, or both");
            return None;
        }
        let link = self.without_ends(name, defaults, keys);
        Some(Link { prometheus: prometheus.ok()?, grafana: grafana.ok()?, ..link })
    }

    fn without_ends(self, name: &str, defaults: &Self, keys: &Keys<'_>) -> Link {
        let plan = QueryPlan::default();
        let expect_series =
            self.expect_series.or(defaults.expect_series).unwrap_or(plan.expect_series);
        // Without series there is nothing whose age or identity could be compared.
        let series = |own: Option<bool>, default: Option<bool>, built_in: bool| {
            expect_series && own.or(default).unwrap_or(built_in)
        };
        let sets = self.sets.as_ref().or(defaults.sets.as_ref());
        let none = AssertionsPart::new();
        let parts = [sets.unwrap_or(&none), &defaults.assertions, &self.assertions];
        let assertions = complete(parts, keys);
        let mut labels = defaults.labels.clone();
        labels.extend(self.labels);
        Link {
            name: LinkName::new(name),
            origin: Origin::Configured,
            query: QueryPlan {
                selector: self
                    .selector
                    .or_else(|| defaults.selector.clone())
                    .unwrap_or(plan.selector),
                method: self.method.or(defaults.method).unwrap_or(plan.method),
                expect_series,
                freshness: series(self.freshness, defaults.freshness, plan.freshness),
                agreement: series(self.agreement, defaults.agreement, plan.agreement),
            },
            assertions,
            cadence: cadence((self.interval, self.timeout), (defaults.interval, defaults.timeout)),
            thresholds: self.thresholds.finish(&defaults.thresholds),
            all_addresses: self.all_addresses.or(defaults.all_addresses).unwrap_or(false),
            tripwire: self.tripwire.or(defaults.tripwire).unwrap_or(false),
            alarms: match self.alarms {
                None => Arc::clone(&defaults.rules),
                Some(part) => Arc::new(part.over(&defaults.rules)),
            },
            labels: Arc::new(labels),
            prometheus: None,
            leave: Leave::default(),
            grafana: None,
            datasource_name: None,
        }
    }

    /// What links that are found are like. Of the HTTP keys, only those about trust follow a link
    /// to a host that was found.
    pub fn template(
        mut self,
        matches: Pattern,
        defaults: &Self,
        keys: &Keys<'_>,
    ) -> Option<Template> {
        let least = defaults.interval.unwrap_or(FOUND_EACH).max(FOUND_EACH);
        self.interval = self.interval.or(Some(least));
        let nothing = DirectPart::default();
        let inherited = defaults.prometheus.part().unwrap_or(&nothing);
        let is_off = matches!(
            (&self.prometheus, &defaults.prometheus),
            (End::Off, _) | (End::Unsaid, End::Off)
        );
        let own = mem::take(&mut self.prometheus).into_part().unwrap_or_default();
        let trust = own.http.trust(&inherited.http);
        let prometheus = match own.url {
            Some(url) => match own.http.finish(&inherited.http) {
                Ok(http) => Some(Endpoint { url, http }),
                Err(what) => {
                    keys.fail_in("prometheus", what);
                    return None;
                }
            },
            None if own.http.is_more_than_trust() => {
                keys.fail_in(
                    "prometheus",
                    "has no url; to a host that a Grafana lists, promlink sends neither \
                     credentials nor headers, and no proxy",
                );
                return None;
            }
            None => None,
        };
        Some(Template {
            matches,
            finds_direct: !is_off && prometheus.is_none(),
            trust,
            method: self.method.or(defaults.method),
            link: Link {
                origin: Origin::Discovered,
                prometheus,
                ..self.without_ends("", defaults, keys)
            },
        })
    }
}

/// An inherited time-out gives way to a shorter interval; one beside it was checked.
fn cadence(
    own: (Option<Duration>, Option<Duration>),
    default: (Option<Duration>, Option<Duration>),
) -> Cadence {
    let built_in = Cadence::default();
    let interval = own.0.or(default.0).unwrap_or(built_in.interval);
    let timeout = own.1.or(default.1).unwrap_or(built_in.timeout).min(interval);
    Cadence { interval, timeout }
}

/// A mistake of this end, already reported.
struct Wrong;

fn direct_end(
    own: End<DirectPart>,
    default: &End<DirectPart>,
    keys: &Keys<'_>,
) -> Result<Option<Endpoint>, Wrong> {
    let nothing = DirectPart::default();
    let default = default.part().unwrap_or(&nothing);
    let written = keys.has("prometheus");
    let Some(own) = own.into_part() else { return Ok(None) };
    match (own.url.or_else(|| default.url.clone()), own.http.finish(&default.http)) {
        (Some(url), Ok(http)) => Ok(Some(Endpoint { url, http })),
        (Some(_), Err(what)) => {
            keys.fail_in("prometheus", what);
            Err(Wrong)
        }
        (None, _) if written => {
            keys.require("prometheus", "url", "has no url; give it `url: http://host:port`");
            Err(Wrong)
        }
        (None, _) => Ok(None),
    }
}

fn grafana_end(
    own: End<GrafanaPart>,
    default: &End<GrafanaPart>,
    keys: &Keys<'_>,
    around: &Around<'_>,
) -> Result<Option<GrafanaSide>, Wrong> {
    let nothing = GrafanaPart::default();
    let default = default.part().unwrap_or(&nothing);
    let written = keys.has("grafana");
    let Some(own) = own.into_part() else { return Ok(None) };
    let datasource = own.datasource.or_else(|| default.datasource.clone());
    let (name, datasource) = match (own.name.or_else(|| default.name.clone()), datasource) {
        (Some(name), Some(datasource)) => (name, datasource),
        _ if !written => return Ok(None),
        (None, _) => {
            let what = "has no name; give it the `name` that the Grafana has below `grafanas`";
            keys.require("grafana", "name", what);
            return Err(Wrong);
        }
        (_, None) => {
            keys.require("grafana", "datasource", "has no datasource; give it {uid: …}");
            return Err(Wrong);
        }
    };
    // A Grafana with a mistake of its own is not there; that mistake was reported.
    let end = Arc::clone(around.grafanas.get(&name).ok_or(Wrong)?);
    Ok(Some(GrafanaSide { name, end, datasource }))
}

// === impl ThresholdsPart ===

impl ThresholdsPart {
    fn finish(&self, defaults: &Self) -> Thresholds {
        let Thresholds {
            freshness,
            slow,
            targets_down,
            clock_skew,
            dns_slow,
            tls_expiring,
            retention,
        } = Thresholds::default();
        let (own, default) = (self, defaults);
        Thresholds {
            freshness: own.freshness.or(default.freshness).unwrap_or(freshness),
            slow: own.slow.or(default.slow).unwrap_or(slow),
            targets_down: own.targets_down.or(default.targets_down).unwrap_or(targets_down),
            clock_skew: own.clock_skew.or(default.clock_skew).unwrap_or(clock_skew),
            dns_slow: own.dns_slow.or(default.dns_slow).unwrap_or(dns_slow),
            tls_expiring: own.tls_expiring.or(default.tls_expiring).unwrap_or(tls_expiring),
            retention: own.retention.or(default.retention).or(retention),
        }
    }
}
