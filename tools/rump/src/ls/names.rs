//! How a name is shown, and the character behind it that tells what it is.

use super::Args;
use crate::output::escaped;
use rumpkit::{FileType, Stat};

/// What is done about characters that are not shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// Nothing a name holds commands a terminal; it can be read back.
    Escaped,
    /// As it is.
    Raw,
    /// A question mark for each.
    Marked,
    /// As a string in C has them; a space has a backslash as well.
    OfC,
}

impl Quoting {
    /// What `args` ask for. Raw names are for programs: a terminal gets escaped ones.
    pub fn new(args: &Args, is_terminal: bool) -> Self {
        match (args.escape, args.hide_control, args.literal) {
            (true, _, _) => Self::OfC,
            (_, true, _) => Self::Marked,
            (_, _, true) if !is_terminal => Self::Raw,
            _ => Self::Escaped,
        }
    }

    /// The name as it is shown.
    pub fn shown(self, name: &[u8]) -> Vec<u8> {
        match self {
            Self::Raw => name.to_vec(),
            Self::Escaped => escaped(name).into_bytes(),
            Self::Marked => marked(name),
            Self::OfC => of_c(name),
        }
    }
}

/// Columns that shown text takes: one for each character.
pub fn width(shown: &[u8]) -> usize {
    String::from_utf8_lossy(shown).chars().count()
}

fn marked(name: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.extend(chunk.valid().chars().map(|it| if it.is_control() { '?' } else { it }));
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text.into_bytes()
}

fn of_c(name: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            let short: &[u8] = match character {
                '\x07' => b"\\a",
                '\x08' => b"\\b",
                '\x0c' => b"\\f",
                '\n' => b"\\n",
                '\r' => b"\\r",
                '\t' => b"\\t",
                '\x0b' => b"\\v",
                '\\' => b"\\\\",
                ' ' => b"\\ ",
                _ => b"",
            };
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            match (short, character.is_control()) {
                ([], true) => octal(&mut text, bytes),
                ([], false) => text.extend_from_slice(bytes),
                (short, _) => text.extend_from_slice(short),
            }
        }
        octal(&mut text, chunk.invalid());
    }
    text
}

fn octal(text: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        text.extend_from_slice(format!("\\{byte:03o}").as_bytes());
    }
}

/// What -F and -p put behind a name.
pub fn indicator(args: &Args, stat: &Stat) -> &'static [u8] {
    match stat.file_type {
        FileType::Directory if args.classify || args.slash => b"/",
        _ if !args.classify => b"",
        FileType::Symlink => b"@",
        FileType::Fifo => b"|",
        FileType::Socket => b"=",
        FileType::Regular if stat.mode.bits() & 0o111 != 0 => b"*",
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_marked_or_escaped() {
        let name = "a b\té\x1b".as_bytes();
        let name = [name, b"\xff"].concat();
        assert_eq!(Quoting::Marked.shown(&name), "a b?é??".as_bytes());
        assert_eq!(Quoting::OfC.shown(&name), "a\\ b\\té\\033\\377".as_bytes());
        assert_eq!(Quoting::Raw.shown(&name), name);
        assert_eq!(width("é".as_bytes()), 1);
    }
}
