//! What is no mistake, but worth a warning before the start.
//!
//! A file that a key names may be mounted later, and is read anew at each use. So loading does not
//! look for it, and only `config check`, which somebody runs to be told, does.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::Settings;
use crate::link::{Auth, HttpOptions, Link, Proxy};
use crate::secret::Secret;

/// Files that cannot be read now, and Grafanas without a link.
#[must_use]
pub fn warnings(settings: &Settings) -> Vec<String> {
    let mut ends: Vec<(String, &HttpOptions)> = Vec::new();
    for (name, grafana) in &settings.grafanas {
        ends.push((format!("grafanas.{name}"), &grafana.endpoint.http));
    }
    for link in &settings.links {
        if let Some(end) = &link.prometheus {
            ends.push((format!("links.{}.prometheus", link.name), &end.http));
        }
    }
    let mut warnings = Vec::new();
    // Thousands of links may share one file.
    let mut looked_at = BTreeSet::new();
    for (at, http) in ends {
        for path in files(http).into_iter().filter(|path| looked_at.insert(path.to_owned())) {
            if let Err(error) = open(path) {
                warnings.push(format!("{at}: {} cannot be read: {error}", path.display()));
            }
        }
    }
    for name in settings.grafanas.keys() {
        let uses = |link: &Link| link.grafana.as_ref().is_some_and(|side| side.name == *name);
        if !settings.discover.contains_key(name) && !settings.links.iter().any(uses) {
            warnings.push(format!("grafanas.{name}: no link goes through it"));
        }
    }
    warnings
}

/// Whether it opens; a pipe would wait for a writer, and is refused at each use as well.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("is no regular file"));
    }
    File::open(path)
}

fn files(http: &HttpOptions) -> Vec<&Path> {
    let HttpOptions { auth, tls, proxy, headers } = http;
    let auth = auth.as_ref().map(|auth| match auth {
        Auth::Basic { password, .. } => password,
        Auth::Scheme { credentials, .. } => credentials,
    });
    let proxy = proxy.as_ref().and_then(|Proxy { auth, .. }| auth.as_ref());
    let secrets = auth.into_iter().chain(proxy.map(|(_, password)| password));
    let secrets = secrets.chain(headers.iter().map(|(_, value)| value));
    let secrets = secrets.filter_map(|secret| match secret {
        Secret::File(path) => Some(path.as_path()),
        Secret::Value(_) => None,
    });
    let tls = [&tls.ca_file, &tls.cert_file, &tls.key_file];
    secrets.chain(tls.into_iter().filter_map(|path| path.as_deref())).collect()
}
