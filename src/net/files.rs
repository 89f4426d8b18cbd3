//! Small files that configuration points at: read whole, never more than a cap.

use std::fmt::Display;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::Path;

/// What the system knows of a regular file.
///
/// # Errors
/// It cannot be looked at, or it is something else: opening a pipe would wait for a writer.
pub fn look(path: &Path) -> Result<Metadata, String> {
    let metadata = fs::metadata(path).map_err(|error| say(path, error))?;
    if metadata.is_file() { Ok(metadata) } else { Err(say(path, "is no regular file")) }
}

/// The content of a regular file.
///
/// # Errors
/// It cannot be read, or it is larger than `cap` bytes.
pub fn read(path: &Path, cap: u64) -> Result<Vec<u8>, String> {
    look(path)?;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| say(path, error))?;
    file.take(cap + 1).read_to_end(&mut bytes).map_err(|error| say(path, error))?;
    if bytes.len() as u64 > cap {
        return Err(say(path, format_args!("is larger than {} KiB", cap >> 10)));
    }
    Ok(bytes)
}

/// `path: what`, as all errors of files read.
pub fn say(path: &Path, what: impl Display) -> String {
    format!("{}: {what}", path.display())
}
