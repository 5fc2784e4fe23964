//! An archive as a sink: pax, with holes as GNU tar writes them (version 1.0), extended attributes as
//! `SCHILY.xattr.*` and access control lists as `SCHILY.acl.*`. GNU tar, star and libarchive read all of it.

use crate::fill::{Content, Entry, Kind, Sink, Trouble, split};
use crate::output::escaped;
use crate::session::{Failure, Session};
use rump_tar::acl;
use rump_tar::header::{BLOCK, Header, MAX_OCTAL};
use rump_tar::{pax, sparse};
use rumpkit::FileType;
use std::io::{self, Write};
use std::ops::Range;

/// The end is two blocks of zeros, and a whole record of twenty.
const RECORD: usize = 20 * BLOCK;
/// Numbers of users and groups that fit a header.
const MAX_ID: u32 = 0o7_777_777;

/// See the module.
pub struct Archive<'a, W: Write> {
    output: W,
    name: String,
    volume: String,
    session: &'a mut Session,
    written: u64,
}

impl<'a, W: Write> Archive<'a, W> {
    /// An archive called `name` that is written to `output`; `volume` is where its files come from, for messages.
    pub fn new(output: W, name: String, volume: String, session: &'a mut Session) -> Self {
        Self { output, name, volume, session, written: 0 }
    }

    /// Writes the end.
    pub fn finish(mut self) -> Result<W, Failure> {
        let end = (self.written + 2 * BLOCK as u64).next_multiple_of(RECORD as u64) - self.written;
        let result = self.write(&vec![0; end as usize]);
        match result {
            Ok(()) => Ok(self.output),
            Err(error) => Err(failure(&self.name, error)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.output.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let rest = self.written.next_multiple_of(BLOCK as u64) - self.written;
        self.write(&[0; BLOCK][..rest as usize])
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        let kind = kind(&entry.kind)?;
        let map = match &entry.kind {
            Kind::File(size) => Some((content.map()?, *size)),
            _ => None,
        };
        let stored: u64 = map.iter().flat_map(|(parts, _)| parts).map(|part| part.end - part.start).sum();
        let holes = map.as_ref().filter(|(_, size)| stored < *size);
        let front = holes.map(|(parts, size)| sparse::emit(parts, *size)).unwrap_or_default();
        let size = stored + front.len() as u64;
        let mut records = self.records(entry, size);
        let mut name = member_name(entry);
        if let Some((_, size)) = holes {
            sparse::emit_records(&mut records, &name, *size);
            name = sparse_name(entry);
        }
        self.header(entry, kind, &name, size, records).map_err(|error| failure(&self.name, error))?;
        self.write(&front).map_err(|error| failure(&self.name, error))?;
        if let Some((parts, _)) = map {
            self.content(&parts, content)?;
        }
        self.pad().map_err(|error| failure(&self.name, error).into())
    }

    /// What was promised is written, whatever happens: else all that follows would be lost.
    fn content(&mut self, parts: &[Range<u64>], content: &mut dyn Content) -> Result<(), Trouble> {
        let promised: u64 = parts.iter().map(|part| part.end - part.start).sum();
        let mut given = 0;
        let result = content.copy(&mut |_, bytes| {
            given += bytes.len() as u64;
            self.session.progress.add_bytes(bytes.len());
            self.write(bytes).map_err(|error| failure(&self.name, error).into())
        });
        match result {
            Err(Trouble::Stop(failure)) => Err(Trouble::Stop(failure)),
            result => {
                let zeros = io::Read::take(io::repeat(0), promised.saturating_sub(given));
                let mut zeros = io::BufReader::new(zeros);
                let filled = io::copy(&mut zeros, &mut self.output);
                self.written += filled.map_err(|error| failure(&self.name, error))?;
                let pad = self.pad();
                pad.map_err(|error| failure(&self.name, error))?;
                result
            }
        }
    }

    fn header(
        &mut self,
        entry: &Entry,
        kind: u8,
        name: &[u8],
        size: u64,
        mut records: Vec<u8>,
    ) -> io::Result<()> {
        let mut header = Header::new(kind);
        if header.set_name(name).is_err() {
            pax::emit(&mut records, b"path", name);
            // Who does not know extended headers gets a name, if not the right one.
            let _ = header.set_name(&name[name.len() - 100..]);
        }
        let target = match &entry.kind {
            Kind::Symlink(target) => target.clone(),
            Kind::HardLink(first) => [b"./", &**first].concat(),
            _ => Vec::new(),
        };
        if header.set_link_name(&target).is_err() {
            pax::emit(&mut records, b"linkpath", &target);
        }
        if let Kind::Special(_, device) = entry.kind {
            header.set_device(device.major, device.minor);
        }
        header.set_numbers(entry.mode, entry.uid, entry.gid, size, entry.mtime.sec);
        header.seal();
        if !records.is_empty() {
            self.extended(name, &records)?;
        }
        self.write(&header.0)
    }

    fn extended(&mut self, name: &[u8], records: &[u8]) -> io::Result<()> {
        let mut header = Header::new(b'x');
        let last = split(name).map_or(name, |(_, last)| last);
        let short = [b"PaxHeaders/", &last[..last.len().min(80)]].concat();
        // It is at most 91 bytes long.
        let _ = header.set_name(&short);
        header.set_numbers(0o644, 0, 0, records.len() as u64, 0);
        header.seal();
        self.write(&header.0)?;
        self.write(records)?;
        self.pad()
    }

    /// The records for what a header has no room for.
    fn records(&mut self, entry: &Entry, size: u64) -> Vec<u8> {
        let mut records = Vec::new();
        let fits = entry.mtime.nsec == 0 && (0..=MAX_OCTAL as i64).contains(&entry.mtime.sec);
        if !fits {
            pax::emit(&mut records, b"mtime", pax::time_text(entry.mtime).as_bytes());
        }
        if entry.atime != entry.mtime {
            pax::emit(&mut records, b"atime", pax::time_text(entry.atime).as_bytes());
        }
        for (key, id) in [(b"uid", entry.uid), (b"gid", entry.gid)] {
            if id > MAX_ID {
                pax::emit(&mut records, key, id.to_string().as_bytes());
            }
        }
        if size > MAX_OCTAL {
            pax::emit(&mut records, b"size", size.to_string().as_bytes());
        }
        if matches!(entry.kind, Kind::HardLink(_)) {
            return records;
        }
        for (name, value) in &entry.xattrs {
            let list = acl::KEYS.iter().find(|(_, attribute)| attribute == name);
            match list.and_then(|(key, _)| Some((key, acl::emit(value)?))) {
                Some((key, text)) => pax::emit(&mut records, key, text.as_bytes()),
                None if name.contains(&b'=') => {
                    let why =
                        format!("extended attribute {}: an archive cannot hold this name", escaped(name));
                    self.failed(&entry.path, &why);
                }
                None => pax::emit(&mut records, &[b"SCHILY.xattr.", &**name].concat(), value),
            }
        }
        records
    }
}

impl<W: Write> Sink for Archive<'_, W> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        self.session.progress.begin(&entry.path);
        self.put(entry, content)?;
        self.session.progress.add_file();
        Ok(())
    }

    fn failed(&mut self, path: &[u8], why: &str) {
        self.session.report_in(&self.volume, path, &why);
    }

    fn note(&mut self, text: &str) {
        self.session.note(text);
    }
}

fn failure(name: &str, error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::Output(error);
    }
    Failure::Other(format!("{name}: {error}"))
}

fn kind(kind: &Kind) -> Result<u8, Trouble> {
    Ok(match kind {
        Kind::Directory => b'5',
        Kind::File(_) => b'0',
        Kind::Symlink(_) => b'2',
        Kind::HardLink(_) => b'1',
        Kind::Special(FileType::CharDevice, _) => b'3',
        Kind::Special(FileType::BlockDevice, _) => b'4',
        Kind::Special(FileType::Fifo, _) => b'6',
        Kind::Special(..) => return Err(Trouble::file("a socket: an archive cannot hold it")),
    })
}

fn member_name(entry: &Entry) -> Vec<u8> {
    let slash: &[u8] = if entry.kind == Kind::Directory && !entry.path.is_empty() { b"/" } else { b"" };
    [b"./", &*entry.path, slash].concat()
}

/// The name that those see who know nothing of holes.
fn sparse_name(entry: &Entry) -> Vec<u8> {
    let (parent, name) = split(&entry.path).unwrap_or((b"", b""));
    let slash: &[u8] = if parent.is_empty() { b"" } else { b"/" };
    [b"./", parent, slash, b"GNUSparseFile.0/", name].concat()
}
