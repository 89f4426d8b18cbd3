//! A row of the table: what is wrong, and what one `check` says of it.

use std::fmt::Write as _;

use promlink::app::{self, CheckOptions, Output};
use promlink::config::{Sources, load_bytes};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::ground::{self, Config, Ground, Place, Turn};
use super::table::{Line, Proof};

/// Rows at a time in this process: more would only wait for each other.
static AT_A_TIME: Semaphore = Semaphore::const_new(6);
/// What one link may ask of Grafana in a good cycle, and in any.
const REQUESTS: (usize, usize) = (7, 12);
/// What a service account with the role Viewer may ask, the `uid` being any (Grafana 9 to 13).
const OF_A_VIEWER: [&str; 11] = [
    "GET /api/health",
    "GET /api/org",
    "GET /api/datasources",
    "GET /api/datasources/uid/UID",
    "GET /api/datasources/uid/UID/health",
    "GET /api/datasources/name/UID",
    "GET /api/prometheus/grafana/api/v1/rules",
    "GET /api/datasources/proxy/uid/UID/api/v1/query",
    "POST /api/datasources/proxy/uid/UID/api/v1/query",
    // Anybody may.
    "GET /metrics",
    "GET /metrics/plugins/prometheus",
];

/// One injected fault, and the expected line.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    given: Vec<Turn>,
    config: Config,
    place: Option<Place>,
    told: &'static str,
    beside: String,
    checks: Vec<(&'static str, &'static str)>,
    says: &'static str,
    shows: Vec<(&'static str, &'static str)>,
}

/// `told`: `verdict cause path check side`.
pub fn row(name: impl Into<String>, given: impl Into<Vec<Turn>>, told: &'static str) -> Row {
    Row {
        name: name.into(),
        given: given.into(),
        config: Config::default(),
        place: None,
        told,
        beside: String::new(),
        checks: Vec::new(),
        says: "",
        shows: Vec::new(),
    }
}

impl Row {
    /// All findings: `weight cause path/check`, and a subject, with semicolons in between.
    pub fn beside(self, beside: impl Into<String>) -> Self {
        Self { beside: beside.into(), ..self }
    }

    /// What the row of one check says, such as `failed no_response` of `direct/query`.
    pub fn check(mut self, check: &'static str, outcome: &'static str) -> Self {
        self.checks.push((check, outcome));
        self
    }

    /// A part of the summary.
    pub fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    /// A part of the evidence of one check, as JSON.
    pub fn shows(mut self, check: &'static str, part: &'static str) -> Self {
        self.shows.push((check, part));
        self
    }

    /// What it is about.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `verdict cause path check side`.
    pub fn told(&self) -> &'static str {
        self.told
    }

    /// All findings beside the fault.
    pub fn found_beside(&self) -> &str {
        &self.beside
    }

    /// Another configuration.
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Stand-ins elsewhere than usual; in a network of the test's own, where ports are free.
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// A cycle that something in it will use up.
    pub fn short(self) -> Self {
        self.config(|config| config.timeout = "2s")
    }

    /// A link without Grafana.
    pub fn alone(self) -> Self {
        self.config(|config| config.grafana = "")
    }

    /// A link without a direct path.
    pub fn through_grafana(self) -> Self {
        self.config(|config| config.prometheus = "")
    }

    async fn prove(self) -> Proof {
        let _turn = AT_A_TIME.acquire().await.unwrap();
        if let Some(why) = is_missing(&self.given).await {
            return Proof::Skipped(why.to_owned());
        }
        let ground = match &self.place {
            Some(place) => Ground::at(place).await,
            None => Ground::build().await,
        };
        ground.turns(&self.given).await;
        let link = check(&ground.yaml(&self.config)).await;
        let asked = ground.grafana.seen();
        let mut wrong = String::new();
        let mut expect = |what: &str, expected: &str, got: &str| {
            if expected != got {
                let _infallible = write!(wrong, "\n  {what}: {expected}\n     got: {got}");
            }
        };
        expect("told", self.told, &line(&link));
        expect("beside", &self.beside, &findings(&link));
        for (check, outcome) in &self.checks {
            expect(check, outcome, &outcome_of(&link, check));
        }
        for (check, part) in &self.shows {
            let evidence = evidence_of(&link, check);
            if !evidence.contains(part) {
                expect(check, part, &evidence);
            }
        }
        let text = |key: &str| link[key].as_str().unwrap_or_default().to_owned();
        if !text("summary").contains(self.says) {
            expect("says", self.says, &text("summary"));
        }
        let is_green = link["verdict"] == "working";
        let limit = if is_green { REQUESTS.0 } else { REQUESTS.1 };
        if asked.len() > limit {
            expect("requests", &limit.to_string(), &format!("{} {asked:?}", asked.len()));
        }
        if let Some(other) = asked.iter().find(|asked| !is_of_a_viewer(asked)) {
            expect("asked", "what a Viewer may", other);
        }
        if !is_green && (text("next_step").is_empty() || text("summary").is_empty()) {
            expect("next step", "a sentence", &text("next_step"));
        }
        if wrong.is_empty() {
            return Proof::Right;
        }
        Proof::Wrong(format!("{wrong}\n  summary: {}\n{}", text("summary"), rows(&link)))
    }
}

impl From<Row> for Line {
    fn from(row: Row) -> Self {
        let beside = row.beside.clone();
        Self::new(row.name.clone(), [row.told], row.prove()).beside(beside)
    }
}

/// Whether `request` wants no more than the least role.
pub fn is_of_a_viewer(request: &str) -> bool {
    if request == "POST /api/ds/query" {
        return true;
    }
    let is_like = |allowed: &&str| match allowed.split_once("UID") {
        None => request == *allowed,
        Some((start, end)) => request
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .is_some_and(|uid| !uid.is_empty() && !uid.contains('/')),
    };
    // A base path that is wrong is asked all the same.
    OF_A_VIEWER.iter().any(is_like) || !request.contains(" /api/")
}

/// Why what happens cannot be made to happen here, if so.
pub async fn is_missing(turns: impl IntoIterator<Item = &Turn>) -> Option<&'static str> {
    let turns: Vec<&Turn> = turns.into_iter().collect();
    let drops = turns.iter().any(|turn| matches!(turn, Turn::Drop(_)));
    if drops && !ground::drops_packets().await {
        return Some("a listener with a full queue accepts all the same here");
    }
    turns.iter().find_map(
        |turn| {
            if let Turn::Real(program) = turn { program.is_missing() } else { None }
        },
    )
}

/// One cycle of the one link in `yaml`, as JSON.
pub async fn check(yaml: &str) -> Value {
    check_all(yaml).await.remove(0)
}

/// The same of all links.
pub async fn check_all(yaml: &str) -> Vec<Value> {
    let settings = load_bytes(&Sources::default(), Some(yaml.as_bytes()))
        .unwrap_or_else(|errors| panic!("{errors}\n{yaml}"));
    let options = CheckOptions::new(Output::Json);
    let result = app::check(settings, options).await.unwrap();
    let mut document: Value = serde_json::from_str(&result.text).unwrap();
    document["links"].as_array_mut().unwrap().drain(..).collect()
}

/// `verdict cause path check side`.
pub fn line(link: &Value) -> String {
    let words = ["verdict", "cause", "path", "check", "side"];
    words.iter().filter_map(|key| link[key].as_str()).collect::<Vec<_>>().join(" ")
}

/// The fault that `told` tells, as a finding beside another one.
pub fn place_of(told: &str) -> String {
    let mut words = told.split(' ').skip(1);
    let mut word = || words.next().unwrap();
    let (cause, path, check) = (word(), word(), word());
    format!("breaks {cause} {path}/{check}")
}

pub fn findings(link: &Value) -> String {
    let one = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        let place = format!("{}/{}", text("path"), text("check"));
        let subject = finding["subject"].as_str().map_or(String::new(), |s| format!(" {s}"));
        format!("{} {} {place}{subject}", text("weight"), text("cause"))
    };
    link["findings"].as_array().unwrap().iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What the row of `path/check` says.
pub fn outcome_of(link: &Value, check: &str) -> String {
    row_of(link, check).map_or_else(|| "no row".to_owned(), outcome)
}

fn evidence_of(link: &Value, check: &str) -> String {
    row_of(link, check).map_or_else(|| "no row".to_owned(), |row| row["evidence"].to_string())
}

fn row_of<'a>(link: &'a Value, check: &str) -> Option<&'a Value> {
    link["checks"].as_array().unwrap().iter().find(|row| name(row) == check)
}

fn name(row: &Value) -> String {
    format!("{}/{}", row["path"].as_str().unwrap(), row["check"].as_str().unwrap())
}

fn outcome(row: &Value) -> String {
    let word = |key: &str| row[key].as_str().unwrap_or_default();
    format!("{} {}{}", word("outcome"), word("cause"), word("why")).trim_end().to_owned()
}

/// All rows, for whoever has to find out.
pub fn rows(link: &Value) -> String {
    let one = |row: &Value| {
        format!(
            "    {} {} {} {}\n",
            name(row),
            outcome(row),
            row["duration_seconds"],
            row["evidence"]
        )
    };
    link["checks"].as_array().unwrap().iter().map(one).collect()
}
