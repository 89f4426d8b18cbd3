//! Fuzz targets: each decoder and classifier, on bytes that a hostile or broken server may send.
//!
//! Each is a plain test that runs for a second, and the same function under libFuzzer, where the
//! compiler's coverage guides it. They live here, and beside the decoders of `net`, and not in a
//! folder of their own, because what they reach is private. Each begins with what real programs
//! said (`tests/it/fixtures`), and asserts what must hold for *any* input: bounds, closed sets,
//! nothing unreadable for people, and that an answer which is no vector never passes.
//!
//! For longer, guided by coverage: `tests/fuzz` (it needs no nightly compiler and no other program).

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::classify::grafana_answer::{DsQuery, ProxyVoice};
use crate::classify::{Answer, Rejection, grafana_answer, grafana_message, prometheus};
use crate::clock::Stopwatch;
use crate::config::{Sources, load_bytes, show};
use crate::family::{self, Item};
use crate::report::cause::Cause;
use crate::report::facts::clean;
use crate::report::queries::{Page, Queries};

const SECOND: Duration = Duration::from_secs(1);

/// Runs `check` on the seeds, then for a second on what is made of nothing; under a fuzzer, on what
/// that says.
pub fn run(seeds: Vec<Vec<u8>>, check: impl Fn(&[u8])) {
    if let Some(folder) = std::env::var_os("PROMLINK_FUZZ_SEEDS") {
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).unwrap();
        }
        return;
    }
    seeds.iter().for_each(|seed| check(seed));
    // Damage that a generator from nothing would need years for.
    let watch = Stopwatch::start();
    for (number, seed) in (0..64).flat_map(|place| seeds.iter().map(move |seed| (place, seed))) {
        if watch.read() > SECOND {
            break;
        }
        let mut damaged = seed.clone();
        let place = number * seed.len() / 64;
        damaged.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << (number % 8));
        check(&damaged);
        damaged.truncate(place);
        check(&damaged);
    }
    // A failure ends the target, and nothing is looked at after it.
    let check = AssertUnwindSafe(check);
    bolero::check!().with_test_time(SECOND).for_each(move |bytes: &[u8]| {
        let check = &check;
        (check.0)(bytes);
    });
}

/// The recordings whose path holds that word.
pub fn recordings(word: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some() {
                files.push(path);
            }
        }
    }
    files.sort();
    let small = |bytes: &Vec<u8>| bytes.len() < 16 * 1024;
    let is_meant = |path: &&PathBuf| path.to_string_lossy().contains(word);
    let (together, alone): (Vec<_>, Vec<_>) = files.iter().partition(|path| is_family(path));
    let alone = alone.into_iter().filter(is_meant).map(|path| fs::read(path).unwrap());
    let together = together.into_iter().flat_map(|path| {
        let family = path.file_stem().unwrap().to_string_lossy();
        let named = |name: &str| format!("{family}/{name}").contains(word);
        let answers = family::read(&family).into_iter().filter_map(|item| match item {
            Item::Answer(answer) if named(&answer.name) => Some(written_out(answer)),
            Item::Answer(_) | Item::Condition { .. } => None,
        });
        answers.collect::<Vec<_>>()
    });
    let bytes: Vec<_> = alone.chain(together).filter(small).collect();
    assert!(!bytes.is_empty(), "no recording of {word}");
    bytes
}

fn is_family(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "txt")
}

/// As an answer that has a file of its own.
fn written_out(answer: family::Answer) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} -\n", answer.status).into_bytes();
    for (name, value) in answer.headers {
        bytes.extend(format!("{name}: {value}\n").into_bytes());
    }
    bytes.push(b'\n');
    bytes.extend(answer.body);
    bytes
}

/// A recorded answer, or bytes read as one: status line, headers, an empty line, a body.
fn with_answer(bytes: &[u8], check: impl Fn(&Answer<'_>)) {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (&b""[..], bytes),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(200);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    for (cut, credentials) in [(false, true), (true, false)] {
        let asked = "/api/v1/query";
        check(&Answer { status, headers: &headers, body, cut, asked, credentials });
    }
}

/// What people see is one short line.
fn readable(text: &str) {
    assert_eq!(text, clean(text), "not cleaned");
}

fn known(cause: Cause) {
    assert_eq!(Cause::from_code(cause.code()), Some(cause));
}

fn rejected(rejection: &Rejection) {
    known(rejection.cause);
    let Rejection { api_error_type, api_error, body_start, location, .. } = rejection;
    for text in [api_error_type, api_error, body_start, location].into_iter().flatten() {
        readable(&clean(text));
    }
}

/// Whatever passes was an object of JSON and a good status. (Grafana sends data with 207 and 4xx
/// as well, where another ref of the same request failed.)
fn is_an_answer(answer: &Answer<'_>) -> bool {
    (200..300).contains(&answer.status) && is_an_object(answer)
}

fn is_an_object(answer: &Answer<'_>) -> bool {
    String::from_utf8_lossy(answer.body).trim_start().starts_with('{')
}

#[test]
fn prometheus_answers() {
    let mut seeds = recordings("prometheus-");
    for word in ["thanos", "victoriametrics"] {
        seeds.extend(recordings(word));
    }
    run(seeds, |bytes| {
        with_answer(bytes, |answer| {
            match prometheus::query(answer) {
                Ok(vector) => {
                    assert!(is_an_answer(answer), "passed");
                    assert!(vector.up <= vector.series);
                    assert!(vector.identities.len() as u64 <= vector.series);
                    assert!(vector.identities.is_sorted());
                    assert!(vector.complete || answer.cut, "only a cut answer is incomplete");
                }
                Err(rejection) => rejected(&rejection),
            }
            if let Some(about) = prometheus::buildinfo(answer) {
                let length = about.version.map_or(0, |version| version.len());
                assert!(length <= 3 * answer.body.len());
            }
        });
    });
}

#[test]
fn grafana_answers() {
    run(recordings("grafana-"), |bytes| {
        with_answer(bytes, |answer| {
            match grafana_answer::ds_query(answer) {
                DsQuery::Data { .. } => assert!(is_an_object(answer), "data"),
                DsQuery::Failed(failure) => known(failure.cause),
                DsQuery::Rejected(rejection) => rejected(&rejection),
                DsQuery::Empty { .. } => {}
            }
            match grafana_answer::data_proxy(answer) {
                ProxyVoice::Upstream(Ok(_)) => assert!(is_an_answer(answer), "passed"),
                ProxyVoice::Upstream(Err(rejection)) => rejected(&rejection),
                ProxyVoice::Cause(cause) => known(cause),
                ProxyVoice::Useless => {}
            }
            if let Err(rejection) = grafana_answer::health(answer) {
                rejected(&rejection);
            }
            if let Err(rejection) = grafana_answer::organisation(answer) {
                rejected(&rejection);
            }
            match grafana_answer::datasource(answer) {
                Ok(datasource) => datasource.faults().into_iter().for_each(known),
                Err(rejection) => rejected(&rejection),
            }
            for datasource in grafana_answer::datasource_list(answer).into_iter().flatten() {
                datasource.faults().into_iter().for_each(known);
            }
            drop(grafana_answer::datasource_health(answer));
            if let Some(failure) = grafana_answer::rule_error(answer, "http://p:9090") {
                known(failure.cause);
            }
        });
    });
}

#[test]
fn grafana_counters() {
    run(recordings("metrics-"), |bytes| {
        with_answer(bytes, |answer| {
            for page in [Page::Plugin, Page::Grafana] {
                let Some(queries) = grafana_answer::queries(answer, page) else { continue };
                assert!(answer.status == 200 && !answer.cut, "no whole page");
                assert_eq!(queries.since(queries), None, "nothing happened");
                let after = Queries { good: queries.good.saturating_add(1), ..queries };
                assert_eq!(after.since(queries).is_some(), queries.process.is_some());
                assert_eq!(queries.since(after), None, "it went back");
                readable(&clean(&queries.words(SECOND, SECOND)));
            }
        });
    });
}

#[test]
fn grafana_messages() {
    run(recordings("health"), |bytes| {
        let message = String::from_utf8_lossy(bytes);
        for status in [None, Some(200), Some(401), Some(502), Some(503)] {
            known(grafana_message::cause(&message, status));
        }
        readable(&clean(&clean(&message)));
    });
}

#[test]
fn configurations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config");
    let mut seeds = vec![fs::read(folder.join("default.yml")).unwrap()];
    for entry in fs::read_dir(folder.join("testdata")).unwrap() {
        seeds.push(fs::read(entry.unwrap().path()).unwrap());
    }
    seeds.retain(|seed| seed.len() < 8 * 1024);
    run(seeds, |bytes| {
        let sources = Sources { file: Some("promlink.yml".into()), ..Sources::default() };
        match load_bytes(&sources, Some(bytes)) {
            Ok(settings) => {
                // What is shown says the same, as far as it may.
                let shown = show(&settings);
                if !shown.contains("<secret>") {
                    let again = load_bytes(&sources, Some(shown.as_bytes()));
                    assert_eq!(again.map_err(|errors| format!("{errors}\n{shown}")), Ok(settings));
                }
            }
            Err(errors) => {
                assert!(errors.count() > 0);
                for line in errors.to_string().lines() {
                    assert!(!line.chars().any(char::is_control), "{line:?}");
                }
            }
        }
    });
}
