//! Semaphores: the calls beneath sem_init(3) and sem_open(3), `_ksem_*`.

use super::clock::moment;
use crate::Process;
use crate::clock::Moment;
use crate::semaphore::{Semaphore, SemaphoreOpen};
use alloc::sync::Arc;
use rump_abi::{ClockId, Errno, Mode, OpenFlags, TimeSpec};
use rump_kpi::KResult;

/// A semaphore of a process, or one that all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SemaphoreId(pub u32);

/// Who can use a semaphore without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The process, and those that are forked from it.
    Private,
    /// Every process that knows the number, as long as the one that made it is there.
    Shared,
}

impl Process {
    /// Makes a semaphore. Errors: ENXIO (halted), ESRCH (the process ended), EINVAL (more than
    /// [`SEM_VALUE_MAX`](crate::SEM_VALUE_MAX)), ENOSPC, EMFILE, EIO (no random bytes).
    pub fn ksem_init(&self, value: u32, sharing: Sharing) -> KResult<SemaphoreId> {
        self.check_alive()?;
        let shared = self.shared();
        let number = match sharing {
            Sharing::Private => self.open_semaphores().create(value, &shared.semaphores)?,
            Sharing::Shared => shared.semaphores.share(value, self.pid(), self.cred().uid, &*shared.host)?,
        };
        Ok(SemaphoreId(number))
    }

    /// Opens a named semaphore; with CREAT, makes it with what the umask leaves of `mode`, and with `value`, if it is not
    /// there.
    ///
    /// Errors: ENXIO (halted), ESRCH (the process ended), EINVAL (other flags than CREAT and EXCL, or a name that is no
    /// slash and a component), ENAMETOOLONG, EEXIST (EXCL), EACCES (no permission to write), ENOENT, EINVAL (the value),
    /// ENOSPC, EMFILE.
    pub fn ksem_open(
        &self,
        name: impl AsRef<[u8]>,
        flags: OpenFlags,
        mode: Mode,
        value: u32,
    ) -> KResult<SemaphoreId> {
        self.check_alive()?;
        let open = SemaphoreOpen { name: name.as_ref(), flags, mode: self.masked(mode), value };
        let semaphore = self.shared().semaphores.open(&open, &self.cred())?;
        self.open_semaphores().enter(semaphore).map(SemaphoreId)
    }

    /// Closes a named semaphore. Errors: ENXIO (halted), EINVAL (none, or without a name).
    pub fn ksem_close(&self, semaphore: SemaphoreId) -> KResult<()> {
        self.shared().check_running()?;
        self.open_semaphores().close(semaphore.0)
    }

    /// Takes a name away; who has the semaphore open keeps it. Errors: ENXIO (halted), EINVAL, ENAMETOOLONG, ENOENT, EACCES
    /// (no permission to write).
    pub fn ksem_unlink(&self, name: impl AsRef<[u8]>) -> KResult<()> {
        self.shared().check_running()?;
        self.shared().semaphores.unlink(name.as_ref(), &self.cred())
    }

    /// Counts up. Errors: ENXIO (halted), EINVAL (no such semaphore), EOVERFLOW.
    pub fn ksem_post(&self, semaphore: SemaphoreId) -> KResult<()> {
        self.semaphore(semaphore)?.post()
    }

    /// Counts down, once it is not zero. Errors: ENXIO (halted), EINVAL (no such semaphore, or it was destroyed meanwhile),
    /// EINTR.
    pub fn ksem_wait(&self, semaphore: SemaphoreId) -> KResult<()> {
        let semaphore = self.semaphore(semaphore)?;
        match semaphore.try_wait() {
            Err(error) if error.errno == Errno::EAGAIN => self.wait_for_semaphore(&semaphore, None),
            done => done,
        }
    }

    /// Counts down, if it is not zero. Errors: ENXIO (halted), EINVAL (no such semaphore), EAGAIN.
    pub fn ksem_trywait(&self, semaphore: SemaphoreId) -> KResult<()> {
        self.semaphore(semaphore)?.try_wait()
    }

    /// As [`Process::ksem_wait`], until the clock of real time tells `until` at most.
    ///
    /// Errors: ENXIO (halted), EINVAL (no such semaphore, or it was destroyed meanwhile), EINVAL (nanoseconds that are not
    /// of one second; not if it need not wait), EINTR, ETIMEDOUT.
    pub fn ksem_timedwait(&self, semaphore: SemaphoreId, until: TimeSpec) -> KResult<()> {
        let semaphore = self.semaphore(semaphore)?;
        match semaphore.try_wait() {
            Err(error) if error.errno == Errno::EAGAIN => {
                self.wait_for_semaphore(&semaphore, Some(moment(ClockId::Realtime, until)?))
            }
            done => done,
        }
    }

    /// What it counts. Errors: ENXIO (halted), EINVAL (no such semaphore).
    pub fn ksem_getvalue(&self, semaphore: SemaphoreId) -> KResult<u32> {
        Ok(self.semaphore(semaphore)?.value())
    }

    /// Destroys a semaphore without a name. Errors: ENXIO (halted), EINVAL (none, or with a name), EPERM (another user's),
    /// EBUSY (somebody waits).
    pub fn ksem_destroy(&self, semaphore: SemaphoreId) -> KResult<()> {
        self.shared().check_running()?;
        self.open_semaphores().destroy(semaphore.0, &self.shared().semaphores, &self.cred())
    }

    /// Errors: ENXIO (halted), EINVAL.
    fn semaphore(&self, semaphore: SemaphoreId) -> KResult<Arc<Semaphore>> {
        self.shared().check_running()?;
        self.open_semaphores().find(semaphore.0, &self.shared().semaphores)
    }

    /// Errors: ENXIO (halted), EINVAL, EINTR, ETIMEDOUT.
    fn wait_for_semaphore(&self, semaphore: &Semaphore, until: Option<Moment>) -> KResult<()> {
        let _waiting = semaphore.enter();
        let answer = self.wait_until(until, Some(semaphore.waiters()), || match semaphore.try_wait() {
            Err(error) if error.errno == Errno::EAGAIN => None,
            done => Some(done),
        })?;
        answer.unwrap_or_else(|| Err(Errno::ETIMEDOUT.into()))
    }
}
