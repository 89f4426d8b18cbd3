use std::time::Duration;

use super::*;
use crate::classify::{Answer, Rejection, Vector, prometheus};
use crate::demo::standin::ANY_PORT;
use crate::net::testing::foreign;
use crate::report::cause::Cause;
use crate::report::seen::Flavour;

/// Asks as promlink does, and judges as it does: the stand-in must be what the recordings are.
async fn query(standin: &Prometheus, query: &str) -> Result<Vector, Rejection> {
    let url = format!("http://{}/api/v1/query", standin.address());
    let form =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
    let request = foreign().post(url).body(form);
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let response = request.header(form_type.0, form_type.1).send().await.unwrap();
    let status = response.status().as_u16();
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let body = response.bytes().await.unwrap();
    let answer = Answer {
        status,
        headers: &headers,
        body: &body,
        cut: false,
        asked: "/api/v1/query",
        credentials: false,
    };
    prometheus::query(&answer)
}

#[tokio::test]
async fn questions_are_answered() {
    let setup = Setup { targets: 4, down: 1, ..Setup::default() };
    let standin = start(ANY_PORT, setup).await.unwrap();
    let up = query(&standin, "up").await.unwrap();
    assert_eq!((up.series, up.up, up.identities.len()), (4, 3, 4));
    let value = async |expr: &str| query(&standin, expr).await.unwrap().value.unwrap();
    assert_eq!(value("vector(1)").await, 1.0);
    assert_eq!(value("1+1").await, 2.0);
    assert_eq!(value("count(up)").await, 4.0);
    assert_eq!(value("sum(up)").await, 3.0);
    assert_eq!(value("count(up{job=\"node\"})").await, 3.0);
    assert_eq!(value("time() - max(timestamp(up))").await.round(), 1.0);
    let newest = value("max(timestamp(up))").await;
    assert!((value("time()").await - newest - 1.0).abs() < 1.0);
    assert_eq!(query(&standin, "nobody").await.unwrap().series, 0);
    for (expr, series) in [
        ("up == 0", 1),
        ("count(up) > 4", 0),
        ("count(up) >= 4", 1),
        ("count(nobody) > 0 or count(up) > 0", 1),
        ("increase(nobody[5m]) > 0", 0),
        ("sum(rate(nobody{a=\"b\"}[5m])) by (pod)", 0),
    ] {
        assert_eq!(query(&standin, expr).await.unwrap().series, series, "{expr}");
    }
    for expr in ["up{", "", "nosuch(up)", "up up"] {
        assert_eq!(query(&standin, expr).await.unwrap_err().cause, Cause::QueryRejected, "{expr}");
    }
}

#[tokio::test]
async fn another_name_is_another_prometheus() {
    let standin = start(ANY_PORT, Setup::default()).await.unwrap();
    let one = query(&standin, "up").await.unwrap();
    standin.edit(|setup| "other".clone_into(&mut setup.name));
    let other = query(&standin, "up").await.unwrap();
    assert!(one.identities.iter().all(|identity| !other.identities.contains(identity)));
}

#[tokio::test]
async fn faults_are_what_the_classifier_knows() {
    use fault::Prometheus as F;
    let standin = start(ANY_PORT, Setup::default()).await.unwrap();
    for (fault, wanted) in [
        (F::Starting, Cause::Starting),
        (F::Stopping, Cause::Stopping),
        (F::AgentMode, Cause::AgentMode),
        (F::Unauthorized, Cause::Unauthorized),
        (F::Forbidden, Cause::Forbidden),
        (F::TenantMissing, Cause::TenantMissing),
        (F::LoginPage, Cause::LoginPage),
        (F::LoginRedirect, Cause::LoginPage),
        (F::Redirect, Cause::Redirected),
        (F::WrongPrefix, Cause::WrongPathPrefix),
        (F::GetOnly, Cause::MethodNotAllowed),
        (F::RateLimited, Cause::RateLimited),
        (F::Html, Cause::NotPrometheus),
        (F::Exporter, Cause::ExporterNotPrometheus),
        (F::Gateway502, Cause::GatewayError),
        (F::QueryTimeout, Cause::QueryTimeout),
        (F::StorageFailing, Cause::StorageFailing),
    ] {
        standin.set(fault).await;
        assert_eq!(query(&standin, "up").await.unwrap_err().cause, wanted, "{fault:?}");
    }
    standin.edit(|setup| setup.version = Version::V2);
    standin.set(F::Starting).await;
    assert_eq!(query(&standin, "up").await.unwrap_err().cause, Cause::Starting);
    standin.set(F::None).await;
    standin.edit(|setup| setup.authorization = Some("Bearer x".to_owned()));
    assert_eq!(query(&standin, "up").await.unwrap_err().cause, Cause::Unauthorized);
    standin.edit(|setup| setup.authorization = None);
    standin.edit(|setup| "/prometheus".clone_into(&mut setup.prefix));
    assert_eq!(query(&standin, "up").await.unwrap_err().cause, Cause::WrongPathPrefix);
}

#[tokio::test]
async fn faults_of_data_are_seen_in_the_data() {
    use fault::Prometheus as F;
    let standin = start(ANY_PORT, Setup::default()).await.unwrap();
    let up = async |fault: F| {
        standin.set(fault).await;
        query(&standin, "up").await.unwrap()
    };
    assert_eq!(up(F::Empty).await.series, 0);
    assert_eq!(up(F::AllDown).await.up, 0);
    let partial = up(F::Partial).await;
    assert!(partial.partial && partial.series == 2);
    let many = up(F::Series(3000)).await;
    assert!(many.large && many.series == 3000);
    assert_eq!(up(F::Stale(Duration::from_secs(200))).await.series, 3);
    let age = query(&standin, "time() - max(timestamp(up))").await.unwrap().value.unwrap();
    assert_eq!(age.round(), 200.0);
    // Older than the lookback is gone.
    assert_eq!(up(F::Stale(Duration::from_secs(400))).await.series, 0);
    let ahead = up(F::Skewed(60)).await.evaluated_at.unwrap();
    let right = up(F::None).await.evaluated_at.unwrap();
    assert!((ahead - right - 60.0).abs() < 5.0);
}

#[tokio::test]
async fn versions_differ_in_buildinfo() {
    let standin = start(ANY_PORT, Setup::default()).await.unwrap();
    let url = format!("http://{}/api/v1/status/buildinfo", standin.address());
    for (version, wanted) in [(Version::V3, "3.16.0"), (Version::V2, "2.42.0")] {
        standin.edit(|setup| setup.version = version);
        let body = foreign().get(&url).send().await.unwrap().bytes().await.unwrap();
        let answer = Answer {
            status: 200,
            headers: &[],
            body: &body,
            cut: false,
            asked: "",
            credentials: false,
        };
        let info = prometheus::buildinfo(&answer).unwrap();
        assert_eq!(info.version.as_deref(), Some(wanted));
        assert_eq!(info.flavour, Some(Flavour::Prometheus));
    }
}
