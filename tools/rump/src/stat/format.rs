//! Formats of stat(1) of NetBSD: `%[flags][width][.precision][form][part]datum`, and those that it has names for.

use crate::mode::mode_text;
use crate::units;
use rumpkit::{FileType, Stat, TimeSpec};

/// What a format may ask of a file.
pub struct Facts<'a> {
    /// Its name, as it was written.
    pub name: &'a str,
    /// Attributes.
    pub stat: &'a Stat,
    /// Target of a symbolic link.
    pub target: Option<&'a str>,
    /// Name of the owner, if there is one.
    pub user: Option<&'a str>,
    /// Name of the group.
    pub group: Option<&'a str>,
}

/// The usual format, that of -r (numbers), of -s (for shells), of -l (as ls) and of -x.
pub const USUAL: &str = "%d %i %Sp %l %Su %Sg %r %z \"%Sa\" \"%Sm\" \"%Sc\" \"%SB\" %k %b %#Xf %N";
pub const RAW: &str = "%d %i %#p %l %u %g %r %z %a %m %c %B %k %b %f %N";
pub const SHELL: &str = "st_dev=%d st_ino=%i st_mode=%#p st_nlink=%l st_uid=%u st_gid=%g st_rdev=%r st_size=%z \
    st_atime=%a st_mtime=%m st_ctime=%c st_birthtime=%B st_blksize=%k st_blocks=%b st_flags=%f";
pub const LISTED: &str = "%Sp %l %Su %Sg %Z %Sm %N%SY";
pub const CLASSIFIED: &str = "%Sp %l %Su %Sg %Z %Sm %N%T%SY";
pub const VERBOSE: &str = "  File: \"%N\"%n  Size: %-11z  FileType: %HT%n  Mode: (%04OLp/%.10Sp)         Uid: (%5u/%8Su)  \
    Gid: (%5g/%8Sg)%nDevice: %Hd,%Ld   Inode: %i    Links: %l%nAccess: %Sa%nModify: %Sm%nChange: %Sc%n Birth: %SB";

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Decimal,
    Octal,
    Hexadecimal,
    Text,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    High,
    Middle,
    Low,
}

/// One `%` of a format.
struct Directive {
    alternate: bool,
    left: bool,
    zeros: bool,
    sign: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
    form: Option<Form>,
    part: Part,
}

/// Widths that make sense.
const WIDEST: usize = 4096;

/// What `format` makes of a file. `time` is the format of times, as strftime(3) has them. Errors: what is wrong.
pub fn formatted(format: &str, time: &str, facts: &Facts<'_>) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = format.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let directive = Directive::read(&mut rest)?;
        let datum = rest.next().ok_or("a format ends with %")?;
        match datum {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            '%' => text.push('%'),
            _ => text.push_str(&directive.write(datum, time, facts)?),
        }
    }
    Ok(text)
}

impl Directive {
    fn read(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Self, String> {
        let mut read = Self {
            alternate: false,
            left: false,
            zeros: false,
            sign: false,
            space: false,
            width: 0,
            precision: None,
            form: None,
            part: Part::All,
        };
        while let Some(flag) = rest.next_if(|flag| "#+-0 ".contains(*flag)) {
            match flag {
                '#' => read.alternate = true,
                '+' => read.sign = true,
                '-' => read.left = true,
                '0' => read.zeros = true,
                _ => read.space = true,
            }
        }
        read.width = number(rest)?;
        if rest.next_if_eq(&'.').is_some() {
            read.precision = Some(number(rest)?);
        }
        let form = rest.next_if(|form| "DOUXFS".contains(*form));
        read.form = form.map(|form| match form {
            'O' => Form::Octal,
            'X' => Form::Hexadecimal,
            'D' | 'U' | 'F' => Form::Decimal,
            _ => Form::Text,
        });
        read.part = match rest.next_if(|part| "HML".contains(*part)) {
            Some('H') => Part::High,
            Some('M') => Part::Middle,
            Some(_) => Part::Low,
            None => Part::All,
        };
        Ok(read)
    }

    fn write(&self, datum: char, time: &str, facts: &Facts<'_>) -> Result<String, String> {
        let stat = facts.stat;
        let is_text = self.form == Some(Form::Text);
        let text = |value: Option<&str>, number: u64| match value {
            Some(value) if is_text => self.padded(value.into()),
            _ => self.number(number, Form::Decimal),
        };
        Ok(match datum {
            'd' => self.device((stat.dev >> 32) as u32, stat.dev as u32),
            'r' => self.device(stat.rdev.major, stat.rdev.minor),
            'i' => self.number(stat.ino.0, Form::Decimal),
            'l' => self.number(stat.nlink, Form::Decimal),
            'u' => text(facts.user, stat.uid.into()),
            'g' => text(facts.group, stat.gid.into()),
            'z' => self.number(stat.size, Form::Decimal),
            'b' => self.number(stat.blocks, Form::Decimal),
            'k' => self.number(stat.blksize.into(), Form::Decimal),
            'f' => self.number(stat.flags.bits().into(), Form::Decimal),
            'v' => self.number(0, Form::Decimal),
            'p' => self.mode(stat),
            'a' => self.time(stat.atime, time)?,
            'm' => self.time(stat.mtime, time)?,
            'c' => self.time(stat.ctime, time)?,
            'B' => self.time(stat.birthtime.unwrap_or(TimeSpec { sec: 0, nsec: 0 }), time)?,
            'N' => self.padded(facts.name.into()),
            'T' if self.part == Part::High => self.padded(long_type(stat.file_type).into()),
            'T' => self.padded(mark(stat).into()),
            'Y' => {
                let arrow = if is_text { " -> " } else { "" };
                self.padded(facts.target.map(|target| format!("{arrow}{target}")).unwrap_or_default())
            }
            'Z' => match stat.file_type {
                FileType::CharDevice | FileType::BlockDevice => {
                    self.padded(format!("{},{}", stat.rdev.major, stat.rdev.minor))
                }
                _ => self.number(stat.size, Form::Decimal),
            },
            _ => return Err(format!("%{datum} is nothing that a file has")),
        })
    }

    fn device(&self, major: u32, minor: u32) -> String {
        match self.part {
            Part::High => self.number(major.into(), Form::Decimal),
            Part::Low => self.number(minor.into(), Form::Decimal),
            _ => self.number(u64::from(major) << 8 | u64::from(minor), Form::Decimal),
        }
    }

    fn mode(&self, stat: &Stat) -> String {
        let letters = mode_text(stat);
        let letters = String::from_utf8_lossy(&letters).into_owned();
        let bits = stat.mode.bits();
        if self.form == Some(Form::Text) {
            return self.padded(match self.part {
                Part::All => letters,
                Part::High => letters[1..4].into(),
                Part::Middle => letters[4..7].into(),
                Part::Low => letters[7..].into(),
            });
        }
        let number = match self.part {
            Part::All => stat.file_type.mode_bits() | bits,
            Part::High => stat.file_type.mode_bits() >> 12,
            Part::Middle => bits >> 9 & 7,
            Part::Low => bits & 0o777,
        };
        self.number(number.into(), Form::Octal)
    }

    fn time(&self, at: TimeSpec, format: &str) -> Result<String, String> {
        if self.form == Some(Form::Text) {
            return Ok(self.padded(units::formatted(at, format)?));
        }
        let whole = at.sec.to_string();
        Ok(self.aligned(match self.precision {
            Some(digits) if digits > 0 => format!("{whole}.{}", &format!("{:09}", at.nsec)[..digits.min(9)]),
            _ => whole,
        }))
    }

    fn number(&self, number: u64, usual: Form) -> String {
        let (digits, prefix) = match self.form.filter(|form| *form != Form::Text).unwrap_or(usual) {
            Form::Octal => (format!("{number:o}"), if number == 0 { "" } else { "0" }),
            Form::Hexadecimal => (format!("{number:x}"), if number == 0 { "" } else { "0x" }),
            _ => (number.to_string(), ""),
        };
        let prefix = match (self.alternate, self.sign, self.space) {
            (true, ..) => prefix,
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let least = self.precision.unwrap_or(0).max(match self.zeros && !self.left {
            true => self.width.saturating_sub(prefix.len()),
            false => 0,
        });
        self.aligned(format!("{prefix}{digits:0>least$}"))
    }

    fn padded(&self, text: String) -> String {
        match self.precision {
            Some(most) => self.aligned(text.chars().take(most).collect()),
            None => self.aligned(text),
        }
    }

    fn aligned(&self, text: String) -> String {
        let width = self.width;
        if self.left { format!("{text:<width$}") } else { format!("{text:>width$}") }
    }
}

fn number(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<usize, String> {
    let mut number = 0;
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        number = number * 10 + digit as usize - '0' as usize;
        if number > WIDEST {
            return Err("a format is too wide".into());
        }
    }
    Ok(number)
}

fn long_type(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Fifo => "Fifo File",
        FileType::CharDevice => "Character Device",
        FileType::Directory => "Directory",
        FileType::BlockDevice => "Block Device",
        FileType::Regular => "Regular File",
        FileType::Symlink => "Symbolic Link",
        FileType::Socket => "Socket",
    }
}

/// What `ls -F` puts behind a name.
fn mark(stat: &Stat) -> &'static str {
    match stat.file_type {
        FileType::Directory => "/",
        FileType::Symlink => "@",
        FileType::Fifo => "|",
        FileType::Socket => "=",
        FileType::Regular if stat.mode.bits() & 0o111 != 0 => "*",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumpkit::{DevNumber, FileFlags, Ino, Mode};

    fn shown(format: &str) -> Result<String, String> {
        let time = TimeSpec { sec: 86_400, nsec: 5_000_000 };
        let stat = Stat {
            dev: 0,
            ino: Ino(7),
            file_type: FileType::Regular,
            mode: Mode::new(0o4751),
            nlink: 2,
            uid: 5,
            gid: 0,
            rdev: DevNumber::default(),
            size: 1234,
            blocks: 8,
            blksize: 4096,
            atime: time,
            mtime: time,
            ctime: time,
            birthtime: None,
            flags: FileFlags::empty(),
        };
        let facts = Facts { name: "/a", stat: &stat, target: None, user: Some("anna"), group: None };
        formatted(format, "%b %e %T %Y", &facts)
    }

    #[test]
    fn data_have_forms_parts_and_widths() {
        let cases = [
            ("%z|%8z|%-8z|%08z|%Xz|%#Xz|%#Oz", "1234|    1234|1234    |00001234|4d2|0x4d2|02322"),
            ("%p %#p %Lp %03OLp %Mp %Hp", "104751 0104751 751 751 4 10"),
            ("%Sp %SHp %SLp %.4Sp", "-rwsr-x--x rws --x -rws"),
            ("%u %Su %Sg %6Su", "5 anna 0   anna"),
            ("%m %.3m %Sm", "86400 86400.005 Jan  2 00:00:00 1970"),
            ("%N%T%SY%%%n%HT", "/a*%\nRegular File"),
        ];
        for (format, text) in cases {
            assert_eq!(shown(format).as_deref(), Ok(text), "{format}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for format in ["%", "%q", "%99999z", "%S"] {
            assert!(shown(format).is_err(), "{format}");
        }
    }
}
