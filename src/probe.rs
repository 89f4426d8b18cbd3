//! Walks both paths of a link, and turns what the wire says into a report.
//!
//! Probe code executes and notes; it does not judge a link. It knows neither history nor verdicts,
//! metrics or configuration files. `plan` says what runs next, `classify` what an answer means,
//! `judge` when a value is not good enough.

mod agreement;
mod assertions;
mod causes;
mod direct;
mod explain;
mod grafana;
mod hops;
mod line;
mod query;
mod redact;

pub use grafana::Made;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{OptionFuture, join};
use rustls::ClientConfig;
use tokio::time::Instant;

use crate::cadence;
use crate::carried::Carried;
use crate::classify::grafana_answer::Datasource;
use crate::clock::{self, Now, Stopwatch};
use crate::desk::Desk;
use crate::discover::{Lister, NoList};
use crate::judge;
use crate::link::discover::Leave;
use crate::link::{Auth, Cadence, GrafanaName, GrafanaSide, Link, TlsOptions};
use crate::net::dns::{DnsFailure, Resolver};
use crate::net::tls::trust::Trust;
use crate::plan;
use crate::probe::causes::End;
use crate::push::Ways;
use crate::report::{Report, Trigger};
use crate::selfstats::SelfStats;
use crate::supervisor::{Cycle, Prober};

/// A list of thousands takes Grafana some seconds, and nobody waits for it.
const LIST_LIFE: Duration = Duration::from_secs(30);

/// Walks links; shared by all their tasks.
#[derive(Debug)]
pub struct Probe {
    net: Mutex<Arc<Net>>,
    desks: Mutex<BTreeMap<GrafanaName, Arc<Desk>>>,
}

/// What all walks share, also those of calls that outlive their cycle.
#[derive(Debug)]
struct Net {
    resolver: Resolver,
    trust: Trust,
    stats: Arc<SelfStats>,
    /// What tells replicas apart, in names of what they make.
    host: Arc<str>,
}

/// To resolve the name of a receiver.
const RECEIVER_LOOKUP: Duration = Duration::from_secs(5);

/// When the parts of a cycle have to end.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    /// Checks.
    checks: Instant,
    /// The report; what lies between belongs to explaining.
    report: Instant,
}

/// What a path needs to know of its cycle.
#[derive(Clone, Copy, Debug)]
struct Occasion {
    trigger: Trigger,
    started: Now,
    deadlines: Deadlines,
    /// When the link's last cycle ended.
    last_end: Option<Now>,
    /// How old the newest sample may be.
    freshness: Duration,
}

// === impl Probe ===

impl Probe {
    /// Walks with this resolver.
    #[must_use]
    pub fn new(resolver: Resolver, stats: Arc<SelfStats>, host: &str) -> Self {
        let net = Arc::new(Net { resolver, trust: Trust::default(), stats, host: host.into() });
        Self { net: Mutex::new(net), desks: Mutex::default() }
    }

    /// From the next cycle on, resolves with another resolver.
    pub fn resolve_with(&self, resolver: Resolver) {
        let mut net = self.net.lock().unwrap_or_else(PoisonError::into_inner);
        let (stats, host) = (Arc::clone(&net.stats), Arc::clone(&net.host));
        *net = Arc::new(Net { resolver, trust: Trust::default(), stats, host });
    }

    fn net(&self) -> Arc<Net> {
        Arc::clone(&self.net.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The desk of a link's Grafana; a new one when that Grafana changed.
    fn desk(&self, side: &GrafanaSide) -> Arc<Desk> {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        match desks.get(&side.name) {
            Some(desk) if desk.grafana == side.end => Arc::clone(desk),
            before => {
                let desk = Desk::new(Arc::clone(&side.end));
                let desk = Arc::new(match before {
                    Some(before) => desk.heir_of(before),
                    None => desk,
                });
                desks.insert(side.name.clone(), Arc::clone(&desk));
                desk
            }
        }
    }
}

impl Probe {
    /// Makes a token for us in the link's Grafana, with a login that may do so; one that lives for
    /// ever unless `life` says otherwise.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn make_token(
        &self,
        link: &Link,
        login: &Auth,
        life: Option<Duration>,
    ) -> Result<Made, String> {
        let Some(side) = &link.grafana else { return Err("the link has no Grafana".to_owned()) };
        let occasion = Occasion::of(link, Trigger::Request, &Carried::default());
        let (net, desk) = (self.net(), self.desk(side));
        Box::pin(grafana::make_token(&net, &desk, link, side, login, life, occasion)).await
    }
}

impl Prober for Probe {
    async fn cycle(&self, link: Arc<Link>, trigger: Trigger, mut carried: Carried) -> Cycle {
        let watch = Stopwatch::start();
        let net = self.net();
        let occasion = Occasion::of(&link, trigger, &carried);
        let facts = carried.facts.clone();
        let direct = link.prometheus.as_ref().map(|endpoint| {
            Box::pin(direct::walk(&net, &link, endpoint, &facts, &mut carried.direct, occasion))
        });
        // A reload may put another one in its place meanwhile.
        let desk = link.grafana.as_ref().map(|side| self.desk(side));
        let through = link.grafana.as_ref().zip(desk.clone()).map(|(side, desk)| {
            let memory = &mut carried.grafana;
            Box::pin(grafana::walk(&net, desk, &link, side, &facts, memory, occasion))
        });
        let (mut direct, mut through) =
            join(OptionFuture::from(direct), OptionFuture::from(through)).await;
        if let Leave::Refused(why) = link.leave {
            direct = Some(direct::refused(why));
        }
        if let (Some(walk), Some(end)) = (&mut direct, &link.prometheus) {
            redact::hide(walk, &end.http, Vec::new);
        }
        if let (Some(walk), Some(desk)) = (&mut through, &desk) {
            redact::hide(walk, &desk.grafana.endpoint.http, || desk.logins());
        }
        if let (Some(direct), Some(through)) = (&mut direct, &mut through) {
            plan::doubt(direct, through);
        }
        if let Some(walk) = &mut through {
            agreement::check(&link, direct.as_ref(), walk);
            agreement::interval(direct.as_ref(), walk);
        }
        carried.last_end = Some(clock::now());
        let report = Report {
            link: link.name.clone(),
            origin: link.origin,
            trigger,
            started: occasion.started,
            interval: link.cadence.interval,
            took: watch.read(),
            direct,
            grafana: through,
            carried: facts,
        };
        Cycle { report, carried }
    }
}

impl Lister for Probe {
    async fn list(&self, link: &Link) -> Result<Vec<Datasource>, NoList> {
        let Some(side) = &link.grafana else { return Err(NoList::default()) };
        let until = clock::deadline(LIST_LIFE);
        let occasion = Occasion {
            trigger: Trigger::Interval,
            started: clock::now(),
            deadlines: Deadlines { checks: until, report: until },
            last_end: None,
            freshness: link.thresholds.freshness,
        };
        let desk = self.desk(side);
        let list = grafana::list::read(&self.net(), Arc::clone(&desk), link, side, occasion).await;
        list.map_err(|mut no| {
            redact::hide_in([&mut no.says], &side.end.endpoint.http, &desk.logins());
            no
        })
    }

    fn zone(&self) -> String {
        self.net().resolver.settings().likely_zone().to_owned()
    }
}

/// Names of receivers are resolved as those of links are, and their certificates judged alike.
impl Ways for Probe {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let lookup = self.net().resolver.lookup(host, None, clock::deadline(RECEIVER_LOOKUP)).await;
        lookup.result.map_err(|failure| {
            let next = match failure {
                DnsFailure::NxDomain | DnsFailure::NoData | DnsFailure::InvalidName => {
                    "correct the host of its url"
                }
                DnsFailure::ServFail { .. }
                | DnsFailure::Refused
                | DnsFailure::OtherRcode(_)
                | DnsFailure::ServerUnreachable
                | DnsFailure::Timeout
                | DnsFailure::Malformed
                | DnsFailure::Local(_) => "check the DNS server, and `dns` in the configuration",
            };
            format!("{host} has no address ({}); {next}", causes::dns_words(&failure))
        })
    }

    fn tls(&self, options: &TlsOptions) -> Result<ClientConfig, String> {
        self.net().trust.client(options)?.config()
    }

    fn namespace(&self) -> Option<String> {
        self.net().resolver.settings().namespace().map(str::to_owned)
    }
}

// === impl Occasion ===

impl Occasion {
    fn of(link: &Link, trigger: Trigger, carried: &Carried) -> Self {
        let scraped = carried.grafana.datasource.as_ref().and_then(|seen| seen.scrape_interval);
        Self {
            trigger,
            started: clock::now(),
            deadlines: Deadlines::of(link.cadence),
            last_end: carried.last_end,
            freshness: judge::freshness_limit(link.thresholds.freshness, scraped),
        }
    }
}

// === impl Net ===

impl Net {
    fn count_request(&self, end: End) {
        match end {
            End::Prometheus => self.stats.requests_prometheus.add_one(),
            End::Grafana => self.stats.requests_grafana.add_one(),
        }
    }
}

// === impl Deadlines ===

impl Deadlines {
    fn of(cadence: Cadence) -> Self {
        Self {
            checks: clock::deadline(cadence::walking_time(cadence.timeout)),
            report: clock::deadline(cadence.timeout),
        }
    }
}
