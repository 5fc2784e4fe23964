//! Looking for a text: in all files below a directory, the first place in each; or in one file, from a place on.

use super::model::Hit;
use super::plain::plain;
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Listing, Step, Visitor};
use memchr::memmem::{Finder, FinderRev};
use rumpkit::{Errno, Fd, FileType, KResult, Mode, OpenFlags, Process};

const CHUNK_BYTES: usize = 1 << 20;
/// Most files that are found.
pub const MOST: usize = 1000;
/// Columns that are shown of what is around.
const SHOWN: usize = 160;
/// Bytes before what was found that are shown, as far as they are of its line.
const BEFORE: usize = 40;

/// A search.
pub struct Search<'a> {
    session: &'a mut Session,
    place: &'a Place,
    finder: Finder<'a>,
    buffer: Vec<u8>,
    /// What was found.
    pub hits: Vec<Hit>,
}

impl<'a> Search<'a> {
    /// One for `text`, which is not empty.
    pub fn new(session: &'a mut Session, place: &'a Place, text: &'a str) -> Self {
        Self {
            session,
            place,
            finder: Finder::new(text.as_bytes()),
            buffer: room(text.len()),
            hits: Vec::new(),
        }
    }

    /// The first place in the open file `fd`, and what is around it.
    fn find(&mut self, process: &Process, fd: Fd) -> KResult<Option<(u64, String)>> {
        let found = first(self.session, process, fd, &self.finder, &mut self.buffer, 0)?;
        Ok(found.map(|Found { offset, at, held }| {
            let held = &self.buffer[..held];
            let line = held[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let around = &held[line.max(at.saturating_sub(BEFORE))..];
            let end = around.iter().position(|&byte| byte == b'\n').unwrap_or(around.len());
            (offset, plain(&around[..end], SHOWN).0)
        }))
    }
}

/// A place in a file, and in the buffer that holds what is around it.
struct Found {
    offset: u64,
    at: usize,
    held: usize,
}

/// Room for a piece of a file, and what of a pattern may be at its end.
fn room(pattern: usize) -> Vec<u8> {
    vec![0; CHUNK_BYTES + pattern]
}

/// The first place from `offset` on. Errors: EINTR (the user wants to stop), EIO.
fn first(
    session: &mut Session,
    process: &Process,
    fd: Fd,
    finder: &Finder<'_>,
    buffer: &mut [u8],
    mut offset: u64,
) -> KResult<Option<Found>> {
    let overlap = finder.needle().len() - 1;
    let mut kept = 0;
    loop {
        let count = piece(session, process, fd, &mut buffer[kept..kept + CHUNK_BYTES], offset)?;
        if count == 0 {
            return Ok(None);
        }
        let held = kept + count;
        if let Some(at) = finder.find(&buffer[..held]) {
            return Ok(Some(Found { offset: offset - kept as u64 + at as u64, at, held }));
        }
        offset += count as u64;
        kept = overlap.min(held);
        buffer.copy_within(held - kept..held, 0);
    }
}

/// The last place before `end`. Errors: as of [`first`].
fn last(
    session: &mut Session,
    process: &Process,
    fd: Fd,
    pattern: &[u8],
    mut end: u64,
) -> KResult<Option<u64>> {
    let (finder, mut buffer) = (FinderRev::new(pattern), room(pattern.len()));
    while end > 0 {
        let begin = end.saturating_sub(CHUNK_BYTES as u64);
        let length = (end - begin) as usize + pattern.len() - 1;
        let count = piece(session, process, fd, &mut buffer[..length], begin)?;
        if let Some(at) = finder.rfind(&buffer[..count]) {
            return Ok(Some(begin + at as u64));
        }
        end = begin;
    }
    Ok(None)
}

fn piece(session: &mut Session, process: &Process, fd: Fd, room: &mut [u8], at: u64) -> KResult<usize> {
    if session.stop.is_wanted() {
        return Err(Errno::EINTR.into());
    }
    let count = process.pread(fd, room, at)?;
    session.progress.add_bytes(count);
    Ok(count)
}

/// The first place of `pattern`, which is not empty, in the file `path` from `from` on, or the last before it. Errors: EINTR (the
/// user wants to stop), those of opening and reading.
pub fn find_in(
    session: &mut Session,
    place: &Place,
    path: &[u8],
    pattern: &[u8],
    (from, is_back): (u64, bool),
) -> KResult<Option<u64>> {
    let process = place.process();
    session.progress.begin(path);
    let fd = process.open(path, OpenFlags::empty(), Mode::new(0))?;
    let found = match is_back {
        true => last(session, process, fd, pattern, from),
        false => first(session, process, fd, &Finder::new(pattern), &mut room(pattern.len()), from)
            .map(|found| found.map(|found| found.offset)),
    };
    // Closing what was only read cannot lose anything.
    let _ = process.close(fd);
    found
}

impl Visitor<Failure> for Search<'_> {
    const LISTING: Listing = Listing::Names;

    fn check(&self) -> Result<(), Failure> {
        self.session.stop.check()?;
        if self.hits.len() < MOST { Ok(()) } else { Err(Failure::Told(0)) }
    }

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        if entry.stat.file_type != FileType::Regular {
            return Ok(Step::Into);
        }
        self.session.progress.begin(entry.path);
        let process = self.place.process();
        let searched =
            process.openat(entry.directory, entry.name, OpenFlags::NOFOLLOW, Mode::new(0)).and_then(|fd| {
                let found = self.find(process, fd);
                // Closing what was only read cannot lose anything.
                let _ = process.close(fd);
                found
            });
        match searched {
            Ok(Some((offset, text))) => self.hits.push(Hit { path: entry.path.to_vec(), offset, text }),
            Ok(None) => {}
            Err(error) => self.session.report(self.place, entry.path, &error),
        }
        self.session.progress.add_file();
        Ok(Step::Over)
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}
