//! The exchange with servers: datagrams, resends, TCP, and whose turn it is.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::clock::{self, Stopwatch};
use crate::net::dns::message::{Answer, Denied, Found, Question, Said, Unfit};
use crate::net::dns::{Attempt, DnsFailure, DnsSettings, Kind};
use crate::net::limits::{
    DNS_CNAME_HOPS, DNS_IN_FLIGHT, DNS_LAST_SERVER_WAIT, DNS_RESEND_AFTER, DNS_SERVER_WAIT,
    DNS_SILENT_FOR, DNS_UDP_BYTES,
};
use crate::selfstats::SelfStats;

/// The servers of one resolver and what is remembered of them.
#[derive(Debug)]
pub struct Servers {
    /// In the order of the configuration.
    servers: Vec<Server>,
    /// No question goes over UDP.
    tcp_alone: bool,
    in_flight: Semaphore,
    stats: Arc<SelfStats>,
}

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    /// Until when it is asked last, in milliseconds of the process's clock.
    last_until: AtomicU64,
}

/// One lookup's way along the servers.
#[derive(Debug)]
pub struct Walk<'a> {
    servers: &'a Servers,
    deadline: Instant,
    /// In the order in which they ended; both families write here.
    attempts: Mutex<Vec<Attempt>>,
    /// How long its questions waited for their turn, in microseconds: nobody but ourselves was
    /// slow then. Both families wait at once, so one of them is counted.
    queued: AtomicU64,
}

// === impl Servers ===

impl Servers {
    /// Those of `settings`, none of them known to be silent.
    pub fn new(settings: &DnsSettings, stats: Arc<SelfStats>) -> Self {
        let server = |&address| Server { address, last_until: AtomicU64::new(0) };
        Self {
            servers: settings.servers.iter().map(server).collect(),
            tcp_alone: settings.tcp_alone,
            in_flight: Semaphore::new(DNS_IN_FLIGHT),
            stats,
        }
    }

    /// The servers in the order in which they are asked now: those that kept silent last.
    fn turns(&self) -> Vec<&Server> {
        let now = millis();
        let mut turns: Vec<_> = self.servers.iter().collect();
        turns.sort_by_key(|server| server.last_until.load(Ordering::Relaxed) > now);
        turns
    }
}

impl Server {
    fn ask_last(&self) {
        let silent_for = u64::try_from(DNS_SILENT_FOR.as_millis()).unwrap_or(u64::MAX);
        self.last_until.store(millis().saturating_add(silent_for), Ordering::Relaxed);
    }
}

fn millis() -> u64 {
    u64::try_from(clock::now().mono.as_millis()).unwrap_or(u64::MAX)
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Begins a walk that ends at `deadline`.
    pub fn new(servers: &'a Servers, deadline: Instant) -> Self {
        Self { servers, deadline, attempts: Mutex::default(), queued: AtomicU64::new(0) }
    }

    /// Whether there is no time left.
    pub fn is_over(&self) -> bool {
        clock::left(self.deadline).is_zero()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it waited for its turn.
    pub fn queued(&self) -> Duration {
        Duration::from_micros(self.queued.load(Ordering::Relaxed))
    }

    /// Leave to ask; none until the deadline when too many others ask.
    async fn turn(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        let stopwatch = Stopwatch::start();
        let permit = timeout_at(self.deadline, self.servers.in_flight.acquire()).await;
        if kind != Kind::Aaaa {
            let waited = u64::try_from(stopwatch.read().as_micros()).unwrap_or(u64::MAX);
            self.queued.fetch_add(waited, Ordering::Relaxed);
        }
        permit.ok()?.ok()
    }

    /// Everything that was tried.
    pub fn into_attempts(self) -> Vec<Attempt> {
        self.attempts.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves one absolute name. An alias that comes without what it stands for has no records:
    /// neither Go nor any libc asks on, so nobody else gets there either. That it leads to a name
    /// that is not there, or to a server that fails, is the better reason, and so it is asked for.
    ///
    /// # Errors
    /// It has no records of this kind, or no server would say.
    pub async fn resolve(&self, name: &str, kind: Kind) -> Result<Found, Denied> {
        let mut alias: Option<String> = None;
        for _ in 0..=DNS_CNAME_HOPS {
            let asked = alias.as_deref().unwrap_or(name);
            let question = match Question::new(asked, kind) {
                Ok(question) => question,
                Err(DnsFailure::InvalidName) if alias.is_some() => break,
                Err(failure) => return Err(failure.into()),
            };
            let answer = self.ask(asked, kind, &question).await?;
            match answer {
                Answer::Found(found) if alias.is_none() => return Ok(found),
                Answer::Found(_) => return Err(DnsFailure::NoData.into()),
                Answer::Alias(name) => alias = Some(name),
            }
        }
        Err(DnsFailure::Malformed.into())
    }

    /// Asks the servers in turn until one answers. A denial is an answer; after a failure it is the
    /// next one's turn, and the gravest remains. Those that only could not answer are asked once
    /// more, as Go and glibc do (`attempts:2`): behind one address are several CoreDNS, and the
    /// next question may come to another one.
    async fn ask(&self, name: &str, kind: Kind, question: &Question) -> Result<Answer, Denied> {
        let turns = self.servers.turns().into_iter().map(|server| (server, false));
        let mut turns: VecDeque<(&Server, bool)> = turns.collect();
        let mut gravest: Option<DnsFailure> = None;
        while let Some((server, is_again)) = turns.pop_front() {
            if self.is_over() {
                break;
            }
            let Some(permit) = self.turn(kind).await else {
                // This server was never asked: that says nothing of it.
                let busy = DnsFailure::Local("too many DNS questions at a time".to_owned());
                gravest = Some(busy.graver(gravest));
                break;
            };
            let wait = if turns.is_empty() { DNS_LAST_SERVER_WAIT } else { DNS_SERVER_WAIT };
            let mut attempt = Attempt::begin(server.address, name, kind);
            let stopwatch = Stopwatch::start();
            let result = self.exchange(question, wait, permit, &mut attempt).await;
            attempt.took = stopwatch.read();
            match &result {
                Ok(Answer::Found(_)) => {}
                Ok(Answer::Alias(name)) => attempt.alias = Some(name.clone()),
                Err(denied) => {
                    attempt.failure = Some(denied.failure.clone());
                    attempt.denied_by.clone_from(&denied.by);
                }
            }
            if attempt.kept_silent() {
                server.ask_last();
            }
            self.lock().push(attempt);
            match result {
                Err(Denied { failure, .. }) if !failure.is_answer() => {
                    if failure.may_pass() && !is_again {
                        turns.push_back((server, true));
                    }
                    gravest = Some(failure.graver(gravest));
                }
                settled => return settled,
            }
        }
        Err(gravest.unwrap_or(DnsFailure::Timeout).into())
    }

    /// One exchange with one server: over UDP, and over TCP when that did not fit, or at once where
    /// it must be.
    async fn exchange(
        &self,
        question: &Question,
        wait: Duration,
        permit: SemaphorePermit<'_>,
        attempt: &mut Attempt,
    ) -> Result<Answer, Denied> {
        let until = || self.deadline.min(clock::deadline(wait));
        if !self.servers.tcp_alone {
            let said = self.over_udp(question, until(), permit, attempt).await.map_err(failure)?;
            if let Said::Whole(result) = said {
                return result;
            }
        }
        attempt.over_tcp = true;
        self.servers.stats.requests_dns.add_one();
        let over_tcp = timeout_at(until(), over_tcp(question, attempt.server)).await;
        over_tcp.map_err(|_| DnsFailure::Timeout)?.map_err(failure)?
    }

    /// The socket is connected, so that a dead server is told by the kernel at once, and it is this
    /// question's own: two questions from one port meet a known race in connection tracking.
    async fn over_udp(
        &self,
        question: &Question,
        until: Instant,
        permit: SemaphorePermit<'_>,
        attempt: &mut Attempt,
    ) -> io::Result<Said> {
        let any: IpAddr = match attempt.server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        socket.connect(attempt.server).await?;
        self.servers.stats.requests_dns.add_one();
        socket.send(question.datagram()).await?;
        let mut resend_at = Some(clock::deadline(DNS_RESEND_AFTER)).filter(|at| *at < until);
        let mut buffer = Vec::with_capacity(DNS_UDP_BYTES);
        let mut nothing = ErrorKind::TimedOut;
        let mut permit = Some(permit);
        loop {
            buffer.clear();
            let wake = resend_at.unwrap_or(until);
            match timeout_at(wake, socket.recv_buf(&mut buffer)).await {
                Ok(received) => match received.map(|_| question.read(&buffer))? {
                    Ok(said) => return Ok(said),
                    Err(Unfit::Stray) => {}
                    Err(Unfit::Garbage) => nothing = ErrorKind::InvalidData,
                },
                Err(_) if resend_at.take().is_some() => {
                    // The server's buffer holds it no longer; silence must not keep others waiting.
                    drop(permit.take());
                    attempt.resends += 1;
                    self.servers.stats.requests_dns.add_one();
                    socket.send(question.datagram()).await?;
                }
                Err(_) => return Err(nothing.into()),
            }
        }
    }
}

async fn over_tcp(question: &Question, server: SocketAddr) -> io::Result<Result<Answer, Denied>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(question.framed()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; length.into()];
    stream.read_exact(&mut buffer).await?;
    match question.read(&buffer) {
        Ok(Said::Whole(result)) => Ok(result),
        Ok(Said::Truncated) | Err(_) => Err(ErrorKind::InvalidData.into()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system may say anything")]
fn failure(error: io::Error) -> DnsFailure {
    match error.kind() {
        ErrorKind::TimedOut => DnsFailure::Timeout,
        ErrorKind::InvalidData => DnsFailure::Malformed,
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::PermissionDenied => DnsFailure::ServerUnreachable,
        _ => DnsFailure::Local(error.to_string()),
    }
}

// === impl Attempt ===

impl Attempt {
    fn begin(server: SocketAddr, name: &str, kind: Kind) -> Self {
        Self {
            server,
            name: name.to_owned(),
            kind,
            took: Duration::ZERO,
            resends: 0,
            over_tcp: false,
            alias: None,
            failure: None,
            denied_by: None,
        }
    }

    /// Whether the server had its full time and said nothing, or nothing that could be read; a
    /// blocked way over TCP is not silence.
    fn kept_silent(&self) -> bool {
        matches!(self.failure, Some(DnsFailure::Timeout | DnsFailure::Malformed))
            && !self.over_tcp
            && self.took >= DNS_SERVER_WAIT
    }
}
