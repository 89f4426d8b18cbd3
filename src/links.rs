//! Which links there are, and what changed between two sets of them.
//!
//! A link's identity is its name. What a change means is decided here once, so that the supervisor
//! (whose tasks forget what they reached) and the board (which keeps what is published) cannot
//! disagree.

pub mod found;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::link::{DatasourceRef, Grafana, GrafanaName, Link, LinkName};
use crate::links::found::Found;

/// All links in force, with what they share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkSet {
    /// By name.
    pub links: BTreeMap<LinkName, Arc<Link>>,
    /// Every configured Grafana, with links or without.
    pub grafanas: BTreeMap<GrafanaName, Arc<Grafana>>,
    /// From this many links on, one server or Grafana raises one alarm for all of them.
    pub collapse_at: usize,
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
    /// The configured links and those that were found. A found one yields to a configured one of
    /// its name or of its data source: nobody wants to be told everything twice.
    #[must_use]
    pub fn merge(
        configured: Vec<Link>,
        found: &[Found],
        grafanas: BTreeMap<GrafanaName, Arc<Grafana>>,
        collapse_at: usize,
    ) -> Self {
        let sides = configured.iter().filter_map(|link| link.grafana.as_ref());
        let taken: BTreeSet<_> = sides.map(|side| (&side.name, what(&side.datasource))).collect();
        let is_free = |found: &&Found| {
            let Some(side) = &found.link.grafana else { return true };
            let name = found.link.datasource_name.as_deref().map(What::Name);
            let default = found.is_default.then_some(What::Default);
            let mut refs = [Some(what(&side.datasource)), name, default].into_iter().flatten();
            !refs.any(|one| taken.contains(&(&side.name, one)))
        };
        let free: Vec<_> =
            found.iter().filter(is_free).map(|found| Arc::clone(&found.link)).collect();
        let all = free.into_iter().chain(configured.into_iter().map(Arc::new));
        Self { links: all.map(|link| (link.name.clone(), link)).collect(), grafanas, collapse_at }
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
    if (&old.prometheus, old.leave) != (&new.prometheus, new.leave) || old.grafana != new.grafana {
        Some(Change::Redirected)
    } else {
        (old != new).then_some(Change::Retuned)
    }
}

/// How a data source is meant, in an order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What<'a> {
    Uid(&'a str),
    Name(&'a str),
    Default,
}

fn what(datasource: &DatasourceRef) -> What<'_> {
    match datasource {
        DatasourceRef::Uid(uid) => What::Uid(uid),
        DatasourceRef::Name(name) => What::Name(name),
        DatasourceRef::Default => What::Default,
    }
}

#[cfg(test)]
mod tests;
