//! `promlink grafana-token`: a token for promlink, made once by somebody who may.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
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
    #[arg(long, value_name = "DURATION", value_parser = life)]
    life: Option<Duration>,
    /// Write the token there and not to the terminal; a new file is readable by you alone
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
    // Before anything is made: a token that cannot be written is lost, and lives on in Grafana.
    let file = match output.map(open).transpose() {
        Ok(file) => file,
        Err(error) => return failed(&error),
    };
    with_runtime(async {
        match app::grafana_token(settings, &grafana, life).await {
            Ok(made) => hand_out(&made, file),
            Err(error) => failed(&error),
        }
    })
}

fn hand_out(made: &Made, file: Option<(PathBuf, File)>) -> ExitCode {
    let name = &made.name;
    let Some((path, mut file)) = file else {
        warn(&format!("promlink: this is the token {name}; it is shown this once"));
        return say(&format!("{}\n", made.token), 0);
    };
    match file.set_len(0).and_then(|()| writeln!(file, "{}", made.token)) {
        Ok(()) => {
            warn(&format!("promlink: wrote the token {name} to {}", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&format!("cannot write {}: {error}", path.display())),
    }
}

/// Opens the file as it is: what it holds goes only when there is something new, and one that is
/// there already keeps its mode.
fn open(path: PathBuf) -> Result<(PathBuf, File), String> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    file.map_err(|error| format!("cannot write {}: {error}", path.display()))
        .map(|file| (path.clone(), file))
}

/// Grafana takes 0 seconds for ever.
fn life(text: &str) -> Result<Duration, String> {
    let life = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let is_enough = life >= Duration::from_secs(60);
    is_enough
        .then_some(life)
        .ok_or_else(|| "the least is 1m; without --life, it is for ever".into())
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
