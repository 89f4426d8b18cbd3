//! The front door, with real programs and real loopback sockets.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and say why")]

mod alarms; // what promlink delivers itself
mod alarms_real; // the same, through the real Alertmanager
mod alertmanager; // the real program
mod assertions; // shipped assertions on the real Prometheus
mod browser; // the page in a real browser
mod chart; // the Helm chart, and what is written from it
mod check; // `promlink check` as a person runs it
mod daemon; // `promlink serve`, and a client
mod dashboards; // dashboards: rules, and data of the real Prometheus
mod discover; // data sources that become links
mod faults; // one injected fault, one expected line
mod hostile; // answers that no server should give
mod install; // image, service, compose: what it is installed by
mod know; // how soon it knows
mod namespace; // a network of the test's own
mod need; // what may be missing here
mod prometheus; // the real program
mod real; // what a person sees of it
mod receiver; // somebody who is told of alarms
mod recorded; // every condition that was recorded behind a real Grafana
mod reload; // new configuration in a running daemon
mod resolvers; // ours, hickory-resolver and getaddrinfo on one server
mod serve; // what it serves
mod shipped; // rules, manifests: tested artefacts
mod shutdown; // how it begins and ends
mod tidy; // layers, sizes, words, generated text
mod victoria; // a second backend
mod yaml; // what is shipped, as values
