use std::path::PathBuf;

use super::*;
use crate::link::{BaseUrl, Scheme};

struct Files(tempfile::TempDir);

impl Files {
    fn secret(&self, content: &[u8]) -> Secret {
        let path = self.path();
        std::fs::write(&path, content).unwrap();
        Secret::File(path)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("token")
    }
}

fn files() -> Files {
    Files(tempfile::tempdir().unwrap())
}

fn value(text: &str) -> Secret {
    Secret::Value(text.to_owned())
}

fn bearer(credentials: Secret) -> HttpOptions {
    let auth = Auth::Scheme { scheme: "Bearer".to_owned(), credentials };
    HttpOptions { auth: Some(auth), ..HttpOptions::default() }
}

fn line(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn nothing_configured_is_no_header() {
    assert_eq!(headers(&HttpOptions::default()), Ok(Vec::new()));
}

#[test]
fn values_become_lines() {
    let auth = Auth::Basic { username: "Aladdin".to_owned(), password: value("open sesame") };
    let options = HttpOptions {
        auth: Some(auth),
        headers: vec![("X-Scope-OrgID".to_owned(), value("a|b"))],
        ..HttpOptions::default()
    };
    let expected = vec![
        line("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        line("X-Scope-OrgID", "a|b"),
    ];
    assert_eq!(headers(&options), Ok(expected));
}

#[test]
fn a_file_is_trimmed_and_read_at_each_use() {
    let files = files();
    let options = bearer(files.secret(b"  first\n\n"));
    assert_eq!(headers(&options), Ok(vec![line("authorization", "Bearer first")]));
    files.secret(b"second");
    assert_eq!(headers(&options), Ok(vec![line("authorization", "Bearer second")]));
}

#[test]
fn what_is_wrong_is_said_without_the_content() {
    let files = files();
    for (content, said) in [
        (b"hush\nhush\n".as_slice(), "holds a control character, such as a second line"),
        (b"hush\0", "holds a control character, such as a second line"),
        (b"hush\xff", "is not text in UTF-8"),
        (b" \n", "is empty"),
        (&[b'x'; 65537], "is larger than 64 KiB"),
    ] {
        let error = headers(&bearer(files.secret(content))).unwrap_err();
        assert_eq!(error.says, format!("{}: {said}", files.path().display()));
        assert_eq!(error.is_missing, said == "is empty");
    }
    std::fs::remove_file(files.path()).unwrap();
    let error = headers(&bearer(Secret::File(files.path()))).unwrap_err();
    assert!(error.says.contains("token: No such file") && error.is_missing, "{error:?}");

    let error = headers(&bearer(value("hush\r\nX: y"))).unwrap_err();
    assert_eq!(error.says, "credentials holds a control character");
    let options = HttpOptions {
        headers: vec![("X-Tenant".to_owned(), value("hush\n"))],
        ..HttpOptions::default()
    };
    assert_eq!(headers(&options).unwrap_err().says, "X-Tenant holds a control character");
}

#[test]
fn a_proxy_may_have_credentials_of_its_own() {
    let url =
        BaseUrl { scheme: Scheme::Http, host: "proxy".to_owned(), port: 3128, path: String::new() };
    let mut proxy = Proxy { url, auth: None, no_proxy: Vec::new() };
    assert_eq!(proxy_authorization(&proxy), Ok(None));
    proxy.auth = Some(("Aladdin".to_owned(), value("open sesame")));
    let expected = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned();
    assert_eq!(proxy_authorization(&proxy), Ok(Some(expected)));
}
