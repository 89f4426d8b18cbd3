use super::*;
use crate::link::sample::link;
use crate::report::cause::Cause;
use crate::report::check::Why;
use crate::report::sample::{self, report};

fn at(seconds: u64) -> Now {
    Now::at(Duration::from_secs(seconds))
}

fn two_paths() -> Link {
    link("link", Some("prom"), Some("main"))
}

#[test]
fn seconds_belong_to_the_verdict_that_was_published() {
    let mut tally = Tally::starting(&two_paths(), at(10));
    tally.settle(Verdict::Unknown, at(12));
    tally.settle(Verdict::Working, at(42));
    tally.settle(Verdict::Broken, at(42));
    tally.settle(Verdict::Working, at(50));
    assert_eq!(tally.verdict_seconds, [2.0, 38.0, 0.0, 0.0, 0.0]);
    assert_eq!(tally.counted_until, Duration::from_secs(50));
}

#[test]
fn each_check_that_the_link_has_starts_at_zero() {
    let names = |link: &Link| -> Vec<String> {
        let tally = Tally::starting(link, at(0));
        let name =
            |(path, check, _): &(Path, Check, u64)| format!("{}/{}", path.as_str(), check.as_str());
        tally.failures.iter().map(name).collect()
    };
    let mut direct = link("link", Some("prom"), None);
    direct.query.freshness = false;
    assert_eq!(names(&direct), ["direct/dns", "direct/tcp", "direct/query", "direct/assertions"]);
    direct.prometheus.as_mut().unwrap().url.scheme = Scheme::Https;
    assert!(names(&direct).contains(&"direct/tls".to_owned()));
    assert_eq!(names(&two_paths()).len(), 5 + 8);
}

#[test]
fn failures_and_durations_are_counted_as_the_cycle_saw_them() {
    let mut tally = Tally::starting(&two_paths(), at(0));
    tally.cycled(&report("tcp/connection_refused", "grafana_query/no_series"));
    tally.cycled(&report("tcp/connection_refused", "passed"));
    tally.cycled(&report("passed", "no_time"));
    assert_eq!(tally.cycles, 3);
    assert_eq!(tally.failed(Path::Direct, Check::Tcp), 2);
    assert_eq!(tally.failed(Path::Grafana, Check::GrafanaQuery), 1);
    assert_eq!(tally.failures.iter().map(|(_, _, count)| count).sum::<u64>(), 3);
    let passed = |path: Path| tally.walks[path as usize].counts.iter().sum::<u64>();
    assert_eq!((passed(Path::Direct), passed(Path::Grafana)), (1, 1));
    assert_eq!(tally.last_walk, [Some(Duration::from_millis(20)); 2]);
}

#[test]
fn a_row_that_was_kept_is_not_counted_again() {
    let mut tally = Tally::starting(&two_paths(), at(0));
    let mut kept = report("passed", "passed");
    let rows = &mut kept.grafana.as_mut().unwrap().first.rows;
    rows.insert(Check::DatasourceHealth, sample::row(Outcome::Failed(Cause::ConnectionRefused)));
    tally.cycled(&kept);
    kept.started = at(15);
    tally.cycled(&kept);
    assert_eq!(tally.failed(Path::Grafana, Check::DatasourceHealth), 1);
}

#[test]
fn skipped_checks_are_no_failures() {
    let mut tally = Tally::starting(&two_paths(), at(0));
    let mut busy = report("passed", "passed");
    let rows = &mut busy.grafana.as_mut().unwrap().first.rows;
    rows.insert(Check::GrafanaQuery, sample::row(Outcome::Skipped(Why::Busy)));
    tally.cycled(&busy);
    assert!(tally.failures.iter().all(|(_, _, count)| *count == 0));
}

#[test]
fn a_changed_link_keeps_the_counts_of_the_checks_that_it_still_has() {
    let mut tally = Tally::starting(&two_paths(), at(0));
    tally.cycled(&report("tcp/connection_refused", "passed"));
    tally.fit(&link("link", Some("prom"), None));
    assert_eq!(tally.failures.len(), 5);
    assert_eq!(tally.failed(Path::Direct, Check::Tcp), 1);
}

#[test]
fn outages_are_counted_by_side() {
    let mut tally = Tally::default();
    tally.broke(Side::Dns);
    tally.broke(Side::Dns);
    tally.broke(Side::Unclear);
    assert_eq!(tally.outages, [0, 0, 0, 0, 2, 0, 0, 1]);
}
