//! Answers as somebody gave them, or as documents tell them, and what they are judged to be.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::classify::grafana_answer::{DatasourceHealth, DsQuery, ProxyVoice};
use crate::classify::tests::rows;
use crate::classify::{Answer, Rejection, Vector, grafana_answer as grafana, prometheus};
use crate::family::{self, Item};
use crate::report::queries::{Page, Queries};

/// One row a recording: who judges it, its file below `tests/it/fixtures`, and what it is.
const RECORDINGS: &str = include_str!("recordings.txt");

/// An answer with an owner.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Recording {
    pub(super) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            headers: &self.headers,
            body: &self.body,
            cut: false,
            asked: "/api/v1/query",
            credentials: true,
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let (head, body) = (str::from_utf8(&bytes[..end]).unwrap(), bytes[end + 2..].to_vec());
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        if let Some((_, length)) = headers.iter().find(|(name, _)| name == "content-length") {
            assert_eq!(length, &body.len().to_string(), "an editor changed the body");
        }
        Self { status, headers, body }
    }

    /// Grafana's are in one file a family, the others each in its own.
    pub(super) fn read(name: &str) -> Self {
        let (folder, file) = name.split_once('/').unwrap();
        if folder.starts_with("grafana") {
            let found = family::read(folder).into_iter().find_map(|item| match item {
                Item::Answer(answer) if answer.name == file => Some(answer),
                Item::Answer(_) | Item::Condition { .. } => None,
            });
            let family::Answer { status, headers, body, .. } = found.expect(name);
            return Self { status, headers, body };
        }
        let path = format!("{}/tests/it/fixtures/{name}.http", env!("CARGO_MANIFEST_DIR"));
        Self::parse(&std::fs::read(&path).expect(&path))
    }

    /// An answer that no recording exists of, told by the sources or documents of its program.
    pub(super) fn told(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { status, headers, body: body.into() }
    }
}

#[test]
fn recordings_are_judged() {
    let actual: String = RECORDINGS
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some((row, _)) => {
                let (judge, name) = row.split_once(' ').unwrap();
                let recording = Recording::read(name.trim());
                let asked = asked(judge, name);
                let outcome = judged(judge, &Answer { asked: &asked, ..recording.answer() });
                format!("{row} = {outcome}\n")
            }
            None => format!("{line}\n"),
        })
        .collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/classify/tests/recordings.txt");
        std::fs::write(path, &actual).unwrap();
    }
    let differences: Vec<_> =
        RECORDINGS.lines().zip(actual.lines()).filter(|(wanted, got)| wanted != got).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

/// What was recorded and has no row would be judged by nobody. Grafana's answers are told in
/// `tests/it/recorded.txt`.
#[test]
fn every_recording_has_a_row() {
    let known: std::collections::BTreeSet<&str> = RECORDINGS
        .lines()
        .filter_map(|line| line.split_once(" = ")?.0.split_once(' '))
        .map(|(_, name)| name.trim())
        .collect();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures");
    let mut forgotten = Vec::new();
    for folder in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(files) = std::fs::read_dir(&folder) else { continue };
        for file in files.map(|entry| entry.unwrap().path()) {
            let name = file.strip_prefix(root).unwrap().with_extension("");
            let name = name.to_str().unwrap().to_owned();
            if !known.contains(name.as_str()) {
                forgotten.push(name);
            }
        }
    }
    assert!(known.len() > 400 && forgotten.is_empty(), "{forgotten:?}");
}

/// The path that a recording's name implies: data sources are named for what is wrong with them.
fn asked(judge: &str, name: &str) -> String {
    let file = name.split('/').next_back().unwrap();
    let uid = file.trim_start_matches("type-").trim_end_matches("-proxy");
    match judge {
        "data_proxy" => format!("/api/datasources/proxy/uid/{uid}/api/v1/query"),
        "queries" => format!("/metrics-of-{file}"),
        _ => "/api/v1/query".to_owned(),
    }
}

fn judged(judge: &str, answer: &Answer<'_>) -> String {
    match judge {
        "query" => result(prometheus::query(answer)),
        "buildinfo" => format!("{:?}", prometheus::buildinfo(answer)),
        "replay" => format!("{:?}", prometheus::around::replay(answer)),
        "stores" => match prometheus::around::stores(answer) {
            Some(stores) => {
                let dead: Vec<_> = stores.dead.iter().map(|store| store.name.as_str()).collect();
                format!("{} stores, dead {dead:?}", stores.known)
            }
            None => "none".to_owned(),
        },
        "runtime" => format!("{:?}", prometheus::around::runtime(answer)),
        "interval" => format!("{:?}", prometheus::around::scrape_interval(answer)),
        "prefix" => format!("{:?}", prometheus::around::prefix(answer)),
        "health" => match grafana::health(answer) {
            Ok(health) => format!("version {}", health.version.as_deref().unwrap_or("hidden")),
            Err(rejection) => rejected(&rejection),
        },
        "org" => match grafana::organisation(answer) {
            Ok(org) => format!("{} {}", org.id, org.name),
            Err(rejection) => rejected(&rejection),
        },
        "datasource" => match grafana::datasource(answer) {
            Ok(datasource) => format!("{} faults {:?}", datasource.uid, datasource.faults()),
            Err(rejection) => rejected(&rejection),
        },
        "list" => match grafana::datasource_list(answer) {
            Ok(list) => {
                let uids: Vec<_> =
                    list.iter().map(|d| format!("{} {:?}", d.uid, d.faults())).collect();
                uids.join(", ")
            }
            Err(rejection) => rejected(&rejection),
        },
        "ds_health" => match grafana::datasource_health(answer) {
            DatasourceHealth::Good => "good".to_owned(),
            DatasourceHealth::Bad(failure) => format!("bad {}", failure.cause.code()),
            DatasourceHealth::Unsupported => "unsupported".to_owned(),
            DatasourceHealth::Rejected(rejection) => format!("rejected {}", rejected(&rejection)),
        },
        "ds_query" => match grafana::ds_query(answer) {
            DsQuery::Data { a, newest } => format!("{}, newest {newest:?}", vector(&a)),
            DsQuery::Empty { warnings } => format!("empty, {} warnings", warnings.len()),
            DsQuery::Failed(failure) => format!("failed {}", failure.cause.code()),
            DsQuery::Rejected(rejection) => format!("rejected {}", rejected(&rejection)),
        },
        "data_proxy" => match grafana::data_proxy(answer) {
            ProxyVoice::Upstream(upstream) => format!("upstream {}", result(upstream)),
            ProxyVoice::Cause(cause) => format!("cause {}", cause.code()),
            ProxyVoice::Useless => "useless".to_owned(),
        },
        "queries" => {
            let page = if answer.asked.ends_with("plugin") { Page::Plugin } else { Page::Grafana };
            grafana::queries(answer, page).map_or("none".to_owned(), |queries| {
                let Queries { good, downstream, plugin, unplaced, .. } = queries;
                format!("{good} good, failed: {downstream} downstream, {plugin} plugin, {unplaced}")
            })
        }
        _ => panic!("no judge {judge}"),
    }
}

fn result(result: Result<Vector, Rejection>) -> String {
    result.map_or_else(|rejection| rejected(&rejection), |good| vector(&good))
}

fn vector(vector: &Vector) -> String {
    let mut text = format!("{} series, {} up", vector.series, vector.up);
    if let (0..=1, Some(value)) = (vector.series, vector.value) {
        write!(text, ", value {value}").unwrap();
    }
    if !vector.warnings.is_empty() {
        write!(text, ", {} warnings", vector.warnings.len()).unwrap();
    }
    if vector.partial {
        text.push_str(", partial");
    }
    if let Some(flavour) = vector.flavour {
        write!(text, ", {}", flavour.as_str()).unwrap();
    }
    assert!(vector.complete && !vector.large);
    text
}

fn rejected(rejection: &Rejection) -> String {
    let mut text = rejection.cause.code().to_owned();
    if let Some(flavour) = rejection.flavour {
        write!(text, ", {}", flavour.as_str()).unwrap();
    }
    if let Some(via) = rejection.via {
        write!(text, ", via {via}").unwrap();
    }
    if let Some(location) = &rejection.location {
        write!(text, ", to {location}").unwrap();
    }
    text
}

/// What gateways, portals, other versions and other programs answer: recorded by nobody.
#[test]
fn strangers_are_judged() {
    for row in rows(include_str!("strangers.txt")) {
        let [judge, status, headers, body, wanted] = row.as_slice() else { panic!("{row:?}") };
        let headers: Vec<_> = headers.split(" + ").filter_map(|h| h.split_once(": ")).collect();
        let recording = Recording::told(status.parse().unwrap(), &headers, body);
        assert_eq!(judged(judge, &recording.answer()), *wanted, "{row:?}");
    }
}

proptest! {
    /// A recording that loses its end, or one of its bytes, is still judged.
    #[test]
    fn damaged_recordings_never_panic(
        row in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        lose_end in any::<bool>(),
        cut in any::<bool>(),
    ) {
        let rows: Vec<_> = RECORDINGS.lines().filter_map(|line| line.split_once(" = ")).collect();
        let (judge, name) = rows[row.index(rows.len())].0.split_once(' ').unwrap();
        let mut recording = Recording::read(name.trim());
        if !recording.body.is_empty() {
            let at = place.index(recording.body.len());
            if lose_end { recording.body.truncate(at) } else { recording.body[at] = byte }
        }
        let answer = Answer { cut, ..recording.answer() };
        match judge {
            "query" => drop(prometheus::query(&answer)),
            "ds_query" => drop(grafana::ds_query(&answer)),
            "data_proxy" => drop(grafana::data_proxy(&answer)),
            "ds_health" => drop(grafana::datasource_health(&answer)),
            _ => drop(grafana::datasource_list(&answer)),
        }
    }
}
