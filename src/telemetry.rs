//! Log lines on stderr, as logfmt or JSON.
//!
//! A log that cannot be written is lost, and nothing else: a closed stderr must not end the process
//! that watches the links. So every error of writing ends here, and the subscriber's own complaint
//! about it, which would go to that same stderr and panic there, is off.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{Registry, fmt};

use crate::config::{Level, Log, LogFormat};

/// What other crates say of themselves is of interest from here on only.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// Starts logging for the whole process; a second call changes nothing.
pub fn start(log: Log) {
    // Taken already: by a test, or by an embedding program, whose choice stands.
    tracing::subscriber::set_global_default(subscriber(log, || Lossy(io::stderr()))).ok();
}

fn subscriber<W>(log: Log, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = log.level.filter();
    let targets = Targets::new().with_default(level.min(OTHERS)).with_target("promlink", level);
    let layer = match log.format {
        LogFormat::Logfmt => tracing_logfmt::builder()
            .with_span_name(false)
            .with_span_path(false)
            .layer()
            .with_writer(writer)
            .log_internal_errors(false)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(writer)
            .log_internal_errors(false)
            .boxed(),
    };
    Box::new(Registry::default().with(layer.with_filter(targets)))
}

/// A writer whose errors end here.
struct Lossy<W>(W);

impl<W: Write> Write for Lossy<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes).unwrap_or(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().ok();
        Ok(())
    }
}

impl Level {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

#[cfg(test)]
mod tests;
