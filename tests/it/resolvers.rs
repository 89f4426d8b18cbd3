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
use promlink::demo::dns::{self, Dns};
use promlink::demo::fault::Dns as Fault;
use serde_json::Value;

use crate::faults::row::check;
use crate::namespace;

mod rows;

/// One name in one place.
pub struct Row {
    /// What is special about it.
    what: &'static str,
    asked: &'static str,
    files: Files,
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

/// What the machine has in `/etc`.
#[derive(Clone, Copy)]
struct Files {
    resolv: &'static str,
    hosts: &'static str,
    nsswitch: &'static str,
}

const NO_NAME: &str = "no such name";
const NO_ADDRESS: &str = "no address";
const FAILED: &str = "failure";

/// A pod of `monitoring`. One second and one try are the least that a file can say, and keep the
/// test short.
const POD: &str = "\
nameserver 127.0.0.1
search monitoring.svc.cluster.local svc.cluster.local cluster.local
options ndots:5 timeout:1 attempts:1
";
const SERVERS: [&str; 2] = ["127.0.0.1:53", "127.0.0.2:53"];

#[tokio::test]
async fn three_resolvers_agree_or_differ_for_a_reason() {
    if !namespace::entered("resolvers::three_resolvers_agree_or_differ_for_a_reason", &["mount"]) {
        return;
    }
    let mut servers = Vec::new();
    for address in SERVERS {
        servers.push(dns::start(address.parse().unwrap(), rows::zone()).await.unwrap());
    }
    let mut wrong = String::new();
    for row in rows::rows() {
        wrong += &row.prove(&servers).await;
    }
    assert_eq!(wrong, "");
}

/// `UPDATE_EXPECT=1` writes it.
#[test]
fn the_published_differences_are_what_is_proven() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/resolution.md");
    let page = page(&rows::rows());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/resolution.md is stale: run with UPDATE_EXPECT=1");
}

fn page(rows: &[Row]) -> String {
    let (differ, agree): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.others.is_some());
    let mut page = ABOUT.replace("{count}", &rows.len().to_string());
    for Row { what, asked, ours, others, .. } in differ {
        let Some(Others { hickory, system, why }) = others else { continue };
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
families and one server at a time, in the order of the file.

## Where they differ

| what | name | promlink | hickory-resolver | getaddrinfo | why |
|---|---|---|---|---|---|
";
const AGREE: &str = "
## Where they agree

| what | name | all three |
|---|---|---|
";

// === impl Row ===

impl Row {
    /// All three say this.
    fn new(what: &'static str, asked: &'static str, ours: &'static str) -> Self {
        let files = Files { resolv: POD, hosts: "", nsswitch: "hosts: files dns\n" };
        Self { what, asked, files, faults: [Fault::None; 2], ours, others: None }
    }

    fn resolv(mut self, resolv: &'static str) -> Self {
        self.files.resolv = resolv;
        self
    }

    fn hosts(mut self, hosts: &'static str) -> Self {
        self.files.hosts = hosts;
        self
    }

    fn nsswitch(mut self, nsswitch: &'static str) -> Self {
        self.files.nsswitch = nsswitch;
        self
    }

    fn faults(mut self, first: Fault, second: Fault) -> Self {
        self.faults = [first, second];
        self
    }

    /// The others say that, because.
    fn but(mut self, hickory: &'static str, system: &'static str, why: &'static str) -> Self {
        self.others = Some(Others { hickory, system, why });
        self
    }

    /// What is wrong with it.
    async fn prove(&self, servers: &[Dns]) -> String {
        let Files { resolv, hosts, nsswitch } = self.files;
        let files = [("resolv.conf", resolv), ("hosts", hosts), ("nsswitch.conf", nsswitch)];
        namespace::etc(&files);
        for (server, fault) in servers.iter().zip(self.faults) {
            server.set(fault).await;
        }
        let (ours, hickory, system) =
            join3(ours(self.asked), hickory(self.asked), system(self.asked)).await;
        let others = self.others.as_ref();
        let expected = [
            self.ours,
            others.map_or(self.ours, |others| others.hickory),
            others.map_or(self.ours, |others| others.system),
        ];
        let asked = self.asked;
        let go = String::from_utf8(
            tokio::task::spawn_blocking(move || {
                std::process::Command::new("/tmp/golookup").arg(asked).output().unwrap().stdout
            })
            .await
            .unwrap(),
        )
        .unwrap();
        println!(
            "{} | {} | {ours} | {hickory} | {system} | GO {}",
            self.what,
            self.asked,
            go.trim()
        );
        let mut wrong = String::new();
        for (who, (expected, got)) in ["promlink", "hickory", "getaddrinfo"]
            .iter()
            .zip(expected.iter().zip([ours, hickory, system]))
        {
            if *expected != got {
                let (what, asked) = (self.what, self.asked);
                let _infallible =
                    write!(wrong, "\n{what} ({asked}): {who}: {expected}\n  got: {got}");
            }
        }
        wrong
    }
}

/// As the check `dns` of a link tells it.
async fn ours(asked: &str) -> String {
    let host = if asked.contains(':') { format!("[{asked}]") } else { asked.to_owned() };
    let yaml = format!("links: {{x: {{timeout: 4s, prometheus: {{url: 'http://{host}:9'}}}}}}");
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
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
            ResponseCode::NXDomain => NO_NAME.to_owned(),
            _ => NO_ADDRESS.to_owned(),
        },
        Err(e) => format!("{FAILED}{e}"),
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
