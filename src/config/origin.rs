//! Where each value was written, and what is wrong with it.
//!
//! The `config` crate keeps an origin for leaves only, and loses even that on the way through
//! serde. So each layer brings a tree of places of the same shape as its values; the trees are laid
//! over each other as the values are, and a mistake anywhere can name its line, its variable or its
//! flag.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::report::facts::clean;

/// Mistakes shown at most; a generated file may hold one in each of 10,000 links.
const MAX_SHOWN: usize = 100;

/// Where a key or a value was written; the order is that of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In no layer, or in the file as a whole.
    Whole,
    /// In the file; both count from 1.
    File {
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// In this environment variable.
    Env(Arc<str>),
    /// In this flag.
    Flag(&'static str),
}

/// The places of a value, its key, and everything below it.
#[derive(Clone, Debug)]
pub struct Origins {
    /// Where its key was written.
    pub key: Place,
    /// Where it was written itself.
    pub value: Place,
    /// By key, or by index in a list.
    pub below: BTreeMap<String, Self>,
}

/// One mistake.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    place: Place,
    path: String,
    what: String,
}

/// Collects mistakes while the layers are read and checked.
#[derive(Debug, Default)]
pub struct Problems {
    file: String,
    found: RefCell<Vec<Problem>>,
}

/// Every mistake, one line each: the file's in its order, then the environment's, then those of
/// flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<String>);

// === impl Origins ===

impl Origins {
    /// A value at `place`, with nothing below it.
    pub fn at(place: Place) -> Self {
        Self { key: place.clone(), value: place, below: BTreeMap::new() }
    }

    /// Lays a later layer over this one: a section stays where it was written first, a value is
    /// where it was written last.
    pub fn overlay(&mut self, later: Self) {
        for (key, origins) in later.below {
            match self.below.get_mut(&key) {
                Some(section) if !origins.below.is_empty() => section.overlay(origins),
                _ => {
                    self.below.insert(key, origins);
                }
            }
        }
    }
}

// === impl Problems ===

impl Problems {
    /// A collection about the file shown as `file`; empty if there is none.
    pub fn about(file: String) -> Self {
        Self { file, found: RefCell::default() }
    }

    /// Adds one mistake: at which place, about which key (none: empty), and what to do.
    pub fn add(&self, place: Place, path: &str, what: impl Into<String>) {
        let problem = Problem { place, path: clean(path), what: what.into() };
        self.found.borrow_mut().push(problem);
    }

    /// The mistakes, if there are any.
    pub fn into_errors(self) -> Option<ConfigErrors> {
        let mut found = self.found.into_inner();
        if found.is_empty() {
            return None;
        }
        found.sort();
        found.dedup();
        Some(ConfigErrors(found.iter().map(|problem| problem.line(&self.file)).collect()))
    }
}

impl Problem {
    /// A variable or a flag says by its name which key it sets; a mistake of the section around it
    /// names that one as well.
    fn line(&self, file: &str) -> String {
        let Self { place, path, what } = self;
        let (place, path) = match place {
            Place::Whole => (file.to_owned(), path.as_str()),
            Place::File { line, column } => (format!("{file}:{line}:{column}"), path.as_str()),
            Place::Env(name) if name.to_lowercase().replace("__", ".").ends_with(path) => {
                (clean(name), "")
            }
            Place::Env(name) => (clean(name), path.as_str()),
            Place::Flag(name) => ((*name).to_owned(), ""),
        };
        let parts = [place.as_str(), path, what.as_str()].into_iter();
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

// === impl ConfigErrors ===

impl ConfigErrors {
    /// One mistake that is no single key's.
    pub fn of(file: String, what: impl Into<String>) -> Self {
        let problem = Problem { place: Place::Whole, path: String::new(), what: what.into() };
        Self(vec![problem.line(&file)])
    }

    /// Nobody could look: the process is ending, or a bug is in its log.
    #[must_use]
    pub fn internal() -> Self {
        Self(vec!["the configuration was not read; see promlink's log".to_owned()])
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..MAX_SHOWN).unwrap_or(&self.0);
        f.write_str(&shown.join("\n"))?;
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for ConfigErrors {}
