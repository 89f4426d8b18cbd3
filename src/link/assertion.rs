//! Assertions: PromQL about the data, and when its answer is as it should be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One assertion about the data behind a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    /// Its name in metrics and findings; one of few, because a person wrote it down.
    pub name: Arc<str>,
    /// The PromQL.
    pub query: String,
    /// When it holds.
    pub holds: Condition,
}

/// When an assertion holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Condition {
    /// What its answer must be.
    pub answer: Expected,
    /// The answer must come sooner than this.
    pub within: Option<Duration>,
    /// An answer without series says nothing, instead of failing.
    pub optional: bool,
}

/// What the answer of an assertion must be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Expected {
    /// At least one series: PromQL filters, so `expr > 0` says everything.
    #[default]
    Some,
    /// No series at all.
    None,
    /// At least one series, and the value of each compares so with the number.
    Each(Comparison, f64),
}

/// How a value compares. What is not equal needs no word here: PromQL finds what is, and
/// [`Expected::None`] says that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
}

// === impl Comparison ===

impl Comparison {
    /// All; each before the ones that begin like it.
    pub const ALL: [Self; 5] = [Self::AtLeast, Self::Above, Self::AtMost, Self::Below, Self::Equal];

    /// PromQL's sign for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
        }
    }

    /// Whether `value` compares so with `number`; NaN never does.
    #[must_use]
    pub fn holds(self, value: f64, number: f64) -> bool {
        match self {
            Self::Above => value > number,
            Self::AtLeast => value >= number,
            Self::Below => value < number,
            Self::AtMost => value <= number,
            Self::Equal => value == number,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
