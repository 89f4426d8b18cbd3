//! A question to Prometheus that got no good answer, and what that is called.

use std::time::Duration;

use crate::classify::Rejection;
use crate::net::http::Response;
use crate::probe::line::{self, failed};
use crate::report::Row;
use crate::report::cause::Cause;
use crate::report::facts::Key;

/// A question without a good answer.
pub enum Bad {
    /// No whole answer.
    Lost(Cause, String),
    /// An answer that is no good.
    Rejected(u16, Box<Rejection>),
    /// Our own credentials cannot be read: nothing was asked.
    Credentials(String),
}

impl Bad {
    /// Its cause, and what was said.
    pub fn words(self) -> (Cause, String) {
        match self {
            Self::Lost(cause, words) => (cause, words),
            Self::Rejected(status, rejection) => {
                let status = format!("status {status}");
                (rejection.cause, rejection.api_error.unwrap_or(status))
            }
            Self::Credentials(error) => (Cause::OwnFileUnusable, error),
        }
    }

    /// The row of the check that asked.
    pub fn into_row(self, took: Duration) -> Row {
        if let Self::Rejected(status, rejection) = self {
            let mut row = failed(rejection.cause, took);
            line::note_rejection(&mut row.facts, status, &rejection);
            return row;
        }
        let (cause, words) = self.words();
        let mut row = failed(cause, took);
        row.facts.text(Key::Error, &words);
        row
    }
}

/// A forward proxy that answers by itself says so by its status or a header of its own.
pub fn proxied(response: &Response, mut rejection: Rejection) -> Rejection {
    if response.status == 407 || response.header("x-squid-error").is_some() {
        rejection.cause = Cause::ForwardProxyAnswered;
    }
    rejection
}
