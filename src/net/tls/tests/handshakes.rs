//! Handshakes that work, and those that fail in one way or several.

use std::time::SystemTime;

use super::*;

fn certificate(problem: Problem) -> Option<TlsFailure> {
    Some(TlsFailure::Certificate(problem))
}

async fn problems(pair: &Pair, ca: &Authority, host: &str) -> (Option<TlsFailure>, TlsFacts) {
    let files = Files::new();
    let shaken = shake(&serve_pair(pair).await, &files.trusting(&ca.pem), host).await;
    (shaken.result.err(), shaken.facts)
}

#[tokio::test]
async fn a_good_certificate_is_trusted_and_described() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST, "10.0.0.7"]);
    let files = Files::new();
    let server = serve_pair(&pair).await;
    let shaken = shake(&server, &files.trusting(&ca.pem), HOST).await;
    let mut stream = shaken.result.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"pong");

    assert_eq!(shaken.facts.protocol, Some("TLSv1.3"));
    assert_eq!((shaken.facts.problems.len(), shaken.facts.client_certificate_asked), (0, false));
    let certificate = shaken.facts.certificate.unwrap();
    assert_eq!(certificate.names, [HOST, "10.0.0.7"]);
    assert!(certificate.subject.contains("leaf") && certificate.issuer.contains("ca"));
    let year = Duration::from_secs(31_557_600);
    assert!(certificate.not_before < SystemTime::UNIX_EPOCH + year * 51);
    assert!(certificate.not_after > SystemTime::UNIX_EPOCH + year * 119);
}

#[tokio::test]
async fn an_unknown_authority_is_told_and_the_certificate_kept() {
    let pair = Authority::new("theirs").leaf(&[HOST]);
    let (failure, facts) = problems(&pair, &Authority::new("ours"), HOST).await;
    assert_eq!(failure, certificate(Problem::UnknownCa));
    assert_eq!(facts.problems, [Problem::UnknownCa]);
    assert_eq!(facts.certificate.unwrap().names, [HOST]);
}

#[tokio::test]
async fn an_authority_that_was_made_anew_is_unknown() {
    let pair = Authority::new("ca").leaf(&[HOST]);
    let (failure, _) = problems(&pair, &Authority::new("ca"), HOST).await;
    assert_eq!(failure, certificate(Problem::UnknownCa));
}

#[tokio::test]
async fn dates_are_told_apart() {
    let ca = Authority::new("ca");
    let (failure, _) =
        problems(&ca.sign(&expired(params("leaf", &[HOST], false))), &ca, HOST).await;
    assert_eq!(failure, certificate(Problem::Expired));

    let mut future = params("leaf", &[HOST], false);
    future.not_before = date_time_ymd(2089, 1, 1);
    let (failure, _) = problems(&ca.sign(&future), &ca, HOST).await;
    assert_eq!(failure, certificate(Problem::NotYetValid));
}

#[tokio::test]
async fn an_ended_certificate_in_the_middle_counts() {
    let ca = Authority::new("ca");
    let middle = Authority::of(expired(params("middle", &[], true)), Some(&ca));
    let pair = middle.leaf(&[HOST]);
    let chain = [pair.chain(), vec![middle.der.clone()]].concat();
    let server = serve(chain, &pair, Serving::default()).await;
    let shaken = shake(&server, &Files::new().trusting(&ca.pem), HOST).await;
    assert_eq!(shaken.result.err(), certificate(Problem::Expired));
    assert_eq!(shaken.facts.problems, [Problem::Expired]);
}

#[tokio::test]
async fn an_ended_authority_counts_unless_a_current_one_has_its_key() {
    let mut ca = Authority::of(expired(params("ca", &[], true)), None);
    let pair = ca.leaf(&[HOST]);
    let (failure, facts) = problems(&pair, &ca, HOST).await;
    assert_eq!(failure, certificate(Problem::Expired));
    assert_eq!(facts.problems, [Problem::Expired]);

    let renewed = params("ca", &[], true).self_signed(ca.issuer.key()).unwrap();
    ca.pem.push_str(&renewed.pem());
    assert_eq!(problems(&pair, &ca, HOST).await.0, None);
}

#[tokio::test]
async fn a_chain_through_the_middle_is_trusted() {
    let ca = Authority::new("ca");
    let middle = Authority::of(params("middle", &[], true), Some(&ca));
    let pair = middle.leaf(&[HOST]);
    let chain = [pair.chain(), vec![middle.der.clone()]].concat();
    let server = serve(chain, &pair, Serving::default()).await;
    let files = Files::new();
    assert!(shake(&server, &files.trusting(&ca.pem), HOST).await.result.is_ok());

    // The server that forgets to send what is in the middle.
    let server = serve_pair(&pair).await;
    let shaken = shake(&server, &files.trusting(&ca.pem), HOST).await;
    assert_eq!(shaken.result.err(), certificate(Problem::UnknownCa));
}

#[tokio::test]
async fn names_and_addresses_must_fit() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST, "*.monitoring.svc", "10.0.0.7"]);
    for (host, fits) in [
        (HOST, true),
        ("prometheus.example.", true),
        ("PROMETHEUS.example", true),
        ("a.monitoring.svc", true),
        ("10.0.0.7", true),
        ("a.b.monitoring.svc", false),
        ("other.example", false),
        ("10.0.0.8", false),
        ("fd00::7", false),
    ] {
        let expected = if fits { None } else { certificate(Problem::WrongName) };
        assert_eq!(problems(&pair, &ca, host).await.0, expected, "{host}");
    }
}

#[tokio::test]
async fn a_common_name_alone_is_no_name() {
    let ca = Authority::new("ca");
    let (failure, _) = problems(&ca.sign(&params(HOST, &[], false)), &ca, HOST).await;
    assert_eq!(failure, certificate(Problem::WrongName));
}

#[tokio::test]
async fn several_problems_are_all_told_the_first_to_mend_at_the_front() {
    let pair = Authority::new("theirs").sign(&expired(params("leaf", &["other.example"], false)));
    let (failure, facts) = problems(&pair, &Authority::new("ours"), HOST).await;
    assert_eq!(failure, certificate(Problem::UnknownCa));
    let all = [Problem::UnknownCa, Problem::Expired, Problem::WrongName];
    assert_eq!(facts.problems, all);
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_when_it_is_in_the_ca_file() {
    for ca in [true, false] {
        let pair = Pair::self_signed(&params("self", &[HOST], ca));
        let files = Files::new();
        let server = serve_pair(&pair).await;
        let shaken = shake(&server, &files.trusting(&pair.certificate.pem()), HOST).await;
        assert_eq!(shaken.result.err(), None, "{ca}");
        let other = Authority::new("other");
        let shaken = shake(&server, &files.trusting(&other.pem), HOST).await;
        assert_eq!(shaken.result.err(), certificate(Problem::UnknownCa), "{ca}");
    }
}

#[tokio::test]
async fn whoever_skips_verification_is_told_all_the_same() {
    let pair = Authority::new("theirs").sign(&expired(params("leaf", &["other.example"], false)));
    let options = TlsOptions { insecure_skip_verify: true, ..TlsOptions::default() };
    for old in [false, true] {
        let serving = Serving { old, ..Serving::default() };
        let server = serve(pair.chain(), &pair, serving).await;
        let shaken = shake(&server, &options, HOST).await;
        assert!(shaken.result.is_ok(), "{:?}", shaken.result);
        let all = [Problem::UnknownCa, Problem::Expired, Problem::WrongName];
        assert_eq!(shaken.facts.problems, all);
    }
}

#[tokio::test]
async fn a_configured_name_is_asked_for_and_verified() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let files = Files::new();
    let options = TlsOptions { server_name: Some(HOST.to_owned()), ..files.trusting(&ca.pem) };
    assert!(shake(&serve_pair(&pair).await, &options, "127.0.0.1").await.result.is_ok());
}

#[tokio::test]
async fn a_host_that_tls_cannot_name_is_told() {
    let ca = Authority::new("ca");
    let files = Files::new();
    let server = serve_pair(&ca.leaf(&[HOST])).await;
    let shaken = shake(&server, &files.trusting(&ca.pem), "a b").await;
    assert!(matches!(shaken.result, Err(TlsFailure::Other(_))), "{:?}", shaken.result);
}

#[tokio::test]
async fn what_speaks_no_tls_is_told() {
    let ca = Authority::new("ca");
    let files = Files::new();
    for greeting in
        ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9\r\n", "-ERR unknown\r\n"]
    {
        let server = RawServer::start(move |mut stream| async move {
            stream.write_all(greeting.as_bytes()).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.ok();
        })
        .await;
        let shaken = shake(&server, &files.trusting(&ca.pem), HOST).await;
        assert_eq!(shaken.result.err(), Some(TlsFailure::NotSpoken), "{greeting}");
    }
}

#[tokio::test]
async fn versions_must_meet() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let files = Files::new();
    let serving = Serving { old: true, ..Serving::default() };
    let server = serve(pair.chain(), &pair, serving).await;
    let old = shake(&server, &files.trusting(&ca.pem), HOST).await;
    assert!(old.result.is_ok());
    assert_eq!(old.facts.protocol, Some("TLSv1.2"));
    let options = TlsOptions { min_version: TlsVersion::Tls13, ..files.trusting(&ca.pem) };
    let shaken = shake(&server, &options, HOST).await;
    assert_eq!(shaken.result.err(), Some(TlsFailure::NoCommonVersion));

    // TLS 1.1 and older say so by an alert.
    let server = RawServer::start(|mut stream| async move {
        stream.write_all(&[21, 3, 1, 0, 2, 2, 70]).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    let shaken = shake(&server, &files.trusting(&ca.pem), HOST).await;
    assert_eq!(shaken.result.err(), Some(TlsFailure::NoCommonVersion));
}

#[tokio::test]
async fn an_alert_is_named() {
    let ca = Authority::new("ca");
    let files = Files::new();
    for (code, name) in
        [(112, "UnrecognisedName"), (40, "HandshakeFailure"), (42, "BadCertificate")]
    {
        let server = RawServer::start(move |mut stream| async move {
            stream.write_all(&[21, 3, 3, 0, 2, 2, code]).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.ok();
        })
        .await;
        let shaken = shake(&server, &files.trusting(&ca.pem), HOST).await;
        assert_eq!(shaken.result.err(), Some(TlsFailure::Alert(name.to_owned())));
    }
}

#[tokio::test]
async fn a_missing_client_certificate_shows_in_the_handshake_of_tls_1_2() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let serving = Serving { old: true, clients: Some(ca.roots()), tolerant: false };
    let server = serve(pair.chain(), &pair, serving).await;
    let shaken = shake(&server, &Files::new().trusting(&ca.pem), HOST).await;
    assert_eq!(shaken.result.err(), Some(TlsFailure::ClientCertificateRequired));
    assert!(shaken.facts.client_certificate_asked);
}

#[tokio::test]
async fn a_missing_client_certificate_shows_after_the_handshake_of_tls_1_3() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let serving = Serving { clients: Some(ca.roots()), ..Serving::default() };
    let server = serve(pair.chain(), &pair, serving).await;
    let shaken = shake(&server, &Files::new().trusting(&ca.pem), HOST).await;
    assert!(shaken.facts.client_certificate_asked);
    let mut stream = shaken.result.unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(TlsFailure::of(&error), TlsFailure::ClientCertificateRequired);
}

#[tokio::test]
async fn a_server_that_just_hangs_up_on_the_missing_certificate_is_understood() {
    // Everything up to the request for a certificate is a real server's; then it closes.
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let serving = Serving { old: true, clients: Some(ca.roots()), tolerant: false };
    let behind = serve(pair.chain(), &pair, serving).await;
    let address = behind.address;
    let server = RawServer::start(move |mut client| async move {
        let mut upstream = TcpStream::connect(address).await.unwrap();
        let mut buffer = vec![0; 1 << 16];
        let hello = client.read(&mut buffer).await.unwrap();
        upstream.write_all(&buffer[..hello]).await.unwrap();
        // ServerHello, Certificate, CertificateRequest, ServerHelloDone: until our turn.
        while let Ok(Ok(n)) =
            tokio::time::timeout(Duration::from_millis(200), upstream.read(&mut buffer)).await
        {
            client.write_all(&buffer[..n]).await.unwrap();
        }
        client.read_u8().await.unwrap();
    })
    .await;
    let shaken = shake(&server, &Files::new().trusting(&ca.pem), HOST).await;
    assert_eq!(shaken.result.err(), Some(TlsFailure::ClientCertificateRequired));
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_asked_for() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let files = Files::new();
    let options = files.showing(&ca.pem, &ca.leaf(&["client"]));
    for old in [false, true] {
        let serving = Serving { old, clients: Some(ca.roots()), tolerant: false };
        let server = serve(pair.chain(), &pair, serving).await;
        let shaken = shake(&server, &options, HOST).await;
        let mut stream = shaken.result.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut pong = [0; 4];
        stream.read_exact(&mut pong).await.unwrap();
        assert!(!shaken.facts.client_certificate_asked);
    }
}

#[tokio::test]
async fn a_client_certificate_may_be_refused() {
    let ca = Authority::new("ca");
    let pair = ca.leaf(&[HOST]);
    let files = Files::new();
    let options = files.showing(&ca.pem, &Authority::new("nobody").leaf(&["client"]));
    let serving = Serving { old: true, clients: Some(ca.roots()), tolerant: false };
    let server = serve(pair.chain(), &pair, serving).await;
    let shaken = shake(&server, &options, HOST).await;
    let refused = shaken.result.unwrap_err();
    assert!(matches!(refused, TlsFailure::ClientCertificateRefused(_)), "{refused:?}");

    let serving = Serving { clients: Some(ca.roots()), ..Serving::default() };
    let server = serve(pair.chain(), &pair, serving).await;
    let mut stream = shake(&server, &options, HOST).await.result.unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    let refused = TlsFailure::of(&error);
    assert!(matches!(refused, TlsFailure::ClientCertificateRefused(_)), "{refused:?}");
}

#[tokio::test]
async fn silence_closing_and_resetting_are_told_apart() {
    let ca = Authority::new("ca");
    let files = Files::new();
    let client = Trust::default().client(&files.trusting(&ca.pem)).unwrap();

    let silent = RawServer::start(hold).await;
    let stream = silent.connect().await;
    let deadline = clock::deadline(Duration::from_millis(100));
    let shaken = client.handshake(stream, HOST, deadline).await;
    assert_eq!(shaken.result.err(), Some(TlsFailure::Timeout));
    assert!(shaken.took >= Duration::from_millis(100));

    let half_closed = RawServer::start(|mut stream| async move {
        stream.shutdown().await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    let shaken = client.handshake(half_closed.connect().await, HOST, soon()).await;
    assert_eq!(shaken.result.err(), Some(TlsFailure::Closed));

    // Closed with the hello unread: the kernel resets.
    let reset = RawServer::start(|stream| async move { stream.readable().await.unwrap() }).await;
    let shaken = client.handshake(reset.connect().await, HOST, soon()).await;
    assert_eq!(shaken.result.err(), Some(TlsFailure::Reset));
}

#[tokio::test]
async fn bytes_are_no_certificate() {
    for bytes in [&b""[..], b"nonsense", &[0x30, 0x82, 0xff, 0xff]] {
        assert_eq!(Certificate::read(bytes), None);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_as_a_certificate_without_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        at in 0_usize..400,
    ) {
        proptest::prop_assert_eq!(Certificate::read(&bytes), None);
        // And a good one with a piece of them in the middle.
        static GOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            Pair::self_signed(&params("self", &[HOST], true)).certificate.der().to_vec()
        });
        let mut spoilt = GOOD.clone();
        let at = at.min(spoilt.len());
        let piece = bytes.len().min(8).min(spoilt.len() - at);
        spoilt[at..at + piece].copy_from_slice(&bytes[..piece]);
        let read = Certificate::read(&spoilt);
        proptest::prop_assert!(read.is_none_or(|read| read.names.len() <= CERTIFICATE_NAMES));
    }
}

/// Fuzz target: what is read of a certificate is bounded by it.
#[test]
fn fuzz_certificates() {
    let good = Pair::self_signed(&params("self", &[HOST, "10.0.0.7", "fd00::7"], true));
    crate::fuzz::run(vec![good.certificate.der().to_vec()], |bytes| {
        let Some(read) = Certificate::read(bytes) else { return };
        assert!(read.names.len() <= CERTIFICATE_NAMES);
        assert!(read.names.iter().map(String::len).sum::<usize>() <= 10 * bytes.len());
        assert!(read.subject.len().max(read.issuer.len()) <= 100 * bytes.len());
        assert_eq!(read.is_self_signed(), read.subject == read.issuer);
    });
}
