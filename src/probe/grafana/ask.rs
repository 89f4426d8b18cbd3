//! `datasource_health` and `grafana_query`: side by side, and explained when they fail.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::join;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::carried::{GrafanaMemory, Said, Voice};
use crate::classify::grafana_answer::{self, Failure, ProxyVoice};
use crate::clock::{self, Stopwatch};
use crate::link::escape;
use crate::net::http::{Request, Verb};
use crate::net::limits;
use crate::plan;
use crate::probe::causes::End;
use crate::probe::grafana::call::{Asks, Call, Expected};
use crate::probe::grafana::voices::{self, Heard};
use crate::probe::grafana::{Through, said_before, send_home};
use crate::probe::line;
use crate::probe::query::{self, QUERY_PATH, Question};
use crate::report::cause::Cause;
use crate::report::check::{Check, Why};
use crate::report::finding::{Finding, Subject};
use crate::report::kinds::is_refusal_by_grafana;
use crate::report::{Outcome, Row, Trigger};

impl Through<'_> {
    /// Sets the rows of `datasource_health` and `grafana_query`; or the row of an earlier check,
    /// whose fault it turned out to be, and then neither.
    pub(super) async fn ask(&mut self, memory: &mut GrafanaMemory) {
        let watch = Stopwatch::start();
        let Some(uid) = self.uid().map(str::to_owned) else {
            self.leg
                .rows
                .insert(Check::Datasource, line::failed(Cause::DatasourceNotFound, watch.read()));
            return;
        };
        let kept = memory.kept.get(&Check::DatasourceHealth).cloned();
        let kept = kept.filter(|row| {
            plan::still_good(Check::DatasourceHealth, Some(row), self.occasion.started)
        });
        let mut heard = Heard { forwards_user: self.forwards_user(), ..Heard::default() };
        if self.occasion.trigger == Trigger::LateAnswer && memory.late.is_some() {
            // The answer that started this cycle is its answer: asking anew would never end.
            heard.query = memory.late.clone().map(|late| voices::late(*late));
        } else if !self.hear(&mut heard, memory, &uid, kept.is_some()).await {
            self.leg.rows.insert(Check::GrafanaQuery, Row::skipped(Why::Busy, clock::now()));
            self.leg.rows.insert(Check::DatasourceHealth, Row::skipped(Why::Busy, clock::now()));
            return;
        }
        let Some(query) = self.own_faults(heard.query.take(), memory).await else { return };
        heard.query = query;
        if self.wants_explaining(&heard) {
            self.deadline = self.occasion.deadlines.report;
            // One that hangs has left no time, and our rights do not make it hang.
            if heard.query.is_some() && !self.reread(memory).await {
                return;
            }
            self.explain(&mut heard, memory, &uid).await;
        }
        self.finish(heard, memory, kept, watch);
    }

    /// Asks what is not asked yet, and listens until the deadline; false when there is no slot to
    /// ask in.
    async fn hear(
        &mut self,
        heard: &mut Heard,
        memory: &mut GrafanaMemory,
        uid: &str,
        health_was_kept: bool,
    ) -> bool {
        heard.hung_before = memory.waits_for(Check::GrafanaQuery);
        if !heard.hung_before && !self.begin(memory, Check::GrafanaQuery, uid).await {
            return false;
        }
        let wants_health = !health_was_kept && !memory.waits_for(Check::DatasourceHealth);
        if heard.hung_before {
            if wants_health {
                self.begin(memory, Check::DatasourceHealth, uid).await;
            }
            let deadline = self.deadline;
            let opinion = self.second_opinion(uid);
            let listening = listen(memory, &mut heard.query, deadline);
            (heard.proxy, ()) = join(opinion, listening).await;
        } else {
            if wants_health {
                heard.query = self.begin_beside(memory, Check::DatasourceHealth, uid).await;
            }
            listen(memory, &mut heard.query, self.deadline).await;
        }
        send_home(memory, self.desk);
        true
    }

    /// Begins a call while the query runs, as soon as there is a slot; what the query said if it
    /// ended before. To wait for a second slot before listening to what is in the first would hold
    /// that for nothing; and so would all links of a Grafana, each waiting for the others.
    async fn begin_beside(
        &mut self,
        memory: &mut GrafanaMemory,
        check: Check,
        uid: &str,
    ) -> Option<Said> {
        let desk = Arc::clone(self.desk);
        let mut slot = pin!(desk.slot(self.deadline));
        let said = tokio::select! {
            biased;
            slot = &mut slot => {
                self.begin_in(slot?, memory, check, uid);
                return None;
            }
            said = said_before(memory, self.deadline) => said?,
        };
        if said.row.outcome == Outcome::Passed
            && let Some(slot) = slot.await
        {
            self.begin_in(slot, memory, check, uid);
        }
        Some(said)
    }

    /// The query's answer, unless the fault is Grafana's own or our rights': then that check has a
    /// row.
    async fn own_faults(
        &mut self,
        said: Option<Said>,
        memory: &mut GrafanaMemory,
    ) -> Option<Option<Said>> {
        let Some(said) = said else { return Some(None) };
        let Outcome::Failed(cause) = said.row.outcome else { return Some(Some(said)) };
        if said.voice == Voice::Wire {
            let lost = line::Lost { cause, words: "during the query".to_owned() };
            if self.lost_on_the_way(&lost).await
                && let Some(uid) = self.uid().map(str::to_owned)
                && self.begin(memory, Check::GrafanaQuery, &uid).await
            {
                let mut again = None;
                listen(memory, &mut again, self.deadline).await;
                match again {
                    Some(again) if again.voice == Voice::Wire => {}
                    again => return Some(again),
                }
                self.lost_on_the_way(&lost).await;
            }
            return None;
        }
        let refused = said.voice == Voice::Grafana && is_refusal_by_grafana(cause);
        if refused && cause != Cause::PermissionMissing {
            self.refused(said.row, cause).await;
            return None;
        }
        Some(Some(said))
    }

    fn wants_explaining(&self, heard: &Heard) -> bool {
        let failed = |said: &Said| said.row.outcome != Outcome::Passed;
        heard.query.as_ref().is_none_or(failed)
    }

    /// Asks everybody else who may know why.
    async fn explain(&mut self, heard: &mut Heard, memory: &mut GrafanaMemory, uid: &str) {
        let started = self.occasion.started;
        let asked = memory.kept.get(&Check::DatasourceHealth).is_some_and(|row| row.at >= started);
        if heard.query.is_some() && !asked {
            self.begin(memory, Check::DatasourceHealth, uid).await;
        }
        if heard.proxy.is_none() {
            heard.proxy = self.second_opinion(uid).await;
        }
        if memory.waits_for(Check::DatasourceHealth) && heard.query.is_some() {
            // Answered within the cycle or not at all: it may take a minute.
            listen_for_health(memory, self.deadline).await;
        }
        heard.health =
            memory.kept.get(&Check::DatasourceHealth).and_then(|row| match row.outcome {
                Outcome::Failed(cause) => Some(cause),
                Outcome::Passed | Outcome::Skipped(_) => None,
            });
        heard.settings = self.impossible_setting();
        let hidden =
            |said: &Said| said.row.outcome == Outcome::Failed(Cause::UnreachableFromGrafana);
        if heard.query.as_ref().is_some_and(hidden) && heard.health.is_none() {
            heard.rule = self.rule_error().await;
        }
    }

    /// A setting that keeps every query from being asked; old versions do not say so.
    fn impossible_setting(&self) -> Option<Cause> {
        let findings = self.leg.rows.get(Check::Datasource).map(|row| row.findings.iter());
        let is_it = |found: &&Finding| {
            found.cause == Cause::DatasourceSettingsInvalid
                && found.subject == Some(Subject::Method)
        };
        findings?.find(is_it).map(|found| found.cause)
    }

    /// Our rights and the data source are read anew when the query fails on ones that were kept;
    /// false when one of them turns out to be the fault. A kept row stays where nobody answers.
    async fn reread(&mut self, memory: &mut GrafanaMemory) -> bool {
        let started = self.occasion.started;
        for check in [Check::Auth, Check::Datasource] {
            let Some(kept) = self.leg.rows.get(check).filter(|row| row.at < started).cloned()
            else {
                continue;
            };
            if check == Check::Auth {
                self.desk.auth.clear().await;
                self.read_rights(started).await;
            } else {
                self.leg.rows.remove(check);
                self.read_datasource(memory).await;
            }
            match self.leg.outcome(check) {
                Some(Outcome::Passed | Outcome::Skipped(Why::NotPermitted)) => {}
                Some(Outcome::Failed(Cause::NoResponse) | Outcome::Skipped(_)) => {
                    self.leg.rows.insert(check, kept);
                }
                Some(Outcome::Failed(_)) | None => return false,
            }
        }
        true
    }

    /// Sets both rows.
    fn finish(
        &mut self,
        mut heard: Heard,
        memory: &mut GrafanaMemory,
        kept: Option<Row>,
        watch: Stopwatch,
    ) {
        let now = clock::now();
        self.keep(&mut heard, memory);
        let health = if memory.waits_for(Check::DatasourceHealth) {
            Row::skipped(Why::StillWaiting, now)
        } else {
            let latest = memory.kept.get(&Check::DatasourceHealth).cloned();
            latest.or(kept).unwrap_or_else(|| Row::skipped(Why::Busy, now))
        };
        self.leg.rows.insert(Check::DatasourceHealth, health);
        let row = heard.conclude(watch.read(), now);
        if row.outcome == Outcome::Passed && self.was_failed {
            // What was said during a fault that is over is asked anew.
            memory.kept.clear();
        }
        if row.outcome == Outcome::Failed(Cause::PermissionMissing) {
            self.leg.rows.insert(Check::Auth, row);
        } else {
            self.leg.rows.insert(Check::GrafanaQuery, row);
        }
    }

    /// Keeps what the query saw, and what it said too late; brings what was kept so.
    fn keep(&mut self, heard: &mut Heard, memory: &mut GrafanaMemory) {
        match &heard.query {
            Some(said) => {
                if self.occasion.trigger != Trigger::LateAnswer {
                    let failed = said.row.outcome != Outcome::Passed;
                    memory.late = (failed && heard.hung_before).then(|| Box::new(said.clone()));
                }
                memory.large |= said.seen.large_answer;
                let seen = &mut self.leg.seen;
                seen.series = said.seen.series;
                seen.series_up = said.seen.series_up;
                seen.identities.clone_from(&said.seen.identities);
                seen.query_took = said.seen.query_took;
            }
            // A good answer fills one gap that counts, a bad one all until the next call has ended.
            None => {
                let fills_one = |late: &Said| late.row.outcome == Outcome::Passed;
                heard.late = memory.late.clone();
                if heard.late.as_deref().is_some_and(fills_one) && self.occasion.trigger.counts() {
                    memory.late = None;
                }
            }
        }
    }

    /// Begins a call in a slot of its own; false when there is none until the deadline.
    async fn begin(&mut self, memory: &mut GrafanaMemory, check: Check, uid: &str) -> bool {
        if memory.waits_for(check) {
            return true;
        }
        match self.desk.slot(self.deadline).await {
            Some(slot) => self.begin_in(slot, memory, check, uid),
            None => false,
        }
    }

    fn begin_in(
        &mut self,
        slot: OwnedSemaphorePermit,
        memory: &mut GrafanaMemory,
        check: Check,
        uid: &str,
    ) -> bool {
        let Some(address) = self.line.as_ref().map(line::Line::address) else { return false };
        let expected = Expected {
            forwards_user: self.forwards_user(),
            series: self.link.query.expect_series,
            freshness: self.link.query.checks_freshness().then_some(self.occasion.freshness),
            counted: memory.large,
            targets_down: (self.lacks_direct && query::counts_targets(self.link))
                .then_some(self.link.thresholds.targets_down),
        };
        let (asks, (request, newest), line) = if check == Check::GrafanaQuery {
            let line = self.line.replace(line::Line::new(End::Grafana, address, None));
            (Asks::Query(expected), self.query_requests(uid, memory.large), line)
        } else {
            let path = format!("/api/datasources/uid/{}/health", escape(uid));
            (Asks::Health(expected), (self.get(&path, limits::SMALL_BODY), None), None)
        };
        let call = Call {
            net: Arc::clone(self.net),
            grafana: Arc::clone(&self.side.end),
            thresholds: self.link.thresholds,
            address,
            line,
            request,
            newest,
            asks,
        };
        memory.waiting.push(call.begin(slot));
        true
    }

    /// The data source asks in each user's own name, which we do not have.
    fn forwards_user(&self) -> bool {
        self.leg.seen.datasource.as_ref().is_some_and(|seen| seen.forwards_user)
    }

    /// What Prometheus answers to Grafana, handed over as it is by the data proxy; asked by the
    /// data source's own method, for a way that lets only the other one through fails panels alone.
    async fn second_opinion(&mut self, uid: &str) -> Option<ProxyVoice> {
        let form = format!("query={}", escape(&Question::main(&self.link.query, true).promql()));
        let path = format!("/api/datasources/proxy/uid/{}{QUERY_PATH}", escape(uid));
        let posts = self.leg.seen.datasource.as_ref().is_some_and(|seen| seen.posts);
        let request = if posts {
            let body = Some(("application/x-www-form-urlencoded", form));
            Request { method: Verb::Post, body, ..self.get(&path, limits::GRAFANA_BODY) }
        } else {
            self.get(&format!("{path}?{form}"), limits::GRAFANA_BODY)
        };
        let _slot = self.desk.slot(self.deadline).await?;
        let line = self.line.as_mut()?;
        let response = line.send(&self.hops, &request, self.deadline).await.ok()?;
        Some(grafana_answer::data_proxy(&line::answer(&response, &path, true)))
    }

    /// The last error of an alert rule on this data source: old Grafanas say it nowhere else.
    async fn rule_error(&mut self) -> Option<Failure> {
        let url = self.leg.seen.datasource.as_ref().map(|seen| seen.url.clone())?;
        let path = "/api/prometheus/grafana/api/v1/rules";
        let request = self.get(path, limits::GRAFANA_BODY);
        let _slot = self.desk.slot(self.deadline).await?;
        let line = self.line.as_mut()?;
        let response = line.send(&self.hops, &request, self.deadline).await.ok()?;
        grafana_answer::rule_error(&line::answer(&response, path, true), &url)
    }
}

/// Takes in what calls say until the query has ended and the health check as well, or the deadline.
async fn listen(memory: &mut GrafanaMemory, query: &mut Option<Said>, deadline: Instant) {
    while memory.waits_for(Check::GrafanaQuery) || memory.waits_for(Check::DatasourceHealth) {
        let failed = query.as_ref().is_some_and(|said| said.row.outcome != Outcome::Passed);
        if failed {
            return;
        }
        let Some(said) = said_before(memory, deadline).await else { return };
        if said.check == Check::GrafanaQuery {
            *query = Some(said);
        } else {
            memory.take_in(said);
        }
    }
}

async fn listen_for_health(memory: &mut GrafanaMemory, deadline: Instant) {
    while memory.waits_for(Check::DatasourceHealth) {
        let Some(said) = said_before(memory, deadline).await else { return };
        memory.take_in(said);
    }
}
