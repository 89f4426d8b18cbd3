//! Secrets: a value, or the path of the file that holds it.
//!
//! No `Debug`, `Display` or serialisation shows the content. The file is read at each use by the
//! shell (`config::http`), so a rotated secret needs no restart; this word only says where it is.

use std::fmt;
use std::path::PathBuf;

/// What is shown in place of a secret's content.
pub const HIDDEN: &str = "<secret>";

/// A value, or the path of the file that holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The content itself, from the configuration or the environment.
    Value(String),
    /// A file whose trimmed content is the secret, read anew at each use.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str(HIDDEN),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}
