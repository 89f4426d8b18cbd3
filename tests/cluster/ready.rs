//! The last pod behind a headless name stops to be ready, as a promlink that runs sees it: the name
//! is gone from DNS, and only what it was before tells that from a name that never was.

use std::fs;
use std::process::{Child, Command};

use crate::control_plane::ControlPlane;
use crate::coredns::{CoreDns, Corefile, Outside};
use crate::objects::Pod;
use crate::process::until;
use crate::prometheus::get;

/// In a network of the test's own nobody else has it.
const ADDRESS: &str = "127.0.0.1:10079";

/// It is killed when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Tells of the pod behind `host` while it is ready, is not, and is again.
///
/// # Panics
/// When something else is told.
pub fn prove(cluster: &ControlPlane, host: &str, pod: &Pod<'_>) {
    let _dns = CoreDns::start(cluster, Corefile::Microk8s, Outside::Denies);
    let file = cluster.path().join("promlink.yml");
    let link = format!("{{prometheus: {{url: 'http://{host}:9090'}}, interval: 1s}}");
    fs::write(&file, format!("links: {{it: {link}}}\n")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_promlink"));
    program.arg("serve").arg(format!("--config.file={}", file.display()));
    program.arg(format!("--web.listen-address={ADDRESS}")).arg("--log.level=error");
    let _daemon = Daemon(program.spawn().unwrap());
    let said = || get(ADDRESS.parse().unwrap(), "/api/v1/links").unwrap_or_default();
    let tells = |word: &str| until(&format!("tells {word}"), || said().contains(word), said);
    tells("\"verdict\":\"working\"");
    Pod { is_ready: false, ..*pod }.run(cluster);
    tells("\"cause\":\"no_ready_endpoints\",\"path\":\"direct\",\"check\":\"dns\"");
    pod.run(cluster);
    tells("\"verdict\":\"working\"");
}
