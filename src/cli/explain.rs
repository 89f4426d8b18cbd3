//! `promlink explain`: what a cause means and what to do, for those who read a code in an alert;
//! and what an alert means, for those who read no further than its name.

use std::process::ExitCode;

use super::{complain, say};
use crate::config::nearest;
use crate::expose::runbook;
use crate::report::cause::Cause;

/// Where the cause of an alarm stands.
const ANNOTATED: &str = "Its cause stands in its annotation `cause`, or in its description where a \
    rule tells it: `promlink explain` followed by that cause says what to do.";
const LOGGED: &str = "promlink's log has the reason.";

/// All alerts of ours: what each means, and where to go from there.
const ALERTS: [(&str, &str, &str); 17] = [
    ("PromlinkLinkBroken", "Grafana cannot read Prometheus by this link.", ANNOTATED),
    ("PromlinkLinkDegraded", "Grafana reads Prometheus, but something wants attention.", ANNOTATED),
    ("PromlinkServerDown", "A Prometheus is down, and all links to it are broken.", ANNOTATED),
    ("PromlinkGrafanaDown", "A Grafana is down, and all links through it are broken.", ANNOTATED),
    ("PromlinkGrafanaBlind", "promlink cannot tell what this Grafana reads.", ANNOTATED),
    (
        "PromlinkLinkBudgetBurnFast",
        "A link was broken so often that its error budget is soon used up.",
        "The causes are in the history of the link, on promlink's page.",
    ),
    (
        "PromlinkLinkBudgetBurnSlow",
        "Short outages use up the error budget of a link.",
        "`promlink explain intermittent` says what to look at.",
    ),
    ("PromlinkLinkSlow", "Grafana reads Prometheus slowly.", "See `promlink explain slow`."),
    (
        "PromlinkAssertionFailed",
        "An assertion about the data does not hold.",
        "See `promlink explain assertion_failed`.",
    ),
    (
        "PromlinkCertificateExpiring",
        "A certificate between Grafana and Prometheus expires soon.",
        "See `promlink explain tls_expiring`.",
    ),
    (
        "PromlinkTokenExpiring",
        "promlink's Grafana token expires soon.",
        "See `promlink explain token_expiring`.",
    ),
    (
        "PromlinkAbsent",
        "Prometheus does not scrape promlink, so nobody watches the links.",
        "Check that promlink runs, and that a scrape job finds it: port 10079, /metrics.",
    ),
    ("PromlinkNotCycling", "promlink is there, but no cycle of any link ends.", LOGGED),
    (
        "PromlinkConfigReloadFailed",
        "promlink runs with an old configuration, because the file cannot be loaded.",
        "`promlink config check` tells every mistake with its line.",
    ),
    ("PromlinkPanics", "A cycle ended in a bug of promlink; the other links went on.", LOGGED),
    (
        "PromlinkDeliveryFailing",
        "A receiver of alarms accepts nothing.",
        "`promlink alarm test` tries every way, and says what to do.",
    ),
    ("PromlinkTest", "Somebody ran `promlink alarm test`.", "There is nothing to do."),
];

pub fn run(code: Option<&str>) -> ExitCode {
    let Some(code) = code else {
        let how = "`promlink explain CAUSE` tells what one means and what to do.";
        return say(&format!("{}\n{how}\n", runbook::list()), 0);
    };
    match (Cause::from_code(code), alert(code)) {
        (Some(cause), _) => say(&runbook::plain(cause), 0),
        (None, Some(text)) => say(&text, 0),
        (None, None) => complain(&format!(
            "`{code}` is neither a cause nor an alert{}\n`promlink explain` lists all causes",
            meant(code).unwrap_or_default()
        )),
    }
}

/// What the alert of that name means.
fn alert(name: &str) -> Option<String> {
    let (name, meaning, next) = ALERTS.iter().find(|(known, ..)| *known == name)?;
    Some(format!("{name} is an alert, not a cause.\n{meaning}\n{next}\n"))
}

/// Those of which a part was given, or else the one that resembles it.
fn meant(code: &str) -> Option<String> {
    let codes = Cause::ALL.iter().map(|cause| cause.code());
    let codes = codes.chain(ALERTS.iter().map(|(name, ..)| *name));
    let with_it: Vec<&str> = codes.clone().filter(|known| known.contains(code)).collect();
    match with_it.as_slice() {
        [_, _, ..] if !code.is_empty() => {
            Some(format!("; did you mean one of these?\n  {}", with_it.join("\n  ")))
        }
        [one] => Some(format!("; did you mean `{one}`?")),
        _ => nearest(code, codes).map(|nearest| format!("; did you mean `{nearest}`?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_of_ours_is_explained() {
        let rules = include_str!("../../alerts/rules.yaml");
        let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
        let pushed = include_str!("../alerts.rs").split('"');
        let pushed = pushed.filter(|text| {
            text.strip_prefix("Promlink").is_some_and(|name| name.chars().all(char::is_alphabetic))
        });
        let all: Vec<&str> = names.chain(pushed).collect();
        assert!(all.len() > 20, "{all:?}");
        for name in all {
            let text = alert(name).expect(name);
            assert!(text.starts_with(&format!("{name} is an alert, not a cause.\n")));
            for known in text.split("`promlink explain ").skip(1) {
                let code = known.split('`').next().unwrap();
                assert!(Cause::from_code(code).is_some(), "{code}");
            }
        }
        assert!(alert("PromlinkLinkBroken").unwrap().contains("annotation `cause`"));
    }

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
        check("PromlinkLinkBrokn", Some("; did you mean `PromlinkLinkBroken`?"));
        check("LinkBrok", Some("; did you mean `PromlinkLinkBroken`?"));
        check("quantum", None);
        check("", None);
    }
}
