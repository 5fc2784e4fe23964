//! sendto(2), sendmsg(2), sendmmsg(2), recvfrom(2), recvmsg(2), recvmmsg(2).
//!
//! A message of a socket is one piece; a stream that is waited for as a whole (WAITALL) goes piece by piece.

use super::area::{Area, PIECE};
use super::call::{Answer, Call, answer};
use super::control;
use super::socket::{address, give_address, give_name};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::message::{Mmsghdr, Msghdr};
use rump_abi::netbsd::time::Timespec;
use rump_abi::{AddressFamily, ClockId, Errno, MessageFlags, SocketAddress, TimeSpec};
use rump_kern::{Fd, SendMessage};
use rump_kpi::KResult;

/// Bytes of control data at most.
const CONTROL_MAX: usize = 4096;
/// Messages of one call at most.
const BATCH_MAX: usize = 1024;

/// Flags; those that the kernel has not are advice.
fn flags(bits: u32) -> MessageFlags {
    MessageFlags::from_bits_truncate(bits)
}

pub(super) fn sendto(call: &mut Call<'_>) -> Answer {
    let (area, to, flags) = (Area::one(call, 1, 2)?, call.slot(4)?, flags(call.uint(3)?));
    let to = match to {
        0 => None,
        at => Some(address(call, at, call.uint(5)?)?),
    };
    let bytes = area.take(call.memory, 0, area.piece(0))?;
    let message = SendMessage { parts: &[&bytes], to: to.as_ref(), ..SendMessage::default() };
    answer(call.process.sendmsg(call.fd(0)?, &message, flags))
}

/// Sends what a header tells of. Errors: EFAULT, EINVAL, those of sending.
fn send(call: &mut Call<'_>, fd: Fd, header: &Msghdr, flags: MessageFlags) -> KResult<usize> {
    let area = message_area(call, header)?;
    let to = match header.name {
        0 => None,
        at => Some(address(call, at, header.name_length)?),
    };
    let control = match header.control {
        0 => Vec::new(),
        _ if header.control_length as usize > CONTROL_MAX => return Err(Errno::EINVAL.into()),
        at => call.bytes(at, header.control_length as usize)?,
    };
    let sent = control::read(&control)?;
    let bytes = area.take(call.memory, 0, area.piece(0))?;
    let message =
        SendMessage { parts: &[&bytes], to: to.as_ref(), rights: &sent.rights, control: &sent.control };
    call.process.sendmsg(fd, &message, flags)
}

/// A message may have no parts at all. Errors: EINVAL, EFAULT, EMSGSIZE (too many parts).
fn message_area(call: &mut Call<'_>, header: &Msghdr) -> KResult<Area> {
    match header.iov_length {
        0 => Ok(Area::empty()),
        count if count as usize > rump_abi::netbsd::message::IOV_MAX => Err(Errno::EMSGSIZE.into()),
        count => Area::list(call, header.iov, count),
    }
}

pub(super) fn sendmsg(call: &mut Call<'_>) -> Answer {
    let (fd, header, flags) = (call.fd(0)?, call.read::<Msghdr>(1)?, flags(call.uint(2)?));
    answer(send(call, fd, &header, flags))
}

/// How many messages, and where the one after the last is at most. Errors: EFAULT (beyond the last address).
fn batch(call: &Call<'_>) -> KResult<(u64, usize)> {
    let (at, count) = (call.slot(1)?, (call.uint(2)? as usize).min(BATCH_MAX));
    at.checked_add((count * Mmsghdr::SIZE) as u64).ok_or(Errno::EFAULT)?;
    Ok((at, count))
}

/// Does something with each message, until it fails; an error after the first only ends the call.
fn each(call: &mut Call<'_>, mut one: impl FnMut(&mut Call<'_>, u64) -> KResult<bool>) -> Answer {
    let (at, count) = batch(call)?;
    for index in 0..count {
        match one(call, at + (index * Mmsghdr::SIZE) as u64) {
            Ok(true) => {}
            Ok(false) => return answer(Ok(index + 1)),
            Err(error) if index == 0 => return Err(error),
            Err(_) => return answer(Ok(index)),
        }
    }
    answer(Ok(count))
}

pub(super) fn sendmmsg(call: &mut Call<'_>) -> Answer {
    let (fd, flags) = (call.fd(0)?, flags(call.uint(3)?));
    each(call, |call, at| {
        let message: Mmsghdr = call.read_at(at)?;
        let length = send(call, fd, &message.header, flags)?;
        call.put_at(at, &Mmsghdr { length: length as u32, ..message })?;
        Ok(true)
    })
}

pub(super) fn recvfrom(call: &mut Call<'_>) -> Answer {
    let (fd, area, flags) = (call.fd(0)?, Area::one(call, 1, 2)?, flags(call.uint(3)?));
    let (mut done, mut from) = (0, None);
    loop {
        let mut bytes = vec![0; area.piece(done)];
        let (count, sender) = match call.process.recvfrom(fd, &mut bytes, flags) {
            Err(_) if done > 0 => break,
            received => received?,
        };
        area.put(call.memory, done, &bytes[..count.min(bytes.len())])?;
        from = sender.or(from);
        done += count as u64;
        let is_whole = !flags.contains(MessageFlags::WAITALL) || flags.contains(MessageFlags::PEEK);
        if is_whole || count < PIECE || done >= area.length() {
            break;
        }
    }
    give_name(call, 4, from.as_ref())?;
    answer(Ok(done))
}

/// Receives what a header has room for, and says so in it. Errors: EFAULT, EINVAL, those of receiving.
fn receive(call: &mut Call<'_>, fd: Fd, header: &mut Msghdr, flags: MessageFlags) -> KResult<usize> {
    let area = message_area(call, header)?;
    let mut bytes = vec![0; area.piece(0)];
    let room = if header.control == 0 { 0 } else { header.control_length as usize };
    let room = room.min(CONTROL_MAX);
    let rights = control::rights_that_fit(room);
    let received = call.process.recvmsg(fd, &mut [&mut bytes], rights, flags)?;
    let family = if received.control.is_empty() { AddressFamily::Unspecified } else { family(call, fd) };
    let (control, is_cut) = control::written(&received, family, room);
    let given = give_received(call, &area, header, (&bytes, &control), &received);
    if given.is_err() {
        // Nobody will know of them.
        received.rights.iter().for_each(|fd| drop(call.process.close(*fd)));
    }
    given?;
    header.control_length = control.len() as u32;
    header.flags = received.flags.bits() as i32;
    if is_cut {
        header.flags |= MessageFlags::CTRUNC.bits() as i32;
    }
    Ok(received.length)
}

fn give_received(
    call: &mut Call<'_>,
    area: &Area,
    header: &mut Msghdr,
    (bytes, control): (&[u8], &[u8]),
    received: &rump_kern::Received,
) -> KResult<()> {
    area.put(call.memory, 0, &bytes[..received.length.min(bytes.len())])?;
    if header.name != 0 {
        header.name_length = give_address(call, header.name, header.name_length, received.from.as_ref())?;
    }
    call.put_bytes(header.control, control)
}

/// Of which family a socket is, as its control data are of another form in each.
fn family(call: &Call<'_>, fd: Fd) -> AddressFamily {
    let name = call.process.getsockname(fd);
    name.as_ref().map_or(AddressFamily::Unspecified, SocketAddress::family)
}

pub(super) fn recvmsg(call: &mut Call<'_>) -> Answer {
    let (fd, mut header, flags) = (call.fd(0)?, call.read::<Msghdr>(1)?, flags(call.uint(2)?));
    let length = receive(call, fd, &mut header, flags)?;
    call.put(1, &header)?;
    answer(Ok(length))
}

/// Looks after each message whether the time is over; with WAITFORONE it waits for the first alone.
pub(super) fn recvmmsg(call: &mut Call<'_>) -> Answer {
    let (fd, mut flags) = (call.fd(0)?, flags(call.uint(3)?));
    let timeout = call.timeout::<Timespec>(4)?;
    let begin = now(call)?;
    each(call, |call, at| {
        let mut message: Mmsghdr = call.read_at(at)?;
        message.length = receive(call, fd, &mut message.header, flags)? as u32;
        call.put_at(at, &message)?;
        if flags.contains(MessageFlags::WAITFORONE) {
            flags |= MessageFlags::DONTWAIT;
        }
        let passed = now(call)? - begin;
        Ok(timeout.is_none_or(|timeout| passed < timeout.as_nanos() as i128))
    })
}

/// Nanoseconds of the monotonic clock. Errors: ENXIO (halted).
fn now(call: &Call<'_>) -> KResult<i128> {
    call.process.clock_gettime(ClockId::Monotonic).map(TimeSpec::nanoseconds)
}
