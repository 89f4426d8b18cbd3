//! The Helm chart, installed by Helm where pods are restricted: as it is, and with each preset, so that
//! the API server and the operators' own schemas judge what it makes.

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
    for preset in presets(&chart) {
        let name = preset.file_stem().unwrap().to_str().unwrap();
        install(&cluster, name, &chart, Some(&preset));
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
    let named = rendered.text.lines().filter_map(|line| line.strip_prefix("  namespace: "));
    let mut namespaces: BTreeSet<&str> = named.map(|name| name.trim_matches('"')).collect();
    namespaces.insert(&namespace);
    for namespace in &namespaces {
        cluster.apply(&restricted(namespace));
        cluster.until_account(namespace);
    }

    let said = cluster.helm(&[&["install"], &given[..]].concat());
    assert!(said.fine && !said.text.contains("would violate"), "{name}: {}", said.text);
    cluster.until_pods(&namespace);

    let said = cluster.helm(&["uninstall", "promlink", "--namespace", &namespace]);
    assert!(said.fine, "{name}: {}", said.text);
}
