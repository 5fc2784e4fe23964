//! Names and values as words: written as libarchive has them, read as vis(3) has them, too.

/// What is no plain character is in octal.
pub fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b' ' | b'#' | b'=' | b'\\' | 0..=31 | 127.. => {
                escaped.extend_from_slice(format!("\\{byte:03o}").as_bytes());
            }
            byte => escaped.push(byte),
        }
    }
    escaped
}

/// What a word stands for.
pub fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let digits = rest.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits == 3 && rest[0] <= b'3' {
            plain.push(rest[..3].iter().fold(0, |value, digit| value << 3 | (digit - b'0')));
            rest = &rest[3..];
            continue;
        }
        if let Some((byte, length)) = visible(rest) {
            plain.push(byte);
            rest = &rest[length..];
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else { break };
        rest = after;
        plain.push(match letter {
            b's' => b' ',
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'0' => 0,
            letter => letter,
        });
    }
    plain
}

/// A byte as vis(3) writes those that are no characters, without the backslash: `M-x`, `M^x` and `^x`.
fn visible(text: &[u8]) -> Option<(u8, usize)> {
    let control = |byte: u8| if byte == b'?' { 127 } else { byte & 31 };
    match text {
        [b'M', b'-', byte, ..] => Some((byte | 128, 3)),
        [b'M', b'^', byte, ..] => Some((control(*byte) | 128, 3)),
        [b'^', byte, ..] => Some((control(*byte), 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_vis_writes_them() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"\\M-C\\M-)", b"\xc3\xa9"),
            (b"\\^A\\^?\\M^A", b"\x01\x7f\x81"),
            (b"\\s\\#\\\\", b" #\\"),
            (b"\\0401", b" 1"),
            (b"\\n\\", b"\n"),
            (b"\\777", b"777"),
        ];
        for (text, expected) in cases {
            assert_eq!(unescaped(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }
}
