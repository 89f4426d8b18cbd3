//! From configured options to header lines; files with secrets are read at each use, so a rotated
//! secret needs no restart.

mod quoted;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::link::{Auth, HttpOptions, Proxy};
pub use crate::net::credentials::quoted::Quoted;
use crate::net::files::{self, say};
use crate::net::limits::SECRET_BYTES;
use crate::secret::Secret;

/// Credentials that are configured and cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// There is none yet: no file, or an empty one, as of a Secret that is not mounted.
    pub is_missing: bool,
    /// Which file or value is wrong, and what is wrong with it; never its content.
    pub says: String,
}

/// The header lines that `options` ask for, `Authorization` among them.
///
/// # Errors
/// A file or value that cannot be sent.
pub fn headers(options: &HttpOptions) -> Result<Vec<(String, String)>, Unusable> {
    match &options.auth {
        Some(auth) => headers_as(options, auth),
        None => further(options),
    }
}

/// The same, with `auth` instead of what `options` say.
///
/// # Errors
/// As for [`headers`].
pub fn headers_as(options: &HttpOptions, auth: &Auth) -> Result<Vec<(String, String)>, Unusable> {
    let value = match auth {
        Auth::Basic { username, password } => basic(username, &read(password, "password")?),
        Auth::Scheme { scheme, credentials } => {
            format!("{scheme} {}", read(credentials, "credentials")?)
        }
    };
    let mut headers = further(options)?;
    headers.insert(0, ("authorization".to_owned(), value));
    Ok(headers)
}

fn further(options: &HttpOptions) -> Result<Vec<(String, String)>, Unusable> {
    let mut headers = Vec::with_capacity(options.headers.len() + 1);
    for (name, value) in &options.headers {
        // It is no token, so none is missing.
        let value = read(value, name).map_err(|bad| Unusable { is_missing: false, ..bad })?;
        headers.push((name.clone(), value));
    }
    Ok(headers)
}

/// The value of `Proxy-Authorization`, where the proxy has credentials.
///
/// # Errors
/// As for [`headers`].
pub fn proxy_authorization(proxy: &Proxy) -> Result<Option<String>, Unusable> {
    let Some((user, password)) = &proxy.auth else { return Ok(None) };
    Ok(Some(basic(user, &read(password, "proxy password")?)))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// The content of `secret`; `what` names a value that has no path. A file is trimmed as Prometheus
/// does; an empty one is a mount that is not there yet, and would be sent as no credentials.
pub fn read(secret: &Secret, what: &str) -> Result<String, Unusable> {
    let wrong = |says| Unusable { is_missing: false, says };
    match secret {
        Secret::Value(value) if is_clean(value) => Ok(value.clone()),
        Secret::Value(_) => Err(wrong(format!("{what} holds a control character"))),
        Secret::File(path) => {
            let bytes = files::read(path, SECRET_BYTES)
                .map_err(|says| Unusable { is_missing: !path.exists(), says })?;
            let text =
                String::from_utf8(bytes).map_err(|_| wrong(say(path, "is not text in UTF-8")))?;
            match text.trim() {
                "" => Err(Unusable { is_missing: true, says: say(path, "is empty") }),
                text if is_clean(text) => Ok(text.to_owned()),
                _ => Err(wrong(say(path, "holds a control character, such as a second line"))),
            }
        }
    }
}

/// Whether it can stand in a header: a line break would begin another one.
fn is_clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
