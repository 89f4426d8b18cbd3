//! `resolv.conf` and `/etc/hosts` as one value.
//!
//! Both are read the way Go reads them: what is not understood is passed over, because a strange
//! option in one line must not stop a prober that the same file serves well otherwise.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use resolv_conf::Config;

use crate::net::hosts::Hosts;
use crate::net::limits::{RESOLV_NDOTS, RESOLV_SERVERS};

/// This machine's name, as `gethostname` has it.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// The zone of a cluster whose installer was told no other.
const USUAL_ZONE: &str = "cluster.local";

/// Whom to ask, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// The servers, in turn.
    pub servers: Vec<SocketAddr>,
    /// Suffixes that are tried, without dots at their ends.
    pub search: Vec<String>,
    /// A name with at least this many dots is tried as it is first.
    pub ndots: usize,
    /// Every question goes over TCP, as `use-vc` says: a way round networks that lose datagrams.
    pub tcp_alone: bool,
    /// Names that need no DNS.
    pub hosts: Hosts,
}

// === impl DnsSettings ===

impl DnsSettings {
    /// This machine's `/etc/resolv.conf` and `/etc/hosts`; a missing file is an empty one, and
    /// without a search list its own domain is one, as for Go.
    ///
    /// # Errors
    /// Which file cannot be read, and why.
    pub fn system() -> Result<Self, String> {
        let resolv = read(Path::new("/etc/resolv.conf"))?;
        let hosts = read(Path::new("/etc/hosts"))?;
        let mut settings = Self::from_texts(&resolv, &hosts);
        if settings.search.is_empty() {
            settings.search.extend(domain_of(&read(Path::new(HOST_NAME))?));
        }
        Ok(settings)
    }

    /// From the texts of both files.
    #[must_use]
    pub fn from_texts(resolv: &str, hosts: &str) -> Self {
        let (config, _) = Config::parse_with_errors(resolv.as_bytes());
        let servers = config.nameservers.iter().take(RESOLV_SERVERS);
        let mut servers: Vec<_> = servers.map(|ip| SocketAddr::new(IpAddr::from(ip), 53)).collect();
        if servers.is_empty() {
            servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
        }
        let search = config.get_last_search_or_domain().map(|entry| entry.trim_matches('.'));
        Self {
            servers,
            search: search.filter(|entry| !entry.is_empty()).map(str::to_owned).collect(),
            ndots: usize::try_from(config.ndots).unwrap_or(RESOLV_NDOTS).min(RESOLV_NDOTS),
            tcp_alone: config.use_vc,
            hosts: Hosts::parse(hosts),
        }
    }

    /// The cluster's domain, from the search entry `svc.<zone>`.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.search.iter().find_map(|entry| entry.strip_prefix("svc."))
    }

    /// The namespace of a pod, from the search entry `<namespace>.svc.<zone>`.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        let below = format!(".svc.{}", self.zone()?);
        self.search.iter().find_map(|entry| entry.strip_suffix(&below))
    }

    /// The same; outside of a cluster, what most clusters have.
    #[must_use]
    pub fn likely_zone(&self) -> &str {
        self.zone().unwrap_or(USUAL_ZONE)
    }

    /// The absolute names, without the last dot, that `host` may stand for, in the order in which
    /// Go asks for them. They are made one at a time: the first one mostly hits.
    pub fn candidates<'a>(&'a self, host: &'a str) -> impl Iterator<Item = String> + 'a {
        let (bare, rooted) = match host.strip_suffix('.') {
            Some(bare) => (bare, true),
            None => (host, false),
        };
        let plain_first = rooted || bare.matches('.').count() >= self.ndots;
        let search = if rooted { &[] } else { self.search.as_slice() };
        let plain = move |wanted: bool| wanted.then(|| bare.to_owned()).into_iter();
        let suffixed = search.iter().map(move |suffix| format!("{bare}.{suffix}"));
        plain(plain_first).chain(suffixed).chain(plain(!plain_first))
    }
}

/// What follows the first dot of a host's name.
fn domain_of(host: &str) -> Option<String> {
    let (_, domain) = host.trim().split_once('.')?;
    let domain = domain.trim_matches('.');
    (!domain.is_empty()).then(|| domain.to_owned())
}

fn read(path: &Path) -> Result<String, String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests;
