//! The words of the configuration: durations, switches, names, addresses.
//!
//! Each reader reports what is wrong and what to write instead, and shows the text that it refuses:
//! none of these keys holds a secret.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::node::{Node, nearest};
use crate::report::facts::clean;

/// Time spans that a link may live by: from what a timer resolves well to what fits any calendar.
pub const SPAN: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(10 * 365 * 24 * 3600);

const MAX_NAME_CHARS: usize = 100;
const MAX_TEXT_CHARS: usize = 2000;

/// A duration within `range`.
pub fn duration(node: &Node<'_>, range: &RangeInclusive<Duration>) -> Option<Duration> {
    let text = node.text()?;
    let Ok(duration) = humantime::parse_duration(text) else {
        let what =
            format!("`{}` is no duration; write a number and its unit: 15s, 2m", clean(text));
        return node.refuse(what);
    };
    let shown = |duration: &Duration| humantime::format_duration(*duration).to_string();
    if duration < *range.start() {
        return node.refuse(format!("is too short; the least is {}", shown(range.start())));
    }
    if duration > *range.end() {
        return node.refuse(format!("is too long; the most is {}", shown(range.end())));
    }
    Some(duration)
}

/// `on` or `off`, as YAML of any age spells them.
pub fn switch(node: &Node<'_>) -> Option<bool> {
    let text = node.text()?;
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => node.refuse(format!("`{}` is no switch; write `true` or `false`", clean(text))),
    }
}

/// A whole number within `range`.
pub fn number(node: &Node<'_>, range: RangeInclusive<u64>) -> Option<u64> {
    let text = node.text()?;
    let number = text.parse().ok().filter(|number| range.contains(number));
    let most = match *range.end() {
        u64::MAX => "up".to_owned(),
        most => format!("to {most}"),
    };
    number.or_else(|| {
        let least = range.start();
        node.refuse(format!("`{}` is no whole number from {least} {most}", clean(text)))
    })
}

/// A share: `50%` or `0.5`.
pub fn share(node: &Node<'_>) -> Option<f64> {
    let text = node.text()?;
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0),
        None => text.parse(),
    };
    share.ok().filter(|share| *share > 0.0 && *share <= 1.0).or_else(|| {
        node.refuse(format!("`{}` is no share; write 50% or 0.5, at most 100%", clean(text)))
    })
}

/// One of `words`.
pub fn one_of<T: Copy>(node: &Node<'_>, words: &[(&str, T)]) -> Option<T> {
    let text = node.text()?;
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, meaning)| *meaning).or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        node.refuse(format!("`{}` is none of {}", clean(text), words.join(", ")))
    })
}

/// Free text of one line.
pub fn line(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if text.trim().is_empty() {
        return node.refuse("is empty; give it a value, or remove the key");
    }
    if text.chars().count() > MAX_TEXT_CHARS {
        return node.refuse(format!("is longer than {MAX_TEXT_CHARS} characters"));
    }
    if text.chars().any(char::is_control) {
        return node.refuse("holds a line break or another control character; write one line");
    }
    Some(text.to_owned())
}

/// The name of a link or a Grafana: it stands in URLs, labels and variables.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= MAX_NAME_CHARS
        && name.chars().all(plain)
        && name.chars().any(|c| c.is_ascii_alphanumeric())
}

/// What `is_name` wants, for people.
pub const NAME_RULE: &str = "is no name; use at most 100 letters, digits, `.`, `_` and `-`";

/// A DNS server: an IP, with port 53 unless said otherwise.
pub fn dns_server(node: &Node<'_>, text: &str) -> Option<SocketAddr> {
    let ip = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    let address = ip.or_else(|_| text.parse()).ok().filter(|address| address.port() != 0);
    address.or_else(|| {
        let what = "is no IP address; write 10.0.0.10, 10.0.0.10:53 or [fd00::a]:53";
        node.refuse(format!("`{}` {what}", clean(text)))
    })
}

/// A name of the DNS, or a part of one.
pub fn is_dns_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// An address to listen at: `:10079`, `0.0.0.0:10079`, `[::1]:10079`, `localhost:10079`.
pub fn listen_address(node: &Node<'_>) -> Option<SocketAddr> {
    let text = node.text()?;
    let address = match text.rsplit_once(':') {
        // As Go does it: without a host, every address of both families.
        Some(("", port)) => port.parse().map(|port| (Ipv6Addr::UNSPECIFIED, port).into()).ok(),
        Some(("localhost", port)) => port.parse().map(|port| ([127, 0, 0, 1], port).into()).ok(),
        _ => text.parse().ok(),
    };
    address.or_else(|| {
        let what = "is no address to listen at; write :10079 or 127.0.0.1:10079";
        node.refuse(format!("`{}` {what}", clean(text)))
    })
}

/// The end of a message about an unknown word: what was meant, or what there is.
pub fn meant(word: &str, known: &[&str], none: &str) -> String {
    match (nearest(word, known.iter().copied()), known) {
        (Some(known), _) => format!("did you mean `{}`?", clean(known)),
        (None, []) => none.to_owned(),
        (None, known) => {
            let shown = known.get(..20).unwrap_or(known);
            let more = if shown.len() < known.len() { ", …" } else { "" };
            format!("there are: {}{more}", clean(&shown.join(", ")))
        }
    }
}
