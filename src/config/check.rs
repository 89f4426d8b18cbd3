//! From the layered tree to settings: every section, every mistake.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::alarms::alarms;
use super::discover::{Rest, discover};
use super::http::{HttpPart, any_url, http, login, url};
use super::link::{Around, defaults, link};
use super::node::Node;
use super::words::{
    NAME_RULE, dns_server, is_dns_name, is_name, listen_address, number, one_of, switch,
};
use super::{Base, DnsOverrides, Level, Log, LogFormat, Settings, Web};
use crate::link::discover::Discover;
use crate::link::{
    Auth, DatasourceRef, Endpoint, Grafana, GrafanaName, GrafanaSide, Link, LinkName,
};
use crate::report::facts::clean;

/// As many as a resolv.conf of any origin holds; each silent one costs a second.
const MAX_DNS_SERVERS: usize = 8;
const MAX_DNS_SEARCH: usize = 32;
/// The resolver's own limit.
const MAX_NDOTS: u64 = 15;

/// Reads the whole tree; what has mistakes is missing or built in, and the mistakes are noted.
pub fn settings(root: &Node<'_>, base: &Base, file: Option<&Path>) -> Option<Settings> {
    root.section(|keys| {
        keys.refuse("discover", "belongs to a Grafana; write it below `grafanas.NAME`");
        for key in ["assertions", "assertion_sets", "tripwire"] {
            keys.refuse(key, "belongs to a link, or to `defaults`; write it there");
        }
        let names = keys.get("grafanas", |node| Some(names(node))).unwrap_or_default();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let defaults = keys.get("defaults", |node| defaults(node, &names, base));
        let alarms = keys.get("alarms", |node| alarms(node, base)).unwrap_or_default();
        let defaults = defaults.unwrap_or_default().alarming(&alarms.rules);
        let rest = Rest { defaults: &defaults, names: &names, base };
        let (grafanas, discover) =
            keys.get("grafanas", |node| Some(grafanas(node, &rest))).unwrap_or_default();
        // A Grafana with a mistake of its own may well be one that discovers.
        let told = grafanas.len() < names.len();
        let around = Around { defaults, names, grafanas: &grafanas, base };
        let links = keys.get("links", |node| Some(links(node, &around))).unwrap_or_default();
        if file.is_some() && !keys.has("links") && discover.is_empty() && !told {
            keys.fail(
                "no link is configured; add one below `links`, or `discover: true` to a Grafana",
            );
        }
        Settings {
            links,
            discover,
            dns: keys.get("dns", dns).unwrap_or_default(),
            web: keys.get("web", web).unwrap_or_default(),
            log: keys.get("log", log).unwrap_or_default(),
            alarms,
            grafanas,
            file: file.map(PathBuf::from),
        }
    })
}

fn links(node: &Node<'_>, around: &Around<'_>) -> Vec<Link> {
    let named = named(node);
    if named.is_empty() && node.is_section() {
        node.fail("holds no link; add one");
    }
    named.into_iter().filter_map(|(name, node)| link(&name, &node, around)).collect()
}

/// The names of all Grafanas, with mistakes or without.
fn names(node: &Node<'_>) -> Vec<String> {
    // What is no section is reported when they are read.
    let named = if node.is_section() { node.named() } else { Vec::new() };
    named.into_iter().map(|(name, _)| name.to_owned()).collect()
}

type Grafanas = BTreeMap<GrafanaName, Arc<Grafana>>;

/// Those Grafanas that have no mistake, and of which of them the data sources are found.
fn grafanas(node: &Node<'_>, rest: &Rest<'_>) -> (Grafanas, BTreeMap<GrafanaName, Arc<Discover>>) {
    let (mut grafanas, mut discovers) = (BTreeMap::new(), BTreeMap::new());
    for (name, node) in named(node) {
        let Some((grafana, discover)) = grafana(&node, rest) else { continue };
        let (name, end) = (GrafanaName::new(&name), Arc::new(grafana));
        if let Some(mut discover) = discover {
            for template in &mut discover.templates {
                template.link.name = LinkName::new(name.as_str());
                let (name, end) = (name.clone(), Arc::clone(&end));
                let datasource = DatasourceRef::Default;
                template.link.grafana = Some(GrafanaSide { name, end, datasource });
            }
            discovers.insert(name.clone(), Arc::new(discover));
        }
        grafanas.insert(name, end);
    }
    (grafanas, discovers)
}

fn named<'a>(node: &Node<'a>) -> Vec<(String, Node<'a>)> {
    let checked = node.named().into_iter().map(|(name, node)| {
        if !is_name(name) {
            node.fail_at_key(NAME_RULE);
        }
        (name.to_owned(), node)
    });
    checked.collect()
}

fn grafana(node: &Node<'_>, rest: &Rest<'_>) -> Option<(Grafana, Option<Discover>)> {
    let base = rest.base;
    node.section(|keys| {
        keys.refuse("alarms", "belongs to a link, to `defaults`, or to the top for all of them");
        let url = keys.get("url", url);
        if !keys.has("url") {
            keys.fail("has no url; give it `url: http://host:3000`");
        }
        let org_id = keys.get("org_id", |node| number(node, 1..=u64::MAX));
        let http = http(keys, base).finish(&HttpPart::default());
        let http = http.map_err(|what| keys.fail(what)).ok();
        let all_addresses = keys.get("all_addresses", switch).unwrap_or(false);
        let users_queries = keys.get("users_queries", switch).unwrap_or(false);
        let bootstrap = keys.get("bootstrap", |node| login(node, base, "user"));
        let bootstrap = bootstrap.map(|(username, password)| Auth::Basic { username, password });
        let is_user =
            matches!(http.as_ref().and_then(|h| h.auth.as_ref()), Some(Auth::Basic { .. }));
        if bootstrap.is_some() && is_user {
            keys.fail("has both basic_auth and bootstrap; who signs in as a user needs no token");
        }
        let discover = keys.get_beside("discover", |node, keys| discover(node, keys, rest));
        let endpoint = Endpoint { url: url?, http: http? };
        let grafana = Grafana { endpoint, org_id, all_addresses, users_queries, bootstrap };
        Some((grafana, discover))
    })?
}

fn dns(node: &Node<'_>) -> Option<DnsOverrides> {
    node.section(|keys| DnsOverrides {
        servers: keys.get("servers", dns_servers).unwrap_or_default(),
        search: keys.get("search", dns_search),
        ndots: keys.get("ndots", |node| number(node, 0..=MAX_NDOTS)?.try_into().ok()),
    })
}

fn dns_servers(node: &Node<'_>) -> Option<Vec<std::net::SocketAddr>> {
    let items = node.items();
    if items.len() > MAX_DNS_SERVERS {
        return node.refuse(format!("has more than {MAX_DNS_SERVERS} servers"));
    }
    Some(items.into_iter().filter_map(|(node, text)| dns_server(&node, text)).collect())
}

fn dns_search(node: &Node<'_>) -> Option<Vec<String>> {
    let items = node.items();
    if items.len() > MAX_DNS_SEARCH {
        return node.refuse(format!("has more than {MAX_DNS_SEARCH} domains"));
    }
    let domain = |(node, text): (Node<'_>, &str)| {
        if !is_dns_name(text) {
            return node.refuse(format!("`{}` is no domain name", clean(text)));
        }
        Some(text.to_owned())
    };
    Some(items.into_iter().filter_map(domain).collect())
}

fn web(node: &Node<'_>) -> Option<Web> {
    node.section(|keys| Web {
        listen: keys.get("listen_address", listen_address).unwrap_or(Web::default().listen),
        external_url: keys
            .get("external_url", |node| any_url(node, "a URL without them"))
            .map(|url| url.to_string()),
    })
}

fn log(node: &Node<'_>) -> Option<Log> {
    let levels = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];
    let formats = [("logfmt", LogFormat::Logfmt), ("json", LogFormat::Json)];
    node.section(|keys| Log {
        level: keys.get("level", |node| one_of(node, &levels)).unwrap_or_default(),
        format: keys.get("format", |node| one_of(node, &formats)).unwrap_or_default(),
    })
}
