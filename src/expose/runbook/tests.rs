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

#[test]
fn each_says_all_that_is_needed_in_the_forms_that_are_rendered() {
    for cause in Cause::ALL.iter().copied() {
        let blocks = blocks(text(cause));
        let code = cause.code();
        assert_eq!(blocks.first(), Some(&Block::Title(code.to_owned())));
        assert!(matches!(blocks.get(1), Some(Block::Text(_))), "{code}: what it means");
        let headings: Vec<&str> = blocks
            .iter()
            .filter_map(|block| match block {
                Block::Heading(heading) => Some(heading.as_str()),
                Block::Title(_)
                | Block::Text(_)
                | Block::Code(_)
                | Block::List(_)
                | Block::Causes(_) => None,
            })
            .collect();
        let expected =
            ["How promlink knows", "Likely causes, in this order", "First commands", "Who acts"];
        assert_eq!(headings, expected, "{code}");
        assert!(blocks.iter().any(|block| matches!(block, Block::List(_))), "{code}");
        assert!(blocks.iter().any(|block| matches!(block, Block::Code(_))), "{code}");
        let fences = text(cause).lines().filter(|line| line.starts_with("```")).count();
        assert_eq!(fences, 2, "{code}");
        for line in text(cause).lines() {
            assert!(!line.starts_with(['-', '*', '|', '>']), "{code}: not rendered: {line}");
            assert_eq!(
                line.matches('`').count() % 2,
                usize::from(line.starts_with("```")),
                "{line}"
            );
        }
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
    let markdown = "# a<b\n\nText `x && y` goes\non.\n\n1. One\n   more\n2. `<two>`\n\n```sh\ncat <in >out\n```\n";
    let html = html("a<b", "../", blocks(markdown));
    let (_, main) = html.split_once("<main>").unwrap();
    expect![[r#"

        <h1>a&#60;b</h1>
        <p>Text <code>x &#38;&#38; y</code> goes on.</p>
        <ol>
        <li>One more</li>
        <li><code>&#60;two&#62;</code></li>
        </ol>
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
