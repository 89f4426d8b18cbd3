use std::fmt::Write as _;

use super::*;
use crate::config::{ConfigErrors, Settings, Sources, load_bytes, show};
use crate::link::assertion::Comparison as C;

fn load(text: &str) -> Result<Settings, ConfigErrors> {
    load_bytes(&Sources::default(), Some(text.as_bytes()))
}

fn names(assertions: &[Assertion]) -> Vec<&str> {
    assertions.iter().map(|assertion| &*assertion.name).collect()
}

#[test]
fn a_text_has_an_answer_and_keys_say_which() {
    let settings = load(
        "links:\n  a:\n    prometheus: {url: 'http://a:9090'}\n    assertions:\n      \
         a: up\n      b: {query: up}\n      c: {query: up, empty: true, within: 2s}\n      \
         d: {query: up, value: '>=-1.5e3'}\n      e: {query: up, value: ' < 2'}\n      \
         f: {query: up, empty: false, value: '== 0'}\n      \
         g: {query: up, value: '== 1', optional: true}\n",
    )
    .unwrap();
    let holds: Vec<Condition> = settings.links[0].assertions.iter().map(|one| one.holds).collect();
    let answers = |answer| Condition { answer, ..SOME };
    let expected = [
        SOME,
        SOME,
        Condition { answer: Expected::None, ..SOON },
        answers(Expected::Each(C::AtLeast, -1500.0)),
        answers(Expected::Each(C::Below, 2.0)),
        answers(Expected::Each(C::Equal, 0.0)),
        ONE,
    ];
    assert_eq!(holds, expected);
    let again = load(&show(&settings)).unwrap();
    assert_eq!(again.links[0].assertions, settings.links[0].assertions);
}

#[test]
fn a_link_replaces_and_drops_what_sets_and_defaults_have() {
    let settings = load(
        "defaults: {assertion_sets: [kubernetes, prometheus], assertions: {a: up, b: up}}\n\
         links:\n  all: {prometheus: {url: 'http://a:9090'}}\n  few:\n    \
         prometheus: {url: 'http://a:9090'}\n    assertion_sets: [prometheus]\n    \
         assertions: {a: off, b: down, prometheus.reload: off, prometheus.rules: rules}\n  \
         none: {prometheus: {url: 'http://a:9090'}, assertion_sets: [], assertions: {a: off, b: off}}\n",
    )
    .unwrap();
    let [all, few, none] = settings.links.as_slice() else { panic!("three links") };
    assert_eq!(all.assertions.len(), 2 + KUBERNETES.len() + PROMETHEUS.len());
    assert_eq!(
        names(&few.assertions),
        [
            "b",
            "prometheus.block_reloads",
            "prometheus.compactions",
            "prometheus.head_truncations",
            "prometheus.remote_write",
            "prometheus.rules",
            "prometheus.wal_writes",
        ]
    );
    assert_eq!([&*few.assertions[0].query, &*few.assertions[5].query], ["down", "rules"]);
    assert_eq!(none.assertions, []);
}

#[test]
fn shipped_names_tell_their_set_and_fit() {
    for (set, shipped) in SETS {
        for (name, query, _) in shipped {
            assert!(name.starts_with(&format!("{set}.")) && is_name(name), "{name}");
            assert!(query.len() <= MAX_QUERY_BYTES && !query.contains('\n'), "{name}");
        }
    }
}

#[test]
fn assertions_and_queries_have_bounds() {
    let with = |count: usize| {
        let mut text = "links:\n  a:\n    prometheus: {url: 'http://a:9090'}\n    \
                        assertion_sets: [prometheus]\n    assertions:\n"
            .to_owned();
        for number in 0..count {
            writeln!(text, "      a{number}: up").unwrap();
        }
        load(&text)
    };
    let room = MAX_ASSERTIONS - PROMETHEUS.len();
    assert_eq!(with(room).unwrap().links[0].assertions.len(), MAX_ASSERTIONS);
    let errors = with(room + 1).unwrap_err().to_string();
    assert!(errors.contains("a.assertions: makes 33 assertions"), "{errors}");
    let query = |bytes: usize| {
        let query = "ü".repeat(bytes / 2);
        let text = format!(
            "links: {{a: {{prometheus: {{url: 'http://a:9090'}}, assertions: {{x: '{query}'}}}}}}"
        );
        load(&text)
    };
    assert!(query(MAX_QUERY_BYTES).is_ok());
    assert!(query(MAX_QUERY_BYTES + 2).unwrap_err().to_string().contains("longer than 2000 bytes"));
}
