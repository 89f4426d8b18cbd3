use super::*;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn day(n: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + seconds(n * 86_400)
}

#[test]
fn durations_at_their_limit_are_good() {
    let nanosecond = Duration::from_nanos(1);
    type Rule = fn(Duration, Duration) -> Option<Cause>;
    let rules =
        [(freshness as Rule, Cause::DataStale), (slow, Cause::Slow), (dns_slow, Cause::DnsSlow)];
    for (rule, cause) in rules {
        assert_eq!(rule(Duration::ZERO, seconds(2)), None);
        assert_eq!(rule(seconds(2), seconds(2)), None);
        assert_eq!(rule(seconds(2) + nanosecond, seconds(2)), Some(cause));
        assert_eq!(rule(Duration::MAX, seconds(2)), Some(cause));
    }
}

#[test]
fn a_sample_from_the_future_is_none() {
    assert_eq!(from_the_future(-60.0), None);
    assert_eq!(from_the_future(-61.0), Some(Cause::AnswerMalformed));
}

#[test]
fn freshness_allows_four_scrapes() {
    assert_eq!(freshness_limit(seconds(120), None), seconds(120));
    assert_eq!(freshness_limit(seconds(120), Some(seconds(30))), seconds(120));
    assert_eq!(freshness_limit(seconds(120), Some(seconds(60))), seconds(240));
    assert_eq!(freshness_limit(seconds(120), Some(Duration::MAX)), Duration::MAX);
}

#[test]
fn targets_are_down_from_their_share_on() {
    let rows = [
        ((0, 0, 0.5), None),
        ((10, 10, 0.5), None),
        ((10, 6, 0.5), None),
        ((10, 5, 0.5), Some(Cause::TargetsDown)),
        ((10, 1, 0.5), Some(Cause::TargetsDown)),
        ((10, 0, 0.5), Some(Cause::AllTargetsDown)),
        ((1, 0, 1.0), Some(Cause::AllTargetsDown)),
        ((10, 1, 1.0), None),
        ((10, 9, 0.1), Some(Cause::TargetsDown)),
        // Nothing is down, so nothing is found, even when no share is allowed.
        ((10, 10, 0.0), None),
        ((10, 11, 0.0), None),
    ];
    for ((series, up, share), wanted) in rows {
        assert_eq!(targets(series, up, share), wanted, "{up} of {series}, {share}");
    }
}

#[test]
fn clocks_may_differ_either_way() {
    for (skew, wanted) in [
        (0.0, None),
        (30.0, None),
        (-30.0, None),
        (30.001, Some(Cause::ClockSkew)),
        (-30.001, Some(Cause::ClockSkew)),
        (f64::INFINITY, Some(Cause::ClockSkew)),
        (f64::NAN, None),
    ] {
        assert_eq!(clock_skew(skew, seconds(30)), wanted, "{skew}");
    }
}

#[test]
fn retention_is_compared_where_it_is_a_time() {
    let month = Some(seconds(30 * 86_400));
    for (kept, asked, wanted) in [
        ("15d", month, Some(Cause::RetentionShort)),
        ("15d or 10GiB", month, Some(Cause::RetentionShort)),
        ("4w1d", month, Some(Cause::RetentionShort)),
        ("30d", month, None),
        ("1y", month, None),
        ("15d", None, None),
        ("10GiB", month, None),
        ("", month, None),
        ("for ever", month, None),
    ] {
        assert_eq!(retention(kept, asked), wanted, "{kept}");
    }
}

#[test]
fn certificates_expire_by_their_life() {
    let fortnight = seconds(14 * 86_400);
    let second = seconds(1);
    let rule = |life, left| tls_expiring(day(1000) - life, day(1000), day(1000) - left, fortnight);
    let year = seconds(365 * 86_400);
    assert_eq!(rule(year, fortnight), None);
    assert_eq!(rule(year, fortnight - second), Some(Cause::TlsExpiring));
    // A tenth of 90 days is 9.
    assert_eq!(rule(seconds(90 * 86_400), seconds(9 * 86_400)), None);
    assert_eq!(rule(seconds(90 * 86_400), seconds(9 * 86_400) - second), Some(Cause::TlsExpiring));
    assert_eq!(rule(seconds(86_400), seconds(3600 * 3)), None);
    assert_eq!(rule(year, Duration::ZERO), Some(Cause::TlsExpiring));
    // Dates in the wrong order, and one that has passed, are the handshake's to report.
    assert_eq!(tls_expiring(day(9), day(5), day(1), fortnight), None);
    assert_eq!(tls_expiring(day(1), day(5), day(6), fortnight), None);
}

fn compare(a: (u64, &[u64]), b: (u64, &[u64])) -> Agreement {
    let forth = agreement(answered(a), answered(b));
    assert_eq!(agreement(answered(b), answered(a)), forth, "neither side comes first");
    forth
}

fn answered((series, identities): (u64, &[u64])) -> Answered<'_> {
    Answered { series, identities }
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..to).collect()
}

#[test]
fn overlap_tells_another_prometheus() {
    let ten = range(0, 10);
    let against = |other: &[u64]| compare((10, &ten), (other.len() as u64, other));
    assert_eq!(against(&ten), Agreement::Same(1.0));
    assert_eq!(against(&range(5, 15)), Agreement::Same(0.5));
    assert_eq!(against(&range(6, 16)), Agreement::Differs(Cause::DifferentPrometheus, 0.4));
    assert_eq!(against(&range(20, 30)), Agreement::Differs(Cause::DifferentPrometheus, 0.0));
    // One side within the other: a replica that lags, or a selector of Grafana's own.
    assert_eq!(against(&range(0, 3)), Agreement::Same(1.0));
}

#[test]
fn few_identities_tell_only_that_nothing_is_shared() {
    assert_eq!(compare((0, &[]), (0, &[])), Agreement::TooFew);
    assert_eq!(compare((5, &[]), (5, &[1, 2, 3, 4, 5])), Agreement::TooFew);
    assert_eq!(compare((2, &[1, 2]), (2, &[2, 3])), Agreement::TooFew);
    assert_eq!(
        compare((2, &[1, 2]), (2, &[3, 4])),
        Agreement::Differs(Cause::DifferentPrometheus, 0.0)
    );
    assert_eq!(compare((3, &[1, 2, 3]), (3, &[1, 2, 3])), Agreement::Same(1.0));
}

#[test]
fn counts_differ_by_more_than_a_tenth_and_two() {
    let (left, right) = (range(0, 20), range(1, 24));
    let overlap = 19.0 / 20.0;
    // 20 and 23: 3 apart, 13 %.
    assert_eq!(
        compare((20, &left), (23, &right)),
        Agreement::Differs(Cause::AnswersDiffer, overlap)
    );
    // 2 apart is nothing, and neither is a tenth.
    assert_eq!(compare((20, &left), (22, &range(1, 23))), Agreement::Same(overlap));
    assert_eq!(compare((200, &left), (180, &right)), Agreement::Same(overlap));
    // 21 of 201.
    assert_eq!(
        compare((201, &left), (180, &right)),
        Agreement::Differs(Cause::AnswersDiffer, overlap)
    );
    // One contains the other: a lag explains it.
    assert_eq!(compare((20, &left), (40, &range(0, 40))), Agreement::Same(1.0));
}

/// Of two large Prometheus the smallest hashes are kept; what lies above them is unknown, not
/// different.
#[test]
fn capped_sets_are_compared_within_their_bounds() {
    let cap = MAX_IDENTITIES as u64;
    let all: Vec<u64> = (0..cap * 2).map(|n| n * 2).collect();
    let capped = &all[..MAX_IDENTITIES];
    assert_eq!(compare((cap * 2, capped), (cap * 2, capped)), Agreement::Same(1.0));
    // A small one whose hashes all lie above the bound cannot be compared.
    assert_eq!(compare((cap * 2, capped), (3, &all[all.len() - 3..])), Agreement::TooFew);
    let foreign: Vec<u64> = capped.iter().map(|n| n + 1).collect();
    assert_eq!(
        compare((cap * 2, capped), (cap * 2, &foreign)),
        Agreement::Differs(Cause::DifferentPrometheus, 0.0)
    );
}
