//! A scripted server on loopback: what it is asked, and what it sends back, byte by byte.

mod lookups;
mod servers;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA, SRV};
use hickory_proto::rr::{Name, RData, Record as Resource, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::task::JoinSet;

use super::*;
use crate::clock;
use crate::net::limits::{DNS_LAST_SERVER_WAIT, DNS_RESEND_AFTER, DNS_SERVER_WAIT};

/// One question as it arrived.
struct Heard {
    name: String,
    kind: RecordType,
    over_tcp: bool,
    /// How often this name and kind were asked for before, over either.
    nth: usize,
    query: Message,
}

/// A server that answers by a script; ends when dropped.
struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<(String, RecordType)>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// `script` returns the messages to send for a question: none, one or several.
    async fn start(script: impl Fn(&Heard) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        let (udp, tcp) = both().await;
        let tcp = tcp.listen(16).unwrap();
        let address = udp.local_addr().unwrap();
        let log: Arc<Mutex<Vec<(String, RecordType)>>> = Arc::default();
        let answer = {
            let log = Arc::clone(&log);
            Arc::new(move |bytes: &[u8], over_tcp: bool| {
                let query = Message::from_vec(bytes).unwrap();
                let name = query.queries[0].name.to_ascii().trim_end_matches('.').to_owned();
                let kind = query.queries[0].query_type;
                let mut log = log.lock().unwrap();
                let nth = log.iter().filter(|entry| **entry == (name.clone(), kind)).count();
                log.push((name.clone(), kind));
                script(&Heard { name, kind, over_tcp, nth, query })
            })
        };
        let mut tasks = JoinSet::new();
        let reply = Arc::clone(&answer);
        tasks.spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, peer)) = udp.recv_from(&mut buffer).await {
                for message in reply(&buffer[..length], false) {
                    udp.send_to(&message, peer).await.unwrap();
                }
            }
        });
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let Ok(length) = stream.read_u16().await else { continue };
                let mut buffer = vec![0; length.into()];
                stream.read_exact(&mut buffer).await.unwrap();
                let messages = answer(&buffer, true);
                for message in &messages {
                    stream.write_u16(message.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(message).await.unwrap();
                }
                if messages.is_empty() {
                    std::future::pending::<()>().await;
                }
            }
        });
        Self { address, log, _tasks: tasks }
    }

    /// The names that were asked for, by A questions.
    fn names(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|(_, kind)| *kind == RecordType::A)
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn is_untouched(&self) -> bool {
        self.log.lock().unwrap().is_empty()
    }
}

/// UDP and TCP on the same port; nobody listens on the latter yet.
async fn both() -> (UdpSocket, TcpSocket) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpSocket::new_v4().unwrap();
        match tcp.bind(udp.local_addr().unwrap()) {
            Ok(()) => return (udp, tcp),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// An address where nothing listens: the port is held by a socket that hears one peer alone.
async fn dead_port() -> (SocketAddr, UdpSocket) {
    let holder = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = holder.local_addr().unwrap();
    holder.connect("127.0.0.1:9").await.unwrap();
    (address, holder)
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

fn a(owner: &str, address: &str) -> Resource {
    Resource::from_rdata(name(owner), 5, RData::A(A(address.parse().unwrap())))
}

fn aaaa(owner: &str, address: &str) -> Resource {
    Resource::from_rdata(name(owner), 3, RData::AAAA(AAAA(address.parse().unwrap())))
}

fn cname(owner: &str, target: &str) -> Resource {
    Resource::from_rdata(name(owner), 2, RData::CNAME(CNAME(name(target))))
}

fn soa(zone: &str, serial: u32) -> Resource {
    let data = SOA::new(name("ns.dns.example"), name("hostmaster"), serial, 7200, 1800, 86400, 5);
    Resource::from_rdata(name(zone), 5, RData::SOA(data))
}

impl Heard {
    fn message(&self, code: ResponseCode) -> Message {
        let mut message =
            Message::new(self.query.metadata.id, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.metadata.authoritative = true;
        message.add_queries(self.query.queries.clone());
        message
    }

    /// The records of the kind asked for, and aliases; without any it is NODATA.
    fn answer(&self, records: impl IntoIterator<Item = Resource>) -> Vec<Vec<u8>> {
        let fits = |record: &Resource| {
            record.record_type() == self.kind || record.record_type() == RecordType::CNAME
        };
        let mut message = self.message(ResponseCode::NoError);
        message.add_answers(records.into_iter().filter(fits));
        if message.answers.is_empty() {
            message.add_authority(soa("cluster.local", 7));
        }
        vec![message.to_vec().unwrap()]
    }

    fn deny(&self, code: ResponseCode, soa: Option<Resource>) -> Vec<Vec<u8>> {
        let mut message = self.message(code);
        message.add_authorities(soa);
        vec![message.to_vec().unwrap()]
    }

    fn nxdomain(&self) -> Vec<Vec<u8>> {
        self.deny(ResponseCode::NXDomain, Some(soa("cluster.local", 7)))
    }

    fn truncated(&self) -> Vec<Vec<u8>> {
        let mut message = self.message(ResponseCode::NoError);
        message.metadata.truncation = true;
        vec![message.to_vec().unwrap()]
    }
}

fn resolver_of(servers: Vec<SocketAddr>, resolv: &str, hosts: &str) -> Resolver {
    let settings = DnsSettings { servers, ..DnsSettings::from_texts(resolv, hosts) };
    Resolver::new(settings, Arc::default())
}

fn resolver(server: &Server) -> Resolver {
    resolver_of(vec![server.address], "", "")
}

fn soon() -> Instant {
    clock::deadline(Duration::from_secs(5))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
