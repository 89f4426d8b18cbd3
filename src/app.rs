//! Placeholder: the composition root.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{Settings, Sources};
use crate::report::verdict::Verdict;

/// How `check` is asked for.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// How the result is written.
    pub output: Output,
    /// Repeat until nothing fails or this is over.
    pub wait: Option<Duration>,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Table {
        /// With colours.
        colour: bool,
    },
    /// For machines.
    Json,
}

/// What `check` found.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// The whole output.
    pub text: String,
    /// The verdict of each link.
    pub verdicts: Vec<Verdict>,
}

/// Runs one cycle of every link.
#[expect(clippy::unused_async, reason = "placeholder")]
pub async fn check(_settings: Settings, _options: CheckOptions) -> CheckResult {
    CheckResult { text: String::new(), verdicts: Vec::new() }
}

/// Runs the daemon until `shutdown` is cancelled; the error is a sentence.
pub async fn serve(
    _settings: Settings,
    _sources: Sources,
    shutdown: CancellationToken,
) -> Result<(), String> {
    shutdown.cancelled().await;
    Ok(())
}

/// Plays the demo until `shutdown` is cancelled, or once; whether every verdict was the expected
/// one.
pub async fn demo(_once: bool, shutdown: CancellationToken) -> Result<bool, String> {
    shutdown.cancelled().await;
    Ok(true)
}

/// The catalogue of metrics as text.
pub fn catalogue() -> String {
    String::new()
}
