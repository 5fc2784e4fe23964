//! Advisory locks: flock(2), `F_GETLK`, `F_SETLK` and `F_SETLKW` of fcntl(2).

use crate::descriptors::OpenFile;
use crate::locks::{Asked, FileKey, Held, LockKind, OfFile, Owner, Range};
use crate::waiting::Sleeper;
use crate::{Fd, Process, Whence};
use alloc::sync::Arc;
use rump_abi::{Errno, OpenFlags};
use rump_kpi::KResult;

/// A part of a file, as `struct flock` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRange {
    /// What `start` counts from: [`Whence::Set`], [`Whence::Cur`] or [`Whence::End`].
    pub whence: Whence,
    /// Where it begins.
    pub start: i64,
    /// How many bytes; zero means all there will ever be; if negative, those before `start`.
    pub length: i64,
}

impl LockRange {
    /// All of a file.
    pub const ALL: Self = Self { whence: Whence::Set, start: 0, length: 0 };
}

/// A lock that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockHeld {
    /// How it is locked.
    pub kind: LockKind,
    /// The first byte.
    pub start: u64,
    /// How many bytes; zero means all there will ever be.
    pub length: u64,
    /// The process; none of a lock of [`Process::flock`].
    pub pid: Option<u32>,
}

/// What to do when another lock is in the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Never,
    UntilFree,
}

impl Process {
    /// Locks an open file, or unlocks it (`None`); waits for locks that are in the way. Whoever has the open file, by `dup`
    /// or `fork`, has its lock. A lock of the other kind is given up before the call waits.
    ///
    /// Errors: EBADF, EOPNOTSUPP (no file of a file system), ENOLCK, EINTR, ENXIO (halted), EBADF (closed meanwhile).
    pub fn flock(&self, fd: Fd, kind: Option<LockKind>) -> KResult<()> {
        let file = self.file(fd)?;
        self.lock_file(Some(fd), &file, kind, Wait::UntilFree)
    }

    /// As [`Process::flock`] without waiting (`LOCK_NB`); the lock stays as it is if another is in the way. Errors:
    /// EAGAIN (one is), as [`Process::flock`].
    pub fn try_flock(&self, fd: Fd, kind: Option<LockKind>) -> KResult<()> {
        let file = self.file(fd)?;
        self.lock_file(Some(fd), &file, kind, Wait::Never)
    }

    /// The lock that is in the way of another; none if nothing is (`F_GETLK`). Errors: EBADF, EINVAL (no file of a file
    /// system, the range begins before the file, or another `whence`), EOVERFLOW.
    pub fn getlk(&self, fd: Fd, kind: LockKind, range: LockRange) -> KResult<Option<LockHeld>> {
        let file = self.file(fd)?;
        let (key, range) = (FileKey::of(file.vnode()?), range_in(&file, range)?);
        let conflict = self.shared().locks.conflict(key, Held { owner: self.as_owner(), range, kind });
        Ok(conflict.map(|Held { owner, range, kind }| LockHeld {
            kind,
            start: range.first,
            length: if range.last == Range::END { 0 } else { range.last - range.first + 1 },
            pid: match owner {
                Owner::Process { pid, .. } => Some(pid),
                Owner::File(_) => None,
            },
        }))
    }

    /// Locks a part of a file for this process, or unlocks it (`None`), if no other lock is in the way (`F_SETLK`). The
    /// locks of a file go with the first descriptor of the file that the process closes.
    ///
    /// Errors: EBADF, EINVAL and EOVERFLOW (as [`Process::getlk`]), EBADF (a shared lock of a file that is not open for
    /// reading, an exclusive one of a file that is not open for writing), EAGAIN (one is), ENOLCK.
    pub fn setlk(&self, fd: Fd, kind: Option<LockKind>, range: LockRange) -> KResult<()> {
        self.lock_range(fd, kind, range, Wait::Never)
    }

    /// As [`Process::setlk`], and waits for locks that are in the way (`F_SETLKW`). Errors: as there; EDEADLK (whoever
    /// has such a lock waits for one of this process), EINTR, ENXIO (halted), EBADF (closed meanwhile).
    pub fn setlkw(&self, fd: Fd, kind: Option<LockKind>, range: LockRange) -> KResult<()> {
        self.lock_range(fd, kind, range, Wait::UntilFree)
    }

    fn lock_range(&self, fd: Fd, kind: Option<LockKind>, range: LockRange, wait: Wait) -> KResult<()> {
        let file = self.file(fd)?;
        let (key, range) = (FileKey::of(file.vnode()?), range_in(&file, range)?);
        let is_open_for_it = match kind {
            Some(LockKind::Shared) => file.access.reads(),
            Some(LockKind::Exclusive) => file.access.writes(),
            None => true,
        };
        if !is_open_for_it {
            return Err(Errno::EBADF.into());
        }
        let owner = self.as_owner();
        let Some(kind) = kind else { return self.shared().locks.unlock(key, owner, range) };
        self.note_locks();
        let locked = self.lock(Some(fd), &file, key, Held { owner, range, kind }, wait);
        // Who closed it meanwhile could not take this lock away.
        if let Err(closed) = locked.and_then(|()| self.check_still(fd, &file)) {
            if closed.errno == Errno::EBADF {
                self.shared().locks.unlock(key, owner, range)?;
            }
            return Err(closed);
        }
        Ok(())
    }

    /// Locks what `open` opened, as its flags ask: it waits unless they contain NONBLOCK. Errors: those of
    /// [`Process::flock`], EAGAIN.
    pub(crate) fn lock_opened(&self, file: &Arc<OpenFile>, flags: OpenFlags) -> KResult<()> {
        let kind = match (flags.contains(OpenFlags::SHLOCK), flags.contains(OpenFlags::EXLOCK)) {
            (false, false) => return Ok(()),
            (true, _) => LockKind::Shared,
            (false, true) => LockKind::Exclusive,
        };
        let wait = if flags.contains(OpenFlags::NONBLOCK) { Wait::Never } else { Wait::UntilFree };
        self.lock_file(None, file, Some(kind), wait)
    }

    fn lock_file(
        &self,
        fd: Option<Fd>,
        file: &Arc<OpenFile>,
        kind: Option<LockKind>,
        wait: Wait,
    ) -> KResult<()> {
        let key = FileKey::of(file.vnode_or(Errno::EOPNOTSUPP)?);
        let owner = Owner::File(Arc::as_ptr(file) as usize);
        let locks = &self.shared().locks;
        let Some(kind) = kind else { return locks.unlock(key, owner, Range::ALL) };
        // Before it is there: what goes with the file is taken away with it.
        file.note_locks(|| OfFile { locks: locks.clone(), key, owner });
        self.lock(fd, file, key, Held { owner, range: Range::ALL, kind }, wait)
    }

    /// Errors: EAGAIN (unless it waits), ENOLCK, EDEADLK, EINTR, ENXIO (halted), EBADF (`fd` was closed meanwhile).
    fn lock(
        &self,
        fd: Option<Fd>,
        file: &Arc<OpenFile>,
        key: FileKey,
        wanted: Held,
        wait: Wait,
    ) -> KResult<()> {
        let locks = &self.shared().locks;
        let Asked::Conflict(mut waiters) = locks.lock(key, wanted)? else { return Ok(()) };
        if wait == Wait::Never {
            return Err(Errno::EAGAIN.into());
        }
        if let Owner::File(_) = wanted.owner {
            locks.unlock(key, wanted.owner, Range::ALL)?;
        }
        let mut sleeper = Sleeper::new(self, None).restarted();
        sleeper.watch(&waiters);
        loop {
            if let Some(fd) = fd {
                self.check_still(fd, file)?;
            }
            sleeper.check()?;
            let Asked::Conflict(now) = locks.lock(key, wanted)? else { return Ok(()) };
            if !Arc::ptr_eq(&now, &waiters) {
                waiters = now;
                sleeper.forget();
                sleeper.watch(&waiters);
                continue;
            }
            let _waiting = match wanted.owner {
                Owner::Process { pid, .. } => Some(locks.begin_waiting(pid, key, wanted)?),
                Owner::File(_) => None,
            };
            sleeper.sleep(None)?;
        }
    }
}

/// Errors: EINVAL (it begins before the file, or another `whence`), EOVERFLOW.
fn range_in(file: &OpenFile, range: LockRange) -> KResult<Range> {
    let base = match range.whence {
        Whence::Set => 0,
        Whence::Cur => *file.offset.lock(),
        Whence::End => file.vnode()?.node()?.attr()?.size,
        Whence::Data | Whence::Hole => return Err(Errno::EINVAL.into()),
    };
    let start = i128::from(base) + i128::from(range.start);
    let end = i128::from(Range::END);
    let (first, last) = match i128::from(range.length) {
        0 => (start, end),
        length if length > 0 => (start, start + length - 1),
        length => (start + length, start - 1),
    };
    if first > end || last > end {
        return Err(Errno::EOVERFLOW.into());
    }
    let first = u64::try_from(first).map_err(|_| Errno::EINVAL)?;
    let last = u64::try_from(last).map_err(|_| Errno::EINVAL)?;
    Ok(Range { first, last })
}
