//! What one cycle saw: facts only, both paths side by side.

pub mod asserted;
pub mod cause;
pub mod check;
pub mod facts;
pub mod finding;
pub mod kinds;
pub mod queries;
#[cfg(test)]
pub mod sample;
pub mod seen;
pub mod verdict;

use std::iter;
use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Now;
use crate::link::{LinkName, Origin};
use cause::Cause;
use check::{Check, CheckMap, Path, Why};
use facts::Facts;
use finding::{Fault, Finding};
use seen::Seen;

/// Everything that one cycle saw of one link.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which link.
    pub link: LinkName,
    /// Whether a person configured it.
    pub origin: Origin,
    /// What started the cycle.
    pub trigger: Trigger,
    /// The link's interval, by which an old standing is too old.
    pub interval: Duration,
    /// When it started.
    pub started: Now,
    /// How long it took.
    pub took: Duration,
    /// The direct path; none where the link has no such end.
    pub direct: Option<Walk>,
    /// The path through Grafana; likewise.
    pub grafana: Option<Walk>,
    /// What earlier cycles left behind.
    pub carried: CarriedFacts,
}

/// One path, walked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    /// The first address that answered, or the last one tried.
    pub first: Leg,
    /// The other addresses, under `all_addresses`.
    pub others: Vec<Leg>,
    /// How long the whole path took.
    pub took: Duration,
}

/// One address, walked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leg {
    /// The address, once it was known.
    pub address: Option<SocketAddr>,
    /// A row for each check of the path.
    pub rows: CheckMap<Row>,
    /// What rules read.
    pub seen: Seen,
}

/// One check, run or skipped.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took; zero when skipped.
    pub took: Duration,
    /// When it ended; older than the cycle for a row that was kept.
    pub at: Now,
    /// What it found without failing.
    pub findings: Vec<Finding>,
    /// Evidence.
    pub facts: Facts,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well here.
    Passed,
    /// It is not, because of the cause.
    Failed(Cause),
    /// It did not run.
    Skipped(Why),
}

/// What started a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The link's interval.
    Interval,
    /// A worse diagnosis that wants a second look.
    Confirmation,
    /// `/probe` or `check`.
    Request,
    /// A changed configuration.
    Reload,
    /// An answer of Grafana that outlived its cycle.
    LateAnswer,
    /// The end of an idle connection to the server.
    Tripwire,
}

/// What a path amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The link has no such path, or its deciding check does not apply.
    Absent,
    /// The deciding check passed.
    Passed,
    /// The far end, or the way to it, is at fault.
    Failed(Fault),
    /// Our own position or configuration explains it as well.
    Untold(Fault),
}

/// What earlier cycles of this process left behind for judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarriedFacts {
    /// Prometheus once answered a query at this URL.
    pub reached_prometheus: bool,
    /// Grafana once answered `/api/health` at this URL.
    pub reached_grafana: bool,
    /// The data source was once found.
    pub datasource_seen: bool,
    /// The last standing of each path that a cycle could tell, and when that cycle started.
    pub last_standing: [Option<(Standing, Now)>; 2],
}

// === impl Report ===

impl Report {
    /// The walk of `path`.
    #[must_use]
    pub fn walk(&self, path: Path) -> Option<&Walk> {
        match path {
            Path::Direct => self.direct.as_ref(),
            Path::Grafana => self.grafana.as_ref(),
        }
    }

    /// Whether the end of `path` gave an answer of the right kind in this very cycle.
    #[must_use]
    pub fn reaches(&self, path: Path) -> bool {
        let proof = match path {
            Path::Direct => Check::Query,
            Path::Grafana => Check::GrafanaHealth,
        };
        self.walk(path).is_some_and(|walk| walk.passed(proof))
    }
}

impl Walk {
    /// Every address walked, the first one first.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        iter::once(&self.first).chain(&self.others)
    }

    /// The same, to change.
    pub fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        iter::once(&mut self.first).chain(&mut self.others)
    }

    /// Whether `check` passed at any address.
    #[must_use]
    pub fn passed(&self, check: Check) -> bool {
        self.legs().any(|leg| leg.outcome(check) == Some(Outcome::Passed))
    }
}

impl CarriedFacts {
    /// Whether the end of `path` was reached before.
    #[must_use]
    pub fn reached(&self, path: Path) -> bool {
        match path {
            Path::Direct => self.reached_prometheus,
            Path::Grafana => self.reached_grafana,
        }
    }
}

// === impl Row ===

impl Row {
    /// A check that did not run.
    #[must_use]
    pub fn skipped(why: Why, at: Now) -> Self {
        Self::ended(Outcome::Skipped(why), Duration::ZERO, at)
    }

    /// A check that ended so, without evidence yet.
    #[must_use]
    pub fn ended(outcome: Outcome, took: Duration, at: Now) -> Self {
        Self { outcome, took, at, findings: Vec::new(), facts: Facts::default() }
    }
}

impl Leg {
    /// The outcome of `check`.
    #[must_use]
    pub fn outcome(&self, check: Check) -> Option<Outcome> {
        self.rows.get(check).map(|row| row.outcome)
    }
}

impl Trigger {
    /// Cycles that count for the published verdict; the others refresh raw series only.
    #[must_use]
    pub fn counts(self) -> bool {
        match self {
            Self::Interval | Self::Confirmation | Self::Tripwire => true,
            Self::Request | Self::Reload | Self::LateAnswer => false,
        }
    }

    /// The public word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Confirmation => "confirmation",
            Self::Request => "request",
            Self::Reload => "reload",
            Self::LateAnswer => "late_answer",
            Self::Tripwire => "tripwire",
        }
    }
}
