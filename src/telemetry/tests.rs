use std::sync::{Arc, Mutex};

use super::*;

/// Collects what is written.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stderr that was closed.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn logged(log: Log) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    tracing::subscriber::with_default(subscriber(log, move || writer.clone()), || {
        tracing::warn!(target: "promlink::keeper", link = "a b", "link\nbroken");
        tracing::debug!(target: "promlink::keeper", "detail");
        tracing::info!(target: "hyper", "noise");
    });
    String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
}

/// The line without its time, which must be RFC 3339 in UTC.
fn timeless(line: &str, before: &str, after: char) -> String {
    let (head, rest) = line.split_once(before).unwrap();
    let (time, tail) = rest.split_once(after).unwrap();
    assert!(time.ends_with('Z') && humantime::parse_rfc3339(time).is_ok(), "{time}");
    format!("{head}{before}TIME{after}{tail}")
}

#[test]
fn logfmt_lines() {
    let lines = logged(Log { level: Level::Info, format: LogFormat::Logfmt });
    assert_eq!(lines.lines().count(), 1, "one event, one line:\n{lines}");
    expect_test::expect![[r#"
        ts=TIME level=warn target=promlink::keeper message="link\nbroken" link="a b"
    "#]]
    .assert_eq(&timeless(&lines, "ts=", ' '));
}

#[test]
fn json_lines() {
    let lines = logged(Log { level: Level::Debug, format: LogFormat::Json });
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let first = timeless(lines.lines().next().unwrap(), "\"timestamp\":\"", '"');
    expect_test::expect![[r#"
        {"timestamp":"TIME"
        ,"level":"WARN"
        ,"message":"link\nbroken"
        ,"link":"a b"
        ,"target":"promlink::keeper"}"#]]
    .assert_eq(&first.replace(",\"", "\n,\""));
}

#[test]
fn a_closed_stderr_loses_lines_and_nothing_else() {
    let mut stderr = Lossy(Closed);
    stderr.write_all(b"a line").unwrap();
    stderr.flush().unwrap();
}
