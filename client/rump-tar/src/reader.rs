//! The members of an archive, one after the other: ustar, pax and GNU tar, as GNU tar, star and libarchive write them.
//!
//! Owners are the numbers of the archive, never names of this host. A leading slash is taken away, and names with
//! `..` are refused; where symbolic links lead is the affair of who takes the members. All lengths that the archive tells are
//! bounded before memory is taken for them.

use crate::acl;
use crate::encoded;
use crate::header::{BLOCK, Header};
use crate::pax::{self, Record};
use crate::sparse::{self, Map};
use rump_abi::{DevNumber, FileType, TimeSpec};
use rump_names::escape::escaped;
use rump_names::path::clean;
use std::io::{self, Read};
use std::ops::Range;

/// Extended attributes are at most 64 KiB each; a header of many more is a mistake.
const MAX_RECORDS: u64 = 16 << 20;
const MAX_COUNT: usize = 1 << 20;
/// Global records, and extended attributes of one file.
const MAX_KEYS: usize = 1000;
const MAX_LONG_NAME: u64 = 1 << 20;

/// Bytes in order, some of which nobody wants.
pub trait Input: Read {
    /// Passes over `count` bytes. Errors: those of reading, UnexpectedEof.
    fn skip(&mut self, count: u64) -> io::Result<()>;
}

/// Whether an archive without the mark of its end may have lost some of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EndMark {
    /// Nothing else tells that it is whole.
    Expected,
    /// Its digest tells.
    Needless,
}

/// What a file is, with what only its kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file of this length.
    File(u64),
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
    /// Another name of the file at this path, which came before.
    HardLink(Vec<u8>),
    /// A device, a fifo or a socket.
    Special(FileType, DevNumber),
}

/// A file, but for its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is: names with single slashes between them, none of them `.` or `..`; empty for the top.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last access.
    pub atime: TimeSpec,
    /// Last change of content.
    pub mtime: TimeSpec,
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What comes next in an archive.
#[derive(Debug)]
pub enum Item {
    /// A file.
    Member {
        /// What it is.
        entry: Entry,
        /// Where its data belong, in order and apart; [`Reader::read`] gives them.
        parts: Vec<Range<u64>>,
        /// What of it was lost.
        complaints: Vec<String>,
        /// Its name began with a slash.
        had_slash: bool,
    },
    /// What cannot be had: its name, and why.
    Refused(Vec<u8>, String),
    /// Nothing more.
    End {
        /// Whether it may have lost some of it: there is no mark of its end where one is expected.
        may_lack: bool,
    },
}

/// The number of a user or group with this tag and name.
pub type Numbers<'a> = dyn Fn(u16, &str) -> Option<u32> + 'a;

/// What comes before the header of a member and is about it.
#[derive(Default)]
struct Before {
    records: Vec<Record>,
    name: Option<Vec<u8>>,
    link_name: Option<Vec<u8>>,
}

/// A member with all that is said about it.
struct Member {
    header: Header,
    name: Vec<u8>,
    link_name: Vec<u8>,
    /// Bytes that follow.
    stored: u64,
    sparse: sparse::Records,
    mtime: TimeSpec,
    atime: Option<TimeSpec>,
    uid: u32,
    gid: u32,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// What was lost.
    complaints: Vec<String>,
}

/// See the module.
pub struct Reader<'a, I> {
    input: I,
    /// Bytes passed.
    position: u64,
    globals: Vec<Record>,
    /// Of the member that was given last.
    rest: Rest,
    end_mark: EndMark,
    numbers: &'a Numbers<'a>,
    is_stopped: &'a dyn Fn() -> bool,
}

impl<'a, I: Input> Reader<'a, I> {
    /// Reads what `input` gives. Names in lists of access rights are those that `numbers` knows; once `is_stopped`, it ends.
    pub fn new(
        input: I,
        end_mark: EndMark,
        numbers: &'a Numbers<'a>,
        is_stopped: &'a dyn Fn() -> bool,
    ) -> Self {
        let rest = Rest { stored: 0, left: 0 };
        Self { input, position: 0, globals: Vec::new(), rest, end_mark, numbers, is_stopped }
    }

    /// How far in the archive it is, in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads some of the data of the member that was given last; none behind its end. Errors: those of the input.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.rest.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.input.read(&mut buffer[..most])?;
        self.rest.left -= count as u64;
        self.position += count as u64;
        Ok(count)
    }

    /// What comes next; what of the last member's data nobody has read is passed over. Errors: what is wrong with the archive.
    pub fn next_item(&mut self) -> Result<Item, String> {
        self.advance().map_err(|broken| broken.0)
    }

    fn advance(&mut self) -> Result<Item, Broken> {
        self.pass_over()?;
        let mut before = Before::default();
        loop {
            if (self.is_stopped)() {
                return Err("interrupted".into());
            }
            let Some(header) = self.header()? else {
                return Ok(Item::End { may_lack: !self.may_lack_end() });
            };
            if header.is_end() {
                // Whoever writes into a pipe shall not find it closed.
                io::copy(&mut self.input, &mut io::sink())?;
                return Ok(Item::End { may_lack: false });
            }
            if !header.is_valid() {
                return Err("no header of a tar archive is there".into());
            }
            let size =
                header.size().and_then(|size| u64::try_from(size).ok()).ok_or("a length is damaged")?;
            match header.kind() {
                b'x' | b'X' => {
                    before.records.extend(self.records(size)?);
                    check_size(&before.records)?;
                }
                b'g' => {
                    for (key, value) in self.records(size)? {
                        self.globals.retain(|(other, _)| *other != key);
                        self.globals.push((key, value));
                    }
                    check_size(&self.globals)?;
                    if self.globals.len() > MAX_KEYS {
                        return Err("global headers are too many".into());
                    }
                }
                b'L' => before.name = Some(self.long_name(size)?),
                b'K' => before.link_name = Some(self.long_name(size)?),
                _ => match self.member(header, size, std::mem::take(&mut before))? {
                    Some(item) => return Ok(item),
                    None => self.pass_over()?,
                },
            }
        }
    }

    /// Passes over what is left of the last member, and what fills its last block up.
    fn pass_over(&mut self) -> Result<(), Broken> {
        let Rest { stored, left } = std::mem::replace(&mut self.rest, Rest { stored: 0, left: 0 });
        self.input.skip(left)?;
        let filling = (BLOCK as u64 - stored % BLOCK as u64) % BLOCK as u64;
        match self.input.skip(filling) {
            // Some programs leave out what fills the last block up.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.may_lack_end() => {}
            skipped => skipped?,
        }
        self.position += left + filling;
        Ok(())
    }

    fn may_lack_end(&self) -> bool {
        self.end_mark == EndMark::Needless
    }

    fn header(&mut self) -> Result<Option<Header>, Broken> {
        let mut header = Header([0; BLOCK]);
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(&mut header.0[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.position += BLOCK as u64;
        Ok(Some(header))
    }

    /// The bytes of a header that goes on, at most `limit`.
    fn body(&mut self, size: u64, limit: u64) -> Result<Vec<u8>, Broken> {
        if size > limit {
            return Err(Broken(format!("a header of {size} bytes is too long")));
        }
        let mut bytes = Vec::new();
        let padded = size.next_multiple_of(BLOCK as u64);
        if (&mut self.input).take(padded).read_to_end(&mut bytes)? as u64 != padded {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.position += padded;
        bytes.truncate(size as usize);
        Ok(bytes)
    }

    fn records(&mut self, size: u64) -> Result<Vec<Record>, Broken> {
        Ok(pax::parse(&self.body(size, MAX_RECORDS)?)?)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, Broken> {
        let mut name = self.body(size, MAX_LONG_NAME)?;
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        Ok(name)
    }

    /// `None` for what is no file.
    fn member(&mut self, header: Header, size: u64, before: Before) -> Result<Option<Item>, Broken> {
        let mut member = self.describe(header, size, before)?;
        self.rest = Rest { stored: member.stored, left: member.stored };
        let old_sparse = match member.header.kind() {
            b'S' => {
                let old = sparse::of_header(&member.header, &mut self.input)?;
                self.position += old.read;
                Some(old)
            }
            _ => None,
        };
        let name = member.sparse.name.clone().unwrap_or_else(|| member.name.clone());
        let path = match clean(&name) {
            Ok(path) => path,
            Err(why) => return Ok(Some(Item::Refused(name, why.into()))),
        };
        let map = match self.map(&member, old_sparse)? {
            Ok(map) => map,
            Err(why) => return Ok(Some(Item::Refused(path, why.into()))),
        };
        let kind = match member.kind(&name, map.size) {
            Ok(Some(kind)) => kind,
            Ok(None) => return Ok(None),
            Err(why) => return Ok(Some(Item::Refused(path, why))),
        };
        let entry = Entry {
            path,
            kind,
            mode: member.header.mode().ok_or("a mode is damaged")? as u32 & 0o7777,
            uid: member.uid,
            gid: member.gid,
            atime: member.atime.unwrap_or(member.mtime),
            mtime: member.mtime,
            xattrs: std::mem::take(&mut member.xattrs),
        };
        let had_slash = name.first() == Some(&b'/');
        Ok(Some(Item::Member { entry, parts: map.parts, complaints: member.complaints, had_slash }))
    }

    fn describe(&self, header: Header, size: u64, before: Before) -> Result<Member, Broken> {
        let number = |value: Option<i64>, what| {
            let value = value.and_then(|value| u32::try_from(value).ok());
            value.ok_or_else(|| Broken(format!("{what} is damaged")))
        };
        let mut member = Member {
            name: before.name.unwrap_or_else(|| header.name()),
            link_name: before.link_name.unwrap_or_else(|| header.link_name().to_vec()),
            // Only these have data, whatever their length says.
            stored: if matches!(header.kind(), b'2'..=b'6') { 0 } else { size },
            sparse: sparse::Records::default(),
            mtime: TimeSpec { sec: header.mtime().ok_or("a time is damaged")?, nsec: 0 },
            atime: None,
            uid: number(header.uid(), "an owner")?,
            gid: number(header.gid(), "a group")?,
            xattrs: Vec::new(),
            complaints: Vec::new(),
            header,
        };
        for (key, value) in self.globals.iter().chain(&before.records) {
            member.take(key, value, self.numbers)?;
        }
        member.xattrs.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(member)
    }

    /// Where the data belong. The inner error is of this member alone.
    fn map(
        &mut self,
        member: &Member,
        old_sparse: Option<sparse::Old>,
    ) -> Result<Result<Map, &'static str>, Broken> {
        if let Some(old) = old_sparse {
            return Ok(Map::new(&old.pairs, old.size, self.rest.left));
        }
        let size = member.sparse.size.unwrap_or(self.rest.left);
        if member.sparse.map_is_in_data() {
            let (pairs, read) = sparse::of_data(&mut self.input, self.rest.left)?;
            self.rest.left -= read;
            self.position += read;
            return Ok(Map::new(&pairs, size, self.rest.left));
        }
        Ok(match member.sparse.pairs() {
            Some(pairs) => Map::new(pairs, size, self.rest.left),
            None => Map::new(&[(0, self.rest.left)], self.rest.left, self.rest.left),
        })
    }
}

/// Refuses headers that would take more and more memory.
fn check_size(records: &[Record]) -> Result<(), Broken> {
    let bytes: usize = records.iter().map(|(key, value)| key.len() + value.len()).sum();
    let is_small = bytes as u64 <= MAX_RECORDS && records.len() <= MAX_COUNT;
    if is_small { Ok(()) } else { Err("extended headers are too long".into()) }
}

impl Member {
    /// Takes a record of an extended header.
    fn take(&mut self, key: &[u8], value: &[u8], numbers: &Numbers<'_>) -> Result<(), Broken> {
        let number = |what| {
            let number = pax::decimal(value).and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| Broken(format!("{what} is damaged")))
        };
        match key {
            b"path" => self.name = value.to_vec(),
            b"linkpath" => self.link_name = value.to_vec(),
            b"size" => self.stored = pax::decimal(value).ok_or("a length is damaged")?,
            b"uid" => self.uid = number("an owner")?,
            b"gid" => self.gid = number("a group")?,
            b"mtime" => self.mtime = pax::time(value).ok_or("a time is damaged")?,
            b"atime" => self.atime = Some(pax::time(value).ok_or("a time is damaged")?),
            b"RHT.security.selinux" => self.add_xattr(b"security.selinux", value.to_vec()),
            b"SCHILY.realsize" => self.sparse.size = Some(pax::decimal(value).ok_or("a length is damaged")?),
            _ => self.take_vendors(key, value, numbers)?,
        }
        Ok(())
    }

    fn take_vendors(&mut self, key: &[u8], value: &[u8], numbers: &Numbers<'_>) -> Result<(), Broken> {
        if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
            self.sparse.take(key, value)?;
        } else if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.add_xattr(name, value.to_vec());
        } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
            let name = encoded::percent_decode(name);
            // libarchive says everything twice; the other way was there already.
            if !self.xattrs.iter().any(|(other, _)| *other == name) {
                match encoded::decode(value) {
                    Some(value) => self.add_xattr(&name, value),
                    None => self.complaints.push(format!("extended attribute {} is damaged", escaped(&name))),
                }
            }
        } else if let Some((_, name)) = acl::KEYS.iter().find(|(known, _)| *known == key) {
            match acl::parse(value, numbers) {
                Ok(value) => self.add_xattr(name, value),
                Err(why) => self.complaints.push(why),
            }
        }
        Ok(())
    }

    fn add_xattr(&mut self, name: &[u8], value: Vec<u8>) {
        self.xattrs.retain(|(other, _)| other != name);
        if self.xattrs.len() < MAX_KEYS {
            self.xattrs.push((name.to_vec(), value));
        } else if self.complaints.is_empty() {
            self.complaints.push(format!("more than {MAX_KEYS} extended attributes"));
        }
    }

    /// What it is; `None` for what is no file. Errors: what cannot be had.
    fn kind(&self, name: &[u8], size: u64) -> Result<Option<Kind>, String> {
        let special = |file_type| {
            let (major, minor) = self.header.device().ok_or("the number of the device is damaged")?;
            let part = |number: i64| u32::try_from(number).map_err(|_| "the number of the device is damaged");
            Ok(Some(Kind::Special(file_type, DevNumber { major: part(major)?, minor: part(minor)? })))
        };
        Ok(Some(match self.header.kind() {
            // Before POSIX, directories were files whose names end in a slash.
            b'0' | 0 if name.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File(size),
            b'1' => Kind::HardLink(clean(&self.link_name)?),
            b'2' => Kind::Symlink(self.link_name.clone()),
            b'3' => return special(FileType::CharDevice),
            b'4' => return special(FileType::BlockDevice),
            b'5' | b'D' => Kind::Directory,
            b'6' => Kind::Special(FileType::Fifo, DevNumber::default()),
            // The label of an archive.
            b'V' => return Ok(None),
            b'M' => return Err("the beginning of this file is in another volume of the archive".into()),
            other => return Err(format!("type {:?} of the archive is not known here", char::from(other))),
        }))
    }
}

/// How much of a member's data was read.
struct Rest {
    stored: u64,
    left: u64,
}

/// What is wrong with an archive.
struct Broken(String);

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(match error.kind() {
            io::ErrorKind::UnexpectedEof => "the archive ends too early".into(),
            _ => error.to_string(),
        })
    }
}

impl From<&str> for Broken {
    fn from(what: &str) -> Self {
        Self(what.into())
    }
}
