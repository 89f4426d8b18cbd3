//! The rules of judgement, by cases, by exhaustion and as one readable table.

mod rules;
mod sides;
mod situations;
mod table;
mod totality;
mod wording;

use crate::diagnosis::Diagnosis;
use crate::report::check::{Check, Path};

/// `verdict cause path check side` of a diagnosis.
fn told(diagnosis: &Diagnosis) -> [&'static str; 5] {
    let fault = diagnosis.fault;
    [
        diagnosis.verdict.as_str(),
        fault.map_or("", |fault| fault.cause.code()),
        fault.and_then(|fault| fault.path).map_or("", Path::as_str),
        fault.and_then(|fault| fault.check).map_or("", Check::as_str),
        fault.map_or("", |fault| fault.side.as_str()),
    ]
}
