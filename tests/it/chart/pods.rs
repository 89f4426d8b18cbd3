//! The pods: Pod Security, probes, and what one replica and several of them need.

use serde_json::{Value, json};

use super::told;

/// The pods of a case, the daemon's first.
fn pods(objects: &[Value]) -> Vec<&Value> {
    let of = |kind| objects.iter().filter(move |object: &&Value| object["kind"] == kind);
    let daemon = of("Deployment").map(|object| &object["spec"]["template"]["spec"]);
    daemon.chain(of("Pod").map(|object| &object["spec"])).collect()
}

/// The list of Kubernetes' Pod Security Standards, `restricted`, and `baseline` below it.
#[test]
fn they_keep_to_restricted_pod_security() {
    let Some(told) = told() else { return };
    for case in told.rendered() {
        let pods = pods(told.objects(case));
        assert_eq!(pods.len(), 2, "{case}: the daemon's and the test's");
        for pod in pods {
            let own = &pod["securityContext"];
            assert_eq!(own["runAsNonRoot"], true, "{case}");
            assert_eq!(own["seccompProfile"]["type"], "RuntimeDefault", "{case}");
            assert!(own["runAsUser"] == 65532 || case == "openshift", "{case}");
            for key in ["hostNetwork", "hostPID", "hostIPC"] {
                assert!(pod[key].is_null(), "{case}: {key}");
            }
            let kinds = ["configMap", "secret", "projected", "emptyDir"];
            for volume in pod["volumes"].as_array().unwrap() {
                let keys = volume.as_object().unwrap().keys().filter(|key| *key != "name");
                assert!(keys.clone().all(|key| kinds.contains(&key.as_str())), "{case}: {volume}");
                assert_eq!(keys.count(), 1, "{case}: {volume}");
            }
            for list in ["initContainers", "containers"] {
                for container in pod[list].as_array().into_iter().flatten() {
                    let own = &container["securityContext"];
                    assert_eq!(own["allowPrivilegeEscalation"], false, "{case}");
                    assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}), "{case}");
                    assert!(own["runAsUser"].is_null() && own["privileged"].is_null(), "{case}");
                    let ports = container["ports"].as_array().into_iter().flatten();
                    assert!(ports.clone().all(|port| port["hostPort"].is_null()), "{case}");
                }
            }
        }
    }
}

#[test]
fn they_ask_nothing_of_the_cluster_and_keep_little_for_themselves() {
    let Some(told) = told() else { return };
    for case in told.rendered() {
        for pod in pods(told.objects(case)) {
            assert_eq!(pod["automountServiceAccountToken"], false, "{case}");
            assert_eq!(pod["enableServiceLinks"], false, "{case}");
            let ours = &pod["containers"][0];
            assert_eq!(ours["securityContext"]["readOnlyRootFilesystem"], true, "{case}");
            assert_eq!(ours["resources"]["requests"], json!({"cpu": "10m", "memory": "16Mi"}));
            assert!(ours["resources"]["limits"]["cpu"].is_null(), "{case}: timings would lie");
        }
        let rights = |object: &&Value| object["kind"].as_str().unwrap().contains("Role");
        let rights = told.objects(case).iter().filter(rights).count();
        assert_eq!(rights, if case == "openshift" { 2 } else { 0 }, "{case}");
    }
    let daemon = &pods(told.objects("default"))[0]["containers"][0];
    assert_eq!(daemon["livenessProbe"]["httpGet"], json!({"path": "/-/healthy", "port": "http"}));
    assert_eq!(daemon["readinessProbe"]["httpGet"], json!({"path": "/-/ready", "port": "http"}));
    assert_eq!(daemon["ports"][0]["containerPort"], 10079);
    let annotations = &told.object("default", "Deployment", "promlink")["spec"]["template"];
    assert!(annotations["metadata"]["annotations"].is_null(), "the daemon reloads by itself");
}

#[test]
fn one_leaves_a_dead_node_soon_and_several_are_spread() {
    let Some(told) = told() else { return };
    let deployment = |case: &str| &told.object(case, "Deployment", "promlink")["spec"];
    let one = deployment("default");
    assert_eq!(one["replicas"], 1);
    assert_eq!(one["strategy"], json!({"type": "Recreate"}));
    let leaves = one["template"]["spec"]["tolerations"].as_array().unwrap();
    let leaves: Vec<_> = leaves.iter().map(|t| (&t["key"], &t["tolerationSeconds"])).collect();
    let [not_ready, unreachable] =
        ["not-ready", "unreachable"].map(|key| json!(format!("node.kubernetes.io/{key}")));
    assert_eq!(leaves, [(&not_ready, &json!(30)), (&unreachable, &json!(30))]);
    let budgets = |case: &str| {
        told.objects(case).iter().filter(|object| object["kind"] == "PodDisruptionBudget").count()
    };
    assert_eq!(budgets("default"), 0, "a budget of one keeps nodes from being drained");

    let several = deployment("several");
    assert_eq!(several["replicas"], 2);
    assert_eq!(several["strategy"]["type"], "RollingUpdate");
    assert!(several["template"]["spec"]["tolerations"].is_null());
    let spread = &several["template"]["spec"]["topologySpreadConstraints"][0];
    assert_eq!(spread["labelSelector"], several["selector"], "{spread}");
    assert_eq!(budgets("several"), 1);
}

#[test]
fn the_service_and_everything_that_selects_find_the_daemon_alone() {
    let Some(told) = told() else { return };
    for case in told.rendered() {
        let objects = told.objects(case);
        let is_of = |labels: &Value, selector: &Value| {
            selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
        };
        let daemon = &told.object(case, "Deployment", "")["spec"]["template"]["metadata"]["labels"];
        let test = &told.object(case, "Pod", "-check")["metadata"]["labels"];
        let own = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
        let services = own("Service").map(|object| &object["spec"]["selector"]);
        let others = ["PodDisruptionBudget", "PodMonitor", "Deployment"];
        let others = others.into_iter().flat_map(own);
        let others = others.map(|object| &object["spec"]["selector"]["matchLabels"]);
        for selector in services.chain(others) {
            assert!(is_of(daemon, selector) && !is_of(test, selector), "{case}: {selector}");
        }
        let service = own("Service").next().unwrap();
        for monitor in own("ServiceMonitor") {
            let selector = &monitor["spec"]["selector"]["matchLabels"];
            assert!(is_of(&service["metadata"]["labels"], selector), "{case}: {selector}");
            assert_eq!(
                monitor["spec"]["endpoints"][0]["port"],
                service["spec"]["ports"][0]["name"]
            );
        }
        // What they may reach, the test may as well: it would be the fault otherwise.
        for policy in own("NetworkPolicy") {
            let from = &policy["spec"]["ingress"][0]["from"];
            for selector in from.as_array().into_iter().flatten() {
                let labels = &selector["podSelector"]["matchLabels"];
                assert!(!labels.is_object() || is_of(daemon, labels) && is_of(test, labels));
            }
        }
    }
}

#[test]
fn the_test_looks_where_the_daemon_looks() {
    let Some(told) = told() else { return };
    for case in told.rendered() {
        let [daemon, test] = pods(told.objects(case))[..] else { panic!("{case}") };
        let args = |pod: &Value| -> Vec<String> {
            serde_json::from_value(pod["containers"][0]["args"].clone()).unwrap()
        };
        let (daemon_args, test_args) = (args(daemon), args(test));
        assert_eq!([&*daemon_args[0], &*test_args[0]], ["serve", "check"], "{case}");
        assert_eq!(&test_args[1..test_args.len() - 2], &daemon_args[1..], "{case}");
        assert!(test_args.ends_with(&["--fail-on=broken".to_owned(), "--wait=120s".to_owned()]));
        for key in ["volumes", "serviceAccountName", "securityContext", "dnsPolicy"] {
            assert_eq!(daemon[key], test[key], "{case}: {key}");
        }
        for key in ["volumeMounts", "env", "image"] {
            let [daemon, test] = [daemon, test].map(|pod| &pod["containers"][0][key]);
            assert_eq!(daemon, test, "{case}: {key}");
        }
    }
    let hook = &told.object("default", "Pod", "-check")["metadata"]["annotations"];
    assert_eq!(hook["helm.sh/hook"], "test");
}
