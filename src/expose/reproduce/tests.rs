use std::time::Duration;

use super::*;
use crate::clock;
use crate::link::assertion::{Assertion, Condition};
use crate::link::{Auth, DatasourceRef, Link, Proxy, sample};
use crate::report::finding::Finding;
use crate::secret::Secret;

const HIDDEN: &str = "hunter2";

fn link() -> Link {
    let mut link = sample::link("k8s", Some("prometheus"), Some("grafana"));
    let end = link.prometheus.as_mut().unwrap();
    let secret = || Secret::Value(HIDDEN.to_owned());
    end.http.auth = Some(Auth::Basic { username: "a'b".to_owned(), password: secret() });
    end.http.headers = vec![("X-Scope-OrgID".to_owned(), secret())];
    end.http.tls.ca_file = Some("/etc/my ca.pem".into());
    let pods = |name: &str, query: &str| Assertion {
        name: name.into(),
        query: query.to_owned(),
        holds: Condition::default(),
    };
    link.assertions = vec![pods("other", "down"), pods("pods", "pods > 0")];
    let url = sample::endpoint("proxy", 3128).url;
    end.http.proxy =
        Some(Proxy { url, auth: Some(("me".to_owned(), secret())), no_proxy: Vec::new() });
    link
}

/// The row of a check with these facts; the assertion `pods` does not hold.
fn row(facts: &Facts) -> Row {
    let mut row = Row::ended(Outcome::Failed(Cause::AssertionFailed), Duration::ZERO, clock::now());
    row.facts = facts.clone();
    let subject = Some(Subject::Assertion("pods".into()));
    row.findings = vec![Finding { subject, ..Finding::of(Cause::AssertionFailed, String::new()) }];
    row
}

fn shown(link: &Link, path: Path, check: Check, facts: &Facts) -> String {
    command(&LinkInfo::of(link), path, check, &row(facts)).unwrap_or_default()
}

#[test]
fn each_check_has_its_command() {
    let mut facts = Facts::default();
    facts.text(Key::Name, "prometheus.monitoring.svc").text(Key::Server, "10.96.0.10:53");
    facts.text(Key::Address, "10.0.0.7:9090");
    let link = link();
    let text: String = [Path::Direct, Path::Grafana]
        .into_iter()
        .flat_map(|path| path.checks().iter().map(move |check| (path, *check)))
        .map(|(path, check)| format!("{}\n", shown(&link, path, check, &facts)))
        .collect();
    let curl = "curl -sS -i -m 10 -u 'a'\\''b':\"$PASSWORD\" -H \"X-Scope-OrgID: $X_SCOPE_ORGID\" \
                --cacert '/etc/my ca.pem' -x http://proxy:3128 -U me:\"$PROXY_PASSWORD\" \
                http://prometheus:9090/api/v1/query --data-urlencode";
    let hops = "dig @10.96.0.10 +search prometheus.monitoring.svc A\nnc -vz -w 5 10.0.0.7 9090\n\
                openssl s_client -connect 10.0.0.7:9090 -servername";
    let expected = format!(
        "{hops} prometheus -verify_hostname prometheus -CAfile '/etc/my ca.pem' </dev/null\n\
         {curl} query=up\n{curl} query=up\n{curl} 'query=pods > 0'\n\
         {hops} grafana -verify_hostname grafana </dev/null\n\
         curl -sS -i -m 10 http://grafana:3000/api/health\n\
         curl -sS -i -m 10 http://grafana:3000/api/org\n\
         curl -sS -i -m 10 http://grafana:3000/api/datasources/uid/prom\n\
         curl -sS -i -m 10 http://grafana:3000/api/datasources/uid/prom/health\n\
         curl -sS -i -m 10 http://grafana:3000/api/ds/query -H 'Content-Type: application/json' -d \
         '{{\"from\":\"now-5m\",\"to\":\"now\",\"queries\":[{{\"refId\":\"A\",\"datasource\":\
         {{\"uid\":\"prom\"}},\"expr\":\"up\",\"instant\":true}}]}}'\n\
         curl -sS -i -m 10 http://grafana:3000/api/ds/query -H 'Content-Type: application/json' -d \
         '{{\"from\":\"now-5m\",\"to\":\"now\",\"queries\":[{{\"refId\":\"A\",\"datasource\":\
         {{\"uid\":\"prom\"}},\"expr\":\"pods > 0\",\"instant\":true}}]}}'\n\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn nothing_in_a_command_is_secret_or_run_by_the_shell() {
    let mut link = link();
    let evil = "';$(reboot) `id` \"\\";
    link.query.selector = evil.to_owned();
    link.assertions[1].query = evil.to_owned();
    link.grafana.as_mut().unwrap().datasource = DatasourceRef::Uid(evil.to_owned());
    link.prometheus.as_mut().unwrap().url.path = format!("/{evil}");
    let mut facts = Facts::default();
    facts.text(Key::Name, evil).text(Key::Server, evil).text(Key::Address, evil);
    for path in Path::ALL {
        for check in path.checks() {
            let text = shown(&link, path, *check, &facts);
            assert!(!text.contains(HIDDEN), "{text}");
            // What is left outside of quotes.
            let bare: String = text.replace("'\\''", "").split('\'').step_by(2).collect();
            let known = bare.replace("\"$PASSWORD\"", "").replace("\"$PROXY_PASSWORD\"", "");
            let known = known.replace("\"X-Scope-OrgID: $X_SCOPE_ORGID\"", "");
            assert!(!known.contains(['$', '`', ';', '(', '"']), "{text}\n{known}");
        }
    }
}

#[test]
fn an_address_is_not_looked_up() {
    let link = sample::link("k8s", Some("10.0.0.7"), None);
    let info = LinkInfo::of(&link);
    assert_eq!(command(&info, Path::Direct, Check::Dns, &row(&Facts::default())), None);
    assert_eq!(command(&info, Path::Grafana, Check::Dns, &row(&Facts::default())), None);
}
