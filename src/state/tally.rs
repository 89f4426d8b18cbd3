//! Counters of one link: what happened since this process knows it.
//!
//! Availability is computed from seconds by verdict. A gauge would not do: where nobody scraped, it
//! has a gap, and an outage of what scrapes is where somebody looks.

use std::time::Duration;

use crate::clock::Now;
use crate::diagnosis::told;
use crate::link::discover::Leave;
use crate::link::{Link, Scheme};
use crate::report::check::{Check, Path};
use crate::report::verdict::{Side, Verdict};
use crate::report::{Outcome, Report, Standing};
use crate::state::snapshot::Tally;

impl Tally {
    /// All zero, with a counter for each check that `link` has.
    #[must_use]
    pub fn starting(link: &Link, now: Now) -> Self {
        let mut tally = Self { counted_until: now.mono, ..Self::default() };
        tally.fit(link);
        tally
    }

    /// The link changed: checks that it has now start at zero, those that it has no more go.
    pub fn fit(&mut self, link: &Link) {
        let checks = Path::ALL
            .into_iter()
            .flat_map(|path| path.checks().iter().map(move |&check| (path, check)));
        self.failures = checks
            .filter(|(path, check)| has(link, *path, *check))
            .map(|(path, check)| (path, check, self.failed(path, check)))
            .collect();
    }

    /// Counts the seconds up to `now` as those of `verdict`.
    pub fn settle(&mut self, verdict: Verdict, now: Now) {
        let passed = now.mono.saturating_sub(self.counted_until);
        if let Some(seconds) = self.verdict_seconds.get_mut(verdict as usize) {
            *seconds += passed.as_secs_f64();
        }
        self.counted_until = self.counted_until.max(now.mono);
    }

    /// The link became broken.
    pub fn broke(&mut self, side: Side) {
        if let Some(outages) = self.outages.get_mut(side as usize) {
            *outages += 1;
        }
    }

    /// A cycle ended: its failures and durations, as it saw them.
    pub fn cycled(&mut self, report: &Report) {
        self.cycles += 1;
        for path in Path::ALL {
            let Some(walk) = report.walk(path) else { continue };
            self.walked(path, walk.took, told(path, report) == Some(Standing::Passed));
            for (check, row) in walk.first.rows.iter() {
                // A row that was kept from an earlier cycle was counted there.
                let is_new = row.at.mono >= report.started.mono;
                if is_new && matches!(row.outcome, Outcome::Failed(_)) {
                    self.fail(path, check);
                }
            }
        }
    }

    fn walked(&mut self, path: Path, took: Duration, passed: bool) {
        if let Some(last) = self.last_walk.get_mut(path as usize) {
            *last = Some(took);
        }
        if let Some(histogram) = self.walks.get_mut(path as usize).filter(|_| passed) {
            histogram.observe(took);
        }
    }

    fn fail(&mut self, path: Path, check: Check) {
        let of = |entry: &&mut (Path, Check, u64)| (entry.0, entry.1) == (path, check);
        if let Some((_, _, count)) = self.failures.iter_mut().find(of) {
            *count += 1;
        }
    }

    fn failed(&self, path: Path, check: Check) -> u64 {
        let of = |entry: &&(Path, Check, u64)| (entry.0, entry.1) == (path, check);
        self.failures.iter().find(of).map_or(0, |(_, _, count)| *count)
    }
}

/// Whether a check of `path` can ever run for this link.
fn has(link: &Link, path: Path, check: Check) -> bool {
    let endpoint = match path {
        Path::Direct => link.prometheus.as_ref(),
        Path::Grafana => link.grafana.as_ref().map(|side| &side.end.endpoint),
    };
    let both = link.prometheus.is_some() && link.grafana.is_some();
    endpoint.is_some_and(|endpoint| match check {
        Check::Tls => endpoint.url.scheme == Scheme::Https,
        Check::Freshness => link.query.freshness,
        Check::Agreement => link.query.agreement && both,
        Check::Assertions => {
            path == Path::Direct || link.prometheus.is_none() || link.leave == Leave::Guarded
        }
        Check::Dns
        | Check::Tcp
        | Check::Query
        | Check::GrafanaHealth
        | Check::Auth
        | Check::Datasource
        | Check::DatasourceHealth
        | Check::GrafanaQuery => true,
    })
}

#[cfg(test)]
mod tests;
