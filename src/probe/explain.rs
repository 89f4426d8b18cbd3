//! Questions that explain a failure: asked only when one is there, in the time kept for them.

use tokio::time::Instant;

use crate::net::dns::{Attempt, DnsFailure, Kind, Lookup, Record, Resolver};
use crate::net::tcp::{ConnectError, ConnectFailure};
use crate::plan::Ladder;

/// Climbs from the cluster domain over the namespace to the Service, by what CoreDNS answers at
/// each rung (`captures/coredns-1.15`): a name that has others below it exists without data, a
/// wrong one does not.
pub async fn ladder(resolver: &Resolver, host: &str, deadline: Instant) -> (Ladder, Vec<Attempt>) {
    let mut rungs = Vec::new();
    let zone = resolver.settings().zone();
    let name = zone.and_then(|zone| ClusterName::parse(host, zone));
    let Some(name) = name else { return (Ladder::Unknown, rungs) };
    let namespace = format!("{}.svc.{}", name.namespace, name.domain);
    let asked = resolver.ask(&namespace, Kind::A, deadline).await;
    rungs.extend(asked.attempts);
    let has_namespace = exists(&asked.result);
    if has_namespace == Some(true) {
        // An ExternalName exists without ports; what it stands for is then what does not.
        let asked = resolver.ask(&name.full(), Kind::Srv, deadline).await;
        rungs.extend(asked.attempts);
        let has_service = exists(&asked.result) == Some(true);
        let found = if has_service { Ladder::Unknown } else { Ladder::NoSuchService };
        return (found, rungs);
    }
    if !name.is_written_out {
        return (Ladder::Unknown, rungs);
    }
    // A server that denies even this does not serve the domain, and a foreign one that nobody
    // speaks of is nobody's.
    let asked = resolver.ask(&format!("svc.{}", name.domain), Kind::A, deadline).await;
    rungs.extend(asked.attempts);
    let found = match (exists(&asked.result), has_namespace) {
        (Some(false), _) => Ladder::WrongClusterDomain,
        (None, _) if Some(name.domain) != zone => Ladder::WrongClusterDomain,
        (_, Some(_)) => Ladder::NoSuchNamespace,
        (_, None) => Ladder::Unknown,
    };
    (found, rungs)
}

/// What a server that fails for a name may hide: it passes on what it does not serve, to servers
/// that know no clusters, and a cluster without a way out reaches none of them. Its answers for
/// what it does serve are what counts then.
pub async fn hidden(
    resolver: &Resolver,
    lookup: &Lookup,
    host: &str,
    reached: bool,
    deadline: Instant,
) -> (Ladder, Vec<Attempt>) {
    let zone = resolver.settings().zone();
    let name = zone.and_then(|zone| Some((ClusterName::parse(host, zone)?, zone)));
    match name {
        // `a.b` is no other's domain where the cluster has the namespace.
        Some((name, zone)) if name.domain.eq_ignore_ascii_case(zone) => {
            if denied(lookup, name) {
                return ladder(resolver, host, deadline).await;
            }
        }
        // Whoever was reached has a domain that was served.
        Some((_, zone)) if !reached => {
            let asked = resolver.ask(&format!("svc.{zone}"), Kind::A, deadline).await;
            let serves_its_own = exists(&asked.result) == Some(true);
            let found = if serves_its_own { Ladder::WrongClusterDomain } else { Ladder::Unknown };
            return (found, asked.attempts);
        }
        Some(_) | None => {}
    }
    (Ladder::Unknown, Vec::new())
}

/// The cluster denies the name, whatever somebody else says of it. An upstream that fails for the
/// name as written (`p.m.svc`, which only the search list completes) hides nothing: the cluster's
/// own answer is that it does not exist.
#[must_use]
pub fn denied_by_cluster(lookup: &Lookup, host: &str, zone: Option<&str>) -> bool {
    let name = zone.and_then(|zone| ClusterName::parse(host, zone));
    name.is_some_and(|name| name.is_written_out && denied(lookup, name))
}

fn denied(lookup: &Lookup, name: ClusterName<'_>) -> bool {
    let full = name.full();
    lookup.attempts.iter().any(|attempt| {
        attempt.failure == Some(DnsFailure::NxDomain) && attempt.name.eq_ignore_ascii_case(&full)
    })
}

/// All ports of the Service behind `host`; none when the name is not a Service's, or nobody
/// answers.
pub async fn service_ports(resolver: &Resolver, host: &str, deadline: Instant) -> Vec<u16> {
    let found = service(resolver, host, deadline).await;
    let mut ports: Vec<u16> = found.into_iter().map(|(port, _)| port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Whether `host` is a Service whose name leads to its pods.
pub async fn is_headless(resolver: &Resolver, host: &str, deadline: Instant) -> bool {
    service(resolver, host, deadline).await.into_iter().any(|(_, leads_to_pod)| leads_to_pod)
}

/// The SRV records of the plain name of the Service behind `host`: each port, and whether it leads
/// to a pod. Only those of a headless one point at other names than its own.
async fn service(resolver: &Resolver, host: &str, deadline: Instant) -> Vec<(u16, bool)> {
    let zone = resolver.settings().zone();
    let name = zone.and_then(|zone| ClusterName::parse(host, zone));
    let Some(full) = name.map(ClusterName::full) else { return Vec::new() };
    let records = resolver.ask(&full, Kind::Srv, deadline).await.result.unwrap_or_default();
    let port = |record: &Record| match record {
        Record::Srv { port, target } => Some((*port, !target.eq_ignore_ascii_case(&full))),
        Record::Address(_) => None,
    };
    records.iter().filter_map(port).collect()
}

const LOOPBACK: &str = "it runs elsewhere: in a pod or container, localhost is that one alone";

/// What a connection that failed so means most likely first: data planes differ in what they say of
/// one and the same thing, so none of it is certain (each was measured or read in their sources).
#[must_use]
pub fn likely(error: &ConnectError) -> &'static [&'static str] {
    let loopback = error.address.is_some_and(|address| address.ip().is_loopback());
    match error.failure {
        // Nothing stands between us and a process on this machine, or in this pod.
        ConnectFailure::Refused if loopback => {
            &["the process is down", "it listens at another port", LOOPBACK]
        }
        ConnectFailure::Refused => &[
            "the process is down, or not ready behind its Service",
            "the Service has no such port (kube-proxy with nftables or IPVS)",
        ],
        ConnectFailure::Timeout => &[
            "a NetworkPolicy or firewall drops packets",
            "the Service has no such port (kube-proxy with iptables, Cilium)",
            "no pod is ready behind the Service (Calico, Cilium set to drop)",
            "the node or its CNI is down",
        ],
        ConnectFailure::HostUnreachable => &[
            "the pod or its node is gone",
            "no pod is ready behind the Service (Cilium)",
            "a firewall rejects the packets",
        ],
        ConnectFailure::NetworkUnreachable => &[
            "no route leads there from this pod or node",
            "only one side speaks this IP family",
            "a firewall rejects the packets",
        ],
        ConnectFailure::Denied => &[
            "a policy or a route of this node forbids it",
            "no pod is ready behind the Service (Cilium 1.19)",
        ],
        ConnectFailure::Reset => &["a proxy or load balancer with nothing behind it"],
        ConnectFailure::Local(_) => &[],
    }
}

/// Whether a name exists, with or without data; none when nobody says.
fn exists(result: &Result<Vec<Record>, DnsFailure>) -> Option<bool> {
    match result {
        Ok(_) | Err(DnsFailure::NoData) => Some(true),
        Err(DnsFailure::NxDomain) => Some(false),
        Err(
            DnsFailure::ServFail { .. }
            | DnsFailure::Refused
            | DnsFailure::OtherRcode(_)
            | DnsFailure::ServerUnreachable
            | DnsFailure::Timeout
            | DnsFailure::Malformed
            | DnsFailure::InvalidName
            | DnsFailure::Local(_),
        ) => None,
    }
}

/// A host that can be a Service's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClusterName<'a> {
    service: &'a str,
    namespace: &'a str,
    domain: &'a str,
    /// `svc` is part of it: a missing namespace is then no guess.
    is_written_out: bool,
}

impl<'a> ClusterName<'a> {
    /// `a.b`, `a.b.svc` or `a.b.svc.<domain>`.
    ///
    /// `a.b` may as well be somebody's domain, so it says nothing of a namespace that is not there.
    fn parse(host: &'a str, zone: &'a str) -> Option<Self> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let (service, rest) = host.split_once('.')?;
        let (namespace, rest) = match rest.split_once('.') {
            Some((namespace, rest)) => (namespace, Some(rest)),
            None => (rest, None),
        };
        let domain = match rest {
            None | Some("svc") => zone,
            Some(rest) => rest.strip_prefix("svc.")?,
        };
        Some(Self { service, namespace, domain, is_written_out: rest.is_some() })
    }

    /// The name, written out.
    fn full(self) -> String {
        format!("{}.{}.svc.{}", self.service, self.namespace, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_name_is_taken_apart() {
        let zone = "cluster.local";
        let parse =
            |host| ClusterName::parse(host, zone).map(|n| (n.service, n.namespace, n.domain));
        assert_eq!(parse("p.m.svc.cluster.local."), Some(("p", "m", zone)));
        assert_eq!(parse("p.m.svc.cluster.example"), Some(("p", "m", "cluster.example")));
        assert_eq!(parse("p.m.svc"), Some(("p", "m", zone)));
        assert_eq!(parse("p.m"), Some(("p", "m", zone)));
        assert_eq!(parse("p"), None);
        assert_eq!(parse("prometheus.example.org"), None);
    }
}
