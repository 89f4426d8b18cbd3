//! What stands in front of Prometheus, or in its place, in the words of each program: gateways, login
//! portals, proxies, and other servers.

use promlink::demo::fault::{Prometheus as F, Said};

use super::ground::Turn;
use super::row::{Row, row};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const NONE: (&str, &str) = ("", "");

/// One answer in three places: in a link without Grafana, where only promlink meets it, and where
/// only Grafana does.
fn met(
    what: &str,
    (status, kind, header, body): (u16, &'static str, (&'static str, &'static str), &'static str),
    told: [&'static str; 3],
) -> Vec<Row> {
    let fault = F::Says(Said { status, kind, header, body });
    let [alone, here, there] = told;
    vec![
        row(format!("{what}: a link without Grafana"), [Turn::Direct(fault)], alone).alone(),
        row(format!("{what}: only promlink meets it"), [Turn::Direct(fault)], here),
        row(format!("{what}: only Grafana meets it"), [Turn::Behind(fault)], there),
    ]
}

const GATEWAY: [&str; 3] = [
    "broken gateway_error direct query prometheus",
    "degraded gateway_error direct query prometheus",
    "broken gateway_error grafana grafana_query prometheus",
];
const LOGIN: [&str; 3] = [
    "broken login_page direct query credentials",
    "degraded login_page direct query credentials",
    "broken login_page grafana grafana_query datasource",
];
const STRANGER: [&str; 3] = [
    "broken not_prometheus direct query prometheus",
    "degraded not_prometheus direct query prometheus",
    "broken not_prometheus grafana grafana_query datasource",
];
const PREFIX: [&str; 3] = [
    "broken wrong_path_prefix direct query prometheus",
    "degraded wrong_path_prefix direct query prometheus",
    "broken wrong_path_prefix grafana grafana_query datasource",
];
const ERROR: [&str; 3] = [
    "broken server_error direct query prometheus",
    "degraded server_error direct query prometheus",
    "broken server_error grafana grafana_query prometheus",
];
const STORAGE: [&str; 3] = [
    "broken storage_failing direct query prometheus",
    "degraded storage_failing direct query prometheus",
    "broken storage_failing grafana grafana_query prometheus",
];
const TIMEOUT: [&str; 3] = [
    "broken query_timeout direct query prometheus",
    "degraded query_timeout direct query prometheus",
    "broken query_timeout grafana grafana_query prometheus",
];
const REJECTED: [&str; 3] = [
    "broken query_rejected direct query prometheus",
    "degraded query_rejected direct query prometheus",
    "broken query_rejected grafana grafana_query datasource",
];
const PROXY: [&str; 3] = [
    "broken forward_proxy_answered direct query network",
    "degraded forward_proxy_answered direct query network",
    "broken forward_proxy_answered grafana grafana_query network",
];

/// All of them.
pub fn rows() -> Vec<Row> {
    [gateways(), portals_and_proxies(), servers()].concat()
}

fn gateways() -> Vec<Row> {
    let haproxy = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle \
                   this request.\n</body></html>\n";
    let envoy = "upstream connect error or disconnect/reset before headers. reset reason: \
                 connection failure";
    let kubernetes = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no endpoints available for service \"prometheus\"","reason":"ServiceUnavailable","code":503}"#;
    let aws = "<html><head><title>502 Bad Gateway</title></head></html>";
    let rows = [
        met("HAProxy without a server", (503, HTML, NONE, haproxy), GATEWAY),
        met("Traefik without a server", (503, TEXT, NONE, "no available server\n"), GATEWAY),
        met("Envoy that cannot connect", (503, TEXT, ("Server", "envoy"), envoy), GATEWAY),
        met(
            "Istio without an upstream",
            (503, TEXT, ("Server", "istio-envoy"), "no healthy upstream"),
            GATEWAY,
        ),
        met("the API server's proxy without endpoints", (503, JSON, NONE, kubernetes), GATEWAY),
        met("an AWS load balancer", (502, HTML, ("Server", "awselb/2.0"), aws), GATEWAY),
        met(
            "Cloudflare that cannot connect",
            (522, HTML, ("Server", "cloudflare"), "error code: 522"),
            GATEWAY,
        ),
        met("an ingress without a rule", (404, TEXT, NONE, "default backend - 404"), PREFIX),
    ];
    rows.into_iter().flatten().collect()
}

fn portals_and_proxies() -> Vec<Row> {
    let oauth2 = r#"<form action="/oauth2/start"><button>Sign in with OpenID</button></form><footer>OAuth2 Proxy</footer>"#;
    let found = ("Location", "https://sso.example.org/realms/x/protocol/openid-connect/auth?a=b");
    let access = ("Location", "https://team.cloudflareaccess.com/cdn-cgi/access/login/x?kid=1");
    let grafana = ("Location", "/login?redirectTo=%2Fapi%2Fv1%2Fquery");
    let squid = ("X-Squid-Error", "ERR_CONNECT_FAIL 111");
    let rows = [
        met("oauth2-proxy's page", (403, HTML, NONE, oauth2), LOGIN),
        met("a redirect to Keycloak", (302, HTML, found, ""), LOGIN),
        met("a redirect to Cloudflare Access", (302, HTML, access, ""), LOGIN),
        met("Grafana itself at this URL", (302, HTML, grafana, ""), LOGIN),
        met(
            "a forward proxy wants a login",
            (407, HTML, ("Proxy-Authenticate", "Basic realm=\"proxy\""), ""),
            PROXY,
        ),
        met("Squid that cannot connect", (503, HTML, squid, "<html>"), PROXY),
    ];
    rows.into_iter().flatten().collect()
}

fn servers() -> Vec<Row> {
    let dashboard = "<!doctype html><html><head><title>Kubernetes Dashboard</title></head></html>";
    let internal =
        r#"{"status":"error","errorType":"internal","error":"runtime error: index out of range"}"#;
    let vmstorage = r#"{"status":"error","errorType":"503","error":"cannot fetch query results from vmstorage nodes: 1 of 2 are unavailable"}"#;
    let queue =
        r#"{"status":"error","errorType":"timeout","error":"query timed out in query queue"}"#;
    let queue_3 =
        r#"{"status":"error","errorType":"execution","error":"context deadline exceeded"}"#;
    let execution =
        r#"{"status":"error","errorType":"timeout","error":"query timed out in query execution"}"#;
    let samples = r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}"#;
    let rows = [
        met("the Kubernetes dashboard at this URL", (200, HTML, NONE, dashboard), STRANGER),
        met(
            "another API that answers in JSON",
            (200, JSON, NONE, "{\"message\":\"hello\"}"),
            STRANGER,
        ),
        met("an internal error of Prometheus", (500, JSON, NONE, internal), ERROR),
        met("VictoriaMetrics without one of its storages", (503, JSON, NONE, vmstorage), STORAGE),
        met("a query that waits too long for its turn", (503, JSON, NONE, queue), TIMEOUT),
        met("the same of Prometheus 3", (422, JSON, NONE, queue_3), TIMEOUT),
        met("a query given up while it is prepared", (503, JSON, NONE, execution), TIMEOUT),
        met("more samples than Prometheus may load", (422, JSON, NONE, samples), REJECTED),
    ];
    let half = r#"{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a","job":"j"},"value":[1795401941,"1"]}]}}"#;
    let alone = |name: &str, body: &'static str, told: &'static str| {
        let said = Said { status: 200, kind: JSON, header: NONE, body };
        row(name, [Turn::Direct(F::Says(said))], told).alone()
    };
    let more = [
        alone(
            "VictoriaMetrics has one of its two storages, and says so",
            half,
            "degraded partial_answer direct query prometheus",
        ),
        row(
            "Thanos lost one of its two stores, and warns no more",
            [Turn::Both(F::Stores(1))],
            "degraded partial_answer direct query prometheus",
        )
        .shows("direct/query", "\"stores\":\"1 of 2 answer\""),
        row(
            "Thanos lost both of its stores",
            [Turn::Both(F::Stores(0))],
            "broken no_series direct query prometheus",
        )
        .beside("breaks no_series grafana/grafana_query")
        .shows("direct/query", "\"stores\":\"0 of 2 answer\""),
        row("Thanos has both of its stores", [Turn::Both(F::Stores(2))], "working"),
    ];
    rows.into_iter().flatten().chain(more).collect()
}
