//! One test for each rule that a row of `situations.tsv` cannot say.

use std::time::Duration;

use super::told;
use crate::clock::Now;
use crate::diagnosis::{Diagnosis, diagnose};
use crate::link::Origin;
use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, Path, Why};
use crate::report::finding::{Finding, Subject};
use crate::report::sample::{self, report};
use crate::report::verdict::{Side, Verdict};
use crate::report::{Leg, Outcome, Report, Standing};

fn leg(report: &mut Report, path: Path) -> &mut Leg {
    let walk = match path {
        Path::Direct => report.direct.as_mut(),
        Path::Grafana => report.grafana.as_mut(),
    };
    &mut walk.unwrap().first
}

fn set(report: &mut Report, path: Path, check: Check, outcome: Outcome) {
    leg(report, path).rows.insert(check, sample::row(outcome));
}

fn find(report: &mut Report, path: Path, check: Check, finding: Finding) {
    leg(report, path).rows.get_mut(check).unwrap().findings.push(finding);
}

fn check(report: &Report, expected: &str) -> Diagnosis {
    let diagnosis = diagnose(report);
    assert_eq!(told(&diagnosis).join(" ").trim_end(), expected, "{diagnosis:#?}");
    diagnosis
}

fn weight_of(diagnosis: &Diagnosis, cause: Cause) -> Weight {
    diagnosis.findings.iter().find(|placed| placed.cause == cause).unwrap().weight
}

// --- the deciding check

#[test]
fn without_freshness_the_query_decides() {
    let mut report = report("passed", "absent");
    set(&mut report, Path::Direct, Check::Freshness, Outcome::Skipped(Why::Off));
    check(&report, "working");
    set(&mut report, Path::Direct, Check::Query, Outcome::Failed(Cause::Starting));
    check(&report, "broken starting direct query prometheus");
}

#[test]
fn a_path_is_absent_when_its_deciding_check_does_not_apply() {
    for why in [Why::Off, Why::NotPermitted, Why::Unsupported] {
        let mut report = report("passed", "passed");
        set(&mut report, Path::Grafana, Check::GrafanaQuery, Outcome::Skipped(why));
        assert_eq!(check(&report, "working").standing(Path::Grafana), Standing::Absent);
    }
}

#[test]
fn needs_is_followed_to_its_end() {
    let mut report = report("passed", "passed");
    let needs = |check| Outcome::Skipped(Why::Needs(check));
    set(&mut report, Path::Grafana, Check::GrafanaQuery, needs(Check::Datasource));
    set(&mut report, Path::Grafana, Check::Datasource, needs(Check::Auth));
    set(&mut report, Path::Grafana, Check::Auth, Outcome::Skipped(Why::NotPermitted));
    assert_eq!(check(&report, "working").standing(Path::Grafana), Standing::Absent);

    set(&mut report, Path::Grafana, Check::Auth, Outcome::Skipped(Why::Busy));
    check(&report, "blind overdue grafana grafana_query promlink");

    set(&mut report, Path::Grafana, Check::Auth, Outcome::Failed(Cause::TokenRejected));
    check(&report, "blind token_rejected grafana auth credentials");
}

#[test]
fn a_check_that_did_not_get_to_run_leaves_the_last_standing_for_three_intervals() {
    for why in [Why::Busy, Why::NoTime, Why::StillWaiting] {
        for (age, expected) in
            [(15, "working"), (45, "working"), (46, "blind overdue grafana grafana_query promlink")]
        {
            let mut report = report("passed", "passed");
            set(&mut report, Path::Grafana, Check::GrafanaQuery, Outcome::Skipped(why));
            report.started = Now::at(Duration::from_secs(age));
            report.carried.last_standing =
                [None, Some((Standing::Passed, Now::at(Duration::ZERO)))];
            check(&report, expected);
        }
    }
}

#[test]
fn a_remembered_way_of_ours_is_as_good_as_one_of_now_for_who_has_to_act() {
    let mut report = report("passed", "grafana_query/connection_refused");
    set(&mut report, Path::Direct, Check::Freshness, Outcome::Skipped(Why::NoTime));
    report.carried.last_standing = [Some((Standing::Passed, report.started)), None];
    check(&report, "broken connection_refused grafana grafana_query datasource");
}

#[test]
fn what_keeps_a_description_from_being_read_is_not_what_panels_meet() {
    for described in [Check::Auth, Check::Datasource] {
        let mut report = report("passed", "grafana_query/starting");
        set(&mut report, Path::Grafana, described, Outcome::Failed(Cause::GatewayError));
        check(&report, "broken starting grafana grafana_query prometheus");
    }
}

#[test]
fn a_failure_before_a_check_that_did_not_run_is_the_fault() {
    let mut report = report("passed", "passed");
    set(&mut report, Path::Grafana, Check::GrafanaQuery, Outcome::Skipped(Why::Busy));
    let plugin = Outcome::Failed(Cause::PluginUnavailable);
    set(&mut report, Path::Grafana, Check::DatasourceHealth, plugin);
    report.carried.last_standing = [None, Some((Standing::Passed, report.started))];
    check(&report, "broken plugin_unavailable grafana datasource_health grafana");
}

#[test]
fn the_health_check_speaks_where_the_query_does_not_say_why() {
    let mut report = report("passed", "grafana_query/starting");
    let refused = Outcome::Failed(Cause::ConnectionRefused);
    set(&mut report, Path::Grafana, Check::DatasourceHealth, refused);
    check(&report, "broken starting grafana grafana_query prometheus");
    assert!(diagnose(&report).findings.is_empty(), "one fault is told once");

    for hiding in [Cause::UnreachableFromGrafana, Cause::NoResponse] {
        set(&mut report, Path::Grafana, Check::GrafanaQuery, Outcome::Failed(hiding));
        check(&report, "broken connection_refused grafana datasource_health datasource");
        assert!(diagnose(&report).findings.is_empty(), "one fault is told once");
    }
    let hangs_too = Outcome::Failed(Cause::NoResponse);
    set(&mut report, Path::Grafana, Check::DatasourceHealth, hangs_too);
    check(&report, "broken no_response grafana grafana_query unclear");
}

#[test]
fn what_grafana_s_api_says_in_place_of_a_data_source_is_grafana_s_own() {
    for cause in ["gateway_error", "no_response", "answer_malformed"] {
        let failed = report("passed", &format!("datasource/{cause} reached"));
        check(&failed, &format!("broken {cause} grafana datasource grafana"));
        assert!(!diagnose(&failed).summary.contains("Prometheus"), "{}", diagnose(&failed).summary);
    }
}

// --- untold

#[test]
fn an_end_that_answered_in_this_very_cycle_was_reached() {
    let malformed = report("freshness/answer_malformed", "absent");
    assert!(matches!(diagnose(&malformed).standing(Path::Direct), Standing::Failed(_)));
    let malformed = report("query/answer_malformed", "absent");
    assert!(matches!(diagnose(&malformed).standing(Path::Direct), Standing::Untold(_)));
}

#[test]
fn a_refusal_by_grafana_is_charged_to_auth_whichever_call_met_it() {
    let met_late = report("passed", "grafana_query/token_rejected reached seen");
    check(&met_late, "blind token_rejected grafana auth credentials");
}

#[test]
fn a_discovered_data_source_that_is_gone_is_untold() {
    let mut gone = report("passed", "datasource/datasource_not_found reached seen");
    gone.origin = Origin::Discovered;
    check(&gone, "blind datasource_not_found grafana datasource datasource");
}

#[test]
fn grafanas_address_at_its_last_known_one_is_a_finding() {
    let mut report = report("passed", "passed");
    set(&mut report, Path::Grafana, Check::Dns, Outcome::Failed(Cause::DnsTimeout));
    check(&report, "degraded dns_timeout grafana dns dns");
    let failing = Outcome::Failed(Cause::GatewayError);
    set(&mut report, Path::Grafana, Check::GrafanaQuery, failing);
    check(&report, "broken gateway_error grafana grafana_query prometheus");
}

// --- every address

#[test]
fn the_best_address_stands_for_the_path_and_the_others_degrade() {
    let mut report = report("tcp/connection_refused reached", "absent");
    let alive = sample::leg(Path::Direct, sample::Went::Passed);
    let dead = sample::leg(Path::Direct, sample::went("query/starting"));
    report.direct.as_mut().unwrap().others = vec![alive, dead];

    let diagnosis = check(&report, "degraded connection_refused direct tcp prometheus");
    let other = &diagnosis.findings[0];
    assert_eq!((other.cause, &other.subject), (Cause::Starting, &Some(Subject::Replica)));
    assert_eq!(other.weight, Weight::Degrades);
}

// --- weights

#[test]
fn one_dns_server_of_several_is_a_note() {
    let mut report = report("passed", "passed");
    let finding = Finding {
        subject: Some(Subject::DnsServer),
        ..Finding::of(Cause::DnsServerUnreachable, String::new())
    };
    find(&mut report, Path::Direct, Check::Dns, finding);
    check(&report, "working");
}

#[test]
fn each_assertion_is_told_once_by_its_name_and_breaks_nothing() {
    for (direct, grafana, path) in
        [("passed", "passed", Path::Direct), ("absent", "passed", Path::Grafana)]
    {
        let mut report = report(direct, grafana);
        set(&mut report, path, Check::Assertions, Outcome::Failed(Cause::AssertionFailed));
        for (cause, name) in [
            (Cause::AssertionFailed, "a"),
            (Cause::AssertionFailed, "b"),
            (Cause::QueryRejected, "c"),
        ] {
            let subject = Some(Subject::Assertion(name.into()));
            let found = Finding::of(cause, String::new());
            let finding = Finding { subject, weight: Weight::Notes, ..found };
            find(&mut report, path, Check::Assertions, finding);
        }
        let found = check(&report, "working").findings;
        let found: Vec<_> = found
            .iter()
            .map(|placed| (placed.subject.as_ref().unwrap().as_str(), placed.weight, placed.side))
            .collect();
        let expected = [("a", Side::Prometheus), ("b", Side::Prometheus), ("c", Side::Promlink)];
        assert_eq!(found, expected.map(|(name, side)| (name, Weight::Notes, side)));
    }
}

#[test]
fn while_panels_get_data_grafanas_doubts_about_the_data_source_are_notes() {
    let mut report = report("passed", "passed");
    let refused = Outcome::Failed(Cause::ConnectionRefused);
    set(&mut report, Path::Grafana, Check::DatasourceHealth, refused);
    let audit = Finding::of(Cause::DatasourceUrlDiffers, String::new());
    find(&mut report, Path::Grafana, Check::Datasource, audit);
    let diagnosis = check(&report, "working");
    assert_eq!(weight_of(&diagnosis, Cause::ConnectionRefused), Weight::Notes);
    assert_eq!(weight_of(&diagnosis, Cause::DatasourceUrlDiffers), Weight::Notes);
}

#[test]
fn the_first_weighty_finding_is_published_direct_before_grafana() {
    let mut report = report("passed", "passed");
    let find = |report: &mut _, path, check, cause| {
        find(report, path, check, Finding::of(cause, "2.5 s".to_owned()));
    };
    find(&mut report, Path::Grafana, Check::Dns, Cause::DnsSlow);
    find(&mut report, Path::Direct, Check::Tls, Cause::TlsExpiring);
    find(&mut report, Path::Direct, Check::Freshness, Cause::ClockSkew);
    find(&mut report, Path::Direct, Check::Query, Cause::Slow);
    let diagnosis = check(&report, "degraded slow direct query prometheus");
    let causes: Vec<Cause> = diagnosis.findings.iter().map(|placed| placed.cause).collect();
    assert_eq!(causes, [Cause::TlsExpiring, Cause::ClockSkew, Cause::DnsSlow]);
}

// --- the audit

#[test]
fn the_audit_explains_what_stops_grafana_on_its_way() {
    let audit = [Cause::DatasourceUrlDiffers, Cause::DatasourceUrlLocalhost];
    for (grafana, expected) in [
        ("connection_refused", "broken datasource_url_localhost grafana datasource datasource"),
        ("dns_no_such_name", "broken datasource_url_localhost grafana datasource datasource"),
        ("tls_wrong_name", "broken datasource_url_localhost grafana datasource datasource"),
        ("no_response", "broken datasource_url_localhost grafana datasource datasource"),
        (
            "unreachable_from_grafana",
            "broken datasource_url_localhost grafana datasource datasource",
        ),
        ("unauthorized", "broken unauthorized grafana grafana_query datasource"),
        ("starting", "broken starting grafana grafana_query prometheus"),
    ] {
        let mut report = report("passed", &format!("grafana_query/{grafana}"));
        for cause in audit {
            find(&mut report, Path::Grafana, Check::Datasource, Finding::of(cause, String::new()));
        }
        let diagnosis = check(&report, expected);
        assert_eq!(diagnosis.findings.len(), 2, "the other one, and what Grafana met");
    }
}

#[test]
fn the_audit_explains_nothing_where_direct_fails_or_grafana_itself() {
    for (direct, grafana, expected) in [
        (
            "tcp/connection_refused reached",
            "grafana_query/connection_refused",
            "broken connection_refused direct tcp prometheus",
        ),
        ("passed", "tcp/connection_refused", "broken connection_refused grafana tcp grafana"),
    ] {
        let mut report = report(direct, grafana);
        set(&mut report, Path::Grafana, Check::Datasource, Outcome::Passed);
        let audit = Finding::of(Cause::DatasourceUrlDiffers, String::new());
        find(&mut report, Path::Grafana, Check::Datasource, audit);
        check(&report, expected);
    }
}

#[test]
fn what_answered_is_no_lost_position() {
    for (direct, grafana, expected) in [
        (
            "query/wrong_path_prefix",
            "grafana_health/not_grafana",
            "blind wrong_path_prefix direct query promlink",
        ),
        (
            "query/unauthorized",
            "tcp/connection_timeout",
            "blind unauthorized direct query credentials",
        ),
        ("tcp/proxy_refused", "tcp/connection_timeout", "blind proxy_refused direct tcp network"),
        // No packet of ours came back: that is position, whatever Grafana's end says.
        (
            "tcp/connection_timeout",
            "grafana_health/not_grafana",
            "blind vantage_blocked direct tcp promlink",
        ),
    ] {
        check(&report(direct, grafana), expected);
    }
}

#[test]
fn our_own_failure_is_never_a_broken_prometheus() {
    for memory in ["", " reached"] {
        for at in ["dns/internal", "tcp/internal", "tls/own_file_unusable"] {
            let (check_name, cause) = at.split_once('/').unwrap();
            let expected = format!("blind {cause} direct {check_name} promlink");
            check(&report(&format!("{at}{memory}"), "absent"), &expected);
        }
    }
    for (direct, grafana, expected) in [
        (
            "query/own_file_unusable reached",
            "passed",
            "degraded own_file_unusable direct query promlink",
        ),
        (
            "query/own_file_unusable reached",
            "grafana_query/starting",
            "broken starting grafana grafana_query prometheus",
        ),
        (
            "query/starting",
            "auth/own_file_unusable reached",
            "broken starting direct query prometheus",
        ),
        (
            "passed",
            "auth/own_file_unusable reached",
            "blind own_file_unusable grafana auth promlink",
        ),
        // Mending our file alone brings a verdict in the first of these, and not in the second.
        (
            "tcp/connection_timeout",
            "auth/own_file_unusable reached",
            "blind own_file_unusable grafana auth promlink",
        ),
        (
            "query/own_file_unusable",
            "tcp/connection_timeout",
            "blind connection_timeout grafana tcp network",
        ),
    ] {
        check(&report(direct, grafana), expected);
    }
}

// --- what the board says

#[test]
fn without_a_report_promlink_itself_is_at_fault() {
    for cause in [Cause::Overdue, Cause::Internal] {
        let diagnosis = Diagnosis::without_report(cause);
        assert_eq!(diagnosis.verdict, Verdict::Blind);
        assert_eq!(told(&diagnosis).join(" "), format!("blind {}   promlink", cause.code()));
    }
}

/// The query has no series, and found by itself that the answers differ, as the fault is called
/// where Grafana has some.
#[test]
fn what_a_fault_is_called_in_the_end_is_told_once() {
    let mut report = report("query/no_series", "passed");
    let found = Finding::of(Cause::AnswersDiffer, "by itself".to_owned());
    find(&mut report, Path::Direct, Check::Query, found);
    let diagnosis = check(&report, "degraded answers_differ direct query prometheus");
    assert_eq!(diagnosis.findings, []);
}
