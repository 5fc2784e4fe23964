//! kqueue(2), kevent(2).

use super::call::{Answer, Call, Time, answer};
use rump_abi::event::Event;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::event::Kevent;
use rump_abi::{Errno, OpenFlags};
use rump_kern::Fcntl;
use rump_kpi::KResult;

/// Changes of one call, and events that it answers, at most.
const EVENTS_MAX: u64 = 1 << 14;

pub(super) fn kqueue(call: &mut Call<'_>) -> Answer {
    answer(call.process.kqueue())
}

pub(super) fn kqueue1(call: &mut Call<'_>) -> Answer {
    const KNOWN: OpenFlags = OpenFlags::CLOEXEC.union(OpenFlags::NONBLOCK).union(OpenFlags::NOSIGPIPE);
    let flags = OpenFlags::from_bits(call.uint(0)?).filter(|flags| KNOWN.contains(*flags));
    let flags = flags.ok_or(Errno::EINVAL)?;
    let fd = call.process.kqueue()?;
    let cloexec = flags.contains(OpenFlags::CLOEXEC);
    call.process.fcntl(fd, Fcntl::SetFd { cloexec })?;
    call.process.fcntl(fd, Fcntl::SetFl(flags & OpenFlags::NONBLOCK))?;
    answer(Ok(fd))
}

/// Errors: EINVAL (there is no such filter).
fn event(kevent: Kevent) -> KResult<Event> {
    kevent.event().ok_or_else(|| Errno::EINVAL.into())
}

pub(super) fn kevent<T: Time>(call: &mut Call<'_>) -> Answer {
    let (changes, count) = (call.slot(1)?, call.slot(2)?);
    let (events, room) = (call.slot(3)?, call.slot(4)?.min(EVENTS_MAX) as usize);
    if count > EVENTS_MAX {
        return Err(Errno::EINVAL.into());
    }
    let changes = call.read_all(changes, count as usize)?;
    let changes = changes.into_iter().map(event).collect::<KResult<Vec<_>>>()?;
    let timeout = call.timeout::<T>(5)?;
    let found = call.process.kevent(call.fd(0)?, &changes, room, timeout)?;
    let count = found.len();
    let bytes: Vec<u8> = found.into_iter().flat_map(|event| Kevent::from(event).to_bytes()).collect();
    call.put_bytes(events, &bytes)?;
    answer(Ok(count))
}
