//! The front door, with real programs and real loopback sockets.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and say why")]

mod faults; // one injected fault, one expected line
mod shipped; // rules, dashboard, manifests: tested artefacts
