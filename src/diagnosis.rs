//! Report → verdict, fault, findings and words: one pure, total function.

use crate::report::{Report, Standing};
use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, Path};
use crate::report::finding::{Fault, Subject};
use crate::report::verdict::{Side, Verdict};

/// What one cycle means.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// What is said of the link by this cycle alone.
    pub verdict: Verdict,
    /// Why; none while working.
    pub fault: Option<Fault>,
    /// Every fault and finding that is not the published one.
    pub findings: Vec<Placed>,
    /// One sentence for people, evidence included.
    pub summary: String,
    /// What to do first; empty while working.
    pub next_step: String,
    /// The standings that led here: direct, Grafana.
    pub standings: [Standing; 2],
}

/// A finding and the place where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Why.
    pub cause: Cause,
    /// Its weight here.
    pub weight: Weight,
    /// On which path; none when no report says so.
    pub path: Option<Path>,
    /// At which check; likewise.
    pub check: Option<Check>,
    /// Which one of several.
    pub subject: Option<Subject>,
    /// Who has to act.
    pub side: Side,
    /// For people: one line, cleaned and capped.
    pub detail: String,
}

impl Diagnosis {
    /// The standing of `path`.
    #[must_use]
    pub fn standing(&self, path: Path) -> Standing {
        let [direct, grafana] = self.standings;
        match path {
            Path::Direct => direct,
            Path::Grafana => grafana,
        }
    }
}

/// What `report` means. Total: every report has a diagnosis.
#[must_use]
pub fn diagnose(report: &Report) -> Diagnosis {
    todo!()
}
