//! Domain names as protocols of configuration carry them: in text, and in the form of DNS (RFC 1035, section 3.1), one
//! after the other, compressed (section 4.1.4; RFC 3397 for DHCP) or not (RFC 8106 for routers of IPv6).
//!
//! Invariant: a name that is answered consists of letters, digits, `-`, `_` and dots alone, so that nobody who writes it
//! into a file or onto a terminal is surprised.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

/// The longest label.
const MOST_LABEL: usize = 63;
/// The longest name in text.
const MOST_NAME: usize = 253;

/// Whether names may be compressed: parts of them be found where an earlier one has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// They may.
    Allowed,
    /// They are whole.
    None,
}

/// Bytes that are no list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Whether a text is a domain name that can be written anywhere, without the dot at its end.
pub fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=MOST_LABEL).contains(&label.len()) && label.bytes().all(is_plain) && !label.starts_with('-')
    };
    text.len() <= MOST_NAME && text.split('.').all(is_label)
}

/// A name in text, whose dot at the end, if there is one, is taken away; `None`: it is none.
pub fn parse_text(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?;
    let text = text.strip_suffix('.').unwrap_or(text);
    is_name(text).then(|| text.into())
}

/// Reads names up to the end; zeros may follow them. A name of other characters than [`is_name`] allows is left out.
///
/// Errors: one has no end, or a part of it lies elsewhere than before it.
pub fn parse_list(bytes: &[u8], compression: Compression) -> Result<Vec<String>, Malformed> {
    let (mut names, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let (name, after) = parse_one(bytes, at, compression)?;
        at = after;
        if is_name(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The name at a place, and where the next one begins. Its parts lie ever further in front, and so come to an end.
fn parse_one(bytes: &[u8], start: usize, compression: Compression) -> Result<(String, usize), Malformed> {
    let (mut name, mut at, mut after, mut part) = (String::new(), start, None, start);
    loop {
        let length = usize::from(*bytes.get(at).ok_or(Malformed)?);
        match length >> 6 {
            0 if length == 0 => return Ok((name, after.unwrap_or(at + 1))),
            0 => {
                let label = bytes.get(at + 1..at + 1 + length).ok_or(Malformed)?;
                if !name.is_empty() {
                    name.push('.');
                }
                // What is no name is seen later.
                name.extend(
                    label
                        .iter()
                        .map(|byte| if byte.is_ascii() && *byte != b'.' { char::from(*byte) } else { ' ' }),
                );
                if name.len() > MOST_NAME {
                    return Err(Malformed);
                }
                at += 1 + length;
            }
            3 if compression == Compression::Allowed => {
                let low = usize::from(*bytes.get(at + 1).ok_or(Malformed)?);
                let to = (length & 0x3f) << 8 | low;
                if to >= part {
                    return Err(Malformed);
                }
                after = after.or(Some(at + 2));
                (at, part) = (to, to);
            }
            _ => return Err(Malformed),
        }
    }
}

/// Writes a name, whole. One that is none is left out.
pub fn emit(name: &str, bytes: &mut Vec<u8>) {
    if !is_name(name) {
        return;
    }
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn names_come_back_from_their_bytes() {
        let names = ["example.org", "a", "_srv.x-1.example"];
        let mut bytes = Vec::new();
        names.iter().for_each(|name| emit(name, &mut bytes));
        for compression in [Compression::Allowed, Compression::None] {
            assert_eq!(parse_list(&bytes, compression).unwrap(), names);
            // Zeros fill up the units of eight bytes.
            assert_eq!(parse_list(&[&bytes[..], &[0; 5]].concat(), compression).unwrap(), names);
        }
        for end in 1..bytes.len() {
            let whole = [0, 13, 16].contains(&end);
            assert_eq!(parse_list(&bytes[..end], Compression::None).is_ok(), whole, "{end}");
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        // RFC 3397, section 2.
        let bytes = b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04";
        let names = ["eng.apple.com", "marketing.apple.com"];
        assert_eq!(parse_list(bytes, Compression::Allowed).unwrap(), names);
        assert_eq!(parse_list(bytes, Compression::None), Err(Malformed));
    }

    #[test]
    fn pointers_lead_ahead_alone() {
        for bytes in
            [&b"\xc0\x00"[..], b"\x01a\xc0\x00", b"\x01a\xc0\x04\x00", b"\x01a\x00\x01b\xc0\x03", b"\xc0"]
        {
            assert_eq!(parse_list(bytes, Compression::Allowed), Err(Malformed), "{bytes:?}");
        }
        // Many that lead to one another take no longer than there are of them.
        let mut bytes = vec![0];
        for at in 0..8000_u16 {
            bytes.extend((0xc000 | at.saturating_mul(2).saturating_sub(1)).to_be_bytes());
        }
        assert_eq!(parse_list(&bytes, Compression::Allowed), Ok(Vec::new()));
    }

    #[test]
    fn what_could_be_mistaken_for_something_else_is_left_out() {
        assert_eq!(parse_list(b"\x03a\nb\x00\x03a.b\x00\x02ok\x00", Compression::None).unwrap(), ["ok"]);
        for text in ["", "a..b", ".a", "a b", "a\n", "-a", "\u{e4}", "a/b"] {
            assert!(!is_name(text), "{text:?}");
        }
        assert!(is_name(&["x".repeat(63), "y".repeat(63), "z".repeat(63), "w".repeat(61)].join(".")));
        assert!(!is_name(&["x".repeat(63), "y".repeat(63), "z".repeat(63), "w".repeat(62)].join(".")));
        assert_eq!(parse_text(b"example.org."), Some("example.org".into()));
        assert_eq!(parse_text(b"two words"), None);
    }
}
