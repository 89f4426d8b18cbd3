//! Assertions of a link without a direct path: several refs of one `ds/query`.
//!
//! One request a cycle is what a link may still cost Grafana. Its answer comes when the last ref's
//! does, so an assertion about time is asked by itself; and so is, from then on, each of those that
//! were lost together.

use std::collections::BTreeSet;
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
use crate::report::cause::Cause;
use crate::report::check::Check;

impl Through<'_> {
    /// Asks the assertions that are due, while there is time.
    pub(super) async fn assert(&mut self, memory: &mut GrafanaMemory) {
        if self.next() != Step::Run(Check::Assertions) {
            return;
        }
        let due = assertions::due(self.link, &memory.assertions, self.occasion);
        let together = together(due, &memory.alone);
        if !together.is_empty() && !clock::left(self.occasion.deadlines.checks).is_zero() {
            self.assert_all(&together, memory).await;
        }
        let now = self.occasion.started;
        assertions::settle(&mut self.leg, &mut memory.assertions, now, Check::GrafanaQuery);
    }

    /// Asks these in one request, when there is a slot to ask in.
    ///
    /// A transport failure is no fault here: panels got their answer a moment ago, by this way.
    async fn assert_all(&mut self, all: &[&Assertion], memory: &mut GrafanaMemory) {
        let Some(uid) = self.uid().map(str::to_owned) else { return };
        let deadline = self.occasion.deadlines.checks;
        let desk = Arc::clone(self.desk);
        let Some(_slot) = desk.slot(deadline).await else { return };
        let queries = all.iter().enumerate().map(|(number, assertion)| {
            let question = Question::Assertion(assertion.query.clone());
            self.reference(&uid, &name(number), &question)
        });
        let request = self.query_request(&queries.collect::<Vec<_>>());
        let Some(line) = self.line.as_mut() else { return };
        let watch = Stopwatch::start();
        let sent = line.send(&self.hops, &request, deadline).await;
        let took = watch.read();
        let each = match sent {
            Ok(response) => {
                grafana_answer::ds_queries(&line::answer(&response, &request.target, true))
            }
            Err(lost) => Err(Failure { cause: lost.cause, message: lost.words }),
        };
        let names = all.iter().map(|assertion| Arc::clone(&assertion.name));
        match &each {
            // Which one it was cannot be seen, so nothing is said of any: they stay due.
            Err(_) if all.len() > 1 => return memory.alone.extend(names),
            Err(_) => memory.alone.extend(names),
            Ok(_) => names.for_each(|name| {
                memory.alone.remove(&name);
            }),
        }
        let came = |number: usize| match &each {
            Ok(each) => {
                let found = each.iter().find(|(other, _)| *other == name(number));
                found.map_or(Err((Cause::AnswerMalformed, "")), |(_, came)| as_words(came))
            }
            Err(failure) => Err((failure.cause, failure.message.as_str())),
        };
        let now = self.occasion.started;
        for (number, one) in all.iter().enumerate() {
            let asserted = assertions::came(one, came(number), took, now);
            assertions::keep(&mut memory.assertions, asserted);
        }
    }
}

/// What goes into one request: the one that has waited longest, and those like it.
fn together<'a>(due: Vec<&'a Assertion>, alone: &BTreeSet<Arc<str>>) -> Vec<&'a Assertion> {
    let is_alone = |one: &&Assertion| one.holds.within.is_some() || alone.contains(&one.name);
    match due.first() {
        Some(first) if is_alone(first) => vec![*first],
        Some(_) | None => due.into_iter().filter(|one| !is_alone(one)).collect(),
    }
}

/// Neither A nor B, which have a meaning of their own.
fn name(number: usize) -> String {
    format!("assertion{number}")
}

fn as_words(came: &Result<Vector, Failure>) -> Result<&Vector, (Cause, &str)> {
    came.as_ref().map_err(|failure| (failure.cause, failure.message.as_str()))
}
