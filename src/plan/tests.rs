use super::*;

const AMPLE: Duration = Duration::from_secs(5);
const ALL: Applies =
    Applies { tls: true, freshness: true, agreement: true, by_uid: true, assertions: true };

fn rows(outcomes: &[(Check, Outcome)]) -> CheckMap<Row> {
    outcomes.iter().map(|(check, outcome)| (*check, row(*outcome))).collect()
}

fn row(outcome: Outcome) -> Row {
    Row::ended(outcome, Duration::ZERO, Now::at(Duration::ZERO))
}

#[test]
fn walks_in_order_and_skips_with_the_root_of_the_reason() {
    use Check as C;
    let passed = Outcome::Passed;
    let refused = Outcome::Failed(Cause::ConnectionRefused);
    let no_tls = Outcome::Skipped(Why::NotNeeded);
    let busy = Outcome::Skipped(Why::Busy);
    let needs_tcp = Outcome::Skipped(Why::Needs(C::Tcp));
    let plain = Applies { tls: false, ..ALL };
    let queried = |freshness| {
        let plain = [(C::Dns, passed), (C::Tcp, passed), (C::Tls, no_tls), (C::Query, passed)];
        [&plain[..], &[(C::Freshness, freshness)]].concat()
    };
    let before = [C::Dns, C::Tcp, C::Tls, C::GrafanaHealth, C::Auth, C::Datasource];
    let through = [&before[..], &[C::DatasourceHealth, C::GrafanaQuery]].concat();
    let through: Vec<_> = through.into_iter().map(|check| (check, passed)).collect();
    type Case<'a> = (Path, &'a [(Check, Outcome)], Applies, Duration, Step);
    let cases: &[Case<'_>] = &[
        (Path::Direct, &[], ALL, AMPLE, Step::Run(C::Dns)),
        (Path::Direct, &[], ALL, Duration::ZERO, Step::Skip(C::Dns, Why::NoTime)),
        (Path::Direct, &[(C::Dns, passed)], ALL, AMPLE, Step::Run(C::Tcp)),
        (
            Path::Direct,
            &[(C::Dns, passed), (C::Tcp, passed)],
            plain,
            AMPLE,
            Step::Skip(C::Tls, Why::NotNeeded),
        ),
        (
            Path::Direct,
            &[(C::Dns, passed), (C::Tcp, refused)],
            plain,
            AMPLE,
            Step::Skip(C::Tls, Why::Needs(C::Tcp)),
        ),
        (
            Path::Direct,
            &[(C::Dns, passed), (C::Tcp, refused), (C::Tls, needs_tcp)],
            ALL,
            AMPLE,
            Step::Skip(C::Query, Why::Needs(C::Tcp)),
        ),
        (
            Path::Direct,
            &[(C::Dns, passed), (C::Tcp, passed), (C::Tls, no_tls)],
            plain,
            AMPLE,
            Step::Run(C::Query),
        ),
        (
            Path::Direct,
            &[
                (C::Dns, passed),
                (C::Tcp, passed),
                (C::Tls, no_tls),
                (C::Query, passed),
                (C::Freshness, passed),
            ],
            Applies { assertions: false, ..plain },
            AMPLE,
            Step::Skip(C::Assertions, Why::Off),
        ),
        // What earlier cycles found of assertions takes no time.
        (Path::Direct, &queried(passed), plain, Duration::ZERO, Step::Run(C::Assertions)),
        (
            Path::Direct,
            &queried(Outcome::Skipped(Why::Off)),
            plain,
            AMPLE,
            Step::Run(C::Assertions),
        ),
        (
            Path::Direct,
            &queried(Outcome::Failed(Cause::DataStale)),
            plain,
            AMPLE,
            Step::Skip(C::Assertions, Why::Needs(C::Freshness)),
        ),
        (Path::Grafana, &through, plain, Duration::ZERO, Step::Run(C::Assertions)),
        (
            Path::Grafana,
            &through,
            Applies { assertions: false, ..plain },
            AMPLE,
            Step::Run(C::Agreement),
        ),
        (
            Path::Grafana,
            &[
                (C::Dns, passed),
                (C::Tcp, passed),
                (C::Tls, no_tls),
                (C::GrafanaHealth, passed),
                (C::Auth, busy),
            ],
            plain,
            AMPLE,
            Step::Skip(C::Datasource, Why::Needs(C::Auth)),
        ),
    ];
    for (path, done, applies, left, expected) in cases {
        assert_eq!(next(*path, &rows(done), *applies, *left), *expected, "{path:?} {done:?}");
    }
}

#[test]
fn what_is_no_part_of_the_way_of_panels_is_walked_around() {
    use Cause as C;
    let nameless = Applies { by_uid: false, ..ALL };
    let needs = |check| Step::Skip(Check::DatasourceHealth, Why::Needs(check));
    let go_on = Step::Run(Check::DatasourceHealth);
    for (check, cause, applies, expected) in [
        (Check::Auth, C::NotGrafana, nameless, go_on),
        (Check::Auth, C::GatewayError, ALL, go_on),
        (Check::Auth, C::TokenRejected, ALL, needs(Check::Auth)),
        (Check::Auth, C::OwnFileUnusable, ALL, needs(Check::Auth)),
        (Check::Datasource, C::AnswerTooLarge, ALL, go_on),
        (Check::Datasource, C::AnswerTooLarge, nameless, needs(Check::Datasource)),
        (Check::Datasource, C::DatasourceNotFound, ALL, needs(Check::Datasource)),
        (Check::GrafanaHealth, C::NotGrafana, ALL, needs(Check::GrafanaHealth)),
    ] {
        let before = [Check::GrafanaHealth, Check::Auth, Check::Datasource];
        let mut done = rows(&[]);
        for before in [Check::Dns, Check::Tcp, Check::Tls].iter().chain(&before) {
            done.insert(*before, row(Outcome::Passed));
        }
        done.insert(check, row(Outcome::Failed(cause)));
        assert_eq!(next(Path::Grafana, &done, applies, AMPLE), expected, "{check:?} {cause:?}");
    }
}

#[test]
fn rows_with_a_period_are_kept_but_never_a_failure_of_our_rights() {
    let minute = SLOW_CHECK_PERIOD;
    let just_before = Now::at(minute - Duration::from_millis(1));
    let passed = row(Outcome::Passed);
    let failed = row(Outcome::Failed(Cause::TokenRejected));
    assert!(!still_good(Check::Auth, None, just_before));
    assert!(still_good(Check::Auth, Some(&passed), just_before));
    assert!(!still_good(Check::Auth, Some(&passed), Now::at(minute)));
    assert!(!still_good(Check::Auth, Some(&failed), just_before));
    assert!(!still_good(Check::Datasource, Some(&failed), just_before));
    assert!(still_good(Check::DatasourceHealth, Some(&failed), just_before));
}

#[test]
fn a_missing_name_is_told_by_the_rung_that_breaks() {
    let missing = || row(Outcome::Failed(Cause::DnsNoSuchName));
    let cases = [
        (
            Ladder::WrongClusterDomain,
            "p.m.svc.cluster.example",
            false,
            Cause::DnsWrongClusterDomain,
        ),
        (Ladder::NoSuchNamespace, "p.m.svc", false, Cause::DnsNoSuchNamespace),
        (Ladder::NoSuchService, "p.m.svc", false, Cause::DnsNoSuchService),
        (Ladder::NoSuchService, "prometheus-operated.m.svc", false, Cause::NoReadyEndpoints),
        (Ladder::NoSuchService, "p.m.svc", true, Cause::NoReadyEndpoints),
        (Ladder::NoSuchNamespace, "p.m.svc", true, Cause::DnsNoSuchNamespace),
        (Ladder::Unknown, "p.example.org", false, Cause::DnsNoSuchName),
    ];
    for (found, host, was_headless, expected) in cases {
        assert_eq!(
            explained_name(missing(), host, was_headless, found).outcome,
            Outcome::Failed(expected)
        );
    }
    let silent = Outcome::Failed(Cause::DnsTimeout);
    assert_eq!(explained_name(row(silent), "p.m.svc", true, Ladder::Unknown).outcome, silent);
}

#[test]
fn a_closed_port_is_told_by_the_ports_of_its_service() {
    let refused = Cause::ConnectionRefused;
    let silent = Cause::ConnectionTimeout;
    let rejected = Cause::HostUnreachable;
    let cases: &[(Cause, &[u16], bool, Cause)] = &[
        (refused, &[], true, refused),
        (refused, &[8080], false, Cause::WrongPort),
        (silent, &[8080], false, Cause::WrongPort),
        (refused, &[8080, 9090], false, Cause::NoReadyEndpoints),
        (silent, &[9090], true, Cause::NoReadyEndpoints),
        (silent, &[9090], false, silent),
        (rejected, &[9090], false, rejected),
        (rejected, &[9090], true, Cause::NoReadyEndpoints),
    ];
    for (cause, ports, reached, expected) in cases {
        let told = explained_port(row(Outcome::Failed(*cause)), 9090, ports, *reached);
        assert_eq!(told.outcome, Outcome::Failed(*expected), "{cause:?} {ports:?} {reached}");
    }
}

#[test]
fn pods_that_seem_not_ready_at_both_ends_at_once_are_doubted() {
    use Cause as C;
    let walk = |cause, met| {
        let mut walk = Walk::default();
        walk.first.rows.insert(Check::Tcp, row(Outcome::Failed(cause)));
        walk.first.seen.connect_failure = met;
        walk
    };
    let not_ready = |met| walk(C::NoReadyEndpoints, Some(met));
    let told = |walk: &Walk| walk.first.outcome(Check::Tcp);
    let both = |mut direct: Walk, mut grafana: Walk| {
        doubt(&mut direct, &mut grafana);
        (told(&direct), told(&grafana))
    };
    let failed = |cause| Some(Outcome::Failed(cause));
    let silent = C::ConnectionTimeout;
    for (direct, grafana, expected) in [
        (not_ready(silent), not_ready(silent), (silent, silent)),
        (not_ready(silent), walk(silent, None), (silent, silent)),
        (walk(C::HostUnreachable, None), not_ready(silent), (C::HostUnreachable, silent)),
        // Refused: something answers.
        (
            not_ready(C::ConnectionRefused),
            not_ready(silent),
            (C::NoReadyEndpoints, C::NoReadyEndpoints),
        ),
        (walk(C::WrongPort, Some(silent)), not_ready(silent), (C::WrongPort, C::NoReadyEndpoints)),
    ] {
        let expected = (failed(expected.0), failed(expected.1));
        assert_eq!(both(direct, grafana), expected);
    }
    let mut unresolved = Walk::default();
    unresolved.first.rows.insert(Check::Dns, row(Outcome::Failed(C::DnsTimeout)));
    assert_eq!(both(not_ready(silent), unresolved).0, failed(silent));
    let mut passed = Walk::default();
    passed.first.rows.insert(Check::Tcp, row(Outcome::Passed));
    assert_eq!(both(not_ready(silent), passed).0, failed(C::NoReadyEndpoints));
}

#[test]
fn assertions_wait_for_their_period_and_the_one_that_waited_longest_goes_first() {
    use crate::link::assertion::Condition;
    use crate::report::asserted::Told;
    let at = |seconds| Now::at(Duration::from_secs(seconds));
    let named = |name: &str| Assertion {
        name: name.into(),
        query: "up".to_owned(),
        holds: Condition::default(),
    };
    let asked = |name: &str, seconds| Asserted {
        name: name.into(),
        told: Told::Unknown(Cause::NoResponse),
        says: String::new(),
        asked: at(seconds),
        took: Duration::ZERO,
    };
    let all = ["a", "b", "c", "new"].map(named);
    let asked = [asked("a", 30), asked("b", 15), asked("c", 0)];
    for (now, expected) in [
        (31, &["new"][..]),
        (60, &["new", "c"]),
        (75, &["new", "c", "b"]),
        (90, &["new", "c", "b", "a"]),
    ] {
        let due = due(&all, &asked, at(now));
        let names: Vec<&str> = due.iter().map(|assertion| &*assertion.name).collect();
        assert_eq!(names, expected, "at {now} s");
    }
    assert!(still_stands(&asked[2], at(179)) && !still_stands(&asked[2], at(180)));
}
