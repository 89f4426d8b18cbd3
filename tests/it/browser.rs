//! The page in a real browser: Debian's Chromium, without a screen.

use std::fmt::Write as _;
use std::process::Command;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use promlink::demo::prometheus::{self, Setup};
use promlink::demo::standin::ANY_PORT;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};

use crate::daemon::{Daemon, until};
use crate::need;

/// What a browser of this width makes of a page, as its DOM; none where there is no browser.
async fn dom(url: &str, width: u32) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg(format!("--window-size={width},900"))
        .args(["--virtual-time-budget=2000", "--dump-dom"])
        .arg(url)
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped());
    let process = need::spawn(&mut command)?;
    let output = spawn_blocking(|| process.wait_with_output()).await.unwrap().unwrap();
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Whether a page of this text scrolls sideways where it is so wide. No window is as narrow as a
/// phone, so it is shown in a frame; its own policy forbids that, so it is served anew.
async fn scrolls_sideways(html: &str, width: u32) -> Option<bool> {
    let frame = format!(
        "<title>?</title><iframe src=\"/page\" style=\"width: {width}px; border: 0\"></iframe>\
         <script>onload = () => {{ const page = document.querySelector('iframe').contentDocument; \
         document.title = page.documentElement.scrollWidth > {width}; }}</script>"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let page = html.to_owned();
    let router = Router::new()
        .route("/", get(async || Html(frame)))
        .route("/page", get(async || Html(page)));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let dom = dom(&url, 1280).await?;
    let title = dom.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
    Some(title.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_links_are_usable_also_on_a_phone() {
    let server = prometheus::start(ANY_PORT, Setup::default()).await.unwrap();
    let mut yaml = "defaults: {interval: 5s, timeout: 2s}\nlinks:\n".to_owned();
    for number in 0..500 {
        // One of them has no server.
        let url = match number {
            250 => "127.0.0.1:1".to_owned(),
            _ => server.address().to_string(),
        };
        writeln!(yaml, "  link-{number:03}: {{prometheus: {{url: 'http://{url}'}}}}").unwrap();
    }
    let daemon = Daemon::start(&yaml).await;
    daemon.until_value("promlink_link_up{link=\"link-250\"}", 0.0).await;
    until("know all", async || daemon.get("/").await.1.contains("499 working").then_some(())).await;

    let url = format!("http://{}/", daemon.address());
    let Some(all) = dom(&url, 1280).await else { return };
    let filtered = dom(&format!("{url}?q=broken"), 1280).await.unwrap();
    let plain = daemon.get("/").await.1;
    for (page, what) in [(&all, "all"), (&filtered, "filtered"), (&plain, "without scripts")] {
        assert!(page.contains("1 broken"), "{what}: {page}");
        let first = page.find("id=\"link-link-").expect(what);
        assert!(page.split_at(first).1.starts_with("id=\"link-link-250\" open"), "{what}");
    }
    assert_eq!(all.matches("<details class=\"link ").count(), 100, "the most urgent");
    assert_eq!(filtered.matches("<details class=\"link ").count(), 1);
    assert!(all.contains("Nobody is told of alarms"), "{all}");
    assert!(plain.contains("<noscript><meta http-equiv=\"refresh\""));

    for width in [390, 1280] {
        assert_eq!(scrolls_sideways(&plain, width).await, Some(false), "{width}");
    }
    let wide = "<p style=\"width: 400px\">x</p>";
    assert_eq!(scrolls_sideways(wide, 390).await, Some(true), "it would be noticed");
}
