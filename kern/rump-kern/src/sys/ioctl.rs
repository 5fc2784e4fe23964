//! Requests to sockets, pipes, devices and files: ioctl(2).

use crate::descriptors::Object;
use crate::{Fd, Process};
use rump_abi::netbsd::fcntl::{FIOSEEKDATA, FIOSEEKHOLE};
use rump_abi::{Errno, OpenFlags};
use rump_kpi::KResult;
use rump_kpi::character::{Argument, request};

const FIONREAD: u32 = request::reads(b'f', 127, 4);
const FIONBIO: u32 = request::writes(b'f', 126, 4);
const FIONSPACE: u32 = request::reads(b'f', 120, 4);
const SIOCATMARK: u32 = request::reads(b's', 7, 4);

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

    /// Does a request by its number, with a structure of NetBSD's on amd64 as the argument, which holds the answer then: one of
    /// [`Ioctl`], `FIOSEEKDATA` or `FIOSEEKHOLE` of a file, or one of a device, where what the structure points to stands behind
    /// it in the argument.
    ///
    /// Errors: EBADF, EINVAL (the argument is too short), ENOTTY (not for such a file), ENXIO (an offset beyond the end), those of
    /// the device.
    pub fn ioctl_by_number(&self, fd: Fd, request: u32, argument: &mut [u8]) -> KResult<()> {
        let file = self.file(fd)?;
        let mut place = Argument(argument);
        let known = match request {
            FIONREAD => Ioctl::Readable,
            FIONSPACE => Ioctl::Space,
            SIOCATMARK => Ioctl::AtMark,
            FIONBIO => Ioctl::SetNonblocking { nonblocking: place.u32(0)? != 0 },
            _ => match &file.object {
                Object::Vnode(vnode) if matches!(request, FIOSEEKDATA | FIOSEEKHOLE) => {
                    let node = vnode.node()?;
                    let from = i64::from_le_bytes(place.bytes(0)?);
                    let from = u64::try_from(from).map_err(|_| Errno::ENXIO)?;
                    let found =
                        if request == FIOSEEKDATA { node.seek_data(from)? } else { node.seek_hole(from)? };
                    return place.put(0, &found.to_le_bytes());
                }
                Object::Device(device) => return device.file.ioctl(request, argument),
                _ => return Err(Errno::ENOTTY.into()),
            },
        };
        let answer = self.ioctl(fd, known)?;
        match known {
            Ioctl::SetNonblocking { .. } => Ok(()),
            _ => place.put_u32(0, answer.min(i32::MAX as usize) as u32),
        }
    }
}
