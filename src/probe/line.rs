//! Requests in turn on one stream.
//!
//! A server may close after any answer. The stream is then dialled again without a row of its own:
//! what is timed as a check is how an end is reached, once a cycle.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::classify::{Answer, Rejection, grafana_answer};
use crate::clock;
use crate::net::http::{Connection, HttpFailure, Request, Response};
use crate::probe::causes::{self, End};
use crate::probe::hops::Hops;
use crate::report::cause::Cause;
use crate::report::facts::{Fact, Facts, Key};
use crate::report::{Outcome, Row};

/// Requests in turn on one stream.
pub struct Line {
    end: End,
    address: SocketAddr,
    connection: Option<Connection>,
}

/// A request without a whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What that is called.
    pub cause: Cause,
    /// What happened, for people.
    pub words: String,
}

// === impl Line ===

impl Line {
    /// Speaks on a stream that was just made.
    pub fn new(end: End, address: SocketAddr, connection: Option<Connection>) -> Self {
        Self { end, address, connection }
    }

    /// Whom it leads to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends `request`, on a fresh stream when the server closed the last one.
    pub async fn send(
        &mut self,
        hops: &Hops<'_>,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, Lost> {
        hops.net.count_request(self.end);
        if let Some(mut connection) = self.connection.take()
            && connection.is_open()
        {
            match connection.send(request, deadline).await {
                Ok(response) => {
                    self.connection = Some(connection);
                    return Ok(response);
                }
                Err(HttpFailure::Stale) => {}
                Err(failure) => return Err(self.lost(&failure)),
            }
        }
        let mut connection = hops
            .redial(self.address, deadline)
            .await
            .map_err(|cause| Lost { cause, words: "when dialled again".to_owned() })?;
        let response = connection.send(request, deadline).await.map_err(|f| self.lost(&f))?;
        self.connection = Some(connection);
        Ok(response)
    }

    fn lost(&self, failure: &HttpFailure) -> Lost {
        Lost { cause: causes::http(failure, self.end), words: causes::http_words(failure) }
    }
}

/// A check that ended now, and badly.
pub fn failed(cause: Cause, took: Duration) -> Row {
    Row::ended(Outcome::Failed(cause), took, clock::now())
}

/// A response as `classify` reads it.
pub fn answer<'a>(response: &'a Response, asked: &'a str, credentials: bool) -> Answer<'a> {
    Answer {
        status: response.status,
        headers: &response.headers,
        body: &response.body,
        cut: response.cut,
        asked,
        credentials,
    }
}

/// Evidence of an answer that is no good.
pub fn note_rejection(facts: &mut Facts, status: u16, rejection: &Rejection) {
    facts.push(Key::Status, Fact::Count(u64::from(status)));
    let texts = [
        (Key::ApiErrorType, &rejection.api_error_type),
        (Key::ApiError, &rejection.api_error),
        (Key::BodyStart, &rejection.body_start),
        (Key::Location, &rejection.location),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            facts.text(key, text);
        }
    }
    if let Some(permission) = grafana_answer::permission(rejection) {
        facts.text(Key::Permission, permission);
    }
    if let Some(via) = rejection.via {
        facts.text(Key::Via, via);
    }
}

/// The farthest that a clock is off, in seconds: one that has lost its time says 1970. What is
/// farther off was written by no clock, such as the year 9999.
const FARTHEST_SKEW: f64 = 1e9 * 3.2;

/// The server's clock minus ours, from its `Date` header, which is cut to whole seconds.
pub fn skew(response: &Response, now: SystemTime) -> Option<f64> {
    let theirs = httpdate::parse_http_date(response.header("date")?).ok()?;
    Some(seconds(theirs) + 0.5 - seconds(now)).filter(|skew| skew.abs() < FARTHEST_SKEW)
}

/// A time as Unix seconds.
pub fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_that_no_clock_shows_is_no_skew() {
        let now = httpdate::parse_http_date("Tue, 24 Nov 2026 15:00:00 GMT").unwrap();
        let skew_of = |date: &str| {
            let response = Response {
                status: 200,
                headers: vec![("date".to_owned(), date.to_owned())],
                body: Vec::new(),
                cut: false,
                first_byte: Duration::ZERO,
                took: Duration::ZERO,
            };
            skew(&response, now)
        };
        assert_eq!(skew_of("Tue, 24 Nov 2026 15:00:10 GMT"), Some(10.5));
        assert!(skew_of("Thu, 01 Jan 1970 00:00:00 GMT").is_some());
        assert_eq!(skew_of("Fri, 31 Dec 9999 23:59:59 GMT"), None);
        assert_eq!(skew_of("soon"), None);
    }
}
