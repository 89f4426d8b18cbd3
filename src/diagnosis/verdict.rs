//! Two standings → one verdict and the fault to publish.
//!
//! Panels suffer from Grafana's fault, so it goes first; ours goes first where it tells the same
//! fault more exactly. What both ends could be innocent of is blind, never broken.

use crate::report::Standing;
use crate::report::cause::{Cause, Family};
use crate::report::finding::Fault;
use crate::report::kinds::{
    hides_its_reason, is_of_dns, is_of_position, is_of_tcp, is_our_own, is_refusal,
};
use crate::report::verdict::{Side, Verdict};

/// What two standings amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The verdict, before any finding.
    pub verdict: Verdict,
    /// The fault to publish.
    pub fault: Option<Fault>,
    /// The same fault as its standing has it, when it is published by another cause.
    pub seen: Option<Fault>,
}

/// The matrix of the design: rows are direct, columns Grafana.
#[must_use]
pub fn rule(direct: Standing, grafana: Standing) -> Ruling {
    use Standing as S;
    match (direct, grafana) {
        (S::Passed, S::Passed | S::Absent) | (S::Absent, S::Passed) => {
            Ruling { verdict: Verdict::Working, fault: None, seen: None }
        }
        (S::Absent, S::Absent) => Ruling { verdict: Verdict::Blind, fault: None, seen: None },
        (S::Passed | S::Absent, S::Failed(grafana)) => Ruling::of(Verdict::Broken, grafana),
        (S::Passed | S::Absent, S::Untold(grafana)) => Ruling::of(Verdict::Blind, grafana),
        (S::Failed(direct) | S::Untold(direct), S::Passed) => {
            Ruling::of(Verdict::Degraded, direct).published_as(only_from_here(direct))
        }
        (S::Failed(direct), S::Failed(grafana)) => {
            let exact =
                is_one_fault(direct, grafana) || hides_its_reason(grafana.cause, grafana.check);
            Ruling::of(Verdict::Broken, if exact { direct } else { grafana })
        }
        (S::Untold(direct), S::Failed(grafana)) => {
            let exact = is_one_fault(direct, grafana);
            Ruling::of(Verdict::Broken, if exact { direct } else { grafana })
        }
        (S::Failed(direct), S::Untold(_) | S::Absent) => Ruling::of(Verdict::Broken, direct),
        // A check that did not get to run, or that we failed, says nothing about Prometheus.
        (S::Untold(direct), S::Absent) if is_our_own(direct.cause) => {
            Ruling::of(Verdict::Blind, direct)
        }
        (S::Untold(direct), S::Absent) => Ruling::of(Verdict::Broken, direct),
        (S::Untold(direct), S::Untold(grafana)) => both_untold(direct, grafana),
    }
}

/// What becomes of direct's fault while Grafana reads Prometheus.
fn only_from_here(direct: Fault) -> Fault {
    if is_of_position(direct.cause) {
        Fault { cause: Cause::VantageBlocked, side: Side::Promlink, ..direct }
    } else if direct.cause.family() == Family::Data {
        Fault { cause: Cause::AnswersDiffer, ..direct }
    } else {
        direct
    }
}

/// Direct's fault and Grafana's are the same one, which direct tells more exactly.
fn is_one_fault(direct: Fault, grafana: Fault) -> bool {
    let both = |kind: fn(Cause) -> bool| kind(direct.cause) && kind(grafana.cause);
    grafana.is_through_grafana()
        && !is_refusal(direct.cause)
        && (direct.cause == grafana.cause || both(is_of_dns) || both(is_of_tcp))
}

/// Nothing can be told from here: the fault that is ours to mend first.
fn both_untold(direct: Fault, grafana: Fault) -> Ruling {
    let blind = |fault| Ruling::of(Verdict::Blind, fault);
    let mends_alone = is_refusal(grafana.cause) || grafana.cause == Cause::OwnFileUnusable;
    let ours_to_mend = !grafana.is_through_grafana() && mends_alone;
    // A path on which we failed explains nothing; the other one does.
    match (is_our_own(direct.cause), is_our_own(grafana.cause)) {
        (true, true) if direct.cause != Cause::Overdue => return blind(direct),
        (true, true | false) => return blind(grafana),
        (false, true) if !ours_to_mend => return blind(direct),
        (false, true | false) => {}
    }
    if direct.cause == grafana.cause && is_of_dns(direct.cause) {
        let side = if is_of_position(direct.cause) { Side::Dns } else { Side::Promlink };
        blind(direct).published_as(Fault { side, ..direct })
    } else if ours_to_mend {
        blind(grafana)
    } else if is_of_position(direct.cause) {
        let blocked = Fault { cause: Cause::VantageBlocked, side: Side::Promlink, ..direct };
        blind(direct).published_as(blocked)
    } else {
        // Something answered, so no policy kept us away: what it said is what there is to mend, and
        // by us, because nothing speaks for the address that we were given.
        let ours = direct.side == Side::Prometheus;
        let side = if ours { Side::Promlink } else { direct.side };
        blind(direct).published_as(Fault { side, ..direct })
    }
}

// === impl Ruling ===

impl Ruling {
    fn of(verdict: Verdict, fault: Fault) -> Self {
        Self { verdict, fault: Some(fault), seen: Some(fault) }
    }

    fn published_as(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }
}
