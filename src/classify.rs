//! Answers → causes: status, headers and bytes in, words out. Pure: no I/O, no clock, no async.
//!
//! Whoever asked hands over what came back, and each module judges the answers of one kind of server:
//! `prometheus` those of the query API, on the direct path and through Grafana's data proxy alike;
//! `grafana_answer` those of Grafana's own endpoints; `grafana_message` the error texts inside them; and
//! `gateway` tells what neither of them said but something in between. An answer is judged by its content
//! and never by its status alone: the same 503 is a Prometheus that replays its log, a query that ran out
//! of time, or a gateway with nobody behind it, and each of them is another person's work.

pub mod gateway;
pub mod grafana_answer;
pub mod grafana_message;
pub mod prometheus;

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
    /// How many series (samples) there are; 0 for a scalar.
    pub series: u64,
    /// How many of them have the value 1.
    pub up: u64,
    /// Hashes of the series' `{job,instance}`: sorted, without duplicates, the smallest
    /// [`MAX_IDENTITIES`](crate::report::seen::MAX_IDENTITIES) of them, so that two capped sets of the
    /// same series are the same.
    pub identities: Vec<u64>,
    /// The value of the first sample, or of the scalar; may be NaN.
    pub value: Option<f64>,
    /// When the query was evaluated, by the server's clock, in Unix seconds.
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
    /// Where a redirect leads, or would.
    pub location: Option<String>,
    /// What the server is, where the answer gives it away.
    pub flavour: Option<Flavour>,
    /// The gateway or proxy that seems to have answered.
    pub via: Option<&'static str>,
}
