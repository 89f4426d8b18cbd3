//! Every way in which a receiver fails, and what somebody reads who has to mend it.

use std::net::IpAddr;

use reqwest::header::{HeaderName, HeaderValue};
use rustls::ClientConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::link::{Auth, TlsOptions};
use crate::net::testing::certificates::{
    Authority, Files, HOST, Pair, Serving, acceptor, expired, params,
};
use crate::net::testing::{RawServer, hold};
use crate::net::tls::trust::Trust;
use crate::push::Ways;
use crate::push::send::Target;
use crate::secret::Secret;

/// All names are this machine's.
struct Here;

impl Ways for Here {
    async fn addresses(&self, _host: &str) -> Result<Vec<IpAddr>, String> {
        Ok(vec![[127, 0, 0, 1].into()])
    }

    fn tls(&self, options: &TlsOptions) -> Result<ClientConfig, String> {
        Trust::default().client(options)?.config()
    }

    fn namespace(&self) -> Option<String> {
        None
    }
}

fn place(is_secret: bool, signs_in: bool) -> Place {
    let url = Url::parse("https://h.example:9093/am/T0SECRET?key=k3yk3yk3y").unwrap();
    let auth = signs_in.then(|| Auth::Scheme {
        scheme: "Bearer".to_owned(),
        credentials: Secret::Value("t".to_owned()),
    });
    Place::new(&url, is_secret, &HttpOptions { auth, ..HttpOptions::default() }, None)
}

#[test]
fn each_answer_that_is_not_good_says_where_it_came_from_and_what_to_do() {
    let lines =
        || Lines { location: Some("https://login.example/".to_owned()), ..Lines::default() };
    let mut told = String::new();
    for (status, signs_in, text) in [
        (200, false, "ok"),
        (302, false, ""),
        (400, false, "Client sent an HTTP request to an HTTPS server."),
        (400, false, "bad request"),
        (401, false, ""),
        (401, true, ""),
        (403, false, "invalid_token"),
        (404, false, "no team"),
        (407, false, ""),
        (418, false, ""),
        (429, false, ""),
        (500, false, ""),
        (503, false, ""),
    ] {
        let said = place(true, signs_in).said(status, lines(), text);
        assert_eq!(said.is_good(), status == 200, "{status}");
        told += &format!("{}\n", said.words);
    }
    // Where the URL is no secret, the path is shown that was asked.
    let url = Url::parse("http://am.example:9093/api/v2/alerts").unwrap();
    let alertmanager = Place::new(&url, false, &HttpOptions::default(), None);
    told += &format!("{}\n", alertmanager.said(404, Lines::default(), "").words);
    expect_test::expect![[r#"
        answered 200. Its words: ok
        https://h.example:9093/<secret> answered 302; it redirects to https://login.example/, which is not followed: give the url where it ends, or basic_auth or authorization if that is a login page
        https://h.example:9093/<secret> answered 400; TLS is spoken there: write https:// in its url. Its words: Client sent an HTTP request to an HTTPS server.
        https://h.example:9093/<secret> answered 400; it refuses what alarms say: check that its url is of something that takes what Alertmanager sends. Its words: bad request
        https://h.example:9093/<secret> answered 401; it wants credentials: set basic_auth or authorization, or renew a token that is in its url
        https://h.example:9093/<secret> answered 401; it refuses the credentials: correct basic_auth or authorization, or what they may do there
        https://h.example:9093/<secret> answered 403; it wants credentials: set basic_auth or authorization, or renew a token that is in its url. Its words: invalid_token
        https://h.example:9093/<secret> answered 404; nothing takes alarms at that path: check that its path is whole, and was not revoked. Its words: no team
        https://h.example:9093/<secret> answered 407; the proxy wants credentials: set proxy_basic_auth
        https://h.example:9093/<secret> answered 418; check that its url is of something that takes alarms
        https://h.example:9093/<secret> answered 429; it is told too often: it is tried again later
        https://h.example:9093/<secret> answered 500; it failed: its own log has the reason
        https://h.example:9093/<secret> answered 503; what is behind it does not answer: check that it runs
        http://am.example:9093/api/v2/alerts answered 404; nothing takes alarms at that path: an Alertmanager with a route prefix has it in its url, as http://host:9093/prefix
    "#]].assert_eq(&told);
}

/// What `url` has to say, for which the name is `host`; the port stands as PORT.
async fn silence(url: &str, tls: TlsOptions) -> String {
    let http = HttpOptions { tls, ..HttpOptions::default() };
    let url = Secret::Value(url.to_owned());
    let target = Target::secret(&url, "url", &http).unwrap();
    match target.post(&Here, ("text/plain", "alert".to_owned())).await {
        Ok(said) => said.words,
        Err(says) => says,
    }
}

async fn tls_server(pair: Pair, serving: Serving) -> RawServer {
    let acceptor = acceptor(pair.chain(), &pair, serving);
    RawServer::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok();
            stream.shutdown().await.ok();
        }
    })
    .await
}

#[tokio::test]
async fn each_connection_that_fails_says_where_it_went_and_what_to_do() {
    let ours = Authority::new("ours");
    let files = Files::new();
    let trusting = || files.trusting(&ours.pem);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let plain = RawServer::start(async |mut stream: TcpStream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
    });
    let plain = plain.await;
    let closing = RawServer::start(async |stream: TcpStream| drop(stream)).await;
    let good = tls_server(ours.leaf(&[HOST]), Serving::default()).await;
    let old = ours.sign(&expired(params("leaf", &[HOST], false)));
    let old = tls_server(old, Serving::default()).await;
    let wants = Serving { clients: Some(ours.roots()), ..Serving::default() };
    let wants = tls_server(ours.leaf(&[HOST]), wants).await;
    let mut told = String::new();
    for (what, address, scheme, host, tls) in [
        ("refused", free, "http", HOST, TlsOptions::default()),
        ("closed", closing.address, "http", HOST, TlsOptions::default()),
        ("TLS to a plain port", plain.address, "https", HOST, trusting()),
        ("plain to a TLS port", good.address, "http", HOST, TlsOptions::default()),
        ("unknown authority", good.address, "https", HOST, TlsOptions::default()),
        ("expired", old.address, "https", HOST, trusting()),
        ("another name", good.address, "https", "other.example", trusting()),
        ("client certificate", wants.address, "https", HOST, trusting()),
        ("good", good.address, "https", HOST, trusting()),
    ] {
        let port = address.port();
        let says = silence(&format!("{scheme}://{host}:{port}/T0SECRET"), tls).await;
        told += &format!("{what}: {}\n", says.replace(&format!(":{port}"), ":PORT"));
    }
    expect_test::expect![[r#"
        refused: http://prometheus.example:PORT/<secret>: Connection refused; check that it runs, and the port of its url
        closed: http://prometheus.example:PORT/<secret>: the connection was closed without an answer; check what listens there, and whether it speaks TLS as its url says
        TLS to a plain port: https://prometheus.example:PORT/<secret>: no TLS is spoken there; write http:// in its url, or the port that speaks TLS
        plain to a TLS port: http://prometheus.example:PORT/<secret>: what answers speaks no HTTP; if it speaks TLS, write https:// in its url; else check the port
        unknown authority: https://prometheus.example:PORT/<secret>: its certificate is of an unknown authority; set tls_config.ca_file to the certificate of that authority
        expired: https://prometheus.example:PORT/<secret>: its certificate has expired; who runs it has to renew it
        another name: https://other.example:PORT/<secret>: its certificate is for another name; write that name in its url, or set tls_config.server_name
        client certificate: https://prometheus.example:PORT/<secret>: it wants a client certificate; set tls_config.cert_file and key_file
        good: answered 200
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_told_apart_from_a_port_that_does() {
    let server = RawServer::start(hold).await;
    let short = Duration::from_millis(50);
    let tls = Trust::default().client(&TlsOptions::default()).unwrap().config().unwrap();
    let client = || reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls.clone());
    let (patient, hasty) = (client().timeout(short), client().connect_timeout(short));
    let mut told = String::new();
    for (scheme, client) in [("http", patient), ("https", hasty)] {
        let url = format!("{scheme}://{}/T0SECRET", server.address);
        let error = client.build().unwrap().get(&url).send().await.unwrap_err();
        let place = |proxy: Option<&str>| {
            let url = Url::parse(&url).unwrap();
            let proxy = proxy.map(str::to_owned);
            Place::new(&url, true, &HttpOptions::default(), proxy).silent(&error)
        };
        told += &format!("{}\n{}\n", place(None), place(Some("http://proxy:3128")));
    }
    let told = told.replace(&format!(":{}", server.address.port()), ":PORT");
    expect_test::expect![[r#"
        http://127.0.0.1:PORT/<secret>: no answer in time; check that it runs, and is not overloaded
        http://127.0.0.1:PORT/<secret>: no answer in time; check that it runs, and is not overloaded
        https://127.0.0.1:PORT/<secret>: no connection in time; check host, port, NetworkPolicies, firewalls
        https://127.0.0.1:PORT/<secret> through the proxy http://proxy:3128: no connection in time; check host, port, NetworkPolicies, firewalls, or the proxy and no_proxy
    "#]].assert_eq(&told);
}

#[test]
fn a_receiver_may_ask_for_patience_within_a_bound() {
    let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    for (retry, date, patience) in [
        ("30", None, Some(30)),
        ("3600", None, Some(120)),
        ("Thu, 01 Jan 1970 00:17:00 GMT", None, Some(20)),
        // By its own clock.
        ("Thu, 01 Jan 1970 00:17:00 GMT", Some("Thu, 01 Jan 1970 00:16:50 GMT"), Some(10)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None, None),
        ("soon", None, None),
        ("-1", None, None),
    ] {
        let value = |text| HeaderValue::from_str(text).unwrap();
        let headers: Vec<(HeaderName, HeaderValue)> = [(RETRY_AFTER, Some(retry)), (DATE, date)]
            .into_iter()
            .filter_map(|(name, text)| Some((name, value(text?))))
            .collect();
        let lines = Lines::of(&headers.into_iter().collect(), ours);
        assert_eq!(lines.patience, patience.map(Duration::from_secs), "{retry}");
    }
}
