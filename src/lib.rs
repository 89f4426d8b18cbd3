#![doc = include_str!("ARCHITECTURE.md")]

#[cfg(test)]
#[path = "../tests/it/recorded/family.rs"]
#[expect(dead_code, reason = "conditions are for the integration tests")]
mod family;
#[cfg(test)]
mod fuzz;

// --- words
mod clock;
mod link;
mod report;
mod secret;
mod selfstats;

// --- pure
mod alerts;
mod cadence;
mod carry;
mod classify;
mod diagnosis;
mod expose;
mod judge;
mod links;
mod plan;
mod state;

// --- net
mod net;

// --- shell
mod carried;
pub mod config;
mod desk;
mod discover;
mod keeper;
mod notify;
mod probe;
mod push;
mod reload;
mod serve;
mod shutdown;
mod supervisor;
mod telemetry;
mod tripwire;
mod wellknown;

// --- wiring
pub mod app;
pub mod cli;
pub mod demo;
