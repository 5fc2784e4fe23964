//! Names in directories which ignore case (kernel documentation, "Case-insensitive file name lookups").
//!
//! Two names are the same if they have the same bytes, or if both are UTF-8 and fold to the same text: decomposed
//! canonically, without code points that are ignorable by default, in the full case folding of Unicode. Characters
//! that are younger than the volume's version of Unicode fold as well, where Linux compares their bytes.

use crate::features::Incompat;
use crate::inode::{FLAG_CASEFOLD, FLAG_ENCRYPTED, Inode};
use crate::volume::Volume;
use alloc::string::String;
use core::ops::RangeInclusive;
use unicode_normalization::UnicodeNormalization;

const ENCODING_UTF8: u16 = 1;

/// `Default_Ignorable_Code_Point` of the Unicode Character Database.
const IGNORABLE: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fff8}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// A name that is looked for.
pub struct Wanted<'a> {
    name: &'a [u8],
    /// What it folds to, where the directory ignores case.
    folded: Option<String>,
}

impl<'a> Wanted<'a> {
    /// The name as the directory compares it.
    pub fn new(volume: &Volume, inode: &Inode, name: &'a [u8]) -> Self {
        let superblock = volume.superblock();
        let folds = superblock.features.incompat.contains(Incompat::CASEFOLD)
            && superblock.raw.s_encoding.get() == ENCODING_UTF8
            && inode.has_flag(FLAG_CASEFOLD)
            && !inode.has_flag(FLAG_ENCRYPTED);
        let folded = if folds { core::str::from_utf8(name).ok().map(fold) } else { None };
        Self { name, folded }
    }

    /// Whether only the same bytes are the same name.
    pub fn is_exact(&self) -> bool {
        self.folded.is_none()
    }

    /// Whether this is the name of an entry.
    pub fn is(&self, stored: &[u8]) -> bool {
        if stored == self.name {
            return true;
        }
        let Some(folded) = &self.folded else { return false };
        core::str::from_utf8(stored).is_ok_and(|stored| fold(stored) == *folded)
    }
}

fn fold(name: &str) -> String {
    let ignorable = |letter: &char| IGNORABLE.iter().any(|range| range.contains(letter));
    name.nfd().filter(|letter| !ignorable(letter)).flat_map(fold_char).nfd().collect()
}

/// One letter for all that fold to the same. The lower case of the upper case of the lower case tells the same
/// letters apart as `CaseFolding.txt` does, once the dotless i stays by itself.
fn fold_char(letter: char) -> impl Iterator<Item = char> {
    let dotless = (letter == 'ı').then_some(letter);
    let others = Some(letter).filter(|_| dotless.is_none()).into_iter();
    let folded =
        others.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    dotless.into_iter().chain(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_as_unicode_says() {
        for (one, other) in [
            ("Hello", "hELLO"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("ﬁle", "FILE"),
            ("so\u{ad}ft", "SOFT"),
            ("\u{212a}elvin", "Kelvin"),
            ("ᾳ", "ΑΙ"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        for (one, other) in [("ı", "i"), ("e", "é"), ("a", "b"), ("½", "1⁄2")] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }
}
