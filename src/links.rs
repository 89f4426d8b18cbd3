//! Which links there are, and what changed between two sets of them.
//!
//! A link's identity is its name. What a change means is decided here once, so that the supervisor
//! (whose tasks forget what they reached) and the board (which keeps what is published) cannot
//! disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::link::{AlarmTiming, DatasourceRef, Grafana, GrafanaName, Link, LinkName};

/// All links in force, with what they share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkSet {
    /// By name.
    pub links: BTreeMap<LinkName, Arc<Link>>,
    /// Every configured Grafana, with links or without.
    pub grafanas: BTreeMap<GrafanaName, Arc<Grafana>>,
    /// How long a verdict must hold before it is an alarm.
    pub alarms: AlarmTiming,
}

/// What became of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another endpoint or data source: what was reached and carried is forgotten.
    Redirected,
    /// Anything else about it.
    Retuned,
}

impl LinkSet {
    /// The configured links and the discovered ones. A discovered link yields to a configured one
    /// of its name or of its data source: nobody wants to be told everything twice.
    #[must_use]
    pub fn merge(
        configured: Vec<Link>,
        discovered: Vec<Link>,
        grafanas: BTreeMap<GrafanaName, Arc<Grafana>>,
        alarms: AlarmTiming,
    ) -> Self {
        let taken: BTreeSet<_> = configured.iter().filter_map(datasource_uid).collect();
        let discovered: Vec<Link> = discovered
            .into_iter()
            .filter(|link| datasource_uid(link).is_none_or(|uid| !taken.contains(&uid)))
            .collect();
        let links = discovered
            .into_iter()
            .chain(configured)
            .map(|link| (link.name.clone(), Arc::new(link)))
            .collect();
        Self { links, grafanas, alarms }
    }

    /// What it means for each link to go from this set to `newer`; untouched links are left out.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> BTreeMap<LinkName, Change> {
        let removed = self.links.keys().filter(|name| !newer.links.contains_key(*name));
        let removed = removed.map(|name| (name.clone(), Change::Removed));
        let others = newer.links.iter().filter_map(|(name, link)| {
            let change = match self.links.get(name) {
                None => Change::Added,
                Some(old) => change(old, link)?,
            };
            Some((name.clone(), change))
        });
        removed.chain(others).collect()
    }
}

fn change(old: &Link, new: &Link) -> Option<Change> {
    if old.prometheus != new.prometheus || old.grafana != new.grafana {
        Some(Change::Redirected)
    } else {
        (old != new).then_some(Change::Retuned)
    }
}

/// The data source of a link, where it is named by the one name that cannot change.
fn datasource_uid(link: &Link) -> Option<(GrafanaName, String)> {
    let side = link.grafana.as_ref()?;
    match &side.datasource {
        DatasourceRef::Uid(uid) => Some((side.name.clone(), uid.clone())),
        DatasourceRef::Name(_) | DatasourceRef::Default => None,
    }
}

#[cfg(test)]
mod tests;
