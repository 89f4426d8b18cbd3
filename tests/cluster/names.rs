//! What promlink tells of names, as a pod sees them: real Services, the real DNS of a cluster, and a
//! real Prometheus behind them.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::coredns::{self, CoreDns, Corefile, Outside};
use crate::objects::{Pod, alias, service};
use crate::process::{Process, until};
use crate::prometheus::{Prometheus, Setup};
use crate::{entered, namespace, ready};

/// What is asked, and what is told: the exit code, then `verdict cause path check side`.
type Row = (&'static str, &'static str);

const OPERATED: &str = "prometheus-operated";
/// Where Prometheus is.
const PROMETHEUS: &str = "10.1.0.10";
const READY: Pod<'_> = Pod {
    namespace: "monitoring",
    name: "it-0",
    app: OPERATED,
    address: PROMETHEUS,
    is_ready: true,
};
const NOT_YET: Pod<'_> =
    Pod { namespace: "starting", address: "10.1.0.11", is_ready: false, ..READY };
const DNS: Pod<'_> =
    Pod { namespace: "kube-system", app: "kube-dns", address: coredns::POD, ..READY };

const WORKS: &str = "0 working";
const NO_SERVICE: &str = "2 broken dns_no_such_service direct dns prometheus";
const NO_NAMESPACE: &str = "2 broken dns_no_such_namespace direct dns prometheus";
const NO_NAME: &str = "2 broken dns_no_such_name direct dns prometheus";
const NO_ZONE: &str = "2 broken dns_wrong_cluster_domain direct dns prometheus";
const NO_ADDRESS: &str = "2 broken dns_no_address direct dns prometheus";
const NOT_READY: &str = "2 broken no_ready_endpoints direct dns prometheus";
const NOBODY_THERE: &str = "2 broken no_ready_endpoints direct tcp prometheus";
const WRONG_PORT: &str = "2 broken wrong_port direct tcp prometheus";

const NAMES: [Row; 26] = [
    ("prometheus-operated:9090", WORKS),
    ("prometheus-operated.monitoring:9090", WORKS),
    ("prometheus-operated.monitoring.svc:9090", WORKS),
    ("prometheus-operated.monitoring.svc.cluster.local:9090", WORKS),
    ("prometheus-operated.monitoring.svc.cluster.local.:9090", WORKS),
    ("PROMETHEUS-operated.Monitoring.SVC:9090", WORKS),
    // One pod of a StatefulSet.
    ("it-0.prometheus-operated.monitoring.svc:9090", WORKS),
    ("alias.monitoring.svc:9090", WORKS),
    ("prometheus-k8s.monitoring.svc:9090", WORKS),
    ("prometheus.monitoring.svc.cluster.local:9090", NO_SERVICE),
    ("prometheus.monitoring.svc:9090", NO_SERVICE),
    ("prometheus.monitoring:9090", NO_SERVICE),
    ("prometheus:9090", NO_NAME),
    ("prometheus-operated.monitor.svc.cluster.local:9090", NO_NAMESPACE),
    ("prometheus-operated.monitor.svc:9090", NO_NAMESPACE),
    // It may as well be somebody's domain.
    ("prometheus-operated.monitor:9090", NO_NAME),
    ("prometheus-operated.monitoring.svc.cluster.example:9090", NO_ZONE),
    ("prometheus.example.org:9090", NO_NAME),
    ("dead-alias.monitoring.svc:9090", NO_NAME),
    ("monitoring.svc.cluster.local:9090", NO_ADDRESS),
    ("prometheus-operated.starting.svc:9090", NOT_READY),
    // Nothing tells it from one that was never there.
    ("headless.starting.svc:9090", NO_SERVICE),
    ("published.starting.svc:9090", NOBODY_THERE),
    ("prometheus-k8s.starting.svc:9090", NOBODY_THERE),
    ("prometheus-operated.monitoring.svc:9091", WRONG_PORT),
    ("prometheus-k8s.monitoring.svc:9091", WRONG_PORT),
];

/// Where the internet's names cannot be asked for, the cluster's mean what they meant.
const INSIDE: [Row; 6] = [
    ("prometheus-operated:9090", WORKS),
    ("prometheus-operated.monitoring.svc:9090", WORKS),
    ("prometheus.monitoring.svc:9090", NO_SERVICE),
    ("prometheus.monitoring:9090", NO_SERVICE),
    ("prometheus-operated.monitor.svc:9090", NO_NAMESPACE),
    ("prometheus-operated.monitoring.svc.cluster.example:9090", NO_ZONE),
];
/// In another namespace, on a node with a search domain of its own, in a pod that sets `ndots`.
const ELSEWHERE: [Row; 6] = [
    ("prometheus-operated.monitoring:9090", WORKS),
    ("prometheus-operated.monitoring.svc:9090", WORKS),
    ("prometheus-operated.monitoring.svc.cluster.local:9090", WORKS),
    ("prometheus.monitoring:9090", NO_SERVICE),
    ("prometheus.monitoring.svc:9090", NO_SERVICE),
    ("prometheus-operated.monitor.svc:9090", NO_NAMESPACE),
];
const UPSTREAM_FAILS: [Row; 1] =
    [("prometheus.example.org:9090", "2 broken dns_server_failure direct dns dns")];
const NO_UPSTREAM: [Row; 1] =
    [("prometheus.example.org:9090", "2 broken dns_refused direct dns dns")];
const UNSYNCHRONISED: [Row; 2] = [
    ("prometheus-operated.monitoring.svc:9090", "2 broken dns_server_failure direct dns dns"),
    ("prometheus.monitoring.svc:9090", "2 broken dns_server_failure direct dns dns"),
];
const NO_DNS: [Row; 1] =
    [("prometheus-operated.monitoring.svc:9090", "2 broken dns_server_unreachable direct dns dns")];

#[test]
fn names_mean_to_promlink_what_they_mean_to_the_cluster() {
    if !entered("names::names_mean_to_promlink_what_they_mean_to_the_cluster") {
        return;
    }
    let cluster = ControlPlane::start();
    furnish(&cluster);
    let listen = format!("{PROMETHEUS}:9090");
    let _proxy = proxy(&cluster);
    let _prometheus = Prometheus::start(Setup { listen: &listen, ..Setup::default() }).unwrap();
    let mut wrong = String::new();
    for corefile in [Corefile::Kubeadm, Corefile::Microk8s] {
        let _dns = CoreDns::start(&cluster, corefile, Outside::Denies);
        wrong += &prove(&format!("{corefile:?}"), &NAMES);
    }
    for (outside, told) in [(Outside::Closed, UPSTREAM_FAILS), (Outside::Nobody, NO_UPSTREAM)] {
        let _dns = CoreDns::start(&cluster, Corefile::Microk8s, outside);
        wrong += &prove(&format!("{outside:?}"), &INSIDE);
        wrong += &prove(&format!("{outside:?}"), &told);
        live_in("starting", "example.internal", 2);
        wrong += &prove(&format!("{outside:?}, elsewhere"), &ELSEWHERE);
        live_in("monitoring", "", 5);
    }
    ready::prove(&cluster, "headless.monitoring.svc", &READY);
    wrong += &without_the_api_server(cluster);
    assert!(wrong.is_empty(), "{wrong}");
}

/// What DNS knows stays known while it runs; started anew it knows nothing.
fn without_the_api_server(mut cluster: ControlPlane) -> String {
    let dns = CoreDns::start(&cluster, Corefile::Kubeadm, Outside::Denies);
    cluster.stop();
    let mut wrong = prove("the API server is stopped", &INSIDE);
    drop(dns);
    let dns = CoreDns::start(&cluster, Corefile::Kubeadm, Outside::Denies);
    wrong += &prove("the API server is stopped, and DNS begins", &UNSYNCHRONISED);
    drop(dns);
    wrong + &prove("DNS is stopped", &NO_DNS)
}

/// Has the file that a pod has there.
fn live_in(namespace: &str, node_search: &str, ndots: u8) {
    let server = coredns::ADDRESS;
    let search = format!("{namespace}.svc.cluster.local svc.cluster.local cluster.local");
    let resolv =
        format!("search {search} {node_search}\nnameserver {server}\noptions ndots:{ndots}\n");
    namespace::etc(&[("resolv.conf", &resolv)]);
}

/// The Services, and the pods behind them.
fn furnish(cluster: &ControlPlane) {
    live_in("monitoring", "", 5);
    for namespace in ["monitoring", "starting"] {
        let said = cluster.kubectl(&["create", "namespace", namespace], "");
        assert!(said.fine, "{}", said.text);
        cluster.until_account(namespace);
    }
    cluster.apply("{apiVersion: v1, kind: Node, metadata: {name: node}}");
    let address = "status: {addresses: [{type: InternalIP, address: 10.0.0.2}]}";
    let said =
        cluster.kubectl(&["patch", "node", "node", "--subresource=status", "-p", address], "");
    assert!(said.fine, "{}", said.text);
    let headless = "clusterIP: None";
    let published = "clusterIP: None, publishNotReadyAddresses: true";
    cluster.apply(
        &[
            service("monitoring", OPERATED, OPERATED, headless),
            service("monitoring", "prometheus-k8s", OPERATED, ""),
            service("monitoring", "headless", OPERATED, headless),
            service("starting", OPERATED, OPERATED, headless),
            service("starting", "headless", OPERATED, headless),
            service("starting", "prometheus-k8s", OPERATED, ""),
            service("starting", "published", OPERATED, published),
            coredns::service(),
            alias("monitoring", "alias", "prometheus-operated.monitoring.svc.cluster.local"),
            alias("monitoring", "dead-alias", "prometheus.example.org"),
        ]
        .concat(),
    );
    for pod in [READY, NOT_YET, DNS] {
        pod.run(cluster);
        let asked = ["get", "endpointslices", "-n", pod.namespace, "--output=yaml"];
        cluster.until("its address", &asked, |said| said.contains(pod.address));
    }
}

/// What makes a Service's own address lead to its pods, once it does.
fn proxy(cluster: &ControlPlane) -> Process {
    let proxy = cluster.proxy();
    let rules = || namespace::run("nft", &["list", "ruleset"], "");
    let leads = |rules: &str, pod, port| rules.contains(&format!("dnat to {pod}:{port}"));
    let has_all = || {
        let rules = rules();
        leads(&rules, PROMETHEUS, 9090) && leads(&rules, coredns::POD, 53)
    };
    until("kube-proxy has its rules", has_all, || rules() + &proxy.log());
    proxy
}

/// What is told otherwise, a line each.
fn prove(place: &str, rows: &[Row]) -> String {
    let mut wrong = String::new();
    for (host, told) in rows {
        let (found, link) = check(host);
        if found != *told {
            let _infallible = writeln!(wrong, "{place}: {host}: {found}, not {told}\n{link:#}");
        }
    }
    wrong
}

/// Checks the Prometheus behind that name.
fn check(host: &str) -> (String, Value) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_promlink"));
    let url = format!("http://{host}");
    let output = program.args(["check", "--output=json", "--prometheus.url", &url]).output();
    let output = output.unwrap();
    let mut json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let link = json["links"][0].take();
    let words = ["verdict", "cause", "path", "check", "side"];
    let words: Vec<&str> = words.iter().filter_map(|key| link[key].as_str()).collect();
    (format!("{} {}", output.status.code().unwrap(), words.join(" ")), link)
}
