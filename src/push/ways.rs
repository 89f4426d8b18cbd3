//! What receivers are reached by: names, trust, and where promlink is.

use std::future::Future;
use std::net::IpAddr;

use rustls::ClientConfig;

use crate::link::TlsOptions;

/// What receivers are reached by.
pub trait Ways: Send + Sync + 'static {
    /// The addresses behind a name.
    fn addresses(&self, host: &str) -> impl Future<Output = Result<Vec<IpAddr>, String>> + Send;

    /// TLS as these options have it.
    ///
    /// # Errors
    /// Which file is wrong, and what is wrong with it.
    fn tls(&self, options: &TlsOptions) -> Result<ClientConfig, String>;

    /// The namespace that promlink runs in, where it is known.
    fn namespace(&self) -> Option<String>;
}
