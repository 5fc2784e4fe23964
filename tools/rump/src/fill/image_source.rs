//! A tree in an image as a source.

use super::{Content, Entry, Kind, Nothing, Sink, Source, Take, Trouble, tell};
use crate::session::{Failure, Place};
use crate::stop::Stop;
use crate::walk::{self, Listing, Step, Visitor, file_name, walk};
use rumpkit::{Errno, Fd, FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat, Whence};
use std::collections::HashMap;
use std::ops::Range;

const CHUNK_BYTES: usize = 1 << 20;

/// The file or tree at a place. A directory is the top itself; a file is below the top, under its own name.
pub struct ImageTree<'p> {
    place: &'p Place,
    stop: Stop,
}

impl<'p> ImageTree<'p> {
    /// What is at `place`.
    pub fn new(place: &'p Place, stop: Stop) -> Self {
        Self { place, stop }
    }
}

impl Source for ImageTree<'_> {
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        let (process, top) = (self.place.process(), &self.place.path);
        let stat = process.stat(top).map_err(|error| {
            Failure::Other(format!("{}:{}: {error}", self.place.volume, crate::output::escaped(top)))
        })?;
        let mut handing = Handing {
            process,
            top,
            top_is_file: stat.file_type != FileType::Directory,
            sink,
            stop: &self.stop,
            links: HashMap::new(),
            buffer: vec![0; CHUNK_BYTES],
        };
        walk(process, top, &stat, &mut handing)
    }
}

struct Handing<'a> {
    process: &'a Process,
    top: &'a [u8],
    top_is_file: bool,
    sink: &'a mut dyn Sink,
    stop: &'a Stop,
    links: HashMap<Ino, Vec<u8>>,
    buffer: Vec<u8>,
}

impl Handing<'_> {
    fn relative(&self, path: &[u8]) -> Vec<u8> {
        if self.top_is_file {
            return file_name(path).to_vec();
        }
        let rest = path.strip_prefix(self.top).unwrap_or(path);
        rest.strip_prefix(b"/").unwrap_or(rest).to_vec()
    }

    fn found(&mut self, entry: &walk::Entry<'_>, path: &[u8]) -> Result<(), Trouble> {
        let stat = entry.stat;
        if stat.nlink > 1 && stat.file_type != FileType::Directory {
            if let Some(first) = self.links.get(&stat.ino) {
                let link = made(path, Kind::HardLink(first.clone()), stat);
                return self.sink.entry(&link, &mut Nothing);
            }
            self.links.insert(stat.ino, path.to_vec());
        }
        let kind = match stat.file_type {
            FileType::Directory => Kind::Directory,
            FileType::Regular => Kind::File(stat.size),
            FileType::Symlink => {
                Kind::Symlink(self.process.readlinkat(entry.directory, entry.name).map_err(Trouble::file)?)
            }
            other => Kind::Special(other, stat.rdev),
        };
        let mut made = made(path, kind, stat);
        if stat.file_type != FileType::Regular {
            made.xattrs = self.xattrs_of(entry).map_err(Trouble::file)?;
            return self.sink.entry(&made, &mut Nothing);
        }
        let opened = self.process.openat(entry.directory, entry.name, OpenFlags::NOFOLLOW, Mode::new(0));
        let fd = opened.map_err(Trouble::file)?;
        let result = self.file(&mut made, fd, stat.size);
        // Closing what was only read cannot lose anything.
        let _ = self.process.close(fd);
        result
    }

    fn file(&mut self, made: &mut Entry, fd: Fd, size: u64) -> Result<(), Trouble> {
        let process = self.process;
        let names = process.flistxattr(fd).map_err(Trouble::file)?;
        made.xattrs = read_xattrs(names, |name| process.fgetxattr(fd, name)).map_err(Trouble::file)?;
        let mut content = ImageFile { process, fd, size, buffer: &mut self.buffer, stop: self.stop };
        self.sink.entry(made, &mut content)
    }

    /// Of a file that cannot be opened: through the working directory, since no call takes a directory.
    fn xattrs_of(&self, entry: &walk::Entry<'_>) -> KResult<Vec<(Vec<u8>, Vec<u8>)>> {
        let process = self.process;
        if let Some(directory) = entry.directory {
            process.fchdir(directory)?;
        }
        read_xattrs(process.llistxattr(entry.name)?, |name| process.lgetxattr(entry.name, name))
    }
}

fn read_xattrs(
    mut names: Vec<Vec<u8>>,
    read: impl Fn(&[u8]) -> KResult<Vec<u8>>,
) -> KResult<Vec<(Vec<u8>, Vec<u8>)>> {
    names.sort_unstable();
    names.into_iter().map(|name| read(&name).map(|value| (name, value))).collect()
}

fn made(path: &[u8], kind: Kind, stat: &Stat) -> Entry {
    Entry {
        path: path.to_vec(),
        kind,
        mode: stat.mode.bits(),
        uid: stat.uid,
        gid: stat.gid,
        atime: stat.atime,
        mtime: stat.mtime,
        xattrs: Vec::new(),
    }
}

impl Visitor<Failure> for Handing<'_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &walk::Entry<'_>) -> Result<Step, Failure> {
        self.stop.check()?;
        let path = self.relative(entry.path);
        match self.found(entry, &path) {
            Ok(()) => {}
            Err(trouble) => tell(self.sink, &path, trouble)?,
        }
        Ok(Step::Into)
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        let path = self.relative(path);
        self.sink.failed(&path, why);
        Ok(())
    }
}

/// An open file of an image.
struct ImageFile<'a> {
    process: &'a Process,
    fd: Fd,
    size: u64,
    buffer: &'a mut [u8],
    stop: &'a Stop,
}

impl ImageFile<'_> {
    fn seek(&self, offset: u64, whence: Whence) -> Result<Option<u64>, Trouble> {
        let offset = i64::try_from(offset).map_err(|_| Trouble::file("the file is too large"))?;
        match self.process.lseek(self.fd, offset, whence) {
            Ok(found) => Ok(Some(found.min(self.size))),
            Err(KError { errno: Errno::ENXIO, .. }) => Ok(None),
            Err(error) => Err(Trouble::file(error)),
        }
    }
}

impl Content for ImageFile<'_> {
    fn map(&mut self) -> Result<Vec<Range<u64>>, Trouble> {
        let mut parts = Vec::new();
        let mut from = 0;
        while from < self.size {
            let Some(start) = self.seek(from, Whence::Data)? else { break };
            let end = self.seek(start, Whence::Hole)?.unwrap_or(self.size);
            if start < from || end <= start {
                return Err(Trouble::file("the map of its holes is damaged"));
            }
            from = end;
            parts.push(start..end);
        }
        Ok(parts)
    }

    fn copy(&mut self, take: &mut Take<'_>) -> Result<(), Trouble> {
        for part in self.map()? {
            let mut at = part.start;
            while at < part.end {
                self.stop.check()?;
                let wanted = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(self.buffer.len());
                let count =
                    self.process.pread(self.fd, &mut self.buffer[..wanted], at).map_err(Trouble::file)?;
                if count == 0 {
                    return Err(Trouble::file("the file ends before its size"));
                }
                take(at, &self.buffer[..count])?;
                at += count as u64;
            }
        }
        Ok(())
    }
}
