//! Encodings of libarchive's records: base64 without padding for values, percent signs in names (RFC 4648, RFC 3986).

/// What a value stands for; `None` if it is no base64.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for &letter in text.iter().take_while(|&&letter| letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'\n' | b'\r' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
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
