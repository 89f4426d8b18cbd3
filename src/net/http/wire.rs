//! The stream below HTTP: it marks the first byte, counts what comes in, and remembers how it
//! failed.
//!
//! hyper wraps, merges or swallows the errors of its stream; whoever must tell a reset from an
//! alert listens where they happen.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Stopwatch;
use crate::net::limits::STRANGE_BYTES;
use crate::net::stream::Stream;
use crate::net::tls::TlsFailure;

/// A stream and what was seen on it.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    marks: Marks,
}

/// What was seen on a stream; shared between it and whoever speaks over it, both of one task.
#[derive(Clone, Debug)]
pub struct Marks(Arc<Mutex<Seen>>);

/// What was seen since the request began.
#[derive(Clone, Debug)]
pub struct Seen {
    stopwatch: Stopwatch,
    /// Bytes that may still come.
    left: usize,
    /// The beginning of the answer.
    pub start: Vec<u8>,
    /// When the first byte came.
    pub first_byte: Option<Duration>,
    /// More came than was allowed.
    pub overrun: bool,
    /// The other side will send no more.
    pub closed: bool,
    /// How the stream failed.
    pub failure: Option<TlsFailure>,
}

// === impl Marks ===

impl Marks {
    /// Marks of a stream on which nothing was asked yet.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Seen::new(0))))
    }

    /// Begins a request whose answer may have `allowed` bytes.
    pub fn begin(&self, allowed: usize) {
        *self.lock() = Seen::new(allowed);
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// The time since the request began.
    pub fn elapsed(&self) -> Duration {
        self.lock().stopwatch.read()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Seen ===

impl Seen {
    fn new(allowed: usize) -> Self {
        Self {
            stopwatch: Stopwatch::start(),
            left: allowed,
            start: Vec::new(),
            first_byte: None,
            overrun: false,
            closed: false,
            failure: None,
        }
    }

    fn take_in(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            self.closed = true;
            return Ok(());
        }
        if self.first_byte.is_none() {
            self.first_byte = Some(self.stopwatch.read());
        }
        let room = STRANGE_BYTES.saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(room));
        match self.left.checked_sub(bytes.len()) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.overrun = true;
                Err(ErrorKind::FileTooLarge.into())
            }
        }
    }

    /// What says more than a broken pipe is kept, whichever came first.
    fn note(&mut self, error: &io::Error) {
        let weak = matches!(
            self.failure,
            None | Some(TlsFailure::Closed | TlsFailure::Reset | TlsFailure::Other(_))
        );
        if weak {
            self.failure = Some(TlsFailure::of(error));
        }
    }
}

// === impl Wire ===

impl Wire {
    /// Listens on `stream`.
    pub fn new(stream: Stream, marks: Marks) -> Self {
        Self { stream, marks }
    }

    /// A server that hangs up leaves an alert behind; a failed write would pass it by.
    fn note_failed_write(&mut self, cx: &mut Context<'_>, error: &io::Error) {
        let mut scratch = [0; 1];
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut ReadBuf::new(&mut scratch));
        let mut seen = self.marks.lock();
        seen.note(error);
        if let Poll::Ready(Err(better)) = read {
            seen.note(&better);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        match &polled {
            Poll::Pending => polled,
            Poll::Ready(Ok(())) => Poll::Ready(this.marks.lock().take_in(&buf.filled()[before..])),
            Poll::Ready(Err(error)) => {
                this.marks.lock().note(error);
                polled
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, buf);
        if let Poll::Ready(Err(error)) = &polled {
            this.note_failed_write(cx, error);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        if let Poll::Ready(Err(error)) = &polled {
            this.note_failed_write(cx, error);
        }
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
