//! The cluster's DNS: CoreDNS on the real API server, set up as clusters set it up.

use std::fs;

use crate::control_plane::ControlPlane;
use crate::process::Process;

/// Who set it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corefile {
    Kubeadm,
    Microk8s,
}

/// What answers to a name outside the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The internet's root, as far as one sees: there is no such domain.
    Denies,
    /// Nothing listens there.
    Closed,
    /// No block of the file is for it.
    Nobody,
}

/// Where pods ask it, as MicroK8s has it: the address of its Service.
pub const ADDRESS: &str = "10.152.183.10";
/// Where it is: the address of its pod.
pub const POD: &str = "10.1.0.53";
const OUTSIDE: &str = "10.0.0.53";

/// Its Service.
pub fn service() -> String {
    let ports = "{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}";
    format!(
        "\
apiVersion: v1
kind: Service
metadata: {{namespace: kube-system, name: kube-dns}}
spec: {{clusterIP: {ADDRESS}, selector: {{app: kube-dns}}, ports: [{ports}]}}
---
"
    )
}

/// It runs until it is dropped.
#[derive(Debug)]
pub struct CoreDns {
    _process: Process,
}

// === impl CoreDns ===

impl CoreDns {
    /// Starts it, and waits until it serves.
    pub fn start(cluster: &ControlPlane, corefile: Corefile, outside: Outside) -> Self {
        let file = cluster.path().join("Corefile");
        fs::write(&file, corefile.text(cluster, outside)).unwrap();
        let arguments = ["-conf".to_owned(), file.display().to_string()];
        let process = Process::start(cluster.path(), "coredns", &arguments);
        process.until("CoreDNS serves", || process.log().contains("CoreDNS-"));
        Self { _process: process }
    }
}

// === impl Corefile ===

impl Corefile {
    fn text(self, cluster: &ControlPlane, outside: Outside) -> String {
        let kubeconfig = cluster.kubeconfig().display().to_string();
        let ttl = match self {
            Self::Kubeadm => "ttl 30",
            Self::Microk8s => "",
        };
        let (zone, forward) = match outside {
            Outside::Denies | Outside::Closed => (".", format!("forward . {OUTSIDE}")),
            Outside::Nobody => ("cluster.local in-addr.arpa ip6.arpa", String::new()),
        };
        let cluster = format!(
            "\
{zone} {{
    bind {POD}
    errors
    health {POD}:8080
    ready {POD}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        {ttl}
    }}
    prometheus {POD}:9153
    {forward}
    cache 30
    loop
    reload
    loadbalance
}}
"
        );
        let root = "authority \". 86400 IN SOA a.root-servers.net. nstld.example. 1 1800 900 1 1\"";
        let denies = format!(
            ". {{\n    bind {OUTSIDE}\n    template ANY ANY {{\n        rcode NXDOMAIN\n        \
             {root}\n    }}\n}}\n"
        );
        if outside == Outside::Denies { cluster + &denies } else { cluster }
    }
}
