//! The composition root: settings → parts → tasks, in the order in which they start and stop.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use crate::carried::Carried;
use crate::clock;
use crate::config::{Settings, Sources};
use crate::diagnosis::diagnose;
use crate::discover::{self, AllFound};
use crate::expose::metrics::process::Process;
use crate::expose::table::FailOn;
use crate::expose::{Shown, json, table};
use crate::keeper;
use crate::link::{Auth, GrafanaName, Link};
use crate::links::LinkSet;
use crate::links::found::Found;
use crate::net::dns::{DnsSettings, Resolver};
use crate::notify;
use crate::probe::{Made, Probe};
use crate::push;
pub use crate::push::Tried;
use crate::reload::{Handle, Reload, Reloader};
use crate::report::Trigger;
use crate::report::verdict::Verdict;
use crate::selfstats::SelfStats;
use crate::serve::{self, Front};
use crate::state::snapshot::{LatestCycle, LinkInfo, Snapshot};
use crate::state::{Board, Event};
use crate::supervisor::{self, Cycle, Prober};
use crate::wellknown::{self, Around};

/// Events on their way to the keeper: it takes in 256 at a time, so four such batches.
const EVENTS: usize = 1024;
/// Asks on their way to the supervisor.
const ASKS: usize = 16;
/// Links that `check` walks at a time.
const CHECKS: usize = 64;
/// Between two rounds of `check --wait`, unless a late answer comes first.
const ROUND: Duration = Duration::from_secs(1);

/// How `check` is asked for.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// How the result is written.
    pub output: Output,
    /// Repeat until nothing fails or this is over.
    pub wait: Option<Duration>,
    /// From which verdict on a link fails.
    pub fail_on: FailOn,
    /// Only links of these names; all, when empty.
    pub only: Vec<String>,
}

impl CheckOptions {
    /// One look, of which everything but working fails.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self { output, wait: None, fail_on: FailOn::default(), only: Vec::new() }
    }

    fn wants(&self, link: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == link)
    }
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Table {
        /// With colours.
        colour: bool,
    },
    /// For machines.
    Json,
}

/// What `check` found.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// The whole output.
    pub text: String,
    /// What else is to be said: lists of data sources that could not be read, links that nobody
    /// found.
    pub notes: Vec<String>,
    /// The verdict of each link, and of each note.
    pub verdicts: Vec<Verdict>,
}

/// Runs the daemon until `shutdown` is cancelled.
///
/// # Errors
/// What cannot be started, or which part died, as a sentence.
pub async fn serve(
    settings: Settings,
    sources: Sources,
    shutdown: CancellationToken,
) -> Result<(), String> {
    let address = settings.web.listen;
    // A cycle holds some descriptors, and thousands of links have hundreds of cycles at a time.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files; many links may need it");
    }
    let daemon = Daemon::assemble(settings, sources)?;
    let cannot =
        |error| format!("cannot listen on {address}: {error}; choose another --web.listen-address");
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    // Port 0 is any: the one that was given.
    let address = listener.local_addr().map_err(cannot)?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "promlink serves");
    notify::ready();
    daemon.run(listener, shutdown).await
}

/// What DNS knows of the usual names, asked as these settings say.
///
/// # Errors
/// There is no way to ask, as a sentence.
pub(crate) async fn look_around(settings: &Settings) -> Result<Around, String> {
    let resolver = resolver(settings, &Arc::new(SelfStats::default()))?;
    wellknown::look(&resolver).await
}

/// The daemon's parts, assembled and not yet running.
#[derive(Debug)]
pub struct Daemon {
    probe: Arc<Probe>,
    stats: Arc<SelfStats>,
    base: String,
    board: Board,
    links: (watch::Sender<Arc<LinkSet>>, watch::Receiver<Arc<LinkSet>>),
    snapshots: (watch::Sender<Arc<Snapshot>>, watch::Receiver<Arc<Snapshot>>),
    settings: watch::Receiver<Arc<Settings>>,
    found: (watch::Sender<AllFound>, watch::Receiver<AllFound>),
    events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    reloader: Reloader<Event>,
    reload: Handle,
}

impl Daemon {
    /// Makes all parts, so that whatever cannot work is said before a port is bound.
    ///
    /// # Errors
    /// What cannot be started, as a sentence.
    pub fn assemble(settings: Settings, sources: Sources) -> Result<Self, String> {
        let stats = Arc::new(SelfStats::default());
        let host = host_name();
        let probe = Probe::new(resolver(&settings, &stats)?, Arc::clone(&stats), &host);
        let probe = Arc::new(probe);
        let base = settings.web.external_url.clone().unwrap_or_default();
        let found = watch::channel(AllFound::default());
        let first = Arc::new(link_set(&settings, &[]));
        let mut board = Board::new(clock::now());
        board.set(&first, clock::now());
        let snapshots = watch::channel(Arc::new(board.snapshot(clock::now())));
        let events = mpsc::channel(EVENTS);
        let (settings_sender, settings) = watch::channel(Arc::new(settings));
        let (reloader, reload) = Reloader::new(sources, settings_sender, events.0.clone())
            .map_err(|error| format!("cannot handle SIGHUP: {error}"))?;
        let links = watch::channel(first);
        Ok(Self {
            probe,
            stats,
            base,
            board,
            links,
            snapshots,
            settings,
            found,
            events,
            reloader,
            reload,
        })
    }

    /// What it publishes.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.1.clone()
    }

    /// Runs all parts until `shutdown` is cancelled.
    ///
    /// # Errors
    /// Which part died, as a sentence.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), String> {
        let (asks_sender, asks) = mpsc::channel(ASKS);
        let front = Front {
            snapshots: self.snapshots.1.clone(),
            stats: Arc::clone(&self.stats),
            process: Process::new(),
            asks: asks_sender,
            reload: self.reload,
            base: self.base,
            stopping: shutdown.clone(),
        };
        // It says nothing at the end: what was sent outlives a restart.
        let told = push::run(
            Arc::clone(&self.probe),
            Arc::clone(&self.stats),
            self.settings.clone(),
            self.snapshots.1.clone(),
        );
        let lists = discover::run(
            Arc::clone(&self.probe),
            self.settings.clone(),
            self.found.0,
            self.events.0.clone(),
        );
        let shared = supervisor::Shared {
            prober: Arc::clone(&self.probe),
            events: self.events.0,
            snapshots: self.snapshots.1,
            stats: Arc::clone(&self.stats),
            host: host_name(),
        };
        // Upstream first: when links and reloads have ended, no event can come any more, and the
        // keeper ends; what it published last is still served while connections drain.
        let mut upstream = JoinSet::new();
        let links = self.links.1;
        upstream.spawn(supervisor::run(shared, links.clone(), asks, shutdown.clone()));
        upstream.spawn(self.reloader.run(shutdown.clone()));
        upstream.spawn(shutdown.clone().run_until_cancelled_owned(lists).map(|_| ()));
        upstream.spawn(shutdown.clone().run_until_cancelled_owned(told).map(|_| ()));
        let changes = follow(self.settings, self.found.1, self.links.0, self.probe, self.stats);
        upstream.spawn(shutdown.clone().run_until_cancelled_owned(changes).map(|_| ()));
        let mut keeping = JoinSet::new();
        keeping.spawn(keeper::run(self.board, self.events.1, links, self.snapshots.0));
        let served = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve::run(listener, Arc::new(front), served.clone()));

        let death = first_death(&mut upstream, &mut keeping, &mut serving);
        until_stopped(&shutdown, death).await?;
        while upstream.join_next().await.is_some() {}
        while keeping.join_next().await.is_some() {}
        served.cancel();
        while serving.join_next().await.is_some() {}
        Ok(())
    }
}

/// Waits for the wish to end. A part that ends before it has died; one that ends because of it has
/// not, even where that is noticed first: the wish may come between the two looks.
async fn until_stopped(
    shutdown: &CancellationToken,
    death: impl Future<Output = String>,
) -> Result<(), String> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(()),
        died = death => if shutdown.is_cancelled() { Ok(()) } else { Err(died) },
    }
}

/// Which part ended although nobody asked it to.
async fn first_death(
    upstream: &mut JoinSet<()>,
    keeping: &mut JoinSet<()>,
    serving: &mut JoinSet<()>,
) -> String {
    let part = tokio::select! {
        _ = upstream.join_next() => "the supervisor or the reloader",
        _ = keeping.join_next() => "the keeper of the state",
        _ = serving.join_next() => "the server",
    };
    format!("{part} died; its panic is in the log above, please report it")
}

/// Puts changed settings in force, and links that were found.
async fn follow(
    mut changes: watch::Receiver<Arc<Settings>>,
    mut found: watch::Receiver<AllFound>,
    links: watch::Sender<Arc<LinkSet>>,
    probe: Arc<Probe>,
    stats: Arc<SelfStats>,
) {
    let mut old = changes.borrow_and_update().clone();
    loop {
        let changed = tokio::select! {
            changed = changes.changed() => changed,
            changed = found.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let new = changes.borrow_and_update().clone();
        if new.dns != old.dns {
            match resolver(&new, &stats) {
                Ok(resolver) => probe.resolve_with(resolver),
                Err(error) => tracing::warn!(error, "the old resolver stays"),
            }
        }
        links.send_replace(Arc::new(link_set(&new, &found.borrow_and_update())));
        old = new;
    }
}

/// Runs one cycle of every link, or more of them until nothing fails.
///
/// # Errors
/// What cannot be started, as a sentence.
pub async fn check(settings: Settings, options: CheckOptions) -> Result<CheckResult, String> {
    let stats = Arc::new(SelfStats::default());
    let probe = Probe::new(resolver(&settings, &stats)?, stats, &host_name());
    let until = clock::deadline(options.wait.unwrap_or_default());
    let base = settings.web.external_url.clone();
    let mut notes = Vec::new();
    let mut found = Vec::new();
    for (grafana, links, no) in discover::once(&probe, &settings.discover).await {
        found.extend(links);
        notes.extend(no.map(|no| format!("grafanas.{grafana}: no list of data sources: {no}")));
    }
    let mut set = link_set(&settings, &found);
    let is_there = |name: &&String| set.links.keys().any(|link| link.as_str() == name.as_str());
    if notes.is_empty() {
        let missing = options.only.iter().filter(|name| !is_there(name));
        notes.extend(missing.map(|name| format!("--link {name}: no data source became this link")));
        if set.links.is_empty() {
            notes.push(
                "no data source became a link; look at `types`, `include` and `exclude`".to_owned(),
            );
        }
    }
    set.links.retain(|name, _| options.wants(name.as_str()));
    let links: Vec<Arc<Link>> = set.links.into_values().collect();
    let cycles: Vec<LatestCycle> = stream::iter(links.iter().cloned())
        .map(|link| check_one(&probe, link, until, options.fail_on))
        .buffered(CHECKS)
        .collect()
        .await;
    let infos: Vec<LinkInfo> = links
        .iter()
        .zip(&cycles)
        .map(|(link, cycle)| {
            let mut info = LinkInfo::of(link);
            info.learn(&cycle.report);
            info
        })
        .collect();
    let shown: Vec<Shown<'_>> =
        infos.iter().zip(&cycles).map(|(info, cycle)| Shown::raw(info, cycle)).collect();
    let text = match options.output {
        Output::Table { colour } => table::render(&shown, colour),
        Output::Json => String::from_utf8_lossy(&json::check(&shown, base.as_deref())).into_owned(),
    };
    let verdicts = cycles.iter().map(|cycle| cycle.diagnosis.verdict);
    // What could not be listed or found is what nobody can tell of.
    let verdicts = verdicts.chain(notes.iter().map(|_| Verdict::Blind)).collect();
    Ok(CheckResult { text, notes, verdicts })
}

/// Makes a token for promlink in the Grafana of a link, with the login that the configuration has.
///
/// # Errors
/// Why there is none, as a sentence.
pub async fn grafana_token(
    settings: Settings,
    grafana: &GrafanaName,
    life: Option<Duration>,
) -> Result<Made, String> {
    let stats = Arc::new(SelfStats::default());
    let probe = Probe::new(resolver(&settings, &stats)?, stats, &host_name());
    let is_its = |link: &&Link| link.grafana.as_ref().is_some_and(|side| side.name == *grafana);
    let listed = || settings.discover.get(grafana)?.list();
    let link = settings.links.iter().find(is_its).cloned().or_else(listed);
    let link = link.ok_or_else(|| format!("no link goes through the Grafana {grafana}"))?;
    let end = link.grafana.as_ref().map(|side| &side.end);
    let login = end.and_then(|end| end.bootstrap.clone().or(end.endpoint.http.auth.clone()));
    match login {
        Some(login @ Auth::Basic { .. }) => probe.make_token(&link, &login, life).await,
        Some(Auth::Scheme { .. }) | None => Err("no login is given that may make a token: \
             --grafana.user with --grafana.password-file, or `bootstrap` in the file"
            .to_owned()),
    }
}

/// One alert through every configured way, and what each answered.
///
/// # Errors
/// What cannot be started, as a sentence.
pub async fn alarm_test(settings: &Settings) -> Result<Vec<Tried>, String> {
    let stats = Arc::new(SelfStats::default());
    let probe = Probe::new(resolver(settings, &stats)?, stats, &host_name());
    Ok(push::try_all(&probe, settings).await)
}

/// Cycles of one link until one does not fail or the time is over. What a cycle reached does not
/// count in the next one: each is judged as the first.
async fn check_one(
    probe: &Probe,
    link: Arc<Link>,
    until: tokio::time::Instant,
    fail_on: FailOn,
) -> LatestCycle {
    let mut carried = Carried::default();
    loop {
        let cycle = probe.cycle(Arc::clone(&link), Trigger::Request, carried).await;
        let Cycle { report, carried: kept } = cycle;
        let diagnosis = diagnose(&report);
        let latest = LatestCycle { report, diagnosis };
        let fails = table::exit_code(latest.diagnosis.verdict, fail_on) != 0;
        if !fails || clock::left(until).is_zero() {
            return latest;
        }
        carried = kept;
        let pause = until.min(clock::deadline(ROUND));
        if let Ok(said) = timeout_at(pause, carried.grafana.next_said()).await {
            carried.grafana.take_in(said);
        }
    }
}

fn link_set(settings: &Settings, found: &[Found]) -> LinkSet {
    LinkSet::merge(
        settings.links.clone(),
        found,
        settings.grafanas.clone(),
        settings.alarms.collapse_at,
    )
}

/// The system's resolver settings, overridden by ours.
fn resolver(settings: &Settings, stats: &Arc<SelfStats>) -> Result<Resolver, String> {
    let mut dns = DnsSettings::system()?;
    let ours = &settings.dns;
    if !ours.servers.is_empty() {
        dns.servers.clone_from(&ours.servers);
    }
    if let Some(search) = &ours.search {
        dns.search.clone_from(search);
    }
    if let Some(ndots) = ours.ndots {
        dns.ndots = ndots;
    }
    Ok(Resolver::new(dns, Arc::clone(stats)))
}

/// What tells replicas apart: the pod's name.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

impl From<Reload> for Event {
    fn from(reload: Reload) -> Self {
        Self::Reloaded { ok: matches!(reload, Reload::Done(_)) }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn who_ends_because_it_was_asked_has_not_died() {
        let shutdown = CancellationToken::new();
        let died = || ready("it died".to_owned());
        assert_eq!(until_stopped(&shutdown, died()).await, Err("it died".to_owned()));
        shutdown.cancel();
        for _ in 0..100 {
            assert_eq!(until_stopped(&shutdown, died()).await, Ok(()));
        }
    }
}
