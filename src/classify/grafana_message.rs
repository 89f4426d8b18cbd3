//! Error texts of Grafana's Prometheus plugin and of Go's HTTP client → causes.
//!
//! A message is one of four things, and the first that fits decides: the plugin quoting what
//! Prometheus answered, which is rebuilt and judged as an answer, so that both paths agree;
//! Prometheus' own
//! `errorType: error`; a bare status; or an error of Go's HTTP client. Among the last, resolving
//! comes before connecting: a dead resolver says `lookup …: connection refused`. Texts are matched
//! by parts, for wordings differ between versions, and even between runs of the same fault.

use crate::classify::{Answer, prometheus};
use crate::report::cause::Cause;

/// The cause that an error text tells; `UnreachableFromGrafana` when it tells none.
///
/// `status` is the one that stands beside the message, where upstream's own status may be (in
/// ds/query from Grafana 10.4 on): it completes a text that quotes only a body.
#[must_use]
pub fn cause(message: &str, status: Option<u16>) -> Cause {
    let message = message.trim();
    if let Some(cause) = of_datasource(message) {
        return cause;
    }
    let message = message.strip_suffix(HEALTH_SUFFIX).unwrap_or(message);
    quoted(message, status)
        .or_else(|| api_error(message))
        .or_else(|| bare_status(message))
        .or_else(|| transport(operation(message)))
        .unwrap_or(Cause::UnreachableFromGrafana)
}

const HEALTH_SUFFIX: &str = " - There was an error returned querying the Prometheus API.";

/// The plugin could not be asked, or could not begin.
fn of_datasource(message: &str) -> Option<Cause> {
    let says = |words: &str| message.contains(words);
    if says("plugin.notRegistered") || says("plugin not registered") {
        Some(Cause::PluginNotRegistered)
    } else if says("plugin.unavailable") || says("plugin unavailable") {
        Some(Cause::PluginUnavailable)
    } else if says("error getting datasource info") {
        Some(Cause::DatasourceSettingsInvalid)
    } else if says("empty url") {
        Some(Cause::DatasourceUrlEmpty)
    } else if says("unsupported protocol scheme")
        || says("no Host in request URL")
        || message.starts_with("parse \"")
        || says(": parse \"")
    {
        Some(Cause::DatasourceUrlInvalid)
    } else {
        None
    }
}

/// The plugin quotes what Prometheus answered, with its status or the one beside the message.
fn quoted(message: &str, status: Option<u16>) -> Option<Cause> {
    if let Some((_, rest)) = message.split_once("unexpected response with status code ") {
        let (code, body) = rest.split_once(": ").unwrap_or((rest, ""));
        return Some(rebuilt(code.trim().parse().ok()?, body));
    }
    // The reader of JSON shows some 50 bytes around the place where it failed.
    let (reason, context) = message.split_once("bigger context ...|")?;
    let (body, _) = context.rsplit_once("|...").unwrap_or((context, ""));
    // With JSON as it should begin, the failure is further on: cut, or of another shape.
    if !reason.contains("expect { or") || body.trim_start().starts_with('{') {
        return Some(Cause::AnswerMalformed);
    }
    Some(rebuilt(status.unwrap_or(200), body))
}

/// Judges an answer of which only status and body are known.
fn rebuilt(status: u16, body: &str) -> Cause {
    let answer = Answer {
        status,
        headers: &[],
        body: body.as_bytes(),
        cut: false,
        asked: "",
        credentials: false,
    };
    match prometheus::query(&answer) {
        Ok(_) => Cause::UnreachableFromGrafana,
        Err(rejection) => rejection.cause,
    }
}

/// `errorType: error`, as Prometheus gave them.
fn api_error(message: &str) -> Option<Cause> {
    let (kind, text) = message.split_once(": ")?;
    // The plugin sends no empty query; a redirect that turned POST into GET lost it.
    if kind == "bad_data" && text.contains("no expression found in input") {
        return Some(Cause::Redirected);
    }
    // The buffered client of Grafana 8 and early 9 names statuses in its own way.
    if let Some(cause) = buffered_client(kind, text) {
        return Some(cause);
    }
    let is_kind = ERROR_TYPES.contains(&kind) || kind.parse::<u16>().is_ok();
    if is_kind { prometheus::api_cause(kind, text) } else { None }
}

/// Beside these, VictoriaMetrics has numbers. Go's own errors have prefixes that look alike.
const ERROR_TYPES: [&str; 12] = [
    "bad_data",
    "canceled",
    "execution",
    "forbidden",
    "internal",
    "not_acceptable",
    "not_found",
    "timeout",
    "too_large_entry",
    "too_many_requests",
    "unauthorized",
    "unavailable",
];

fn buffered_client(kind: &str, text: &str) -> Option<Cause> {
    if !matches!(kind, "client_error" | "server_error" | "bad_response") {
        return None;
    }
    let code = text.rsplit(' ').next()?.parse().ok()?;
    Some(of_status(code))
}

/// `404 Not Found`: the plugin's health check throws away the body.
fn bare_status(message: &str) -> Option<Cause> {
    let digits = message.split(' ').next()?;
    let code = digits.parse().ok().filter(|_| digits.len() == 3)?;
    Some(of_status(code))
}

fn of_status(code: u16) -> Cause {
    match code {
        // Plain HTTP to a TLS port, a redirect that lost the query, or a Prometheus that was asked
        // wrongly.
        400 => Cause::UnreachableFromGrafana,
        422 => Cause::QueryRejected,
        _ => rebuilt(code, ""),
    }
}

/// What happened, without the URL before it, in which any word may stand.
fn operation(message: &str) -> &str {
    ["Post \"", "Get \""]
        .iter()
        .find_map(|verb| message.split_once(verb))
        .and_then(|(_, rest)| rest.split_once("\": "))
        .map_or(message, |(_, operation)| operation)
}

/// An error of Go's HTTP client.
fn transport(error: &str) -> Option<Cause> {
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    if error.starts_with("proxyconnect ") || error.starts_with("socks connect ") {
        return Some(Cause::ProxyUnreachable);
    }
    if PROXY_REFUSALS.contains(&error) {
        return Some(Cause::ProxyRefused);
    }
    if says(&["lookup "]) {
        return Some(lookup(error));
    }
    if says(&["x509: ", "tls: ", "certificate"]) || says(&["HTTP response to HTTPS client"]) {
        return Some(tls(error));
    }
    if says(&["malformed HTTP"]) {
        // A TLS alert read as an answer: record type 21 (0x15), version 3.x.
        let is_alert = says(&["\\x15\\x03"]);
        return Some(if is_alert { Cause::TlsRequired } else { Cause::NotPrometheus });
    }
    if error.starts_with("dial ") {
        return dial(error);
    }
    if says(&["connection reset by peer", "broken pipe"]) {
        Some(Cause::ConnectionReset)
    } else if says(&["stopped after", "redirect"]) {
        Some(Cause::Redirected)
    } else if says(&["Client.Timeout", "deadline exceeded", "timeout", "Timeout"]) {
        Some(Cause::NoResponse)
    } else if error == "unexpected EOF" || says(&["expected object type", "unexpected end of"]) {
        Some(Cause::AnswerMalformed)
    } else if says(&["EOF", "server closed", "connection broken"]) {
        Some(Cause::ConnectionClosed)
    } else {
        None
    }
}

/// Go gives the reason phrase of a proxy that will not connect, and nothing else.
const PROXY_REFUSALS: [&str; 6] = [
    "Proxy Authentication Required",
    "Forbidden",
    "Bad Gateway",
    "Service Unavailable",
    "Gateway Timeout",
    "Method Not Allowed",
];

fn lookup(error: &str) -> Cause {
    let says = |words: &str| error.contains(words);
    if says("no such host") {
        // Go has one text for NXDOMAIN and for a name without addresses.
        Cause::DnsNoSuchName
    } else if says("server misbehaving") || says("Temporary failure") {
        Cause::DnsServerFailure
    } else if says("connection refused") || says("unreachable") || says("no route to host") {
        Cause::DnsServerUnreachable
    } else if says("no suitable address") {
        Cause::DnsNoAddress
    } else if says("cannot unmarshal DNS message") || says("invalid DNS response") {
        Cause::DnsMalformed
    } else {
        Cause::DnsTimeout
    }
}

fn dial(error: &str) -> Option<Cause> {
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    if says(&["connection refused"]) {
        Some(Cause::ConnectionRefused)
    } else if says(&["no route to host", "host is down", "host is unreachable"]) {
        Some(Cause::HostUnreachable)
    } else if says(&["network is unreachable"]) {
        Some(Cause::NetworkUnreachable)
    } else if says(&["permission denied", "operation not permitted"]) {
        Some(Cause::ConnectionDenied)
    } else if says(&["connection reset"]) {
        Some(Cause::ConnectionReset)
    } else if says(&["timeout", "timed out", "deadline exceeded", "operation was canceled"]) {
        Some(Cause::ConnectionTimeout)
    } else {
        None
    }
}

fn tls(error: &str) -> Cause {
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    if says(&["HTTP response to HTTPS client", "does not look like a TLS handshake"]) {
        Cause::TlsNotSpoken
    } else if says(&["remote error: tls: "]) {
        // What the server says of us.
        if says(&["certificate required", "bad certificate", "certificate authority"]) {
            Cause::TlsClientCertificateRequired
        } else {
            Cause::TlsHandshakeFailed
        }
    } else if says(&["unknown authority", "not trusted"]) {
        Cause::TlsUnknownCa
    } else if says(&["has expired or is not yet valid"]) {
        if says(&[" is before "]) { Cause::TlsNotYetValid } else { Cause::TlsExpired }
    } else if says(&[
        "certificate is valid for",
        "not valid for any names",
        "IP SANs",
        "Common Name",
    ]) {
        Cause::TlsWrongName
    } else if says(&["timeout"]) {
        Cause::NoResponse
    } else {
        Cause::TlsHandshakeFailed
    }
}
