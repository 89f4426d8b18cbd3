//! A network of the test's own, for what only a kernel does: drop, reject, forbid.
//!
//! The test runs itself again in new namespaces, which need no name and no cleaning up: the kernel
//! removes them with the process, however that ends. Root makes them, else a user who may make a
//! user namespace, else `sudo` where it asks for no password.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Once;

use crate::need;

/// Set in the process inside.
const INSIDE: &str = "PROMLINK_NAMESPACE";
/// What the process inside has to know of the one outside.
const PASSED_ON: [&str; 4] =
    ["PROMLINK_ROW", "PROMLINK_REQUIRE_REAL", "PROMLINK_REQUIRE_CLUSTER", "PROMLINK_CLUSTER_BIN"];
/// Ways in, the easiest first.
const WAYS: [&[&str]; 3] = [
    &["unshare", "--net", "--mount", "--uts"],
    &["unshare", "--map-root-user", "--net", "--mount", "--uts"],
    &["sudo", "-n", "unshare", "--net", "--mount", "--uts"],
];
/// Prefixes of TEST-NET-1 that no packet leaves for, each by another kind of route.
const ROUTES: [(&str, &str); 3] =
    [("prohibit", "192.0.2.1"), ("unreachable", "192.0.2.2"), ("blackhole", "192.0.2.3")];

/// Adding what is there already changes nothing.
const CHAINS: &str = "\
add table inet promlink
add chain inet promlink input { type filter hook input priority 0; }
add chain inet promlink output { type filter hook output priority 0; }
";

/// Whether this is the inside. Outside, runs the test of that name inside, and panics as it does;
/// where no way leads in, or one of these programs is missing, the test is skipped.
pub fn entered(test: &str, programs: &[&str]) -> bool {
    if is_inside() {
        return true;
    }
    match run_inside(test, programs) {
        Ok(said) => println!("{said}"),
        Err(why) => need::skipped(&format!("{why}: {test}")),
    }
    false
}

/// Whether this is the inside; it is furnished then.
pub fn is_inside() -> bool {
    let is_inside = std::env::var_os(INSIDE).is_some();
    if is_inside {
        furnish();
    }
    is_inside
}

/// Runs the test of that name inside, and gives what it printed.
///
/// # Errors
/// No way leads in, or one of these programs is missing.
///
/// # Panics
/// When it panics.
pub fn run_inside(test: &str, programs: &[&str]) -> Result<String, String> {
    let works = |way: &&[&str]| {
        let lo = way[1..].iter().chain(&["ip", "link", "set", "lo", "up"]);
        let tried = Command::new(way[0]).args(lo).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let is_there = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    if let Some(missing) = programs.iter().find(|program| !is_there(program)) {
        return Err(format!("no {missing}"));
    }
    let way = WAYS.iter().copied().find(works).ok_or("no root, or no ip")?;
    let passed_on = PASSED_ON.iter().filter_map(|name| {
        let value = std::env::var(name).ok()?;
        Some(format!("{name}={value}"))
    });
    let inside = Command::new(way[0])
        .args(&way[1..])
        .arg("env")
        .args(passed_on)
        .arg(format!("{INSIDE}=1"))
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout).into_owned();
    let complained = String::from_utf8_lossy(&inside.stderr);
    assert!(inside.status.success(), "{test}, in a namespace\n{said}\n{complained}");
    assert!(said.contains("1 passed"), "{test} is no test");
    Ok(said)
}

/// Loopback, addresses that are ours and no loopback, as cluster IPs are, and routes that lead
/// nowhere.
fn furnish() {
    run("ip", &["link", "set", "lo", "up"], "");
    run("ip", &["route", "add", "local", "10.0.0.0/8", "dev", "lo"], "");
    for (kind, address) in ROUTES {
        run("ip", &["route", "add", kind, address], "");
    }
}

/// Puts these files, and nothing else, into `/etc`.
pub fn etc(files: &[(&str, &str)]) {
    static EMPTIED: Once = Once::new();
    assert!(std::env::var_os(INSIDE).is_some(), "not into the machine's own /etc");
    EMPTIED.call_once(|| {
        run("mount", &["-t", "tmpfs", "promlink", "/etc"], "");
    });
    for (name, text) in files {
        // Another file of the same name, not another content: libc looks at the former.
        let new = format!("/etc/{name}.new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, format!("/etc/{name}")).unwrap();
    }
}

/// Calls this machine so.
pub fn host_name(name: &str) {
    assert!(std::env::var_os(INSIDE).is_some(), "no name for the machine itself: {name}");
    run("hostname", &[name], "");
}

/// Adds a rule for packets: the chain, `input` or `output`, and what `nft` calls it.
pub fn rule(rule: &str) {
    assert!(std::env::var_os(INSIDE).is_some(), "no rule for the machine itself: {rule}");
    run("nft", &["-f", "-"], &format!("{CHAINS}add rule inet promlink {rule}\n"));
}

/// Runs a program of the system, which must succeed.
pub fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {input}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
