//! Links for tests.

use std::sync::Arc;

use crate::link::discover::Leave;
use crate::link::{
    BaseUrl, Cadence, DatasourceRef, Endpoint, Grafana, GrafanaName, GrafanaSide, HttpOptions,
    Link, LinkName, Origin, QueryPlan, Scheme, Thresholds,
};

/// A configured link to `http://HOST:9090` and through the Grafana of that name, by the uid `prom`.
pub fn link(name: &str, host: Option<&str>, grafana: Option<&str>) -> Link {
    Link {
        name: LinkName::new(name),
        origin: Origin::Configured,
        prometheus: host.map(|host| endpoint(host, 9090)),
        leave: Leave::default(),
        datasource_name: None,
        grafana: grafana.map(|grafana| GrafanaSide {
            name: GrafanaName::new(grafana),
            end: self::grafana(grafana),
            datasource: DatasourceRef::Uid("prom".to_owned()),
        }),
        query: QueryPlan::default(),
        assertions: Vec::new(),
        cadence: Cadence::default(),
        thresholds: Thresholds::default(),
        all_addresses: false,
        tripwire: false,
        alarms: Arc::default(),
        labels: Arc::default(),
    }
}

/// A Grafana at `http://HOST:3000`.
pub fn grafana(host: &str) -> Arc<Grafana> {
    Arc::new(Grafana {
        endpoint: endpoint(host, 3000),
        org_id: None,
        all_addresses: false,
        users_queries: false,
        bootstrap: None,
    })
}

/// `http://HOST:PORT`, nothing special about it.
pub fn endpoint(host: &str, port: u16) -> Endpoint {
    let url = BaseUrl { scheme: Scheme::Http, host: host.to_owned(), port, path: String::new() };
    Endpoint { url, http: HttpOptions::default() }
}
