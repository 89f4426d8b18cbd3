//! `promlink explain`: what a cause means and what to do, for those who read a code in an alert.

use std::process::ExitCode;

use super::{complain, say};
use crate::config::nearest;
use crate::expose::runbook;
use crate::report::cause::Cause;

pub fn run(code: Option<&str>) -> ExitCode {
    let Some(code) = code else {
        let how = "`promlink explain CAUSE` tells what one means and what to do.";
        return say(&format!("{}\n{how}\n", runbook::list()), 0);
    };
    match Cause::from_code(code) {
        Some(cause) => say(&runbook::plain(cause), 0),
        None => complain(&format!(
            "`{code}` is no cause{}\n`promlink explain` lists them all",
            meant(code).unwrap_or_default()
        )),
    }
}

/// Those of which a part was given, or else the one that resembles it.
fn meant(code: &str) -> Option<String> {
    let codes = Cause::ALL.iter().map(|cause| cause.code());
    let with_it: Vec<&str> = codes.clone().filter(|known| known.contains(code)).collect();
    if !code.is_empty() && with_it.len() > 1 {
        return Some(format!("; did you mean one of these?\n  {}", with_it.join("\n  ")));
    }
    nearest(code, codes).map(|nearest| format!("; did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_code_leads_to_the_right_one() {
        let check = |code, expected: Option<&str>| assert_eq!(meant(code).as_deref(), expected);
        check("conection_refused", Some("; did you mean `connection_refused`?"));
        check(
            "proxy",
            Some(
                "; did you mean one of these?\n  proxy_unreachable\n  proxy_refused\n  \
                 forward_proxy_answered",
            ),
        );
        check("quantum", None);
        check("", None);
    }
}
