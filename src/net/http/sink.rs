//! Where a body goes: decompressed as it comes, and never more than the cap.

use std::io::{self, ErrorKind, Write};

use flate2::write::MultiGzDecoder;

/// Takes in a body piece by piece.
#[derive(Debug)]
pub struct Sink {
    way: Way,
    empty: bool,
    spoilt: bool,
}

#[derive(Debug)]
enum Way {
    Plain(Capped),
    /// Boxed because its window and its buffer are 32 KiB each.
    Gzip(Box<MultiGzDecoder<Capped>>),
}

/// Bytes up to a cap.
#[derive(Debug, Default)]
struct Capped {
    bytes: Vec<u8>,
    cap: usize,
    cut: bool,
}

/// What remained of a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// At most the cap.
    pub bytes: Vec<u8>,
    /// There was more.
    pub cut: bool,
    /// It said that it is gzip and is not, or not all of it came.
    pub broken: bool,
}

// === impl Sink ===

impl Sink {
    /// A sink for a body of this `Content-Encoding`. Another encoding than the one that we asked
    /// for is left as it is: its bytes are evidence.
    pub fn new(encoding: Option<&str>, cap: usize) -> Self {
        let encoding = encoding.map_or("", str::trim);
        let gzip = encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip");
        let capped = Capped { cap, ..Capped::default() };
        let way = if gzip {
            Way::Gzip(Box::new(MultiGzDecoder::new(capped)))
        } else {
            Way::Plain(capped)
        };
        Self { way, empty: true, spoilt: false }
    }

    /// Takes in one piece; false when it takes no more.
    pub fn push(&mut self, piece: &[u8]) -> bool {
        self.empty &= piece.is_empty();
        let taken = match &mut self.way {
            Way::Plain(capped) => capped.write_all(piece),
            Way::Gzip(decoder) => decoder.write_all(piece),
        };
        self.spoilt |= taken.is_err();
        !self.spoilt
    }

    /// What came in so far; `whole` when that was the end of the body.
    pub fn finish(self, whole: bool) -> Kept {
        let (Capped { bytes, cut, .. }, ended) = match self.way {
            Way::Plain(capped) => (capped, Ok(())),
            Way::Gzip(mut decoder) => {
                let ended = decoder.try_finish();
                (std::mem::take(decoder.get_mut()), ended)
            }
        };
        // No body at all, as with a redirect, is no broken one.
        let broken = !cut && (self.spoilt || (whole && !self.empty && ended.is_err()));
        Kept { bytes, cut, broken }
    }
}

// === impl Capped ===

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let room = self.cap - self.bytes.len();
        self.bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
        self.cut |= piece.len() > room;
        if self.cut { Err(ErrorKind::FileTooLarge.into()) } else { Ok(piece.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
