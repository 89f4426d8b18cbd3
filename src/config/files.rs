//! What is no mistake, but worth a warning before the start.
//!
//! A file that a key names may be mounted later, and is read anew at each use. So loading does not
//! look for it, and only `config check`, which somebody runs to be told, does.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::Settings;
use crate::link::alarm::{AlarmSettings, LONGEST_WAIT, Resolve};
use crate::link::{HttpOptions, Link};
use crate::secret::Secret;

/// Files that cannot be read now, Grafanas without a link, alarms of which nobody hears.
#[must_use]
pub fn warnings(settings: &Settings) -> Vec<String> {
    let mut ends: Vec<(String, Vec<&Path>)> = Vec::new();
    for (name, grafana) in &settings.grafanas {
        ends.push((format!("grafanas.{name}"), files(&grafana.endpoint.http)));
        let login = grafana.bootstrap.as_ref().and_then(|login| file(login.secret().1));
        ends.push((format!("grafanas.{name}.bootstrap"), login.into_iter().collect()));
        let templates = settings.discover.get(name).map(|discover| &discover.templates);
        for template in templates.into_iter().flatten() {
            let http = template.link.prometheus.as_ref().map(|end| files(&end.http));
            let paths = http.into_iter().flatten().chain(template.trust.ca_file.as_deref());
            ends.push((format!("grafanas.{name}.discover"), paths.collect()));
        }
    }
    for link in &settings.links {
        if let Some(end) = &link.prometheus {
            ends.push((format!("links.{}.prometheus", link.name), files(&end.http)));
        }
    }
    ends.extend(receivers(&settings.alarms));
    let mut warnings = unheard(settings);
    warnings.extend(flapping(settings));
    // Thousands of links may share one file.
    let mut looked_at = BTreeSet::new();
    for (at, paths) in ends {
        for path in paths.into_iter().filter(|path| looked_at.insert(path.to_owned())) {
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

/// Alarms of which nobody hears, though somebody seems to expect it.
fn unheard(settings: &Settings) -> Vec<String> {
    let alarms = &settings.alarms;
    let links = &settings.links;
    let is_off = !alarms.rules.enabled && !links.iter().any(|link| link.alarms.enabled);
    let what = match (alarms.tells(), &alarms.heartbeat) {
        (false, Some(_)) => {
            "alarms: a heartbeat tells that promlink lives, not which link is broken; add \
             `alertmanagers` or `webhooks`"
        }
        (false, None) if *alarms != AlarmSettings::default() => {
            "alarms: nobody is told of them; add `alertmanagers` or `webhooks`"
        }
        (true, _) if is_off => "alarms.enabled: it is false, so the receivers are told of nothing",
        (true | false, _) => return Vec::new(),
    };
    vec![what.to_owned()]
}

/// An alarm that waits for so long is not refreshed by promlinks that restarted together before it
/// has ended.
fn flapping(settings: &Settings) -> Option<String> {
    let rules = settings.links.iter().map(|link| &link.alarms).chain([&settings.alarms.rules]);
    let longest = rules.map(|rules| rules.timing.longest()).max().unwrap_or_default();
    (settings.alarms.resolve == Resolve::Expire && longest > LONGEST_WAIT).then(|| {
        "alarms.for: with `resolve: expire`, an alarm that waits for more than 1h ends and begins \
         again when all promlinks restart together"
            .to_owned()
    })
}

/// The files of those who are told of alarms.
fn receivers(alarms: &AlarmSettings) -> Vec<(String, Vec<&Path>)> {
    let mut ends = Vec::new();
    for one in &alarms.alertmanagers {
        ends.push((format!("alarms.alertmanagers: {}", one.name), files(&one.endpoint.http)));
    }
    for one in &alarms.webhooks {
        let paths = files(&one.http).into_iter().chain(file(&one.url)).collect();
        ends.push((format!("alarms.webhooks: {}", one.name), paths));
    }
    if let Some(beat) = &alarms.heartbeat {
        let urls = [Some(&beat.url), beat.fail_url.as_ref()].into_iter().flatten();
        let paths = files(&beat.http).into_iter().chain(urls.filter_map(file)).collect();
        ends.push(("alarms.heartbeat".to_owned(), paths));
    }
    ends
}

/// Whether it opens; a pipe would wait for a writer, and is refused at each use as well.
fn open(path: &Path) -> io::Result<File> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("is no regular file"));
    }
    if metadata.len() == 0 {
        return Err(io::Error::other("it is empty"));
    }
    File::open(path)
}

fn files(http: &HttpOptions) -> Vec<&Path> {
    let secrets = http.secrets().filter_map(|(_, secret)| file(secret));
    let tls = [&http.tls.ca_file, &http.tls.cert_file, &http.tls.key_file];
    secrets.chain(tls.into_iter().filter_map(|path| path.as_deref())).collect()
}

fn file(secret: &Secret) -> Option<&Path> {
    match secret {
        Secret::File(path) => Some(path),
        Secret::Value(_) => None,
    }
}

#[cfg(test)]
mod tests;
