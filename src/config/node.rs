//! Reading a tree of values: every key that is asked for is known, every other one is a mistake.
//!
//! Not serde: it ends at the first mistake of a section, and this must find all of them in one go.

use std::borrow::Cow;

use config::{Map, Value, ValueKind};

use super::origin::{Origins, Place, Problems};
use crate::report::facts::clean;

/// A value, its path and its places.
#[derive(Clone)]
pub struct Node<'a> {
    value: &'a Value,
    origins: Option<&'a Origins>,
    path: String,
    problems: &'a Problems,
}

/// The keys of a section while they are read.
pub struct Keys<'a> {
    node: &'a Node<'a>,
    table: &'a Map<String, Value>,
    known: Vec<&'static str>,
    refused: Vec<&'static str>,
}

/// What our layers make of a value.
enum Shape<'a> {
    /// A section without content; deeper down, that was reported when the file was read.
    Nothing,
    Text(&'a str),
    List(&'a [Value]),
    Keys(&'a Map<String, Value>),
}

fn shape(value: &Value) -> Shape<'_> {
    match &value.kind {
        ValueKind::String(text) => Shape::Text(text),
        ValueKind::Array(items) => Shape::List(items),
        ValueKind::Table(table) => Shape::Keys(table),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => Shape::Nothing,
    }
}

/// The one of `known` that `word` was probably meant to be: what it begins, or what it resembles.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', '_'], "");
    let word = plain(word);
    let letters = word.chars().count();
    let distance = |known: &str| match plain(known) {
        whole if letters >= 4 && whole.starts_with(&word) => 0,
        whole => edits(&word, &whole),
    };
    let candidate = known.into_iter().min_by_key(|known| distance(known))?;
    // One slip in four letters still shows what was meant; in three it may be any word.
    (distance(candidate) <= (letters / 4).min(3)).then_some(candidate)
}

/// Letters to insert, delete, replace or swap with a neighbour to get from `a` to `b`.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

// === impl Node ===

impl<'a> Node<'a> {
    /// The root of a tree.
    pub fn root(value: &'a Value, origins: &'a Origins, problems: &'a Problems) -> Self {
        Self { value, origins: Some(origins), path: String::new(), problems }
    }

    fn below(&self, key: &str, path: String, value: &'a Value) -> Self {
        let origins = self.origins.and_then(|origins| origins.below.get(key));
        Self { value, origins, path, problems: self.problems }
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            above => format!("{above}.{key}"),
        };
        self.below(key, path, value)
    }

    /// Reports a mistake here: at the value if it is a single one, else at the key.
    pub fn fail(&self, what: impl Into<String>) {
        let place = match (self.origins, shape(self.value)) {
            (None, _) => Place::Whole,
            (Some(origins), Shape::Keys(_) | Shape::List(_)) => origins.key.clone(),
            (Some(origins), Shape::Text(_) | Shape::Nothing) => origins.value.clone(),
        };
        self.problems.add(place, &self.path, what);
    }

    /// Reports a mistake of the key that names this value.
    pub fn fail_at_key(&self, what: impl Into<String>) {
        let place = self.origins.map_or(Place::Whole, |origins| origins.key.clone());
        self.problems.add(place, &self.path, what);
    }

    /// Whether it came with the file.
    pub fn is_from_file(&self) -> bool {
        self.origins.is_some_and(|origins| matches!(origins.value, Place::File { .. }))
    }

    /// The value as one text.
    pub fn text(&self) -> Option<&'a str> {
        match shape(self.value) {
            Shape::Text(text) => Some(text),
            Shape::Keys(_) => self.refuse("expected one value here, not keys"),
            Shape::List(_) => self.refuse("expected one value here, not a list"),
            Shape::Nothing => None,
        }
    }

    /// Whether it is this very word.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(shape(self.value), Shape::Text(text) if text == word)
    }

    /// Whether it is one text of any kind.
    pub fn is_text(&self) -> bool {
        matches!(shape(self.value), Shape::Text(_))
    }

    /// Whether it has, or could have, keys below it.
    pub fn is_section(&self) -> bool {
        matches!(shape(self.value), Shape::Keys(_))
    }

    /// Reports a mistake here and has nothing to give.
    pub fn refuse<T>(&self, what: impl Into<String>) -> Option<T> {
        self.fail(what);
        None
    }

    /// Reads a section of fixed keys; those that `read` does not ask for are mistakes.
    pub fn section<T>(&self, read: impl FnOnce(&mut Keys<'_>) -> T) -> Option<T> {
        match shape(self.value) {
            Shape::Keys(table) => {
                let mut keys = Keys { node: self, table, known: Vec::new(), refused: Vec::new() };
                let read = read(&mut keys);
                keys.end();
                Some(read)
            }
            Shape::Nothing => None,
            // The text may be a secret at the wrong place: it is not shown.
            Shape::Text(_) => self.refuse("expected keys below this one, not a value"),
            Shape::List(_) => self.refuse("expected keys below this one, not a list"),
        }
    }

    /// The parts of a section whose keys are names, in their order.
    pub fn named(&self) -> Vec<(&'a str, Self)> {
        match shape(self.value) {
            Shape::Keys(table) => {
                let mut parts: Vec<_> = table.iter().collect();
                parts.sort_by_key(|(name, _)| *name);
                let part =
                    |(name, value): (&'a String, _)| (name.as_str(), self.child(name, value));
                parts.into_iter().map(part).collect()
            }
            Shape::Nothing => Vec::new(),
            Shape::Text(_) | Shape::List(_) => {
                self.fail("expected names below this key, each with keys of its own");
                Vec::new()
            }
        }
    }

    /// The parts of a list, each with keys of its own.
    pub fn parts(&self) -> Vec<Self> {
        match shape(self.value) {
            Shape::List(items) => {
                let part = |(index, value): (usize, &'a Value)| {
                    self.below(&index.to_string(), format!("{}[{index}]", self.path), value)
                };
                items.iter().enumerate().map(part).collect()
            }
            Shape::Nothing => Vec::new(),
            Shape::Text(_) | Shape::Keys(_) => {
                self.fail("expected a list; begin each of its parts with `-`");
                Vec::new()
            }
        }
    }

    /// The parts of a list, or of a text with commas, as variables and Prometheus' `no_proxy` have
    /// it.
    pub fn items(&self) -> Vec<(Self, &'a str)> {
        match shape(self.value) {
            Shape::List(items) => {
                let nodes = items.iter().enumerate().map(|(index, value)| {
                    self.below(&index.to_string(), format!("{}[{index}]", self.path), value)
                });
                nodes.filter_map(|node| node.text().map(|text| (node.clone(), text))).collect()
            }
            Shape::Text(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| (self.clone(), part)).collect()
            }
            Shape::Nothing => Vec::new(),
            Shape::Keys(_) => {
                self.fail("expected a list");
                Vec::new()
            }
        }
    }
}

// === impl Keys ===

impl Keys<'_> {
    /// Reads the value of `key`, if it is there.
    pub fn get<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Node<'_>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.value(key)?;
        read(&self.node.child(key, value))
    }

    /// As [`get`](Self::get), for what reports mistakes of this section as well.
    pub fn get_beside<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Node<'_>, &Self) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.value(key)?;
        read(&self.node.child(key, value), self)
    }

    /// Refuses `key` with a reason, if it is there.
    pub fn refuse(&mut self, key: &'static str, why: &str) {
        self.refused.push(key);
        if let Some(value) = self.value(key) {
            self.node.child(key, value).fail_at_key(why);
        }
    }

    /// Takes `key` for a known one, also where it is not read.
    pub fn know(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// Whether `key` is there.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether a key that nobody knows was probably meant to be this one, and is told as such.
    pub fn resembles(&self, key: &str) -> bool {
        let unknown = self.table.keys().filter(|other| !self.known.contains(&other.as_str()));
        unknown.into_iter().any(|other| nearest(other, [key]).is_some())
    }

    /// Reports a mistake of the section as a whole.
    pub fn fail(&self, what: impl Into<String>) {
        self.node.fail(what);
    }

    /// Reports a mistake of the section at `key`; of this one, if that is not there but inherited.
    pub fn fail_in(&self, key: &str, what: impl Into<String>) {
        match self.value(key) {
            Some(value) => self.node.child(key, value).fail(what),
            None => self.fail(what),
        }
    }

    /// Reports that the section at `key` lacks `part`; what is there and wrong was reported.
    pub fn require(&self, key: &str, part: &str, what: &str) {
        if let Some(Shape::Keys(section)) = self.value(key).map(shape)
            && !section.contains_key(part)
        {
            self.fail_in(key, what);
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.table.get(key).filter(|value| !matches!(shape(value), Shape::Nothing))
    }

    fn end(self) {
        for (key, value) in self.table {
            if self.known.contains(&key.as_str()) || self.refused.contains(&key.as_str()) {
                continue;
            }
            let what: Cow<'_, str> = if key == "<<" {
                "merge keys are not supported; put what links share into `defaults`".into()
            } else if let Some(known) =
                nearest(key, self.known.iter().chain(&self.refused).copied())
            {
                format!("unknown key `{}`; did you mean `{known}`?", clean(key)).into()
            } else {
                format!("unknown key `{}`; known here: {}", clean(key), self.known.join(", "))
                    .into()
            };
            self.node.child(key, value).fail_at_key(what);
        }
    }
}
