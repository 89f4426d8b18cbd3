//! Prometheus' own `http_config` keys, and URLs, for both ends of a link.
//!
//! The same names and rules as Prometheus has, so that a section can be copied from there. Where
//! promlink differs on purpose (a proxy's credentials, redirects), the key is refused with the
//! reason.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use url::{Host, Url};

use super::Base;
use super::node::{Keys, Node};
use super::words::{is_dns_name, line, one_of, switch};
use crate::link::{Auth, BaseUrl, HttpOptions, Proxy, Scheme, TlsOptions, TlsVersion};
use crate::report::facts::clean;
use crate::secret::{HIDDEN, Secret};

/// `http_config` as one section has it; what is missing comes from `defaults`.
#[derive(Clone, Debug, Default)]
pub struct HttpPart {
    auth: Option<Auth>,
    tls: TlsPart,
    proxy: Option<BaseUrl>,
    proxy_auth: Option<(String, Secret)>,
    no_proxy: Option<Vec<String>>,
    headers: BTreeMap<String, Vec<Secret>>,
}

#[derive(Clone, Debug, Default)]
struct TlsPart {
    ca_file: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
    insecure_skip_verify: Option<bool>,
    min_version: Option<TlsVersion>,
}

/// Headers that the request itself or another key sets; Prometheus refuses most of them as well.
const RESERVED_HEADERS: [&str; 16] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// A header that appears more often than this is a mistake, and a request has a size.
const MAX_HEADER_VALUES: usize = 16;

/// Reads the keys of `http_config` among those of an end.
pub fn http(keys: &mut Keys<'_>, base: &Base) -> HttpPart {
    refuse_foreign(keys);
    if keys.has("basic_auth") && keys.has("authorization") {
        keys.fail("has both basic_auth and authorization; one request can carry one of them");
    }
    let basic = keys.get("basic_auth", |node| {
        let (username, password) = login(node, base, "username")?;
        Some(Auth::Basic { username, password })
    });
    let scheme = keys.get("authorization", |node| authorization(node, base));
    HttpPart {
        auth: basic.or(scheme),
        tls: keys.get("tls_config", |node| tls(node, base)).unwrap_or_default(),
        proxy: keys.get("proxy_url", proxy_url),
        proxy_auth: keys.get("proxy_basic_auth", |node| login(node, base, "username")),
        no_proxy: keys.get("no_proxy", |node| {
            Some(node.items().into_iter().map(|(_, host)| host.to_owned()).collect())
        }),
        headers: keys.get("http_headers", |node| Some(headers(node, base))).unwrap_or_default(),
    }
}

fn refuse_foreign(keys: &mut Keys<'_>) {
    let token = "is obsolete; use authorization: {credentials: …} or {credentials_file: …}";
    keys.refuse("bearer_token", token);
    keys.refuse("bearer_token_file", token);
    keys.refuse("oauth2", "is not supported; use authorization: {credentials_file: …}");
    keys.refuse("follow_redirects", "redirects are never followed: promlink reports them");
    keys.refuse("enable_http2", "promlink speaks HTTP/1.1, which every end understands; remove it");
    keys.refuse("proxy_from_environment", "is not supported; write proxy_url and no_proxy here");
    keys.refuse("proxy_connect_header", "is not supported; use proxy_basic_auth");
}

/// Reads a user, at the key of this name, and a password.
pub fn login(node: &Node<'_>, base: &Base, user: &'static str) -> Option<(String, Secret)> {
    node.section(|keys| {
        let username = keys.get(user, line);
        if username.as_ref().is_some_and(|name| name.contains(':')) {
            keys.fail(format!("{user} must not hold a `:`; basic auth cannot carry it"));
        }
        let had_username = keys.has(user);
        let password = secret(keys, "password", "password_file", base);
        if !had_username {
            keys.fail(format!("has no {user}; give it one"));
        }
        Some((username?, password?))
    })?
}

fn authorization(node: &Node<'_>, base: &Base) -> Option<Auth> {
    node.section(|keys| {
        let scheme = keys.get("type", scheme);
        let had_scheme = keys.has("type");
        let credentials = secret(keys, "credentials", "credentials_file", base)?;
        let scheme = if had_scheme { scheme? } else { "Bearer".to_owned() };
        Some(Auth::Scheme { scheme, credentials })
    })?
}

fn scheme(node: &Node<'_>) -> Option<String> {
    let text = node.text()?.trim();
    if text.eq_ignore_ascii_case("basic") {
        return node.refuse("cannot be Basic; use basic_auth: {username: …, password_file: …}");
    }
    if !is_token(text) {
        return node
            .refuse(format!("`{}` is no type; write one word, such as Bearer", clean(text)));
    }
    Some(text.to_owned())
}

/// A secret from exactly one of its two keys.
pub fn secret(
    keys: &mut Keys<'_>,
    key: &'static str,
    file_key: &'static str,
    base: &Base,
) -> Option<Secret> {
    let value = keys.get(key, secret_value);
    let path = keys.get(file_key, |node| base.path(node));
    match (keys.has(key), keys.has(file_key)) {
        (true, true) => {
            keys.fail(format!("has both {key} and {file_key}; keep one of them"));
            None
        }
        (false, false) => {
            keys.fail(format!("has no secret; give it {key} or {file_key}"));
            None
        }
        (_, _) => value.or(path.map(Secret::File)),
    }
}

/// A secret in the open; it is never shown, also not in a mistake.
fn secret_value(node: &Node<'_>) -> Option<Secret> {
    let text = node.text()?;
    if text == HIDDEN {
        return node.refuse("is the placeholder of `promlink config show`; put the secret here");
    }
    if text.is_empty() {
        return node.refuse("is empty; give it a value, or remove the key");
    }
    if text.chars().any(char::is_control) {
        return node.refuse("holds a line break or another control character; no header may");
    }
    Some(Secret::Value(text.to_owned()))
}

fn tls(node: &Node<'_>, base: &Base) -> Option<TlsPart> {
    node.section(|keys| {
        for inline in ["ca", "cert", "key"] {
            keys.refuse(inline, "certificates and keys are read from files; use its …_file key");
        }
        keys.refuse("max_version", "is not supported; the newest common version is spoken");
        let cert = keys.get("cert_file", |node| base.path(node));
        let key = keys.get("key_file", |node| base.path(node));
        if keys.has("cert_file") != keys.has("key_file") {
            keys.fail("needs cert_file and key_file together for a client certificate");
        }
        TlsPart {
            ca_file: keys.get("ca_file", |node| base.path(node)),
            client: cert.zip(key),
            server_name: keys.get("server_name", server_name),
            insecure_skip_verify: keys.get("insecure_skip_verify", switch),
            min_version: keys.get("min_version", min_version),
        }
    })
}

fn server_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if !is_dns_name(text) && text.parse::<std::net::IpAddr>().is_err() {
        return node.refuse(format!("`{}` is no host name", clean(text)));
    }
    Some(text.to_owned())
}

fn min_version(node: &Node<'_>) -> Option<TlsVersion> {
    if node.is_word("TLS10") || node.is_word("TLS11") {
        let why = "TLS 1.0 and 1.1 are broken and not spoken (RFC 8996); write TLS12 or TLS13";
        return node.refuse(why);
    }
    one_of(node, &[("TLS12", TlsVersion::Tls12), ("TLS13", TlsVersion::Tls13)])
}

fn headers(node: &Node<'_>, base: &Base) -> BTreeMap<String, Vec<Secret>> {
    let mut headers = BTreeMap::new();
    for (name, node) in node.named() {
        if !is_token(name) {
            node.fail("is no header name");
        } else if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            node.fail("is set by promlink itself or by a key of its own; remove it here");
        }
        let values = node.section(|keys| {
            let mut values = keys.get("values", header_values).unwrap_or_default();
            values.extend(keys.get("secrets", header_values).unwrap_or_default());
            let files = keys.get("files", |node| {
                Some(node.items().into_iter().map(|(node, path)| base.join(&node, path)).collect())
            });
            values.extend(files.unwrap_or_else(Vec::new).into_iter().map(Secret::File));
            if !["values", "secrets", "files"].iter().any(|key| keys.has(key)) {
                keys.fail("has no value; give it a list of values, secrets or files");
            } else if values.len() > MAX_HEADER_VALUES {
                keys.fail(format!("has more than {MAX_HEADER_VALUES} values"));
            }
            values
        });
        headers.insert(name.to_owned(), values.unwrap_or_default());
    }
    headers
}

/// Not `items`: a header's value may hold a comma.
fn header_values(node: &Node<'_>) -> Option<Vec<Secret>> {
    if node.is_text() {
        return Some(vec![secret_value(node)?]);
    }
    let items = node.items();
    if items.is_empty() {
        return node.refuse("has no value; give it one, or remove the header");
    }
    Some(items.into_iter().filter_map(|(node, _)| secret_value(&node)).collect())
}

fn is_token(text: &str) -> bool {
    let mark = |c: char| "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || mark(c))
}

fn proxy_url(node: &Node<'_>) -> Option<BaseUrl> {
    let url = any_url(node, "proxy_basic_auth")?;
    if url.scheme != Scheme::Http {
        return node.refuse("must begin with http://; it can carry https by CONNECT");
    }
    if !url.path.is_empty() {
        return node.refuse("must end after the port; a proxy has no path");
    }
    Some(url)
}

/// The URL of an end: where `/api/…` is appended.
pub fn url(node: &Node<'_>) -> Option<BaseUrl> {
    let url = any_url(node, "basic_auth")?;
    for page in ["/api/v1/query", "/api/v1", "/metrics", "/graph", "/api/health"] {
        if let Some(base) = url.path.strip_suffix(page) {
            let base = BaseUrl { path: base.to_owned(), ..url.clone() };
            return node
                .refuse(format!("ends in {page}, which promlink adds itself; write {base}"));
        }
    }
    Some(url)
}

/// A URL without credentials, query and fragment; `auth` is the key for credentials. A text that
/// may hold credentials is not shown.
pub fn any_url(node: &Node<'_>, auth: &str) -> Option<BaseUrl> {
    let text = node.text()?.trim();
    let shown = clean(text);
    if !text.contains("://") {
        let host = text.split(':').next().is_some_and(is_dns_name) && !text.contains(['@', '/']);
        let what = match host {
            true => format!("has no scheme; write http://{shown} or https://{shown}"),
            false => "is no URL; write http://host:port".to_owned(),
        };
        return node.refuse(what);
    }
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return node.refuse(format!("must not hold credentials; use {auth}"));
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return node.refuse(format!("`{shown}` is no URL ({error})")),
    };
    // The parser forgives slashes too many before the authority.
    if !url.username().is_empty() || url.password().is_some() {
        return node.refuse(format!("must not hold credentials; use {auth}"));
    }
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return node.refuse(format!("`{shown}` must begin with http:// or https://")),
    };
    if url.query().is_some() || url.fragment().is_some() {
        return node.refuse("must end before `?` and `#`; promlink adds its own query");
    }
    let host = match url.host() {
        Some(Host::Domain(name)) if is_dns_name(name) => name.to_owned(),
        Some(Host::Ipv4(ip)) if authority.is_some_and(|text| is_in_full(text, ip)) => {
            ip.to_string()
        }
        // The parser reads `127.1` and `010.0.0.1` as C once did.
        Some(Host::Ipv4(ip)) => {
            return node.refuse(format!(
                "`{shown}` has an address in a form that Go, and so Grafana, does not know; \
                 write {ip}"
            ));
        }
        Some(Host::Ipv6(ip)) => ip.to_string(),
        Some(Host::Domain(_)) | None => {
            return node.refuse(format!("`{shown}` has no valid host; write http://host:port"));
        }
    };
    let port = url.port_or_known_default().filter(|port| *port != 0);
    let Some(port) = port else { return node.refuse("must not name port 0") };
    let segments = url.path().split('/').filter(|segment| !segment.is_empty());
    let path = segments.fold(String::new(), |path, segment| path + "/" + segment);
    Some(BaseUrl { scheme, host, port, path })
}

/// Whether the host of `authority` is `ip` as everybody writes it.
fn is_in_full(authority: &str, ip: Ipv4Addr) -> bool {
    authority.split(':').next() == Some(&ip.to_string())
}

// === impl HttpPart ===

impl HttpPart {
    /// What a server's certificate is verified with, and nothing else.
    pub fn trust(&self, defaults: &Self) -> TlsOptions {
        let (tls, default) = (&self.tls, &defaults.tls);
        TlsOptions {
            ca_file: tls.ca_file.clone().or_else(|| default.ca_file.clone()),
            insecure_skip_verify: tls
                .insecure_skip_verify
                .or(default.insecure_skip_verify)
                .unwrap_or_default(),
            min_version: tls.min_version.or(default.min_version).unwrap_or_default(),
            ..TlsOptions::default()
        }
    }

    /// Whether it says more than that.
    pub fn is_more_than_trust(&self) -> bool {
        let Self { auth, tls, proxy, proxy_auth, no_proxy, headers } = self;
        auth.is_some()
            || tls.client.is_some()
            || tls.server_name.is_some()
            || proxy.is_some()
            || proxy_auth.is_some()
            || no_proxy.is_some()
            || !headers.is_empty()
    }

    /// What was asked for here, else by `defaults`; or what the two together lack.
    pub fn finish(self, defaults: &Self) -> Result<HttpOptions, &'static str> {
        let trust = self.trust(defaults);
        let (tls, tls_default) = (self.tls, &defaults.tls);
        let (cert_file, key_file) = tls.client.or_else(|| tls_default.client.clone()).unzip();
        let server_name = tls.server_name.or_else(|| tls_default.server_name.clone());
        let tls = TlsOptions { cert_file, key_file, server_name, ..trust };
        let auth = self.proxy_auth.or_else(|| defaults.proxy_auth.clone());
        let no_proxy = self.no_proxy.or_else(|| defaults.no_proxy.clone());
        let proxy = match self.proxy.or_else(|| defaults.proxy.clone()) {
            Some(url) => Some(Proxy { url, auth, no_proxy: no_proxy.unwrap_or_default() }),
            None if auth.is_some() || no_proxy.is_some() => {
                return Err("has no_proxy or proxy_basic_auth, but no proxy_url; add it");
            }
            None => None,
        };
        let mut headers = defaults.headers.clone();
        headers.retain(|name, _| !self.headers.keys().any(|own| own.eq_ignore_ascii_case(name)));
        headers.extend(self.headers);
        let values = |(name, values): (String, Vec<Secret>)| {
            values.into_iter().map(move |value| (name.clone(), value))
        };
        Ok(HttpOptions {
            auth: self.auth.or_else(|| defaults.auth.clone()),
            tls,
            proxy,
            headers: headers.into_iter().flat_map(values).collect(),
        })
    }
}
