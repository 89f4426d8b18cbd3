//! The workflows cannot run here; what they name is there, and they may no more than they need.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{ROOT, read};
use crate::yaml;

const FILES: [&str; 2] = [".github/workflows/ci.yaml", ".github/workflows/release.yaml"];
/// Places of ours: a word of a command that begins so is a path.
const PLACES: [&str; 7] =
    ["tests/", "deploy/", "docs/", "alerts/", "dashboards/", "src/", "./.github/"];

fn jobs(file: &str) -> Vec<(String, Value)> {
    let jobs = yaml::read(&read(file))["jobs"].as_object().unwrap().clone();
    jobs.into_iter().collect()
}

fn steps(job: &Value) -> Vec<Value> {
    job["steps"].as_array().cloned().unwrap_or_default()
}

#[test]
fn every_path_exists_and_every_script_is_one() {
    let mut found = 0;
    for file in FILES {
        for (name, job) in jobs(file) {
            let called = job["uses"].as_str().unwrap_or_default().to_owned();
            let scripts = steps(&job);
            let scripts = scripts.iter().filter_map(|step| step["run"].as_str());
            for script in scripts.map(str::to_owned).chain([called]) {
                let shell = Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
                assert!(shell.status.success(), "{file}: {name}: {shell:?}");
                // Whatever others may choose, such as a tag's name, comes by the environment.
                assert!(!script.contains("${{"), "{file}: {name}: {script}");
                for word in script.split_whitespace().map(|word| word.trim_matches(['"', '\''])) {
                    let is_ours = PLACES.iter().any(|place| word.starts_with(place));
                    if is_ours {
                        assert!(Path::new(ROOT).join(word).exists(), "{file}: no {word}");
                        found += 1;
                    }
                }
            }
        }
    }
    assert_eq!(found, 7);
}

#[test]
fn they_may_no_more_than_they_need_and_use_what_cannot_change() {
    for file in FILES {
        assert_eq!(yaml::read(&read(file))["permissions"], json!({"contents": "read"}), "{file}");
        for (_, job) in jobs(file) {
            for step in steps(&job) {
                let Some(used) = step["uses"].as_str() else { continue };
                let (_, commit) = used.split_once('@').unwrap();
                let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
                assert!(is_commit, "{file}: {used}");
                // For people, its version.
                assert!(read(file).contains(&format!("{used} # v")), "{file}: {used}");
                if used.starts_with("actions/checkout@") {
                    assert_eq!(step["with"], json!({"persist-credentials": false}), "{file}");
                }
            }
        }
    }
    let may = |job: &str| {
        let jobs = jobs(FILES[1]);
        jobs.into_iter().find(|(name, _)| name == job).unwrap().1["permissions"].clone()
    };
    assert_eq!(may("image"), json!({"contents": "read", "packages": "write"}));
    let attests = json!({"contents": "write", "id-token": "write", "attestations": "write"});
    assert_eq!(may("release"), attests);
}

/// The compiler of the tests is the one of the image, and no older than the code needs.
#[test]
fn one_compiler_tests_and_builds() {
    let image = "docker.io/library/rust:1.95.0-bookworm";
    assert!(image.contains(&format!(":{}.", env!("CARGO_PKG_RUST_VERSION"))));
    assert!(read("deploy/Dockerfile").contains(&format!("{image} AS build\n")));
    assert_eq!(jobs(FILES[0])[0].1["container"]["image"], image);
    assert_eq!(read(".ci/run").lines().last(), Some("exec tests/run"));
}

#[test]
fn a_release_is_packed_alike_whoever_packs_it() {
    let packed = || {
        let folder = tempfile::tempdir().unwrap();
        for architecture in ["amd64", "arm64"] {
            let place = folder.path().join(format!("linux_{architecture}"));
            fs::create_dir(&place).unwrap();
            fs::write(place.join("promlink"), format!("for {architecture}")).unwrap();
        }
        let mut script = Command::new(Path::new(ROOT).join("deploy/pack.sh"));
        script.args([folder.path().to_str().unwrap(), "1.2.3"]);
        let output = script.env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let archive = folder.path().join("promlink-1.2.3-linux-arm64.tar.gz");
        let listed = Command::new("tar").arg("-tzf").arg(&archive).output().unwrap();
        (fs::read(archive).unwrap(), String::from_utf8(listed.stdout).unwrap())
    };
    let (bytes, listed) = packed();
    let names = ["", "LICENSE", "promlink", "promlink.service"];
    let names = names.map(|name| format!("promlink-1.2.3-linux-arm64/{name}\n"));
    assert_eq!(listed, names.concat());
    assert!(bytes == packed().0, "two archives differ");
}
