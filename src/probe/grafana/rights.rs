//! `auth`: does Grafana accept our token, in the right organisation?
//!
//! `/api/org` needs a valid token and hardly any right. Missing permissions show at the calls that
//! need them, and are charged to `auth` from there.

use std::sync::Arc;

use crate::classify::grafana_answer;
use crate::clock::{self, Stopwatch};
use crate::desk::{Rights, Wants};
use crate::net::limits;
use crate::plan;
use crate::probe::grafana::{Missed, Through, bootstrap};
use crate::probe::line::{self, failed};
use crate::report::cause::Cause;
use crate::report::check::{Check, Why};
use crate::report::facts::Key;
use crate::report::seen::Seen;
use crate::report::{Outcome, Row};

const ORG_PATH: &str = "/api/org";

impl Through<'_> {
    /// Sets the row of `auth`, shared with the other links of this Grafana.
    pub(super) async fn auth(&mut self) {
        self.read_rights(self.occasion.started).await;
    }

    /// Reads our rights anew unless somebody did so after `asked`.
    pub(super) async fn read_rights(&mut self, asked: clock::Now) {
        let wants = Wants { asked, max_age: plan::SLOW_CHECK_PERIOD, not_before: None };
        let desk = Arc::clone(self.desk);
        let deadline = self.deadline;
        let mut missed = None;
        let run = async {
            let began = clock::now();
            let row = match self.ask_rights_or_bootstrap().await {
                Ok(row) => row,
                Err(Missed::Instead(row)) => row,
                Err(Missed::Gone) => {
                    missed = Some(Missed::Gone);
                    Row::skipped(Why::Needs(Check::GrafanaHealth), clock::now())
                }
            };
            let passed = row.outcome == Outcome::Passed;
            let seen = Seen { token_not_after: self.own_token_ends(), ..Seen::default() };
            Rights { began, ended: clock::now(), row, seen, passed }
        };
        let rights = desk.auth.get(wants, deadline, run).await;
        match (missed, rights) {
            (Some(_), _) => {}
            (None, Some(rights)) => {
                if self.side.end.bootstrap.is_some() {
                    // Whoever asked for all of us may have made a token meanwhile.
                    self.headers = bootstrap::headers(self.side, self.desk);
                }
                self.leg.seen.token_not_after = rights.seen.token_not_after;
                self.leg.rows.insert(Check::Auth, rights.row.clone());
            }
            (None, None) => {
                self.leg.rows.insert(Check::Auth, Row::skipped(Why::Busy, clock::now()));
            }
        }
    }

    pub(super) async fn ask_rights(&mut self) -> Result<Row, Missed> {
        let watch = Stopwatch::start();
        if let Err(bad) = &self.headers {
            let cause = if bad.is_missing { Cause::TokenMissing } else { Cause::OwnFileUnusable };
            let mut row = failed(cause, watch.read());
            row.facts.text(Key::Error, &bad.says);
            return Err(Missed::Instead(row));
        }
        let request = self.get(ORG_PATH, limits::SMALL_BODY);
        let response = self.call(&request).await?;
        let answer = line::answer(&response, ORG_PATH, self.has_credentials());
        let wanted = self.side.end.org_id;
        match grafana_answer::organisation(&answer) {
            Ok(org) => {
                let wrong = wanted.is_some_and(|wanted| wanted != org.id);
                let outcome =
                    if wrong { Outcome::Failed(Cause::WrongOrganisation) } else { Outcome::Passed };
                let mut row = Row::ended(outcome, watch.read(), clock::now());
                row.facts.text(Key::Organisation, &format!("{} ({})", org.id, org.name));
                Ok(row)
            }
            // The right to read the organisation's name is not one that we need.
            Err(rejection) if rejection.cause == Cause::PermissionMissing && wanted.is_none() => {
                Ok(Row::ended(Outcome::Passed, watch.read(), clock::now()))
            }
            Err(rejection)
                if rejection.cause == Cause::TokenRejected && !self.is_well_now().await =>
            {
                Err(Missed::Gone)
            }
            Err(rejection) => {
                let mut row = failed(rejection.cause, watch.read());
                line::note_rejection(&mut row.facts, response.status, &rejection);
                Ok(row)
            }
        }
    }

    /// Whether we show Grafana any credentials.
    pub(super) fn has_credentials(&self) -> bool {
        let has_own = || self.desk.with_own(|own| own.token.is_some());
        self.side.end.endpoint.http.auth.is_some() || has_own()
    }
}
