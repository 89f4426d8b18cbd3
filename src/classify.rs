//! Answers → causes: status, headers and bytes in, words out. Pure: no I/O, no clock, no async.
//!
//! Whoever asked hands over what came back, and each module judges the answers of one kind of
//! server:
//! `prometheus` those of the query API, on the direct path and through Grafana's data proxy alike;
//! `grafana_answer` those of Grafana's own endpoints; `grafana_message` the error texts inside
//! them; and
//! `gateway` tells what neither of them said but something in between. An answer is judged by its
//! content and never by its status alone: the same 503 is a Prometheus that replays its log, a
//! query that ran out of time, or a gateway with nobody behind it, and each of them is another
//! person's work.

pub mod gateway;
pub mod grafana_answer;
pub mod grafana_message;
pub mod prometheus;
mod tally;

use std::borrow::Cow;

use crate::report::cause::Cause;
use crate::report::seen::Flavour;

/// What came back over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The headers, with lower-case names.
    pub headers: &'a [(String, String)],
    /// The body, decompressed, up to the cap.
    pub body: &'a [u8],
    /// The body was larger than the cap.
    pub cut: bool,
    /// The path that was asked, base path included, without a query.
    pub asked: &'a str,
    /// The request carried credentials of ours.
    pub credentials: bool,
}

/// A good answer to an instant query, from Prometheus itself or in Grafana's frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vector {
    /// How many series there are; 0 for a scalar, of which Grafana's frames make one.
    pub series: u64,
    /// How many of them have the value 1.
    pub up: u64,
    /// Hashes of the series' `{job,instance}`: sorted, without duplicates, the smallest
    /// [`MAX_IDENTITIES`](crate::report::seen::MAX_IDENTITIES) of them, so that two capped sets of
    /// the same series are the same.
    pub identities: Vec<u64>,
    /// The value of the first series, or of the scalar; may be NaN.
    pub value: Option<f64>,
    /// The least of all values that are numbers, of series or of the scalar.
    pub lowest: Option<f64>,
    /// The greatest of them.
    pub highest: Option<f64>,
    /// A series has no number: NaN, or a histogram.
    pub numberless: bool,
    /// When the query was evaluated, by the server's clock, in Unix seconds. Grafana 9 rounds it
    /// down to the panel's step, VictoriaMetrics to whole seconds.
    pub evaluated_at: Option<f64>,
    /// Warnings and infos, as they came (not cleaned).
    pub warnings: Vec<String>,
    /// Part of the data is missing, and the server says so.
    pub partial: bool,
    /// False when the answer was cut at the cap, but began as a good one.
    pub complete: bool,
    /// So large that aggregates are asked from now on.
    pub large: bool,
    /// What the server is, where the answer gives it away.
    pub flavour: Option<Flavour>,
}

/// An answer that is no good, and what it says. Texts are as they came: not cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub cause: Cause,
    /// Prometheus' `errorType`, or Grafana's `messageId`.
    pub api_error_type: Option<String>,
    /// Prometheus' `error`, or Grafana's `message`.
    pub api_error: Option<String>,
    /// How a body begins that is neither.
    pub body_start: Option<String>,
    /// Where a redirect leads, without query and credentials.
    pub location: Option<String>,
    /// What the server is, where the answer gives it away.
    pub flavour: Option<Flavour>,
    /// The gateway or proxy that seems to have answered.
    pub via: Option<&'static str>,
}

/// From this many bytes on an answer is large: aggregates cost a thousandth and say the same of a
/// link.
pub const LARGE_BYTES: usize = 256 * 1024;

/// Words are looked for in this much of a body; login forms of single-page applications come late.
const TEXT_BYTES: usize = 64 * 1024;
/// A body's start that is kept as evidence; showing it cuts it once more.
const BODY_START_BYTES: usize = 512;

// === impl Answer ===

impl<'a> Answer<'a> {
    /// The value of the header with that lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The media type, with its parameters; empty when there is none.
    fn content_type(&self) -> &'a str {
        self.header("content-type").unwrap_or_default()
    }

    /// As much of the body as is worth searching, as text.
    fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.body.get(..TEXT_BYTES).unwrap_or(self.body))
    }

    /// The first byte that is no white space.
    fn first_byte(&self) -> Option<u8> {
        self.body.iter().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    /// The body is HTML, by what it says or by how it begins.
    #[must_use]
    pub fn is_html(&self) -> bool {
        self.first_byte() == Some(b'<')
            || (self.content_type().starts_with("text/html") && self.first_byte() != Some(b'{'))
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status) && self.header("location").is_some()
    }
}

// === impl Rejection ===

impl Rejection {
    /// A rejection for `cause` with what `answer` shows by itself.
    fn new(cause: Cause, answer: &Answer<'_>) -> Self {
        let start = answer.body.get(..BODY_START_BYTES).unwrap_or(answer.body);
        Self {
            cause,
            api_error_type: None,
            api_error: None,
            body_start: Some(String::from_utf8_lossy(start).trim().to_owned())
                .filter(|text| !text.is_empty()),
            location: answer.header("location").map(bare_url),
            flavour: None,
            via: gateway::name(answer),
        }
    }
}

/// A URL without query, fragment and credentials: those of a login redirect hold secrets.
fn bare_url(url: &str) -> String {
    without_credentials(url.split(['?', '#']).next().unwrap_or_default())
}

/// A URL may hold a password, even one that is no valid URL.
fn without_credentials(url: &str) -> String {
    let scheme = match url.split_once("//") {
        Some((scheme, _)) if scheme.is_empty() || scheme.ends_with(':') => scheme.len() + 2,
        Some(_) | None => 0,
    };
    let (scheme, rest) = url.split_at(scheme);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}{path}")
}

#[cfg(test)]
mod tests;
