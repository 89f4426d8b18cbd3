//! One name, three resolvers: ours, the one that most Rust programs use, and the system's.
//!
//! All three read the same files of the same machine and ask the same servers. What they agree on
//! is what a name means; where they do not, the line says why, so that nobody has to guess which
//! one a program like Grafana follows. It follows Go's, and so do we.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use futures_util::future::join3;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ServerOrderingStrategy};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use promlink::config::{Sources, load_bytes};
use promlink::demo::dns::{self, Dns};
use promlink::demo::fault::Dns as Fault;

use crate::faults::row::check;
use crate::{namespace, need};

mod rows;

/// One name in one place.
pub struct Row {
    /// What is special about it.
    what: &'static str,
    asked: &'static str,
    machine: Machine,
    /// How the first and the second server fail.
    faults: [Fault; 2],
    /// What ours says: addresses, or one of the words below.
    ours: &'static str,
    /// What the others say, if it is something else, and why.
    others: Option<Others>,
}

/// Where the three differ.
struct Others {
    hickory: &'static str,
    system: &'static str,
    why: &'static str,
}

/// What the machine has in `/etc`, and its name.
#[derive(Clone, Copy)]
struct Machine {
    /// The servers in `resolv.conf`.
    servers: &'static str,
    /// What else is there.
    resolv: &'static str,
    /// How long to wait for a server, if that matters.
    patience: &'static str,
    hosts: &'static str,
    nsswitch: &'static str,
    host_name: &'static str,
}

const NO_NAME: &str = "no such name";
const NO_ADDRESS: &str = "no address";
const FAILED: &str = "failure";
const REFUSED: &str = "refused";

/// A pod of `monitoring`.
const POD: Machine = Machine {
    servers: "nameserver 127.0.0.1\n",
    resolv: "search monitoring.svc.cluster.local svc.cluster.local cluster.local\n\
             options ndots:5\n",
    patience: "",
    hosts: "",
    nsswitch: "hosts: files dns\n",
    host_name: "promlink-0",
};
/// The least that `resolv.conf` can say, which keeps the test short.
const IMPATIENT: &str = "options timeout:1 attempts:1\n";
const SERVERS: [&str; 2] = ["127.0.0.1:53", "127.0.0.2:53"];

#[tokio::test]
async fn names() {
    prove("resolvers::names", rows::of_names()).await;
}

#[tokio::test]
async fn answers() {
    prove("resolvers::answers", rows::of_answers()).await;
}

#[tokio::test]
async fn servers() {
    prove("resolvers::servers", rows::of_servers()).await;
}

/// One row after the other: there is one `/etc` for all three.
async fn prove(test: &str, rows: Vec<Row>) {
    if !cfg!(target_env = "gnu") {
        return need::skipped(&format!("no glibc: {test}"));
    }
    if !namespace::entered(test, &["mount", "hostname"]) {
        return;
    }
    let mut servers = Vec::new();
    for address in SERVERS {
        servers.push(dns::start(address.parse().unwrap(), rows::zone()).await.unwrap());
    }
    let mut wrong = String::new();
    for row in rows {
        wrong += &row.prove(&servers).await;
    }
    assert_eq!(wrong, "");
}

/// `UPDATE_EXPECT=1` writes it.
#[test]
fn the_published_differences_are_what_is_proven() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/resolution.md");
    let rows = [rows::of_names(), rows::of_answers(), rows::of_servers()].into_iter().flatten();
    let page = page(&rows.collect::<Vec<_>>());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/resolution.md is stale: run with UPDATE_EXPECT=1");
}

fn page(rows: &[Row]) -> String {
    let (differ, agree): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.others.is_some());
    let mut page = ABOUT.replace("{count}", &rows.len().to_string());
    for row in differ {
        let Row { what, asked, ours, others: Some(Others { hickory, system, why }), .. } = row
        else {
            continue;
        };
        assert_ne!(row.of_others(), [row.ours; 2], "{what} needs no reason");
        let _infallible =
            writeln!(page, "| {what} | `{asked}` | {ours} | {hickory} | {system} | {why} |");
    }
    page.push_str(AGREE);
    for Row { what, asked, ours, .. } in agree {
        let _infallible = writeln!(page, "| {what} | `{asked}` | {ours} |");
    }
    page
}

const ABOUT: &str = "\
# How promlink resolves names

As Go does, because Grafana is written in Go: `/etc/hosts` first, then the search list by `ndots`, the
servers in the order of the file, both address families. A test asks promlink, the crate
`hickory-resolver` 0.26 and the C library (`getaddrinfo` of glibc) for the same {count} names, on one
machine with the same files and the same servers. The page is written from the test itself.

Unless a line says otherwise, it is a pod in the namespace `monitoring`, with `ndots:5`, its search
list and one server. `hickory-resolver` reads the same `resolv.conf`, and is told to ask for both
families and one server at a time, in the order of the file. *no such name* and *no address* are
denials, *failure* is anything else, and what is *refused* is an error in the configuration.

## Where they differ

| what | name | promlink | hickory-resolver | getaddrinfo | why |
|---|---|---|---|---|---|
";
const AGREE: &str = "
## Where they agree

| what | name | all three |
|---|---|---|
";

// === impl Machine, Row ===

impl Machine {
    fn furnish(&self) {
        let Self { servers, resolv, patience, hosts, nsswitch, host_name } = self;
        namespace::etc(&[
            ("resolv.conf", &format!("{servers}{resolv}{patience}")),
            ("hosts", hosts),
            ("nsswitch.conf", nsswitch),
            // As every distribution ships it.
            ("host.conf", "multi on\n"),
        ]);
        namespace::host_name(host_name);
    }
}

impl Row {
    /// All three say this.
    fn new(what: &'static str, asked: &'static str, ours: &'static str) -> Self {
        Self { what, asked, machine: POD, faults: [Fault::None; 2], ours, others: None }
    }

    fn is(self, ours: &'static str) -> Self {
        Self { ours, ..self }
    }

    fn servers(mut self, servers: &'static str) -> Self {
        self.machine.servers = servers;
        self.machine.patience = IMPATIENT;
        self
    }

    fn resolv(mut self, resolv: &'static str) -> Self {
        self.machine.resolv = resolv;
        self
    }

    fn hosts(mut self, hosts: &'static str) -> Self {
        self.machine.hosts = hosts;
        self
    }

    fn nsswitch(mut self, nsswitch: &'static str) -> Self {
        self.machine.nsswitch = nsswitch;
        self
    }

    fn host_name(mut self, host_name: &'static str) -> Self {
        self.machine.host_name = host_name;
        self
    }

    fn faults(mut self, first: Fault, second: Fault) -> Self {
        self.faults = [first, second];
        self.machine.patience = IMPATIENT;
        self
    }

    /// The others say that, because.
    fn but(mut self, hickory: &'static str, system: &'static str, why: &'static str) -> Self {
        self.others = Some(Others { hickory, system, why });
        self
    }

    /// What is wrong with it.
    async fn prove(&self, servers: &[Dns]) -> String {
        self.machine.furnish();
        for (server, fault) in servers.iter().zip(self.faults) {
            server.set(fault).await;
        }
        let (ours, hickory, system) =
            join3(ours(self.asked), hickory(self.asked), system(self.asked)).await;
        let [of_hickory, of_system] = self.of_others();
        [
            ("promlink", self.ours, ours),
            ("hickory-resolver", of_hickory, hickory),
            ("getaddrinfo", of_system, system),
        ]
        .iter()
        .filter(|(_, expected, got)| expected != got)
        .map(|(who, expected, got)| {
            format!("\n{} ({}): {who}: {expected}\n  got: {got}", self.what, self.asked)
        })
        .collect()
    }

    fn of_others(&self) -> [&'static str; 2] {
        self.others.as_ref().map_or([self.ours; 2], |others| [others.hickory, others.system])
    }
}

/// As the check `dns` of a link tells it.
async fn ours(asked: &str) -> String {
    let host = if asked.contains(':') { format!("[{asked}]") } else { asked.to_owned() };
    let yaml = format!("links: {{x: {{timeout: 4s, prometheus: {{url: 'http://{host}:9'}}}}}}");
    if load_bytes(&Sources::default(), Some(yaml.as_bytes())).is_err() {
        return REFUSED.to_owned();
    }
    let link = check(&yaml).await;
    let rows = link["checks"].as_array().unwrap();
    let dns = rows.iter().find(|row| row["check"] == "dns").unwrap();
    if dns["outcome"] == "passed" {
        let answers = dns["evidence"]["answers"].as_array().unwrap();
        return shown(answers.iter().map(|answer| answer.as_str().unwrap().parse().unwrap()));
    }
    match dns["cause"].as_str().unwrap() {
        "dns_no_address" => NO_ADDRESS,
        cause if cause.starts_with("dns_no_such") || cause == "dns_wrong_cluster_domain" => NO_NAME,
        _ => FAILED,
    }
    .to_owned()
}

async fn hickory(asked: &str) -> String {
    let Ok(mut builder) = TokioResolver::builder_tokio() else { return FAILED.to_owned() };
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.num_concurrent_reqs = 1;
    // What the file calls one attempt.
    options.attempts -= 1;
    match builder.build().unwrap().lookup_ip(asked).await {
        Ok(found) => shown(found.iter()),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let no_name = none.response_code == ResponseCode::NXDomain;
            if no_name { NO_NAME } else { NO_ADDRESS }.to_owned()
        }
        // It cannot be a name, for hickory.
        Err(NetError::Proto(_)) => NO_NAME.to_owned(),
        Err(_) => FAILED.to_owned(),
    }
}

/// `getaddrinfo`, in the words of glibc.
async fn system(asked: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "that one is what is asked")]
    match tokio::net::lookup_host((asked, 9)).await {
        Ok(found) => shown(found.map(|address: SocketAddr| address.ip())),
        Err(error) => match error.to_string() {
            text if text.ends_with("Name or service not known") => NO_NAME,
            text if text.ends_with("No address associated with hostname") => NO_ADDRESS,
            _ => FAILED,
        }
        .to_owned(),
    }
}

/// In any order: RFC 6724 has one for each machine.
fn shown(addresses: impl Iterator<Item = IpAddr>) -> String {
    let addresses: BTreeSet<IpAddr> = addresses.collect();
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
}
