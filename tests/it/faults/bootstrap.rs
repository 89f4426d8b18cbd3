//! A token that promlink makes for itself: once, where one is missing or rejected, and again when
//! Grafana's pod took it along.

use std::process::Command;

use promlink::demo::grafana::{Account, Setup};

use super::ground::{Config, Ground, Turn};
use super::row::{check, check_all, line};
use super::story::Watched;

const PROGRAM: &str = env!("CARGO_BIN_EXE_promlink");
const SECRET: &str = "hunter2";
const TOKEN_MISSING: &str = "blind token_missing grafana auth credentials";

/// `admin` has this password.
fn may(setup: &mut Setup) {
    setup.accounts.password = Some(SECRET.to_owned());
}

fn config(main: &'static str) -> Config {
    Config { interval: "1s", timeout: "900ms", main, ..Config::default() }
}

const NO_TOKEN: &str = "url: '{main}', bootstrap: {user: admin, password: hunter2}";

/// What `auth` says of the attempt.
fn said(link: &serde_json::Value) -> String {
    let rows = link["checks"].as_array().unwrap();
    let auth = rows.iter().find(|row| row["check"] == "auth").unwrap();
    auth["evidence"]["bootstrap"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_token_is_made_where_none_is_given_or_the_given_one_is_rejected() {
    for main in [
        NO_TOKEN,
        "url: '{main}', authorization: {credentials: glsa_old}, \
         bootstrap: {user: admin, password: hunter2}",
        "url: '{main}', authorization: {credentials_file: /nowhere/token}, \
         bootstrap: {user: admin, password: hunter2}",
    ] {
        let ground = Ground::build().await;
        ground.turns(&[Turn::Setup(may)]).await;
        let link = check(&ground.yaml(&config(main))).await;
        assert_eq!(line(&link), "working", "{main} {link:#}");
        assert!(said(&link).starts_with("made the token promlink-"), "{}", said(&link));
        let text = link.to_string();
        assert!(!text.contains(SECRET) && !text.contains("glsa_"), "{text}");
        let (name, role, tokens) = ground.grafana.edit(|setup| {
            let account = &setup.accounts.list[0];
            (account.name.clone(), account.role.clone(), account.tokens.len())
        });
        assert_eq!((name.as_str(), role.as_str(), tokens), ("promlink", "Viewer", 1));
    }
}

/// One of them makes it, and the others, which waited for that, show it in the same cycle.
#[tokio::test]
async fn a_new_token_serves_all_links_that_waited_for_it() {
    let ground = Ground::build().await;
    ground.turns(&[Turn::Setup(may)]).await;
    let more = ["b", "c", "d"].map(|name| {
        let end = "grafana: {name: main, datasource: {uid: prometheus}}";
        format!("  {name}: {{{end}}}\n")
    });
    let links = check_all(&(ground.yaml(&config(NO_TOKEN)) + &more.concat())).await;
    let lines: Vec<String> = links.iter().map(line).collect();
    assert_eq!(lines, ["working"; 4]);
    assert_eq!(ground.grafana.edit(|setup| setup.accounts.list[0].tokens.len()), 1);
}

#[tokio::test]
async fn what_cannot_make_one_says_why_and_breaks_nothing() {
    let wrong = "url: '{main}', bootstrap: {user: admin, password: wrong}";
    for (turns, main, says) in [
        (vec![Turn::Setup(may)], wrong, "look for the service account: 401 Invalid username"),
        (vec![], NO_TOKEN, "look for the service account: 404 Not found"),
        (
            vec![Turn::Setup(may)],
            "url: '{main}', bootstrap: {user: admin, password_file: /nowhere/password}",
            "cannot use the login: /nowhere/password",
        ),
    ] {
        let ground = Ground::build().await;
        ground.turns(&turns).await;
        let link = check(&ground.yaml(&config(main))).await;
        assert_eq!(line(&link), TOKEN_MISSING, "{main}");
        assert!(said(&link).contains(says), "{}", said(&link));
    }
}

/// Grafana would lock the administrator out after five.
#[tokio::test]
async fn a_wrong_password_is_shown_seldom() {
    let ground = Ground::build().await;
    ground.turns(&[Turn::Setup(may)]).await;
    let wrong = "url: '{main}', bootstrap: {user: admin, password: wrong}";
    let daemon = Watched::start(&ground.link, &ground.yaml(&config(wrong))).await;
    daemon.after_cycles(4.0).await;
    let seen = ground.grafana.seen();
    let shown = seen.iter().filter(|seen| seen.contains("/api/serviceaccounts")).count();
    assert_eq!(shown, 1, "{seen:?}");
    // What was said stays until the next attempt.
    let json = daemon.get(&format!("/api/v1/links/{}", ground.link)).await;
    assert!(json.contains("the login cannot look for the service account: 401"), "{json}");
}

#[tokio::test]
async fn expired_tokens_of_ours_are_deleted_and_a_known_account_is_used() {
    let ground = Ground::build().await;
    ground.turns(&[Turn::Setup(may)]).await;
    ground.grafana.edit(|setup| {
        let names = [("promlink-gone-1", true), ("promlink-here-2", false), ("other", true)];
        let tokens = (10..).zip(names).map(|(id, (name, old))| (id, name.to_owned(), old));
        setup.accounts.list = vec![
            Account { id: 1, name: "promlink-too".to_owned(), ..Account::default() },
            Account {
                id: 2,
                name: "promlink".to_owned(),
                tokens: tokens.collect(),
                ..Account::default()
            },
        ];
    });
    assert_eq!(line(&check(&ground.yaml(&config(NO_TOKEN))).await), "working");
    let names: Vec<String> = ground.grafana.edit(|setup| {
        assert_eq!(setup.accounts.list.len(), 2);
        setup.accounts.list[1].tokens.iter().map(|(_, name, _)| name.clone()).collect()
    });
    assert_eq!(names[..2], ["promlink-here-2", "other"]);
    assert!(names[2].starts_with("promlink-") && names.len() == 3, "{names:?}");
}

#[tokio::test]
async fn a_daemon_makes_a_new_one_when_grafana_lost_it_and_not_more_often() {
    let ground = Ground::build().await;
    ground.turns(&[Turn::Setup(may)]).await;
    let daemon = Watched::start(&ground.link, &ground.yaml(&config(NO_TOKEN))).await;
    daemon.after_cycles(3.0).await;
    let made = || {
        let seen = ground.grafana.seen();
        seen.iter().filter(|seen| seen.starts_with("POST") && seen.ends_with("/tokens")).count()
    };
    assert_eq!(made(), 1);
    assert!(daemon.get("/metrics").await.contains("promlink_grafana_up{grafana=\"main\"} 1"));
    // A new pod with an empty database, a moment later: the next attempt has to wait.
    ground.grafana.edit(|setup| {
        setup.tokens.clear();
        setup.accounts.list.clear();
    });
    daemon.after_cycles(4.0).await;
    assert_eq!(made(), 1);
    let series = format!("promlink_link_verdict{{link=\"{}\",verdict=\"blind\"}} 1", ground.link);
    assert!(daemon.get("/metrics").await.contains(&series), "{series}");
}

/// A token of such an account would open nothing, or more than it should; none is made.
#[tokio::test]
async fn an_account_that_is_disabled_or_may_more_than_read_is_not_used() {
    for (role, is_disabled, says) in [
        ("Admin", false, "the service account promlink is no good: its role is more than Viewer"),
        ("Viewer", true, "the service account promlink is no good: it is disabled"),
    ] {
        let ground = Ground::build().await;
        ground.turns(&[Turn::Setup(may)]).await;
        ground.grafana.edit(|setup| {
            let (name, role) = ("promlink".to_owned(), role.to_owned());
            setup.accounts.list =
                vec![Account { id: 2, name, role, is_disabled, ..Account::default() }];
        });
        let link = check(&ground.yaml(&config(NO_TOKEN))).await;
        assert_eq!((line(&link).as_str(), said(&link).as_str()), (TOKEN_MISSING, says));
        assert!(ground.grafana.edit(|setup| setup.accounts.list[0].tokens.is_empty()));
    }
}

/// A token made on the command line: printed once, or written for its owner alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_by_hand() {
    let ground = Ground::build().await;
    ground.turns(&[Turn::Setup(may)]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("password"), SECRET).unwrap();
    let url = format!("http://{}", ground.grafana.address());
    let run = async |more: &[&str]| {
        let password = path("password");
        let login = ["--grafana.user", "admin", "--grafana.password-file", &password];
        let all = [&["grafana-token", "--grafana.url", &url], &login[..], more].concat();
        let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
        tokio::task::spawn_blocking(move || Command::new(PROGRAM).args(all).output().unwrap())
            .await
            .unwrap()
    };
    let output = run(&[]).await;
    assert!(output.status.success(), "{output:?}");
    let token = String::from_utf8(output.stdout).unwrap();
    let knows = |token: &str| ground.grafana.edit(|setup| setup.tokens.contains(token));
    assert!(knows(token.trim()), "{token}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("promlink: this is the token promlink-"), "{said}");

    // A Grafana that has no link yet.
    let yaml = format!(
        "grafanas: {{main: {{url: '{url}', discover: true, \
         bootstrap: {{user: admin, password: hunter2}}}}}}"
    );
    std::fs::write(path("found.yml"), yaml).unwrap();
    let file = format!("--config.file={}", path("found.yml"));
    let output = tokio::task::spawn_blocking(move || {
        Command::new(PROGRAM).args(["grafana-token", &file, "--life=1m"]).output().unwrap()
    });
    assert!(output.await.unwrap().status.success());
    std::fs::remove_file(path("found.yml")).unwrap();

    // What was there may be a link, or readable by others.
    std::fs::write(path("other"), "untouched").unwrap();
    std::os::unix::fs::symlink(path("other"), path("token")).unwrap();
    let output = run(&["--output", &path("token"), "--life", "30d"]).await;
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let written = std::fs::read_to_string(path("token")).unwrap();
    assert!(knows(written.trim()) && written != token, "{written}");
    let there = std::fs::symlink_metadata(path("token")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&there) & 0o777, 0o600);
    assert!(there.is_file());
    assert_eq!(std::fs::read_to_string(path("other")).unwrap(), "untouched");

    // Where it cannot be written, none is made.
    let made = || ground.grafana.edit(|setup| setup.accounts.list[0].tokens.len());
    assert_eq!(made(), 3);
    let output = run(&["--output", &path("nowhere/token")]).await;
    assert!(!output.status.success() && made() == 3, "{output:?}");

    // 0 would be for ever.
    assert_eq!(run(&["--life", "0s"]).await.status.code(), Some(64));

    std::fs::write(path("password"), "wrong").unwrap();
    let output = run(&["--output", &path("never")]).await;
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "password, other and token");
    let said = String::from_utf8(output.stderr).unwrap();
    let wrong = "the login cannot look for the service account: 401 Invalid username or password";
    assert!(said.contains(wrong) && output.status.code() == Some(1), "{said}");
}
