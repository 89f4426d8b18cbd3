//! The board, event by event.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::*;
use crate::diagnosis::diagnose;
use crate::expose::Shown;
use crate::link::alarm::{AlarmRules, AlarmTiming};
use crate::link::sample::{grafana, link};
use crate::link::{DatasourceRef, GrafanaName, Link};
use crate::report::cause::Cause;
use crate::report::check::Check;
use crate::report::sample::{report, started_at};
use crate::report::seen::DatasourceSeen;
use crate::report::verdict::Side;
use crate::report::{Report, Trigger};
use snapshot::EndAlarm;

const ONE: &str = "link";

fn at(seconds: u64) -> Now {
    Now::at(Duration::from_secs(seconds))
}

fn set(links: Vec<Link>) -> LinkSet {
    let names = ["main", "other"].map(|name| (GrafanaName::new(name), grafana(name)));
    LinkSet::merge(links, &[], BTreeMap::from(names), 5)
}

fn two_paths(name: &str) -> Link {
    link(name, Some("prom"), Some("main"))
}

fn board(links: Vec<Link>) -> Board {
    let mut board = Board::new(at(0));
    board.set(&set(links), at(0));
    board
}

/// A cycle of `name` that saw that, and ended at that second.
fn cycle(board: &mut Board, name: &str, second: u64, went: (&str, &str)) -> Vec<Transition> {
    end(board, name, started_at(second, report(went.0, went.1)))
}

fn end(board: &mut Board, name: &str, report: Report) -> Vec<Transition> {
    let report = Report { link: LinkName::new(name), ..report };
    let now = report.started;
    let cycle = LatestCycle { diagnosis: diagnose(&report), report };
    board.observe(Event::Cycled(Box::new(cycle)), now)
}

/// As many cycles as it takes to be believed.
fn twice(board: &mut Board, name: &str, second: u64, went: (&str, &str)) -> Vec<Transition> {
    let mut transitions = cycle(board, name, second, went);
    transitions.extend(cycle(board, name, second + 1, went));
    transitions
}

fn beat(board: &mut Board, second: u64) -> Vec<Transition> {
    board.observe(Event::Beat, at(second))
}

fn view(board: &mut Board, name: &str) -> Arc<LinkView> {
    Arc::clone(board.snapshot(at(0)).link(name).unwrap())
}

fn verdict(board: &mut Board) -> Verdict {
    view(board, ONE).published.verdict
}

const OK: (&str, &str) = ("passed", "passed");
const REFUSED: (&str, &str) =
    ("tcp/connection_refused reached", "grafana_query/connection_refused reached");
const GRAFANA_DOWN: (&str, &str) = ("passed", "tcp/connection_refused");
const TOKEN: (&str, &str) = ("passed", "auth/token_rejected reached");

// --- links come, change and go

#[test]
fn a_new_link_is_unknown_and_all_zero() {
    let mut board = board(vec![two_paths(ONE)]);
    let snapshot = board.snapshot(at(5));
    assert_eq!(snapshot.at, at(5));
    assert_eq!(snapshot.links.len(), 1);
    let view = snapshot.link(ONE).unwrap();
    assert_eq!(view.published.verdict, Verdict::Unknown);
    assert_eq!(view.info.prometheus_url.as_deref(), Some("http://prom:9090"));
    assert_eq!(view.info.datasource_uid.as_deref(), Some("prom"));
    assert!(view.latest.is_none() && view.history.is_empty() && view.tally.cycles == 0);
    assert!(view.tally.failures.iter().any(|(_, check, _)| *check == Check::GrafanaQuery));
}

#[test]
fn links_are_sorted_by_name() {
    let mut board = board(["b", "a", "c"].map(two_paths).to_vec());
    let names: Vec<String> =
        board.snapshot(at(0)).links.iter().map(|view| view.name.to_string()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn links_that_stay_keep_everything_and_links_that_go_take_it_with_them() {
    let mut board = board(["a", "b"].map(two_paths).to_vec());
    for name in ["a", "b"] {
        twice(&mut board, name, 0, REFUSED);
    }
    let mut slower = two_paths("a");
    slower.cadence.interval = Duration::from_secs(60);
    board.set(&set(vec![slower, two_paths("c")]), at(10));

    assert_eq!(board.snapshot(at(10)).links.len(), 2);
    let kept = view(&mut board, "a");
    assert_eq!(kept.published.verdict, Verdict::Broken);
    assert_eq!((kept.tally.cycles, kept.history.len()), (2, 2));
    assert!(kept.latest.is_some());
    assert_eq!(kept.info.interval.as_secs(), 60);
    assert_eq!(view(&mut board, "c").published.verdict, Verdict::Unknown);
    assert_eq!(cycle(&mut board, "b", 15, OK), [], "its last cycle was still on its way");
}

#[test]
fn a_redirected_link_keeps_what_is_published_until_something_new_is_confirmed() {
    let mut board = board(vec![two_paths(ONE)]);
    twice(&mut board, ONE, 0, REFUSED);
    board.set(&set(vec![link(ONE, Some("elsewhere"), Some("main"))]), at(10));

    let redirected = view(&mut board, ONE);
    assert_eq!(redirected.published.verdict, Verdict::Broken);
    assert!(redirected.latest.is_none(), "nothing was seen of the new end");
    assert_eq!(redirected.info.prometheus_url.as_deref(), Some("http://elsewhere:9090"));
    assert_eq!(board.snapshot(at(10)).servers[0].up, None);

    twice(&mut board, ONE, 15, TOKEN);
    assert_eq!(verdict(&mut board), Verdict::Blind, "no stickiness across endpoints");
}

// --- what is logged

#[test]
fn each_change_of_what_is_published_is_told_once() {
    let mut board = board(vec![two_paths(ONE)]);
    let told = |transitions: Vec<Transition>| -> Vec<(Verdict, Verdict, Option<Cause>, u64)> {
        let tell = |t: Transition| {
            assert_eq!(t.link.as_str(), ONE);
            assert_eq!(t.next_step.is_empty(), t.fault.is_none());
            (t.from, t.to, t.fault.map(|fault| fault.cause), t.since.mono.as_secs())
        };
        transitions.into_iter().map(tell).collect()
    };
    use Verdict as V;
    let refused = Some(Cause::ConnectionRefused);
    let starting = ("query/starting reached", "grafana_query/starting");
    assert_eq!(told(cycle(&mut board, ONE, 0, OK)), [(V::Unknown, V::Working, None, 0)]);
    assert_eq!(told(cycle(&mut board, ONE, 15, OK)), []);
    assert_eq!(told(cycle(&mut board, ONE, 30, REFUSED)), []);
    assert_eq!(told(cycle(&mut board, ONE, 31, REFUSED)), [(V::Working, V::Broken, refused, 0)]);
    assert_eq!(told(cycle(&mut board, ONE, 45, starting)), []);
    let changed = (V::Broken, V::Broken, Some(Cause::Starting), 31);
    assert_eq!(told(cycle(&mut board, ONE, 60, starting)), [changed]);
    assert_eq!(told(cycle(&mut board, ONE, 75, OK)), [(V::Broken, V::Working, None, 31)]);
}

// --- which cycles count

#[test]
fn a_cycle_by_request_refreshes_raw_series_only() {
    for trigger in [Trigger::Request, Trigger::Reload, Trigger::LateAnswer] {
        let mut board = board(vec![two_paths(ONE)]);
        cycle(&mut board, ONE, 0, OK);
        for second in 1..5 {
            let (direct, grafana) = REFUSED;
            let asked = Report { trigger, ..started_at(second, report(direct, grafana)) };
            end(&mut board, ONE, asked);
        }
        let view = view(&mut board, ONE);
        assert_eq!(view.published.verdict, Verdict::Working);
        assert_eq!(view.tally.cycles, 5);
        assert_eq!(view.latest.as_ref().unwrap().diagnosis.verdict, Verdict::Broken);
        assert_eq!(view.history.last().unwrap().trigger, trigger);
        assert_eq!(board.snapshot(at(5)).servers[0].up, Some(true));
    }
}

#[test]
fn a_panic_is_promlinks_own_fault_and_no_word_about_the_link() {
    let mut board = board(vec![two_paths(ONE)]);
    cycle(&mut board, ONE, 0, OK);
    let panic =
        |board: &mut Board, second| board.observe(Event::Panicked(LinkName::new(ONE)), at(second));
    assert_eq!(panic(&mut board, 15), []);
    let transition = panic(&mut board, 30).remove(0);
    assert_eq!((transition.from, transition.to), (Verdict::Working, Verdict::Blind));
    let fault = transition.fault.unwrap();
    assert_eq!((fault.cause, fault.side, fault.path), (Cause::Internal, Side::Promlink, None));
    cycle(&mut board, ONE, 45, OK);
    assert_eq!(verdict(&mut board), Verdict::Working);
}

#[test]
fn missed_ticks_are_counted() {
    let mut board = board(vec![two_paths(ONE)]);
    assert_eq!(board.observe(Event::Missed(LinkName::new(ONE), 3), at(1)), []);
    board.observe(Event::Missed(LinkName::new(ONE), 1), at(2));
    assert_eq!(view(&mut board, ONE).tally.missed, 4);
}

// --- too old

#[test]
fn a_link_whose_cycles_do_not_end_is_overdue() {
    let mut board = board(vec![two_paths(ONE)]);
    cycle(&mut board, ONE, 10, OK);
    // Three intervals of 15 s and a timeout of 5 s.
    assert_eq!(beat(&mut board, 60), []);
    assert_eq!(board.snapshot(at(60)).servers[0].up, Some(true));
    let transition = beat(&mut board, 61).remove(0);
    assert_eq!((transition.from, transition.to), (Verdict::Working, Verdict::Blind));
    assert_eq!(transition.fault.unwrap().cause, Cause::Overdue);
    assert_eq!(board.snapshot(at(61)).servers[0].up, None);
    assert_eq!(beat(&mut board, 62), [], "told once");

    assert_eq!(cycle(&mut board, ONE, 70, OK).len(), 1);
    assert_eq!(verdict(&mut board), Verdict::Working);
}

#[test]
fn a_link_whose_first_cycle_never_ends_is_overdue_as_well() {
    let mut board = board(vec![two_paths(ONE)]);
    assert_eq!(beat(&mut board, 50), []);
    assert_eq!(beat(&mut board, 51).len(), 1);
    assert_eq!(verdict(&mut board), Verdict::Blind);
}

#[test]
fn withdrawing_leaves_a_0_where_it_is() {
    let mut board = board(vec![two_paths(ONE)]);
    twice(&mut board, ONE, 0, REFUSED);
    assert_eq!(beat(&mut board, 52), [], "broken stays broken");
    let view = view(&mut board, ONE);
    assert_eq!(view.published.verdict, Verdict::Broken);
    assert_eq!(view.published.cannot_check_since, Some(at(52)));
    assert_eq!(board.snapshot(at(52)).servers[0].up, Some(false));
}

// --- seconds, outages, history

#[test]
fn seconds_count_by_what_was_published() {
    let mut board = board(vec![two_paths(ONE)]);
    cycle(&mut board, ONE, 5, OK);
    twice(&mut board, ONE, 15, ("passed", "grafana_query/connection_refused"));
    cycle(&mut board, ONE, 30, TOKEN);
    cycle(&mut board, ONE, 45, OK);
    cycle(&mut board, ONE, 60, OK);
    let tally = view(&mut board, ONE).tally.clone();
    // Unknown until 5, broken from 16 to 45, although nobody could check it since 30.
    assert_eq!(tally.verdict_seconds, [5.0, 11.0 + 15.0, 0.0, 0.0, 29.0]);
    assert_eq!(tally.outages[Side::Datasource as usize], 1);
    assert_eq!(tally.outages.iter().sum::<u64>(), 1);
}

#[test]
fn the_history_tells_each_cycle_with_its_sentence() {
    let mut board = board(vec![two_paths(ONE)]);
    cycle(&mut board, ONE, 0, OK);
    cycle(&mut board, ONE, 15, REFUSED);
    let history = &view(&mut board, ONE).history;
    assert_eq!(history.len(), 2);
    assert!(history[0].summary.is_empty());
    assert!(history[1].summary.starts_with("Prometheus refused the connection"));
    assert_eq!(history[1].fault.unwrap().cause, Cause::ConnectionRefused);
}

// --- the floor

#[test]
fn one_lost_cycle_between_good_ones_shows_in_the_raw_series_only() {
    let mut board = board(vec![two_paths(ONE)]);
    let mut transitions = cycle(&mut board, ONE, 0, OK);
    let stall = ("query/no_response reached", "grafana_query/no_response");
    transitions.extend(cycle(&mut board, ONE, 15, stall));
    let raw = view(&mut board, ONE);
    assert_eq!(raw.published.verdict, Verdict::Working);
    assert!(raw.tally.failures.contains(&(Path::Direct, Check::Query, 1)));
    transitions.extend(cycle(&mut board, ONE, 20, OK));
    assert_eq!(transitions.len(), 1, "unknown to working, and nothing else");
}

#[test]
fn broken_then_the_token_expires_as_well() {
    let mut board = board(vec![two_paths(ONE)]);
    cycle(&mut board, ONE, 0, OK);
    let source = ("passed", "grafana_query/connection_refused");
    twice(&mut board, ONE, 15, source);
    let mut now = 16;
    while now < 300 {
        now += 15;
        cycle(&mut board, ONE, now, ("passed", "auth/token_expired reached"));
        beat(&mut board, now);
    }
    let view = view(&mut board, ONE);
    assert_eq!(view.published.verdict, Verdict::Broken);
    assert_eq!(view.published.fault.unwrap().cause, Cause::ConnectionRefused);
    assert_eq!(view.published.cannot_check_since, Some(at(31)));
    assert!(view.alarm.broken.is_some(), "and it keeps alarming");
    assert!(board.snapshot(at(now)).grafanas[0].alarm_blind.is_none());
}

// --- Grafanas and servers

#[test]
fn each_distinct_server_and_each_grafana_is_told_of() {
    let mut board = board(vec![
        link("a", Some("prom"), Some("main")),
        link("b", Some("prom"), None),
        link("c", Some("another"), Some("main")),
    ]);
    twice(&mut board, "a", 0, REFUSED);
    cycle(&mut board, "b", 0, ("passed", "absent"));
    twice(&mut board, "c", 0, ("tcp/connection_timeout", "tcp/connection_refused"));

    let snapshot = board.snapshot(at(2));
    let servers: Vec<(&str, Option<bool>)> =
        snapshot.servers.iter().map(|view| (view.server.as_str(), view.up)).collect();
    // One link passes at `prom`, so it is up; nobody can tell of the other.
    assert_eq!(servers, [("another:9090", None), ("prom:9090", Some(true))]);
    let grafanas: Vec<(&str, Option<bool>)> =
        snapshot.grafanas.iter().map(|view| (view.name.as_str(), view.up)).collect();
    assert_eq!(grafanas, [("main", Some(true)), ("other", None)]);
    assert_eq!(snapshot.grafanas[0].url, "http://main:3000");
}

#[test]
fn what_grafana_told_is_remembered_while_it_is_silent() {
    let mut board = board(vec![two_paths(ONE)]);
    let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    let mut told = report("passed", "passed");
    let seen = &mut told.grafana.as_mut().unwrap().first.seen;
    seen.version = Some("12.1.0".to_owned());
    seen.token_not_after = Some(expiry);
    seen.datasource = Some(DatasourceSeen {
        uid: "u1\n".into(),
        name: "Prom\u{202e}".into(),
        ..Default::default()
    });
    end(&mut board, ONE, told);
    twice(&mut board, ONE, 15, GRAFANA_DOWN);

    let snapshot = board.snapshot(at(20));
    let main = &snapshot.grafanas[0];
    assert_eq!((main.version.as_deref(), main.up), (Some("12.1.0"), Some(false)));
    assert_eq!(main.token_not_after, Some(expiry));
    let info = &snapshot.link(ONE).unwrap().info;
    assert_eq!(info.datasource_uid.as_deref(), Some("u1"));
    assert_eq!(info.datasource_name.as_deref(), Some("Prom"));

    board.set(&set(vec![two_paths(ONE), two_paths("new")]), at(30));
    assert_eq!(board.snapshot(at(30)).grafanas[0].version.as_deref(), Some("12.1.0"));
}

#[test]
fn identities_do_not_outlive_their_cycle() {
    let mut board = board(vec![two_paths(ONE)]);
    let mut report = report("passed", "passed");
    report.direct.as_mut().unwrap().first.seen.identities = Some(vec![1; 4096]);
    end(&mut board, ONE, report);
    let latest = view(&mut board, ONE).latest.clone().unwrap();
    assert_eq!(latest.report.direct.as_ref().unwrap().first.seen.identities, None);
}

// --- alarms

/// A board of that many links, of which one has been broken so for long enough.
fn alarmed(links: usize, went: (&str, &str)) -> Snapshot {
    let names: Vec<String> = (0..links).map(|n| format!("link-{n}")).collect();
    let mut board = board(names.iter().map(|name| two_paths(name)).collect());
    for name in names.iter().skip(1) {
        cycle(&mut board, name, 0, OK);
    }
    twice(&mut board, "link-0", 0, went);
    for second in 1..=1000 {
        if second % 15 == 0 {
            cycle(&mut board, "link-0", second, went);
        }
        beat(&mut board, second);
    }
    board.snapshot(at(1000))
}

/// All alarms that stand.
fn alarms(snapshot: &Snapshot) -> Vec<String> {
    let mut told = Vec::new();
    for link in snapshot.links.iter() {
        for (word, alarm) in [("broken", &link.alarm.broken), ("degraded", &link.alarm.degraded)] {
            let cause = alarm.as_ref().map(|alarm| alarm.fault.unwrap().cause.code());
            told.extend(cause.map(|cause| format!("{} {word} {cause}", link.name)));
        }
    }
    for server in snapshot.servers.iter() {
        let one =
            |alarm: &EndAlarm| format!("server {} down, {} links", server.server, alarm.links);
        told.extend(server.alarms.iter().map(one));
    }
    for grafana in snapshot.grafanas.iter() {
        let one = |word: &str, alarm: &EndAlarm| {
            format!("grafana {} {word}, {} links", grafana.name, alarm.links)
        };
        told.extend(grafana.alarms_down.iter().map(|alarm| one("down", alarm)));
        told.extend(grafana.alarm_blind.iter().map(|alarm| one("blind", alarm)));
    }
    told
}

#[test]
fn a_crowd_is_decided_by_the_set_of_links_never_by_how_many_fail() {
    // The other links, whose cycles do not end, are overdue: that is another test's matter.
    let broken = |links, went| {
        let mut told = alarms(&alarmed(links, went));
        told.retain(|told| !told.contains("blind"));
        told
    };
    let own = ["link-0 broken connection_refused"];
    assert_eq!(broken(4, REFUSED), own);
    assert_eq!(broken(5, REFUSED), ["server prom:9090 down, 1 links"], "one of five fails");
    assert_eq!(broken(5, GRAFANA_DOWN), ["grafana main down, 1 links"]);
    let source = ("passed", "grafana_query/connection_refused");
    assert_eq!(broken(5, source), own, "not at an end's own hops");
}

#[test]
fn blind_is_one_alarm_of_the_grafana() {
    let blind = alarmed(1, TOKEN);
    assert_eq!(blind.links[0].published.verdict, Verdict::Blind);
    assert_eq!(alarms(&blind), ["grafana main blind, 1 links"]);
}

#[test]
fn a_link_that_joins_a_crowd_hands_its_alarm_over() {
    let mut board = board(vec![two_paths(ONE)]);
    twice(&mut board, ONE, 0, REFUSED);
    beat(&mut board, 200);
    cycle(&mut board, ONE, 200, REFUSED);
    assert_eq!(alarms(&board.snapshot(at(200))), ["link broken connection_refused"]);

    let crowd = ["a", "b", "c", "d", ONE].map(two_paths).to_vec();
    board.set(&set(crowd), at(210));
    assert_eq!(alarms(&board.snapshot(at(210))), ["server prom:9090 down, 1 links"]);
}

#[test]
fn each_team_has_an_alarm_of_its_own_of_a_server_that_all_share() {
    let team = |name: &str, team: &str| Link {
        labels: Arc::new(BTreeMap::from([("team".to_owned(), team.to_owned())])),
        ..two_paths(name)
    };
    let names = ["a", "b", "c", "d", "e", "f"];
    let links = names.map(|name| team(name, if name < "c" { "red" } else { "blue" }));
    let mut board = board(links.to_vec());
    for name in names {
        twice(&mut board, name, 0, REFUSED);
    }
    beat(&mut board, 200);
    let snapshot = board.snapshot(at(200));
    let told: Vec<_> =
        snapshot.servers[0].alarms.iter().map(|a| (&a.labels["team"], a.links)).collect();
    assert_eq!(told, [(&"blue".to_owned(), 4), (&"red".to_owned(), 2)]);
}

#[test]
fn a_link_that_wants_no_alarms_has_none_and_others_have_their_own_waits() {
    let mut silent = two_paths("silent");
    silent.alarms = Arc::new(AlarmRules { enabled: false, ..AlarmRules::default() });
    let mut fast = two_paths("fast");
    let timing = AlarmTiming { broken: Duration::ZERO, ..AlarmTiming::default() };
    fast.alarms = Arc::new(AlarmRules { timing, ..AlarmRules::default() });
    let mut board = board(vec![silent, fast, two_paths("usual")]);
    for name in ["silent", "fast", "usual"] {
        twice(&mut board, name, 0, REFUSED);
    }
    assert_eq!(alarms(&board.snapshot(at(1))), ["fast broken connection_refused"]);
    beat(&mut board, 200);
    let both = ["fast broken connection_refused", "usual broken connection_refused"];
    assert_eq!(alarms(&board.snapshot(at(200))), both);
}

#[test]
fn an_alarm_keeps_its_beginning_and_the_name_that_it_began_with_and_tells_the_latest_cause() {
    let mut by_name = two_paths(ONE);
    by_name.grafana.as_mut().unwrap().datasource = DatasourceRef::Name("Prometheus".to_owned());
    let mut board = board(vec![by_name]);
    twice(&mut board, ONE, 0, GRAFANA_DOWN);
    beat(&mut board, 130);
    let began = view(&mut board, ONE).alarm.broken.clone().unwrap();
    assert_eq!((began.datasource_uid.as_deref(), began.since), (None, at(130)));

    let mut seen = report("passed", "grafana_query/connection_refused");
    let found = DatasourceSeen { uid: "u1".to_owned(), ..DatasourceSeen::default() };
    seen.grafana.as_mut().unwrap().first.seen.datasource = Some(found);
    for second in [140, 141] {
        end(&mut board, ONE, started_at(second, seen.clone()));
    }
    let view = view(&mut board, ONE);
    let now = view.alarm.broken.as_ref().unwrap();
    assert_eq!(view.info.datasource_uid.as_deref(), Some("u1"));
    assert_eq!((now.datasource_uid.as_deref(), now.since), (None, at(130)));
    assert_ne!(now.summary, began.summary);
}

// --- snapshots

#[test]
fn only_views_that_changed_are_made_anew() {
    let names: Vec<String> = (0..10_000).map(|n| format!("link-{n:05}")).collect();
    let mut board = board(names.iter().map(|name| two_paths(name)).collect());
    let first = board.snapshot(at(0));
    let again = board.snapshot(at(1));
    assert!(Arc::ptr_eq(&first.links, &again.links), "nothing happened");

    cycle(&mut board, "link-00007", 2, OK);
    let second = board.snapshot(at(3));
    let same = |n: usize| Arc::ptr_eq(&first.links[n], &second.links[n]);
    assert_eq!((0..10_000).filter(|n| !same(*n)).collect::<Vec<_>>(), [7]);
    assert!(!Arc::ptr_eq(&first.servers, &second.servers), "its server is up now");

    cycle(&mut board, "link-00007", 4, OK);
    let third = board.snapshot(at(5));
    assert!(Arc::ptr_eq(&second.servers, &third.servers));
    assert!(Arc::ptr_eq(&second.grafanas, &third.grafanas));

    assert_eq!(beat(&mut board, 6), []);
    let fourth = board.snapshot(at(6));
    assert!(Arc::ptr_eq(&third.links, &fourth.links), "a beat alone changes nothing");
}

#[test]
fn a_reload_is_told_and_a_bad_one_changes_nothing_else() {
    let mut board = board(vec![two_paths(ONE)]);
    board.observe(Event::Reloaded { ok: false }, at(10));
    let bad = board.snapshot(at(10)).config;
    assert!(!bad.last_reload_successful);
    assert_eq!(bad.last_success, at(0).wall);
    board.observe(Event::Reloaded { ok: true }, at(20));
    let good = board.snapshot(at(20)).config;
    assert!(good.last_reload_successful);
    assert_eq!(good.last_success, at(20).wall);
}

#[test]
fn a_found_link_is_told_by_the_name_that_people_know() {
    let mut found = two_paths("main/P8E8");
    found.datasource_name = Some("Prometheus\u{202e}\nEU".to_owned());
    let mut board = board(vec![found]);
    let shown = board.snapshot(at(0)).link("main/P8E8").unwrap().info.datasource_name.clone();
    assert_eq!(shown.as_deref(), Some("Prometheus EU"), "before Grafana is asked");
    let transitions = twice(&mut board, "main/P8E8", 0, GRAFANA_DOWN);
    let told = &transitions.last().unwrap().summary;
    assert!(told.starts_with("Prometheus EU: "), "{told}");
    let snapshot = board.snapshot(at(2));
    let shown = Shown::published(snapshot.link("main/P8E8").unwrap());
    assert_eq!(shown.summary(), *told);
}

#[test]
fn a_data_source_by_its_name_shows_that_name() {
    let mut by_name = two_paths(ONE);
    by_name.grafana.as_mut().unwrap().datasource = DatasourceRef::Name("Prometheus".to_owned());
    let info = view(&mut board(vec![by_name]), ONE).info.clone();
    assert_eq!(info.datasource_name.as_deref(), Some("Prometheus"));
    assert_eq!(info.datasource_uid, None);
}

#[test]
fn a_links_view_leaves_room_for_evidence() {
    let fixed = size_of::<LinkView>() + size_of::<LatestCycle>() + history::MAX_BYTES;
    assert!(fixed <= 7 * 1024, "{fixed} of the 8 KiB that a view may have");
}
