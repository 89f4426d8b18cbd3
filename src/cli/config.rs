//! `promlink config`: check, show, begin.

use std::process::ExitCode;

use clap::Subcommand;

use super::layers::Layers;
use super::{refuse, say, warn};
use crate::config::{DEFAULT_FILE, load, show, warnings};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Tell every mistake, with its line
    Check(Layers),
    /// Print the settings in force, without secrets
    Show(Layers),
    /// Print a commented file to begin with
    Default,
}

pub fn run(command: ConfigCommand) -> ExitCode {
    match command {
        ConfigCommand::Check(layers) => check(layers),
        ConfigCommand::Show(layers) => match layers.sources().map(|(sources, _)| load(&sources)) {
            Ok(Ok(settings)) => say(&show(&settings), 0),
            Ok(Err(errors)) => refuse(&errors),
            Err(code) => code,
        },
        ConfigCommand::Default => say(DEFAULT_FILE, 0),
    }
}

/// Files that are missing are no mistake: a secret may be mounted later than this is checked.
fn check(layers: Layers) -> ExitCode {
    let settings = match layers.load("config check") {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    for warning in warnings(&settings) {
        warn(&format!("warning: {warning}"));
    }
    let (links, grafanas) = (settings.links.len(), settings.grafanas.len());
    let found = match settings.discover.len() {
        0 => String::new(),
        lists => format!(" and those found in {lists} of them"),
    };
    say(&format!("good: links {links}, Grafanas {grafanas}{found}\n"), 0)
}
