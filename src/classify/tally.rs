//! Counting series while they are decoded, so that 30,000 of them need no memory of their own.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
};

use crate::classify::Vector;
use crate::report::seen::MAX_IDENTITIES;

/// Warnings that are kept; Prometheus itself sends 10 of each kind at most.
const MAX_WARNINGS: usize = 20;
/// The longest warning that is kept, in characters.
const MAX_WARNING_CHARS: usize = 1000;

/// What was counted so far. It outlives a decoding error, so an answer that was cut still counts.
#[derive(Debug, Default)]
pub struct Tally {
    series: u64,
    up: u64,
    identities: Vec<u64>,
    value: Option<f64>,
    lowest: Option<f64>,
    highest: Option<f64>,
    numberless: bool,
    evaluated_at: Option<f64>,
    warnings: Vec<String>,
}

// === impl Tally ===

impl Tally {
    /// Counts one series.
    pub fn add(&mut self, identity: Option<u64>, value: Option<f64>) {
        self.series += 1;
        if value == Some(1.0) {
            self.up += 1;
        }
        if self.series == 1 {
            self.value = value;
        }
        self.range(value);
        if let Some(identity) = identity {
            self.identities.push(identity);
            if self.identities.len() >= 2 * MAX_IDENTITIES {
                self.settle();
            }
        }
    }

    /// Takes a value that belongs to no series.
    pub fn scalar(&mut self, value: f64) {
        self.value = Some(value);
        self.range(self.value);
    }

    fn range(&mut self, value: Option<f64>) {
        match value.filter(|value| !value.is_nan()) {
            Some(value) => {
                self.lowest = Some(self.lowest.map_or(value, |lowest| lowest.min(value)));
                self.highest = Some(self.highest.map_or(value, |highest| highest.max(value)));
            }
            None => self.numberless = true,
        }
    }

    /// Takes the time of evaluation, in Unix seconds; the first one stays.
    pub fn evaluated_at(&mut self, seconds: f64) {
        self.evaluated_at.get_or_insert(seconds);
    }

    /// Keeps a warning that is not known yet.
    pub fn warn(&mut self, text: &str) {
        if self.warnings.len() < MAX_WARNINGS && !self.warnings.iter().any(|known| known == text) {
            self.warnings.push(text.chars().take(MAX_WARNING_CHARS).collect());
        }
    }

    /// How many series so far.
    pub fn series(&self) -> u64 {
        self.series
    }

    /// The value so far.
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.series == 0 && self.value.is_none()
    }

    /// The end of counting.
    pub fn finish(mut self) -> Vector {
        self.settle();
        Vector {
            series: self.series,
            up: self.up,
            identities: self.identities,
            value: self.value,
            lowest: self.lowest,
            highest: self.highest,
            numberless: self.numberless,
            evaluated_at: self.evaluated_at,
            partial: self.warnings.iter().any(|warning| means_partial(warning)),
            warnings: self.warnings,
            complete: true,
            large: false,
            flavour: None,
        }
    }

    fn settle(&mut self) {
        self.identities.sort_unstable();
        self.identities.dedup();
        self.identities.truncate(MAX_IDENTITIES);
    }
}

/// A warning tells of missing data, unless it is a remark about the query. Thanos puts Prometheus'
/// infos among the warnings, and "No StoreAPIs matched" says that no store *should* have data.
fn means_partial(warning: &str) -> bool {
    const REMARKS: [&str; 4] =
        ["PromQL info", "PromQL warning", "results truncated due to limit", "No StoreAPIs matched"];
    !REMARKS.iter().any(|remark| warning.starts_with(remark))
}

/// The labels that identify a target; decoding them hashes them at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The hash of `{job,instance}`; none when the series has neither.
    pub identity: Option<u64>,
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LabelsVisitor;

        impl<'de> Visitor<'de> for LabelsVisitor {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_unit<E: Error>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let (mut job, mut instance) = (None, None);
                while let Some(Text(name)) = map.next_key()? {
                    match name.as_ref() {
                        "job" => job = Some(map.next_value::<Text<'de>>()?.0),
                        "instance" => instance = Some(map.next_value::<Text<'de>>()?.0),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                if job.is_none() && instance.is_none() {
                    return Ok(Labels::default());
                }
                let identity = identity(&job.unwrap_or_default(), &instance.unwrap_or_default());
                Ok(Labels { identity: Some(identity) })
            }
        }

        deserializer.deserialize_any(LabelsVisitor)
    }
}

/// FNV-1a of `job`, a zero byte, `instance`: the same in every process and version, unlike the
/// standard library's hashes, because hashes of two paths are compared, and one day those of two
/// processes.
fn identity(job: &str, instance: &str) -> u64 {
    let bytes = job.bytes().chain([0]).chain(instance.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A string that borrows from the answer unless it has escapes. (`Cow` by itself always copies.)
#[derive(Debug, Default)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }

        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

/// Decodes a JSON document into `seed`'s state, which keeps what came before an error.
pub fn decode<'de, S: DeserializeSeed<'de>>(
    body: &'de [u8],
    seed: S,
) -> Result<S::Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_fnv_of_job_and_instance() {
        // Known answers of FNV-1a: "\0" and "a\0b".
        assert_eq!(identity("", ""), 0xaf63_bd4c_8601_b7df);
        assert_ne!(identity("ab", "c"), identity("a", "bc"));
        let labels: Labels =
            serde_json::from_str(r#"{"instance":"b","x":[1,{"y":2}],"job":"\u0061"}"#).unwrap();
        assert_eq!(labels.identity, Some(identity("a", "b")));
        assert_eq!(serde_json::from_str::<Labels>(r#"{"pod":"x"}"#).unwrap().identity, None);
    }

    #[test]
    fn the_smallest_identities_stay() {
        let mut tally = Tally::default();
        for n in (0..20_000_u64).rev() {
            tally.add(Some(n / 2), Some(1.0));
        }
        let vector = tally.finish();
        assert_eq!(vector.series, 20_000);
        assert_eq!(vector.identities, (0..MAX_IDENTITIES as u64).collect::<Vec<_>>());
    }
}
