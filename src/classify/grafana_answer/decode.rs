//! Grafana's bodies: error messages, and the frames of `/api/ds/query`, counted while they are
//! decoded.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::classify::tally::{Labels, Tally, Text};

/// Refs of other names that are read: as many as a link has assertions.
const MAX_OTHERS: usize = 32;

/// An error body of Grafana's API, or of the ds/query envelope around results.
#[derive(Debug, Default)]
pub struct Envelope<'de> {
    pub message: Option<Cow<'de, str>>,
    pub message_id: Option<Cow<'de, str>>,
    /// The hosting gateway's code for a Grafana that it wakes up.
    pub is_loading: bool,
    /// Grafana's errors have one, even those that say nothing.
    pub has_trace_id: bool,
    /// `results` was there, or began.
    pub has_results: bool,
    pub a: Ref<'de>,
    pub b: Ref<'de>,
    /// Those of other names, in their order; no more than can be asked.
    pub others: Vec<(Cow<'de, str>, Ref<'de>)>,
}

/// What came for one query.
#[derive(Debug, Default)]
pub struct Ref<'de> {
    pub error: Option<Cow<'de, str>>,
    pub status: Option<u16>,
    pub tally: Tally,
}

pub struct EnvelopeSeed<'a, 'de>(pub &'a mut Envelope<'de>);

impl<'de> DeserializeSeed<'de> for EnvelopeSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Grafana")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let envelope = self.0;
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "message" => envelope.message = Some(map.next_value::<Text<'de>>()?.0),
                "messageId" => envelope.message_id = Some(map.next_value::<Text<'de>>()?.0),
                "code" => envelope.is_loading = map.next_value::<Value>()? == "Loading",
                "traceID" => {
                    envelope.has_trace_id = true;
                    map.next_value::<IgnoredAny>()?;
                }
                "results" => {
                    envelope.has_results = true;
                    map.next_value_seed(ResultsSeed(envelope))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct ResultsSeed<'a, 'de>(&'a mut Envelope<'de>);

impl<'de> DeserializeSeed<'de> for ResultsSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ResultsSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("results by ref")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "A" => map.next_value_seed(RefSeed(&mut self.0.a))?,
                "B" => map.next_value_seed(RefSeed(&mut self.0.b))?,
                _ if self.0.others.len() < MAX_OTHERS => {
                    let mut other = Ref::default();
                    // What was counted before an error is not the whole of it.
                    map.next_value_seed(RefSeed(&mut other))?;
                    self.0.others.push((key, other));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct RefSeed<'a, 'de>(&'a mut Ref<'de>);

impl<'de> DeserializeSeed<'de> for RefSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RefSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the result of a query")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "error" => self.0.error = Some(map.next_value::<Text<'de>>()?.0),
                "status" => self.0.status = map.next_value()?,
                "frames" => map.next_value_seed(FramesSeed(&mut self.0.tally))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct FramesSeed<'a>(&'a mut Tally);

impl<'de> DeserializeSeed<'de> for FramesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FramesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("frames")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(frame) = seq.next_element::<Frame<'de>>()? {
            frame.count(self.0);
        }
        Ok(())
    }
}

/// One frame: columns described in `schema`, their values in `data`.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    schema: Schema<'a>,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Schema<'a> {
    #[serde(borrow)]
    fields: Option<Vec<Field<'a>>>,
    #[serde(borrow)]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Field<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(default)]
    labels: Labels,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    notices: Option<Vec<Notice<'a>>>,
}

#[derive(Deserialize)]
struct Notice<'a> {
    #[serde(borrow, default)]
    text: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Data {
    values: Option<Vec<Column>>,
}

/// A column's length and last value: none for null, which stands for NaN and infinities.
#[derive(Default)]
struct Column {
    rows: usize,
    last: Option<f64>,
}

impl Frame<'_> {
    /// Counts each column of numbers that has a value.
    fn count(&self, tally: &mut Tally) {
        let notices = self.schema.meta.as_ref().and_then(|meta| meta.notices.as_ref());
        for notice in notices.into_iter().flatten() {
            tally.warn(&notice.text.0);
        }
        let fields = self.schema.fields.iter().flatten();
        for (field, column) in fields.zip(self.data.values.iter().flatten()) {
            match (field.kind.0.as_ref(), column.last) {
                ("time", Some(milliseconds)) => tally.evaluated_at(milliseconds / 1000.0),
                ("number", value) if column.rows > 0 => {
                    tally.add(field.labels.identity, Some(value.unwrap_or(f64::NAN)));
                }
                _ => {}
            }
        }
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnVisitor;

        impl<'de> Visitor<'de> for ColumnVisitor {
            type Value = Column;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column")
            }

            fn visit_unit<E: Error>(self) -> Result<Column, E> {
                Ok(Column::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Column, A::Error> {
                let mut column = Column::default();
                while let Some(Cell(value)) = seq.next_element()? {
                    column.rows += 1;
                    column.last = value;
                }
                Ok(column)
            }
        }

        deserializer.deserialize_any(ColumnVisitor)
    }
}

/// A number; none for null and for texts.
struct Cell(Option<f64>);

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;

        impl Visitor<'_> for CellVisitor {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Cell, E> {
                Ok(Cell(Some(value)))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Cell, E> {
                Ok(Cell(Some(value as f64)))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Cell, E> {
                Ok(Cell(Some(value as f64)))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Cell, E> {
                Ok(Cell(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Cell, E> {
                Ok(Cell(None))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Cell, E> {
                Ok(Cell(None))
            }
        }

        deserializer.deserialize_any(CellVisitor)
    }
}
