//! Text of unknown origin, made harmless: no byte of it commands the terminal.

use ratatui::text::Span;

const TAB: usize = 8;

/// As much of `bytes` as fits into `width` columns, and how many bytes that is, at least one character. Control characters,
/// those that turn text round, and bytes that are not UTF-8 are dots; tabs are spaces.
pub fn plain(bytes: &[u8], width: usize) -> (String, usize) {
    let (mut text, mut columns, mut taken) = (String::new(), 0, 0);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().chars().map(|character| (character, character.len_utf8()));
        for (character, length) in valid.chain(chunk.invalid().iter().map(|_| ('\0', 1))) {
            let wide = if character == '\t' { TAB - columns % TAB } else { columns_of(character) };
            if columns + wide > width && taken > 0 {
                return (text, taken);
            }
            match character {
                '\t' => text.extend(std::iter::repeat_n(' ', wide.min(width))),
                character if is_harmless(character) => text.push(character),
                _ => text.push('.'),
            }
            columns += wide;
            taken += length;
        }
    }
    (text, taken)
}

fn is_harmless(character: char) -> bool {
    let turns = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !turns
}

fn columns_of(character: char) -> usize {
    match character {
        ' '..='~' => 1,
        character if !is_harmless(character) => 1,
        character => Span::raw(character.encode_utf8(&mut [0; 4]) as &str).width(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_the_terminal() {
        assert_eq!(plain(b"a\x1b]0;x\x07\xff\tb", 80).0, "a.]0;x..        b");
        assert_eq!(plain("\u{202e}x\u{9b}2J".as_bytes(), 80).0, ".x.2J");
    }

    #[test]
    fn columns_are_counted_and_not_bytes() {
        assert_eq!(plain("äöü日本".as_bytes(), 5), ("äöü日".into(), 9));
        assert_eq!(plain("日".as_bytes(), 1), ("日".into(), 3));
    }
}
