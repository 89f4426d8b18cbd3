//! Answers that no server should give: each is told for what it is, in time, and costs little
//! memory.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use promlink::demo::fault::{self, Wire};
use promlink::demo::prometheus::{self, Prometheus, Setup};
use promlink::demo::standin::ANY_PORT;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::check::check_yaml;
use crate::daemon::{Daemon, until};

const TIMEOUT: Duration = Duration::from_secs(2);
/// The most memory that the daemon ever had, in KiB, whatever it was sent.
const MEMORY: u64 = 64 * 1024;

/// Each fault, and what `check` makes of it.
const TABLE: [(Wire, &str); 10] = [
    (Wire::EndlessBody(200_000), "2 broken no_response direct query prometheus"),
    (Wire::EndlessBody(10), "2 broken no_response direct query prometheus"),
    (Wire::HugeHeader, "2 broken answer_too_large direct query prometheus"),
    (Wire::GzipBomb, "2 broken answer_too_large direct query prometheus"),
    (Wire::Garbage, "2 broken not_prometheus direct query prometheus"),
    (Wire::HalfClosed, "2 broken connection_closed direct query prometheus"),
    (Wire::CutBody, "2 broken answer_malformed direct query prometheus"),
    (Wire::ResetAfterRequest, "2 broken connection_reset direct query prometheus"),
    (Wire::Frozen, "2 broken no_response direct query prometheus"),
    (Wire::Slow(Duration::from_secs(3)), "2 broken no_response direct query prometheus"),
];

async fn server(targets: usize, fault: impl Into<fault::Prometheus>) -> Prometheus {
    let setup = Setup { targets, ..Setup::default() };
    let server = prometheus::start(ANY_PORT, setup).await.unwrap();
    server.set(fault).await;
    server
}

/// A file with a link to each.
fn yaml(servers: &[Prometheus], timing: &str) -> String {
    let mut text = format!("defaults: {{{timing}}}\nlinks:\n");
    for (index, server) in servers.iter().enumerate() {
        let url = format!("http://{}", server.address());
        writeln!(text, "  link-{index}: {{prometheus: {{url: '{url}'}}}}").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_told_in_time() {
    let mut rows = JoinSet::new();
    for (wire, told) in TABLE {
        let server = server(3, wire).await;
        rows.spawn_blocking(move || {
            let timing = format!("interval: 15s, timeout: {}s", TIMEOUT.as_secs());
            let found = check_yaml(&yaml(&[server], &timing));
            let is_right = found.told == told && found.took < TIMEOUT + Duration::from_secs(1);
            (!is_right).then(|| format!("{wire:?}: {told}; found {found:#?}"))
        });
    }
    let wrong: Vec<String> = rows.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_whatever_is_sent() {
    let mut servers = Vec::new();
    for (wire, _) in TABLE {
        servers.push(server(3, wire).await);
    }
    let daemon = Daemon::start(&yaml(&servers, "interval: 1s, timeout: 1s")).await;
    for index in 0..servers.len() {
        cycles(&daemon, index, 3).await;
    }
    assert!(daemon.peak() < MEMORY, "{} KiB", daemon.peak());
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_thousand_series_are_read_once_and_then_counted() {
    let servers = [server(30_000, fault::Prometheus::None).await];
    // A busy machine may be slow at them, and that is no matter here.
    let patient = "interval: 12s, timeout: 12s, thresholds: {slow: 12s}";
    check_yaml(&yaml(&servers, patient)).is("0 working");
    let text = yaml(&servers, "interval: 4s, timeout: 4s, thresholds: {slow: 4s}");

    let [server] = &servers;
    server.forget();
    let daemon = Daemon::start(&text).await;
    cycles(&daemon, 0, 3).await;
    let asked = server.seen();
    let times = |query: &str| {
        let request = format!("POST /api/v1/query {query}");
        asked.iter().filter(|seen| **seen == request).count()
    };
    assert_eq!(times("up"), 1, "{asked:?}");
    assert!(times("count(up)") >= 2 && times("count(up == 1)") >= 2, "{asked:?}");
    assert_eq!(daemon.value("promlink_prometheus_targets{link=\"link-0\"}").await, Some(3e4));
    assert!(daemon.peak() < MEMORY, "{} KiB", daemon.peak());
}

/// Waits until that link was looked at so many times.
async fn cycles(daemon: &Daemon, index: usize, times: u32) {
    let series = format!("promlink_cycles_total{{link=\"link-{index}\"}}");
    let enough = async || (daemon.value(&series).await? >= f64::from(times)).then_some(());
    until("look often enough", enough).await;
}

/// What a server sends back that quotes the request, or speaks before it is asked.
async fn raw(greeting: &'static str, status: &'static str) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting.as_bytes()).await.ok();
            let mut heard = vec![0; 4096];
            let length = stream.read(&mut heard).await.unwrap_or(0);
            heard.truncate(length);
            if greeting.is_empty() {
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all(&[head.into_bytes(), heard].concat()).await.ok();
            }
            // Reads until the other side has enough.
            while stream.read(&mut [0; 64]).await.is_ok_and(|length| length > 0) {}
        }
    });
    (address, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_before_being_asked_is_no_prometheus() {
    for greeting in ["220 mail.example ESMTP\r\n", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let (address, _serving) = raw(greeting, "").await;
        let found =
            check_yaml(&format!("links: {{a: {{prometheus: {{url: 'http://{address}'}}}}}}"));
        found.is("2 broken not_prometheus direct query prometheus");
        let error = found.evidence("query", "error").to_string();
        assert!(error.contains(greeting.trim_end()), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_in_secret_is_not_quoted() {
    for status in ["200 OK", "401 Unauthorized", "500 Internal Server Error"] {
        let (address, _serving) = raw("", status).await;
        let url = format!("url: 'http://{address}'");
        let secrets = "basic_auth: {username: someone, password: open-sesame}, \
                       http_headers: {X-Key: {secrets: [another-secret]}}";
        let text = format!("links: {{a: {{prometheus: {{{url}, {secrets}}}}}}}");
        let found = check_yaml(&text);
        let shown = found.link.to_string();
        // In the order of the request: the password is in base64.
        assert!(shown.contains("authorization: Basic <secret> x-key: <secret>"), "{shown}");
        for secret in ["another-secret", "open-sesame", "c29tZW9uZTpvcGVuLXNlc2FtZQ"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

/// A Grafana that is well, lets in or not, and refuses everything else with the login that it was
/// shown, as it came and decoded, in many words; who connects is closed after one answer.
async fn quoting_grafana(lets_in: bool) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let line = head.lines().find(|line| line.starts_with("authorization: "));
            let login = line.unwrap_or_default().trim_start_matches("authorization: ");
            let basic = login.trim_start_matches("Basic ");
            let decoded = BASE64_STANDARD.decode(basic).unwrap_or_default();
            let decoded = String::from_utf8_lossy(&decoded);
            let (status, body) = if head.starts_with("GET /api/health") {
                ("200 OK", json!({"database": "ok", "version": "12.0.0", "commit": "abc"}))
            } else if lets_in && head.starts_with("GET /api/org") {
                ("200 OK", json!({"id": 1, "name": "Main Org."}))
            } else {
                let many = "\u{202e}\nlevel=error ".repeat(5000);
                let message = format!("Invalid API key {login} of {decoded} {many}");
                ("401 Unauthorized", json!({ "message": message }))
            };
            let body = body.to_string();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {length}\r\n\r\n{body}"
            );
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (address, serving)
}

/// The token, the administrator's password and what is made of them stay with whom they are for.
#[tokio::test(flavor = "multi_thread")]
async fn a_grafana_that_quotes_every_login_spreads_none() {
    let (address, _serving) = quoting_grafana(false).await;
    let url = format!("http://{address}");
    let yaml = format!(
        "log: {{level: trace}}\ndefaults: {{interval: 1s, timeout: 900ms}}\ngrafanas:\n  main: \
         {{url: '{url}', authorization: {{credentials: glsa_our-token}}, \
         bootstrap: {{user: admin, password: adm1n-passw0rd}}, discover: true}}\n"
    );
    let secrets = ["our-token", "passw0rd", &BASE64_STANDARD.encode("admin:adm1n-pas")];
    let holds_none = |what: &str, text: &str| {
        let found = secrets.iter().find(|secret| text.contains(*secret));
        assert!(found.is_none(), "{what} holds {found:?}: {text}");
    };
    let daemon = Daemon::start(&yaml).await;
    let json = until("say why there is no token", async || {
        let (_, json) = daemon.get("/api/v1/links/main").await;
        json.contains("the login cannot look for").then_some(json)
    })
    .await;
    holds_none("JSON", &json);
    let log = until("say why there is no list", async || {
        let log = daemon.log();
        log.contains("no list of data sources").then_some(log)
    })
    .await;
    assert!(log.contains("<secret>"), "{log}");
    holds_none("log", &log);
    holds_none("metrics", &daemon.metrics().await);
    holds_none("page", &daemon.get("/").await.1);

    let (lets_in, _serving) = quoting_grafana(true).await;
    let other = Daemon::start(&yaml.replace(&url, &format!("http://{lets_in}"))).await;
    let log = until("say why the list is refused", async || {
        let log = other.log();
        log.contains("no list of data sources").then_some(log)
    })
    .await;
    holds_none("log", &log);
    let longest = log.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    assert!(longest < 1000 && !log.contains('\u{202e}'), "{longest} characters in a line");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.yml");
    std::fs::write(&file, &yaml).unwrap();
    let flag = format!("--config.file={}", file.display());
    for command in [&["check"][..], &["check", "--output=json"]] {
        let (command, flag) = (command.to_vec(), flag.clone());
        let output = tokio::task::spawn_blocking(move || {
            Command::new(env!("CARGO_BIN_EXE_promlink")).args(command).arg(flag).output().unwrap()
        });
        let output = format!("{:?}", output.await.unwrap());
        assert!(output.contains("token_rejected"), "{output}");
        holds_none("check", &output);
    }
    std::fs::write(folder.path().join("password"), "adm1n-passw0rd").unwrap();
    let password = folder.path().join("password").display().to_string();
    let output = tokio::task::spawn_blocking(move || {
        let login = ["--grafana.user", "admin", "--grafana.password-file", &password];
        let args = [&["grafana-token", "--grafana.url", &url], &login[..]].concat();
        Command::new(env!("CARGO_BIN_EXE_promlink")).args(args).output().unwrap()
    });
    let output = format!("{:?}", output.await.unwrap());
    assert!(output.contains("<secret>"), "{output}");
    holds_none("grafana-token", &output);
}
