//! The only mutable state of the daemon, and what is published of it.

pub mod snapshot;
