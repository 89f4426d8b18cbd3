//! A real Kubernetes control plane, without nodes: what DNS really says of Services, and what an API
//! server accepts. A slow lane of its own, `tests/run --cluster`; elsewhere each test is skipped.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and say why")]

mod chart; // the Helm chart, installed
mod control_plane; // etcd, the API server, its controllers
mod coredns; // the cluster's DNS
mod names; // what promlink tells of names and Services
#[expect(dead_code, reason = "what other tests do with it")]
#[path = "../it/namespace.rs"]
mod namespace; // a network of the test's own
#[path = "../it/need.rs"]
mod need; // what may be missing here
mod objects; // Services and pods without nodes
mod process; // a program that runs until it is dropped
#[expect(dead_code, reason = "what other tests do with it")]
#[path = "../it/prometheus.rs"]
mod prometheus; // the real program
mod ready; // a pod that stops to be ready
mod restricted; // a namespace where pods are restricted, and what is shipped in it

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Whether this is inside, where addresses and ports are the test's own. Outside, the test of that
/// name is run inside, where this lane is wanted at all.
fn entered(test: &str) -> bool {
    if std::env::var_os("PROMLINK_REQUIRE_CLUSTER").is_none() {
        println!("skipped: no cluster");
        return false;
    }
    namespace::entered(test, &["mount"])
}
