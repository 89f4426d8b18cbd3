//! Every value is in the schema and explained there, and what is wrong is refused with its place.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Case, case, told};

/// Values that must be refused, and what the refusal has to name.
fn wrong() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("no replica", json!({"replicas": 0}), "/replicas"),
        ("a misspelt value", json!({"replica": 2}), "'replica'"),
        ("a misspelt key", json!({"grafana": {"tokn": "x"}}), "/grafana"),
        ("a pull policy", json!({"image": {"pullPolicy": "sometimes"}}), "'IfNotPresent'"),
        ("a digest", json!({"image": {"digest": "sha256:12"}}), "/image/digest"),
        ("a number for a name", json!({"cluster": 7}), "/cluster"),
        ("a URL", json!({"externalUrl": "promlink.example.org"}), "/externalUrl"),
        (
            "an interval",
            json!({"serviceMonitor": {"interval": "soon"}}),
            "/serviceMonitor/interval",
        ),
        ("half a mount", json!({"extraSecretMounts": [{"name": "a"}]}), "'secretName'"),
        ("text for a port", json!({"service": {"port": "http"}}), "/service/port"),
        (
            "a bootstrap at nobody",
            json!({"grafana": {"bootstrap": {"enabled": true, "password": "x"}}}),
            "config.grafanas",
        ),
        (
            "a bootstrap without a password",
            json!({
                "grafana": {"bootstrap": {"enabled": true}},
                "config": {"grafanas": {"main": {"url": "http://grafana"}}},
            }),
            "grafana.bootstrap.existingSecret.name",
        ),
        (
            "credentials for nobody",
            json!({
                "grafana": {"token": "x"},
                "config": {"grafanas": {"prod": {"url": "http://grafana"}}},
            }),
            "config.grafanas has no \"main\"",
        ),
        (
            "two tokens",
            json!({"grafana": {"token": "x", "existingSecret": {"name": "y"}}}),
            "token and existingSecret.name",
        ),
        (
            "two monitors",
            json!({"serviceMonitor": {"enabled": true}, "podMonitor": {"enabled": true}}),
            "enable one of them",
        ),
        (
            "egress to nowhere",
            json!({"networkPolicy": {"enabled": true, "egress": {"enabled": true}}}),
            "would allow nothing but DNS",
        ),
        (
            "access by every port",
            json!({"networkPolicy": {"access": [{"name": "a", "podSelector": {"b": "c"}, "ports": []}]}}),
            "/networkPolicy/access/0/ports",
        ),
        ("a broken template", json!({"config": {"web": "{{ include }}"}}), "include"),
    ]
}

/// What is refused.
pub fn cases() -> Vec<(String, Case)> {
    wrong().into_iter().map(|(name, set, _)| (format!("wrong: {name}"), case(set))).collect()
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    let Some(told) = told() else { return };
    for (name, _, place) in wrong() {
        let answer = &told.cases[&format!("wrong: {name}")];
        let said = answer["error"].as_str().unwrap_or_else(|| panic!("{name} was accepted"));
        assert!(said.contains(place), "{name}: {said}");
    }
}

#[test]
fn the_schema_has_every_value_and_explains_it() {
    let Some(told) = told() else { return };
    same(&told.values, &told.schema, "");
}

/// A closed object of the schema has the keys of the values, no more and no less.
fn same(values: &Value, schema: &Value, place: &str) {
    let Some(known) = schema["properties"].as_object() else { return };
    let keys = |object: &Value| -> BTreeSet<String> {
        object.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    if values.is_object() && schema["additionalProperties"] == json!(false) {
        // A budget has one of both.
        let optional = BTreeSet::from(["minAvailable".to_owned()]);
        let named: BTreeSet<String> = known.keys().cloned().collect();
        assert_eq!(&keys(values) | &optional, &named | &optional, "{place}");
    }
    for (key, about) in known {
        let place = format!("{place}.{key}");
        assert!(about["description"].as_str().is_some_and(|text| text.len() > 5), "{place}");
        same(&values[key], about, &place);
        same(&Value::Null, &about["items"], &place);
    }
}
