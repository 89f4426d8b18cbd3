//! The three layers: file, environment, flags; the later one wins, key by key.
//!
//! The `config` crate lays them over each other. Its own file and environment sources are not used:
//! they keep no line of a value, one of two duplicate keys, and name no variable in a mistake.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};

use super::origin::{ConfigErrors, Origins, Place, Problems};
use super::{Sources, yaml};

/// 10,000 links of 400 bytes each.
pub const MAX_FILE_BYTES: usize = 4 << 20;

const ENV_PREFIX: &str = "PROMLINK__";

/// The key under which a layer travels through `config`, which takes top-level keys for paths.
const ROOT: &str = "root";

/// A tree of values, and the tree of their places.
#[derive(Debug)]
pub struct Layer {
    /// A table.
    pub value: Value,
    /// The places of that table.
    pub origins: Origins,
}

/// The values of a layer, for the `config` crate.
#[derive(Clone, Debug)]
struct Values(Value);

/// Reads a whole file of bounded size; the error says why not.
pub fn read_file(path: &Path) -> Result<Vec<u8>, ConfigErrors> {
    let bytes = (|| {
        // Opening a pipe waits for a writer, who may never come. `<(…)` and `/dev/stdin` have one.
        if !path.starts_with("/dev") && fs::metadata(path)?.file_type().is_fifo() {
            return Err(io::Error::other("is a pipe"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    })();
    let fail = |what: String| ConfigErrors::of(path.display().to_string(), what);
    match bytes {
        Ok(bytes) if bytes.len() > MAX_FILE_BYTES => {
            Err(fail("is larger than 4 MiB; is it the right file?".to_owned()))
        }
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(fail(
            "does not exist; correct --config.file, or begin one with `promlink config default`"
                .to_owned(),
        )),
        Err(error) => Err(fail(format!("cannot be read ({error}); check --config.file"))),
    }
}

/// All layers as one; none when the file is no YAML, and then checking it makes no sense.
pub fn layers(sources: &Sources, file: Option<&[u8]>, problems: &Problems) -> Option<Layer> {
    let file = match file {
        Some(bytes) => yaml::read(decode(bytes, problems)?, problems)?,
        None => Layer::empty(),
    };
    let env = environment(&sources.env, &file.value, problems);
    let mut flags = Layer::empty();
    for flag in &sources.flags {
        let path = flag.path.iter().map(|key| (*key).to_owned()).collect();
        // Flags come from our own table, in which no two set the same key.
        flags.insert(path, flag.value.clone(), &Place::Flag(flag.name));
    }
    Some(overlaid(file, env, flags))
}

fn overlaid(file: Layer, env: Layer, flags: Layer) -> Layer {
    let mut origins = file.origins;
    origins.overlay(env.origins);
    origins.overlay(flags.origins);
    let layered = Config::builder()
        .add_source(Values(file.value))
        .add_source(Values(env.value))
        .add_source(Values(flags.value))
        .build();
    // Our sources never fail, so there is always a root.
    let root = layered.ok().and_then(|all| all.cache.into_table().ok()?.remove(ROOT));
    Layer { value: root.unwrap_or_default(), origins }
}

fn decode<'a>(bytes: &'a [u8], problems: &Problems) -> Option<&'a str> {
    match str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            let column = good.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let column = String::from_utf8_lossy(column).chars().count() + 1;
            problems.add(Place::File { line, column }, "", "is not UTF-8; save the file as UTF-8");
            None
        }
    }
}

/// `PROMLINK__WEB__LISTEN_ADDRESS` sets `web.listen_address`; an empty variable sets nothing.
fn environment(vars: &[(OsString, OsString)], file: &Value, problems: &Problems) -> Layer {
    let mut layer = Layer::empty();
    let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(ENV_PREFIX.as_bytes());
    let mut vars: Vec<_> = vars.iter().filter(|(name, _)| ours(name)).collect();
    vars.sort();
    for (name, value) in vars {
        let shown = name.to_string_lossy();
        let place = Place::Env(shown.as_ref().into());
        let (Some(path), Some(value)) = (name.to_str().and_then(env_path), value.to_str()) else {
            problems.add(place, "", "is not UTF-8, or names no key; correct or unset it");
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let Some(path) = with_name(path, file) else {
            problems.add(place, "", "fits several names in the file; set the key there");
            continue;
        };
        if !layer.insert(path, value.to_owned(), &place) {
            problems.add(place, "", "sets a key that another variable sets as well; unset one");
        }
    }
    layer
}

fn env_path(name: &str) -> Option<Vec<String>> {
    let path: Vec<_> = name.strip_prefix(ENV_PREFIX)?.split("__").map(str::to_lowercase).collect();
    path.iter().all(|key| !key.is_empty()).then_some(path)
}

/// Names of links and Grafanas may hold capitals, `-` and `.`, which variables cannot: `PROD_EU`
/// means the `prod-eu` of the file. None if it could mean several.
fn with_name(mut path: Vec<String>, file: &Value) -> Option<Vec<String>> {
    let [section, name, ..] = path.as_mut_slice() else { return Some(path) };
    let Some(names) = table(file).and_then(|file| table(file.get(section)?)) else {
        return Some(path);
    };
    if !matches!(section.as_str(), "links" | "grafanas") || names.contains_key(name) {
        return Some(path);
    }
    let plain = |name: &str| name.to_lowercase().replace(['-', '.'], "_");
    let mut fitting = names.keys().filter(|known| plain(known) == *name);
    match (fitting.next(), fitting.next()) {
        (Some(known), None) => known.clone_into(name),
        (Some(_), Some(_)) => return None,
        (None, _) => {}
    }
    Some(path)
}

fn table(value: &Value) -> Option<&Map<String, Value>> {
    if let ValueKind::Table(table) = &value.kind { Some(table) } else { None }
}

// === impl Layer ===

impl Layer {
    fn empty() -> Self {
        let value = Value::new(None, ValueKind::Table(Map::new()));
        Self { value, origins: Origins::at(Place::Whole) }
    }

    /// Sets one key; false if it, or a key above it, is set already.
    fn insert(&mut self, path: Vec<String>, text: String, place: &Place) -> bool {
        let (mut value, mut origins) = (&mut self.value, &mut self.origins);
        for key in path {
            let ValueKind::Table(table) = &mut value.kind else { return false };
            value = table.entry(key.clone()).or_default();
            if matches!(value.kind, ValueKind::Nil) {
                value.kind = ValueKind::Table(Map::new());
            }
            origins = origins.below.entry(key).or_insert_with(|| Origins::at(place.clone()));
        }
        let free = matches!(&value.kind, ValueKind::Table(table) if table.is_empty());
        if free {
            value.kind = ValueKind::String(text);
        }
        free
    }
}

impl Source for Values {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from_iter([(ROOT.to_owned(), self.0.clone())]))
    }
}
