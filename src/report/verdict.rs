//! What is said of a link, and who has to act.

/// What is said of a link; the order is the severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// No cycle has ended yet.
    Unknown,
    /// Real, fresh data came back on every path that the link has.
    Working,
    /// Panels get data, but something wants attention.
    Degraded,
    /// We cannot tell.
    Blind,
    /// Panels get no true data.
    Broken,
}

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Whoever runs Prometheus.
    Prometheus,
    /// Whoever runs Grafana.
    Grafana,
    /// Whoever owns the data source's settings and stored credentials.
    Datasource,
    /// Whoever runs the network between them.
    Network,
    /// Whoever runs DNS.
    Dns,
    /// Whoever gave promlink its own credentials.
    Credentials,
    /// Whoever configured and placed promlink.
    Promlink,
    /// Two candidates; the evidence names both.
    Unclear,
}

impl Verdict {
    /// All, by severity.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::Working, Self::Degraded, Self::Blind, Self::Broken];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Working => "working",
            Self::Degraded => "degraded",
            Self::Blind => "blind",
            Self::Broken => "broken",
        }
    }
}

impl Side {
    /// All, in the order of the design.
    pub const ALL: [Self; 8] = [
        Self::Prometheus,
        Self::Grafana,
        Self::Datasource,
        Self::Network,
        Self::Dns,
        Self::Credentials,
        Self::Promlink,
        Self::Unclear,
    ];

    /// Who has to act.
    #[must_use]
    pub fn who(self) -> &'static str {
        match self {
            Self::Prometheus => "whoever runs Prometheus",
            Self::Grafana => "whoever runs Grafana",
            Self::Datasource => "whoever owns the data source's settings in Grafana",
            Self::Network => "whoever runs the network between the two",
            Self::Dns => "whoever runs DNS",
            Self::Credentials => "whoever gave promlink its credentials",
            Self::Promlink => "whoever configured and placed promlink",
            Self::Unclear => "unclear: there are two candidates, both in the evidence",
        }
    }

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Grafana => "grafana",
            Self::Datasource => "datasource",
            Self::Network => "network",
            Self::Dns => "dns",
            Self::Credentials => "credentials",
            Self::Promlink => "promlink",
            Self::Unclear => "unclear",
        }
    }
}
