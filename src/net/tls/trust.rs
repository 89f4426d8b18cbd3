//! From files to trust.

use crate::link::TlsOptions;
use crate::net::tls::TlsClient;

/// Whom we trust and who we are, read from files and kept while the files stay as they are.
///
/// One for the process: ten thousand links with the same bundle parse it once. A rotated file is seen
/// by its time, size or identity at the next handshake.
#[derive(Debug, Default)]
pub struct Trust {}

// === impl Trust ===

impl Trust {
    /// The client for `options`; the files are looked at on each call.
    ///
    /// # Errors
    /// Which file is wrong, and what is wrong with it.
    pub fn client(&self, options: &TlsOptions) -> Result<TlsClient, String> {
        todo!()
    }
}
