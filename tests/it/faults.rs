//! One fault, one line: what promlink says of everything that can be done to a link.
//!
//! A row is told in YAML and in switches of stand-ins, and read in JSON; between them are the real
//! code and real sockets. `PROMLINK_ROW=words` proves only the rows with these words in the section
//! or the name.

use std::path::Path;

use row::Row;
use table::{Line, Section, section};

use crate::namespace;

mod addresses;
mod after;
mod assertions;
mod bootstrap;
mod cost;
mod datasource;
mod dns;
pub mod front;
mod grafana;
pub mod ground;
mod inside;
mod odd;
mod organisations;
mod packets;
mod programs;
mod prometheus;
mod real;
pub mod row;
mod several;
mod stacks;
mod story;
mod strangers;
mod table;
mod tls;
mod users;
mod well;

/// The test that proves them all; inside of a network of its own, those that need one.
const PROOF: &str = "faults::every_fault_is_told_right";
const PACKETS: &str = "Packets that are dropped, rejected or forbidden";
const STACKS: &str = "Stacks as they are installed";

fn sections() -> Vec<Section> {
    let inside = |title, rows: Vec<Row>| {
        section(title, rows.into_iter().map(|row| inside::proven(title, row)))
    };
    vec![
        section("Nothing is wrong", well::rows()),
        section("Healthy, but odd", odd::rows()),
        inside(STACKS, stacks::rows()),
        inside(PACKETS, packets::rows()),
        section("DNS", dns::rows()),
        section("Addresses, replicas and proxies", addresses::rows()),
        section("TLS", tls::rows()),
        section("Prometheus, and what is in front of it", prometheus::rows()),
        section("Strangers in front of Prometheus, or in its place", strangers::rows()),
        section("Grafana, and promlink's rights there", grafana::rows()),
        section("The data source", datasource::rows()),
        section("Several faults at once, and promlink's own", ours()),
        section("Assertions about the data", assertions::rows()),
        section("Real programs", real::rows()),
        section("What happens in turn", [after::stories(), tls::stories()].concat()),
        section("Names that are gone", addresses::stories()),
    ]
}

fn ours() -> impl Iterator<Item = Line> {
    several::rows().into_iter().map(Line::from).chain(cost::lines())
}

/// Causes that no line has, and why.
const WITHOUT_A_LINE: [(&str, &str); 2] = [
    ("token_expiring", "it takes 18 hours without a new token"),
    ("internal", "it takes a bug of promlink"),
];

/// Each has a runbook of its own; the page says of the others how they look.
#[test]
fn each_cause_has_a_line() {
    let page = table::page(&sections());
    let runbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/runbooks");
    let causes = std::fs::read_dir(runbooks).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".md").map(str::to_owned)
    });
    let mut missing: Vec<String> =
        causes.filter(|cause| !page.contains(&format!("`{cause}`"))).collect();
    missing.sort();
    let mut excused = WITHOUT_A_LINE.map(|(cause, _)| cause);
    excused.sort_unstable();
    assert_eq!(missing, excused);
}

/// All at once: they wait more than they work.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fault_is_told_right() {
    if namespace::is_inside() {
        let packets = section(PACKETS, packets::rows());
        inside::prove(vec![section(STACKS, stacks::rows()), packets]).await;
    } else {
        table::prove(sections()).await;
    }
}

#[test]
fn each_name_is_one_line_s_own() {
    let twins = table::twins(&sections()).join("\n");
    assert_eq!(twins, "");
}

/// `UPDATE_EXPECT=1` writes it.
#[test]
fn the_published_table_is_what_is_proven() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let page = table::page(&sections());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/faults.md is stale: run with UPDATE_EXPECT=1");
}
