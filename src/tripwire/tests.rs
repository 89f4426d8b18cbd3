//! Real connections to a listener that closes when told.

use tokio::net::TcpListener;

use super::*;
use crate::link::sample;

const SECOND: Duration = Duration::from_secs(1);

/// Whether this link is told to look, soon.
async fn is_pulled(held: &mut Held) -> bool {
    timeout(SECOND, held.pulled()).await.is_ok()
}

/// Whether nobody is, for as long as a connection on this machine would need many times over.
async fn is_quiet(held: &mut Held) -> bool {
    timeout(SECOND / 10, held.pulled()).await.is_err()
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let accepted = timeout(5 * SECOND, listener.accept()).await;
    accepted.expect("a wire is armed").unwrap().0
}

#[tokio::test]
async fn one_connection_for_all_and_one_link_that_looks_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Some(listener.local_addr().unwrap());
    let wires = Tripwires::default();
    let mut links: Vec<Held> = (0..100).map(|_| Held::default()).collect();
    for held in &mut links {
        held.learn(&wires, None);
        assert!(held.wire.is_none(), "a server that was never reached has none");
        held.learn(&wires, server);
    }
    let stream = accept(&listener).await;
    assert!(timeout(SECOND / 10, listener.accept()).await.is_err(), "one connection for all");
    assert!(is_quiet(&mut links[0]).await);

    drop((stream, listener));
    let [first, second, others @ ..] = links.as_mut_slice() else { panic!("a hundred") };
    assert!(is_pulled(first).await);
    assert!(is_quiet(second).await, "one looks for all");
    first.learn(&wires, None);
    assert!(is_quiet(first).await, "it has looked");
    second.learn(&wires, None);
    assert!(is_quiet(second).await, "its own cycle was a look");
    let [third, others @ ..] = others else { panic!("a hundred") };
    assert!(is_pulled(third).await);
    third.learn(&wires, None);
    assert!(is_quiet(third).await, "one look each");
    for held in others {
        assert!(is_pulled(held).await);
    }
}

#[tokio::test]
async fn an_end_that_the_server_outlives_wakes_nobody_else_and_pauses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Some(listener.local_addr().unwrap());
    let wires = Tripwires::default();
    let (mut first, mut second) = (Held::default(), Held::default());
    first.learn(&wires, server);
    second.learn(&wires, server);
    drop(accept(&listener).await);
    assert!(is_pulled(&mut first).await);
    first.learn(&wires, server);
    assert!(is_quiet(&mut second).await);
    for _ in 0..100 {
        first.learn(&wires, server);
    }
    let again = timeout(SECOND / 2, listener.accept()).await;
    assert!(again.is_err(), "a server that closes at once is left alone for a while");
}

#[tokio::test]
async fn a_server_that_comes_back_is_watched_again_and_one_that_nobody_wants_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let wires = Tripwires::default();
    let mut held = Held::default();
    held.learn(&wires, Some(address));
    let mut stream = accept(&listener).await;
    // What is said before closing is not the end.
    stream.try_write(b"HTTP/1.1 408 Request Timeout\r\n\r\n").unwrap();
    assert!(is_quiet(&mut held).await);
    drop(stream);
    assert!(is_pulled(&mut held).await);
    held.learn(&wires, None);
    assert!(
        timeout(SECOND / 10, listener.accept()).await.is_err(),
        "it is gone, as far as we know"
    );
    held.learn(&wires, Some(address));
    stream = accept(&listener).await;

    drop(held);
    let mut rest = [0; 1];
    let read = timeout(SECOND, stream.read(&mut rest)).await;
    assert_eq!(read.expect("the connection ends with its last link").unwrap(), 0);
}

#[test]
fn how_soon_again() {
    let seconds = Duration::from_secs;
    let normal = Rhythm::default();
    let quick = |rhythm: Rhythm| rhythm.after(SECOND, Some(true));
    let pauses: Vec<u64> =
        std::iter::successors(Some(quick(normal)), |rhythm| Some(quick(*rhythm)))
            .map(|rhythm| rhythm.pause.as_secs())
            .take(6)
            .collect();
    assert_eq!(pauses, [15, 30, 60, 120, 240, 240]);
    let rows = [
        // lived, answers, renew, pause
        (60, Some(true), 48, 0),
        (10, Some(true), 8, 0),
        (300, Some(true), 240, 0),
        (60, Some(false), 240, 0),
        (1, Some(false), 240, 0),
        (1, None, 240, 0),
    ];
    for (lived, answers, renew, pause) in rows {
        let expected = Rhythm { renew: seconds(renew), pause: seconds(pause) };
        assert_eq!(normal.after(seconds(lived), answers), expected, "{lived} {answers:?}");
        // A pause ends with a long life or a death.
        assert_eq!(quick(normal).after(seconds(lived), answers), expected, "{lived} {answers:?}");
    }
}

#[test]
fn not_through_a_proxy_and_only_where_it_is_wanted() {
    let mut link = sample::link("a", Some("prometheus"), None);
    assert!(!wants(&link));
    link.tripwire = true;
    assert!(wants(&link));
    let end = link.prometheus.as_mut().unwrap();
    let url = sample::endpoint("proxy", 3128).url;
    end.http.proxy = Some(Proxy { url, auth: None, no_proxy: Vec::new() });
    assert!(!wants(&link));
    let end = link.prometheus.as_mut().unwrap();
    end.http.proxy.as_mut().unwrap().no_proxy.push("prometheus".to_owned());
    assert!(wants(&link));
    link.prometheus = None;
    assert!(!wants(&link));
}
