//! Every report has a diagnosis, and every diagnosis keeps its promises.

use proptest::prelude::*;

use crate::clock::Now;
use crate::diagnosis::{Diagnosis, diagnose, findings, words};
use crate::report::cause::{Cause, Family, Weight};
use crate::report::check::{Check, Path, Why};
use crate::report::finding::Finding;
use crate::report::sample::{self, Went};
use crate::report::verdict::Verdict;
use crate::report::{Leg, Outcome, Report, Standing, Walk};

/// What holds for every diagnosis.
fn keeps_promises(report: &Report) -> Diagnosis {
    let diagnosis = diagnose(report);
    let Diagnosis { verdict, fault, findings, summary, next_step, standings, .. } = &diagnosis;

    let pass = standings.iter().all(|s| matches!(s, Standing::Passed | Standing::Absent))
        && standings.contains(&Standing::Passed);
    let weighty = findings.iter().any(|placed| placed.weight >= Weight::Degrades);
    let calm = pass && fault.is_none() && !weighty;
    assert_eq!(*verdict == Verdict::Working, calm, "{diagnosis:#?}");
    assert_ne!(*verdict, Verdict::Unknown);

    let nothing_to_judge = *standings == [Standing::Absent; 2];
    assert_eq!(fault.is_none(), *verdict == Verdict::Working || nothing_to_judge);
    assert_eq!(next_step.is_empty(), *verdict == Verdict::Working);
    assert!(!summary.is_empty() && summary.chars().count() <= words::MAX_SENTENCE_CHARS);
    assert!(!summary.contains('{') && !next_step.contains('{'), "{summary} {next_step}");

    for (i, placed) in findings.iter().enumerate() {
        let key = |p: &crate::diagnosis::Placed| (p.cause, p.path, p.check, p.subject.clone());
        assert!(findings.iter().skip(i + 1).all(|other| key(other) != key(placed)));
        assert!(fault.is_none_or(|fault| !findings::is_of(placed, fault)), "{diagnosis:#?}");
    }
    for standing in standings {
        if let Standing::Failed(seen) | Standing::Untold(seen) = standing {
            // Under another cause's name, or by the audit, which may stand at the same check.
            let published = fault.is_some_and(|f| {
                let audited = f.cause != seen.cause && f.cause.family() == Family::Datasource;
                (f.path, f.check) == (seen.path, seen.check) && !audited
            });
            let found = findings.iter().any(|placed| findings::is_of(placed, *seen));
            assert!(published != found, "a fault is told once: {seen:?} {diagnosis:#?}");
        }
    }
    diagnosis
}

/// The ways in which `path` can fail, each cause at the checks that can find it.
fn plausible(path: Path) -> Vec<Went> {
    let mut ways = vec![Went::Absent, Went::Passed, Went::NoTime];
    for &cause in Cause::ALL {
        let found_at = |check: Check| match cause.family() {
            Family::Dns => check == Check::Dns,
            Family::Tcp => check == Check::Tcp,
            Family::Tls => check == Check::Tls,
            Family::Query => matches!(check, Check::Query | Check::GrafanaHealth),
            Family::Data => matches!(check, Check::Query | Check::Freshness),
            Family::Grafana => matches!(check, Check::GrafanaHealth),
            Family::Auth => check == Check::Auth,
            Family::Datasource => check == Check::Datasource,
            Family::Agreement | Family::Ours => false,
        };
        let through = |check: Check| match cause.family() {
            Family::Dns | Family::Tcp | Family::Tls | Family::Query | Family::Data => {
                matches!(check, Check::DatasourceHealth | Check::GrafanaQuery)
            }
            Family::Grafana | Family::Datasource => check == Check::GrafanaQuery,
            Family::Auth | Family::Agreement | Family::Ours => false,
        };
        let checks =
            path.checks().iter().copied().filter(|&check| found_at(check) || through(check));
        ways.extend(checks.map(|check| Went::Failed(check, cause)));
    }
    ways
}

fn each_memory(mut report: Report, mut judge: impl FnMut(&Report)) {
    for bits in 0..8 {
        report.carried.reached_prometheus = bits & 1 != 0;
        report.carried.reached_grafana = bits & 2 != 0;
        report.carried.datasource_seen = bits & 4 != 0;
        judge(&report);
    }
}

#[test]
fn all_combinations_of_plausible_failures_are_judged() {
    let mut verdicts = [0u32; Verdict::ALL.len()];
    for direct in plausible(Path::Direct) {
        for grafana in plausible(Path::Grafana) {
            let report = Report {
                direct: sample::walk(Path::Direct, direct),
                grafana: sample::walk(Path::Grafana, grafana),
                ..sample::empty()
            };
            let both_passed =
                [direct, grafana].iter().all(|way| matches!(way, Went::Passed | Went::Absent))
                    && [direct, grafana].contains(&Went::Passed);
            let diagnosis = keeps_promises(&report);
            verdicts[diagnosis.verdict as usize] += 1;
            assert_eq!(diagnosis.verdict == Verdict::Working, both_passed);
        }
    }
    assert_eq!(verdicts[Verdict::Working as usize], 3);
    assert!(verdicts[Verdict::Degraded as usize..].iter().all(|count| *count > 50));
}

#[test]
fn each_cause_at_each_check_is_judged_whatever_was_reached() {
    let others = ["absent", "passed", "no_time", "tcp/connection_refused", "dns/dns_timeout"];
    for path in Path::ALL {
        for (&check, &cause) in path
            .checks()
            .iter()
            .flat_map(|check| Cause::ALL.iter().map(move |cause| (check, cause)))
        {
            for other in others {
                let here = sample::walk(path, Went::Failed(check, cause));
                let there = sample::walk(path.other(), sample::went(other));
                let (direct, grafana) = match path {
                    Path::Direct => (here, there),
                    Path::Grafana => (there, here),
                };
                each_memory(Report { direct, grafana, ..sample::empty() }, |report| {
                    keeps_promises(report);
                });
            }
        }
    }
}

#[test]
fn each_finding_on_a_passing_link_degrades_by_its_weight() {
    for path in Path::ALL {
        for (&check, &cause) in path
            .checks()
            .iter()
            .flat_map(|check| Cause::ALL.iter().map(move |cause| (check, cause)))
        {
            let mut report = sample::report("passed", "passed");
            let walk = match path {
                Path::Direct => report.direct.as_mut(),
                Path::Grafana => report.grafana.as_mut(),
            };
            let row = walk.unwrap().first.rows.get_mut(check).unwrap();
            row.findings.push(Finding::of(cause, String::new()));
            let diagnosis = keeps_promises(&report);
            match diagnosis.verdict {
                Verdict::Working => {
                    assert_eq!(diagnosis.findings.len(), 1);
                    assert_eq!(diagnosis.findings[0].weight, Weight::Notes);
                }
                Verdict::Degraded => {
                    assert_eq!(diagnosis.fault.unwrap().cause, cause);
                    assert!(cause.weight() >= Weight::Degrades);
                }
                Verdict::Unknown | Verdict::Blind | Verdict::Broken => panic!("{diagnosis:#?}"),
            }
        }
    }
}

fn any_cause() -> impl Strategy<Value = Cause> {
    prop::sample::select(Cause::ALL)
}

fn any_outcome() -> impl Strategy<Value = Option<Outcome>> {
    let why = prop_oneof![
        prop::sample::select(Check::ALL.to_vec()).prop_map(Why::Needs),
        prop::sample::select(vec![
            Why::NotNeeded,
            Why::Unsupported,
            Why::NotPermitted,
            Why::StillWaiting,
            Why::NoTime,
            Why::Busy,
            Why::Off,
        ]),
    ];
    prop_oneof![
        Just(None),
        Just(Some(Outcome::Passed)),
        any_cause().prop_map(|cause| Some(Outcome::Failed(cause))),
        why.prop_map(|why| Some(Outcome::Skipped(why))),
    ]
}

fn any_leg(path: Path) -> impl Strategy<Value = Leg> {
    let count = path.checks().len();
    let outcomes = prop::collection::vec((any_outcome(), prop::option::of(any_cause())), count);
    outcomes.prop_map(move |outcomes| {
        let rows = path.checks().iter().zip(outcomes).filter_map(|(check, (outcome, finding))| {
            let mut row = sample::row(outcome?);
            row.findings.extend(finding.map(|cause| Finding::of(cause, "because".to_owned())));
            Some((*check, row))
        });
        Leg { rows: rows.collect(), ..Leg::default() }
    })
}

fn any_walk(path: Path) -> impl Strategy<Value = Option<Walk>> {
    prop::option::of(prop::collection::vec(any_leg(path), 1..4).prop_map(|mut legs| {
        let first = legs.remove(0);
        Walk { first, others: legs, ..Walk::default() }
    }))
}

proptest! {
    #[test]
    fn no_report_is_beyond_judgement(
        direct in any_walk(Path::Direct),
        grafana in any_walk(Path::Grafana),
        remembered in prop::option::of(0u64..100),
    ) {
        let mut report = Report { direct, grafana, ..sample::empty() };
        let last = remembered.map(|age| {
            report.started = Now::at(std::time::Duration::from_secs(age));
            (Standing::Passed, Now::at(std::time::Duration::ZERO))
        });
        report.carried.last_standing = [last, last];
        keeps_promises(&report);
    }
}
