//! A table of owners, modes and devices, as `genext2fs -D`, `mkfs.jffs2 -D` and Buildroot take it.
//!
//! One line for a file, with fields between blanks; `#` begins a comment:
//!
//! ```text
//! # path      type mode uid gid major minor start step count
//! /dev        d    755  0   0
//! /dev/null   c    666  0   0   1     3
//! /dev/tty    c    620  0   5   4     1     1     1    4       # /dev/tty1 to /dev/tty4
//! /bin/su     f    4755 0   0
//! /var/log    r    -    4   4
//! ```
//!
//! `d`, `c`, `b` and `p` are made if the source has none there; `f` changes a file that the source has; `r` changes
//! all that is at or below a path. `-` leaves a field as it is. Of several lines that are about one file, later
//! ones win.

use super::{Entry, Kind, clean};
use rumpkit::{DevNumber, FileType};
use std::collections::HashMap;

/// More devices than this in one line are a mistake.
const MAX_COUNT: u32 = 65_536;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Existing,
    Recursive,
    Directory,
    Special(FileType, DevNumber),
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it is.
    pub path: Vec<u8>,
    /// Line of the table, from one.
    pub line: usize,
    what: What,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Row {
    /// What to make if the file is not there.
    pub fn node(&self) -> Option<Kind> {
        match self.what {
            What::Existing | What::Recursive => None,
            What::Directory => Some(Kind::Directory),
            What::Special(file_type, device) => Some(Kind::Special(file_type, device)),
        }
    }

    /// Whether it is about a whole tree.
    pub fn is_recursive(&self) -> bool {
        self.what == What::Recursive
    }

    fn covers(&self, path: &[u8]) -> bool {
        match path.strip_prefix(&*self.path) {
            Some(rest) => self.path.is_empty() || rest.is_empty() || rest[0] == b'/',
            None => false,
        }
    }

    fn change(&self, entry: &mut Entry) {
        if matches!(entry.kind, Kind::HardLink(_)) {
            return;
        }
        entry.mode = self.mode.unwrap_or(entry.mode);
        entry.uid = self.uid.unwrap_or(entry.uid);
        entry.gid = self.gid.unwrap_or(entry.gid);
        match self.what {
            What::Existing | What::Recursive => {}
            What::Directory => entry.kind = Kind::Directory,
            What::Special(file_type, device) => entry.kind = Kind::Special(file_type, device),
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    by_path: HashMap<Vec<u8>, Vec<usize>>,
    recursive: Vec<usize>,
}

impl Table {
    /// Reads a table. Errors: the number of the line, and what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut table = Self::default();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
            let fields: Vec<&[u8]> =
                line.split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty()).collect();
            if !fields.is_empty() {
                table.add(index + 1, &fields).map_err(|why| format!("line {}: {why}", index + 1))?;
            }
        }
        Ok(table)
    }

    /// All rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a row is about exactly this path.
    pub fn names(&self, path: &[u8]) -> bool {
        self.by_path.contains_key(path)
    }

    /// Makes of a file what the rows about it say.
    pub fn apply(&self, entry: &mut Entry) {
        let mut about: Vec<usize> = self.by_path.get(&entry.path).cloned().unwrap_or_default();
        about.extend(self.recursive.iter().filter(|&&row| self.rows[row].covers(&entry.path)));
        about.sort_unstable();
        for row in about {
            self.rows[row].change(entry);
        }
    }

    fn add(&mut self, line: usize, fields: &[&[u8]]) -> Result<(), String> {
        if fields.len() < 5 || fields.len() > 10 {
            return Err(format!(
                "{} fields; path, type, mode, uid and gid, and for devices up to five numbers",
                fields.len()
            ));
        }
        let path = clean(fields[0])?;
        let mode = number(fields[2], "mode", 8)?;
        if mode.is_some_and(|mode| mode > 0o7777) {
            return Err("mode: permission bits only".into());
        }
        let (uid, gid) = (number(fields[3], "uid", 10)?, number(fields[4], "gid", 10)?);
        let rest = |at: usize, name| fields.get(at).map_or(Ok(None), |field| number(field, name, 10));
        let (major, minor) = (rest(5, "major")?, rest(6, "minor")?);
        let (start, step, count) = (rest(7, "start")?, rest(8, "step")?, rest(9, "count")?);
        let device = |name: &str| match (major, minor) {
            (Some(major), Some(minor)) => Ok(DevNumber { major, minor }),
            _ => Err(format!("a {name} device needs major and minor")),
        };
        let what = match fields[1] {
            b"f" => What::Existing,
            b"r" => What::Recursive,
            b"d" => What::Directory,
            b"p" => What::Special(FileType::Fifo, DevNumber::default()),
            b"c" => What::Special(FileType::CharDevice, device("character")?),
            b"b" => What::Special(FileType::BlockDevice, device("block")?),
            other => return Err(format!("type {:?}: f, r, d, c, b or p", String::from_utf8_lossy(other))),
        };
        let row = Row { path, line, what, mode, uid, gid };
        match count.filter(|&count| count > 0) {
            Some(count) => self.series(&row, start.unwrap_or(0), step.unwrap_or(0), count),
            None => {
                self.push(row);
                Ok(())
            }
        }
    }

    /// `count` files whose names end in numbers from `start` on, and whose minor numbers grow by `step`.
    fn series(&mut self, row: &Row, start: u32, step: u32, count: u32) -> Result<(), String> {
        if count > MAX_COUNT {
            return Err(format!("count {count}: at most {MAX_COUNT}"));
        }
        for index in 0..count {
            let too_large = || "the numbers of the devices grow too large".to_string();
            let mut one = row.clone();
            one.path
                .extend_from_slice(start.checked_add(index).ok_or_else(too_large)?.to_string().as_bytes());
            if let What::Special(_, device) = &mut one.what {
                let more = index.checked_mul(step).ok_or_else(too_large)?;
                device.minor = device.minor.checked_add(more).ok_or_else(too_large)?;
            }
            self.push(one);
        }
        Ok(())
    }

    fn push(&mut self, row: Row) {
        let index = self.rows.len();
        if row.is_recursive() {
            self.recursive.push(index);
        } else {
            self.by_path.entry(row.path.clone()).or_default().push(index);
        }
        self.rows.push(row);
    }
}

fn number(field: &[u8], name: &str, base: u32) -> Result<Option<u32>, String> {
    if field == b"-" {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(field);
    u32::from_str_radix(&text, base).map(Some).map_err(|_| format!("{name} {text:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumpkit::TimeSpec;

    fn entry(path: &str) -> Entry {
        let time = TimeSpec::default();
        let path = path.as_bytes().to_vec();
        Entry {
            path,
            kind: Kind::File(1),
            mode: 0o600,
            uid: 7,
            gid: 8,
            atime: time,
            mtime: time,
            xattrs: vec![],
        }
    }

    #[test]
    fn rows_change_what_they_name() {
        let table = Table::parse(b"# all\n/var r - 4 -\n/var/x f 4755 - 9 # one\n").unwrap();
        let mut one = entry("var/x");
        table.apply(&mut one);
        assert_eq!((one.mode, one.uid, one.gid), (0o4755, 4, 9));
        let mut other = entry("varx");
        table.apply(&mut other);
        assert_eq!((other.mode, other.uid, other.gid), (0o600, 7, 8));
    }

    #[test]
    fn series_count_names_and_minor_numbers() {
        let table = Table::parse(b"/dev/tty c 620 0 5 4 1 1 1 3").unwrap();
        let rows: Vec<(&[u8], Option<Kind>)> =
            table.rows().iter().map(|row| (&*row.path, row.node())).collect();
        let tty = |minor| Some(Kind::Special(FileType::CharDevice, DevNumber { major: 4, minor }));
        assert_eq!(rows, [(&b"dev/tty1"[..], tty(1)), (b"dev/tty2", tty(2)), (b"dev/tty3", tty(3))]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let cases: [(&[u8], &str); 8] = [
            (b"\n/a f 644 0", "line 2: 4 fields"),
            (b"/a x 644 0 0", "line 1: type \"x\""),
            (b"/a c 644 0 0", "line 1: a character device needs"),
            (b"/a f 9 0 0", "line 1: mode \"9\""),
            (b"/a f 17777 0 0", "line 1: mode"),
            (b"/a f 644 root 0", "line 1: uid \"root\""),
            (b"/../a f 644 0 0", "line 1: a name with .."),
            (b"/a b 644 0 0 1 4294967295 0 1 2", "line 1: the numbers"),
        ];
        for (text, expected) in cases {
            let error = Table::parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
