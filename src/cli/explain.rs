//! `promlink explain`: what a cause means and what to do, for those who read a code in an alert.

use std::process::ExitCode;

use super::{complain, say};
use crate::config::meant;
use crate::expose::runbook;
use crate::report::cause::{Cause, Weight};

pub fn run(code: Option<&str>) -> ExitCode {
    let Some(code) = code else {
        return say(&list(), 0);
    };
    match Cause::from_code(code) {
        Some(cause) => say(&explain(cause), 0),
        None => {
            let known: Vec<&str> = Cause::ALL.iter().map(|cause| cause.code()).collect();
            let meant = meant(code, &known, "");
            complain(&format!("`{code}` is no cause; {meant}\n`promlink explain` lists them all"))
        }
    }
}

fn explain(cause: Cause) -> String {
    let row = cause.row();
    let weight = match row.weight {
        Weight::Breaks => "breaks the link: panels get no true data",
        Weight::Degrades => "degrades the link: panels get data, but something wants attention",
        Weight::Notes => "is worth knowing; the link's verdict stays",
    };
    let summary = format!("{}: {}.\n\nIt {weight}.\n\n{}\n", row.code, row.sentence, row.next_step);
    format!("{}\n{}", either_end(&summary), runbook::body(cause))
}

fn list() -> String {
    let width = Cause::ALL.iter().map(|cause| cause.code().len()).max().unwrap_or_default();
    let line = |cause: &Cause| format!("{:width$}  {}\n", cause.code(), cause.row().sentence);
    either_end(&Cause::ALL.iter().map(line).collect::<String>())
}

/// Which end a sentence is about is known only once a cause was found.
fn either_end(text: &str) -> String {
    text.replace("{it}", "the server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_explained() {
        let text = explain(Cause::ConnectionRefused);
        assert!(
            text.starts_with("connection_refused: the server refused the connection"),
            "{text}"
        );
        assert!(text.contains("\n\nIt breaks the link"), "{text}");
        assert!(text.contains(&format!("\n\n{}\n\n", Cause::ConnectionRefused.row().next_step)));
        assert!(text.ends_with(runbook::body(Cause::ConnectionRefused)));
        assert!(!text.contains("# connection_refused"), "{text}");
        assert_eq!(list().lines().count(), Cause::ALL.len());
        assert!(Cause::ALL.iter().all(|cause| !explain(*cause).contains("{it}")));
    }
}
