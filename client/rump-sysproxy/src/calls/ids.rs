//! Who a process is: getuid(2), setuid(2), getgroups(2), setpgid(2) and their like.

use super::call::{Answer, Call, answer};
use rump_abi::Errno;
use rump_kern::NGROUPS_MAX;
use rump_kpi::KResult;

/// The second register has the parent.
pub(super) fn getpid(call: &mut Call<'_>) -> Answer {
    Ok([call.process.pid().into(), call.process.getppid().into()])
}

pub(super) fn getppid(call: &mut Call<'_>) -> Answer {
    answer(Ok(call.process.getppid()))
}

/// The second register has the effective user.
pub(super) fn getuid(call: &mut Call<'_>) -> Answer {
    Ok([call.process.getuid().into(), call.process.geteuid().into()])
}

pub(super) fn geteuid(call: &mut Call<'_>) -> Answer {
    answer(Ok(call.process.geteuid()))
}

/// The second register has the effective group.
pub(super) fn getgid(call: &mut Call<'_>) -> Answer {
    Ok([call.process.getgid().into(), call.process.getegid().into()])
}

pub(super) fn getegid(call: &mut Call<'_>) -> Answer {
    answer(Ok(call.process.getegid()))
}

pub(super) fn setuid(call: &mut Call<'_>) -> Answer {
    answer(call.process.setuid(call.uint(0)?))
}

pub(super) fn seteuid(call: &mut Call<'_>) -> Answer {
    answer(call.process.seteuid(call.uint(0)?))
}

pub(super) fn setgid(call: &mut Call<'_>) -> Answer {
    answer(call.process.setgid(call.uint(0)?))
}

pub(super) fn setegid(call: &mut Call<'_>) -> Answer {
    answer(call.process.setegid(call.uint(0)?))
}

pub(super) fn setreuid(call: &mut Call<'_>) -> Answer {
    answer(call.process.setreuid(call.id(0)?, call.id(1)?))
}

pub(super) fn setregid(call: &mut Call<'_>) -> Answer {
    answer(call.process.setregid(call.id(0)?, call.id(1)?))
}

pub(super) fn issetugid(call: &mut Call<'_>) -> Answer {
    answer(Ok(u32::from(call.process.issetugid())))
}

pub(super) fn getgroups(call: &mut Call<'_>) -> Answer {
    let groups = call.process.getgroups();
    match call.int(0)? {
        0 => {}
        room if room < groups.len() as i32 => return Err(Errno::EINVAL.into()),
        _ => {
            let bytes: Vec<u8> = groups.iter().flat_map(|group| group.to_le_bytes()).collect();
            let address = call.slot(1)?;
            call.put_bytes(address, &bytes)?;
        }
    }
    answer(Ok(groups.len()))
}

pub(super) fn setgroups(call: &mut Call<'_>) -> Answer {
    let count = usize::try_from(call.int(0)?).ok().filter(|count| *count <= NGROUPS_MAX);
    let address = call.slot(1)?;
    let groups: Vec<u32> = call.read_all(address, count.ok_or(Errno::EINVAL)?)?;
    answer(call.process.setgroups(&groups))
}

/// The number of a process. Errors: ESRCH (negative).
fn pid(call: &Call<'_>) -> KResult<u32> {
    u32::try_from(call.int(0)?).map_err(|_| Errno::ESRCH.into())
}

pub(super) fn getpgrp(call: &mut Call<'_>) -> Answer {
    answer(call.process.getpgrp())
}

pub(super) fn getpgid(call: &mut Call<'_>) -> Answer {
    answer(call.process.getpgid(pid(call)?))
}

pub(super) fn setpgid(call: &mut Call<'_>) -> Answer {
    answer(call.process.setpgid(pid(call)?, call.uint(1)?))
}

pub(super) fn getsid(call: &mut Call<'_>) -> Answer {
    answer(call.process.getsid(pid(call)?))
}

pub(super) fn setsid(call: &mut Call<'_>) -> Answer {
    answer(call.process.setsid())
}
