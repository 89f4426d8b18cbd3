//! A page is read by somebody who is tired: it has everything, in one order, and nothing that its
//! end does not explain.

use std::collections::BTreeSet;

use expect_test::expect;

use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/runbooks");

#[test]
fn each_cause_has_one_and_none_is_left_over() {
    let files: BTreeSet<String> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let causes = Cause::ALL.iter().map(|cause| format!("{}.md", cause.code())).collect();
    assert_eq!(files, causes);
}

/// What a reader replaces, and other words in capitals that commands have.
const PLACEHOLDERS: &str = "
    NAMESPACE SERVICE POD GRAFANA HOST PORT SERVER UID URL GRAFANA_URL TOKEN_FILE NODE NAME
    PROMLINK PROMLINK_NAMESPACE PROMLINK_POD LINK SELECTOR EXPRESSION USER TENANT SECRET CERT_FILE
    CA_FILE
    DIRECT_URL DATASOURCE_URL RIGHT_URL PROXY_URL INGRESS INGRESS_NAMESPACE SERVICEACCOUNT
    AAAA HTTP POST IPS";

/// What ends every page, by one source.
const PLATFORMS: &str = include_str!("platforms.md");
/// The only section that a page may lack.
const BY_PLATFORM: &str = "By platform";
/// More is not read at three in the morning.
const MOST_LINES: usize = 90;

/// `UPDATE_EXPECT=1` writes it.
#[test]
fn each_ends_with_the_names_of_every_platform() {
    for cause in Cause::ALL.iter().copied() {
        let own = text(cause).split("## Names on your platform").next().unwrap();
        let page = format!("{}\n\n{PLATFORMS}", own.trim_end());
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(format!("{FOLDER}/{}.md", cause.code()), &page).unwrap();
        }
        assert!(text(cause) == page, "{} is stale: run with UPDATE_EXPECT=1", cause.code());
    }
}

#[test]
fn each_says_all_that_is_needed_in_the_forms_that_are_rendered() {
    for cause in Cause::ALL.iter().copied() {
        let blocks = blocks(text(cause));
        let code = cause.code();
        assert_eq!(blocks.first(), Some(&Block::Title(code.to_owned())));
        assert!(matches!(blocks.get(1), Some(Block::Text(_))), "{code}: what it means");
        let sections: Vec<(&str, &Block)> = blocks
            .iter()
            .zip(blocks.iter().skip(1))
            .filter_map(|(block, next)| heading(block).map(|heading| (heading, next)))
            .filter(|(heading, _)| *heading != BY_PLATFORM)
            .collect();
        let [knows, causes, neighbours, commands, who, platforms] = sections.as_slice() else {
            panic!("{code}: {sections:?}");
        };
        assert!(matches!(knows, ("How promlink knows", Block::Text(_))), "{code}");
        assert!(matches!(causes, ("Likely causes, in this order", Block::Steps(_))), "{code}");
        assert!(matches!(neighbours, ("Not to be confused with", Block::Points(_))), "{code}");
        assert!(matches!(commands, ("First commands", Block::Code(_))), "{code}");
        assert!(matches!(who, ("Who acts", Block::Text(_))), "{code}");
        assert!(matches!(platforms, ("Names on your platform", Block::Text(_))), "{code}");
        let page = text(cause);
        assert!(page.lines().count() <= MOST_LINES, "{code}: {} lines", page.lines().count());
        for (index, piece) in page.split("```").enumerate() {
            for line in piece.lines().filter(|_| index % 2 == 0) {
                assert!(!line.starts_with(['*', '|', '>']), "{code}: not rendered: {line}");
                assert_eq!(line.matches('`').count() % 2, 0, "{code}: {line}");
                assert!(line.chars().count() <= 100, "{code}: too long: {line}");
            }
        }
    }
}

/// The first thing that a person wants is to see it with their own eyes.
#[test]
fn the_first_commands_show_the_fault_itself() {
    for cause in Cause::ALL.iter().copied() {
        let programs: &[&str] = match cause.family() {
            Family::Dns => &["dig"],
            Family::Tcp => &["nc -vz", "curl"],
            Family::Tls => &["openssl s_client", "curl"],
            Family::Query
            | Family::Data
            | Family::Grafana
            | Family::Auth
            | Family::Datasource
            | Family::Agreement => &["curl"],
            Family::Ours => &["kubectl"],
        };
        let blocks = blocks(text(cause));
        let commands = blocks.iter().find_map(|block| match block {
            Block::Code(commands) => Some(commands.as_str()),
            Block::Title(_)
            | Block::Heading(_)
            | Block::Text(_)
            | Block::Steps(_)
            | Block::Points(_)
            | Block::Causes(_) => None,
        });
        let commands = commands.unwrap();
        let code = cause.code();
        assert!(programs.iter().any(|program| commands.contains(program)), "{code}: {commands}");
        assert!((1..=6).contains(&commands.lines().count()), "{code}: {commands}");
    }
}

/// Each word in capitals is one that the page, or its end, explains; Grafana and Prometheus have
/// other names on each platform.
#[test]
fn commands_name_nothing_that_only_one_platform_has() {
    let word = |c: char| !(c.is_ascii_uppercase() || c == '_');
    let known: BTreeSet<&str> = PLACEHOLDERS.split_whitespace().collect();
    for cause in Cause::ALL.iter().copied() {
        for block in blocks(text(cause)) {
            let Block::Code(commands) = block else { continue };
            let code = cause.code();
            for name in ["deploy/grafana", "-n monitoring", "-n observability", "prometheus-k8s"] {
                assert!(!commands.contains(name), "{code}: {name}");
            }
            let names = commands.split(word).filter(|name| name.len() > 2);
            for name in names.filter(|name| name.trim_matches('_').len() > 2) {
                assert!(known.contains(name), "{code}: what is {name}?");
            }
        }
    }
}

#[test]
fn neighbours_are_other_causes_that_name_it_back() {
    for cause in Cause::ALL.iter().copied() {
        let code = cause.code();
        let near = neighbours(cause);
        assert!((1..=4).contains(&near.len()), "{code}: {near:?}");
        let distinct: BTreeSet<&Cause> = near.iter().collect();
        assert_eq!(distinct.len(), near.len(), "{code}: {near:?}");
        for other in near {
            assert_ne!(other, cause, "{code} is not its own neighbour");
            let back = neighbours(other);
            assert!(back.contains(&cause), "{} does not name {code}", other.code());
            let link = format!("- [`{0}`]({0}.md): ", other.code());
            assert!(text(cause).contains(&link), "{code}: {link}");
        }
    }
}

fn neighbours(cause: Cause) -> Vec<Cause> {
    let blocks = blocks(text(cause));
    let at = blocks.iter().position(|block| heading(block) == Some("Not to be confused with"));
    let Some(Block::Points(points)) = blocks.get(at.unwrap() + 1) else { panic!("{cause:?}") };
    let named = |point: &Vec<Span>| {
        let [name, says, ..] = point.as_slice() else { panic!("{cause:?}: {point:?}") };
        assert!(name.code && says.text.starts_with(": "), "{cause:?}: {point:?}");
        Cause::from_code(&name.text).unwrap_or_else(|| panic!("{cause:?}: {name:?}"))
    };
    points.iter().map(named).collect()
}

fn heading(block: &Block) -> Option<&str> {
    match block {
        Block::Heading(heading) => Some(heading),
        Block::Title(_)
        | Block::Text(_)
        | Block::Code(_)
        | Block::Steps(_)
        | Block::Points(_)
        | Block::Causes(_) => None,
    }
}

#[test]
fn causes_that_it_names_exist() {
    for cause in Cause::ALL.iter().copied() {
        for block in blocks(text(cause)) {
            let Block::Text(spans) = block else { continue };
            let names = spans.iter().zip(spans.iter().skip(1));
            for (before, name) in
                names.filter(|(before, name)| name.code && before.text.ends_with("see "))
            {
                assert!(Cause::from_code(&name.text).is_some(), "{before:?} {name:?}");
            }
        }
    }
}

#[test]
fn markdown_becomes_html_and_stays_text() {
    let markdown = "# a<b\n\nText `x && y` goes\n`on`.\n\n1. One\n   more\n2. `<two>`\n\n\
                    - [`slow`](slow.md): late\n  or [not](at all) here\n- b\n\n\
                    ```sh\ncat <in >out\n```\n";
    let html = html("a<b", "../", blocks(markdown));
    let (_, main) = html.split_once("<main>").unwrap();
    expect![[r#"

        <h1>a&#60;b</h1>
        <p>Text <code>x &#38;&#38; y</code> goes <code>on</code>.</p>
        <ol>
        <li>One more</li>
        <li><code>&#60;two&#62;</code></li>
        </ol>
        <ul>
        <li><a href="../runbooks/slow"><code>slow</code></a>: late or [not here</li>
        <li>b</li>
        </ul>
        <pre>cat &#60;in &#62;out</pre>
        </main>
        </body>
        </html>"#]]
    .assert_eq(main);
}

#[test]
fn the_index_links_every_cause() {
    let index = index();
    let link = |cause: &Cause| format!("href=\"./runbooks/{}\"", cause.code());
    assert!(Cause::ALL.iter().all(|cause| index.contains(&link(cause))));
    assert!(!index.contains("{it}"));
    assert!(page(Cause::Starting).contains("<h1>starting</h1>"));
}

#[test]
fn a_terminal_gets_what_it_has_room_for() {
    for cause in Cause::ALL.iter().copied() {
        let page = plain(cause);
        assert!(!page.contains("{it}") && !page.contains("]("), "{page}");
        for line in page.lines().filter(|line| !line.starts_with("    ") && !line.contains('`')) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    expect![[r#"
        datasource_access_direct: the data source uses browser access, which Grafana no
        longer has for Prometheus.
        It breaks the link: panels get no true data.

        DO FIRST
          Set the data source's access to `proxy` (server).

        WHAT IT MEANS
          The data source uses "Browser" access, which Grafana has removed for
          Prometheus.

        HOW PROMLINK KNOWS
          Grafana reports `access: direct`.

        LIKELY CAUSES, IN THIS ORDER
          1. An old data source that was never changed.
          2. A provisioning file with `access: direct`.

        NOT TO BE CONFUSED WITH
          - `datasource_url_localhost`: `access: proxy`: Grafana itself asks, in its own
            pod.

        FIRST COMMANDS
            curl -s -H "Authorization: Bearer $(cat TOKEN_FILE)" GRAFANA_URL/api/datasources/uid/UID
            kubectl get configmaps,secrets -A -l grafana_datasource

        WHO ACTS
          The data source's owner: set `access: proxy`.

        NAMES ON YOUR PLATFORM
          HOST, PORT, SERVER and the URLs are in the evidence of the check; UID is the
          data source's. At Grafana's own address, SERVICE and POD are Grafana's.
          `curl`, `dig`, `nc` and `openssl` see what promlink sees when they run beside
          it:
          `kubectl -n PROMLINK_NAMESPACE debug -it PROMLINK_POD --image=nicolaka/netshoot`.

          - Plain Kubernetes:
            `kubectl get services,pods,deployments -A | grep -iE 'prometheus|grafana'`
            shows all names. The chart `prometheus`, release R, has SERVICE
            `R-prometheus-server` (port 80) and the container `prometheus-server`. Where
            the operator runs, `kubectl get services -A -l operated-prometheus=true`
            shows NAMESPACE.
          - kube-prometheus: NAMESPACE `monitoring`, SERVICE `prometheus-k8s`, POD
            `prometheus-k8s-0`, GRAFANA `grafana`. Settings:
            `kubectl -n monitoring edit prometheus k8s`. Data sources: the Secret
            `grafana-datasources`, then
            `kubectl -n monitoring rollout restart deploy/grafana`.
          - kube-prometheus-stack, release R: GRAFANA `R-grafana`, POD
            `prometheus-SERVICE-0`, SERVICE by
            `kubectl get services -A -l app=kube-prometheus-stack-prometheus`. Settings
            are values: `helm -n NAMESPACE get values R`. Data sources:
            `grafana.sidecar.datasources` and `grafana.additionalDataSources`.
          - MicroK8s: as kube-prometheus-stack, by `microk8s kubectl` and
            `microk8s helm3`; NAMESPACE `observability`, R `kube-prom-stack`, SERVICE
            `kube-prom-stack-kube-prome-prometheus`. Before 1.25: as kube-prometheus,
            without its NetworkPolicies.
    "#]]
    .assert_eq(&plain(Cause::DatasourceAccessDirect));
}

#[test]
fn the_list_has_each_cause_below_the_check_that_finds_it() {
    let list = list();
    for cause in Cause::ALL {
        assert_eq!(list.matches(&format!("\n  {} ", cause.code())).count(), 1, "{cause:?}");
    }
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    assert!(!list.contains("{it}"));
    let below_tls = list.split_once("\ntls: ").unwrap().1.split_once("\n\n").unwrap().0;
    assert!(
        below_tls.contains("tls_expiring") && !below_tls.contains("no_response"),
        "{below_tls}"
    );
}
