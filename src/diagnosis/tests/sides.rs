//! Who has to act: the rows of the design's table, from top to bottom.

use crate::diagnosis::side::{Place, side};
use crate::report::cause::Cause as C;
use crate::report::verdict::Side as S;

const DIRECT: Place = Place::Direct { grafana_passes: false };
const ONLY_DIRECT: Place = Place::Direct { grafana_passes: true };
const GRAFANA: Place = Place::GrafanaItself { told: true };
const GRAFANA_UNTOLD: Place = Place::GrafanaItself { told: false };
const ONLY_GRAFANA: Place = Place::ThroughGrafana { direct_passed: true };
const BOTH: Place = Place::ThroughGrafana { direct_passed: false };

#[test]
fn causes_that_mean_the_same_people_from_every_place() {
    for (cause, expected) in [
        (C::VantageBlocked, S::Promlink),
        (C::Overdue, S::Promlink),
        (C::Internal, S::Promlink),
        (C::UnreachableFromGrafana, S::Unclear),
        (C::ProxyRefused, S::Network),
        (C::ForwardProxyAnswered, S::Network),
        (C::DnsTimeout, S::Dns),
        (C::DnsServerFailure, S::Dns),
        (C::DnsSlow, S::Dns),
        (C::ConnectionTimeout, S::Network),
        (C::HostUnreachable, S::Network),
        (C::PluginNotRegistered, S::Grafana),
        (C::GrafanaStarting, S::Grafana),
    ] {
        for place in [DIRECT, ONLY_DIRECT, GRAFANA, GRAFANA_UNTOLD, ONLY_GRAFANA, BOTH] {
            assert_eq!(side(cause, place), expected, "{} at {place:?}", cause.code());
        }
    }
}

#[test]
fn elsewhere_the_place_decides() {
    for (cause, expected) in [
        // Direct, only direct, Grafana itself, the same untold, only through Grafana, both.
        (C::Unauthorized, "credentials credentials credentials credentials datasource datasource"),
        (C::TlsUnknownCa, "credentials credentials credentials credentials datasource datasource"),
        (C::ConnectionRefused, "prometheus promlink grafana promlink datasource prometheus"),
        (C::DnsNoSuchService, "prometheus promlink grafana promlink datasource prometheus"),
        (C::TlsWrongName, "prometheus promlink grafana promlink datasource prometheus"),
        (C::TlsExpiring, "prometheus prometheus grafana promlink datasource prometheus"),
        (C::Starting, "prometheus prometheus grafana promlink prometheus prometheus"),
        (C::GatewayError, "prometheus prometheus grafana promlink prometheus prometheus"),
        (C::NoResponse, "prometheus prometheus grafana promlink unclear unclear"),
        (C::Slow, "prometheus prometheus grafana promlink unclear prometheus"),
        (C::NoSeries, "prometheus prometheus grafana promlink datasource prometheus"),
    ] {
        let places = [DIRECT, ONLY_DIRECT, GRAFANA, GRAFANA_UNTOLD, ONLY_GRAFANA, BOTH];
        let found = places.map(|place| side(cause, place).as_str()).join(" ");
        assert_eq!(found, expected, "{}", cause.code());
    }
    assert_eq!(side(C::DatasourceNotFound, BOTH), S::Datasource);
    assert_eq!(side(C::DatasourceUrlDiffers, ONLY_GRAFANA), S::Datasource);
    for cause in [C::TokenRejected, C::GrafanaLoginRedirect, C::TokenExpiring] {
        assert_eq!(side(cause, GRAFANA), S::Credentials);
    }
    assert_eq!(side(C::NotGrafana, GRAFANA_UNTOLD), S::Promlink);
}
