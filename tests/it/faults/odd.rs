//! Healthy but odd: what is unusual and right. Each row must be `working`, with no finding that
//! degrades: a monitor that cries about these is switched off.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use promlink::demo::fault::{self, Odd, Prometheus as F, Wire as W};
use promlink::demo::prometheus::{self, Version};

use super::ground::Turn;
use super::row::{Row, check, line, row};
use super::well::V9;

/// All of them.
pub fn rows() -> Vec<Row> {
    let all = [ways_to_answer(), just_under_a_threshold(), ways_to_write_a_url(), ways_to_ask()];
    all.into_iter().flatten().collect()
}

fn odd(name: &str, given: impl Into<Vec<Turn>>) -> Row {
    row(format!("odd: {name}"), given, "working")
}

/// A link without Grafana, whose Prometheus has these keys.
fn keyed(name: &str, given: impl Into<Vec<Turn>>, prometheus: &'static str) -> Row {
    odd(name, given).alone().config(|config| config.prometheus = prometheus)
}

fn ways_to_answer() -> Vec<Row> {
    vec![
        odd("HTTP/1.0", [Turn::Serve(|s| s.odd = Odd::Http10)]).alone(),
        odd("lower-case headers", [Turn::Serve(|s| s.odd = Odd::LowerCase)]),
        odd("chunks of seven bytes", [Turn::Serve(|s| s.odd = Odd::Chunked)]).alone(),
        odd("each answer closes", [Turn::Serve(|s| s.odd = Odd::Closes)]).alone(),
        odd("no Date", [Turn::Serve(|s| s.odd = Odd::NoDate)]),
        odd("interim answers", [Turn::Serve(|s| s.odd = Odd::Interim)]).alone(),
        odd("never compressed", [Turn::Serve(|s| s.odd = Odd::Plain)]),
        odd("JSON in another hand, with infos", [Turn::Serve(|s| s.odd_json = true)]).alone(),
        odd("Prometheus 2.42", [Turn::Serve(|s| s.version = Version::V2)]),
        odd("400 targets", [Turn::Serve(|s| s.targets = 400)]),
        odd("one target", [Turn::Serve(|s| s.targets = 1)]),
    ]
}

fn just_under_a_threshold() -> Vec<Row> {
    let slow = F::Wire(W::Slow(Duration::from_millis(300)));
    let old = F::Stale(Duration::from_secs(90));
    vec![
        odd("slow, and less than too slow", [Turn::Both(slow)])
            .config(|config| config.thresholds = "slow: 3s"),
        odd("old, and less than stale", [Turn::Both(old)]),
        odd("ahead, and less than skewed", [Turn::Both(F::Skewed(20))]),
        odd("behind, and less than skewed", [Turn::Both(F::Skewed(-20))]),
        odd("two of five targets down", [Turn::Serve(|s| (s.targets, s.down) = (5, 2))]),
        odd("a slow DNS server", [Turn::Dns(fault::Dns::Slow(Duration::from_millis(200)))]),
    ]
}

fn ways_to_write_a_url() -> Vec<Row> {
    const UPPER: &str = "url: 'http://Prometheus-K8s.Monitoring.SVC.cluster.local:{port}'";
    let data_source = |name: &str, url: &'static str| odd(name, [Turn::Url(url)]);
    vec![
        keyed("an IP literal", [], "url: 'http://{direct}'"),
        keyed("a slash at the end", [], "url: '{prometheus}/'"),
        keyed("upper case", [], UPPER),
        keyed(
            "a dot at the end",
            [],
            "url: 'http://prometheus-k8s.monitoring.svc.cluster.local.:{port}'",
        ),
        keyed("a bare name, by the search list", [], "url: 'http://prometheus-k8s:{port}'"),
        keyed("name and namespace", [], "url: 'http://prometheus-k8s.monitoring:{port}'"),
        keyed("up to svc", [], "url: 'http://prometheus-k8s.monitoring.svc:{port}'"),
        data_source("data source with a slash at the end", "{prometheus}/"),
        data_source("data source with a short name", "http://prometheus-k8s.monitoring:{port}"),
        data_source("data source with a bare name", "http://prometheus-k8s:{port}"),
        keyed("under a prefix", [PREFIX], "url: '{prometheus}/prometheus'"),
        below("Grafana under a sub-path", [SUB_PATH], BELOW),
        below("Grafana under a sub-path, asked without it", [SUB_PATH], WITHOUT),
        below("Grafana 9.3 under a sub-path", [V9, SUB_PATH], BELOW),
        keyed("under a prefix with a slash", [PREFIX], "url: '{prometheus}/prometheus/'"),
    ]
}

/// A Grafana that has these keys.
fn below(name: &str, given: impl Into<Vec<Turn>>, main: &'static str) -> Row {
    odd(name, given).config(|config| config.main = main)
}

const SUB_PATH: Turn = Turn::Setup(|setup| "/grafana".clone_into(&mut setup.sub_path));
const BELOW: &str = "url: '{main}/grafana/', authorization: {credentials: {token}}";
const WITHOUT: &str = "url: '{main}', authorization: {credentials: {token}}";
const PREFIX: Turn = Turn::Serve(|setup| "/prometheus".clone_into(&mut setup.prefix));
const GET: Turn = Turn::Datasource(|datasource| datasource.json_data["httpMethod"] = "GET".into());
const BY_GET: &str = "notes datasource_drift grafana/datasource method";
const BASIC: Turn = Turn::Serve(|s| s.authorization = Some("Basic YTpi".to_owned()));
const BEARER: Turn = Turn::Serve(|s| s.authorization = Some("Bearer abc".to_owned()));

fn ways_to_ask() -> Vec<Row> {
    vec![
        keyed("basic auth", [BASIC], "url: '{prometheus}', basic_auth: {username: a, password: b}"),
        keyed("a bearer token", [BEARER], "url: '{prometheus}', authorization: {credentials: abc}"),
        keyed(
            "a tenant's header",
            [Turn::Direct(F::TenantMissing)],
            "url: '{prometheus}', http_headers: {X-Scope-OrgID: {values: [team]}}",
        ),
        odd("GET where POST is refused", [Turn::Both(F::GetOnly), GET])
            .config(|config| config.link = "    method: GET"),
        odd("a data source that asks by GET", [GET]).beside(BY_GET),
        odd("Grafana 9.3 that asks by GET", [V9, GET]).beside(BY_GET),
        odd("some of the targets", [])
            .config(|config| config.link = "    selector: 'up{job=\"node\"}'"),
        odd("nothing expected", [Turn::Both(F::Empty)])
            .config(|config| config.link = "    expect_series: false"),
        odd("freshness off", [Turn::Both(F::Stale(Duration::from_secs(200)))])
            .config(|config| config.link = "    freshness: off"),
    ]
}

#[tokio::test]
async fn ways_to_be_reached() {
    let local = prometheus::start("127.0.0.1:0".parse().unwrap(), prometheus::Setup::default());
    let local = local.await.unwrap();
    let is_working = async |name: &str, url: String| {
        let yaml = format!("links: {{odd: {{prometheus: {{url: '{url}'}}}}}}\n");
        let link = check(&yaml).await;
        assert_eq!(line(&link), "working", "{name}: {link:#}");
    };
    is_working("localhost", format!("http://localhost:{}", local.address().port())).await;
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    match prometheus::start(six, prometheus::Setup::default()).await {
        Ok(six) => is_working("IPv6 only", format!("http://{}", six.address())).await,
        Err(error) => println!("skipped: no IPv6: {error}"),
    }
}
