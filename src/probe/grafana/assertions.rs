//! Assertions of a link without a direct path: several refs of one `ds/query`.
//!
//! One request a cycle is what a link may still cost Grafana. Its answer comes when the last ref's
//! does, so an assertion about time is asked by itself.

use std::sync::Arc;

use crate::carried::GrafanaMemory;
use crate::classify::Vector;
use crate::classify::grafana_answer::{self, Failure};
use crate::clock::{self, Stopwatch};
use crate::link::assertion::Assertion;
use crate::plan::Step;
use crate::probe::assertions;
use crate::probe::grafana::Through;
use crate::probe::line;
use crate::probe::query::Question;
use crate::report::asserted::Asserted;
use crate::report::cause::Cause;
use crate::report::check::Check;

impl Through<'_> {
    /// Asks the assertions that are due, while there is time.
    pub(super) async fn assert(&mut self, memory: &mut GrafanaMemory) {
        if self.next() != Step::Run(Check::Assertions) {
            return;
        }
        let due = assertions::due(self.link, &memory.assertions, self.occasion);
        let together = together(due);
        if !together.is_empty() && !clock::left(self.occasion.deadlines.checks).is_zero() {
            for asserted in self.assert_all(&together).await {
                assertions::keep(&mut memory.assertions, asserted);
            }
        }
        let now = self.occasion.started;
        assertions::settle(&mut self.leg, &mut memory.assertions, now, Check::GrafanaQuery);
    }

    /// What comes of these; nothing when there is no slot to ask in.
    ///
    /// A transport failure is no fault here: panels got their answer a moment ago, by this way.
    async fn assert_all(&mut self, all: &[&Assertion]) -> Vec<Asserted> {
        let Some(uid) = self.uid().map(str::to_owned) else { return Vec::new() };
        let deadline = self.occasion.deadlines.checks;
        let desk = Arc::clone(self.desk);
        let Some(_slot) = desk.slot(deadline).await else { return Vec::new() };
        let queries = all.iter().enumerate().map(|(number, assertion)| {
            let question = Question::Assertion(assertion.query.clone());
            self.reference(&uid, &name(number), &question)
        });
        let request = self.query_request(&queries.collect::<Vec<_>>());
        let Some(line) = self.line.as_mut() else { return Vec::new() };
        let watch = Stopwatch::start();
        let sent = line.send(&self.hops, &request, deadline).await;
        let took = watch.read();
        let each = match sent {
            Ok(response) => {
                grafana_answer::ds_queries(&line::answer(&response, &request.target, true))
            }
            Err(lost) => Err(Failure { cause: lost.cause, message: lost.words }),
        };
        let numbered = all.iter().enumerate();
        let came = |number: usize| match &each {
            Ok(each) => {
                let found = each.iter().find(|(other, _)| *other == name(number));
                found.map_or(Err((Cause::AnswerMalformed, "")), |(_, came)| as_words(came))
            }
            Err(failure) => Err((failure.cause, failure.message.as_str())),
        };
        let now = self.occasion.started;
        numbered.map(|(number, one)| assertions::came(one, came(number), took, now)).collect()
    }
}

/// What goes into one request: the one that has waited longest, and those like it.
fn together(due: Vec<&Assertion>) -> Vec<&Assertion> {
    match due.first() {
        Some(first) if first.holds.within.is_some() => vec![*first],
        Some(_) | None => due.into_iter().filter(|one| one.holds.within.is_none()).collect(),
    }
}

/// Neither A nor B, which have a meaning of their own.
fn name(number: usize) -> String {
    format!("assertion{number}")
}

fn as_words(came: &Result<Vector, Failure>) -> Result<&Vector, (Cause, &str)> {
    came.as_ref().map_err(|failure| (failure.cause, failure.message.as_str()))
}
