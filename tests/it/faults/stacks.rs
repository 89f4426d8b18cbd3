//! Stacks that people install, untouched: names, ports and data sources are theirs to the letter, and
//! the link is written as a user of theirs writes it. Each must be `working`, and nothing is said
//! beside it: whoever begins with promlink begins here.

use promlink::demo::grafana::{Datasource, Setup};
use serde_json::json;

use super::ground::{Place, Turn};
use super::row::{Row, row};
use super::well::V9;

/// A stack, and how its users name its ends.
struct Stack {
    name: &'static str,
    place: Place,
    /// What Grafana's data sources are.
    provision: Turn,
    /// The keys of the link's Prometheus and of its Grafana.
    prometheus: &'static str,
    main: Keys,
    /// Its data source by uid and by name.
    by_uid: &'static str,
    by_name: &'static str,
}

/// The keys of a Grafana, and those of one whose data sources become links.
struct Keys {
    plain: &'static str,
    discovers: &'static str,
}

/// Those of the Grafana at this URL.
macro_rules! at {
    ($url:literal) => {
        Keys {
            plain: concat!("url: '", $url, "', authorization: {credentials: {token}}"),
            discovers: concat!(
                "discover: true, url: '",
                $url,
                "', authorization: {credentials: {token}}"
            ),
        }
    };
}

const DEFAULT: &str = "name: main, datasource: default";

pub fn rows() -> Vec<Row> {
    STACKS.iter().flat_map(Stack::rows).collect()
}

impl Stack {
    fn rows(&self) -> Vec<Row> {
        let row = |how: &str, more: &[Turn], grafana| {
            let given = [more, &[self.provision]].concat();
            row(format!("{}: {how}", self.name), given, "working")
                .at(self.place)
                .config(|config| {
                    config.grafana = grafana;
                    config.prometheus = self.prometheus;
                    config.main = self.main.plain;
                    // A pod of promlink's own namespace.
                    config.dns = "servers: ['{dns}'], search: [promlink.svc.cluster.local, \
                                  svc.cluster.local, cluster.local], ndots: 5";
                })
                .check("grafana/datasource", "passed")
                .check("grafana/grafana_query", "passed")
        };
        let both = |how: &str, more: &[Turn], grafana| {
            row(how, more, grafana)
                .check("direct/query", "passed")
                .check("grafana/agreement", "passed")
        };
        let found = |how: &str, more: &[Turn]| {
            both(how, more, "").config(|config| {
                config.prometheus = "";
                config.main = self.main.discovers;
            })
        };
        vec![
            both("by uid", &[], self.by_uid),
            both("by name", &[], self.by_name),
            both("by default", &[], DEFAULT),
            both("by uid, Grafana 9.3", &[V9], self.by_uid),
            both("by name, Grafana 9.3", &[V9], self.by_name),
            both("by default, Grafana 9.3", &[V9], DEFAULT),
            row("by default, without a direct path", &[], DEFAULT).through_grafana(),
            found("found", &[]),
            found("found, Grafana 9.3", &[V9]),
        ]
    }
}

/// Cluster IPs; Grafana's port is that of its Service.
const fn place(namespace: &'static str, services: [&'static str; 2], grafana: u16) -> Place {
    Place { namespace, services, ports: [9090, grafana], network: 10 }
}

/// The two data sources of kube-prometheus-stack: Prometheus, and its Alertmanager.
fn chart(setup: &mut Setup, fullname: &str, namespace: &str) {
    let url = |what: &str, port: u16| format!("http://{fullname}-{what}.{namespace}:{port}/");
    let alertmanager = Datasource {
        uid: "alertmanager".to_owned(),
        name: "Alertmanager".to_owned(),
        kind: "alertmanager".to_owned(),
        is_default: false,
        json_data: json!({"handleGrafanaManagedAlerts": false, "implementation": "prometheus"}),
        read_only: true,
        ..Datasource::prometheus(&url("alertmanager", 9093))
    };
    let json_data = json!({"httpMethod": "POST", "timeInterval": "30s"});
    let prometheus = Datasource {
        json_data,
        read_only: true,
        ..Datasource::prometheus(&url("prometheus", 9090))
    };
    // Grafana lists by name.
    setup.datasources = vec![alertmanager, prometheus];
}

/// The one of kube-prometheus: neither a uid of its own, nor settings, nor the default.
fn jsonnet(setup: &mut Setup) {
    setup.datasources = vec![Datasource {
        // `P` and half of a digest of the name.
        uid: "P1809F7CD0C75ACF3".to_owned(),
        name: "prometheus".to_owned(),
        is_default: false,
        json_data: json!({}),
        read_only: true,
        ..Datasource::prometheus("http://prometheus-k8s.monitoring.svc:9090")
    }];
}

const BY_UID: &str = "name: main, datasource: {uid: prometheus}";
const BY_NAME: &str = "name: main, datasource: {name: Prometheus}";
const JSONNET: Stack = Stack {
    name: "kube-prometheus 0.18",
    place: place("monitoring", ["prometheus-k8s", "grafana"], 3000),
    provision: Turn::Setup(jsonnet),
    prometheus: "url: 'http://prometheus-k8s.monitoring.svc:9090'",
    main: at!("http://grafana.monitoring.svc:3000"),
    by_uid: "name: main, datasource: {uid: P1809F7CD0C75ACF3}",
    by_name: "name: main, datasource: {name: prometheus}",
};

const STACKS: [Stack; 6] = [
    Stack {
        name: "kube-prometheus-stack, release `kube-prometheus-stack`",
        place: place(
            "monitoring",
            ["kube-prometheus-stack-prometheus", "kube-prometheus-stack-grafana"],
            80,
        ),
        provision: Turn::Setup(|setup| chart(setup, "kube-prometheus-stack", "monitoring")),
        prometheus: "url: 'http://kube-prometheus-stack-prometheus.monitoring.svc:9090'",
        main: at!("http://kube-prometheus-stack-grafana.monitoring.svc"),
        by_uid: BY_UID,
        by_name: BY_NAME,
    },
    Stack {
        name: "kube-prometheus-stack, release `kps`",
        place: place("monitoring", ["kps-kube-prometheus-stack-prometheus", "kps-grafana"], 80),
        provision: Turn::Setup(|setup| chart(setup, "kps-kube-prometheus-stack", "monitoring")),
        prometheus: "url: 'http://kps-kube-prometheus-stack-prometheus.monitoring:9090'",
        main: at!("http://kps-grafana.monitoring"),
        by_uid: BY_UID,
        by_name: BY_NAME,
    },
    Stack {
        name: "kube-prometheus-stack, release `prometheus`",
        place: place(
            "monitoring",
            ["prometheus-kube-prometheus-prometheus", "prometheus-grafana"],
            80,
        ),
        provision: Turn::Setup(|setup| chart(setup, "prometheus-kube-prometheus", "monitoring")),
        prometheus: "url: 'http://prometheus-kube-prometheus-prometheus.monitoring.svc.cluster.local:9090/'",
        main: at!("http://prometheus-grafana.monitoring.svc.cluster.local:80/"),
        by_uid: BY_UID,
        by_name: BY_NAME,
    },
    JSONNET,
    Stack {
        name: "MicroK8s `observability`",
        place: place(
            "observability",
            ["kube-prom-stack-kube-prome-prometheus", "kube-prom-stack-grafana"],
            80,
        ),
        provision: Turn::Setup(|setup| chart(setup, "kube-prom-stack-kube-prome", "observability")),
        prometheus: "url: 'http://kube-prom-stack-kube-prome-prometheus.observability.svc:9090'",
        main: at!("http://kube-prom-stack-grafana.observability.svc"),
        by_uid: BY_UID,
        by_name: BY_NAME,
    },
    // kube-prometheus 0.8.
    Stack { name: "MicroK8s `prometheus`", ..JSONNET },
];
