//! The command by which a person sees for themselves what a failed check saw.
//!
//! A verdict that can be tried by hand is believed sooner than one that must be trusted, and who
//! mends it tries the same command again. It is meant for a shell in promlink's own pod, or beside
//! it: elsewhere, names and networks are other ones. Secrets are shell variables.

#[cfg(test)]
mod tests;

use std::path::Path as File;

use crate::expose::json;
use crate::link::escape;
use crate::report::cause::Cause;
use crate::report::check::{Check, Path};
use crate::report::facts::{Fact, Facts, Key};
use crate::report::finding::Subject;
use crate::report::{Outcome, Row};
use crate::state::snapshot::{End, LinkInfo, SignIn};

/// One line for a shell, of a check that failed; none where nothing can be tried by hand.
#[must_use]
pub fn failed(info: &LinkInfo, path: Path, check: Check, row: &Row) -> Option<String> {
    match row.outcome {
        Outcome::Failed(_) => command(info, path, check, row),
        Outcome::Passed | Outcome::Skipped(_) => None,
    }
}

fn command(info: &LinkInfo, path: Path, check: Check, row: &Row) -> Option<String> {
    let facts = &row.facts;
    let end = info.end(path)?;
    match check {
        Check::Dns => dig(end, facts),
        Check::Tcp => Some(nc(end, facts)),
        Check::Tls => Some(openssl(end, facts)),
        Check::Query | Check::Freshness => Some(query(info, end, &info.selector)),
        Check::GrafanaHealth => Some(curl(end, "/api/health")),
        Check::Auth => Some(curl(end, "/api/org")),
        Check::Datasource => Some(curl(end, &datasource(info)?)),
        Check::DatasourceHealth => Some(curl(end, &format!("{}/health", datasource(info)?))),
        Check::GrafanaQuery => query_grafana(info, end, &info.selector),
        Check::Assertions => {
            let promql = first_failed(info, row)?;
            match path {
                Path::Direct => Some(query(info, end, promql)),
                Path::Grafana => query_grafana(info, end, promql),
            }
        }
        // It compares what was asked before.
        Check::Agreement => None,
    }
}

fn query(info: &LinkInfo, end: &End, promql: &str) -> String {
    let query = quote(&format!("query={promql}"));
    let get = if info.by_get { " -G" } else { "" };
    let url = quote(&format!("{}/api/v1/query", end.url));
    format!("curl{}{get} {url} --data-urlencode {query}", options(end))
}

fn query_grafana(info: &LinkInfo, end: &End, promql: &str) -> Option<String> {
    let body = quote(&body(info, promql)?);
    let json = "-H 'Content-Type: application/json'";
    Some(format!("{} {json} -d {body}", curl(end, "/api/ds/query")))
}

/// The PromQL of the first assertion that does not hold: the answer has the series' labels.
fn first_failed<'a>(info: &'a LinkInfo, row: &Row) -> Option<&'a str> {
    let failed = row.findings.iter().find(|found| found.cause == Cause::AssertionFailed)?;
    let Some(Subject::Assertion(name)) = &failed.subject else { return None };
    let assertion = info.assertions.iter().find(|assertion| assertion.name == *name)?;
    Some(&assertion.query)
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
    let ca = end.ca_file.as_deref().map(|ca| format!(" -CAfile {}", quote_file(ca)));
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
    format!("curl{} {}", options(end), quote(&format!("{}{path}", end.url)))
}

/// What `curl` needs to know of the way, each with a blank before it.
fn options(end: &End) -> String {
    let mut all = " -sS -i -m 10".to_owned();
    let mut add = |option: String| {
        all.push(' ');
        all.push_str(&option);
    };
    match &end.sign_in {
        Some(SignIn::User(user)) => add(format!("-u {}:\"$PASSWORD\"", quote(user))),
        Some(SignIn::Scheme(scheme)) => {
            add(format!("-H \"Authorization: {} $TOKEN\"", token(scheme)));
        }
        None => {}
    }
    for name in &end.headers {
        let name = token(name);
        let variable = name.to_ascii_uppercase().replace('-', "_");
        add(format!("-H \"{name}: ${variable}\""));
    }
    let files = [("--cacert", &end.ca_file), ("--cert", &end.cert_file), ("--key", &end.key_file)];
    for (option, file) in files {
        file.iter().for_each(|file| add(format!("{option} {}", quote_file(file))));
    }
    if let Some((url, user)) = &end.proxy {
        add(format!("-x {}", quote(&url.to_string())));
        user.iter().for_each(|user| add(format!("-U {}:\"$PROXY_PASSWORD\"", quote(user))));
    }
    if end.insecure_skip_verify {
        add("-k".to_owned());
    }
    all
}

/// A name of HTTP between double quotes, without the few of its characters that a shell heeds.
fn token(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

fn quote_file(file: &File) -> String {
    quote(&file.display().to_string())
}

/// One word for a POSIX shell, whatever is in it.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn datasource(info: &LinkInfo) -> Option<String> {
    let by_uid = info.datasource_uid.as_ref().map(|uid| format!("uid/{}", escape(uid)));
    let by_name = || info.datasource_name.as_ref().map(|name| format!("name/{}", escape(name)));
    by_uid.or_else(by_name).map(|which| format!("/api/datasources/{which}"))
}

fn body(info: &LinkInfo, promql: &str) -> Option<String> {
    let (uid, expr) = (json::text(info.datasource_uid.as_deref()?), json::text(promql));
    Some(format!(
        "{{\"from\":\"now-5m\",\"to\":\"now\",\"queries\":[{{\"refId\":\"A\",\
         \"datasource\":{{\"uid\":{uid}}},\"expr\":{expr},\"instant\":true}}]}}"
    ))
}

fn text(facts: &Facts, key: Key) -> Option<&str> {
    match facts.get(key)? {
        Fact::Text(text) => Some(text),
        Fact::List(_) | Fact::Count(_) | Fact::Number(_) | Fact::Seconds(_) | Fact::Time(_) => None,
    }
}
