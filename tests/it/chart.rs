//! The Helm chart, rendered by Helm's own library and held against the schemas of every Kubernetes;
//! what is rendered from it, and what its presets say.

mod docs; // the pages about installing
mod files; // manifest and Kustomize, written from the chart
mod pods; // Pod Security, probes, replicas
mod presets; // names of the stacks, configurations
mod values; // values and their schema

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::need;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What Helm makes of these values.
#[derive(Clone, Debug)]
pub struct Case {
    /// Below `deploy/chart/presets`, or elsewhere.
    values: Vec<String>,
    set: Value,
    namespace: &'static str,
}

/// What came of all cases.
struct Told {
    cases: BTreeMap<String, Value>,
    /// Of objects, by any version of Kubernetes.
    mistakes: Vec<String>,
    versions: Vec<String>,
    values: Value,
    schema: Value,
}

/// File names without their ending.
fn preset_names() -> Vec<String> {
    let folder = fs::read_dir(Path::new(ROOT).join("deploy/chart/presets")).unwrap();
    let files = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.map(|file| file.strip_suffix(".yaml").unwrap().to_owned()).collect();
    names.sort();
    names
}

fn preset(name: &str) -> String {
    format!("deploy/chart/presets/{name}.yaml")
}

fn case(set: Value) -> Case {
    Case { values: Vec::new(), set, namespace: "monitoring" }
}

/// Values that YAML would read as something else, if they were not quoted.
fn strange() -> Value {
    json!({
        "nameOverride": "123", "replicas": 2, "cluster": "true", "commonLabels": {"on": "null"},
        "podDisruptionBudget": {"minAvailable": 1},
        "podMonitor": {"enabled": true, "additionalLabels": {"release": "1"}},
        "image": {"pullSecrets": ["1", "yes"]},
        "grafana": {"token": "a: b\n# c\"'", "existingSecret": {"key": "a: b"}},
        "extraArgs": ["--log.format=json"], "podAnnotations": {"sidecar": "false"},
        "extraSecretMounts": [{"name": "1", "secretName": "2", "mountPath": "/a,b: {c}"}],
        "ingress": {"enabled": true, "hosts": [{"host": "no", "paths": [{"path": "/a: b #c"}]}]},
    })
}

/// Everything that the tests look at, so that Helm is started once.
fn cases() -> BTreeMap<String, Case> {
    let mut cases: BTreeMap<String, Case> = preset_names()
        .into_iter()
        .map(|name| {
            let namespace = presets::home(&name);
            (name.clone(), Case { values: vec![preset(&name)], namespace, ..case(json!({})) })
        })
        .collect();
    let everything = vec!["tests/it/chart/everything.yaml".to_owned()];
    cases.extend([
        ("default".to_owned(), case(json!({}))),
        ("everything".to_owned(), Case { values: everything, ..case(json!({})) }),
        ("several".to_owned(), case(json!({"replicas": 2, "cluster": "eu-1"}))),
        ("strange".to_owned(), case(strange())),
    ]);
    cases.extend(files::cases());
    cases.extend(presets::cases());
    cases.extend(values::cases());
    cases
}

/// What Helm tells; none where it is missing.
fn told() -> Option<&'static Told> {
    static TOLD: OnceLock<Option<Told>> = OnceLock::new();
    TOLD.get_or_init(ask).as_ref()
}

fn ask() -> Option<Told> {
    let cases: Map<String, Value> = cases()
        .into_iter()
        .map(|(name, Case { values, set, namespace })| {
            (name, json!({"values": values, "set": set, "namespace": namespace}))
        })
        .collect();
    let mut command = Command::new("python3");
    command.arg("tests/it/chart/render.py").current_dir(ROOT);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = need::spawn(&mut command)?;
    let mut stdin = process.stdin.take().unwrap();
    // Python that lacks a module ends before it reads.
    stdin.write_all(Value::Object(cases).to_string().as_bytes()).ok();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("ModuleNotFoundError") {
        need::skipped("no Helm: python3 has no helm-python-sdk and kubernetes-validate");
        return None;
    }
    assert!(output.status.success(), "{said}");
    let mut told: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut take = |key: &str| told.remove(key).unwrap();
    Some(Told {
        cases: serde_json::from_value(take("cases")).unwrap(),
        mistakes: serde_json::from_value(take("mistakes")).unwrap(),
        versions: serde_json::from_value(take("versions")).unwrap(),
        values: take("values"),
        schema: take("schema"),
    })
}

// === impl Told ===

impl Told {
    /// All objects of a case that was rendered.
    fn objects(&self, case: &str) -> &[Value] {
        let told = &self.cases[case];
        let objects = told["objects"].as_array();
        objects.unwrap_or_else(|| panic!("{case}: {}", told["error"]))
    }

    /// The one object of this kind, whose name ends like this.
    fn object(&self, case: &str, kind: &str, ending: &str) -> &Value {
        let objects = self.objects(case).iter();
        let is = |object: &&Value| {
            object["kind"] == kind && object["metadata"]["name"].as_str().unwrap().ends_with(ending)
        };
        let found: Vec<&Value> = objects.filter(is).collect();
        let [found] = found.as_slice() else { panic!("{case} {kind} …{ending}: {found:#?}") };
        found
    }

    /// `promlink.yml`, if there is one.
    fn configuration(&self, case: &str) -> Option<&str> {
        self.objects(case).iter().find_map(|object| object["data"]["promlink.yml"].as_str())
    }

    /// Cases that were rendered.
    fn rendered(&self) -> impl Iterator<Item = &str> {
        let good = self.cases.iter().filter(|(_, told)| told.get("objects").is_some());
        good.map(|(name, _)| name.as_str())
    }
}

#[test]
fn it_lints_and_every_object_is_one_of_every_kubernetes() {
    let Some(told) = told() else { return };
    for case in told.rendered() {
        assert_eq!(told.cases[case]["lint"], json!([]), "{case}");
    }
    assert!(told.rendered().count() > 12, "{:?}", told.cases.keys());
    assert!(told.versions.len() >= 10 && told.versions[0] == "1.25", "{:?}", told.versions);
    assert!(told.mistakes.is_empty(), "{:#?}", told.mistakes);
}

#[test]
fn values_stay_the_text_that_they_are() {
    let Some(told) = told() else { return };
    let pod = &told.object("strange", "Deployment", "")["spec"]["template"]["spec"];
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "1"}, {"name": "yes"}]));
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let wanted = json!({"name": "1", "mountPath": "/a,b: {c}", "readOnly": true});
    assert!(mounts.contains(&wanted), "{mounts:?}");
    let secret = told.object("strange", "Secret", "-grafana");
    assert_eq!(secret["stringData"], json!({"a: b": "a: b\n# c\"'"}));
    let rule = &told.object("strange", "Ingress", "")["spec"]["rules"][0];
    assert_eq!(rule["host"], "no");
    assert_eq!(rule["http"]["paths"][0]["path"], "/a: b #c");
    let budget = &told.object("strange", "PodDisruptionBudget", "")["spec"];
    assert_eq!(budget["minAvailable"], 1);
    assert!(budget["maxUnavailable"].is_null(), "one of both: {budget}");
    for object in told.objects("strange") {
        let labels = object["metadata"]["labels"].as_object().unwrap();
        assert!(labels.values().all(Value::is_string), "{labels:?}");
    }
}

#[test]
fn the_notes_lead_to_the_first_verdict_and_say_what_is_missing() {
    let Some(told) = told() else { return };
    let notes = |case: &str| told.cases[case]["notes"].as_str().unwrap();
    for case in told.rendered() {
        let notes = notes(case);
        for says in ["exec deploy/", "-- /bin/promlink check --", "helm -n", "port-forward svc/"] {
            assert!(notes.contains(says), "{case}: {says}: {notes}");
        }
        assert!(notes.lines().all(|line| line.len() <= 160), "{case}: {notes}");
    }
    let default = notes("default");
    for says in ["It has no token for Grafana yet", "Nobody is told", "Nobody scrapes it"] {
        assert!(default.contains(says), "{says}: {default}");
        let stack = notes("kube-prometheus-stack");
        assert!(!stack.contains(says), "{says}: {stack}");
    }
    let stack = notes("kube-prometheus-stack");
    assert!(stack.contains("Secret kube-prometheus-stack-grafana"), "{stack}");
    assert!(stack.contains("--set grafana.bootstrap.enabled=false"), "{stack}");
}
