//! Looking for a text in all files below a directory: the first place in each.

use super::model::Hit;
use super::plain::plain;
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Listing, Step, Visitor};
use memchr::memmem::Finder;
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
        let buffer = vec![0; CHUNK_BYTES + text.len()];
        Self { session, place, finder: Finder::new(text.as_bytes()), buffer, hits: Vec::new() }
    }

    /// The first place in the open file `fd`, and what is around it.
    fn find(&mut self, process: &Process, fd: Fd) -> KResult<Option<(u64, String)>> {
        let overlap = self.finder.needle().len() - 1;
        let (mut kept, mut offset) = (0, 0_u64);
        loop {
            if self.session.stop.is_wanted() {
                return Err(Errno::EINTR.into());
            }
            let count = process.pread(fd, &mut self.buffer[kept..kept + CHUNK_BYTES], offset)?;
            if count == 0 {
                return Ok(None);
            }
            self.session.progress.add_bytes(count);
            let held = &self.buffer[..kept + count];
            if let Some(at) = self.finder.find(held) {
                let line = held[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                let around = &held[line.max(at.saturating_sub(BEFORE))..];
                let end = around.iter().position(|&byte| byte == b'\n').unwrap_or(around.len());
                return Ok(Some((offset - kept as u64 + at as u64, plain(&around[..end], SHOWN).0)));
            }
            offset += count as u64;
            let begin = held.len() - overlap.min(held.len());
            kept = held.len() - begin;
            self.buffer.copy_within(begin..begin + kept, 0);
        }
    }
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
