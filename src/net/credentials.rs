//! From configured options to header lines; files with secrets are read at each use, so a rotated
//! secret needs no restart.

use crate::link::{HttpOptions, Proxy};

/// The header lines that `options` ask for, `Authorization` among them.
///
/// # Errors
/// Which file or value is wrong, and what is wrong with it; never its content.
pub fn headers(options: &HttpOptions) -> Result<Vec<(String, String)>, String> {
    todo!()
}

/// The value of `Proxy-Authorization`, where the proxy has credentials.
///
/// # Errors
/// As for [`headers`].
pub fn proxy_authorization(proxy: &Proxy) -> Result<Option<String>, String> {
    todo!()
}
