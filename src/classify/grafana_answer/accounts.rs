//! Service accounts and their tokens, below `/api/serviceaccounts`, since Grafana 9.

use serde::Deserialize;

use super::expect;
use crate::classify::{Answer, Rejection};
use crate::report::cause::Cause;

/// A token of a service account, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// It opens nothing any more.
    #[serde(default)]
    pub has_expired: bool,
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its id.
    pub id: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    is_disabled: bool,
}

/// A token is in the header of each request; the longest that Grafana makes has some 50 characters.
const MAX_TOKEN_CHARS: usize = 4096;

/// Judges `GET /api/serviceaccounts/search?query=NAME`: the account of exactly this name.
///
/// # Errors
/// Grafana did not search.
pub fn found(answer: &Answer<'_>, name: &str) -> Result<Option<Account>, Rejection> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        service_accounts: Vec<Account>,
    }
    let body: Body = expect(answer)?;
    Ok(body.service_accounts.into_iter().find(|account| account.name == name))
}

/// Judges `POST /api/serviceaccounts`: the new account.
///
/// # Errors
/// None was made; one of that name may be there already.
pub fn created(answer: &Answer<'_>) -> Result<Account, Rejection> {
    expect(answer)
}

/// Judges `GET /api/serviceaccounts/:id/tokens`.
///
/// # Errors
/// Grafana did not list them.
pub fn tokens(answer: &Answer<'_>) -> Result<Vec<Listed>, Rejection> {
    expect(answer)
}

/// Judges `POST /api/serviceaccounts/:id/tokens`: the token itself, which is shown this once.
///
/// # Errors
/// None was made.
pub fn made(answer: &Answer<'_>) -> Result<String, Rejection> {
    #[derive(Deserialize)]
    struct Body {
        key: String,
    }
    let key = expect::<Body>(answer)?.key;
    // It goes into a header, and to a terminal.
    let is_token =
        (1..=MAX_TOKEN_CHARS).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic());
    if is_token { Ok(key) } else { Err(Rejection::new(Cause::AnswerMalformed, answer)) }
}

// === impl Account ===

impl Account {
    /// Why no token of it is any good: it opens nothing, or more than it should. Whoever raised its
    /// role did so for something else.
    #[must_use]
    pub fn unfit(&self) -> Option<&'static str> {
        if self.is_disabled {
            Some("it is disabled")
        } else if matches!(self.role.as_str(), "Admin" | "Editor") {
            Some("its role is more than Viewer")
        } else {
            None
        }
    }
}
