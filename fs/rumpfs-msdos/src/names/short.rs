//! Short names: eight bytes and three, in upper case, in a code page; how they are shown, and how one is found for a
//! long name (fatgen103, "The Basis-Name Generation Algorithm", "The Numeric-Tail Generation Algorithm").

use super::codepage::CodePage;
use super::fold::fold;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Bit of `ntres`: the first part is shown in lower case.
const LOWER_BASE: u8 = 0x08;
/// Bit of `ntres`: the second part is.
const LOWER_EXTENSION: u8 = 0x10;
/// What stands for 0xe5 as the first byte, since that marks a free slot.
const ESCAPED_E5: u8 = 0x05;
const SPACE: u8 = b' ';
/// The largest numeric tail.
const MOST_TAIL: u32 = 999_999;

/// Shows a short name.
pub fn shown(name: &[u8; 11], ntres: u8, page: CodePage, units: &mut Vec<u16>) {
    units.clear();
    let (base, extension) = name.split_at(8);
    let mut part = |part: &[u8], is_lower: bool, is_base: bool| {
        let length = part.iter().rposition(|byte| *byte != SPACE).map_or(0, |last| last + 1);
        if length > 0 && !is_base {
            units.push(b'.'.into());
        }
        for (at, byte) in part[..length].iter().enumerate() {
            let byte = if is_base && at == 0 && *byte == ESCAPED_E5 { 0xe5 } else { *byte };
            let unit = match byte {
                0..0x20 | b'/' | 0x7f => b'_'.into(),
                b'A'..=b'Z' if is_lower => u16::from(byte | 0x20),
                128.. if is_lower => lower(page.unit(byte)),
                _ => page.unit(byte),
            };
            units.push(unit);
        }
    };
    part(base, ntres & LOWER_BASE != 0, true);
    part(extension, ntres & LOWER_EXTENSION != 0, false);
}

fn lower(unit: u16) -> u16 {
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut lower = character.to_lowercase();
    match (lower.next().map(u32::from), lower.next()) {
        (Some(lower @ 0..=0xffff), None) => lower as u16,
        _ => unit,
    }
}

/// A short name that is wanted for a long one.
pub struct Wanted {
    /// The name, without a tail.
    pub basis: [u8; 11],
    /// For `ntres`.
    pub ntres: u8,
    /// Whether the short name says all, so that no long one is needed.
    pub is_exact: bool,
    /// Whether the basis as it is would do.
    pub is_faithful: bool,
}

/// The short name that fits a long one best.
pub fn wanted(units: &[u16], page: CodePage) -> Wanted {
    let dot = u16::from(b'.');
    let begin = units.iter().position(|unit| *unit != dot).unwrap_or(0);
    let split = units.iter().rposition(|unit| *unit == dot).filter(|at| *at > begin);
    let base = part(&units[begin..split.unwrap_or(units.len())], 8, page);
    let extension = part(split.map_or(&[], |at| &units[at + 1..]), 3, page);
    let mut basis = [SPACE; 11];
    basis[..base.bytes.len()].copy_from_slice(&base.bytes);
    basis[8..8 + extension.bytes.len()].copy_from_slice(&extension.bytes);
    if basis[0] == 0xe5 {
        basis[0] = ESCAPED_E5;
    }
    let is_faithful = begin == 0 && base.is_faithful && extension.is_faithful && !base.bytes.is_empty();
    let is_shown = |part: &Part| part.is_plain && !(part.has_lower && part.has_upper);
    let ntres =
        if base.has_lower { LOWER_BASE } else { 0 } | if extension.has_lower { LOWER_EXTENSION } else { 0 };
    let is_exact = is_faithful && is_shown(&base) && is_shown(&extension);
    Wanted { basis, ntres: if is_exact { ntres } else { 0 }, is_exact, is_faithful }
}

#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    is_faithful: bool,
    /// Nothing depends on the code page.
    is_plain: bool,
    has_lower: bool,
    has_upper: bool,
}

fn part(units: &[u16], most: usize, page: CodePage) -> Part {
    let mut part = Part { is_faithful: true, is_plain: true, ..Part::default() };
    let mut after_high = false;
    for unit in units {
        if *unit == u16::from(SPACE) || *unit == u16::from(b'.') {
            part.is_faithful = false;
            continue;
        }
        // The second half of a character that needs two is not a second character.
        if after_high && (0xdc00..0xe000).contains(unit) {
            after_high = false;
            continue;
        }
        after_high = (0xd800..0xdc00).contains(unit);
        let upper = fold(*unit);
        let byte = page.byte(upper).filter(|byte| *byte > SPACE && !b"\"*+,/:;<=>?[\\]|.\x7f".contains(byte));
        part.is_faithful &= byte.is_some();
        part.has_lower |= upper != *unit;
        part.has_upper |= lower(*unit) != *unit;
        part.is_plain &= *unit < 0x80;
        if part.bytes.len() == most {
            part.is_faithful = false;
            break;
        }
        part.bytes.push(byte.unwrap_or(b'_'));
    }
    part
}

/// A short name that is free, and the number in it: the basis itself, with zero, if it says what the long name says.
/// All numbers below `from` are taken.
pub fn free(wanted: &Wanted, from: u32, is_taken: impl Fn(&[u8; 11]) -> bool) -> Option<([u8; 11], u32)> {
    if wanted.is_faithful && !is_taken(&wanted.basis) {
        return Some((wanted.basis, 0));
    }
    let numbered = |number| Some((with_number(&wanted.basis, number)?, number));
    (from..=MOST_TAIL).filter_map(numbered).find(|(name, _)| !is_taken(name))
}

fn with_number(basis: &[u8; 11], number: u32) -> Option<[u8; 11]> {
    let tail = String::from("~") + &number.to_string();
    let length = basis[..8].trim_ascii_end().len().min(8usize.checked_sub(tail.len())?);
    let mut name = *basis;
    name[..8].fill(SPACE);
    name[..length].copy_from_slice(&basis[..length]);
    name[length..length + tail.len()].copy_from_slice(tail.as_bytes());
    Some(name)
}

/// The number in a short name, if there is one.
pub fn number(name: &[u8; 11]) -> Option<u32> {
    let base = name[..8].trim_ascii_end();
    let at = base.iter().rposition(|byte| *byte == b'~')?;
    core::str::from_utf8(&base[at + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    fn short(text: &str, taken: &[&[u8; 11]]) -> (String, bool) {
        let wanted = wanted(&units(text), CodePage::default());
        let (name, _) = free(&wanted, 1, |name| taken.contains(&name)).unwrap();
        (String::from_utf8_lossy(&name).into_owned(), wanted.is_exact)
    }

    #[test]
    fn names_become_short_as_windows_makes_them() {
        for (long, expected, is_exact) in [
            ("README.TXT", "README  TXT", true),
            ("readme.txt", "README  TXT", true),
            ("Readme.txt", "README  TXT", false),
            ("The quick brown.fox", "THEQUI~1FOX", false),
            ("archive.tar.gz", "ARCHIV~1GZ ", false),
            (".profile", "PROFIL~1   ", false),
            ("a+b.c", "A_B~1   C  ", false),
            ("x.html", "X~1     HTM", false),
            ("noextension", "NOEXTE~1   ", false),
            ("\u{1f600}.txt", "_~1     TXT", false),
            ("Müll.öl", "M\u{fffd}LL    \u{fffd}L ", false),
            ("日本", "__~1       ", false),
        ] {
            assert_eq!(short(long, &[]), (expected.into(), is_exact), "{long}");
        }
    }

    #[test]
    fn tails_avoid_those_that_are_taken() {
        let taken: [&[u8; 11]; 4] = [b"LONGNA~1TXT", b"LONGNA~2TXT", b"LONGNA~3DOC", b"LONGN~10TXT"];
        assert_eq!(short("long name.txt", &taken).0, "LONGNA~3TXT");
        assert_eq!(short("Readme.txt", &[b"README  TXT"]).0, "README~1TXT");
        let wanted = wanted(&units("longname 2.txt"), CodePage::default());
        let first_nine = |name: &[u8; 11]| number(name).is_some_and(|number| number < 10);
        assert_eq!(free(&wanted, 1, first_nine), Some((*b"LONGN~10TXT", 10)));
        assert_eq!(free(&wanted, 100_000, first_nine), Some((*b"L~100000TXT", 100_000)));
    }

    #[test]
    fn a_short_name_is_shown_in_its_case_and_page() {
        let mut text = Vec::new();
        shown(b"README  TXT", LOWER_BASE, CodePage::default(), &mut text);
        assert_eq!(text, units("readme.TXT"));
        shown(b"\x05\x81A     B  ", LOWER_EXTENSION, CodePage::default(), &mut text);
        assert_eq!(text, units("σüA.b"));
    }

    #[test]
    fn an_exact_name_is_shown_as_it_was_made() {
        for name in ["file.txt", "FILE.txt", "file", "FILE.1", "1.1"] {
            let wanted = wanted(&units(name), CodePage::default());
            let mut text = Vec::new();
            shown(&wanted.basis, wanted.ntres, CodePage::default(), &mut text);
            assert_eq!((wanted.is_exact, text), (true, units(name)), "{name}");
        }
    }
}
