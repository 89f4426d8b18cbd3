//! `promlink grafana-token`: a token for promlink, made once by somebody who may.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Layers, complain, failed, say, warn, with_runtime};
use crate::app;
use crate::config::{Settings, meant};
use crate::link::GrafanaName;
use crate::probe::Made;

/// Shown below the flags.
pub const EXAMPLE: &str = "The login must be allowed to make service accounts (role Admin):
  promlink grafana-token --grafana.url http://localhost:3000 --grafana.user admin \\
      --grafana.password-file password --output token";

#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(flatten)]
    layers: Layers,
    /// Which Grafana of the file, when it has several
    #[arg(long, value_name = "NAME")]
    grafana: Option<String>,
    /// How long the token lives, such as 30d [for ever]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    life: Option<Duration>,
    /// Write the token there, readable by you alone, and not to the terminal
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(args: TokenArgs) -> ExitCode {
    let TokenArgs { layers, grafana, life, output } = args;
    let settings = match layers.load("grafana-token") {
        Ok((settings, _)) => settings,
        Err(code) => return code,
    };
    let grafana = match which(&settings, grafana.as_deref()) {
        Ok(grafana) => grafana,
        Err(what) => return complain(&what),
    };
    with_runtime(async {
        match app::grafana_token(settings, &grafana, life).await {
            Ok(made) => hand_out(&made, output.as_deref()),
            Err(error) => failed(&error),
        }
    })
}

fn hand_out(made: &Made, file: Option<&Path>) -> ExitCode {
    let name = &made.name;
    let Some(file) = file else {
        warn(&format!("promlink: this is the token {name}; it is shown this once"));
        return say(&format!("{}\n", made.token), 0);
    };
    match write(file, &made.token) {
        Ok(()) => {
            warn(&format!("promlink: wrote the token {name} to {}", file.display()));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&format!("cannot write {}: {error}", file.display())),
    }
}

/// A file that is there already keeps its mode.
fn write(file: &Path, token: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(file, "{token}")
}

/// The one Grafana, or the one of this name.
fn which(settings: &Settings, name: Option<&str>) -> Result<GrafanaName, String> {
    let known: Vec<&str> = settings.grafanas.keys().map(GrafanaName::as_str).collect();
    match (name, known.as_slice()) {
        (Some(name), _) if known.contains(&name) => Ok(GrafanaName::new(name)),
        (Some(name), _) => {
            Err(format!("--grafana {name}: no Grafana has this name; {}", meant(name, &known, "")))
        }
        (None, [one]) => Ok(GrafanaName::new(one)),
        (None, []) => Err("promlink: there is no Grafana; give --grafana.url".to_owned()),
        (None, several) => Err(format!("promlink: give --grafana, one of {}", several.join(", "))),
    }
}
