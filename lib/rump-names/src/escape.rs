//! Names made safe for a terminal.

use alloc::string::String;
use core::fmt::Write as _;

/// Whether [`escaped`] leaves the name as it is, as it does with all of ASCII that is harmless.
pub fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b'\\')
}

/// A name in which no byte can command a terminal and which can be read back: `\n`, `\t`, `\\`, and `\ooo` for
/// other control characters and for bytes that are not UTF-8.
pub fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                '\\' => text.push_str("\\\\"),
                _ if character.is_control() || is_format(character) => {
                    let mut bytes = [0; 4];
                    octal(&mut text, character.encode_utf8(&mut bytes).as_bytes());
                }
                _ => text.push(character),
            }
        }
        octal(&mut text, chunk.invalid());
    }
    text
}

fn octal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\{byte:03o}");
    }
}

/// Characters that turn the direction of text round or are line ends to some programs.
fn is_format(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `bytes` in base 16.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        assert_eq!(escaped("Grüße an Öl.txt".as_bytes()), "Grüße an Öl.txt");
    }

    #[test]
    fn every_byte_that_is_plain_stays_as_it_is() {
        for byte in (0..=u8::MAX).filter(|byte| is_plain(&[*byte])) {
            assert_eq!(escaped(&[byte]).as_bytes(), [byte]);
        }
        assert!(is_plain(b"a b~") && !is_plain(b"a\\") && !is_plain(b"\x7f") && !is_plain(b"\x1b"));
    }

    #[test]
    fn control_bytes_and_broken_utf8_are_escaped() {
        assert_eq!(escaped(b"a\x1b[2Jb\nc\\\xff"), "a\\033[2Jb\\nc\\\\\\377");
        assert_eq!(escaped("\u{202e}gpj.exe".as_bytes()), "\\342\\200\\256gpj.exe");
    }
}
