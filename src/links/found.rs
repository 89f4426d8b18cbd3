//! From the lists of a Grafana's data sources to links.
//!
//! A list is what a token may see at one moment. One that fails, is empty or is suddenly much
//! shorter says more about the token, or about a database that is being restored, than about data
//! sources. So what is there counts at once, and what is missing only after some whole lists; until
//! then its link stays, and is blind.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::classify::grafana_answer::Datasource;
use crate::link::discover::{Discover, Leave, Template, is_never_asked, is_own_host};
use crate::link::{
    BaseUrl, DatasourceRef, Endpoint, GrafanaSide, HttpOptions, Link, LinkName, Method, QueryPlan,
    TlsOptions,
};

/// Data sources read of one list: as many as Grafana lists (`datasource_limit`).
pub const MAX_READ: usize = 5000;
/// Whole lists in a row that must lack a data source before its link goes.
const MISSED: u32 = 3;
/// Grafana's own limit is 40; what is longer is no uid, and would be in every series.
const MAX_UID_CHARS: usize = 100;
/// Grafana's own limit.
const MAX_NAME_CHARS: usize = 190;

/// What one Grafana's lists have told.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    known: BTreeMap<String, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    source: Datasource,
    /// Whole lists in a row that lacked it.
    missed: u32,
    /// The last list that was not empty had it.
    in_last: bool,
}

/// A link that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The link.
    pub link: Arc<Link>,
    /// Its data source is the organisation's default.
    pub is_default: bool,
}

/// What a list changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Why it says nothing about what it lacks.
    pub doubt: Option<&'static str>,
    /// Links that go.
    pub gone: Vec<LinkName>,
    /// Data sources that are no links, by name, and why.
    pub skipped: Vec<(String, &'static str)>,
}

impl Memory {
    /// Takes in a list that was read whole.
    pub fn hear(&mut self, discover: &Discover, list: Vec<Datasource>) -> Heard {
        let mut heard = Heard::default();
        if list.is_empty() {
            heard.doubt = Some("it is empty");
            return heard;
        }
        let is_cut = list.len() > MAX_READ;
        self.known.retain(|_, known| wants(discover, &known.source).is_ok());
        let before = self.known.values().filter(|known| known.in_last).count();
        self.known.values_mut().for_each(|known| known.in_last = false);
        let mut now = 0;
        for source in list.into_iter().take(MAX_READ) {
            let is_known = self.known.contains_key(&source.uid);
            let fits = is_known || self.known.len() < discover.limit;
            match wants(discover, &source) {
                Ok(()) if fits => {
                    now += 1;
                    let known = Known { source, missed: 0, in_last: true };
                    self.known.insert(known.source.uid.clone(), known);
                }
                Ok(()) => heard.skipped.push((source.name, "over the limit")),
                Err(why) => heard.skipped.push((source.name, why)),
            }
        }
        heard.doubt = if is_cut {
            Some("it is longer than promlink reads")
        } else if has_shrunk(before, now) {
            Some("it is much shorter than the one before")
        } else {
            None
        };
        if heard.doubt.is_none() {
            self.known.values_mut().filter(|known| !known.in_last).for_each(|k| k.missed += 1);
        }
        self.known.retain(|uid, known| {
            let stays = known.missed < MISSED;
            heard.gone.extend((!stays).then(|| discover.link_name(uid)).flatten());
            stays
        });
        heard
    }

    /// How many links there are.
    #[must_use]
    pub fn count(&self, discover: &Discover) -> usize {
        self.wanted(discover).count()
    }

    fn wanted(&self, discover: &Discover) -> impl Iterator<Item = &Known> {
        let wanted = |known: &&Known| wants(discover, &known.source).is_ok();
        self.known.values().filter(wanted).take(discover.limit)
    }

    /// The links of what is known, sorted by uid.
    #[must_use]
    pub fn links(&self, discover: &Discover, zone: &str) -> Vec<Found> {
        let link = |known: &Known| {
            let source = &known.source;
            let template = discover.template(&source.uid, &source.name)?;
            let link = Arc::new(link(discover, template, source, zone)?);
            Some(Found { link, is_default: source.is_default })
        };
        self.wanted(discover).filter_map(link).collect()
    }
}

/// A fifth of what was there, and more than one: a person deletes one at a time.
fn has_shrunk(before: usize, now: usize) -> bool {
    let lost = before.saturating_sub(now);
    lost > 1 && lost * 5 > before
}

fn wants(discover: &Discover, source: &Datasource) -> Result<(), &'static str> {
    let uid = &source.uid;
    // Dots alone would lead to another path of Grafana's API; between slashes as well, because what
    // stands before it may take an escaped one for a plain one.
    let is_path = uid.split('/').any(|segment| segment.trim_matches('.').is_empty());
    if is_path || uid.len() > MAX_UID_CHARS || !uid.chars().all(|c| c.is_ascii_graphic()) {
        return Err("no valid uid");
    }
    discover.wants(&source.kind, uid, &source.name)
}

fn link(discover: &Discover, template: &Template, source: &Datasource, zone: &str) -> Option<Link> {
    let side = template.link.grafana.as_ref()?;
    let at = Surroundings { discover, side, zone };
    let (prometheus, leave) = match &template.link.prometheus {
        Some(given) => (Some(given.clone()), Leave::Given),
        None if !template.finds_direct => (None, Leave::Given),
        None => match at.direct(template, source) {
            Ok((endpoint, leave)) => (Some(endpoint), leave),
            Err(why) => (None, Leave::Refused(why)),
        },
    };
    let theirs = if source.method.as_deref() == Some("GET") { Method::Get } else { Method::Post };
    Some(Link {
        name: discover.link_name(&source.uid)?,
        prometheus,
        leave,
        grafana: Some(GrafanaSide {
            datasource: DatasourceRef::Uid(source.uid.clone()),
            ..side.clone()
        }),
        datasource_name: Some(called(&source.name)),
        query: QueryPlan {
            method: template.method.unwrap_or(theirs),
            ..template.link.query.clone()
        },
        ..template.link.clone()
    })
}

/// A name as it is, so that a configured one is recognised, as far as it is one.
fn called(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARS).collect()
}

/// What tells where a name leads.
struct Surroundings<'a> {
    discover: &'a Discover,
    side: &'a GrafanaSide,
    zone: &'a str,
}

impl Surroundings<'_> {
    /// The direct end that the data source names, if promlink may go there by itself.
    fn direct(
        &self,
        template: &Template,
        source: &Datasource,
    ) -> Result<(Endpoint, Leave), &'static str> {
        if let Some(why) = source.withholds() {
            return Err(why);
        }
        let url = source.address().map_err(|_| "the data source has no valid URL")?;
        let (host, leave) = self.host(&url.host)?;
        // A certificate is for the name that Grafana asks for.
        let server_name = (host != url.host).then(|| url.host.clone());
        let tls = TlsOptions {
            insecure_skip_verify: template.trust.insecure_skip_verify || source.tls_skip_verify,
            server_name,
            ..template.trust.clone()
        };
        let url = BaseUrl { scheme: url.scheme, host, port: url.port, path: url.path };
        Ok((Endpoint { url, http: HttpOptions { tls, ..HttpOptions::default() } }, leave))
    }

    /// The host to ask, as it is called from here.
    fn host(&self, host: &str) -> Result<(String, Leave), &'static str> {
        let allow = &self.discover.allow;
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let ip = name.parse::<IpAddr>().ok();
        if ip.is_some_and(is_never_asked) {
            return Err("the address is one of the cloud's metadata or of the link");
        }
        let is_localhost = name == "localhost" || name.ends_with(".localhost");
        if is_localhost || ip.is_some_and(is_own_host) {
            // A star is not meant to open this.
            let is_allowed = allow.iter().any(|one| one.is_exact() && one.fits(&name));
            let why = "the host is Grafana's own";
            return if is_allowed { Ok((name, Leave::Given)) } else { Err(why) };
        }
        if allow.iter().any(|one| one.fits(&name)) {
            return Ok((name, Leave::Guarded));
        }
        let zone = self.zone.trim_end_matches('.').to_ascii_lowercase();
        let in_cluster = name.ends_with(".svc") || name.ends_with(&format!(".svc.{zone}"));
        match (ip, name.matches('.').count()) {
            (None, _) if in_cluster => Ok((name, Leave::Guarded)),
            (None, 0) => match self.namespace() {
                Some(namespace) => Ok((format!("{name}.{namespace}.svc"), Leave::Guarded)),
                None => Err("the host is a short name, and `namespace` is not set"),
            },
            (None, 1) => Ok((format!("{name}.svc"), Leave::Guarded)),
            (_, _) => Err("the host is neither the cluster's nor in `allow`"),
        }
    }

    /// Grafana's namespace: as written, else as its own URL tells.
    fn namespace(&self) -> Option<&str> {
        let url = &self.side.end.endpoint.url;
        let labels: Vec<&str> = url.host.split('.').collect();
        let told = match labels.as_slice() {
            [_, namespace] if url.ip().is_none() => Some(*namespace),
            [_, namespace, "svc", ..] => Some(*namespace),
            _ => None,
        };
        self.discover.namespace.as_deref().or(told)
    }
}

#[cfg(test)]
mod tests;
