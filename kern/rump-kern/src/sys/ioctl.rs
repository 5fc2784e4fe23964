//! Requests to sockets, pipes and files: ioctl(2).

use crate::descriptors::Object;
use crate::{Fd, Process};
use rump_abi::{Errno, OpenFlags};
use rump_kpi::KResult;

/// Requests of `ioctl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ioctl {
    /// `FIONREAD`: how many bytes can be read.
    Readable,
    /// `FIONSPACE`: how many bytes can be written.
    Space,
    /// `SIOCATMARK`: one, if reading has come to urgent data.
    AtMark,
    /// `FIONBIO`: changes whether calls block.
    SetNonblocking {
        /// They do not.
        nonblocking: bool,
    },
}

impl Process {
    /// Does a request. Errors: EBADF, ENOTTY (not for such a file), EIO.
    pub fn ioctl(&self, fd: Fd, request: Ioctl) -> KResult<usize> {
        let file = self.file(fd)?;
        match (request, &file.object) {
            (Ioctl::Readable, Object::Vnode(vnode)) => {
                let left = vnode.stat()?.size.saturating_sub(*file.offset.lock());
                Ok(usize::try_from(left).unwrap_or(usize::MAX))
            }
            (Ioctl::Readable, object) => Ok(object.amounts()?.to_receive),
            (Ioctl::AtMark, Object::Socket(file)) => Ok(file.socket.is_at_mark()?.into()),
            (Ioctl::AtMark, _) => Err(Errno::ENOTTY.into()),
            (Ioctl::Space, object) => Ok(object.amounts()?.to_send),
            (Ioctl::SetNonblocking { nonblocking }, _) => {
                let mut status = file.status();
                status.set(OpenFlags::NONBLOCK, nonblocking);
                file.set_status(status);
                Ok(0)
            }
        }
    }
}
