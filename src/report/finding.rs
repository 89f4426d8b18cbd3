//! Faults and findings: a cause, found somewhere.

use std::sync::Arc;

use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, Path};
use crate::report::facts::clean;
use crate::report::kinds::is_seen_through_grafana;
use crate::report::verdict::Side;

/// A cause, where it was found, and who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub cause: Cause,
    /// On which path; none when no report says so.
    pub path: Option<Path>,
    /// At which check; none when no report says so.
    pub check: Option<Check>,
    /// Who has to act.
    pub side: Side,
}

/// Something that a check found without failing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Why.
    pub cause: Cause,
    /// Its weight here, which may be less than the cause's own.
    pub weight: Weight,
    /// Which one of several, from a set that is closed, or as small as the configuration makes it;
    /// none where there is but one.
    pub subject: Option<Subject>,
    /// For people: one line, cleaned and capped.
    pub detail: String,
}

/// What a finding is about, where one cause has several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `jsonData.httpMethod`.
    Method,
    /// `jsonData.tlsSkipVerify`.
    TlsVerification,
    /// Basic auth, SigV4 and the like.
    Auth,
    /// The path of the URL.
    Path,
    /// A custom header.
    Header,
    /// The stored password.
    Password,
    /// A CA or client certificate that is stored.
    Certificate,
    /// `jsonData.timeout` and `queryTimeout`.
    Timeout,
    /// `jsonData.timeInterval`.
    Interval,
    /// A data source that this one leads to, and that is not there.
    Target,
    /// Which data source is the default one.
    Default,
    /// One DNS server of several.
    DnsServer,
    /// One replica of several.
    Replica,
    /// The assertion of that name.
    Assertion(Arc<str>),
}

// === impl Fault ===

impl Fault {
    /// Grafana saw it on its way to Prometheus; Grafana itself answered.
    #[must_use]
    pub fn is_through_grafana(&self) -> bool {
        let seen = |check| is_seen_through_grafana(check, self.cause);
        self.path == Some(Path::Grafana) && self.check.is_some_and(seen)
    }
}

// === impl Subject, Finding ===

impl Subject {
    /// The label value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Method => "method",
            Self::TlsVerification => "tls_verification",
            Self::Auth => "auth",
            Self::Path => "path",
            Self::Header => "header",
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::Timeout => "timeout",
            Self::Interval => "interval",
            Self::Target => "target",
            Self::Default => "default",
            Self::DnsServer => "dns_server",
            Self::Replica => "replica",
            Self::Assertion(name) => name,
        }
    }
}

impl Finding {
    /// A finding with the weight that its cause has by itself; what a third party wrote may be in
    /// `detail`.
    #[must_use]
    pub fn of(cause: Cause, detail: String) -> Self {
        let detail = clean(&detail);
        Self { cause, weight: cause.weight(), subject: None, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_one_clean_line() {
        let warning = "a\u{1b}[31m\u{202e}b\r\nlevel=error\0";
        let finding = Finding::of(Cause::PartialAnswer, warning.to_owned());
        assert_eq!(finding.detail, "a [31m b level=error");
    }
}
