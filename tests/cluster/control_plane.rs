//! etcd, the API server and its controllers, on loopback in a network of the test's own: ports are
//! those of every cluster. No node runs, so nothing schedules a pod and nothing starts one.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::KeyPair;
use tempfile::TempDir;

use crate::process::{Process, built, until};

/// What answers to whom: one user, who may everything.
const TOKEN: &str = "promlink";
/// Those that make what the tests look at. The one that watches nodes would evict all pods: no node
/// beats.
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,endpointslice-controller,\
                           namespace-controller,serviceaccount-controller,\
                           garbage-collector-controller,root-ca-certificate-publisher-controller";

/// All of it; dropping it kills it.
#[derive(Debug)]
pub struct ControlPlane {
    // In this order they end.
    controllers: Option<Process>,
    api: Option<Process>,
    _etcd: Process,
    folder: TempDir,
}

/// What a program said, and whether it was content.
#[derive(Debug)]
pub struct Said {
    pub fine: bool,
    pub text: String,
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Starts it, and waits until it has given a service account to the namespace `default`, without
    /// which there are no pods.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("tokens.csv"), format!("{TOKEN},admin,1,system:masters\n")).unwrap();
        let accounts = KeyPair::generate().unwrap();
        fs::write(at("accounts.pem"), accounts.serialize_pem()).unwrap();
        fs::write(at("accounts.pub"), accounts.public_key_pem()).unwrap();
        fs::write(at("kubeconfig"), kubeconfig()).unwrap();
        let etcd = Process::start(folder.path(), "etcd", &etcd(&at));
        let api = Process::start(folder.path(), "kube-apiserver", &api(&at));
        let mut this = Self { controllers: None, api: None, _etcd: etcd, folder };
        let ready = || this.kubectl(&["get", "--raw", "/readyz"], "").fine;
        api.until("the API server is ready", ready);
        let at = |name: &str| this.folder.path().join(name).display().to_string();
        let controllers = Process::start(this.path(), "kube-controller-manager", &controllers(&at));
        let has_account = || this.kubectl(&["get", "serviceaccount", "default"], "").fine;
        controllers.until("the controllers work", has_account);
        this.api = Some(api);
        this.controllers = Some(controllers);
        this
    }

    /// Its folder, which goes with it.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a client needs to know.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path().join("kubeconfig")
    }

    /// Stops the API server.
    pub fn stop(&mut self) {
        self.controllers = None;
        self.api = None;
    }

    /// Starts what makes a Service's own address lead to its pods, as it runs on a node.
    pub fn proxy(&self) -> Process {
        let arguments = [
            format!("--kubeconfig={}", self.kubeconfig().display()),
            "--proxy-mode=nftables".to_owned(),
            "--hostname-override=node".to_owned(),
            // Limits of connections are the machine's, not those of a network of our own.
            "--conntrack-max-per-core=0".to_owned(),
            "--conntrack-tcp-timeout-established=0".to_owned(),
            "--conntrack-tcp-timeout-close-wait=0".to_owned(),
        ];
        Process::start(self.path(), "kube-proxy", &arguments)
    }

    /// Asks the API server something.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Said {
        self.run("kubectl", arguments, input)
    }

    /// Installs and removes a chart.
    pub fn helm(&self, arguments: &[&str]) -> Said {
        self.run("helm", arguments, "")
    }

    /// Has the API server take these objects.
    ///
    /// # Panics
    /// When it does not, or warns.
    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        let said = self.kubectl(&["apply", "--server-side", "-f", "-"], yaml);
        assert!(said.fine && !said.text.contains("Warning"), "{}\n{yaml}", said.text);
    }

    /// Waits until pods can be made there.
    pub fn until_account(&self, namespace: &str) {
        let account = ["get", "serviceaccount", "default", "--output=name", "-n", namespace];
        self.until("an account for its pods", &account, |said| said.contains("serviceaccount/"));
    }

    /// Waits until each Deployment there has all its pods; none runs, as there are no nodes.
    pub fn until_pods(&self, namespace: &str) {
        let template = "{range .items[*]}{.spec.replicas} {.status.replicas}{'\\n'}{end}";
        let wanted = format!("--output=jsonpath={template}");
        let asked = ["get", "deployments", "-n", namespace, &wanted];
        let made = |line: &str| line.split_once(' ').is_some_and(|(want, has)| want == has);
        let all_made = || {
            let said = self.kubectl(&asked, "").text;
            !said.is_empty() && said.lines().all(made)
        };
        // They tell why a pod cannot be made.
        let events = || self.kubectl(&["get", "events", "-n", namespace], "").text;
        until("a pod of each Deployment", all_made, events);
    }

    /// Waits until that command gives something.
    pub fn until(&self, what: &str, arguments: &[&str], is: impl Fn(&str) -> bool) {
        let asked = || self.kubectl(arguments, "");
        until(what, || is(&asked().text), || asked().text);
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Said {
        let mut child = Command::new(built(program))
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Said { fine: output.status.success(), text }
    }
}

fn kubeconfig() -> String {
    let server = "server: 'https://127.0.0.1:6443', insecure-skip-tls-verify: true";
    format!(
        "\
apiVersion: v1
kind: Config
clusters: [{{name: it, cluster: {{{server}}}}}]
users: [{{name: it, user: {{token: {TOKEN}}}}}]
contexts: [{{name: it, context: {{cluster: it, user: it}}}}]
current-context: it
"
    )
}

fn etcd(at: &impl Fn(&str) -> String) -> Vec<String> {
    // What it keeps is gone with the test.
    let arguments = ["--unsafe-no-fsync".to_owned(), format!("--data-dir={}", at("etcd"))];
    arguments.to_vec()
}

fn api(at: &impl Fn(&str) -> String) -> Vec<String> {
    [
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        // It wants one that is no loopback, and is to tell nobody.
        "--advertise-address=10.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-cluster-ip-range=10.152.183.0/24".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--token-auth-file={}", at("tokens.csv")),
        format!("--cert-dir={}", at("certificates")),
        format!("--service-account-key-file={}", at("accounts.pub")),
        format!("--service-account-signing-key-file={}", at("accounts.pem")),
    ]
    .to_vec()
}

fn controllers(at: &impl Fn(&str) -> String) -> Vec<String> {
    [
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        format!("--controllers={CONTROLLERS}"),
        format!("--kubeconfig={}", at("kubeconfig")),
        format!("--root-ca-file={}", at("certificates/apiserver.crt")),
        format!("--service-account-private-key-file={}", at("accounts.pem")),
    ]
    .to_vec()
}
