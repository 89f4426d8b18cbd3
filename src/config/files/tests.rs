use std::fs;

use super::warnings;
use crate::config::{Sources, load_bytes};

fn warned(text: &str) -> Vec<String> {
    warnings(&load_bytes(&Sources::default(), Some(text.as_bytes())).unwrap())
}

/// Each line of the configuration names one file, and each file is missing, or there.
#[test]
fn every_file_that_a_key_names_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let text = format!(
        "defaults: {{prometheus: {{tls_config: {{ca_file: {defaults}}}}}}}
grafanas:
  main:
    url: http://grafana
    tls_config: {{ca_file: {grafana}}}
    bootstrap: {{user: admin, password_file: {password}}}
    discover:
      overrides:
      - match: a
        prometheus:
          url: https://a
          authorization: {{credentials_file: {token}}}
          tls_config: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}}}
      - {{match: b, prometheus: {{tls_config: {{ca_file: {trust}}}}}}}
links: {{c: {{prometheus: {{url: https://c, http_headers: {{X: {{files: [{header}]}}}}}}}}}}
",
        defaults = at("defaults"),
        grafana = at("grafana"),
        password = at("password"),
        token = at("token"),
        ca = at("ca"),
        cert = at("cert"),
        key = at("key"),
        trust = at("trust"),
        header = at("header"),
    );
    let missing = |place: &str, name: &str| {
        format!("{place}: {} cannot be read: No such file or directory (os error 2)", at(name))
    };
    let discover = "grafanas.main.discover";
    let mut expected = vec![
        missing("grafanas.main", "grafana"),
        missing("grafanas.main.bootstrap", "password"),
        missing(discover, "token"),
        missing(discover, "ca"),
        missing(discover, "cert"),
        missing(discover, "key"),
        missing(discover, "trust"),
        missing(discover, "defaults"),
        missing("links.c.prometheus", "header"),
    ];
    let mut found = warned(&text);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);

    // What is there, and can be read, is worth no word.
    let names = ["defaults", "grafana", "password", "token", "ca", "cert", "key", "trust"];
    for name in names {
        fs::write(at(name), "x").unwrap();
    }
    fs::create_dir(at("header")).unwrap();
    let header = at("header");
    let expected = format!("links.c.prometheus: {header} cannot be read: is no regular file");
    assert_eq!(warned(&text), [expected]);
}

/// A thousand links may share one file, and none of them is worth a second line.
#[test]
fn a_file_that_several_keys_name_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password").display().to_string();
    let login = format!("bootstrap: {{user: admin, password_file: {file}}}");
    let end = |name: &str| format!("  {name}: {{url: http://{name}, discover: true, {login}}}\n");
    let found = warned(&format!("grafanas:\n{}{}", end("a"), end("b")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("grafanas.a.bootstrap: "), "{found:?}");
}

#[test]
fn alarms_of_which_nobody_hears_are_told() {
    let hook = "{url: 'https://example.org'}";
    let off = "alarms.enabled: it is false, so the receivers are told of nothing";
    for (alarms, says) in [
        ("{labels: {cluster: eu}}".to_owned(), Some("alarms: nobody is told of them")),
        (format!("{{heartbeat: {hook}}}"), Some("alarms: a heartbeat tells that promlink lives")),
        (format!("{{webhooks: [{hook}], enabled: false}}"), Some(off)),
        (format!("{{webhooks: [{hook}]}}"), None),
        ("{}".to_owned(), None),
        (
            format!("{{webhooks: [{hook}], resolve: expire, for: {{slow: 2h}}}}"),
            Some("alarms.for: with `resolve: expire`"),
        ),
        (format!("{{webhooks: [{hook}], for: {{slow: 2h}}}}"), None),
        (format!("{{webhooks: [{hook}], resolve: expire}}"), None),
    ] {
        let told =
            warned(&format!("links: {{a: {{prometheus: {{url: 'http://a'}}}}}}\nalarms: {alarms}"));
        assert_eq!(told.len(), usize::from(says.is_some()), "{alarms}: {told:?}");
        assert!(says.is_none_or(|says| told[0].starts_with(says)), "{told:?}");
    }
    let one = format!(
        "links: {{a: {{prometheus: {{url: 'http://a'}}, alarms: {{enabled: true}}}}}}\n\
         alarms: {{webhooks: [{hook}], enabled: false}}"
    );
    assert_eq!(warned(&one), [""; 0], "one link has alarms");
}

#[test]
fn an_empty_file_and_receivers_of_the_same_kind_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (one, two) = (at("one"), at("two"));
    fs::write(&one, "").unwrap();
    let told = warned(&format!("alarms: {{webhooks: [{{url_file: {one}}}, {{url_file: {two}}}]}}"));
    assert_eq!(
        told,
        [
            format!("alarms.webhooks: {one}: {one} cannot be read: it is empty"),
            format!(
                "alarms.webhooks: {two}: {two} cannot be read: No such file or directory (os error 2)"
            ),
        ]
    );
}
