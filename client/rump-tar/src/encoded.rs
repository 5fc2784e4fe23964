//! Encodings of libarchive's records: base64 without padding for values, percent signs in names (RFC 4648, RFC 3986).

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

/// What a value stands for; `None` if it is no base64. Padding and lines do no harm.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.iter().copied().filter(|letter| !matches!(letter, b'\n' | b'\r')).collect();
    let relaxed = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&alphabet::STANDARD, relaxed).decode(letters).ok()
}

/// A name with `%41` for `A`.
pub fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_names_are_decoded() {
        let cases: [(&str, &[u8]); 5] =
            [("", b""), ("Zg", b"f"), ("Zm8=", b"fo"), ("Zm9vYmFy", b"foobar"), ("+/8", b"\xfb\xff")];
        for (text, expected) in cases {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(expected));
        }
        assert_eq!(decode(b"a*b"), None);
        assert_eq!(percent_decode(b"user.a%3Db%"), b"user.a=b%");
    }
}
