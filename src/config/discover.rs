//! `grafanas.X.discover`: which data sources become links, and what those are like.
//!
//! A link that is found takes its keys from `defaults`, as others do, with two exceptions. It is
//! looked at each minute, unless an override says otherwise: nobody counts the data sources of a
//! Grafana before switching this on. And nothing that may be secret follows it to a host that a
//! list names, wherever it was written.

use std::time::Duration;

use super::Base;
use super::link::{FOUND_EACH, INTERVAL, LinkPart, part};
use super::node::{Keys, Node};
use super::words::{duration, is_dns_name, line, number, switch};
use crate::link::discover::{Discover, Pattern, TYPES, Template};
use crate::report::facts::clean;

/// From one list to the next, unless said otherwise.
const LISTED_EACH: Duration = Duration::from_secs(300);
/// Links of one Grafana, unless said otherwise.
const LIMIT: usize = 1000;
/// As many as a Grafana lists (`datasource_limit`).
const MAX_LIMIT: u64 = 5000;
/// Patterns of one key.
const MAX_PATTERNS: usize = 100;

/// What links that are found need from the rest of the configuration.
pub struct Rest<'a> {
    /// The `defaults`.
    pub defaults: &'a LinkPart,
    /// Every Grafana that was written.
    pub names: &'a [&'a str],
    /// Where relative paths begin.
    pub base: &'a Base,
}

/// Reads the section, or the switch in its place.
pub fn discover(node: &Node<'_>, above: &Keys<'_>, rest: &Rest<'_>) -> Option<Discover> {
    if node.is_text() {
        return if switch(node)? { finish(Part::default(), above, rest) } else { None };
    }
    node.section(|keys| {
        let part = Part {
            types: keys.get("types", types),
            include: keys.get("include", include),
            exclude: keys.get("exclude", |node| patterns(node, |_| true)),
            interval: keys.get("interval", |node| duration(node, &INTERVAL)),
            limit: keys.get("limit", |node| number(node, 1..=MAX_LIMIT)),
            namespace: keys.get("namespace", namespace),
            allow: keys.get("allow", |node| patterns(node, is_host)),
            overrides: keys.get("overrides", |node| Some(overrides(node, rest))),
        };
        finish(part, keys, rest)
    })?
}

#[derive(Default)]
struct Part {
    types: Option<Vec<String>>,
    include: Option<Vec<Pattern>>,
    exclude: Option<Vec<Pattern>>,
    interval: Option<Duration>,
    limit: Option<u64>,
    namespace: Option<String>,
    allow: Option<Vec<Pattern>>,
    overrides: Option<Vec<Template>>,
}

fn finish(part: Part, keys: &Keys<'_>, rest: &Rest<'_>) -> Option<Discover> {
    let mut templates = part.overrides.unwrap_or_default();
    let all = Pattern::all();
    if templates.iter().all(|one| one.matches != all) {
        templates.push(LinkPart::default().template(all, rest.defaults, keys)?);
    }
    Some(Discover {
        types: part.types.unwrap_or_else(|| TYPES.map(str::to_owned).to_vec()),
        include: part.include.unwrap_or_else(|| vec![Pattern::all()]),
        exclude: part.exclude.unwrap_or_default(),
        interval: part.interval.unwrap_or(LISTED_EACH),
        limit: part.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT),
        namespace: part.namespace,
        allow: part.allow.unwrap_or_default(),
        templates,
    })
}

fn types(node: &Node<'_>) -> Option<Vec<String>> {
    let items = node.items();
    if items.is_empty() {
        return node.refuse("names no type; write [prometheus], or remove the key");
    }
    let one = |(node, text): (Node<'_>, &str)| {
        if text == "prometheus" || text.ends_with("prometheus-datasource") {
            return Some(text.to_owned());
        }
        let known = TYPES.join(", ");
        node.refuse(format!("`{}` is no type of Prometheus; there are: {known}", clean(text)))
    };
    Some(items.into_iter().filter_map(one).collect())
}

fn include(node: &Node<'_>) -> Option<Vec<Pattern>> {
    let included = patterns(node, |_| true)?;
    if included.is_empty() {
        return node.refuse("includes nothing; remove the key to include everything");
    }
    Some(included)
}

fn patterns(node: &Node<'_>, is_one: impl Fn(&str) -> bool) -> Option<Vec<Pattern>> {
    let items = node.items();
    if items.len() > MAX_PATTERNS {
        return node.refuse(format!("has more than {MAX_PATTERNS} patterns"));
    }
    let one = |(node, text): (Node<'_>, &str)| {
        if !is_one(text) {
            return node.refuse(format!(
                "`{}` is no host; write a name or an address, with `*` for any part",
                clean(text)
            ));
        }
        Some(Pattern::new(&line(&node).unwrap_or_else(|| text.to_owned())))
    };
    Some(items.into_iter().filter_map(one).collect())
}

/// A name, an address, or either with stars; neither scheme nor port.
fn is_host(text: &str) -> bool {
    let mark = |c: char| matches!(c, '.' | '-' | '_' | '*');
    text.parse::<std::net::IpAddr>().is_ok()
        || !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || mark(c))
}

fn namespace(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if !is_dns_name(text) || text.contains('.') {
        return node.refuse(format!("`{}` is no namespace", clean(text)));
    }
    Some(text.to_owned())
}

fn overrides(node: &Node<'_>, rest: &Rest<'_>) -> Vec<Template> {
    let mut all_match = false;
    let one = |node: &Node<'_>| {
        if all_match {
            return node.refuse("is never used, because the one before matches everything");
        }
        let template = node.section(|keys| {
            let matches = keys.get("match", line);
            if !keys.has("match") {
                keys.fail("has no match; give it `match: \"dev-*\"`, a name or uid");
            }
            keys.refuse("grafana", "is where the data source was found; remove it here");
            let part = part(keys, rest.names, rest.base, FOUND_EACH);
            let matches = Pattern::new(&matches?);
            all_match = matches == Pattern::all();
            part.template(matches, rest.defaults, keys)
        });
        template.flatten()
    };
    let parts = node.parts();
    if parts.len() > MAX_PATTERNS {
        node.fail(format!("has more than {MAX_PATTERNS} overrides"));
    }
    parts.iter().take(MAX_PATTERNS).filter_map(one).collect()
}
