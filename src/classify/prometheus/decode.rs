//! The envelope of Prometheus' HTTP API, counted while it is decoded.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::classify::tally::{Labels, Tally, Text};
use crate::report::seen::Flavour;

/// What an API answer said, up to where it could be decoded.
#[derive(Debug, Default)]
pub struct Api<'de> {
    pub status: Option<Cow<'de, str>>,
    pub error_type: Option<Cow<'de, str>>,
    pub error: Option<Cow<'de, str>>,
    /// `data.result` was there, or began.
    pub has_result: bool,
    /// VictoriaMetrics' own word for a partial answer.
    pub is_partial: bool,
    pub flavour: Option<Flavour>,
    pub tally: Tally,
}

/// Decodes into an [`Api`].
pub struct ApiSeed<'a, 'de>(pub &'a mut Api<'de>);

impl<'de> DeserializeSeed<'de> for ApiSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ApiSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an API answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let api = self.0;
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "status" => api.status = Some(map.next_value::<Text<'de>>()?.0),
                "errorType" => api.error_type = Some(map.next_value::<Text<'de>>()?.0),
                "error" => api.error = Some(map.next_value::<Text<'de>>()?.0),
                "data" => map.next_value_seed(DataSeed(api))?,
                "warnings" | "infos" => map.next_value_seed(WarningsSeed(&mut api.tally))?,
                "isPartial" => api.is_partial = map.next_value()?,
                "stats" => {
                    // Prometheus has its `stats` inside `data`.
                    map.next_value::<IgnoredAny>()?;
                    api.flavour = Some(Flavour::VictoriaMetrics);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct DataSeed<'a, 'de>(&'a mut Api<'de>);

impl<'de> DeserializeSeed<'de> for DataSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DataSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data of a query")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "result" => {
                    self.0.has_result = true;
                    map.next_value_seed(ResultSeed(&mut self.0.tally))?;
                }
                "analysis" => {
                    map.next_value::<IgnoredAny>()?;
                    self.0.flavour = Some(Flavour::Thanos);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A list of series, or the bare `[time, "value"]` of a scalar or string: each item tells which.
struct ResultSeed<'a>(&'a mut Tally);

impl<'de> DeserializeSeed<'de> for ResultSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ResultSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a result")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(ItemSeed(self.0))?.is_some() {}
        Ok(())
    }
}

struct ItemSeed<'a>(&'a mut Tally);

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series, or the time or value of a scalar")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut labels, mut point) = (Labels::default(), None);
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "metric" => labels = map.next_value()?,
                "value" => point = Some(map.next_value::<(f64, Text<'de>)>()?),
                // A range or a native histogram is a series without a value of its own.
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if let Some((seconds, _)) = point {
            self.0.evaluated_at(seconds);
        }
        self.0.add(labels.identity, point.and_then(|(_, Text(value))| value.parse().ok()));
        Ok(())
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<(), E> {
        self.0.evaluated_at(seconds);
        Ok(())
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<(), E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<(), E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if let Ok(value) = value.parse() {
            self.0.scalar(value);
        }
        Ok(())
    }
}

struct WarningsSeed<'a>(&'a mut Tally);

impl<'de> DeserializeSeed<'de> for WarningsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WarningsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(Text(text)) = seq.next_element()? {
            self.0.warn(&text);
        }
        Ok(())
    }
}
