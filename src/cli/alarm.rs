//! `promlink alarm test`: who is told of alarms is better known before the first one.

use std::process::ExitCode;

use clap::Subcommand;

use super::layers::Layers;
use super::{FAILED, complain, failed, say, with_runtime};
use crate::app;

#[derive(Debug, Subcommand)]
pub enum AlarmCommand {
    /// Send one alert through every configured way, and print what each answered
    Test(Layers),
}

pub fn run(command: AlarmCommand) -> ExitCode {
    let AlarmCommand::Test(layers) = command;
    let settings = match layers.load("alarm test") {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    if !settings.alarms.tells() && settings.alarms.heartbeat.is_none() {
        return complain(
            "promlink: nobody is told of alarms: add `alarms: {alertmanagers: [{url: …}]}`, \
             `webhooks` or `heartbeat` to the configuration",
        );
    }
    with_runtime(async {
        match app::alarm_test(&settings).await {
            Ok(tried) => {
                let line = |tried: &app::Tried| {
                    let mark = if tried.is_good { "ok  " } else { "FAIL" };
                    format!("{mark}  {}: {}\n", tried.receiver, tried.says)
                };
                let text: String = tried.iter().map(line).collect();
                let code = if tried.iter().all(|tried| tried.is_good) { 0 } else { FAILED };
                say(&text, code)
            }
            Err(error) => failed(&error),
        }
    })
}
