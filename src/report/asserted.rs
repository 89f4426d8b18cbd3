//! What came of an assertion.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::report::cause::Cause;

/// What came of one assertion.
#[derive(Clone, Debug, PartialEq)]
pub struct Asserted {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it holds.
    pub told: Told,
    /// Why, for people; what others wrote is cleaned.
    pub says: String,
    /// When the cycle started that asked.
    pub asked: Now,
    /// How long the answer took.
    pub took: Duration,
}

/// Whether an assertion holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It does.
    Holds,
    /// Its answer shows that it does not.
    Fails,
    /// There is no answer to tell by, because of the cause.
    Unknown(Cause),
}

impl Told {
    /// Whether it holds, where that is known.
    #[must_use]
    pub fn known(self) -> Option<bool> {
        match self {
            Self::Holds => Some(true),
            Self::Fails => Some(false),
            Self::Unknown(_) => None,
        }
    }
}
