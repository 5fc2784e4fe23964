//! socket(2), bind(2), connect(2), accept(2) and their like.

use super::call::{Answer, Call, answer};
use super::open::give_both;
use rump_abi::netbsd::sockaddr::{self, BadAddress, SOCK_FLAGS};
use rump_abi::{AddressFamily, Errno, OpenFlags, Shutdown, SocketAddress, SocketType};
use rump_kern::Fd;
use rump_kpi::KResult;

/// The flags, and what is left. Errors: never.
fn split(bits: u32) -> (OpenFlags, u32) {
    let (mut flags, mut rest) = (OpenFlags::empty(), bits);
    for (bit, flag) in SOCK_FLAGS {
        flags.set(flag, bits & bit != 0);
        rest &= !bit;
    }
    (flags, rest)
}

type Kind = (AddressFamily, SocketType, u8, OpenFlags);

/// Errors: EAFNOSUPPORT, EPROTOTYPE (no such type), EPROTONOSUPPORT.
fn kind(call: &Call<'_>) -> KResult<Kind> {
    let family = sockaddr::family(call.uint(0)?).ok_or(Errno::EAFNOSUPPORT)?;
    let (flags, number) = split(call.uint(1)?);
    let types = [SocketType::Stream, SocketType::Datagram, SocketType::Raw, SocketType::SeqPacket];
    let kind = types.into_iter().find(|kind| *kind as u32 == number).ok_or(Errno::EPROTOTYPE)?;
    let protocol = u8::try_from(call.uint(2)?).map_err(|_| Errno::EPROTONOSUPPORT)?;
    Ok((family, kind, protocol, flags))
}

pub(super) fn socket(call: &mut Call<'_>) -> Answer {
    let (family, kind, protocol, flags) = kind(call)?;
    answer(call.process.socket(family, kind, protocol, flags))
}

pub(super) fn socketpair(call: &mut Call<'_>) -> Answer {
    let (family, kind, protocol, flags) = kind(call)?;
    let ends = call.process.socketpair(family, kind, protocol, flags)?;
    give_both(call, 3, ends)
}

/// The address in a client's memory. Errors: EINVAL (a length that none has, or too short for its family), EFAULT,
/// EAFNOSUPPORT.
pub(super) fn address(call: &mut Call<'_>, at: u64, length: u32) -> KResult<SocketAddress> {
    let length = usize::try_from(length).ok().filter(|length| *length <= sockaddr::LENGTH_MAX);
    let bytes = call.bytes(at, length.ok_or(Errno::EINVAL)?)?;
    sockaddr::parse(&bytes).map_err(|bad| match bad {
        BadAddress::Length => Errno::EINVAL.into(),
        BadAddress::Family => Errno::EAFNOSUPPORT.into(),
    })
}

/// As much of an address as there is room for at a place; the answer is how much that is. Errors: EFAULT.
pub(super) fn give_address(
    call: &mut Call<'_>,
    at: u64,
    room: u32,
    address: Option<&SocketAddress>,
) -> KResult<u32> {
    let bytes = address.map(sockaddr::to_bytes).unwrap_or_default();
    let count = bytes.len().min(room as usize);
    call.put_bytes(at, &bytes[..count])?;
    Ok(count as u32)
}

/// Puts an address to where one argument points, where there is as much room as the next points to; if the first is null,
/// nobody wants it. Errors: EFAULT, EINVAL (a negative length).
pub(super) fn give_name(call: &mut Call<'_>, at: usize, address: Option<&SocketAddress>) -> KResult<()> {
    let place = call.slot(at)?;
    if place == 0 {
        return Ok(());
    }
    let room = call.read::<i32>(at + 1)?;
    let room = u32::try_from(room).map_err(|_| Errno::EINVAL)?;
    let length = give_address(call, place, room, address)?;
    call.put(at + 1, &length)
}

pub(super) fn bind(call: &mut Call<'_>) -> Answer {
    let (at, length) = (call.slot(1)?, call.uint(2)?);
    let address = address(call, at, length)?;
    answer(call.process.bind(call.fd(0)?, &address))
}

pub(super) fn connect(call: &mut Call<'_>) -> Answer {
    let (at, length) = (call.slot(1)?, call.uint(2)?);
    let address = address(call, at, length)?;
    answer(call.process.connect(call.fd(0)?, &address))
}

pub(super) fn listen(call: &mut Call<'_>) -> Answer {
    let backlog = u32::try_from(call.int(1)?).unwrap_or(0);
    answer(call.process.listen(call.fd(0)?, backlog))
}

pub(super) fn accept(call: &mut Call<'_>) -> Answer {
    let accepted = call.process.accept(call.fd(0)?)?;
    give_accepted(call, accepted)
}

/// Which signals are masked meanwhile is the client's own business.
pub(super) fn paccept(call: &mut Call<'_>) -> Answer {
    let (flags, rest) = split(call.uint(4)?);
    if rest != 0 {
        return Err(Errno::EINVAL.into());
    }
    let accepted = call.process.accept4(call.fd(0)?, flags)?;
    give_accepted(call, accepted)
}

fn give_accepted(call: &mut Call<'_>, (fd, from): (Fd, SocketAddress)) -> Answer {
    if let Err(error) = give_name(call, 1, Some(&from)) {
        call.process.close(fd)?;
        return Err(error);
    }
    answer(Ok(fd))
}

pub(super) fn getsockname(call: &mut Call<'_>) -> Answer {
    let name = call.process.getsockname(call.fd(0)?)?;
    answer(give_name(call, 1, Some(&name)))
}

pub(super) fn getpeername(call: &mut Call<'_>) -> Answer {
    let name = call.process.getpeername(call.fd(0)?)?;
    answer(give_name(call, 1, Some(&name)))
}

pub(super) fn shutdown(call: &mut Call<'_>) -> Answer {
    let how = match call.int(1)? {
        0 => Shutdown::Read,
        1 => Shutdown::Write,
        2 => Shutdown::Both,
        _ => return Err(Errno::EINVAL.into()),
    };
    answer(call.process.shutdown(call.fd(0)?, how))
}
