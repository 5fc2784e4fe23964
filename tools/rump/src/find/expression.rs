//! Expressions of find(1): what they are made of, and how they are read.

use super::bound::{Bound, parse_size};
use crate::glob::Case;
use crate::mode::ModeChange;
use rumpkit::{FileType, TimeSpec};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Parentheses in parentheses.
const DEPTH: usize = 200;

/// One of the times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Last access.
    Access,
    /// Last change of content.
    Content,
    /// Last change of attributes.
    Attributes,
}

/// Which bits of a mode count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// They are just these.
    Exactly(u32),
    /// These are all set.
    All(u32),
    /// One of these is set, if there are any.
    Any(u32),
}

/// A command of -exec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// Its words.
    pub words: Vec<OsString>,
    /// Whether the user is asked before.
    pub asks: bool,
    /// Many files at once, at the end of the words.
    pub gathers: bool,
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Both, the second only if the first is true.
    And(Box<Self>, Box<Self>),
    /// One of both, the second only if the first is false.
    Or(Box<Self>, Box<Self>),
    /// Both; the second one counts.
    Then(Box<Self>, Box<Self>),
    /// The other.
    Not(Box<Self>),
    /// A constant.
    Is(bool),
    /// The name matches.
    Name(Vec<u8>, Case),
    /// The path matches.
    Path(Vec<u8>, Case),
    /// The whole path is what a regular expression means: which of [`Reading::regexes`].
    Regex(usize),
    /// The target of a link matches.
    Target(Vec<u8>, Case),
    /// It is one of these.
    Type(Vec<FileType>),
    /// So many units, rounded up.
    Size(Bound, u64),
    /// So many times this many seconds ago.
    Age(Which, Bound, i64),
    /// Later than what [`Reading::times`] has at that place.
    Newer(Which, usize),
    /// Permissions.
    Perm(Bits),
    /// Owner, as it was written.
    User(String),
    /// Group, as it was written.
    Group(String),
    /// An owner without a name.
    NoUser,
    /// A group without a name.
    NoGroup,
    /// Count of names.
    Links(Bound),
    /// Number of the inode.
    Inode(Bound),
    /// A file or directory with nothing in it.
    Empty,
    /// The same file as [`Reading::files`] has at that place.
    SameFile(usize),
    /// Do not go into it.
    Prune,
    /// Print the path, with this behind it.
    Print(u8),
    /// Print a line as ls(1) does.
    Ls,
    /// Run a command on a copy: which of [`Reading::commands`].
    Exec(usize),
    /// Remove it.
    Delete,
    /// End.
    Quit,
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// The expression.
    pub expression: Expression,
    /// Files whose times are asked for.
    pub times: Vec<(Which, OsString)>,
    /// Regular expressions, and whether case counts.
    pub regexes: Vec<(String, Case)>,
    /// Files that are looked for.
    pub files: Vec<OsString>,
    /// Commands to run.
    pub commands: Vec<Exec>,
    /// Directories after what is in them.
    pub depth: bool,
    /// Go no deeper.
    pub most: usize,
    /// Leave out what is less deep.
    pub least: usize,
    /// Something is removed.
    pub deletes: bool,
}

struct Parser<'w> {
    words: std::iter::Peekable<std::slice::Iter<'w, OsString>>,
    reading: Reading,
    acts: bool,
    depth: usize,
}

/// Reads an expression; without an action, what it is true for is printed. Errors: what is wrong, for the user.
pub fn parse(words: &[OsString]) -> Result<Reading, String> {
    let reading = Reading {
        expression: Expression::Is(true),
        times: Vec::new(),
        regexes: Vec::new(),
        files: Vec::new(),
        commands: Vec::new(),
        depth: false,
        most: usize::MAX,
        least: 0,
        deletes: false,
    };
    let mut parser = Parser { words: words.iter().peekable(), reading, acts: false, depth: 0 };
    let mut expression = if words.is_empty() { Expression::Is(true) } else { parser.comma()? };
    if let Some(word) = parser.words.next() {
        return Err(format!("{}: not expected here", word.to_string_lossy()));
    }
    if !parser.acts {
        expression = and(expression, Expression::Print(b'\n'));
    }
    parser.reading.expression = expression;
    Ok(parser.reading)
}

fn and(one: Expression, other: Expression) -> Expression {
    Expression::And(Box::new(one), Box::new(other))
}

/// Without the second dash of two.
fn plain(word: &OsString) -> &str {
    let text = word.to_str().unwrap_or_default();
    match text.strip_prefix("--") {
        Some(rest) if !rest.is_empty() => &text[1..],
        _ => text,
    }
}

impl<'w> Parser<'w> {
    fn comma(&mut self) -> Result<Expression, String> {
        let mut left = self.or()?;
        while self.takes(&[","]) {
            left = Expression::Then(Box::new(left), Box::new(self.or()?));
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.takes(&["-o", "-or"]) {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        loop {
            let goes_on = self.takes(&["-a", "-and"]);
            let next = self.words.peek().map(|word| plain(word));
            if !goes_on && matches!(next, None | Some("-o" | "-or" | "," | ")")) {
                return Ok(left);
            }
            left = and(left, self.not()?);
        }
    }

    fn not(&mut self) -> Result<Expression, String> {
        let mut negated = false;
        while self.takes(&["!", "-not"]) {
            negated = !negated;
        }
        let inner = self.primary()?;
        Ok(if negated { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn takes(&mut self, known: &[&str]) -> bool {
        self.words.next_if(|word| known.contains(&plain(word))).is_some()
    }

    fn value(&mut self, of: &str) -> Result<&'w OsString, String> {
        self.words.next().ok_or_else(|| format!("{of} needs a value"))
    }

    fn text(&mut self, of: &str) -> Result<&'w str, String> {
        let value = self.value(of)?;
        value.to_str().ok_or_else(|| format!("{of}: {} is no text", value.to_string_lossy()))
    }

    fn read<T>(&mut self, of: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let text = self.text(of)?;
        read(text).ok_or_else(|| format!("{of}: {text:?} makes no sense"))
    }

    fn glob(&mut self, of: &str) -> Result<Vec<u8>, String> {
        Ok(self.value(of)?.as_bytes().to_vec())
    }

    fn regex(&mut self, of: &str, case: Case) -> Result<Expression, String> {
        let pattern = self.text(of)?.to_string();
        self.reading.regexes.push((pattern, case));
        Ok(Expression::Regex(self.reading.regexes.len() - 1))
    }

    fn age(&mut self, of: &str, which: Which, unit: i64) -> Result<Expression, String> {
        Ok(Expression::Age(which, self.read(of, Bound::parse)?, unit))
    }

    fn newer(&mut self, of: &str, which: Which) -> Result<Expression, String> {
        let file = self.value(of)?.clone();
        self.reading.times.push((Which::Content, file));
        Ok(Expression::Newer(which, self.reading.times.len() - 1))
    }

    fn primary(&mut self) -> Result<Expression, String> {
        let word = self.words.next().ok_or("an expression ends too early")?;
        let of = plain(word);
        Ok(match of {
            "(" => return self.parentheses(),
            "-name" => Expression::Name(self.glob(of)?, Case::Exact),
            "-iname" => Expression::Name(self.glob(of)?, Case::Fold),
            "-path" | "-wholename" => Expression::Path(self.glob(of)?, Case::Exact),
            "-ipath" | "-iwholename" => Expression::Path(self.glob(of)?, Case::Fold),
            "-regex" => self.regex(of, Case::Exact)?,
            "-iregex" => self.regex(of, Case::Fold)?,
            "-lname" => Expression::Target(self.glob(of)?, Case::Exact),
            "-ilname" => Expression::Target(self.glob(of)?, Case::Fold),
            "-type" => Expression::Type(self.read(of, parse_types)?),
            "-size" => {
                let (bound, unit) = self.read(of, parse_size)?;
                Expression::Size(bound, unit)
            }
            "-atime" => self.age(of, Which::Access, 86_400)?,
            "-mtime" => self.age(of, Which::Content, 86_400)?,
            "-ctime" => self.age(of, Which::Attributes, 86_400)?,
            "-amin" => self.age(of, Which::Access, 60)?,
            "-mmin" => self.age(of, Which::Content, 60)?,
            "-cmin" => self.age(of, Which::Attributes, 60)?,
            "-anewer" => self.newer(of, Which::Access)?,
            "-newer" | "-mnewer" => self.newer(of, Which::Content)?,
            "-cnewer" => self.newer(of, Which::Attributes)?,
            "-perm" => Expression::Perm(self.read(of, parse_bits)?),
            "-user" | "-uid" => Expression::User(self.text(of)?.into()),
            "-group" | "-gid" => Expression::Group(self.text(of)?.into()),
            "-nouser" => Expression::NoUser,
            "-nogroup" => Expression::NoGroup,
            "-links" => Expression::Links(self.read(of, Bound::parse)?),
            "-inum" => Expression::Inode(self.read(of, Bound::parse)?),
            "-empty" => Expression::Empty,
            "-samefile" => {
                let file = self.value(of)?.clone();
                self.reading.files.push(file);
                Expression::SameFile(self.reading.files.len() - 1)
            }
            "-true" => Expression::Is(true),
            "-false" => Expression::Is(false),
            _ => return self.option_or_action(of),
        })
    }

    fn parentheses(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("too many parentheses".into());
        }
        let inner = self.comma()?;
        self.depth -= 1;
        if self.takes(&[")"]) { Ok(inner) } else { Err("a parenthesis is not closed".into()) }
    }

    fn option_or_action(&mut self, of: &str) -> Result<Expression, String> {
        let expression = match of {
            // There is one file system.
            "-xdev" | "-x" | "-mount" => return Ok(Expression::Is(true)),
            "-depth" | "-d" => {
                self.reading.depth = true;
                return Ok(Expression::Is(true));
            }
            "-maxdepth" => {
                self.reading.most = self.read(of, |text| text.parse().ok())?;
                return Ok(Expression::Is(true));
            }
            "-mindepth" => {
                self.reading.least = self.read(of, |text| text.parse().ok())?;
                return Ok(Expression::Is(true));
            }
            "-prune" => return Ok(Expression::Prune),
            "-print" => Expression::Print(b'\n'),
            "-print0" => Expression::Print(0),
            "-ls" => Expression::Ls,
            "-quit" => Expression::Quit,
            "-delete" => {
                (self.reading.depth, self.reading.deletes) = (true, true);
                Expression::Delete
            }
            "-exec" | "-ok" => self.command(of)?,
            _ => return Err(format!("{of}: there is no such condition")),
        };
        self.acts |= expression != Expression::Quit;
        Ok(expression)
    }

    fn command(&mut self, of: &str) -> Result<Expression, String> {
        let mut words = Vec::new();
        let gathers = loop {
            let word = self.words.next().ok_or_else(|| format!("{of}: the command does not end with ;"))?;
            if word == ";" {
                break false;
            }
            if word == "+" && words.last().is_some_and(|last| last == "{}") {
                words.pop();
                break true;
            }
            words.push(word.clone());
        };
        if words.is_empty() {
            return Err(format!("{of} needs a command"));
        }
        self.reading.commands.push(Exec { words, asks: of == "-ok", gathers });
        Ok(Expression::Exec(self.reading.commands.len() - 1))
    }
}

fn parse_types(text: &str) -> Option<Vec<FileType>> {
    let one = |word: &str| {
        Some(match word {
            "f" => FileType::Regular,
            "d" => FileType::Directory,
            "l" => FileType::Symlink,
            "c" => FileType::CharDevice,
            "b" => FileType::BlockDevice,
            "p" => FileType::Fifo,
            "s" => FileType::Socket,
            _ => return None,
        })
    };
    text.split(',').map(one).collect()
}

fn parse_bits(text: &str) -> Option<Bits> {
    let bits = |text: &str| text.parse::<ModeChange>().ok().map(|mode| mode.apply(0, false, 0));
    match text.split_at_checked(1) {
        Some(("-", rest)) => bits(rest).map(Bits::All),
        Some(("/", rest)) => bits(rest).map(Bits::Any),
        _ => bits(text).map(Bits::Exactly),
    }
}

impl Which {
    /// That time of a file.
    pub fn of(self, stat: &rumpkit::Stat) -> TimeSpec {
        match self {
            Self::Access => stat.atime,
            Self::Content => stat.mtime,
            Self::Attributes => stat.ctime,
        }
    }
}

impl Bits {
    /// Whether a mode has them.
    pub fn hold(self, mode: u32) -> bool {
        match self {
            Self::Exactly(bits) => mode == bits,
            Self::All(bits) => mode & bits == bits,
            Self::Any(bits) => bits == 0 || mode & bits != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Expression, String> {
        let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
        parse(&words).map(|reading| reading.expression)
    }

    fn boxed(expression: Expression) -> Box<Expression> {
        Box::new(expression)
    }

    #[test]
    fn and_binds_closer_than_or() {
        let name = |name: &str| Expression::Name(name.into(), Case::Exact);
        let print = Expression::Print(b'\n');
        let both = and(name("b"), print.clone());
        let expected = Expression::Or(boxed(name("a")), boxed(both));
        assert_eq!(read("-name a -o -name b -print"), Ok(expected.clone()));
        assert_eq!(read("--name a -or -name b -a -print"), Ok(expected));
        let grouped = and(Expression::Or(boxed(name("a")), boxed(name("b"))), print);
        assert_eq!(read("( -name a -o -name b ) -print"), Ok(grouped));
    }

    #[test]
    fn printing_is_for_expressions_without_an_action() {
        let prune = and(Expression::Not(boxed(Expression::Prune)), Expression::Print(b'\n'));
        assert_eq!(read("! -prune"), Ok(prune));
        assert_eq!(read(""), Ok(and(Expression::Is(true), Expression::Print(b'\n'))));
        assert_eq!(read("-print0"), Ok(Expression::Print(0)));
    }

    #[test]
    fn commands_end_with_a_semicolon_or_a_plus() {
        assert!(read("-exec a {} ;").is_ok() && read("-exec a {} + -print").is_ok());
        assert!(read("-exec a {}").is_err() && read("-exec ;").is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["-name", "( -true", "-true )", "-size x", "-nonsense", "-type z", "!", "-perm q", "-o"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn types_and_modes_are_read() {
        assert_eq!(parse_types("f,d"), Some(vec![FileType::Regular, FileType::Directory]));
        assert_eq!((parse_types("f,x"), parse_bits("-u+x")), (None, Some(Bits::All(0o100))));
        assert!(Bits::All(0o300).hold(0o755) && Bits::Any(0o022).hold(0o020) && !Bits::Exactly(0).hold(1));
    }
}
