//! Every query of every panel, on a real Prometheus that scrapes real promlinks, each in another
//! situation.
//!
//! A situation is a job of its own, so all of them are there at once, and a panel that forgets its
//! variables shows what it should not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use expect_test::expect;
use futures_util::future::join_all;
use promlink::demo::fault::{self, Wire};
use serde_json::Value;
use url::Url;

use super::{Dashboard, Panel, Target};
use crate::daemon::{Daemon, foreign, until};
use crate::faults::front::Tls;
use crate::faults::ground::{Config, End, Ground, Turn};
use crate::prometheus::{Prometheus, Setup};

/// The range that is looked at, in scrapes, which are seconds.
const RANGE: u64 = 4;
/// What Grafana makes of `$__rate_interval`: four scrapes.
const RATE: u64 = 4;
/// So long a situation has lasted when it is looked at: no query sees what was before.
const LASTED: u64 = RANGE + RATE + 1;
/// A range that has all that ever was.
const ALL: u64 = 120;

const CLOSED: fault::Prometheus = fault::Prometheus::Wire(Wire::PortClosed);
const REJECTED: fault::Grafana = fault::Grafana::TokenRejected;
/// What `working` has beside a plain link: TLS, a token of its own, and a list of data sources.
const SECURE: &str = "https://secure.monitoring.svc.cluster.local:{front_port}";

/// What a promlink is in.
struct Situation {
    /// And the verdict, where there is one; the job that it is scraped as.
    name: &'static str,
    /// Labels of the scrape, which some setups have and others do not.
    labels: &'static str,
    /// What happens, once everything works.
    turns: &'static [Turn],
}

const SITUATIONS: [Situation; 5] = [
    Situation { name: "working", labels: ", cluster: eu-1, namespace: monitoring", turns: &[] },
    Situation { name: "broken", labels: "", turns: &[Turn::Both(CLOSED)] },
    Situation { name: "degraded", labels: "", turns: &[Turn::Direct(CLOSED)] },
    Situation { name: "blind", labels: "", turns: &[Turn::Grafana(REJECTED)] },
    // It was there, and is gone.
    Situation { name: "absent", labels: "", turns: &[] },
];

/// A promlink in its situation.
struct Stage {
    situation: Situation,
    ground: Ground,
    daemon: Daemon,
}

/// Somebody looks at a situation.
struct View<'a> {
    name: &'static str,
    stage: &'a Stage,
    /// Seconds up to now.
    range: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_has_data_when_it_should_and_only_then() {
    let mut stages = join_all(SITUATIONS.map(Stage::build)).await;
    let targets: Vec<String> = stages.iter().map(Stage::target).collect();
    let scrape = format!("static_configs: [{}]", targets.join(", "));
    let Some(server) = Prometheus::start(Setup { scrape: &scrape, ..Setup::default() }) else {
        return;
    };
    let asker = Asker { url: server.url() };
    // It has worked for long enough to be counted before anything happens to it.
    asker.until("sum_over_time(promlink_link_up[1m]) >= 4", stages.len()).await;
    join_all(stages.iter_mut().map(Stage::begin)).await;
    for stage in &stages {
        asker.until(&stage.lasts(), 1).await;
    }
    let at = asker.now().await;
    let mut views: Vec<View<'_>> = stages.iter().map(|stage| View::of(stage, RANGE)).collect();
    // What is counted over the range is of use when the range has it.
    views.push(View { name: "outage", ..View::of(&stages[1], ALL) });
    let mut shown = String::new();
    for dashboard in Dashboard::all() {
        variables_have_values(&asker, &dashboard, &views, at).await;
        values_of_labels_exist(&asker, &dashboard).await;
        shown += &table(&asker, &dashboard, &views, at).await;
        if dashboard.name == "link" {
            the_verdict_reads_as_it_is(&asker, &dashboard, &views, at).await;
        }
    }
    expect![[r#"
        overview: The data source above                A          working broken degraded blind absent outage
        overview: Broken                               A          working broken degraded blind        outage
        overview: Blind                                A          working broken degraded blind        outage
        overview: Degraded                             A          working broken degraded blind        outage
        overview: Working                              A          working broken degraded blind        outage
        overview: Unknown                              A          working broken degraded blind        outage
        overview: Availability                         A          working broken degraded              outage
        overview: Alarms standing                      A          working broken degraded blind        outage
        overview: promlinks                            A          working broken degraded blind absent outage
        overview: Links                                ACEFGH     working broken degraded blind        outage
        overview: Links                                B                  broken degraded blind        outage
        overview: Links                                D          working broken degraded              outage
        overview: Verdicts, the 20 worst links         A          working broken degraded blind        outage
        overview: Links by verdict                     A          working broken degraded blind        outage
        overview: Outages, by who had to act           A                                               outage
        overview: Causes now                           A                  broken degraded blind        outage
        overview: Findings now                         A          working broken          blind        outage
        overview: Direct, check by check               A          working broken degraded blind        outage
        overview: Through Grafana, check by check      A          working broken degraded blind        outage
        overview: Whole walks that passed              AB         working        degraded blind        outage
        overview: The 10 slowest links through Grafana A          working broken degraded blind        outage
        overview: Grafanas                             ABCD       working broken degraded blind        outage
        overview: Grafanas                             EFG        working
        overview: Servers                              AB         working broken degraded blind        outage
        overview: Each promlink                        ABCDEFGHIJ working broken degraded blind        outage
        overview: Cycles                               AB         working broken degraded blind        outage
        overview: Requests that promlink sends         A          working broken degraded blind        outage
        overview: Alarms                               A          working broken degraded blind        outage
        overview: Notifications by receiver            AB         working broken degraded blind        outage
        link: The data source above                    A          working broken degraded blind absent outage
        link: Verdict                                  A          working broken degraded blind        outage
        link: Since                                    A          working broken degraded blind        outage
        link: Direct                                   A          working broken degraded blind        outage
        link: Through Grafana                          A          working broken degraded              outage
        link: Availability                             A          working broken degraded              outage
        link: Targets                                  A          working                 blind
        link: Targets                                  B          working        degraded blind
        link: Newest sample                            A          working                 blind
        link: Cause now                                A                  broken degraded blind        outage
        link: What it connects                         AC         working broken degraded blind        outage
        link: What it connects                         B          working                 blind
        link: Findings                                 A          working broken          blind        outage
        link: Assertions                               A          working                 blind
        link: Verdict over time                        A          working broken degraded blind        outage
        link: Checks, direct                           AB         working broken degraded blind        outage
        link: Checks, direct                           C          working
        link: Checks, direct                           DEF        working                 blind        outage
        link: Checks, through Grafana                  ABDE       working broken degraded blind        outage
        link: Checks, through Grafana                  CI
        link: Checks, through Grafana                  FGH        working broken degraded              outage
        link: Checks, through Grafana                  J          working                              outage
        link: Time of each check, direct               AB         working broken degraded blind        outage
        link: Time of each check, direct               C          working
        link: Time of each check, direct               DEF        working                 blind        outage
        link: Time of each check, through Grafana      ABDE       working broken degraded blind        outage
        link: Time of each check, through Grafana      CI
        link: Time of each check, through Grafana      FGH        working broken degraded              outage
        link: Time of each check, through Grafana      J          working                              outage
        link: Whole walks                              A          working broken degraded blind        outage
        link: Failures by check                        A                  broken degraded blind        outage
        link: Targets over time                        A          working        degraded blind        outage
        link: Targets over time                        B          working                 blind        outage
        link: Age of the newest sample                 A          working                 blind        outage
        link: Clock skew                               A          working broken degraded blind        outage
        link: Certificates expire in                   A          working
        link: Token expires in                         A          working
        link: Cycles of this link                      AB         working broken degraded blind        outage
        link: Requests, for all links                  A          working broken degraded blind        outage
    "#]].assert_eq(&shown);
}

// === impl Stage ===

impl Stage {
    async fn build(situation: Situation) -> Self {
        let ground = Ground::build().await;
        let mut config = Config { interval: "1s", timeout: "900ms", ..Config::default() };
        config.link = "    assertions: {some: 'count(up) > 2', none: {query: up, empty: true}}";
        if situation.name == "working" {
            let front = Turn::Front(End::Direct, Tls::Expiring);
            let trusts = Turn::Datasource(|datasource| {
                datasource.json_data["tlsSkipVerify"] = true.into();
            });
            let may = Turn::Setup(|setup| setup.accounts.password = Some("hunter2".to_owned()));
            ground.turns(&[front, Turn::Url(SECURE), trusts, may]).await;
            config.prometheus = "url: 'https://secure.monitoring.svc.cluster.local:{front_port}', \
                                 tls_config: {ca_file: '{tls}/ca.pem'}";
            config.main = "url: '{main}', bootstrap: {user: admin, password: hunter2}, \
                           discover: {interval: 1s}";
        }
        // Somebody is told who never hears it.
        let told = "alarms: {heartbeat: {url: 'http://127.0.0.1:9'}}\n";
        let daemon = Daemon::start(&(ground.yaml(&config) + told)).await;
        Self { situation, ground, daemon }
    }

    /// Where and as what it is scraped.
    fn target(&self) -> String {
        let Situation { name, labels, .. } = self.situation;
        format!("{{targets: ['{}'], labels: {{job: {name}{labels}}}}}", self.daemon.address())
    }

    async fn begin(&mut self) {
        self.ground.turns(self.situation.turns).await;
        if self.situation.name == "absent" {
            self.daemon.signal("KILL");
            self.daemon.ended().await;
        }
    }

    /// Has an answer once the situation has lasted for long enough.
    fn lasts(&self) -> String {
        let name = self.situation.name;
        let (series, value) = match name {
            "absent" => ("up{job=\"absent\"}".to_owned(), 0),
            _ => (format!("promlink_link_verdict{{job=\"{name}\", verdict=\"{name}\"}}"), 1),
        };
        let over = format!("over_time({series}[{LASTED}s])");
        // A busy machine may miss a scrape.
        let scrapes = LASTED - 3;
        format!("min_{over} == {value} and max_{over} == {value} and count_{over} >= {scrapes}")
    }
}

// === impl View ===

impl<'a> View<'a> {
    fn of(stage: &'a Stage, range: u64) -> Self {
        Self { name: stage.situation.name, stage, range }
    }

    /// A text with the variables that a person chose: this job, and this link.
    fn fill(&self, text: &str) -> String {
        let (range, rate) = (format!("{}s", self.range), format!("{RATE}s"));
        [
            ("$__rate_interval", rate.as_str()),
            ("$__range", &range),
            ("${datasource}", "prometheus"),
            ("$cluster", ".*"),
            ("$namespace", ".*"),
            ("$job", self.stage.situation.name),
            ("$link", &self.stage.ground.link),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The range, as parameters.
    fn bounds(&self, at: f64) -> [(&'static str, String); 2] {
        [("start", (at - self.range as f64).to_string()), ("end", at.to_string())]
    }
}

/// What has data in which view: a line for the queries of a panel that have it together.
async fn table(asker: &Asker, dashboard: &Dashboard, views: &[View<'_>], at: f64) -> String {
    let mut lines = String::new();
    for panel in dashboard.panels() {
        let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
        for target in panel.targets() {
            let has_data = views.iter().map(|view| asker.has_data(target, view, at));
            let mut marks = String::new();
            for (view, has) in views.iter().zip(join_all(has_data).await) {
                let mark = if has { view.name } else { "" };
                write!(marks, "{mark:width$}", width = view.name.len() + 1).unwrap();
            }
            match alike.iter_mut().find(|(same, _)| *same == marks) {
                Some((_, ids)) => ids.push(target.id()),
                None => alike.push((marks, vec![target.id()])),
            }
        }
        for (marks, ids) in alike {
            let panel = format!("{}: {}", dashboard.name, panel.title());
            let line = format!("{panel:46} {:10} {marks}", ids.concat());
            writeln!(lines, "{}", line.trim_end()).unwrap();
        }
    }
    lines
}

/// Every promlink that is there can be chosen, and its link.
async fn variables_have_values(asker: &Asker, dashboard: &Dashboard, views: &[View<'_>], at: f64) {
    for view in views.iter().filter(|view| view.name != "absent") {
        let mut values = BTreeMap::new();
        for (name, query) in dashboard.asked() {
            let (series, label) = label_values(query);
            let of = [("match[]", view.fill(series))];
            values.insert(
                name,
                asker.label_values(label, &[&of[..], &view.bounds(at)].concat()).await,
            );
        }
        assert!(values["job"].contains(view.stage.situation.name), "{values:?}");
        assert_eq!(values["link"], [view.stage.ground.link.clone()].into(), "{values:?}");
        // Those of the one job that has them; all of them is also what has none.
        assert_eq!(values["cluster"], ["eu-1".to_owned()].into(), "{values:?}");
        assert_eq!(values["namespace"], ["monitoring".to_owned()].into(), "{values:?}");
    }
}

/// Words that are looked for among the values of a label are such values.
async fn values_of_labels_exist(asker: &Asker, dashboard: &Dashboard) {
    for label in ["verdict", "path", "check", "alarm"] {
        let known = asker.label_values(label, &[]).await;
        for target in dashboard.panels().flat_map(Panel::targets) {
            for opening in [format!("{label}=\""), format!("{label}!=\""), format!("{label}=~\"")] {
                for rest in target.query().split(&opening).skip(1) {
                    let words = rest.split('"').next().unwrap();
                    let unknown = words.split('|').find(|word| !known.contains(*word));
                    assert_eq!(unknown, None, "{label} in {}", target.query());
                }
            }
        }
    }
}

/// The number that stands for a verdict becomes its word again.
async fn the_verdict_reads_as_it_is(
    asker: &Asker,
    dashboard: &Dashboard,
    views: &[View<'_>],
    at: f64,
) {
    let panel = dashboard.panels().find(|panel| panel.title() == "Verdict").unwrap();
    let words = &panel.json["fieldConfig"]["defaults"]["mappings"][0]["options"];
    let has_one = |view: &&View<'_>| !["absent", "outage"].contains(&view.name);
    for view in views.iter().filter(has_one) {
        let query = view.fill(panel.targets().next().unwrap().query());
        let asked = [("query", query), ("time", at.to_string())];
        let answer = asker.ask("query", &asked).await.unwrap();
        let number = answer["result"][0]["value"][1].as_str().unwrap();
        assert_eq!(words[number]["text"], view.name, "{answer}");
    }
}

/// Of `label_values(SERIES, LABEL)`.
fn label_values(query: &str) -> (&str, &str) {
    let inside = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
    inside.rsplit_once(", ").unwrap()
}

/// Asks the real Prometheus.
struct Asker {
    url: String,
}

impl Asker {
    /// `data` of the answer.
    async fn ask(&self, path: &str, parameters: &[(&str, String)]) -> Result<Value, String> {
        let url = format!("{}/api/v1/{path}", self.url);
        let url = Url::parse_with_params(&url, parameters).unwrap();
        let answer = foreign().get(url).send().await.map_err(|error| error.to_string())?;
        let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        if answer["status"] == "success" {
            Ok(answer["data"].take())
        } else {
            Err(answer.to_string())
        }
    }

    /// The values of a label.
    async fn label_values(&self, label: &str, of: &[(&str, String)]) -> BTreeSet<String> {
        let answer = self.ask(&format!("label/{label}/values"), of).await.unwrap();
        answer.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    }

    /// Its clock.
    async fn now(&self) -> f64 {
        let answer = self.ask("query", &[("query", "time()".to_owned())]).await.unwrap();
        answer["result"][0].as_f64().unwrap()
    }

    /// Waits until a query has so many series.
    async fn until(&self, query: &str, count: usize) {
        until(&format!("have {query}"), async || {
            let answer = self.ask("query", &[("query", query.to_owned())]).await.ok()?;
            (answer["result"].as_array()?.len() == count).then_some(())
        })
        .await;
    }

    /// Whether a query gives a number, asked as the panel asks.
    async fn has_data(&self, target: Target<'_>, view: &View<'_>, at: f64) -> bool {
        let query = view.fill(target.query());
        assert!(!query.contains('$'), "{query}");
        let asked = ("query", query.clone());
        let answer = if target.is_instant() {
            self.ask("query", &[asked, ("time", at.to_string())]).await
        } else {
            let range = [asked, ("step", "1".to_owned())];
            self.ask("query_range", &[&range[..], &view.bounds(at)].concat()).await
        };
        let answer = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
        let series = answer["result"].as_array().unwrap();
        if target.is_instant() {
            let is_nan = |series: &Value| series["value"][1] == "NaN";
            assert!(!series.iter().any(is_nan), "{} shows NaN: {query}", view.name);
            return !series.is_empty();
        }
        let samples = series.iter().flat_map(|series| series["values"].as_array().unwrap());
        // In a curve that is a gap.
        samples.into_iter().any(|sample| sample[1] != "NaN")
    }
}
