//! What promlink says of the real Prometheus, working and failing.

use rcgen::{CertificateParams, KeyPair};

use crate::check::{check, check_url, check_yaml, table};
use crate::prometheus::{Mode, Prometheus, Setup};

/// A link in a file, its cycles of a second.
fn yaml(prometheus: &str, more: &str) -> String {
    format!(
        "defaults: {{interval: 1s, timeout: 1s}}\n\
         links: {{real: {{prometheus: {{{prometheus}}}{more}}}}}\n"
    )
}

/// Its first sample comes within this.
fn until_working(url: &str, more: &[&str]) {
    check(&[&["--prometheus.url", url, "--wait=30s"], more].concat()).is("0 working");
}

#[test]
fn working_then_killed() {
    let Some(mut server) = Prometheus::start(Setup::default()) else { return };
    let url = server.url();
    until_working(&url, &[]);
    let working = check_url(&url);
    working.is("0 working");
    assert_eq!(working.evidence("query", "series"), 1);
    let age = working.evidence("freshness", "age_seconds").as_f64().unwrap();
    assert!((0.0..20.0).contains(&age), "{age}");
    let shown = table(&url);
    for part in ["WORKING", "1 series, 1 of 1 targets up, newest sample ", "freshness"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }

    let url_key = format!("url: '{url}'");
    check_yaml(&yaml(&url_key, ", method: GET")).is("0 working");
    check_yaml(&yaml(&url_key, ", expect_series: false")).is("0 working");
    let nothing = ", selector: 'up{job=\"none\"}'";
    check_yaml(&yaml(&url_key, nothing)).is("2 broken no_series direct query prometheus");
    let constant = format!("{nothing}, expect_series: false");
    check_yaml(&yaml(&url_key, &constant)).is("0 working");
    check_url(&server.https()).is("2 broken tls_not_spoken direct tls prometheus");

    server.kill();
    check_url(&url).is("2 broken connection_refused direct tcp prometheus");
}

#[test]
fn frozen() {
    let Some(server) = Prometheus::start(Setup::default()) else { return };
    server.freeze();
    let url = format!("url: '{}'", server.url());
    check_yaml(&yaml(&url, "")).is("2 broken no_response direct query prometheus");
}

#[test]
fn replaying_its_log() {
    let setup = Setup { mode: Mode::Replaying, ..Setup::default() };
    let Some(server) = Prometheus::start(setup) else { return };
    let starting = check_url(&server.url());
    starting.is("2 broken starting direct query prometheus");
    let progress = starting.evidence("query", "replay").as_str().unwrap().to_owned();
    assert!(progress.starts_with("segment "), "{progress}");
}

#[test]
fn an_agent() {
    let setup = Setup { mode: Mode::Agent, ..Setup::default() };
    let Some(server) = Prometheus::start(setup) else { return };
    check_url(&server.url()).is("2 broken agent_mode direct query prometheus");
}

#[test]
fn behind_basic_auth() {
    let setup = Setup {
        // bcrypt of "correct horse", with the lowest cost that there is.
        web: "basic_auth_users:\n  \
              someone: $2b$04$promlinkpromlinkpromleUxsf9/lgDVZaDGtzYt1gIzRPb24Mg9i\n",
        files: &[("good", "correct horse\n"), ("bad", "wrong horse\n")],
        ..Setup::default()
    };
    let Some(server) = Prometheus::start(setup) else { return };
    let url = server.url();
    let with = |password: &str, more: &[&str]| {
        let file = server.path(password);
        let user = ["--prometheus.user", "someone", "--prometheus.password-file"];
        let user = [&user[..], &[file.to_str().unwrap()]].concat();
        check(&[&["--prometheus.url", &url], &user[..], more].concat())
    };
    with("good", &["--wait=30s"]).is("0 working");
    with("bad", &[]).is("2 broken unauthorized direct query credentials");
    check_url(&url).is("2 broken unauthorized direct query credentials");
}

#[test]
fn under_a_prefix() {
    let setup =
        Setup { arguments: &["--web.external-url=http://x/prometheus"], ..Setup::default() };
    let Some(server) = Prometheus::start(setup) else { return };
    let url = server.url();
    until_working(&format!("{url}/prometheus"), &[]);
    let wrong = check_url(&url);
    wrong.is("2 broken wrong_path_prefix direct query prometheus");
    assert_eq!(wrong.evidence("query", "base_path"), "/prometheus");
    check_url(&format!("{url}/Prometheus"))
        .is("2 broken wrong_path_prefix direct query prometheus");
    check_url(&format!("{url}/other")).is("2 broken wrong_path_prefix direct query prometheus");
    check_url(&format!("{url}/prometheus")).is("0 working");
    check_url(&format!("{url}/prometheus/")).is("0 working");
}

#[test]
fn without_anything_to_scrape() {
    let Some(server) = Prometheus::start(Setup { mode: Mode::Empty, ..Setup::default() }) else {
        return;
    };
    check_url(&server.url()).is("2 broken no_series direct query prometheus");
    let wrong = check_url(&format!("{}/prometheus", server.url()));
    wrong.is("2 broken wrong_path_prefix direct query prometheus");
    assert_eq!(wrong.evidence("query", "base_path"), "/");
}

#[test]
fn scraping_a_dead_target() {
    let setup =
        Setup { scrape: "static_configs: [{targets: ['127.0.0.1:9']}]", ..Setup::default() };
    let Some(server) = Prometheus::start(setup) else { return };
    let found = check(&["--prometheus.url", &server.url(), "--wait=30s", "--fail-on=broken"]);
    found.is("0 degraded all_targets_down direct query prometheus");
}

#[test]
fn with_too_few_samples_allowed() {
    let setup = Setup { arguments: &["--query.max-samples=1"], ..Setup::default() };
    let Some(server) = Prometheus::start(setup) else { return };
    let url = format!("url: '{}'", server.url());
    let many = ", selector: 'vector(1) or on(x) vector(2)'";
    check_yaml(&yaml(&url, many)).is("2 broken query_rejected direct query prometheus");
}

#[test]
fn out_of_time() {
    let setup = Setup { arguments: &["--query.timeout=0s"], ..Setup::default() };
    let Some(server) = Prometheus::start(setup) else { return };
    let late = check_url(&server.url());
    late.is("2 broken query_timeout direct query prometheus");
    assert!(late.evidence("query", "api_error").as_str().unwrap().contains("timed out in"));
}

#[test]
fn out_of_connections() {
    let setup = Setup { arguments: &["--web.max-connections=1"], ..Setup::default() };
    let Some(server) = Prometheus::start(setup) else { return };
    let address = server.url().trim_start_matches("http://").to_owned();
    let _held = std::net::TcpStream::connect(address).unwrap();
    let url = format!("url: '{}'", server.url());
    check_yaml(&yaml(&url, "")).is("2 broken no_response direct query prometheus");
}

#[test]
fn with_tls() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let setup = Setup {
        web: "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n",
        files: &[("cert.pem", &certificate), ("key.pem", &key.serialize_pem())],
        ..Setup::default()
    };
    let Some(server) = Prometheus::start(setup) else { return };
    let url = server.https();
    check_url(&url).is("2 broken tls_unknown_ca direct tls credentials");
    check_url(&server.url()).is("2 broken tls_required direct query prometheus");
    let authority = server.path("cert.pem");
    until_working(&url, &["--prometheus.ca-file", authority.to_str().unwrap()]);
}
