//! The page that tells how to install: what it tells people to type is accepted.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{ROOT, read};

const PAGE: &str = "docs/install-vm.md";
const PROGRAM: &str = env!("CARGO_BIN_EXE_promlink");

/// What stands in fences of that language.
fn fenced(language: &str) -> Vec<String> {
    let page = read(PAGE).replace("\\\n", " ");
    let opening = format!("```{language}\n");
    let fences = page.split(&opening).skip(1);
    fences.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_flag_that_it_gives_promlink_exists() {
    let mut found = BTreeSet::new();
    for line in fenced("sh").iter().flat_map(|block| block.lines()) {
        let line = line.split(" #").next().unwrap().trim_start_matches("sudo ");
        let Some(arguments) = line.trim_start_matches("./").strip_prefix("promlink ") else {
            continue;
        };
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let commands: Vec<&str> =
            words.iter().copied().take_while(|word| !word.starts_with('-')).collect();
        let help = Command::new(PROGRAM).args(&commands).arg("--help").output().unwrap();
        assert!(help.status.success(), "{line}");
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")), "{line}: {flag}");
        }
        found.insert(commands.join(" "));
    }
    assert_eq!(
        found,
        BTreeSet::from(["check", "config check", "grafana-token"].map(str::to_owned))
    );
}

#[test]
fn its_configuration_is_accepted_and_takes_the_token_where_systemd_puts_it() {
    let blocks = fenced("yaml");
    let [config] = blocks.as_slice() else { panic!("{blocks:?}") };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.yml");
    fs::write(&file, config).unwrap();
    let mut program = Command::new(PROGRAM);
    let output = program.args(["config", "check", "--config.file"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let unit = read("deploy/promlink.service");
    assert!(unit.contains("\nLoadCredential=grafana-token:/etc/promlink/grafana-token\n"));
    let place = "credentials_file: /run/credentials/promlink.service/grafana-token}";
    assert!(config.contains(place) && unit.contains(place));
    assert!(read(PAGE).contains("--output /etc/promlink/grafana-token\n"));
}

#[test]
fn every_file_and_cause_that_it_names_exists() {
    let page = read(PAGE);
    let words = page.split(|c: char| c.is_whitespace() || "()[]`\"".contains(c));
    let is_path = |word: &&str| word.starts_with("deploy/") || word.starts_with("../");
    let paths: BTreeSet<&str> = words.filter(is_path).collect();
    assert!(paths.len() > 3, "{paths:?}");
    for path in paths {
        let place = Path::new(ROOT).join("docs").join(path);
        assert!(place.exists() || Path::new(ROOT).join(path).exists(), "{path}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert!(page.contains(&format!("promlink-{version}-linux-amd64.tar.gz")));
    for cause in ["connection_refused", "no_response", "datasource_url_differs"] {
        assert!(page.contains(&format!("`{cause}`")), "{cause}");
        let known = Command::new(PROGRAM).args(["explain", cause]).output().unwrap();
        assert!(known.status.success(), "{cause}");
    }
}
