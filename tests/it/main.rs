//! The front door, with real programs and real loopback sockets.

mod shipped; // rules, dashboard, manifests: tested artefacts
