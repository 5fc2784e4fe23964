//! Regular expressions of POSIX (XBD 9), basic and extended, as `-regex` takes them: of the whole path.
//!
//! They are written anew for the engine, which knows no references to groups and so takes no longer than a path is long.

use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;

/// Which characters are operators without a backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// `* . [ ^ $`, and with a backslash `( ) { }`, and as GNU has them `| + ?`.
    Basic,
    /// All of them.
    Extended,
}

/// What `pattern` means. Errors: what is wrong with it.
pub fn compile(pattern: &str, grammar: Grammar, ignores_case: bool) -> Result<Regex, String> {
    let whole = format!("^(?:{})$", translated(pattern, grammar)?);
    let flags = syntax::Config::new().utf8(false).dot_matches_new_line(true).case_insensitive(ignores_case);
    let built = Regex::builder().configure(Config::new().utf8_empty(false)).syntax(flags).build(&whole);
    built.map_err(|error| format!("{pattern:?} makes no sense: {error}"))
}

fn translated(pattern: &str, grammar: Grammar) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = pattern.chars().peekable();
    // Nothing is there yet that could be repeated.
    let mut is_first = true;
    while let Some(letter) = rest.next() {
        let is_operator = |letter: char| "(){}|+?".contains(letter);
        let (letter, operates) = match (letter, grammar) {
            ('\\', _) => {
                let next = rest.next().ok_or_else(|| format!("{pattern:?} ends in a backslash"))?;
                if next.is_ascii_digit() {
                    return Err(format!("{pattern:?}: references to groups are not known here"));
                }
                (next, grammar == Grammar::Basic && is_operator(next))
            }
            ('[', _) => {
                bracket(&mut rest, &mut whole).ok_or_else(|| format!("{pattern:?}: a [ is not closed"))?;
                is_first = false;
                continue;
            }
            ('.', _) => (letter, true),
            ('*', _) => (letter, !is_first),
            ('^', Grammar::Basic) => (letter, is_first),
            ('$', Grammar::Basic) => {
                let behind: String = rest.clone().take(2).collect();
                (letter, matches!(&*behind, "" | "\\)" | "\\|"))
            }
            ('^' | '$', Grammar::Extended) => (letter, true),
            (letter, grammar) => (letter, grammar == Grammar::Extended && is_operator(letter)),
        };
        if operates || letter == ',' || letter.is_alphanumeric() || !letter.is_ascii() {
            whole.push(letter);
        } else {
            whole.extend(['\\', letter]);
        }
        is_first = operates && matches!(letter, '(' | '|' | '^');
    }
    Ok(whole)
}

/// What is in brackets, whose first is taken already; `None` if they have no end.
fn bracket(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, whole: &mut String) -> Option<()> {
    whole.push('[');
    whole.extend(rest.next_if_eq(&'^'));
    let mut is_first = true;
    loop {
        let letter = rest.next()?;
        match (letter, rest.peek()) {
            (']', _) if !is_first => break,
            ('[', Some(':')) => {
                whole.push('[');
                while !whole.ends_with(":]") {
                    whole.push(rest.next()?);
                }
            }
            // A range, unless it is at either end.
            ('-', Some(next)) if !is_first && *next != ']' => whole.push('-'),
            (letter, _) if letter.is_ascii_punctuation() => whole.extend(['\\', letter]),
            (letter, _) => whole.push(letter),
        }
        is_first = false;
    }
    whole.push(']');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, grammar: Grammar, text: &[u8]) -> bool {
        compile(pattern, grammar, false).unwrap().is_match(text)
    }

    #[test]
    fn operators_are_those_of_the_grammar() {
        for (basic, extended, text, expected) in [
            (".*/a\\{2\\}", ".*/a{2}", "x/aa", true),
            ("a\\{2,\\},", "a{2,},", "aaa,", true),
            (".*a+", ".*a\\+", "xa+", true),
            ("\\(a\\|b\\)*", "(a|b)*", "abba", true),
            ("*a", "\\*a", "*a", true),
            ("a^b$c", "a\\^b\\$c", "a^b$c", true),
            ("[]^a-]*", "[]^a-]*", "]^-a", true),
            ("[^[:digit:]]*", "[^[:digit:]]*", "a1", false),
            ("[\\&&]", "[\\&&]", "\\", true),
            ("a", "a", "aa", false),
        ] {
            assert_eq!(matches(basic, Grammar::Basic, text.as_bytes()), expected, "{basic}");
            assert_eq!(matches(extended, Grammar::Extended, text.as_bytes()), expected, "{extended}");
        }
        assert!(matches("a.b", Grammar::Basic, b"a\nb") && !matches("a.b", Grammar::Basic, b"a\xffb"));
        assert!(compile("A", Grammar::Basic, true).unwrap().is_match(b"a"));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for pattern in ["[a", "a\\", "\\(a\\)\\1", "\\(a", "a\\{2"] {
            assert!(compile(pattern, Grammar::Basic, false).is_err(), "{pattern}");
        }
    }
}
