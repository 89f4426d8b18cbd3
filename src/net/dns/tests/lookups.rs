//! Names: literals, files, the search list, aliases, and whose failure is told.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const POD: &str = "search default.svc.cluster.local svc.cluster.local cluster.local\n\
                   options ndots:5\n";

#[tokio::test]
async fn both_families_are_found_and_the_ttl_is_the_least() {
    let server = Server::start(|heard| {
        heard.answer([a(&heard.name, "10.0.0.7"), aaaa(&heard.name, "fd00::7")])
    })
    .await;
    let resolver = resolver(&server);
    let lookup = resolver.lookup("prometheus.example", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7"), ip("fd00::7")]));
    assert_eq!(lookup.source, Source::Dns);
    assert_eq!(lookup.name_that_hit.as_deref(), Some("prometheus.example"));
    assert_eq!(lookup.ttl, Some(Duration::from_secs(3)));
    assert_eq!(lookup.attempts.len(), 2);
    for attempt in &lookup.attempts {
        assert_eq!((attempt.server, attempt.resends), (server.address, 0));
        assert_eq!((attempt.over_tcp, &attempt.failure), (false, &None));
        assert!(attempt.took <= lookup.took);
    }
}

#[tokio::test]
async fn one_family_is_enough() {
    let server = Server::start(|heard| {
        if heard.kind == RecordType::A {
            heard.deny(ResponseCode::ServFail, None)
        } else {
            heard.answer([aaaa(&heard.name, "fd00::7")])
        }
    })
    .await;
    let lookup = resolver(&server).lookup("prometheus.example", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("fd00::7")]));
}

#[tokio::test]
async fn a_silent_family_does_not_hold_up_the_other() {
    let server = Server::start(|heard| {
        let four = heard.kind == RecordType::A;
        if four { heard.answer([a(&heard.name, "10.0.0.7")]) } else { Vec::new() }
    })
    .await;
    let lookup = resolver(&server).lookup("prometheus.example", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert!(lookup.took < DNS_SERVER_WAIT, "{:?}", lookup.took);
}

#[tokio::test]
async fn a_denial_names_who_denied() {
    let server = Server::start(Heard::nxdomain).await;
    let lookup =
        resolver(&server).lookup("nobody.monitoring.svc.cluster.local", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::NxDomain));
    assert_eq!(lookup.denied_by.as_deref(), Some("cluster.local"));
    assert_eq!(lookup.attempts[0].denied_by.as_deref(), Some("cluster.local"));
}

#[tokio::test]
async fn no_data_is_not_no_name() {
    let server = Server::start(|heard| heard.answer([])).await;
    let lookup = resolver(&server).lookup("monitoring.svc.cluster.local", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::NoData));
    assert_eq!(lookup.denied_by.as_deref(), Some("cluster.local"));
}

#[tokio::test]
async fn servfail_with_serial_0_is_a_server_that_is_not_yet_synchronised() {
    let server =
        Server::start(|heard| heard.deny(ResponseCode::ServFail, Some(soa("cluster.local", 0))))
            .await;
    let lookup = resolver(&server).lookup("prometheus.example", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::ServFail { unsynchronised: true }));

    let server = Server::start(|heard| heard.deny(ResponseCode::ServFail, None)).await;
    let lookup = resolver(&server).lookup("prometheus.example", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::ServFail { unsynchronised: false }));
}

/// Behind the address of a cluster's DNS are several pods, of which one may be ill.
#[tokio::test]
async fn a_server_that_could_not_answer_is_asked_once_more() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |heard| match asked.fetch_add(1, Ordering::Relaxed) {
        // The first question of each family.
        0 | 1 => heard.deny(ResponseCode::ServFail, None),
        _ => heard.answer([a("prometheus.example", "10.0.0.7")]),
    })
    .await;
    let lookup = resolver(&server).lookup("prometheus.example.", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    let failed = |attempt: &&Attempt| matches!(attempt.failure, Some(DnsFailure::ServFail { .. }));
    assert_eq!(lookup.attempts.iter().filter(failed).count(), 2);

    let server = Server::start(|heard| heard.deny(ResponseCode::Refused, None)).await;
    let lookup = resolver(&server).lookup("prometheus.example.", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::Refused));
    assert_eq!(lookup.attempts.len(), 4, "twice for each family, and no more");
}

#[tokio::test]
async fn literals_files_and_localhost_ask_nobody() {
    let server = Server::start(Heard::nxdomain).await;
    let resolver = resolver_of(vec![server.address], POD, "10.0.0.9 Grafana\n");
    for (host, source, address) in [
        ("10.0.0.7", Source::Literal, "10.0.0.7"),
        ("fd00::7", Source::Literal, "fd00::7"),
        ("grafana", Source::Hosts, "10.0.0.9"),
        ("grafana.", Source::Hosts, "10.0.0.9"),
        ("LocalHost", Source::Localhost, "127.0.0.1"),
    ] {
        let lookup = resolver.lookup(host, None, soon()).await;
        assert_eq!(lookup.source, source, "{host}");
        assert_eq!(lookup.result.unwrap()[0], ip(address), "{host}");
    }
    assert!(server.is_untouched());
}

#[tokio::test]
async fn the_file_wins_over_the_built_in_localhost() {
    let resolver = resolver_of(Vec::new(), "", "127.0.0.2 localhost\n");
    let lookup = resolver.lookup("localhost", None, soon()).await;
    assert_eq!((lookup.source, lookup.result), (Source::Hosts, Ok(vec![ip("127.0.0.2")])));
}

#[tokio::test]
async fn what_cannot_be_a_name_is_asked_of_nobody() {
    let server = Server::start(Heard::nxdomain).await;
    let resolver = resolver(&server);
    let long = "a".repeat(64);
    for host in ["", ".", "a..b", "-a.b", "a b", "1.2.3", "prometheus:9090", "grün.example", &long]
    {
        let lookup = resolver.lookup(host, None, soon()).await;
        assert_eq!(lookup.result, Err(DnsFailure::InvalidName), "{host}");
    }
    assert!(server.is_untouched());
}

#[tokio::test]
async fn the_search_list_is_walked_until_a_hit() {
    let server = Server::start(|heard| match heard.name.as_str() {
        "prometheus-k8s.monitoring.svc.cluster.local" => heard.answer([a(&heard.name, "10.0.0.7")]),
        _ => heard.nxdomain(),
    })
    .await;
    let resolver = resolver_of(vec![server.address], POD, "");
    let lookup = resolver.lookup("prometheus-k8s.monitoring", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    let hit = "prometheus-k8s.monitoring.svc.cluster.local";
    assert_eq!(lookup.name_that_hit.as_deref(), Some(hit));
    assert_eq!(server.names(), ["prometheus-k8s.monitoring.default.svc.cluster.local", hit]);
    assert_eq!(lookup.attempts.len(), 4);

    let lookup = resolver.lookup("prometheus-k8s.monitoring", Some(hit), soon()).await;
    assert_eq!(lookup.name_that_hit.as_deref(), Some(hit));
    assert_eq!(server.names().len(), 3, "the hint alone was asked");

    let lookup = resolver.lookup("prometheus-k8s.monitoring", Some("elsewhere"), soon()).await;
    assert_eq!(lookup.name_that_hit.as_deref(), Some(hit));
    assert!(!server.names().contains(&"elsewhere".to_owned()));
}

#[tokio::test]
async fn a_hint_that_no_longer_hits_is_followed_by_the_others() {
    let server = Server::start(|heard| match heard.name.as_str() {
        "prometheus.svc.cluster.local" => heard.answer([a(&heard.name, "10.0.0.7")]),
        _ => heard.nxdomain(),
    })
    .await;
    let resolver = resolver_of(vec![server.address], POD, "");
    let lookup = resolver.lookup("prometheus", Some("prometheus"), soon()).await;
    assert_eq!(lookup.name_that_hit.as_deref(), Some("prometheus.svc.cluster.local"));
    assert_eq!(server.names()[0], "prometheus");
}

#[tokio::test]
async fn a_trailing_dot_asks_one_name() {
    let server = Server::start(Heard::nxdomain).await;
    let resolver = resolver_of(vec![server.address], POD, "");
    let lookup = resolver.lookup("prometheus.monitoring.", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::NxDomain));
    assert_eq!(server.names(), ["prometheus.monitoring"]);
}

#[tokio::test]
async fn a_server_failure_is_not_hidden_by_a_later_denial() {
    let server = Server::start(|heard| match heard.name.as_str() {
        "prometheus.monitoring.svc.cluster.local" => heard.deny(ResponseCode::ServFail, None),
        _ => heard.nxdomain(),
    })
    .await;
    let resolver = resolver_of(vec![server.address], POD, "");
    let lookup = resolver.lookup("prometheus.monitoring", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::ServFail { unsynchronised: false }));
    assert_eq!(server.names().last().unwrap(), "prometheus.monitoring");
}

#[tokio::test]
async fn the_denial_of_the_name_as_written_counts() {
    let server = Server::start(|heard| match heard.name.as_str() {
        "prometheus.example.com" => heard.deny(ResponseCode::NXDomain, Some(soa("com", 7))),
        _ => heard.nxdomain(),
    })
    .await;
    for ndots in ["options ndots:1\n", "options ndots:5\n"] {
        let resolver = resolver_of(vec![server.address], &[POD, ndots].concat(), "");
        let lookup = resolver.lookup("prometheus.example.com", None, soon()).await;
        assert_eq!(lookup.denied_by.as_deref(), Some("com"), "{ndots}");
    }
}

#[tokio::test]
async fn aliases_are_followed_within_one_answer() {
    let server = Server::start(|heard| {
        heard.answer([
            cname(&heard.name, "b.example"),
            cname("b.example", "c.example"),
            a("c.example", "10.0.0.7"),
        ])
    })
    .await;
    let lookup = resolver(&server).lookup("external.example", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert_eq!(lookup.ttl, Some(Duration::from_secs(2)));
    assert_eq!(server.names(), ["external.example"]);
}

/// For Go and every libc as well: none of them asks for what an alias stands for.
#[tokio::test]
async fn an_alias_alone_has_no_address() {
    let server = Server::start(|heard| match heard.name.as_str() {
        "external.example" => {
            heard.answer([cname(&heard.name, "b.example"), cname("b.example", "c.example")])
        }
        "c.example" => heard.answer([a(&heard.name, "10.0.0.7"), aaaa(&heard.name, "fd00::7")]),
        _ => heard.nxdomain(),
    })
    .await;
    let lookup = resolver(&server).lookup("external.example", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::NoData));
    assert_eq!(server.names(), ["external.example", "c.example"]);
    let aliases = lookup.attempts.iter().filter_map(|attempt| attempt.alias.as_deref());
    assert_eq!(aliases.collect::<Vec<_>>(), ["c.example", "c.example"]);
}

/// RFC 8020: there is nothing at a name that does not exist, whatever the kind.
#[tokio::test]
async fn no_name_for_ipv4_is_no_name_for_ipv6() {
    let server = Server::start(|heard| match heard.name.as_str() {
        _ if heard.kind == RecordType::AAAA => Vec::new(),
        "prometheus.monitoring.svc.cluster.local" => heard.answer([a(&heard.name, "10.0.0.7")]),
        _ => heard.nxdomain(),
    })
    .await;
    let resolver = resolver_of(vec![server.address], POD, "");
    let lookup = resolver.lookup("prometheus.monitoring", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
    assert!(lookup.took < DNS_LAST_SERVER_WAIT, "{:?}", lookup.took);
    let lookup = resolver.lookup("nobody.example.", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::NxDomain));
}

/// RFC 4074 §4.2: some servers deny the name where they only lack IPv6.
#[tokio::test]
async fn no_name_for_ipv6_is_not_no_name_for_ipv4() {
    let first =
        Server::start(
            |heard| {
                if heard.kind == RecordType::AAAA { heard.nxdomain() } else { Vec::new() }
            },
        )
        .await;
    let second = Server::start(|heard| heard.answer([a(&heard.name, "10.0.0.7")])).await;
    let resolver = resolver_of(vec![first.address, second.address], "", "");
    let lookup = resolver.lookup("prometheus.example", None, soon()).await;
    assert_eq!(lookup.result, Ok(vec![ip("10.0.0.7")]));
}

#[tokio::test]
async fn the_end_of_a_chain_fails_for_the_whole() {
    let server = Server::start(|heard| match heard.name.as_str() {
        "external.example" => heard.answer([cname(&heard.name, "gone.example")]),
        _ => heard.deny(ResponseCode::ServFail, None),
    })
    .await;
    let lookup = resolver(&server).lookup("external.example", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::ServFail { unsynchronised: false }));
}

#[tokio::test]
async fn aliases_that_never_end_are_malformed() {
    let server = Server::start(|heard| {
        let next = format!("x{}", heard.name);
        heard.answer([cname(&heard.name, &next)])
    })
    .await;
    let lookup = resolver(&server).lookup("loop.example", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::Malformed));
    assert_eq!(server.names().len(), 9);

    let server = Server::start(|heard| {
        heard.answer([cname("a.example", "b.example"), cname("b.example", "a.example")])
    })
    .await;
    let lookup = resolver(&server).lookup("a.example", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::Malformed));
}

#[tokio::test]
async fn srv_of_a_plain_name_lists_its_ports() {
    let server = Server::start(|heard| {
        let port = |port| {
            let data = SRV::new(0, 50, port, name("http-web.monitoring.svc.cluster.local"));
            Resource::from_rdata(name(&heard.name), 5, RData::SRV(data))
        };
        heard.answer([port(9090), port(8080)])
    })
    .await;
    let resolver = resolver(&server);
    let asked = resolver.ask("http-web.monitoring.svc.cluster.local.", Kind::Srv, soon()).await;
    let srv =
        |port| Record::Srv { port, target: "http-web.monitoring.svc.cluster.local".to_owned() };
    assert_eq!(asked.result, Ok(vec![srv(9090), srv(8080)]));
    assert_eq!(asked.attempts.len(), 1);
}

#[tokio::test]
async fn a_suffix_that_makes_the_name_too_long_is_passed_over() {
    let server = Server::start(Heard::nxdomain).await;
    let long = ["a".repeat(60).as_str(); 4].join(".");
    let resolver = resolver_of(vec![server.address], &format!("search {long}\n"), "");
    let lookup = resolver.lookup("prometheus.example", None, soon()).await;
    assert_eq!(lookup.result, Err(DnsFailure::NxDomain));
}
