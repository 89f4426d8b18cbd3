//! The table: every fault that is injected, proven at once, counted, and published.
//!
//! One test proves all of it, because one number is the measure. The page is written from the very
//! lines that are proven, so it cannot promise anything else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::pin::Pin;

use tokio::task::JoinSet;

use crate::need;

/// Lines that belong together on the page.
pub struct Section {
    title: &'static str,
    lines: Vec<Line>,
}

/// One injected fault, and what is told of it.
pub struct Line {
    name: String,
    /// `verdict cause path check side`, in turn.
    told: Vec<&'static str>,
    /// What is found beside it: `weight cause path/check` and a subject, with semicolons in between.
    beside: String,
    proof: Pin<Box<dyn Future<Output = Proof> + Send>>,
}

/// What came of a line.
#[derive(Clone, Debug)]
pub enum Proof {
    Right,
    Wrong(String),
    /// It cannot be made to happen here, and why.
    Skipped(String),
}

/// What is right of what was proven.
struct Score {
    right: usize,
    wrong: Vec<String>,
    skipped: Vec<String>,
}

pub fn section<L: Into<Line>>(title: &'static str, lines: impl IntoIterator<Item = L>) -> Section {
    Section { title, lines: lines.into_iter().map(Into::into).collect() }
}

/// Proves every line, or those with the words of `PROMLINK_ROW` in section or name.
///
/// # Panics
/// When one is wrong, or cannot be proven where everything must be.
pub async fn prove(sections: Vec<Section>) {
    let score = Score::of(proven(sections).await);
    // Not `println!`, which nobody sees of a test that passes.
    std::io::stdout().write_all(format!("{}\n", score.line()).as_bytes()).unwrap();
    assert!(score.wrong.is_empty(), "{}\n{}", score.line(), score.wrong.join("\n"));
    assert!(score.skipped.is_empty() || !need::everything(), "not all could be proven");
}

/// The proof of each of them, by section and name.
pub async fn proven(sections: Vec<Section>) -> Vec<(String, Proof)> {
    let only = std::env::var("PROMLINK_ROW").unwrap_or_default();
    let mut running = JoinSet::new();
    for Section { title, lines } in sections {
        for Line { name, proof, .. } in lines {
            let name = format!("{title}: {name}");
            if name.contains(&only) {
                running.spawn(async move { (name, proof.await) });
            }
        }
    }
    running.join_all().await
}

/// The page.
pub fn page(sections: &[Section]) -> String {
    let count = sections.iter().map(|section| section.lines.len()).sum::<usize>();
    let mut page = ABOUT.replace("{count}", &count.to_string());
    for section in sections {
        let is_told_in_turn = section.lines.iter().any(|line| line.told.len() > 1);
        let head = if is_told_in_turn { IN_TURN } else { AT_ONCE };
        let _infallible = write!(page, "\n## {}\n\n{head}", section.title);
        for line in &section.lines {
            let told = if is_told_in_turn { line.in_turn() } else { line.at_once() };
            let _infallible = writeln!(page, "| {} | {told} |", line.name.replace('|', "\\|"));
        }
    }
    page
}

/// Names that more than one line has.
pub fn twins(sections: &[Section]) -> Vec<&str> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for line in sections.iter().flat_map(|section| &section.lines) {
        *seen.entry(&line.name).or_default() += 1;
    }
    seen.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

const ABOUT: &str = "\
# What promlink can tell

Each line is a fault that a test injects on real sockets, and what promlink says of it: {count} lines,
all of which must be exactly right. The page is written from the tests themselves.

Unless a line says otherwise, a link has both paths, Grafana is 13, and everything else is well. *path*,
*check* and *side* (who has to act) are those of the published fault; a link that is `working` has none.
What is found beside it does not make the verdict worse than it is.
";
const AT_ONCE: &str = "\
| what is injected | verdict | cause | path | check | side | beside it |
|---|---|---|---|---|---|---|
";
const IN_TURN: &str = "\
| what happens | what is published, in turn |
|---|---|
";

// === impl Line ===

impl Line {
    pub fn new(
        name: impl Into<String>,
        told: impl Into<Vec<&'static str>>,
        proof: impl Future<Output = Proof> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), told: told.into(), beside: String::new(), proof: Box::pin(proof) }
    }

    /// What is found beside the fault.
    pub fn beside(self, beside: impl Into<String>) -> Self {
        Self { beside: beside.into(), ..self }
    }

    fn at_once(&self) -> String {
        let mut words = self.told.first().copied().unwrap_or_default().split(' ');
        let mut word = || words.next().unwrap_or_default();
        let verdict = word();
        let [cause, path, check, side] = [word(), word(), word(), word()];
        let cause = if cause.is_empty() { String::new() } else { format!("`{cause}`") };
        format!("{verdict} | {cause} | {path} | {check} | {side} | {}", self.found())
    }

    /// `cause` (path check subject), and so on.
    fn found(&self) -> String {
        let one = |found: &str| {
            let mut words = found.splitn(3, ' ').skip(1);
            let cause = words.next().unwrap_or_default();
            let place = words.next().unwrap_or_default().replace('/', " ");
            format!("`{cause}` ({place})")
        };
        let found = self.beside.split("; ").filter(|found| !found.is_empty());
        found.map(one).collect::<Vec<_>>().join(", ")
    }

    fn in_turn(&self) -> String {
        let one = |told: &&str| {
            let mut words = told.splitn(3, ' ');
            let verdict = words.next().unwrap_or_default();
            match (words.next(), words.next()) {
                (Some(cause), Some(place)) => format!("{verdict} `{cause}` ({place})"),
                _ => verdict.to_owned(),
            }
        };
        self.told.iter().map(one).collect::<Vec<_>>().join(" → ")
    }
}

// === impl Score ===

impl Score {
    fn of(proven: Vec<(String, Proof)>) -> Self {
        let mut score = Self { right: 0, wrong: Vec::new(), skipped: Vec::new() };
        for (name, proof) in proven {
            match proof {
                Proof::Right => score.right += 1,
                Proof::Wrong(why) => score.wrong.push(format!("{name}{why}")),
                Proof::Skipped(why) => score.skipped.push(format!("skipped: {name}: {why}")),
            }
        }
        score.wrong.sort();
        score.skipped.sort();
        score
    }

    /// `N/N`, and a line for each miss.
    fn line(&self) -> String {
        let mut text =
            format!("faults told right: {}/{}", self.right, self.right + self.wrong.len());
        let misses = self.wrong.iter().filter_map(|wrong| wrong.lines().next());
        for line in misses.map(|name| format!("missed: {name}")).chain(self.skipped.clone()) {
            let _infallible = write!(text, "\n{line}");
        }
        text
    }
}
