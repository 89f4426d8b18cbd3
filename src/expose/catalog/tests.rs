use std::collections::BTreeSet;

use expect_test::expect;

use super::*;

/// Labels that Prometheus setups add themselves.
const TAKEN: [&str; 8] = [
    "prometheus",
    "prometheus_replica",
    "job",
    "instance",
    "pod",
    "service",
    "endpoint",
    "container",
];

#[test]
fn names_follow_the_rules_of_prometheus() {
    let mut names = BTreeSet::new();
    for metric in ALL {
        let name = metric.name;
        assert!(names.insert(name), "{name} twice");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let ours = !matches!(metric.per, Per::Promlink | Per::Probe);
        assert!(name.starts_with("promlink_") || !ours, "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert_eq!(
            name.ends_with("_info"),
            metric.unit == Unit::Info && metric.name.contains("info")
        );
        let timestamp = metric.unit == Unit::Timestamp;
        let start = metric.name == PROCESS_START_TIME.name;
        assert_eq!(name.ends_with("_timestamp_seconds") || start, timestamp, "{name}");
        if metric.unit == Unit::Seconds {
            assert!(name.trim_end_matches("_total").ends_with("_seconds"), "{name}");
        }
        let owner = match metric.per {
            Per::Link => Some(&"link"),
            Per::Grafana => Some(&"grafana"),
            Per::Server => Some(&"server"),
            Per::Promlink | Per::Probe => None,
        };
        assert!(owner.is_none() || metric.labels.first() == owner, "{name}");
        assert!(metric.labels.iter().all(|label| !TAKEN.contains(label)), "{name}");
        assert!(metric.help.ends_with('.') && !metric.help.contains(['\\', '\n', '|']), "{name}");
    }
}

#[test]
fn the_table_is_aligned() {
    let table = table();
    assert_eq!(table.lines().count(), 1 + ALL.len());
    let start: String = table.lines().take(4).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        metric                                                 type       unit       labels                                                          help
        promlink_link_up                                       gauge      0 or 1     link                                                            Can Grafana read Prometheus: 1 working or degraded, 0 broken, absent if nobody can tell.
        promlink_link_verdict                                  gauge      0 or 1     link, verdict                                                   1 for the published verdict of the link, 0 for the others.
        promlink_link_cause                                    gauge      1          link, cause, path, check, side                                  Why the link is not working, where that was found, who has to act; absent while working.
    "#]].assert_eq(&start);
}

#[test]
fn the_markdown_is_a_table() {
    let markdown = markdown();
    let start: String = markdown.lines().take(4).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        | metric | type | unit | labels | help |
        |---|---|---|---|---|
        | `promlink_link_up` | gauge | 0 or 1 | `link` | Can Grafana read Prometheus: 1 working or degraded, 0 broken, absent if nobody can tell. |
        | `promlink_link_verdict` | gauge | 0 or 1 | `link, verdict` | 1 for the published verdict of the link, 0 for the others. |
    "#]].assert_eq(&start);
    assert!(markdown.lines().all(|line| line.matches('|').count() == HEADINGS.len() + 1));
}
