//! What `check` prints for people, and the exit code that goes with it.
//!
//! Every hop of both paths is shown, also those that passed: a person who does not believe the
//! verdict can see what it rests on, and how far the question got before it failed.

#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::time::Duration;

use crate::diagnosis::Placed;
use crate::expose::{Shown, reproduce, words};
use crate::report::check::{Check, Path};
use crate::report::facts::Key;
use crate::report::seen::Seen;
use crate::report::verdict::Verdict;
use crate::report::{Leg, Outcome, Report, Row, Walk};

/// From which verdict on `check` fails; lighter ones exit 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailOn {
    /// Anything but working.
    #[default]
    Degraded,
    /// Blind, unknown or broken.
    Blind,
    /// Broken only.
    Broken,
}

/// The longest line of facts beside a passed check, in characters.
const BRIEF_CHARS: usize = 80;
/// How many facts a passed check shows; a failed one shows all.
const BRIEF_FACTS: usize = 3;
/// How many findings of assertions are repeated below the hops; more are counted.
const MAX_ASSERTIONS: usize = 3;
/// Where what a check saw begins.
const SEEN_COLUMN: usize = 41;

// === exit code ===

/// The verdict that decides for all: the heaviest exit. Unknown where there is none, because no
/// answer is not a good one.
#[must_use]
pub fn worst(verdicts: &[Verdict]) -> Verdict {
    verdicts.iter().copied().max_by_key(|v| (severity(*v), *v)).unwrap_or(Verdict::Unknown)
}

/// The exit code as Nagios has them: 0 working, 1 degraded, 2 broken, 3 blind or unknown.
#[must_use]
pub fn exit_code(worst: Verdict, fail_on: FailOn) -> u8 {
    let floor = match fail_on {
        FailOn::Degraded => Verdict::Degraded,
        FailOn::Blind => Verdict::Blind,
        FailOn::Broken => Verdict::Broken,
    };
    match worst {
        lighter if severity(lighter) < severity(floor) => 0,
        Verdict::Working => 0,
        Verdict::Degraded => 1,
        Verdict::Broken => 2,
        Verdict::Blind | Verdict::Unknown => 3,
    }
}

/// For an exit code "no answer yet" weighs as much as "cannot tell"; on the page it is still to
/// come.
fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Working => 0,
        Verdict::Degraded => 1,
        Verdict::Blind | Verdict::Unknown => 2,
        Verdict::Broken => 3,
    }
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "degraded" => Ok(Self::Degraded),
            "blind" => Ok(Self::Blind),
            "broken" => Ok(Self::Broken),
            _ => Err("one of degraded, blind, broken".to_owned()),
        }
    }
}

// === table ===

/// All links as text, with ANSI colours if `colour`.
#[must_use]
pub fn render(links: &[Shown<'_>], colour: bool) -> String {
    let mut table = Table { out: String::new(), colour };
    for link in links {
        table.link(link);
    }
    if links.len() > 1 {
        table.totals(links);
    }
    table.out
}

struct Table {
    out: String,
    colour: bool,
}

#[derive(Clone, Copy)]
enum Colour {
    Green,
    Yellow,
    Red,
    Magenta,
    Dim,
    Bold,
}

impl Table {
    fn link(&mut self, link: &Shown<'_>) {
        let name = self.paint(Colour::Bold, link.name.as_str());
        let verdict = self.paint(colour(link.verdict), &link.verdict.as_str().to_uppercase());
        let why = link.fault.map(|fault| match words::place(fault) {
            Some(place) => format!("  {} at {place}", fault.cause.code()),
            None => format!("  {}", fault.cause.code()),
        });
        self.line(0, &format!("{name}  {verdict}{}", why.unwrap_or_default()));
        self.line(2, words::meaning(link.verdict, link.info));
        let summary = link.summary();
        if !summary.is_empty() {
            self.line(2, &summary);
        }
        if let Some(report) = link.latest.map(|latest| &latest.report) {
            if let Some(data) = data(report) {
                self.line(2, &data);
            }
            for path in Path::ALL {
                if let Some(walk) = report.walk(path) {
                    self.path(link, path, walk, report);
                }
            }
        }
        self.advice(link);
        self.out.push('\n');
    }

    fn path(&mut self, link: &Shown<'_>, path: Path, walk: &Walk, report: &Report) {
        let title = self.paint(Colour::Bold, &format!("{:<8}", path.as_str()));
        self.out.push('\n');
        self.line(2, &format!("{title}  {}", words::end(link.info, path)));
        for leg in [&walk.first].into_iter().chain(&walk.others) {
            if let Some(address) = leg.address.filter(|_| !walk.others.is_empty()) {
                self.line(4, &format!("at {address}"));
            }
            self.leg(link, path, leg, report);
        }
    }

    fn leg(&mut self, link: &Shown<'_>, path: Path, leg: &Leg, report: &Report) {
        for (check, row) in leg.rows.iter() {
            let age = report.started.since(row.at);
            self.row(check, row, age);
            if let Some(command) = reproduce::failed(link.info, path, check, row) {
                self.line(SEEN_COLUMN, &format!("try: {command}"));
            }
        }
    }

    /// Columns: mark, check, time, what was seen.
    fn row(&mut self, check: Check, row: &Row, age: Duration) {
        let (mark, time, seen) = match row.outcome {
            Outcome::Passed => {
                (self.paint(Colour::Green, "ok  "), words::duration(row.took), brief(row))
            }
            Outcome::Failed(cause) => {
                let code = self.paint(Colour::Red, cause.code());
                (self.paint(Colour::Red, "FAIL"), words::duration(row.took), code)
            }
            Outcome::Skipped(why) => {
                let reason = row.facts.get(Key::Reason).map(words::fact);
                let reason = reason.map(|reason| format!(", {reason}")).unwrap_or_default();
                let why = format!("skipped: {}{reason}", why.as_str().replace('_', " "));
                (self.paint(Colour::Dim, "-   "), String::new(), self.paint(Colour::Dim, &why))
            }
        };
        let kept =
            if age.is_zero() { String::new() } else { format!("({} ago) ", words::duration(age)) };
        self.line(4, &format!("{mark}  {:<17} {time:>10}   {kept}{seen}", check.as_str()));
        if let Outcome::Failed(_) = row.outcome {
            for (key, fact) in row.facts.iter() {
                // A list has its name once.
                let mut head = format!("{}: ", words::key(key));
                for text in words::each(fact) {
                    self.line(SEEN_COLUMN, &format!("{head}{text}"));
                    head = " ".repeat(head.chars().count());
                }
            }
        }
    }

    fn advice(&mut self, link: &Shown<'_>) {
        let mut lines = Vec::new();
        // Where there are many, each stands beside its check already.
        let of_assertions = |finding: &&Placed| finding.check == Some(Check::Assertions);
        let many = link.findings.iter().filter(of_assertions).count();
        let many = if many > MAX_ASSERTIONS { many } else { 0 };
        for finding in link.findings.iter().filter(|found| many == 0 || !of_assertions(found)) {
            let place = finding.path.zip(finding.check);
            let place =
                place.map(|(path, check)| format!("{}/{}, ", path.as_str(), check.as_str()));
            let (code, weight) = (finding.cause.code(), finding.weight.as_str());
            let place = place.unwrap_or_default();
            lines.push(format!("also  {code} ({place}{weight}): {}", finding.detail));
        }
        if many > 0 {
            lines.push(format!(
                "also  {many} assertions that do not hold or cannot be asked, above"
            ));
        }
        if let Some(fault) = link.fault {
            lines.push(format!("who   {}", fault.side.who()));
        }
        if !link.next_step.is_empty() {
            lines.push(format!("next  {}", link.next_step));
        }
        if let Some(fault) = link.fault {
            lines.push(format!("more  promlink explain {}", fault.cause.code()));
        }
        if !lines.is_empty() {
            self.out.push('\n');
        }
        for line in lines {
            self.line(2, &line);
        }
    }

    /// Worst first, those only that there are.
    fn totals(&mut self, links: &[Shown<'_>]) {
        let counts = Verdict::ALL.into_iter().rev().filter_map(|verdict| {
            let count = links.iter().filter(|link| link.verdict == verdict).count();
            let text = format!("{count} {}", verdict.as_str());
            (count > 0).then(|| self.paint(colour(verdict), &text))
        });
        let counts: Vec<String> = counts.collect();
        self.line(0, &format!("{} links: {}", links.len(), counts.join(", ")));
    }

    fn line(&mut self, indent: usize, text: &str) {
        self.out += &format!("{:indent$}{}\n", "", text.trim_end());
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
            Colour::Magenta => 35,
            Colour::Dim => 2,
            Colour::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Working => Colour::Green,
        Verdict::Degraded => Colour::Yellow,
        Verdict::Blind | Verdict::Unknown => Colour::Magenta,
        Verdict::Broken => Colour::Red,
    }
}

/// What came back, from the direct path if it got that far.
fn data(report: &Report) -> Option<String> {
    let seen = |read: fn(&Seen) -> Option<u64>| {
        Path::ALL.into_iter().filter_map(|path| report.walk(path)).find_map(|w| read(&w.first.seen))
    };
    let series = seen(|seen| seen.series)?;
    let up = seen(|seen| seen.series_up).map(|up| format!(", {up} of {series} targets up"));
    let age = Path::ALL
        .into_iter()
        .filter_map(|path| report.walk(path))
        .find_map(|walk| words::newest_age(&walk.first.seen, words::ended(report).wall))
        .map(|age| format!(", newest sample {} old", words::duration(age)));
    Some(format!("{series} series{}{}", up.unwrap_or_default(), age.unwrap_or_default()))
}

fn brief(row: &Row) -> String {
    let facts: Vec<String> = row
        .facts
        .iter()
        .take(BRIEF_FACTS)
        .map(|(key, fact)| format!("{} {}", words::key(key), words::fact(fact)))
        .collect();
    let line = facts.join(", ");
    match line.char_indices().nth(BRIEF_CHARS) {
        Some(_) => line.chars().take(BRIEF_CHARS).chain(['…']).collect(),
        None => line,
    }
}
