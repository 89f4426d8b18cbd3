//! The command by which a person sees for themselves what a failed check saw.
//!
//! A verdict that can be tried by hand is believed sooner than one that must be trusted, and who
//! mends it tries the same command again. It is meant for a shell in promlink's own pod, or beside
//! it: elsewhere, names and networks are other ones. Secrets are shell variables.

#[cfg(test)]
mod tests;

use crate::expose::json;
use crate::report::check::{Check, Path};
use crate::report::facts::{Fact, Facts, Key};
use crate::state::snapshot::{End, LinkInfo, quote};

/// One line for a shell; none where nothing can be tried by hand.
#[must_use]
pub fn command(info: &LinkInfo, path: Path, check: Check, facts: &Facts) -> Option<String> {
    let end = info.end(path)?;
    match check {
        Check::Dns => dig(end, facts),
        Check::Tcp => Some(nc(end, facts)),
        Check::Tls => Some(openssl(end, facts)),
        Check::Query | Check::Freshness => {
            let query = quote(&format!("query={}", info.selector));
            Some(format!("{} --data-urlencode {query}", curl(end, "/api/v1/query")))
        }
        Check::GrafanaHealth => Some(curl(end, "/api/health")),
        Check::Auth => Some(curl(end, "/api/org")),
        Check::Datasource => Some(curl(end, &datasource(info)?)),
        Check::DatasourceHealth => Some(curl(end, &format!("{}/health", datasource(info)?))),
        Check::GrafanaQuery => {
            let body = quote(&body(info)?);
            let json = "-H 'Content-Type: application/json'";
            Some(format!("{} {json} -d {body}", curl(end, "/api/ds/query")))
        }
        // Both compare what was asked before.
        Check::Assertions | Check::Agreement => None,
    }
}

fn dig(end: &End, facts: &Facts) -> Option<String> {
    let name = text(facts, Key::Name).unwrap_or(&end.url.host);
    if name.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let server = text(facts, Key::Server).and_then(|server| server.parse().ok());
    let server = server.map(|server: std::net::SocketAddr| match server.port() {
        53 => format!("@{} ", server.ip()),
        port => format!("@{} -p {port} ", server.ip()),
    });
    Some(format!("dig {}+search {} A", server.unwrap_or_default(), quote(name)))
}

fn nc(end: &End, facts: &Facts) -> String {
    let dialled = text(facts, Key::Address).and_then(|address| address.parse().ok());
    match dialled {
        Some(address) => {
            let address: std::net::SocketAddr = address;
            format!("nc -vz -w 5 {} {}", address.ip(), address.port())
        }
        None => format!("nc -vz -w 5 {} {}", quote(&end.url.host), end.url.port),
    }
}

/// Shows the certificate, also one that is not to be trusted.
fn openssl(end: &End, facts: &Facts) -> String {
    let authority = end.url.authority();
    let at = text(facts, Key::Address).unwrap_or(&authority);
    let name = end.server_name.as_deref().unwrap_or(&end.url.host);
    let ca = end.ca_file.as_ref().map(|ca| format!(" -CAfile {}", quote(ca)));
    let (at, name, ca) = (quote(at), quote(name), ca.unwrap_or_default());
    // The option that compares the name is not the one that asks for it.
    let verify = if name.parse::<std::net::IpAddr>().is_ok() {
        format!("-verify_ip {name}")
    } else {
        format!("-servername {name} -verify_hostname {name}")
    };
    format!("openssl s_client -connect {at} {verify}{ca} </dev/null")
}

fn curl(end: &End, path: &str) -> String {
    let url = quote(&format!("{}{path}", end.url));
    let options: String = end.options.iter().map(|option| format!(" {option}")).collect();
    format!("curl -sS -i -m 10{options} {url}")
}

fn datasource(info: &LinkInfo) -> Option<String> {
    let by_uid = info.datasource_uid.as_ref().map(|uid| format!("uid/{}", escape(uid)));
    let by_name = || info.datasource_name.as_ref().map(|name| format!("name/{}", escape(name)));
    by_uid.or_else(by_name).map(|which| format!("/api/datasources/{which}"))
}

fn body(info: &LinkInfo) -> Option<String> {
    let (uid, expr) = (json::text(info.datasource_uid.as_deref()?), json::text(&info.selector));
    Some(format!(
        "{{\"from\":\"now-5m\",\"to\":\"now\",\"queries\":[{{\"refId\":\"A\",\
         \"datasource\":{{\"uid\":{uid}}},\"expr\":{expr},\"instant\":true}}]}}"
    ))
}

/// As one segment of a path.
fn escape(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn text(facts: &Facts, key: Key) -> Option<&str> {
    match facts.get(key)? {
        Fact::Text(text) => Some(text),
        Fact::List(_) | Fact::Count(_) | Fact::Number(_) | Fact::Seconds(_) | Fact::Time(_) => None,
    }
}
