//! Answers that are none: each told apart from the others.

use super::*;
use crate::link::TlsOptions;
use crate::net::testing::certificates::{Authority, Files, HOST, Serving, acceptor};
use crate::net::tls::trust::Trust;

#[tokio::test]
async fn silence_is_no_response() {
    let server = RawServer::start(hold).await;
    let mut connection = open(&server).await;
    let result = connection.send(&get("/"), clock::deadline(millis(100))).await;
    assert_eq!(result, Err(HttpFailure::NoResponse));
    assert!(!connection.is_open());
    assert_eq!(connection.send(&get("/"), soon()).await, Err(HttpFailure::Closed));
}

#[tokio::test]
async fn half_a_head_is_no_response() {
    let server = answering("HTTP/1.1 200 OK\r\nContent-Le").await;
    let result = open(&server).await.send(&get("/"), clock::deadline(millis(100))).await;
    assert_eq!(result, Err(HttpFailure::NoResponse));
}

#[tokio::test]
async fn closing_before_an_answer_is_told_from_resetting() {
    assert_eq!(sent(&closing_after("").await).await, Err(HttpFailure::Closed));
    let half = closing_after("HTTP/1.1 200 OK\r\nContent-Le").await;
    assert_eq!(sent(&half).await, Err(HttpFailure::Closed));

    // Closed for sending from the start; still listening.
    let half_closed = RawServer::start(close).await;
    assert_eq!(sent(&half_closed).await, Err(HttpFailure::Closed));

    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        reset(stream);
    })
    .await;
    assert_eq!(sent(&server).await, Err(HttpFailure::Reset));
}

#[tokio::test]
async fn a_body_that_stops_is_told_from_one_that_is_slow() {
    for head in
        ["Content-Length: 100\r\n\r\n{\"a\"", "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n"]
    {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}");
        let read = b"{\"a\"".to_vec();
        let closed = sent(&closing_after(answer.as_str()).await).await;
        assert_eq!(
            closed,
            Err(HttpFailure::BodyClosed { status: 200, read: read.clone() }),
            "{head}"
        );

        let server = answering(answer.as_str()).await;
        let slow = open(&server).await.send(&get("/"), clock::deadline(millis(100))).await;
        assert_eq!(slow, Err(HttpFailure::BodyTimeout { status: 200, read }), "{head}");

        let server = RawServer::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                request(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                reset(stream);
            }
        })
        .await;
        assert_eq!(sent(&server).await, Err(HttpFailure::Reset), "{head}");
    }
}

#[tokio::test]
async fn a_slow_endless_body_is_cut_by_the_deadline() {
    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 503 Unavailable\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(millis(10)).await;
        }
    })
    .await;
    let result = open(&server).await.send(&get("/"), clock::deadline(millis(150))).await;
    let Err(HttpFailure::BodyTimeout { status: 503, read }) = result else { panic!("{result:?}") };
    assert!(!read.is_empty() && read.iter().all(|&byte| byte == b'x'));
}

#[tokio::test]
async fn what_breaks_the_rules_is_malformed() {
    for (answer, why) in [
        ("HTTP/1.1 999999 What\r\n\r\n", "status"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "header"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "gzip"),
    ] {
        let result = sent(&answering(answer).await).await;
        assert!(matches!(result, Err(HttpFailure::Malformed(_))), "{why}: {result:?}");
    }
}

#[tokio::test]
async fn whoever_speaks_first_speaks_no_http() {
    let server = RawServer::start(|mut stream| async move {
        stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        hold(stream).await;
    })
    .await;
    let stream = server.connect().await;
    stream.readable().await.unwrap();
    let result = Connection::open(stream.into()).await.unwrap().send(&get("/"), soon()).await;
    assert_eq!(result, Err(HttpFailure::NotHttp("220 mail.example ESMTP\r\n".to_owned())));
}

#[tokio::test]
async fn what_is_no_http_shows_its_beginning() {
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "-ERR unknown command\r\n", "\u{0}\u{0}\u{12}\u{4}"] {
        let result = sent(&answering(answer).await).await;
        assert_eq!(result, Err(HttpFailure::NotHttp(answer.to_owned())));
    }
}

#[tokio::test]
async fn an_answer_in_tls_is_known() {
    for alert in [&[0x15, 3, 1, 0, 2, 2, 70][..], &[0x15, 3, 3, 0, 2, 2, 10]] {
        assert_eq!(sent(&closing_after(alert).await).await, Err(HttpFailure::TlsSpoken));
    }
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let acceptor = acceptor(pair.chain(), &pair, Serving::default());
    let server = RawServer::start(move |stream| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(stream).await) }
    })
    .await;
    assert_eq!(sent(&server).await, Err(HttpFailure::TlsSpoken));
}

#[tokio::test]
async fn heads_have_an_end() {
    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ").await.ok();
        for _ in 0..10 << 10 {
            if stream.write_all(&[b'v'; 1024]).await.is_err() {
                return;
            }
        }
        panic!("all of it was taken");
    })
    .await;
    assert_eq!(sent(&server).await, Err(HttpFailure::HeadTooLarge));

    let many = "X: y\r\n".repeat(HEADERS + 1);
    let server = answering(format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await;
    assert_eq!(sent(&server).await, Err(HttpFailure::HeadTooLarge));
}

#[tokio::test]
async fn endless_interim_answers_have_an_end() {
    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        let interim = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(100);
        while stream.write_all(&interim).await.is_ok() {}
    })
    .await;
    assert_eq!(sent(&server).await, Err(HttpFailure::HeadTooLarge));
}

#[tokio::test]
async fn what_cannot_be_written_is_our_own_fault() {
    let server = RawServer::start(hold).await;
    let bad_header = ("X-A".to_owned(), "line\nbreak".to_owned());
    for request in [
        get("/with space"),
        Request { headers: vec![bad_header], ..get("/") },
        Request { headers: vec![("bad name".to_owned(), String::new())], ..get("/") },
    ] {
        let result = open(&server).await.send(&request, soon()).await;
        assert!(matches!(result, Err(HttpFailure::BadRequest(_))), "{result:?}");
    }
}

/// What one request over TLS gives, to a server that reads it, calls `answer` and hangs up.
async fn secured(
    serving: impl Fn(&Authority) -> Serving,
    options: impl Fn(&Files, &Authority) -> TlsOptions,
    answer: &'static [u8],
) -> Result<Response, HttpFailure> {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let acceptor = acceptor(pair.chain(), &pair, serving(&ca));
    let server = RawServer::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            stream.read_u8().await.ok();
            stream.write_all(answer).await.ok();
            stream.shutdown().await.ok();
            stream.read_to_end(&mut Vec::new()).await.ok();
        }
    })
    .await;
    let files = Files::new();
    let client = Trust::default().client(&options(&files, &ca)).unwrap();
    let shaken = client.handshake(server.connect().await, HOST, soon()).await;
    let stream = Stream::secured(shaken.result.unwrap(), &shaken.facts);
    let mut connection = Connection::open(stream).await.unwrap();
    connection.send(&get("/"), soon()).await
}

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

fn open_to_all(_: &Authority) -> Serving {
    Serving::default()
}

fn wanting_certificates(ca: &Authority) -> Serving {
    Serving { clients: Some(ca.roots()), ..Serving::default() }
}

fn taking_certificates(ca: &Authority) -> Serving {
    Serving { tolerant: true, ..wanting_certificates(ca) }
}

fn trusting(files: &Files, ca: &Authority) -> TlsOptions {
    files.trusting(&ca.pem)
}

#[tokio::test]
async fn tls_carries_http() {
    assert_eq!(secured(open_to_all, trusting, GOOD).await.unwrap().body, b"{}");
    assert_eq!(secured(open_to_all, trusting, b"").await, Err(HttpFailure::Closed));
}

#[tokio::test]
async fn a_missing_client_certificate_is_told_at_the_request() {
    let required = Err(HttpFailure::ClientCertificateRequired);
    assert_eq!(secured(wanting_certificates, trusting, b"").await, required);
    // Whoever asked for one and then hangs up has said it as well.
    assert_eq!(secured(taking_certificates, trusting, b"").await, required);
    assert_eq!(secured(taking_certificates, trusting, GOOD).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_refused_client_certificate_is_told_at_the_request() {
    let strange = |files: &Files, ca: &Authority| {
        files.showing(&ca.pem, &Authority::new("nobody").leaf(&["client"]))
    };
    let result = secured(wanting_certificates, strange, b"").await;
    assert!(matches!(result, Err(HttpFailure::ClientCertificateRefused(_))), "{result:?}");
}
