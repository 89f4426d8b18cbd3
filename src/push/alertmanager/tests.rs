//! What is on the wire, second by second.

use super::*;
use crate::clock::Now;

fn at(seconds: u64) -> Now {
    Now::at(Duration::from_secs(seconds))
}

fn labels(name: &str) -> Labels {
    Labels::from([("alertname".to_owned(), name.to_owned())])
}

fn over(names: &[&str]) -> BTreeSet<Labels> {
    names.iter().map(|name| labels(name)).collect()
}

fn alert(name: &str, since: u64) -> Alert {
    Alert {
        labels: labels(name),
        annotations: BTreeMap::from([("summary", format!("{name} is bad"))]),
        since: at(since),
        wait: Duration::from_secs(120),
        longest: Duration::from_secs(120),
    }
}

/// Name, start and end, in minutes and seconds after the beginning.
fn told(ledger: &Ledger, now: u64, skew: Skew) -> Vec<String> {
    let clock = |text: &str| text.get(14..19).unwrap().to_owned();
    let one = |wire: Wire| {
        let starts = wire.starts_at.as_deref().map_or("?".to_owned(), clock);
        format!("{} {starts} {}", wire.labels["alertname"], clock(&wire.ends_at))
    };
    ledger.wire(at(now), skew).into_iter().map(one).collect()
}

#[test]
fn what_stands_outlives_a_restart_and_what_ended_is_said_for_a_while() {
    let mut ledger = Ledger::new(Resolve::Immediate);
    assert!(!ledger.take(&[], &over(&[]), at(0)));
    assert_eq!(told(&ledger, 0, Skew::default()), [""; 0]);
    assert!(ledger.take(&[alert("a", 60)], &over(&[]), at(60)));
    // A quarter of an hour, and the time that it had to hold.
    assert_eq!(told(&ledger, 60, Skew::default()), ["a 01:00 18:00"]);
    assert!(!ledger.take(&[alert("a", 60)], &over(&[]), at(120)), "no news");
    assert_eq!(told(&ledger, 120, Skew::default()), ["a 01:00 19:00"]);
    let mut other = alert("a", 60);
    other.annotations.insert("summary", "another cause".to_owned());
    assert!(!ledger.take(&[other.clone()], &over(&[]), at(130)), "other words can wait");
    assert_eq!(ledger.wire(at(130), Skew::default())[0].annotations, other.annotations);

    assert!(ledger.take(&[], &over(&[]), at(200)));
    assert_eq!(told(&ledger, 200, Skew::default()), ["a 01:00 03:20"]);
    ledger.take(&[], &over(&[]), at(200 + 899));
    assert_eq!(told(&ledger, 200 + 899, Skew::default()), ["a 01:00 03:20"]);
    ledger.take(&[], &over(&[]), at(200 + 900));
    assert_eq!(told(&ledger, 200 + 900, Skew::default()), [""; 0]);
}

#[test]
fn what_begins_again_has_not_ended() {
    let mut ledger = Ledger::new(Resolve::Immediate);
    ledger.take(&[alert("a", 0)], &over(&[]), at(0));
    ledger.take(&[], &over(&[]), at(60));
    assert!(ledger.take(&[alert("a", 70)], &over(&[]), at(70)));
    assert_eq!(told(&ledger, 70, Skew::default()), ["a 01:10 18:10"]);
}

#[test]
fn several_promlinks_let_alerts_end_by_themselves() {
    let mut ledger = Ledger::new(Resolve::Expire);
    ledger.take(&[alert("a", 0)], &over(&["b"]), at(0));
    assert_eq!(told(&ledger, 0, Skew::default()), ["a 00:00 04:00"]);
    assert!(!ledger.take(&[], &over(&["b"]), at(60)), "nobody says that it is over");
    assert_eq!(told(&ledger, 60, Skew::default()), [""; 0]);
}

/// A restart may find a cause that has to wait longer than the one that was told.
#[test]
fn an_alert_lives_until_it_could_stand_again_after_a_restart() {
    let minutes = |count: u64| Duration::from_secs(count * 60);
    for (resolve, wait, longest, lives) in [
        (Resolve::Immediate, 2, 30, 45),
        (Resolve::Immediate, 90, 120, 105),
        (Resolve::Immediate, 2, 720 * 60, 75),
        (Resolve::Expire, 2, 30, 4),
        (Resolve::Expire, 15, 30, 17),
        (Resolve::Expire, 720 * 60, 720 * 60, 62),
    ] {
        let mut ledger = Ledger::new(resolve);
        let (wait, longest) = (minutes(wait), minutes(longest));
        ledger.take(&[Alert { wait, longest, ..alert("a", 0) }], &over(&[]), at(0));
        let wire = ledger.wire(at(0), Skew::default());
        assert_eq!(
            wire[0].ends_at,
            rfc3339(at(0).plus(minutes(lives)).wall),
            "{resolve:?} {wait:?}"
        );
    }
}

#[test]
fn a_difference_of_clocks_is_shown_with_its_direction() {
    for (theirs, ours, shown) in [(300, 0, "+300 s"), (0, 300, "-300 s"), (1, 0, "0 s")] {
        assert_eq!(Skew::between(at(theirs).wall, at(ours).wall).to_string(), shown);
    }
}

#[test]
fn what_may_have_stood_before_a_restart_is_taken_back() {
    let mut ledger = Ledger::new(Resolve::Immediate);
    assert!(ledger.take(&[alert("a", 5)], &over(&["a", "b"]), at(5)));
    assert_eq!(told(&ledger, 5, Skew::default()), ["a 00:05 17:05", "b ? 00:05"]);
    assert!(!ledger.take(&[alert("a", 5)], &over(&["b"]), at(10)), "once");
    ledger.take(&[alert("a", 5)], &over(&[]), at(905));
    assert_eq!(told(&ledger, 905, Skew::default()), ["a 00:05 32:05"]);
}

/// `captures/alertmanager-0.25/get-alerts.http`, and what is no list.
#[test]
fn what_alertmanager_has_is_known_by_its_labels() {
    let answer = r#"[{"annotations":{},"endsAt":"2026-11-22T09:28:27.534Z","fingerprint":"4fbce442ddbd975b","receivers":[{"name":"hook"}],"startsAt":"2026-11-22T09:28:07.534Z","status":{"inhibitedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"2026-11-22T09:28:07.534Z","labels":{"alertname":"V1"}}]"#;
    assert_eq!(held(answer), over(&["V1"]));
    let two = answer.replacen('[', r#"[{"labels":{"alertname":"V0"}} , "#, 1);
    assert_eq!(held(&two), over(&["V0", "V1"]));
    for cut in [2, 200] {
        assert_eq!(
            held(two.get(..two.len() - cut).unwrap()),
            over(&["V0"]),
            "the end was not read"
        );
    }
    for other in ["", "<html>", "{}", "[{}]"] {
        assert_eq!(held(other), over(&[]), "{other}");
    }
}

#[test]
fn times_are_alertmanager_s() {
    let mut ledger = Ledger::new(Resolve::Expire);
    ledger.take(&[alert("a", 1200)], &over(&[]), at(1200));
    let ahead = Skew::between(at(300).wall, at(0).wall);
    assert_eq!(told(&ledger, 1200, ahead), ["a 25:00 29:00"]);
    let behind = Skew::between(at(0).wall, at(300).wall);
    assert_eq!(told(&ledger, 1200, behind), ["a 15:00 19:00"]);
    assert!(ahead.differs(behind) && ahead.differs(Skew::default()));
    // What the way of the answer takes, and the second of its date, is no difference.
    let near = Skew::between(at(2).wall, at(0).wall);
    assert_eq!(near, Skew::default());
    assert!(!Skew::between(at(301).wall, at(0).wall).differs(ahead));
}

#[test]
fn an_end_stays_in_the_past_where_our_clock_is_put_back() {
    let mut ledger = Ledger::new(Resolve::Immediate);
    ledger.take(&[alert("a", 0)], &over(&[]), at(3600));
    ledger.take(&[], &over(&[]), at(3600));
    // A minute later the wall clock shows what it showed half an hour before.
    let now = Now { wall: at(1800).wall, ..at(3660) };
    let wire = ledger.wire(now, Skew::default());
    assert_eq!(wire[0].ends_at, rfc3339(at(1740).wall));
}

#[test]
fn absurd_clocks_break_nothing() {
    let mut ledger = Ledger::new(Resolve::Immediate);
    ledger.take(&[alert("a", 0)], &over(&[]), at(60));
    for (theirs, starts, ends) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.000Z", "1970-01-01T00:17:00.000Z"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:58:59.000Z", "9999-12-31T23:59:59.000Z"),
    ] {
        let date = httpdate::parse_http_date(theirs).unwrap();
        let wire = ledger.wire(at(60), Skew::between(date, at(60).wall));
        assert_eq!(wire[0].starts_at.as_deref(), Some(starts));
        assert_eq!(wire[0].ends_at, ends);
    }
}

#[test]
fn the_wire_is_as_alertmanager_reads_it() {
    let mut ledger = Ledger::new(Resolve::Immediate);
    let mut one = alert("a", 0);
    one.annotations.insert("dashboard_url", "https://promlink.example.org/".to_owned());
    ledger.take(&[one], &over(&["b"]), at(0));
    let json = serde_json::to_string(&ledger.wire(at(0), Skew::default())).unwrap();
    expect_test::expect![[r#"[{"labels":{"alertname":"a"},"annotations":{"dashboard_url":"https://promlink.example.org/","summary":"a is bad"},"startsAt":"2026-01-01T00:00:00.000Z","endsAt":"2026-01-01T00:17:00.000Z","generatorURL":"https://promlink.example.org/"},{"labels":{"alertname":"b"},"annotations":{},"endsAt":"2026-01-01T00:00:00.000Z"}]"#]]
    .assert_eq(&json);
}

/// Alertmanager refuses an alert that ends before it begins.
#[test]
fn nothing_ends_before_it_began_where_our_clock_is_put_back() {
    let mut ledger = Ledger::new(Resolve::Immediate);
    ledger.take(&[alert("a", 3600)], &over(&[]), at(3600));
    ledger.take(&[], &over(&[]), at(3660));
    let now = Now { wall: at(1800).wall, ..at(3660) };
    let wire = ledger.wire(now, Skew::default());
    assert_eq!(wire[0].starts_at.as_deref(), Some(wire[0].ends_at.as_str()));
}
