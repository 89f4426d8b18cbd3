//! Stand-ins with fault switches: the playground of `promlink demo` and of the integration tests.
//!
//! Each listens on loopback, answers as recordings of the real program do, and can be told while it
//! runs to fail in one of the ways in [`fault`]. They hold no logic of the product: nothing here
//! reads an answer of promlink or knows a cause. What they say is taken from recordings, so that a
//! classifier that understands them understands the originals.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a stand-in answers well unless its fault says otherwise"
)]

pub mod dns;
pub mod fault;
pub mod grafana;
mod http;
pub mod prometheus;
pub mod standin;
pub(crate) mod story;
