//! Text of comments as mdoc: names of functions, pages, constants and error numbers get the macros that are theirs.

use super::errors;
use std::collections::BTreeSet;

/// Bytes of a line of source after which mandoc complains.
const WIDTH: usize = 78;
/// What may stand before and behind a word that is marked.
const OPENING: &[char] = &['(', '['];
const CLOSING: &[char] = &['.', ',', ';', ':', '?', '!', ')', ']'];

/// Text as lines of mdoc, each sentence on a line of its own. An empty line begins a paragraph.
pub fn prose(text: &str, functions: &BTreeSet<String>) -> String {
    let paragraphs: Vec<_> =
        text.split("\n\n").map(|paragraph| one_paragraph(paragraph, functions)).collect();
    paragraphs.join(".Pp\n")
}

fn one_paragraph(text: &str, functions: &BTreeSet<String>) -> String {
    let (mut out, mut line) = (String::new(), String::new());
    let flush = |line: &mut String, out: &mut String| {
        if !line.is_empty() {
            out.push_str(&format!("{}\n", std::mem::take(line)));
        }
    };
    for word in words(text) {
        if let Some(marked) = marked(&word, functions) {
            flush(&mut line, &mut out);
            out.push_str(&format!("{marked}\n"));
            continue;
        }
        let word = plain(&word);
        if line.len() + 1 + word.len() > WIDTH {
            flush(&mut line, &mut out);
        }
        if line.is_empty() && word.starts_with(['.', '\'']) {
            line.push_str("\\&");
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
        if word.trim_end_matches([')', '"']).ends_with(['.', '?', '!']) {
            flush(&mut line, &mut out);
        }
    }
    flush(&mut line, &mut out);
    out
}

/// Words; what is between backquotes is one.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in text.chars() {
        is_quoted ^= letter == '`';
        match words.last_mut() {
            Some(word) if is_quoted || !letter.is_whitespace() => word.push(letter),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The line with a macro that a word becomes, if it becomes one.
fn marked(word: &str, functions: &BTreeSet<String>) -> Option<String> {
    let core = word.trim_start_matches(OPENING);
    let (before, mut core) = (&word[..word.len() - core.len()], core);
    let mut behind = Vec::new();
    let page = |core: &str| {
        let (name, section) = core.strip_suffix(')')?.split_once('(')?;
        let is_section = section.len() == 1 && section.starts_with(|digit: char| digit.is_ascii_digit());
        (is_section && !name.is_empty()).then(|| format!("Xr {name} {section}"))
    };
    let is_constant = |core: &str| {
        let letters = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
        core == "NULL" || core.len() > 2 && core.contains('_') && core.chars().all(letters)
    };
    let call = loop {
        if let Some(quoted) = core.strip_prefix('`').and_then(|core| core.strip_suffix('`')) {
            break format!("Ql {}", argument(quoted));
        } else if let Some(page) = page(core) {
            break page;
        } else if functions.contains(core) {
            break format!("Fn {core}");
        } else if errors::meaning(core).is_some() {
            break format!("Er {core}");
        } else if is_constant(core) {
            break format!("Dv {core}");
        } else if core == "errno" {
            break "Va errno".to_string();
        }
        let last = core.chars().next_back().filter(|last| CLOSING.contains(last))?;
        behind.insert(0, last.to_string());
        core = &core[..core.len() - last.len_utf8()];
    };
    let (name, arguments) = call.split_once(' ')?;
    let before: String = before.chars().map(|letter| format!("{letter} ")).collect();
    let behind: String = behind.iter().map(|letter| format!(" {letter}")).collect();
    Some(format!(".{name} {before}{arguments}{behind}"))
}

/// An argument of a macro, of any letters.
fn argument(text: &str) -> String {
    let text = plain(text).replace('"', "\\(dq");
    let guarded = if text.starts_with(|letter: char| letter.is_ascii_alphanumeric()) {
        text
    } else {
        format!("\\&{text}")
    };
    if guarded.contains(' ') { format!("\"{guarded}\"") } else { guarded }
}

/// Letters that mean something to mandoc, as themselves.
fn plain(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// A line that is shown as it is written.
pub fn literal(line: &str) -> String {
    let line = plain(line);
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_get_their_macros_with_punctuation_beside_them() {
        let functions = BTreeSet::from(["rump_init".to_string()]);
        let text = "After rump_init, ENOENT (see open(2)); O_CREAT. `a b`, `.`:\n-1 and 'x' are .left. Next.";
        let expected = "After\n.Fn rump_init ,\n.Er ENOENT\n(see\n.Xr open 2 ) ;\n.Dv O_CREAT .\n.Ql \"a b\" ,\n.Ql \\&. :\n\
                        \\-1 and 'x' are .left.\nNext.\n";
        assert_eq!(prose(text, &functions), expected);
        assert_eq!(prose("One.\n\n'Two.", &functions), "One.\n.Pp\n\\&'Two.\n");
    }
}
