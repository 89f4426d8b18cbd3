//! The names, and what the three say of them.

use std::net::Ipv4Addr;

use promlink::demo::dns::{Service, Zone};
use promlink::demo::fault::Dns as Fault;

use super::{FAILED, NO_ADDRESS, NO_NAME, REFUSED, Row};

/// What all servers know.
pub fn zone() -> Zone {
    let mut zone = Zone::default();
    let cluster = |last: &[u8]| {
        let addresses = last.iter().map(|last| Ipv4Addr::new(10, 1, 0, *last)).collect();
        Service { addresses, ..Service::default() }
    };
    let six = |last: u16| vec![[0xfd00, 0, 0, 0, 0, 0, 0, last].into()];
    let alias = |to: &str| Service { external: Some(to.to_owned()), ..Service::default() };
    for (name, service) in [
        ("prometheus-k8s", cluster(&[1])),
        ("dual", Service { addresses_six: six(2), ..cluster(&[2]) }),
        ("six", Service { addresses_six: six(3), ..cluster(&[]) }),
        ("my_prometheus", cluster(&[4])),
        ("prometheus-operated", Service { headless: true, ..cluster(&[11, 12, 13]) }),
        ("unready", Service { headless: true, ..cluster(&[]) }),
        ("external", alias("prometheus.example.org")),
        ("chain", alias("alias.monitoring.svc.cluster.local")),
        ("alias", alias("dual.monitoring.svc.cluster.local")),
        ("dead", alias("nobody.example.org")),
    ] {
        zone.services.insert(("monitoring".to_owned(), name.to_owned()), service);
    }
    zone.services.insert(("default".to_owned(), "elsewhere".to_owned()), cluster(&[5]));
    for (name, last) in [
        ("prometheus.example.org", 1),
        ("prometheus-k8s.monitoring.svc", 2),
        ("prometheus-k8s.monitoring.corp.example", 3),
        ("prometheus", 4),
        ("xn--bcher-kva.example", 5),
        ("app.localhost", 6),
        ("localhost", 7),
    ] {
        zone.outside.insert(name.to_owned(), Ipv4Addr::new(203, 0, 113, last));
    }
    zone
}

/// What a name is, from the files of the machine.
pub fn of_names() -> Vec<Row> {
    [names(), search(), files(), hosts()].into_iter().flatten().collect()
}

/// What an answer is, from servers that work for some questions.
pub fn of_answers() -> Vec<Row> {
    [addresses(), candidates()].into_iter().flatten().collect()
}

const FULL: &str = "prometheus-k8s.monitoring.svc.cluster.local";
const ROOTED: &str = "prometheus-k8s.monitoring.svc.cluster.local.";
const DUAL: &str = "dual.monitoring.svc.cluster.local";

fn names() -> Vec<Row> {
    vec![
        Row::new("a name in full", FULL, "10.1.0.1"),
        Row::new("a trailing dot", ROOTED, "10.1.0.1"),
        Row::new("a trailing dot after too little", "prometheus-k8s.", NO_NAME),
        Row::new("upper case", "PROMETHEUS-K8S.Monitoring.svc.cluster.LOCAL", "10.1.0.1"),
        Row::new("a name outside the cluster", "prometheus.example.org", "203.0.113.1"),
        Row::new("a hyphen first", "-prometheus.monitoring", NO_NAME),
        Row::new("an underscore", "my_prometheus.monitoring", "10.1.0.4").but(
            NO_NAME,
            "10.1.0.4",
            "hickory-proto takes a text by the rules for internationalised names, which forbid an \
             underscore within one (`Label::from_utf8`)",
        ),
        Row::new("letters beyond ASCII", "bücher.example", "203.0.113.5").but(
            "203.0.113.5",
            NO_NAME,
            "the host of a URL is put into ASCII before it is asked for, by Go's net/http as well; \
             getaddrinfo does so only where it is told to (`AI_IDN`)",
        ),
        Row::new("an IPv4 address", "10.0.0.1", "10.0.0.1"),
        Row::new("an IPv6 address", "fd00::7", "fd00::7"),
        Row::new("an IPv4 address in short", "127.1", REFUSED).but(NO_NAME, "127.0.0.1", INET_ATON),
        Row::new("an IPv4 address with a leading zero", "010.0.0.1", REFUSED)
            .but(NO_NAME, "8.0.0.1", INET_ATON),
    ]
}

const INET_ATON: &str = "getaddrinfo reads it as `inet_aton` always did, and so does the URL \
                         standard; Go takes it for a name, which Grafana then cannot resolve, so \
                         promlink's configuration refuses it";

fn search() -> Vec<Row> {
    let both = |what, asked, resolv, found| Row::new(what, asked, found).resolv(resolv);
    vec![
        Row::new("a Service of the same namespace", "prometheus-k8s", "10.1.0.1"),
        Row::new("`service.namespace`", "elsewhere.default", "10.1.0.5"),
        Row::new("`service.namespace.svc`", "dual.monitoring.svc", "10.1.0.2 fd00::2"),
        both(
            "a name that exists with the search list and as written, `ndots:5`",
            "prometheus-k8s.monitoring.svc",
            POD_ALONE,
            "10.1.0.1",
        ),
        both(
            "the same, `ndots:2`",
            "prometheus-k8s.monitoring.svc",
            "search cluster.local\noptions ndots:2\n",
            "203.0.113.2",
        ),
        both(
            "a single label that exists in both ways, `ndots:1`",
            "prometheus",
            "search example.org\n",
            "203.0.113.1",
        ),
        both(
            "the same, `ndots:0`",
            "prometheus",
            "search example.org\noptions ndots:0\n",
            "203.0.113.4",
        ),
        Row::new("a single label that exists as written alone", "prometheus", "203.0.113.4"),
        both(
            "a foreign domain at the head of the search list that has the name",
            "prometheus-k8s.monitoring",
            "search corp.example svc.cluster.local\noptions ndots:5\n",
            "203.0.113.3",
        ),
        both("no search list", "prometheus-k8s", "options ndots:5\n", NO_NAME),
        both("no search list, and a host name with a domain", "prometheus-k8s", "", "10.1.0.1")
            .host_name("web.monitoring.svc.cluster.local"),
        Row::new("a search list, and a host name with a domain", SHORT, "10.1.0.1")
            .host_name("web.corp.example")
            .but(
                "203.0.113.3",
                "10.1.0.1",
                "the host's own domain is a search list where the file has none (resolv.conf(5)); \
                 hickory-resolver always asks for it first",
            ),
    ]
}

const SHORT: &str = "prometheus-k8s.monitoring";
const POD_ALONE: &str = "search monitoring.svc.cluster.local svc.cluster.local cluster.local\n\
                         options ndots:5\n";

fn files() -> Vec<Row> {
    let found = |what, resolv| Row::new(what, "prometheus-k8s", "10.1.0.1").resolv(resolv);
    vec![
        found(
            "`resolv.conf`: `domain` after `search`",
            "search nowhere.example\ndomain monitoring.svc.cluster.local\n",
        ),
        found(
            "`resolv.conf`: `search` after `domain`",
            "domain nowhere.example\nsearch monitoring.svc.cluster.local\n",
        ),
        found(
            "`resolv.conf`: two `search` lines",
            "search nowhere.example\nsearch monitoring.svc.cluster.local\n",
        ),
        found(
            "`resolv.conf`: tabs, upper case, a dot at the end",
            "search\tMonitoring.svc.cluster.LOCAL.\noptions\tndots:5\n",
        ),
        found(
            "`resolv.conf`: eight domains in the search list",
            "search a.example b.example c.example d.example e.example f.example g.example \
             monitoring.svc.cluster.local\n",
        ),
        found(
            "`resolv.conf`: comments, and words that nobody knows",
            "# one\n; two\nsearch monitoring.svc.cluster.local\nnonsense 1\noptions nonsense\n",
        ),
        Row::new("`resolv.conf` names no server", FULL, "10.1.0.1").servers("").but(
            FAILED,
            "10.1.0.1",
            "the server is then the machine itself (resolv.conf(5)), for Go as well; \
             hickory-resolver does not begin without one",
        ),
        Row::new("UDP is blocked, and `resolv.conf` has `use-vc`", FULL, "10.1.0.1")
            .resolv("options use-vc\n")
            .faults(Fault::TcpOnly, Fault::None)
            .but(
                FAILED,
                "10.1.0.1",
                "the option wants every question over TCP (resolv.conf(5)), and Go heeds it; \
                 hickory-resolver does not read it",
            ),
    ]
}

fn hosts() -> Vec<Row> {
    let line = |what, asked, hosts, found| Row::new(what, asked, found).hosts(hosts);
    vec![
        line("`/etc/hosts`", "db", "10.2.0.1 db db.example # 10.2.0.9 db\n", "10.2.0.1"),
        line("`/etc/hosts`: upper case", "DB.example", "10.2.0.1 db Db.Example\n", "10.2.0.1"),
        line(
            "`/etc/hosts`: several lines, and both families",
            "db",
            "10.2.0.1 db\n10.2.0.2 db\nfd00::8 db\n",
            "10.2.0.1 10.2.0.2 fd00::8",
        ),
        line("`/etc/hosts`: no address in a line", "db", "nonsense db\n10.2.0.1 db\n", "10.2.0.1"),
        line("`/etc/hosts` has IPv4 alone, and DNS both", DUAL, HOSTS_DUAL, "10.2.0.1").but(
            "10.2.0.1 fd00::2",
            "10.2.0.1",
            "what the file knows of a name is all that there is; hickory-resolver looks a family up \
             in DNS that the file lacks (`hosts_lookup`)",
        ),
        line("`/etc/hosts` has a short name, and the search list too", "dual", "10.2.0.1 dual\n", "10.2.0.1")
            .but("10.1.0.2 fd00::2", "10.2.0.1", BY_CANDIDATE),
        line("`/etc/hosts` has the name in full, and the short one is asked for", "dual", HOSTS_DUAL, "10.1.0.2 fd00::2")
            .but("10.2.0.1 fd00::2", "10.1.0.2 fd00::2", BY_CANDIDATE),
        line("`/etc/hosts` has the name, and a dot is at its end", "db.example.", "10.2.0.1 db.example\n", "10.2.0.1")
            .but(
                "10.2.0.1",
                NO_NAME,
                "glibc compares the text as written (`nss_files`); Go makes both names absolute first",
            ),
        line("`nsswitch.conf` has `dns` before `files`", FULL, "10.2.0.1 prometheus-k8s.monitoring.svc.cluster.local\n", "10.2.0.1")
            .nsswitch("hosts: dns files\n")
            .but(
                "10.2.0.1",
                "10.1.0.1",
                "promlink and hickory-resolver do not read it. Its order is a property of the image, \
                 so promlink's would say nothing of Grafana's; where there is none, Go begins with the \
                 file as well",
            ),
        line("`localhost`", "localhost", "127.0.0.1 localhost\n::1 localhost\n", "127.0.0.1 ::1"),
        Row::new("`localhost`, and `/etc/hosts` is empty", "localhost", "127.0.0.1 ::1").but(
            "127.0.0.1 ::1",
            "203.0.113.7",
            "it never leaves the machine (RFC 6761 §6.3); glibc and Go ask DNS. The kubelet and \
             Docker write the line into every container's file",
        ),
        Row::new("a name below `localhost`", "app.localhost", "203.0.113.6").but(
            "127.0.0.1 ::1",
            "203.0.113.6",
            "RFC 6761 §6.3 means these names too, and hickory-resolver heeds it; Go asks DNS, and \
             Grafana gets what it says",
        ),
    ]
}

const HOSTS_DUAL: &str = "10.2.0.1 dual.monitoring.svc.cluster.local\n";
const BY_CANDIDATE: &str = "the file is asked for the name as written, and before DNS; \
                            hickory-resolver asks it for each candidate of the search list in turn";

fn addresses() -> Vec<Row> {
    let dual = |what, fault| {
        Row::new(what, "dual.monitoring.svc.cluster.local.", "10.1.0.2").faults(fault, Fault::None)
    };
    vec![
        Row::new("both families", DUAL, "10.1.0.2 fd00::2"),
        Row::new("IPv6 alone", "six.monitoring", "fd00::3"),
        Row::new(
            "a headless Service",
            "prometheus-operated.monitoring",
            "10.1.0.11 10.1.0.12 10.1.0.13",
        ),
        Row::new("a headless Service without a ready pod", "unready.monitoring", NO_NAME),
        Row::new("an ExternalName", "external.monitoring", "203.0.113.1"),
        Row::new("a chain of aliases to both families", "chain", "10.1.0.2 fd00::2"),
        Row::new(
            "an alias to a name that nobody knows",
            "dead.monitoring.svc.cluster.local.",
            NO_NAME,
        ),
        Row::new(
            "an alias that comes without its address",
            "external.monitoring.svc.cluster.local.",
            NO_ADDRESS,
        )
        .faults(Fault::BareAlias, Fault::None)
        .but(
            "203.0.113.1",
            NO_NAME,
            "a resolver that asks for recursion gets the whole chain (RFC 1034 §4.3.1); Go and \
                 glibc do not ask on, so Grafana does not get there. hickory-resolver does",
        ),
        Row::new("a name without an address", "monitoring.svc.cluster.local.", NO_ADDRESS),
        Row::new("NXDOMAIN for every candidate", "nobody.monitoring", NO_NAME),
        Row::new(
            "a candidate without an address, and NXDOMAIN for the others",
            "monitoring.svc",
            NO_ADDRESS,
        )
        .but(
            NO_NAME,
            NO_ADDRESS,
            "that a name exists says more than that others do not, as in glibc's \
                 `res_search`; hickory-resolver has the last candidate's word",
        ),
        dual("the answer does not fit a datagram", Fault::Truncate).is("10.1.0.2 fd00::2"),
        dual("SERVFAIL for IPv6", Fault::Six(&Fault::ServFail)),
        dual("NXDOMAIN for IPv6", Fault::Six(&Fault::NxDomainAll)),
        dual("silence for IPv6", Fault::Six(&Fault::Silent)),
        Row::new(
            "SERVFAIL for IPv6, and no IPv4 address",
            "six.monitoring.svc.cluster.local.",
            FAILED,
        )
        .faults(Fault::Six(&Fault::ServFail), Fault::None)
        .but(
            NO_ADDRESS,
            NO_ADDRESS,
            "nobody knows then whether there is one; the others have the word of the family \
                 that answered",
        ),
    ]
}

/// What a search list does when its head is a domain that others serve.
fn candidates() -> Vec<Row> {
    let head = |what, asked, fault: &'static Fault, found| {
        Row::new(what, asked, found)
            .resolv("search down.example svc.cluster.local\noptions ndots:5\n")
            .faults(Fault::Outside(fault), Fault::None)
    };
    vec![
        head("SERVFAIL for the first candidate", SHORT, &Fault::ServFail, "10.1.0.1"),
        head("REFUSED for the first candidate", SHORT, &Fault::Refused, "10.1.0.1")
            .but("10.1.0.1", FAILED, GOES_ON),
        head("silence for the first candidate", SHORT, &Fault::Silent, "10.1.0.1")
            .but("10.1.0.1", FAILED, GOES_ON),
        head(
            "SERVFAIL for the first candidate, and NXDOMAIN for the next",
            // No namespace either: the cluster's word would count then.
            "nobody.nowhere",
            &Fault::ServFail,
            FAILED,
        ),
    ]
}

const GOES_ON: &str = "Go goes on to the next candidate after any failure; glibc's `res_search` after \
                       a denial and SERVFAIL alone";

/// What a server is, from several that fail.
pub fn of_servers() -> Vec<Row> {
    let first =
        |what, fault| Row::new(what, ROOTED, "10.1.0.1").servers(TWO).faults(fault, Fault::None);
    let alone = |what, fault| Row::new(what, ROOTED, FAILED).faults(fault, Fault::None);
    vec![
        first("the second of two servers is dead", Fault::None)
            .faults(Fault::None, Fault::PortClosed),
        first("the first of two servers is dead", Fault::PortClosed)
            .but(FAILED, "10.1.0.1", NO_TIME),
        first("the first of two servers is silent", Fault::Silent).but(FAILED, "10.1.0.1", NO_TIME),
        first("the first of two servers says SERVFAIL", Fault::ServFail)
            .but(FAILED, "10.1.0.1", SAID),
        first("the first of two servers says REFUSED", Fault::Refused)
            .but(FAILED, "10.1.0.1", SAID),
        first("the first of two servers says NXDOMAIN", Fault::NxDomainAll).is(NO_NAME),
        first("the first of two servers neither answers nor knows who does", Fault::Lame).but(
            NO_ADDRESS,
            "10.1.0.1",
            "that one does not serve the name (a lame server), and the next one is asked; Go too, \
             unless the answer has an OPT record: then it is an empty answer for it",
        ),
        alone("the only server says SERVFAIL", Fault::ServFail),
        alone("the only server says REFUSED", Fault::Refused),
        alone("the only server is dead", Fault::PortClosed),
        alone("the only server is silent", Fault::Silent),
        Row::new("three servers are dead, and a fourth is not", ROOTED, FAILED).servers(FOUR),
    ]
}

const TWO: &str = "nameserver 127.0.0.1\nnameserver 127.0.0.2\n";
const FOUR: &str = "nameserver 127.0.0.3\nnameserver 127.0.0.4\nnameserver 127.0.0.5\n\
                    nameserver 127.0.0.1\n";
const NO_TIME: &str = "hickory-resolver hears no ICMP, and gives all servers together the time of \
                       one (`NameServerPool`): after a time-out none is left for the second";
const SAID: &str = "it may be that server's own trouble, so the next one is asked, by Go as well; \
                    hickory-resolver takes it for the answer";
