//! Links without a fault.

use promlink::demo::grafana::Flavour;

use super::ground::Turn;
use super::row::{Row, row};

/// All of them.
pub fn rows() -> Vec<Row> {
    vec![
        row("all is well: Grafana 13", [], "working")
            .check("grafana/datasource_health", "passed")
            .check("grafana/agreement", "passed"),
        row("all is well: Grafana 9.3", [V9], "working")
            .check("grafana/datasource_health", "skipped unsupported")
            .check("grafana/grafana_query", "passed"),
        row("all is well: a link without Grafana", [], "working").alone(),
        row("all is well: a link without a direct path", [], "working").through_grafana(),
    ]
}

pub const V9: Turn = Turn::Setup(|setup| setup.flavour = Flavour::V9);
