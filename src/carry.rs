//! What one cycle leaves behind for the judgement of the next ones.
//!
//! It belongs to the link's task, not to the board: a report must hold all that its diagnosis
//! needs. Another endpoint or data source starts again from `CarriedFacts::default()`.

use crate::diagnosis::told;
use crate::report::check::{Check, Path};
use crate::report::{CarriedFacts, Report};

/// Learns from `report`, which has ended.
pub fn carry(carried: &mut CarriedFacts, report: &Report) {
    let passed = |path, check| report.walk(path).is_some_and(|walk| walk.passed(check));
    carried.reached_prometheus |= report.reaches(Path::Direct);
    carried.reached_grafana |= report.reaches(Path::Grafana);
    carried.datasource_seen |= passed(Path::Grafana, Check::Datasource);
    for (last, path) in carried.last_standing.iter_mut().zip(Path::ALL) {
        *last = told(path, report).map(|standing| (standing, report.started)).or(*last);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Now;
    use crate::diagnosis::diagnose;
    use crate::report::sample::report;
    use crate::report::verdict::Verdict;
    use crate::report::{CarriedFacts, Standing};

    #[test]
    fn what_was_reached_stays_reached() {
        let mut carried = CarriedFacts::default();
        carry(&mut carried, &report("tcp/connection_refused", "grafana_health/not_grafana"));
        assert!(!carried.reached_prometheus && !carried.reached_grafana);
        assert!(!carried.datasource_seen);

        carry(&mut carried, &report("freshness/data_stale", "datasource/datasource_not_found"));
        assert!(carried.reached_prometheus && carried.reached_grafana);
        assert!(!carried.datasource_seen);

        carry(&mut carried, &report("passed", "grafana_query/no_series"));
        carry(&mut carried, &report("dns/dns_timeout", "dns/dns_timeout"));
        assert!(carried.reached_prometheus && carried.datasource_seen);
    }

    #[test]
    fn a_cycle_that_could_not_tell_does_not_make_the_last_standing_younger() {
        let at = |seconds| Now::at(Duration::from_secs(seconds));
        let mut carried = CarriedFacts::default();
        for (seconds, grafana, verdict) in [
            (0, "passed", Verdict::Working),
            (15, "no_time", Verdict::Working),
            (45, "no_time", Verdict::Working),
            (60, "no_time", Verdict::Blind),
        ] {
            let mut report = report("passed", grafana);
            report.started = at(seconds);
            report.carried = carried.clone();
            assert_eq!(diagnose(&report).verdict, verdict, "at {seconds} s");
            carry(&mut carried, &report);
        }
        let told = [Some((Standing::Passed, at(60))), Some((Standing::Passed, at(0)))];
        assert_eq!(carried.last_standing, told);
    }
}
