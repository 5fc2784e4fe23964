//! Numbers with a sign: `+N` more, `-N` less, `N` just so many.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// More than this.
    More(i128),
    /// Less than this.
    Less(i128),
    /// This.
    Exactly(i128),
}

impl Bound {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_start_matches(['+', '-']);
        if text.len() - digits.len() > 1 || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = i128::from(digits.parse::<u64>().ok()?);
        Some(match text.as_bytes()[0] {
            b'+' => Self::More(number),
            b'-' => Self::Less(number),
            _ => Self::Exactly(number),
        })
    }

    /// Whether `value` is within it.
    pub fn holds(self, value: i128) -> bool {
        match self {
            Self::More(bound) => value > bound,
            Self::Less(bound) => value < bound,
            Self::Exactly(bound) => value == bound,
        }
    }
}

/// Reads a size, with its unit of `c`, `w`, `b`, `k`, `M` or `G`.
pub fn parse_size(text: &str) -> Option<(Bound, u64)> {
    let unit = match text.as_bytes().last()? {
        b'c' => 1,
        b'w' => 2,
        b'k' => 1 << 10,
        b'M' => 1 << 20,
        b'G' => 1 << 30,
        b'b' | b'0'..=b'9' => 512,
        _ => return None,
    };
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    (text.len() - number.len() <= 1).then_some(())?;
    Some((Bound::parse(number)?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_signs_and_units() {
        assert_eq!(parse_size("+1M"), Some((Bound::More(1), 1 << 20)));
        assert_eq!(parse_size("-5c"), Some((Bound::Less(5), 1)));
        assert_eq!(parse_size("3"), Some((Bound::Exactly(3), 512)));
        assert!(["", "M", "+", "1x", "++1", "1kk", "-+1k"].iter().all(|text| parse_size(text).is_none()));
    }
}
