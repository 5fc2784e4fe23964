//! Names as users see them, made of identifiers (7.5, 7.6) and of the names of Rock Ridge.
//!
//! What no name may hold, a slash or NUL, becomes `_`, or `.` in plain names, where Acorn's tools wrote slashes.

/// Longest name in bytes. What is longer, Joliet names of Asian letters for example, is cut at a character.
const MOST: usize = 255;

/// Which names are shown, and so which of the trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Those of Rock Ridge; plain ones where a record has none.
    RockRidge,
    /// Joliet.
    Joliet,
    /// ISO 9660:1999.
    Enhanced,
    /// ISO 9660 alone.
    Plain,
}

/// What is done to plain names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// Nothing.
    Off,
    /// Lower case, without the version and the dot of an empty extension.
    Normal,
}

/// A name, or the place for one: listings use one for all their entries.
pub struct Name {
    bytes: [u8; MOST],
    length: usize,
}

impl Name {
    /// No letters yet.
    pub const fn new() -> Self {
        Self { bytes: [0; MOST], length: 0 }
    }

    /// The name.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds bytes of a name of Rock Ridge.
    pub fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(if matches!(byte, 0 | b'/') { b'_' } else { byte });
        }
    }

    /// No letters any more.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Whether there are letters.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Becomes the name of a plain identifier.
    pub fn set_plain(&mut self, identifier: &[u8], map: Map) {
        self.clear();
        let kept = match map {
            Map::Off => identifier,
            Map::Normal => without_version(identifier),
        };
        for &byte in kept {
            let byte = if map == Map::Normal { byte.to_ascii_lowercase() } else { byte };
            let is_odd = matches!(byte, 0 | b'/') || (byte == b';' && map == Map::Normal);
            self.push(if is_odd { b'.' } else { byte });
        }
    }

    /// Becomes the name of an identifier of ISO 9660:1999.
    pub fn set_enhanced(&mut self, identifier: &[u8]) {
        self.clear();
        self.extend(identifier.strip_suffix(b";1").unwrap_or(identifier));
    }

    /// Becomes the name of an identifier of Joliet: UTF-16, most significant byte first, of which a half of a pair
    /// alone is shown as U+FFFD.
    pub fn set_joliet(&mut self, identifier: &[u8]) {
        self.clear();
        let units = identifier.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        for letter in char::decode_utf16(units) {
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            let letter = if matches!(letter, '\0' | '/') { '_' } else { letter };
            let mut bytes = [0; 4];
            let bytes = letter.encode_utf8(&mut bytes).as_bytes();
            if self.length + bytes.len() > MOST {
                break;
            }
            bytes.iter().for_each(|&byte| self.push(byte));
        }
        if self.length > 2 && self.bytes().ends_with(b";1") {
            self.length -= 2;
        }
        while self.length > 1 && self.bytes().ends_with(b".") {
            self.length -= 1;
        }
    }

    /// Puts `_` in place of what cannot be a name of a file: nothing, `.` and `..`.
    pub fn make_usable(&mut self) {
        match self.bytes() {
            b"" | b"." => (self.bytes[0], self.length) = (b'_', 1),
            b".." => self.bytes[..2].fill(b'_'),
            _ => {}
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

/// The identifier without `;1`, and without the dot that stands before it where there is no extension.
fn without_version(identifier: &[u8]) -> &[u8] {
    match identifier.strip_suffix(b";1") {
        Some(name) => name.strip_suffix(b".").unwrap_or(name),
        None => identifier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn name(set: impl FnOnce(&mut Name)) -> Vec<u8> {
        let mut name = Name::new();
        set(&mut name);
        name.make_usable();
        name.bytes().to_vec()
    }

    #[test]
    fn plain_names_lose_version_and_case() {
        let normal = |identifier: &[u8]| name(|name| name.set_plain(identifier, Map::Normal));
        assert_eq!(normal(b"README.TXT;1"), b"readme.txt");
        assert_eq!(normal(b"README.;1"), b"readme");
        assert_eq!(normal(b"A.B;2"), b"a.b.2");
        assert_eq!(normal(b"A/B"), b"a.b");
        assert_eq!(normal(b".;1"), b"_");
        assert_eq!(name(|name| name.set_plain(b"README.;1", Map::Off)), b"README.;1");
    }

    #[test]
    fn joliet_names_are_utf_16() {
        let joliet = |text: &[u16]| {
            let bytes: Vec<u8> = text.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            name(|name| name.set_joliet(&bytes))
        };
        let umlaut: Vec<u16> = "Grüße 🦀.txt;1".encode_utf16().collect();
        assert_eq!(joliet(&umlaut), "Grüße 🦀.txt".as_bytes());
        assert_eq!(joliet(&[0xd800, 0x61]), "\u{fffd}a".as_bytes());
        assert_eq!(joliet(&[0x61, 0x2f, 0]), b"a__");
        assert_eq!(joliet(&[0x2e, 0x2e]), b"_");
        assert_eq!(joliet(&[0x65e5; 110]), "日".repeat(85).as_bytes());
        assert_eq!(name(|name| name.set_joliet(b"x")), b"_");
    }

    #[test]
    fn no_name_is_a_path() {
        assert_eq!(name(|name| name.extend(b"a/b\0")), b"a_b_");
        assert_eq!(name(|name| name.extend(b"..")), b"__");
    }
}
