//! One fault, one line: what promlink says of everything that can be done to a link with stand-ins.
//!
//! A row is told in YAML and in switches of stand-ins, and read in JSON; between them are the real
//! code and real sockets. `PROMLINK_ROW=words` proves only the rows with these words in their name.

mod after;
mod cost;
mod datasource;
mod dns;
mod grafana;
mod ground;
mod odd;

mod prometheus;
pub mod row;
mod several;
mod story;
mod well;
