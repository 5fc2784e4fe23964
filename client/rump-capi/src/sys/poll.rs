//! poll(2), select(2), and pollts(2) and pselect(2), which mask signals.

use super::{call, descriptor};
use crate::layout::{signal, time};
use crate::pointer::{Place, Places, Value};
use libc::{c_int, c_short, fd_set, nfds_t, pollfd, sigset_t, timespec, timeval};
use rump_abi::{Errno, PollEvents, SignalSet};
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

fn wait(
    mut fds: Places<pollfd>,
    count: nfds_t,
    timeout: KResult<Option<Duration>>,
    mask: Option<SignalSet>,
) -> c_int {
    call(|process| {
        let timeout = timeout?;
        let count = usize::try_from(count).ok().filter(|count| *count <= OPEN_MAX_LIMIT as usize);
        let fds = fds.slice(count.ok_or(Errno::EINVAL)?)?;
        let mut entries: Vec<PollFd> = fds
            .iter()
            .map(|entry| PollFd {
                fd: u32::try_from(entry.fd).ok().map(Fd),
                events: to_kernel(entry.events),
                revents: PollEvents::empty(),
            })
            .collect();
        let ready = process.ppoll(&mut entries, timeout, mask)?;
        for (entry, found) in fds.iter_mut().zip(&entries) {
            entry.revents = to_host(entry.events, found.revents);
        }
        Ok(ready as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_poll(fds: Places<pollfd>, count: nfds_t, milliseconds: c_int) -> c_int {
    wait(fds, count, Ok(u64::try_from(milliseconds).ok().map(Duration::from_millis)), None)
}

fn length(timeout: &Value<timespec>) -> KResult<Option<Duration>> {
    timeout.optional().map(time::length_of_timespec).transpose()
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pollts(
    fds: Places<pollfd>,
    count: nfds_t,
    timeout: Value<timespec>,
    mask: Value<sigset_t>,
) -> c_int {
    wait(fds, count, length(&timeout), signal::mask(&mask))
}

/// The members below `count` of a set. Errors: EINVAL.
fn members(count: c_int, set: &Place<fd_set>) -> KResult<FdSet> {
    let count =
        usize::try_from(count).ok().filter(|count| *count <= libc::FD_SETSIZE).ok_or(Errno::EINVAL)?;
    let Ok(set) = set.read() else { return Ok(FdSet::default()) };
    // SAFETY: numbers below `FD_SETSIZE`.
    Ok((0..count as u32).map(Fd).filter(|fd| unsafe { libc::FD_ISSET(descriptor(*fd), &set) }).collect())
}

fn to_set(members: &FdSet) -> fd_set {
    // SAFETY: all zeros is a set; numbers below `FD_SETSIZE`, as those are that were asked for.
    unsafe {
        let mut set: fd_set = std::mem::zeroed();
        libc::FD_ZERO(&mut set);
        members.iter().for_each(|fd| libc::FD_SET(descriptor(fd), &mut set));
        set
    }
}

fn choose(
    count: c_int,
    sets: [Place<fd_set>; 3],
    timeout: KResult<Option<Duration>>,
    mask: Option<SignalSet>,
) -> c_int {
    call(|process| {
        let timeout = timeout?;
        let [read, write, except] = sets.each_ref().map(|set| members(count, set));
        let (mut read, mut write, mut except) = (read?, write?, except?);
        let ready = process.pselect([&mut read, &mut write, &mut except], timeout, mask)?;
        for (set, by) in sets.iter().zip([&read, &write, &except]) {
            set.tell(to_set(by));
        }
        Ok(ready as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_select(
    count: c_int,
    read: Place<fd_set>,
    write: Place<fd_set>,
    except: Place<fd_set>,
    timeout: Value<timeval>,
) -> c_int {
    let timeout = timeout.optional().map(time::length_of_timeval).transpose();
    choose(count, [read, write, except], timeout, None)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pselect(
    count: c_int,
    read: Place<fd_set>,
    write: Place<fd_set>,
    except: Place<fd_set>,
    timeout: Value<timespec>,
    mask: Value<sigset_t>,
) -> c_int {
    choose(count, [read, write, except], length(&timeout), signal::mask(&mask))
}
