//! The YAML file as values and their places.
//!
//! Read from the parser's events instead of a ready-made tree: a tree keeps one of two duplicate
//! keys, expands aliases without asking, and is built and dropped by recursion as deep as the file
//! likes. Every scalar stays the text that was written. What it means is decided where it is used,
//! as for the environment: no `no` becomes a boolean here, and no password loses its leading zeros.

use std::collections::BTreeMap;
use std::iter;

use config::{Map, Value, ValueKind};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::origin::{Origins, Place, Problems};
use super::source::Layer;

/// The deepest key that exists is `links.NAME.prometheus.http_headers.NAME.values[N]`: 7.
const MAX_DEPTH: usize = 16;
/// Values after aliases were expanded: 10,000 links with 40 each; about 250 bytes of memory a
/// value.
const MAX_NODES: usize = 400_000;
/// A text of this many bytes counts as one more value, or 3 MB behind 5,000 aliases were 15 GB.
const NODE_BYTES: usize = 250;

/// A value that is complete.
#[derive(Clone, Debug)]
struct Built {
    value: Value,
    origins: Origins,
    /// Itself and everything below it.
    nodes: usize,
}

/// A mapping or a sequence that is still open.
struct Open {
    built: Built,
    anchor: usize,
    /// In a mapping: the key that waits for its value.
    key: Option<(String, Place)>,
}

struct Loader<'a> {
    problems: &'a Problems,
    text: &'a str,
    open: Vec<Open>,
    root: Option<Built>,
    /// A second document began.
    documents: usize,
    anchors: BTreeMap<usize, Built>,
    nodes: usize,
}

/// Reading cannot go on; the problem is noted.
struct Stop;

/// Reads `text`; mistakes go to `problems`, and without a layer there is no sense in going on.
pub fn read(text: &str, problems: &Problems) -> Option<Layer> {
    let mut loader = Loader {
        problems,
        text,
        open: Vec::new(),
        root: None,
        documents: 0,
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    for event in iter::from_fn(|| parser.next_event()) {
        match event {
            Ok((event, span)) => loader.event(event, &span.start).ok()?,
            Err(error) => {
                loader.syntax(&error);
                return None;
            }
        }
    }
    loader.finish()
}

/// What a scalar says; none for the words that YAML has for nothing.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> ValueKind {
    let plain = style == ScalarStyle::Plain && tag.is_none_or(|tag| tag.suffix != "str");
    if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return ValueKind::Nil;
    }
    ValueKind::String(text.to_owned())
}

fn place(marker: &Marker) -> Place {
    Place::File { line: marker.line(), column: marker.col() + 1 }
}

// === impl Loader ===

impl Loader<'_> {
    fn event(&mut self, event: Event<'_>, marker: &Marker) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(marker),
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), marker);
                let kind = scalar(&text, style, tag.as_deref());
                let mut built = Built::new(kind, marker);
                built.nodes += text.len() / NODE_BYTES;
                self.complete(built, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(ValueKind::Array(Vec::new()), anchor, tag.as_deref(), marker)
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(ValueKind::Table(Map::new()), anchor, tag.as_deref(), marker)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.complete(open.built, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(built) => {
                    self.nodes = self.nodes.saturating_add(built.nodes);
                    self.complete(built, 0)
                }
                None => self.stop(marker, "an alias inside its own anchor; write the values out"),
            },
        }
    }

    fn document(&mut self, marker: &Marker) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            return self.stop(marker, "a second document begins here; keep one");
        }
        Ok(())
    }

    fn begin(
        &mut self,
        kind: ValueKind,
        anchor: usize,
        tag: Option<&Tag>,
        marker: &Marker,
    ) -> Result<(), Stop> {
        if self.waits_for_key() {
            return self.stop(marker, "a key must be a word, not a list or keys of its own");
        }
        if self.open.len() >= MAX_DEPTH {
            self.problems.add(place(marker), "", "nested too deep; no key of promlink lies here");
            return Err(Stop);
        }
        self.check_tag(tag, marker);
        self.open.push(Open { built: Built::new(kind, marker), anchor, key: None });
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn complete(&mut self, built: Built, anchor: usize) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchors.insert(anchor, built.clone());
        }
        if self.waits_for_key() {
            return self.key(built);
        }
        self.nodes = self.nodes.saturating_add(1);
        let marker = built.origins.value.clone();
        if self.nodes > MAX_NODES {
            let what = "more values than promlink takes (after aliases); use `defaults` instead";
            self.problems.add(marker, &self.path(), what);
            return Err(Stop);
        }
        // Depth 1 is a whole section with all its keys commented out.
        if matches!(built.value.kind, ValueKind::Nil) && self.open.len() > 1 {
            self.problems.add(marker, &self.path(), "has no value; give it one, or remove the key");
        }
        match self.open.last_mut() {
            Some(open) => open.put(built),
            None => self.root = Some(built),
        }
        Ok(())
    }

    /// Takes a complete scalar as the key of the value to come.
    fn key(&mut self, built: Built) -> Result<(), Stop> {
        let place = built.origins.value;
        let ValueKind::String(key) = built.value.kind else {
            self.problems.add(place, &self.path(), "a key must be a word");
            return Err(Stop);
        };
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let earlier = open.built.origins.below.get(&key).map(|origins| origins.key.clone());
        open.key = Some((key, place.clone()));
        if let Some(Place::File { line, .. }) = earlier {
            let what = format!("is in line {line} already; keep one of them");
            self.problems.add(place, &self.path(), what);
        }
        Ok(())
    }

    /// The innermost open collection is a mapping, and its next part is a key.
    fn waits_for_key(&self) -> bool {
        self.open.last().is_some_and(|open| {
            matches!(open.built.value.kind, ValueKind::Table(_)) && open.key.is_none()
        })
    }

    /// The path of the value that is being read.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match (&open.key, &open.built.value.kind) {
                (Some((key, _)), _) if path.is_empty() => path.push_str(key),
                (Some((key, _)), _) => path.extend([".", key]),
                (None, ValueKind::Array(items)) => path.push_str(&format!("[{}]", items.len())),
                (None, _) => {}
            }
        }
        path
    }

    fn check_tag(&self, tag: Option<&Tag>, marker: &Marker) {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            self.problems.add(place(marker), &self.path(), "has a YAML tag; write the value alone");
        }
    }

    fn stop(&self, marker: &Marker, what: &str) -> Result<(), Stop> {
        self.problems.add(place(marker), &self.path(), what);
        Err(Stop)
    }

    /// The parser's words, and the mistake that they most often mean.
    fn syntax(&self, error: &ScanError) {
        let marker = error.marker();
        // The parser may notice a tab only in the line after it.
        let near = self.text.lines().take(marker.line()).skip(marker.line().saturating_sub(2));
        let tab = near
            .into_iter()
            .any(|line| line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t'));
        let hint = if tab {
            "the indentation holds a tab; use spaces"
        } else if error.info().contains("mapping values") || error.info().contains("':'") {
            "check the indentation, and put a value that holds `: ` in quotes"
        } else {
            "check the indentation, quotes and brackets here and in the line before"
        };
        let what = format!("no valid YAML ({}); {hint}", error.info());
        self.problems.add(place(marker), &self.path(), what);
    }

    fn finish(self) -> Option<Layer> {
        let empty = "the file is empty; `promlink config default` prints one to begin with";
        match self.root {
            Some(Built { value, origins, .. }) if matches!(value.kind, ValueKind::Table(_)) => {
                return Some(Layer { value, origins });
            }
            Some(Built { value, .. }) if matches!(value.kind, ValueKind::Nil) => {
                self.problems.add(Place::Whole, "", empty);
            }
            Some(Built { origins, .. }) => {
                let what =
                    "expected keys such as `links:`; `promlink config default` prints a file";
                self.problems.add(origins.value, "", what);
            }
            None => self.problems.add(Place::Whole, "", empty),
        }
        None
    }
}

// === impl Built ===

impl Built {
    fn new(kind: ValueKind, marker: &Marker) -> Self {
        Self { value: Value::new(None, kind), origins: Origins::at(place(marker)), nodes: 1 }
    }
}

// === impl Open ===

impl Open {
    /// Adds a complete value; of duplicate keys the last one stays, both are reported.
    fn put(&mut self, mut part: Built) {
        self.built.nodes += part.nodes;
        let key = match (&mut self.built.value.kind, self.key.take()) {
            (ValueKind::Table(table), Some((key, place))) => {
                part.origins.key = place;
                self.built.nodes += key.len() / NODE_BYTES;
                table.insert(key.clone(), part.value);
                key
            }
            (ValueKind::Array(items), _) => {
                items.push(part.value);
                (items.len() - 1).to_string()
            }
            _ => return,
        };
        self.built.origins.below.insert(key, part.origins);
    }
}
