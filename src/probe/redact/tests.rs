use super::*;
use crate::clock;
use crate::net::credentials;
use crate::report::cause::Cause;
use crate::report::check::Check;
use crate::report::finding::Finding;
use crate::report::{Outcome, Row};
use crate::secret::Secret;

const SECRET: &str = "s3cr3t-t0ken";

#[test]
fn no_evidence_holds_what_was_sent() {
    let password = Secret::Value(SECRET.to_owned());
    let options = HttpOptions {
        auth: Some(Auth::Basic { username: "u".to_owned(), password }),
        headers: vec![("X-Key".to_owned(), Secret::Value("another-key".to_owned()))],
        ..HttpOptions::default()
    };
    let basic = credentials::headers(&options).unwrap().swap_remove(0).1;
    let mut row =
        Row::ended(Outcome::Failed(Cause::NotPrometheus), std::time::Duration::ZERO, clock::now());
    row.facts.text(Key::BodyStart, &format!("authorization: {basic} x-key: another-key"));
    row.facts.list(Key::Warnings, [SECRET, "glsa_of_our_own"]);
    row.facts.text(Key::Bootstrap, &format!("the login cannot list tokens: 400 {SECRET}"));
    row.facts.text(Key::Retention, &format!("15d {SECRET}"));
    row.facts.text(Key::Name, "another-key.example");
    row.findings.push(Finding::of(Cause::PartialAnswer, format!("bad key {SECRET}")));
    let mut walk = Walk::default();
    walk.first.rows.insert(Check::Query, row);
    hide(&mut walk, &options, || vec![Auth::bearer("glsa_of_our_own".to_owned())]);
    let shown = format!("{:?}", walk.first.rows.get(Check::Query).unwrap());
    let basic = basic.trim_start_matches("Basic ");
    assert!(!shown.contains(SECRET) && !shown.contains(basic), "{shown}");
    assert!(!shown.contains("glsa"), "{shown}");
    assert!(shown.contains("Basic <secret> x-key: <secret>"), "{shown}");
    assert!(shown.contains("another-key.example"), "a name of ours is no quote: {shown}");
}
