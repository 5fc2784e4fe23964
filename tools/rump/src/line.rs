//! One line of a long listing, put together in memory that is used again.

use crate::mode::mode_text;
use crate::output::Output;
use crate::units;
use rumpkit::{Stat, TimeSpec};
use std::io::{self, Write};

/// A line.
#[derive(Default)]
pub struct Line {
    bytes: Vec<u8>,
    /// The minute that was shown last, and its text: many files are of one time.
    minute: Option<(i64, String)>,
}

impl Line {
    /// Adds text as it is.
    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(text);
        self
    }

    /// Adds text at the right of a column.
    pub fn right(&mut self, text: &[u8], width: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + width.saturating_sub(text.len()), b' ');
        self.text(text)
    }

    /// Adds spaces.
    pub fn spaces(&mut self, count: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + count, b' ');
        self
    }

    /// Takes what was added; the line is empty afterwards.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Adds a number at the right of a column.
    pub fn number(&mut self, mut number: u64, width: usize) -> &mut Self {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.right(&digits[at..], width);
            }
        }
    }

    /// Adds type and permissions.
    pub fn mode(&mut self, stat: &Stat) -> &mut Self {
        self.text(&mode_text(stat))
    }

    /// Adds a point in time.
    pub fn minute(&mut self, time: TimeSpec) -> &mut Self {
        let minute = time.sec.div_euclid(60);
        if self.minute.as_ref().is_none_or(|(shown, _)| *shown != minute) {
            self.minute = Some((minute, units::minute(time)));
        }
        if let Some((_, text)) = &self.minute {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self
    }

    /// Writes the line, which is empty afterwards.
    pub fn write(&mut self, out: &mut Output) -> io::Result<()> {
        self.bytes.push(b'\n');
        let result = out.write_all(&self.bytes);
        self.bytes.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_at_the_right() {
        let mut line = Line::default();
        line.number(0, 1).text(b"|").number(7, 3).text(b"|").number(u64::MAX, 3).text(b"|").right(b"8, 1", 6);
        assert_eq!(line.bytes, b"0|  7|18446744073709551615|  8, 1");
    }

    #[test]
    fn a_minute_is_not_shown_for_the_next() {
        let mut line = Line::default();
        let at = |sec| TimeSpec { sec, nsec: 0 };
        line.minute(at(59)).text(b"|").minute(at(0)).text(b"|").minute(at(60)).text(b"|").minute(at(-1));
        assert_eq!(line.bytes, b"1970-01-01 00:00|1970-01-01 00:00|1970-01-01 00:01|1969-12-31 23:59");
    }
}
