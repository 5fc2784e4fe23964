//! An archive as a source: ustar, pax and GNU tar, as GNU tar, star and libarchive write them.
//!
//! Owners are the numbers of the archive, never names of this host. A leading slash is taken away, and names with
//! `..` are refused; symbolic links are the sink's affair. All lengths that the archive tells are bounded before
//! memory is taken for them.

use super::acl;
use super::input::{Input, Origin};
use crate::fill::{Content, Entry, Kind, Sink, Source, Take, Trouble, clean, hand};
use crate::output::escaped;
use crate::session::Failure;
use crate::stop::Stop;
use rump_tar::encoded;
use rump_tar::header::{BLOCK, Header};
use rump_tar::pax::{self, Record};
use rump_tar::sparse::{self, Map};
use rumpkit::{DevNumber, FileType, TimeSpec};
use std::io::{self, Read};
use std::ops::Range;

const CHUNK_BYTES: usize = 1 << 20;
/// Extended attributes are at most 64 KiB each; a header of many more is a mistake.
const MAX_RECORDS: u64 = 16 << 20;
const MAX_COUNT: usize = 1 << 20;
/// Global records, and extended attributes of one file.
const MAX_KEYS: usize = 1000;
const MAX_LONG_NAME: u64 = 1 << 20;

/// See the module.
pub struct Archive {
    origin: Origin,
    stop: Stop,
}

impl Archive {
    /// What `origin` holds.
    pub fn new(origin: Origin, stop: Stop) -> Self {
        Self { origin, stop }
    }

    /// Makes sure that it can be run twice.
    pub fn keep(&mut self) -> Result<(), Failure> {
        self.origin.keep()
    }
}

impl Source for Archive {
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        let input = self.origin.read()?;
        pass(input, self.origin.name(), EndMark::Expected, &self.stop, sink)
    }
}

/// Whether an archive without the mark of its end may have lost some of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EndMark {
    /// Nothing else tells that it is whole.
    Expected,
    /// Its digest tells.
    Needless,
}

/// Hands all that is in an archive to `sink`. `name` is for messages.
pub fn pass(
    input: Input,
    name: &str,
    end_mark: EndMark,
    stop: &Stop,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let mut reader = Reader {
        input,
        position: 0,
        globals: Vec::new(),
        buffer: vec![0; CHUNK_BYTES],
        stop,
        name,
        end_mark,
        names_slash: false,
    };
    reader.run(sink).map_err(|end| match end {
        End::Stop(failure) => failure,
        // What ends reading early for a signal is no fault of the archive.
        End::Broken(_) if stop.is_wanted() => stop.failure(""),
        End::Broken(what) => Failure::Other(format!("{name}: at byte {}: {what}", reader.position)),
    })
}

/// Why reading ended early.
enum End {
    Broken(String),
    Stop(Failure),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(match error.kind() {
            io::ErrorKind::UnexpectedEof => "the archive ends too early".into(),
            _ => error.to_string(),
        })
    }
}

impl From<&str> for End {
    fn from(what: &str) -> Self {
        Self::Broken(what.into())
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Stop(failure)
    }
}

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

struct Reader<'a> {
    input: Input,
    /// Bytes passed.
    position: u64,
    globals: Vec<Record>,
    buffer: Vec<u8>,
    stop: &'a Stop,
    name: &'a str,
    end_mark: EndMark,
    names_slash: bool,
}

impl Reader<'_> {
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), End> {
        let mut before = Before::default();
        loop {
            self.stop.check()?;
            let Some(header) = self.header()? else {
                if !self.may_lack_end() {
                    sink.failed(b"", "the archive has no end mark: it may not be complete");
                }
                return Ok(());
            };
            if header.is_end() {
                // Whoever writes into a pipe shall not find it closed.
                io::copy(&mut self.input, &mut io::sink())?;
                return Ok(());
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
                _ => self.member(header, size, std::mem::take(&mut before), sink)?,
            }
        }
    }

    fn may_lack_end(&self) -> bool {
        self.end_mark == EndMark::Needless
    }

    fn header(&mut self) -> Result<Option<Header>, End> {
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
    fn body(&mut self, size: u64, limit: u64) -> Result<Vec<u8>, End> {
        if size > limit {
            return Err(End::Broken(format!("a header of {size} bytes is too long")));
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

    fn records(&mut self, size: u64) -> Result<Vec<Record>, End> {
        Ok(pax::parse(&self.body(size, MAX_RECORDS)?)?)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, End> {
        let mut name = self.body(size, MAX_LONG_NAME)?;
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        Ok(name)
    }

    fn member(&mut self, header: Header, size: u64, before: Before, sink: &mut dyn Sink) -> Result<(), End> {
        let mut member = self.describe(header, size, before)?;
        let mut rest = Rest { stored: member.stored, left: member.stored };
        let old_sparse = match member.header.kind() {
            b'S' => {
                let old = sparse::of_header(&member.header, &mut self.input)?;
                self.position += old.read;
                Some(old)
            }
            _ => None,
        };
        let result = self.pass_on(&mut member, old_sparse, &mut rest, sink);
        self.position += rest.stored - rest.left;
        result?;
        self.input.skip(rest.left)?;
        let filling = (BLOCK as u64 - rest.stored % BLOCK as u64) % BLOCK as u64;
        match self.input.skip(filling) {
            // Some programs leave out what fills the last block up.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.may_lack_end() => {}
            skipped => skipped?,
        }
        self.position += rest.left + filling;
        Ok(())
    }

    fn describe(&self, header: Header, size: u64, before: Before) -> Result<Member, End> {
        let number = |value: Option<i64>, what| {
            let value = value.and_then(|value| u32::try_from(value).ok());
            value.ok_or_else(|| End::Broken(format!("{what} is damaged")))
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
            member.take(key, value)?;
        }
        member.xattrs.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(member)
    }

    fn pass_on(
        &mut self,
        member: &mut Member,
        old_sparse: Option<sparse::Old>,
        rest: &mut Rest,
        sink: &mut dyn Sink,
    ) -> Result<(), End> {
        let name = member.sparse.name.clone().unwrap_or_else(|| member.name.clone());
        if name.first() == Some(&b'/') && !self.names_slash {
            self.names_slash = true;
            sink.note("leading slashes of the archive are taken as the root of the image");
        }
        let path = match clean(&name) {
            Ok(path) => path,
            Err(why) => {
                sink.failed(&name, why);
                return Ok(());
            }
        };
        let map = match self.map(member, old_sparse, rest)? {
            Ok(map) => map,
            Err(why) => {
                sink.failed(&path, why);
                return Ok(());
            }
        };
        let kind = match member.kind(&name, map.size) {
            Ok(Some(kind)) => kind,
            Ok(None) => return Ok(()),
            Err(why) => {
                sink.failed(&path, &why);
                return Ok(());
            }
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
        let mut data = Data {
            input: &mut self.input,
            parts: map.parts,
            rest,
            buffer: &mut self.buffer,
            stop: self.stop,
            name: self.name,
        };
        hand(sink, &entry, &mut data)?;
        for complaint in &member.complaints {
            sink.failed(&entry.path, complaint);
        }
        Ok(())
    }

    /// Where the data belong. The inner error is of this member alone.
    fn map(
        &mut self,
        member: &Member,
        old_sparse: Option<sparse::Old>,
        rest: &mut Rest,
    ) -> Result<Result<Map, &'static str>, End> {
        if let Some(old) = old_sparse {
            return Ok(Map::new(&old.pairs, old.size, rest.left));
        }
        let size = member.sparse.size.unwrap_or(rest.left);
        if member.sparse.map_is_in_data() {
            let (pairs, read) = sparse::of_data(&mut self.input, rest.left)?;
            rest.left -= read;
            return Ok(Map::new(&pairs, size, rest.left));
        }
        Ok(match member.sparse.pairs() {
            Some(pairs) => Map::new(pairs, size, rest.left),
            None => Map::new(&[(0, rest.left)], rest.left, rest.left),
        })
    }
}

/// Refuses headers that would take more and more memory.
fn check_size(records: &[Record]) -> Result<(), End> {
    let bytes: usize = records.iter().map(|(key, value)| key.len() + value.len()).sum();
    let is_small = bytes as u64 <= MAX_RECORDS && records.len() <= MAX_COUNT;
    if is_small { Ok(()) } else { Err("extended headers are too long".into()) }
}

impl Member {
    /// Takes a record of an extended header.
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), End> {
        let number = |what| {
            let number = pax::decimal(value).and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| End::Broken(format!("{what} is damaged")))
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
            _ => self.take_vendors(key, value)?,
        }
        Ok(())
    }

    fn take_vendors(&mut self, key: &[u8], value: &[u8]) -> Result<(), End> {
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
            match acl::parse(value, &acl::number_on_host) {
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

/// The data of a member.
struct Data<'a> {
    input: &'a mut Input,
    parts: Vec<Range<u64>>,
    rest: &'a mut Rest,
    buffer: &'a mut [u8],
    stop: &'a Stop,
    name: &'a str,
}

impl Content for Data<'_> {
    fn map(&mut self) -> Result<Vec<Range<u64>>, Trouble> {
        Ok(self.parts.clone())
    }

    fn copy(&mut self, take: &mut Take<'_>) -> Result<(), Trouble> {
        for part in std::mem::take(&mut self.parts) {
            let mut at = part.start;
            while at < part.end {
                self.stop.check()?;
                let wanted = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(self.buffer.len());
                // A broken archive is broken for all that follows.
                let count = match self.input.read(&mut self.buffer[..wanted]) {
                    Ok(0) => {
                        let text = format!("{}: the archive ends too early", self.name);
                        return Err(Failure::Other(text).into());
                    }
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(Failure::Other(format!("{}: {error}", self.name)).into()),
                };
                self.rest.left -= count as u64;
                take(at, &self.buffer[..count])?;
                at += count as u64;
            }
        }
        Ok(())
    }
}
