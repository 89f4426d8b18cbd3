//! The list of all data sources, read on the same way and at the same desk as everything else.

use std::sync::Arc;

use crate::carried::GrafanaMemory;
use crate::classify::grafana_answer::{self, Datasource};
use crate::clock;
use crate::desk::Desk;
use crate::discover::NoList;
use crate::link::{GrafanaSide, Link};
use crate::net::limits;
use crate::plan::Step;
use crate::probe::grafana::{Missed, Through};
use crate::probe::{Net, Occasion, line};
use crate::report::cause::Cause;
use crate::report::check::{Check, Path};
use crate::report::facts::{Fact, Key, clean};
use crate::report::{CarriedFacts, Outcome, Row};

/// All that the token may see.
pub(super) const LIST_PATH: &str = "/api/datasources";

/// Reads the list through the Grafana of `link`.
pub async fn read(
    net: &Arc<Net>,
    desk: Arc<Desk>,
    link: &Link,
    side: &GrafanaSide,
    occasion: Occasion,
) -> Result<Vec<Datasource>, NoList> {
    let facts = CarriedFacts::default();
    let mut through = Through::new(net, &desk, link, side, &facts, occasion);
    let mut memory = GrafanaMemory::default();
    loop {
        match through.next() {
            Step::Run(Check::Datasource) => return through.ask_list().await,
            Step::Run(check) => through.run(check, &mut memory).await,
            Step::Skip(Check::Datasource, _) | Step::Stop => return Err(through.why_not()),
            Step::Skip(check, why) => {
                through.leg.rows.insert(check, Row::skipped(why, clock::now()));
            }
        }
    }
}

impl Through<'_> {
    async fn ask_list(&mut self) -> Result<Vec<Datasource>, NoList> {
        let request = self.get(LIST_PATH, limits::GRAFANA_BODY);
        let response = match self.call(&request).await {
            Ok(response) => response,
            Err(Missed::Gone) => return Err(self.why_not()),
            Err(Missed::Instead(row)) => return Err(no_list(&row)),
        };
        let answer = line::answer(&response, LIST_PATH, self.has_credentials());
        let list = grafana_answer::datasource_list(&answer).map_err(|rejection| NoList {
            cause: Some(rejection.cause),
            says: match rejection.api_error {
                Some(error) => clean(&error),
                None => format!("status {}", response.status),
            },
        })?;
        self.keep_list(&list).await;
        Ok(list)
    }

    /// The first check that failed on the way, or that had no turn.
    fn why_not(&self) -> NoList {
        let mut rows = Path::Grafana.checks().iter().filter_map(|check| self.leg.rows.get(*check));
        let row = rows.find(|row| matches!(row.outcome, Outcome::Failed(_)));
        row.map_or_else(NoList::default, no_list)
    }
}

fn no_list(row: &Row) -> NoList {
    let cause: Option<Cause> = match row.outcome {
        Outcome::Failed(cause) => Some(cause),
        Outcome::Passed | Outcome::Skipped(_) => None,
    };
    let said = |(key, fact): (Key, &Fact)| match (key, fact) {
        (Key::Error | Key::ApiError | Key::Bootstrap, Fact::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let says: Vec<String> = row.facts.iter().filter_map(said).collect();
    NoList { cause, says: says.join("; ") }
}
