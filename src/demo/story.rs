//! `promlink demo`: a short story, told by the real daemon about stand-ins that break and recover.
//!
//! Nothing is simulated on promlink's side: the daemon is configured by YAML, resolves, dials and
//! asks over loopback, and serves its page meanwhile. Each chapter breaks one thing, waits for the
//! published verdict, mends it, and waits for the published recovery.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::Daemon;
use crate::clock::{self, Now};
use crate::config::{Sources, load_bytes};
use crate::demo::dns::{self, Dns, Zone};
use crate::demo::fault;
use crate::demo::grafana::{self, Flavour, Grafana, Network, TOKEN};
use crate::demo::prometheus::{self, Prometheus};
use crate::demo::standin::ANY_PORT;
use crate::report::cause::Cause;
use crate::report::verdict::Verdict;
use crate::state::snapshot::{PublishedView, Snapshot};

/// The usual port, on loopback.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 10079);
const LINK: &str = "k8s";
/// A published change comes within three cycles of a second; a damped recovery within five.
const PATIENCE: Duration = Duration::from_secs(12);
/// Between two chapters, so that a person can read.
const BREATH: Duration = Duration::from_millis(1500);

/// What breaks in a chapter.
#[derive(Clone, Copy, Debug)]
enum Turn {
    DnsFails,
    PortCloses,
    UrlDrifts,
    TokenRefused,
}

/// What a chapter tells, and what promlink is expected to make of it.
struct Chapter {
    turn: Turn,
    breaks: &'static str,
    mends: &'static str,
    verdict: Verdict,
    cause: Cause,
}

const CHAPTERS: [Chapter; 4] = [
    Chapter {
        turn: Turn::DnsFails,
        breaks: "The cluster's DNS server answers SERVFAIL.",
        mends: "DNS works again.",
        verdict: Verdict::Broken,
        cause: Cause::DnsServerFailure,
    },
    Chapter {
        turn: Turn::PortCloses,
        breaks: "Prometheus closes its port; its Service still lists it.",
        mends: "Prometheus is back.",
        verdict: Verdict::Broken,
        cause: Cause::NoReadyEndpoints,
    },
    Chapter {
        turn: Turn::UrlDrifts,
        breaks: "Somebody changes the URL of Grafana's data source.",
        mends: "The URL is corrected.",
        verdict: Verdict::Broken,
        cause: Cause::DatasourceUrlDiffers,
    },
    Chapter {
        turn: Turn::TokenRefused,
        breaks: "Grafana refuses promlink's token: promlink is blind, the link is not broken.",
        mends: "The token is accepted again.",
        verdict: Verdict::Blind,
        cause: Cause::TokenRejected,
    },
];

/// Plays the story, and then serves on until `shutdown`, or ends with it when `once`; whether every
/// verdict was the expected one.
///
/// # Errors
/// What cannot be started, as a sentence.
pub(crate) async fn play(
    once: bool,
    tell: impl Fn(&str),
    shutdown: CancellationToken,
) -> Result<bool, String> {
    let playground = Playground::build().await.map_err(|error| format!("no stand-ins: {error}"))?;
    let settings = load_bytes(&Sources::default(), Some(playground.config().as_bytes()))
        .map_err(|errors| errors.to_string())?;
    let daemon = Daemon::assemble(settings, Sources::default())?;
    let (listener, address) = listen().await?;
    tell(&opening(address));
    let snapshots = daemon.snapshots();
    let ended = CancellationToken::new();
    let teller = Teller { tell, begun: clock::now(), snapshots };
    let story = async {
        let told = teller.story(&playground).await;
        (teller.tell)(&closing(told, once, address));
        if !once {
            shutdown.cancelled().await;
        }
        told
    };
    let daemon = daemon.run(listener, ended.clone());
    let told = async {
        let told = shutdown.run_until_cancelled(story).await;
        ended.cancel();
        // Ctrl-C in the middle of the story is no failure.
        told.unwrap_or(true)
    };
    let (ran, told) = futures_util::future::join(daemon, told).await;
    ran.map(|()| told)
}

/// The usual port, or a free one when it is taken.
async fn listen() -> Result<(TcpListener, SocketAddr), String> {
    let listener = match TcpListener::bind(LISTEN).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(ANY_PORT).await,
    };
    let bound = listener.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| format!("cannot listen on loopback: {error}"))
}

fn opening(address: SocketAddr) -> String {
    let mut text =
        "A DNS server, a Prometheus and a Grafana stand in on this machine.\n".to_owned();
    if address != LISTEN {
        let _infallible = writeln!(text, "Port {} is taken; this is another one.", LISTEN.port());
    }
    let _infallible = write!(
        text,
        "\n  page     http://{address}/\n  metrics  http://{address}/metrics\n  \
         JSON     http://{address}/api/v1/links/{LINK}\n"
    );
    text
}

fn closing(told: bool, once: bool, address: SocketAddr) -> String {
    let verdict = if told {
        "Every verdict was the expected one."
    } else {
        "Not every verdict was the expected one."
    };
    let next = if once {
        String::new()
    } else {
        format!(" The page stays at http://{address}/ until Ctrl-C.")
    };
    format!("\n{verdict}{next}")
}

/// The stand-ins.
struct Playground {
    dns: Dns,
    prometheus: Prometheus,
    grafana: Grafana,
    right_url: String,
    wrong_url: String,
}

impl Playground {
    async fn build() -> std::io::Result<Self> {
        let prometheus = prometheus::start(ANY_PORT, prometheus::Setup::default()).await?;
        let zone = Zone::default().with("prometheus-k8s", "web", prometheus.address());
        let search = zone.search("monitoring");
        let dns = dns::start(ANY_PORT, zone).await?;
        let port = prometheus.address().port();
        let url = |service: &str| format!("http://{service}.monitoring.svc.cluster.local:{port}");
        let (right_url, wrong_url) = (url("prometheus-k8s"), url("prometheus-old"));
        let mut setup = grafana::Setup::new(Flavour::V13, &right_url);
        setup.network = Network { dns: Some(dns.address()), search, ..Network::default() };
        let grafana = grafana::start(ANY_PORT, setup).await?;
        let service = grafana.address();
        dns.edit(|zone| *zone = zone.clone().with("grafana", "http", service));
        Ok(Self { dns, prometheus, grafana, right_url, wrong_url })
    }

    /// What a user would write, with short intervals so that the story is short as well.
    fn config(&self) -> String {
        let (url, dns, grafana) =
            (&self.right_url, self.dns.address(), self.grafana.address().port());
        format!(
            "dns: {{servers: ['{dns}'], search: [monitoring.svc.cluster.local, svc.cluster.local, \
             cluster.local]}}\n\
             defaults: {{interval: 1s, timeout: 900ms}}\n\
             grafanas:\n  main: {{url: 'http://grafana.monitoring.svc.cluster.local:{grafana}', \
             authorization: {{credentials: {TOKEN}}}}}\n\
             links:\n  {LINK}:\n    prometheus: {{url: '{url}'}}\n    \
             grafana: {{name: main, datasource: {{uid: prometheus}}}}\n"
        )
    }

    async fn change(&self, turn: Turn, broken: bool) {
        match turn {
            Turn::DnsFails => {
                self.dns.set(if broken { fault::Dns::ServFail } else { fault::Dns::None }).await;
            }
            Turn::PortCloses => {
                let closed = fault::Prometheus::Wire(fault::Wire::PortClosed);
                self.prometheus.set(if broken { closed } else { fault::Prometheus::None }).await;
            }
            Turn::UrlDrifts => {
                let url = if broken { &self.wrong_url } else { &self.right_url };
                self.grafana.edit(|setup| setup.point_at(url));
            }
            Turn::TokenRefused => {
                let refused = fault::Grafana::TokenRejected;
                self.grafana.set(if broken { refused } else { fault::Grafana::None }).await;
            }
        }
    }
}

/// Tells what happens and what promlink makes of it.
struct Teller<T> {
    tell: T,
    begun: Now,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl<T: Fn(&str)> Teller<T> {
    async fn story(&self, playground: &Playground) -> bool {
        self.say("Everything works.");
        let mut as_expected = self.hears(Verdict::Unknown, Verdict::Working, None).await;
        for chapter in CHAPTERS {
            sleep(BREATH).await;
            self.say(chapter.breaks);
            playground.change(chapter.turn, true).await;
            let (verdict, cause) = (chapter.verdict, Some(chapter.cause));
            as_expected &= self.hears(Verdict::Working, verdict, cause).await;
            sleep(BREATH).await;
            self.say(chapter.mends);
            playground.change(chapter.turn, false).await;
            as_expected &= self.hears(verdict, Verdict::Working, None).await;
        }
        as_expected
    }

    /// Waits until the verdict is another one than `from`; whether it is the expected one.
    async fn hears(&self, from: Verdict, to: Verdict, cause: Option<Cause>) -> bool {
        let mut snapshots = self.snapshots.clone();
        let changed = |snapshot: &Arc<Snapshot>| {
            snapshot.link(LINK).is_some_and(|view| view.published.verdict != from)
        };
        let Ok(Ok(snapshot)) = timeout(PATIENCE, snapshots.wait_for(changed)).await else {
            self.say(&format!("  ... and promlink does not notice; expected {}", to.as_str()));
            return false;
        };
        let Some(view) = snapshot.link(LINK).cloned() else { return false };
        drop(snapshot);
        let published = &view.published;
        self.say(&verdict_lines(published));
        let heard = (published.verdict, published.fault.map(|fault| fault.cause));
        if heard != (to, cause) {
            let cause = cause.map_or("", |cause| cause.code());
            self.say(&format!("  ... expected {} {cause}", to.as_str()));
        }
        heard == (to, cause)
    }

    fn say(&self, text: &str) {
        let since = clock::now().since(self.begun).as_secs_f64();
        (self.tell)(&format!("{since:5.1} s  {text}"));
    }
}

fn verdict_lines(published: &PublishedView) -> String {
    let mut text = format!("  {LINK} is {}", published.verdict.as_str().to_uppercase());
    if let Some(fault) = published.fault {
        let path = fault.path.map_or("", |path| path.as_str());
        let check = fault.check.map_or("", |check| check.as_str());
        let _infallible = write!(
            text,
            ": {} at {path}/{check}, side {}\n           {}\n           next: {}",
            fault.cause.code(),
            fault.side.as_str(),
            published.summary,
            published.next_step
        );
    }
    text
}
