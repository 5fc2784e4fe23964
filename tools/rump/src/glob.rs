//! Shell patterns: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before a character that means itself.
//!
//! Bytes, but `?` and brackets take a whole UTF-8 character. Matching goes back to the last star only, so the
//! time is at most the product of both lengths.

/// Whether letters of both cases are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They differ.
    Exact,
    /// They are the same (ASCII and simple Unicode ones).
    Fold,
}

/// Whether all of `name` matches `pattern`.
pub fn matches(pattern: &[u8], name: &[u8], case: Case) -> bool {
    let (pattern, name) = (decode(pattern, case), decode(name, case));
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&u32::from('*')) {
            star = Some((p + 1, n));
            p += 1;
            continue;
        }
        if let Some(length) = match_one(&pattern[p..], name[n]) {
            p += length;
            n += 1;
        } else if let Some((after, taken)) = star {
            star = Some((after, taken + 1));
            p = after;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == u32::from('*'))
}

/// Characters as numbers; bytes that are not UTF-8 get numbers beyond Unicode.
fn decode(text: &[u8], case: Case) -> Vec<u32> {
    let mut all = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            let folded = match case {
                Case::Exact => character,
                Case::Fold => character.to_lowercase().next().unwrap_or(character),
            };
            all.push(u32::from(folded));
        }
        all.extend(chunk.invalid().iter().map(|&byte| 0x20_0000 + u32::from(byte)));
    }
    all
}

/// How much of `pattern` matches `character`, if it does.
fn match_one(pattern: &[u32], character: u32) -> Option<usize> {
    let first = *pattern.first()?;
    if first == u32::from('?') {
        return Some(1);
    }
    if first == u32::from('\\') && pattern.len() > 1 {
        return (pattern[1] == character).then_some(2);
    }
    if first == u32::from('[') {
        if let Some((length, inside)) = match_bracket(pattern, character) {
            return inside.then_some(length);
        }
    }
    (first == character).then_some(1)
}

/// Length of the bracket expression and whether `character` is in it; `None` if it is never closed.
fn match_bracket(pattern: &[u32], character: u32) -> Option<(usize, bool)> {
    let mut at = 1;
    let negated = matches!(pattern.get(at), Some(&c) if c == u32::from('!') || c == u32::from('^'));
    at += usize::from(negated);
    let (mut inside, first) = (false, at);
    loop {
        let mut low = *pattern.get(at)?;
        if low == u32::from(']') && at > first {
            return Some((at + 1, inside != negated));
        }
        if low == u32::from('\\') {
            at += 1;
            low = *pattern.get(at)?;
        }
        at += 1;
        let mut high = low;
        if pattern.get(at) == Some(&u32::from('-'))
            && pattern.get(at + 1).is_some_and(|&c| c != u32::from(']'))
        {
            high = pattern[at + 1];
            at += 2;
        }
        inside |= (low..=high).contains(&character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(pattern: &str, name: &str) -> bool {
        matches(pattern.as_bytes(), name.as_bytes(), Case::Exact)
    }

    #[test]
    fn stars_and_question_marks_match() {
        assert!(is("*.c", "main.c") && is("*", "") && is("a*b*c", "aXbYbZc") && is("?", "ü"));
        assert!(!is("*.c", "main.cc") && !is("?", "") && !is("a?", "a"));
    }

    #[test]
    fn brackets_match_ranges_and_their_negation() {
        assert!(is("[a-c]x", "bx") && is("[!a-c]", "d") && is("[]]", "]") && is("[a-]", "-"));
        assert!(!is("[a-c]", "d") && !is("[^a]", "a"));
        assert!(is("[a", "[a"));
    }

    #[test]
    fn a_backslash_takes_the_meaning_away() {
        assert!(is("\\*", "*") && !is("\\*", "x") && is("a\\", "a\\"));
    }

    #[test]
    fn case_folds_on_request() {
        assert!(matches(b"*.JPG", b"a.jpg", Case::Fold) && !is("*.JPG", "a.jpg"));
    }

    #[test]
    fn many_stars_end_in_good_time() {
        let name = "a".repeat(255);
        assert!(!is(&format!("{}b", "*a".repeat(100)), &name));
    }
}
