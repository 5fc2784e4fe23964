//! The processes of a kernel: their numbers, groups and sessions.
//!
//! Reference: POSIX.1-2017 3.293 (process group), 3.343 (session). A process is in its group until it ends; its number,
//! and that of a group or session with members, is nobody else's. The table's lock is a leaf, and no process is
//! dropped while it is held.

use crate::process::WeakProcess;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_kpi::sync::Mutex;
use rump_kpi::{KError, KResult, WaitQueue};

/// The largest number of a process: they are signed in C.
const PID_MAX: u32 = i32::MAX as u32;

/// See the module.
#[derive(Default)]
pub(crate) struct Processes(Mutex<Table>);

#[derive(Default)]
struct Table {
    last: u32,
    all: BTreeMap<u32, Entry>,
    groups: BTreeMap<u32, Group>,
    /// How many groups each session has.
    sessions: BTreeMap<u32, u32>,
}

struct Entry {
    process: WeakProcess,
    /// Where its calls block.
    sleepers: Arc<WaitQueue>,
    /// None once it ended.
    group: Option<u32>,
}

struct Group {
    session: u32,
    members: u32,
}

/// What group a new process is in.
#[derive(Clone, Copy)]
pub(crate) enum Beginning {
    /// One of its own, in a session of its own.
    Alone,
    /// That of this process.
    With(u32),
}

impl Processes {
    /// Numbers a process.
    pub(crate) fn enter(&self, process: WeakProcess, sleepers: &Arc<WaitQueue>, beginning: Beginning) -> u32 {
        let mut table = self.0.lock();
        let pid = table.free_number();
        table.last = pid;
        table.all.insert(pid, Entry { process, sleepers: sleepers.clone(), group: None });
        match beginning {
            Beginning::Alone => table.join(pid, pid, pid),
            Beginning::With(other) => {
                if let Ok((group, session)) = table.place_of(other) {
                    table.join(pid, group, session);
                }
            }
        }
        pid
    }

    /// A process ended: it is in no group any more.
    pub(crate) fn end(&self, pid: u32) {
        self.0.lock().leave(pid);
    }

    /// Nobody has a process any more: its number is free.
    pub(crate) fn forget(&self, pid: u32) {
        let mut table = self.0.lock();
        table.leave(pid);
        let entry = table.all.remove(&pid);
        drop(table);
        drop(entry);
    }

    /// Where the calls of all processes block.
    pub(crate) fn sleepers(&self) -> Vec<Arc<WaitQueue>> {
        self.0.lock().all.values().map(|entry| entry.sleepers.clone()).collect()
    }

    /// All, in the order of their numbers, perhaps with some that ended.
    pub(crate) fn all(&self) -> Vec<WeakProcess> {
        self.0.lock().all.values().map(|entry| entry.process.clone()).collect()
    }

    /// The process with this number, perhaps one that ended. Errors: ESRCH.
    pub(crate) fn find(&self, pid: u32) -> KResult<WeakProcess> {
        let table = self.0.lock();
        Ok(table.all.get(&pid).ok_or(Errno::ESRCH)?.process.clone())
    }

    /// Group and session of a process. Errors: ESRCH.
    pub(crate) fn place_of(&self, pid: u32) -> KResult<(u32, u32)> {
        self.0.lock().place_of(pid)
    }

    /// Moves a process to a group of the session that `caller` is in, which is made if it has the number of the process.
    /// Errors: ESRCH, EPERM (it leads a session, or is in another one, or there is no such group in this one).
    pub(crate) fn set_group(&self, caller: u32, pid: u32, group: u32) -> KResult<()> {
        let mut table = self.0.lock();
        let (_, session) = table.place_of(caller)?;
        let (_, session_now) = table.place_of(pid)?;
        if session_now == pid || session_now != session {
            return Err(Errno::EPERM.into());
        }
        let is_there = table.groups.get(&group).is_some_and(|group| group.session == session);
        if group != pid && !is_there {
            return Err(KError::new(Errno::EPERM, "the session has no such process group"));
        }
        table.leave(pid);
        table.join(pid, group, session);
        Ok(())
    }

    /// Lets a process begin a session. Errors: ESRCH, EPERM (there is a group with its number).
    pub(crate) fn begin_session(&self, pid: u32) -> KResult<()> {
        let mut table = self.0.lock();
        table.place_of(pid)?;
        if table.groups.contains_key(&pid) {
            return Err(KError::new(Errno::EPERM, "a process group has the number of the process"));
        }
        table.leave(pid);
        table.join(pid, pid, pid);
        Ok(())
    }
}

impl Table {
    fn free_number(&self) -> u32 {
        let mut number = self.last;
        loop {
            number = if number >= PID_MAX { 1 } else { number + 1 };
            let is_taken = self.all.contains_key(&number)
                || self.groups.contains_key(&number)
                || self.sessions.contains_key(&number);
            if !is_taken {
                return number;
            }
        }
    }

    fn place_of(&self, pid: u32) -> KResult<(u32, u32)> {
        let group = self.all.get(&pid).and_then(|entry| entry.group).ok_or(Errno::ESRCH)?;
        Ok((group, self.groups.get(&group).ok_or(Errno::ESRCH)?.session))
    }

    fn join(&mut self, pid: u32, group: u32, session: u32) {
        let Some(entry) = self.all.get_mut(&pid) else { return };
        entry.group = Some(group);
        self.groups
            .entry(group)
            .or_insert_with(|| {
                *self.sessions.entry(session).or_default() += 1;
                Group { session, members: 0 }
            })
            .members += 1;
    }

    fn leave(&mut self, pid: u32) {
        let Some(number) = self.all.get_mut(&pid).and_then(|entry| entry.group.take()) else { return };
        let Some(group) = self.groups.get_mut(&number) else { return };
        group.members -= 1;
        if group.members != 0 {
            return;
        }
        let session = group.session;
        self.groups.remove(&number);
        if let Some(groups) = self.sessions.get_mut(&session) {
            *groups -= 1;
            if *groups == 0 {
                self.sessions.remove(&session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_free_again_once_neither_process_nor_group_nor_session_has_it() {
        let (processes, sleepers) = (Processes::default(), Arc::default());
        let enter = |beginning| processes.enter(WeakProcess::default(), &sleepers, beginning);
        let rewind = || processes.0.lock().last = 0;
        let leader = enter(Beginning::Alone);
        let (member, other) = (enter(Beginning::With(leader)), enter(Beginning::With(leader)));
        assert_eq!([leader, member, other], [1, 2, 3]);
        processes.set_group(leader, member, member).unwrap();
        processes.set_group(leader, other, member).unwrap();
        processes.forget(leader);
        processes.forget(member);
        rewind();
        // Number one is that of the session, two that of the group of the third.
        assert_eq!(enter(Beginning::With(other)), 4);
        assert_eq!(processes.place_of(4).unwrap(), (2, 1));
        processes.forget(other);
        processes.forget(4);
        rewind();
        assert_eq!([enter(Beginning::Alone), enter(Beginning::Alone)], [1, 2]);
    }

    #[test]
    fn numbers_begin_anew_behind_the_largest() {
        let (processes, sleepers) = (Processes::default(), Arc::default());
        let enter = || processes.enter(WeakProcess::default(), &sleepers, Beginning::Alone);
        assert_eq!(enter(), 1);
        processes.0.lock().last = PID_MAX - 1;
        assert_eq!([enter(), enter()], [PID_MAX, 2]);
    }
}
