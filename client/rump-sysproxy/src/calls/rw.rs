//! read(2), write(2), lseek(2) and their like.
//!
//! What is longer than a piece goes piece by piece: of a regular file until all is done, of anything else once.

use super::area::Area;
use super::call::{Answer, Call, answer, error_as_value};
use rump_abi::{AllocateFlags, Errno, FileType, SyncFlags};
use rump_kern::{Advice, Fd, Process, Whence};
use rump_kpi::KResult;

/// Whether another piece is to follow one that was full.
fn goes_on(process: &Process, fd: Fd) -> bool {
    process.fstat(fd).is_ok_and(|stat| stat.file_type == FileType::Regular)
}

/// Moves all pieces of an area; `one` moves one, from an offset in the area on, and says how much of it there was to move.
fn pieces(
    call: &mut Call<'_>,
    fd: Fd,
    area: &Area,
    mut one: impl FnMut(&mut Call<'_>, u64, usize) -> KResult<usize>,
) -> Answer {
    let mut done = 0;
    loop {
        let length = area.piece(done);
        match one(call, done, length) {
            Ok(count) => {
                done += count as u64;
                if count < length || done >= area.length() || !goes_on(call.process, fd) {
                    return Ok([done as i64, 0]);
                }
            }
            Err(_) if done > 0 => return Ok([done as i64, 0]),
            Err(error) => return Err(error),
        }
    }
}

fn read_area(call: &mut Call<'_>, area: &Area, offset: Option<u64>) -> Answer {
    let fd = call.fd(0)?;
    pieces(call, fd, area, |call, at, length| {
        let mut bytes = vec![0; length];
        let count = match offset {
            None => call.process.read(fd, &mut bytes)?,
            Some(offset) => call.process.pread(fd, &mut bytes, moved(offset, at)?)?,
        };
        area.put(call.memory, at, &bytes[..count])?;
        Ok(count)
    })
}

fn write_area(call: &mut Call<'_>, area: &Area, offset: Option<u64>) -> Answer {
    let fd = call.fd(0)?;
    pieces(call, fd, area, |call, at, length| {
        let bytes = area.take(call.memory, at, length)?;
        match offset {
            None => call.process.write(fd, &bytes),
            Some(offset) => call.process.pwrite(fd, &bytes, moved(offset, at)?),
        }
    })
}

/// Errors: EINVAL (negative).
fn moved(offset: u64, by: u64) -> KResult<u64> {
    offset.checked_add(by).ok_or_else(|| Errno::EINVAL.into())
}

pub(super) fn read(call: &mut Call<'_>) -> Answer {
    let area = Area::one(call, 1, 2)?;
    read_area(call, &area, None)
}

pub(super) fn readv(call: &mut Call<'_>) -> Answer {
    let area = Area::listed(call, 1, 2)?;
    read_area(call, &area, None)
}

pub(super) fn pread(call: &mut Call<'_>) -> Answer {
    let (area, offset) = (Area::one(call, 1, 2)?, call.slot(4)?);
    read_area(call, &area, Some(offset))
}

pub(super) fn preadv(call: &mut Call<'_>) -> Answer {
    let (area, offset) = (Area::listed(call, 1, 2)?, call.slot(4)?);
    read_area(call, &area, Some(offset))
}

pub(super) fn write(call: &mut Call<'_>) -> Answer {
    let area = Area::one(call, 1, 2)?;
    write_area(call, &area, None)
}

pub(super) fn writev(call: &mut Call<'_>) -> Answer {
    let area = Area::listed(call, 1, 2)?;
    write_area(call, &area, None)
}

pub(super) fn pwrite(call: &mut Call<'_>) -> Answer {
    let (area, offset) = (Area::one(call, 1, 2)?, call.slot(4)?);
    write_area(call, &area, Some(offset))
}

pub(super) fn pwritev(call: &mut Call<'_>) -> Answer {
    let (area, offset) = (Area::listed(call, 1, 2)?, call.slot(4)?);
    write_area(call, &area, Some(offset))
}

pub(super) fn lseek(call: &mut Call<'_>) -> Answer {
    let whence = whence(call.int(3)?)?;
    answer(call.process.lseek(call.fd(0)?, call.slot(2)? as i64, whence))
}

/// Errors: EINVAL.
pub(super) fn whence(number: i32) -> KResult<Whence> {
    match number {
        0 => Ok(Whence::Set),
        1 => Ok(Whence::Cur),
        2 => Ok(Whence::End),
        _ => Err(Errno::EINVAL.into()),
    }
}

pub(super) fn truncate(call: &mut Call<'_>) -> Answer {
    let (path, size) = (call.path(0)?, call.slot(2)?);
    answer(call.process.truncate(path, size))
}

pub(super) fn ftruncate(call: &mut Call<'_>) -> Answer {
    answer(call.process.ftruncate(call.fd(0)?, call.slot(2)?))
}

pub(super) fn fsync(call: &mut Call<'_>) -> Answer {
    answer(call.process.fsync(call.fd(0)?))
}

pub(super) fn fdatasync(call: &mut Call<'_>) -> Answer {
    answer(call.process.fdatasync(call.fd(0)?))
}

pub(super) fn fsync_range(call: &mut Call<'_>) -> Answer {
    let flags = SyncFlags::from_bits(call.uint(1)?).ok_or(Errno::EINVAL)?;
    answer(call.process.fsync_range(call.fd(0)?, flags, call.slot(2)?, call.slot(3)?))
}

pub(super) fn sync(call: &mut Call<'_>) -> Answer {
    answer(call.process.sync())
}

pub(super) fn posix_fallocate(call: &mut Call<'_>) -> Answer {
    let (fd, offset, length) = (call.fd(0)?, call.slot(2)?, call.slot(3)?);
    let is_negative = |number: u64| i64::try_from(number).is_err();
    if is_negative(offset) || is_negative(length) {
        return error_as_value(Err(Errno::EINVAL.into()));
    }
    error_as_value(call.process.fallocate(fd, AllocateFlags::empty(), offset, length))
}

pub(super) fn fdiscard(call: &mut Call<'_>) -> Answer {
    let (offset, length) = (call.size(2)?, call.size(3)?);
    answer(call.process.fdiscard(call.fd(0)?, offset, length))
}

pub(super) fn posix_fadvise(call: &mut Call<'_>) -> Answer {
    let advice = match call.int(4)? {
        0 => Advice::Normal,
        1 => Advice::Random,
        2 => Advice::Sequential,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return error_as_value(Err(Errno::EINVAL.into())),
    };
    error_as_value(call.process.fadvise(call.fd(0)?, call.slot(2)?, call.slot(3)?, advice))
}
