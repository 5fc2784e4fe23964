//! The content of a source, piece by piece, without its holes.

use super::Trouble;
use crate::stop::Stop;
use crate::walk::OpenFile;
use rumpkit::{Errno as ImageErrno, Whence};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{self, SeekFrom};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// How long a wait for input lasts before the wish to stop is asked for again.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// What gives content.
pub trait Content {
    /// Fills `buffer` with the next piece of data; answers where it belongs and its length, or nothing at the end.
    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<(u64, usize)>, Trouble>;
}

/// No content.
pub struct Nothing;

impl Content for Nothing {
    fn next(&mut self, _buffer: &mut [u8]) -> Result<Option<(u64, usize)>, Trouble> {
        Ok(None)
    }
}

/// Where a source is read, and the end of the data that is there.
#[derive(Default)]
struct Position {
    at: u64,
    end: u64,
}

impl Position {
    /// Goes to the next stretch of data, `None` at the end.
    fn enter(&mut self, part: Option<(u64, u64)>) -> Result<bool, Trouble> {
        let Some((start, end)) = part else { return Ok(false) };
        if start < self.at || end <= start {
            return Err(Trouble::Source("the map of its holes is damaged, or changes meanwhile".into()));
        }
        (self.at, self.end) = (start, end);
        Ok(true)
    }

    fn wanted(&self, buffer: &[u8]) -> usize {
        usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len())
    }

    fn take(&mut self, count: usize) -> Result<Option<(u64, usize)>, Trouble> {
        if count == 0 {
            return Err(Trouble::Source("the file ends before its size".into()));
        }
        let at = self.at;
        self.at += count as u64;
        Ok(Some((at, count)))
    }
}

/// What the host says, without the number.
pub fn host_trouble(error: Errno) -> Trouble {
    Trouble::Source(crate::cp::host_text(error))
}

/// A regular file of the host.
pub struct FileOfHost<F> {
    file: F,
    size: u64,
    position: Position,
}

impl<F: AsFd> FileOfHost<F> {
    /// The first `size` bytes of `file`.
    pub fn new(file: F, size: u64) -> Self {
        Self { file, size, position: Position::default() }
    }

    /// The same of a file that has no holes.
    pub fn without_holes(file: F, size: u64) -> Self {
        Self { file, size, position: Position { at: 0, end: size } }
    }

    fn part(&self) -> Result<Option<(u64, u64)>, Errno> {
        let at = self.position.at;
        let start = match fs::seek(&self.file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(None),
            Err(Errno::INVAL) => return Ok(Some((at, self.size))),
            Err(error) => return Err(error),
        };
        let end = fs::seek(&self.file, SeekFrom::Hole(start))?.min(self.size);
        Ok((start < self.size).then_some((start, end)))
    }
}

impl<F: AsFd> Content for FileOfHost<F> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<(u64, usize)>, Trouble> {
        if self.position.at == self.position.end {
            let part = if self.position.at < self.size { self.part().map_err(host_trouble)? } else { None };
            if !self.position.enter(part)? {
                return Ok(None);
            }
        }
        let wanted = self.position.wanted(buffer);
        loop {
            match rustix::io::pread(&self.file, &mut buffer[..wanted], self.position.at) {
                Ok(count) => return self.position.take(count),
                Err(Errno::INTR) => {}
                Err(error) => return Err(host_trouble(error)),
            }
        }
    }
}

/// A regular file of an image.
pub struct FileOfImage<'a> {
    file: OpenFile<'a>,
    size: u64,
    position: Position,
}

impl<'a> FileOfImage<'a> {
    /// The first `size` bytes of `file`.
    pub fn new(file: OpenFile<'a>, size: u64) -> Self {
        Self { file, size, position: Position::default() }
    }

    fn part(&self) -> Result<Option<(u64, u64)>, Trouble> {
        let too_large = |_| Trouble::Source("the file is too large".into());
        let seek = |at: u64, whence| {
            let at = i64::try_from(at).map_err(too_large)?;
            match self.file.process().lseek(self.file.fd(), at, whence) {
                Ok(found) => Ok(Some(found)),
                Err(error) if error.errno == ImageErrno::ENXIO => Ok(None),
                Err(error) => Err(Trouble::Source(error.to_string())),
            }
        };
        let Some(start) = seek(self.position.at, Whence::Data)? else { return Ok(None) };
        let end = seek(start, Whence::Hole)?.unwrap_or(self.size).min(self.size);
        Ok((start < self.size).then_some((start, end)))
    }
}

impl Content for FileOfImage<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<(u64, usize)>, Trouble> {
        if self.position.at == self.position.end {
            let part = if self.position.at < self.size { self.part()? } else { None };
            if !self.position.enter(part)? {
                return Ok(None);
            }
        }
        let wanted = self.position.wanted(buffer);
        let (process, fd) = (self.file.process(), self.file.fd());
        let read = process.pread(fd, &mut buffer[..wanted], self.position.at);
        self.position.take(read.map_err(|error| Trouble::Source(error.to_string()))?)
    }
}

/// What comes out of a pipe or a terminal, until it ends.
pub struct Input<'a> {
    file: BorrowedFd<'a>,
    at: u64,
    stop: Stop,
}

impl<'a> Input<'a> {
    /// Content that belongs at `at` and further. A signal ends the wait for it.
    pub fn new(file: &'a impl AsFd, at: u64, stop: Stop) -> Self {
        Self { file: file.as_fd(), at, stop }
    }

    fn wait(&self) -> Result<(), Trouble> {
        loop {
            if self.stop.is_wanted() {
                return Err(Trouble::Stopped);
            }
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&WAIT)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(host_trouble(error)),
            }
        }
    }
}

impl Content for Input<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<(u64, usize)>, Trouble> {
        loop {
            self.wait()?;
            match rustix::io::read(self.file, &mut *buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => {
                    let at = self.at;
                    self.at = at.saturating_add(count as u64);
                    return Ok(Some((at, count)));
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(host_trouble(error)),
            }
        }
    }
}
