use tokio::sync::mpsc;

use super::*;

/// Signals that are sent by hand.
async fn guarded(signals: &[(u64, Signal)], grace: u64) -> (Duration, Option<Abort>) {
    let (send, mut receive) = mpsc::channel(4);
    let drain = CancellationToken::new();
    let start = crate::clock::deadline(Duration::ZERO);
    let script = async {
        for (at, signal) in signals {
            tokio::time::sleep_until(start + Duration::from_secs(*at)).await;
            send.send(*signal).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let next = async || receive.recv().await.unwrap();
    let guard = guard(next, drain.clone(), Duration::from_secs(grace));
    let drained = async {
        drain.cancelled().await;
        start.elapsed()
    };
    let both = async { tokio::join!(drained, guard) };
    tokio::select! {
        () = script => unreachable!(),
        (drained, abort) = both => (drained, Some(abort)),
        () = tokio::time::sleep(Duration::from_secs(1000)) => (start.elapsed(), None),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_drains_and_the_second_aborts() {
    use Signal::{Interrupt, Terminate};
    let (drained, abort) = guarded(&[(5, Terminate), (7, Interrupt)], 10).await;
    assert_eq!(drained, Duration::from_secs(5));
    assert_eq!(abort, Some(Abort::Again(Interrupt)));
    assert_eq!(Abort::Again(Interrupt).exit_code(), 130);
    assert_eq!(Abort::Again(Terminate).exit_code(), 143);
}

#[tokio::test(start_paused = true)]
async fn draining_has_a_bound() {
    let (drained, abort) = guarded(&[(5, Signal::Terminate), (16, Signal::Terminate)], 10).await;
    assert_eq!((drained, abort), (Duration::from_secs(5), Some(Abort::GraceOver)));
}

#[tokio::test(start_paused = true)]
async fn without_a_signal_nothing_ends() {
    assert_eq!(guarded(&[], 10).await, (Duration::from_secs(1000), None));
}
