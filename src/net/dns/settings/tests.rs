use super::*;

fn candidates(resolv: &str, host: &str) -> Vec<String> {
    DnsSettings::from_texts(resolv, "").candidates(host).collect()
}

const POD: &str = "search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n\
                   nameserver 10.96.0.10\noptions ndots:5\n";

#[test]
fn a_pod_s_file_is_read() {
    let settings = DnsSettings::from_texts(POD, "10.0.0.7 prometheus\n");
    assert_eq!(settings.servers, ["10.96.0.10:53".parse().unwrap()]);
    assert_eq!(settings.ndots, 5);
    assert_eq!(settings.zone(), Some("cluster.local"));
    assert_eq!(settings.hosts.get("prometheus").unwrap().len(), 1);
}

#[test]
fn what_is_strange_is_passed_over() {
    let text = "nameserver nonsense\nnameserver 10.0.0.1\nnonsense\noptions nonsense ndots:99\n\
                search . example.org. # comment\nnameserver fe80::1%eth0\n";
    let settings = DnsSettings::from_texts(text, "");
    assert_eq!(settings.servers.len(), 2);
    assert_eq!(settings.search, ["example.org"]);
    assert_eq!(settings.ndots, 15);
}

#[test]
fn an_empty_file_asks_this_machine() {
    let settings = DnsSettings::from_texts("", "");
    assert_eq!(settings.servers, ["127.0.0.1:53".parse().unwrap()]);
    assert_eq!((settings.ndots, settings.zone()), (1, None));
    assert_eq!(settings.likely_zone(), "cluster.local");
}

#[test]
fn the_last_of_search_and_domain_counts_and_three_servers_do() {
    let text = "domain a.example\nsearch b.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n\
                nameserver 10.0.0.3\nnameserver 10.0.0.4\n";
    let settings = DnsSettings::from_texts(text, "");
    assert_eq!((settings.servers.len(), settings.search), (3, vec!["b.example".to_owned()]));
}

#[test]
fn tcp_alone_is_wanted_by_its_option() {
    assert!(DnsSettings::from_texts("options ndots:5 use-vc\n", "").tcp_alone);
    assert!(!DnsSettings::from_texts("options ndots:5\n", "").tcp_alone);
}

#[test]
fn a_host_s_own_domain_is_behind_its_first_dot() {
    for (host, domain) in [
        ("web\n", None),
        ("web.\n", None),
        ("web.prod.example\n", Some("prod.example")),
        ("web.example.\n", Some("example")),
        ("", None),
    ] {
        assert_eq!(domain_of(host).as_deref(), domain, "{host}");
    }
}

#[test]
fn few_dots_ask_the_search_list_first() {
    assert_eq!(
        candidates(POD, "prometheus-k8s.monitoring"),
        [
            "prometheus-k8s.monitoring.default.svc.cluster.local",
            "prometheus-k8s.monitoring.svc.cluster.local",
            "prometheus-k8s.monitoring.cluster.local",
            "prometheus-k8s.monitoring.corp.example",
            "prometheus-k8s.monitoring",
        ]
    );
}

#[test]
fn as_many_dots_as_ndots_ask_the_name_as_it_is_first() {
    let resolv = "search a.example\noptions ndots:2\nnameserver 10.0.0.1\n";
    assert_eq!(candidates(resolv, "x.y.z"), ["x.y.z", "x.y.z.a.example"]);
    assert_eq!(candidates(resolv, "x.y"), ["x.y.a.example", "x.y"]);
}

#[test]
fn a_trailing_dot_asks_that_name_alone() {
    assert_eq!(candidates(POD, "prometheus."), ["prometheus"]);
}

#[test]
fn without_a_search_list_only_the_name_is_asked() {
    assert_eq!(candidates("", "prometheus"), ["prometheus"]);
}

/// Fuzz target, for both files at once.
#[test]
fn fuzz_resolv_conf_and_hosts() {
    let hosts = b"10.0.0.7 prometheus prometheus.example # x\n::1 localhost\n";
    crate::fuzz::run(vec![POD.into(), hosts.to_vec()], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let settings = DnsSettings::from_texts(&text, &text);
        assert!((1..=RESOLV_SERVERS).contains(&settings.servers.len()));
        assert!(settings.ndots <= RESOLV_NDOTS);
        let plain = |entry: &String| !entry.is_empty() && !entry.starts_with('.');
        assert!(settings.search.iter().all(plain), "{:?}", settings.search);
        let candidates: Vec<String> = settings.candidates("prometheus").collect();
        assert_eq!(candidates.len(), settings.search.len() + 1);
        assert!(candidates.contains(&"prometheus".to_owned()));
        for word in text.split_whitespace() {
            let found = settings.hosts.get(word);
            assert!(found.is_none_or(|found| !found.is_empty()));
            assert_eq!(found, settings.hosts.get(&word.to_ascii_uppercase()), "{word}");
        }
    });
}
