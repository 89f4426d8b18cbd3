//! Which links there are, and what changed between two sets of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::link::{AlarmTiming, Grafana, GrafanaName, Link, LinkName};

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
    /// It has another endpoint or data source: what was reached is forgotten.
    Redirected,
    /// Anything else about it.
    Retuned,
}

impl LinkSet {
    /// The configured links and the discovered ones; the configured ones win.
    #[must_use]
    pub fn merge(
        configured: Vec<Link>,
        discovered: Vec<Link>,
        grafanas: BTreeMap<GrafanaName, Arc<Grafana>>,
        alarms: AlarmTiming,
    ) -> Self {
        todo!()
    }

    /// What a change from this set to `newer` means, for each link that it touches.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> BTreeMap<LinkName, Change> {
        todo!()
    }
}
