//! A token of our own, made with an administrator's login where none is given, or Grafana rejects
//! the one that is.
//!
//! kube-prometheus-stack, kube-prometheus and MicroK8s keep Grafana's database in its pod: with the
//! pod every token is gone, while the administrator's password is in a Secret and stays. That
//! password is used here and nowhere else, and seldom.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::cadence::jitter;
use crate::classify::grafana_answer::accounts::{self, Account};
use crate::classify::{Answer, Rejection};
use crate::clock::{self, Now};
use crate::desk::{Desk, OwnToken, Refused};
use crate::link::{Auth, GrafanaSide};
use crate::net::credentials::{self, Unusable};
use crate::net::http::{Request, Verb};
use crate::net::limits;
use crate::probe::grafana::{Missed, Through};
use crate::probe::line;
use crate::probe::query;
use crate::probe::redact;
use crate::report::cause::Cause;
use crate::report::facts::{Key, clean};
use crate::report::finding::Finding;
use crate::report::{Outcome, Row};
use crate::secret::Secret;

/// The service account, and what its tokens' names begin with.
const ACCOUNT: &str = "promlink";
const PATH: &str = "/api/serviceaccounts";
/// A token that nobody renews is gone within a day.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// It is renewed at half its life, so that a Grafana that is away for hours costs nothing.
const RENEWED_AFTER: Duration = Duration::from_secs(12 * 3600);
/// A new one can wait, and the cycle's own questions cannot: so long, and half of the time at most.
const RENEWAL_WAIT: Duration = Duration::from_secs(2);
/// Something keeps us from renewing one of which only so much is left.
const LATE: Duration = Duration::from_secs(6 * 3600);
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(60);
/// After a wrong password, and twice as long after each further time: Grafana locks a user who
/// gives five of them in five minutes, and every replica has the same one.
const PAUSE_REFUSED: Duration = Duration::from_secs(300);
/// As long as that pause grows. Somebody may mend it in Grafana, where nobody sees that from here.
const LONGEST_PAUSE_REFUSED: Duration = Duration::from_secs(1800);
/// After a token that Grafana rejects as well: replicas without a common database do so.
const PAUSE_USELESS: Duration = Duration::from_secs(600);
/// Expired tokens that are deleted at a time; one a pod that is gone.
const MAX_DELETED: usize = 5;

/// Header lines for Grafana: with the token of our own, once there is one.
///
/// Bodies of answers are not cached for us, so that a mended data source shows at once
/// (`X-Grafana-NoCache`).
pub fn headers(side: &GrafanaSide, desk: &Desk) -> Result<Vec<(String, String)>, Unusable> {
    headers_as(side, desk.with_own(|own| own.token.clone()).as_ref())
}

fn headers_as(side: &GrafanaSide, auth: Option<&Auth>) -> Result<Vec<(String, String)>, Unusable> {
    let http = &side.end.endpoint.http;
    let mut headers = match auth {
        Some(auth) => credentials::headers_as(http, auth)?,
        None => credentials::headers(http)?,
    };
    headers.push(("X-Grafana-NoCache".to_owned(), "true".to_owned()));
    if let Some(org) = side.end.org_id {
        headers.push(("X-Grafana-Org-Id".to_owned(), org.to_string()));
    }
    Ok(headers)
}

/// A new token.
#[derive(Clone)]
pub struct Made {
    /// Its name in Grafana.
    pub name: String,
    /// Itself.
    pub token: String,
}

/// Why no token was made.
enum Failed {
    /// Grafana itself is not there any more.
    Gone,
    /// In words, and whether the login itself is refused.
    Says { says: String, is_refused: bool },
}

impl Failed {
    /// In words; no login was refused just now.
    fn says(says: String) -> Self {
        Self::Says { says, is_refused: false }
    }
}

impl OwnToken {
    /// Whether it is time for a new one.
    fn is_due(&self, now: Now) -> bool {
        self.is_older(now, RENEWED_AFTER)
    }

    /// Whether people should hear that there is no new one.
    fn is_late(&self, now: Now) -> bool {
        self.is_older(now, LIFE.saturating_sub(LATE))
    }

    fn is_older(&self, now: Now, age: Duration) -> bool {
        self.made.is_some_and(|made| now.since(made) >= age)
    }

    /// Whether it is too early for another attempt with this login.
    fn is_early(&self, login: &Secret, now: Now) -> bool {
        let refused = self.refused.as_ref().filter(|refused| refused.secret == *login);
        let limits = [self.not_before, refused.map(|refused| refused.not_before)];
        limits.into_iter().flatten().any(|limit| now.mono < limit)
    }

    /// Waits ever longer before a login that is refused is shown again, and not as long as another
    /// replica.
    fn note(&mut self, failed: &Failed, login: Secret, host: &str, now: Now) {
        let Failed::Says { says, is_refused } = failed else { return };
        self.failed = Some(says.clone());
        if !is_refused {
            return;
        }
        let before = self.refused.take().filter(|refused| refused.secret == login);
        let times = before.map_or(0, |refused| refused.times);
        let pause = PAUSE_REFUSED.saturating_mul(2_u32.saturating_pow(times));
        let pause = pause.min(LONGEST_PAUSE_REFUSED);
        let not_before = now.mono + pause + jitter((host, times), pause);
        self.refused = Some(Refused { secret: login, times: times + 1, not_before });
    }
}

impl Through<'_> {
    /// Asks for our rights, and makes a token where that is what is missing.
    pub(super) async fn ask_rights_or_bootstrap(&mut self) -> Result<Row, Missed> {
        let now = self.occasion.started;
        let (is_due, is_late) = self.desk.with_own(|own| (own.is_due(now), own.is_late(now)));
        let mut late = None;
        if is_due {
            let whole = self.deadline;
            let wait = RENEWAL_WAIT.min(clock::left(whole) / 2);
            self.deadline = clock::deadline(wait);
            let renewed = self.bootstrap(now).await;
            self.deadline = whole;
            match renewed {
                Some(Err(Failed::Gone)) => return Err(Missed::Gone),
                // The old one is good for as long again.
                Some(Err(Failed::Says { says, .. })) => {
                    late = Some(says).filter(|_| is_late);
                }
                Some(Ok(_)) | None => {}
            }
        }
        let mut first = match self.ask_rights().await {
            Ok(row) | Err(Missed::Instead(row)) => row,
            Err(Missed::Gone) => return Err(Missed::Gone),
        };
        if let Some(says) = late {
            first.findings.push(Finding::of(Cause::TokenExpiring, clean(&says)));
        }
        if !wants_token(&first) {
            return Ok(first);
        }
        match self.bootstrap(now).await {
            None => Ok(first),
            Some(Err(Failed::Gone)) => Err(Missed::Gone),
            Some(Err(Failed::Says { says, .. })) => Ok(noted(first, &says)),
            Some(Ok(name)) => {
                let second = self.ask_rights().await?;
                if wants_token(&second) {
                    // Each attempt leaves a token behind.
                    self.desk.with_own(|own| own.not_before = Some(now.mono + PAUSE_USELESS));
                }
                Ok(noted(second, &format!("made the token {name}")))
            }
        }
    }

    /// When the token of our own stops to open anything.
    pub(super) fn own_token_ends(&self) -> Option<SystemTime> {
        self.desk.with_own(|own| own.made.map(|made| made.wall + LIFE))
    }

    /// Makes a token; none when that is not wanted, or was tried a moment ago.
    async fn bootstrap(&mut self, now: Now) -> Option<Result<String, Failed>> {
        let login = self.side.end.bootstrap.clone()?;
        // One that cannot be read was not shown, and is not now.
        let secret = credentials::read(login.secret().1, "password").unwrap_or_default();
        let secret = Secret::Value(secret);
        let (is_early, failed) =
            self.desk.with_own(|own| (own.is_early(&secret, now), own.failed.clone()));
        if is_early {
            return failed.map(|says| Err(Failed::says(says)));
        }
        self.desk.with_own(|own| own.not_before = Some(now.mono + PAUSE));
        let made = match self.make_token(&login, Some(LIFE)).await {
            Ok(made) => made,
            Err(failed) => {
                self.desk.with_own(|own| own.note(&failed, secret, &self.net.host, now));
                return Some(Err(failed));
            }
        };
        self.desk.with_own(|own| {
            own.token = Some(Auth::bearer(made.token));
            own.made = Some(now);
            (own.failed, own.refused) = (None, None);
        });
        self.headers = headers(self.side, self.desk);
        Some(Ok(made.name))
    }

    /// Makes a token that lives so long, or for ever, by one visit.
    pub(super) async fn token_for(
        mut self,
        login: &Auth,
        life: Option<Duration>,
    ) -> Result<Made, String> {
        self.reach(self.occasion.started).await;
        if self.visit.as_ref().is_none_or(|visit| !visit.passed) {
            return Err(self.not_reached());
        }
        self.make_token(login, life).await.map_err(|failed| match failed {
            Failed::Gone => self.not_reached(),
            Failed::Says { says, .. } => says,
        })
    }

    fn not_reached(&self) -> String {
        let failed = self.leg.rows.iter().find_map(|(check, row)| match row.outcome {
            Outcome::Failed(cause) => {
                let next_step = cause.row().next_step;
                Some(format!("{} at {}: {next_step}", cause.code(), check.as_str()))
            }
            Outcome::Passed | Outcome::Skipped(_) => None,
        });
        let failed = failed.unwrap_or_else(|| "no time".to_owned());
        format!("cannot reach Grafana at {}: {failed}", self.side.end.endpoint.url)
    }

    async fn make_token(&mut self, login: &Auth, life: Option<Duration>) -> Result<Made, Failed> {
        let made = self.try_token(login, life).await;
        made.map_err(|mut failed| {
            if let Failed::Says { says, .. } = &mut failed {
                let http = &self.side.end.endpoint.http;
                redact::hide_in([says], http, std::slice::from_ref(login));
            }
            failed
        })
    }

    async fn try_token(&mut self, login: &Auth, life: Option<Duration>) -> Result<Made, Failed> {
        let headers = headers_as(self.side, Some(login))
            .map_err(|bad| Failed::says(format!("cannot use the login: {}", bad.says)))?;
        let account = self.account(&headers).await?;
        if let Some(why) = account.unfit() {
            return Err(Failed::says(format!("the service account {ACCOUNT} is no good: {why}")));
        }
        let tokens = format!("{PATH}/{}/tokens", account.id);
        self.delete_expired(&headers, &tokens).await?;
        let since = line::seconds(clock::now().wall);
        let name = format!("{ACCOUNT}-{}-{since:.3}", self.net.host);
        // 0: for ever, which a part of a second is not.
        let seconds = life.map_or(0, |life| life.as_secs().max(1));
        let body = json!({"name": name, "secondsToLive": seconds}).to_string();
        let request = self.admin(Verb::Post, &tokens, Some(body), &headers);
        let token = self.told(&request, "make a token", accounts::made).await?;
        Ok(Made { name, token })
    }

    /// Our service account, made unless it is there; another replica may make it meanwhile.
    async fn account(&mut self, headers: &[(String, String)]) -> Result<Account, Failed> {
        let search = format!("{PATH}/search?perpage=100&query={ACCOUNT}");
        let search = self.admin(Verb::Get, &search, None, headers);
        let find = |answer: &Answer<'_>| accounts::found(answer, ACCOUNT);
        let what = "look for the service account";
        if let Some(account) = self.told(&search, what, find).await? {
            return Ok(account);
        }
        let body = json!({"name": ACCOUNT, "role": "Viewer", "isDisabled": false}).to_string();
        let create = self.admin(Verb::Post, PATH, Some(body), headers);
        match self.told(&create, "make the service account", accounts::created).await {
            Ok(account) => Ok(account),
            Err(failed) => self.told(&search, what, find).await?.ok_or(failed),
        }
    }

    async fn delete_expired(
        &mut self,
        headers: &[(String, String)],
        tokens: &str,
    ) -> Result<(), Failed> {
        let list = self.admin(Verb::Get, tokens, None, headers);
        let listed = self.told(&list, "list tokens", accounts::tokens).await?;
        let is_ours = |name: &str| name.starts_with(&format!("{ACCOUNT}-"));
        let old = listed.into_iter().filter(|token| token.has_expired && is_ours(&token.name));
        for token in old.take(MAX_DELETED) {
            let delete = self.admin(Verb::Delete, &format!("{tokens}/{}", token.id), None, headers);
            // Another replica may have deleted it.
            self.told(&delete, "delete a token", |_| Ok(())).await?;
        }
        Ok(())
    }

    fn admin(
        &self,
        method: Verb,
        path: &str,
        body: Option<String>,
        headers: &[(String, String)],
    ) -> Request {
        let body = body.map(|body| ("application/json", body));
        let endpoint = &self.side.end.endpoint;
        let get =
            query::get(endpoint, path, headers, self.hops.is_absolute(), limits::GRAFANA_BODY);
        Request { method, body, ..get }
    }

    /// What `judge` makes of the answer.
    async fn told<T>(
        &mut self,
        request: &Request,
        what: &str,
        judge: impl Fn(&Answer<'_>) -> Result<T, Rejection>,
    ) -> Result<T, Failed> {
        let response = match self.call(request).await {
            Ok(response) => response,
            Err(Missed::Gone) => return Err(Failed::Gone),
            Err(Missed::Instead(_)) => return Err(Failed::says(format!("no time to {what}"))),
        };
        judge(&line::answer(&response, &request.target, true)).map_err(|rejection| {
            let error = rejection.api_error.unwrap_or_else(|| rejection.cause.code().to_owned());
            let status = response.status;
            let says = format!("the login cannot {what}: {status} {}", clean(&error));
            Failed::Says { says, is_refused: status == 401 }
        })
    }
}

/// A new token may open what this one does not.
fn wants_token(row: &Row) -> bool {
    matches!(
        row.outcome,
        Outcome::Failed(Cause::TokenMissing | Cause::TokenRejected | Cause::TokenExpired)
    )
}

impl fmt::Debug for Made {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("name", &self.name).finish_non_exhaustive()
    }
}

fn noted(mut row: Row, says: &str) -> Row {
    row.facts.text(Key::Bootstrap, says);
    row
}

#[cfg(test)]
mod tests;
