//! Who has to act: a function of the cause and of the place where it was found.
//!
//! The same cause means different people from different places: `connection_refused` is Prometheus'
//! own when we meet it, and the data source's when only Grafana meets it.

use crate::report::cause::{Cause, Family};
use crate::report::kinds::{
    is_grafanas_own, is_of_dns, is_of_position, is_of_proxy, is_our_own, is_refusal,
};
use crate::report::verdict::Side;

/// Where a cause was found, as far as it decides who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On our own way to Prometheus.
    Direct {
        /// Grafana reads Prometheus all the same.
        grafana_passes: bool,
    },
    /// On our way to Grafana, at its own address.
    GrafanaItself {
        /// Grafana is at fault, and not as likely we are.
        told: bool,
    },
    /// On Grafana's way to Prometheus.
    ThroughGrafana {
        /// Our own way to Prometheus is good.
        direct_passed: bool,
    },
}

/// Who has to act. The first rule that matches wins, from top to bottom.
#[must_use]
pub fn side(cause: Cause, place: Place) -> Side {
    anywhere(cause).unwrap_or_else(|| match place {
        Place::Direct { grafana_passes } => direct(cause, grafana_passes),
        Place::GrafanaItself { told } => grafana_itself(cause, told),
        Place::ThroughGrafana { direct_passed: true } => through_grafana_alone(cause),
        Place::ThroughGrafana { direct_passed: false } => through_grafana_too(cause),
    })
}

/// Causes that mean the same people from every place.
fn anywhere(cause: Cause) -> Option<Side> {
    use Cause as C;
    if cause == C::VantageBlocked || is_our_own(cause) {
        Some(Side::Promlink)
    } else if cause == C::UnreachableFromGrafana {
        Some(Side::Unclear)
    } else if is_of_proxy(cause) {
        Some(Side::Network)
    // A slow resolver is the resolver's, not that of whoever wrote the name.
    } else if is_of_dns(cause) && (is_of_position(cause) || cause == C::DnsSlow) {
        Some(Side::Dns)
    } else if is_of_position(cause) {
        Some(Side::Network)
    } else if is_grafanas_own(cause) {
        Some(Side::Grafana)
    } else {
        None
    }
}

fn direct(cause: Cause, grafana_passes: bool) -> Side {
    let ours_to_mend = matches!(cause.family(), Family::Dns | Family::Tcp | Family::Tls)
        // Nobody but its owner renews a certificate.
        && cause != Cause::TlsExpiring;
    if is_refusal(cause) {
        Side::Credentials
    } else if grafana_passes && ours_to_mend {
        Side::Promlink
    } else {
        Side::Prometheus
    }
}

fn grafana_itself(cause: Cause, told: bool) -> Side {
    if is_refusal(cause) {
        Side::Credentials
    } else if told {
        Side::Grafana
    } else {
        Side::Promlink
    }
}

/// Grafana fails where we pass: what the data source says differs from what works.
fn through_grafana_alone(cause: Cause) -> Side {
    use Cause as C;
    // Late, or never within the time: Grafana's load looks like a bad way from there.
    if matches!(cause, C::NoResponse | C::Slow) {
        Side::Unclear
    } else if matches!(
        cause,
        C::Starting
            | C::Stopping
            | C::StorageFailing
            | C::ServerError
            | C::QueryTimeout
            | C::RateLimited
            | C::GatewayError
    ) {
        Side::Prometheus
    } else {
        Side::Datasource
    }
}

/// We do not pass either: only what is stored in Grafana is the data source's.
fn through_grafana_too(cause: Cause) -> Side {
    if cause == Cause::NoResponse {
        Side::Unclear
    } else if cause.family() == Family::Datasource || is_refusal(cause) {
        Side::Datasource
    } else {
        direct(cause, false)
    }
}
