//! `promlink check` as a person or a script runs it.

use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::faults::row::line;

/// How one link was found.
#[derive(Debug)]
pub struct Checked {
    /// Exit code, then `verdict cause path check side` as far as there are, as in the table of faults.
    pub told: String,
    /// The link, as JSON.
    pub link: Value,
    /// How long the program ran.
    pub took: Duration,
}

/// Checks with these arguments.
pub fn check(arguments: &[&str]) -> Checked {
    #[expect(clippy::disallowed_methods, reason = "measured from outside")]
    let begun = Instant::now();
    let output = run(&[&["--output=json"], arguments].concat());
    let took = begun.elapsed();
    let code = output.status.code().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"));
    let link = json["links"][0].clone();
    Checked { told: format!("{code} {}", line(&link)), link, took }
}

/// Checks the Prometheus at `url`, with flags alone.
pub fn check_url(url: &str) -> Checked {
    check(&["--prometheus.url", url])
}

/// Checks with a file that has this text.
pub fn check_yaml(text: &str) -> Checked {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.yml");
    fs::write(&file, text).unwrap();
    check(&["--config.file", file.to_str().unwrap()])
}

/// What people see.
pub fn table(url: &str) -> String {
    String::from_utf8(run(&["--prometheus.url", url]).stdout).unwrap()
}

fn run(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_promlink"));
    program.arg("check").args(arguments).output().unwrap()
}

// === impl Checked ===

impl Checked {
    /// That is how it was found.
    #[track_caller]
    pub fn is(&self, told: &str) -> &Self {
        assert_eq!(self.told, told, "{:#}", self.link);
        self
    }

    /// The evidence of a check on the direct path.
    #[track_caller]
    pub fn evidence(&self, check: &str, key: &str) -> &Value {
        let rows = self.link["checks"].as_array().unwrap();
        let row = rows.iter().find(|row| row["check"] == check);
        &row.unwrap_or_else(|| panic!("no {check} in {:#}", self.link))["evidence"][key]
    }
}
