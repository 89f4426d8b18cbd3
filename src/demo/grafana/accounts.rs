//! `/api/serviceaccounts`, as an administrator with a password finds it.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::demo::grafana::{Setup, error, organisations};
use crate::demo::http::{Reply, Request};

/// Where it is served.
pub const PATH: &str = "/api/serviceaccounts";

/// Who may make service accounts, and which ones there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accounts {
    /// The user `admin`'s password; none: nobody may.
    pub password: Option<String>,
    /// All of them.
    pub list: Vec<Account>,
    /// What is answered in place of everything that an administrator asks.
    pub fails: Option<(u16, &'static str)>,
    /// The next search comes before somebody else makes what it looks for.
    pub is_overtaken: bool,
    /// Ids that were given away, tokens' among them.
    ids: u64,
}

/// A service account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// None of its tokens opens anything.
    pub is_disabled: bool,
    /// Its tokens: id, name, and whether the time of each is over.
    pub tokens: Vec<(u64, String, bool)>,
}

/// Whether the user `admin` asks, by password.
pub fn is_admin(request: &Request, setup: &Setup) -> bool {
    setup.accounts.password.as_ref().is_some_and(|password| {
        let login = BASE64_STANDARD.encode(format!("admin:{password}"));
        request.header("authorization") == format!("Basic {login}")
    })
}

/// Answers what an administrator may ask.
pub fn answer(request: &Request, setup: &mut Setup) -> Reply {
    if setup.accounts.password.is_none() {
        return error(404, "Not found");
    }
    if !is_admin(request, setup) {
        return error(401, "Invalid username or password");
    }
    if organisations::is_unknown(request, setup) {
        return error(404, "Organization not found");
    }
    if let Some((status, message)) = setup.accounts.fails {
        return error(status, message);
    }
    let rest = request.path.trim_start_matches(PATH).trim_matches('/').to_owned();
    let segments: Vec<&str> = rest.split('/').collect();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["search"]) if std::mem::take(&mut setup.accounts.is_overtaken) => {
            search(request.parameter("query"), &Accounts::default())
        }
        ("GET", ["search"]) => search(request.parameter("query"), &setup.accounts),
        ("POST", [""]) => create(name, body["role"].as_str().unwrap_or("Viewer"), setup),
        ("GET", [id, "tokens"]) => with(id, setup, |account, _| tokens(account)),
        ("POST", [id, "tokens"]) => {
            let made = with(id, setup, |account, id| make(account, id, &name));
            if let (200, Some(key)) = (made.status, key(&made)) {
                organisations::let_in(key, request, setup);
            }
            made
        }
        ("DELETE", [id, "tokens", token]) => with(id, setup, |account, _| {
            account.tokens.retain(|(id, ..)| id.to_string() != *token);
            Reply::json(200, json!({"message": "Service account token deleted"}))
        }),
        _ => error(404, "Not found"),
    }
}

fn with(id: &str, setup: &mut Setup, act: impl Fn(&mut Account, u64) -> Reply) -> Reply {
    setup.accounts.ids += 1;
    let new = setup.accounts.ids;
    match setup.accounts.list.iter_mut().find(|account| account.id.to_string() == id) {
        Some(account) => act(account, new),
        None => error(404, "Failed to retrieve service account"),
    }
}

fn search(part: &str, accounts: &Accounts) -> Reply {
    let found = accounts.list.iter().filter(|account| account.name.contains(part));
    let found: Vec<Value> = found.map(describe).collect();
    let body = json!({
        "totalCount": found.len(), "serviceAccounts": found, "page": 1, "perPage": 100,
    });
    Reply::json(200, body)
}

fn describe(account: &Account) -> Value {
    json!({
        "id": account.id, "name": account.name, "login": format!("sa-{}", account.name),
        "orgId": 1, "isDisabled": account.is_disabled, "role": account.role, "tokens": account.tokens.len(),
        "avatarUrl": "",
    })
}

fn create(name: String, role: &str, setup: &mut Setup) -> Reply {
    if setup.accounts.list.iter().any(|account| account.name == name) {
        return error(400, "Failed to create service account");
    }
    setup.accounts.ids += 1;
    let (id, role) = (setup.accounts.ids, role.to_owned());
    let account = Account { id, name, role, ..Account::default() };
    let reply = Reply::json(201, describe(&account));
    setup.accounts.list.push(account);
    reply
}

fn tokens(account: &Account) -> Reply {
    let one = |(id, name, is_expired): &(u64, String, bool)| {
        json!({
            "id": id, "name": name, "created": "2026-11-23T03:00:00Z", "expiration": null,
            "secondsUntilExpiration": 0, "hasExpired": is_expired,
        })
    };
    Reply::json(200, json!(account.tokens.iter().map(one).collect::<Vec<_>>()))
}

fn make(account: &mut Account, id: u64, name: &str) -> Reply {
    if account.tokens.iter().any(|(_, other, _)| other == name) {
        return error(409, "service account token with given name already exists");
    }
    account.tokens.push((id, name.to_owned(), false));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    Reply::json(200, json!({"id": id, "name": name, "key": format!("glsa_{id}_{now}")}))
}

fn key(made: &Reply) -> Option<String> {
    let body: Value = serde_json::from_slice(&made.body).ok()?;
    Some(body["key"].as_str()?.to_owned())
}
