use std::time::Duration;

use super::*;
use crate::classify::Answer;
use crate::classify::grafana_answer::{self as judge, DatasourceHealth, DsQuery, ProxyVoice};
use crate::demo::standin::ANY_PORT;
use crate::demo::{dns, prometheus};
use crate::net::testing::foreign;
use crate::report::cause::Cause;

/// A Prometheus, a Grafana in front of it, and their DNS.
struct Stage {
    prometheus: prometheus::Prometheus,
    grafana: Grafana,
    dns: dns::Dns,
}

impl Stage {
    async fn new(flavour: Flavour) -> Self {
        let prometheus = prometheus::start(ANY_PORT, prometheus::Setup::default()).await.unwrap();
        let zone = dns::Zone::default().with("prometheus-k8s", "web", prometheus.address());
        let search = zone.search("monitoring");
        let dns = dns::start(ANY_PORT, zone).await.unwrap();
        let port = prometheus.address().port();
        let mut setup =
            Setup::new(flavour, &format!("http://prometheus-k8s.monitoring.svc:{port}"));
        setup.network = Network {
            dns: Some(dns.address()),
            search,
            proxy: None,
            dns_timeout: Duration::from_millis(200),
            dial_timeout: Duration::from_millis(500),
            timeout: Duration::from_millis(500),
        };
        let grafana = start(ANY_PORT, setup).await.unwrap();
        Self { prometheus, grafana, dns }
    }

    async fn ask<T>(&self, path: &str, body: Option<Value>, read: impl Fn(&Answer<'_>) -> T) -> T {
        self.ask_as(Some(TOKEN), path, body, read).await
    }

    async fn ask_as<T>(
        &self,
        token: Option<&str>,
        path: &str,
        body: Option<Value>,
        read: impl Fn(&Answer<'_>) -> T,
    ) -> T {
        let client = foreign();
        let url = format!("http://{}{path}", self.grafana.address());
        let mut request = match &body {
            Some(body) => client.post(url).body(body.to_string()),
            None => client.get(url),
        };
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let body = response.bytes().await.unwrap();
        let credentials = token.is_some();
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let (body, headers) = (&body[..], &headers[..]);
        read(&Answer { status, headers, body, cut: false, asked: path, credentials })
    }

    async fn query(&self) -> DsQuery {
        let query = |id: &str, expr: &str| {
            let datasource = json!({"uid": "prometheus"});
            json!({"refId": id, "datasource": datasource, "expr": expr, "instant": true})
        };
        let queries = json!([query("A", "up"), query("B", "max(timestamp(up))")]);
        let body = json!({"from": "now-5m", "to": "now", "queries": queries});
        self.ask("/api/ds/query", Some(body), judge::ds_query).await
    }

    async fn query_cause(&self) -> Option<Cause> {
        match self.query().await {
            DsQuery::Data { .. } | DsQuery::Empty { .. } => None,
            DsQuery::Failed(failure) => Some(failure.cause),
            DsQuery::Rejected(rejection) => Some(rejection.cause),
        }
    }

    async fn health_cause(&self) -> Option<Cause> {
        let path = "/api/datasources/uid/prometheus/health";
        match self.ask(path, None, judge::datasource_health).await {
            DatasourceHealth::Good | DatasourceHealth::Unsupported => None,
            DatasourceHealth::Bad(failure) => Some(failure.cause),
            DatasourceHealth::Rejected(rejection) => Some(rejection.cause),
        }
    }

    async fn proxy(&self) -> ProxyVoice {
        let path = "/api/datasources/proxy/uid/prometheus/api/v1/query?query=up";
        self.ask(path, None, judge::data_proxy).await
    }
}

#[tokio::test]
async fn healthy_ends_are_healthy() {
    for (flavour, version) in [(Flavour::V9, "9.3.2"), (Flavour::V13, "13.2.0")] {
        let stage = Stage::new(flavour).await;
        let health = stage.ask_as(None, "/api/health", None, judge::health).await.unwrap();
        assert_eq!(health.version.as_deref(), Some(version));
        assert_eq!(stage.ask("/api/org", None, judge::organisation).await.unwrap().id, 1);
        let list = stage.ask("/api/datasources", None, judge::datasource_list).await.unwrap();
        assert_eq!((list.len(), list[0].faults()), (1, vec![]));
        for path in ["uid/prometheus", "name/Prometheus"] {
            let path = format!("/api/datasources/{path}");
            let found = stage.ask(&path, None, judge::datasource).await.unwrap();
            assert_eq!((found.uid.as_str(), found.is_default), ("prometheus", true));
        }
        let DsQuery::Data { a, newest } = stage.query().await else { panic!("no data") };
        assert_eq!((a.series, a.up, a.complete), (3, 3, true));
        assert!((a.evaluated_at.unwrap() - newest.unwrap() - 1.0).abs() < 1.0);
        let ProxyVoice::Upstream(Ok(direct)) = stage.proxy().await else { panic!("no vector") };
        assert_eq!(direct.identities, a.identities);
        let path = "/api/datasources/uid/prometheus/health";
        let health = stage.ask(path, None, judge::datasource_health).await;
        let wanted = [DatasourceHealth::Unsupported, DatasourceHealth::Good];
        assert_eq!(health, wanted[usize::from(flavour == Flavour::V13)]);
    }
}

#[tokio::test]
async fn a_broken_prometheus_shows_through() {
    use fault::Prometheus as F;
    let (old, new) = (Stage::new(Flavour::V9).await, Stage::new(Flavour::V13).await);
    let hidden = Some(Cause::UnreachableFromGrafana);
    // What a query through 13 tells, what one through 9 does, what the health check of 13 does.
    for (fault, cause, through_old, health) in [
        (F::Wire(Wire::PortClosed), Cause::ConnectionRefused, hidden, Cause::ConnectionRefused),
        (F::Wire(Wire::Frozen), Cause::NoResponse, hidden, Cause::NoResponse),
        (F::Wire(Wire::HalfClosed), Cause::ConnectionClosed, hidden, Cause::ConnectionClosed),
        (F::Wire(Wire::ResetAfterRequest), Cause::ConnectionReset, hidden, Cause::ConnectionReset),
        (F::Wire(Wire::Garbage), Cause::NotPrometheus, hidden, Cause::NotPrometheus),
        (F::Starting, Cause::Starting, hidden, Cause::GatewayError),
        (F::AgentMode, Cause::AgentMode, Some(Cause::AgentMode), Cause::AgentMode),
        (F::Unauthorized, Cause::Unauthorized, hidden, Cause::Unauthorized),
        (F::TenantMissing, Cause::TenantMissing, hidden, Cause::Unauthorized),
        (F::WrongPrefix, Cause::WrongPathPrefix, hidden, Cause::WrongPathPrefix),
        (F::GetOnly, Cause::MethodNotAllowed, hidden, Cause::MethodNotAllowed),
        (F::Html, Cause::NotPrometheus, hidden, Cause::NotPrometheus),
        (F::Exporter, Cause::ExporterNotPrometheus, hidden, Cause::ExporterNotPrometheus),
        (F::Gateway502, Cause::GatewayError, hidden, Cause::GatewayError),
        (F::QueryTimeout, Cause::QueryTimeout, Some(Cause::QueryTimeout), Cause::GatewayError),
        (F::StorageFailing, Cause::StorageFailing, Some(Cause::StorageFailing), Cause::ServerError),
    ] {
        new.prometheus.set(fault).await;
        assert_eq!(new.query_cause().await, Some(cause), "{fault:?}");
        assert_eq!(new.health_cause().await, Some(health), "{fault:?}");
        old.prometheus.set(fault).await;
        assert_eq!(old.query_cause().await, through_old, "{fault:?}");
    }
    new.prometheus.set(F::Empty).await;
    assert_eq!(new.query().await, DsQuery::Empty { warnings: vec![] });
    old.prometheus.set(F::Empty).await;
    assert_eq!(old.query().await, DsQuery::Empty { warnings: vec![] });
}

#[tokio::test]
async fn the_proxy_hands_on_what_upstream_says() {
    use fault::Prometheus as F;
    let stage = Stage::new(Flavour::V9).await;
    for (fault, wanted) in [
        (F::Starting, Cause::Starting),
        (F::WrongPrefix, Cause::WrongPathPrefix),
        (F::LoginRedirect, Cause::LoginPage),
        (F::Gateway502, Cause::GatewayError),
        (F::AgentMode, Cause::AgentMode),
    ] {
        stage.prometheus.set(fault).await;
        let ProxyVoice::Upstream(Err(rejection)) = stage.proxy().await else { panic!("{fault:?}") };
        assert_eq!(rejection.cause, wanted);
    }
    for (fault, wanted) in [
        (F::Unauthorized, Cause::Unauthorized),
        (F::Wire(Wire::PortClosed), Cause::UnreachableFromGrafana),
        (F::Wire(Wire::Frozen), Cause::UnreachableFromGrafana),
    ] {
        stage.prometheus.set(fault).await;
        assert_eq!(stage.proxy().await, ProxyVoice::Cause(wanted), "{fault:?}");
    }
    stage.grafana.set(fault::Grafana::ProxyDenied).await;
    assert_eq!(stage.proxy().await, ProxyVoice::Useless);
}

#[tokio::test]
async fn grafana_has_its_own_view_of_dns_and_of_urls() {
    let stage = Stage::new(Flavour::V13).await;
    for (fault, wanted) in [
        (fault::Dns::NxDomainAll, Cause::DnsNoSuchName),
        (fault::Dns::ServFail, Cause::DnsServerFailure),
        (fault::Dns::Refused, Cause::DnsServerFailure),
        (fault::Dns::Silent, Cause::DnsTimeout),
        (fault::Dns::GarbageBytes, Cause::DnsMalformed),
        (fault::Dns::PortClosed, Cause::DnsServerUnreachable),
    ] {
        stage.dns.set(fault).await;
        assert_eq!(stage.query_cause().await, Some(wanted), "{fault:?}");
    }
    stage.dns.set(fault::Dns::None).await;
    let port = stage.prometheus.address().port();
    for (url, wanted) in [
        (String::new(), Some(Cause::DatasourceUrlEmpty)),
        (format!("prometheus:{port}"), Some(Cause::DatasourceUrlInvalid)),
        ("prometheus".to_owned(), Some(Cause::DatasourceUrlInvalid)),
        (format!("127.0.0.1:{port}"), Some(Cause::DatasourceUrlInvalid)),
        (format!("https://127.0.0.1:{port}"), Some(Cause::TlsNotSpoken)),
        (format!("http://127.0.0.1:{port}/prometheus"), Some(Cause::WrongPathPrefix)),
        (format!("http://localhost:{port}/"), None),
    ] {
        stage.grafana.edit(|setup| setup.point_at(&url));
        assert_eq!(stage.query_cause().await, wanted, "{url}");
    }
}

#[tokio::test]
async fn grafana_fails_as_told() {
    use fault::Grafana as F;
    for flavour in [Flavour::V9, Flavour::V13] {
        let stage = Stage::new(flavour).await;
        for (fault, health, org, query) in [
            (F::Starting, Some(Cause::GrafanaStarting), None, None),
            (F::LoginRedirect, Some(Cause::GrafanaLoginRedirect), None, None),
            (F::NotGrafana, Some(Cause::NotGrafana), None, None),
            (F::Gateway502, Some(Cause::GatewayError), None, None),
            (F::DatabaseDown, Some(Cause::GrafanaDatabaseDown), None, None),
            (F::TokenRejected, None, Some(Cause::TokenRejected), Some(Cause::TokenRejected)),
            (F::TokenRevoked, None, Some(Cause::TokenRejected), Some(Cause::TokenRejected)),
            (F::TokenExpired, None, Some(Cause::TokenExpired), Some(Cause::TokenExpired)),
            (F::PermissionMissing, None, None, Some(Cause::PermissionMissing)),
            (
                F::ServerError,
                None,
                Some(Cause::GrafanaServerError),
                Some(Cause::GrafanaServerError),
            ),
            (F::DatasourceMissing, None, None, Some(Cause::DatasourceNotFound)),
            (F::PluginNotRegistered, None, None, Some(Cause::PluginNotRegistered)),
            (F::PluginUnavailable, None, None, Some(Cause::PluginUnavailable)),
            (F::HealthRed, None, None, None),
        ] {
            stage.grafana.set(fault).await;
            let got = stage.ask("/api/health", None, judge::health).await.err();
            assert_eq!(got.map(|rejection| rejection.cause), health, "{fault:?}");
            if health.is_none() {
                let got = stage.ask("/api/org", None, judge::organisation).await.err();
                assert_eq!(got.map(|rejection| rejection.cause), org, "{fault:?}");
                assert_eq!(stage.query_cause().await, query, "{fault:?}");
            }
        }
        let red = stage.health_cause().await;
        assert_eq!(red.is_some(), flavour == Flavour::V13);
        stage.grafana.set(F::PluginNotRegistered).await;
        let list = stage.ask("/api/datasources", None, judge::datasource_list).await.unwrap();
        assert_eq!(list[0].faults(), [Cause::PluginNotRegistered]);
        stage.grafana.set(F::None).await;
        let org = async |token| {
            let org = stage.ask_as(token, "/api/org", None, judge::organisation).await;
            org.unwrap_err().cause
        };
        assert_eq!(org(None).await, Cause::TokenMissing);
        assert_eq!(org(Some("glsa_other")).await, Cause::TokenRejected);
        for token in [None, Some(TOKEN)] {
            let wrong = stage.ask_as(token, "/other/api/health", None, judge::health).await;
            assert_eq!(wrong.unwrap_err().cause, Cause::WrongPathPrefix);
        }
    }
}

#[tokio::test]
async fn a_query_hangs_until_it_may_go_on() {
    let stage = Stage::new(Flavour::V13).await;
    stage.grafana.set(fault::Grafana::QueryHangs).await;
    let mut query = Box::pin(stage.query());
    let early = tokio::time::timeout(Duration::from_millis(100), &mut query).await;
    assert!(early.is_err());
    assert_eq!(stage.ask("/api/org", None, judge::organisation).await.unwrap().id, 1);
    stage.grafana.set(fault::Grafana::None).await;
    assert!(matches!(query.await, DsQuery::Data { .. }));
}
