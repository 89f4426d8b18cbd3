//! The names, and what the three say of them.

use std::net::Ipv4Addr;

use promlink::demo::dns::{Service, Zone};
use promlink::demo::fault::Dns as Fault;

use super::{FAILED, NO_ADDRESS, NO_NAME, Row};

/// What both servers know.
pub fn zone() -> Zone {
    let mut zone = Zone::default();
    let four = |last: &[u8]| last.iter().map(|last| Ipv4Addr::new(10, 1, 0, *last)).collect();
    let cluster = |last: &[u8]| Service { addresses: four(last), ..Service::default() };
    let six = |last: u16| vec![[0xfd00, 0, 0, 0, 0, 0, 0, last].into()];
    let alias = |to: &str| Service { external: Some(to.to_owned()), ..Service::default() };
    for (name, service) in [
        ("prometheus-k8s", cluster(&[1])),
        ("dual", Service { addresses_six: six(2), ..cluster(&[2]) }),
        ("six", Service { addresses_six: six(3), ..cluster(&[]) }),
        ("prometheus-operated", Service { headless: true, ..cluster(&[11, 12, 13]) }),
        ("unready", Service { headless: true, ..cluster(&[]) }),
        ("external", alias("prometheus.example.org")),
        ("chain", alias("alias.monitoring.svc.cluster.local")),
        ("alias", alias("dual.monitoring.svc.cluster.local")),
        ("dead", alias("nobody.example.org")),
        ("my_prometheus", cluster(&[4])),
        ("-prometheus", cluster(&[5])),
    ] {
        zone.services.insert(("monitoring".to_owned(), name.to_owned()), service);
    }
    zone.services.insert(("default".to_owned(), "elsewhere".to_owned()), cluster(&[6]));
    for (name, last) in [
        ("prometheus.example.org", 1),
        ("prometheus-k8s.monitoring.svc", 2),
        ("prometheus-k8s.monitoring.corp.example", 3),
        ("prometheus", 4),
        ("xn--bcher-kva.example", 5),
        ("app.localhost", 6),
        ("localhost", 7),
        ("127.1", 8),
        ("10.0.0.1.cluster.local", 9),
        ("prometheus.hostdomain.example", 10),
    ] {
        zone.outside.insert(name.to_owned(), Ipv4Addr::new(203, 0, 113, last));
    }
    zone
}

pub fn rows() -> Vec<Row> {
    [names(), search(), literals(), hosts(), answers(), servers()].into_iter().flatten().collect()
}

const FULL: &str = "prometheus-k8s.monitoring.svc.cluster.local";
const DUAL: &str = "dual.monitoring.svc.cluster.local";

fn names() -> Vec<Row> {
    vec![
        Row::new("a name in full", FULL, "10.1.0.1"),
        Row::new("a trailing dot", "prometheus-k8s.monitoring.svc.cluster.local.", "10.1.0.1"),
        Row::new("a trailing dot after too little", "prometheus-k8s.", NO_NAME),
        Row::new("upper case", "PROMETHEUS-K8S.Monitoring.svc.cluster.LOCAL", "10.1.0.1"),
        Row::new("a name outside the cluster", "prometheus.example.org", "203.0.113.1"),
        Row::new("an underscore", "my_prometheus.monitoring", "10.1.0.4"),
        Row::new("a hyphen first", "-prometheus.monitoring.svc.cluster.local", NO_NAME),
        Row::new("letters beyond ASCII", "bücher.example", "203.0.113.5"),
        Row::new(
            "a label of 63",
            "a23456789-123456789-123456789-123456789-123456789-123456789-123.example.org",
            NO_NAME,
        ),
    ]
}

fn search() -> Vec<Row> {
    vec![
        Row::new("a Service of the same namespace", "prometheus-k8s", "10.1.0.1"),
        Row::new("`service.namespace`", "elsewhere.default", "10.1.0.6"),
        Row::new("`service.namespace.svc`", "dual.monitoring.svc", "10.1.0.2 fd00::2"),
        Row::new("the search list comes before the name as written", "prometheus-k8s.monitoring.svc", "10.1.0.1"),
        Row::new("the name as written comes first, with ndots:2", "prometheus-k8s.monitoring.svc", "203.0.113.2")
            .resolv("nameserver 127.0.0.1\nsearch cluster.local\noptions ndots:2 timeout:1 attempts:1\n"),
        Row::new("ndots:0, and a single label that exists both ways", "prometheus", "203.0.113.4")
            .resolv("nameserver 127.0.0.1\nsearch example.org\noptions ndots:0 timeout:1 attempts:1\n"),
        Row::new("ndots:1, and a single label that exists both ways", "prometheus", "203.0.113.1")
            .resolv("nameserver 127.0.0.1\nsearch example.org\noptions timeout:1 attempts:1\n"),
        Row::new("a single label that only the root knows", "prometheus", "203.0.113.4"),
        Row::new("a foreign domain first in the search list takes the name", "prometheus-k8s.monitoring", "203.0.113.3")
            .resolv("nameserver 127.0.0.1\nsearch corp.example svc.cluster.local\noptions ndots:5 timeout:1 attempts:1\n"),
        Row::new("no search list", "prometheus-k8s", NO_NAME)
            .resolv("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
        Row::new("`domain` after `search`", "prometheus-k8s", "10.1.0.1")
            .resolv("nameserver 127.0.0.1\nsearch nowhere.example\ndomain monitoring.svc.cluster.local\noptions timeout:1 attempts:1\n"),
        Row::new("`search` after `domain`", "prometheus-k8s", "10.1.0.1")
            .resolv("nameserver 127.0.0.1\ndomain nowhere.example\nsearch monitoring.svc.cluster.local\noptions timeout:1 attempts:1\n"),
        Row::new("two `search` lines", "prometheus-k8s", NO_NAME)
            .resolv("nameserver 127.0.0.1\nsearch monitoring.svc.cluster.local\nsearch nowhere.example\noptions timeout:1 attempts:1\n"),
        Row::new("`search` with dots at the ends, upper case and tabs", "prometheus-k8s", "10.1.0.1")
            .resolv("nameserver\t127.0.0.1\nsearch\tMonitoring.svc.cluster.local.\noptions\tndots:5 timeout:1 attempts:1\n"),
        Row::new("eight entries in the search list", "prometheus-k8s", "10.1.0.1")
            .resolv("nameserver 127.0.0.1\nsearch a.example b.example c.example d.example e.example f.example g.example monitoring.svc.cluster.local\noptions ndots:5 timeout:1 attempts:1\n"),
        Row::new("comments, and options that nobody knows", "prometheus-k8s", "10.1.0.1")
            .resolv("; one\n# two\nnameserver 127.0.0.1\nsearch monitoring.svc.cluster.local\noptions nonsense ndots:5 timeout:1 attempts:1\nnonsense 1\n"),
        Row::new("no server at all", FULL, "10.1.0.1")
            .resolv("search cluster.local\noptions timeout:1 attempts:1\n"),
    ]
}

fn literals() -> Vec<Row> {
    vec![
        Row::new("an IPv4 address", "10.0.0.1", "10.0.0.1"),
        Row::new("an IPv6 address", "fd00::7", "fd00::7"),
        Row::new("a short IPv4 address", "127.1", NO_NAME),
        Row::new("an IPv4 address with leading zeros", "010.0.0.1", NO_NAME),
        Row::new("an IPv4 address with trailing dot", "10.0.0.1.", NO_NAME),
    ]
}

fn hosts() -> Vec<Row> {
    vec![
        Row::new("a line in `/etc/hosts`", "db", "10.2.0.1").hosts("10.2.0.1 db db.example # 10.2.0.9 db\n"),
        Row::new("`/etc/hosts` without regard to case", "DB.example", "10.2.0.1").hosts("10.2.0.1 db Db.Example\n"),
        Row::new("`/etc/hosts`, several lines and both families", "db.example", "10.2.0.1 10.2.0.2 fd00::8")
            .hosts("10.2.0.1 db.example\n10.2.0.2 db.example\nfd00::8 db.example\n"),
        Row::new("`/etc/hosts` has the name's IPv4 address alone", DUAL, "10.2.0.1")
            .hosts("10.2.0.1 dual.monitoring.svc.cluster.local\n"),
        Row::new("a short name in `/etc/hosts` that the search list completes as well", "dual", "10.2.0.1")
            .hosts("10.2.0.1 dual\nfd00::8 dual\n"),
        Row::new("`/etc/hosts` has the name in full", "dual", "10.1.0.2 fd00::2")
            .hosts("10.2.0.1 dual.monitoring.svc.cluster.local\nfd00::8 dual.monitoring.svc.cluster.local\n"),
        Row::new("a trailing dot, and `/etc/hosts` without", "db.example.", "10.2.0.1").hosts("10.2.0.1 db.example\n"),
        Row::new("`localhost`, as every `/etc/hosts` has it", "localhost", "127.0.0.1 ::1")
            .hosts("127.0.0.1 localhost\n::1 localhost\n"),
        Row::new("`localhost`, and `/etc/hosts` is empty", "localhost", "127.0.0.1 ::1"),
        Row::new("a name below `localhost`", "app.localhost", "203.0.113.6"),
        Row::new("`nsswitch.conf` puts `dns` before `files`", FULL, "10.2.0.1").hosts("10.2.0.1 prometheus-k8s.monitoring.svc.cluster.local\n")
            .nsswitch("hosts: dns files\n"),
        Row::new("`nsswitch.conf` has `files` alone", FULL, "10.1.0.1").nsswitch("hosts: files\n"),
    ]
}

fn answers() -> Vec<Row> {
    vec![
        Row::new("both families", DUAL, "10.1.0.2 fd00::2"),
        Row::new("IPv6 alone", "six.monitoring.svc.cluster.local", "fd00::3"),
        Row::new("a headless Service", "prometheus-operated.monitoring", "10.1.0.11 10.1.0.12 10.1.0.13"),
        Row::new("a headless Service without ready pods", "unready.monitoring", NO_NAME),
        Row::new("an ExternalName", "external.monitoring", "203.0.113.1"),
        Row::new("a chain of aliases, and both families at its end", "chain", "10.1.0.2 fd00::2"),
        Row::new("an alias to a name that nobody knows", "dead.monitoring.svc.cluster.local.", NO_NAME),
        Row::new("an alias alone, and the server knows what it stands for", "external.monitoring.svc.cluster.local.", "203.0.113.1")
            .faults(Fault::BareAlias, Fault::None),
        Row::new("NXDOMAIN for every candidate", "nobody.monitoring", NO_NAME),
        Row::new("a name without any address", "monitoring.svc.cluster.local.", NO_ADDRESS),
        Row::new("a name without any address, by the search list", "monitoring.svc", NO_ADDRESS),
        Row::new("truncated over UDP", DUAL, "10.1.0.2 fd00::2").faults(Fault::Truncate, Fault::None),
        Row::new("SERVFAIL for IPv6 alone", DUAL, "10.1.0.2").faults(Fault::Six(&Fault::ServFail), Fault::None),
        Row::new("NXDOMAIN for IPv6 alone", DUAL, "10.1.0.2").faults(Fault::Six(&Fault::NxDomainAll), Fault::None),
        Row::new("silence for IPv6 alone", DUAL, "10.1.0.2").faults(Fault::Six(&Fault::Silent), Fault::None),
        Row::new("SERVFAIL for IPv6, and no IPv4 address", "six.monitoring.svc.cluster.local.", FAILED).faults(Fault::Six(&Fault::ServFail), Fault::None),
        Row::new("SERVFAIL for the first candidate", "prometheus-k8s.monitoring", "10.1.0.1")
            .resolv("nameserver 127.0.0.1\nsearch down.example svc.cluster.local\noptions ndots:5 timeout:1 attempts:1\n")
            .faults(Fault::Outside(&Fault::ServFail), Fault::None),
        Row::new("silence for the first candidate", "prometheus-k8s.monitoring", "10.1.0.1")
            .resolv("nameserver 127.0.0.1\nsearch down.example svc.cluster.local\noptions ndots:5 timeout:1 attempts:1\n")
            .faults(Fault::Outside(&Fault::Silent), Fault::None),
        Row::new("SERVFAIL for the first candidate, and denial for the rest", "nobody.monitoring", FAILED)
            .resolv("nameserver 127.0.0.1\nsearch down.example svc.cluster.local\noptions ndots:0 timeout:1 attempts:1\n")
            .faults(Fault::Outside(&Fault::ServFail), Fault::None),
    ]
}

const TWO: &str = "nameserver 127.0.0.1\nnameserver 127.0.0.2\nsearch cluster.local\n\
                   options timeout:1 attempts:1\n";

fn servers() -> Vec<Row> {
    let first =
        |what, fault, ours| Row::new(what, FULL, ours).resolv(TWO).faults(fault, Fault::None);
    vec![
        first("the first of two servers is dead", Fault::PortClosed, "10.1.0.1"),
        first("the first of two servers is silent", Fault::Silent, "10.1.0.1"),
        first("the first of two servers says SERVFAIL", Fault::ServFail, "10.1.0.1"),
        first("the first of two servers says REFUSED", Fault::Refused, "10.1.0.1"),
        first("the first of two servers says NXDOMAIN", Fault::NxDomainAll, NO_NAME),
        first("the first of two servers has no say", Fault::Lame, "10.1.0.1"),
        first("the second of two servers is dead", Fault::None, "10.1.0.1").faults(Fault::None, Fault::PortClosed),
        Row::new("SERVFAIL", FULL, FAILED).faults(Fault::ServFail, Fault::None),
        Row::new("REFUSED", FULL, FAILED).faults(Fault::Refused, Fault::None),
        Row::new("nothing listens", FULL, FAILED).faults(Fault::PortClosed, Fault::None),
        Row::new("silence", FULL, FAILED).faults(Fault::Silent, Fault::None),
        Row::new("UDP is blocked, and `use-vc`", FULL, "10.1.0.1")
            .resolv("nameserver 127.0.0.1\nsearch cluster.local\noptions use-vc timeout:1 attempts:1\n")
            .faults(Fault::TcpOnly, Fault::None),
        Row::new("only the fourth server answers", FULL, FAILED)
            .resolv("nameserver 127.0.0.3\nnameserver 127.0.0.4\nnameserver 127.0.0.5\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
    ]
}
