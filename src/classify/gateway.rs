//! Pages of gateways, login portals and forward proxies, told from the server's own answers.

use crate::classify::Answer;

/// The gateway or proxy that seems to have answered.
#[must_use]
pub fn name(answer: &Answer<'_>) -> Option<&'static str> {
    todo!("{answer:?}")
}

/// The answer wants a person to log in: a login page, or a redirect to one.
#[must_use]
pub fn wants_login(answer: &Answer<'_>) -> bool {
    todo!("{answer:?}")
}
