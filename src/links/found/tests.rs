use std::time::Duration;

use super::*;
use crate::link::discover::Pattern;
use crate::link::sample;

fn discover() -> Discover {
    let link = Link {
        origin: crate::link::Origin::Discovered,
        ..sample::link("main", None, Some("main"))
    };
    let template = Template {
        matches: Pattern::all(),
        link,
        finds_direct: true,
        trust: TlsOptions::default(),
        method: None,
    };
    Discover {
        types: crate::link::discover::TYPES.map(str::to_owned).to_vec(),
        include: vec![Pattern::all()],
        exclude: Vec::new(),
        interval: Duration::from_secs(300),
        limit: 1000,
        namespace: Some("monitoring".to_owned()),
        allow: Vec::new(),
        templates: vec![template],
    }
}

fn source(uid: &str) -> Datasource {
    Datasource {
        uid: uid.to_owned(),
        name: format!("Name of {uid}"),
        kind: "prometheus".to_owned(),
        url: format!("http://{uid}:9090"),
        ..Datasource::default()
    }
}

fn list(uids: impl IntoIterator<Item = impl ToString>) -> Vec<Datasource> {
    uids.into_iter().map(|uid| source(&uid.to_string())).collect()
}

fn names(memory: &Memory, discover: &Discover) -> Vec<String> {
    let links = memory.links(discover, "cluster.local");
    links.iter().map(|found| found.link.name.to_string()).collect()
}

/// Each step: what a list has, whether it counts, and which links there are afterwards.
fn lists(steps: &[(&[&str], bool, &[&str])]) {
    let (mut memory, discover) = (Memory::default(), discover());
    for (step, (has, counts, then)) in steps.iter().enumerate() {
        let heard = memory.hear(&discover, list(*has));
        assert_eq!(heard.doubt.is_none(), *counts, "step {step}: {heard:?}");
        let then: Vec<String> = then.iter().map(|uid| format!("main/{uid}")).collect();
        assert_eq!(names(&memory, &discover), then, "step {step}");
    }
}

#[test]
fn a_link_appears_at_once_and_goes_after_three_whole_lists() {
    lists(&[
        (&["a"], true, &["a"]),
        (&["a", "b"], true, &["a", "b"]),
        (&["b"], true, &["a", "b"]),
        (&["b"], true, &["a", "b"]),
        (&["b"], true, &["b"]),
    ]);
}

#[test]
fn one_that_comes_back_begins_anew() {
    lists(&[
        (&["a", "b"], true, &["a", "b"]),
        (&["b"], true, &["a", "b"]),
        (&["b"], true, &["a", "b"]),
        (&["a", "b"], true, &["a", "b"]),
        (&["b"], true, &["a", "b"]),
        (&["b"], true, &["a", "b"]),
        (&["b"], true, &["b"]),
    ]);
}

#[test]
fn a_list_that_is_empty_or_shrank_does_not_count() {
    const ALL: &[&str] = &["a", "b", "c", "d", "e"];
    lists(&[
        (ALL, true, ALL),
        (&[], false, ALL),
        (&["a"], false, ALL),
        // From here on this is what there is: whoever deletes many waits one list longer.
        (&["a"], true, ALL),
        (&["a"], true, ALL),
        (&[], false, ALL),
        (&["a"], true, &["a"]),
    ]);
}

#[test]
fn an_empty_list_is_no_excuse_for_a_short_one() {
    const ALL: &[&str] = &["a", "b", "c", "d", "e"];
    lists(&[(ALL, true, ALL), (&[], false, ALL), (&["a", "b"], false, ALL)]);
}

#[test]
fn a_fifth_may_go_at_once_and_one_always() {
    let check = |before: usize, now: usize, shrunk: bool| {
        assert_eq!(has_shrunk(before, now), shrunk, "{before} -> {now}");
    };
    check(1, 0, false);
    check(2, 1, false);
    check(2, 0, true);
    check(10, 8, false);
    check(10, 7, true);
    check(100, 80, false);
    check(100, 79, true);
    check(5, 9, false);
}

#[test]
fn what_goes_is_named_once() {
    let (mut memory, discover) = (Memory::default(), discover());
    memory.hear(&discover, list(["a", "b"]));
    let gone: Vec<_> = (0..5).map(|_| memory.hear(&discover, list(["b"])).gone.len()).collect();
    assert_eq!(gone, [0, 0, 1, 0, 0]);
}

#[test]
fn types_and_patterns_choose_and_every_skip_has_a_reason() {
    let mut discover = discover();
    discover.include = vec![Pattern::new("name of *")];
    discover.exclude = vec![Pattern::new("dev-*")];
    let kinds = ["loki", "grafana-amazonprometheus-datasource", "prometheus"];
    let mut sources: Vec<Datasource> = ["l", "a", "p"]
        .iter()
        .zip(kinds)
        .map(|(uid, kind)| Datasource { kind: kind.to_owned(), ..source(uid) })
        .collect();
    sources.push(source("dev-1"));
    sources.push(Datasource { name: "other".to_owned(), ..source("x") });
    sources.extend(["", "a b", "ü"].map(source));
    let mut memory = Memory::default();
    let heard = memory.hear(&discover, sources);
    assert_eq!(names(&memory, &discover), ["main/a", "main/p"]);
    let why: Vec<&str> = heard.skipped.iter().map(|(_, why)| *why).collect();
    let bad = "no valid uid";
    assert_eq!(why, ["another type", "excluded", "not included", bad, bad, bad]);
}

#[test]
fn the_limit_keeps_those_that_were_first_and_lists_are_bounded() {
    let (mut memory, mut discover) = (Memory::default(), discover());
    discover.limit = 2;
    memory.hear(&discover, list(["m", "n"]));
    let heard = memory.hear(&discover, list(["a", "m", "n"]));
    assert_eq!(names(&memory, &discover), ["main/m", "main/n"]);
    assert_eq!(heard.skipped, [("Name of a".to_owned(), "over the limit")]);
    discover.limit = 5000;
    let heard = memory.hear(&discover, list(0..6000));
    assert_eq!(heard.doubt, Some("it is longer than promlink reads"));
    assert_eq!(memory.known.len(), 5000);
}

#[test]
fn other_patterns_are_in_force_at_once() {
    let (mut memory, mut discover) = (Memory::default(), discover());
    memory.hear(&discover, list(["a", "b"]));
    discover.exclude = vec![Pattern::new("b")];
    assert_eq!(names(&memory, &discover), ["main/a"]);
}

fn only(discover: &Discover, source: Datasource) -> Arc<Link> {
    let mut memory = Memory::default();
    memory.hear(discover, vec![source]);
    let links = memory.links(discover, "example.internal");
    Arc::clone(&links.first().unwrap().link)
}

#[test]
fn the_direct_end_is_the_data_sources_where_promlink_may_go_there() {
    let mut discover = discover();
    discover.allow = ["*.example.org", "10.0.*", "127.0.0.1"].map(Pattern::new).to_vec();
    let check = |url: &str, expected: Result<&str, &str>| {
        let link = only(&discover, Datasource { url: url.to_owned(), ..source("a") });
        let found = match (&link.prometheus, link.leave) {
            (Some(end), Leave::Guarded) => Ok(end.url.to_string()),
            (Some(end), Leave::Given) => Ok(format!("given {}", end.url)),
            (None, Leave::Refused(why)) => Err(why),
            (end, leave) => panic!("{end:?} {leave:?}"),
        };
        match expected {
            Ok(expected) => assert_eq!(found.as_deref(), Ok(expected), "{url}"),
            Err(part) => assert!(found.as_ref().is_err_and(|w| w.contains(part)), "{found:?}"),
        }
    };
    check("http://prom:9090", Ok("http://prom.monitoring.svc:9090"));
    check("http://prom.ns:9090/base/", Ok("http://prom.ns.svc:9090/base"));
    check("http://prom.ns.svc:9090", Ok("http://prom.ns.svc:9090"));
    check("http://0.prom.ns.svc", Ok("http://0.prom.ns.svc"));
    check("https://prom.ns.svc.example.internal", Ok("https://prom.ns.svc.example.internal"));
    check("http://prom.ns.svc.example.internal.", Ok("http://prom.ns.svc.example.internal"));
    check("http://a.b.example.org", Ok("http://a.b.example.org"));
    check("http://10.0.0.7:9090", Ok("http://10.0.0.7:9090"));
    check("http://127.0.0.1:9090", Ok("given http://127.0.0.1:9090"));
    check("http://prom.ns.svc.cluster.local", Err("neither the cluster's"));
    check("http://prom.example.com", Err("neither the cluster's"));
    check("http://prom.ns.svc.evil.org", Err("neither the cluster's"));
    check("http://10.1.0.7:9090", Err("neither the cluster's"));
    check("http://localhost:9090", Err("Grafana's own"));
    check("http://127.0.0.2:9090", Err("Grafana's own"));
    check("http://[::1]:9090", Err("Grafana's own"));
    check("http://0.0.0.0:9090", Err("Grafana's own"));
    check("http://169.254.169.254", Err("metadata"));
    check("http://[fe80::1]:9090", Err("metadata"));
    check("http://[::ffff:169.254.169.254]", Err("metadata"));
    check("http://2852039166/", Err("metadata"));
    check("", Err("no valid URL"));
    check("prom:9090", Err("no valid URL"));
}

#[test]
fn a_star_opens_neither_the_own_host_nor_the_clouds_metadata() {
    let mut discover = discover();
    discover.allow = vec![Pattern::all(), Pattern::new("169.254.169.254")];
    for url in ["http://localhost", "http://127.0.0.1", "http://169.254.169.254", "http://[::]"] {
        let link = only(&discover, Datasource { url: url.to_owned(), ..source("a") });
        assert!(matches!((&link.prometheus, link.leave), (None, Leave::Refused(_))), "{url}");
    }
}

#[test]
fn without_a_namespace_it_is_that_of_grafanas_url() {
    let mut discover = discover();
    discover.namespace = None;
    let mut check = |host: &str, expected: Option<&str>| {
        discover.templates[0].link.grafana.as_mut().unwrap().end = sample::grafana(host);
        let link = only(&discover, source("prom"));
        let found = link.prometheus.as_ref().map(|end| end.url.host.as_str());
        assert_eq!(found, expected, "{host}");
    };
    check("grafana.obs.svc", Some("prom.obs.svc"));
    check("grafana.obs.svc.cluster.local", Some("prom.obs.svc"));
    check("grafana.obs", Some("prom.obs.svc"));
    check("grafana", None);
    check("grafana.example.org", None);
    check("10.0.0.1", None);
}

#[test]
fn what_needs_credentials_is_not_asked_directly() {
    let discover = discover();
    let check = |change: fn(&mut Datasource)| {
        let mut one = source("a");
        change(&mut one);
        let link = only(&discover, one);
        assert!(matches!((&link.prometheus, link.leave), (None, Leave::Refused(_))));
    };
    check(|one| one.auth = Some("basic"));
    check(|one| one.headers.push("X-Scope-OrgID".to_owned()));
    check(|one| one.forwards_user = true);
    check(|one| one.kind = "grafana-azureprometheus-datasource".to_owned());
    check(|one| one.private = Some("why"));
}

#[test]
fn a_link_is_like_its_template_and_speaks_like_its_data_source() {
    let mut discover = discover();
    let mut own = discover.templates[0].clone();
    own.matches = Pattern::new("own*");
    own.link.prometheus = Some(sample::endpoint("written", 9090));
    own.link.tripwire = true;
    let mut off = discover.templates[0].clone();
    (off.matches, off.finds_direct) = (Pattern::new("off"), false);
    discover.templates.splice(0..0, [own, off]);

    let link = only(&discover, source("own-1"));
    assert_eq!(link.prometheus.as_ref().unwrap().url.host, "written");
    assert_eq!((link.leave, link.tripwire), (Leave::Given, true));
    let link = only(&discover, source("off"));
    assert_eq!((&link.prometheus, link.leave), (&None, Leave::Given));

    let get = Datasource { method: Some("GET".to_owned()), tls_skip_verify: true, ..source("a") };
    let link = only(&discover, get);
    assert_eq!(link.query.method, Method::Get);
    assert_eq!(link.datasource_name.as_deref(), Some("Name of a"));
    let tls = &link.prometheus.as_ref().unwrap().http.tls;
    assert!(tls.insecure_skip_verify);
    // The certificate is for the name that Grafana knows.
    assert_eq!(tls.server_name.as_deref(), Some("a"));
    let side = link.grafana.as_ref().unwrap();
    assert_eq!(side.datasource, DatasourceRef::Uid("a".to_owned()));
}

#[test]
fn uids_that_are_paths_and_names_that_are_long_do_no_harm() {
    let (mut memory, discover) = (Memory::default(), discover());
    let long = Datasource { name: "\u{1b}<b>".repeat(5000), ..source("a/..b\"{}") };
    let paths = [".", "..", "a/../b", "../b", "a/.", "/a", "a//b", "a b", "a\n"];
    memory.hear(&discover, [list(paths), vec![long]].concat());
    let links = memory.links(&discover, "cluster.local");
    let [found] = links.as_slice() else { panic!("{links:?}") };
    assert_eq!(found.link.name.as_str(), "main/a/..b\"{}");
    let name = found.link.datasource_name.as_deref().unwrap();
    assert_eq!(name.chars().count(), MAX_NAME_CHARS);
}
