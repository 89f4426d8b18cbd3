//! Assertions, whichever way they are asked: which ones, and what becomes of their answers.
//!
//! They are asked last, with what time is left, once a minute each. What they cost is nobody's
//! verdict: what is not asked in this cycle is asked first in the next one.

use std::time::Duration;

use crate::classify::Vector;
use crate::clock::{self, Now};
use crate::judge;
use crate::link::Link;
use crate::link::assertion::Assertion;
use crate::plan;
use crate::probe::Occasion;
use crate::report::asserted::Asserted;
use crate::report::cause::Cause;
use crate::report::check::Check;
use crate::report::{Leg, Trigger};

/// The assertions to ask in this cycle, and their order. A cycle that somebody waits for, to
/// believe a failure or an answer, is not made longer by them.
pub fn due<'a>(link: &'a Link, memory: &[Asserted], occasion: Occasion) -> Vec<&'a Assertion> {
    match occasion.trigger {
        Trigger::Interval | Trigger::Request | Trigger::Reload => {
            plan::due(&link.assertions, memory, occasion.started)
        }
        Trigger::Confirmation | Trigger::Tripwire | Trigger::LateAnswer => Vec::new(),
    }
}

/// What comes of `assertion`, whose answer, or the cause and the words in its place, took so long.
pub fn came(
    assertion: &Assertion,
    answer: Result<&Vector, (Cause, &str)>,
    took: Duration,
    asked: Now,
) -> Asserted {
    let (told, says) = match answer {
        Ok(vector) => judge::assertion::answered(assertion.holds, vector, took),
        Err((cause, words)) => judge::assertion::unanswered(assertion.holds, cause, words, took),
    };
    Asserted { name: assertion.name.clone(), told, says, asked, took }
}

/// Keeps what came of one in place of what came before.
pub fn keep(memory: &mut Vec<Asserted>, asserted: Asserted) {
    memory.retain(|other| other.name != asserted.name);
    memory.push(asserted);
}

/// Sets the row of all, those of earlier cycles included.
pub fn settle(leg: &mut Leg, memory: &mut Vec<Asserted>, now: Now, query: Check) {
    memory.retain(|asserted| plan::still_stands(asserted, now));
    memory.sort_by(|one, other| one.name.cmp(&other.name));
    let latest = memory.iter().map(|asserted| asserted.asked).max();
    let at = latest.filter(|at| *at < now).unwrap_or_else(clock::now);
    leg.rows.insert(Check::Assertions, judge::assertion::row(memory, at, query));
    leg.seen.assertions = memory
        .iter()
        .filter_map(|asserted| Some((asserted.name.clone(), asserted.told.known()?)))
        .collect();
}
