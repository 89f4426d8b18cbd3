use clap::CommandFactory;

use super::*;
use crate::config::{Settings, Sources, load_bytes};

fn parse(line: &str) -> Result<Cli, String> {
    let args = ["promlink"].into_iter().chain(line.split_whitespace());
    Cli::try_parse_from(args).map_err(|error| error.to_string())
}

/// What the flags of `serve` alone make, without a file and an environment.
fn settings(line: &str) -> Result<Settings, String> {
    let sources = Sources { flags: parse(line)?.serve.flags.0, ..Sources::default() };
    load_bytes(&sources, None).map_err(|errors| errors.to_string())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_command_it_serves() {
    let cli = parse("--config.file a.yml --log.level debug").unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.serve.file, Some("a.yml".into()));
    assert!(matches!(parse("serve --config.file a.yml").unwrap().command, Some(Command::Serve(_))));
    // Flags before a command would belong to nobody.
    assert!(parse("--config.file a.yml check").is_err());
}

#[test]
fn flags_make_one_link() {
    let url = "--prometheus.url http://localhost:9090";
    let links = settings(url).unwrap().links;
    let [link] = links.as_slice() else { panic!("one link") };
    assert_eq!(link.name.as_str(), "default");
    assert!(link.grafana.is_none());

    let grafana =
        "--grafana.url http://localhost:3000 --grafana.token-file t --datasource.uid prom";
    let links = settings(&format!("{url} {grafana}")).unwrap().links;
    let uid = links[0].grafana.as_ref().map(|side| &side.datasource);
    assert_eq!(uid, Some(&crate::link::DatasourceRef::Uid("prom".to_owned())));

    let links = settings("--grafana.url http://localhost:3000").unwrap().links;
    let default = links[0].grafana.as_ref().map(|side| &side.datasource);
    assert_eq!(default, Some(&crate::link::DatasourceRef::Default));
    assert!(links[0].prometheus.is_none());
}

#[test]
fn every_flag_sets_a_key_that_exists() {
    let end = |end: &str| {
        format!(
            "--{end}.url https://h --{end}.ca-file c --{end}.user u --{end}.password-file p \
             --{end}.insecure-skip-verify --{end}.proxy-url http://proxy:3128 "
        )
    };
    let general = "--web.listen-address :1 --log.level warn --log.format json --datasource.uid x ";
    let all = format!("{general}{}{}", end("prometheus"), end("grafana"));
    let settings = settings(&all).unwrap();
    let end = &settings.links[0].prometheus.as_ref().unwrap().http;
    assert!(end.tls.insecure_skip_verify && end.proxy.is_some() && end.auth.is_some());
    let grafana = settings.grafanas.values().next().unwrap();
    assert_eq!(grafana.endpoint.http, *end);
    assert_eq!(settings.web.listen.port(), 1);
}

#[test]
fn mistakes_in_flags_are_told() {
    let wrong = "--prometheus.url localhost:9090 --web.listen-address 80 --prometheus.user u";
    expect_test::expect![[r#"
        --prometheus.url: has no scheme; write http://localhost:9090 or https://localhost:9090
        --prometheus.user: has no secret; give it password or password_file
        --web.listen-address: `80` is no address to listen at; write :10079 or 127.0.0.1:10079"#]]
    .assert_eq(&settings(wrong).unwrap_err());
    for line in [
        "--prometheus.ca-file c",
        "--datasource.uid x --prometheus.url http://h",
        "--config.file a.yml --prometheus.url http://h",
        "check --output xml",
        "check --wait soon",
        "config",
        "chek",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn check_takes_several_links() {
    let line = "check --link a b --link c --fail-on broken --wait 60s --output json";
    let Some(Command::Check(args)) = parse(line).unwrap().command else { panic!("check") };
    assert!(format!("{args:?}").contains(r#"link: ["a", "b", "c"]"#), "{args:?}");
}
