//! ioctl(2): of files and sockets here, of interfaces and routes in `interface`, `address6` and `route`, of devices in `device`.

#[cfg(target_os = "linux")]
mod address6;
mod device;
#[cfg(target_os = "linux")]
mod interface;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod route;

use super::{call, fd};
use crate::caller::Caller;
use crate::pointer::Room;
use libc::{c_int, c_ulong};
use rump_abi::sockopt::{SO_SNDBUF, SOL_SOCKET};
use rump_abi::{AddressFamily, Errno};
use rump_kern::{Fcntl, Fd, Ioctl};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;

/// Numbers of requests; hosts have several types for them.
mod number {
    use libc::c_ulong;
    pub(super) const FIONREAD: c_ulong = libc::FIONREAD as c_ulong;
    pub(super) const FIONBIO: c_ulong = libc::FIONBIO as c_ulong;
    pub(super) const FIOCLEX: c_ulong = libc::FIOCLEX as c_ulong;
    pub(super) const FIONCLEX: c_ulong = libc::FIONCLEX as c_ulong;
    pub(super) const TIOCOUTQ: c_ulong = libc::TIOCOUTQ as c_ulong;
    /// What other hosts have is what the kernel has.
    pub(super) const SIOCATMARK: c_ulong = if cfg!(target_os = "linux") { 0x8905 } else { 0x4004_7307 };
}

/// The ioctl(2) of `variadic.c`. The argument is what the request wants, or null.
#[unsafe(no_mangle)]
pub extern "C" fn rump_i_ioctl(number: c_int, request: c_ulong, mut argument: Room) -> c_int {
    call(|process| {
        let file = fd(number)?;
        // That it is open counts first.
        process.fcntl(file, Fcntl::GetFd)?;
        match request {
            number::FIONREAD => tell(&argument, process.ioctl(file, Ioctl::Readable)?),
            number::SIOCATMARK => tell(&argument, process.ioctl(file, Ioctl::AtMark)?),
            number::TIOCOUTQ => tell(&argument, unsent(process, file)?),
            number::FIONBIO => {
                let nonblocking = argument.place::<c_int>().read()? != 0;
                process.ioctl(file, Ioctl::SetNonblocking { nonblocking }).map(drop)
            }
            number::FIOCLEX => process.fcntl(file, Fcntl::SetFd { cloexec: true }).map(drop),
            number::FIONCLEX => process.fcntl(file, Fcntl::SetFd { cloexec: false }).map(drop),
            #[cfg(target_os = "linux")]
            libc::SIOCADDRT | libc::SIOCDELRT => {
                check_socket(process, file)?;
                route::request(process, request, &argument)
            }
            #[cfg(target_os = "linux")]
            libc::SIOCGIFNAME..=libc::SIOCGIFTXQLEN => {
                of_interface(process, check_socket(process, file)?, request, &argument)
            }
            _ => device::request(process, file, request, &mut argument),
        }
    })
}

/// Stores a number. Errors: EFAULT.
fn tell(argument: &Room, number: usize) -> KResult<()> {
    argument.place().store(c_int::try_from(number).unwrap_or(c_int::MAX))
}

/// How many bytes of a socket of IP wait to be sent, or were and may have to be again. Errors: ENOTTY (another).
fn unsent(process: &Caller, socket: Fd) -> KResult<usize> {
    let name = process.getsockname(socket).map_err(|_| Errno::ENOTTY)?;
    let OptionValue::Number(all) = process.getsockopt(socket, SOL_SOCKET, SO_SNDBUF)? else {
        return Err(Errno::ENOTTY.into());
    };
    // What is sent to one of the family of files waits at the other side.
    if !matches!(name.family(), AddressFamily::Inet | AddressFamily::Inet6) {
        return Err(Errno::ENOTTY.into());
    }
    let free = process.ioctl(socket, Ioctl::Space)?;
    Ok(usize::try_from(all).unwrap_or(0).saturating_sub(free))
}

/// The family of a socket. Errors: ENOTTY (no socket).
fn check_socket(process: &Caller, file: Fd) -> KResult<AddressFamily> {
    process.getsockname(file).map(|name| name.family()).map_err(|_| Errno::ENOTTY.into())
}

/// A request of an interface; those of addresses are a family's own. Errors: those of the request, ENOTTY (the family has it not).
#[cfg(target_os = "linux")]
fn of_interface(process: &Caller, family: AddressFamily, request: c_ulong, argument: &Room) -> KResult<()> {
    match (family, request) {
        (AddressFamily::Inet6, libc::SIOCSIFADDR | libc::SIOCDIFADDR) => {
            address6::request(process, request, argument)
        }
        (AddressFamily::Inet6, libc::SIOCGIFADDR..=libc::SIOCSIFNETMASK) => Err(Errno::ENOTTY.into()),
        _ => interface::request(process, request, argument),
    }
}
