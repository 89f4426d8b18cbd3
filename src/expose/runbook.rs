//! A runbook for each cause.
use crate::report::cause::Cause;

/// The runbook as text (the Markdown that is shipped in `alerts/runbooks`).
#[must_use]
pub fn text(cause: Cause) -> &'static str {
    cause.code()
}

/// The runbook as a page.
#[must_use]
pub fn page(cause: Cause) -> String {
    text(cause).to_owned()
}
