use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::timeout;

use super::*;
use crate::demo::standin::ANY_PORT;

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_str(name).unwrap(), kind));
    message.to_vec().unwrap()
}

async fn raw(dns: &Dns, name: &str, kind: RecordType) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind(ANY_PORT).await?;
    socket.connect(dns.address()).await?;
    socket.send(&question(name, kind)).await?;
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await?;
    buffer.truncate(length);
    Ok(buffer)
}

async fn ask(dns: &Dns, name: &str, kind: RecordType) -> Message {
    let message = Message::from_vec(&raw(dns, name, kind).await.unwrap()).unwrap();
    assert_eq!((message.metadata.id, message.queries.len()), (77, 1));
    message
}

async fn ask_tcp(dns: &Dns, name: &str, kind: RecordType) -> Message {
    let mut stream = TcpStream::connect(dns.address()).await.unwrap();
    let question = question(name, kind);
    stream.write_u16(question.len() as u16).await.unwrap();
    stream.write_all(&question).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

/// Code, answers, and the owner of the SOA with its serial: one line a recording has too.
fn shown(message: &Message) -> String {
    let code = message.metadata.response_code;
    let records: Vec<String> = message
        .answers
        .iter()
        .map(|record| format!("{} {}", record.ttl, record.data))
        .chain(message.authorities.iter().filter_map(|record| {
            let RData::SOA(soa) = &record.data else { return None };
            Some(format!("SOA {} {}", record.name, soa.serial))
        }))
        .collect();
    format!("{code:?}: {}", records.join(", "))
}

fn zone() -> Zone {
    let ip = |last| Ipv4Addr::new(127, 0, 0, last);
    let mut zone = Zone::default()
        .with("prometheus-k8s", "web", SocketAddr::V4(SocketAddrV4::new(ip(1), 9090)))
        .with("http-web", "http-web", SocketAddr::V4(SocketAddrV4::new(ip(2), 9090)));
    let mut add = |name: &str, service: Service| {
        zone.services.insert(("monitoring".to_owned(), name.to_owned()), service);
    };
    let ports = vec![("web".to_owned(), 9090)];
    let headless = Service { headless: true, ports, ..Service::default() };
    add("prometheus-operated", Service { addresses: vec![ip(3), ip(4)], ..headless.clone() });
    add("headless-empty", headless);
    let external = |name: &str| Service { external: Some(name.to_owned()), ..Service::default() };
    add("external", external("prometheus.example.com"));
    add("outside", external("grafana.example.org"));
    add("chain", external("outside.monitoring.svc.cluster.local"));
    add("gone", external("nobody.monitoring.svc.cluster.local"));
    add("loop", external("loop.monitoring.svc.cluster.local"));
    let six = vec!["fd00::1".parse().unwrap()];
    add("dual", Service { addresses: vec![ip(6)], addresses_six: six, ..Service::default() });
    let key = ("monitoring".to_owned(), "http-web".to_owned());
    let ports = &mut zone.services.get_mut(&key).unwrap().ports;
    ports.push(("reloader-web".to_owned(), 8080));
    zone.outside.insert("grafana.example.org".to_owned(), ip(5));
    zone
}

#[tokio::test]
async fn it_answers_as_coredns_does() {
    let dns = start(ANY_PORT, zone()).await.unwrap();
    const DENIED: &str = "SOA cluster.local. 1795403024";
    use RecordType::{A, AAAA, CNAME, SRV, TXT};
    for (name, kind, wanted) in [
        ("prometheus-k8s.monitoring.svc.cluster.local.", A, "NoError: 5 127.0.0.1"),
        ("PROMETHEUS-K8S.Monitoring.SVC.cluster.local.", A, "NoError: 5 127.0.0.1"),
        ("prometheus-k8s.monitoring.svc.cluster.local.", AAAA, "NoError: DENIED"),
        (
            "prometheus-k8s.monitoring.svc.cluster.local.",
            SRV,
            "NoError: 5 0 100 9090 prometheus-k8s.monitoring.svc.cluster.local.",
        ),
        (
            "_web._tcp.prometheus-k8s.monitoring.svc.cluster.local.",
            SRV,
            "NoError: 5 0 100 9090 prometheus-k8s.monitoring.svc.cluster.local.",
        ),
        ("_metrics._tcp.prometheus-k8s.monitoring.svc.cluster.local.", SRV, "NXDomain: DENIED"),
        (
            "http-web.monitoring.svc.cluster.local.",
            SRV,
            "NoError: 5 0 50 9090 http-web.monitoring.svc.cluster.local., \
             5 0 50 8080 http-web.monitoring.svc.cluster.local.",
        ),
        (
            "prometheus-operated.monitoring.svc.cluster.local.",
            A,
            "NoError: 5 127.0.0.3, 5 127.0.0.4",
        ),
        (
            "prometheus-operated.monitoring.svc.cluster.local.",
            SRV,
            "NoError: 5 0 50 9090 127-0-0-3.prometheus-operated.monitoring.svc.cluster.local., \
             5 0 50 9090 127-0-0-4.prometheus-operated.monitoring.svc.cluster.local.",
        ),
        ("127-0-0-3.prometheus-operated.monitoring.svc.cluster.local.", A, "NoError: 5 127.0.0.3"),
        ("headless-empty.monitoring.svc.cluster.local.", A, "NXDomain: DENIED"),
        ("external.monitoring.svc.cluster.local.", A, "NoError: 5 prometheus.example.com."),
        ("external.monitoring.svc.cluster.local.", SRV, "NoError: DENIED"),
        (
            "chain.monitoring.svc.cluster.local.",
            A,
            "NoError: 5 outside.monitoring.svc.cluster.local., 5 grafana.example.org., 5 127.0.0.5",
        ),
        (
            "chain.monitoring.svc.cluster.local.",
            CNAME,
            "NoError: 5 outside.monitoring.svc.cluster.local.",
        ),
        ("gone.monitoring.svc.cluster.local.", A, "NoError: DENIED"),
        ("dual.monitoring.svc.cluster.local.", A, "NoError: 5 127.0.0.6"),
        ("dual.monitoring.svc.cluster.local.", AAAA, "NoError: 5 fd00::1"),
        ("nobody.monitoring.svc.cluster.local.", A, "NXDomain: DENIED"),
        ("prometheus-k8s.nowhere.svc.cluster.local.", A, "NXDomain: DENIED"),
        ("nowhere.svc.cluster.local.", A, "NXDomain: DENIED"),
        ("prometheus-k8s.monitoring.cluster.local.", A, "NXDomain: DENIED"),
        ("monitoring.svc.cluster.local.", A, "NoError: DENIED"),
        ("svc.cluster.local.", A, "NoError: DENIED"),
        ("cluster.local.", A, "NoError: DENIED"),
        ("dns-version.cluster.local.", TXT, "NoError: 30 1.1.0"),
        ("grafana.example.org.", A, "NoError: 30 127.0.0.5"),
        ("svc.cluster.example.", A, "NXDomain: SOA . 1"),
    ] {
        let wanted = wanted.replace("DENIED", DENIED);
        assert_eq!(shown(&ask(&dns, name, kind).await), wanted, "{name} {kind}");
        assert_eq!(shown(&ask_tcp(&dns, name, kind).await), wanted, "{name} {kind}");
    }
    dns.edit(|zone| zone.forwards = false);
    assert_eq!(shown(&ask(&dns, "svc.cluster.example.", A).await), "ServFail: ");
    let seen = dns.seen();
    assert_eq!(seen[0], "prometheus-k8s.monitoring.svc.cluster.local A udp");
    assert_eq!(seen[1], "prometheus-k8s.monitoring.svc.cluster.local A tcp");
}

#[tokio::test]
async fn it_fails_as_told() {
    let dns = start(ANY_PORT, zone()).await.unwrap();
    const NAME: &str = "prometheus-k8s.monitoring.svc.cluster.local.";
    use RecordType::A;
    for (fault, wanted) in [
        (Fault::ServFail, "ServFail: "),
        (Fault::Refused, "Refused: "),
        (Fault::Unsynchronised, "ServFail: SOA cluster.local. 0"),
        (Fault::NxDomainAll, "NXDomain: SOA cluster.local. 1795403024"),
        (Fault::Slow(Duration::from_millis(20)), "NoError: 5 127.0.0.1"),
        (Fault::Lame, "NoError: "),
        (Fault::Six(&Fault::ServFail), "NoError: 5 127.0.0.1"),
        (Fault::Outside(&Fault::ServFail), "NoError: 5 127.0.0.1"),
    ] {
        dns.set(fault).await;
        assert_eq!(shown(&ask(&dns, NAME, A).await), wanted, "{fault:?}");
    }
    dns.set(Fault::Unsynchronised).await;
    let version = ask(&dns, "dns-version.cluster.local.", RecordType::TXT).await;
    assert_eq!(version.metadata.response_code, ResponseCode::NoError);
    dns.set(Fault::Truncate).await;
    let truncated = ask(&dns, NAME, A).await;
    assert!(truncated.metadata.truncation && truncated.answers.is_empty());
    assert_eq!(ask_tcp(&dns, NAME, A).await.answers.len(), 1);
    dns.set(Fault::Six(&Fault::ServFail)).await;
    assert_eq!(shown(&ask(&dns, NAME, RecordType::AAAA).await), "ServFail: ");
    dns.set(Fault::Outside(&Fault::ServFail)).await;
    assert_eq!(shown(&ask(&dns, "grafana.example.org.", A).await), "ServFail: ");
    dns.set(Fault::BareAlias).await;
    let outside = ask(&dns, "outside.monitoring.svc.cluster.local.", A).await;
    assert_eq!(shown(&outside), "NoError: 5 grafana.example.org.");
    let endless = ask(&dns, "loop.monitoring.svc.cluster.local.", A).await;
    assert_eq!(endless.answers.len(), 1);
    dns.set(Fault::TcpOnly).await;
    assert!(timeout(Duration::from_millis(50), raw(&dns, NAME, A)).await.is_err());
    assert_eq!(ask_tcp(&dns, NAME, A).await.answers.len(), 1);
    dns.set(Fault::GarbageBytes).await;
    assert!(Message::from_vec(&raw(&dns, NAME, A).await.unwrap()).is_err());
    dns.set(Fault::Silent).await;
    assert!(timeout(Duration::from_millis(50), raw(&dns, NAME, A)).await.is_err());
    dns.set(Fault::PortClosed).await;
    let refused = raw(&dns, NAME, A).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(TcpStream::connect(dns.address()).await.is_err());
    dns.set(Fault::None).await;
    assert_eq!(shown(&ask(&dns, NAME, A).await), "NoError: 5 127.0.0.1");
}
