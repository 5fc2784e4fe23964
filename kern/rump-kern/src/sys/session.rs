//! Names of processes, their parents, groups and sessions: getppid(2), setpgid(2), setsid(2).
//!
//! Reference: POSIX.1-2017. Nothing here executes programs, so the EACCES of setpgid, for a child that did, never comes.

use crate::Process;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_kpi::KResult;

impl Process {
    /// The process with this number. Errors: ESRCH (there is none, or it ended).
    pub fn find(&self, pid: u32) -> KResult<Process> {
        let found = self.shared().processes.find(pid)?.upgrade()?;
        if found.has_ended() { Err(Errno::ESRCH.into()) } else { Ok(found) }
    }

    /// All processes that have not ended, this one among them, in the order of their numbers.
    pub(crate) fn others(&self) -> Vec<Process> {
        let all = self.shared().processes.all().into_iter();
        all.filter_map(|process| process.upgrade().ok()).filter(|process| !process.has_ended()).collect()
    }

    /// The number of the parent; 1 once that has ended; 0 of the first process.
    pub fn getppid(&self) -> u32 {
        match self.parent() {
            Some(parent) => parent.pid(),
            None if self.pid() == 1 => 0,
            None => 1,
        }
    }

    /// The process group. Errors: ESRCH (it ended).
    pub fn getpgrp(&self) -> KResult<u32> {
        Ok(self.shared().processes.place_of(self.pid())?.0)
    }

    /// The process group of a process; zero means this one. Errors: ESRCH.
    pub fn getpgid(&self, pid: u32) -> KResult<u32> {
        Ok(self.shared().processes.place_of(self.this_or(pid))?.0)
    }

    /// The session of a process, which is the number of its leader; zero means this process. Errors: ESRCH.
    pub fn getsid(&self, pid: u32) -> KResult<u32> {
        Ok(self.shared().processes.place_of(self.this_or(pid))?.1)
    }

    /// Moves a process, this one (zero means it) or a child, to a process group of its session; zero, or its own number,
    /// begins one. Errors: EINVAL (no number of a group), ESRCH (another process), EPERM (it leads a session, is in
    /// another one, or the session has no such group).
    pub fn setpgid(&self, pid: u32, group: u32) -> KResult<()> {
        if group > i32::MAX as u32 {
            return Err(Errno::EINVAL.into());
        }
        let pid = self.this_or(pid);
        if pid != self.pid() && self.find(pid)?.getppid() != self.pid() {
            return Err(Errno::ESRCH.into());
        }
        let group = if group == 0 { pid } else { group };
        self.shared().processes.set_group(self.pid(), pid, group)
    }

    /// Begins a session and a process group, which this process leads; answers its number. Errors: EPERM (there is a
    /// process group with the number of this process), ESRCH (it ended).
    pub fn setsid(&self) -> KResult<u32> {
        self.shared().processes.begin_session(self.pid())?;
        Ok(self.pid())
    }

    fn this_or(&self, pid: u32) -> u32 {
        if pid == 0 { self.pid() } else { pid }
    }
}
