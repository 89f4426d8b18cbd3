//! The steps of a path, in one order and with one label each.

use std::array;

/// How a question reaches Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// promlink → Prometheus.
    Direct,
    /// promlink → Grafana → Prometheus.
    Grafana,
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The name resolves.
    Dns,
    /// The port accepts a connection.
    Tcp,
    /// The handshake succeeds and the certificate is good.
    Tls,
    /// Prometheus answers the selector.
    Query,
    /// The newest sample is young.
    Freshness,
    /// `/api/health` of Grafana.
    GrafanaHealth,
    /// Grafana accepts our token and lets us ask.
    Auth,
    /// The data source exists and is set up well.
    Datasource,
    /// Grafana's own health check of the data source.
    DatasourceHealth,
    /// The selector, asked through Grafana as panels do.
    GrafanaQuery,
    /// The user's own PromQL holds; last of what is asked, on whichever path it is.
    Assertions,
    /// Both paths saw the same Prometheus.
    Agreement,
}

/// Why a check did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It can never apply here: `tls` on `http`.
    NotNeeded,
    /// The named check did not pass.
    Needs(Check),
    /// This server has no such function.
    Unsupported,
    /// We may not ask.
    NotPermitted,
    /// An earlier call has not ended yet.
    StillWaiting,
    /// The cycle ended first.
    NoTime,
    /// No slot was free.
    Busy,
    /// The user turned it off.
    Off,
}

/// A value for each check that has one; iterates in the order of checks.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckMap<T>([Option<T>; Check::ALL.len()]);

// === impl Path ===

impl Path {
    /// Both, direct first.
    pub const ALL: [Self; 2] = [Self::Direct, Self::Grafana];

    /// What of a pair, direct first, belongs to this path.
    #[must_use]
    pub fn of<T>(self, [direct, grafana]: [T; 2]) -> T {
        match self {
            Self::Direct => direct,
            Self::Grafana => grafana,
        }
    }

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Grafana => "grafana",
        }
    }

    /// Its checks, in the order in which they are walked.
    #[must_use]
    pub fn checks(self) -> &'static [Check] {
        use Check as C;
        match self {
            Self::Direct => &[C::Dns, C::Tcp, C::Tls, C::Query, C::Freshness, C::Assertions],
            Self::Grafana => &[
                C::Dns,
                C::Tcp,
                C::Tls,
                C::GrafanaHealth,
                C::Auth,
                C::Datasource,
                C::DatasourceHealth,
                C::GrafanaQuery,
                C::Assertions,
                C::Agreement,
            ],
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Direct => Self::Grafana,
            Self::Grafana => Self::Direct,
        }
    }
}

// === impl Check ===

impl Check {
    /// All, in the one order.
    pub const ALL: [Self; 12] = [
        Self::Dns,
        Self::Tcp,
        Self::Tls,
        Self::Query,
        Self::Freshness,
        Self::GrafanaHealth,
        Self::Auth,
        Self::Datasource,
        Self::DatasourceHealth,
        Self::GrafanaQuery,
        Self::Assertions,
        Self::Agreement,
    ];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Query => "query",
            Self::Freshness => "freshness",
            Self::Assertions => "assertions",
            Self::GrafanaHealth => "grafana_health",
            Self::Auth => "auth",
            Self::Datasource => "datasource",
            Self::DatasourceHealth => "datasource_health",
            Self::GrafanaQuery => "grafana_query",
            Self::Agreement => "agreement",
        }
    }

    /// Grafana's answer about the data source, not about Grafana's own address.
    #[must_use]
    pub fn is_through_grafana(self) -> bool {
        match self {
            // On the direct path nobody asks.
            Self::Datasource
            | Self::DatasourceHealth
            | Self::GrafanaQuery
            | Self::Assertions
            | Self::Agreement => true,
            Self::Dns
            | Self::Tcp
            | Self::Tls
            | Self::Query
            | Self::Freshness
            | Self::GrafanaHealth
            | Self::Auth => false,
        }
    }
}

// === impl Why ===

impl Why {
    /// The public word, `needs_tcp` for a check that waits on another.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotNeeded => "not_needed",
            Self::Needs(Check::Dns) => "needs_dns",
            Self::Needs(Check::Tcp) => "needs_tcp",
            Self::Needs(Check::Tls) => "needs_tls",
            Self::Needs(Check::Query) => "needs_query",
            Self::Needs(Check::Freshness) => "needs_freshness",
            Self::Needs(Check::Assertions) => "needs_assertions",
            Self::Needs(Check::GrafanaHealth) => "needs_grafana_health",
            Self::Needs(Check::Auth) => "needs_auth",
            Self::Needs(Check::Datasource) => "needs_datasource",
            Self::Needs(Check::DatasourceHealth) => "needs_datasource_health",
            Self::Needs(Check::GrafanaQuery) => "needs_grafana_query",
            Self::Needs(Check::Agreement) => "needs_agreement",
            Self::Unsupported => "unsupported",
            Self::NotPermitted => "not_permitted",
            Self::StillWaiting => "still_waiting",
            Self::NoTime => "no_time",
            Self::Busy => "busy",
            Self::Off => "off",
        }
    }
}

// === impl CheckMap ===

impl<T> Default for CheckMap<T> {
    fn default() -> Self {
        Self(array::from_fn(|_| None))
    }
}

impl<T> CheckMap<T> {
    /// The value of `check`.
    #[must_use]
    pub fn get(&self, check: Check) -> Option<&T> {
        self.0.get(check as usize).and_then(Option::as_ref)
    }

    /// The value of `check`, to change.
    pub fn get_mut(&mut self, check: Check) -> Option<&mut T> {
        self.0.get_mut(check as usize).and_then(Option::as_mut)
    }

    /// Sets the value of `check`, and hands back the one it had.
    pub fn insert(&mut self, check: Check, value: T) -> Option<T> {
        self.0.get_mut(check as usize).and_then(|slot| slot.replace(value))
    }

    /// Takes the value of `check` away.
    pub fn remove(&mut self, check: Check) -> Option<T> {
        self.0.get_mut(check as usize).and_then(Option::take)
    }

    /// The values, in order, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    /// Those that have a value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Check, &T)> {
        Check::ALL.into_iter().zip(&self.0).filter_map(|(c, v)| v.as_ref().map(|v| (c, v)))
    }
}

impl<T> FromIterator<(Check, T)> for CheckMap<T> {
    fn from_iter<I: IntoIterator<Item = (Check, T)>>(iter: I) -> Self {
        let mut map = Self::default();
        for (check, value) in iter {
            map.insert(check, value);
        }
        map
    }
}
