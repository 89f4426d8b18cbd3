//! What the cluster's zone holds, and what it says to a question.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::demo::fault::Dns as Fault;

/// Seconds; the default of CoreDNS' kubernetes plugin, negative answers included.
const TTL: u32 = 5;
/// `dns-version` behind `cache 30`.
const VERSION_TTL: u32 = 30;
const SERIAL: u32 = 1_795_403_024;
const UDP_PAYLOAD: u16 = 1232;
/// Of one chain, as CoreDNS has it (`maxCnameChainLength`).
const MAX_ALIASES: usize = 10;

/// A cluster's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The cluster domain, such as `cluster.local`.
    pub domain: String,
    /// Namespaces that exist.
    pub namespaces: BTreeSet<String>,
    /// Services by namespace and name.
    pub services: BTreeMap<(String, String), Service>,
    /// Names outside, such as `grafana.example.org`.
    pub outside: BTreeMap<String, Ipv4Addr>,
    /// Unknown names outside are denied by the root, as behind a `forward`; without it they fail.
    pub forwards: bool,
}

/// A Kubernetes Service as DNS shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The cluster IP, or the ready endpoints of a headless Service.
    pub addresses: Vec<Ipv4Addr>,
    /// The same of the other family.
    pub addresses_six: Vec<Ipv6Addr>,
    /// Ports with their names, which may be empty.
    pub ports: Vec<(String, u16)>,
    /// One address for each endpoint: without any, the name is gone.
    pub headless: bool,
    /// Another name that this one stands for.
    pub external: Option<String>,
}

// === impl Zone ===

impl Default for Zone {
    /// `cluster.local` with the namespaces `default` and `monitoring`, and no Service.
    fn default() -> Self {
        Self {
            domain: "cluster.local".to_owned(),
            namespaces: ["default", "monitoring"].map(str::to_owned).into(),
            services: BTreeMap::new(),
            outside: BTreeMap::new(),
            forwards: true,
        }
    }
}

impl Zone {
    /// The same with a Service in `monitoring` whose cluster IP and one port are those of
    /// `address`.
    #[must_use]
    pub fn with(self, name: &str, port_name: &str, address: SocketAddr) -> Self {
        self.with_in("monitoring", name, port_name, address)
    }

    /// The same in another namespace, which exists from then on.
    #[must_use]
    pub fn with_in(
        mut self,
        namespace: &str,
        name: &str,
        port_name: &str,
        address: SocketAddr,
    ) -> Self {
        let SocketAddr::V4(address) = address else { return self };
        let service = Service {
            addresses: vec![*address.ip()],
            ports: vec![(port_name.to_owned(), address.port())],
            ..Service::default()
        };
        self.namespaces.insert(namespace.to_owned());
        self.services.insert((namespace.to_owned(), name.to_owned()), service);
        self
    }

    /// The search list of a pod in `namespace`.
    #[must_use]
    pub fn search(&self, namespace: &str) -> Vec<String> {
        let domain = &self.domain;
        vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()]
    }

    fn soa(&self, serial: u32) -> Option<Record> {
        let name = |text: String| Name::from_str(&text).ok();
        let domain = &self.domain;
        let soa = SOA::new(
            name(format!("ns.dns.{domain}."))?,
            name(format!("hostmaster.{domain}."))?,
            serial,
            7200,
            1800,
            86400,
            TTL,
        );
        Some(Record::from_rdata(name(format!("{domain}."))?, TTL, RData::SOA(soa)))
    }

    /// What is left of a name inside, without the dot before the domain.
    fn below<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_suffix(self.domain.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_suffix('.') }
    }

    /// What the zone holds for what is left of a name inside.
    fn find_below(&self, below: &str) -> Found<'_> {
        let labels: Vec<&str> = below.rsplit('.').filter(|label| !label.is_empty()).collect();
        self.find(&labels)
    }

    /// What the zone holds for `labels` below the cluster domain, the last label first.
    fn find(&self, labels: &[&str]) -> Found<'_> {
        match labels {
            [] | ["svc"] => Found::Empty,
            ["dns-version"] => Found::Version,
            ["svc", namespace, rest @ ..] if self.namespaces.contains(*namespace) => {
                self.find_service(namespace, rest)
            }
            _ => Found::Nothing,
        }
    }

    fn find_service(&self, namespace: &str, labels: &[&str]) -> Found<'_> {
        let [name, rest @ ..] = labels else { return Found::Empty };
        let key = (namespace.to_owned(), (*name).to_owned());
        let Some(service) = self.services.get(&key) else { return Found::Nothing };
        let is_empty = service.addresses.is_empty() && service.addresses_six.is_empty();
        if service.headless && is_empty {
            return Found::Nothing;
        }
        match rest {
            [] => Found::Service(service, None),
            [protocol, port] => {
                let port = port.strip_prefix('_').filter(|_| *protocol == "_tcp");
                match port.and_then(|port| service.ports.iter().find(|(name, _)| name == port)) {
                    Some((name, _)) => Found::Service(service, Some(name)),
                    None => Found::Nothing,
                }
            }
            [pod] => {
                let address = service.addresses.iter().find(|ip| pod_name(**ip) == *pod);
                match address.filter(|_| service.headless) {
                    Some(address) => Found::Pod(*address),
                    None => Found::Nothing,
                }
            }
            _ => Found::Nothing,
        }
    }
}

// === impl Service, Fault ===

impl Service {
    /// Its addresses of the family asked for.
    fn addresses_of(&self, kind: RecordType) -> Vec<IpAddr> {
        let four =
            self.addresses.iter().copied().map(IpAddr::from).filter(|_| kind == RecordType::A);
        let six = self.addresses_six.iter().copied().map(IpAddr::from);
        four.chain(six.filter(|_| kind == RecordType::AAAA)).collect()
    }
}

impl Fault {
    /// What it is for one question.
    fn of(self, kind: RecordType, is_inside: bool) -> Self {
        match self {
            Self::Six(fault) if kind == RecordType::AAAA => *fault,
            Self::Outside(fault) if !is_inside => *fault,
            Self::Six(_) | Self::Outside(_) => Self::None,
            Self::None
            | Self::PortClosed
            | Self::ServFail
            | Self::Refused
            | Self::Silent
            | Self::Unsynchronised
            | Self::NxDomainAll
            | Self::Truncate
            | Self::GarbageBytes
            | Self::Slow(_)
            | Self::TcpOnly
            | Self::LosesFirst
            | Self::Lame
            | Self::BareAlias => self,
        }
    }
}

enum Found<'a> {
    /// The name exists, without records.
    Empty,
    Version,
    Service(&'a Service, Option<&'a str>),
    Pod(Ipv4Addr),
    /// The name does not exist.
    Nothing,
}

/// The name that CoreDNS gives to an endpoint.
fn pod_name(ip: Ipv4Addr) -> String {
    ip.to_string().replace('.', "-")
}

/// The question for people, the answer to it, and how the server fails for it; none for what is no
/// question.
pub fn answer(bytes: &[u8], zone: &Zone, fault: Fault) -> Option<(String, Message, Fault)> {
    let request = Message::from_vec(bytes).ok()?;
    let query = request.queries.first()?.clone();
    let (name, kind) = (query.name().to_lowercase(), query.query_type());
    let text = name.to_ascii();
    let text = text.trim_end_matches('.');
    let fault = fault.of(kind, zone.below(text).is_some());
    let mut message = Message::response(request.metadata.id, request.metadata.op_code);
    message.metadata.recursion_desired = request.metadata.recursion_desired;
    message.add_query(query);
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD);
        message.set_edns(edns);
    }
    fill(&mut message, &name, kind, zone, fault);
    Some((format!("{text} {kind}"), message, fault))
}

fn fill(message: &mut Message, name: &Name, kind: RecordType, zone: &Zone, fault: Fault) {
    let text = name.to_ascii();
    let text = text.trim_end_matches('.');
    match (fault, zone.below(text)) {
        (Fault::Lame, _) => {}
        (Fault::ServFail, _) => message.metadata.response_code = ResponseCode::ServFail,
        (Fault::Refused, _) => message.metadata.response_code = ResponseCode::Refused,
        // It knows its own version before it knows any Service.
        (Fault::Unsynchronised, Some(below)) if below != "dns-version" => {
            deny(message, ResponseCode::ServFail, zone.soa(0));
        }
        (Fault::NxDomainAll, _) => deny(message, ResponseCode::NXDomain, zone.soa(SERIAL)),
        (_, Some(below)) => {
            found(message, name, kind, zone, &zone.find_below(below));
            if fault == Fault::BareAlias {
                message.answers.truncate(1);
            }
        }
        (_, None) => outside(message, name, kind, zone, zone.outside.get(text).copied()),
    }
}

fn deny(message: &mut Message, code: ResponseCode, soa: Option<Record>) {
    message.metadata.authoritative = true;
    message.metadata.response_code = code;
    message.authorities.extend(soa);
}

fn found(message: &mut Message, name: &Name, kind: RecordType, zone: &Zone, found: &Found<'_>) {
    message.metadata.authoritative = true;
    match found {
        Found::Nothing => return deny(message, ResponseCode::NXDomain, zone.soa(SERIAL)),
        Found::Version if kind == RecordType::TXT => {
            let text = TXT::new(vec!["1.1.0".to_owned()]);
            message.add_answer(Record::from_rdata(name.clone(), VERSION_TTL, RData::TXT(text)));
        }
        Found::Pod(ip) if kind == RecordType::A => {
            message.add_answer(address(name, (*ip).into()));
        }
        Found::Service(Service { external: Some(other), .. }, _) if kind != RecordType::SRV => {
            alias(message, name, kind, zone, other);
        }
        Found::Service(service, None) if matches!(kind, RecordType::A | RecordType::AAAA) => {
            message.add_answers(service.addresses_of(kind).into_iter().map(|ip| address(name, ip)));
        }
        Found::Service(service, port) if kind == RecordType::SRV && service.external.is_none() => {
            srv(message, name, service, *port);
        }
        Found::Empty | Found::Version | Found::Pod(_) | Found::Service(..) => {}
    }
    if message.answers.is_empty() {
        message.authorities.extend(zone.soa(SERIAL));
    }
}

fn address(name: &Name, ip: IpAddr) -> Record {
    let data = match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    Record::from_rdata(name.clone(), TTL, data)
}

/// An alias and what it stands for. CoreDNS asks itself for the latter: an alias to a name outside
/// that nobody knows comes alone, one to a name inside does not come at all
/// (`plugin/backend_lookup.go`).
fn alias(message: &mut Message, name: &Name, kind: RecordType, zone: &Zone, other: &str) {
    let (mut owner, mut other) = (name.clone(), other);
    for _ in 0..MAX_ALIASES {
        let Ok(target) = Name::from_str(&format!("{other}.")) else { return };
        let alias = RData::CNAME(CNAME(target.clone()));
        message.add_answer(Record::from_rdata(owner, TTL, alias));
        if !matches!(kind, RecordType::A | RecordType::AAAA) {
            return;
        }
        match zone.below(other).map(|below| zone.find_below(below)) {
            Some(Found::Service(Service { external: Some(further), .. }, _)) => other = further,
            Some(Found::Service(service, None)) => {
                let addresses = service.addresses_of(kind);
                if addresses.is_empty() {
                    message.answers.clear();
                }
                message.add_answers(addresses.into_iter().map(|ip| address(&target, ip)));
                return;
            }
            Some(Found::Empty | Found::Version | Found::Service(..) | Found::Pod(_)) => return,
            Some(Found::Nothing) => return message.answers.clear(),
            None => {
                let ip = zone.outside.get(other).filter(|_| kind == RecordType::A);
                message.add_answers(ip.map(|ip| address(&target, (*ip).into())));
                return;
            }
        }
        owner = target;
    }
}

/// A row for each port, and for each endpoint of a headless Service; addresses of the targets
/// beside.
fn srv(message: &mut Message, name: &Name, service: &Service, only: Option<&str>) {
    // The Service's own name, without the two labels of a port.
    let base = if only.is_some() { name.base_name().base_name() } else { name.clone() };
    let targets: Vec<(Name, Ipv4Addr)> = service
        .addresses
        .iter()
        .map(|ip| {
            let pod = Name::from_str(&pod_name(*ip)).and_then(|pod| pod.append_domain(&base));
            (pod.ok().filter(|_| service.headless).unwrap_or_else(|| base.clone()), *ip)
        })
        .collect();
    let ports: Vec<u16> = service
        .ports
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only == name))
        .map(|(_, port)| *port)
        .collect();
    let rows = ports.len() * targets.len();
    let weight = u16::try_from(100 / rows.max(1)).unwrap_or(1);
    for port in ports {
        for (target, _) in &targets {
            let srv = SRV::new(0, weight, port, target.clone());
            message.add_answer(Record::from_rdata(name.clone(), TTL, RData::SRV(srv)));
        }
    }
    for (target, ip) in targets {
        message.add_additional(Record::from_rdata(target, TTL, RData::A(A(ip))));
    }
}

/// Names that others hold, as a forwarder passes them on.
fn outside(
    message: &mut Message,
    name: &Name,
    kind: RecordType,
    zone: &Zone,
    address: Option<Ipv4Addr>,
) {
    message.metadata.recursion_available = true;
    let root = || {
        let name = |text| Name::from_str(text).ok();
        let servers = name("a.root-servers.net.")?;
        let soa =
            SOA::new(servers, name("nstld.verisign-grs.com.")?, 1, 1800, 900, 604_800, 86_400);
        Some(Record::from_rdata(Name::root(), 30, RData::SOA(soa)))
    };
    match address {
        Some(ip) if kind == RecordType::A => {
            message.add_answer(Record::from_rdata(name.clone(), 30, RData::A(A(ip))));
        }
        Some(_) => message.authorities.extend(root()),
        None if zone.forwards => {
            message.metadata.response_code = ResponseCode::NXDomain;
            message.authorities.extend(root());
        }
        None => message.metadata.response_code = ResponseCode::ServFail,
    }
}
