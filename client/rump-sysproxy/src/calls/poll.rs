//! poll(2), select(2) and their like. Which signals are masked meanwhile is the client's own business.

use super::call::{Answer, Call, Time, answer};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::poll::{Pollfd, fd_set, fd_set_bytes, fd_set_members};
use rump_abi::{Errno, PollEvents};
use rump_kern::{Fd, FdSet, OPEN_MAX_LIMIT, PollFd};
use rump_kpi::KResult;
use std::time::Duration;

fn wait(call: &mut Call<'_>, timeout: Option<Duration>) -> Answer {
    let (at, count) = (call.slot(0)?, call.uint(1)?);
    if count > OPEN_MAX_LIMIT {
        return Err(Errno::EINVAL.into());
    }
    let mut entries: Vec<Pollfd> = call.read_all(at, count as usize)?;
    let mut fds: Vec<PollFd> = entries
        .iter()
        .map(|entry| PollFd {
            fd: u32::try_from(entry.fd).ok().map(Fd),
            events: PollEvents::from_bits_truncate(entry.events),
            revents: PollEvents::empty(),
        })
        .collect();
    let found = call.process.poll(&mut fds, timeout)?;
    let mut bytes = vec![0; entries.len() * Pollfd::SIZE];
    for ((entry, fd), place) in entries.iter_mut().zip(&fds).zip(bytes.chunks_exact_mut(Pollfd::SIZE)) {
        entry.revents = fd.revents.bits();
        entry.put(place);
    }
    call.put_bytes(at, &bytes)?;
    answer(Ok(found))
}

/// The timeout is in milliseconds; -1: for ever.
pub(super) fn poll(call: &mut Call<'_>) -> Answer {
    let timeout = match call.int(2)? {
        -1 => None,
        millis => Some(Duration::from_millis(u64::try_from(millis).map_err(|_| Errno::EINVAL)?)),
    };
    wait(call, timeout)
}

pub(super) fn pollts<T: Time>(call: &mut Call<'_>) -> Answer {
    let timeout = call.timeout::<T>(2)?;
    wait(call, timeout)
}

/// The set that an argument points to, if it does. Errors: EFAULT.
fn set(call: &mut Call<'_>, at: usize, count: usize) -> KResult<FdSet> {
    let address = call.slot(at)?;
    let bytes = if address == 0 { Vec::new() } else { call.bytes(address, fd_set_bytes(count))? };
    Ok(fd_set_members(&bytes, count).map(Fd).collect())
}

/// Of `pselect` as well, whose mask does not matter.
pub(super) fn select<T: Time>(call: &mut Call<'_>) -> Answer {
    let count = u32::try_from(call.int(0)?).map_err(|_| Errno::EINVAL)?.min(OPEN_MAX_LIMIT) as usize;
    let mut sets = [set(call, 1, count)?, set(call, 2, count)?, set(call, 3, count)?];
    let timeout = call.timeout::<T>(4)?;
    let [read, write, except] = &mut sets;
    let found = call.process.select(read, write, except, timeout)?;
    for (at, set) in (1..).zip(&sets) {
        let address = call.slot(at)?;
        if address != 0 {
            call.put_bytes(address, &fd_set(set.iter().map(|fd| fd.0), count))?;
        }
    }
    answer(Ok(found))
}
