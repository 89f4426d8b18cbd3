//! `resolv.conf` and `/etc/hosts` as one value.

use std::net::SocketAddr;

use crate::net::hosts::Hosts;

/// Whom to ask, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// The servers, in turn.
    pub servers: Vec<SocketAddr>,
    /// Suffixes that are tried, without dots at their ends.
    pub search: Vec<String>,
    /// A name with at least this many dots is tried as it is first.
    pub ndots: usize,
    /// Names that need no DNS.
    pub hosts: Hosts,
}

// === impl DnsSettings ===

impl DnsSettings {
    /// This machine's `/etc/resolv.conf` and `/etc/hosts`; a missing file is an empty one, as for Go.
    ///
    /// # Errors
    /// Which file cannot be read, and why.
    pub fn system() -> Result<Self, String> {
        todo!()
    }

    /// From the texts of both files.
    ///
    /// # Errors
    /// What is wrong in `resolv.conf`.
    pub fn from_texts(resolv: &str, hosts: &str) -> Result<Self, String> {
        todo!()
    }

    /// The cluster's domain, from the search entry `svc.<zone>`.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.search.iter().find_map(|entry| entry.strip_prefix("svc."))
    }
}
