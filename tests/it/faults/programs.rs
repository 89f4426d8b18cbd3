//! Real programs in the place of Prometheus, as a row wants them.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::front;
use crate::prometheus::{Mode, Prometheus, Setup};
use crate::victoria::Victoria;

/// A program, and what happens to it once it runs.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// In the web configuration, `{tls}` is the folder of certificates.
    Prometheus(Setup<'static>, fn(&mut Prometheus)),
    /// With a second server before it that tells another time, so many seconds ahead.
    Ahead(i64),
    Victoria(fn(&mut Victoria)),
}

/// A running one.
pub struct Running {
    pub address: SocketAddr,
    _program: Kept,
    _before: JoinSet<()>,
}

/// Dropping it ends it.
enum Kept {
    Prometheus(#[expect(dead_code, reason = "it lives as long")] Prometheus),
    Victoria(#[expect(dead_code, reason = "it lives as long")] Victoria),
}

/// With a sample at once: a first scrape or rule would have to be waited for.
pub const PLAIN: Setup<'static> =
    Setup { listen: "", arguments: &[], web: "", files: &[], scrape: "", mode: Mode::Block(1) };

/// It just runs.
pub fn nothing(_: &mut Prometheus) {}

// === impl Program ===

impl Program {
    /// Why it cannot be had here, if so.
    pub fn is_missing(self) -> Option<&'static str> {
        const BOTH: &[(&str, &str)] =
            &[("prometheus", "no prometheus"), ("promtool", "no promtool")];
        let needed = match self {
            Self::Prometheus(..) | Self::Ahead(_) => BOTH,
            Self::Victoria(_) => &[("victoria-metrics", "no victoria-metrics")],
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_there =
            |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        needed.iter().find(|(name, _)| !is_there(name)).map(|(_, why)| *why)
    }

    pub async fn start(self) -> Running {
        let start = tokio::task::spawn_blocking(move || self.begin());
        let (program, address) = start.await.unwrap();
        let mut running = Running { address, _program: program, _before: JoinSet::new() };
        if let Self::Ahead(seconds) = self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            running.address = listener.local_addr().unwrap();
            running._before.spawn(tell_another_time(listener, address, seconds));
        }
        running
    }

    fn begin(self) -> (Kept, SocketAddr) {
        let (setup, then): (_, fn(&mut Prometheus)) = match self {
            Self::Prometheus(setup, then) => (setup, then),
            Self::Ahead(_) => (PLAIN, nothing),
            Self::Victoria(then) => {
                let mut server = Victoria::start().unwrap();
                then(&mut server);
                let address = server.address();
                return (Kept::Victoria(server), address);
            }
        };
        let web = setup.web.replace("{tls}", &front::files().display().to_string());
        let mut server = Prometheus::start(Setup { web: &web, ..setup }).unwrap();
        then(&mut server);
        let address = server.address();
        (Kept::Prometheus(server), address)
    }
}

/// Hands everything on, and sets the clock of answers.
async fn tell_another_time(listener: TcpListener, behind: SocketAddr, seconds: i64) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let Ok(behind) = TcpStream::connect(behind).await else { return };
            let (mut asks, answers) = stream.into_split();
            let (reads, mut writes) = behind.into_split();
            tokio::select! {
                _ = copy(&mut asks, &mut writes) => {}
                _ = shift(reads, answers, seconds) => {}
            }
        });
    }
}

/// A head comes in one piece from a server that writes it at once.
async fn shift(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seconds: i64) -> io::Result<()> {
    const DATE: &[u8] = b"\r\nDate: ";
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let piece = &mut buffer[..length];
        if length == 0 {
            return Ok(());
        }
        if let Some(at) = piece.windows(DATE.len()).position(|bytes| bytes == DATE) {
            let date = httpdate::fmt_http_date(ahead(seconds));
            piece[at + DATE.len()..][..date.len()].copy_from_slice(date.as_bytes());
        }
        to.write_all(piece).await?;
    }
}

#[expect(clippy::disallowed_methods, reason = "the time of a real server")]
fn ahead(seconds: i64) -> SystemTime {
    let shift = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::now() - shift } else { SystemTime::now() + shift }
}
