//! Servers: dead, silent, refusing, truncating, lying, and in turn.

use futures_util::future::join_all;

use super::*;
use crate::net::limits::DNS_IN_FLIGHT;

fn good(heard: &Heard) -> Vec<Vec<u8>> {
    heard.answer([a(&heard.name, "10.0.0.7")])
}

fn silent(_: &Heard) -> Vec<Vec<u8>> {
    Vec::new()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const GOOD: &str = "prometheus.example";

#[tokio::test]
async fn a_refusing_server_is_followed_by_the_next() {
    let refusing = Server::start(|heard| heard.deny(ResponseCode::Refused, None)).await;
    let second = Server::start(good).await;
    let resolver = resolver_of(vec![refusing.address, second.address], "", "");
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    let refused = lookup.attempts.iter().find(|attempt| attempt.server == refusing.address);
    assert_eq!(refused.unwrap().failure, Some(DnsFailure::Refused));
}

#[tokio::test]
async fn a_denial_is_an_answer_and_nobody_else_is_asked() {
    let first = Server::start(Heard::nxdomain).await;
    let second = Server::start(good).await;
    let resolver = resolver_of(vec![first.address, second.address], "", "");
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::NxDomain));
    assert!(second.is_untouched());
}

#[tokio::test]
async fn other_codes_and_lame_servers_are_told_apart() {
    let server = Server::start(|heard| heard.deny(ResponseCode::NotImp, None)).await;
    let lookup = resolver(&server).lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::OtherRcode(4)));

    let server = Server::start(|heard| {
        let mut message = heard.message(ResponseCode::NoError);
        message.metadata.authoritative = false;
        vec![message.to_vec().unwrap()]
    })
    .await;
    let lookup = resolver(&server).lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::Refused));
}

#[tokio::test]
async fn an_error_may_leave_out_the_question() {
    let server = Server::start(|heard| {
        let mut message = heard.message(ResponseCode::ServFail);
        message.queries.clear();
        vec![message.to_vec().unwrap()]
    })
    .await;
    let lookup = resolver(&server).lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::ServFail { unsynchronised: false }));
}

#[tokio::test]
async fn a_dead_server_is_known_at_once() {
    let (dead, _holder) = dead_port().await;
    let resolver = resolver_of(vec![dead], "search a.example b.example\n", "");
    let lookup = resolver.lookup("prometheus", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::ServerUnreachable));
    assert!(lookup.took < DNS_SERVER_WAIT, "{:?}", lookup.took);
    assert_eq!(lookup.attempts.len(), 2, "who says nothing is not asked for the next candidate");
}

#[tokio::test]
async fn a_dead_server_is_followed_by_the_next() {
    let second = Server::start(good).await;
    let (dead, _holder) = dead_port().await;
    let resolver = resolver_of(vec![dead, second.address], "", "");
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert!(lookup.took < DNS_SERVER_WAIT, "{:?}", lookup.took);
}

#[tokio::test]
async fn a_silent_server_is_followed_by_the_next_and_then_asked_last() {
    let first = Server::start(silent).await;
    let second = Server::start(good).await;
    let resolver = resolver_of(vec![first.address, second.address], "", "");
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert!(lookup.took >= DNS_SERVER_WAIT && lookup.took < DNS_LAST_SERVER_WAIT);
    let timed_out = lookup.attempts.iter().find(|attempt| attempt.server == first.address).unwrap();
    assert_eq!((timed_out.failure.as_ref(), timed_out.resends), (Some(&DnsFailure::Timeout), 1));

    let asked_before = first.names().len();
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert!(lookup.took < DNS_SERVER_WAIT, "{:?}", lookup.took);
    assert_eq!(first.names().len(), asked_before);
}

#[tokio::test]
async fn a_server_whose_time_was_cut_short_is_not_a_silent_one() {
    let first = Server::start(silent).await;
    let second = Server::start(good).await;
    let resolver = resolver_of(vec![first.address, second.address], "", "");
    for _ in 0..2 {
        let lookup = resolver.lookup(GOOD, None, clock::deadline(millis(100))).await;
        assert_eq!(lookup.result, Err(DnsFailure::Timeout));
    }
    assert!(second.is_untouched());
}

#[tokio::test]
async fn a_blocked_way_over_tcp_is_not_silence() {
    let first =
        Server::start(|heard| if heard.over_tcp { Vec::new() } else { heard.truncated() }).await;
    let second = Server::start(good).await;
    let resolver = resolver_of(vec![first.address, second.address], "", "");
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    let lookup = resolver.lookup(GOOD, None, clock::deadline(millis(100))).await;
    assert_eq!(lookup.result, Err(DnsFailure::Timeout), "what is short fits, so it has its turn");
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again_and_counted() {
    let server = Server::start(|heard| if heard.nth == 0 { Vec::new() } else { good(heard) }).await;
    let stats: Arc<SelfStats> = Arc::default();
    let settings = DnsSettings { servers: vec![server.address], ..DnsSettings::from_texts("", "") };
    let resolver = Resolver::new(settings, Arc::clone(&stats));
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert_eq!(lookup.attempts.iter().map(|attempt| attempt.resends).collect::<Vec<_>>(), [1, 1]);
    assert!(lookup.took >= millis(400), "{:?}", lookup.took);
    assert_eq!(stats.requests_dns.get(), 4);
}

#[tokio::test]
async fn silence_about_one_candidate_is_not_silence_about_the_next() {
    let server = Server::start(|heard| match heard.name.as_str() {
        "prometheus.corp.example" => Vec::new(),
        _ => good(heard),
    })
    .await;
    let resolver = resolver_of(vec![server.address], "search corp.example\n", "");
    let lookup = resolver.lookup("prometheus", None, soon()).await;
    assert_eq!(lookup.name_that_hit.as_deref(), Some("prometheus"));
}

#[tokio::test]
async fn where_resolv_conf_wants_it_so_nothing_goes_over_udp() {
    let server = Server::start(|heard| if heard.over_tcp { good(heard) } else { Vec::new() }).await;
    let resolver = resolver_of(vec![server.address], "options use-vc\n", "");
    let lookup = resolver.lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert!(lookup.attempts.iter().all(|attempt| attempt.over_tcp && attempt.resends == 0));
    assert!(lookup.took < DNS_RESEND_AFTER, "{:?}", lookup.took);
}

#[tokio::test]
async fn what_does_not_fit_is_fetched_over_tcp() {
    let server = Server::start(|heard| {
        let many = (0..200).map(|n| a(&heard.name, &format!("10.0.1.{n}")));
        if heard.over_tcp { heard.answer(many) } else { heard.truncated() }
    })
    .await;
    let asked = resolver(&server).ask(GOOD, Kind::A, soon()).await;
    assert_eq!(asked.result.unwrap().len(), 200);
    assert!(asked.attempts[0].over_tcp);
}

#[tokio::test]
async fn truncation_in_the_middle_of_a_record_is_no_garbage() {
    let server = Server::start(|heard| {
        if heard.over_tcp {
            return good(heard);
        }
        let mut bytes = good(heard).remove(0);
        bytes[2] |= 0x02;
        bytes.truncate(bytes.len() - 3);
        vec![bytes]
    })
    .await;
    let asked = resolver(&server).ask(GOOD, Kind::A, soon()).await;
    assert_eq!(asked.result, Ok(vec![Record::Address(ip("10.0.0.7"))]));
}

#[tokio::test]
async fn a_way_that_is_open_for_udp_alone_fails_on_what_does_not_fit() {
    // Dropped on the way.
    let server =
        Server::start(|heard| if heard.over_tcp { Vec::new() } else { heard.truncated() }).await;
    let asked = resolver(&server).ask(GOOD, Kind::A, clock::deadline(millis(300))).await;
    assert_eq!(asked.result, Err(DnsFailure::Timeout));
    assert!(asked.attempts[0].over_tcp);

    // Refused: the port is served over UDP alone.
    let (udp, _closed) = both().await;
    let address = udp.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut buffer = [0; 2048];
        let (length, peer) = udp.recv_from(&mut buffer).await.unwrap();
        let mut bytes = buffer[..length].to_vec();
        bytes[2] |= 0x82;
        udp.send_to(&bytes, peer).await.unwrap();
    });
    let asked = resolver_of(vec![address], "", "").ask(GOOD, Kind::A, soon()).await;
    assert_eq!(asked.result, Err(DnsFailure::ServerUnreachable));
    assert!(asked.attempts[0].over_tcp);
}

#[tokio::test]
async fn answers_to_other_questions_are_waited_out() {
    let server = Server::start(|heard| {
        let mut wrong_id = good(heard).remove(0);
        wrong_id[0] ^= 0xff;
        let mut wrong_name = heard.message(ResponseCode::NXDomain);
        wrong_name.queries[0].name = name("other.example");
        let echo = heard.query.to_vec().unwrap();
        [vec![wrong_id, wrong_name.to_vec().unwrap(), echo], good(heard)].concat()
    })
    .await;
    let lookup = resolver(&server).lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
}

#[tokio::test]
async fn garbage_counts_only_when_nothing_better_comes() {
    let garbage = |heard: &Heard| {
        let mut bytes = good(heard).remove(0);
        bytes.truncate(bytes.len() - 3);
        vec![b"nonsense".to_vec(), bytes]
    };
    let server = Server::start(move |heard| [garbage(heard), good(heard)].concat()).await;
    let lookup = resolver(&server).lookup(GOOD, None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));

    let server = Server::start(garbage).await;
    let lookup = resolver(&server).lookup(GOOD, None, clock::deadline(millis(200))).await;
    assert_eq!(lookup.result, Err(DnsFailure::Malformed));

    // What is no message has no id that could be another one.
    let server =
        Server::start(|_: &Heard| vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]).await;
    let lookup = resolver(&server).lookup(GOOD, None, clock::deadline(millis(200))).await;
    assert_eq!(lookup.result, Err(DnsFailure::Malformed));
}

#[tokio::test]
async fn the_question_s_case_may_come_back_changed() {
    let server = Server::start(|heard| {
        let mut message = heard.message(ResponseCode::NoError);
        message.queries[0].name = message.queries[0].name.to_lowercase();
        message.add_answer(a("prometheus.example", "10.0.0.7"));
        vec![message.to_vec().unwrap()]
    })
    .await;
    let asked = resolver(&server).ask("Prometheus.EXAMPLE", Kind::A, soon()).await;
    assert_eq!(asked.result, Ok(vec![Record::Address(ip("10.0.0.7"))]));
}

#[tokio::test]
async fn the_deadline_is_kept() {
    let server = Server::start(silent).await;
    let resolver = resolver_of(vec![server.address, server.address], "search a.example\n", "");
    let lookup = resolver.lookup(GOOD, None, clock::deadline(millis(150))).await;
    assert_eq!(lookup.result, Err(DnsFailure::Timeout));
    assert!(lookup.took >= millis(150) && lookup.took < DNS_SERVER_WAIT, "{:?}", lookup.took);
    assert_eq!(lookup.attempts.len(), 2, "one of each family");

    let lookup = resolver.lookup(GOOD, None, clock::deadline(Duration::ZERO)).await;
    assert_eq!((lookup.result, lookup.attempts.len()), (Err(DnsFailure::Timeout), 0));
}

#[tokio::test]
async fn names_without_an_answer_hold_up_no_other() {
    let script = |heard: &Heard| if heard.name == GOOD { good(heard) } else { silent(heard) };
    let server = Server::start(script).await;
    let resolver = resolver(&server);
    // Two questions each: all that may be asked at a time.
    let crowd = (0..DNS_IN_FLIGHT / 2).map(|_| resolver.lookup("silent.example", None, soon()));
    let mut crowd = pin!(join_all(crowd));
    let mut beside = async |deadline| {
        let lookup = pin!(resolver.lookup(GOOD, None, deadline));
        match select(crowd.as_mut(), lookup).await {
            Either::Right((lookup, _)) => lookup,
            Either::Left(_) => panic!("the silent ones ended first"),
        }
    };
    let hurried = beside(clock::deadline(millis(50))).await;
    let Err(DnsFailure::Local(says)) = hurried.result else { panic!("{hurried:?}") };
    assert_eq!(says, "too many DNS questions at a time");
    assert!(hurried.attempts.is_empty());

    let lookup = beside(soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert!(lookup.took < DNS_RESEND_AFTER / 2, "its turn is no part of it: {:?}", lookup.took);
}
