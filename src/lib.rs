//! promlink: can Grafana read Prometheus right now; if not, which hop is broken, and who has to act?
#![allow(dead_code, reason = "while the house is being built")]

// --- words
mod clock;
mod link;
mod report;
mod secret;
mod selfstats;

// --- pure
mod diagnosis;
mod state;

// --- shell
pub mod config;
mod reload;
mod shutdown;
mod telemetry;

// --- wiring
pub mod app;
pub mod cli;
