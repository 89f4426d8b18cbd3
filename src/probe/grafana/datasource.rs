//! `datasource`: is it there, of the right type, with its plugin, and set up to reach Prometheus?

use std::sync::Arc;
use std::time::Duration;

use crate::carried::GrafanaMemory;
use crate::classify::Rejection;
use crate::classify::grafana_answer::{self, Datasource, DatasourceUrl};
use crate::clock::{self, Stopwatch};
use crate::desk::{List, Wants};
use crate::judge::audit;
use crate::link::discover::Leave;
use crate::link::{BaseUrl, DatasourceRef, Method, escape};
use crate::net::dns::DnsFailure;
use crate::net::limits;
use crate::plan;
use crate::probe::grafana::Through;
use crate::probe::grafana::list::LIST_PATH;
use crate::probe::line::{self, failed};
use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, Why};
use crate::report::facts::{Key, clean};
use crate::report::finding::Finding;
use crate::report::kinds::is_refusal_by_grafana;
use crate::report::seen::{DatasourceSeen, Neighbours};
use crate::report::{Outcome, Row};

/// How long a list of data sources is believed.
const LIST_LIFE: Duration = Duration::from_secs(600);
/// What only makes a note must not cost the cycle the time for its query.
const NOTE_WAIT: Duration = Duration::from_secs(1);
/// Of several default data sources, so many are named.
const MAX_DEFAULTS: usize = 5;

impl Through<'_> {
    /// Sets the row of `datasource`, the kept one while it is good enough.
    pub(super) async fn datasource(&mut self, memory: &mut GrafanaMemory) {
        let kept = memory.kept.get(&Check::Datasource);
        if plan::still_good(Check::Datasource, kept, self.occasion.started)
            && let Some(row) = kept
        {
            self.leg.seen.datasource.clone_from(&memory.datasource);
            self.leg.rows.insert(Check::Datasource, row.clone());
        } else {
            self.read_datasource(memory).await;
        }
    }

    /// Reads it anew.
    pub(super) async fn read_datasource(&mut self, memory: &mut GrafanaMemory) {
        memory.kept.remove(&Check::Datasource);
        let watch = Stopwatch::start();
        let (path, cap) = match &self.side.datasource {
            DatasourceRef::Uid(uid) => {
                (format!("/api/datasources/uid/{}", escape(uid)), limits::SMALL_BODY)
            }
            DatasourceRef::Name(name) => {
                (format!("/api/datasources/name/{}", escape(name)), limits::SMALL_BODY)
            }
            DatasourceRef::Default => (LIST_PATH.to_owned(), limits::GRAFANA_BODY),
        };
        let request = self.get(&path, cap);
        let response = match self.call(&request).await {
            Ok(response) => response,
            Err(missed) => return self.settle(Check::Datasource, missed),
        };
        let answer = line::answer(&response, &path, self.has_credentials());
        let found = match self.side.datasource {
            DatasourceRef::Uid(_) | DatasourceRef::Name(_) => grafana_answer::datasource(&answer),
            DatasourceRef::Default => match grafana_answer::datasource_list(&answer) {
                Ok(list) => {
                    self.keep_list(&list).await;
                    default_of(list)
                }
                Err(rejection) => Err(rejection),
            },
        };
        match found {
            Ok(found) => {
                let mut row = judge(&found);
                if row.outcome == Outcome::Passed {
                    row.findings = self.audited(&found).await;
                }
                memory.datasource = Some(seen(&found));
                self.leg.seen.datasource.clone_from(&memory.datasource);
                row.took = watch.read();
                if row.outcome == Outcome::Passed {
                    memory.kept.insert(Check::Datasource, row.clone());
                }
                self.leg.rows.insert(Check::Datasource, row);
            }
            Err(rejection) => {
                let mut row = failed(rejection.cause, watch.read());
                line::note_rejection(&mut row.facts, response.status, &rejection);
                self.unread(row, rejection.cause).await;
            }
        }
    }

    /// All that is worth a note about its settings.
    async fn audited(&mut self, found: &Datasource) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.audit(found).await.into_iter().collect();
        let method = self.link.query.method;
        // A found link asks as its data source does.
        let get_chosen = method == Method::Get && self.link.datasource_name.is_none();
        let version = self.leg.seen.version.as_deref();
        findings.extend(audit::alone(found, version, get_chosen));
        if audit::wants_neighbours(found)
            && let Some(neighbours) = &self.list().await.known
        {
            findings.extend(audit::among(found, neighbours));
        }
        if let Some(ours) = &self.link.prometheus {
            findings.extend(audit::beside(found, ours, method));
        }
        findings
    }

    /// A data source that we may not read may still be asked, if its uid is known.
    async fn unread(&mut self, mut row: Row, cause: Cause) {
        if cause == Cause::PermissionMissing && self.uid().is_some() {
            row.outcome = Outcome::Skipped(Why::NotPermitted);
            self.leg.rows.insert(Check::Datasource, row);
        } else if is_refusal_by_grafana(cause) {
            self.refused(row, cause).await;
        } else {
            self.leg.rows.insert(Check::Datasource, row);
        }
    }

    /// All data sources; read seldom, because a large organisation's list is megabytes.
    async fn list(&mut self) -> Arc<List> {
        let began = self.occasion.started;
        let wants = Wants { asked: began, max_age: LIST_LIFE, not_before: None };
        let desk = Arc::clone(self.desk);
        let until = self.deadline.min(clock::deadline(NOTE_WAIT));
        let run = async {
            let request = self.get(LIST_PATH, limits::GRAFANA_BODY);
            // Whoever has something to say of a failure asks elsewhere.
            let sent = match (desk.slot(until).await, self.line.as_mut()) {
                (Some(_slot), Some(line)) => line.send(&self.hops, &request, until).await.ok(),
                (_, _) => None,
            };
            let list = sent.and_then(|response| {
                let answer = line::answer(&response, LIST_PATH, true);
                grafana_answer::datasource_list(&answer).ok()
            });
            List { began, ended: clock::now(), known: list.as_deref().map(neighbours) }
        };
        let none = || Arc::new(List { began, ended: began, known: None });
        desk.list.get(wants, until, run).await.unwrap_or_else(none)
    }

    /// A list that was read for another reason: nobody need read it again for this one.
    pub(super) async fn keep_list(&self, list: &[Datasource]) {
        let (began, ended) = (self.occasion.started, clock::now());
        self.desk.list.put(List { began, ended, known: Some(neighbours(list)) }).await;
    }

    /// Compares its URL with the one that this link probes; a finding, because panels may work all
    /// the same: two names may lead to one server.
    async fn audit(&self, found: &Datasource) -> Option<Finding> {
        let theirs = found.address().ok()?;
        let note = |cause, detail| Finding { weight: Weight::Notes, ..Finding::of(cause, detail) };
        if theirs.loopback && !self.probes_loopback() {
            return Some(note(Cause::DatasourceUrlLocalhost, found.url.clone()));
        }
        if self.link.leave == Leave::Guarded {
            // It is the very same URL, only called as from here.
            return None;
        }
        let ours = &self.link.prometheus.as_ref()?.url;
        let detail = format!("{}, and not {ours}", found.url);
        (!self.leads_to_the_same(&theirs, ours).await)
            .then(|| note(Cause::DatasourceUrlDiffers, detail))
    }

    /// Grafana and Prometheus on one host, as on a developer's machine.
    fn probes_loopback(&self) -> bool {
        self.link.prometheus.as_ref().is_some_and(|endpoint| {
            endpoint.url.host == "localhost" || endpoint.url.ip().is_some_and(|ip| ip.is_loopback())
        })
    }

    async fn leads_to_the_same(&self, theirs: &DatasourceUrl, ours: &BaseUrl) -> bool {
        if theirs.scheme != ours.scheme || theirs.port != ours.port {
            return false;
        }
        if theirs.host.eq_ignore_ascii_case(&ours.host) {
            return true;
        }
        let deadline = self.deadline.min(clock::deadline(NOTE_WAIT));
        let resolver = &self.net.resolver;
        let (a, b) = futures_util::future::join(
            resolver.lookup(&theirs.host, None, deadline),
            resolver.lookup(&ours.host, None, deadline),
        )
        .await;
        match (a.result, b.result) {
            (Ok(a), Ok(b)) => a.iter().any(|ip| b.contains(ip)),
            // Nothing can be compared.
            (Err(_), Err(_)) | (Err(DnsFailure::Timeout), Ok(_)) => true,
            // Theirs leads nowhere, or ours does not exist.
            (Err(_), Ok(_)) => false,
            (Ok(_), Err(failure)) => !failure.is_answer(),
        }
    }
}

fn neighbours(list: &[Datasource]) -> Neighbours {
    let defaults = list.iter().filter(|one| one.is_default).map(|one| clean(&one.name));
    Neighbours {
        defaults: defaults.take(MAX_DEFAULTS).collect(),
        uids: list.iter().map(|one| one.uid.clone()).collect(),
    }
}

/// The organisation's default.
fn default_of(list: Vec<Datasource>) -> Result<Datasource, Rejection> {
    list.into_iter().find(|one| one.is_default).ok_or(Rejection {
        cause: Cause::DatasourceNotFound,
        api_error_type: None,
        api_error: Some(
            "no data source is marked as the default, nor is one the only Prometheus".to_owned(),
        ),
        body_start: None,
        location: None,
        flavour: None,
        via: None,
    })
}

fn judge(found: &Datasource) -> Row {
    // A loopback address is right where Grafana and Prometheus share a host: the audit's matter.
    let fault = found.faults().into_iter().find(|cause| *cause != Cause::DatasourceUrlLocalhost);
    let outcome = fault.map_or(Outcome::Passed, Outcome::Failed);
    let mut row = Row::ended(outcome, Duration::ZERO, clock::now());
    row.facts.text(Key::Datasource, &format!("{} ({})", found.name, found.uid));
    row.facts.text(Key::DatasourceUrl, &found.url);
    if found.read_only {
        row.facts.text(Key::Provisioned, "from a file, and to be changed there");
    }
    row
}

fn seen(found: &Datasource) -> DatasourceSeen {
    DatasourceSeen {
        uid: found.uid.clone(),
        name: found.name.clone(),
        kind: found.kind.clone(),
        url: found.url.clone(),
        forwards_user: found.forwards_user,
        scrape_interval: found.interval.as_deref().and_then(|i| humantime::parse_duration(i).ok()),
        provisioned: found.read_only,
        posts: found.method.as_deref() == Some("POST"),
    }
}
