//! What is shipped beside the binary uses only names that the binary has, and is accepted by the
//! program that will read it.

mod alertmanager; // routes and inhibitions
mod rules; // alerts and what they are made from

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::need;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Labels that the scrape adds.
const OF_THE_SCRAPE: [&str; 4] = ["cluster", "namespace", "job", "instance"];
/// Labels of what is recorded, beside those.
const OF_RULES: [&str; 5] = ["link", "verdict", "grafana", "datasource_uid", "server"];

// === promlink's own tables ===

fn promlink(arguments: &[&str]) -> String {
    let program = Command::new(env!("CARGO_BIN_EXE_promlink")).args(arguments).output().unwrap();
    assert!(program.status.success(), "{program:?}");
    String::from_utf8(program.stdout).unwrap()
}

/// Name and labels of every metric, as `promlink metrics` tells them.
pub fn catalogue() -> BTreeMap<String, BTreeSet<String>> {
    let table = promlink(&["metrics"]);
    let (head, rows) = table.split_once('\n').unwrap();
    let (from, to) = (head.find("labels").unwrap(), head.find("help").unwrap());
    let mut catalogue = BTreeMap::new();
    for row in rows.lines() {
        let (name, _) = row.split_once(' ').unwrap();
        let cell: String = row.chars().skip(from).take(to - from).collect();
        let labels = cell.split(',').map(|label| label.trim().to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        let kind = row.split_whitespace().nth(1).unwrap();
        if kind == "histogram" {
            for suffix in ["_bucket", "_sum", "_count"] {
                catalogue.insert(format!("{name}{suffix}"), &labels | &["le".to_owned()].into());
            }
        }
        catalogue.insert(name.to_owned(), labels);
    }
    assert!(catalogue.len() > 40, "{table}");
    catalogue
}

fn causes() -> BTreeSet<String> {
    let list = promlink(&["explain"]);
    let rows = list.lines().filter_map(|line| line.strip_prefix("  "));
    rows.filter_map(|row| row.split_once(' ')).map(|(code, _)| code.to_owned()).collect()
}

// === reading what is shipped ===

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn runbooks() -> Vec<String> {
    let folder = fs::read_dir(Path::new(ROOT).join("alerts/runbooks")).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    folder.map(|entry| format!("alerts/runbooks/{}", name(entry).unwrap())).collect()
}

/// Each name of ours in `text`, with what stands in braces behind it, if anything. One with a colon
/// is recorded by a rule.
fn uses(text: &str) -> Vec<(&str, Option<&str>)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let (mut uses, mut rest) = (Vec::new(), text);
    for piece in text.split_inclusive(|c| !word(c)) {
        let name = piece.trim_end_matches(|c| !word(c));
        let tail = rest.strip_prefix(name).unwrap();
        rest = rest.strip_prefix(piece).unwrap();
        if name.starts_with("promlink_") || name.contains(":promlink_") {
            let braces = tail.strip_prefix('{').and_then(|tail| tail.split_once('}'));
            // A colon may be one of YAML.
            uses.push((name.trim_end_matches(':'), braces.map(|(inside, _)| inside)));
        }
    }
    uses
}

/// Names of the labels in `link="a",path=~"b",job=%q`.
pub fn labels(selector: &str) -> Vec<String> {
    let plain = selector.replace('\'', "\"");
    let outside = plain.split('"').step_by(2).flat_map(|piece| piece.split(','));
    let names = outside.map(|pair| pair.split(['=', '!']).next().unwrap().trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn every_name_and_label_is_in_the_catalogue() {
    let mut catalogue = catalogue();
    let of_rules: BTreeSet<String> = OF_RULES.map(str::to_owned).into();
    catalogue.extend(rules::recorded().into_iter().map(|name| (name, of_rules.clone())));
    let mut files = vec![
        "alerts/rules.yaml".to_owned(),
        "alerts/rules_test.yaml".to_owned(),
        "alerts/grafana-alerts.yaml".to_owned(),
        "dashboards/overview.json".to_owned(),
        "dashboards/link.json".to_owned(),
        "deploy/promlink.yaml".to_owned(),
    ];
    files.extend(runbooks());
    let (mut found, mut unknown) = (0, BTreeSet::new());
    for file in files {
        // In JSON a quote within an expression is escaped.
        let text = read(&file).replace("\\\"", "\"");
        for (name, selector) in uses(&text) {
            let Some(known) = catalogue.get(name) else {
                unknown.insert(format!("{file}: {name}"));
                continue;
            };
            found += 1;
            for label in labels(selector.unwrap_or_default()) {
                let ok = known.contains(&label) || OF_THE_SCRAPE.contains(&label.as_str());
                assert!(ok, "{file}: {name} has no label {label}");
            }
        }
    }
    assert!(unknown.is_empty(), "no metrics: {unknown:#?}");
    assert!(found > 60, "{found} names found");
}

#[test]
fn every_cause_in_the_rules_exists() {
    let causes = causes();
    let files = ["rules.yaml", "rules_test.yaml", "grafana-alerts.yaml"];
    let text = files.map(|file| read(&format!("alerts/{file}"))).concat();
    let text = text.replace('\'', "\"");
    let mut found = BTreeSet::new();
    for opening in ["cause=\"", "promlink explain ", "/runbooks/"] {
        for rest in text.split(opening).skip(1) {
            let code = rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap();
            assert!(code.is_empty() || causes.contains(code), "{code}");
            found.insert(code);
        }
    }
    assert!(found.contains("tls_expiring") && found.contains("connection_refused"), "{found:?}");
}

// === rules ===

/// Runs promtool; without it the test is skipped.
pub fn promtool(arguments: &[&str]) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(ROOT).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Some(process) = need::spawn(&mut command) else { return };
    let output = process.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
}
