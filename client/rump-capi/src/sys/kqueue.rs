//! kqueue(2), kevent(2).

use super::{call, descriptor, fd};
use crate::errno;
use crate::layout::{layout, time};
use crate::pointer::{Place, Value, Values};
use libc::{c_int, size_t, timespec};
use rump_abi::event::{Event, EventFlags, Filter};
use rump_abi::{Errno, OpenFlags};
use rump_kern::Fcntl;
use rump_kpi::KResult;

/// Most changes, and most events, of one call.
const MOST: usize = 1 << 16;

/// `struct kevent` of the header `rump/sys/event.h`, which is NetBSD's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Kevent {
    ident: usize,
    filter: u32,
    flags: u32,
    fflags: u32,
    data: i64,
    udata: isize,
}

layout!(Kevent, 40, ident = 0, filter = 8, flags = 12, fflags = 16, data = 24, udata = 32);

const FILTERS: [Filter; 4] = [Filter::Read, Filter::Write, Filter::Timer, Filter::User];

/// Errors: EINVAL (no such filter).
fn read(event: &Kevent) -> KResult<Event> {
    let filter = FILTERS.iter().find(|filter| **filter as u32 == event.filter);
    Ok(Event {
        ident: event.ident as u64,
        filter: *filter.ok_or(Errno::EINVAL)?,
        flags: EventFlags::from_bits_truncate(event.flags),
        fflags: event.fflags,
        data: event.data,
        udata: event.udata as u64,
    })
}

fn written(event: &Event) -> Kevent {
    let is_error = event.flags.contains(EventFlags::ERROR);
    Kevent {
        ident: event.ident as usize,
        filter: event.filter as u32,
        flags: event.flags.bits(),
        fflags: event.fflags,
        data: if is_error { errno::number_of(event.data).into() } else { event.data },
        udata: event.udata as isize,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_kqueue() -> c_int {
    call(|process| process.kqueue().map(descriptor))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_kqueue1(flags: c_int) -> c_int {
    call(|process| {
        if flags & !(libc::O_CLOEXEC | libc::O_NONBLOCK) != 0 {
            return Err(Errno::EINVAL.into());
        }
        let queue = process.kqueue()?;
        if flags & libc::O_CLOEXEC != 0 {
            process.fcntl(queue, Fcntl::SetFd { cloexec: true })?;
        }
        if flags & libc::O_NONBLOCK != 0 {
            process.fcntl(queue, Fcntl::SetFl(OpenFlags::NONBLOCK))?;
        }
        Ok(descriptor(queue))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_kevent(
    queue: c_int,
    changes: Values<Kevent>,
    change_count: size_t,
    events: Place<Kevent>,
    room: size_t,
    timeout: Value<timespec>,
) -> c_int {
    call(|process| {
        let queue = fd(queue)?;
        if change_count > MOST {
            return Err(Errno::EINVAL.into());
        }
        let changes = changes.slice(change_count)?;
        if room > 0 && events.is_null() {
            return Err(Errno::EFAULT.into());
        }
        let timeout = timeout.optional().map(time::length_of_timespec).transpose()?;
        let changes = changes.iter().map(read).collect::<KResult<Vec<_>>>()?;
        let found = process.kevent(queue, &changes, room.min(MOST), timeout)?;
        let stored = events.store_all(found.len(), found.iter().map(written))?;
        Ok(stored as c_int)
    })
}
