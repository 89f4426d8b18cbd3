//! The command line: argv in, exit code out.
//!
//! Flags have the dotted long form of Prometheus and its family. Those that set a key of the
//! configuration are one table (`flags`) and travel as its last layer, so that a value is checked
//! in one place, whichever way it came. Without a command it is `serve`, as a daemon's first word
//! should be.

mod alarm;
mod check;
mod config;
mod explain;
mod flags;
mod layers;
mod token;

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use self::alarm::AlarmCommand;
use self::check::CheckArgs;
use self::config::ConfigCommand;
use self::layers::{Layers, Loaded};
use self::token::TokenArgs;
use crate::app;
use crate::config::{ConfigErrors, Level, Log};
use crate::demo;
use crate::expose::catalog;
use crate::shutdown::{self, Signals};
use crate::telemetry;

/// A mistake on the command line or in the configuration; `check` keeps 0 to 3 for verdicts.
const USAGE: u8 = 64;
/// The system did not let us do our work.
const FAILED: u8 = 1;

/// Answers all the time, and with a cause: can Grafana read Prometheus right now?
#[derive(Debug, Parser)]
#[command(name = "promlink", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Layers,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch all links and serve what is known of them (without a command: this one)
    Serve(Layers),
    /// Look once at every link, tell what was found, and end
    #[command(after_help = check::EXIT_CODES)]
    Check(CheckArgs),
    /// Check, show or begin a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print every metric that `serve` exposes
    Metrics {
        /// As a table in Markdown
        #[arg(long)]
        markdown: bool,
    },
    /// Explain a cause and what to do; without one, list them
    Explain {
        /// A code such as `connection_refused`
        cause: Option<String>,
    },
    /// Make a token for promlink in Grafana, with an administrator's login, and print it
    #[command(after_help = token::EXAMPLE)]
    GrafanaToken(TokenArgs),
    /// Try the ways by which alarms are told
    #[command(subcommand)]
    Alarm(AlarmCommand),
    /// Watch promlink at work, with stand-ins that break and recover
    Demo {
        /// End after the story; exit 0 if every verdict was the expected one
        #[arg(long)]
        once: bool,
    },
}

/// Runs the command of `args`, the first of which is the program's name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(args) {
        Ok(Cli { command, serve }) => command.unwrap_or(Command::Serve(serve)).run(),
        Err(error) if error.use_stderr() => complain(&error.to_string()),
        // Help and version travel as errors as well.
        Err(text) => say(&text.to_string(), 0),
    }
}

/// Runs until done, or until signals end it.
fn serve(layers: Layers) -> ExitCode {
    let Loaded { settings, sources, found } = match layers.load_for("serve") {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    telemetry::start(settings.log);
    found.iter().for_each(|found| tracing::info!("{found}"));
    until_signalled(async |drain| match app::serve(settings, sources, drain).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    })
}

fn demo(once: bool) -> ExitCode {
    // The story says what happens; the log would say it twice.
    telemetry::start(Log { level: Level::Error, ..Log::default() });
    let tell = |text: &str| {
        say(&format!("{text}\n"), 0);
    };
    until_signalled(async |drain| match demo::story::play(once, tell, drain).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => failed(&error),
    })
}

fn until_signalled(work: impl AsyncFnOnce(CancellationToken) -> ExitCode) -> ExitCode {
    with_runtime(async {
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return failed(&format!("cannot handle signals: {error}")),
        };
        let drain = CancellationToken::new();
        let guard = shutdown::guard(async || signals.next().await, drain.clone(), shutdown::GRACE);
        tokio::select! {
            code = work(drain) => code,
            abort = guard => ExitCode::from(abort.exit_code()),
        }
    })
}

fn with_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    // One thread probes while the other renders a large page or reads a file.
    let runtime: io::Result<Runtime> =
        Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // What still blocks has been given its time.
            runtime.shutdown_background();
            code
        }
        Err(error) => failed(&format!("cannot start the runtime: {error}")),
    }
}

/// Writes to stdout. A reader that has gone away, such as `head`, has all that it wanted.
fn say(text: &str, code: u8) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            failed(&format!("cannot write the output: {error}"))
        }
        Ok(()) | Err(_) => ExitCode::from(code),
    }
}

/// Writes to stderr; there is nowhere to complain about an stderr that cannot be written.
fn warn(text: &str) {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.trim_end().as_bytes()).and_then(|()| stderr.write_all(b"\n")).ok();
}

/// Says what is wrong with the command line or the configuration.
fn complain(text: &str) -> ExitCode {
    warn(text);
    ExitCode::from(USAGE)
}

/// Says why the work could not be done.
fn failed(text: &str) -> ExitCode {
    warn(&format!("promlink: {text}"));
    ExitCode::from(FAILED)
}

/// Colours are for a terminal only, and for those who want them (<https://no-color.org>).
fn wants_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

// === impl Command ===

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Self::Serve(layers) => serve(layers),
            Self::Check(args) => check::run(args),
            Self::Config(command) => config::run(command),
            Self::Metrics { markdown: false } => say(&catalog::table(), 0),
            Self::Metrics { markdown: true } => say(&catalog::markdown(), 0),
            Self::Explain { cause } => explain::run(cause.as_deref()),
            Self::GrafanaToken(args) => token::run(args),
            Self::Alarm(command) => alarm::run(command),
            Self::Demo { once } => demo(once),
        }
    }
}

fn refuse(errors: &ConfigErrors) -> ExitCode {
    complain(&errors.to_string())
}

#[cfg(test)]
mod tests;
