//! promlink: can Grafana read Prometheus right now; if not, which hop is broken, and who has to act?
#![allow(dead_code, reason = "while the house is being built")]

// --- words
mod clock;
mod link;
mod report;
mod secret;
mod selfstats;

// --- pure
mod classify;
mod diagnosis;
mod judge;
mod state;

// --- wiring
pub mod demo;
