//! The content of one file, with its holes.

use super::error::CopyError;
use crate::progress::Progress;
use crate::stop::Stop;
use rumpkit::{Errno as ImageErrno, Fd, Process, Stat, Whence};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

/// Size of the pieces that content is copied in.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Copies content of a file of the image with the attributes `stat` to a new host file; holes are skipped. `bytes` counts.
pub fn copy_content(
    (process, from, stat): (&Process, Fd, &Stat),
    to: &OwnedFd,
    buffer: &mut [u8],
    bytes: &AtomicU64,
    stop: &Stop,
) -> Result<(), CopyError> {
    let size = stat.size;
    // Of a file of one block, which it has, nobody asks for holes.
    let is_whole = stat.blocks > 0 && size <= u64::from(stat.blksize);
    let (mut offset, mut written) = (0, 0);
    while offset < size {
        let part = if is_whole { Some((offset, size)) } else { next_data(process, from, offset, size)? };
        let Some((data, hole)) = part else { break };
        offset = data;
        while offset < hole {
            if stop.is_wanted() {
                return Err(CopyError::Interrupted);
            }
            let wanted = usize::try_from(hole - offset).unwrap_or(usize::MAX).min(buffer.len());
            let count = process.pread(from, &mut buffer[..wanted], offset)?;
            if count == 0 {
                return Err(CopyError::Refused("the file ends before its size"));
            }
            write_all(to, &buffer[..count], offset)?;
            offset += count as u64;
            written = offset;
            bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
    // What lies behind the last data is a hole.
    if written < size { Ok(fs::ftruncate(to, size)?) } else { Ok(()) }
}

/// The next stretch of data at or after `offset`: always a step forward, whatever the image says.
fn next_data(process: &Process, fd: Fd, offset: u64, size: u64) -> Result<Option<(u64, u64)>, CopyError> {
    let position = i64::try_from(offset).map_err(|_| CopyError::Refused("the file is too large"))?;
    let data = match process.lseek(fd, position, Whence::Data) {
        Ok(data) => data,
        Err(error) if error.errno == ImageErrno::ENXIO => return Ok(None),
        Err(error) if error.errno == ImageErrno::EINVAL => return Ok(Some((offset, size))),
        Err(error) => return Err(error.into()),
    };
    let start = i64::try_from(data).map_err(|_| CopyError::Refused("the file is too large"))?;
    let hole = process.lseek(fd, start, Whence::Hole)?.min(size);
    if data < offset || hole <= data {
        return Err(CopyError::Refused("the map of its holes is damaged"));
    }
    Ok(Some((data, hole)))
}

fn write_all(to: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), CopyError> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(to, bytes, offset) {
            Ok(0) => return Err(Errno::IO.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes the content of a file of an image into a device or a pipe.
pub fn write_content(
    process: &Process,
    from: Fd,
    to: &OwnedFd,
    buffer: &mut [u8],
    progress: &mut Progress,
    stop: &Stop,
) -> Result<(), CopyError> {
    let mut offset = 0;
    loop {
        if stop.is_wanted() {
            return Err(CopyError::Interrupted);
        }
        let count = process.pread(from, buffer, offset)?;
        let mut left = &buffer[..count];
        while !left.is_empty() {
            match rustix::io::write(to, left) {
                Ok(0) => return Err(Errno::IO.into()),
                Ok(written) => left = &left[written..],
                Err(Errno::INTR) if stop.is_wanted() => return Err(CopyError::Interrupted),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if count == 0 {
            return Ok(());
        }
        offset += count as u64;
        progress.add_bytes(count);
    }
}

/// Opens what is there if it is a device or a pipe, through links, too.
pub fn open_device(directory: &OwnedFd, name: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    let Ok(stat) = fs::statat(directory, name, AtFlags::empty()) else { return Ok(None) };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo => {
            let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
            fs::openat(directory, name, flags, Mode::empty()).map(Some)
        }
        _ => Ok(None),
    }
}

/// Creates a file that was not there, for its owner alone.
pub fn create_new(dir: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)
}
