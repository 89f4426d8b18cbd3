//! `config show`: the settings in force, as a file that could have been the configuration.
//!
//! Every key that has a value is written out, in a fixed order, so that two outputs can be
//! compared. Secrets in the open become a placeholder that loading refuses; those in files stay
//! what they are, paths. All values of `http_headers` count as secrets: nothing says which of them
//! are harmless.

mod alarms;

use std::fmt::{Arguments, Display};
use std::path::Path;
use std::time::Duration;

use super::{Level, LogFormat, Settings};
use crate::link::alarm::AlarmRules;
use crate::link::assertion::{Assertion, Condition, Expected};
use crate::link::discover::{Discover, Pattern};
use crate::link::{
    Auth, DatasourceRef, Endpoint, GrafanaSide, HttpOptions, Link, Method, Proxy, Thresholds,
    TlsOptions, TlsVersion,
};
use crate::secret::{HIDDEN, Secret};

/// The settings as YAML.
#[must_use]
pub fn show(settings: &Settings) -> String {
    let mut yaml = Yaml::default();
    yaml.section("web", |yaml| {
        yaml.key("listen_address", quoted(&settings.web.listen.to_string()));
        if let Some(url) = &settings.web.external_url {
            yaml.key("external_url", quoted(url));
        }
    });
    yaml.section("log", |yaml| {
        yaml.key("level", settings.log.level.as_str());
        yaml.key("format", settings.log.format.as_str());
    });
    dns(&mut yaml, settings);
    let general = settings.alarms.rules.as_ref();
    if !settings.grafanas.is_empty() {
        yaml.section("grafanas", |yaml| {
            for (name, grafana) in &settings.grafanas {
                yaml.section(&quoted(name.as_str()), |yaml| {
                    endpoint(yaml, &grafana.endpoint);
                    if let Some(org_id) = grafana.org_id {
                        yaml.key("org_id", org_id);
                    }
                    if grafana.all_addresses {
                        yaml.key("all_addresses", true);
                    }
                    if grafana.users_queries {
                        yaml.key("users_queries", true);
                    }
                    if let Some(Auth::Basic { username, password }) = &grafana.bootstrap {
                        yaml.section("bootstrap", |yaml| {
                            yaml.key("user", quoted(username));
                            secret(yaml, ["password", "password_file"], password);
                        });
                    }
                    if let Some(found) = settings.discover.get(name) {
                        yaml.section("discover", |yaml| discover(yaml, found, general));
                    }
                });
            }
        });
    }
    if !settings.links.is_empty() {
        yaml.section("links", |yaml| {
            for shown in &settings.links {
                yaml.section(&quoted(shown.name.as_str()), |yaml| link(yaml, shown, general));
            }
        });
    }
    alarms::settings(&mut yaml, &settings.alarms);
    yaml.text
}

fn dns(yaml: &mut Yaml, settings: &Settings) {
    let dns = &settings.dns;
    if dns.servers.is_empty() && dns.search.is_none() && dns.ndots.is_none() {
        return;
    }
    yaml.section("dns", |yaml| {
        if !dns.servers.is_empty() {
            yaml.list("servers", dns.servers.iter().map(ToString::to_string));
        }
        if let Some(search) = &dns.search {
            yaml.list("search", search);
        }
        if let Some(ndots) = dns.ndots {
            yaml.key("ndots", ndots);
        }
    });
}

fn discover(yaml: &mut Yaml, discover: &Discover, general: &AlarmRules) {
    let texts = |patterns: &[Pattern]| -> Vec<String> {
        patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()
    };
    yaml.list("types", &discover.types);
    yaml.list("include", texts(&discover.include));
    yaml.list("exclude", texts(&discover.exclude));
    yaml.key("interval", span(discover.interval));
    yaml.key("limit", discover.limit);
    if let Some(namespace) = &discover.namespace {
        yaml.key("namespace", quoted(namespace));
    }
    yaml.list("allow", texts(&discover.allow));
    yaml.parts("overrides", &discover.templates, |yaml, template| {
        yaml.key("match", quoted(template.matches.as_str()));
        match &template.link.prometheus {
            Some(end) => yaml.section("prometheus", |yaml| endpoint(yaml, end)),
            None if !template.finds_direct => yaml.key("prometheus", "none"),
            None => yaml.section("prometheus", |yaml| {
                yaml.section("tls_config", |yaml| tls_config(yaml, &template.trust));
            }),
        }
        watched(yaml, &template.link, template.method, general);
    });
}

fn link(yaml: &mut Yaml, link: &Link, general: &AlarmRules) {
    match &link.prometheus {
        Some(end) => yaml.section("prometheus", |yaml| endpoint(yaml, end)),
        None => yaml.key("prometheus", "none"),
    }
    match &link.grafana {
        Some(side) => yaml.section("grafana", |yaml| grafana(yaml, side)),
        None => yaml.key("grafana", "none"),
    }
    watched(yaml, link, Some(link.query.method), general);
}

/// Everything but the ends; the method only where somebody chose one, and alarms only where they
/// are not as in general.
fn watched(yaml: &mut Yaml, link: &Link, method: Option<Method>, general: &AlarmRules) {
    yaml.key("selector", quoted(&link.query.selector));
    match method {
        Some(Method::Get) => yaml.key("method", "GET"),
        Some(Method::Post) => yaml.key("method", "POST"),
        None => {}
    }
    yaml.key("expect_series", link.query.expect_series);
    yaml.key("freshness", link.query.freshness);
    yaml.key("agreement", link.query.agreement);
    yaml.key("interval", span(link.cadence.interval));
    yaml.key("timeout", span(link.cadence.timeout));
    yaml.key("all_addresses", link.all_addresses);
    yaml.key("tripwire", link.tripwire);
    yaml.section("thresholds", |yaml| thresholds(yaml, &link.thresholds));
    if !link.assertions.is_empty() {
        yaml.section("assertions", |yaml| {
            for shown in &link.assertions {
                assertion(yaml, shown);
            }
        });
    }
    if *link.alarms != *general {
        alarms::of_link(yaml, &link.alarms);
    }
    if !link.labels.is_empty() {
        yaml.section("labels", |yaml| {
            for (name, value) in link.labels.as_ref() {
                yaml.key(&quoted(name), quoted(value));
            }
        });
    }
}

fn assertion(yaml: &mut Yaml, assertion: &Assertion) {
    let (name, query) = (quoted(&assertion.name), quoted(&assertion.query));
    let Condition { answer, within, optional } = assertion.holds;
    if assertion.holds == Condition::default() {
        return yaml.key(&name, query);
    }
    yaml.section(&name, |yaml| {
        yaml.key("query", query);
        match answer {
            Expected::Some => {}
            Expected::None => yaml.key("empty", true),
            Expected::Each(comparison, number) => {
                yaml.key("value", quoted(&format!("{comparison} {number}")));
            }
        }
        if let Some(within) = within {
            yaml.key("within", span(within));
        }
        if optional {
            yaml.key("optional", true);
        }
    });
}

fn grafana(yaml: &mut Yaml, side: &GrafanaSide) {
    yaml.key("name", quoted(side.name.as_str()));
    match &side.datasource {
        DatasourceRef::Uid(uid) => yaml.section("datasource", |yaml| yaml.key("uid", quoted(uid))),
        DatasourceRef::Name(name) => {
            yaml.section("datasource", |yaml| yaml.key("name", quoted(name)));
        }
        DatasourceRef::Default => yaml.key("datasource", "default"),
    }
}

fn thresholds(yaml: &mut Yaml, thresholds: &Thresholds) {
    yaml.key("freshness", span(thresholds.freshness));
    yaml.key("slow", span(thresholds.slow));
    yaml.key("targets_down", thresholds.targets_down);
    yaml.key("clock_skew", span(thresholds.clock_skew));
    yaml.key("dns_slow", span(thresholds.dns_slow));
    yaml.key("tls_expiring", span(thresholds.tls_expiring));
    if let Some(retention) = thresholds.retention {
        yaml.key("retention", span(retention));
    }
}

fn endpoint(yaml: &mut Yaml, end: &Endpoint) {
    yaml.key("url", quoted(&end.url.to_string()));
    http_options(yaml, &end.http);
}

fn http_options(yaml: &mut Yaml, http: &HttpOptions) {
    let HttpOptions { auth, tls, proxy, headers } = http;
    match auth {
        Some(Auth::Basic { username, password }) => {
            yaml.section("basic_auth", |yaml| basic_auth(yaml, username, password));
        }
        Some(Auth::Scheme { scheme, credentials }) => yaml.section("authorization", |yaml| {
            yaml.key("type", quoted(scheme));
            secret(yaml, ["credentials", "credentials_file"], credentials);
        }),
        None => {}
    }
    if *tls != TlsOptions::default() {
        yaml.section("tls_config", |yaml| tls_config(yaml, tls));
    }
    if let Some(Proxy { url, auth, no_proxy }) = proxy {
        yaml.key("proxy_url", quoted(&url.to_string()));
        if let Some((username, password)) = auth {
            yaml.section("proxy_basic_auth", |yaml| basic_auth(yaml, username, password));
        }
        if !no_proxy.is_empty() {
            yaml.list("no_proxy", no_proxy);
        }
    }
    if !headers.is_empty() {
        yaml.section("http_headers", |yaml| http_headers(yaml, headers));
    }
}

fn basic_auth(yaml: &mut Yaml, username: &str, password: &Secret) {
    yaml.key("username", quoted(username));
    secret(yaml, ["password", "password_file"], password);
}

fn secret(yaml: &mut Yaml, [key, file_key]: [&str; 2], secret: &Secret) {
    match secret {
        Secret::Value(_) => yaml.key(key, quoted(HIDDEN)),
        Secret::File(path) => yaml.key(file_key, quoted_path(path)),
    }
}

fn tls_config(yaml: &mut Yaml, tls: &TlsOptions) {
    let files =
        [("ca_file", &tls.ca_file), ("cert_file", &tls.cert_file), ("key_file", &tls.key_file)];
    for (key, path) in files {
        if let Some(path) = path {
            yaml.key(key, quoted_path(path));
        }
    }
    if let Some(name) = &tls.server_name {
        yaml.key("server_name", quoted(name));
    }
    yaml.key("insecure_skip_verify", tls.insecure_skip_verify);
    yaml.key(
        "min_version",
        match tls.min_version {
            TlsVersion::Tls12 => "TLS12",
            TlsVersion::Tls13 => "TLS13",
        },
    );
}

/// The values of one header stand next to each other.
fn http_headers(yaml: &mut Yaml, headers: &[(String, Secret)]) {
    for values in headers.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((name, _)) = values.first() else { continue };
        yaml.section(&quoted(name), |yaml| {
            let (mut secrets, mut files) = (Vec::new(), Vec::new());
            for (_, value) in values {
                match value {
                    Secret::Value(_) => secrets.push(HIDDEN),
                    Secret::File(path) => files.push(path.to_string_lossy()),
                }
            }
            if !secrets.is_empty() {
                yaml.list("secrets", secrets);
            }
            if !files.is_empty() {
                yaml.list("files", files);
            }
        });
    }
}

fn span(duration: Duration) -> impl Display {
    humantime::format_duration(duration).to_string().replace("days", "d").replace("day", "d")
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// As it is if every reader of YAML takes it for the same text, else in quotes.
fn quoted(text: &str) -> String {
    // YAML 1.1 reads these as switches or as nothing.
    let words = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    let mark = |c: char| matches!(c, '_' | '-' | '.' | '/' | '+');
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || mark(c))
        && !words.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    // JSON's strings are YAML's.
    serde_json::Value::from(text).to_string()
}

/// A document in the making.
#[derive(Default)]
struct Yaml {
    text: String,
    depth: usize,
}

impl Yaml {
    fn line(&mut self, line: Arguments<'_>) {
        let indent = self.depth * 2;
        self.text.push_str(&format!("{:indent$}{line}\n", ""));
    }

    fn key(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key}: {value}"));
    }

    fn section(&mut self, key: &str, content: impl FnOnce(&mut Self)) {
        self.line(format_args!("{key}:"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
    }

    /// A list whose parts have keys: each dash stands alone, and its part is one level deeper.
    fn parts<T>(&mut self, key: &str, parts: &[T], content: impl Fn(&mut Self, &T)) {
        if parts.is_empty() {
            return;
        }
        self.section(key, |yaml| {
            for part in parts {
                yaml.line(format_args!("-"));
                yaml.depth += 1;
                content(yaml, part);
                yaml.depth -= 1;
            }
        });
    }

    fn list<T: AsRef<str>>(&mut self, key: &str, items: impl IntoIterator<Item = T>) {
        let items: Vec<_> = items.into_iter().map(|item| quoted(item.as_ref())).collect();
        self.key(key, format_args!("[{}]", items.join(", ")));
    }
}

// === impl Level, LogFormat ===

impl Level {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl LogFormat {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logfmt => "logfmt",
            Self::Json => "json",
        }
    }
}
