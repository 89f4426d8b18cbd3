//! Several organisations in one Grafana: each link is judged by its own.

use std::fmt::Write as _;

use promlink::demo::grafana::{Datasource, Flavour, Organisation};

use super::ground::{Config, Ground, Turn};
use super::row::{check_all, line};
use super::well::V9;

const SECOND: &str = "glsa_second";
const WRONG: &str = "blind wrong_organisation grafana auth credentials";
const REFUSED: &str = "broken connection_refused grafana grafana_query prometheus";

/// A Grafana whose second organisation has a data source of the same uid, which leads nowhere; and
/// links by these keys of Grafanas, all at the one URL. What is said of each.
async fn told(turns: &[Turn], ends: &[&str]) -> Vec<String> {
    let ground = Ground::build().await;
    ground.turns(turns).await;
    ground.grafana.edit(|setup| {
        setup.accounts.password = Some("hunter2".to_owned());
        let url = "http://127.0.0.1:1";
        setup.others = vec![Organisation {
            id: 2,
            datasources: vec![Datasource::prometheus(url)],
            tokens: [SECOND.to_owned()].into(),
        }];
    });
    let yaml = ground.yaml(&Config::default());
    // What is not about Grafanas and links.
    let (dns, _) = yaml.split_once("grafanas:").unwrap();
    let (mut grafanas, mut links) = (String::new(), String::new());
    for (number, keys) in ends.iter().enumerate() {
        let url = format!("http://{}", ground.grafana.address());
        let _infallible = writeln!(grafanas, "  g{number}: {{url: '{url}', {keys}}}");
        let datasource = "datasource: {uid: prometheus}";
        let _infallible =
            writeln!(links, "  l{number:02}: {{grafana: {{name: g{number}, {datasource}}}}}");
    }
    let links = check_all(&format!("{dns}grafanas:\n{grafanas}links:\n{links}")).await;
    links.iter().map(line).collect()
}

#[tokio::test]
async fn each_link_is_judged_by_its_own_organisation() {
    let first = "authorization: {credentials: glsa_demo}";
    let second = "authorization: {credentials: glsa_second}";
    let admin = "basic_auth: {username: admin, password: hunter2}";
    let makes = "bootstrap: {user: admin, password: hunter2}";
    let rows = [
        (format!("org_id: 1, {first}"), "working"),
        (format!("org_id: 2, {second}"), REFUSED),
        // A token opens its own organisation, whatever is asked for.
        (first.to_owned(), "working"),
        (second.to_owned(), REFUSED),
        (format!("org_id: 2, {first}"), WRONG),
        (format!("org_id: 1, {second}"), WRONG),
        // A person is in several, and the number says which.
        (admin.to_owned(), "working"),
        (format!("org_id: 1, {admin}"), "working"),
        (format!("org_id: 2, {admin}"), REFUSED),
        (format!("org_id: 3, {admin}"), WRONG),
        // A token that is made opens the organisation that it was made for.
        (format!("org_id: 1, {makes}"), "working"),
        (format!("org_id: 2, {makes}"), REFUSED),
    ];
    let ends: Vec<&str> = rows.iter().map(|(keys, _)| keys.as_str()).collect();
    let expected: Vec<&str> = rows.iter().map(|(_, told)| *told).collect();
    assert_eq!(told(&[], &ends).await, expected, "{:?}", Flavour::V13);
    let hidden = "broken unreachable_from_grafana grafana grafana_query unclear";
    let old = |told: &str| if told == REFUSED { hidden.to_owned() } else { told.to_owned() };
    let expected: Vec<String> = expected.iter().map(|told| old(told)).collect();
    assert_eq!(told(&[V9], &ends).await, expected, "{:?}", Flavour::V9);
}
