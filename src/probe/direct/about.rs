//! What the server is and how it is set up, asked now and then: no check, so that it does not tell
//! says nothing.

use crate::carried::{About, Status};
use crate::classify::prometheus::{around, buildinfo};
use crate::judge;
use crate::probe::direct::Steps;
use crate::probe::explain;
use crate::probe::hops::Hops;
use crate::report::cause::Cause;
use crate::report::check::Check;
use crate::report::facts::Key;
use crate::report::finding::Finding;
use crate::report::seen::Flavour;

impl Steps<'_> {
    /// Asks, or remembers.
    pub(super) async fn ask_about(&mut self) {
        let (now, told) = (self.occasion.started, self.leg.seen.flavour);
        if !self.about.as_ref().is_some_and(|about| about.is_fresh(now)) {
            let info = self.status_page("buildinfo", buildinfo).await;
            let (version, flavour) = info.map_or((None, None), |i| (i.version, i.flavour));
            let Hops { net, endpoint, .. } = self.hops;
            let deadline = self.occasion.deadlines.checks;
            let is_headless =
                explain::is_headless(&net.resolver, &endpoint.url.host, deadline).await;
            let flavour = told.or(flavour);
            let status = match flavour {
                Some(Flavour::Prometheus) => self.status().await,
                Some(_) | None => Status::default(),
            };
            self.about = Some(About { flavour, version, is_headless, status, asked: now });
        }
        let Some(about) = &self.about else { return };
        self.leg.seen.flavour = about.flavour;
        self.leg.seen.version.clone_from(&about.version);
        self.leg.seen.scrape_interval = about.status.scrape_interval;
        let Some(row) = self.leg.rows.get_mut(Check::Query) else { return };
        if let Some(retention) = &about.status.retention {
            row.facts.text(Key::Retention, retention);
            let asked = self.link.thresholds.retention;
            if let Some((cause, asked)) = judge::retention(retention, asked).zip(asked) {
                let asked = humantime::format_duration(asked);
                let detail = format!("it keeps {retention}, and panels ask for {asked}");
                row.findings.push(Finding::of(cause, detail));
            }
        }
        if about.status.reload_failed {
            row.findings.push(Finding::of(Cause::ConfigReloadFailed, String::new()));
        }
    }

    /// Its own status pages, where we may read them.
    async fn status(&mut self) -> Status {
        let runtime = self.status_page("runtimeinfo", around::runtime).await.unwrap_or_default();
        let scrape_interval = self.status_page("config", around::scrape_interval).await;
        Status {
            scrape_interval,
            retention: runtime.retention,
            reload_failed: runtime.reload_failed,
        }
    }
}
