//! The pages about installing name only files, presets, values and commands that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{ROOT, preset_names};

/// Every page, and its text.
fn pages() -> Vec<(String, String)> {
    let folder = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let files = folder.map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let files = files.chain(["README.md".to_owned()]);
    files
        .map(|file| {
            let text = fs::read_to_string(Path::new(ROOT).join(&file)).unwrap();
            (file, text)
        })
        .collect()
}

#[test]
fn every_link_and_every_path_leads_somewhere() {
    let mut found = 0;
    for (page, text) in pages() {
        let beside = Path::new(&page).parent().unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains(':') && !link.starts_with('#')) {
            let file = Path::new(ROOT).join(beside).join(link.split('#').next().unwrap());
            assert!(file.exists(), "{page}: {link}");
            found += 1;
        }
        let word = |c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c));
        for path in text.split(word).filter(|word| word.starts_with("deploy/")) {
            let path = path.trim_end_matches('.');
            let is_example = path.ends_with("STACK.yaml");
            // `deploy/promlink` is a Deployment, as kubectl names it.
            let is_kubectls = path == "deploy/promlink";
            let exists = Path::new(ROOT).join(path).exists();
            assert!(exists || is_example || is_kubectls, "{page}: {path}");
        }
    }
    assert!(found > 30, "{found} links");
}

#[test]
fn every_preset_and_every_page_is_named_in_the_readme_or_from_there() {
    let pages = pages();
    let all: String = pages.iter().map(|(_, text)| text.as_str()).collect();
    for preset in preset_names() {
        assert!(all.contains(&preset), "{preset}");
    }
    for (page, _) in &pages {
        let name = page.rsplit('/').next().unwrap();
        assert!(
            page == "README.md" || all.contains(&format!("{name})")),
            "{page} is named nowhere"
        );
    }
}

/// Flags of `promlink` in the pages, whichever command they belong to.
#[test]
fn every_flag_exists() {
    let help = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promlink"));
        let output = command.args(args).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let known = [&["check"][..], &["grafana-token"], &["demo"], &["metrics"]].map(help).concat();
    let dotted = |word: &&str| word.starts_with("--") && word.contains('.');
    let mut used = BTreeSet::new();
    for (_, text) in pages() {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)));
        used.extend(words.filter(dotted).map(|word| word.trim_end_matches('.').to_owned()));
    }
    assert!(used.len() > 5, "{used:?}");
    for flag in used {
        assert!(known.contains(&flag), "{flag}");
    }
}
