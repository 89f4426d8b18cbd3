//! One request to a receiver.
//!
//! A library's client, other than for the two ends of a link: nobody asks how long each hop of it
//! took. It dials the address that it is told, follows nothing, and knows no proxy but the
//! configured one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Proxy};
use url::{Url, form_urlencoded};

use crate::clock;
use crate::link::{HttpOptions, TlsOptions};
use crate::net::credentials::{Quoted, headers, proxy_authorization, read};
use crate::net::proxy::bypass;
use crate::push::Ways;
use crate::push::said::{Lines, Place, Said};
use crate::report::facts::clean;
use crate::secret::{HIDDEN, Secret};

const CONNECT: Duration = Duration::from_secs(3);
/// All in all: a receiver that hangs must not keep the next word waiting for long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of an answer to a POST, for people.
const ANSWER_BYTES: usize = 2048;

/// Where to, and how.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    url: Url,
    http: &'a HttpOptions,
    /// Its path and query may be a password.
    is_secret: bool,
    /// Dial this one of the addresses behind the name.
    address: Option<IpAddr>,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// This URL.
    #[must_use]
    pub fn new(url: Url, http: &'a HttpOptions) -> Self {
        Self { url, http, is_secret: false, address: None }
    }

    /// A URL that is a secret, and may be in a file; `key` is what names it.
    ///
    /// # Errors
    /// It cannot be read, or is none; what to do.
    pub fn secret(url: &Secret, key: &str, http: &'a HttpOptions) -> Result<Self, String> {
        let wrong = |what: &str, next: &str| match url {
            Secret::Value(_) => format!("{key} {what}; {next}"),
            Secret::File(path) => format!("{key}_file: {}: {what}; {next}", path.display()),
        };
        let mount = "write the URL there, or mount the Secret that holds it";
        let text = read(url, key).map_err(|bad| match url {
            Secret::Value(_) => bad.says,
            Secret::File(_) => format!("{key}_file: {}; {mount}", bad.says),
        })?;
        let form = "write https://host/path";
        let url = Url::parse(&text)
            .map_err(|error| wrong(&format!("the url is none ({error})"), form))?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err(wrong("the url is not http(s)", form));
        }
        // The client would send them, and nobody would know that they are to be hidden.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("the url must not hold credentials", "use basic_auth"));
        }
        Ok(Self { is_secret: true, ..Self::new(url, http) })
    }

    /// The same, at another URL.
    #[must_use]
    pub fn at(mut self, change: impl FnOnce(&mut Url)) -> Self {
        change(&mut self.url);
        self
    }

    /// The same, at each address to tell: those behind the name, or none where somebody else
    /// resolves it.
    ///
    /// # Errors
    /// The name has no address.
    pub async fn each(self, ways: &impl Ways) -> Result<Vec<(Option<IpAddr>, Self)>, String> {
        let host = self.host();
        if self.proxy().is_some() || host.parse::<IpAddr>().is_ok() {
            return Ok(vec![(None, self)]);
        }
        let addresses = ways.addresses(&host).await?.into_iter().map(Some);
        Ok(addresses.map(|address| (address, Self { address, ..self.clone() })).collect())
    }

    fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']').to_owned()
    }

    fn proxy(&self) -> Option<&crate::link::Proxy> {
        let port = self.url.port_or_known_default().unwrap_or_default();
        self.http.proxy.as_ref().filter(|proxy| !bypass(&proxy.no_proxy, &self.host(), port))
    }

    /// POSTs `body`.
    ///
    /// # Errors
    /// There was no answer; why, in words without secrets.
    pub async fn post(&self, ways: &impl Ways, body: (&str, String)) -> Result<Said, String> {
        let quoted = Quoted::of(self.http, &[]);
        let hide = |text: &str| {
            let mut text = self.without_url(text);
            quoted.hide(&mut text);
            clean(&text)
        };
        let (status, mut lines, text) = self.sent(ways, Some(body), ANSWER_BYTES).await?;
        lines.location = lines.location.map(|location| hide(&location));
        Ok(self.place().said(status, lines, &hide(&text)))
    }

    /// GETs, and reads at most `cap` bytes of the answer as they are; none where that is not good.
    pub async fn get(&self, ways: &impl Ways, cap: usize) -> Option<String> {
        let (status, _, text) = self.sent(ways, None, cap).await.ok()?;
        (status == 200).then_some(text)
    }

    fn place(&self) -> Place {
        let proxy = self.proxy().map(|proxy| proxy.url.to_string());
        Place::new(&self.url, self.is_secret, self.http, proxy)
    }

    /// Paths and queries of webhooks are passwords, and servers quote them.
    fn without_url(&self, text: &str) -> String {
        if !self.is_secret {
            return text.to_owned();
        }
        let url = &self.url;
        let whole = [Some(url.as_str()), Some(url.path()), url.query()];
        let words = url.path_segments().into_iter().flatten();
        let words = words.chain(url.query().into_iter().flat_map(|query| query.split(['&', '='])));
        // Also as they were before they were written into a URL.
        let plain = words.clone().map(plain).map(Cow::from);
        let pairs = url.query_pairs().filter(|(_, value)| !value.is_empty());
        let names: BTreeSet<_> = pairs.clone().map(|(name, _)| name).collect();
        let values = pairs.map(|(_, value)| value);
        let words = words.map(Cow::from).chain(plain).chain(values);
        let words = words.filter(|word| !names.contains(word));
        let mut all: Vec<Cow<'_, str>> =
            whole.into_iter().flatten().map(Cow::from).chain(words).collect();
        all.retain(|part| part.trim_matches('/').len() >= 6);
        all.sort_by_key(|part| std::cmp::Reverse(part.len()));
        all.iter().fold(text.to_owned(), |text, part| text.replace(part.as_ref(), HIDDEN))
    }

    async fn sent(
        &self,
        ways: &impl Ways,
        body: Option<(&str, String)>,
        cap: usize,
    ) -> Result<(u16, Lines, String), String> {
        let mut lines = HeaderMap::new();
        for (name, value) in headers(self.http).map_err(|bad| bad.says)? {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            let value =
                HeaderValue::try_from(value).map_err(|_| format!("{name} has no valid value"))?;
            lines.append(name, value);
        }
        let mut url = self.url.clone();
        // The client asks TLS for the URL's host.
        if let Some(name) = &self.http.tls.server_name
            && url.scheme() == "https"
        {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let host = format!("{}{port}", url.host_str().unwrap_or_default());
            lines.insert(HOST, HeaderValue::try_from(host).map_err(|error| error.to_string())?);
            url.set_host(Some(name)).map_err(|error| error.to_string())?;
        }
        let client = self.client(ways, url.host_str().unwrap_or_default()).await?;
        let request = match body {
            Some((kind, body)) => client.post(url).header(CONTENT_TYPE, kind).body(body),
            None => client.get(url),
        };
        let sent = request.headers(lines).send().await;
        let mut response = sent.map_err(|error| self.place().silent(&error))?;
        let status = response.status().as_u16();
        let lines = Lines::of(response.headers(), clock::now().wall);
        let mut bytes = Vec::new();
        while bytes.len() < cap {
            // What was said counts, also where its end is lost.
            let Ok(Some(piece)) = response.chunk().await else { break };
            bytes.extend_from_slice(&piece);
        }
        bytes.truncate(cap);
        Ok((status, lines, String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn client(&self, ways: &impl Ways, host: &str) -> Result<Client, String> {
        let mut client = Client::builder()
            .user_agent(concat!("promlink/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT);
        // It insists on some TLS, also where it makes no use of it.
        let none = TlsOptions { insecure_skip_verify: true, ..TlsOptions::default() };
        let is_secure = self.url.scheme() == "https";
        let tls = ways.tls(if is_secure { &self.http.tls } else { &none })?;
        client = client.tls_backend_preconfigured(tls);
        if let Some(proxy) = self.proxy() {
            let mut way = Proxy::all(proxy.url.to_string()).map_err(|error| error.to_string())?;
            if let Some(line) = proxy_authorization(proxy).map_err(|bad| bad.says)? {
                let line = HeaderValue::try_from(line).map_err(|_| "no valid proxy credentials")?;
                way = way.custom_http_auth(line);
            }
            client = client.proxy(way);
        } else if self.host().parse::<IpAddr>().is_err() || self.http.tls.server_name.is_some() {
            let address = match (self.address, self.host().parse::<IpAddr>()) {
                (Some(address), _) | (None, Ok(address)) => vec![address],
                (None, Err(_)) => ways.addresses(&self.host()).await?,
            };
            // The port is the URL's.
            let sockets: Vec<_> = address.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            client = client.resolve_to_addrs(host, &sockets);
        }
        client.build().map_err(|error| error.to_string())
    }
}

/// A word of a URL without percent-encoding.
fn plain(word: &str) -> String {
    let one = [('+', "%2B"), ('&', "%26"), ('=', "%3D")];
    let one = one.iter().fold(word.to_owned(), |word, (c, code)| word.replace(*c, code));
    form_urlencoded::parse(one.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn what_is_secret_in_a_url_is_hidden_however_it_is_quoted() {
        let url = "https://h.example/T0SECRET%C3%A9/x?apikey=k3yk3yk3y%2B&room=engineering&s3cr3ts";
        let url = Secret::Value(url.to_owned());
        let http = HttpOptions::default();
        let target = Target::secret(&url, "url", &http).unwrap();
        for (quoted, shown) in [
            ("no T0SECRET%C3%A9", "no <secret>"),
            ("no T0SECRET\u{e9}", "no <secret>"),
            ("bad key k3yk3yk3y%2B", "bad key <secret>"),
            ("bad key 'k3yk3yk3y+'", "bad key '<secret>'"),
            ("{\"apikey\":\"k3yk3yk3y+\"}", "{\"apikey\":\"<secret>\"}"),
            ("apikey is wrong", "apikey is wrong"),
            ("no s3cr3ts", "no <secret>"),
            ("/x?apikey=k3yk3yk3y%2B&amp;room=engineering", "/x?apikey=<secret>&amp;room=<secret>"),
        ] {
            assert_eq!(target.without_url(quoted), shown);
        }
    }

    #[test]
    fn hosts_that_need_no_proxy_are_told_without_it() {
        let url = Url::parse("http://am.monitoring.svc:9093/api/v2/alerts").unwrap();
        let proxy = |no_proxy: &[&str]| HttpOptions {
            proxy: Some(crate::link::Proxy {
                url: crate::link::BaseUrl {
                    scheme: crate::link::Scheme::Http,
                    host: "proxy".to_owned(),
                    port: 3128,
                    path: String::new(),
                },
                auth: None,
                no_proxy: no_proxy.iter().map(|host| (*host).to_owned()).collect(),
            }),
            ..HttpOptions::default()
        };
        for (no_proxy, uses) in [(&[][..], true), (&[".svc"], false), (&["other.svc"], true)] {
            let http = proxy(no_proxy);
            let target = Target::new(url.clone(), &http);
            assert_eq!(target.proxy().is_some(), uses, "{no_proxy:?}");
        }
    }

    #[test]
    fn a_url_of_a_file_is_one_and_says_what_to_do_where_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let http = HttpOptions::default();
        let says = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            let target = Target::secret(&Secret::File(file.clone()), "fail_url", &http);
            let begin = format!("fail_url_file: {}: ", file.display());
            target.unwrap_err().strip_prefix(&begin).unwrap().to_owned()
        };
        let mount = "write the URL there, or mount the Secret that holds it";
        for (text, expected) in [
            (None, format!("No such file or directory (os error 2); {mount}")),
            (Some(" \n"), format!("is empty; {mount}")),
            (
                Some("hooks.example/x"),
                "the url is none (relative URL without a base); write https://host/path".to_owned(),
            ),
            (
                Some("https://u:s3cr3tpass@h.example/x"),
                "the url must not hold credentials; use basic_auth".to_owned(),
            ),
            (
                Some("ftp://h.example/x"),
                "the url is not http(s); write https://host/path".to_owned(),
            ),
        ] {
            assert_eq!(says(text), expected);
        }
    }
}
