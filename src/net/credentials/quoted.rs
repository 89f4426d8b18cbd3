//! What we sent in secret, in somebody else's words: servers, gateways and debugging endpoints
//! quote the request in their answers.
//!
//! A secret is hidden where it stands as a word, so that a password such as `prom` is not given
//! away by what is missing of `prometheus`; so is its beginning, where a text was cut in the middle
//! of it. Other spellings (percent-encoded, escaped for JSON) are not looked for.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::link::{Auth, HttpOptions};
use crate::net::credentials::read;
use crate::secret::HIDDEN;

/// What is shorter is no secret, and would tear holes into what must be read.
const MIN_CHARS: usize = 6;

/// What requests hold in secret, in each form in which they hold it; the longest first, because one
/// may be part of another.
#[derive(Clone)]
pub struct Quoted(Vec<String>);

// === impl Quoted ===

impl Quoted {
    /// The secrets of `options` and of `logins`; what cannot be read now is not sent either.
    #[must_use]
    pub fn of(options: &HttpOptions, logins: &[Auth]) -> Self {
        let mut all = Vec::new();
        for (user, secret) in options.secrets().chain(logins.iter().map(Auth::secret)) {
            let Ok(content) = read(secret, "") else { continue };
            all.extend(user.map(|user| BASE64_STANDARD.encode(format!("{user}:{content}"))));
            all.push(content);
        }
        all.retain(|secret| secret.chars().count() >= MIN_CHARS);
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all)
    }

    /// Hides all of them in `text`.
    pub fn hide(&self, text: &mut String) {
        for secret in &self.0 {
            if let Some(hidden) = without(text, secret) {
                *text = hidden;
            }
        }
    }
}

/// `text` with `secret` hidden, if it is there.
fn without(text: &str, secret: &str) -> Option<String> {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let mut out = String::new();
    let (mut rest, mut before) = (text, None);
    while let Some((head, tail)) = rest.split_once(secret) {
        out.push_str(head);
        let apart = is_apart(head.chars().next_back().or(before)) && is_apart(tail.chars().next());
        out.push_str(if apart { HIDDEN } else { secret });
        (rest, before) = (tail, secret.chars().next_back());
    }
    let uncut = rest.strip_suffix('…').unwrap_or(rest);
    let starts = secret.char_indices().rev().map(|(end, _)| secret.split_at(end).0);
    let mut starts = starts.take_while(|start| start.chars().count() >= MIN_CHARS);
    match starts.find_map(|start| uncut.strip_suffix(start)) {
        Some(head) if is_apart(head.chars().next_back().or(before)) => {
            out.push_str(head);
            out.push_str(HIDDEN);
        }
        Some(_) | None => out.push_str(rest),
    }
    (out != text).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_as_a_word_and_where_it_is_cut() {
        for (text, shown) in [
            ("Bearer s3cr3t-t0ken, s3cr3t-t0ken", "Bearer <secret>, <secret>"),
            ("s3cr3t-t0ken", "<secret>"),
            ("the token s3cr3t-t0…", "the token <secret>"),
            ("the token s3cr3t-", "the token <secret>"),
            ("the token s3cr3", "the token s3cr3"),
            ("xs3cr3t-t0kens", "xs3cr3t-t0kens"),
            ("nothing here", "nothing here"),
        ] {
            let mut told = text.to_owned();
            Quoted(vec!["s3cr3t-t0ken".to_owned()]).hide(&mut told);
            assert_eq!(told, shown);
        }
    }
}
