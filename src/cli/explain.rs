//! `promlink explain`: what a cause means and what to do, for those who read a code in an alert.

use std::process::ExitCode;

use super::{complain, say};
use crate::config::meant;
use crate::expose::runbook;
use crate::report::cause::Cause;

pub fn run(code: Option<&str>) -> ExitCode {
    let Some(code) = code else {
        let how = "`promlink explain CAUSE` tells what one means and what to do.";
        return say(&format!("{}\n{how}\n", runbook::list()), 0);
    };
    match Cause::from_code(code) {
        Some(cause) => say(&runbook::plain(cause), 0),
        None => {
            let known: Vec<&str> = Cause::ALL.iter().map(|cause| cause.code()).collect();
            let meant = meant(code, &known, "");
            complain(&format!("`{code}` is no cause; {meant}\n`promlink explain` lists them all"))
        }
    }
}
