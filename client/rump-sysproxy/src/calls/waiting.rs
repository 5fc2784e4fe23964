//! Which calls may have to wait for somebody else. What this says of a socket is so when it says it: another thread may take
//! what is there meanwhile.

use super::Args;
use rump_abi::netbsd::aio::LIO_WAIT;
use rump_abi::netbsd::fcntl::{F_SETLKW, LOCK_NB};
use rump_abi::netbsd::numbers::*;
use rump_abi::sockopt::{SO_LINGER, SOL_SOCKET};
use rump_abi::{MessageFlags, OpenFlags, PollEvents};
use rump_kern::{Fcntl, Fd, Ioctl, PollFd, Process};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;
use std::time::Duration;

/// Whether a call may have to wait for somebody else: for what comes from a network, a lock, a disk, a time. One that cannot
/// be made need not wait.
pub fn may_wait(process: &Process, number: u32, args: Args<'_>) -> bool {
    asked(process, number, args).unwrap_or(false)
}

fn asked(process: &Process, number: u32, args: Args<'_>) -> KResult<bool> {
    let fd = || args.slot(0).map(|slot| Fd(slot as u32));
    let flags = |at| args.slot(at).map(|slot| MessageFlags::from_bits_truncate(slot as u32));
    Ok(match number {
        READ | READV | ACCEPT | PACCEPT => waits_to_read(process, fd()?, MessageFlags::empty()),
        RECVFROM | RECVMMSG => waits_to_read(process, fd()?, flags(3)?),
        RECVMSG => waits_to_read(process, fd()?, flags(2)?),
        WRITE => waits_to_write(process, fd()?, args.slot(2)?, MessageFlags::empty()),
        SENDTO => waits_to_write(process, fd()?, args.slot(2)?, flags(3)?),
        // How much it is stands in the client's memory.
        WRITEV => waits_to_write(process, fd()?, u64::MAX, MessageFlags::empty()),
        SENDMSG => waits_to_write(process, fd()?, u64::MAX, flags(2)?),
        SENDMMSG => waits_to_write(process, fd()?, u64::MAX, flags(3)?),
        CONNECT => !is_nonblocking(process, fd()?),
        CLOSE => lingers(process, fd()?),
        DUP2 | DUP3 => lingers(process, Fd(args.slot(1)? as u32)),
        OPEN => opening_waits(args.slot(1)?),
        OPENAT => opening_waits(args.slot(2)?),
        __FHOPEN40 => opening_waits(args.slot(2)?),
        POLL => args.slot(2)? as i32 != 0,
        FLOCK => args.slot(1)? & LOCK_NB == 0,
        FCNTL => args.slot(1)? as i32 == F_SETLKW,
        COMPAT_50_SELECT | COMPAT_50_PSELECT | __SELECT50 | __PSELECT50 => true,
        COMPAT_50_POLLTS | __POLLTS50 | COMPAT_50_KEVENT | __KEVENT50 => true,
        COMPAT_50_NANOSLEEP | __NANOSLEEP50 | CLOCK_NANOSLEEP => true,
        _KSEM_WAIT | _KSEM_TIMEDWAIT => true,
        COMPAT_50_AIO_SUSPEND | __AIO_SUSPEND50 => true,
        LIO_LISTIO => args.slot(0)? as i32 == LIO_WAIT,
        FSYNC | FDATASYNC | FSYNC_RANGE | SYNC => true,
        COMPAT_40_MOUNT | __MOUNT50 | UNMOUNT | REBOOT => true,
        _ => false,
    })
}

fn is_nonblocking(process: &Process, fd: Fd) -> bool {
    let flags = process.fcntl(fd, Fcntl::GetFl).unwrap_or(0);
    OpenFlags::from_bits_truncate(flags).contains(OpenFlags::NONBLOCK)
}

/// Whether something is so now. Of a file of a file system everything is.
fn is_ready(process: &Process, fd: Fd, events: PollEvents) -> bool {
    process.poll(&mut [PollFd::new(fd, events)], Some(Duration::ZERO)).is_ok_and(|count| count > 0)
}

fn waits_to_read(process: &Process, fd: Fd, flags: MessageFlags) -> bool {
    let may_block = !flags.contains(MessageFlags::DONTWAIT) && !is_nonblocking(process, fd);
    may_block && (flags.contains(MessageFlags::WAITALL) || !is_ready(process, fd, PollEvents::IN))
}

/// What takes no more than there is room for does not wait; files of file systems have room that they need not tell.
fn waits_to_write(process: &Process, fd: Fd, length: u64, flags: MessageFlags) -> bool {
    if flags.contains(MessageFlags::DONTWAIT) || is_nonblocking(process, fd) {
        return false;
    }
    let room = process.ioctl(fd, Ioctl::Space);
    !is_ready(process, fd, PollEvents::OUT) || room.is_ok_and(|room| (room as u64) < length)
}

/// Whether closing waits until the other side has got everything.
fn lingers(process: &Process, fd: Fd) -> bool {
    let option = process.getsockopt(fd, SOL_SOCKET, SO_LINGER);
    matches!(option, Ok(OptionValue::Linger(Some(limit))) if limit > Duration::ZERO)
}

/// A fifo waits for its other end, and locks for others; which file it is, nobody knows before.
fn opening_waits(flags: u64) -> bool {
    let flags = OpenFlags::from_bits_truncate(flags as u32);
    !flags.intersects(OpenFlags::NONBLOCK | OpenFlags::DIRECTORY)
}
