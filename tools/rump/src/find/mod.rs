//! `rump find`: files that an expression is true for, in the order of their names.

mod act;
mod bound;
mod expression;
mod regex;

use crate::glob::{Case, matches};
use crate::ls::{now, of_locale};
use crate::mode::mode_text;
use crate::output::{Output, escaped};
use crate::owner::{Accounts, Owner};
use crate::record::{Format, JsonWriter, Record, add_xattrs, read_target, stat_path};
use crate::session::{Failure, Place, Session};
use crate::steps::{Links, walk_following};
use crate::walk::{Entry, Left, Step, Visitor, file_name};
use act::{Copies, Found};
use clap::{Args as ClapArgs, ValueHint};
use expression::{Expression, Reading};
use regex::Grammar;
use regex_automata::meta::Regex;
use rumpkit::hyper::Access;
use rumpkit::{AtFlags, Fd, FileType, Ino, KResult, Mode, OpenFlags, Stat, TimeSpec};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

/// Words for all commands, which may stand anywhere, and what they are with two dashes.
pub const ANYWHERE: &[&str] = &["-json", "-jsonl", "-xattrs", "-no-lock", "-quiet", "-help"];

/// Arguments of `rump find`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump find disk.img:/var -name '*.log' -size +1M -mtime -7
  rump find disk.img -type f,l -print0 | xargs -0 ...
  rump find disk.img@1:/etc ( -name '*.conf' -o -perm -o+w ) -exec grep -l secret {} ;
Conditions: -name -iname -path -ipath -lname -ilname GLOB, -regex -iregex PATTERN (basic, with -E extended, of the whole path), -type f,d,l,c,b,p,s, -size [+-]N[cwbkMG], -atime -mtime -ctime
[+-]DAYS, -amin -mmin -cmin [+-]MINUTES, -newer -anewer -cnewer -samefile FILE, -perm [-/]MODE, -user -group NAME,
-nouser, -nogroup, -links -inum [+-]N, -empty, -true, -false; with ( ) ! -not -a -o and a comma.
Actions: -print -print0 -ls -prune -quit -delete, -exec and -ok COMMAND {} ; (or {} + of -exec), on copies of the files.
Also -depth -maxdepth N -mindepth N. Words may be written with one dash or with two. Records of --json: those of stat.")]
pub struct Args {
    #[command(flatten)]
    links: Links,
    /// Directories after what is in them
    #[arg(short = 'd')]
    depth: bool,
    /// As -L
    #[arg(short = 'h')]
    follow: bool,
    /// Extended regular expressions, of -regex
    #[arg(short = 'E')]
    extended: bool,
    /// In the order of names (always so)
    #[arg(short = 's')]
    sorted: bool,
    /// Stay in the file system (always so)
    #[arg(short = 'x')]
    one_file_system: bool,
    /// Leave out, with a note, what has a space, a quote or a backslash in its path, which xargs takes apart
    #[arg(short = 'X')]
    for_xargs: bool,
    #[command(flatten)]
    format: Format,
    /// With --json or --jsonl: extended attributes too
    #[arg(long, requires = "Format")]
    xattrs: bool,
    /// Where to begin, and then an expression
    #[arg(value_name = "ADDRESS|EXPRESSION", value_hint = ValueHint::AnyPath, required = true,
        trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// What the expression needs to know of the image.
struct Known {
    now: TimeSpec,
    times: Vec<TimeSpec>,
    files: Vec<(usize, Ino)>,
    accounts: Option<Accounts>,
    users: Vec<(String, Option<u32>)>,
    groups: Vec<(String, Option<u32>)>,
}

struct Search<'a> {
    args: &'a Args,
    reading: &'a Reading,
    regexes: &'a [Regex],
    known: &'a Known,
    place: &'a Place,
    session: &'a mut Session,
    out: &'a mut Output,
    json: &'a mut JsonWriter,
    copies: &'a mut Copies,
    escape: bool,
    prunes: bool,
}

/// A file that the expression is asked about.
struct Item<'a> {
    path: &'a [u8],
    name: &'a [u8],
    directory: Option<Fd>,
    depth: usize,
    stat: &'a Stat,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let (addresses, words) = split(&args.words, session);
    if addresses.is_empty() {
        return Err(Failure::Usage("find: name an image before the expression".into()));
    }
    let mut reading = expression::parse(words).map_err(|why| Failure::Usage(format!("find: {why}")))?;
    reading.depth |= args.depth;
    let grammar = if args.extended { Grammar::Extended } else { Grammar::Basic };
    let compiled = |(pattern, case): &(String, Case)| regex::compile(pattern, grammar, *case == Case::Fold);
    let regexes: Result<Vec<Regex>, String> = reading.regexes.iter().map(compiled).collect();
    let regexes = regexes.map_err(|why| Failure::Usage(format!("find: {why}")))?;
    let access = if reading.deletes { Access::ReadWrite } else { Access::Read };
    let places: Result<Vec<_>, _> = addresses.iter().map(|word| session.place_as(word, access)).collect();
    let mut json = args.format.writer();
    let escape = out.is_terminal();
    let mut copies = Copies::default();
    let follow = if args.follow { crate::steps::Follow::All } else { args.links.always() };
    for place in places? {
        let known = Known::new(&reading, session, &place, access)?;
        let (json, copies) = (&mut json, &mut copies);
        let mut search = Search {
            args,
            reading: &reading,
            regexes: &regexes,
            known: &known,
            place: &place,
            session,
            out,
            json,
            copies,
            escape,
            prunes: false,
        };
        if let Err(error) = walk_following(&place, follow, &mut search)? {
            session.report(&place, &place.path, &error);
        }
    }
    out.flush()?;
    for command in reading.commands.iter().enumerate() {
        copies.flush(session, command)?;
    }
    Ok(json.finish(out)?)
}

/// Addresses, and the expression behind them; or before them, if they say themselves that they are addresses.
fn split<'w>(words: &'w [OsString], session: &Session) -> (&'w [OsString], &'w [OsString]) {
    let is_word = |word: &OsString| {
        matches!(word.as_bytes(), [b'-', _, ..]) || ["(", "!", ")", ","].iter().any(|known| word == known)
    };
    let begin = words.iter().position(is_word).unwrap_or(words.len());
    if begin > 0 {
        return words.split_at(begin);
    }
    let end = words.iter().rposition(|word| !session.is_address(word)).map_or(0, |at| at + 1);
    (&words[end..], &words[..end])
}

impl Known {
    fn new(reading: &Reading, session: &mut Session, place: &Place, access: Access) -> Result<Self, Failure> {
        let mut known = Self {
            now: now(),
            times: Vec::new(),
            files: Vec::new(),
            accounts: needs_accounts(&reading.expression).then(|| Accounts::read(place)),
            users: Vec::new(),
            groups: Vec::new(),
        };
        for (which, word) in &reading.times {
            let (_, stat) = stat_of(session, word, access)?;
            known.times.push(which.of(&stat));
        }
        for word in &reading.files {
            let (index, stat) = stat_of(session, word, access)?;
            known.files.push((index, stat.ino));
        }
        known.owners(&reading.expression, place)?;
        Ok(known)
    }

    /// Finds the numbers of all owners that an expression names.
    fn owners(&mut self, expression: &Expression, place: &Place) -> Result<(), Failure> {
        match expression {
            Expression::User(name) => {
                let found = Owner::resolve(name, place)?.uid;
                self.users.push((name.clone(), found));
            }
            Expression::Group(name) => {
                let found = Owner::resolve(&format!(":{name}"), place)?.gid;
                self.groups.push((name.clone(), found));
            }
            _ => return children(expression).into_iter().try_for_each(|inner| self.owners(inner, place)),
        }
        Ok(())
    }
}

fn children(expression: &Expression) -> Vec<&Expression> {
    match expression {
        Expression::And(one, other) | Expression::Or(one, other) | Expression::Then(one, other) => {
            vec![one, other]
        }
        Expression::Not(inner) => vec![inner],
        _ => Vec::new(),
    }
}

fn needs_accounts(expression: &Expression) -> bool {
    matches!(expression, Expression::NoUser | Expression::NoGroup | Expression::Ls)
        || children(expression).into_iter().any(needs_accounts)
}

/// The attributes of a file that an expression names, and which of the images it is in.
fn stat_of(session: &mut Session, word: &OsString, access: Access) -> Result<(usize, Stat), Failure> {
    let place = session.place_as(word, access)?;
    match stat_path(place.process(), &place.path, true) {
        Ok(stat) => Ok((place.index, stat)),
        Err(error) => Err(Failure::Other(format!("{}: {error}", word.to_string_lossy()))),
    }
}

fn number_of(owners: &[(String, Option<u32>)], name: &str) -> Option<u32> {
    owners.iter().find(|(known, _)| known == name).and_then(|(_, number)| *number)
}

impl Search<'_> {
    /// Asks the expression about a file that is deep enough.
    fn ask(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        self.session.stop.check()?;
        self.prunes = false;
        if item.depth < self.reading.least || item.depth > self.reading.most {
            return Ok(());
        }
        let reading = self.reading;
        self.holds(&reading.expression, item).map(drop)
    }

    fn holds(&mut self, expression: &Expression, item: &Item<'_>) -> Result<bool, Failure> {
        let stat = item.stat;
        Ok(match expression {
            Expression::And(one, other) => self.holds(one, item)? && self.holds(other, item)?,
            Expression::Or(one, other) => self.holds(one, item)? || self.holds(other, item)?,
            Expression::Then(one, other) => {
                self.holds(one, item)?;
                self.holds(other, item)?
            }
            Expression::Not(inner) => !self.holds(inner, item)?,
            Expression::Is(value) => *value,
            Expression::Name(glob, case) => matches(glob, item.name, *case),
            Expression::Path(glob, case) => matches(glob, item.path, *case),
            Expression::Regex(index) => self.regexes[*index].is_match(item.path),
            Expression::Target(glob, case) => {
                self.target(item).is_some_and(|target| matches(glob, &target, *case))
            }
            Expression::Type(types) => types.contains(&stat.file_type),
            Expression::Size(bound, unit) => bound.holds(i128::from(stat.size.div_ceil(*unit))),
            Expression::Age(which, bound, unit) => {
                let age = i128::from(self.known.now.sec) - i128::from(which.of(stat).sec);
                // Days are counted when they are over, minutes when they begin.
                let partial = *unit == 60 && age % 60 != 0;
                bound.holds(age.div_euclid(i128::from(*unit)) + i128::from(partial))
            }
            Expression::Newer(which, index) => {
                let (time, other) = (which.of(stat), self.known.times[*index]);
                (time.sec, time.nsec) > (other.sec, other.nsec)
            }
            Expression::Perm(bits) => bits.hold(stat.mode.bits()),
            Expression::User(name) => number_of(&self.known.users, name) == Some(stat.uid),
            Expression::Group(name) => number_of(&self.known.groups, name) == Some(stat.gid),
            Expression::NoUser => self.user(stat).is_none(),
            Expression::NoGroup => self.group(stat).is_none(),
            Expression::Links(bound) => bound.holds(stat.nlink.into()),
            Expression::Inode(bound) => bound.holds(stat.ino.0.into()),
            Expression::SameFile(index) => self.known.files[*index] == (self.place.index, stat.ino),
            Expression::Empty => self.is_empty(item),
            _ => return self.act(expression, item),
        })
    }

    fn user(&self, stat: &Stat) -> Option<String> {
        self.known.accounts.as_ref().and_then(|names| names.user(stat.uid))
    }

    fn group(&self, stat: &Stat) -> Option<String> {
        self.known.accounts.as_ref().and_then(|names| names.group(stat.gid))
    }

    fn act(&mut self, expression: &Expression, item: &Item<'_>) -> Result<bool, Failure> {
        match expression {
            Expression::Print(end) => self.print(item, *end)?,
            Expression::Ls => self.list(item)?,
            Expression::Prune => self.prunes = true,
            Expression::Quit => return Err(Failure::Told(0)),
            Expression::Delete => return self.delete(item),
            Expression::Exec(index) => {
                self.out.flush()?;
                let found = Found {
                    place: self.place,
                    directory: item.directory,
                    name: item.name_there(),
                    path: item.path,
                    file_type: item.stat.file_type,
                };
                return self.copies.run(self.session, (*index, &self.reading.commands[*index]), &found);
            }
            _ => {}
        }
        Ok(true)
    }

    fn target(&mut self, item: &Item<'_>) -> Option<Vec<u8>> {
        let target = read_target(self.place.process(), item.directory, item.name_there(), item.stat);
        target.unwrap_or_else(|error| {
            self.session.report(self.place, item.path, &error);
            None
        })
    }

    fn is_empty(&mut self, item: &Item<'_>) -> bool {
        let process = self.place.process();
        let empty = || -> KResult<bool> {
            let fd = process.openat(item.directory, item.name_there(), OpenFlags::DIRECTORY, Mode::new(0))?;
            let mut is_empty = true;
            let read = process.getdents(fd, &mut |entry| {
                is_empty &= matches!(entry.name, b"." | b"..");
                is_empty
            });
            process.close(fd)?;
            read.map(|()| is_empty)
        };
        match item.stat.file_type {
            FileType::Regular => item.stat.size == 0,
            FileType::Directory => empty().unwrap_or_else(|error| {
                self.session.report(self.place, item.path, &error);
                false
            }),
            _ => false,
        }
    }

    fn ask_unless_for_xargs(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        if self.args.for_xargs && item.path.iter().any(|byte| b" \t\n\"'\\".contains(byte)) {
            let text =
                format!("{}:{}: left out, xargs would take it apart", self.place.volume, escaped(item.path));
            self.session.note(&text);
            return Ok(());
        }
        self.ask(item)
    }

    fn delete(&mut self, item: &Item<'_>) -> Result<bool, Failure> {
        if file_name(item.path).is_empty() {
            return Ok(true);
        }
        let is_directory = item.stat.file_type == FileType::Directory;
        let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        match self.place.process().unlinkat(item.directory, item.name_there(), flags) {
            Ok(()) => Ok(true),
            Err(error) => {
                self.session.report(self.place, item.path, &error);
                Ok(false)
            }
        }
    }

    fn print(&mut self, item: &Item<'_>, end: u8) -> Result<(), Failure> {
        if !self.args.format.is_json() {
            match self.escape && end != 0 {
                true => self.out.write_all(escaped(item.path).as_bytes())?,
                false => self.out.write_all(item.path)?,
            }
            return Ok(self.out.write_all(&[end])?);
        }
        let target = self.target(item);
        let mut record = Record::new(item.path, item.name, item.stat, target.as_deref());
        if self.args.xattrs {
            let added = add_xattrs(&mut record, self.place.process(), item.directory, item.name_there());
            if let Err(error) = added {
                self.session.report(self.place, item.path, &error);
            }
        }
        Ok(self.json.write(self.out, &record)?)
    }

    /// A line as GNU find has it.
    fn list(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        let stat = item.stat;
        let target = self.target(item).map(|target| format!(" -> {}", escaped(&target))).unwrap_or_default();
        let mode = String::from_utf8_lossy(&mode_text(stat)).into_owned();
        let user = self.user(stat).unwrap_or_else(|| stat.uid.to_string());
        let group = self.group(stat).unwrap_or_else(|| stat.gid.to_string());
        let size = match stat.file_type {
            FileType::CharDevice | FileType::BlockDevice => {
                format!("{:3}, {:3}", stat.rdev.major, stat.rdev.minor)
            }
            _ => stat.size.to_string(),
        };
        let time = of_locale(stat.mtime, self.known.now);
        let (ino, blocks, nlink) = (stat.ino.0, stat.blocks.div_ceil(2), stat.nlink);
        let path = escaped(item.path);
        Ok(writeln!(
            self.out,
            "{ino:9} {blocks:6} {mode} {nlink:3} {user:<8} {group:<8} {size:>8} {time} {path}{target}"
        )?)
    }
}

impl Item<'_> {
    /// The name in its directory, or the path of what has none.
    fn name_there(&self) -> &[u8] {
        if self.directory.is_some() { self.name } else { self.path }
    }
}

/// The name that conditions see: the root's is a slash.
fn seen(name: &[u8]) -> &[u8] {
    match file_name(name) {
        b"" => b"/",
        name => name,
    }
}

impl Visitor<Failure> for Search<'_> {
    fn check(&self) -> Result<(), Failure> {
        self.session.stop.check()
    }

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let goes_in = entry.stat.file_type == FileType::Directory && entry.depth < self.reading.most;
        if self.reading.depth && goes_in {
            return Ok(Step::Into);
        }
        let &Entry { path, directory, depth, stat, .. } = entry;
        self.ask_unless_for_xargs(&Item { path, name: seen(entry.name), directory, depth, stat })?;
        Ok(if goes_in && !self.prunes { Step::Into } else { Step::Over })
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        if !self.reading.depth {
            return Ok(());
        }
        let &Left { path, depth, stat, .. } = left;
        self.ask_unless_for_xargs(&Item { path, name: seen(path), directory: None, depth, stat })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}
