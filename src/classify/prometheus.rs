//! Answers of the query API, asked directly or through Grafana's data proxy.

use crate::classify::{Answer, Rejection, Vector};
use crate::report::seen::Flavour;

/// What `/api/v1/status/buildinfo` gives away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version; none where it is empty or a constant that means nothing.
    pub version: Option<String>,
    /// What the server is; what a query answer gives away is more exact (Thanos looks like Prometheus).
    pub flavour: Option<Flavour>,
}

/// Judges the answer to an instant query.
pub fn query(answer: &Answer<'_>) -> Result<Vector, Rejection> {
    todo!("{answer:?}")
}

/// Reads the answer of `/api/v1/status/buildinfo`; none when it is no good, which is no failure.
#[must_use]
pub fn buildinfo(answer: &Answer<'_>) -> Option<BuildInfo> {
    todo!("{answer:?}")
}
