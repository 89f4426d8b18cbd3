//! A hand-made snapshot with a link of each verdict, and names that try to break out of every
//! format.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::diagnosis::{Diagnosis, Placed};
use crate::link::{GrafanaName, LinkName, Origin};
use crate::report::cause::{Cause, Weight};
use crate::report::check::{Check, CheckMap, Path, Why};
use crate::report::facts::{Fact, Facts, Key};
use crate::report::finding::{Fault, Subject};
use crate::report::seen::{Flavour, Seen};
use crate::report::verdict::{Side, Verdict};
use crate::report::{CarriedFacts, Leg, Outcome, Report, Row, Standing, Trigger, Walk};
use crate::state::snapshot::{
    Alarm, AlarmView, ConfigView, EndAlarm, GrafanaView, Histogram, HistoryEntry, LatestCycle,
    LinkInfo, LinkView, Listed, PublishedView, ServerView, Snapshot, Tally,
};

/// A name that means something in each format.
pub const NASTY: &str = "\"}<script>alert('&')</script>\\\n # {{ x }}";

/// When all of it is rendered.
pub fn now() -> Now {
    at(3600)
}

pub fn at(seconds: u64) -> Now {
    Now::at(Duration::from_secs(seconds))
}

/// An alarm that stands since a while.
pub fn alarm() -> Arc<Alarm> {
    Arc::new(Alarm {
        since: at(3000),
        wait: Duration::from_secs(120),
        fault: None,
        summary: "Nothing answers.".to_owned(),
        next_step: "Look.".to_owned(),
        datasource_uid: Some("prometheus".to_owned()),
    })
}

fn end_alarm() -> EndAlarm {
    EndAlarm { labels: Arc::default(), alarm: alarm(), links: 7 }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A link of each verdict, with everything else that can be seen.
pub fn snapshot() -> Snapshot {
    let links = [broken(), degraded(), blind(), unknown(), working()];
    Snapshot {
        at: at(3599),
        links: links.into_iter().map(Arc::new).collect(),
        grafanas: Arc::new([
            GrafanaView {
                name: GrafanaName::new("dev"),
                url: "http://grafana.dev.svc:3000".to_owned(),
                up: Some(false),
                version: None,
                token_not_after: None,
                listed: None,
                alarms_down: vec![end_alarm()],
                alarm_blind: None,
            },
            GrafanaView {
                name: GrafanaName::new("main"),
                url: "http://grafana.monitoring.svc:3000".to_owned(),
                up: Some(true),
                version: Some("11.2.0".to_owned()),
                token_not_after: Some(at(86_400).wall),
                listed: Some(Listed { links: 3, at: at(3590).wall }),
                alarms_down: Vec::new(),
                alarm_blind: Some(end_alarm()),
            },
        ]),
        servers: Arc::new([
            ServerView {
                server: "10.0.0.7:9090".to_owned(),
                up: Some(false),
                alarms: vec![end_alarm()],
            },
            ServerView {
                server: "prometheus-k8s.monitoring.svc:9090".to_owned(),
                up: None,
                alarms: Vec::new(),
            },
        ]),
        config: ConfigView { last_reload_successful: false, last_success: at(0).wall },
    }
}

// === links ===

pub fn working() -> LinkView {
    let direct = walk(
        &[
            (Check::Dns, passed(1).with(Key::Answers, Fact::List(vec!["10.0.0.7".to_owned()]))),
            (Check::Tcp, passed(2)),
            (Check::Tls, skipped(Why::NotNeeded)),
            (Check::Query, passed(12).with(Key::Series, Fact::Count(312))),
            (Check::Freshness, passed(9).with(Key::Age, Fact::Seconds(millis(3200)))),
            (Check::Assertions, failed(Cause::AssertionFailed).with(Key::Assertions, asserted())),
        ],
        Seen {
            series: Some(312),
            series_up: Some(310),
            newest_sample: Some(at(3585).wall),
            clock_skew_seconds: Some(0.25),
            flavour: Some(Flavour::Prometheus),
            version: Some("2.53.0".to_owned()),
            assertions: vec![("pods".into(), false), ("up".into(), true)],
            ..Seen::default()
        },
    );
    let grafana = walk(
        &[
            (Check::Dns, passed(1)),
            (Check::Tcp, passed(1)),
            (Check::Tls, passed(7).with(Key::NotAfter, Fact::Time(at(864_000).wall))),
            (Check::GrafanaHealth, passed(3)),
            (Check::Auth, Row { at: at(3540), ..passed(4) }),
            (Check::Datasource, Row { at: at(3540), ..passed(5) }),
            (Check::DatasourceHealth, skipped(Why::Unsupported)),
            (Check::GrafanaQuery, passed(21)),
            (Check::Agreement, passed(0)),
        ],
        Seen { not_after: Some(at(864_000).wall), ..Seen::default() },
    );
    let drift = |subject, detail: &str| Placed {
        cause: Cause::DatasourceDrift,
        weight: Weight::Notes,
        path: Some(Path::Grafana),
        check: Some(Check::Datasource),
        subject: Some(subject),
        side: Side::Datasource,
        detail: detail.to_owned(),
    };
    let findings = vec![
        drift(Subject::Method, "the data source uses GET, this link POST"),
        drift(Subject::Header, "header X-A"),
        drift(Subject::Header, "header X-B"),
        Placed {
            cause: Cause::AssertionFailed,
            path: Some(Path::Direct),
            check: Some(Check::Assertions),
            side: Side::Prometheus,
            ..drift(Subject::Assertion("pods".into()), "pods: does not hold, no series")
        },
    ];
    let standings = [Standing::Passed, Standing::Passed];
    let mut link =
        link("working", Verdict::Working, None, standings, [Some(direct), Some(grafana)]);
    link.published.summary = "312 series came back on both paths".to_owned();
    link.published.findings = findings;
    link
}

fn asserted() -> Fact {
    let each = ["pods: does not hold, no series", "up: holds, 3 series"];
    Fact::List(each.map(str::to_owned).to_vec())
}

pub fn broken() -> LinkView {
    let fault = fault(Cause::ConnectionRefused, Path::Direct, Check::Tcp, Side::Prometheus);
    let refused = failed(Cause::ConnectionRefused)
        .with(Key::Address, Fact::Text("10.0.0.7:9090".to_owned()))
        .with(Key::Overlap, Fact::Number(f64::NAN))
        .with(Key::Attempts, Fact::List(vec!["first".to_owned(), "second".to_owned()]))
        .with(Key::Error, Fact::Text(NASTY.replace('\n', " ")));
    let direct = walk(
        &[
            (Check::Dns, passed(1)),
            (Check::Tcp, refused),
            (Check::Query, skipped(Why::Needs(Check::Tcp))),
        ],
        Seen::default(),
    );
    let grafana = walk(
        &[
            (Check::GrafanaHealth, passed(3)),
            (Check::GrafanaQuery, failed(Cause::ConnectionRefused)),
        ],
        Seen::default(),
    );
    let standings = [Standing::Failed(fault), Standing::Failed(fault)];
    let mut link =
        link("broken", Verdict::Broken, Some(fault), standings, [Some(direct), Some(grafana)]);
    link.published.summary = "Prometheus refused the connection at 10.0.0.7:9090".to_owned();
    link.published.cannot_check_since = Some(at(3500));
    link.info.datasource_name = Some(NASTY.to_owned());
    link.alarm.broken = Some(alarm());
    link.tally.outages[0] = 2;
    link.history = Arc::new([
        past(3560, Verdict::Working, None, ""),
        past(3575, Verdict::Broken, Some(fault), "refused"),
    ]);
    link
}

pub fn degraded() -> LinkView {
    let fault = fault(Cause::VantageBlocked, Path::Direct, Check::Tcp, Side::Promlink);
    let direct = walk(&[(Check::Tcp, failed(Cause::ConnectionTimeout))], Seen::default());
    let mut second = direct.first.clone();
    second.address = "10.0.0.8:9090".parse().ok();
    let direct = Walk { others: vec![second], ..direct };
    let seen = Seen { series: Some(3), series_up: Some(3), ..Seen::default() };
    let grafana = walk(&[(Check::GrafanaQuery, passed(30))], seen);
    let standings = [Standing::Untold(fault), Standing::Passed];
    let mut link =
        link("degraded", Verdict::Degraded, Some(fault), standings, [Some(direct), Some(grafana)]);
    link.published.summary = "promlink itself cannot reach Prometheus".to_owned();
    link.alarm.degraded = Some(alarm());
    link
}

pub fn blind() -> LinkView {
    let fault = fault(Cause::TokenRejected, Path::Grafana, Check::Auth, Side::Credentials);
    let grafana = walk(&[(Check::Auth, failed(Cause::TokenRejected))], Seen::default());
    let standings = [Standing::Absent, Standing::Untold(fault)];
    let mut link =
        link("main/blind-1", Verdict::Blind, Some(fault), standings, [None, Some(grafana)]);
    link.info.prometheus_url = None;
    link.published.summary = "Grafana rejects promlink's token".to_owned();
    link
}

pub fn unknown() -> LinkView {
    let standings = [Standing::Absent; 2];
    let mut link = link("unknown", Verdict::Unknown, None, standings, [None, None]);
    link.latest = None;
    link.tally = Tally::default();
    link
}

// === parts ===

pub fn fault(cause: Cause, path: Path, check: Check, side: Side) -> Fault {
    Fault { cause, path: Some(path), check: Some(check), side }
}

fn link(
    name: &str,
    verdict: Verdict,
    fault: Option<Fault>,
    standings: [Standing; 2],
    [direct, grafana]: [Option<Walk>; 2],
) -> LinkView {
    let next_step = fault.map_or("", |fault| fault.cause.row().next_step).to_owned();
    let report = Report {
        link: LinkName::new(name),
        origin: Origin::Configured,
        trigger: Trigger::Interval,
        interval: Duration::from_secs(15),
        started: at(3590),
        took: millis(60),
        direct,
        grafana,
        carried: CarriedFacts::default(),
    };
    let diagnosis = Diagnosis {
        verdict,
        fault,
        findings: Vec::new(),
        summary: "raw".to_owned(),
        next_step: next_step.clone(),
        standings,
        passed: [0; 2],
    };
    LinkView {
        name: LinkName::new(name),
        info: LinkInfo {
            prometheus_url: Some("http://prometheus-k8s.monitoring.svc:9090".to_owned()),
            grafana: Some(GrafanaName::new("main")),
            datasource_uid: Some("prometheus".to_owned()),
            datasource_name: None,
            server: None,
            alarms: Arc::default(),
            labels: Arc::default(),
            interval: Duration::from_secs(15),
            selector: "up".to_owned(),
            assertions: Arc::new([]),
            by_get: false,
            direct_end: None,
            grafana_end: None,
        },
        published: PublishedView {
            verdict,
            fault,
            findings: Vec::new(),
            summary: String::new(),
            next_step,
            since: at(3000),
            cannot_check_since: None,
        },
        alarm: AlarmView::default(),
        latest: Some(Arc::new(LatestCycle { report, diagnosis })),
        tally: tally(),
        history: Arc::new([]),
    }
}

fn tally() -> Tally {
    let mut walks = [Histogram::default(); 2];
    walks[0].observe(millis(30));
    walks[0].observe(millis(2500));
    Tally {
        verdict_seconds: [15.0, 2985.5, 0.0, 0.0, 590.0],
        counted_until: Duration::from_secs(3590),
        outages: [0; 8],
        cycles: 240,
        missed: 1,
        failures: vec![(Path::Direct, Check::Dns, 0), (Path::Direct, Check::Tcp, 3)],
        walks,
        last_walk: [Some(millis(25)), Some(millis(60))],
    }
}

fn walk(rows: &[(Check, Row)], seen: Seen) -> Walk {
    let rows: CheckMap<Row> = rows.iter().cloned().collect();
    let address = "10.0.0.7:9090".parse().ok();
    Walk { first: Leg { address, rows, seen }, others: Vec::new(), took: millis(25) }
}

fn row(outcome: Outcome, took: u64) -> Row {
    let facts = Facts::default();
    Row { outcome, took: millis(took), at: at(3591), findings: Vec::new(), facts }
}

fn passed(took: u64) -> Row {
    row(Outcome::Passed, took)
}

fn failed(cause: Cause) -> Row {
    row(Outcome::Failed(cause), 4)
}

fn skipped(why: Why) -> Row {
    row(Outcome::Skipped(why), 0)
}

fn past(seconds: u64, verdict: Verdict, fault: Option<Fault>, summary: &str) -> HistoryEntry {
    HistoryEntry {
        started: at(seconds),
        took: millis(40),
        trigger: Trigger::Interval,
        verdict,
        fault,
        summary: summary.to_owned(),
    }
}

impl Row {
    fn with(mut self, key: Key, fact: Fact) -> Self {
        self.facts.push(key, fact);
        self
    }
}

// === real programs ===

/// Runs Debian's promtool; without it the test is skipped, unless `PROMLINK_REQUIRE_REAL=1`.
pub fn promtool(arguments: &[&str], input: &[u8]) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let pipe = Stdio::piped;
    let child = Command::new("promtool")
        .args(arguments)
        .stdin(pipe())
        .stdout(pipe())
        .stderr(pipe())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            assert_ne!(
                std::env::var("PROMLINK_REQUIRE_REAL").as_deref(),
                Ok("1"),
                "promtool: {error}"
            );
            println!("skipped: no promtool");
            return;
        }
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
}
