//! What `check` prints for people, and the exit code that goes with it.
use crate::expose::Shown;
use crate::report::verdict::Verdict;

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

/// All links as text, with ANSI colours if `colour`.
#[must_use]
pub fn render(links: &[Shown<'_>], colour: bool) -> String {
    drop((links, colour));
    String::new()
}

/// The verdict that decides for all; unknown when there is none.
#[must_use]
pub fn worst(verdicts: &[Verdict]) -> Verdict {
    verdicts.iter().copied().max().unwrap_or(Verdict::Unknown)
}

/// The exit code as Nagios has them: 0 working, 1 degraded, 2 broken, 3 blind or unknown.
#[must_use]
pub fn exit_code(worst: Verdict, fail_on: FailOn) -> u8 {
    drop((worst, fail_on));
    0
}
