//! Services, and pods that nothing runs: a pod is on a node because it says so, and is ready because
//! we say so. What the controllers and DNS make of them is real.

use crate::control_plane::ControlPlane;

/// A namespace where pods must be as restricted as the strictest of Kubernetes' own standards says.
pub fn restricted(name: &str) -> String {
    format!(
        "\
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
---
"
    )
}

/// A Service of pods that are called `app`; `kind` is what is special in its `spec`.
pub fn service(namespace: &str, name: &str, app: &str, kind: &str) -> String {
    let port = "{name: web, port: 9090}";
    format!(
        "\
apiVersion: v1
kind: Service
metadata: {{namespace: {namespace}, name: {name}}}
spec: {{selector: {{app: {app}}}, ports: [{port}], {kind}}}
---
"
    )
}

/// A Service that stands for another name.
pub fn alias(namespace: &str, name: &str, of: &str) -> String {
    format!(
        "\
apiVersion: v1
kind: Service
metadata: {{namespace: {namespace}, name: {name}}}
spec: {{type: ExternalName, externalName: {of}}}
---
"
    )
}

/// A pod at an address, as a StatefulSet names it below its Service.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub app: &'a str,
    pub address: &'a str,
    pub is_ready: bool,
}

// === impl Pod ===

impl Pod<'_> {
    /// Puts it there.
    pub fn run(&self, cluster: &ControlPlane) {
        let Self { namespace, name, app, address, is_ready } = self;
        cluster.apply(&format!(
            "\
apiVersion: v1
kind: Pod
metadata: {{namespace: {namespace}, name: {name}, labels: {{app: {app}}}}}
spec:
  nodeName: node
  hostname: {name}
  subdomain: {app}
  containers: [{{name: it, image: it}}]
"
        ));
        let ready = if *is_ready { "True" } else { "False" };
        let conditions = format!("[{{type: Ready, status: '{ready}'}}]");
        let status = format!(
            "status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}], \
             conditions: {conditions}}}"
        );
        let of = ["patch", "pod", "--namespace", namespace, name, "--subresource=status", "-p"];
        let said = cluster.kubectl(&[&of[..], &[&status]].concat(), "");
        assert!(said.fine, "{}", said.text);
    }
}
