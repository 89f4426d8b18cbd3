//! The real Alertmanager, as Debian packages it, alone or as a pair.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::{foreign, until};
use crate::need;

/// A running Alertmanager; dropping it kills it.
#[derive(Debug)]
pub struct Alertmanager {
    process: Child,
    address: SocketAddr,
    gossip: SocketAddr,
    /// The gossip of the other one, if there is one.
    peer: Option<SocketAddr>,
    folder: TempDir,
}

/// A port that is free now, at `address`.
pub fn free(address: IpAddr) -> SocketAddr {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap()
}

// === impl Alertmanager ===

impl Alertmanager {
    /// Starts one that tells `webhook` of everything, at once; none where the program is missing.
    /// With the gossip of another one, the two are a pair.
    pub async fn start(
        address: SocketAddr,
        webhook: &str,
        peer: Option<SocketAddr>,
    ) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // `alertname` apart, so that one group is one alert.
        let config = format!(
            "route: {{receiver: hook, group_by: [alertname, link], group_wait: 1s, \
             group_interval: 1s, repeat_interval: 1h}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{webhook}'}}]}}]\n"
        );
        fs::write(folder.path().join("am.yml"), config).unwrap();
        let gossip = free(address.ip());
        let process = need::spawn(&mut command(&folder, address, gossip, peer))?;
        let this = Self { process, address, gossip, peer, folder };
        this.ready().await;
        Some(this)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it gossips.
    pub fn gossip(&self) -> SocketAddr {
        self.gossip
    }

    /// Kills it, and starts it anew with all that it has on disk.
    pub async fn restart(&mut self) {
        self.kill();
        let mut command = command(&self.folder, self.address, self.gossip, self.peer);
        self.process = command.spawn().unwrap();
        self.ready().await;
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The alerts that it has, those that have ended left out.
    pub async fn alerts(&self) -> Vec<Value> {
        let url = format!("http://{}/api/v2/alerts", self.address);
        let answer = foreign().get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Waits until that many alerts of this name stand.
    pub async fn until_alerts(&self, name: &str, count: usize) -> Vec<Value> {
        until(&format!("have {count} {name}"), async || {
            let mut all = self.alerts().await;
            all.retain(|alert| alert["labels"]["alertname"] == name);
            (all.len() == count).then_some(all)
        })
        .await
    }

    async fn ready(&self) {
        let url = format!("http://{}/-/ready", self.address);
        let client = foreign();
        until("get ready", async || client.get(&url).send().await.ok().map(|_| ())).await;
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn command(
    folder: &TempDir,
    address: SocketAddr,
    gossip: SocketAddr,
    peer: Option<SocketAddr>,
) -> Command {
    let mut command = Command::new("prometheus-alertmanager");
    let below = |name: &str| folder.path().join(name).display().to_string();
    command
        .arg(format!("--config.file={}", below("am.yml")))
        .arg(format!("--storage.path={}", below("data")))
        .arg(format!("--web.listen-address={address}"))
        .arg(format!("--cluster.listen-address={gossip}"))
        .args(["--cluster.gossip-interval=50ms", "--cluster.settle-timeout=2s"])
        .args(["--cluster.pushpull-interval=1s", "--cluster.peer-timeout=2s"])
        .args(peer.map(|peer| format!("--cluster.peer={peer}")))
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.path().join("log")).unwrap());
    command
}
