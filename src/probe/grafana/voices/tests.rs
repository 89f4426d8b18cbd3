use std::time::Duration;

use super::*;
use crate::classify::{Rejection, Vector};
use crate::report::check::Check;
use crate::report::seen::Seen;

const OK: Outcome = Outcome::Passed;

fn at() -> Now {
    Now::at(Duration::ZERO)
}

fn said(outcome: Outcome, voice: Voice) -> Said {
    let row = Row::ended(outcome, Duration::from_secs(6), at());
    Said { check: Check::GrafanaQuery, row, seen: Seen::default(), voice }
}

fn late(said: Said) -> Option<Box<Said>> {
    Some(Box::new(said))
}

fn ill(cause: Cause) -> Option<Said> {
    Some(said(Outcome::Failed(cause), Voice::Datasource))
}

fn upstream(series: u64) -> Option<ProxyVoice> {
    Some(ProxyVoice::Upstream(Ok(Vector { series, ..Vector::default() })))
}

fn upstream_says(cause: Cause) -> Option<ProxyVoice> {
    Some(ProxyVoice::Upstream(Err(Rejection {
        cause,
        api_error_type: None,
        api_error: Some("boom".to_owned()),
        body_start: None,
        location: None,
        flavour: None,
        via: None,
    })))
}

fn failure(cause: Cause) -> Option<Failure> {
    Some(Failure { cause, message: String::new() })
}

/// (what was heard, the outcome, whether it is remarked as slow or the like)
fn cases() -> Vec<(Heard, Outcome, Option<Cause>)> {
    use Cause as C;
    let none = Heard::default;
    let hidden = || ill(C::UnreachableFromGrafana);
    let bad = |cause| Outcome::Failed(cause);
    vec![
        (Heard { query: Some(said(OK, Voice::Datasource)), ..none() }, OK, None),
        // The query's own words, when nobody knows better.
        (Heard { query: ill(C::DnsNoSuchName), ..none() }, bad(C::DnsNoSuchName), None),
        (
            Heard { query: ill(C::DnsNoSuchName), proxy: Some(ProxyVoice::Useless), ..none() },
            bad(C::DnsNoSuchName),
            None,
        ),
        // What Prometheus answered to Grafana is better than what Grafana makes of it.
        (
            Heard { query: ill(C::ServerError), proxy: upstream_says(C::Starting), ..none() },
            bad(C::Starting),
            None,
        ),
        (
            Heard { query: ill(C::NoSeries), proxy: upstream_says(C::LoginPage), ..none() },
            bad(C::LoginPage),
            None,
        ),
        // ... but that it does not know us is no fault of the data source.
        (
            Heard {
                query: ill(C::DatasourceNeedsUserLogin),
                proxy: upstream_says(C::Unauthorized),
                forwards_user: true,
                ..none()
            },
            bad(C::DatasourceNeedsUserLogin),
            None,
        ),
        // ... also where the query does not say why.
        (
            Heard {
                query: hidden(),
                proxy: Some(ProxyVoice::Cause(C::Unauthorized)),
                forwards_user: true,
                ..none()
            },
            bad(C::DatasourceNeedsUserLogin),
            None,
        ),
        // ... nor has it a say in what Grafana says of itself.
        (
            Heard {
                query: Some(said(bad(C::GrafanaServerError), Voice::Grafana)),
                proxy: upstream_says(C::Unauthorized),
                ..none()
            },
            bad(C::GrafanaServerError),
            None,
        ),
        // Prometheus answers Grafana, and the query fails all the same.
        (Heard { query: hidden(), proxy: upstream(3), ..none() }, bad(C::GrafanaServerError), None),
        (Heard { query: ill(C::NoSeries), proxy: upstream(3), ..none() }, bad(C::NoSeries), None),
        // ... for its settings keep the plugin from asking, as its health check says.
        (
            Heard {
                query: hidden(),
                proxy: upstream(3),
                health: Some(C::DatasourceSettingsInvalid),
                ..none()
            },
            bad(C::DatasourceSettingsInvalid),
            None,
        ),
        // An old Grafana makes no data of Prometheus' refusal.
        (
            Heard {
                query: ill(C::NoSeries),
                proxy: Some(ProxyVoice::Cause(C::Unauthorized)),
                ..none()
            },
            bad(C::Unauthorized),
            None,
        ),
        // An old Grafana hides why: health, then a rule, then the proxy's status.
        (Heard { query: hidden(), ..none() }, bad(C::UnreachableFromGrafana), None),
        (
            Heard {
                query: hidden(),
                health: Some(C::ConnectionRefused),
                rule: failure(C::TlsUnknownCa),
                ..none()
            },
            bad(C::ConnectionRefused),
            None,
        ),
        (
            Heard {
                query: hidden(),
                rule: failure(C::TlsUnknownCa),
                proxy: Some(ProxyVoice::Cause(C::NoResponse)),
                ..none()
            },
            bad(C::TlsUnknownCa),
            None,
        ),
        (
            Heard { query: hidden(), proxy: Some(ProxyVoice::Cause(C::NoResponse)), ..none() },
            bad(C::NoResponse),
            None,
        ),
        // We may not query, and the proxy shows that panels can.
        (
            Heard {
                query: Some(said(bad(C::PermissionMissing), Voice::Grafana)),
                proxy: upstream(3),
                ..none()
            },
            OK,
            Some(C::PermissionMissing),
        ),
        // The query hangs.
        (none(), bad(C::NoResponse), None),
        (Heard { proxy: upstream(3), ..none() }, OK, Some(C::Slow)),
        // ... and no data is no proof that there would be any.
        (Heard { proxy: upstream(0), ..none() }, bad(C::NoResponse), None),
        (Heard { proxy: upstream_says(C::Starting), ..none() }, bad(C::Starting), None),
        (Heard { late: late(said(OK, Voice::Datasource)), ..none() }, OK, Some(C::Slow)),
        (
            Heard { late: ill(C::ConnectionTimeout).map(Box::new), ..none() },
            bad(C::ConnectionTimeout),
            None,
        ),
        (
            Heard { late: late(said(bad(C::ConnectionClosed), Voice::Nobody)), ..none() },
            bad(C::NoResponse),
            None,
        ),
        // It never overrules a fresh outcome.
        (
            Heard {
                query: ill(C::ConnectionRefused),
                late: late(said(OK, Voice::Datasource)),
                ..none()
            },
            bad(C::ConnectionRefused),
            None,
        ),
    ]
}

#[test]
fn the_best_voice_is_believed() {
    for (index, (heard, outcome, remark)) in cases().into_iter().enumerate() {
        let what = format!("case {index}: {heard:?}");
        let row = heard.conclude(Duration::from_secs(4), at());
        assert_eq!(row.outcome, outcome, "{what}");
        assert_eq!(row.findings.first().map(|finding| finding.cause), remark, "{what}");
    }
}
