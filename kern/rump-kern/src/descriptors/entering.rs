//! Entering and closing what a process has open.

use super::{Descriptor, Identity, Object, OpenFile};
use crate::{Fd, Process};
use alloc::sync::Arc;
use rump_abi::{AccessMode, OpenFlags};
use rump_kpi::KResult;
use rump_kpi::socket::Caller;

impl Process {
    /// Enters what was opened. Errors: EMFILE.
    pub(crate) fn enter_file(&self, object: Object, access: AccessMode, flags: OpenFlags) -> KResult<Fd> {
        self.enter_open_file(OpenFile::new(object, access, flags), flags)
    }

    /// As [`Process::enter_file`], of an open file.
    pub(crate) fn enter_open_file(&self, file: Arc<OpenFile>, flags: OpenFlags) -> KResult<Fd> {
        let cloexec = flags.contains(OpenFlags::CLOEXEC);
        // What finds no place is dropped without the lock.
        let kept = file.clone();
        let entered = self.descriptors().write().insert(0, Descriptor { file, cloexec });
        drop(kept);
        entered
    }

    /// Ends the use of what was at a descriptor: calls that block on it look again.
    pub(crate) fn close_file(&self, file: Arc<OpenFile>) {
        let is_socket = file.socket().is_ok();
        if let Some(waiters) = file.object.waiters() {
            waiters.wake();
        }
        self.after_close(&file);
        drop(file);
        if is_socket {
            self.shared().rights.after_close();
        }
    }

    /// On whose behalf families of protocols act.
    pub(crate) fn caller(&self) -> Caller {
        let cred = self.cred();
        Caller { pid: self.pid(), uid: cred.uid, gid: cred.gid }
    }

    /// What a new socket, pipe or queue is known by.
    pub(crate) fn new_identity(&self) -> Identity {
        let cred = self.cred();
        let (number, made) = (self.shared().new_number(), self.shared().clock.now());
        Identity { number, uid: cred.uid, gid: cred.gid, made }
    }
}
