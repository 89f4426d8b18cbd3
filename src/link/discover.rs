//! Which data sources of a Grafana become links, and what those links are like.
//!
//! What a Grafana lists was written by others, so nothing of ours goes where it points but a bare
//! request: no credentials, and only to hosts of the cluster and those that a person allowed.

use std::net::IpAddr;
use std::time::Duration;

use crate::link::{DatasourceRef, Link, LinkName, Method, TlsOptions};

/// Types of data sources that speak Prometheus' language: Grafana's own, and those of Amazon and
/// Azure, which are their own since Grafana 13.
pub const TYPES: [&str; 3] =
    ["prometheus", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource"];

/// How one Grafana's data sources are found.
#[derive(Clone, Debug, PartialEq)]
pub struct Discover {
    /// Types that become links.
    pub types: Vec<String>,
    /// Names or uids that become links.
    pub include: Vec<Pattern>,
    /// Names or uids that do not, although included.
    pub exclude: Vec<Pattern>,
    /// From one list to the next.
    pub interval: Duration,
    /// The most links.
    pub limit: usize,
    /// Where the short names in data sources' URLs are at home: Grafana's own namespace.
    pub namespace: Option<String>,
    /// Hosts that promlink may ask by itself, beside those of the cluster.
    pub allow: Vec<Pattern>,
    /// What links are like; the first that matches counts, and the last one matches all.
    pub templates: Vec<Template>,
}

/// What found links are like.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The name or uid of the data source.
    pub matches: Pattern,
    /// A link with everything but its name and data source. Its direct end is one that a person
    /// wrote down, which replaces the one that is found.
    pub link: Link,
    /// The direct end is the one that is found, if promlink may go there.
    pub finds_direct: bool,
    /// What the direct end's certificate is verified with.
    pub trust: TlsOptions,
    /// The method that a person chose; else it is the data source's.
    pub method: Option<Method>,
}

/// Text in which `*` stands for anything, and case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// Whether promlink may go to a link's direct end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leave {
    /// A person wrote it down.
    #[default]
    Given,
    /// A Grafana's list names it: not to addresses that are somebody's own.
    Guarded,
    /// Not at all, and why not.
    Refused(&'static str),
}

/// Addresses that nobody who writes a data source means, and some who attack a cluster do: of the
/// link itself, and where clouds hand out credentials (Amazon, Azure, Google and Oracle within the
/// link's, Alibaba, several by IPv6, Azure's wire server).
#[must_use]
pub fn is_never_asked(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || [[100, 100, 100, 200], [168, 63, 129, 16], [192, 0, 0, 192]]
                    .contains(&ip.octets())
        }
        IpAddr::V6(ip) => {
            let metadata = matches!(
                ip.segments(),
                // Amazon (its DNS, metadata and pods' credentials), Google, Oracle, Scaleway.
                [0xfd00, 0xec2, ..]
                    | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
                    | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
                    | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]
            );
            ip.is_unicast_link_local() || ip.is_multicast() || metadata
        }
    }
}

/// Addresses that are the own host to whoever asks.
#[must_use]
pub fn is_own_host(ip: IpAddr) -> bool {
    let ip = plain(ip);
    ip.is_loopback() || ip.is_unspecified() || matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 0)
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, translated (RFC 2765), by
/// NAT64 (RFC 6052, and RFC 8215 for one's own) or by 6to4.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = ip.to_canonical() else { return ip.to_canonical() };
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::from([a, b, c, d])
    };
    match six.segments() {
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low]
        | [0, 0, 0, 0, 0 | 0xffff, 0, high, low]
        | [0x2002, high, low, ..] => four(high, low),
        _ => IpAddr::V6(six),
    }
}

// === impl Leave ===

impl Leave {
    /// Whether promlink may dial this address.
    #[must_use]
    pub fn includes(self, ip: IpAddr) -> bool {
        match self {
            Self::Given => true,
            Self::Guarded => !is_never_asked(ip) && !is_own_host(ip),
            Self::Refused(_) => false,
        }
    }
}

// === impl Discover ===

impl Discover {
    /// What the link of a data source with this uid and name is like.
    #[must_use]
    pub fn template(&self, uid: &str, name: &str) -> Option<&Template> {
        self.templates.iter().find(|one| one.matches.fits(uid) || one.matches.fits(name))
    }

    /// Whether a data source of this kind, uid and name becomes a link; or why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn wants(&self, kind: &str, uid: &str, name: &str) -> Result<(), &'static str> {
        let fits =
            |patterns: &[Pattern]| patterns.iter().any(|one| one.fits(uid) || one.fits(name));
        if !self.types.iter().any(|wanted| wanted == kind) {
            Err("another type")
        } else if !fits(&self.include) {
            Err("not included")
        } else if fits(&self.exclude) {
            Err("excluded")
        } else {
            Ok(())
        }
    }

    /// The name of the link of a data source with this uid.
    #[must_use]
    pub fn link_name(&self, uid: &str) -> Option<LinkName> {
        let side = self.templates.last()?.link.grafana.as_ref()?;
        Some(LinkName::new(&format!("{}/{uid}", side.name)))
    }

    /// A link that stands for the list itself: through this Grafana, by no particular data source.
    #[must_use]
    pub fn list(&self) -> Option<Link> {
        let mut link = self.templates.last()?.link.clone();
        link.prometheus = None;
        link.grafana.as_mut()?.datasource = DatasourceRef::Default;
        Some(link)
    }
}

// === impl Pattern ===

impl Pattern {
    /// The pattern of everything.
    #[must_use]
    pub fn all() -> Self {
        Self::new("*")
    }

    /// Takes over what a person wrote.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// As it was written, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names one thing only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether `text` is meant. Each piece between stars is looked for where the one before it
    /// ended, so that no pattern takes longer than its own length times that of the text.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut left) = text.strip_prefix(first) else { return false };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for piece in middle.split('*') {
            match left.split_once(piece) {
                Some((_, after)) => left = after,
                None if piece.is_empty() => {}
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guarded_leads_neither_to_metadata_nor_to_the_own_host() {
        let check = |ip: &str, may: bool| {
            assert_eq!(Leave::Guarded.includes(ip.parse().unwrap()), may, "{ip}");
        };
        for ip in ["10.0.0.7", "192.168.1.1", "203.0.113.9", "fd00::7", "2001:db8::1"] {
            check(ip, true);
        }
        for ip in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "::1", "::", "::ffff:127.0.0.1"]
        {
            check(ip, false);
        }
        let metadata = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192"];
        metadata.iter().for_each(|ip| check(ip, false));
        let by_six = ["::ffff:169.254.1.1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"];
        by_six.iter().for_each(|ip| check(ip, false));
        let odd = ["::169.254.169.254", "::ffff:0:a9fe:a9fe", "64:ff9b:1::7f00:1", "::127.0.0.1"];
        odd.iter().for_each(|ip| check(ip, false));
        let by_six = ["fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"];
        by_six.iter().for_each(|ip| check(ip, false));
        let others = ["fe80::1", "fd00:ec2::254", "ff02::1", "224.0.0.1", "255.255.255.255"];
        others.iter().for_each(|ip| check(ip, false));
        assert!(Leave::Given.includes([127, 0, 0, 1].into()));
        assert!(!Leave::Refused("why").includes([10, 0, 0, 7].into()));
    }

    #[test]
    fn a_star_stands_for_anything() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let pattern = Pattern::new(pattern);
            yes.iter().for_each(|text| assert!(pattern.fits(text), "{pattern:?} {text}"));
            no.iter().for_each(|text| assert!(!pattern.fits(text), "{pattern:?} {text}"));
        };
        check("*", &["", "a", "ab"], &[]);
        check("dev-*", &["dev-", "dev-1", "DEV-1"], &["dev", "my-dev-1"]);
        check("*-dev", &["-dev", "a-dev"], &["a-dev-1"]);
        check("a*b", &["ab", "aab", "abb"], &["a", "b", "ba", "aba"]);
        check("a*b*c", &["abc", "aXbXc", "abbcc"], &["ac", "acb", "abcX"]);
        check("a*a", &["aa", "aba"], &["a"]);
        check("Prom", &["prom", "PROM"], &["prom1", "pro", ""]);
        check("*.svc", &["a.b.svc"], &["a.b.svc.cluster.local"]);
        check("", &[""], &["a"]);
    }
}
