//! What a person sees of the real Prometheus; what promlink finds of it, working and failing, is in
//! the table of faults.

use crate::check::{check, table};
use crate::prometheus::{Prometheus, Setup};

#[test]
fn what_a_person_sees() {
    let Some(server) = Prometheus::start(Setup::default()) else { return };
    let url = server.url();
    server.until_series("up");
    let working = check(&["--prometheus.url", &url, "--wait=30s"]);
    working.is("0 working");
    assert_eq!(working.evidence("query", "series"), 1);
    let age = working.evidence("freshness", "age_seconds").as_f64().unwrap();
    assert!((0.0..20.0).contains(&age), "{age}");
    let shown = table(&url);
    for part in ["WORKING", "1 series, 1 of 1 targets up, newest sample ", "freshness"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn a_password_in_a_file() {
    let setup = Setup {
        // bcrypt of "correct horse", with the lowest cost that there is.
        web: "basic_auth_users:\n  \
              someone: $2b$04$promlinkpromlinkpromleUxsf9/lgDVZaDGtzYt1gIzRPb24Mg9i\n",
        files: &[("good", "correct horse\n"), ("bad", "wrong horse\n")],
        ..Setup::default()
    };
    let Some(server) = Prometheus::start(setup) else { return };
    let url = server.url();
    let with = |password: &str, more: &[&str]| {
        let file = server.path(password);
        let user = ["--prometheus.user", "someone", "--prometheus.password-file"];
        let user = [&user[..], &[file.to_str().unwrap()]].concat();
        check(&[&["--prometheus.url", &url], &user[..], more].concat())
    };
    with("good", &["--wait=30s"]).is("0 working");
    with("bad", &[]).is("2 broken unauthorized direct query credentials");
}
