//! A file on the screen, as text or as bytes, from any place on: no more of it is in memory than what is around that place.

use super::plain::plain;
use std::fmt::Write;

/// Bytes that are read before the place that is shown, and from it on.
pub const BEFORE: u64 = 32 << 10;
/// See [`BEFORE`].
pub const BEHIND: usize = 64 << 10;
/// A line is looked for so far back.
const LINE_BYTES: u64 = 8 << 10;

/// How a file is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As lines.
    #[default]
    Text,
    /// As bytes.
    Hex,
}

/// A part of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Where it begins.
    pub start: u64,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Viewer {
    /// The file.
    pub path: Vec<u8>,
    /// Its length.
    pub size: u64,
    /// How it is shown.
    pub mode: Mode,
    /// The first byte that is shown.
    pub at: u64,
    /// What was read of it.
    pub window: Window,
    /// Why no more was.
    pub error: Option<String>,
    /// Rows to go up once what is before has been read.
    pub pending: usize,
    /// Where what was looked for was found last.
    pub found: Option<u64>,
}

impl Viewer {
    /// Bytes of a row of bytes on a screen of `width` columns.
    pub fn per_row(&self, width: usize) -> u64 {
        if width >= self.digits() + 70 { 16 } else { 8 }
    }

    fn digits(&self) -> usize {
        if self.size > u64::from(u32::MAX) { 12 } else { 8 }
    }

    /// What was read from `at` on.
    fn from(&self, at: u64) -> &[u8] {
        let begin = at.checked_sub(self.window.start).and_then(|begin| usize::try_from(begin).ok());
        begin.and_then(|begin| self.window.bytes.get(begin..)).unwrap_or_default()
    }

    /// The rows of a screen: each with the place of its first byte.
    pub fn rows(&self, width: usize, height: usize) -> Vec<(u64, String)> {
        let mut rows = Vec::new();
        let mut at = self.at;
        while rows.len() < height {
            let rest = self.from(at);
            if rest.is_empty() {
                break;
            }
            let (text, length) = match self.mode {
                Mode::Text => text_row(rest, width),
                Mode::Hex => self.hex_row(at, rest, width),
            };
            rows.push((at, text));
            at += length as u64;
        }
        rows
    }

    /// The row of a screen that begins with, or has the beginning of, what was found.
    pub fn row_of_found(&self, width: usize, height: usize) -> Option<usize> {
        let found = self.found.filter(|found| *found >= self.at)?;
        let rows = self.rows(width, height + 1);
        let row = rows.partition_point(|(at, _)| *at <= found).checked_sub(1)?;
        (row < height).then_some(row)
    }

    fn hex_row(&self, at: u64, rest: &[u8], width: usize) -> (String, usize) {
        let count = self.per_row(width) as usize;
        let bytes = &rest[..rest.len().min(count)];
        let mut text = format!("{at:0digits$x} ", digits = self.digits());
        for index in 0..count {
            // Writing to a String cannot fail.
            let _ = match bytes.get(index) {
                Some(byte) => write!(text, "{}{byte:02x}", if index == 8 { "  " } else { " " }),
                None => write!(text, "{}", if index == 8 { "    " } else { "   " }),
            };
        }
        let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        text.push_str("  |");
        text.extend(bytes.iter().map(shown));
        text.push('|');
        (text, bytes.len())
    }

    /// Goes down by so many rows, unless the end is on the screen.
    pub fn down(&mut self, rows: usize, width: usize, height: usize) {
        let shown = self.rows(width, height + rows);
        let last = shown.len().saturating_sub(height.min(shown.len()));
        if let Some((at, _)) = shown.get(rows.min(last)) {
            self.at = *at;
        }
    }

    /// Goes up by so many rows.
    pub fn up(&mut self, rows: usize, width: usize) {
        if self.mode == Mode::Hex {
            let per_row = self.per_row(width);
            self.at = self.at.saturating_sub(per_row.saturating_mul(rows as u64)) / per_row * per_row;
            return;
        }
        for _ in 0..rows {
            if self.at == 0 {
                return;
            }
            self.at = self.row_before(self.at, width);
        }
    }

    /// Where the row begins that ends at `at`.
    fn row_before(&self, at: u64, width: usize) -> u64 {
        let least = at.saturating_sub(LINE_BYTES).max(self.window.start);
        let before = &self.from(least)
            [..usize::try_from(at.saturating_sub(least)).unwrap_or(0).min(self.from(least).len())];
        let Some((_, line)) = before.split_last() else { return at.saturating_sub(1) };
        let begin = line.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut row = begin;
        loop {
            let (_, length) = text_row(&before[row..], width);
            if length == 0 || row + length >= before.len() {
                return least + row as u64;
            }
            row += length;
        }
    }

    /// Goes to a byte.
    pub fn go(&mut self, at: u64, width: usize) {
        let at = at.min(self.size.saturating_sub(1));
        self.at = if self.mode == Mode::Hex { at / self.per_row(width) * self.per_row(width) } else { at };
    }

    /// The bytes that a user looks for: a text, or digits in base 16 behind `0x`.
    pub fn pattern(text: &str) -> Vec<u8> {
        let digits = text.strip_prefix("0x").filter(|digits| !digits.is_empty() && digits.len() % 2 == 0);
        let byte =
            |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes = digits.and_then(|digits| digits.as_bytes().chunks(2).map(byte).collect());
        bytes.unwrap_or_else(|| text.into())
    }

    /// The place that a user means: bytes, `0x` for base 16, `k`, `M`, `G` and `T`, or a share of the file.
    pub fn place(&self, text: &str) -> Option<u64> {
        let text = text.trim();
        if let Some(share) = text.strip_suffix('%') {
            let share = share.trim().parse::<u64>().ok().filter(|share| *share <= 100)?;
            return u64::try_from(u128::from(self.size) * u128::from(share) / 100).ok();
        }
        if let Some(hex) = text.strip_prefix("0x") {
            return u64::from_str_radix(hex, 16).ok();
        }
        let shift = match text.chars().last()? {
            'k' | 'K' => 10,
            'M' => 20,
            'G' => 30,
            'T' => 40,
            _ => 0,
        };
        let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
        digits.parse::<u64>().ok()?.checked_mul(1 << shift)
    }
}

/// A row of text, and how many bytes it is made of: a line, or as much of it as fits.
fn text_row(bytes: &[u8], width: usize) -> (String, usize) {
    let most = bytes.len().min(width.max(1) * 4 + 1);
    let line = &bytes[..most];
    let end = line.iter().position(|&byte| byte == b'\n');
    let (text, taken) = plain(&line[..end.unwrap_or(most)], width.max(1));
    match end {
        Some(end) if taken == end => (text, end + 1),
        _ => (text, taken.max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(text: &[u8], mode: Mode) -> Viewer {
        let window = Window { start: 0, bytes: text.to_vec() };
        Viewer { size: text.len() as u64, window, mode, ..Viewer::default() }
    }

    fn texts(viewer: &Viewer, width: usize, height: usize) -> Vec<String> {
        viewer.rows(width, height).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn lines_are_rows_and_long_ones_are_several() {
        let viewer = viewer(b"ab\n\ncdefgh\x1b[2J\nend", Mode::Text);
        assert_eq!(texts(&viewer, 5, 9), ["ab", "", "cdefg", "h.[2J", "end"]);
    }

    #[test]
    fn down_and_up_lead_back() {
        let mut viewer = viewer(b"ab\n\ncdefghijk\nend\n", Mode::Text);
        let mut places = vec![0];
        for _ in 0..4 {
            viewer.down(1, 5, 1);
            places.push(viewer.at);
        }
        assert_eq!(places, [0, 3, 4, 9, 14]);
        for place in places.into_iter().rev().skip(1) {
            viewer.up(1, 5);
            assert_eq!(viewer.at, place);
        }
    }

    #[test]
    fn down_stops_at_the_end() {
        let mut viewer = viewer(b"1\n2\n3\n4\n", Mode::Text);
        viewer.down(9, 10, 2);
        assert_eq!(texts(&viewer, 10, 2), ["3", "4"]);
        viewer.up(9, 10);
        assert_eq!(viewer.at, 0);
    }

    #[test]
    fn bytes_are_shown_with_their_places() {
        let viewer = viewer(b"\x00\x1b[2J ab0123456789", Mode::Hex);
        let rows = texts(&viewer, 80, 5);
        assert_eq!(rows[0], "00000000  00 1b 5b 32 4a 20 61 62  30 31 32 33 34 35 36 37  |..[2J ab01234567|");
        assert_eq!(rows[1], format!("00000010  38 39{}  |89|", " ".repeat(43)));
        assert!(rows.iter().all(|row| row.len() <= 79) && texts(&viewer, 50, 5)[0].len() < 50);
    }

    #[test]
    fn patterns_are_texts_or_bytes() {
        let patterns = ["0x7fE4", "0x7", "0xyz", "0x", "ä"].map(Viewer::pattern);
        assert_eq!(patterns, [&b"\x7f\xe4"[..], b"0x7", b"0xyz", b"0x", "ä".as_bytes()]);
    }

    #[test]
    fn what_was_found_has_a_row_as_long_as_it_is_shown() {
        let mut viewer = viewer(b"ab\n\ncdefghijk\nend\n", Mode::Text);
        let row_of = |viewer: &mut Viewer, found| {
            viewer.found = Some(found);
            viewer.row_of_found(5, 3)
        };
        let rows = [0, 2, 3, 8, 9, 14].map(|found| row_of(&mut viewer, found));
        assert_eq!(rows, [Some(0), Some(0), Some(1), Some(2), None, None]);
        viewer.at = 14;
        assert_eq!((row_of(&mut viewer, 13), row_of(&mut viewer, 17)), (None, Some(0)));
    }

    #[test]
    fn places_have_units() {
        let viewer = Viewer { size: 1000, ..Viewer::default() };
        let places = ["17", "0x1f", "2k", "50%", "101%", "x", ""].map(|text| viewer.place(text));
        assert_eq!(places, [Some(17), Some(31), Some(2048), Some(500), None, None, None]);
    }
}
