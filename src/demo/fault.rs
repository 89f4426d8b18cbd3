//! The ways in which stand-ins fail. Each was met in the wild, or recorded from the real program.

use std::time::Duration;

/// How a DNS server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dns {
    /// It does not.
    None,
    /// Nothing listens at the port, UDP and TCP.
    PortClosed,
    /// SERVFAIL, as of a dead upstream.
    ServFail,
    /// REFUSED, as without a block for the zone.
    Refused,
    /// Questions are read and never answered.
    Silent,
    /// SERVFAIL with a SOA of serial 0: CoreDNS has not reached the API server yet.
    Unsynchronised,
    /// NXDOMAIN for every name.
    NxDomainAll,
    /// The first packet of each question is lost, and the next one answered.
    LosesFirst,
    /// Over UDP only a truncated header; TCP answers.
    Truncate,
    /// Bytes that are no DNS message.
    GarbageBytes,
    /// The right answer, late.
    Slow(Duration),
    /// Silence over UDP, as behind a policy that lets TCP alone pass.
    TcpOnly,
    /// Neither an answer nor a word of who has it, from a server that has no say.
    Lame,
    /// Aliases without what they stand for, as of a server that does not ask others.
    BareAlias,
    /// That one, for questions about IPv6 addresses alone.
    Six(&'static Self),
    /// That one, for names outside the cluster alone.
    Outside(&'static Self),
}

/// How any HTTP server fails below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Nothing listens at the port, and all connections are gone.
    PortClosed,
    /// Connections are accepted and requests read; nothing comes back while this lasts.
    Frozen,
    /// The right answer, late.
    Slow(Duration),
    /// A body without end, of so many bytes a second.
    EndlessBody(u32),
    /// A header of ten mebibytes.
    HugeHeader,
    /// A small compressed body that unpacks to a gibibyte.
    GzipBomb,
    /// Bytes that are no HTTP.
    Garbage,
    /// The server closes its side after the request, and goes on reading.
    HalfClosed,
    /// The connection is reset after the request.
    ResetAfterRequest,
    /// The connection closes in the middle of the body.
    CutBody,
}

/// Ways of answering that are unusual, and right: nobody may call them broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Odd {
    /// As Go does.
    #[default]
    No,
    /// HTTP/1.0, whose body ends with the connection.
    Http10,
    /// Names of headers in lower case.
    LowerCase,
    /// The body in chunks of a few bytes.
    Chunked,
    /// The connection ends with each answer.
    Closes,
    /// No `Date`.
    NoDate,
    /// Two interim answers come first.
    Interim,
    /// Never compressed.
    Plain,
}

/// What something else answers, word for word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its status.
    pub status: u16,
    /// Its content type.
    pub kind: &'static str,
    /// One more header, if the name is not empty.
    pub header: (&'static str, &'static str),
    /// Its body.
    pub body: &'static str,
}

/// How a Prometheus fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prometheus {
    /// It does not.
    None,
    /// Below HTTP.
    Wire(Wire),
    /// It replays its write-ahead log.
    Starting,
    /// It shuts down.
    Stopping,
    /// It runs in agent mode.
    AgentMode,
    /// It wants other credentials.
    Unauthorized,
    /// A proxy in front of it forbids the request.
    Forbidden,
    /// It wants a tenant.
    TenantMissing,
    /// A login page with 200.
    LoginPage,
    /// A redirect to a login page.
    LoginRedirect,
    /// A redirect to the same path of another host.
    Redirect,
    /// 404 for every path.
    WrongPrefix,
    /// POST is not allowed.
    GetOnly,
    /// Too many requests.
    RateLimited,
    /// No series at all.
    Empty,
    /// The newest sample is that old.
    Stale(Duration),
    /// The newest sample is so far ahead of its own clock.
    Ahead(Duration),
    /// A web page that is no login page.
    Html,
    /// The metrics of an exporter on every path.
    Exporter,
    /// A gateway with nobody behind it.
    Gateway502,
    /// Every query runs out of time.
    QueryTimeout,
    /// Queries with this in them are answered late.
    SlowQuery(&'static str, Duration),
    /// Queries with this in them are lost at a gateway.
    LostQuery(&'static str),
    /// The disk is full.
    StorageFailing,
    /// Something in its place, or in front of it, answers every request like this.
    Says(Said),
    /// A store behind it is gone: half of the series and a warning.
    Partial,
    /// It is Thanos, and so many of its two stores are left; it does not warn any more.
    Stores(u8),
    /// Every target is down.
    AllDown,
    /// So many series.
    Series(usize),
    /// Its clock is so many seconds ahead.
    Skewed(i64),
}

/// How a Grafana fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grafana {
    /// It does not.
    None,
    /// Below HTTP.
    Wire(Wire),
    /// It does not know the token.
    TokenRejected,
    /// The token was revoked, which 9.x reports as an internal error.
    TokenRevoked,
    /// The token has expired.
    TokenExpired,
    /// The token may not read or query data sources.
    PermissionMissing,
    /// Its database is down.
    DatabaseDown,
    /// Its host is waking it up.
    Starting,
    /// A login proxy in front of it.
    LoginRedirect,
    /// Something else listens there.
    NotGrafana,
    /// A gateway with nobody behind it.
    Gateway502,
    /// No data source is there.
    DatasourceMissing,
    /// The plugin is gone.
    PluginNotRegistered,
    /// The plugin does not run.
    PluginUnavailable,
    /// `/api/ds/query` does not answer while this lasts.
    QueryHangs,
    /// Paths with this end do not answer while this lasts.
    Hangs(&'static str),
    /// Everything that wants a token is an internal error.
    ServerError,
    /// The health check of data sources is red, and queries work.
    HealthRed,
    /// The data proxy refuses every data source.
    ProxyDenied,
    /// A firewall in front of it answers everything below this path with a page of its own.
    Barred(&'static str),
}

impl From<Wire> for Prometheus {
    fn from(wire: Wire) -> Self {
        Self::Wire(wire)
    }
}

impl From<Wire> for Grafana {
    fn from(wire: Wire) -> Self {
        Self::Wire(wire)
    }
}
