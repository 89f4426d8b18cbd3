//! The compose file: what it mounts is there and accepted by who reads it, and the four programs,
//! wired as it says, work at once.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use promlink::demo::dns::{self, Dns, Zone};
use promlink::demo::grafana::{self, Datasource, Flavour, Grafana, Setup};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ROOT, read};
use crate::daemon::{Daemon, foreign, text, until};
use crate::faults::row::line;
use crate::{namespace, need, yaml};

const COMPOSE: &str = "deploy/compose.yaml";
const OF_PROMLINK: &str = "deploy/compose/promlink/promlink.yml";
const OF_PROMETHEUS: &str = "deploy/compose/prometheus/prometheus.yml";
const OF_ALERTMANAGER: &str = "deploy/compose/alertmanager/alertmanager.yml";
const OF_GRAFANA: &str = "deploy/compose/grafana/provisioning/datasources/prometheus.yaml";
const PASSWORD: &str = "deploy/compose/grafana-admin-password";

fn services() -> serde_json::Map<String, Value> {
    yaml::read(&read(COMPOSE))["services"].as_object().unwrap().clone()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|value| value.as_str().unwrap()).collect()
}

/// What a service mounts from the repository: from where, and to where.
fn mounts(service: &Value) -> Vec<(String, &str)> {
    let files = list(&service["volumes"]).into_iter().filter(|mount| mount.starts_with('.'));
    let parts = files.map(|mount| mount.strip_suffix(":ro").expect("mounted to be read"));
    let mut mounts: Vec<(String, &str)> = parts
        .map(|mount| mount.split_once(':').unwrap())
        .map(|(from, to)| (format!("deploy/{from}"), to))
        .collect();
    if !list(&service["secrets"]).is_empty() {
        let file = yaml::read(&read(COMPOSE))["secrets"]["grafana_admin"]["file"].clone();
        mounts.push((format!("deploy/{}", file.as_str().unwrap()), "/run/secrets/grafana_admin"));
    }
    mounts
}

// === the files ===

#[test]
fn every_service_is_pinned_and_has_no_more_rights_than_it_needs() {
    let services = services();
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(names, ["alertmanager", "grafana", "prometheus", "promlink"]);
    for (name, service) in &services {
        let (_, tag) = service["image"].as_str().unwrap().rsplit_once(':').unwrap();
        assert!(tag.trim_start_matches('v').split('.').count() == 3, "{name}: {tag}");
        assert_eq!(list(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(list(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        for key in ["privileged", "network_mode", "pid", "cap_add", "devices"] {
            assert!(service[key].is_null(), "{name}: {key}");
        }
        // Nobody but this machine.
        for port in list(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for (from, _) in mounts(service) {
            assert!(Path::new(ROOT).join(&from).exists(), "{name}: no {from}");
        }
    }
    let promlink = &services["promlink"];
    let image = format!("promlink:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(promlink["image"], image.as_str());
    assert_eq!((&promlink["read_only"], &promlink["user"]), (&json!(true), &json!("65532:65532")));
    assert_eq!(promlink["build"], json!({"context": "..", "dockerfile": "deploy/Dockerfile"}));
}

#[test]
fn names_and_ports_are_those_of_the_services() {
    let services = services();
    let known: Vec<String> = services
        .iter()
        .map(|(name, service)| {
            let port = list(&service["ports"])[0].rsplit(':').next().unwrap();
            format!("{name}:{port}")
        })
        .collect();
    let mut found = 0;
    for file in [OF_PROMLINK, OF_PROMETHEUS, OF_GRAFANA] {
        let text = read(file);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '_');
        for word in words.map(|word| word.trim_matches(':')) {
            let Some((name, port)) = word.split_once(':') else { continue };
            if services.contains_key(name) && !port.is_empty() {
                assert!(known.contains(&word.to_owned()), "{file}: {word}");
                found += 1;
            }
        }
    }
    assert_eq!(found, 8);
    let provisioned = yaml::read(&read(OF_GRAFANA));
    let watched = yaml::read(&read(OF_PROMLINK));
    let link = &watched["links"]["prometheus"];
    assert_eq!(provisioned["datasources"][0]["uid"], link["grafana"]["datasource"]["uid"]);
    assert_eq!(provisioned["datasources"][0]["url"], link["prometheus"]["url"]);
}

/// Grafana ignores a key that it does not know; these are those that it reads.
#[test]
fn grafana_knows_every_key_of_its_provisioning() {
    let sources = yaml::read(&read(OF_GRAFANA));
    let boards = "deploy/compose/grafana/provisioning/dashboards/promlink.yaml";
    let boards = yaml::read(&read(boards));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&sources), ["apiVersion", "datasources"]);
    let of_source = ["access", "editable", "isDefault", "jsonData", "name", "type", "uid", "url"];
    assert_eq!(keys(&sources["datasources"][0]), of_source);
    assert_eq!(keys(&boards), ["apiVersion", "providers"]);
    let provider = &boards["providers"][0];
    assert_eq!(keys(provider), ["allowUiUpdates", "name", "options", "type"]);
    let services = services();
    let mounted = mounts(&services["grafana"]);
    let dashboards = mounted.iter().find(|(from, _)| from == "deploy/../dashboards").unwrap();
    assert_eq!(provider["options"]["path"], dashboards.1);
}

/// What stands in `alerts/` is tried there; here it only has a receiver that exists.
#[test]
fn alertmanager_s_configuration_is_the_shipped_one() {
    let mut shipped = yaml::read(&read("alerts/alertmanager.yaml"));
    let receivers = shipped["receivers"].as_array_mut().unwrap();
    for receiver in receivers {
        receiver.as_object_mut().unwrap().retain(|key, _| key == "name");
    }
    assert_eq!(yaml::read(&read(OF_ALERTMANAGER)), shipped);
    accepted("amtool", &["check-config", OF_ALERTMANAGER]);
}

#[test]
fn each_program_accepts_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let put = |from: &str, name: &str| {
        fs::copy(Path::new(ROOT).join(from), folder.path().join(name)).unwrap();
        folder.path().join(name).display().to_string()
    };
    put("alerts/rules.yaml", "rules.yaml");
    let prometheus = put(OF_PROMETHEUS, "prometheus.yml");
    accepted("promtool", &["check", "config", &prometheus]);
    let promlink = env!("CARGO_BIN_EXE_promlink");
    accepted(promlink, &["config", "check", "--config.file", OF_PROMLINK]);
}

fn accepted(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(ROOT).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Some(process) = need::spawn(&mut command) else { return };
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{program}: {said}");
}

// === the programs, in a network of their own ===

/// As an engine gives it to every container.
const RESOLV: &str = "nameserver 127.0.0.11\noptions ndots:0\n";
const HOSTS: &str = "127.0.0.1 localhost\n";
const ENGINE_DNS: &str = "127.0.0.11:53";

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn started(program: &str, data: &TempDir, arguments: &[String]) -> Running {
    let log = fs::File::create(data.path().join(format!("{program}.log"))).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(log);
    Running(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")))
}

/// Everything that the services mount below `/etc` and `/run`, at its place.
fn mount() {
    namespace::etc(&[("resolv.conf", RESOLV), ("hosts", HOSTS)]);
    namespace::run("mount", &["-t", "tmpfs", "promlink", "/run"], "");
    for (_, service) in services() {
        for (from, to) in mounts(&service).iter().filter(|(_, to)| !to.starts_with("/var/")) {
            fs::create_dir_all(Path::new(to).parent().unwrap()).unwrap();
            let from = Path::new(ROOT).join(from);
            namespace::run("cp", &["-r", from.to_str().unwrap(), to], "");
        }
    }
}

/// Each service's name, and an address of its own.
async fn engine() -> Dns {
    let mut zone = Zone::default();
    for (number, name) in (1..).zip(services().keys()) {
        zone.outside.insert(name.clone(), [10, 0, 0, number].into());
    }
    dns::start(ENGINE_DNS.parse().unwrap(), zone).await.unwrap()
}

/// The stand-in for the one program that cannot be had here, provisioned as the file says.
async fn grafana(dns: &Dns) -> Grafana {
    let source = yaml::read(&read(OF_GRAFANA))["datasources"][0].clone();
    let mut setup = Setup::new(Flavour::V13, source["url"].as_str().unwrap());
    setup.datasources = vec![Datasource {
        json_data: source["jsonData"].clone(),
        read_only: true,
        ..Datasource::prometheus(source["url"].as_str().unwrap())
    }];
    setup.tokens.clear();
    setup.accounts.password = Some(read(PASSWORD).trim().to_owned());
    setup.network.dns = Some(dns.address());
    grafana::start(([0, 0, 0, 0], 3000).into(), setup).await.unwrap()
}

/// Waits for what the healthcheck of Prometheus waits for.
async fn healthy() {
    let services = services();
    let test = list(&services["prometheus"]["healthcheck"]["test"])[1];
    let url = test.split('\'').nth(1).unwrap();
    let client = foreign();
    until("get healthy", async || {
        let answer = client.get(url).send().await.ok()?;
        text(answer).await.1.contains("value").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_verdict_is_working() {
    let programs = ["mount", "prometheus", "prometheus-alertmanager"];
    if !namespace::entered("install::compose::the_first_verdict_is_working", &programs) {
        return;
    }
    mount();
    let dns = engine().await;
    let grafana = grafana(&dns).await;
    let data = tempfile::tempdir().unwrap();
    let below = |name: &str| data.path().join(name).display().to_string();
    let _alertmanager = started(
        "prometheus-alertmanager",
        &data,
        &[
            "--config.file=/etc/alertmanager/alertmanager.yml".to_owned(),
            format!("--storage.path={}", below("alertmanager")),
            "--cluster.listen-address=".to_owned(),
        ],
    );
    let prometheus = started(
        "prometheus",
        &data,
        &[
            "--config.file=/etc/prometheus/prometheus.yml".to_owned(),
            format!("--storage.tsdb.path={}", below("prometheus")),
        ],
    );
    healthy().await;

    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_promlink"));
    // As the image's last line says.
    command.args(["serve", "--config.file=/etc/promlink/promlink.yml"]);
    let daemon = Daemon::spawn(folder, command).await;
    let link = until("look", async || {
        let (_, text) = daemon.get("/api/v1/links/prometheus").await;
        let link = serde_json::from_str::<Value>(&text).unwrap()["links"][0].clone();
        (link["verdict"] != "unknown").then_some(link)
    })
    .await;
    assert_eq!(link["verdict"], "working", "{link:#}\n{}", daemon.log());
    daemon.until_value("promlink_alarms_delivered", 1.0).await;
    until("be scraped", async || {
        let url = "http://localhost:9090/api/v1/query?query=promlink_link_up";
        let answer = foreign().get(url).send().await.ok()?;
        text(answer).await.1.contains(r#","1"]"#).then_some(())
    })
    .await;
    assert!(!daemon.log().contains("level=warn"), "{}", daemon.log());

    // As docs/install-vm.md has people break it.
    grafana.edit(|setup| setup.point_at("http://prometheus:9099"));
    assert_eq!(looked(), "broken datasource_url_differs grafana datasource datasource");
    grafana.edit(|setup| setup.point_at("http://prometheus:9090"));
    let id = prometheus.0.id().to_string();
    namespace::run("kill", &["-STOP", &id], "");
    assert_eq!(looked(), "broken no_response direct query prometheus");
    namespace::run("kill", &["-CONT", &id], "");
    assert_eq!(looked(), "working");
}

/// What `promlink check` finds.
fn looked() -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promlink"));
    command.args(["check", "--config.file=/etc/promlink/promlink.yml", "--output=json"]);
    let output = command.output().unwrap();
    line(&serde_json::from_slice::<Value>(&output.stdout).unwrap()["links"][0])
}
