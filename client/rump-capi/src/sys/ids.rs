//! Who a process is: users and groups, process groups and sessions, limits.

use super::call;
use crate::caller::Caller;
use crate::pointer::{Place, Value, Values};
use libc::{c_int, gid_t, pid_t, rlimit, uid_t};
use rump_abi::{Errno, Resource, ResourceLimit};
use rump_kern::NGROUPS_MAX;
use rump_kpi::KResult;

/// What leaves an identity as it is.
const SAME: u32 = u32::MAX;

/// An answer that cannot fail once there is a kernel.
fn ask(what: impl FnOnce(&Caller) -> KResult<u32>) -> u32 {
    call(|process| Ok(what(process)? as c_int)) as u32
}

fn kept(id: u32) -> Option<u32> {
    (id != SAME).then_some(id)
}

/// A number of a process or group. Errors: ESRCH (negative).
fn number(pid: pid_t) -> KResult<u32> {
    u32::try_from(pid).map_err(|_| Errno::ESRCH.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getpid() -> pid_t {
    call(|process| Ok(process.pid()? as c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getppid() -> pid_t {
    call(|process| Ok(process.getppid()? as c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getuid() -> uid_t {
    ask(Caller::getuid)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_geteuid() -> uid_t {
    ask(Caller::geteuid)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getgid() -> gid_t {
    ask(Caller::getgid)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getegid() -> gid_t {
    ask(Caller::getegid)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_issetugid() -> c_int {
    call(|process| Ok(c_int::from(process.issetugid()?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setuid(uid: uid_t) -> c_int {
    call(|process| process.setuid(uid))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_seteuid(uid: uid_t) -> c_int {
    call(|process| process.seteuid(uid))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setreuid(real: uid_t, effective: uid_t) -> c_int {
    call(|process| process.setreuid(kept(real), kept(effective)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setgid(gid: gid_t) -> c_int {
    call(|process| process.setgid(gid))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setegid(gid: gid_t) -> c_int {
    call(|process| process.setegid(gid))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setregid(real: gid_t, effective: gid_t) -> c_int {
    call(|process| process.setregid(kept(real), kept(effective)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getgroups(room: c_int, to: Place<gid_t>) -> c_int {
    call(|process| {
        let groups = process.getgroups()?;
        let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
        if room == 0 {
            return Ok(groups.len() as c_int);
        }
        if room < groups.len() {
            return Err(Errno::EINVAL.into());
        }
        Ok(to.store_all(room, groups.iter().copied())? as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setgroups(count: c_int, groups: Values<gid_t>) -> c_int {
    call(|process| {
        let count = usize::try_from(count).ok().filter(|count| *count <= NGROUPS_MAX).ok_or(Errno::EINVAL)?;
        process.setgroups(groups.slice(count)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getpgrp() -> pid_t {
    call(|process| Ok(process.getpgrp()? as c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getpgid(pid: pid_t) -> pid_t {
    call(|process| Ok(process.getpgid(number(pid)?)? as c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setpgid(pid: pid_t, group: pid_t) -> c_int {
    call(|process| {
        let group = u32::try_from(group).map_err(|_| Errno::EINVAL)?;
        process.setpgid(number(pid)?, group)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getsid(pid: pid_t) -> pid_t {
    call(|process| Ok(process.getsid(number(pid)?)? as c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setsid() -> pid_t {
    call(|process| Ok(process.setsid()? as c_int))
}

/// Resources by their numbers at the host.
const RESOURCES: &[(u32, Resource)] = &[
    (libc::RLIMIT_CPU as u32, Resource::Cpu),
    (libc::RLIMIT_FSIZE as u32, Resource::FileSize),
    (libc::RLIMIT_DATA as u32, Resource::Data),
    (libc::RLIMIT_STACK as u32, Resource::Stack),
    (libc::RLIMIT_CORE as u32, Resource::Core),
    (libc::RLIMIT_NOFILE as u32, Resource::OpenFiles),
    (libc::RLIMIT_AS as u32, Resource::AddressSpace),
    #[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
    (libc::RLIMIT_RSS as u32, Resource::ResidentSet),
    #[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
    (libc::RLIMIT_MEMLOCK as u32, Resource::LockedMemory),
    #[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
    (libc::RLIMIT_NPROC as u32, Resource::Processes),
];

/// Errors: EINVAL.
fn resource(number: c_int) -> KResult<Resource> {
    let found = RESOURCES.iter().find(|(host, _)| *host as c_int == number);
    found.map(|(_, resource)| *resource).ok_or_else(|| Errno::EINVAL.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getrlimit(which: c_int, to: Place<rlimit>) -> c_int {
    call(|process| {
        let ResourceLimit { soft, hard } = process.getrlimit(resource(which)?)?;
        // What the host can say of no limit is the largest number.
        let host = |limit: u64| limit.min(libc::RLIM_INFINITY as u64) as libc::rlim_t;
        to.store(rlimit { rlim_cur: host(soft), rlim_max: host(hard) })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setrlimit(which: c_int, limit: Value<rlimit>) -> c_int {
    call(|process| {
        let which = resource(which)?;
        let limit = limit.read()?;
        let ours = |limit| match limit {
            libc::RLIM_INFINITY => ResourceLimit::INFINITY,
            limit => limit as u64,
        };
        process.setrlimit(which, ResourceLimit { soft: ours(limit.rlim_cur), hard: ours(limit.rlim_max) })
    })
}
