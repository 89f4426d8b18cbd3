//! Links without a fault.

use promlink::demo::grafana::Flavour;

use super::ground::Turn;
use super::row::{prove, row};

#[tokio::test]
async fn nothing_is_wrong() {
    prove([
        row("Grafana 13 and Prometheus are well", [], "working")
            .check("grafana/datasource_health", "passed")
            .check("grafana/agreement", "passed"),
        row("Grafana 9.3 and Prometheus are well", [V9], "working")
            .check("grafana/datasource_health", "skipped unsupported")
            .check("grafana/grafana_query", "passed"),
        row("direct only", [], "working").alone(),
        row("Grafana only", [], "working").through_grafana(),
    ])
    .await;
}

pub const V9: Turn = Turn::Setup(|setup| setup.flavour = Flavour::V9);
