//! Evidence: what a check saw, for people. No rule reads it.
//!
//! Whatever a third party says comes through [`clean`], so a log line, a page or a label can hold
//! it.

use std::slice;
use std::time::{Duration, SystemTime};

/// The longest text of one fact, in characters: two lines of a terminal.
pub const MAX_TEXT_CHARS: usize = 200;
/// The most entries of one list: a headless Service with more replicas shows the first ones.
pub const MAX_LIST: usize = 16;
/// The most facts of one check.
pub const MAX_FACTS: usize = 16;

/// What one check saw, in the order in which it was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(Vec<(Key, Fact)>);

/// One thing seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Cleaned and capped text.
    Text(String),
    /// A capped list of such texts.
    List(Vec<String>),
    /// A count or a code.
    Count(u64),
    /// A plain number.
    Number(f64),
    /// A duration; its key ends in `_seconds`.
    Seconds(Duration),
    /// A moment.
    Time(SystemTime),
}

macro_rules! keys {
    ($($variant:ident $name:literal)+) => {
        /// The name of a fact in JSON and on the page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Key { $(#[doc = $name] $variant,)+ }

        impl Key {
            /// The public name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

keys! {
    Address "address"
    Age "age_seconds"
    Answers "answers"
    ApiError "api_error"
    ApiErrorType "api_error_type"
    Assertions "assertions"
    Attempts "attempts"
    BasePath "base_path"
    BodyStart "body_start"
    Bootstrap "bootstrap"
    Certificate "certificate"
    CertificateNames "certificate_names"
    Datasource "datasource"
    DatasourceUrl "datasource_url"
    Denier "denied_by"
    Error "error"
    GrafanaSays "grafana_says"
    HealthSays "health_says"
    Issuer "issuer"
    Ladder "ladder"
    Likely "likely_causes"
    Location "location"
    Name "name"
    NotAfter "not_after"
    Organisation "organisation"
    Overlap "overlap"
    Permission "permission"
    Problems "problems"
    Protocol "protocol"
    Provisioned "provisioned"
    ProxySays "proxy_says"
    Rcode "rcode"
    Reason "reason"
    Replay "replay"
    Resends "resends"
    Retention "retention"
    Series "series"
    Server "server"
    ServicePorts "service_ports"
    Status "status"
    Stores "stores"
    Ttl "ttl_seconds"
    UsersQueries "users_queries"
    Version "version"
    Via "via"
    Warnings "warnings"
}

// === impl Facts ===

impl Facts {
    /// Adds a text that anybody may have written.
    pub fn text(&mut self, key: Key, text: &str) -> &mut Self {
        self.push(key, Fact::Text(clean(text)))
    }

    /// Adds a list of such texts.
    pub fn list<T: ToString>(&mut self, key: Key, texts: impl IntoIterator<Item = T>) -> &mut Self {
        let texts = texts.into_iter().take(MAX_LIST).map(|t| clean(&t.to_string())).collect();
        self.push(key, Fact::List(texts))
    }

    /// Adds any fact whose content is ours.
    pub fn push(&mut self, key: Key, fact: Fact) -> &mut Self {
        if self.0.len() < MAX_FACTS {
            self.0.push((key, fact));
        }
        self
    }

    /// The fact of that name.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Fact> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, fact)| fact)
    }

    /// All texts, those of lists too, to change.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = (Key, &mut String)> {
        self.0.iter_mut().flat_map(|(key, fact)| {
            let texts = match fact {
                Fact::Text(text) => slice::from_mut(text),
                Fact::List(texts) => texts.as_mut_slice(),
                Fact::Count(_) | Fact::Number(_) | Fact::Seconds(_) | Fact::Time(_) => &mut [],
            };
            texts.iter_mut().map(|text| (*key, text))
        })
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Fact)> {
        self.0.iter().map(|(key, fact)| (*key, fact))
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Somebody else's text as one short line: control characters, and those that reorder or hide text,
/// become spaces; runs of spaces one; the rest is cut with an ellipsis.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::new();
    let mut chars = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || is_deceptive(c) {
            gap = chars > 0;
            continue;
        }
        if chars + usize::from(gap) >= MAX_TEXT_CHARS {
            out.push('…');
            break;
        }
        if gap {
            out.push(' ');
            chars += 1;
            gap = false;
        }
        out.push(c);
        chars += 1;
    }
    out
}

/// Characters without a width of their own that change how their neighbours are read.
fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffd}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_gives_one_short_line() {
        assert_eq!(clean("  a\r\n\tb\u{0}c \u{202e}d "), "a b c d");
        assert_eq!(clean(""), "");
        assert_eq!(clean("a\u{61c}b\u{ad}c\u{e0041}d\u{fff9}e"), "a b c d e");
        let long = clean(&"x".repeat(1000));
        assert_eq!(long.chars().count(), MAX_TEXT_CHARS + 1);
        assert!(long.ends_with('…'));
    }
}
