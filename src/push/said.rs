//! What a receiver answered, or why it did not, as somebody reads it who has to mend it: what
//! happened, at which URL, and what to do next.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use url::Url;

use crate::link::HttpOptions;
use crate::net::tls::{Problem, TlsFailure};
use crate::secret::HIDDEN;

#[cfg(test)]
mod tests;

/// Who asks for more patience has none: an alert that several promlinks refresh ends after four
/// minutes.
const MOST_PATIENCE: Duration = Duration::from_secs(120);

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// The receiver's clock.
    pub date: Option<SystemTime>,
    /// How long it asks to be left alone.
    pub patience: Option<Duration>,
    /// For people.
    pub words: String,
}

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For people.
    pub says: String,
    /// How long the receiver asks to be left alone.
    pub patience: Option<Duration>,
}

/// Where something was sent, as people are told it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The URL; where it may be a secret, its host alone.
    url: String,
    /// What to do where nothing is found.
    path: &'static str,
    signs_in: bool,
    /// The proxy on the way.
    proxy: Option<String>,
}

/// The lines of an answer that are heeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The receiver's clock.
    pub date: Option<SystemTime>,
    patience: Option<Duration>,
    /// Where it sends us.
    pub location: Option<String>,
}

// === impl Said ===

impl Said {
    /// Whether it was accepted.
    #[must_use]
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether what was sent is refused, and something else would perhaps not be.
    #[must_use]
    pub fn is_of_the_content(&self) -> bool {
        matches!(self.status, 400 | 413 | 422)
    }

    /// Whether it was accepted.
    ///
    /// # Errors
    /// It was not: what was said.
    pub fn accepted(self) -> Result<(), Refusal> {
        if self.is_good() {
            return Ok(());
        }
        Err(Refusal { says: self.words, patience: self.patience })
    }
}

impl From<String> for Refusal {
    fn from(says: String) -> Self {
        Self { says, patience: None }
    }
}

// === impl Lines ===

impl Lines {
    /// What of `headers` matters; `now` is our clock.
    #[must_use]
    pub fn of(headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let moment = |text: &str| httpdate::parse_http_date(text).ok();
        let date = text(DATE).and_then(moment);
        let patience = text(RETRY_AFTER).and_then(|text| match text.trim().parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            // By the clock that wrote it.
            Err(_) => moment(text)?.duration_since(date.unwrap_or(now)).ok(),
        });
        Self {
            date,
            patience: patience.map(|patience| patience.min(MOST_PATIENCE)),
            location: text(LOCATION).map(str::to_owned),
        }
    }
}

// === impl Place ===

impl Place {
    /// `url` as it may be shown.
    #[must_use]
    pub fn new(url: &Url, is_secret: bool, http: &HttpOptions, proxy: Option<String>) -> Self {
        let mut shown = url.clone();
        let mut end = "";
        if is_secret {
            shown.set_query(None);
            if !["", "/"].contains(&url.path()) {
                shown.set_path("/");
                end = HIDDEN;
            }
        }
        Self {
            url: format!("{shown}{end}"),
            path: if is_secret {
                "check that its path is whole, and was not revoked"
            } else {
                "an Alertmanager with a route prefix has it in its url, as http://host:9093/prefix"
            },
            signs_in: http.auth.is_some(),
            proxy,
        }
    }

    /// An answer; `text` is the beginning of its body.
    #[must_use]
    pub fn said(&self, status: u16, lines: Lines, text: &str) -> Said {
        let Lines { date, patience, location } = lines;
        let mut words = format!("answered {status}");
        if let Some(next) = self.next(status, location.as_deref(), text) {
            words = format!("{} {words}; {next}", self.url);
        }
        if !text.is_empty() {
            words = format!("{words}. Its words: {text}");
        }
        Said { status, date, patience, words }
    }

    /// What to do about an answer that is not good.
    fn next(&self, status: u16, location: Option<&str>, text: &str) -> Option<String> {
        let to_tls = ["HTTP request to an HTTPS server", "HTTP request was sent to HTTPS port"];
        let keys = "basic_auth or authorization";
        let next = match status {
            200..300 => return None,
            400 if to_tls.iter().any(|words| text.contains(words)) => {
                "TLS is spoken there: write https:// in its url".to_owned()
            }
            300..400 => {
                let to = location.map(|to| format!(" to {to}")).unwrap_or_default();
                format!(
                    "it redirects{to}, which is not followed: give the url where it ends, or \
                     {keys} if that is a login page"
                )
            }
            401 | 403 if self.signs_in => {
                format!("it refuses the credentials: correct {keys}, or what they may do there")
            }
            401 | 403 => {
                format!("it wants credentials: set {keys}, or renew a token that is in its url")
            }
            404 | 405 | 410 => format!("nothing takes alarms at that path: {}", self.path),
            407 => "the proxy wants credentials: set proxy_basic_auth".to_owned(),
            400 | 413 | 422 => {
                "it refuses what alarms say: check that its url is of something that takes what \
                 Alertmanager sends"
                    .to_owned()
            }
            429 => "it is told too often: it is tried again later".to_owned(),
            502..=504 => "what is behind it does not answer: check that it runs".to_owned(),
            500.. => "it failed: its own log has the reason".to_owned(),
            _ => "check that its url is of something that takes alarms".to_owned(),
        };
        Some(next)
    }

    /// Why there is no answer.
    #[must_use]
    pub fn silent(&self, error: &reqwest::Error) -> String {
        let (what, next) = reason(error);
        match &self.proxy {
            Some(proxy) if error.is_connect() => {
                format!(
                    "{} through the proxy {proxy}: {what}; {next}, or the proxy and no_proxy",
                    self.url
                )
            }
            Some(_) | None => format!("{}: {what}; {next}", self.url),
        }
    }
}

fn reason(error: &reqwest::Error) -> (String, &'static str) {
    if error.is_timeout() {
        return if error.is_connect() {
            ("no connection in time".to_owned(), "check host, port, NetworkPolicies, firewalls")
        } else {
            ("no answer in time".to_owned(), "check that it runs, and is not overloaded")
        };
    }
    let mut words = Vec::new();
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = source {
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            return of_tls(TlsFailure::of_library(error));
        }
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return of_system(error);
        }
        if let Some(error) = inner.downcast_ref::<hyper::Error>() {
            if error.is_parse() {
                let next = "if it speaks TLS, write https:// in its url; else check the port";
                return ("what answers speaks no HTTP".to_owned(), next);
            }
            if error.is_incomplete_message() {
                return closed();
            }
        }
        words.push(inner.to_string());
        source = inner.source();
    }
    (words.join(": "), "check its url")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system may say anything")]
fn of_system(error: &io::Error) -> (String, &'static str) {
    // Clients wrap what TLS says once or twice.
    let inner = error.get_ref();
    if let Some(inner) = inner.and_then(|inner| inner.downcast_ref::<io::Error>()) {
        return of_system(inner);
    }
    if let Some(inner) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(TlsFailure::of_library(inner));
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            ("Connection refused".to_owned(), "check that it runs, and the port of its url")
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            (error.to_string(), "check its address, and routes and firewalls to it")
        }
        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => closed(),
        _ => (error.to_string(), "check its url"),
    }
}

fn closed() -> (String, &'static str) {
    let next = "check what listens there, and whether it speaks TLS as its url says";
    ("the connection was closed without an answer".to_owned(), next)
}

fn of_tls(failure: TlsFailure) -> (String, &'static str) {
    let (what, next) = match failure {
        TlsFailure::Certificate(problem) => return of_certificate(problem),
        TlsFailure::NotSpoken => {
            ("no TLS is spoken there", "write http:// in its url, or the port that speaks TLS")
        }
        TlsFailure::ClientCertificateRequired => {
            ("it wants a client certificate", "set tls_config.cert_file and key_file")
        }
        TlsFailure::ClientCertificateRefused(alert) => {
            let what = format!("it refuses the client certificate ({alert})");
            return (what, "check tls_config.cert_file");
        }
        TlsFailure::NoCommonVersion => {
            ("no version of TLS in common", "it has to speak TLS 1.2 or a later one")
        }
        TlsFailure::Alert(words) | TlsFailure::Other(words) => {
            return (format!("no TLS ({words})"), "check tls_config, and the port of its url");
        }
        TlsFailure::Timeout | TlsFailure::Closed | TlsFailure::Reset => return closed(),
    };
    (what.to_owned(), next)
}

fn of_certificate(problem: Problem) -> (String, &'static str) {
    let (what, next) = match problem {
        Problem::UnknownCa => (
            "its certificate is of an unknown authority",
            "set tls_config.ca_file to the certificate of that authority",
        ),
        Problem::Expired => ("its certificate has expired", "who runs it has to renew it"),
        Problem::NotYetValid => ("its certificate is not valid yet", "compare the clocks of both"),
        Problem::WrongName => (
            "its certificate is for another name",
            "write that name in its url, or set tls_config.server_name",
        ),
        Problem::Other(words) => {
            return (format!("its certificate is not trusted ({words})"), "check that certificate");
        }
    };
    (what.to_owned(), next)
}
