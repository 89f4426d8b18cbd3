//! From the alarms that stand to alerts, as every receiver is told them: one truth for all.
//!
//! An alert is known by its labels, so nothing in them may change while it stands: no cause, no
//! number. The names are those of the rules in `alerts/`, which carry the same decision where
//! nothing is pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::diagnosis::{about, cut};
use crate::link::alarm::{AlarmRules, Labels};
use crate::report::facts::clean;
use crate::report::finding::Fault;
use crate::report::verdict::Verdict;
use crate::state::snapshot::{Alarm, EndAlarm, LinkInfo, LinkView, Snapshot};

#[cfg(test)]
mod tests;

/// A summary fits a phone.
const MAX_SUMMARY_CHARS: usize = 140;

/// One alert that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// What it is known by.
    pub labels: Labels,
    /// What is said of it.
    pub annotations: BTreeMap<&'static str, String>,
    /// Since when it stands.
    pub since: Now,
    /// How long it had to hold before.
    pub wait: Duration,
    /// How long it may have to hold after a restart, which may find another cause.
    pub longest: Duration,
}

/// What every alert has, whatever it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// Configured labels, and the namespace where it is known.
    pub labels: Labels,
    /// How people reach promlink, without a trailing slash.
    pub external_url: Option<String>,
    /// What alarms of ends are like.
    pub rules: Arc<AlarmRules>,
}

/// All that stand, sorted by their labels.
#[must_use]
pub fn standing(snapshot: &Snapshot, common: &Common) -> Vec<Alert> {
    let mut all = Vec::new();
    for link in snapshot.links.iter() {
        for kind in KINDS {
            if let Some(alarm) = kind.alarm(link) {
                all.push(common.of_link(link, kind, alarm));
            }
        }
    }
    for grafana in snapshot.grafanas.iter() {
        let name = grafana.name.as_str();
        for down in &grafana.alarms_down {
            let labels = common.grafana_down(name, &down.labels);
            let what = format!("Grafana {name} is down, {} with it", links(down.links));
            all.push(common.of_end(labels, down, &what));
        }
        if let Some(blind) = &grafana.alarm_blind {
            let what = format!("promlink is blind for {} of Grafana {name}", links(blind.links));
            all.push(common.of_end(common.grafana_blind(name), blind, &what));
        }
    }
    for server in snapshot.servers.iter() {
        for down in &server.alarms {
            let labels = common.server_down(&server.server, &down.labels);
            let many = links(down.links);
            let what = format!("Prometheus at {} is down, {many} with it", server.server);
            all.push(common.of_end(labels, down, &what));
        }
    }
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    // A label that links share may hide what told two of them apart.
    all.dedup_by(|a, b| a.labels == b.labels);
    all
}

/// What surely does not stand: the link was found working, the end has answered. Who was told of it
/// before a restart may be told that it is over.
#[must_use]
pub fn over(snapshot: &Snapshot, common: &Common) -> Vec<Labels> {
    let mut over = Vec::new();
    let mut of_servers: BTreeMap<&str, BTreeSet<&Labels>> = BTreeMap::new();
    let mut of_grafanas: BTreeMap<&str, (bool, BTreeSet<&Labels>)> = BTreeMap::new();
    for link in snapshot.links.iter() {
        let verdict = link.published.verdict;
        let panels = matches!(verdict, Verdict::Working | Verdict::Degraded);
        for kind in KINDS {
            if panels && verdict != kind.verdict() && kind.alarm(link).is_none() {
                let uid = link.info.datasource_uid.as_deref();
                over.push(common.link_labels(link, kind, uid));
            }
        }
        let labels = link.info.labels.as_ref();
        if let Some(server) = &link.info.server {
            of_servers.entry(server).or_default().insert(labels);
        }
        if let Some(grafana) = &link.info.grafana {
            let (told, all) =
                of_grafanas.entry(grafana.as_str()).or_insert((true, BTreeSet::new()));
            *told &= !matches!(verdict, Verdict::Blind | Verdict::Unknown);
            all.insert(labels);
        }
    }
    for server in snapshot.servers.iter().filter(|one| one.up == Some(true)) {
        let down = |labels: &&Labels| common.server_down(&server.server, labels);
        if server.alarms.is_empty() {
            over.extend(of_servers.get(server.server.as_str()).into_iter().flatten().map(down));
        }
    }
    for grafana in snapshot.grafanas.iter() {
        let name = grafana.name.as_str();
        let Some((told, labels)) = of_grafanas.get(name) else { continue };
        if grafana.up == Some(true) && grafana.alarms_down.is_empty() {
            over.extend(labels.iter().map(|labels| common.grafana_down(name, labels)));
        }
        if *told && grafana.alarm_blind.is_none() {
            over.push(common.grafana_blind(name));
        }
    }
    over
}

/// An alarm that a link raises itself.
#[derive(Clone, Copy)]
enum Kind {
    Broken,
    Degraded,
}

const KINDS: [Kind; 2] = [Kind::Broken, Kind::Degraded];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Broken => "PromlinkLinkBroken",
            Self::Degraded => "PromlinkLinkDegraded",
        }
    }

    fn verdict(self) -> Verdict {
        match self {
            Self::Broken => Verdict::Broken,
            Self::Degraded => Verdict::Degraded,
        }
    }

    fn alarm(self, link: &LinkView) -> Option<&Arc<Alarm>> {
        match self {
            Self::Broken => link.alarm.broken.as_ref(),
            Self::Degraded => link.alarm.degraded.as_ref(),
        }
    }

    fn severity(self, rules: &AlarmRules) -> &str {
        match self {
            Self::Broken => &rules.severity.broken,
            Self::Degraded => &rules.severity.degraded,
        }
    }
}

fn links(count: usize) -> String {
    if count == 1 { "1 link".to_owned() } else { format!("{count} links") }
}

// === impl Common ===

impl Common {
    fn named(&self, name: &str, severity: &str, of_links: &Labels) -> Labels {
        let mut labels = self.labels.clone();
        labels.extend(of_links.iter().map(|(name, value)| (name.clone(), value.clone())));
        labels.insert("alertname".to_owned(), name.to_owned());
        labels.insert("severity".to_owned(), severity.to_owned());
        labels
    }

    fn link_labels(&self, link: &LinkView, kind: Kind, datasource_uid: Option<&str>) -> Labels {
        let LinkInfo { labels, grafana, server, alarms, .. } = &link.info;
        let mut named = self.named(kind.name(), kind.severity(alarms), labels);
        let parts = [
            ("grafana", grafana.as_ref().map(|grafana| grafana.as_str())),
            ("datasource_uid", datasource_uid),
            ("server", server.as_deref()),
            ("link", Some(link.name.as_str())),
        ];
        for (name, value) in parts {
            named.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        }
        named
    }

    fn grafana_down(&self, grafana: &str, of_links: &Labels) -> Labels {
        let mut labels = self.named("PromlinkGrafanaDown", &self.rules.severity.broken, of_links);
        labels.insert("grafana".to_owned(), grafana.to_owned());
        labels
    }

    fn grafana_blind(&self, grafana: &str) -> Labels {
        let severity = &self.rules.severity.blind;
        let mut labels = self.named("PromlinkGrafanaBlind", severity, &Labels::new());
        labels.insert("grafana".to_owned(), grafana.to_owned());
        labels
    }

    fn server_down(&self, server: &str, of_links: &Labels) -> Labels {
        let mut labels = self.named("PromlinkServerDown", &self.rules.severity.broken, of_links);
        labels.insert("server".to_owned(), server.to_owned());
        labels
    }

    fn of_link(&self, link: &LinkView, kind: Kind, alarm: &Alarm) -> Alert {
        let name = link.info.known_as(&link.name).unwrap_or(link.name.as_str());
        let labels = self.link_labels(link, kind, alarm.datasource_uid.as_deref());
        let summary = about(Some(name), &alarm.summary);
        let longest = link.info.alarms.timing.longest();
        self.alert(labels, alarm, longest, &summary, &format!("Link {}: ", link.name))
    }

    fn of_end(&self, labels: Labels, end: &EndAlarm, what: &str) -> Alert {
        let summary = format!("{what}: {}", end.alarm.summary);
        let longest = self.rules.timing.longest();
        self.alert(labels, &end.alarm, longest, &summary, &format!("{what}. "))
    }

    /// What one annotation says, no other repeats: receivers show several of them.
    fn alert(
        &self,
        labels: Labels,
        alarm: &Alarm,
        longest: Duration,
        summary: &str,
        begin: &str,
    ) -> Alert {
        let whole = clean(summary);
        let short = cut(&whole, MAX_SUMMARY_CHARS);
        let is_cut = short != whole;
        let mut annotations =
            BTreeMap::from([("summary", short), ("next_step", alarm.next_step.clone())]);
        let mut description = begin.to_owned();
        if is_cut || alarm.fault.is_none() {
            description += &alarm.summary;
        }
        let page = |path: &str| self.external_url.as_ref().map(|base| format!("{base}{path}"));
        if let Some(Fault { cause, path, check, side }) = alarm.fault {
            let (code, who) = (cause.code(), side.who());
            let place = [path.map(|path| path.as_str()), check.map(|check| check.as_str())];
            let place: Vec<&str> = place.into_iter().flatten().collect();
            let at = if place.is_empty() { "" } else { " at " };
            let place = place.join("/");
            let space = if is_cut { " " } else { "" };
            description += &format!(
                "{space}{code}{at}{place}; to act: {who}; `promlink explain {code}` says more"
            );
            annotations.insert("cause", code.to_owned());
            annotations.insert("side", side.as_str().to_owned());
            annotations.extend(page(&format!("/runbooks/{code}")).map(|url| ("runbook_url", url)));
        }
        annotations.insert("description", description);
        annotations.extend(page("/").map(|url| ("dashboard_url", url)));
        Alert { labels, annotations, since: alarm.since, wait: alarm.wait, longest }
    }
}
