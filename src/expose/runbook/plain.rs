//! Runbooks for a terminal: 80 columns, sections that the eye finds, commands that can be copied.

use crate::expose::runbook::{Block, Span, blocks, by_check, sentence, text};
use crate::report::cause::{Cause, Weight};
use crate::report::kinds::{is_our_own, is_refusal_by_grafana};

/// What is wrapped is not wider, for a terminal that nobody has made wider.
const COLUMNS: usize = 80;

/// What a cause means and what to do.
#[must_use]
pub fn plain(cause: Cause) -> String {
    let row = cause.row();
    let weight = match row.weight {
        _ if is_refusal_by_grafana(cause) || is_our_own(cause) => {
            "It leaves the link blind: nobody can tell what panels get."
        }
        Weight::Breaks if is_of_any_http(cause) => {
            "At Prometheus it breaks the link: panels get no true data. Where promlink itself meets \
             it at Grafana, and has never been further, the link is blind: nobody can tell."
        }
        Weight::Breaks => "It breaks the link: panels get no true data.",
        Weight::Degrades => "It degrades the link: panels get data, but something wants attention.",
        Weight::Notes => "It is worth knowing; the verdict of the link stays.",
    };
    let mut page = wrap(&format!("{}: {}.", row.code, sentence(cause)), "", "");
    page.push_str(&wrap(weight, "", ""));
    page.push_str("\nDO FIRST\n");
    page.push_str(&wrap(&row.next_step.replace("{it}", "the server"), "  ", "  "));
    page.push_str("\nWHAT IT MEANS\n");
    let mut is_below_heading = true;
    for block in blocks(text(cause)) {
        if !std::mem::replace(
            &mut is_below_heading,
            matches!(block, Block::Heading(_) | Block::Title(_)),
        ) {
            page.push('\n');
        }
        page.push_str(&show(&block));
    }
    page
}

/// Our own URL may be as wrong as the server.
fn is_of_any_http(cause: Cause) -> bool {
    use Cause as C;
    matches!(cause, C::NotGrafana | C::Redirected | C::WrongPathPrefix)
}

/// All causes by the check that finds them, a line or two each.
#[must_use]
pub fn list() -> String {
    let width = Cause::ALL.iter().map(|cause| cause.code().len()).max().unwrap_or_default();
    let rest = " ".repeat(width + 4);
    let mut list = String::new();
    for (found, causes) in by_check() {
        let gap = if list.is_empty() { "" } else { "\n" };
        list.push_str(&format!("{gap}{found}\n"));
        for cause in causes {
            list.push_str(&wrap(&sentence(*cause), &format!("  {:width$}  ", cause.code()), &rest));
        }
    }
    list
}

fn show(block: &Block) -> String {
    match block {
        // The first line of the page has said it.
        Block::Title(_) => String::new(),
        Block::Heading(heading) => format!("{}\n", heading.to_uppercase()),
        Block::Text(spans) => wrap(&written(spans), "  ", "  "),
        Block::Code(code) => code.lines().map(|line| format!("    {line}\n")).collect(),
        Block::Steps(items) => {
            let step = |(index, spans): (usize, &Vec<Span>)| {
                wrap(&written(spans), &format!("  {}. ", index + 1), "     ")
            };
            items.iter().enumerate().map(step).collect()
        }
        Block::Points(items) => {
            items.iter().map(|spans| wrap(&written(spans), "  - ", "    ")).collect()
        }
        Block::Causes(causes) => causes.iter().map(|(code, _)| format!("  {code}\n")).collect(),
    }
}

fn written(spans: &[Span]) -> String {
    let one = |span: &Span| if span.code { format!("`{}`", span.text) } else { span.text.clone() };
    spans.iter().map(one).collect()
}

/// Lines of at most [`COLUMNS`], but for what has no blank. Code is one word: half a command is of
/// no use.
fn wrap(text: &str, first: &str, rest: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match words.last_mut() {
            Some(last) if last.matches('`').count() % 2 == 1 => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) | None => words.push(word.to_owned()),
        }
    }
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in words {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push_str(&line);
            lines.push('\n');
            line = rest.to_owned();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(&word);
        is_empty = false;
    }
    lines + &line + "\n"
}
