//! Answers that are whole, and connections that live on.

use std::io::Write;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

#[tokio::test]
async fn a_request_is_written_as_asked() {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&heard);
    let server = RawServer::start(move |mut stream| {
        let log = Arc::clone(&log);
        async move {
            loop {
                let text = request(&mut stream).await;
                log.lock().unwrap().push(text);
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    let mut connection = open(&server).await;
    let version = env!("CARGO_PKG_VERSION");

    connection.send(&get("/api/v1/query?query=up"), soon()).await.unwrap();
    let expected = format!(
        "GET /api/v1/query?query=up HTTP/1.1\r\nhost: prometheus.example:9090\r\n\
         accept: application/json\r\naccept-encoding: gzip\r\n\
         user-agent: promlink/{version}\r\n\r\n"
    );
    assert_eq!(heard.lock().unwrap().pop(), Some(expected));

    let post = Request {
        method: Verb::Post,
        headers: vec![
            ("Accept".to_owned(), "*/*".to_owned()),
            ("X-Scope-OrgID".to_owned(), "a".to_owned()),
        ],
        body: Some(("application/x-www-form-urlencoded", "query=up".to_owned())),
        // The form for a proxy.
        target: "http://prometheus.example:9090/api/v1/query".to_owned(),
        ..get("")
    };
    connection.send(&post, soon()).await.unwrap();
    let expected = format!(
        "POST http://prometheus.example:9090/api/v1/query HTTP/1.1\r\n\
         host: prometheus.example:9090\r\naccept: */*\r\nx-scope-orgid: a\r\n\
         accept-encoding: gzip\r\nuser-agent: promlink/{version}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 8\r\n\r\nquery=up"
    );
    assert_eq!(heard.lock().unwrap().pop(), Some(expected));
}

#[tokio::test]
async fn an_answer_has_its_parts() {
    let server = answering(
        "HTTP/1.1 422 Unprocessable Entity\r\nContent-Type: application/json\r\n\
         X-Odd: gr\u{fc}n\r\nContent-Length: 2\r\n\r\n{}",
    )
    .await;
    let response = sent(&server).await.unwrap();
    assert_eq!((response.status, response.body.as_slice(), response.cut), (422, &b"{}"[..], false));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-odd"), Some("gr\u{fc}n"));
    assert_eq!(response.header("x-other"), None);
}

#[tokio::test]
async fn the_first_byte_is_timed_apart_from_the_rest() {
    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        tokio::time::sleep(millis(60)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{").await.unwrap();
        tokio::time::sleep(millis(60)).await;
        stream.write_all(b"}").await.unwrap();
        hold(stream).await;
    })
    .await;
    let response = sent(&server).await.unwrap();
    assert!(response.first_byte >= millis(60), "{response:?}");
    assert!(response.took >= response.first_byte + millis(50), "{response:?}");
}

#[tokio::test]
async fn several_requests_share_a_connection() {
    let server = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    let mut connection = open(&server).await;
    for _ in 0..5 {
        assert!(connection.is_open());
        assert_eq!(connection.send(&get("/"), soon()).await.unwrap().body, b"{}");
    }
    assert!(connection.is_open());
}

#[tokio::test]
async fn a_server_that_says_close_is_believed() {
    let server =
        answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").await;
    let mut connection = open(&server).await;
    connection.send(&get("/"), soon()).await.unwrap();
    assert!(!connection.is_open());
    assert_eq!(connection.send(&get("/"), soon()).await, Err(HttpFailure::Stale));
}

#[tokio::test]
async fn a_server_that_closes_after_an_answer_is_no_fault() {
    let server = closing_after("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    let mut connection = open(&server).await;
    connection.send(&get("/"), soon()).await.unwrap();
    while connection.is_open() {
        tokio::task::yield_now().await;
    }
    let mut connection = open(&server).await;
    connection.send(&get("/"), soon()).await.unwrap();
    // Not looked at before: the next request finds out.
    assert_eq!(connection.send(&get("/"), soon()).await, Err(HttpFailure::Stale));
    assert!(!connection.is_open());
}

#[tokio::test]
async fn a_server_that_resets_after_an_answer_is_no_fault() {
    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
        request(&mut stream).await;
        reset(stream);
    })
    .await;
    let mut connection = open(&server).await;
    connection.send(&get("/"), soon()).await.unwrap();
    assert_eq!(connection.send(&get("/"), soon()).await, Err(HttpFailure::Stale));
}

#[tokio::test]
async fn http_1_0_without_headers_is_an_answer() {
    let server = closing_after(
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    )
    .await;
    let mut connection = open(&server).await;
    let response = connection.send(&get("/"), soon()).await.unwrap();
    assert_eq!((response.status, response.headers.len()), (400, 0));
    assert_eq!(response.body, b"Client sent an HTTP request to an HTTPS server.\n");
    assert!(!connection.is_open());
}

#[tokio::test]
async fn chunks_are_joined_and_interim_answers_passed_over() {
    let server = answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\n\
         Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: z\r\n\r\n",
    )
    .await;
    let mut connection = open(&server).await;
    let response = connection.send(&get("/"), soon()).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (200, &b"{}"[..]));
    assert!(connection.is_open());
}

#[tokio::test]
async fn gzip_is_undone_and_a_bomb_stops_at_the_cap() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 2 << 20]).unwrap();
    let packed = encoder.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    let server = answering([head.as_bytes(), &packed].concat()).await;

    let mut connection = open(&server).await;
    let request = Request { cap: 2 << 20, ..get("/") };
    let response = connection.send(&request, soon()).await.unwrap();
    assert_eq!((response.body.len(), response.cut), (2 << 20, false));
    assert!(connection.is_open());

    let response = connection.send(&get("/"), soon()).await.unwrap();
    assert_eq!((response.body.len(), response.cut), (CAP, true));
    assert!(!connection.is_open(), "what is left of it is nobody's");
}

#[tokio::test]
async fn a_redirect_that_says_gzip_has_no_body() {
    let server = answering(
        "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Encoding: gzip\r\n\
         Content-Length: 0\r\n\r\n",
    )
    .await;
    let response = sent(&server).await.unwrap();
    assert_eq!((response.status, response.header("location")), (302, Some("/login")));
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_cap() {
    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let response = sent(&server).await.unwrap();
    assert_eq!((response.body.len(), response.cut), (CAP, true));
}

#[tokio::test]
async fn a_body_in_the_smallest_of_chunks_is_cut_as_well() {
    let server = RawServer::start(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.ok();
        let chunks = b"1\r\nx\r\n".repeat(512);
        while stream.write_all(&chunks).await.is_ok() {}
    })
    .await;
    let request = Request { cap: 100_000, ..get("/") };
    let response = open(&server).await.send(&request, soon()).await.unwrap();
    assert!(response.cut);
    assert!((40_000..60_000).contains(&response.body.len()), "{}", response.body.len());
}

#[tokio::test]
async fn long_header_values_are_cut() {
    let long = "v".repeat(5000);
    let server =
        answering(format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\nContent-Length: 0\r\n\r\n")).await;
    let response = sent(&server).await.unwrap();
    assert_eq!(response.header("x-long").map(str::len), Some(HEADER_VALUE_BYTES));
}
