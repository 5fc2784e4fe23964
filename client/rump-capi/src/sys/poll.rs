//! poll(2), select(2), pselect(2).

use super::{call, descriptor};
use crate::layout::time;
use libc::{c_int, c_short, c_void, fd_set, nfds_t, pollfd, timespec, timeval};
use rump_abi::{Errno, PollEvents};
use rump_kern::{Fd, FdSet, OPEN_MAX_LIMIT, PollFd};
use rump_kpi::KResult;
use std::time::Duration;

/// Events by their numbers at the host; most have one number everywhere.
const EVENTS: &[(c_short, PollEvents)] = &[
    (libc::POLLIN, PollEvents::IN),
    (libc::POLLPRI, PollEvents::PRI),
    (libc::POLLOUT, PollEvents::OUT),
    (libc::POLLERR, PollEvents::ERR),
    (libc::POLLHUP, PollEvents::HUP),
    (libc::POLLNVAL, PollEvents::NVAL),
    (libc::POLLRDNORM, PollEvents::RDNORM),
    (libc::POLLRDBAND, PollEvents::RDBAND),
];

/// `POLLWRNORM`, where it is not `POLLOUT`.
const WRITE_NORMAL: c_short = libc::POLLWRNORM;

fn to_kernel(events: c_short) -> PollEvents {
    let known = EVENTS.iter().filter(|(host, _)| events & host != 0).map(|(_, ours)| *ours);
    let writable = (events & WRITE_NORMAL != 0).then_some(PollEvents::OUT);
    known.chain(writable).collect()
}

fn to_host(asked: c_short, events: PollEvents) -> c_short {
    let all = EVENTS.iter().filter(|(_, ours)| events.contains(*ours)).fold(0, |all, (host, _)| all | host);
    let is_writable = events.contains(PollEvents::OUT) && asked & WRITE_NORMAL != 0;
    let all = if is_writable { all | WRITE_NORMAL } else { all };
    // What nobody asked for is told only where it always is.
    all & (asked | libc::POLLERR | libc::POLLHUP | libc::POLLNVAL)
}

/// # Safety
/// So many entries are there, unless they are null.
unsafe fn wait(fds: *mut pollfd, count: nfds_t, timeout: Option<Duration>) -> c_int {
    call(|process| {
        let count = usize::try_from(count).ok().filter(|count| *count <= OPEN_MAX_LIMIT as usize);
        let count = count.ok_or(Errno::EINVAL)?;
        if count > 0 && fds.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the caller's promise.
        let fds = if count == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(fds, count) } };
        let mut entries: Vec<PollFd> = fds
            .iter()
            .map(|entry| PollFd {
                fd: u32::try_from(entry.fd).ok().map(Fd),
                events: to_kernel(entry.events),
                revents: PollEvents::empty(),
            })
            .collect();
        let ready = process.poll(&mut entries, timeout)?;
        for (entry, found) in fds.iter_mut().zip(&entries) {
            entry.revents = to_host(entry.events, found.revents);
        }
        Ok(ready as c_int)
    })
}

/// # Safety
/// As poll(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_poll(fds: *mut pollfd, count: nfds_t, milliseconds: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { wait(fds, count, u64::try_from(milliseconds).ok().map(Duration::from_millis)) }
}

/// There are no signals to keep away meanwhile.
///
/// # Safety
/// As ppoll(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_pollts(
    fds: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    _mask: *const c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    match unsafe { timeout.as_ref() }.map(time::of_timespec).transpose() {
        // SAFETY: the caller's promise.
        Ok(timeout) => unsafe { wait(fds, count, timeout) },
        Err(error) => call(|_| Err::<c_int, _>(error)),
    }
}

/// The members below `count` of a set. Errors: EINVAL.
///
/// # Safety
/// It is a set, or null.
unsafe fn members(count: c_int, set: *const fd_set) -> KResult<FdSet> {
    let count =
        usize::try_from(count).ok().filter(|count| *count <= libc::FD_SETSIZE).ok_or(Errno::EINVAL)?;
    // SAFETY: the caller's promise.
    let Some(set) = (unsafe { set.as_ref() }) else { return Ok(FdSet::default()) };
    // SAFETY: numbers below `FD_SETSIZE`.
    Ok((0..count as u32).map(Fd).filter(|fd| unsafe { libc::FD_ISSET(descriptor(*fd), set) }).collect())
}

/// # Safety
/// It is a set, or null.
unsafe fn replace(set: *mut fd_set, by: &FdSet) {
    // SAFETY: the caller's promise.
    let Some(set) = (unsafe { set.as_mut() }) else { return };
    // SAFETY: a set, and numbers below `FD_SETSIZE`.
    unsafe {
        libc::FD_ZERO(set);
        by.iter().for_each(|fd| libc::FD_SET(descriptor(fd), set));
    }
}

/// # Safety
/// They are sets, or null.
unsafe fn choose(count: c_int, sets: [*mut fd_set; 3], timeout: KResult<Option<Duration>>) -> c_int {
    call(|process| {
        let timeout = timeout?;
        // SAFETY: the caller's promise, here and below.
        let [read, write, except] = sets.map(|set| unsafe { members(count, set) });
        let (mut read, mut write, mut except) = (read?, write?, except?);
        let ready = process.select(&mut read, &mut write, &mut except, timeout)?;
        for (set, by) in sets.into_iter().zip([&read, &write, &except]) {
            unsafe { replace(set, by) };
        }
        Ok(ready as c_int)
    })
}

/// # Safety
/// As select(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_select(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *mut timeval,
) -> c_int {
    // SAFETY: the caller's promise, here and below.
    let timeout = unsafe { timeout.as_ref() }.map(time::of_timeval).transpose();
    unsafe { choose(count, [read, write, except], timeout) }
}

/// There are no signals to keep away meanwhile.
///
/// # Safety
/// As pselect(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_pselect(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *const timespec,
    _mask: *const c_void,
) -> c_int {
    // SAFETY: the caller's promise, here and below.
    let timeout = unsafe { timeout.as_ref() }.map(time::of_timespec).transpose();
    unsafe { choose(count, [read, write, except], timeout) }
}
