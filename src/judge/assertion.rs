//! Whether an assertion holds, and what all of a link's assertions amount to.
//!
//! "Does not hold" is said of an answer only. A query that is refused, or that nobody answers, says
//! nothing about the data; but one that is still unanswered when its time is over is not answered
//! in time, whatever comes of it.

use std::time::Duration;

use crate::classify::Vector;
use crate::clock::Now;
use crate::link::assertion::{Condition, Expected};
use crate::report::asserted::{Asserted, Told};
use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, Why};
use crate::report::facts::{Fact, Key, clean};
use crate::report::finding::{Finding, Subject};
use crate::report::{Outcome, Row};

/// Judges an answer that took so long, and says why.
#[must_use]
pub fn answered(holds: Condition, vector: &Vector, took: Duration) -> (Told, String) {
    let count = vector.series.max(u64::from(vector.value.is_some()));
    let first = vector.value.map_or_else(String::new, |value| format!(", the first is {value}"));
    let answer = match holds.answer {
        // What is not there may be in the part that is missing.
        _ if count == 0 && vector.partial => {
            (Told::Unknown(Cause::PartialAnswer), "the answer is a part of the data".to_owned())
        }
        _ if count == 0 && holds.optional => {
            (Told::Unknown(Cause::NoSeries), "cannot be told, there are no such series".to_owned())
        }
        Expected::Some | Expected::Each(..) if count == 0 => {
            (Told::Fails, "the answer has no series".to_owned())
        }
        Expected::Some => (Told::Holds, format!("{count} series")),
        Expected::None if count == 0 => (Told::Holds, "no series".to_owned()),
        Expected::None => (Told::Fails, format!("{count} series where none should be{first}")),
        Expected::Each(comparison, number) => {
            let values = [vector.lowest, vector.highest];
            let wrong = values.into_iter().flatten().find(|v| !comparison.holds(*v, number));
            match wrong.or(vector.numberless.then_some(f64::NAN)) {
                Some(value) => (Told::Fails, format!("{value} is not {comparison} {number}")),
                None if !vector.complete => {
                    (Told::Unknown(Cause::AnswerTooLarge), "the answer is too large".to_owned())
                }
                None => (Told::Holds, format!("{count} series, each {comparison} {number}")),
            }
        }
    };
    match (holds.within, answer.0) {
        (Some(within), Told::Holds) if took >= within => {
            (Told::Fails, late("answered", took, within))
        }
        (Some(_) | None, Told::Holds | Told::Fails | Told::Unknown(_)) => answer,
    }
}

/// Judges that no good answer came for so long, because of `cause`.
#[must_use]
pub fn unanswered(holds: Condition, cause: Cause, words: &str, took: Duration) -> (Told, String) {
    let out_of_time = matches!(cause, Cause::NoResponse | Cause::QueryTimeout);
    match holds.within {
        Some(within) if out_of_time && took >= within => {
            (Told::Fails, late("not answered", took, within))
        }
        Some(_) | None => {
            let words =
                if words.is_empty() { String::new() } else { format!(": {}", clean(words)) };
            (Told::Unknown(cause), format!("cannot be told, {}{words}", cause.code()))
        }
    }
}

fn late(what: &str, took: Duration, within: Duration) -> String {
    let within = within.as_secs_f64();
    format!("{what} after {:.3} s, which is not within {within} s", took.as_secs_f64())
}

/// The row of all assertions, those of earlier cycles included; `query` is the check that asks the
/// same way.
#[must_use]
pub fn row(all: &[Asserted], at: Now, query: Check) -> Row {
    let mut all: Vec<&Asserted> = all.iter().collect();
    // What is wrong comes first: it must not be what is cut.
    all.sort_by_key(|asserted| asserted.told.known().map_or(1, |holds| u8::from(holds) * 2));
    let mut row = Row::ended(outcome(&all, query), Duration::ZERO, at);
    row.took = all.iter().map(|asserted| asserted.took).sum();
    for asserted in &all {
        let cause = match asserted.told {
            Told::Fails => Cause::AssertionFailed,
            Told::Unknown(Cause::QueryRejected) => Cause::QueryRejected,
            Told::Holds | Told::Unknown(_) => continue,
        };
        let subject = Some(Subject::Assertion(asserted.name.clone()));
        let found = Finding::of(cause, said(asserted));
        row.findings.push(Finding { weight: Weight::Notes, subject, ..found });
    }
    if !all.is_empty() {
        let each = all.iter().map(|asserted| clean(&said(asserted)));
        row.facts.push(Key::Assertions, Fact::List(each.collect()));
    }
    row
}

fn said(asserted: &Asserted) -> String {
    let word = match asserted.told {
        Told::Holds => "holds, ",
        Told::Fails => "does not hold, ",
        Told::Unknown(_) => "",
    };
    format!("{}: {word}{}", asserted.name, asserted.says)
}

fn outcome(all: &[&Asserted], query: Check) -> Outcome {
    let any = |told: fn(Told) -> bool| all.iter().any(|asserted| told(asserted.told));
    if any(|told| told == Told::Fails) {
        Outcome::Failed(Cause::AssertionFailed)
    } else if any(|told| told == Told::Holds) {
        Outcome::Passed
    } else if all.is_empty() {
        Outcome::Skipped(Why::NoTime)
    } else if any(|told| !is_no_use(told)) {
        Outcome::Skipped(Why::Needs(query))
    } else {
        Outcome::Skipped(Why::Unsupported)
    }
}

/// Asked of this server, it has no answer that tells.
fn is_no_use(told: Told) -> bool {
    matches!(told, Told::Unknown(Cause::QueryRejected | Cause::NoSeries))
}

#[cfg(test)]
mod tests;
