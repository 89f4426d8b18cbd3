//! What we sent must not come back to be read in the evidence.
//!
//! It is looked for in what a walk hands over, and not where texts are made: of those places there
//! are a dozen, and the next one would forget it.

use crate::link::{Auth, HttpOptions};
use crate::net::credentials::Quoted;
use crate::report::Walk;
use crate::report::facts::Key;

/// Hides in `walk` what `options` had us send, or what else we signed in with.
pub fn hide(walk: &mut Walk, options: &HttpOptions, logins: impl FnOnce() -> Vec<Auth>) {
    let mut quotes = quotes(walk).peekable();
    // Files are read only where somebody said something.
    if quotes.peek().is_some() {
        hide_in(quotes, options, &logins());
    }
}

/// Hides the same in texts that are told apart from a walk.
pub fn hide_in<'a>(
    texts: impl IntoIterator<Item = &'a mut String>,
    options: &HttpOptions,
    logins: &[Auth],
) {
    let secrets = Quoted::of(options, logins);
    texts.into_iter().for_each(|text| secrets.hide(text));
}

/// All that may be in somebody else's words.
fn quotes(walk: &mut Walk) -> impl Iterator<Item = &mut String> {
    let rows = walk.legs_mut().flat_map(|leg| leg.rows.iter_mut());
    rows.flat_map(|row| {
        let details = row.findings.iter_mut().map(|finding| &mut finding.detail);
        let texts = row.facts.texts_mut().filter(|(key, _)| is_quote(*key));
        details.chain(texts.map(|(_, text)| text))
    })
}

fn is_quote(key: Key) -> bool {
    matches!(
        key,
        Key::ApiError
            | Key::ApiErrorType
            | Key::BasePath
            | Key::BodyStart
            | Key::Bootstrap
            | Key::Error
            | Key::GrafanaSays
            | Key::HealthSays
            | Key::Location
            | Key::ProxySays
            | Key::Replay
            | Key::Retention
            | Key::Warnings
    )
}

#[cfg(test)]
mod tests;
