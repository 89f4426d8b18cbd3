//! The dashboards: that they keep the rules, and that each panel has data when it should.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

mod proof; // every query, on the real Prometheus
mod rules; // what can be read off the files

/// Their files, without the ending.
const NAMES: [&str; 2] = ["overview", "link"];

/// What Grafana puts in by itself.
const BUILT_IN: [&str; 5] =
    ["__all", "__rate_interval", "__range", "__value.raw", "__url_time_range"];

struct Dashboard {
    name: &'static str,
    json: Value,
}

/// A panel that shows something of the data.
#[derive(Clone, Copy)]
struct Panel<'a> {
    json: &'a Value,
}

/// A query of a panel.
#[derive(Clone, Copy)]
struct Target<'a> {
    json: &'a Value,
}

// === impl Dashboard ===

impl Dashboard {
    fn all() -> [Self; 2] {
        NAMES.map(|name| {
            let file = format!("{}/dashboards/{name}.json", env!("CARGO_MANIFEST_DIR"));
            let text = fs::read_to_string(Path::new(&file)).unwrap();
            Self { name, json: serde_json::from_str(&text).unwrap() }
        })
    }

    /// All panels, rows and texts too.
    fn boxes(&self) -> &[Value] {
        self.json["panels"].as_array().unwrap()
    }

    fn panels(&self) -> impl Iterator<Item = Panel<'_>> {
        let shows = |json: &&Value| json["type"] != "row" && json["type"] != "text";
        self.boxes().iter().filter(shows).map(|json| Panel { json })
    }

    fn variables(&self) -> &[Value] {
        self.json["templating"]["list"].as_array().unwrap()
    }

    /// Those that are asked of the data source, and what is asked.
    fn asked(&self) -> BTreeMap<&str, &str> {
        let asked = self.variables().iter().filter(|variable| variable["type"] == "query");
        asked.map(|variable| (text(variable, "name"), text(&variable["query"], "query"))).collect()
    }
}

// === impl Panel ===

impl<'a> Panel<'a> {
    fn title(self) -> &'a str {
        text(self.json, "title")
    }

    fn kind(self) -> &'a str {
        text(self.json, "type")
    }

    fn targets(self) -> impl Iterator<Item = Target<'a>> {
        self.json["targets"].as_array().unwrap().iter().map(|json| Target { json })
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    fn id(self) -> &'a str {
        text(self.json, "refId")
    }

    fn query(self) -> &'a str {
        text(self.json, "expr")
    }

    /// One moment is asked for, and else the whole range.
    fn is_instant(self) -> bool {
        assert_ne!(self.json["instant"], self.json["range"], "{}", self.json);
        self.json["instant"] == true
    }
}

// === helpers ===

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} of {json}"))
}

/// The variables in a text: `$name`, `${name}` or `${name:format}`.
fn variables_in(text: &str) -> Vec<&str> {
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let names = text.split('$').skip(1).map(|rest| rest.trim_start_matches('{'));
    names.filter_map(|rest| rest.split(is_end).next()).collect()
}
