//! What is written from the chart for those without Helm: one manifest, and the parts of Kustomize.
//! `UPDATE_EXPECT=1` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Case, ROOT, case, preset, told};
use crate::{need, yaml};

/// One manifest, and what is in front of it.
const PLAIN: &str = "deploy/promlink.yaml";
const PLAIN_HEAD: &str = "\
# promlink in a namespace of its own, for kube-prometheus-stack, kube-prometheus and MicroK8s as they come:
#
#   kubectl apply -f deploy/promlink.yaml           # with your image in place of ghcr.io/promlink/promlink
#   kubectl -n promlink logs deploy/promlink        # what it found
#   kubectl -n promlink port-forward svc/promlink 10079
#
# It finds Prometheus and Grafana by DNS, by their usual names in the namespaces monitoring, observability,
# prometheus and its own; where it finds none it ends, and its log says what it asked. It asks nothing of the
# cluster, and tells nobody of alarms. Grafana's side needs a token of a service account with the role Viewer;
# until it is there, links are `blind`:
#
#   kubectl -n promlink create secret generic promlink-grafana --from-literal=token=glsa_...
#
# kube-prometheus lets nobody in but its own pods; there, and for alarms, rules and dashboards, take
# deploy/kustomize/overlays or the chart. This file is written from the chart.
";
const PARTS: &str = "deploy/kustomize";
const PART_HEAD: &str = "# Written from deploy/chart.\n";
/// Stacks that have an overlay.
const OVERLAYS: [&str; 8] = [
    "kube-prometheus",
    "kube-prometheus-stack",
    "microk8s",
    "mimir",
    "openshift",
    "prometheus",
    "thanos",
    "victoriametrics",
];

/// What the files are made of.
pub fn cases() -> Vec<(String, Case)> {
    let base = json!({
        "config": {"grafanas": {"main": {"url": "http://grafana"}}},
        "grafana": {"bootstrap": {"enabled": true, "existingSecret": {"name": "promlink-bootstrap"}}},
    });
    let parts = json!({
        "serviceMonitor": {"enabled": true},
        "prometheusRule": {"enabled": true},
        "dashboards": {"enabled": true},
    });
    let access = Case {
        values: vec![preset("kube-prometheus")],
        ..case(json!({"networkPolicy": {"allowIntoAccess": true}}))
    };
    vec![
        ("access".to_owned(), access),
        ("plain".to_owned(), Case { namespace: "promlink", ..case(json!({})) }),
        ("base".to_owned(), case(base)),
        ("parts".to_owned(), case(parts)),
    ]
}

/// The rendered files of these names, without what is Helm's.
fn text(case: &str, names: &[&str]) -> Option<String> {
    let texts = &told()?.cases[case]["texts"];
    let file = |name: &&str| {
        let text = texts[format!("{name}.yaml")].as_str().unwrap();
        let is_helms = |line: &&str| {
            let line = line.trim();
            line.starts_with("helm.sh/chart:") || line == "app.kubernetes.io/managed-by: Helm"
        };
        let lines = text.trim().lines().filter(|line| !is_helms(line) && !line.trim().is_empty());
        let body: String = lines.map(|line| format!("{line}\n")).collect();
        format!("---\n{}", body.trim_start_matches("---\n"))
    };
    Some(names.iter().map(file).collect())
}

/// Holds a file against what it should be, or writes it.
fn hold(path: &str, wanted: &str) {
    let file = Path::new(ROOT).join(path);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is stale: run with UPDATE_EXPECT=1");
}

#[test]
fn the_manifest_is_what_the_chart_makes() {
    let names = ["serviceaccount", "service", "deployment"];
    let Some(body) = text("plain", &names) else { return };
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: promlink\n  labels:\n    \
                     pod-security.kubernetes.io/enforce: restricted\n";
    hold(PLAIN, &format!("{PLAIN_HEAD}{namespace}{body}"));
}

#[test]
fn the_parts_are_what_the_chart_makes() {
    let base = ["serviceaccount", "service", "deployment"];
    let Some(base) = text("base", &base) else { return };
    let without = |text: String| text.replace("  namespace: monitoring\n", "");
    hold(&format!("{PARTS}/base/promlink.yaml"), &format!("{PART_HEAD}{}", without(base)));
    let part = |name: &str| without(text("parts", &[name]).unwrap());
    let operator = part("servicemonitor").replace("    matchNames: [monitoring]\n", "")
        + &part("prometheusrule").replace("promlink.monitoring.svc", "promlink");
    let operator = operator.replace("  namespaceSelector:\n", "");
    hold(&format!("{PARTS}/components/operator/operator.yaml"), &format!("{PART_HEAD}{operator}"));
    let access = without(text("access", &["networkpolicy"]).unwrap());
    hold(&format!("{PARTS}/components/access/access.yaml"), &format!("{PART_HEAD}{access}"));
    let dashboards = part("dashboards").replace("promlink.monitoring.svc", "promlink");
    hold(
        &format!("{PARTS}/components/dashboards/dashboards.yaml"),
        &format!("{PART_HEAD}{dashboards}"),
    );
}

#[test]
fn what_is_of_one_stack_is_what_the_chart_makes() {
    let Some(told) = told() else { return };
    for overlay in OVERLAYS {
        let config = told.configuration(overlay).unwrap();
        let file = |name: &str| format!("{PARTS}/overlays/{overlay}/{name}");
        hold(&file("promlink.yml"), &format!("{PART_HEAD}{config}"));
        let more = ["secret", "networkpolicy", "extra-manifests"];
        let texts = &told.cases[overlay]["texts"];
        let more: Vec<&str> =
            more.into_iter().filter(|name| texts[format!("{name}.yaml")].is_string()).collect();
        if !more.is_empty() {
            hold(&file("extra.yaml"), &format!("{PART_HEAD}{}", text(overlay, &more).unwrap()));
        }
    }
}

/// What Kustomize makes of an overlay.
fn built(overlay: &str) -> Option<Vec<Value>> {
    let mut kubectl = Command::new("kubectl");
    kubectl.arg("kustomize").arg(format!("{ROOT}/{PARTS}/overlays/{overlay}"));
    kubectl.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = need::spawn(&mut kubectl)?.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{overlay}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.split("\n---\n").map(yaml::read).collect())
}

#[test]
fn every_overlay_makes_what_the_chart_makes_of_its_preset() {
    let Some(told) = told() else { return };
    let folders = fs::read_dir(Path::new(ROOT).join(PARTS).join("overlays")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(folders.collect::<BTreeSet<_>>(), OVERLAYS.map(str::to_owned).into());
    for overlay in OVERLAYS {
        let Some(objects) = built(overlay) else { return };
        let key = |object: &Value| {
            let name = |key: &str| object[key].as_str().unwrap().to_owned();
            (name("kind"), object["metadata"]["name"].as_str().unwrap().to_owned())
        };
        let found: BTreeMap<_, &Value> = objects.iter().map(|one| (key(one), one)).collect();
        let wanted = told.objects(overlay).iter().filter(|object| object["kind"] != "Pod");
        let wanted: BTreeMap<_, &Value> = wanted.map(|one| (key(one), one)).collect();
        let names = |objects: &BTreeMap<(String, String), &Value>| -> Vec<_> {
            objects.keys().cloned().collect()
        };
        assert_eq!(names(&found), names(&wanted), "{overlay}");
        for (name, object) in &found {
            same(overlay, name, object, wanted[name]);
        }
    }
}

/// The same but for Helm's labels and the order of lists.
fn same(overlay: &str, name: &(String, String), found: &Value, wanted: &Value) {
    let (kind, _) = name;
    let place = format!("{overlay}: {name:?}");
    assert_eq!(found["metadata"]["namespace"], wanted["metadata"]["namespace"], "{place}");
    match kind.as_str() {
        "ConfigMap" if wanted["data"]["promlink.yml"].is_string() => {
            let config =
                |object: &Value| yaml::read(object["data"]["promlink.yml"].as_str().unwrap());
            assert_eq!(config(found), config(wanted), "{place}");
        }
        "Deployment" => {
            let annotations =
                |object: &Value| object["spec"]["template"]["metadata"]["annotations"].clone();
            assert_eq!(annotations(found), annotations(wanted), "{place}");
            let pod = |object: &Value| object["spec"]["template"]["spec"].clone();
            let (mut found, mut wanted) = (pod(found), pod(wanted));
            for pod in [&mut found, &mut wanted] {
                // Sorted by name: a patch puts what it adds first.
                let volumes = pod["volumes"].as_array_mut().unwrap();
                volumes.sort_by_key(|volume| volume["name"].as_str().unwrap().to_owned());
                let mounts = pod["containers"][0]["volumeMounts"].as_array_mut().unwrap();
                mounts.sort_by_key(|mount| mount["name"].as_str().unwrap().to_owned());
            }
            assert_eq!(found, wanted, "{place}");
        }
        "ServiceMonitor" | "PrometheusRule" => {
            let release = |object: &Value| object["metadata"]["labels"]["release"].clone();
            assert_eq!(release(found), release(wanted), "{place}");
        }
        _ => {
            let rest = |object: &Value| {
                let mut object = object.clone();
                object.as_object_mut().unwrap().remove("metadata");
                object
            };
            let is_text = kind == "ConfigMap";
            assert!(is_text || rest(found) == rest(wanted), "{place}: {found:#} {wanted:#}");
        }
    }
}
