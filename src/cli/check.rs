//! `promlink check`: one look at every link, with exit codes as Nagios has them.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::layers::Layers;
use super::{FAILED, complain, failed, say, wants_colour, warn, with_runtime};
use crate::app::{self, CheckOptions, Output};
use crate::config::{Settings, meant};
use crate::expose::table::{FailOn, exit_code, worst};
use crate::report::verdict::Verdict;
use crate::telemetry;

/// Shown below the flags.
pub const EXIT_CODES: &str = "Exit codes, the worst link decides:
  0 working, 1 degraded, 2 broken, 3 cannot tell, 64 wrong usage or configuration";

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    layers: Layers,
    /// How to write what was found: for people, or for machines
    #[arg(long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Only these links
    #[arg(long, value_name = "NAME", num_args = 1..)]
    link: Vec<String>,
    /// The lightest verdict that is a failure; lighter ones exit 0
    #[arg(long, default_value = "degraded", value_name = "VERDICT")]
    fail_on: FailOn,
    /// Look again until nothing fails or this is over, such as 60s
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
}

pub fn run(args: CheckArgs) -> ExitCode {
    let CheckArgs { layers, output, link, fail_on, wait } = args;
    let settings = match layers.load("check") {
        Ok(settings) => settings,
        // Nothing was looked at: nobody can tell.
        Err(code) if code == ExitCode::from(FAILED) => {
            return ExitCode::from(exit_code(Verdict::Unknown, fail_on));
        }
        Err(code) => return code,
    };
    if let Err(what) = are_known(&settings, &link) {
        return complain(&what);
    }
    telemetry::start(settings.log);
    let output = match output {
        Format::Table => Output::Table { colour: wants_colour() },
        Format::Json => Output::Json,
    };
    with_runtime(async {
        match app::check(settings, CheckOptions { output, wait, fail_on, only: link }).await {
            Ok(result) => {
                result.notes.iter().for_each(|note| warn(note));
                say(&result.text, exit_code(worst(&result.verdicts), fail_on))
            }
            // Nothing was looked at: nobody can tell.
            Err(error) => {
                failed(&error);
                ExitCode::from(exit_code(Verdict::Unknown, fail_on))
            }
        }
    })
}

/// Names of links that are yet to be found cannot be checked before.
fn are_known(settings: &Settings, names: &[String]) -> Result<(), String> {
    let known: Vec<&str> = settings.links.iter().map(|link| link.name.as_str()).collect();
    let may_be_found = |name: &str| {
        let found = name.split_once('/');
        found.is_some_and(|(grafana, _)| settings.discover.keys().any(|g| g.as_str() == grafana))
    };
    let is_unknown = |name: &&String| !known.contains(&name.as_str()) && !may_be_found(name);
    let what: Vec<String> = names
        .iter()
        .filter(is_unknown)
        .map(|name| {
            let meant = meant(name, &known, "those that are found begin with GRAFANA/");
            format!("--link {name}: no link has this name; {meant}")
        })
        .collect();
    if what.is_empty() { Ok(()) } else { Err(what.join("\n")) }
}
