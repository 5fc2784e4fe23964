//! From text to tokens.

use crate::script::Place;
use std::fmt;

/// Something that is wrong with a script's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

impl SyntaxError {
    pub(crate) fn new(place: Place, what: impl Into<String>) -> Self {
        Self { place, what: what.into() }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for SyntaxError {}

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `--name` or `--name=value`; the value ends at a blank.
    Option(String, Option<String>),
    /// Decimal digits, as they are written: a number, or a cookie.
    Integer(String),
    /// Hexadecimal digits behind `0x`.
    Hex(u64),
    /// A number with a point, as it is written.
    Float(String),
    /// Letters, digits and underscores.
    Word(String),
    /// In double quotes.
    Text(String),
    /// In backquotes.
    Command(String),
    /// Between `%{` and `}%`.
    Code(String),
    /// `...`.
    Ellipsis,
    /// Any other character.
    Sign(char),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name, _) => write!(f, "--{name}"),
            Self::Integer(text) | Self::Float(text) | Self::Word(text) => f.write_str(text),
            Self::Hex(number) => write!(f, "{number:#x}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Command(_) => f.write_str("a command"),
            Self::Code(_) => f.write_str("code"),
            Self::Ellipsis => f.write_str("..."),
            Self::Sign(sign) => write!(f, "{sign}"),
        }
    }
}

/// A token and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub place: Place,
}

/// All tokens. Errors: a comment, text, command or code that does not end; a number that is too large.
pub fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { rest: text, place: Place { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    while lexer.skip_blanks()? {
        let place = lexer.place;
        tokens.push(Token { kind: lexer.token()?, place });
    }
    Ok(tokens)
}

struct Lexer<'a> {
    rest: &'a str,
    place: Place,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl<'a> Lexer<'a> {
    /// Takes `length` bytes, which end between two characters.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        for c in taken.chars() {
            if c == '\n' {
                (self.place.line, self.place.column) = (self.place.line + 1, 1);
            } else {
                self.place.column += 1;
            }
        }
        taken
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.take(length)
    }

    /// What is between two signs. Errors: the second is missing.
    fn between(&mut self, open: &str, close: &str, what: &str) -> Result<&'a str, SyntaxError> {
        let place = self.place;
        self.take(open.len());
        let length = self.rest.find(close);
        let length = length.ok_or_else(|| SyntaxError::new(place, format!("{what} does not end")))?;
        let inside = self.take(length);
        self.take(close.len());
        Ok(inside)
    }

    /// What is between two quotes, where a backslash protects the next character.
    fn quoted(&mut self, quote: char, what: &str) -> Result<String, SyntaxError> {
        let place = self.place;
        self.take(1);
        let (mut text, mut characters) = (String::new(), self.rest.char_indices());
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.take(at + 1);
                return Ok(text);
            }
            text.push(c);
            if c == '\\' {
                text.extend(characters.next().map(|(_, protected)| protected));
            }
        }
        Err(SyntaxError::new(place, format!("{what} does not end")))
    }

    /// Skips blanks and comments; answers whether there is more.
    fn skip_blanks(&mut self) -> Result<bool, SyntaxError> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest.starts_with("/*") {
                self.between("/*", "*/", "a comment")?;
            } else {
                return Ok(!self.rest.is_empty());
            }
        }
    }

    fn token(&mut self) -> Result<Kind, SyntaxError> {
        let mut characters = self.rest.chars();
        let first = characters.next().unwrap_or(' ');
        let second = characters.next().unwrap_or(' ');
        if self.rest.starts_with("...") {
            self.take(3);
            return Ok(Kind::Ellipsis);
        }
        if self.rest.starts_with("%{") {
            return Ok(Kind::Code(self.between("%{", "}%", "code")?.trim().into()));
        }
        if self.rest.starts_with("--") && characters.next().is_some_and(is_word) {
            return self.option();
        }
        match first {
            '"' => Ok(Kind::Text(self.quoted('"', "text")?)),
            '`' => Ok(Kind::Command(self.quoted('`', "a command")?)),
            '-' if second.is_ascii_digit() || self.is_fraction(1) => self.number(),
            '.' if second.is_ascii_digit() => self.number(),
            c if c.is_ascii_digit() => self.number(),
            c if is_word(c) => Ok(Kind::Word(self.take_while(is_word).into())),
            c => {
                self.take(c.len_utf8());
                Ok(Kind::Sign(c))
            }
        }
    }

    fn option(&mut self) -> Result<Kind, SyntaxError> {
        self.take(2);
        let name = self.take_while(is_word).to_string();
        if !self.rest.starts_with('=') {
            return Ok(Kind::Option(name, None));
        }
        self.take(1);
        let value = if self.rest.starts_with('"') {
            self.quoted('"', "text")?
        } else {
            self.take_while(|c| !c.is_whitespace()).to_string()
        };
        Ok(Kind::Option(name, Some(value)))
    }

    /// Whether a point and a digit are at `at`.
    fn is_fraction(&self, at: usize) -> bool {
        let mut characters = self.rest.chars().skip(at);
        characters.next() == Some('.') && characters.next().is_some_and(|c| c.is_ascii_digit())
    }

    fn number(&mut self) -> Result<Kind, SyntaxError> {
        let place = self.place;
        if self.rest.starts_with("0x") {
            self.take(2);
            let digits = self.take_while(is_word);
            return u64::from_str_radix(digits, 16)
                .map(Kind::Hex)
                .map_err(|_| SyntaxError::new(place, format!("0x{digits} is no number of 64 bits")));
        }
        let sign = usize::from(self.rest.starts_with('-'));
        let digits = self.rest[sign..].chars().take_while(char::is_ascii_digit).count();
        if self.is_fraction(sign + digits) {
            let fraction = self.rest[sign + digits + 1..].chars().take_while(char::is_ascii_digit).count();
            return Ok(Kind::Float(self.take(sign + digits + 1 + fraction).into()));
        }
        let word = self.rest[sign..].chars().take_while(|&c| is_word(c)).count();
        if word > digits && sign == 0 {
            return Ok(Kind::Word(self.take(word).into()));
        }
        Ok(Kind::Integer(self.take(sign + digits).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn numbers_words_and_ranges_are_told_apart() {
        let expected = [
            Kind::Integer("0".into()),
            Kind::Ellipsis,
            Kind::Float("0.200".into()),
            Kind::Word("F".into()),
            Kind::Sign('.'),
            Kind::Integer("1".into()),
            Kind::Sign(':'),
            Kind::Integer("-1".into()),
            Kind::Word("12ab".into()),
            Kind::Hex(0xff),
            Kind::Float(".5".into()),
        ];
        assert_eq!(kinds("0...0.200 F. 1:-1 /* no */ 12ab 0xff// no\n.5"), expected);
    }

    #[test]
    fn options_take_what_follows_and_places_are_counted() {
        let all = tokens("--mss=1000\n  --local_ip=fd3d::1 `a\nb` x").unwrap();
        assert_eq!(all[0].kind, Kind::Option("mss".into(), Some("1000".into())));
        assert_eq!(all[1].kind, Kind::Option("local_ip".into(), Some("fd3d::1".into())));
        assert_eq!(all[1].place, Place { line: 2, column: 3 });
        assert_eq!(all[3].place, Place { line: 3, column: 4 });
    }

    #[test]
    fn what_does_not_end_is_an_error_where_it_begins() {
        for text in ["/* x", "\n\"x", "`x", "%{ x"] {
            let error = tokens(text).unwrap_err();
            assert!(error.what.ends_with("does not end"), "{error}");
        }
        assert_eq!(tokens("\n \"x").unwrap_err().place, Place { line: 2, column: 2 });
        assert!(tokens("0x11112222333344445").is_err());
    }
}
