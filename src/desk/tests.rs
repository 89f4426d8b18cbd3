use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::{advance, sleep};

use super::*;
use crate::clock;

/// A result that says when it was found and whether it is good.
#[derive(Debug)]
struct Found {
    began: Now,
    ended: Now,
    good: bool,
}

impl Finding for Found {
    fn span(&self) -> (Now, Now, bool) {
        (self.began, self.ended, self.good)
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Asks `shared` now, by the usual rule; finding out takes `takes`.
async fn ask(shared: &Shared<Found>, ran: &AtomicU32, takes: Duration, good: bool) {
    let wants = Wants { asked: clock::now(), max_age: 7 * SECOND, not_before: None };
    ask_for(shared, wants, ran, takes, good).await;
}

async fn ask_for(
    shared: &Shared<Found>,
    wants: Wants,
    ran: &AtomicU32,
    takes: Duration,
    good: bool,
) -> Option<Arc<Found>> {
    let run = async {
        ran.fetch_add(1, Ordering::Relaxed);
        let began = clock::now();
        sleep(takes).await;
        Found { began, ended: clock::now(), good }
    };
    shared.get(wants, clock::deadline(5 * SECOND), run).await
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_share_one_result_good_or_bad() {
    for good in [true, false] {
        let (shared, ran) = (Shared::default(), AtomicU32::new(0));
        let one = || ask(&shared, &ran, SECOND, good);
        futures_util::future::join3(one(), one(), one()).await;
        assert_eq!(ran.into_inner(), 1, "good: {good}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_result_is_reused_while_young_and_a_bad_one_never() {
    let (shared, ran) = (Shared::default(), AtomicU32::new(0));
    ask(&shared, &ran, Duration::ZERO, true).await;
    advance(6 * SECOND).await;
    ask(&shared, &ran, Duration::ZERO, true).await;
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    advance(2 * SECOND).await;
    ask(&shared, &ran, Duration::ZERO, false).await;
    assert_eq!(ran.load(Ordering::Relaxed), 2);
    advance(SECOND).await;
    ask(&shared, &ran, Duration::ZERO, true).await;
    assert_eq!(ran.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_confirming_cycle_takes_nothing_that_began_before_the_one_it_confirms_ended() {
    let (shared, ran) = (Shared::default(), AtomicU32::new(0));
    ask(&shared, &ran, Duration::ZERO, true).await;
    advance(SECOND).await;
    let ended = clock::now();
    let wants = Wants { asked: ended, max_age: 7 * SECOND, not_before: Some(ended) };
    ask_for(&shared, wants, &ran, Duration::ZERO, true).await;
    assert_eq!(ran.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_asker_passes_the_turn_on_and_a_late_one_gives_up() {
    let (shared, ran) = (Shared::default(), AtomicU32::new(0));
    {
        let hanging = ask(&shared, &ran, 100 * SECOND, true);
        let wants = Wants { asked: clock::now(), max_age: SECOND, not_before: None };
        let waiting = ask_for(&shared, wants, &ran, Duration::ZERO, true);
        tokio::select! {
            biased;
            () = hanging => panic!("hangs"),
            found = waiting => assert!(found.is_none(), "the turn was not free in time"),
        }
    }
    let wants = Wants { asked: clock::now(), max_age: SECOND, not_before: None };
    assert!(ask_for(&shared, wants, &ran, Duration::ZERO, true).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_forgotten_and_what_is_newer_stays() {
    let (shared, ran) = (Shared::default(), AtomicU32::new(0));
    let wants = || Wants { asked: clock::now(), max_age: 7 * SECOND, not_before: None };
    let stale = ask_for(&shared, wants(), &ran, Duration::ZERO, true).await.unwrap();
    shared.forget(&stale).await;
    let newer = ask_for(&shared, wants(), &ran, Duration::ZERO, true).await.unwrap();
    shared.forget(&stale).await;
    let again = ask_for(&shared, wants(), &ran, Duration::ZERO, true).await.unwrap();
    assert!(Arc::ptr_eq(&newer, &again));
    assert_eq!(ran.into_inner(), 2);
}

#[tokio::test(start_paused = true)]
async fn slots_are_few_and_come_back() {
    let desk = Desk::new(crate::link::sample::grafana("grafana"));
    let soon = || clock::deadline(SECOND);
    let mut held = Vec::new();
    for _ in 0..SLOTS {
        held.push(desk.slot(soon()).await.unwrap());
    }
    assert!(desk.slot(soon()).await.is_none(), "busy");
    held.pop();
    assert!(desk.slot(soon()).await.is_some());
    let outliving: Vec<_> = (0..OUTLIVING).filter_map(|_| desk.leave_to_outlive()).collect();
    assert_eq!(outliving.len(), OUTLIVING);
    assert!(desk.leave_to_outlive().is_none());
}

/// Grafana locks an administrator whose password is shown wrongly too often.
#[test]
fn a_reload_is_no_reason_to_show_the_same_login_again() {
    let grafana = |change: fn(&mut Grafana)| {
        let mut grafana = Grafana::clone(&crate::link::sample::grafana("grafana"));
        grafana.bootstrap = Some(Auth::bearer("login".to_owned()));
        change(&mut grafana);
        Arc::new(grafana)
    };
    let before = Desk::new(grafana(|_| {}));
    before.with_own(|own| own.not_before = Some(SECOND));
    let waits = |change| Desk::new(grafana(change)).heir_of(&before).with_own(|own| own.not_before);
    assert_eq!(waits(|grafana| grafana.all_addresses = true), Some(SECOND));
    assert_eq!(waits(|grafana| grafana.bootstrap = Some(Auth::bearer("new".to_owned()))), None);
    assert_eq!(waits(|grafana| grafana.org_id = Some(7)), None);
}

#[test]
fn users_fare_as_two_readings_of_one_process_say() {
    let at = |seconds| Now::at(Duration::from_secs(seconds));
    let reading = |seconds, page, process, good, downstream| {
        let queries = Queries { process: Some(process), good, downstream, ..Queries::default() };
        Reading { page, queries, at: at(seconds) }
    };
    const QUARTER: Duration = Duration::from_secs(15);
    let mut users = Users::default();
    assert_eq!(users.take_turn(at(0), QUARTER), Some(Page::Plugin));
    assert_eq!(users.take_turn(at(59), QUARTER), None, "somebody else has the turn");
    users.note(reading(1, Page::Grafana, 7.0, 100, 0));
    assert_eq!(users.words(at(1)), None, "one reading says nothing");
    assert_eq!(users.take_turn(at(60), QUARTER), Some(Page::Grafana), "where they were");
    users.note(reading(61, Page::Grafana, 7.0, 160, 20));
    let told = |users: &Users, now| users.words(at(now)).unwrap_or_default();
    assert!(told(&users, 61).starts_with("20 of 80 "), "{}", told(&users, 61));
    assert!(told(&users, 106).contains("in 60 s until 45 s ago"), "{}", told(&users, 106));
    assert_eq!(told(&users, 181), "", "too old");
    // Another replica answers; and one that has begun anew may have its plugin elsewhere.
    users.note(reading(121, Page::Grafana, 8.0, 900, 90));
    assert_eq!(told(&users, 121), "");
    assert_eq!(users.take_turn(at(121), QUARTER), Some(Page::Plugin));
    users.note(reading(181, Page::Plugin, 8.0, 1000, 100));
    assert_eq!(told(&users, 181), "", "two pages have nothing to do with each other");
    users.note_none(at(181));
    assert_eq!(users.take_turn(at(780), QUARTER), None);
    assert_eq!(users.take_turn(at(781), QUARTER), Some(Page::Plugin));
}
