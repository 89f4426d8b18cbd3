//! Service accounts and their tokens, below `/api/serviceaccounts`, since Grafana 9.

use serde::Deserialize;

use super::expect;
use crate::classify::{Answer, Rejection};

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

#[derive(Deserialize)]
struct Account {
    id: u64,
    #[serde(default)]
    name: String,
}

/// Judges `GET /api/serviceaccounts/search?query=NAME`: the account of exactly this name.
///
/// # Errors
/// Grafana did not search.
pub fn found(answer: &Answer<'_>, name: &str) -> Result<Option<u64>, Rejection> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        service_accounts: Vec<Account>,
    }
    let body: Body = expect(answer)?;
    let account = body.service_accounts.into_iter().find(|account| account.name == name);
    Ok(account.map(|account| account.id))
}

/// Judges `POST /api/serviceaccounts`: the new account.
///
/// # Errors
/// None was made; one of that name may be there already.
pub fn created(answer: &Answer<'_>) -> Result<u64, Rejection> {
    expect::<Account>(answer).map(|account| account.id)
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
    expect::<Body>(answer).map(|body| body.key)
}
