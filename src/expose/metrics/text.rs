//! Lines of text format 0.0.4.

use std::time::{Duration, SystemTime};

use crate::expose::catalog::Metric;
use crate::report::facts::clean;

/// Writes samples of one family for one owner (a link, a Grafana, a server, or promlink itself).
///
/// The head (HELP and TYPE) goes before the first sample, so a family without samples leaves no
/// trace.
#[derive(Debug)]
pub struct Samples<'a> {
    out: &'a mut Vec<u8>,
    headed: &'a mut bool,
    metric: &'a Metric,
    /// `link="…"`, or nothing.
    owner: &'a str,
}

/// `name="value"`, escaped and capped: the owner's label, rendered once for all families.
#[must_use]
pub fn label(name: &str, value: &str) -> String {
    let mut out = Vec::with_capacity(name.len() + value.len() + 3);
    push_label(&mut out, name, value);
    // Escaping adds and removes whole characters only.
    String::from_utf8(out).unwrap_or_default()
}

/// 1 for true.
#[must_use]
pub fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// Seconds since 1970, negative before.
#[must_use]
pub fn unix(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    }
}

/// A duration in whole microseconds: more digits are noise that every scrape would carry.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

impl<'a> Samples<'a> {
    /// For `metric` and `owner`; `headed` says whether the family's head was written already.
    #[must_use]
    pub fn new(
        out: &'a mut Vec<u8>,
        headed: &'a mut bool,
        metric: &'a Metric,
        owner: &'a str,
    ) -> Self {
        Self { out, headed, metric, owner }
    }

    /// One sample; `values` are those of the catalogue's labels after the owner's.
    pub fn with(&mut self, values: &[&str], value: f64) {
        self.line("", values, None, value);
    }

    /// One sample, or none where there is no value.
    pub fn maybe(&mut self, values: &[&str], value: Option<f64>) {
        if let Some(value) = value {
            self.with(values, value);
        }
    }

    /// A histogram of `counts`, not cumulated, one for each bound and one for what exceeds them
    /// all.
    pub fn histogram(&mut self, values: &[&str], bounds: &[f64], counts: &[u64], sum: f64) {
        let mut total = 0;
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(counts) {
            total += count;
            self.line("_bucket", values, Some(bound), total as f64);
        }
        self.line("_sum", values, None, sum);
        self.line("_count", values, None, total as f64);
    }

    fn line(&mut self, suffix: &str, values: &[&str], le: Option<f64>, value: f64) {
        self.head();
        let owned = usize::from(!self.owner.is_empty());
        debug_assert_eq!(self.metric.labels.len(), values.len() + owned, "{}", self.metric.name);

        let out = &mut *self.out;
        out.extend_from_slice(self.metric.name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        let mut separator = b'{';
        if !self.owner.is_empty() {
            out.push(separator);
            out.extend_from_slice(self.owner.as_bytes());
            separator = b',';
        }
        for (name, value) in self.metric.labels.iter().skip(owned).zip(values) {
            out.push(separator);
            push_label(out, name, value);
            separator = b',';
        }
        if let Some(bound) = le {
            out.push(separator);
            out.extend_from_slice(b"le=\"");
            push_number(out, bound);
            out.push(b'"');
            separator = b',';
        }
        if separator == b',' {
            out.push(b'}');
        }
        out.push(b' ');
        push_number(out, value);
        out.push(b'\n');
    }

    fn head(&mut self) {
        if std::mem::replace(self.headed, true) {
            return;
        }
        let Metric { name, help, kind, .. } = self.metric;
        let head = format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str());
        self.out.extend_from_slice(head.as_bytes());
    }
}

/// Most values are words of ours; a few are names that anybody may have chosen, so each is made one
/// short line before it becomes a label of a thousand series.
fn push_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    if value.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
        out.extend_from_slice(value.as_bytes());
    } else {
        for byte in clean(value).bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                other => out.push(other),
            }
        }
    }
    out.push(b'"');
}

fn push_number(out: &mut Vec<u8>, value: f64) {
    // Below 2^53 every whole number is exact.
    if value.fract() == 0.0 && value.abs() < 9e15 {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}
