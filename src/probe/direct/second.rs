//! A second, cheap request where the answer to the query leaves open what to do: how far a start
//! is, under which path Prometheus lies, which store behind Thanos is gone.
//!
//! What comes back is evidence: no outcome changes, and what does not come in the time that is kept
//! for explaining is not missed.

use tokio::time::Instant;

use crate::classify::Answer;
use crate::classify::prometheus::{around, buildinfo};
use crate::net::limits;
use crate::probe::direct::{Steps, Wire};
use crate::probe::line;
use crate::probe::query;
use crate::report::cause::Cause;
use crate::report::check::Check;
use crate::report::facts::{Fact, Key, clean};
use crate::report::finding::Finding;
use crate::report::seen::Flavour;
use crate::report::{Outcome, Row};

const BUILDINFO: &str = "/api/v1/status/buildinfo";

// === impl Steps ===

impl Steps<'_> {
    /// Explains a failed query.
    pub(super) async fn explain(&mut self) {
        let (outcome, last) = (self.leg.outcome(Check::Query), self.hops.last);
        if outcome == Some(Outcome::Failed(Cause::Starting)) {
            let asked = format!("{}/api/v1/status/walreplay", self.hops.endpoint.url.path);
            let progress = self.look(&asked, last, around::replay).await;
            self.note(Key::Replay, progress);
        } else if outcome == Some(Outcome::Failed(Cause::WrongPathPrefix)) {
            let base = self.base_path().await;
            self.note(Key::BasePath, base);
        } else if outcome == Some(Outcome::Failed(Cause::NoSeries)) {
            self.stores().await;
        }
    }

    /// A dead store behind Thanos makes each answer partial, said or not.
    pub(super) async fn stores(&mut self) {
        if self.leg.seen.flavour != Some(Flavour::Thanos) {
            return;
        }
        let asked = format!("{}/api/v1/stores", self.hops.endpoint.url.path);
        let Some(stores) = self.look(&asked, self.hops.last, around::stores).await else { return };
        let Some(row) = self.query_row() else { return };
        let dead: Vec<String> =
            stores.dead.iter().map(|store| format!("{}: {}", store.name, store.error)).collect();
        let known = stores.known;
        row.facts.text(Key::Stores, &format!("{} of {known} answer", known - dead.len()));
        let is_told = row.findings.iter().any(|finding| finding.cause == Cause::PartialAnswer);
        if !dead.is_empty() && row.outcome == Outcome::Passed && !is_told {
            row.findings.push(Finding::of(Cause::PartialAnswer, dead.join("; ")));
        }
    }

    /// The base path under which Prometheus answers at this address, if it is one of two: none at
    /// all, or where the root leads.
    async fn base_path(&mut self) -> Option<String> {
        let last = self.hops.last;
        if !self.hops.endpoint.url.path.is_empty()
            && self.look(BUILDINFO, last, buildinfo).await.is_some()
        {
            return Some("/".to_owned());
        }
        let base = self.look("/", last, around::prefix).await?;
        self.look(&format!("{base}{BUILDINFO}"), last, buildinfo).await?;
        Some(base)
    }

    /// One of the server's status pages, where it is asked under the base path.
    pub(super) async fn status_page<T>(
        &mut self,
        page: &str,
        read: impl Fn(&Answer<'_>) -> Option<T>,
    ) -> Option<T> {
        let asked = format!("{}/api/v1/status/{page}", self.hops.endpoint.url.path);
        self.look(&asked, self.occasion.deadlines.checks, read).await
    }

    /// GETs `path`, the base path included, and reads the answer.
    async fn look<T>(
        &mut self,
        path: &str,
        deadline: Instant,
        read: impl Fn(&Answer<'_>) -> Option<T>,
    ) -> Option<T> {
        let headers = self.headers().ok()?;
        let url = &self.hops.endpoint.url;
        let request =
            query::get_at(url, path, &headers, self.hops.is_absolute(), limits::SMALL_BODY);
        let Wire::Speaking(line) = &mut self.wire else { return None };
        let response = line.send(&self.hops, &request, deadline).await.ok()?;
        read(&line::answer(&response, path, false))
    }

    fn note(&mut self, key: Key, text: Option<String>) {
        if let (Some(text), Some(row)) = (text, self.query_row()) {
            row.facts.push(key, Fact::Text(clean(&text)));
        }
    }

    fn query_row(&mut self) -> Option<&mut Row> {
        self.leg.rows.get_mut(Check::Query)
    }
}
