//! `promlink check`: one look at every link, with exit codes as Nagios has them.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Layers, complain, failed, say, wants_colour, with_runtime};
use crate::app::{self, CheckOptions, Output};
use crate::config::{Settings, meant};
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
    #[arg(long, value_enum, default_value_t = FailOn::Degraded, value_name = "VERDICT")]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Degraded,
    Blind,
    Broken,
}

pub fn run(args: CheckArgs) -> ExitCode {
    let CheckArgs { layers, output, link, fail_on, wait } = args;
    let mut settings = match layers.load("check") {
        Ok((settings, _)) => settings,
        Err(code) => return code,
    };
    if let Err(what) = keep_only(&mut settings, &link) {
        return complain(&what);
    }
    telemetry::start(settings.log);
    let output = match output {
        Format::Table => Output::Table { colour: wants_colour() },
        Format::Json => Output::Json,
    };
    with_runtime(async {
        match app::check(settings, CheckOptions { output, wait }).await {
            Ok(result) => say(&result.text, exit_code(&result.verdicts, fail_on)),
            Err(error) => failed(&error),
        }
    })
}

fn keep_only(settings: &mut Settings, names: &[String]) -> Result<(), String> {
    let known: Vec<&str> = settings.links.iter().map(|link| link.name.as_str()).collect();
    let unknown = names.iter().filter(|name| !known.contains(&name.as_str()));
    let what: Vec<String> = unknown
        .map(|name| format!("--link {name}: no link has this name; {}", meant(name, &known, "")))
        .collect();
    if !what.is_empty() {
        return Err(what.join("\n"));
    }
    if !names.is_empty() {
        settings.links.retain(|link| names.iter().any(|name| name == link.name.as_str()));
    }
    Ok(())
}

/// By the worst of all; a link that was never judged is one that nobody can tell about.
fn exit_code(verdicts: &[Verdict], fail_on: FailOn) -> u8 {
    let judged = verdicts.iter().map(|verdict| match verdict {
        Verdict::Unknown => Verdict::Blind,
        Verdict::Working | Verdict::Degraded | Verdict::Blind | Verdict::Broken => *verdict,
    });
    let worst = judged.max().unwrap_or(Verdict::Blind);
    let fails = match fail_on {
        FailOn::Degraded => Verdict::Degraded,
        FailOn::Blind => Verdict::Blind,
        FailOn::Broken => Verdict::Broken,
    };
    match worst {
        worst if worst < fails => 0,
        Verdict::Working => 0,
        Verdict::Degraded => 1,
        Verdict::Broken => 2,
        Verdict::Blind | Verdict::Unknown => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_link_decides() {
        use Verdict::{Blind, Broken, Degraded, Unknown, Working};
        for (verdicts, degraded, blind, broken) in [
            (&[Working][..], 0, 0, 0),
            (&[Working, Degraded], 1, 0, 0),
            (&[Degraded, Blind], 3, 3, 0),
            (&[Unknown, Working], 3, 3, 0),
            (&[Blind, Broken, Degraded], 2, 2, 2),
            (&[], 3, 3, 0),
        ] {
            let codes = [FailOn::Degraded, FailOn::Blind, FailOn::Broken]
                .map(|fail_on| exit_code(verdicts, fail_on));
            assert_eq!(codes, [degraded, blind, broken], "{verdicts:?}");
        }
    }
}
