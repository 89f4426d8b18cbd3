use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::{collection, num};

use super::*;
use crate::clock;
use crate::net::testing::{RawServer, hold, request, reset, soon};

#[test]
fn exceptions_are_matched_as_go_does() {
    for (list, host, port, expected) in [
        ("", "prometheus", 9090, false),
        ("", "localhost", 9090, false),
        ("x", "localhost", 9090, true),
        ("x", "127.0.0.1", 9090, true),
        ("x", "::1", 9090, true),
        ("*", "prometheus", 9090, true),
        ("*", "10.0.0.7", 9090, true),
        ("example.com", "example.com", 80, true),
        ("example.com", "a.example.com", 80, true),
        ("example.com", "A.Example.Com", 80, true),
        ("example.com", "notexample.com", 80, false),
        (".example.com", "a.example.com", 80, true),
        (".example.com", "example.com", 80, false),
        ("*.example.com", "a.b.example.com", 80, true),
        ("*.example.com", "example.com", 80, false),
        (" Example.COM ", "example.com", 80, true),
        ("example.com:80", "example.com", 80, true),
        ("example.com:80", "a.example.com", 80, true),
        ("example.com:80", "example.com", 81, false),
        (".svc", "prometheus.monitoring.svc", 9090, true),
        ("10.0.0.7", "10.0.0.7", 80, true),
        ("10.0.0.7", "10.0.0.70", 80, false),
        ("10.0.0.7:80", "10.0.0.7", 80, true),
        ("10.0.0.7:80", "10.0.0.7", 81, false),
        ("10.0.0.0/8", "10.1.2.3", 80, true),
        ("10.0.0.0/8", "11.1.2.3", 80, false),
        ("10.1.2.3/8", "10.200.0.1", 80, true),
        ("0.0.0.0/0", "192.0.2.1", 80, true),
        ("0.0.0.0/0", "2001:db8::1", 80, false),
        ("10.0.0.0/8", "10.example.com", 80, false),
        ("10.0.0.0/33", "10.0.0.1", 80, false),
        ("192.0.2.1/32", "192.0.2.1", 80, true),
        ("fd00::/8", "fd12::1", 80, true),
        ("::/0", "fd12::1", 80, true),
        ("fd00::7", "fd00::7", 80, true),
        ("[fd00::7]:80", "fd00::7", 80, true),
        ("[fd00::7]:80", "fd00::7", 81, false),
        (":80", "example.com", 80, false),
        ("", "example.com", 80, false),
        ("com", "10.0.0.7", 80, false),
        ("7", "10.0.0.7", 80, false),
    ] {
        let entries: Vec<_> =
            list.split(',').filter(|e| !e.is_empty()).map(str::to_owned).collect();
        assert_eq!(bypass(&entries, host, port), expected, "{list:?} {host} {port}");
    }
}

#[test]
fn any_entry_may_match() {
    let entries = ["".to_owned(), "a.example".to_owned(), "10.0.0.0/8".to_owned()];
    assert!(bypass(&entries, "10.0.0.7", 80));
    assert!(bypass(&entries, "a.example", 80));
    assert!(!bypass(&entries, "b.example", 80));
}

proptest::proptest! {
    #[test]
    fn any_entry_is_matched_without_panic(entry in ".*", host in ".*", port in 0_u16..) {
        let bypassed = bypass(&[entry], &host, port);
        proptest::prop_assert!(bypassed || host != "localhost");
    }

    #[test]
    fn any_head_is_read_without_panic(head in collection::vec(num::u8::ANY, 0..64)) {
        proptest::prop_assert!(status(&head).is_none_or(|(status, _)| status >= 100));
    }
}

/// A proxy that answers CONNECT with these bytes, and then sends back what comes in.
async fn proxy(answer: &'static [u8], heard: Arc<Mutex<String>>) -> RawServer {
    RawServer::start(move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            let text = request(&mut stream).await;
            *heard.lock().unwrap() = text;
            stream.write_all(answer).await.ok();
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.ok();
        }
    })
    .await
}

async fn asked(answer: &'static [u8]) -> Result<TcpStream, ProxyFailure> {
    let server = proxy(answer, Arc::default()).await;
    tunnel(server.connect().await, "prometheus.example:9090", None, soon()).await
}

#[tokio::test]
async fn a_tunnel_carries_bytes() {
    let heard = Arc::default();
    let server =
        proxy(b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", Arc::clone(&heard)).await;
    let stream = server.connect().await;
    let authorization = Some("Basic QWxhZGRpbg==");
    let mut stream = tunnel(stream, "[fd00::7]:9090", authorization, soon()).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"ping");
    assert_eq!(
        *heard.lock().unwrap(),
        "CONNECT [fd00::7]:9090 HTTP/1.1\r\nHost: [fd00::7]:9090\r\n\
         Proxy-Authorization: Basic QWxhZGRpbg==\r\n\r\n"
    );
}

#[tokio::test]
async fn a_refusal_keeps_its_status() {
    for (answer, status, says) in [
        (&b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!"[..], 403, "Forbidden"),
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            407,
            "Proxy Authentication Required",
        ),
        (b"HTTP/1.1 502\r\n\r\n", 502, ""),
    ] {
        let refused = ProxyFailure::Refused { status, says: says.to_owned() };
        assert_eq!(asked(answer).await.unwrap_err(), refused);
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_told() {
    let endless = [b'x'; PROXY_HEAD_BYTES + 1];
    for answer in [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(),
        b"HTTP/1.1 ok\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\n\r\nspoken out of turn".to_vec(),
        [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &endless].concat(),
    ] {
        assert_eq!(asked(answer.leak()).await.unwrap_err(), ProxyFailure::Malformed);
    }
}

#[tokio::test]
async fn silence_closing_and_resetting_are_told_apart() {
    let ask = async |server: &RawServer, deadline| {
        tunnel(server.connect().await, "a:1", None, deadline).await.unwrap_err()
    };
    let silent = RawServer::start(hold).await;
    let deadline = clock::deadline(Duration::from_millis(100));
    assert_eq!(ask(&silent, deadline).await, ProxyFailure::Timeout);

    let closing = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200").await.unwrap();
    })
    .await;
    assert_eq!(ask(&closing, soon()).await, ProxyFailure::Closed);

    let resetting = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        reset(stream);
    })
    .await;
    assert_eq!(ask(&resetting, soon()).await, ProxyFailure::Reset);
}

/// Fuzz target.
#[test]
fn fuzz_heads() {
    let seed = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
    crate::fuzz::run(vec![seed.to_vec()], |head| {
        let Some((status, says)) = status(head) else { return };
        assert!((100..1000).contains(&status));
        assert!(head.starts_with(b"HTTP/1."));
        assert!(says.len() <= 3 * head.len());
    });
}
