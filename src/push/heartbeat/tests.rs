use super::*;
use crate::expose::tests::fixture;

#[test]
fn it_is_good_while_promlink_cycles_and_delivers() {
    let snapshot = fixture::snapshot();
    let told = beat(&snapshot, &[], false, fixture::now());
    assert!(told.is_good, "{}", told.text);
    assert!(told.text.starts_with("links: "), "{}", told.text);
    assert!(told.text.contains("broken: broken by"), "{}", told.text);

    for (failing, links, seconds, why) in [
        (vec!["webhook pager".to_owned()], false, 0, "webhook pager accepts no alarms\n"),
        (vec![], true, 0, "1 of 5 links are broken\n"),
        (vec![], false, 60, "nothing was published for 61 s\n"),
    ] {
        let now = fixture::now().plus(Duration::from_secs(seconds));
        let told = beat(&snapshot, &failing, links, now);
        assert!(!told.is_good && told.text.starts_with(why), "{}", told.text);
    }
}

#[test]
fn failure_is_told_below_the_same_path() {
    for (url, expected) in [
        ("https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"),
        ("https://hc-ping.com/key/slug?create=1", "https://hc-ping.com/key/slug/fail?create=1"),
        ("https://push.example.org/x/", "https://push.example.org/x/fail"),
    ] {
        let mut url = Url::parse(url).unwrap();
        fail(&mut url);
        assert_eq!(url.as_str(), expected);
    }
}

#[test]
fn links_of_which_none_is_looked_at_any_more_are_wrong() {
    let mut snapshot = fixture::snapshot();
    let overdue = |mut link: LinkView| {
        let fault = fixture::broken().published.fault.unwrap();
        link.published.fault =
            Some(crate::report::finding::Fault { cause: Cause::Overdue, ..fault });
        std::sync::Arc::new(link)
    };
    snapshot.links = [overdue(fixture::blind()), overdue(fixture::unknown())].into();
    let told = beat(&snapshot, &[], false, fixture::now());
    assert!(!told.is_good && told.text.starts_with("no cycle of any link ends\n"), "{}", told.text);
    // One that ends is enough, and no links are no fault.
    snapshot.links = [overdue(fixture::blind()), std::sync::Arc::new(fixture::working())].into();
    assert!(beat(&snapshot, &[], false, fixture::now()).is_good);
    snapshot.links = [].into();
    assert!(beat(&snapshot, &[], false, fixture::now()).is_good);
}
