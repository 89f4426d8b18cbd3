//! `promlink grafana-token`: a token for promlink, made once by somebody who may.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::layers::Layers;
use super::{complain, failed, say, warn, with_runtime};
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
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let grafana = match which(&settings, grafana.as_deref()) {
        Ok(grafana) => grafana,
        Err(what) => return complain(&what),
    };
    // Before the token: one that cannot be written lives on in Grafana, and nobody has it.
    let output = match output.map(|path| (Draft::begin(&path), path)) {
        Some((Ok(draft), _)) => Some(draft),
        Some((Err(error), path)) => {
            return failed(&format!("cannot write {}: {error}", path.display()));
        }
        None => None,
    };
    with_runtime(async {
        match app::grafana_token(settings, &grafana, life).await {
            Ok(made) => hand_out(&made, output),
            Err(error) => failed(&error),
        }
    })
}

fn hand_out(made: &Made, output: Option<Draft>) -> ExitCode {
    let name = &made.name;
    let Some(draft) = output else {
        warn(&format!("promlink: this is the token {name}; it is shown this once"));
        return say(&format!("{}\n", made.token), 0);
    };
    let path = draft.path.clone();
    match draft.finish(&made.token) {
        Ok(()) => {
            warn(&format!("promlink: wrote the token {name} to {}", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&format!(
            "cannot write {}: {error}; the token {name} is of no use, delete it in Grafana",
            path.display()
        )),
    }
}

/// A file that is yet to take the place of `path`. It is a new one: what is there may be readable
/// by others, held open by them, or a link to somewhere else.
struct Draft {
    path: PathBuf,
    at: PathBuf,
    file: File,
}

// === impl Draft ===

impl Draft {
    fn begin(path: &Path) -> io::Result<Self> {
        // `/dev/stdout` looks like the file that stdout may be.
        if path.starts_with("/dev") || path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::other(
                "it is no file; without --output, the token goes to stdout",
            ));
        }
        let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
        let mut new = OsString::from(".");
        new.push(name);
        new.push(format!(".{}.new", std::process::id()));
        let at = path.with_file_name(new);
        // Of a run that was killed: in a container, each has the same number.
        fs::remove_file(&at).ok();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&at)?;
        Ok(Self { path: path.to_owned(), at, file })
    }

    fn finish(mut self, token: &str) -> io::Result<()> {
        writeln!(self.file, "{token}")?;
        self.file.sync_all()?;
        fs::rename(&self.at, &self.path)
    }
}

impl Drop for Draft {
    /// What was not finished goes; after a rename nothing is left there.
    fn drop(&mut self) {
        fs::remove_file(&self.at).ok();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_behind_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::mem::forget(Draft::begin(&path).unwrap());
        Draft::begin(&path).unwrap().finish("glsa_new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "glsa_new\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/stdout"), Path::new("/dev/null")] {
            let error = Draft::begin(path).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.starts_with("it is no file")), "{path:?}");
        }
    }
}
