//! The wire: timed hops that know no link.
//!
//! Each file is one hop, and each hop says how long it took and exactly how it failed. Nothing here
//! knows what a failure means for a link; nothing here follows, retries or caches on its own
//! account, because a prober that helps itself hides the fault that it is there to find.

pub mod credentials;
pub mod dns;
mod files;
pub mod hosts;
pub mod http;
pub mod limits;
pub mod proxy;
pub mod stream;
pub mod tcp;
pub mod tls;

#[cfg(test)]
pub mod testing;
