//! The service of systemd, as far as it can be tried without one that runs.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::read;
use crate::daemon::Daemon;
use crate::need;

/// The path of the binary in the unit.
const INSTALLED: &str = "/usr/local/bin/promlink";
/// The worst that `systemd-analyze security` may say, in tenths; 100 is the worst of all.
const EXPOSURE: &str = "--threshold=15";

#[test]
fn systemd_accepts_the_unit_and_calls_it_safe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("promlink.service");
    let unit = read("deploy/promlink.service");
    fs::write(&file, unit.replace(INSTALLED, env!("CARGO_BIN_EXE_promlink"))).unwrap();
    for arguments in [&["verify", "--man=no"][..], &["security", "--offline=yes", EXPOSURE]] {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Some(process) = need::spawn(&mut command) else { return };
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{text}");
        // It says of what it does not know that it ignores it.
        assert!(!text.contains("ignoring"), "{text}");
        println!("{}", text.lines().last().unwrap_or_default());
    }
}

#[tokio::test]
async fn it_tells_systemd_when_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let file = folder.path().join("promlink.yml");
    fs::write(&file, "links: {k8s: {prometheus: {url: 'http://127.0.0.1:9'}}}").unwrap();
    // The command of the unit.
    let unit = read("deploy/promlink.service");
    let starts = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let flags = starts.strip_prefix(&format!("{INSTALLED} serve ")).unwrap();
    let flags = flags.replace("/etc/promlink/promlink.yml", file.to_str().unwrap());
    let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
    let daemon =
        Daemon::run(folder, &flags, &[("NOTIFY_SOCKET", path.display().to_string())]).await;
    let mut bytes = [0; 64];
    let read = socket.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..read], b"READY=1");
    assert_eq!(daemon.get("/-/ready").await.0, 200);
    assert!(unit.contains("\nType=notify\n"));
}

/// Nobody there is no reason to end.
#[tokio::test]
async fn a_systemd_that_does_not_listen_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--prometheus.url=http://127.0.0.1:9".to_owned()];
    let nowhere = folder.path().join("nowhere").display().to_string();
    let daemon = Daemon::run(folder, &flags, &[("NOTIFY_SOCKET", nowhere)]).await;
    assert_eq!(daemon.get("/-/ready").await.0, 200);
    assert!(daemon.log().contains("cannot tell systemd that promlink serves"), "{}", daemon.log());
}
