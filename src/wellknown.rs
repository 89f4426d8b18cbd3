//! What is there, without a file: the names that Prometheus and Grafana mostly have in a cluster.
//!
//! Asked of DNS alone, which needs no right in the cluster and disturbs nobody. What is found
//! becomes a configuration like any other, so nothing later knows where it came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use futures_util::future::join_all;

use crate::clock;
use crate::net::dns::{Kind, Record, Resolver};

/// Namespaces that kube-prometheus, its charts and MicroK8s' add-ons use.
const NAMESPACES: [&str; 3] = ["monitoring", "observability", "prometheus"];
/// Services of Prometheus, the likeliest first: kube-prometheus and MicroK8s' old add-on, MicroK8s'
/// new one, kube-prometheus-stack under the release names of its documentation, the plain chart,
/// and what the operator makes for any of its own.
const PROMETHEUS: [&str; 7] = [
    "prometheus-k8s",
    "kube-prom-stack-kube-prome-prometheus",
    "kube-prometheus-stack-prometheus",
    "prometheus-kube-prometheus-prometheus",
    "monitoring-kube-prometheus-prometheus",
    "prometheus-server",
    "prometheus-operated",
];
/// Services of Grafana, likewise.
const GRAFANA: [&str; 5] = [
    "grafana",
    "kube-prom-stack-grafana",
    "kube-prometheus-stack-grafana",
    "prometheus-grafana",
    "monitoring-grafana",
];
/// Names of Prometheus' port: those of its chart and of the operator.
const PORT_NAMES: [&str; 2] = ["_http-web._tcp", "_web._tcp"];
/// All questions together; a server that is there answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a namespace has, as `host:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct There {
    /// Prometheus.
    pub prometheus: Option<String>,
    /// Grafana.
    pub grafana: Option<String>,
}

/// What was found, by namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around(BTreeMap<&'static str, There>);

/// Asks for all names.
///
/// # Errors
/// There is nothing, and what that means, as a sentence.
pub async fn look(resolver: &Resolver) -> Result<Around, String> {
    let each = NAMESPACES.map(async |namespace| {
        let prometheus = first(resolver, &PROMETHEUS, namespace, &PORT_NAMES, &[9090, 80]);
        let grafana = first(resolver, &GRAFANA, namespace, &[], &[3000, 80]);
        let (prometheus, grafana) = futures_util::future::join(prometheus, grafana).await;
        (namespace, There { prometheus, grafana })
    });
    let found = join_all(each).await.into_iter();
    let around = Around(found.filter(|(_, there)| *there != There::default()).collect());
    if !around.0.is_empty() {
        return Ok(around);
    }
    // Silence is not absence. Every cluster has this one, and whoever denies it is none.
    let zone = resolver.settings().likely_zone();
    let name = format!("kubernetes.default.svc.{zone}");
    match resolver.ask(&name, Kind::A, clock::deadline(PATIENCE)).await.result {
        Err(failure) if !failure.is_answer() => {
            Err("DNS does not answer; write down where Prometheus and Grafana are \
             (`promlink config default`)"
                .to_owned())
        }
        Ok(_) | Err(_) => Err(nothing()),
    }
}

/// The first of `names` that exists, and its port: one that has one of those names, else one of the
/// usual ones, else whichever it has.
async fn first(
    resolver: &Resolver,
    names: &[&str],
    namespace: &str,
    port_names: &[&str],
    usual: &[u16],
) -> Option<String> {
    let zone = resolver.settings().likely_zone();
    let deadline = clock::deadline(PATIENCE);
    let ports = async |name: String| {
        let asked = resolver.ask(&name, Kind::Srv, deadline).await;
        let port = |record| match record {
            Record::Srv { port, .. } => Some(port),
            Record::Address(_) => None,
        };
        asked.result.unwrap_or_default().into_iter().filter_map(port).collect::<Vec<u16>>()
    };
    let each = names.iter().map(async |name| {
        let service = format!("{name}.{namespace}.svc.{zone}");
        let named = join_all(port_names.iter().map(|port| ports(format!("{port}.{service}"))));
        let (named, all) = futures_util::future::join(named, ports(service.clone())).await;
        let mut usual = usual.iter().filter(|port| all.contains(port));
        let port = named.concat().first().or_else(|| usual.next()).or(all.first()).copied();
        port.map(|port| format!("{name}.{namespace}.svc:{port}"))
    });
    join_all(each).await.into_iter().flatten().next()
}

/// What was asked for, for people who have something else.
fn nothing() -> String {
    format!(
        "DNS knows no Prometheus and no Grafana by the usual names ({}, …; {}, …) in the \
         namespaces {}; write down where they are (`promlink config default`)",
        PROMETHEUS.first().unwrap_or(&""),
        GRAFANA.first().unwrap_or(&""),
        NAMESPACES.join(", ")
    )
}

// === impl Around ===

impl Around {
    /// A configuration of what was found: a link for each Prometheus, through the Grafana beside it
    /// and its default data source; further data sources are found by themselves. A token for each
    /// Grafana may be in `token_file`.
    #[must_use]
    pub fn configuration(&self, token_file: Option<&str>) -> String {
        let (mut grafanas, mut links) = (String::new(), String::new());
        let token = token_file.map_or_else(String::new, |file| {
            format!(", authorization: {{credentials_file: '{}'}}", file.replace('\'', "''"))
        });
        // Writing to a String cannot fail.
        for (namespace, there) in &self.0 {
            if let Some(host) = &there.grafana {
                let _infallible = writeln!(
                    grafanas,
                    "  {namespace}: {{url: \"http://{host}\"{token}, discover: true}}"
                );
            }
            let Some(host) = &there.prometheus else { continue };
            let through = match there.grafana {
                Some(_) => format!(", grafana: {{name: {namespace}, datasource: default}}"),
                None => String::new(),
            };
            let _infallible = writeln!(
                links,
                "  {namespace}: {{prometheus: {{url: \"http://{host}\"}}{through}}}"
            );
        }
        let section = |name: &str, text: String| match text.as_str() {
            "" => String::new(),
            _ => format!("{name}:\n{text}"),
        };
        section("grafanas", grafanas) + &section("links", links)
    }

    /// What was found, and what is still needed of what these variables give, for people.
    #[must_use]
    pub fn words(&self, token_file: Option<&str>, is_given: impl Fn(&str) -> bool) -> Vec<String> {
        let mut words = Vec::new();
        for (namespace, there) in &self.0 {
            if let Some(host) = &there.prometheus {
                words.push(format!("found Prometheus at http://{host}"));
            }
            if let Some(host) = &there.grafana {
                let section = format!("PROMLINK__GRAFANAS__{}__", namespace.to_uppercase());
                let needs = match token_file {
                    Some(file) => format!("; a token of the role Viewer is read from {file}"),
                    None if is_given(&section) => String::new(),
                    None => format!(
                        "; it needs the token of a service account with the role Viewer, in a file \
                         that --discover.token-file names for all that is found, or \
                         {section}AUTHORIZATION__CREDENTIALS_FILE for this one (`promlink \
                         grafana-token` makes one)"
                    ),
                };
                words.push(format!("found Grafana at http://{host}{needs}"));
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_becomes_a_configuration() {
        let there = |prometheus: Option<&str>, grafana: Option<&str>| There {
            prometheus: prometheus.map(str::to_owned),
            grafana: grafana.map(str::to_owned),
        };
        let around = Around(BTreeMap::from([
            ("monitoring", there(Some("p.monitoring.svc:9090"), Some("g.monitoring.svc:3000"))),
            ("observability", there(None, Some("g.observability.svc:80"))),
            ("prometheus", there(Some("p.prometheus.svc:80"), None)),
        ]));
        expect_test::expect![[r#"
            grafanas:
              monitoring: {url: "http://g.monitoring.svc:3000", discover: true}
              observability: {url: "http://g.observability.svc:80", discover: true}
            links:
              monitoring: {prometheus: {url: "http://p.monitoring.svc:9090"}, grafana: {name: monitoring, datasource: default}}
              prometheus: {prometheus: {url: "http://p.prometheus.svc:80"}}
        "#]]
        .assert_eq(&around.configuration(None));
        let configuration = around.configuration(Some("/it's"));
        let authorization = "authorization: {credentials_file: '/it''s'}";
        assert_eq!(configuration.matches(authorization).count(), 2, "{configuration}");
        let words = around.words(None, |section| section.contains("MONITORING"));
        let needs: Vec<bool> = words.iter().map(|one| one.contains("it needs")).collect();
        // Prometheus and Grafana, Grafana, Prometheus.
        assert_eq!(needs, [false, false, true, false]);
        let words = around.words(Some("/token"), |_| false).concat();
        assert!(!words.contains("it needs") && words.matches("/token").count() == 2, "{words}");
    }
}
