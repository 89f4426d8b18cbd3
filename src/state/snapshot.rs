//! What every face sees: the state of all links at one moment, immutable and cheap to share.
//!
//! A face is a pure function of a [`Snapshot`] and of the moment at which it renders. Counters of
//! seconds go on between snapshots, so they are stored with the moment up to which they were
//! counted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::Now;
use crate::diagnosis::{Diagnosis, Placed};
use crate::link::alarm::{AlarmRules, Labels};
use crate::link::assertion::Assertion;
use crate::link::{Auth, BaseUrl, DatasourceRef, Endpoint, GrafanaName, Link, LinkName, Method};
use crate::report::check::{Check, Path};
use crate::report::facts::clean;
use crate::report::finding::Fault;
use crate::report::verdict::Verdict;
use crate::report::{Report, Standing, Trigger};

/// The state of everything at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Now,
    /// All links, sorted by name.
    pub links: Arc<[Arc<LinkView>]>,
    /// All Grafanas, sorted by name.
    pub grafanas: Arc<[GrafanaView]>,
    /// All distinct Prometheus addresses, sorted.
    pub servers: Arc<[ServerView]>,
    /// Whether the configuration in force is the one in the file.
    pub config: ConfigView,
}

/// One link.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// Its identity.
    pub name: LinkName,
    /// What never changes without a reload.
    pub info: LinkInfo,
    /// The published state.
    pub published: PublishedView,
    /// The alarms of this link that stand, after collapsing.
    pub alarm: AlarmView,
    /// The latest cycle; none before the first.
    pub latest: Option<Arc<LatestCycle>>,
    /// Counters.
    pub tally: Tally,
    /// Past cycles, oldest first; failures outlive successes.
    pub history: Arc<[HistoryEntry]>,
}

/// The latest cycle and what was made of it.
#[derive(Clone, Debug)]
pub struct LatestCycle {
    /// Facts.
    pub report: Report,
    /// Judgement.
    pub diagnosis: Diagnosis,
}

/// What a link is, as labels and columns show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkInfo {
    /// The direct URL, without credentials.
    pub prometheus_url: Option<String>,
    /// The Grafana of its other path.
    pub grafana: Option<GrafanaName>,
    /// The data source's uid, configured or found.
    pub datasource_uid: Option<String>,
    /// The data source's display name, once it was read.
    pub datasource_name: Option<String>,
    /// `host:port` of the direct URL.
    pub server: Option<String>,
    /// What its alarms are like.
    pub alarms: Arc<AlarmRules>,
    /// The labels of its alarms.
    pub labels: Arc<Labels>,
    /// From one cycle to the next.
    pub interval: Duration,
    /// What is asked of Prometheus.
    pub selector: String,
    /// What is asserted about its data.
    pub assertions: Arc<[Assertion]>,
    /// By GET, and else by POST.
    pub by_get: bool,
    /// How Prometheus is reached.
    pub direct_end: Option<Box<End>>,
    /// How Grafana is reached.
    pub grafana_end: Option<Box<End>>,
}

/// How one end is reached. It holds no secret, so nothing that is made of it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Where it is.
    pub url: BaseUrl,
    /// How promlink signs in.
    pub sign_in: Option<SignIn>,
    /// Names of further headers, whose values may be secret.
    pub headers: Vec<String>,
    /// What its certificate is verified with.
    pub ca_file: Option<PathBuf>,
    /// The client certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// The name to ask for, instead of the URL's host.
    pub server_name: Option<String>,
    /// The certificate is not verified.
    pub insecure_skip_verify: bool,
    /// The proxy on the way, and who signs in there.
    pub proxy: Option<(BaseUrl, Option<String>)>,
}

/// How promlink signs in, without the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// As this user, with a password.
    User(String),
    /// By this scheme, with a token.
    Scheme(String),
}

/// The published state of a link.
#[derive(Clone, Debug)]
pub struct PublishedView {
    /// What is said of it.
    pub verdict: Verdict,
    /// Why; none while working or unknown.
    pub fault: Option<Fault>,
    /// What else was found.
    pub findings: Vec<Placed>,
    /// One sentence.
    pub summary: String,
    /// One sentence; empty while working.
    pub next_step: String,
    /// When the verdict became this one.
    pub since: Now,
    /// Broken stays broken while we are blind; since when we are.
    pub cannot_check_since: Option<Now>,
}

/// The alarms of a link that stand, after collapsing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlarmView {
    /// `PromlinkLinkBroken`.
    pub broken: Option<Arc<Alarm>>,
    /// `PromlinkLinkDegraded`.
    pub degraded: Option<Arc<Alarm>>,
}

/// An alarm that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Since when it stands.
    pub since: Now,
    /// How long it had to hold before.
    pub wait: Duration,
    /// Why, as it was published last.
    pub fault: Option<Fault>,
    /// What happened, in one sentence.
    pub summary: String,
    /// What to do first.
    pub next_step: String,
    /// The data source's uid, as far as it was known at the beginning: an alarm keeps its name.
    pub datasource_uid: Option<String>,
}

/// An alarm that one end raises in place of its links.
#[derive(Clone, Debug, PartialEq)]
pub struct EndAlarm {
    /// What the links have for labels: each set of them has an alarm of its own.
    pub labels: Arc<Labels>,
    /// The alarm of one of them.
    pub alarm: Arc<Alarm>,
    /// How many it stands for.
    pub links: usize,
}

/// Counters of a link since this process knows it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Seconds by verdict, in the order of [`Verdict::ALL`], counted up to `counted_until`.
    pub verdict_seconds: [f64; Verdict::ALL.len()],
    /// The moment up to which seconds were counted; the rest belongs to the published verdict.
    pub counted_until: Duration,
    /// Times that the link became broken, by the side of that fault, in the order of `Side::ALL`.
    pub outages: [u64; 8],
    /// Cycles that ended.
    pub cycles: u64,
    /// Ticks that found the previous cycle still running.
    pub missed: u64,
    /// Failures by path and check (of paths and checks that the link has).
    pub failures: Vec<(Path, Check, u64)>,
    /// Durations of passed walks, by path.
    pub walks: [Histogram; 2],
    /// The last walk's duration, by path.
    pub last_walk: [Option<Duration>; 2],
}

/// A histogram with the fixed bounds of [`WALK_BOUNDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Counts per bound, not cumulated; the last one is what exceeds all bounds.
    pub counts: [u64; WALK_BOUNDS.len() + 1],
    /// The sum of all observations, in seconds.
    pub sum: f64,
}

/// Bounds of walk durations in seconds, on both sides of 2 s (slow) and 5 s (time-out).
pub const WALK_BOUNDS: [f64; 8] = [0.01, 0.05, 0.25, 1.0, 2.0, 3.0, 5.0, 10.0];

/// One past cycle.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// When it started.
    pub started: Now,
    /// How long it took.
    pub took: Duration,
    /// What started it.
    pub trigger: Trigger,
    /// Its raw verdict.
    pub verdict: Verdict,
    /// Its raw fault.
    pub fault: Option<Fault>,
    /// Its raw summary; empty while working.
    pub summary: String,
}

/// One Grafana.
#[derive(Clone, Debug, PartialEq)]
pub struct GrafanaView {
    /// Its name in the configuration.
    pub name: GrafanaName,
    /// Its URL.
    pub url: String,
    /// 1, 0, or none when nobody can tell; confirmed like a verdict.
    pub up: Option<bool>,
    /// Its version, once it was told.
    pub version: Option<String>,
    /// The end of our token's life, when Grafana tells.
    pub token_not_after: Option<SystemTime>,
    /// Its last list of data sources, where lists are read.
    pub listed: Option<Listed>,
    /// `PromlinkGrafanaDown`, where it stands.
    pub alarms_down: Vec<EndAlarm>,
    /// `PromlinkGrafanaBlind`, where it stands.
    pub alarm_blind: Option<EndAlarm>,
}

/// A list of data sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Links that were found.
    pub links: usize,
    /// When it was read.
    pub at: SystemTime,
}

/// One distinct Prometheus address.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerView {
    /// `host:port` of the URL.
    pub server: String,
    /// 1, 0, or none when nobody can tell; confirmed like a verdict.
    pub up: Option<bool>,
    /// `PromlinkServerDown`, where it stands.
    pub alarms: Vec<EndAlarm>,
}

/// Whether the configuration in force is the one in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigView {
    /// The last reload (or the start) worked.
    pub last_reload_successful: bool,
    /// When the configuration in force was loaded.
    pub last_success: SystemTime,
}

// === impl Snapshot ===

impl Snapshot {
    /// The link of that name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&Arc<LinkView>> {
        self.links
            .binary_search_by(|view| view.name.as_str().cmp(name))
            .ok()
            .and_then(|index| self.links.get(index))
    }
}

// === impl LinkInfo ===

impl LinkInfo {
    /// What the configuration says of `link`.
    #[must_use]
    pub fn of(link: &Link) -> Self {
        let (uid, name) = match link.grafana.as_ref().map(|side| &side.datasource) {
            Some(DatasourceRef::Uid(uid)) => (Some(uid.clone()), None),
            Some(DatasourceRef::Name(name)) => (None, Some(name.clone())),
            Some(DatasourceRef::Default) | None => (None, None),
        };
        let name = link.datasource_name.as_deref().map(clean).or(name);
        Self {
            prometheus_url: link.prometheus.as_ref().map(|end| end.url.to_string()),
            grafana: link.grafana.as_ref().map(|side| side.name.clone()),
            datasource_uid: uid,
            datasource_name: name,
            server: link.server(),
            alarms: Arc::clone(&link.alarms),
            labels: Arc::clone(&link.labels),
            interval: link.cadence.interval,
            selector: link.query.asked().to_owned(),
            assertions: link.assertions.as_slice().into(),
            by_get: link.query.method == Method::Get,
            direct_end: link.prometheus.as_ref().map(|end| Box::new(End::of(end))),
            grafana_end: link.grafana.as_ref().map(|side| Box::new(End::of(&side.end.endpoint))),
        }
    }

    /// Takes over what Grafana calls the data source, where a cycle read it.
    pub fn learn(&mut self, report: &Report) {
        let seen = report.grafana.as_ref().and_then(|walk| walk.first.seen.datasource.as_ref());
        if let Some(seen) = seen {
            // Whoever edits a data source writes these, and JSON and labels hold them.
            self.datasource_uid = Some(clean(&seen.uid));
            self.datasource_name = Some(clean(&seen.name));
        }
    }

    /// What people know a link by that is named by a uid: the data source's own name.
    #[must_use]
    pub fn known_as(&self, link: &LinkName) -> Option<&str> {
        self.datasource_name.as_deref().filter(|_| link.is_found())
    }

    /// How the end is reached that promlink dials on this path.
    #[must_use]
    pub fn end(&self, path: Path) -> Option<&End> {
        match path {
            Path::Direct => self.direct_end.as_deref(),
            Path::Grafana => self.grafana_end.as_deref(),
        }
    }

    /// Whether the link has this path.
    #[must_use]
    pub fn has(&self, path: Path) -> bool {
        match path {
            Path::Direct => self.prometheus_url.is_some(),
            Path::Grafana => self.grafana.is_some(),
        }
    }
}

// === impl End ===

impl End {
    fn of(endpoint: &Endpoint) -> Self {
        let http = &endpoint.http;
        let sign_in = http.auth.as_ref().map(|auth| match auth {
            Auth::Basic { username, .. } => SignIn::User(username.clone()),
            Auth::Scheme { scheme, .. } => SignIn::Scheme(scheme.clone()),
        });
        let proxy = http.proxy.as_ref().map(|proxy| {
            let user = proxy.auth.as_ref().map(|(user, _)| user.clone());
            (proxy.url.clone(), user)
        });
        Self {
            url: endpoint.url.clone(),
            sign_in,
            headers: http.headers.iter().map(|(name, _)| name.clone()).collect(),
            ca_file: http.tls.ca_file.clone(),
            cert_file: http.tls.cert_file.clone(),
            key_file: http.tls.key_file.clone(),
            server_name: http.tls.server_name.clone(),
            insecure_skip_verify: http.tls.insecure_skip_verify,
            proxy,
        }
    }
}

// === impl LinkView ===

impl LinkView {
    /// The standing of `path` in the latest cycle.
    #[must_use]
    pub fn standing(&self, path: Path) -> Standing {
        self.latest.as_ref().map_or(Standing::Absent, |latest| latest.diagnosis.standing(path))
    }
}

// === impl Histogram ===

impl Histogram {
    /// Adds one observation.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let index = WALK_BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(count) = self.counts.get_mut(index.unwrap_or(WALK_BOUNDS.len())) {
            *count += 1;
        }
        self.sum += seconds;
    }
}
