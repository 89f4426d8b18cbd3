//! How Grafana's users fare, by its own counters: evidence beside `grafana_query`, no more.
//!
//! promlink's own query may pass while users' fail: on another data source, or another question.
//! The counters have no label of a data source, so no link can be judged by them.
//!
//! It comes last in a cycle, so it costs no check any time. The pages want no token, and are shown
//! none: where Grafana guards them, it does so with a password of their own.

use std::time::Duration;

use crate::classify::grafana_answer;
use crate::clock;
use crate::desk::Reading;
use crate::net::limits;
use crate::probe::grafana::Through;
use crate::probe::{line, query};
use crate::report::check::Check;
use crate::report::facts::Key;
use crate::report::queries::Page;

/// How long a cycle may go on for this.
const PAGE_WAIT: Duration = Duration::from_secs(1);
/// The one type of data sources that is counted.
const COUNTED: &str = "prometheus";

/// Why there is no reading.
enum Unread {
    /// This time.
    Now,
    /// Grafana does not show such counters.
    NotShown,
}

impl Through<'_> {
    /// Adds to the row of `grafana_query` what is known; reads it anew first, if it is time.
    pub(super) async fn users(&mut self) {
        if !self.desk.grafana.users_queries {
            return;
        }
        // One reading by itself says nothing: a single `check` need not ask.
        let interval = self.link.cadence.interval;
        let is_there = self.visit.as_ref().is_some_and(|visit| visit.passed);
        let has_time = !clock::left(self.occasion.deadlines.checks).is_zero();
        if self.occasion.last_end.is_some()
            && is_there
            && has_time
            && let Some(first) =
                self.desk.with_users(|users| users.take_turn(clock::now(), interval))
        {
            self.read_users(first).await;
        }
        let told = self.desk.with_users(|users| users.words(clock::now()));
        let kind = self.leg.seen.datasource.as_ref().map(|seen| seen.kind.as_str());
        if let Some(words) = told.filter(|_| kind.is_none_or(|kind| kind == COUNTED))
            && let Some(row) = self.leg.rows.get_mut(Check::GrafanaQuery)
        {
            row.facts.text(Key::UsersQueries, &words);
        }
    }

    async fn read_users(&mut self, first: Page) {
        match self.ask_pages(first).await {
            Ok(reading) => self.desk.with_users(|users| users.note(reading)),
            Err(Unread::Now) => {}
            Err(Unread::NotShown) => {
                let grafana = self.side.name.as_str();
                tracing::debug!(grafana, "no counters of users' queries to be read");
                self.desk.with_users(|users| users.note_none(clock::now()));
            }
        }
    }

    /// The first of both pages that has the counters.
    async fn ask_pages(&mut self, first: Page) -> Result<Reading, Unread> {
        let until = self.occasion.deadlines.checks.min(clock::deadline(PAGE_WAIT));
        let _slot = self.desk.slot(until).await.ok_or(Unread::Now)?;
        let mut unread = Unread::NotShown;
        for page in [first, first.other()] {
            let headers = [("accept".to_owned(), "text/plain".to_owned())];
            let (endpoint, is_absolute) = (self.hops.endpoint, self.hops.is_absolute());
            let request =
                query::get(endpoint, page.path(), &headers, is_absolute, limits::METRICS_BODY);
            let line = self.line.as_mut().ok_or(Unread::Now)?;
            let sent = line.send(&self.hops, &request, until).await;
            let response = sent.map_err(|_| Unread::Now)?;
            let answer = line::answer(&response, page.path(), false);
            if let Some(queries) = grafana_answer::queries(&answer, page) {
                return Ok(Reading { page, queries, at: clock::now() });
            }
            match response.status {
                // A process that nobody has asked anything yet has no counters of it. (A login page
                // has none either, and never will.)
                200 if !answer.is_html() => unread = Unread::Now,
                // Both pages have the same password.
                401 => break,
                _ => {}
            }
        }
        Err(unread)
    }
}
