//! Everything that a report holds against a link, placed and weighed, in the order of the walk.

use std::ptr;

use crate::diagnosis::side::side;
use crate::diagnosis::standing::{best, charged, is_echo, place};
use crate::diagnosis::{Placed, words};
use crate::report::cause::{Cause, Family, Weight};
use crate::report::check::{Check, Path};
use crate::report::finding::{Fault, Subject};
use crate::report::verdict::Side;
use crate::report::{Leg, Outcome, Report, Row, Standing};

/// Faults and findings of both paths, direct first; a fault that no row of this report tells (it is
/// remembered, or overdue) goes before the rows of its path.
#[must_use]
pub fn all(report: &Report, standings: [Standing; 2]) -> Vec<Placed> {
    let [direct, grafana] = standings;
    let mut found = Vec::new();
    Scene { path: Path::Direct, standing: direct, other: grafana }.collect(report, &mut found);
    Scene { path: Path::Grafana, standing: grafana, other: direct }.collect(report, &mut found);
    found
}

/// Whether `placed` tells that very fault.
#[must_use]
pub fn is_of(placed: &Placed, fault: Fault) -> bool {
    let Fault { cause, path, check, side: _ } = fault;
    placed.subject.is_none() && (placed.cause, placed.path, placed.check) == (cause, path, check)
}

/// One path, and what decides how its findings are taken.
#[derive(Clone, Copy, Debug)]
struct Scene {
    path: Path,
    standing: Standing,
    other: Standing,
}

impl Scene {
    fn collect(self, report: &Report, found: &mut Vec<Placed>) {
        let Some(walk) = report.walk(self.path) else { return };
        let best = best(self.path, walk);
        let mut here = Vec::new();
        self.leg(best, &mut here);
        for other in walk.legs().filter(|leg| !ptr::eq(*leg, best)) {
            self.replica(other, &mut here);
        }
        if let Standing::Failed(fault) | Standing::Untold(fault) = self.standing
            && !here.iter().any(|placed| is_of(placed, fault))
        {
            found.push(Placed::of(fault, fault.cause.weight(), None, words::clause(fault)));
        }
        found.extend(here);
    }

    fn leg(self, leg: &Leg, found: &mut Vec<Placed>) {
        let mut told: Vec<Cause> = Vec::new();
        for (check, row) in leg.rows.iter() {
            if let Outcome::Failed(cause) = row.outcome
                && !is_echo(leg, check)
                // Its findings say the same of each that failed.
                && row.findings.iter().all(|finding| finding.cause != cause)
            {
                let check = charged(self.path, check, cause);
                // What fails for one reason at check after check is one fault.
                if !told.contains(&cause) || self.is_for(cause, check) {
                    push(found, self.failure(leg, check, cause, row));
                }
                told.push(cause);
            }
            self.findings(check, row, found);
        }
    }

    /// Another address under `all_addresses`: readers that meet it fail, those that do not, do not.
    fn replica(self, leg: &Leg, found: &mut Vec<Placed>) {
        let mut here = Vec::new();
        // The name led to good ones as well: it is not our own wrong address.
        Self { other: Standing::Absent, ..self }.leg(leg, &mut here);
        for placed in here {
            let weight = placed.weight.min(Weight::Degrades);
            push(found, Placed { weight, subject: Some(Subject::Replica), ..placed });
        }
    }

    /// The path stands as it does for that.
    fn is_for(self, cause: Cause, check: Check) -> bool {
        matches!(self.standing, Standing::Failed(fault) | Standing::Untold(fault)
            if (fault.cause, fault.check) == (cause, Some(check)))
    }

    fn failure(self, leg: &Leg, check: Check, cause: Cause, row: &Row) -> Placed {
        let fault = self.fault(cause, check);
        let weight = self.weight(cause, cause.weight(), check);
        Placed::of(fault, weight, None, words::seen(fault, row, leg.address))
    }

    fn findings(self, check: Check, row: &Row, found: &mut Vec<Placed>) {
        for finding in &row.findings {
            let weight = match finding.subject {
                // The others answer.
                Some(Subject::DnsServer) => Weight::Notes,
                _ => self.weight(finding.cause, finding.weight, check),
            };
            let detail = finding.detail.clone();
            let fault = self.fault(finding.cause, check);
            push(found, Placed::of(fault, weight, finding.subject.clone(), detail));
        }
    }

    /// While panels get data, what Grafana says of the data source is only worth knowing.
    fn weight(self, cause: Cause, own: Weight, check: Check) -> Weight {
        let panels_get_data = self.path == Path::Grafana && self.standing == Standing::Passed;
        let of_datasource =
            check == Check::DatasourceHealth || cause.family() == Family::Datasource;
        if panels_get_data && of_datasource { Weight::Notes } else { own }
    }

    fn fault(self, cause: Cause, check: Check) -> Fault {
        let told = !matches!(self.standing, Standing::Untold(_));
        let place = place(self.path, check, cause, self.other == Standing::Passed, told);
        // PromQL of an assertion is what somebody gave to promlink, and it serves nobody else.
        let is_ours = (check, cause) == (Check::Assertions, Cause::QueryRejected);
        let side = if is_ours { Side::Promlink } else { side(cause, place) };
        Fault { cause, path: Some(self.path), check: Some(check), side }
    }
}

/// Adds what is not there yet: a series of `/metrics` exists once.
fn push(found: &mut Vec<Placed>, placed: Placed) {
    let is_same = |other: &Placed| {
        (other.cause, other.path, other.check) == (placed.cause, placed.path, placed.check)
            && other.subject == placed.subject
    };
    if !found.iter().any(is_same) {
        found.push(placed);
    }
}
