//! The stand-ins of one row, on addresses of their own, and what is done to them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use promlink::demo::dns::{self, Dns, Zone};
use promlink::demo::fault::{self, Wire};
use promlink::demo::grafana::{self, Datasource, Flavour, Grafana, Network, TOKEN};
use promlink::demo::prometheus::{self, Prometheus};
use promlink::demo::standin::rebind;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::front::{self, Front, Tls};
use super::programs::{Program, Running};

use crate::namespace;

/// One thing that happens to the stand-ins.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// A real program in Prometheus' place, for promlink and Grafana.
    Real(Program),
    /// To Prometheus, as promlink and Grafana meet it.
    Both(fault::Prometheus),
    /// To Prometheus, as only promlink meets it.
    Direct(fault::Prometheus),
    /// To Prometheus, as only Grafana meets it.
    Behind(fault::Prometheus),
    /// To Grafana.
    Grafana(fault::Grafana),
    /// To promlink's DNS server.
    Dns(fault::Dns),
    /// To Grafana's DNS server.
    GrafanaDns(fault::Dns),
    /// Packets to that end are dropped in silence.
    Drop(End),
    /// Something that speaks TLS stands before that end, at `{front}`.
    Front(End, Tls),
    /// It becomes another.
    Swap(Tls),
    /// They are not any more, and its port is open.
    Pass(End),
    /// promlink resolves Prometheus to so many pods of a headless Service: its own one, Grafana's,
    /// and one where nothing listens.
    Replicas(usize),
    /// A rule for packets, in a namespace of the test's own: the chain, and `nft`'s words behind
    /// it; `{to_direct}` and the like are those for packets to an end.
    Packets(&'static str),
    /// The data source has this URL; `{prometheus}`, `{port}` and `{address}` are those of
    /// Prometheus.
    Url(&'static str),
    /// Grafana asks through the proxy at this address.
    GrafanaProxy(&'static str),
    /// Something else of the data source.
    Datasource(fn(&mut Datasource)),
    /// What serves on both addresses of Prometheus.
    Serve(fn(&mut prometheus::Setup)),
    /// What Grafana meets.
    ServeBehind(fn(&mut prometheus::Setup)),
    /// What promlink resolves.
    Zone(fn(&mut Zone)),
    /// What Grafana resolves.
    GrafanaZone(fn(&mut Zone)),
    /// What Grafana is.
    Setup(fn(&mut grafana::Setup)),
}

/// One end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Prometheus, where promlink dials it.
    Direct,
    /// Prometheus, where Grafana dials it.
    Behind,
    /// Grafana.
    Grafana,
}

/// The link's configuration, where it differs from a plain one.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub interval: &'static str,
    pub timeout: &'static str,
    /// The link's Prometheus; empty: none.
    pub prometheus: &'static str,
    /// The link's Grafana; empty: none.
    pub grafana: &'static str,
    /// The link's thresholds; a busy machine is slow, and no row but some is about that.
    pub thresholds: &'static str,
    /// More keys of the link.
    pub link: &'static str,
    /// Keys of the Grafana.
    pub main: &'static str,
    /// Keys of `dns`.
    pub dns: &'static str,
}

/// The stand-ins.
///
/// Prometheus is two that look the same, at one port of two addresses. promlink and Grafana resolve
/// its one name by DNS servers of their own, so each meets its own one at the very same URL.
pub struct Ground {
    /// The link's name, another one for each ground: links tick at times that depend on it.
    pub link: String,
    pub direct: Prometheus,
    pub behind: Prometheus,
    pub grafana: Grafana,
    pub dns: Dns,
    pub spare_dns: Dns,
    pub grafana_dns: Dns,
    holes: Mutex<BTreeMap<End, Hole>>,
    front: Mutex<Option<Front>>,
    real: Mutex<Option<Running>>,
}

/// A listener whose queue is full: the kernel drops further attempts to connect in silence.
struct Hole {
    _listener: TcpListener,
    _queued: TcpStream,
}

/// Where the stand-ins are, as Kubernetes has it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub namespace: &'static str,
    /// The Services of Prometheus and Grafana.
    pub services: [&'static str; 2],
    /// Their ports; 0: any.
    pub ports: [u16; 2],
    /// What their addresses begin with: not 127 in a network of the test's own only.
    pub network: u8,
}

const MONITORING: Place = Place {
    namespace: "monitoring",
    services: ["prometheus-k8s", "grafana"],
    ports: [0, 0],
    network: 127,
};

const ZONE: &str = "svc.cluster.local";
/// Grafana's patience, less than the real one, as the cycles of the tests are shorter. A connection
/// still takes longer than a cycle and its confirmation.
const NETWORK: Network = Network {
    dns: None,
    search: Vec::new(),
    proxy: None,
    dns_timeout: Duration::from_secs(1),
    dial_timeout: Duration::from_secs(5),
    timeout: Duration::from_secs(8),
};

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: "15s",
            timeout: "10s",
            prometheus: "url: '{prometheus}'",
            grafana: "name: main, datasource: {uid: prometheus}",
            thresholds: "slow: 30s, dns_slow: 30s",
            link: "",
            main: "url: '{main}', authorization: {credentials: {token}}",
            dns: "servers: ['{dns}'], search: [monitoring.svc.cluster.local, svc.cluster.local, \
                  cluster.local], ndots: 5",
        }
    }
}

impl Ground {
    pub async fn build() -> Self {
        Self::at(&MONITORING).await
    }

    /// The same elsewhere.
    pub async fn at(place: &Place) -> Self {
        let Place { namespace, services: [prometheus_name, grafana_name], .. } = place;
        let [prometheus_port, grafana_port] = place.ports;
        let row = number();
        let home = home(row, place.network);
        let (direct, behind) = twins(&home, prometheus_port).await;
        let port = direct.address().port();
        let zone = |address| Zone::default().with_in(namespace, prometheus_name, "web", address);
        let grafana_dns = dns::start(home(5), zone(behind.address())).await.unwrap();
        let url = format!("http://{prometheus_name}.{namespace}.{ZONE}:{port}");
        let mut setup = grafana::Setup::new(Flavour::V13, &url);
        setup.network = Network {
            dns: Some(grafana_dns.address()),
            search: Zone::default().search(namespace),
            ..NETWORK
        };
        let at = SocketAddr::new(home(6).ip(), grafana_port);
        let grafana = grafana::start(at, setup).await.unwrap();
        let zone = zone(direct.address());
        let zone = zone.with_in(namespace, grafana_name, "http", grafana.address());
        let dns = dns::start(home(3), zone.clone()).await.unwrap();
        let spare_dns = dns::start(home(4), zone).await.unwrap();
        let (holes, front, real) = (Mutex::default(), Mutex::default(), Mutex::default());
        let link = format!("k8s-{row}");
        Self { link, direct, behind, grafana, dns, spare_dns, grafana_dns, holes, front, real }
    }

    /// All of them at once, as far as that can be: first what gives addresses to the others.
    pub async fn turns(&self, turns: &[Turn]) {
        let is_first = |turn: &&Turn| matches!(turn, Turn::Real(_) | Turn::Front(..));
        for turn in turns.iter().filter(is_first) {
            self.turn(*turn).await;
        }
        let others = turns.iter().filter(|turn| !is_first(turn));
        join_all(others.map(|turn| self.turn(*turn))).await;
    }

    async fn turn(&self, turn: Turn) {
        match turn {
            Turn::Real(program) => {
                let running = program.start().await;
                self.name("prometheus-k8s", running.address);
                *self.real.lock().unwrap() = Some(running);
                let url = self.url();
                self.grafana.edit(|setup| setup.point_at(&url));
            }
            Turn::Both(fault) => {
                join(self.direct.set(fault), self.behind.set(fault)).await;
            }
            Turn::Direct(fault) => self.direct.set(fault).await,
            Turn::Behind(fault) => self.behind.set(fault).await,
            Turn::Grafana(fault) => self.grafana.set(fault).await,
            Turn::Dns(fault) => self.dns.set(fault).await,
            Turn::GrafanaDns(fault) => self.grafana_dns.set(fault).await,
            Turn::Drop(end) => {
                self.switch(end, Some(Wire::PortClosed)).await;
                // A program that another test begins just now may hold the closed port for a moment.
                let hole = rebind(|| Hole::dig(self.address(end))).await;
                self.holes.lock().unwrap().insert(end, hole);
            }
            Turn::Front(end, tls) => {
                let front = Front::start(tls, self.address(end)).await;
                self.name("secure", front.address);
                *self.front.lock().unwrap() = Some(front);
            }
            Turn::Swap(tls) => {
                self.front.lock().unwrap().as_ref().unwrap().become_another(tls);
            }
            Turn::Pass(end) => {
                self.holes.lock().unwrap().remove(&end);
                self.switch(end, None).await;
            }
            Turn::Replicas(count) => {
                let ends = [self.direct.address(), self.behind.address()].map(|end| end.ip());
                let IpAddr::V4(ip) = ends[0] else { return };
                let [a, b, c, _] = ip.octets();
                let pods = ends.into_iter().chain([Ipv4Addr::new(a, b, c, 9).into()]).take(count);
                let pods: Vec<Ipv4Addr> = pods
                    .filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None })
                    .collect();
                self.dns.edit(|zone| {
                    let key = ("monitoring".to_owned(), "prometheus-k8s".to_owned());
                    let service = zone.services.get_mut(&key).unwrap();
                    (service.headless, service.addresses) = (true, pods);
                });
            }
            Turn::Packets(rule) => namespace::rule(&self.fill(rule)),
            Turn::Url(url) => {
                let url = self.fill(url);
                self.grafana.edit(|setup| setup.point_at(&url));
            }
            Turn::GrafanaProxy(address) => {
                let address = self.fill(address).parse().unwrap();
                self.grafana.edit(|setup| setup.network.proxy = Some(address));
            }
            Turn::Datasource(change) => self.grafana.edit(|s| change(&mut s.datasources[0])),
            Turn::Serve(change) => {
                self.direct.edit(change);
                self.behind.edit(change);
            }
            Turn::ServeBehind(change) => self.behind.edit(change),
            Turn::Zone(change) => {
                self.dns.edit(change);
                self.spare_dns.edit(change);
            }
            Turn::GrafanaZone(change) => self.grafana_dns.edit(change),
            Turn::Setup(change) => self.grafana.edit(change),
        }
    }

    /// A Service, for promlink and Grafana.
    fn name(&self, name: &str, address: SocketAddr) {
        for dns in [&self.dns, &self.spare_dns, &self.grafana_dns] {
            dns.edit(|zone| *zone = zone.clone().with(name, "web", address));
        }
    }

    async fn switch(&self, end: End, wire: Option<Wire>) {
        let prometheus = wire.map_or(fault::Prometheus::None, fault::Prometheus::Wire);
        match end {
            End::Direct => self.direct.set(prometheus).await,
            End::Behind => self.behind.set(prometheus).await,
            End::Grafana => {
                let fault = wire.map_or(fault::Grafana::None, fault::Grafana::Wire);
                self.grafana.set(fault).await;
            }
        }
    }

    fn address(&self, end: End) -> SocketAddr {
        let real = self.real.lock().unwrap().as_ref().map(|running| running.address);
        match (end, real) {
            (End::Direct | End::Behind, Some(real)) => real,
            (End::Direct, None) => self.direct.address(),
            (End::Behind, None) => self.behind.address(),
            (End::Grafana, _) => self.grafana.address(),
        }
    }

    /// A configuration with one link; with none where neither end is given.
    pub fn yaml(&self, config: &Config) -> String {
        let Config { interval, timeout, thresholds, prometheus, grafana, link, main, dns } = config;
        let end = |key: &str, keys: &str| {
            if keys.is_empty() { String::new() } else { format!("    {key}: {{{keys}}}\n") }
        };
        let ends = end("prometheus", prometheus) + &end("grafana", grafana);
        let links = if ends.is_empty() {
            String::new()
        } else {
            format!("links:\n  {}:\n{ends}{}{link}\n", self.link, end("thresholds", thresholds))
        };
        self.fill(&format!(
            "dns: {{{dns}}}\ndefaults: {{interval: {interval}, timeout: {timeout}}}\n\
             grafanas:\n  main: {{{main}}}\n{links}"
        ))
    }

    /// Prometheus.
    pub fn url(&self) -> String {
        self.fill("{prometheus}")
    }

    fn fill(&self, text: &str) -> String {
        let to = |at: SocketAddr, by| format!("ip daddr {} {by} dport {}", at.ip(), at.port());
        let front = self.front.lock().unwrap().as_ref().map(|front| front.address);
        let front = front.unwrap_or_else(|| self.address(End::Direct));
        [
            ("{to_direct}", to(self.address(End::Direct), "tcp")),
            ("{to_behind}", to(self.address(End::Behind), "tcp")),
            ("{to_grafana}", to(self.grafana.address(), "tcp")),
            ("{to_dns}", to(self.dns.address(), "udp")),
            ("{to_dns_tcp}", to(self.dns.address(), "tcp")),
            ("{to_spare}", to(self.spare_dns.address(), "udp")),
            ("{to_grafana_dns}", to(self.grafana_dns.address(), "udp")),
            ("{prometheus}", format!("http://prometheus-k8s.monitoring.{ZONE}:{{port}}")),
            ("{main}", format!("http://grafana.monitoring.{ZONE}:{{grafana_port}}")),
            ("{port}", self.address(End::Direct).port().to_string()),
            ("{direct}", self.address(End::Direct).to_string()),
            ("{address}", self.address(End::Behind).ip().to_string()),
            ("{grafana}", self.grafana.address().to_string()),
            ("{grafana_port}", self.grafana.address().port().to_string()),
            ("{dns}", self.dns.address().to_string()),
            ("{spare}", self.spare_dns.address().to_string()),
            ("{token}", TOKEN.to_owned()),
            ("{front}", front.to_string()),
            ("{front_port}", front.port().to_string()),
            ("{tls}", front::files().display().to_string()),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

impl Hole {
    async fn dig(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(0)?;
        let queued = TcpStream::connect(address).await?;
        Ok(Self { _listener: listener, _queued: queued })
    }
}

/// Whether a listener with a full queue makes the kernel drop packets here, as Linux does.
pub async fn drops_packets() -> bool {
    static DROPS: OnceCell<bool> = OnceCell::const_new();
    let look = async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        drop(socket);
        let Ok(_hole) = Hole::dig(address).await else { return false };
        timeout(Duration::from_millis(200), TcpStream::connect(address)).await.is_err()
    };
    *DROPS.get_or_init(look).await
}

/// Of a ground, in this process and most likely in others.
fn number() -> u32 {
    static GROUNDS: AtomicU32 = AtomicU32::new(0);
    std::process::id().wrapping_mul(509) + GROUNDS.fetch_add(1, Ordering::Relaxed)
}

/// Any port of addresses that no other ground has, so that nobody takes a port while it is closed.
fn home(ground: u32, network: u8) -> impl Fn(u8) -> SocketAddr {
    let [.., high, low] = (ground % (253 * 256)).to_be_bytes();
    move |host| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(network, 1 + high, low, host)), 0)
}

/// Two that look the same at the same port of two addresses.
async fn twins(home: &impl Fn(u8) -> SocketAddr, port: u16) -> (Prometheus, Prometheus) {
    loop {
        let first = SocketAddr::new(home(1).ip(), port);
        let direct = prometheus::start(first, prometheus::Setup::default()).await.unwrap();
        let same_port = SocketAddr::new(home(2).ip(), direct.address().port());
        if let Ok(behind) = prometheus::start(same_port, prometheus::Setup::default()).await {
            return (direct, behind);
        }
    }
}
