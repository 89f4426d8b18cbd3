//! What the compiler does not see: layers, sizes, words, and text that is generated from the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Which modules each module may use, in the order of the flow. A row reads as an absence:
/// `diagnosis` knows no history, `expose` only what a snapshot holds, `net` no link's meaning,
/// `probe` no verdict and no configuration file.
const LAYERS: &[(&str, &str)] = &[
    // --- words
    ("clock", ""),
    ("secret", ""),
    ("selfstats", ""),
    ("link", "report secret"),
    ("report", "clock link"),
    // --- pure
    ("cadence", "link"),
    ("classify", "link report"),
    ("judge", "classify clock link report"),
    ("diagnosis", "clock link report"),
    ("links", "classify link"),
    ("plan", "clock link report"),
    ("carry", "diagnosis report"),
    ("state", "cadence clock diagnosis link links report"),
    ("alerts", "clock diagnosis link report state"),
    ("expose", "clock diagnosis link report selfstats state"),
    // --- net
    ("net", "clock link secret selfstats"),
    // --- shell
    ("config", "link report secret"),
    ("carried", "clock link report"),
    ("desk", "carried clock link report secret"),
    (
        "supervisor",
        "cadence carried carry clock diagnosis link links report selfstats state tripwire",
    ),
    ("discover", "classify config link links report state"),
    ("push", "alerts clock config link net report secret selfstats state"),
    ("tripwire", "clock link net"),
    (
        "probe",
        "cadence carried classify clock desk discover judge link net plan push report secret \
         selfstats supervisor",
    ),
    ("keeper", "clock links report state"),
    ("notify", ""),
    ("serve", "clock expose link reload report selfstats state supervisor"),
    ("reload", "clock config"),
    ("shutdown", ""),
    ("telemetry", "config"),
    ("wellknown", "clock net"),
];
/// These put everything together.
const WIRING: [&str; 5] = ["app", "cli", "demo", "lib", "main"];
/// Neither a runtime nor a clock nor files: what is hard to get right is a function of values.
const PURE: [&str; 14] = [
    "secret",
    "link",
    "report",
    "cadence",
    "classify",
    "judge",
    "diagnosis",
    "links",
    "plan",
    "carry",
    "state",
    "alerts",
    "expose",
    "selfstats",
];

/// The most lines of code of a file, of a function, and characters of a line.
const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
const LINE_CHARS: usize = 100;
/// Files that are longer, and why that is one thing.
const LONG: [(&str, &str); 4] = [
    ("src/report/cause.rs", "one table of all causes"),
    ("src/classify/grafana_answer.rs", "one function an endpoint of Grafana"),
    ("src/config/link.rs", "one table of the keys of a link"),
    ("src/demo/grafana.rs", "one function an endpoint of the stand-in"),
];

struct Source {
    path: String,
    text: String,
}

/// All files below a folder of ours, as paths from the root; a file is itself.
fn below(name: &str) -> Vec<PathBuf> {
    let path = PathBuf::from(name);
    let Ok(folder) = fs::read_dir(Path::new(ROOT).join(&path)) else { return vec![path] };
    let mut names: Vec<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names.iter().flat_map(|inner| below(&format!("{name}/{inner}"))).collect()
}

fn read(path: &Path) -> Source {
    let text = fs::read(Path::new(ROOT).join(path)).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    Source { path: path.display().to_string(), text }
}

/// Rust that ships: without tests, and what only they use.
fn shipped() -> Vec<Source> {
    let of_tests = ["tests", "testing", "sample", "fixture", "fuzz"];
    let ships = |path: &PathBuf| {
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        is_rust
            && !path.components().any(|part| {
                let part = part.as_os_str().to_string_lossy();
                of_tests.contains(&part.trim_end_matches(".rs"))
            })
    };
    let mut sources: Vec<Source> =
        below("src").iter().filter(|path| ships(path)).map(|path| read(path)).collect();
    for source in &mut sources {
        if let Some(end) = source.text.find("#[cfg(test)]\nmod tests {") {
            source.text.truncate(end);
        }
    }
    assert!(sources.len() > 70, "{}", sources.len());
    sources
}

impl Source {
    /// `diagnosis` of `src/diagnosis/side.rs`.
    fn module(&self) -> &str {
        let name = self.path.strip_prefix("src/").unwrap().split('/').next().unwrap();
        name.trim_end_matches(".rs")
    }

    /// Lines that are neither blank nor comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().map(str::trim_start);
        lines.filter(|line| !line.is_empty() && !line.starts_with("//"))
    }
}

/// The names after each `crate::`, also in braces.
fn uses(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let list = match rest.strip_prefix('{') {
            Some(list) => list.split("};").next().unwrap(),
            None => rest,
        };
        let word = |text: &str| -> String {
            text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        if rest.starts_with('{') {
            // One level is all that rustfmt makes of our imports.
            names.extend(list.split(',').map(word).filter(|name| !name.is_empty()));
        } else {
            names.push(word(list));
        }
    }
    names
}

#[test]
fn every_module_uses_only_what_its_layer_may() {
    let modules: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).chain(WIRING).collect();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    let mut wrong = Vec::new();
    for source in shipped().iter().filter(|source| !WIRING.contains(&source.module())) {
        let module = source.module();
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            panic!("{module} has no row in the table of layers");
        };
        let names = uses(&source.text).into_iter();
        for name in names.filter(|name| *name != module && modules.contains(&name.as_str())) {
            if !allowed.split_whitespace().any(|allowed| allowed == name) {
                wrong.push(format!("{} uses {name}", source.path));
            }
            used.insert((module.to_owned(), name));
        }
        // From a file at the top, that is a way round `crate::`.
        if source.path.matches('/').count() == 1 && source.text.contains("super::") {
            wrong.push(format!("{} uses super::", source.path));
        }
    }
    let allowed = LAYERS.iter().flat_map(|(module, allowed)| {
        allowed.split_whitespace().map(|name| ((*module).to_owned(), name.to_owned()))
    });
    let idle = allowed.filter(|pair| !used.contains(pair));
    wrong.extend(idle.map(|(module, name)| format!("{module} may use {name}, and does not")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_pure_has_no_runtime_no_clock_and_no_files() {
    let banned = [
        "tokio",
        "async ",
        "std::fs",
        "std::env",
        "Instant",
        "SystemTime::now",
        "rustls",
        "hyper",
        "tracing::",
    ];
    let mut wrong = Vec::new();
    for source in shipped().iter().filter(|source| PURE.contains(&source.module())) {
        for line in source.code() {
            for word in banned.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}: {word}: {line}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where a crate that speaks to the outside may be named; nowhere else in what ships.
const EDGES: [(&str, &[&str]); 3] = [
    (
        "serde",
        &[
            "src/classify/",
            "src/config/",
            "src/demo/",
            "src/expose/json.rs",
            "src/probe/grafana/bootstrap.rs",
            "src/probe/grafana/refs.rs",
            "src/push/alertmanager.rs",
            "src/push/webhook.rs",
            "src/serve/routes.rs",
        ],
    ),
    // No word of ours is: what goes out is a struct beside the face that writes it.
    (
        "Serialize",
        &["src/demo/", "src/expose/json.rs", "src/push/alertmanager.rs", "src/push/webhook.rs"],
    ),
    ("use prometheus::", &["src/expose/metrics/process.rs"]),
];

#[test]
fn wire_formats_stay_at_the_edges() {
    let mut wrong = Vec::new();
    for (word, places) in EDGES {
        for source in shipped() {
            let is_edge = places.iter().any(|place| source.path.starts_with(place));
            if !is_edge && source.code().any(|line| line.contains(word)) {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut wrong = Vec::new();
    for source in shipped() {
        let lines = source.code().count();
        if lines > FILE_LINES && !LONG.iter().any(|(path, _)| *path == source.path) {
            wrong.push(format!("{}: {lines} lines of code", source.path));
        }
        for (number, line) in source.text.lines().enumerate() {
            let chars = line.chars().count();
            if chars > LINE_CHARS && !is_text(line) {
                wrong.push(format!("{}:{}: {chars} characters", source.path, number + 1));
            }
        }
        wrong.extend(long_functions(&source));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A sentence for people is one line, however long.
fn is_text(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('"') && ['"', ',', '\\'].iter().any(|end| line.ends_with(*end))
}

fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let named = words.iter().position(|word| *word == "fn");
        if line.trim_start().starts_with("//") || named.is_none_or(|at| at > 3) {
            continue;
        }
        let (indent, _) = line.split_at(line.len() - line.trim_start().len());
        let end = lines.iter().skip(start).position(|line| *line == format!("{indent}}}"));
        if let Some(length) = end.filter(|length| *length >= FUNCTION_LINES) {
            long.push(format!("{}:{}: {} lines", source.path, start + 1, length + 1));
        }
    }
    long
}

#[test]
fn nothing_unfinished_skipped_or_of_this_machine_is_committed() {
    // Put together here, so that this file does not hold them.
    let banned = [
        ["to", "do!("].concat(),
        ["unimplemen", "ted!("].concat(),
        ["#[ign", "ore"].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["/wo", "rk/"].concat(),
        ["tokio::sp", "awn("].concat(),
    ];
    let mut wrong = Vec::new();
    let ours = [
        "src",
        "tests",
        "benches",
        "alerts",
        "deploy",
        "dashboards",
        "docs",
        ".github",
        "README.md",
    ];
    for place in ours {
        for path in below(place).iter().filter(|path| !path.starts_with("tests/it/fixtures")) {
            let source = read(path);
            for word in banned.iter().filter(|word| source.text.contains(word.as_str())) {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = read(Path::new("Cargo.toml")).text;
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies") && line.contains(" = ") {
            assert!(line.contains(" # "), "{line}");
        }
    }
}

/// Between its markers, README has what the binary prints; `UPDATE_EXPECT=1` puts it there.
#[test]
fn the_readme_lists_the_metrics_that_there_are() {
    let (begin, end) = ("<!-- metrics:begin -->\n", "<!-- metrics:end -->");
    let mut program = Command::new(env!("CARGO_BIN_EXE_promlink"));
    let output = program.args(["metrics", "--markdown"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let readme = read(Path::new("README.md")).text;
    let (before, rest) = readme.split_once(begin).unwrap();
    let (found, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let text = format!("{before}{begin}{table}{end}{after}");
        fs::write(Path::new(ROOT).join("README.md"), text).unwrap();
        return;
    }
    assert_eq!(found, table, "run with UPDATE_EXPECT=1");
}
