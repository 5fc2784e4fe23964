//! Pipes and fifos: pipe(2), and what opening, reading and writing a fifo mean.

use crate::descriptors::{Object, OpenFile};
use crate::pipe::{Pipe, PipeEnd};
use crate::waiting::Sleeper;
use crate::{Fd, Process};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::{AccessMode, Errno, MessageFlags, OpenFlags};
use rump_kpi::{KError, KResult};
use rump_vfs::Vnode;

impl Process {
    /// Makes a pipe: what is written to the second descriptor is read from the first. Errors: ENXIO (halted), ESRCH
    /// (the process ended), EMFILE.
    pub fn pipe(&self) -> KResult<[Fd; 2]> {
        self.pipe2(OpenFlags::empty())
    }

    /// As [`Process::pipe`], with NONBLOCK and CLOEXEC. Errors: as [`Process::pipe`].
    pub fn pipe2(&self, flags: OpenFlags) -> KResult<[Fd; 2]> {
        self.check_alive()?;
        let (pipe, identity) = (Pipe::new(), self.new_identity());
        let end = |access| Object::Pipe(PipeEnd::new(pipe.clone(), access, identity, None));
        let ends = [AccessMode::Read, AccessMode::Write].map(|access| (end(access), access));
        self.enter_both(ends, flags)
    }

    /// Enters two files, or none. Errors: EMFILE.
    pub(crate) fn enter_both(&self, files: [(Object, AccessMode); 2], flags: OpenFlags) -> KResult<[Fd; 2]> {
        let [first, second] = files;
        let first = self.enter_file(first.0, first.1, flags)?;
        match self.enter_file(second.0, second.1, flags) {
            Ok(second) => Ok([first, second]),
            Err(error) => {
                self.close(first)?;
                Err(error)
            }
        }
    }

    /// Errors: ENXIO (nobody reads, and `flags` say not to block), ENXIO (halted), EINTR, EIO.
    pub(crate) fn open_fifo(
        &self,
        vnode: Arc<Vnode>,
        access: AccessMode,
        flags: OpenFlags,
    ) -> KResult<PipeEnd> {
        let pipe = self.shared().fifos.pipe(&vnode)?;
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        if nonblocking && access == AccessMode::Write && !pipe.has_reader() {
            return Err(KError::new(Errno::ENXIO, "nobody reads the fifo"));
        }
        let end = PipeEnd::new(pipe.clone(), access, self.new_identity(), Some(vnode));
        if !nonblocking && !end.is_answered() {
            let mut sleeper = Sleeper::new(self, None).restarted();
            sleeper.watch(pipe.waiters());
            while !end.is_answered() {
                sleeper.check()?;
                sleeper.sleep(None)?;
            }
        }
        Ok(end)
    }

    /// Errors: EAGAIN, those of [`Process::blocking`].
    pub(crate) fn read_pipe(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        end: &PipeEnd,
        parts: &mut [&mut [u8]],
    ) -> KResult<usize> {
        if file.is_nonblocking() {
            return end.read(parts);
        }
        self.blocking(fd, file, None, || end.read(parts))
    }

    /// Blocks until everything is written; raises SIGPIPE with EPIPE. Errors: EPIPE, EAGAIN, those of [`Process::blocking`].
    pub(crate) fn write_pipe(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        end: &PipeEnd,
        parts: &[&[u8]],
    ) -> KResult<usize> {
        if file.is_nonblocking() {
            let written = end.write(parts);
            self.post_broken_pipe(file, &written, MessageFlags::empty());
            return written;
        }
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut written = 0;
        let all = self.blocking(fd, file, None, || {
            loop {
                written += end.write(&after(parts, written))?;
                if written == length {
                    return Ok(());
                }
            }
        });
        self.post_broken_pipe(file, &all, MessageFlags::empty());
        match all {
            Err(error) if written == 0 => Err(error),
            _ => Ok(written),
        }
    }
}

/// What remains of `parts` after `skip` bytes.
pub(crate) fn after<'a>(parts: &[&'a [u8]], mut skip: usize) -> Vec<&'a [u8]> {
    let mut left = Vec::with_capacity(parts.len());
    for part in parts {
        let from = skip.min(part.len());
        skip -= from;
        if from < part.len() {
            left.push(&part[from..]);
        }
    }
    left
}
