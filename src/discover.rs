//! Reads each Grafana's list of data sources now and then, and hands on which links there are.
//!
//! One reader for all Grafanas, with a list under way for each: what the lists have told must
//! outlive a reload, and only one place may decide what a missing data source means.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::task::JoinMap;

use crate::classify::grafana_answer::Datasource;
use crate::config::Settings;
use crate::link::discover::Discover;
use crate::link::{GrafanaName, Link};
use crate::links::found::{Found, Memory};
use crate::report::cause::Cause;
use crate::report::facts::clean;
use crate::state::Event;

/// A list that failed is asked for again so soon: a Grafana that starts must not wait for minutes.
const AGAIN: Duration = Duration::from_secs(30);

/// Reads lists. It is asked for the list that `link` stands for.
pub trait Lister: Send + Sync + 'static {
    /// The data sources, or why there is no list.
    fn list(&self, link: &Link) -> impl Future<Output = Result<Vec<Datasource>, NoList>> + Send;

    /// The cluster's zone, or the likely one.
    fn zone(&self) -> String;
}

/// Why there is no list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoList {
    /// The cause; none where there was no time.
    pub cause: Option<Cause>,
    /// What was said.
    pub says: String,
}

type List = Result<Vec<Datasource>, NoList>;

/// All links that were found, sorted by Grafana and uid.
pub type AllFound = Arc<[Found]>;

/// Reads lists until stopped.
pub async fn run<L: Lister>(
    lister: Arc<L>,
    mut settings: watch::Receiver<Arc<Settings>>,
    found: watch::Sender<AllFound>,
    events: mpsc::Sender<Event>,
) {
    let mut reader =
        Reader { lister, found, events, known: BTreeMap::new(), lists: JoinMap::new() };
    let first = settings.borrow_and_update().clone();
    reader.set(&first).await;
    loop {
        tokio::select! {
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                let newer = settings.borrow_and_update().clone();
                reader.set(&newer).await;
            }
            Some((name, list)) = reader.lists.join_next() => {
                // A panic has been logged; the list counts as one that failed.
                let list = list.unwrap_or_else(|_| Err(NoList::default()));
                reader.took(&name, list).await;
            }
        }
    }
}

/// One list of each Grafana, for one look at all links; and why there is none.
pub async fn once<L: Lister>(
    lister: &L,
    discover: &BTreeMap<GrafanaName, Arc<Discover>>,
) -> Vec<(GrafanaName, Vec<Found>, Option<NoList>)> {
    let each = discover.iter().map(async |(name, discover)| {
        let (links, no) = match list(lister, discover).await {
            Ok(list) => {
                let mut memory = Memory::default();
                memory.hear(discover, list);
                (memory.links(discover, &lister.zone()), None)
            }
            Err(no) => (stand_in(discover).into_iter().collect(), Some(no)),
        };
        (name.clone(), links, no)
    });
    futures_util::future::join_all(each).await
}

struct Reader<L> {
    lister: Arc<L>,
    found: watch::Sender<AllFound>,
    events: mpsc::Sender<Event>,
    known: BTreeMap<GrafanaName, Known>,
    lists: JoinMap<GrafanaName, List>,
}

/// What is known of one Grafana.
struct Known {
    discover: Arc<Discover>,
    memory: Memory,
    /// Of the last list: its counts, so that only a change is worth a line.
    told: Option<String>,
    failed: bool,
}

/// What stands for the links that nobody knows yet: its verdict says why there is no list.
fn stand_in(discover: &Discover) -> Option<Found> {
    Some(Found { link: Arc::new(discover.list()?), is_default: false })
}

// === impl NoList ===

impl fmt::Display for NoList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Some(cause) => {
                write!(f, "{}: {}", cause.code(), cause.row().next_step)?;
                match clean(&self.says).as_str() {
                    "" => Ok(()),
                    says => write!(f, " ({says})"),
                }
            }
            None => f.write_str("there was no time for it"),
        }
    }
}

// === impl Reader ===

impl<L: Lister> Reader<L> {
    /// Takes over what is to be read. What was found stays, until a list tells otherwise.
    async fn set(&mut self, settings: &Settings) {
        let gone: Vec<_> = self
            .known
            .keys()
            .filter(|name| !settings.discover.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.known.remove(&name);
            self.lists.abort(&name);
            self.tell(&name, None).await;
        }
        for (name, discover) in &settings.discover {
            match self.known.get_mut(name) {
                Some(known) if known.discover == *discover => continue,
                Some(known) => known.discover = Arc::clone(discover),
                None => {
                    let (discover, memory) = (Arc::clone(discover), Memory::default());
                    let known = Known { discover, memory, told: None, failed: false };
                    self.known.insert(name.clone(), known);
                }
            }
            self.read(name, Duration::ZERO);
        }
        self.publish();
    }

    /// Reads the list of this Grafana after a while; one that was under way ends.
    fn read(&mut self, name: &GrafanaName, after: Duration) {
        let Some(known) = self.known.get(name) else { return };
        let (lister, discover) = (Arc::clone(&self.lister), Arc::clone(&known.discover));
        self.lists.spawn(name.clone(), async move {
            sleep(after).await;
            list(lister.as_ref(), &discover).await
        });
    }

    async fn took(&mut self, name: &GrafanaName, list: List) {
        let Some(known) = self.known.get_mut(name) else { return };
        let each = known.discover.interval;
        match list {
            Ok(list) => {
                known.hear(name, list);
                let links = known.memory.count(&known.discover);
                self.publish();
                self.tell(name, Some(links)).await;
                self.read(name, each);
            }
            Err(no) => {
                known.fail(name, &no);
                self.publish();
                self.read(name, each.min(AGAIN));
            }
        }
    }

    fn publish(&self) {
        let zone = self.lister.zone();
        let links = self.known.values().flat_map(|known| known.links(&zone));
        let now: AllFound = links.collect();
        self.found.send_if_modified(|before| {
            let changed = **before != *now;
            if changed {
                *before = now;
            }
            changed
        });
    }

    /// The keeper ends only when the daemon does.
    async fn tell(&self, grafana: &GrafanaName, links: Option<usize>) {
        self.events.send(Event::Listed { grafana: grafana.clone(), links }).await.ok();
    }
}

// === impl Known ===

impl Known {
    fn links(&self, zone: &str) -> Vec<Found> {
        if self.failed && self.told.is_none() {
            return stand_in(&self.discover).into_iter().collect();
        }
        self.memory.links(&self.discover, zone)
    }

    fn hear(&mut self, grafana: &GrafanaName, list: Vec<Datasource>) {
        let (all, heard) = (list.len(), self.memory.hear(&self.discover, list));
        for link in &heard.gone {
            tracing::info!(%link, "its data source is gone from three lists; the link is removed");
        }
        let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, why) in &heard.skipped {
            *skipped.entry(why).or_default() += 1;
            tracing::debug!(%grafana, datasource = clean(name), why, "data source skipped");
        }
        let skipped: Vec<String> =
            skipped.into_iter().map(|(why, count)| format!("{count} {why}")).collect();
        let links = self.memory.count(&self.discover);
        let skipped = skipped.join(", ");
        let told = format!("{links} links of {all} data sources; skipped: {skipped}");
        if self.told.as_ref() != Some(&told) || self.failed || heard.doubt.is_some() {
            let doubt = heard.doubt;
            tracing::info!(%grafana, links, data_sources = all, skipped, doubt, "list read");
        }
        (self.told, self.failed) = (Some(told), false);
    }

    /// WARN when it begins to fail; the links' own verdicts tell the rest.
    fn fail(&mut self, grafana: &GrafanaName, no: &NoList) {
        if !self.failed {
            let NoList { cause, says } = no;
            let next_step = cause.map(|cause| cause.row().next_step);
            let cause = cause.map(Cause::code);
            tracing::warn!(%grafana, cause, says, next_step, "no list of data sources");
        }
        self.failed = true;
    }
}

async fn list<L: Lister>(lister: &L, discover: &Discover) -> List {
    match discover.list() {
        Some(link) => lister.list(&link).await,
        None => Err(NoList::default()),
    }
}

#[cfg(test)]
mod tests;
