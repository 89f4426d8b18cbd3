//! As much of PromQL as is asked: `up` with equality matchers, `vector(1)`, numbers, and over a
//! selector X `count(X)`, `sum(X)`, `avg(X)`, `max(X)`, `timestamp(X)`, `max(timestamp(X))` and
//! `time() - …`. And of assertions: comparing with a number, `or`, `unless on()`, `by`,
//! and functions of ranges, which nothing here has.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::clock;

/// Prometheus' default lookback: what is older is not there.
const LOOKBACK: Duration = Duration::from_secs(300);

/// The series of `up`, and the clock.
#[derive(Debug)]
pub struct Data {
    pub name: String,
    pub targets: usize,
    pub first: usize,
    pub down: usize,
    /// How old the newest sample is; the others are older by up to a scrape interval.
    pub age: Duration,
    /// By how much that one is ahead of the clock.
    pub ahead: Duration,
    /// Seconds by which the clock is ahead.
    pub skew: i64,
}

type Labels = Vec<(String, Value)>;

enum Outcome {
    Scalar(f64),
    Vector(Vec<(Labels, f64)>),
}

/// The `data` of the answer, with its keys in the order that Prometheus has, or a parse error.
pub fn evaluate(query: &str, data: &Data) -> Result<String, String> {
    let now = data.now();
    let point = |value: f64| format!("[{now:.3},\"{value}\"]");
    Ok(match eval(query.trim(), data, now)? {
        Outcome::Scalar(value) => {
            format!(r#"{{"resultType":"scalar","result":{}}}"#, point(value))
        }
        Outcome::Vector(series) => {
            let series: Vec<String> = series
                .into_iter()
                .map(|(labels, value)| {
                    let metric = Value::Object(labels.into_iter().collect());
                    format!(r#"{{"metric":{metric},"value":{}}}"#, point(value))
                })
                .collect();
            format!(r#"{{"resultType":"vector","result":[{}]}}"#, series.join(","))
        }
    })
}

impl Data {
    /// The server's clock, in Unix seconds.
    fn now(&self) -> f64 {
        let since = clock::now().wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since.as_secs_f64() + self.skew as f64
    }

    /// Series with the time of their newest sample and its value.
    fn up(&self, now: f64) -> impl Iterator<Item = (Labels, f64, f64)> {
        let visible = if self.age < LOOKBACK { self.targets } else { 0 };
        (0..visible).map(move |n| {
            let instance = format!("{}-{}:9100", self.name, self.first + n);
            let job = if n == 0 { "prometheus" } else { "node" };
            let labels = [("__name__", "up"), ("instance", &instance), ("job", job)];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.into()));
            let at = now + self.ahead.as_secs_f64() - self.age.as_secs_f64() - (n % 15) as f64;
            let is_up = n + self.down < self.targets;
            (labels.to_vec(), at, f64::from(u8::from(is_up)))
        })
    }
}

fn eval(query: &str, data: &Data, now: f64) -> Result<Outcome, String> {
    if query.is_empty() {
        return Err("unknown position: parse error: no expression found in input".to_owned());
    }
    if let Some((one, other)) = query.split_once(" or ") {
        let one = eval(one.trim(), data, now)?;
        let is_empty = matches!(&one, Outcome::Vector(series) if series.is_empty());
        return if is_empty { eval(other.trim(), data, now) } else { Ok(one) };
    }
    if let Some((one, other)) = query.split_once(" unless on() ") {
        let other = eval(other.trim(), data, now)?;
        let is_empty = matches!(&other, Outcome::Vector(series) if series.is_empty());
        return if is_empty {
            eval(one.trim(), data, now)
        } else {
            Ok(Outcome::Vector(Vec::new()))
        };
    }
    if let Some((compare, left, number)) = comparison(query) {
        let compared = eval(left, data, now)?;
        return Ok(match compared {
            Outcome::Scalar(value) => Outcome::Scalar(value),
            Outcome::Vector(series) => {
                Outcome::Vector(series.into_iter().filter(|(_, v)| compare(v, &number)).collect())
            }
        });
    }
    if let Some((left, _)) = query.split_once(" - ignoring (") {
        return eval(left, data, now);
    }
    if let Some((grouped, _)) = query.rsplit_once(" by (") {
        return eval(grouped, data, now);
    }
    if let Some(rest) = query.strip_prefix("time() - ") {
        return Ok(match eval(rest.trim(), data, now)? {
            Outcome::Scalar(value) => Outcome::Scalar(now - value),
            Outcome::Vector(series) => {
                Outcome::Vector(series.into_iter().map(|(l, v)| (l, now - v)).collect())
            }
        });
    }
    match query {
        "time()" => return Ok(Outcome::Scalar(now)),
        "1+1" => return Ok(Outcome::Scalar(2.0)),
        _ => {}
    }
    if let Ok(number) = query.parse() {
        return Ok(Outcome::Scalar(number));
    }
    if let Some((function, inner)) = call(query) {
        return apply(function, inner, data, now);
    }
    let series = select(query, data, now)?;
    Ok(Outcome::Vector(series.map(|(labels, _, value)| (labels, value)).collect()))
}

type Compare = fn(&f64, &f64) -> bool;

/// `left > number` and the like.
fn comparison(query: &str) -> Option<(Compare, &str, f64)> {
    const SIGNS: [(&str, Compare); 5] = [
        (" > ", |a, b| a > b),
        (" >= ", |a, b| a >= b),
        (" < ", |a, b| a < b),
        (" <= ", |a, b| a <= b),
        (" == ", |a, b| a == b),
    ];
    SIGNS.into_iter().find_map(|(sign, compare)| {
        let (left, number) = query.rsplit_once(sign)?;
        Some((compare, left.trim(), number.trim().parse().ok()?))
    })
}

/// `name(inner)`.
fn call(query: &str) -> Option<(&str, &str)> {
    let (name, rest) = query.split_once('(')?;
    Some((name.trim(), rest.strip_suffix(')')?.trim()))
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

fn apply(function: &str, inner: &str, data: &Data, now: f64) -> Result<Outcome, String> {
    if function == "timestamp" {
        let series = select(inner, data, now)?;
        return Ok(Outcome::Vector(series.map(|(l, at, _)| (without_name(l), at)).collect()));
    }
    if let Some(range) = inner.strip_suffix("[5m]") {
        let series = select(range, data, now)?;
        return Ok(Outcome::Vector(series.map(|(l, ..)| (without_name(l), 0.0)).collect()));
    }
    let values: Vec<f64> = match (function, eval(inner, data, now)?) {
        ("vector", Outcome::Scalar(value)) => vec![value],
        (_, Outcome::Vector(series)) => series.into_iter().map(|(_, value)| value).collect(),
        (_, Outcome::Scalar(_)) => {
            let text = "1:1: parse error: expected type instant vector in aggregation expression, \
                got scalar";
            return Err(text.to_owned());
        }
    };
    let one = |value| Outcome::Vector(vec![(Labels::new(), value)]);
    Ok(match function {
        _ if values.is_empty() => Outcome::Vector(Vec::new()),
        "vector" => one(values.iter().sum()),
        "count" => one(values.len() as f64),
        "sum" => one(values.iter().sum()),
        "avg" => one(values.iter().sum::<f64>() / values.len() as f64),
        "max" => one(values.into_iter().fold(f64::NEG_INFINITY, f64::max)),
        _ => return Err(format!("1:1: parse error: unknown function with name \"{function}\"")),
    })
}

/// A metric's name with equality matchers.
fn select(
    selector: &str,
    data: &Data,
    now: f64,
) -> Result<impl Iterator<Item = (Labels, f64, f64)>, String> {
    let (name, matchers) = match selector.split_once('{') {
        Some((name, rest)) => {
            let end = "parse error: unexpected end of input inside braces";
            let inner = rest.strip_suffix('}').ok_or(format!("1:{}: {end}", selector.len() + 1))?;
            (name, inner)
        }
        None => (selector, ""),
    };
    if name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':') {
        return Err("1:1: parse error: unexpected character".to_owned());
    }
    let wanted: Labels = matchers
        .split(',')
        .filter_map(|matcher| matcher.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').into()))
        .collect();
    let is_known = name == "up";
    Ok(data
        .up(now)
        .filter(move |(labels, _, _)| is_known && wanted.iter().all(|want| labels.contains(want))))
}

fn without_name(labels: Labels) -> Labels {
    labels.into_iter().filter(|(name, _)| name != "__name__").collect()
}
