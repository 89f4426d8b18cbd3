//! What `/probe?link=` answers: one cycle, in the words that users of blackbox_exporter know.
//!
//! Raw, not published: a prober's reader waits with its own `for`, and a probe that waited as well
//! would be late twice.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::expose::catalog;
use crate::expose::metrics::text::{Samples, flag, seconds};
use crate::report::Report;
use crate::report::check::{Check, Path};
use crate::report::verdict::Verdict;
use crate::state::snapshot::LatestCycle;

/// The answer as text 0.0.4; without a cycle that ended in time the verdict is `unknown`.
#[must_use]
pub fn render(cycle: Option<&LatestCycle>) -> Vec<u8> {
    let verdict = cycle.map_or(Verdict::Unknown, |cycle| cycle.diagnosis.verdict);
    let success = match verdict {
        Verdict::Working | Verdict::Degraded => true,
        Verdict::Unknown | Verdict::Blind | Verdict::Broken => false,
    };
    let took = cycle.map_or(Duration::ZERO, |cycle| cycle.report.took);
    let lookup = cycle.and_then(|cycle| lookup(&cycle.report)).unwrap_or_default();

    let mut out = Vec::new();
    for (metric, value) in [
        (&catalog::PROBE_SUCCESS, flag(success)),
        (&catalog::PROBE_DURATION, seconds(took)),
        (&catalog::PROBE_DNS_LOOKUP, seconds(lookup)),
    ] {
        Samples::new(&mut out, &mut false, metric, "").with(&[], value);
    }
    let mut headed = false;
    let mut verdicts = Samples::new(&mut out, &mut headed, &catalog::PROBE_VERDICT, "");
    for each in Verdict::ALL {
        verdicts.with(&[each.as_str()], flag(each == verdict));
    }
    out
}

fn lookup(report: &Report) -> Option<Duration> {
    let walk = Path::ALL.into_iter().find_map(|path| report.walk(path))?;
    walk.first.rows.get(Check::Dns).map(|row| row.took)
}
