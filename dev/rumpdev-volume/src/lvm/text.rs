//! The metadata of LVM2 as text: sections of names with numbers, texts, lists and further sections.
//!
//! Reference: lvm.conf(5), whose syntax it is, and vgcfgbackup(8), which writes it.

use crate::damaged;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_kpi::{KError, KResult};

/// How deep sections and lists lie in one another, and how many values there are, at most.
const DEPTH: usize = 8;
const MOST_VALUES: usize = 1 << 18;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Section(Section),
}

/// A section: values by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section(BTreeMap<String, Value>);

impl Section {
    /// Reads it. Errors: EFTYPE.
    pub fn parse(text: &[u8]) -> KResult<Self> {
        let mut reader = Reader { text, at: 0, values: 0 };
        let section = reader.section(0)?;
        match reader.peek() {
            None => Ok(section),
            Some(_) => Err(reader.odd("the end")),
        }
    }

    /// The sections in it, by their names.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Section(section) => Some((&**name, section)),
            _ => None,
        })
    }

    /// Errors: EFTYPE (there is none, or it is something else).
    pub fn section(&self, name: &str) -> KResult<&Self> {
        match self.0.get(name) {
            Some(Value::Section(section)) => Ok(section),
            _ => Err(lacks("section", name)),
        }
    }

    /// Errors: as [`Section::section`].
    pub fn text(&self, name: &str) -> KResult<&str> {
        match self.0.get(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(lacks("text", name)),
        }
    }

    /// A number that is not negative. Errors: as [`Section::section`].
    pub fn number(&self, name: &str) -> KResult<u64> {
        match self.0.get(name) {
            Some(Value::Number(number)) => u64::try_from(*number).map_err(|_| lacks("number", name)),
            _ => Err(lacks("number", name)),
        }
    }

    /// Errors: as [`Section::section`].
    pub fn list(&self, name: &str) -> KResult<&[Value]> {
        match self.0.get(name) {
            Some(Value::List(list)) => Ok(list),
            _ => Err(lacks("list", name)),
        }
    }

    /// Whether there is anything of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

fn lacks(what: &str, name: &str) -> KError {
    damaged(format!("LVM: the metadata lacks the {what} {name:?}"))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    values: usize,
}

impl Reader<'_> {
    /// The next byte that is neither space nor comment.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.get(self.at)? {
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                byte if byte.is_ascii_whitespace() || byte == 0 => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn odd(&self, wanted: &str) -> KError {
        damaged(format!("LVM: byte {} of the metadata is not {wanted}", self.at))
    }

    fn expect(&mut self, byte: u8) -> KResult<()> {
        match self.peek() == Some(byte) {
            true => self.at += 1,
            false => return Err(self.odd(&format!("{:?}", char::from(byte)))),
        }
        Ok(())
    }

    /// Up to the brace that ends it, or to the end of the text.
    fn section(&mut self, depth: usize) -> KResult<Section> {
        if depth == DEPTH {
            return Err(self.odd("so deep"));
        }
        let mut section = Section::default();
        while let Some(byte) = self.peek().filter(|byte| *byte != b'}') {
            if !is_of_name(byte) {
                return Err(self.odd("a name"));
            }
            let name = self.word(is_of_name);
            let value = match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    let inner = self.section(depth + 1)?;
                    self.expect(b'}')?;
                    Value::Section(inner)
                }
                _ => {
                    self.expect(b'=')?;
                    self.value(depth)?
                }
            };
            section.0.insert(name, value);
        }
        Ok(section)
    }

    fn word(&mut self, is_part: fn(u8) -> bool) -> String {
        let rest = &self.text[self.at..];
        let len = rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len());
        self.at += len;
        String::from_utf8_lossy(&rest[..len]).into_owned()
    }

    fn value(&mut self, depth: usize) -> KResult<Value> {
        self.values += 1;
        if depth == DEPTH || self.values > MOST_VALUES {
            return Err(self.odd("within what is read here"));
        }
        match self.peek() {
            Some(b'"') => self.quoted().map(Value::Text),
            Some(b'[') => {
                self.at += 1;
                let mut list = Vec::new();
                while self.peek() != Some(b']') {
                    list.push(self.value(depth + 1)?);
                    if self.peek() == Some(b',') {
                        self.at += 1;
                    } else if self.peek() != Some(b']') {
                        return Err(self.odd("a list"));
                    }
                }
                self.at += 1;
                Ok(Value::List(list))
            }
            _ => {
                let word = self.word(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
                // Fractions are nowhere needed.
                let whole = word.split('.').next().and_then(|whole| whole.parse().ok());
                whole.map(Value::Number).ok_or_else(|| self.odd("a value"))
            }
        }
    }

    fn quoted(&mut self) -> KResult<String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    bytes.extend(self.text.get(self.at));
                }
                Some(byte) => bytes.push(*byte),
                None => return Err(self.odd("the end of a text")),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_lists_texts_and_comments_are_read() {
        let text = b"vg {\nid = \"a\\\"b\" # one\nn = 3\nl = [\"x\", 0,\n -5]\ne = []\ns { f = 1.5 }\n}\n";
        let read = Section::parse(text).unwrap();
        let group = read.section("vg").unwrap();
        assert_eq!((group.text("id").unwrap(), group.number("n").unwrap()), ("a\"b", 3));
        assert_eq!(group.list("l").unwrap(), [Value::Text("x".into()), Value::Number(0), Value::Number(-5)]);
        assert!(group.list("e").unwrap().is_empty());
        assert_eq!(group.section("s").unwrap().number("f").unwrap(), 1);
    }

    #[test]
    fn what_has_no_end_is_refused() {
        for text in ["a {", "a = \"", "a = [1", "a = ", "}", "a", "= 1", "a = [1 2]"] {
            assert!(Section::parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "a {".repeat(100_000);
        assert!(Section::parse(deep.as_bytes()).is_err());
        let deep = alloc::format!("a = {}", "[".repeat(100_000));
        assert!(Section::parse(deep.as_bytes()).is_err());
    }
}
