//! Timelines: `second what-the-cycle-saw = what is published`.

use std::time::Duration;

use super::*;
use crate::diagnosis::diagnose;
use crate::report::Outcome;
use crate::report::check::{Path, Why};
use crate::report::sample::report;

/// The diagnosis of one cycle, by a word.
fn diagnosis(word: &str) -> Diagnosis {
    let (direct, grafana) = match word {
        "ok" => ("passed", "passed"),
        "dropped" => ("tcp/connection_timeout", "passed"),
        "password" => ("query/unauthorized reached", "passed"),
        "refused" => ("tcp/connection_refused reached", "grafana_query/connection_refused"),
        "closed" => ("passed", "grafana_query/connection_refused"),
        "gone" => ("passed", "tcp/connection_refused reached"),
        "starting" => ("query/starting reached", "grafana_query/starting"),
        "stale" => ("freshness/data_stale reached", "grafana_query/data_stale"),
        "token" => ("passed", "auth/token_rejected reached"),
        "expired" => ("passed", "auth/token_expired reached"),
        "lost" => ("tcp/connection_timeout reached", "tcp/connection_timeout reached"),
        _ => panic!("what is {word}?"),
    };
    diagnose(&report(direct, grafana))
}

/// Walks a timeline: at each second a cycle ends, or `overdue` or `forget` happens.
fn check(timeline: &str) -> Published {
    let mut published = Published::new(Now::at(Duration::ZERO));
    for line in timeline.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, expected) = line.split_once('=').expect(line);
        let (second, word) = step.trim().split_once(' ').expect(line);
        let now = Now::at(Duration::from_secs(second.parse().expect(line)));
        match word.trim() {
            "overdue" => published.withdraw(now),
            "forget" => published.forget(),
            word => published.observe(diagnosis(word), now),
        }
        assert_eq!(shown(published.view()), expected.trim(), "{line}");
    }
    published
}

/// A link breaks three times within 15 minutes by that word; `after` is what comes then.
fn third_outage(word: &str, after: &str) {
    check(&format!(
        "0 ok = working
         15 {word} = working
         16 {word} = broken connection_refused
         30 ok = working
         45 {word} = working
         46 {word} = broken connection_refused
         60 ok = working
         900 {word} = working
         901 {word} = broken connection_refused
         {after}"
    ));
}

fn shown(view: &PublishedView) -> String {
    let mut text = view.verdict.as_str().to_owned();
    if let Some(fault) = view.fault {
        text = format!("{text} {}", fault.cause.code());
    }
    if let Some(since) = view.cannot_check_since {
        text = format!("{text}, blind since {}", since.mono.as_secs());
    }
    text
}

// --- confirmation

#[test]
fn from_unknown_working_is_published_at_once() {
    check("0 ok = working");
}

#[test]
fn from_unknown_anything_else_is_a_worsening() {
    check(
        "0 refused = unknown
         1 refused = broken connection_refused",
    );
    check(
        "0 token = unknown
         1 token = blind token_rejected",
    );
    check(
        "0 password = unknown
         1 password = unknown
         15 password = degraded unauthorized",
    );
    check(
        "0 refused = unknown
         1 ok = working",
    );
}

#[test]
fn broken_and_blind_need_two_cycles_in_a_row() {
    check(
        "0 ok = working
         15 refused = working
         16 refused = broken connection_refused",
    );
    check(
        "0 ok = working
         15 token = working
         16 token = blind token_rejected",
    );
}

#[test]
fn degraded_needs_three() {
    check(
        "0 ok = working
         15 password = working
         16 password = working
         30 password = degraded unauthorized",
    );
}

#[test]
fn one_lost_cycle_between_good_ones_is_not_published() {
    check(
        "0 ok = working
         15 refused = working
         20 ok = working
         30 ok = working
         45 refused = working
         46 ok = working",
    );
}

#[test]
fn cycles_that_are_at_least_that_bad_confirm_the_lesser_verdict() {
    check(
        "0 ok = working
         15 token = working
         16 refused = blind token_rejected
         30 refused = broken connection_refused",
    );
    check(
        "0 ok = working
         15 refused = working
         16 token = blind token_rejected
         30 refused = blind token_rejected
         31 refused = broken connection_refused",
    );
    check(
        "0 ok = working
         15 refused = working
         16 password = working
         30 token = degraded unauthorized
         31 token = blind token_rejected",
    );
}

#[test]
fn the_published_fault_is_that_of_the_confirming_cycle() {
    check(
        "0 ok = working
         15 refused = working
         16 starting = broken starting",
    );
}

#[test]
fn a_new_cause_under_the_same_verdict_needs_two_in_a_row() {
    check(
        "0 refused = unknown
         1 refused = broken connection_refused
         15 starting = broken connection_refused
         30 refused = broken connection_refused
         45 starting = broken connection_refused
         60 starting = broken starting
         75 stale = broken starting
         90 refused = broken starting
         105 refused = broken connection_refused",
    );
}

#[test]
fn the_same_cause_is_renewed_with_its_evidence() {
    let mut published = check(
        "0 refused = unknown
         1 refused = broken connection_refused",
    );
    let mut renewed = diagnosis("refused");
    renewed.summary = "now at another address".to_owned();
    published.observe(renewed, Now::at(Duration::from_secs(15)));
    assert_eq!(published.view().summary, "now at another address");
    assert_eq!(published.view().since.mono.as_secs(), 1);
}

#[test]
fn better_is_published_at_once() {
    check(
        "0 refused = unknown
         1 refused = broken connection_refused
         15 password = degraded unauthorized
         30 ok = working",
    );
    check(
        "0 token = unknown
         1 token = blind token_rejected
         15 ok = working",
    );
}

#[test]
fn only_a_cycle_that_is_worse_than_published_wants_to_be_confirmed() {
    let working = check("0 ok = working");
    let broken = check(
        "0 refused = unknown
         1 refused = broken connection_refused",
    );
    let unknown = Published::new(Now::at(Duration::ZERO));
    for (published, trigger, word, expected) in [
        (&working, Trigger::Interval, "refused", true),
        (&working, Trigger::Interval, "password", true),
        (&working, Trigger::Confirmation, "refused", false),
        (&working, Trigger::Request, "refused", false),
        (&working, Trigger::Interval, "ok", false),
        (&broken, Trigger::Interval, "starting", false),
        (&broken, Trigger::Interval, "token", false),
        (&unknown, Trigger::Interval, "token", true),
        (&unknown, Trigger::Interval, "ok", false),
    ] {
        let found = needs_confirmation(published.view(), trigger, &diagnosis(word));
        assert_eq!(found, expected, "{word} by {trigger:?} on {:?}", published.view().verdict);
    }
}

// --- stickiness

#[test]
fn broken_is_left_by_evidence_only() {
    let published = check(
        "0 closed = unknown
         1 closed = broken connection_refused
         15 token = broken connection_refused, blind since 15
         30 expired = broken connection_refused, blind since 15
         45 closed = broken connection_refused
         60 token = broken connection_refused, blind since 60
         61 lost = broken connection_refused, blind since 60",
    );
    let blinding = &published.view().findings[0];
    assert_eq!(blinding.cause, Cause::VantageBlocked, "the blinding fault is a finding");
    assert!(!blinding.detail.is_empty());
    assert_eq!(published.view().since.mono.as_secs(), 1);
}

#[test]
fn the_check_that_broke_the_link_is_evidence_when_it_passes_again() {
    // Prometheus is back, and Grafana forgot the token meanwhile.
    check(
        "0 refused = unknown
         1 refused = broken connection_refused
         15 token = blind token_rejected
         30 refused = blind token_rejected
         31 refused = broken connection_refused",
    );
    // Grafana itself is back, without its tokens.
    check(
        "0 ok = working
         15 gone = working
         16 gone = broken connection_refused
         30 token = blind token_rejected
         45 ok = working",
    );
    // What lies behind the check that keeps us from telling is not refuted.
    check(
        "0 closed = unknown
         1 closed = broken connection_refused
         15 token = broken connection_refused, blind since 15",
    );
    // Nor at once, where a link breaks again and again.
    check(
        "0 gone = unknown
         1 gone = broken connection_refused
         15 token = blind token_rejected
         30 gone = blind token_rejected
         31 gone = broken connection_refused
         45 token = blind token_rejected
         60 gone = blind token_rejected
         61 gone = broken connection_refused
         75 token = broken connection_refused, blind since 75
         90 token = broken connection_refused, blind since 75
         105 token = broken connection_refused, blind since 75
         120 token = blind token_rejected",
    );
}

#[test]
fn what_was_not_asked_refutes_nothing() {
    let mut published = check(
        "0 gone = unknown
         1 gone = broken connection_refused",
    );
    let mut busy = report("passed", "no_time");
    let rows = &mut busy.grafana.as_mut().unwrap().first.rows;
    for check in Path::Grafana.checks() {
        rows.get_mut(*check).unwrap().outcome = Outcome::Skipped(Why::NoTime);
    }
    let busy = diagnose(&busy);
    assert_eq!(busy.cause(), Some(Cause::Overdue));
    published.observe(busy, Now::at(Duration::from_secs(75)));
    assert_eq!(shown(published.view()), "broken connection_refused, blind since 75");
}

#[test]
fn a_cycle_that_is_broken_elsewhere_is_no_good_one() {
    third_outage(
        "refused",
        "915 closed = broken connection_refused
         930 closed = broken connection_refused
         945 ok = broken connection_refused
         960 ok = broken connection_refused
         975 ok = broken connection_refused
         990 ok = working",
    );
}

#[test]
fn broken_then_blind_then_good_recovers_at_once() {
    check(
        "0 closed = unknown
         1 closed = broken connection_refused
         15 token = broken connection_refused, blind since 15
         30 ok = working",
    );
}

#[test]
fn blind_becomes_broken_by_two_cycles() {
    check(
        "0 token = unknown
         1 token = blind token_rejected
         15 refused = blind token_rejected
         16 refused = broken connection_refused",
    );
}

// --- damping

#[test]
fn a_link_that_broke_three_times_in_15_min_comes_back_after_four_good_cycles() {
    third_outage(
        "closed",
        "915 ok = broken connection_refused
         930 ok = broken connection_refused
         945 token = broken connection_refused, blind since 945
         960 ok = broken connection_refused
         975 password = broken connection_refused
         990 ok = broken connection_refused
         1005 ok = working",
    );
}

#[test]
fn three_outages_in_more_than_15_min_are_not_damped() {
    check(
        "0 ok = working
         15 refused = working
         16 refused = broken connection_refused
         30 ok = working
         45 refused = working
         46 refused = broken connection_refused
         60 ok = working
         916 refused = working
         917 refused = broken connection_refused
         930 ok = working",
    );
}

// --- intermittence

#[test]
fn every_third_cycle_lost_is_intermittent() {
    let published = check(
        "0 ok = working
         15 ok = working
         30 refused = working
         31 ok = working
         45 ok = working
         60 refused = working
         61 ok = working
         75 ok = working
         90 refused = degraded intermittent
         91 ok = degraded intermittent
         105 ok = degraded intermittent",
    );
    let view = published.view();
    let fault = view.fault.unwrap();
    let refused = diagnosis("refused").fault.unwrap();
    assert_eq!((fault.path, fault.check, fault.side), (refused.path, refused.check, refused.side));
    assert!(view.summary.contains("3 of the last 11 cycles failed"), "{}", view.summary);
    assert!(view.summary.contains("connection_refused"), "{}", view.summary);
    assert_eq!(view.since.mono.as_secs(), 90);
}

#[test]
fn intermittence_ends_when_its_failures_are_less_than_a_fifth() {
    let mut timeline = "0 ok = working\n".to_owned();
    for n in 1..=3 {
        let (lost, good) = (n * 15, n * 15 + 1);
        let published = if n == 3 { "degraded intermittent" } else { "working" };
        timeline += &format!("{lost} refused = {published}\n{good} ok = {published}\n");
    }
    // Seven cycles so far, three of them failed: below a fifth from the sixteenth on.
    for n in 8..=15 {
        timeline += &format!("{} ok = degraded intermittent\n", n * 15);
    }
    timeline += "240 ok = working\n";
    check(&timeline);
}

#[test]
fn an_intermittent_link_still_becomes_broken_and_starts_anew_when_it_recovers() {
    check(
        "0 ok = working
         15 refused = working
         16 ok = working
         30 refused = working
         31 ok = working
         45 refused = degraded intermittent
         46 refused = broken connection_refused
         60 ok = working
         75 ok = working
         90 refused = working
         91 ok = working",
    );
}

#[test]
fn a_degraded_link_that_keeps_failing_tells_both() {
    let published = check(
        "0 password = unknown
         1 password = unknown
         15 password = degraded unauthorized
         30 refused = degraded unauthorized
         31 password = degraded unauthorized
         45 token = degraded unauthorized
         46 password = degraded unauthorized
         60 refused = degraded intermittent",
    );
    assert_eq!(published.view().findings[0].cause, Cause::Unauthorized);
}

// --- withdrawing

#[test]
fn withdrawing_a_result_that_is_too_old_removes_a_1() {
    check(
        "0 ok = working
         51 overdue = blind overdue
         60 ok = working",
    );
    check("51 overdue = blind overdue");
    check(
        "0 token = unknown
         1 token = blind token_rejected
         51 overdue = blind overdue
         60 expired = blind overdue
         75 expired = blind token_expired",
    );
}

#[test]
fn withdrawing_never_removes_a_0() {
    let published = check(
        "0 refused = unknown
         1 refused = broken connection_refused
         51 overdue = broken connection_refused, blind since 51",
    );
    assert_eq!(published.view().findings[0].cause, Cause::Overdue);
}

// --- another endpoint

#[test]
fn what_is_published_stays_until_the_first_confirmed_verdict_of_the_new_endpoint() {
    check(
        "0 refused = unknown
         1 refused = broken connection_refused
         10 forget = broken connection_refused
         15 token = broken connection_refused
         16 token = blind token_rejected",
    );
    check(
        "0 refused = unknown
         1 refused = broken connection_refused
         10 forget = broken connection_refused
         15 ok = working",
    );
    check(
        "0 ok = working
         10 forget = working
         15 refused = working
         16 refused = broken connection_refused",
    );
    check(
        "0 refused = unknown
         1 refused = broken connection_refused
         10 forget = broken connection_refused
         61 overdue = broken connection_refused, blind since 61",
    );
}
