//! Timelines: `second what-is-published = alarms that stand`.

use super::*;
use crate::diagnosis::{Diagnosis, diagnose};
use crate::link::alarm::AlarmTiming;
use crate::report::sample::report;
use crate::state::published::Published;

const BOTH_CROWDED: Crowded = Crowded { server: true, grafana: true };

fn diagnosis(word: &str) -> Diagnosis {
    let (direct, grafana) = match word {
        "ok" => ("passed", "passed"),
        "rejected" => ("query/query_rejected reached", "absent"),
        "password" => ("query/unauthorized reached", "passed"),
        "refused" => ("tcp/connection_refused reached", "absent"),
        "starting" => ("query/starting reached", "absent"),
        "no_series" => ("query/no_series", "absent"),
        "wrong_password" => ("query/unauthorized", "absent"),
        "token" => ("passed", "auth/token_rejected reached"),
        "grafana" => ("passed", "tcp/connection_refused"),
        "source" => ("passed", "grafana_query/connection_refused"),
        _ => panic!("what is {word}?"),
    };
    diagnose(&report(direct, grafana))
}

/// The view of a link of which exactly that is published.
fn published(word: &str, now: Now) -> PublishedView {
    let mut published = Published::new(now);
    for _ in 0..3 {
        published.observe(diagnosis(word), now);
    }
    published.view().clone()
}

/// Walks a timeline of what is published, at the beat of the board.
fn check_with(rules: &AlarmRules, crowded: Crowded, timeline: &str) {
    let mut alarms = Alarms::default();
    alarms.set_crowded(crowded);
    for line in timeline.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, expected) = line.split_once('=').expect(line);
        let (second, word) = step.trim().split_once(' ').expect(line);
        let now = Now::at(Duration::from_secs(second.parse().expect(line)));
        alarms.observe(&published(word.trim(), now), None, rules, now);
        assert_eq!(standing(&alarms).join(" "), expected.trim(), "{line}");
    }
}

fn check(timeline: &str) {
    check_with(&AlarmRules::default(), Crowded::default(), timeline);
}

fn standing(alarms: &Alarms) -> Vec<&'static str> {
    let (own, ends) = (alarms.own(), alarms.of_ends());
    [
        (own.broken, "broken"),
        (own.degraded, "degraded"),
        (ends.server_down, "server_down"),
        (ends.grafana_down, "grafana_down"),
        (ends.grafana_blind, "grafana_blind"),
    ]
    .into_iter()
    .filter_map(|(alarm, name)| alarm.is_some().then_some(name))
    .collect()
}

#[test]
fn an_alarm_stands_once_its_verdict_has_held() {
    check(
        "0 ok =
         15 refused =
         134 refused =
         135 refused = broken",
    );
    check(
        "0 password =
         899 password =
         900 password = degraded",
    );
    check(
        "0 token =
         899 token =
         900 token = grafana_blind",
    );
}

#[test]
fn the_wait_is_that_of_the_cause_where_it_has_one() {
    check(
        "0 starting =
         899 starting =
         900 starting = broken",
    );
    // It counts from when the verdict began, whatever the cause was then.
    check(
        "0 starting =
         300 refused = broken
         301 starting = broken",
    );
}

#[test]
fn an_alarm_outlives_its_verdict_for_a_while() {
    check(
        "0 refused =
         120 refused = broken
         130 ok = broken
         249 ok = broken
         250 ok =
         251 refused =",
    );
}

#[test]
fn a_short_recovery_neither_resets_the_wait_nor_ends_the_alarm() {
    check(
        "0 refused =
         100 ok =
         120 ok =
         130 refused = broken
         140 ok = broken
         200 refused = broken
         210 ok = broken
         329 ok = broken
         330 ok =",
    );
    check(
        "0 refused =
         60 ok =
         180 ok =
         181 refused =
         300 refused =
         301 refused = broken",
    );
}

#[test]
fn nothing_is_kept_when_nothing_is_to_be_kept() {
    let timing = AlarmTiming {
        broken: Duration::ZERO,
        keep_firing_for: Duration::ZERO,
        ..AlarmTiming::default()
    };
    check_with(
        &AlarmRules { timing, ..AlarmRules::default() },
        Crowded::default(),
        "0 refused = broken
         15 ok =
         30 refused = broken",
    );
}

#[test]
fn many_links_on_one_end_raise_its_alarm_in_their_place() {
    for (word, alone, crowded) in [
        ("refused", "broken", "server_down"),
        ("grafana", "broken", "grafana_down"),
        // What depends on the link alone stays its own.
        ("source", "broken", "broken"),
        ("no_series", "broken", "broken"),
        ("rejected", "broken", "broken"),
        ("wrong_password", "broken", "broken"),
    ] {
        for (crowd, expected) in [(Crowded::default(), alone), (BOTH_CROWDED, crowded)] {
            let timeline = format!("0 {word} =\n120 {word} = {expected}\n130 ok = {expected}");
            check_with(&AlarmRules::default(), crowd, &timeline);
        }
    }
}

#[test]
fn each_end_is_crowded_by_itself() {
    let grafana_only = Crowded { server: false, grafana: true };
    check_with(&AlarmRules::default(), grafana_only, "0 refused =\n120 refused = broken");
}

#[test]
fn a_fault_that_moves_from_the_end_to_the_link_takes_the_alarm_with_it() {
    check_with(
        &AlarmRules::default(),
        BOTH_CROWDED,
        "0 refused =
         120 refused = server_down
         135 no_series = broken
         150 refused = server_down",
    );
}

#[test]
fn degraded_and_blind_are_not_collapsed() {
    check_with(&AlarmRules::default(), BOTH_CROWDED, "0 password =\n900 password = degraded");
    check_with(&AlarmRules::default(), BOTH_CROWDED, "0 token =\n900 token = grafana_blind");
}

#[test]
fn alarms_that_are_turned_off_end_at_once() {
    let mut alarms = Alarms::default();
    let mut rules = AlarmRules::default();
    let mut observe = |second, rules: &AlarmRules| {
        let now = Now::at(Duration::from_secs(second));
        alarms.observe(&published("refused", now), None, rules, now);
        standing(&alarms)
    };
    observe(0, &rules);
    assert_eq!(observe(120, &rules), ["broken"]);
    rules.enabled = false;
    assert_eq!(observe(121, &rules), [""; 0]);
}

#[test]
fn an_alarm_that_stands_has_the_wait_of_its_cause() {
    let mut alarms = Alarms::default();
    for (second, word, minutes) in
        [(0, "refused", None), (120, "refused", Some(2)), (121, "starting", Some(15))]
    {
        let now = Now::at(Duration::from_secs(second));
        alarms.observe(&published(word, now), None, &AlarmRules::default(), now);
        let wait = alarms.own().broken.map(|alarm| alarm.wait);
        assert_eq!(wait, minutes.map(|minutes| Duration::from_secs(minutes * 60)), "{second}");
    }
}
