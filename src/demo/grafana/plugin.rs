//! The Prometheus plugin inside Grafana: health checks and queries, as 9.3.2 and 13.1 say them.

use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::demo::grafana::upstream::{Answer, Ask, Failure, Network, Tls, encode, status_text};
use crate::demo::grafana::{Datasource, Flavour, downstream_error};
use crate::demo::http::{Reply, Request};

/// What one query came to.
enum Outcome {
    /// Frames.
    Frames(Vec<Value>),
    /// An error that Prometheus worded, and its status.
    Worded(String, u16),
    /// An error that only newer plugins tell, and the status beside it.
    Hidden(String, u16),
}

/// `GET /api/datasources/uid/:uid/health` of 10 and later.
pub async fn health(network: &Network, datasource: &Datasource) -> Reply {
    let tls = match Tls::of(datasource) {
        Ok(tls) => tls,
        Err(text) => {
            let message =
                format!("error creating http client: {text} - error getting datasource info");
            return Reply::json(400, json!({"message": message, "status": "ERROR"}));
        }
    };
    let answer = ask(network, &tls, datasource, "1+1", "4").await;
    let path = "/api/v1/status/buildinfo";
    let buildinfo = network.ask(&tls, &datasource.url, path, Ask::Get("")).await;
    let has_details =
        matches!(&buildinfo, Ok(answer) if answer.status == 200 && answer.body.starts_with(b"{"));
    let problem = match answer {
        Err(failure) => Some(failure.text),
        Ok(answer) if answer.status != 200 => Some(status_text(answer.status)),
        Ok(answer) => match serde_json::from_slice::<Map<String, Value>>(&answer.body) {
            Ok(body) => api_error(&body),
            Err(_) => Some(not_json(&answer.body)),
        },
    };
    let mut body = match &problem {
        None => json!({"message": "Successfully queried the Prometheus API.", "status": "OK"}),
        Some(text) => {
            let message =
                format!("{text} - There was an error returned querying the Prometheus API.");
            json!({"message": message, "status": "ERROR"})
        }
    };
    if has_details {
        let features = json!({"rulerApiEnabled": false});
        body["details"] = json!({"application": "Prometheus", "features": features});
    }
    Reply::json(if problem.is_none() { 200 } else { 400 }, body)
}

/// `POST /api/ds/query`, all queries of which go to one data source.
pub async fn query(
    network: &Network,
    datasource: &Datasource,
    flavour: Flavour,
    request: &Request,
) -> Reply {
    let Ok(tls) = Tls::of(datasource) else { return downstream_error() };
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut results = Map::new();
    let mut status = 200;
    let now = clock::now().wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let time = format!("{:.3}", now.as_secs_f64());
    let queries = body["queries"].as_array().into_iter().flatten();
    let queries: Vec<(&str, &str)> = queries
        .map(|query| (query["refId"].as_str().unwrap_or("A"), query["expr"].as_str()))
        .map(|(id, expr)| (id, expr.unwrap_or_default()))
        .collect();
    let ask = |expr| ask(network, &tls, datasource, expr, &time);
    let mut answers = Vec::new();
    if flavour == Flavour::V9 {
        // One after the other before 12.0 (`prometheusRunQueriesInParallel`), to the first error.
        for (_, expr) in &queries {
            answers.push(ask(expr).await);
            if answers.iter().any(Result::is_err) {
                break;
            }
        }
    } else {
        answers = join_all(queries.iter().map(|(_, expr)| ask(expr))).await;
    }
    for ((id, expr), answer) in queries.into_iter().zip(answers) {
        let (result, is_error) = match (outcome(answer, id, expr, flavour), flavour) {
            (Outcome::Frames(frames), Flavour::V9) if frames.is_empty() => {
                (json!({"status": 200}), false)
            }
            (Outcome::Frames(frames), Flavour::V9) => {
                (json!({"status": 200, "frames": frames}), false)
            }
            (Outcome::Frames(mut frames), Flavour::V13) => {
                if frames.is_empty() {
                    frames.push(empty_frame(id, expr));
                }
                (json!({"status": 200, "frames": frames}), false)
            }
            // One failure hides everything.
            (Outcome::Hidden(..), Flavour::V9) => return downstream_error(),
            (Outcome::Worded(error, _), Flavour::V9) => {
                (json!({"error": error, "status": 500}), true)
            }
            (Outcome::Worded(error, code) | Outcome::Hidden(error, code), Flavour::V13) => {
                let mut result =
                    json!({"error": error, "errorSource": "downstream", "status": code});
                result["frames"] = json!([]);
                (result, true)
            }
        };
        if is_error {
            status = 400;
        }
        results.insert(id.to_owned(), result);
    }
    Reply::json(status, json!({"results": results}))
}

async fn ask(
    network: &Network,
    tls: &Tls,
    datasource: &Datasource,
    expr: &str,
    time: &str,
) -> Result<Answer, Failure> {
    let parameters = encode([("query", expr), ("time", time)]);
    let ask = match datasource.json_data["httpMethod"].as_str() {
        Some("GET") => Ask::Get(&parameters),
        _ => Ask::Post(&parameters),
    };
    network.ask(tls, &datasource.url, "/api/v1/query", ask).await
}

fn outcome(answer: Result<Answer, Failure>, id: &str, expr: &str, flavour: Flavour) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return Outcome::Hidden(failure.text, 502),
    };
    let body = serde_json::from_slice::<Map<String, Value>>(&answer.body);
    // 13 decodes these statuses only; 9 whatever begins like JSON.
    let is_decoded = flavour == Flavour::V9 || matches!(answer.status, 200..300 | 400 | 422 | 503);
    if !is_decoded {
        let text: String = String::from_utf8_lossy(&answer.body).chars().take(1024).collect();
        let message = format!("unexpected response with status code {}: {text}", answer.status);
        return Outcome::Hidden(message, 500);
    }
    match body {
        Err(_) => Outcome::Hidden(not_json(&answer.body), answer.status),
        Ok(body) => match (api_error(&body), body.get("data")) {
            (Some(error), _) => Outcome::Worded(error, answer.status),
            (None, Some(data)) => Outcome::Frames(frames(data, &body, id, expr, flavour)),
            // JSON of somebody else: no error to a new plugin, an unknown one to an old.
            (None, None) if flavour == Flavour::V9 => Outcome::Hidden(String::new(), 500),
            (None, None) => Outcome::Frames(Vec::new()),
        },
    }
}

/// `errorType: error`.
fn api_error(body: &Map<String, Value>) -> Option<String> {
    (body.get("status")? == "error").then(|| {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("{}: {}", text("errorType"), text("error"))
    })
}

/// What json-iterator says of what is no object.
fn not_json(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let start = |n: usize| text.chars().take(n).collect::<String>();
    let found = text.chars().next().map_or("\\u0000".to_owned(), String::from);
    let at = usize::from(!text.is_empty());
    let expected = "response from prometheus couldn't be parsed. it is non-json: ReadObject: \
        expect { or , or } or n, but found";
    let (near, around) = (start(11), start(51));
    format!(
        "{expected} {found}, error found in #{at} byte of ...|{near}|..., \
         bigger context ...|{around}|..."
    )
}

fn frames(
    data: &Value,
    body: &Map<String, Value>,
    id: &str,
    expr: &str,
    flavour: Flavour,
) -> Vec<Value> {
    let kind = data["resultType"].as_str().unwrap_or_default();
    let notices: Vec<Value> = body
        .get("warnings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|text| json!({"severity": "warning", "text": text}))
        .collect();
    let frame = |labels: &Value, point: &Value| {
        let milliseconds = (point[0].as_f64().unwrap_or_default() * 1000.0).round();
        let value: f64 = point[1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        let mut meta = json!({
            "type": if flavour == Flavour::V9 { "timeseries-many" } else { "numeric-multi" },
            "custom": {"resultType": kind},
            "executedQueryString": format!("Expr: {expr}\nStep: 15s"),
        });
        if flavour == Flavour::V13 {
            meta["typeVersion"] = json!([0, 1]);
        }
        if !notices.is_empty() {
            meta["notices"] = json!(notices);
        }
        let name = match (flavour, labels["__name__"].as_str()) {
            (Flavour::V13, Some(name)) => name,
            _ => "Value",
        };
        let mut values = json!({"values": [[milliseconds as i64], [value]]});
        if !value.is_finite() {
            let word = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Inf"
            } else {
                "NegInf"
            };
            values["entities"] = json!([null, {word: [0]}]);
        }
        json!({
            "schema": {"refId": id, "meta": meta, "fields": [
                {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"},
                 "config": {"interval": 15000}},
                {"name": name, "type": "number", "typeInfo": {"frame": "float64"},
                 "labels": labels, "config": {"displayNameFromDS": expr}},
            ]},
            "data": values,
        })
    };
    match (&data["result"], kind) {
        (point, "scalar") => vec![frame(&json!({}), point)],
        (Value::Array(series), _) => {
            series.iter().map(|series| frame(&series["metric"], &series["value"])).collect()
        }
        _ => Vec::new(),
    }
}

fn empty_frame(id: &str, expr: &str) -> Value {
    json!({
        "schema": {"refId": id, "meta": {
            "typeVersion": [0, 0], "custom": {"calculatedMinStep": 15000},
            "executedQueryString": format!("Expr: {expr}\nStep: 15s"),
        }, "fields": []},
        "data": {"values": []},
    })
}
