use std::time::Duration;

use super::*;
use crate::link::Origin;
use crate::link::sample::link;

fn set(configured: Vec<Link>, discovered: Vec<Link>) -> LinkSet {
    let found =
        |link: Link| Found { is_default: link.name.as_str() == "main/b", link: link.into() };
    let discovered: Vec<Found> = discovered.into_iter().map(found).collect();
    LinkSet::merge(configured, &discovered, BTreeMap::new(), 5)
}

fn names(set: &LinkSet) -> Vec<&str> {
    set.links.keys().map(LinkName::as_str).collect()
}

fn with_uid(mut link: Link, uid: &str) -> Link {
    link.grafana.as_mut().unwrap().datasource = DatasourceRef::Uid(uid.to_owned());
    link
}

fn discovered(name: &str, uid: &str) -> Link {
    Link { origin: Origin::Discovered, ..with_uid(link(name, None, Some("main")), uid) }
}

#[test]
fn configured_links_win_over_discovered_ones() {
    let configured = vec![
        with_uid(link("k8s", Some("prom"), Some("main")), "a"),
        link("main/b", Some("prom"), None),
    ];
    let found = ["a", "b", "c"].map(|uid| discovered(&format!("main/{uid}"), uid)).to_vec();
    let set = set(configured, found);
    assert_eq!(names(&set), ["k8s", "main/b", "main/c"]);
    assert_eq!(set.links["main/b"].origin, Origin::Configured);
}

#[test]
fn a_configured_link_may_mean_the_data_source_by_name_or_as_the_default() {
    let mean = |datasource: DatasourceRef| {
        let mut one = link("k8s", Some("prom"), Some("main"));
        one.grafana.as_mut().unwrap().datasource = datasource;
        let found = ["a", "b", "c"].map(|uid| Link {
            datasource_name: Some(format!("Name of {uid}")),
            ..discovered(&format!("main/{uid}"), uid)
        });
        let set = set(vec![one], found.to_vec());
        set.links.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(mean(DatasourceRef::Name("Name of c".to_owned())), ["k8s", "main/a", "main/b"]);
    assert_eq!(mean(DatasourceRef::Default), ["k8s", "main/a", "main/c"]);
}

#[test]
fn the_same_uid_in_another_grafana_is_another_data_source() {
    let configured = vec![with_uid(link("k8s", Some("prom"), Some("other")), "a")];
    let set = set(configured, vec![discovered("main/a", "a")]);
    assert_eq!(names(&set), ["k8s", "main/a"]);
}

#[test]
fn changes_are_told_by_what_they_mean() {
    let old = link("link", Some("prom"), Some("main"));
    let set_of = |link: Link| set(vec![link], Vec::new());
    let check = |change: fn(&mut Link), expected: Option<Change>| {
        let mut new = old.clone();
        change(&mut new);
        let found = set_of(old.clone()).changes(&set_of(new));
        assert_eq!(found.get("link").copied(), expected);
        assert_eq!(found.len(), usize::from(expected.is_some()));
    };
    check(|_| {}, None);
    check(|link| link.prometheus = None, Some(Change::Redirected));
    check(|link| link.prometheus.as_mut().unwrap().url.port = 9091, Some(Change::Redirected));
    check(
        |link| link.grafana.as_mut().unwrap().datasource = DatasourceRef::Default,
        Some(Change::Redirected),
    );
    check(
        |link| link.grafana.as_mut().unwrap().end = crate::link::sample::grafana("elsewhere"),
        Some(Change::Redirected),
    );
    check(|link| link.cadence.interval = Duration::from_secs(60), Some(Change::Retuned));
    check(|link| link.query.selector = "up{job=\"a\"}".to_owned(), Some(Change::Retuned));
}

#[test]
fn links_come_and_go() {
    let of = |names: &[&str]| {
        set(names.iter().map(|name| link(name, Some("prom"), None)).collect(), Vec::new())
    };
    let changes = of(&["a", "b"]).changes(&of(&["b", "c"]));
    let expected = [(LinkName::new("a"), Change::Removed), (LinkName::new("c"), Change::Added)];
    assert_eq!(changes, BTreeMap::from(expected));
}
