//! What the image holds, without a container engine: the binary that its script builds and a CA
//! bundle in a root where nothing else is, read-only, run by the image's user.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use promlink::demo::dns::{self, Dns, Zone};
use promlink::demo::standin::ANY_PORT;
use serde_json::Value;

use super::{ROOT, read};
use crate::daemon::{self, Daemon};
use crate::faults::front::{files, pem};
use crate::faults::row::line;
use crate::need;
use crate::prometheus::{Prometheus, Setup};

/// The profile that the script builds with, if it is not `dev`, which is quick; `tests/run` has
/// built the one that ships.
const PROFILE: &str = "PROMLINK_STATIC";
/// The budget of the image.
const MOST_BYTES: u64 = 10 << 20;
/// Where the image has its CA bundle, and its binary.
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
const BINARY: &str = "bin/promlink";
/// No program but the kernel's doings: a root that nobody can write to, entered by the image's user.
const ENTER: &str = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && \
     exec chroot --userspec=65532:65532 --groups= \"$0\" /bin/promlink \"$@\"";

/// Builds the binary as the image does, and gives its path.
fn built(profile: &str) -> PathBuf {
    let mut script = Command::new("deploy/build-static.sh");
    // What cargo tells a test of itself would make it build all anew.
    for (name, _) in std::env::vars_os() {
        let ours = ["CARGO_HOME", "CARGO_TARGET_DIR"].iter().any(|kept| name == *kept);
        if name.as_encoded_bytes().starts_with(b"CARGO_") && !ours {
            script.env_remove(name);
        }
    }
    let output = script.arg(profile).current_dir(ROOT).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Path::new(ROOT).join(String::from_utf8(output.stdout).unwrap().trim())
}

/// A command in `root`.
fn inside(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", ENTER]).arg(root).args(arguments);
    // What an engine sets; nothing of this shell's.
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Whether this user may make such a root.
fn may() -> bool {
    let way = ["--mount", "chroot", "--userspec=65532:65532", "/", "true"];
    let tried = Command::new("unshare").args(way).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// The image's files below `root`, and a configuration as it is mounted.
fn lay(root: &Path, binary: &Path, config: &str) {
    let put = |name: &str, bytes: &[u8], mode: u32| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    put(BINARY, &fs::read(binary).unwrap(), 0o755);
    put(BUNDLE, pem("ca.pem").as_bytes(), 0o644);
    put("etc/promlink/promlink.yml", config.as_bytes(), 0o644);
}

/// A real Prometheus that speaks TLS, and a DNS server that knows its name.
async fn prometheus() -> Option<(Prometheus, Dns)> {
    let file = |name: &str| files().join(name).display().to_string();
    let (certificate, key) = (file("server.pem"), file("server.key"));
    let web = format!("tls_server_config: {{cert_file: '{certificate}', key_file: '{key}'}}");
    let server = Prometheus::start(Setup { web: &web, ..Setup::default() })?;
    let zone = Zone::default().with("prometheus-k8s", "web", server.address());
    Some((server, dns::start(ANY_PORT, zone).await.unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_static_binary_works_in_an_empty_read_only_root() {
    if !need::everything() {
        need::skipped("the static binary is built where everything must be proven");
        return;
    }
    if !may() {
        need::skipped("no root, who may mount and chroot");
        return;
    }
    let Some((server, dns)) = prometheus().await else { return };
    let profile = std::env::var(PROFILE).unwrap_or_else(|_| "dev".to_owned());
    let binary = built(&profile);
    let config = format!(
        "dns: {{servers: ['{}']}}\nlinks: {{k8s: {{prometheus: \
         {{url: 'https://prometheus-k8s.monitoring.svc.cluster.local:{}'}}}}}}\n",
        dns.address(),
        server.address().port(),
    );
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    lay(&root, &binary, &config);

    let looks = ["check", "--config.file=/etc/promlink/promlink.yml", "--output=json"];
    let looked = inside(&root, &[&looks[..], &["--wait=30s"]].concat()).output().unwrap();
    let json: Value = serde_json::from_slice(&looked.stdout)
        .unwrap_or_else(|error| panic!("{error}: {looked:?}"));
    assert_eq!(line(&json["links"][0]), "working", "{json:#}");
    assert_eq!((looked.status.code(), looked.stderr), (Some(0), Vec::new()));

    // As the image says it.
    let serves = ["serve", "--config.file=/etc/promlink/promlink.yml", daemon::ANY_PORT];
    let daemon = Daemon::spawn(folder, inside(&root, &serves)).await;
    daemon.until_value("promlink_link_up{link=\"k8s\"}", 1.0).await;
    for path in ["/-/ready", "/-/healthy", "/", "/api/v1/links/k8s"] {
        let (status, text) = daemon.get(path).await;
        assert!(status.is_success(), "{path}: {status} {text}");
    }
    // It was where it should be, and had nothing to complain of.
    let mounts = daemon.proc("mountinfo");
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().starts_with("ro"), "{mounts}");
    let status = daemon.proc("status");
    assert!(status.contains("\nUid:\t65532\t65532\t65532\t65532\n"), "{status}");
    assert!(status.contains("\nCapEff:\t0000000000000000\n"), "{status}");
    let log = daemon.log();
    let is_complaint = |line: &&str| line.contains("level=warn") || line.contains("level=error");
    let complaints: Vec<&str> = log.lines().filter(is_complaint).collect();
    // This one is of the configuration.
    assert!(complaints.iter().all(|line| line.contains("no receiver of alarms")), "{log}");
    let bundle = fs::metadata(Path::new("/").join(BUNDLE)).map_or(0, |file| file.len());
    let bytes = fs::metadata(&binary).unwrap().len() + bundle;
    println!("{profile}: {bytes} bytes with the CA certificates");
    assert!(profile == "dev" || bytes <= MOST_BYTES, "{bytes} bytes are more than {MOST_BYTES}");
}

/// What is proven above is what is built.
#[test]
fn the_image_holds_what_the_script_builds_and_nothing_else() {
    let text = read("deploy/Dockerfile");
    let code = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let (build, rest) = code.split_once("FROM scratch AS binary\n").unwrap();
    assert!(build.contains("$(deploy/build-static.sh release \"$TARGETARCH\")\" /promlink"));
    let (_, last) = rest.split_once("FROM scratch\n").unwrap();
    let copied: Vec<&str> = last.lines().filter(|line| line.starts_with("COPY")).collect();
    assert_eq!(
        copied,
        [
            format!("COPY --from=build /{BUNDLE} /{BUNDLE}"),
            format!("COPY --from=build /promlink /{BINARY}")
        ]
    );
    assert!(last.contains(&format!("ENTRYPOINT [\"/{BINARY}\"]")));
    assert!(last.contains("USER 65532:65532\n") && last.contains("EXPOSE 10079\n"));
    assert!(last.contains(&format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"))));
    let pinned = text.lines().filter(|line| line.starts_with("FROM") && line.contains('/'));
    for line in pinned {
        let tag = line.split_whitespace().find_map(|word| word.rsplit_once(':')).unwrap().1;
        assert!(tag.chars().any(|c| c.is_ascii_digit()), "{line}: no version");
    }
}
