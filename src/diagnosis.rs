//! Report → verdict, fault, findings and words: one pure, total function.
//!
//! In the order of the rules: what each path amounts to (`standing`), what both amount to
//! (`verdict`), who has to act (`side`), what else was found and how much it weighs (`findings`),
//! how to say it (`words`). Nothing here knows what earlier cycles said, apart from what the report
//! carries.

mod findings;
mod side;
mod standing;
#[cfg(test)]
mod tests;
mod verdict;
mod words;

use crate::report::cause::{Cause, Family, Weight};
use crate::report::check::{Check, Path};
use crate::report::finding::{Fault, Subject};
use crate::report::kinds::hides_its_reason;
use crate::report::verdict::{Side, Verdict};
use crate::report::{Outcome, Report, Standing};
use verdict::Ruling;

pub use standing::told;
pub use words::{about, cut};

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
    /// A bit for each check that passed in this cycle at every address: direct, Grafana.
    pub passed: [u32; 2],
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

/// What `report` means. Total: every report has a diagnosis.
#[must_use]
pub fn diagnose(report: &Report) -> Diagnosis {
    let mut diagnosis = judge(report);
    diagnosis.passed = Path::ALL.map(|path| passed(path, report));
    let to_mend = diagnosis.fault.map(|fault| fault.side) == Some(Side::Datasource);
    let seen = report.grafana.as_ref().and_then(|walk| walk.first.seen.datasource.as_ref());
    if to_mend && seen.is_some_and(|seen| seen.provisioned) {
        diagnosis.next_step.push_str(words::PROVISIONED);
    }
    diagnosis
}

fn passed(path: Path, report: &Report) -> u32 {
    let Some(walk) = report.walk(path) else { return 0 };
    let passes =
        |check: &Check| walk.legs().all(|leg| leg.outcome(*check) == Some(Outcome::Passed));
    let bits = path.checks().iter().copied().filter(passes).map(bit);
    bits.fold(0, |all, bit| all | bit)
}

fn bit(check: Check) -> u32 {
    1 << check as u32
}

fn judge(report: &Report) -> Diagnosis {
    let standings = Path::ALL.map(|path| standing::standing(path, report));
    let [direct, grafana] = standings;
    let mut findings = findings::all(report, standings);
    let ruling = verdict::rule(direct, grafana);

    if let Some(index) = decisive(&findings, ruling, standings) {
        let decisive = findings.remove(index);
        let verdict = ruling.verdict.max(Verdict::Degraded);
        let clause = words::finding(&decisive);
        return Diagnosis::of(verdict, decisive.fault(), &clause, findings, standings);
    }
    let (Some(fault), Some(seen)) = (ruling.fault, ruling.seen) else {
        let (summary, next_step) = words::faultless(direct, grafana);
        return Diagnosis {
            verdict: ruling.verdict,
            fault: None,
            findings,
            summary: summary.to_owned(),
            next_step: next_step.to_owned(),
            standings,
            passed: [0; 2],
        };
    };
    let index = findings.iter().position(|placed| findings::is_of(placed, seen));
    let mut clause = index.map(|index| findings.remove(index).detail).unwrap_or_default();
    if fault.cause != seen.cause {
        clause = words::instead(fault, is_lost_itself(grafana), &clause);
        // Something may have found by itself what the fault is called now.
        findings.retain(|placed| !findings::is_of(placed, fault));
    }
    Diagnosis::of(ruling.verdict, fault, &clause, findings, standings)
}

/// The finding that is published in place of what the standings alone say.
fn decisive(findings: &[Placed], ruling: Ruling, standings: [Standing; 2]) -> Option<usize> {
    match ruling.verdict {
        Verdict::Working => findings.iter().position(|placed| placed.weight >= Weight::Degrades),
        Verdict::Broken if audit_explains(standings) => {
            [Cause::DatasourceUrlLocalhost, Cause::DatasourceUrlDiffers].iter().find_map(|cause| {
                findings.iter().position(|placed| {
                    placed.cause == *cause && placed.check == Some(Check::Datasource)
                })
            })
        }
        Verdict::Unknown | Verdict::Degraded | Verdict::Blind | Verdict::Broken => None,
    }
}

/// Grafana does not get as far as an HTTP answer, or hides why, where direct passes: if the audit
/// found another address in the data source, that is why.
fn audit_explains([direct, grafana]: [Standing; 2]) -> bool {
    let (Standing::Passed, Standing::Failed(fault)) = (direct, grafana) else { return false };
    let on_the_way = matches!(fault.cause.family(), Family::Dns | Family::Tcp | Family::Tls);
    fault.is_through_grafana() && (on_the_way || hides_its_reason(fault.cause, fault.check))
}

/// Grafana's own address is beyond us as well.
fn is_lost_itself(grafana: Standing) -> bool {
    matches!(grafana, Standing::Untold(fault) if !fault.is_through_grafana())
}

// === impl Diagnosis ===

impl Diagnosis {
    /// Whether that check passed in this cycle, at every address that was asked.
    #[must_use]
    pub fn passes(&self, path: Path, check: Check) -> bool {
        path.of(self.passed) & bit(check) != 0
    }

    /// What the board says of a link when no report says it.
    #[must_use]
    pub fn without_report(cause: Cause) -> Self {
        let side = side::side(cause, side::Place::Direct { grafana_passes: false });
        let fault = Fault { cause, path: None, check: None, side };
        let clause = words::clause(fault);
        Self::of(Verdict::Blind, fault, &clause, Vec::new(), [Standing::Absent; 2])
    }

    /// What is said of a link before anything is known of it.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            verdict: Verdict::Unknown,
            fault: None,
            findings: Vec::new(),
            summary: "Nothing is known yet.".to_owned(),
            next_step: String::new(),
            standings: [Standing::Absent; 2],
            passed: [0; 2],
        }
    }

    /// This diagnosis, of a link that failed in `failed` of the last `cycles` and never stayed
    /// down; `often` is the most frequent fault.
    #[must_use]
    pub fn intermittent(&self, often: Option<Fault>, failed: usize, cycles: usize) -> Self {
        let cause = Cause::Intermittent;
        let fault = match often {
            Some(often) => Fault { cause, ..often },
            None => Fault { cause, path: None, check: None, side: Side::Unclear },
        };
        let clause = words::intermittent(failed, cycles, often.map(|often| often.cause));
        let findings = self.as_finding().into_iter().chain(self.findings.iter().cloned());
        Self::of(Verdict::Degraded, fault, &clause, findings.collect(), self.standings)
    }

    /// The fault of this diagnosis beside another one that is published.
    #[must_use]
    pub fn as_finding(&self) -> Option<Placed> {
        let fault = self.fault?;
        Some(Placed::of(fault, fault.cause.weight(), None, self.summary.clone()))
    }

    /// The cause of the fault.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.fault.map(|fault| fault.cause)
    }

    /// The standing of `path`.
    #[must_use]
    pub fn standing(&self, path: Path) -> Standing {
        path.of(self.standings)
    }

    fn of(
        verdict: Verdict,
        fault: Fault,
        clause: &str,
        findings: Vec<Placed>,
        standings: [Standing; 2],
    ) -> Self {
        let (summary, next_step) = (words::sentence(clause), words::next_step(fault));
        Self {
            verdict,
            fault: Some(fault),
            findings,
            summary,
            next_step,
            standings,
            passed: [0; 2],
        }
    }
}

// === impl Placed ===

impl Placed {
    /// A fault as a finding.
    #[must_use]
    pub fn of(fault: Fault, weight: Weight, subject: Option<Subject>, detail: String) -> Self {
        let Fault { cause, path, check, side } = fault;
        Self { cause, weight, path, check, subject, side, detail }
    }

    /// A finding as a fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let Self { cause, path, check, side, .. } = *self;
        Fault { cause, path, check, side }
    }
}
