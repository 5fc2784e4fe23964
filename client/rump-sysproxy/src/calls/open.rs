//! open(2), close(2), dup(2), pipe(2).

use super::call::{Answer, Call, answer};
use rump_abi::{Errno, Mode, OpenFlags};
use rump_kern::Fd;
use rump_kpi::KResult;

/// Flags of an open file. Those that the kernel has not are advice, or about what it has not.
fn flags(bits: u32) -> OpenFlags {
    OpenFlags::from_bits_truncate(bits)
}

/// What a file is made with, which is only passed if one may be.
fn mode(call: &Call<'_>, flags: OpenFlags, at: usize) -> KResult<Mode> {
    if flags.contains(OpenFlags::CREAT) { call.mode(at) } else { Ok(Mode::new(0)) }
}

pub(super) fn open(call: &mut Call<'_>) -> Answer {
    let (path, flags) = (call.path(0)?, flags(call.uint(1)?));
    answer(call.process.open(path, flags, mode(call, flags, 2)?))
}

pub(super) fn openat(call: &mut Call<'_>) -> Answer {
    let (path, flags) = (call.path(1)?, flags(call.uint(2)?));
    answer(call.process.openat(call.dir(0)?, path, flags, mode(call, flags, 3)?))
}

pub(super) fn close(call: &mut Call<'_>) -> Answer {
    answer(call.process.close(call.fd(0)?))
}

pub(super) fn dup(call: &mut Call<'_>) -> Answer {
    answer(call.process.dup(call.fd(0)?))
}

pub(super) fn dup2(call: &mut Call<'_>) -> Answer {
    answer(call.process.dup2(call.fd(0)?, call.fd(1)?))
}

pub(super) fn dup3(call: &mut Call<'_>) -> Answer {
    let flags = OpenFlags::from_bits(call.uint(2)?).ok_or(Errno::EINVAL)?;
    answer(call.process.dup3(call.fd(0)?, call.fd(1)?, flags))
}

/// The two descriptors are in the two registers.
pub(super) fn pipe(call: &mut Call<'_>) -> Answer {
    let [reading, writing] = call.process.pipe()?;
    Ok([reading.0.into(), writing.0.into()])
}

pub(super) fn pipe2(call: &mut Call<'_>) -> Answer {
    const KNOWN: OpenFlags = OpenFlags::CLOEXEC.union(OpenFlags::NONBLOCK).union(OpenFlags::NOSIGPIPE);
    let flags = OpenFlags::from_bits(call.uint(1)?).filter(|flags| KNOWN.contains(*flags));
    let ends = call.process.pipe2(flags.ok_or(Errno::EINVAL)?)?;
    give_both(call, 0, ends)
}

/// Puts two descriptors to where an argument points; without the memory, nobody has them.
pub(super) fn give_both(call: &mut Call<'_>, at: usize, ends: [Fd; 2]) -> Answer {
    let given = call.put(at, &ends.map(|end| end.0));
    if given.is_err() {
        // Another thread may have closed them.
        ends.iter().for_each(|end| drop(call.process.close(*end)));
    }
    answer(given)
}

pub(super) fn umask(call: &mut Call<'_>) -> Answer {
    answer(Ok(call.process.umask(call.mode(0)?).bits()))
}
