//! The kinds of causes that rules speak of, each listed in one place: `plan` and the probe ask for
//! the same kinds as the diagnosis does, without knowing it.

use crate::report::cause::{Cause, Family};
use crate::report::check::Check;

/// Our own position in the network explains it as well as the far end does.
pub fn is_of_position(cause: Cause) -> bool {
    use Cause as C;
    matches!(
        cause,
        C::DnsTimeout
            | C::DnsServerUnreachable
            | C::DnsRefused
            | C::DnsServerFailure
            | C::ConnectionTimeout
            | C::NetworkUnreachable
            | C::HostUnreachable
            | C::ConnectionDenied
    )
}

/// Whoever asks is refused: the credentials, or the trust, are not good enough.
///
/// One list for both ends. A cause that only one of them can give does no harm in the other's.
pub fn is_refusal(cause: Cause) -> bool {
    use Cause as C;
    is_refusal_by_grafana(cause)
        || matches!(
            cause,
            C::Unauthorized
                | C::Forbidden
                | C::LoginPage
                | C::TenantMissing
                | C::TlsClientCertificateRequired
                | C::TlsUnknownCa
        )
}

/// promlink itself failed before anybody was asked: it says nothing of either end.
pub fn is_our_own(cause: Cause) -> bool {
    matches!(cause, Cause::Overdue | Cause::OwnFileUnusable | Cause::Internal)
}

/// Grafana refuses promlink, whichever of our calls met it.
pub fn is_refusal_by_grafana(cause: Cause) -> bool {
    cause.family() == Family::Auth || cause == Cause::GrafanaLoginRedirect
}

/// The server fails in plain sight: no typo or position of ours looks like this.
pub fn is_in_plain_sight(cause: Cause) -> bool {
    use Cause as C;
    cause.family() == Family::Data
        || matches!(
            cause,
            C::ConnectionRefused
                | C::ConnectionReset
                | C::ConnectionClosed
                | C::NoResponse
                | C::NoReadyEndpoints
                | C::GatewayError
                | C::Starting
                | C::Stopping
                | C::AgentMode
                | C::ServerError
                | C::StorageFailing
                | C::QueryTimeout
                | C::RateLimited
                | C::GrafanaDatabaseDown
                | C::GrafanaStarting
                | C::GrafanaServerError
        )
}

/// Grafana met it on its way to Prometheus. What its API says in place of a data source's
/// description is no word about the data source, but Grafana's own failure.
pub fn is_seen_through_grafana(check: Check, cause: Cause) -> bool {
    check.is_through_grafana()
        && (check != Check::Datasource || cause.family() == Family::Datasource)
}

/// Grafana says that it cannot read Prometheus, but not why.
pub fn hides_its_reason(cause: Cause, check: Option<Check>) -> bool {
    cause == Cause::UnreachableFromGrafana
        || cause == Cause::NoResponse && check == Some(Check::GrafanaQuery)
}

/// Found while resolving.
pub fn is_of_dns(cause: Cause) -> bool {
    cause.family() == Family::Dns
}

/// Found while connecting to the end itself.
pub fn is_of_tcp(cause: Cause) -> bool {
    cause.family() == Family::Tcp && !is_of_proxy(cause)
}

/// A proxy on the way is at fault.
pub fn is_of_proxy(cause: Cause) -> bool {
    use Cause as C;
    matches!(cause, C::ProxyUnreachable | C::ProxyRefused | C::ForwardProxyAnswered)
}

/// Grafana's process or its plugins are at fault.
pub fn is_grafanas_own(cause: Cause) -> bool {
    use Cause as C;
    matches!(
        cause,
        C::PluginNotRegistered
            | C::PluginUnavailable
            | C::GrafanaDatabaseDown
            | C::GrafanaStarting
            | C::GrafanaServerError
    )
}
