//! UTF-16 as formats store it, and the bytes that the kernel's names are.
//!
//! Units that form no character, which formats do not forbid, become the three bytes that UTF-8 would have for them:
//! so every name has bytes of its own, and they lead back to it.

use alloc::vec::Vec;

const HIGH: core::ops::Range<u32> = 0xd800..0xdc00;
const LOW: core::ops::Range<u32> = 0xdc00..0xe000;

/// The units of bytes; `None` if they are no text.
pub fn from_bytes(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let (length, least, bits) = match first {
            0..0x80 => (1, 0, first & 0x7f),
            0xc2..0xe0 => (2, 0x80, first & 0x1f),
            0xe0..0xf0 => (3, 0x800, first & 0x0f),
            0xf0..0xf5 => (4, 0x1_0000, first & 0x07),
            _ => return None,
        };
        let (character, after) = rest.split_at_checked(length)?;
        rest = after;
        let mut value = u32::from(bits);
        for byte in &character[1..] {
            if byte & 0xc0 != 0x80 {
                return None;
            }
            value = value << 6 | u32::from(byte & 0x3f);
        }
        let pairs_up =
            LOW.contains(&value) && units.last().is_some_and(|last| HIGH.contains(&u32::from(*last)));
        if value < least || value > 0x10_ffff || (pairs_up && length == 3) {
            return None;
        }
        push(value, &mut units);
    }
    Some(units)
}

fn push(value: u32, units: &mut Vec<u16>) {
    match value.checked_sub(0x1_0000) {
        None => units.push(value as u16),
        Some(rest) => units.extend([(0xd800 + (rest >> 10)) as u16, (0xdc00 + (rest & 0x3ff)) as u16]),
    }
}

/// Adds the bytes of units to `bytes`.
pub fn to_bytes(units: &[u16], bytes: &mut Vec<u8>) {
    for character in char::decode_utf16(units.iter().copied()) {
        match character {
            Ok(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(alone) => {
                let unit = alone.unpaired_surrogate();
                bytes.extend([
                    0xe0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3f) as u8,
                    0x80 | (unit & 0x3f) as u8,
                ]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn every_character_comes_back() {
        let all: alloc::string::String = ('\u{1}'..=char::MAX).collect();
        let units = from_bytes(all.as_bytes()).unwrap();
        assert_eq!(units, all.encode_utf16().collect::<Vec<_>>());
        let mut bytes = Vec::new();
        to_bytes(&units, &mut bytes);
        assert_eq!(bytes, all.as_bytes());
    }

    #[test]
    fn units_without_a_partner_come_back() {
        for units in [vec![0xd83d], vec![0xde00], vec![0xde00, 0xd83d], vec![0xd83d, 0x41, 0xde00]] {
            let mut bytes = Vec::new();
            to_bytes(&units, &mut bytes);
            assert_eq!(from_bytes(&bytes), Some(units));
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let two_halves = b"\xed\xa0\xbd\xed\xb8\x80";
        for bytes in [&b"\x80"[..], b"\xc0\xaf", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xc3", two_halves] {
            assert_eq!(from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
