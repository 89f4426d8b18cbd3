//! Pages of gateways, login portals and forward proxies, told from the server's own answers.
//!
//! Nothing here says that an answer *is* a gateway's by its looks alone: a name is evidence for
//! people, and only three things are judged, each of which changes who acts. Something wants a
//! person to log in; a proxy that we were told to use answers in its own name; plain HTTP met a TLS
//! port.

use crate::classify::Answer;

/// Where a sign is looked for.
enum In {
    /// A header, by its lower-case name.
    Header(&'static str),
    /// The body.
    Body,
}

/// Signs of who answered, the most telling first: a login proxy hides behind nginx more often than
/// nginx behind a login proxy. Needles are lower case; an empty one asks only for the header.
const SIGNS: [(In, &str, &str); 34] = [
    (In::Header("x-squid-error"), "", "Squid"),
    (In::Header("server"), "squid", "Squid"),
    (In::Header("server"), "tinyproxy", "tinyproxy"),
    (In::Header("location"), "/oauth2/start", "oauth2-proxy"),
    (In::Header("location"), "/oauth2/sign_in", "oauth2-proxy"),
    (In::Header("set-cookie"), "_oauth2_proxy", "oauth2-proxy"),
    (In::Body, "oauth2 proxy", "oauth2-proxy"),
    (In::Body, "oauth2-proxy", "oauth2-proxy"),
    (In::Header("set-cookie"), "authelia_session", "Authelia"),
    (In::Header("location"), "goauthentik.io", "authentik"),
    (In::Header("location"), "/protocol/openid-connect/", "Keycloak"),
    (In::Header("location"), "cloudflareaccess.com", "Cloudflare Access"),
    (In::Header("location"), "/dex/auth", "Dex"),
    (In::Header("server"), "cloudflare", "Cloudflare"),
    (In::Header("server"), "awselb", "AWS load balancer"),
    (In::Header("server"), "istio-envoy", "Istio"),
    (In::Header("server"), "envoy", "Envoy"),
    (In::Body, "upstream connect error or disconnect/reset before headers", "Envoy"),
    (In::Body, "no healthy upstream", "Envoy"),
    (In::Header("server"), "kong", "Kong"),
    (In::Header("server"), "caddy", "Caddy"),
    (In::Header("server"), "google frontend", "Google load balancer"),
    (In::Header("via"), "google", "Google load balancer"),
    (In::Header("server"), "varnish", "Varnish"),
    (In::Header("server"), "apache", "Apache"),
    (In::Header("server"), "microsoft-azure-application-gateway", "Azure Application Gateway"),
    (In::Body, "default backend - 404", "ingress-nginx"),
    (In::Header("server"), "openresty", "OpenResty"),
    (In::Header("server"), "nginx", "nginx"),
    (In::Body, "<center>nginx", "nginx"),
    (In::Body, "no server is available to handle this request", "HAProxy"),
    (In::Body, "no available server", "Traefik"),
    (In::Body, "\"kind\":\"status\"", "Kubernetes API server"),
    (In::Header("via"), "squid", "Squid"),
];

/// Path segments, query parameters and hosts of places where people log in.
const LOGIN_SEGMENTS: [&str; 11] = [
    "login",
    "signin",
    "sign_in",
    "sign-in",
    "sso",
    "saml",
    "oauth2",
    "oauth",
    "authorize",
    "auth",
    "openid-connect",
];
const LOGIN_PARAMETERS: [&str; 4] = ["response_type=", "samlrequest=", "client_id=", "rd="];
const LOGIN_HOSTS: [&str; 6] = ["login.", "auth.", "sso.", "accounts.", "signin.", "authelia."];

/// The gateway or proxy that seems to have answered.
#[must_use]
pub fn name(answer: &Answer<'_>) -> Option<&'static str> {
    let text = answer.text().to_ascii_lowercase();
    SIGNS.iter().find_map(|(place, needle, name)| {
        let found = match place {
            In::Header(header) => answer
                .header(header)
                .is_some_and(|value| value.to_ascii_lowercase().contains(needle)),
            In::Body => text.contains(needle),
        };
        found.then_some(*name)
    })
}

/// The answer wants a person to log in: a login page, or a redirect to one.
#[must_use]
pub fn wants_login(answer: &Answer<'_>) -> bool {
    if answer.is_redirect() {
        return answer.header("location").is_some_and(|to| leads_to_login(to, answer.asked));
    }
    // Who sends a challenge wants a password in the request, not a person.
    let may_be_page = matches!(answer.status, 200 | 401 | 403)
        && answer.is_html()
        && answer.header("www-authenticate").is_none();
    if !may_be_page {
        return false;
    }
    let text = answer.text().to_ascii_lowercase();
    let has_form = ["type=\"password\"", "type='password'", "type=password", "/oauth2/start"]
        .iter()
        .any(|mark| text.contains(mark));
    let title = text.split_once("<title").and_then(|(_, rest)| rest.split_once("</title>"));
    let is_titled = title.is_some_and(|(title, _)| {
        ["sign in", "sign-in", "signin", "log in", "login", "log on", "single sign"]
            .iter()
            .any(|words| title.contains(words))
    });
    has_form || is_titled
}

/// A redirect's target is a place to log in, and what was asked was not by the same word.
fn leads_to_login(location: &str, asked: &str) -> bool {
    let location = location.to_ascii_lowercase();
    let asked = asked.to_ascii_lowercase();
    let (url, query) = location.split_once('?').unwrap_or((&location, ""));
    let (host, path) = match url.split_once("//") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => ("", url),
    };
    let asked_segments: Vec<&str> = asked.split('/').collect();
    let by_path = path
        .split('/')
        .any(|part| LOGIN_SEGMENTS.contains(&part) && !asked_segments.contains(&part));
    let by_query =
        query.split('&').any(|pair| LOGIN_PARAMETERS.iter().any(|name| pair.starts_with(name)));
    let by_host = LOGIN_HOSTS.iter().any(|start| host.starts_with(start))
        || host.ends_with(".cloudflareaccess.com");
    by_path || by_query || by_host
}

/// Plain HTTP met a TLS port: the words of Go, nginx and Apache.
#[must_use]
pub fn wants_tls(text: &str) -> bool {
    [
        "Client sent an HTTP request to an HTTPS server",
        "The plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// A forward proxy answers in its own name. It can only be recognised where it says so.
#[must_use]
pub fn is_forward_proxy(answer: &Answer<'_>) -> bool {
    answer.status == 407
        || answer.header("proxy-authenticate").is_some()
        || answer.header("x-squid-error").is_some()
        || answer.header("server").is_some_and(|server| {
            let server = server.to_ascii_lowercase();
            server.starts_with("squid") || server.starts_with("tinyproxy")
        })
}

/// Statuses that a gateway gives when it has no answer from behind: the common three, a request
/// that timed out in between (408, nginx' 499), and Cloudflare's own.
#[must_use]
pub fn is_gateway_status(status: u16) -> bool {
    matches!(status, 408 | 499 | 502..=504 | 520..=527 | 530)
}
