//! fcntl(2).

use super::call;
use crate::layout::open_flags;
use libc::c_int;
use rump_abi::{Errno, OpenFlags};
use rump_kern::Fcntl;
use rump_kpi::KResult;

/// The fcntl(2) of `variadic.c`, for commands whose argument is a number or none.
#[unsafe(no_mangle)]
pub extern "C" fn rump_i_fcntl(fd: c_int, command: c_int, argument: c_int) -> c_int {
    call(|process| {
        let answer = process.fcntl(super::fd(fd)?, request(command, argument)?)?;
        Ok(match command {
            libc::F_GETFL => open_flags::to_host(OpenFlags::from_bits_retain(answer)),
            // FD_CLOEXEC is 1 everywhere.
            _ => answer as c_int,
        })
    })
}

/// Errors: EINVAL (no such command, or a negative number), EOPNOTSUPP (flags that no file has).
fn request(command: c_int, argument: c_int) -> KResult<Fcntl> {
    let least = || u32::try_from(argument).map_err(|_| Errno::EINVAL);
    Ok(match command {
        libc::F_DUPFD => Fcntl::DupFd(least()?),
        libc::F_DUPFD_CLOEXEC => Fcntl::DupFdCloexec(least()?),
        libc::F_GETFD => Fcntl::GetFd,
        libc::F_SETFD => Fcntl::SetFd { cloexec: argument & libc::FD_CLOEXEC != 0 },
        libc::F_GETFL => Fcntl::GetFl,
        libc::F_SETFL => Fcntl::SetFl(open_flags::from_host(argument)?),
        _ => return Err(Errno::EINVAL.into()),
    })
}
