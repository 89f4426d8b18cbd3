//! YAML as JSON's values, for what is shipped: aliases are expanded, a second document and a
//! duplicate key are mistakes.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// What is open: a sequence, or a mapping with the key that waits for its value.
enum Open {
    Sequence(Vec<Value>),
    Mapping(Map<String, Value>, Option<String>),
}

/// The one document in `text`.
pub fn read(text: &str) -> Value {
    let (mut open, mut anchors): (Vec<(Open, usize)>, BTreeMap<usize, Value>) = Default::default();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.unwrap();
        let (value, anchor) = match event {
            Event::SequenceStart(anchor, _) => {
                open.push((Open::Sequence(Vec::new()), anchor));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push((Open::Mapping(Map::new(), None), anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop().unwrap() {
                (Open::Sequence(values), anchor) => (Value::Array(values), anchor),
                (Open::Mapping(values, _), anchor) => (Value::Object(values), anchor),
            },
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::Alias(anchor) => (anchors[&anchor].clone(), 0),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        anchors.insert(anchor, value.clone());
        match open.last_mut() {
            None => assert!(root.replace(value).is_none(), "a second document"),
            Some((Open::Sequence(values), _)) => values.push(value),
            Some((Open::Mapping(values, key), _)) => match key.take() {
                None => *key = Some(value.as_str().unwrap().to_owned()),
                Some(name) => {
                    let before = values.insert(name.clone(), value);
                    assert!(before.is_none(), "{name} twice, line {}", span.start.line());
                }
            },
        }
    }
    root.unwrap()
}

/// Quoted or in a block it is text; plain, it may be a number or a truth as well.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style == ScalarStyle::Plain
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return value;
    }
    Value::String(text.to_owned())
}
