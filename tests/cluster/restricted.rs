//! What is shipped, in a namespace where pods are as restricted as Kubernetes can have it.

use std::path::Path;

use crate::control_plane::ControlPlane;
use crate::objects::restricted;
use crate::{ROOT, entered};

/// A pod that asks for nothing special, which is too much there.
const ANY_POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {namespace: monitoring, name: any}
spec: {containers: [{name: it, image: it}]}
";

#[test]
fn the_manifest_is_accepted_and_its_pod_is_made() {
    if !entered("restricted::the_manifest_is_accepted_and_its_pod_is_made") {
        return;
    }
    let cluster = ControlPlane::start();
    cluster.apply(&restricted("monitoring"));
    cluster.until_account("monitoring");
    let said = cluster.kubectl(&["apply", "-f", "-"], ANY_POD);
    assert!(!said.fine && said.text.contains("violates PodSecurity"), "{}", said.text);

    let manifest = Path::new(ROOT).join("deploy/promlink.yaml");
    let said = cluster.kubectl(&["apply", "-f", manifest.to_str().unwrap()], "");
    assert!(said.fine && !said.text.contains("Warning"), "{}", said.text);
    cluster.until_pods("promlink");
}
