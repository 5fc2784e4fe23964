//! Who a process is: getpid(2), getuid(2), setuid(2), getgroups(2), setpgid(2) and their like.

use super::RemoteProcess;
use super::request::request;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::*;
use rump_kern::NGROUPS_MAX;
use rump_kpi::KResult;

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident $number:ident($($argument:ident: $kind:ty),*),)*) => {
        impl RemoteProcess {$(
            $(#[$meta])*
            pub fn $name(&self, $($argument: $kind),*) -> KResult<u32> {
                self.number(request($number)$(.with($argument))*)
            }
        )*}
    };
}

numbers! {
    /// As [`Process::pid`](rump_kern::Process::pid).
    pid GETPID(),
    /// As [`Process::getppid`](rump_kern::Process::getppid).
    getppid GETPPID(),
    /// As [`Process::getuid`](rump_kern::Process::getuid).
    getuid GETUID(),
    /// As [`Process::geteuid`](rump_kern::Process::geteuid).
    geteuid GETEUID(),
    /// As [`Process::getgid`](rump_kern::Process::getgid).
    getgid GETGID(),
    /// As [`Process::getegid`](rump_kern::Process::getegid).
    getegid GETEGID(),
    /// As [`Process::getpgrp`](rump_kern::Process::getpgrp).
    getpgrp GETPGRP(),
    /// As [`Process::getpgid`](rump_kern::Process::getpgid).
    getpgid GETPGID(pid: u32),
    /// As [`Process::getsid`](rump_kern::Process::getsid).
    getsid GETSID(pid: u32),
    /// As [`Process::setsid`](rump_kern::Process::setsid).
    setsid SETSID(),
}

macro_rules! changes {
    ($($(#[$meta:meta])* $name:ident $number:ident($($argument:ident: $kind:ty),*),)*) => {
        impl RemoteProcess {$(
            $(#[$meta])*
            pub fn $name(&self, $($argument: $kind),*) -> KResult<()> {
                self.run(request($number)$(.with($argument))*)
            }
        )*}
    };
}

changes! {
    /// As [`Process::setuid`](rump_kern::Process::setuid).
    setuid SETUID(uid: u32),
    /// As [`Process::seteuid`](rump_kern::Process::seteuid).
    seteuid SETEUID(uid: u32),
    /// As [`Process::setgid`](rump_kern::Process::setgid).
    setgid SETGID(gid: u32),
    /// As [`Process::setegid`](rump_kern::Process::setegid).
    setegid SETEGID(gid: u32),
    /// As [`Process::setreuid`](rump_kern::Process::setreuid).
    setreuid SETREUID(real: Option<u32>, effective: Option<u32>),
    /// As [`Process::setregid`](rump_kern::Process::setregid).
    setregid SETREGID(real: Option<u32>, effective: Option<u32>),
    /// As [`Process::setpgid`](rump_kern::Process::setpgid).
    setpgid SETPGID(pid: u32, group: u32),
}

impl RemoteProcess {
    /// As [`Process::issetugid`](rump_kern::Process::issetugid).
    pub fn issetugid(&self) -> KResult<bool> {
        self.number(request(ISSETUGID)).map(|number| number != 0)
    }

    /// As [`Process::getgroups`](rump_kern::Process::getgroups).
    pub fn getgroups(&self) -> KResult<Vec<u32>> {
        let mut bytes = vec![0; NGROUPS_MAX * u32::SIZE];
        let count = self.count(request(GETGROUPS).with(NGROUPS_MAX).write(&mut bytes), NGROUPS_MAX)?;
        Ok(bytes.chunks_exact(u32::SIZE).take(count).filter_map(u32::read).collect())
    }

    /// As [`Process::setgroups`](rump_kern::Process::setgroups).
    pub fn setgroups(&self, groups: &[u32]) -> KResult<()> {
        let bytes: Vec<u8> = groups.iter().flat_map(|group| group.to_bytes()).collect();
        self.run(request(SETGROUPS).with(groups.len()).read(&bytes))
    }
}
