//! Configuration: a YAML file, then the environment, then flags; every mistake reported at once.

mod alarms;
mod assertions;
mod check;
mod discover;
mod files;
mod http;
mod link;
mod node;
mod origin;
mod show;
mod source;
mod words;
mod yaml;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use node::Node;
use origin::Problems;

use crate::link::alarm::AlarmSettings;
use crate::link::discover::Discover;
use crate::link::{Grafana, GrafanaName, Link};
pub use files::warnings;
pub use node::nearest;
pub use origin::ConfigErrors;
pub use show::show;
pub use words::meant;

/// A commented file to begin with, for `config default`.
pub const DEFAULT_FILE: &str = include_str!("config/default.yml");

/// Everything that a start or a reload needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The links, sorted by name.
    pub links: Vec<Link>,
    /// Every Grafana, also one that no link uses.
    pub grafanas: BTreeMap<GrafanaName, Arc<Grafana>>,
    /// Of which Grafanas the data sources are found.
    pub discover: BTreeMap<GrafanaName, Arc<Discover>>,
    /// What replaces the system's resolver settings.
    pub dns: DnsOverrides,
    /// What we serve.
    pub web: Web,
    /// What we log.
    pub log: Log,
    /// What is worth waking somebody for, and who is told.
    pub alarms: AlarmSettings,
    /// The file that it came from, if there was one.
    pub file: Option<PathBuf>,
}

/// What replaces the system's resolver settings; empty or none keeps the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsOverrides {
    /// Servers, asked in turn.
    pub servers: Vec<SocketAddr>,
    /// The search list.
    pub search: Option<Vec<String>>,
    /// From this many dots on, a name is tried as it is first.
    pub ndots: Option<usize>,
}

/// What we serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where; `[::]` means every address of both families.
    pub listen: SocketAddr,
    /// How people reach us, without a trailing slash.
    pub external_url: Option<String>,
}

/// What we log, to stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The least severe level that is written.
    pub level: Level,
    /// How a line looks.
    pub format: LogFormat,
}

/// A log level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Something is lost.
    Error,
    /// Somebody should look.
    Warn,
    /// What happens seldom.
    #[default]
    Info,
    /// What happens often.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value`.
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Where the layers come from; kept, so that a reload reads the same ones.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config.file`.
    pub file: Option<PathBuf>,
    /// What stands in place of a file, where there is none.
    pub instead: Option<Vec<u8>>,
    /// The environment; only `PROMLINK__…` is read.
    pub env: Vec<(OsString, OsString)>,
    /// Flags that set keys.
    pub flags: Vec<Flag>,
    /// The [`fingerprint`] of the file as it was loaded last: a reload need not read that again.
    pub loaded: Option<u64>,
}

/// A flag that sets a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As the user wrote it: `--web.listen-address`.
    pub name: &'static str,
    /// The key that it sets: `["web", "listen_address"]`.
    pub path: &'static [&'static str],
    /// Its value.
    pub value: String,
}

/// The directory in which relative paths of the file begin; others begin in the working directory.
#[derive(Debug)]
struct Base(PathBuf);

/// Reads and checks every layer.
///
/// # Errors
/// Every mistake that was found, one line each.
pub fn load(sources: &Sources) -> Result<Settings, ConfigErrors> {
    let bytes = read(sources)?;
    load_bytes(sources, bytes.as_deref())
}

/// The content of the file, if there is one: what a reload watches.
///
/// # Errors
/// Why it cannot be read.
pub fn read(sources: &Sources) -> Result<Option<Vec<u8>>, ConfigErrors> {
    match &sources.file {
        Some(file) => source::read_file(file).map(Some),
        None => Ok(sources.instead.clone()),
    }
}

/// Tells one content of the file from another.
#[must_use]
pub fn fingerprint(file: Option<&[u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    hasher.finish()
}

/// As [`load`], with the file's content at hand.
///
/// # Errors
/// Every mistake that was found, one line each.
pub fn load_bytes(sources: &Sources, file: Option<&[u8]>) -> Result<Settings, ConfigErrors> {
    let name = sources.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let problems = Problems::about(name);
    let base = Base::of(sources.file.as_deref());
    let settings = source::layers(sources, file, &problems).and_then(|layer| {
        let root = Node::root(&layer.value, &layer.origins, &problems);
        check::settings(&root, &base, sources.file.as_deref())
    });
    match (problems.into_errors(), settings) {
        (None, Some(settings)) => Ok(settings),
        (Some(errors), _) => Err(errors),
        (None, None) => Err(ConfigErrors::of(String::new(), "nothing is configured")),
    }
}

// === impl Sources ===

impl fmt::Debug for Sources {
    /// Without the environment, which holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, instead: _, env: _, flags, loaded: _ } = self;
        f.debug_struct("Sources").field("file", file).field("flags", flags).finish_non_exhaustive()
    }
}

// === impl Base ===

impl Base {
    fn of(file: Option<&Path>) -> Self {
        let file = file.and_then(|file| path::absolute(file).ok());
        Self(file.as_deref().and_then(Path::parent).map(PathBuf::from).unwrap_or_default())
    }

    /// The path at `node`.
    fn path(&self, node: &Node<'_>) -> Option<PathBuf> {
        words::line(node).map(|text| self.join(node, &text))
    }

    fn join(&self, node: &Node<'_>, text: &str) -> PathBuf {
        if node.is_from_file() {
            return self.0.join(text);
        }
        path::absolute(text).unwrap_or_else(|_| text.into())
    }
}

// === impl Web ===

impl Default for Web {
    fn default() -> Self {
        // 9100 to 9999 are all taken by exporters; every address of both families, as Go listens.
        Self { listen: (Ipv6Addr::UNSPECIFIED, 10079).into(), external_url: None }
    }
}

#[cfg(test)]
mod tests;
