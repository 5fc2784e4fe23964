//! The page of a header, in mdoc.

use super::comment::Comment;
use super::header::{Function, Header, Item};
use super::{errors, markup};
use crate::Outcome;
use std::collections::BTreeSet;

/// The date of all pages: the same sources make the same bytes.
const DATE: &str = "November 26, 2026";
/// What calls fail with that their comments do not repeat.
const EVERY_CALL: &str = "Besides, each call fails with ENXIO if no kernel was booted, or if it was halted.";

/// Writes it. `functions` are those of all headers. Errors: an error number that there is not.
pub fn write(header: &Header, functions: &BTreeSet<String>) -> Outcome<String> {
    let page = header.page();
    let mut out = format!(
        ".\\\" Made of include/{}.\n.Dd {DATE}\n.Dt {} 3\n.Os\n.Sh NAME\n",
        header.name,
        page.to_uppercase()
    );
    let mut names: Vec<&str> = header.functions().collect();
    if names.is_empty() {
        names.push(&page);
    }
    out.push_str(&names.iter().map(|name| format!(".Nm {name}")).collect::<Vec<_>>().join(" ,\n"));
    let (title, more) = about(&header.about);
    out.push_str(&format!("\n.Nd {title}\n.Sh SYNOPSIS\n.In {}\n", header.name));
    for (_, group) in groups(header) {
        group.iter().for_each(|function| out.push_str(&prototype(function)));
    }
    out.push_str(".Sh DESCRIPTION\n");
    out.push_str(&description(header, more, functions));
    out.push_str(&return_values(header, functions));
    out.push_str(&errors_section(header, functions)?);
    out.push_str(&format!(".Sh SEE ALSO\n{}", see_also(header)));
    Ok(out)
}

fn groups(header: &Header) -> impl Iterator<Item = (&Comment, &[Function])> {
    header.items.iter().filter_map(|item| match item {
        Item::Functions { comment, functions, .. } => Some((comment, functions.as_slice())),
        Item::Definitions { .. } => None,
    })
}

/// The first sentence without its full stop, for the line of the name, and what follows it.
fn about(text: &str) -> (String, &str) {
    let end = text
        .find(['.', ';', ':'])
        .filter(|end| text[end + 1..].starts_with([' ', '\n']) || end + 1 == text.len());
    let (first, more) = end.map_or((text, ""), |end| (&text[..end], &text[end + 1..]));
    let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = first.chars();
    let begin = letters.next().map(|letter| letter.to_lowercase().to_string()).unwrap_or_default();
    (format!("{begin}{}", letters.as_str()), more.trim())
}

fn prototype(function: &Function) -> String {
    let parameters: String =
        function.parameters.iter().map(|parameter| format!(".Fa \"{parameter}\"\n")).collect();
    format!(".Ft {}\n.Fo {}\n{parameters}.Fc\n", quoted(&function.result), function.name)
}

fn quoted(text: &str) -> String {
    if text.contains(' ') { format!("\"{text}\"") } else { text.to_string() }
}

fn description(header: &Header, more: &str, functions: &BTreeSet<String>) -> String {
    let mut out = markup::prose(if more.is_empty() { &header.about } else { more }, functions);
    for item in &header.items {
        match item {
            Item::Functions { comment, functions: group, .. } => {
                out.push_str(&format!(".Ss {}\n{}", listed(group), markup::prose(&comment.text, functions)));
            }
            Item::Definitions { comment, lines } => {
                let lines: String = lines.iter().map(|line| format!("{}\n", markup::literal(line))).collect();
                out.push_str(&format!(
                    ".Pp\n{}.Bd -literal\n{lines}.Ed\n",
                    markup::prose(comment, functions)
                ));
            }
        }
    }
    out.replace(".Pp\n.Bd", ".Bd")
}

/// The names of functions that have one comment.
fn listed(group: &[Function]) -> String {
    group.iter().map(|function| function.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn return_values(header: &Header, functions: &BTreeSet<String>) -> String {
    let answering = groups(header).filter(|(comment, _)| !comment.returns.is_empty());
    let list: String = answering
        .map(|(comment, group)| {
            format!(".It {}\n{}", tags(group), markup::prose(&answer(&comment.returns), functions))
        })
        .collect();
    if list.is_empty() { list } else { format!(".Sh RETURN VALUES\n.Bl -tag -width Ds\n{list}.El\n") }
}

fn tags(group: &[Function]) -> String {
    group.iter().map(|function| format!("Fn {}", function.name)).collect::<Vec<_>>().join(" , ")
}

/// The short form of comments, as a sentence.
fn answer(returns: &str) -> String {
    let failing = |value: &str| format!("; on failure {value}, and errno says why");
    let text =
        returns.replace("; -1 and errno", &failing("-1")).replace("; NULL and errno", &failing("NULL"));
    let text = if returns == "-1 and errno" { "-1, and errno says why".to_string() } else { text };
    format!("Returns {text}.")
}

fn errors_section(header: &Header, functions: &BTreeSet<String>) -> Outcome<String> {
    let mut out = String::new();
    for (comment, group) in groups(header).filter(|(comment, _)| !comment.errors.is_empty()) {
        let list = errors::list(&comment.errors, functions)
            .map_err(|error| format!("include/{}:{}: {error}", header.name, comment.line))?;
        out.push_str(&format!(".Ss {}\n{}", listed(group), list.strip_prefix(".Pp\n").unwrap_or(&list)));
    }
    if out.is_empty() {
        return Ok(out);
    }
    let every = if header.name.starts_with("rump/sys/") {
        markup::prose(EVERY_CALL, functions)
    } else {
        String::new()
    };
    Ok(format!(".Sh ERRORS\nIn the order in which they are found:\n{every}{out}"))
}

fn see_also(header: &Header) -> String {
    let mut pages: BTreeSet<(char, String)> =
        header.includes.iter().map(|name| ('3', page_of(name))).collect();
    pages.insert(('7', "rump".to_string()));
    let lines: Vec<String> = pages.iter().map(|(section, name)| format!(".Xr {name} {section}")).collect();
    format!("{}\n", lines.join(" ,\n"))
}

fn page_of(name: &str) -> String {
    Header { name: name.to_string(), about: String::new(), includes: Vec::new(), items: Vec::new() }.page()
}
