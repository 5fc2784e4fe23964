//! The end of a program.

use crate::end::{End, Kind};
use crate::request::*;
use alloc::string::String;
use alloc::sync::Arc;
use bytes::Bytes;
use core::sync::atomic::{AtomicBool, Ordering};
use rump_kpi::character::{Argument, DeviceFile, Interfaces, Patience};
use rump_kpi::socket::Amounts;
use rump_kpi::{Errno, KResult, PollEvents, WaitQueue};

/// Bytes of the name in `struct ifreq`, with the zero that ends it.
const IFNAMSIZ: usize = 16;
/// Families of addresses in what a `tun` has before its packets.
const AF_INET: [u8; HEAD_BYTES] = [0, 0, 0, 2];
const AF_INET6: [u8; HEAD_BYTES] = [0, 0, 0, 24];
const HEAD_BYTES: usize = 4;

/// See the module.
pub(crate) struct File {
    end: Arc<End>,
    name: String,
    /// Packets have their family before them.
    has_head: AtomicBool,
}

impl File {
    pub(crate) fn new(end: Arc<End>, name: String) -> Self {
        Self { end, name, has_head: AtomicBool::new(false) }
    }

    fn is_tun(&self) -> bool {
        self.end.kind() == Kind::Packets
    }

    fn has_head(&self) -> bool {
        self.has_head.load(Ordering::Relaxed)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.end.give_back();
    }
}

/// The family of a packet of IP. Errors: EAFNOSUPPORT.
fn family_of(first: u8) -> KResult<[u8; HEAD_BYTES]> {
    match first >> 4 {
        4 => Ok(AF_INET),
        6 => Ok(AF_INET6),
        _ => Err(Errno::EAFNOSUPPORT.into()),
    }
}

impl DeviceFile for File {
    /// One frame; what there is no room for is lost. Errors: EAGAIN, ENXIO (the interface is gone).
    fn read(&self, parts: &mut [&mut [u8]], _patience: Patience) -> KResult<usize> {
        let mut packet = self.end.next()?;
        if self.has_head() {
            let family = family_of(packet.first(1).map_or(0, |first| first[0]))?;
            packet.prepend(HEAD_BYTES).copy_from_slice(&family);
        }
        let bytes = packet.to_vec();
        let mut left = &bytes[..];
        for part in parts {
            let (now, later) = left.split_at(part.len().min(left.len()));
            part[..now.len()].copy_from_slice(now);
            left = later;
        }
        Ok(bytes.len() - left.len())
    }

    /// One frame. Errors: EINVAL (too short), EAFNOSUPPORT (neither IPv4 nor IPv6), EMSGSIZE, ENXIO (the interface is gone).
    fn write(&self, parts: &[&[u8]]) -> KResult<usize> {
        let mut frame = Bytes::from(parts.concat());
        let length = frame.len();
        if self.is_tun() {
            let said = if self.has_head() {
                let head = frame.get(..HEAD_BYTES).ok_or(Errno::EINVAL)?;
                Some(<[u8; HEAD_BYTES]>::try_from(head).map_err(|_| Errno::EINVAL)?)
            } else {
                None
            };
            frame = frame.slice(said.map_or(0, |_| HEAD_BYTES)..);
            let family = family_of(*frame.first().ok_or(Errno::EINVAL)?)?;
            if said.is_some_and(|said| said != family) {
                return Err(Errno::EAFNOSUPPORT.into());
            }
        }
        self.end.receive(frame)?;
        Ok(length)
    }

    fn ioctl(&self, request: u32, argument: &mut [u8]) -> KResult<()> {
        let mut argument = Argument(argument);
        match request {
            TAPGIFNAME if !self.is_tun() => {
                let mut name = [0; IFNAMSIZ];
                let length = self.name.len().min(IFNAMSIZ - 1);
                name[..length].copy_from_slice(&self.name.as_bytes()[..length]);
                argument.put(0, &name)
            }
            TUNGIFHEAD if self.is_tun() => argument.put_u32(0, self.has_head().into()),
            TUNSIFHEAD if self.is_tun() => {
                self.has_head.store(argument.u32(0)? != 0, Ordering::Relaxed);
                Ok(())
            }
            TUNSLMODE if self.is_tun() => match argument.u32(0)? {
                0 => Ok(()),
                _ => Err(Errno::EINVAL.into()),
            },
            TUNSIFMODE if self.is_tun() => match argument.u32(0)? & !IFF_MULTICAST {
                IFF_POINTOPOINT | IFF_BROADCAST => Ok(()),
                _ => Err(Errno::EINVAL.into()),
            },
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    fn ready(&self) -> PollEvents {
        self.end.ready()
    }

    fn amounts(&self) -> Amounts {
        let head = if self.has_head() { HEAD_BYTES } else { 0 };
        let to_receive = match self.end.first_length() {
            0 => 0,
            length => length + head,
        };
        Amounts { to_receive, to_send: 0 }
    }

    fn waiters(&self) -> Option<&Arc<WaitQueue>> {
        Some(self.end.waiters())
    }
}

/// A file whose interface is gone when it is closed.
pub(crate) struct Cloned {
    file: Arc<dyn DeviceFile>,
    interfaces: Arc<dyn Interfaces>,
    number: u32,
}

impl Cloned {
    pub(crate) fn new(file: Arc<dyn DeviceFile>, interfaces: Arc<dyn Interfaces>, number: u32) -> Self {
        Self { file, interfaces, number }
    }
}

impl Drop for Cloned {
    fn drop(&mut self) {
        // Somebody may have taken it away before, or halted the kernel.
        let _ = self.interfaces.detach(self.number);
    }
}

impl DeviceFile for Cloned {
    fn read(&self, parts: &mut [&mut [u8]], patience: Patience) -> KResult<usize> {
        self.file.read(parts, patience)
    }

    fn write(&self, parts: &[&[u8]]) -> KResult<usize> {
        self.file.write(parts)
    }

    fn ioctl(&self, request: u32, argument: &mut [u8]) -> KResult<()> {
        self.file.ioctl(request, argument)
    }

    fn ready(&self) -> PollEvents {
        self.file.ready()
    }

    fn amounts(&self) -> Amounts {
        self.file.amounts()
    }

    fn waiters(&self) -> Option<&Arc<WaitQueue>> {
        self.file.waiters()
    }
}
