//! socket(2) and what names and connects sockets.

use super::{call, descriptor, fd};
use crate::layout::{signal, sockaddr as layout, sockopt};
use crate::pointer::{Place, Room, Source, Value};
use crate::{errno, missing};
use libc::{c_int, sigset_t, socklen_t};
use rump_abi::{Errno, OpenFlags, Shutdown, SignalSet, SocketType};
use rump_kpi::KResult;

/// What the second argument of `socket` says besides the type.
#[cfg(not(target_os = "macos"))]
const FLAGS: c_int = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
#[cfg(target_os = "macos")]
const FLAGS: c_int = 0;

/// Errors: EINVAL (other flags).
fn socket_flags(flags: c_int) -> KResult<OpenFlags> {
    let mut ours = OpenFlags::empty();
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL.into());
    }
    #[cfg(not(target_os = "macos"))]
    {
        ours.set(OpenFlags::NONBLOCK, flags & libc::SOCK_NONBLOCK != 0);
        ours.set(OpenFlags::CLOEXEC, flags & libc::SOCK_CLOEXEC != 0);
    }
    Ok(ours)
}

/// Errors: EINVAL (flags), ESOCKTNOSUPPORT, EPROTONOSUPPORT.
fn kind_of(kind: c_int, protocol: c_int) -> KResult<(SocketType, u8, OpenFlags)> {
    let type_bits = kind & 0xf;
    let flags = socket_flags(kind & !0xf)?;
    let kind = match type_bits {
        libc::SOCK_STREAM => SocketType::Stream,
        libc::SOCK_DGRAM => SocketType::Datagram,
        libc::SOCK_RAW => SocketType::Raw,
        libc::SOCK_SEQPACKET => SocketType::SeqPacket,
        _ => return Err(Errno::ESOCKTNOSUPPORT.into()),
    };
    Ok((kind, u8::try_from(protocol).map_err(|_| Errno::EPROTONOSUPPORT)?, flags))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    call(|process| {
        let family = layout::family(family)?;
        let (kind, protocol, flags) = kind_of(kind, protocol)?;
        missing::of_socket(process, family, process.socket(family, kind, protocol, flags)).map(descriptor)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_socketpair(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    to: Place<[c_int; 2]>,
) -> c_int {
    call(|process| {
        if to.is_null() {
            return Err(Errno::EFAULT.into());
        }
        let family = layout::family(family)?;
        let (kind, protocol, flags) = kind_of(kind, protocol)?;
        let pair = process.socketpair(family, kind, protocol, flags);
        to.store(missing::of_socket(process, family, pair)?.map(descriptor))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_bind(socket: c_int, address: Source, length: socklen_t) -> c_int {
    call(|process| process.bind(fd(socket)?, &layout::read(&address, length)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_connect(socket: c_int, address: Source, length: socklen_t) -> c_int {
    call(|process| process.connect(fd(socket)?, &layout::read(&address, length)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_listen(socket: c_int, backlog: c_int) -> c_int {
    call(|process| process.listen(fd(socket)?, u32::try_from(backlog).unwrap_or(0)))
}

/// A null address is not asked for.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_accept(socket: c_int, address: Room, length: Place<socklen_t>) -> c_int {
    rump_sys_accept4(socket, address, length, 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_accept4(
    socket: c_int,
    address: Room,
    length: Place<socklen_t>,
    flags: c_int,
) -> c_int {
    take(socket, address, length, None, flags)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_paccept(
    socket: c_int,
    address: Room,
    length: Place<socklen_t>,
    mask: Value<sigset_t>,
    flags: c_int,
) -> c_int {
    take(socket, address, length, signal::mask(&mask), flags)
}

fn take(
    socket: c_int,
    mut address: Room,
    length: Place<socklen_t>,
    mask: Option<SignalSet>,
    flags: c_int,
) -> c_int {
    call(|process| {
        let (accepted, from) = process.paccept(fd(socket)?, socket_flags(flags)?, mask)?;
        if !address.is_null() {
            if let Err(error) = layout::write(&from, &mut address, &length) {
                // Nobody would know its number.
                let _ = process.close(accepted);
                return Err(error);
            }
        }
        Ok(descriptor(accepted))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_shutdown(socket: c_int, how: c_int) -> c_int {
    call(|process| {
        let how = match how {
            libc::SHUT_RD => Shutdown::Read,
            libc::SHUT_WR => Shutdown::Write,
            libc::SHUT_RDWR => Shutdown::Both,
            _ => return Err(Errno::EINVAL.into()),
        };
        process.shutdown(fd(socket)?, how)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getsockname(socket: c_int, mut to: Room, length: Place<socklen_t>) -> c_int {
    call(|process| layout::write(&process.getsockname(fd(socket)?)?, &mut to, &length))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getpeername(socket: c_int, mut to: Room, length: Place<socklen_t>) -> c_int {
    call(|process| layout::write(&process.getpeername(fd(socket)?)?, &mut to, &length))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setsockopt(
    socket: c_int,
    level: c_int,
    name: c_int,
    value: Source,
    length: socklen_t,
) -> c_int {
    call(|process| {
        if length > i32::MAX as socklen_t {
            return Err(Errno::EINVAL.into());
        }
        let socket = fd(socket)?;
        let bytes = value.bytes(length as usize)?;
        // Whether it is a socket counts first.
        process.getsockname(socket)?;
        let ((level, name), value) = sockopt::to_kernel(level, name, bytes)?;
        process.setsockopt(socket, level, name, &value)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getsockopt(
    socket: c_int,
    level: c_int,
    name: c_int,
    mut to: Room,
    length: Place<socklen_t>,
) -> c_int {
    call(|process| {
        let socket = fd(socket)?;
        process.getsockname(socket)?;
        let room = length.read()?;
        if room > i32::MAX as socklen_t {
            return Err(Errno::EINVAL.into());
        }
        let (in_kernel, named) = sockopt::name_in_kernel(level, name)?;
        let value = process.getsockopt(socket, in_kernel, named)?;
        let bytes = sockopt::to_host((level, name), value, errno::number_of)?;
        to.store(room as usize, &bytes)?;
        length.store(room.min(bytes.len() as socklen_t))
    })
}
