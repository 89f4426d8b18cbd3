//! The routes and inhibitions, in the real Alertmanager.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::ROOT;
use crate::daemon::{foreign, until};
use crate::need;

const CONFIG: &str = "alerts/alertmanager.yaml";
/// It logs this, and its address, once its port is open.
const LISTENING: &str = "msg=\"Listening on\" address=";

/// A running Alertmanager; dropping it kills it.
struct Alertmanager {
    process: Child,
    folder: TempDir,
}

impl Alertmanager {
    /// Starts it with what is shipped; none where the program is missing.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", Path::new(ROOT).join(CONFIG).display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stderr(File::create(folder.path().join("log")).unwrap());
        Some(Self { process: need::spawn(&mut command)?, folder })
    }

    /// Its API of alerts.
    async fn url(&self) -> String {
        let address = until("listen", async || {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            let (_, rest) = log.split_once(LISTENING)?;
            Some(rest.lines().next()?.trim().to_owned())
        });
        format!("http://{}/api/v2/alerts", address.await)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn amtool(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("amtool");
    command.args(arguments).current_dir(ROOT).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = need::spawn(&mut command)?.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "amtool {arguments:?}: {said}");
    Some(said)
}

#[test]
fn the_configuration_is_good_and_routes_what_is_ours() {
    let Some(said) = amtool(&["check-config", CONFIG]) else { return };
    assert!(said.contains("8 inhibit rules"), "{said}");
    let route = ["config", "routes", "test", "--config.file", CONFIG, "--verify.receivers"];
    for (receiver, alert) in [
        ("promlink", "alertname=PromlinkLinkBroken"),
        ("promlink", "alertname=PromlinkAbsent"),
        ("null", "alertname=Watchdog"),
        ("null", "alertname=DatasourceError"),
    ] {
        amtool(&[&route[..], &[receiver, alert]].concat());
    }
}

/// What is posted: each alert by its labels, its name, and whether it is silenced by another.
const CASES: &[(&str, &str, bool)] = &[
    // A broken link, and what Grafana says of its data source.
    ("PromlinkLinkBroken", "cluster=a namespace=m link=k8s datasource_uid=u1 grafana=g", false),
    ("DatasourceError", "cluster=a datasource_uid=u1", true),
    ("DatasourceNoData", "cluster=a datasource_uid=u1 rulename=x", true),
    ("DatasourceError", "cluster=a datasource_uid=u2", false),
    ("DatasourceError", "cluster=b datasource_uid=u1", false),
    ("DatasourceError", "datasource_uid=u1", true),
    ("SomebodyElse", "cluster=a datasource_uid=u1", false),
    // Neither says a cluster.
    ("PromlinkLinkBroken", "namespace=m link=plain datasource_uid=u3", false),
    ("DatasourceError", "datasource_uid=u3", true),
    // A link without a data source silences none, and none that is not named.
    ("PromlinkLinkBroken", "cluster=c namespace=m link=direct", false),
    ("DatasourceError", "cluster=c", false),
    ("DatasourceError", "", false),
    // Less of the same link, of another link, and of the same name elsewhere.
    ("PromlinkLinkDegraded", "cluster=a namespace=m link=k8s", true),
    ("PromlinkLinkSlow", "cluster=a namespace=m link=k8s grafana=g", true),
    ("PromlinkLinkBudgetBurnFast", "cluster=a namespace=m link=k8s job=p", true),
    ("PromlinkLinkBudgetBurnSlow", "cluster=a namespace=m link=k8s job=p", true),
    ("PromlinkAssertionFailed", "cluster=a namespace=m link=k8s assertion=pods", true),
    ("PromlinkLinkDegraded", "cluster=a namespace=m link=dev", false),
    ("PromlinkLinkDegraded", "cluster=a namespace=other link=k8s", false),
    ("PromlinkCertificateExpiring", "cluster=a namespace=m path=direct", false),
    // Ends that are down.
    ("PromlinkServerDown", "cluster=d namespace=m server=s1", false),
    ("PromlinkLinkDegraded", "cluster=d namespace=m link=x server=s1", true),
    ("PromlinkLinkBudgetBurnFast", "cluster=d namespace=m link=y server=s1", true),
    ("PromlinkLinkDegraded", "cluster=d namespace=m link=z server=s2", false),
    ("PromlinkLinkBroken", "cluster=d namespace=m link=w server=s1", false),
    ("PromlinkGrafanaDown", "cluster=e namespace=m grafana=g1", false),
    ("PromlinkGrafanaBlind", "cluster=e namespace=m grafana=g1", true),
    ("PromlinkLinkSlow", "cluster=e namespace=m grafana=g1 link=x", true),
    ("PromlinkGrafanaBlind", "cluster=e namespace=m grafana=g2", false),
    ("PromlinkLinkDegraded", "cluster=e namespace=m link=direct server=s1", false),
    // Pushed, and by a rule.
    ("PromlinkLinkBroken", "cluster=j namespace=m link=x server=s1 grafana=g team=t", false),
    ("PromlinkLinkBroken", "cluster=j namespace=m link=x server=s1 grafana=g job=p", true),
    ("PromlinkLinkBroken", "cluster=j namespace=m link=y server=s1 grafana=g job=p", false),
    ("PromlinkLinkBroken", "cluster=k namespace=m link=x server=s1 grafana=g job=p", false),
    // The rest.
    ("PromlinkLinkDegraded", "cluster=f namespace=m link=x", false),
    ("PromlinkLinkSlow", "cluster=f namespace=m link=x", true),
    ("PromlinkLinkSlow", "cluster=f namespace=m link=y", false),
    ("PromlinkNotCycling", "cluster=h namespace=m job=p", false),
    ("PromlinkGrafanaBlind", "cluster=h namespace=m grafana=g1", true),
    ("PromlinkGrafanaBlind", "cluster=i namespace=m grafana=g1", false),
];

fn labels(name: &str, more: &str) -> BTreeMap<String, String> {
    let pairs = more.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    let pairs = pairs.chain([("alertname", name)]);
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn one_fault_is_told_once() {
    let Some(server) = Alertmanager::start() else { return };
    let (url, client) = (server.url().await, foreign());
    let all: Vec<Value> =
        CASES.iter().map(|(name, more, _)| json!({"labels": labels(name, more)})).collect();
    let posted = client.post(&url).json(&all).send().await.unwrap();
    assert!(posted.status().is_success(), "{}", posted.text().await.unwrap());
    let silenced = |wanted: &Value| !wanted["status"]["inhibitedBy"].as_array().unwrap().is_empty();
    let wanted: BTreeSet<_> =
        CASES.iter().map(|(name, more, silent)| (labels(name, more), *silent)).collect();
    let found = async || {
        let said = client.get(&url).send().await.unwrap().json::<Value>().await.unwrap();
        let found = said.as_array().unwrap().iter().map(|alert| {
            let labels = serde_json::from_value(alert["labels"].clone()).unwrap();
            (labels, silenced(alert))
        });
        found.collect::<BTreeSet<(BTreeMap<String, String>, bool)>>()
    };
    // It takes in what it was told one by one.
    for _ in 0..100 {
        if found().await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let found = found().await;
    let wrong: Vec<_> = found.symmetric_difference(&wanted).collect();
    panic!("{wrong:#?}");
}
