//! The rules: those of Grafana's dashboard linter, by its names, and some of our own.

use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::{Value, json};

use super::{BUILT_IN, Dashboard, Panel, Target, text, variables_in};
use crate::shipped::{catalogue, labels, promtool};

/// The newest schema that Grafana 9.0 knows; later ones bring it up to date themselves.
const SCHEMA: u64 = 36;
/// What Grafana 9.0 can draw.
const KINDS: [&str; 7] =
    ["row", "text", "stat", "table", "timeseries", "state-timeline", "bargauge"];
const COLUMNS: u64 = 24;
/// Which series a query takes; a link's also those of the link.
const SCOPE: [&str; 3] = ["cluster=~\"$cluster\"", "namespace=~\"$namespace\"", "job=~\"$job\""];

/// Rules of the linter that are not kept, and why.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("template-instance-rule", "pods are renamed at each start: panels take the worst of all"),
    ("target-instance-rule", "there is no such variable, for the same reason"),
];

/// A rule that is not kept, and where.
type Broken = (&'static str, String);

#[test]
fn the_rules_of_the_linter_are_kept() {
    let excepted = EXCEPTIONS.map(|(rule, _)| rule);
    for dashboard in Dashboard::all() {
        let broken: Vec<Broken> = [
            lint_dashboard(&dashboard),
            dashboard.variables().iter().flat_map(lint_variable).collect(),
            dashboard.panels().flat_map(lint_panel).collect(),
            dashboard.panels().flat_map(|p| p.targets().flat_map(lint_target)).collect(),
        ]
        .concat();
        let is_excepted = |(rule, _): &&Broken| excepted.contains(rule);
        let (allowed, wrong): (Vec<&Broken>, Vec<_>) = broken.iter().partition(is_excepted);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", dashboard.name);
        let idle = excepted.iter().find(|rule| !allowed.iter().any(|(found, _)| found == *rule));
        assert_eq!(idle, None, "{}: nothing needs this exception", dashboard.name);
    }
}

fn lint_dashboard(dashboard: &Dashboard) -> Vec<Broken> {
    let mut broken = Vec::new();
    if dashboard.json["editable"] != false {
        broken.push(("uneditable-dashboard", String::new()));
    }
    let source = &dashboard.variables()[0];
    let keys = ["type", "name", "label"].map(|key| text(source, key));
    if keys != ["datasource", "datasource", "Data source"] {
        broken.push(("template-datasource-rule", source.to_string()));
    }
    let named = |name: &str| dashboard.variables().iter().find(|v| v["name"] == name);
    for (rule, name, label) in
        [("template-job-rule", "job", "Job"), ("template-instance-rule", "instance", "Instance")]
    {
        let good = named(name).is_some_and(|variable| {
            variable["type"] == "query"
                && variable["datasource"]["uid"] == "${datasource}"
                && variable["label"] == label
                && variable["multi"] == true
                && variable["allValue"] == ".+"
        });
        if !good {
            broken.push((rule, name.to_owned()));
        }
    }
    broken
}

fn lint_variable(variable: &Value) -> Vec<Broken> {
    let mut broken = Vec::new();
    let name = || text(variable, "name").to_owned();
    if variable["type"] == "query" {
        if variable["refresh"] != 2 {
            broken.push(("template-on-time-change-reload-rule", name()));
        }
        let query = text(&variable["query"], "query");
        if !query.starts_with("label_values(promlink_") || variable["definition"] != query {
            broken.push(("template-label-promql-rule", name()));
        }
    }
    broken
}

fn lint_panel(panel: Panel<'_>) -> Vec<Broken> {
    let mut broken = Vec::new();
    let title = || panel.title().to_owned();
    if panel.json["datasource"] != json!({"type": "prometheus", "uid": "${datasource}"}) {
        broken.push(("panel-datasource-rule", title()));
    }
    let says = panel.json["description"].as_str();
    if panel.title().is_empty() || !says.is_some_and(|says| says.ends_with('.')) {
        broken.push(("panel-title-description-rule", title()));
    }
    let defaults = &panel.json["fieldConfig"]["defaults"];
    if !defaults["unit"].is_string() {
        broken.push(("panel-units-rule", title()));
    }
    if panel.targets().next().is_none() {
        broken.push(("panel-no-targets-rule", title()));
    }
    broken
}

fn lint_target(target: Target<'_>) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut breaks = |rule| broken.push((rule, target.query().to_owned()));
    for selector in selectors(target.query()) {
        if !SCOPE.iter().all(|part| selector.inside.contains(part)) {
            breaks("target-job-rule");
        }
        if !selector.inside.contains("instance=~\"$instance\"") {
            breaks("target-instance-rule");
        }
        let counts = ["_total", "_bucket"].iter().any(|ending| selector.name.ends_with(ending));
        match (selector.call, selector.range) {
            ("rate", "$__rate_interval") | ("increase", "$__rate_interval" | "$__range") => {}
            ("rate", _) => breaks("target-rate-interval-rule"),
            _ if counts => breaks("target-counter-agg-rule"),
            _ => {}
        }
    }
    broken
}

/// `call(name{inside}[range]`, or less of it.
#[derive(Debug)]
struct Selector<'a> {
    call: &'a str,
    name: &'a str,
    inside: &'a str,
    range: &'a str,
}

/// All of a query; each has braces.
fn selectors(query: &str) -> Vec<Selector<'_>> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('{') {
        let name = last_word(before);
        let call = before.strip_suffix(name).unwrap().strip_suffix('(').map_or("", last_word);
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == '}' && !quoted
        });
        let (inside, behind) = after.split_at(end.unwrap());
        let range = behind.strip_prefix("}[").and_then(|rest| rest.split(']').next());
        found.push(Selector { call, name, inside, range: range.unwrap_or_default() });
        rest = behind;
    }
    found
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()
}

// === rules of our own ===

#[test]
fn every_query_is_promql_of_what_there_is() {
    let catalogue = catalogue();
    let everywhere = ["cluster", "namespace", "job", "instance"].map(str::to_owned);
    let known: BTreeSet<&String> = catalogue.values().flatten().chain(&everywhere).collect();
    let mut rules = "groups:\n- name: dashboards\n  rules:\n".to_owned();
    for dashboard in Dashboard::all() {
        let targets = dashboard.panels().flat_map(Panel::targets);
        let asked: Vec<&str> = dashboard.asked().into_values().collect();
        for query in targets.map(Target::query).chain(asked.iter().copied()) {
            for selector in selectors(query) {
                let name = selector.name;
                let Some(of_it) = catalogue.get(name) else { panic!("{name} is no metric") };
                for label in labels(selector.inside) {
                    let is = of_it.contains(&label) || everywhere.contains(&label);
                    assert!(is, "{name} has no label {label}");
                }
            }
            for label in grouped(query) {
                assert!(known.contains(&label.to_owned()), "{label} in {query}");
            }
            // Without braces a name would be taken whatever the variables say.
            let bare = query.matches("promlink_").count() + query.matches("process_").count();
            if !asked.contains(&query) {
                assert_eq!(selectors(query).len(), bare, "{query}");
                let plain = query.replace("$__rate_interval", "5m").replace("$__range", "3h");
                let plain = serde_json::to_string(&plain).unwrap();
                let index = rules.len();
                rules += &format!("  - {{record: 'a:b:c{index}', expr: {plain}}}\n");
            }
        }
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(rules.as_bytes()).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()]);
}

/// The labels after `by` and `on`.
fn grouped(query: &str) -> Vec<&str> {
    let lists = [" by (", " on ("].into_iter().flat_map(|word| query.split(word).skip(1));
    lists.flat_map(|rest| rest.split(')').next().unwrap().split(", ")).collect()
}

#[test]
fn every_variable_is_defined_and_used() {
    for dashboard in Dashboard::all() {
        let defined: BTreeSet<&str> =
            dashboard.variables().iter().map(|v| text(v, "name")).collect();
        let json = dashboard.json.to_string();
        let used: BTreeSet<&str> = variables_in(&json).into_iter().collect();
        let known = &defined | &BTreeSet::from(BUILT_IN);
        assert_eq!(&used - &known, BTreeSet::new(), "{}", dashboard.name);
        assert_eq!(&defined - &used, BTreeSet::new(), "{}", dashboard.name);
    }
}

#[test]
fn what_is_of_a_link_is_of_the_chosen_ones() {
    let catalogue = catalogue();
    for dashboard in Dashboard::all() {
        let chosen = if dashboard.name == "link" { "link=\"$link\"" } else { "link=~\"$link\"" };
        // Whether the data source is a watched one has nothing to do with what is looked at.
        let panels = dashboard.panels().filter(|panel| panel.title() != "The data source above");
        for target in panels.flat_map(Panel::targets) {
            for Selector { name, inside, .. } in selectors(target.query()) {
                let is_of_a_link = catalogue[name].contains("link");
                assert_eq!(inside.contains(chosen), is_of_a_link, "{}", target.query());
            }
        }
    }
}

#[test]
fn the_files_are_tidy_and_for_every_grafana_since_9() {
    for dashboard in Dashboard::all() {
        let (name, json) = (dashboard.name, &dashboard.json);
        assert_eq!(json["uid"], format!("promlink-{name}"), "links to it are public");
        assert_eq!(json["schemaVersion"], SCHEMA);
        assert_eq!(json["tags"], json!(["promlink"]));
        for key in ["id", "version", "iteration", "__inputs", "__requires"] {
            assert!(json.get(key).is_none(), "{name}: {key} is of an export");
        }
        for clutter in ["pluginVersion", "cellOptions"] {
            assert!(!json.to_string().contains(clutter), "{name}: {clutter}");
        }
        for (index, panel) in dashboard.boxes().iter().enumerate() {
            assert_eq!(panel["id"], index + 1, "{panel}");
            assert!(KINDS.contains(&text(panel, "type")), "{panel}");
        }
    }
}

#[test]
fn panels_fill_the_grid_and_do_not_overlap() {
    for dashboard in Dashboard::all() {
        let mut taken = BTreeSet::new();
        let mut bottom = 0;
        for panel in dashboard.boxes() {
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{panel}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{} overlaps at {cell:?}: {panel}", dashboard.name);
            }
            bottom = bottom.max(y + h);
        }
        assert_eq!(taken.len() as u64, COLUMNS * bottom, "{}: a hole", dashboard.name);
    }
}

#[test]
fn links_lead_to_what_is_there() {
    let json = Dashboard::all().map(|dashboard| dashboard.json.to_string()).concat();
    let mut places = BTreeSet::new();
    let addresses = json.split("\"url\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let in_text = json.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    for address in addresses.chain(in_text) {
        places.insert(address.split('?').next().unwrap());
    }
    let expected = [
        "${page}/",
        "${page}/api/v1/links/${link}",
        "${page}/runbooks",
        "${page}/runbooks/${__value.raw}",
        "/d/promlink-link",
        "/d/promlink-overview",
    ];
    assert_eq!(places, BTreeSet::from(expected));
}

/// A name of a column that nothing makes does nothing, and Grafana does not say so.
#[test]
fn columns_are_those_of_the_queries() {
    let is_table = |panel: &Panel<'_>| panel.kind() == "table";
    for dashboard in Dashboard::all() {
        for panel in dashboard.panels().filter(is_table) {
            let title = panel.title();
            let organize = &panel.json["transformations"][1]["options"];
            let names = |key: &str| organize[key].as_object().unwrap();
            let shown: BTreeSet<&str> =
                names("renameByName").values().map(|name| name.as_str().unwrap()).collect();
            let mut made: BTreeSet<String> = BTreeSet::from(["Time", "Value"].map(str::to_owned));
            for target in panel.targets() {
                made.extend(grouped(target.query()).into_iter().map(str::to_owned));
                let value = format!("Value #{}", target.id());
                let of_it = if panel.targets().count() == 1 { "Value" } else { value.as_str() };
                let is_placed = ["renameByName", "excludeByName"]
                    .iter()
                    .any(|key| names(key).contains_key(of_it));
                assert!(is_placed, "{title}: {of_it} has no column and is not hidden");
                made.insert(value);
            }
            for key in ["renameByName", "excludeByName", "indexByName"] {
                let unknown = names(key).keys().find(|name| !made.contains(*name));
                assert_eq!(unknown, None, "{title}: {key}");
            }
            let overrides = panel.json["fieldConfig"]["overrides"].as_array().unwrap();
            let sorted = panel.json["options"]["sortBy"][0]["displayName"].as_str();
            let styled = overrides.iter().map(|column| text(&column["matcher"], "options"));
            for column in styled.chain(sorted) {
                assert!(shown.contains(column), "{title}: {column}");
            }
            // Without it, some versions pass over what is said of single columns.
            assert!(panel.json["fieldConfig"]["defaults"]["custom"].is_object(), "{title}");
        }
    }
}

#[test]
fn what_is_cut_off_says_so() {
    for dashboard in Dashboard::all() {
        for panel in dashboard.panels() {
            for query in panel.targets().map(Target::query).filter(|query| query.contains("topk("))
            {
                let count = query.split("topk(").nth(1).unwrap().split(',').next().unwrap();
                assert!(panel.title().contains(&format!(" {count} ")), "{}", panel.title());
            }
        }
    }
}
