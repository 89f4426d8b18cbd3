//! The Helm chart, installed by Helm where pods are restricted: as it is, and with each preset, so that
//! the API server and the operators' own schemas judge what it makes; and each overlay of Kustomize.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::control_plane::ControlPlane;
use crate::objects::restricted;
use crate::process::built;
use crate::{ROOT, entered};

#[test]
fn the_chart_is_accepted_with_each_preset_and_its_pods_are_made() {
    if !entered("chart::the_chart_is_accepted_with_each_preset_and_its_pods_are_made") {
        return;
    }
    let chart = Path::new(ROOT).join("deploy/chart");
    assert!(chart.join("Chart.yaml").exists(), "no chart in {}", chart.display());
    let cluster = ControlPlane::start();
    know_operators(&cluster);
    install(&cluster, "default", &chart, None);
    // With all that can be switched on, as in the tests that only render it.
    let everything = Path::new(ROOT).join("tests/it/chart/everything.yaml");
    install(&cluster, "everything", &chart, Some(&everything));
    for preset in presets(&chart) {
        let name = preset.file_stem().unwrap().to_str().unwrap();
        install(&cluster, name, &chart, Some(&preset));
    }
}

#[test]
fn every_overlay_is_accepted_and_its_pod_is_made() {
    if !entered("chart::every_overlay_is_accepted_and_its_pod_is_made") {
        return;
    }
    let cluster = ControlPlane::start();
    know_operators(&cluster);
    let overlays = fs::read_dir(Path::new(ROOT).join("deploy/kustomize/overlays")).unwrap();
    let mut applied = 0;
    for overlay in overlays {
        let overlay = overlay.unwrap().path().display().to_string();
        let built = cluster.kubectl(&["kustomize", &overlay], "");
        assert!(built.fine, "{overlay}: {}", built.text);
        prepare(&cluster, &built.text);
        let said = cluster.kubectl(&["apply", "--server-side", "-k", &overlay], "");
        assert!(said.fine && !said.text.contains("Warning"), "{overlay}: {}", said.text);
        let deployment = built.text.split("\n---\n").find(|one| one.contains("kind: Deployment"));
        cluster.until_pods(namespaces(deployment.unwrap()).first().unwrap());
        let said = cluster.kubectl(&["delete", "-k", &overlay], "");
        assert!(said.fine, "{overlay}: {}", said.text);
        applied += 1;
    }
    assert!(applied >= 8, "{applied}");
}

/// Namespaces that objects in this text are of.
fn namespaces(text: &str) -> BTreeSet<&str> {
    let named = text.lines().filter_map(|line| line.strip_prefix("  namespace: "));
    named.map(|name| name.trim_matches(['"', '\''])).collect()
}

/// Makes the namespaces that these objects are of.
fn prepare(cluster: &ControlPlane, text: &str) {
    for namespace in namespaces(text) {
        cluster.apply(&restricted(namespace));
        cluster.until_account(namespace);
    }
}

/// Grafana's operator publishes no module with its schema: of its kind only the name is checked.
const GRAFANA_DASHBOARD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: grafanadashboards.grafana.integreatly.org}
spec:
  group: grafana.integreatly.org
  names: {kind: GrafanaDashboard, plural: grafanadashboards}
  scope: Namespaced
  versions:
    - name: v1beta1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

/// The kinds that operators bring, with their own schemas.
fn know_operators(cluster: &ControlPlane) {
    cluster.apply(GRAFANA_DASHBOARD);
    let folder = built("crds").display().to_string();
    let said = cluster.kubectl(&["apply", "--server-side", "-f", &folder], "");
    assert!(said.fine, "{}", said.text);
    let established = ["wait", "crd", "--all", "--for=condition=Established", "--timeout=30s"];
    let said = cluster.kubectl(&established, "");
    assert!(said.fine, "{}", said.text);
}

fn presets(chart: &Path) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(chart.join("presets")) else { return Vec::new() };
    let paths = folder.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort_unstable();
    paths
}

/// Installs it into a namespace of its own, and removes it.
fn install(cluster: &ControlPlane, name: &str, chart: &Path, preset: Option<&Path>) {
    let namespace = format!("with-{name}");
    let mut given = vec!["promlink", chart.to_str().unwrap(), "--namespace", &namespace];
    if let Some(preset) = preset {
        given.extend(["--values", preset.to_str().unwrap()]);
    }
    let rendered = cluster.helm(&[&["template", "--dry-run=server"], &given[..]].concat());
    assert!(rendered.fine, "{name}: {}", rendered.text);
    prepare(cluster, &rendered.text);
    let said = cluster.helm(&[&["install"], &given[..]].concat());
    assert!(said.fine && !said.text.contains("would violate"), "{name}: {}", said.text);
    cluster.until_pods(&namespace);

    let said = cluster.helm(&["uninstall", "promlink", "--namespace", &namespace]);
    assert!(said.fine, "{name}: {}", said.text);
}
