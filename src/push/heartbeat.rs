//! What is told regularly, in the protocol of healthchecks.io and those of its shape: that promlink
//! cycles and can deliver. Who hears nothing any more raises the alarm that promlink no longer can.

use std::fmt::Write as _;
use std::time::Duration;

use url::Url;

use crate::clock::Now;
use crate::report::cause::Cause;
use crate::report::verdict::Verdict;
use crate::state::snapshot::{LinkView, Snapshot};

#[cfg(test)]
mod tests;

/// A snapshot that is older was made by nobody.
const ALIVE: Duration = Duration::from_secs(30);
/// Links that are named.
const MAX_NAMED: usize = 20;

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Nothing is wrong.
    pub is_good: bool,
    /// For people: what is wrong, or how things are.
    pub text: String,
}

/// Whether promlink lives, as `snapshot` and the receivers tell; `failing` are those that accept
/// nothing. With `links`, a broken link is wrong as well.
#[must_use]
pub fn beat(snapshot: &Snapshot, failing: &[String], links: bool, now: Now) -> Beat {
    let mut wrong = Vec::new();
    let age = now.since(snapshot.at);
    if age > ALIVE {
        wrong.push(format!("nothing was published for {} s", age.as_secs()));
    }
    let all = &snapshot.links;
    let cause = |link: &LinkView| link.published.fault.map(|fault| fault.cause);
    if !all.is_empty() && all.iter().all(|link| cause(link) == Some(Cause::Overdue)) {
        wrong.push("no cycle of any link ends".to_owned());
    }
    for receiver in failing {
        wrong.push(format!("{receiver} accepts no alarms"));
    }
    let count = |verdict| all.iter().filter(|link| link.published.verdict == verdict).count();
    let broken = count(Verdict::Broken);
    if links && broken > 0 {
        wrong.push(format!("{broken} of {} links are broken", all.len()));
    }
    let mut text = String::new();
    let mut line = |line: &str| text.push_str(&format!("{line}\n"));
    wrong.iter().for_each(|one| line(one));
    let counts = Verdict::ALL.map(|verdict| format!("{} {}", count(verdict), verdict.as_str()));
    line(&format!("links: {}", counts.join(", ")));
    let bad = all.iter().filter(|link| link.published.verdict > Verdict::Working);
    for link in bad.take(MAX_NAMED) {
        let published = &link.published;
        let mut told = format!("{}: {}", link.name, published.verdict.as_str());
        if let Some(cause) = cause(link) {
            let _infallible = write!(told, " by {}", cause.code());
        }
        line(&format!("{told}. {} {}", published.summary, published.next_step));
    }
    Beat { is_good: wrong.is_empty(), text }
}

/// Where a failure is told: `/fail` below the URL of success, before its query.
pub fn fail(url: &mut Url) {
    let path = format!("{}/fail", url.path().trim_end_matches('/'));
    url.set_path(&path);
}
