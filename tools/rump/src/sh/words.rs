//! Words of a line, by the rules of sh(1) for quotes, comments, `;` and `$?`. There are no pipes and no other variables.

/// A word without its quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: Vec<u8>,
    /// The same as a pattern, if something in it asks for that: what was quoted means itself.
    pub pattern: Option<Vec<u8>>,
}

/// Commands that are still to be taken.
pub struct Line<'a> {
    rest: &'a [u8],
}

/// A word that is being read.
#[derive(Default)]
struct Begun {
    text: Vec<u8>,
    pattern: Vec<u8>,
    is_word: bool,
    is_pattern: bool,
}

impl Begun {
    fn plain(&mut self, byte: u8) {
        self.is_word = true;
        self.text.push(byte);
        self.pattern.push(byte);
    }

    fn quoted(&mut self, byte: u8) {
        self.is_word = true;
        self.text.push(byte);
        if b"*?[]\\".contains(&byte) {
            self.pattern.push(b'\\');
        }
        self.pattern.push(byte);
    }

    fn end(&mut self, words: &mut Vec<Word>) {
        let begun = std::mem::take(self);
        if begun.is_word {
            let pattern = begun.is_pattern.then_some(begun.pattern);
            words.push(Word { text: begun.text, pattern });
        }
    }
}

impl<'a> Line<'a> {
    /// The commands of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// The words of the next command, with `status` for `$?`; nothing at the end. Errors: what is wrong, for the user;
    /// nothing follows then.
    pub fn next(&mut self, status: u8) -> Result<Option<Vec<Word>>, String> {
        while !self.rest.is_empty() {
            match self.command(status) {
                Ok(words) if words.is_empty() => {}
                Ok(words) => return Ok(Some(words)),
                Err(why) => {
                    self.rest = b"";
                    return Err(why);
                }
            }
        }
        Ok(None)
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn command(&mut self, status: u8) -> Result<Vec<Word>, String> {
        let (mut words, mut word) = (Vec::new(), Begun::default());
        while let Some(byte) = self.byte() {
            match byte {
                b' ' | b'\t' | b'\r' => word.end(&mut words),
                b';' | b'\n' => break,
                b'#' if !word.is_word => {
                    let end = self.rest.iter().position(|&byte| byte == b'\n').unwrap_or(self.rest.len());
                    self.rest = &self.rest[end..];
                }
                b'\'' => self.single(&mut word)?,
                b'"' => self.double(&mut word, status)?,
                b'\\' => match self.byte() {
                    Some(b'\n') => {}
                    Some(byte) => word.quoted(byte),
                    None => word.quoted(b'\\'),
                },
                b'$' if self.rest.first() == Some(&b'?') => self.status(&mut word, status),
                b'|' | b'<' | b'>' | b'&' => {
                    let byte = char::from(byte);
                    return Err(format!("there are no pipes and no redirections here: quote the {byte}"));
                }
                b'*' | b'?' | b'[' => {
                    word.is_pattern = true;
                    word.plain(byte);
                }
                byte => word.plain(byte),
            }
        }
        word.end(&mut words);
        Ok(words)
    }

    fn status(&mut self, word: &mut Begun, status: u8) {
        self.rest = &self.rest[1..];
        status.to_string().bytes().for_each(|digit| word.plain(digit));
    }

    fn single(&mut self, word: &mut Begun) -> Result<(), String> {
        word.is_word = true;
        loop {
            match self.byte() {
                Some(b'\'') => return Ok(()),
                Some(byte) => word.quoted(byte),
                None => return Err("a ' is not closed".into()),
            }
        }
    }

    fn double(&mut self, word: &mut Begun, status: u8) -> Result<(), String> {
        word.is_word = true;
        loop {
            match self.byte() {
                Some(b'"') => return Ok(()),
                Some(b'$') if self.rest.first() == Some(&b'?') => self.status(word, status),
                Some(b'\\') => match self.rest.first() {
                    Some(&byte) if b"\\\"$`".contains(&byte) => {
                        self.rest = &self.rest[1..];
                        word.quoted(byte);
                    }
                    _ => word.quoted(b'\\'),
                },
                Some(byte) => word.quoted(byte),
                None => return Err("a \" is not closed".into()),
            }
        }
    }
}

/// The commands before the last one of an unfinished line play no part: where its last word begins, what that says so far, and
/// the words before it.
pub fn unfinished(line: &str) -> (usize, Vec<u8>, Vec<Vec<u8>>) {
    let (mut begin, mut quote, mut escaped, mut in_word, mut command) = (0, None, false, false, 0);
    for (at, byte) in line.bytes().enumerate() {
        if !in_word && !matches!(byte, b' ' | b'\t' | b';') {
            (begin, in_word) = (at, true);
        }
        match (quote, byte) {
            _ if escaped => escaped = false,
            (None | Some(b'"'), b'\\') => escaped = true,
            (Some(open), byte) if open == byte => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b' ' | b'\t') => in_word = false,
            (None, b';') => (in_word, command) = (false, at + 1),
            _ => {}
        }
    }
    if !in_word {
        begin = line.len();
    }
    let closed = |text: &str, quote: Option<u8>| {
        let mut text = text.as_bytes().to_vec();
        text.extend(quote);
        let words = Line::new(&text).next(0).ok().flatten().unwrap_or_default();
        words.into_iter().map(|word| word.text).collect::<Vec<_>>()
    };
    let last = closed(&line[begin..], quote).into_iter().next().unwrap_or_default();
    (begin, last, closed(&line[command..begin], None))
}

/// `text` so that it is one word. What is not UTF-8, and control characters, cannot be written in a line.
pub fn quoted(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.chars().any(char::is_control))?;
    let mut quoted = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let is_special = character.is_ascii_punctuation() && !"/._-+,:@%=^~{}!()]".contains(character);
        if is_special && (character != '#' || at == 0) || character == ' ' {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Result<Vec<Vec<String>>, String> {
        let (mut line, mut all) = (Line::new(text.as_bytes()), Vec::new());
        while let Some(words) = line.next(7)? {
            all.push(words.into_iter().map(|word| String::from_utf8(word.text).unwrap()).collect());
        }
        Ok(all)
    }

    #[test]
    fn quotes_are_those_of_sh() {
        let text = r#"ls -l 'a b' "c d"e \f\ g "h\"\i" '' # x; y"#;
        assert_eq!(commands(text).unwrap(), [["ls", "-l", "a b", "c de", "f g", "h\"\\i", ""]]);
        assert_eq!(commands("a#b").unwrap(), [["a#b"]]);
    }

    #[test]
    fn commands_end_at_semicolons_and_lines() {
        assert_eq!(commands("a;;b c\n#d;e\n f\\;g").unwrap(), [vec!["a"], vec!["b", "c"], vec!["f;g"]]);
        assert_eq!(commands("a\\\nb").unwrap(), [["ab"]]);
        assert!(commands("  \n").unwrap().is_empty());
    }

    #[test]
    fn the_status_is_a_word() {
        assert_eq!(commands("echo $? \"$?\" '$?' $x").unwrap(), [["echo", "7", "7", "$?", "$x"]]);
    }

    #[test]
    fn what_is_open_or_not_there_is_told() {
        for text in ["a 'b", "a \"b", "ls | wc", "ls >x", "a &"] {
            assert!(commands(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_quoted_is_no_pattern() {
        let patterns = |text: &str| {
            let words = Line::new(text.as_bytes()).next(0).unwrap().unwrap();
            words[0].pattern.clone().map(|pattern| String::from_utf8(pattern).unwrap())
        };
        assert_eq!(patterns("'*'"), None);
        assert_eq!(patterns("'*'*\\?[a]").as_deref(), Some("\\**\\?[a]"));
    }

    #[test]
    fn an_unfinished_word_is_found_behind_quotes() {
        let of = |line: &str| {
            let (at, last, before) = unfinished(line);
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (at, text(last), before.into_iter().map(text).collect::<Vec<_>>())
        };
        assert_eq!(of("ls -l /et"), (6, "/et".into(), vec!["ls".into(), "-l".into()]));
        assert_eq!(of("cat "), (4, String::new(), vec!["cat".into()]));
        assert_eq!(of("pwd; cat 'a b"), (9, "a b".into(), vec!["cat".into()]));
        assert_eq!(of("cat a\\ b"), (4, "a b".into(), vec!["cat".into()]));
    }

    #[test]
    fn a_quoted_word_is_that_word() {
        for text in ["a b", "x;y", "*[z]", "it's", "#a#", "$?", "ü\\", "a:b@2", "(a)"] {
            let quoted = quoted(text.as_bytes()).unwrap();
            assert_eq!(commands(&quoted).unwrap(), [[text]], "{quoted}");
        }
        assert!(quoted(b"a\x1b").is_none() && quoted(b"\xff").is_none());
    }
}
