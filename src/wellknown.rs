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

/// Namespaces that kube-prometheus, its charts and MicroK8s' add-ons use, beside promlink's own.
const NAMESPACES: [&str; 3] = ["monitoring", "observability", "prometheus"];
/// The Service of Prometheus that kube-prometheus and MicroK8s' old add-on make.
const PROMETHEUS: &str = "prometheus-k8s";
/// Those of the plain chart, and of whatever the operator runs.
const OTHER_PROMETHEUS: [&str; 2] = ["prometheus-server", "prometheus-operated"];
/// The Service of Grafana, where no release names it.
const GRAFANA: &str = "grafana";
/// Releases of kube-prometheus-stack, the likeliest first: MicroK8s' new add-on, and the names that
/// people give it.
const RELEASES: [&str; 8] = [
    "kube-prom-stack",
    "kube-prometheus-stack",
    "prometheus",
    "monitoring",
    "kps",
    "prom",
    "prometheus-stack",
    "kube-prometheus",
];
/// The chart, by which it names what it makes.
const CHART: &str = "kube-prometheus-stack";
/// Of such a name, what the chart keeps before what the thing is.
const CHART_NAME_BYTES: usize = 26;
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
pub struct Around(BTreeMap<String, There>);

/// Asks for all names.
///
/// # Errors
/// There is nothing, and what that means, as a sentence.
pub async fn look(resolver: &Resolver) -> Result<Around, String> {
    let (all_prometheus, all_grafana) = services();
    let namespaces = namespaces(resolver);
    let each = namespaces.iter().map(async |namespace| {
        let prometheus = first(resolver, &all_prometheus, namespace, &PORT_NAMES, &[9090, 80]);
        let grafana = first(resolver, &all_grafana, namespace, &[], &[3000, 80]);
        let (prometheus, grafana) = futures_util::future::join(prometheus, grafana).await;
        ((*namespace).to_owned(), There { prometheus, grafana })
    });
    let found = join_all(each).await.into_iter();
    let around = Around(found.filter(|(_, there)| *there != There::default()).collect());
    if !around.0.is_empty() {
        return Ok(around);
    }
    // Silence is not absence. Every cluster has this one, and whoever denies it is none.
    let zone = resolver.settings().likely_zone();
    let name = format!("kubernetes.default.svc.{zone}");
    let why = match resolver.ask(&name, Kind::A, clock::deadline(PATIENCE)).await.result {
        Ok(_) => nothing(&namespaces),
        Err(failure) if failure.is_answer() => format!(
            "no cluster is to be seen: DNS knows no {name} (the zone is that of the search list)"
        ),
        Err(_) => {
            let servers: Vec<String> =
                resolver.settings().servers.iter().map(ToString::to_string).collect();
            format!("DNS does not answer (asked: {})", servers.join(", "))
        }
    };
    Err(format!("{why}; write down where Prometheus and Grafana are (`promlink config default`)"))
}

/// The first of `names` that exists, and its port: one that has one of those names, else one of the
/// usual ones, else whichever it has.
async fn first(
    resolver: &Resolver,
    names: &[String],
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

/// Services of Prometheus and of Grafana, the likeliest first.
fn services() -> (Vec<String>, Vec<String>) {
    let owned = str::to_owned;
    let of_releases = RELEASES.map(|release| format!("{}-prometheus", chart_name(release)));
    let prometheus = [PROMETHEUS].map(owned).into_iter().chain(of_releases);
    let grafana = RELEASES.map(|release| format!("{release}-grafana"));
    (
        prometheus.chain(OTHER_PROMETHEUS.map(owned)).collect(),
        [GRAFANA].map(owned).into_iter().chain(grafana).collect(),
    )
}

/// What names of a release's things begin with, as the chart makes them.
fn chart_name(release: &str) -> String {
    let mut name = release.to_owned();
    if !name.contains(CHART) {
        name = format!("{release}-{CHART}");
    }
    name.truncate(CHART_NAME_BYTES);
    name.trim_end_matches('-').to_owned()
}

/// Where to look.
fn namespaces(resolver: &Resolver) -> Vec<&str> {
    let own = resolver.settings().namespace().filter(|own| !NAMESPACES.contains(own));
    own.into_iter().chain(NAMESPACES).collect()
}

/// What was asked for, for people who have something else.
fn nothing(namespaces: &[&str]) -> String {
    format!(
        "DNS knows no Prometheus and no Grafana by the usual names ({PROMETHEUS}, …; {GRAFANA}, …) \
         in the namespaces {}",
        namespaces.join(", ")
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
                let variable = namespace.to_uppercase().replace('-', "_");
                let section = format!("PROMLINK__GRAFANAS__{variable}__");
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
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;

    use super::*;
    use crate::demo::dns::{self, Zone};
    use crate::demo::fault;
    use crate::demo::standin::ANY_PORT;
    use crate::net::dns::DnsSettings;

    /// What is found in a cluster with this zone, from a pod of the namespace `own-place`.
    async fn looked(zone: Zone, fault: fault::Dns) -> Result<Vec<String>, String> {
        let server = dns::start(ANY_PORT, zone).await.unwrap();
        server.set(fault).await;
        let mut settings = DnsSettings::from_texts("", "");
        settings.servers = vec![server.address()];
        settings.search =
            ["own-place.svc.cluster.local", "svc.cluster.local"].map(str::to_owned).to_vec();
        let around = look(&Resolver::new(settings, Arc::default())).await;
        let around = around.map(|around| around.words(None, |_| true));
        around.map_err(|why| why.replace(&server.address().to_string(), "SERVER"))
    }

    #[tokio::test]
    async fn whoever_finds_nothing_hears_what_was_asked_and_what_to_do() {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 443));
        let cluster = || Zone::default().with_in("default", "kubernetes", "https", at);
        let all = [
            looked(cluster(), fault::Dns::None).await,
            looked(Zone::default(), fault::Dns::None).await,
            looked(cluster(), fault::Dns::PortClosed).await,
            looked(cluster(), fault::Dns::ServFail).await,
        ];
        expect_test::expect![[r#"
            DNS knows no Prometheus and no Grafana by the usual names (prometheus-k8s, …; grafana, …) in the namespaces own-place, monitoring, observability, prometheus; write down where Prometheus and Grafana are (`promlink config default`)
            no cluster is to be seen: DNS knows no kubernetes.default.svc.cluster.local (the zone is that of the search list); write down where Prometheus and Grafana are (`promlink config default`)
            DNS does not answer (asked: SERVER); write down where Prometheus and Grafana are (`promlink config default`)
            DNS does not answer (asked: SERVER); write down where Prometheus and Grafana are (`promlink config default`)"#]].assert_eq(&all.map(Result::unwrap_err).join("\n"));
    }

    #[tokio::test]
    async fn its_own_namespace_is_looked_at() {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 9091));
        let zone = Zone::default().with_in("own-place", "prometheus-server", "http", at);
        let found = "found Prometheus at http://prometheus-server.own-place.svc:9091".to_owned();
        assert_eq!(looked(zone, fault::Dns::None).await, Ok(vec![found]));
    }

    #[tokio::test]
    async fn a_release_by_any_usual_name_is_found() {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 9091));
        let mut zone = Zone::default()
            .with("kps-kube-prometheus-stack-prometheus", "http-web", at)
            .with("kps-grafana", "http-web", at);
        // Beside Prometheus' own port.
        let reloader = ("reloader-web".to_owned(), 8080);
        zone.services.values_mut().for_each(|service| service.ports.insert(0, reloader.clone()));
        let found = [
            "found Prometheus at http://kps-kube-prometheus-stack-prometheus.monitoring.svc:9091",
            "found Grafana at http://kps-grafana.monitoring.svc:8080",
        ];
        assert_eq!(looked(zone, fault::Dns::None).await, Ok(found.map(str::to_owned).to_vec()));
    }

    /// As Helm renders the chart.
    #[test]
    fn services_are_called_as_the_chart_calls_them() {
        expect_test::expect![[r#"
            prometheus-k8s
            kube-prom-stack-kube-prome-prometheus
            kube-prometheus-stack-prometheus
            prometheus-kube-prometheus-prometheus
            monitoring-kube-prometheus-prometheus
            kps-kube-prometheus-stack-prometheus
            prom-kube-prometheus-stack-prometheus
            prometheus-stack-kube-prom-prometheus
            kube-prometheus-kube-prome-prometheus
            prometheus-server
            prometheus-operated
        "#]]
        .assert_eq(&services().0.iter().map(|name| format!("{name}\n")).collect::<String>());
        assert_eq!(
            services().1[..3],
            ["grafana", "kube-prom-stack-grafana", "kube-prometheus-stack-grafana"]
        );
        assert_eq!(chart_name("prometheus-operator"), "prometheus-operator-kube-p");
        assert_eq!(chart_name("a-release-named-so-that-it-"), "a-release-named-so-that-it");
    }

    #[test]
    fn what_is_found_becomes_a_configuration() {
        let there = |prometheus: Option<&str>, grafana: Option<&str>| There {
            prometheus: prometheus.map(str::to_owned),
            grafana: grafana.map(str::to_owned),
        };
        let around = Around(BTreeMap::from([
            (
                "monitoring".to_owned(),
                there(Some("p.monitoring.svc:9090"), Some("g.monitoring.svc:3000")),
            ),
            ("observability".to_owned(), there(None, Some("g.observability.svc:80"))),
            ("prometheus".to_owned(), there(Some("p.prometheus.svc:80"), None)),
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
