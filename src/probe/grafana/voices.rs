//! Whom to believe about the data source: pure.
//!
//! Best first: the data proxy, which hands over what Prometheus answered to Grafana; the query's
//! own error text; the health check's message; the last error of an alert rule; a setting that
//! cannot work. A proxy that refuses or does not work never matters.

use std::time::Duration;

use crate::carried::{Said, Voice};
use crate::classify::Vector;
use crate::classify::grafana_answer::{Failure, ProxyVoice, explained};
use crate::clock::Now;
use crate::report::cause::{Cause, Weight};
use crate::report::facts::Key;
use crate::report::finding::Finding;
use crate::report::{Outcome, Row};

#[cfg(test)]
mod tests;

/// What was heard of the data source in this cycle.
#[derive(Debug, Default)]
pub struct Heard {
    /// The query's answer; none while it hangs.
    pub query: Option<Said>,
    /// The query began in an earlier cycle.
    pub hung_before: bool,
    /// The second opinion, when one was asked.
    pub proxy: Option<ProxyVoice>,
    /// The health check's failure.
    pub health: Option<Cause>,
    /// An alert rule's last error.
    pub rule: Option<Failure>,
    /// A setting with which no query can be asked.
    pub settings: Option<Cause>,
    /// The answer to an earlier query that came too late for its own cycle.
    pub late: Option<Box<Said>>,
    /// The data source asks in each user's own name, which we do not have.
    pub forwards_user: bool,
}

impl Heard {
    /// The row of `grafana_query`.
    #[must_use]
    pub fn conclude(self, waited: Duration, now: Now) -> Row {
        let forwards_user = self.forwards_user;
        let mut row = self.loudest(waited, now);
        if let Outcome::Failed(cause) = row.outcome {
            row.outcome = Outcome::Failed(explained(cause, forwards_user));
        }
        row
    }

    fn loudest(self, waited: Duration, now: Now) -> Row {
        let good_proxy = self.proxy_is_good();
        let hidden = self.told_elsewhere();
        match self.query {
            Some(said) => answered(said, self.proxy.as_ref(), good_proxy, hidden),
            None if good_proxy => {
                slow(Row::ended(Outcome::Passed, waited, now), "the data proxy answered")
            }
            None => match self.late {
                Some(said) if said.row.outcome == Outcome::Passed => {
                    Row { at: now, ..late(*said).row }
                }
                Some(late) if late.voice == Voice::Datasource => Row { at: now, ..late.row },
                Some(_) | None => silent(self.proxy.as_ref(), waited, now),
            },
        }
    }

    /// Whether the data proxy shows that Prometheus answers Grafana.
    #[must_use]
    pub fn proxy_is_good(&self) -> bool {
        let has_data = |vector: &Vector| vector.series > 0 || vector.value.is_some();
        matches!(&self.proxy, Some(ProxyVoice::Upstream(Ok(vector))) if has_data(vector))
    }

    /// The cause by the voices after the query's own, best first.
    fn told_elsewhere(&self) -> Option<Cause> {
        let by_rule = self.rule.as_ref().map(|failure| failure.cause);
        let by_proxy = match &self.proxy {
            Some(ProxyVoice::Cause(cause)) => Some(*cause),
            Some(ProxyVoice::Upstream(_) | ProxyVoice::Useless) | None => None,
        };
        [self.health, by_rule, by_proxy, self.settings]
            .into_iter()
            .flatten()
            .find(|cause| *cause != Cause::UnreachableFromGrafana)
    }
}

/// The query ended, well or ill.
fn answered(
    said: Said,
    proxy: Option<&ProxyVoice>,
    good_proxy: bool,
    hidden: Option<Cause>,
) -> Row {
    let mut row = said.row;
    let Outcome::Failed(own) = row.outcome else { return row };
    if good_proxy && own == Cause::PermissionMissing {
        let detail = "the token may not use /api/ds/query; the data proxy answers".to_owned();
        row.findings.push(Finding { weight: Weight::Notes, ..Finding::of(own, detail) });
        row.outcome = Outcome::Passed;
        return row;
    }
    let cause = match proxy {
        // The plugin's settings may be what keeps it from asking: its health check says so.
        Some(ProxyVoice::Upstream(Ok(_))) if own == Cause::UnreachableFromGrafana => {
            hidden.unwrap_or(Cause::GrafanaServerError)
        }
        Some(ProxyVoice::Upstream(Err(rejection))) if said.voice == Voice::Datasource => {
            if let Some(error) = rejection.api_error.as_ref().or(rejection.body_start.as_ref()) {
                row.facts.text(Key::ProxySays, error);
            }
            rejection.cause
        }
        // Grafana 9.4 to 10.1 make no data of a refusal in plain text, such as Prometheus' own 401.
        Some(ProxyVoice::Cause(_)) if own == Cause::NoSeries => hidden.unwrap_or(own),
        Some(_) | None if own == Cause::UnreachableFromGrafana => hidden.unwrap_or(own),
        Some(_) | None => own,
    };
    row.outcome = Outcome::Failed(cause);
    row
}

/// The query hangs, and nobody else answers for it.
fn silent(proxy: Option<&ProxyVoice>, waited: Duration, now: Now) -> Row {
    let cause = match proxy {
        Some(ProxyVoice::Upstream(Err(rejection))) => rejection.cause,
        Some(ProxyVoice::Upstream(Ok(_)) | ProxyVoice::Cause(_) | ProxyVoice::Useless) | None => {
            Cause::NoResponse
        }
    };
    Row::ended(Outcome::Failed(cause), waited, now)
}

/// An answer that outlived its cycle: good it may be, but slow.
#[must_use]
pub fn late(mut said: Said) -> Said {
    if said.row.outcome == Outcome::Passed {
        said.row = slow(said.row, "it came later");
    }
    said
}

fn slow(mut row: Row, who: &str) -> Row {
    let detail = format!("no answer within the cycle; {who}");
    if !row.findings.iter().any(|finding| finding.cause == Cause::Slow) {
        row.findings.push(Finding::of(Cause::Slow, detail));
    }
    row
}
