//! What cat(1) makes of text: numbers before lines, and characters that are not shown made visible.

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// A number before each line.
    pub numbers: bool,
    /// A number before each line that is not empty.
    pub numbers_of_text: bool,
    /// A dollar at the end of each line.
    pub ends: bool,
    /// `^I` for tabs.
    pub tabs: bool,
    /// `^X` and `M-x` for what is not shown.
    pub visible: bool,
    /// One empty line for several.
    pub squeeze: bool,
}

impl Wishes {
    /// Whether text is changed at all.
    pub fn is_any(self) -> bool {
        self.numbers || self.numbers_of_text || self.ends || self.tabs || self.visible || self.squeeze
    }
}

/// Changes text piece by piece; what it knows of lines goes on from file to file.
#[derive(Debug)]
pub struct Filter {
    wishes: Wishes,
    line: u64,
    at_begin: bool,
    /// Empty lines before this place.
    empty: u64,
}

impl Filter {
    /// At the beginning.
    pub fn new(wishes: Wishes) -> Self {
        Self { wishes, line: 0, at_begin: true, empty: 0 }
    }

    /// Adds to `out` what becomes of `bytes`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line(out);
                continue;
            }
            if self.at_begin && (self.wishes.numbers || self.wishes.numbers_of_text) {
                self.number(out);
            }
            (self.at_begin, self.empty) = (false, 0);
            self.character(byte, out);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        if self.at_begin {
            self.empty += 1;
            if self.wishes.squeeze && self.empty > 1 {
                return;
            }
            if self.wishes.numbers && !self.wishes.numbers_of_text {
                self.number(out);
            }
        }
        if self.wishes.ends {
            out.push(b'$');
        }
        out.push(b'\n');
        self.at_begin = true;
    }

    fn number(&mut self, out: &mut Vec<u8>) {
        self.line += 1;
        out.extend_from_slice(format!("{:6}\t", self.line).as_bytes());
    }

    fn character(&self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'\t' if self.wishes.tabs => out.extend_from_slice(b"^I"),
            b'\t' => out.push(byte),
            _ if !self.wishes.visible => out.push(byte),
            _ => {
                if byte >= 0x80 {
                    out.extend_from_slice(b"M-");
                }
                match byte & 0x7f {
                    low @ 0..0x20 => out.extend_from_slice(&[b'^', low + b'@']),
                    0x7f => out.extend_from_slice(b"^?"),
                    plain => out.push(plain),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(wishes: Wishes, pieces: &[&[u8]]) -> String {
        let (mut filter, mut out) = (Filter::new(wishes), Vec::new());
        pieces.iter().for_each(|piece| filter.push(piece, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_numbered_from_file_to_file() {
        let all = Wishes { numbers: true, ..Wishes::default() };
        assert_eq!(filtered(all, &[b"a\n\nb", b"c\n"]), "     1\ta\n     2\t\n     3\tbc\n");
        let text = Wishes { numbers_of_text: true, ..all };
        assert_eq!(filtered(text, &[b"a\n\nb\n"]), "     1\ta\n\n     2\tb\n");
    }

    #[test]
    fn empty_lines_are_squeezed() {
        let wishes = Wishes { squeeze: true, ..Wishes::default() };
        assert_eq!(filtered(wishes, &[b"\n\na\n\n", b"\n\nb"]), "\na\n\nb");
    }

    #[test]
    fn what_is_not_shown_becomes_visible() {
        let wishes = Wishes { visible: true, ends: true, tabs: true, ..Wishes::default() };
        assert_eq!(filtered(wishes, &[b"\ta\x01\x7f\x80\xa9\xff\n"]), "^Ia^A^?M-^@M-)M-^?$\n");
    }
}
