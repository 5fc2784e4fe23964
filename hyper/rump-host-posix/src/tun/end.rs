//! A device of which each `read` is a frame, and each `write`.
//!
//! Nothing is read or written twice: a frame is one `read` into memory that becomes its content, or one `writev` of its
//! parts. Short frames go where others are, so that they take little, and take it seldom: they are copied there, or read
//! there if the device has no others.

use super::read::read_to;
use crate::carrier::Carrier;
use crate::selfpipe::SelfPipe;
use crate::{errno, interface};
use bytes::{Bytes, BytesMut};
use rump_abi::Errno;
use rump_hyper::packet::{HEADER_BYTES, Media, Outgoing, PacketInfo, PacketIo, Received, Sent};
use rump_hyper::{HostError, HostResult};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno as Host, retry_on_intr};
use rustix::net::{AddressFamily, SocketType};
use std::io::IoSlice;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Frames that are received at once.
const MOST_FRAMES: usize = 128;
/// The longest frame, with its header: what is to be cut is no longer than a packet of IP.
const MOST_BYTES: usize = HEADER_BYTES + 22 + 65_535;
/// Frames from this on have memory of their own.
const LONG: usize = 16_384;
/// Memory for short ones that is taken at once, and again when they are gone. What is left of it has to be as long as any
/// frame may be.
const ARENA_BYTES: usize = 320 << 10;
/// Parts of a frame that are written as they are; what has more is joined before.
const MOST_PARTS: usize = 32;
/// What the host says of an interface that is no more.
#[cfg(target_os = "linux")]
const DELETED: Host = Host::BADFD;
#[cfg(not(target_os = "linux"))]
const DELETED: Host = Host::NXIO;

/// What the device has before each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Nothing.
    #[cfg_attr(target_os = "macos", allow(dead_code, reason = "macOS has packets of IP alone"))]
    None,
    /// The header of virtio-net.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the BSDs have none"))]
    Virtio,
    /// The family of addresses, in network order: devices of the BSDs that carry packets of IP.
    #[cfg_attr(target_os = "linux", allow(dead_code, reason = "Linux tells it otherwise"))]
    Family,
}

impl Prefix {
    fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Virtio => HEADER_BYTES,
            Self::Family => 4,
        }
    }
}

/// A device that is open.
pub struct End {
    file: OwnedFd,
    prefix: Prefix,
    /// Of the network that the interface is in.
    socket: OwnedFd,
    pipe: SelfPipe,
    info: PacketInfo,
    carrier: Carrier,
    memory: Mutex<Memory>,
}

/// Where frames go.
#[derive(Default)]
struct Memory {
    /// Short ones, one behind another.
    arena: BytesMut,
    /// The next one, if it may be long.
    own: BytesMut,
    /// Frames may be long.
    has_long: bool,
}

impl Memory {
    /// Where the next frame is to be read.
    fn room(&mut self) -> &mut BytesMut {
        if self.has_long {
            self.own.reserve(MOST_BYTES);
            &mut self.own
        } else {
            arena_for(&mut self.arena, MOST_BYTES)
        }
    }

    /// The frame that was read there.
    fn take(&mut self) -> Bytes {
        let Self { arena, own, has_long } = self;
        if own.len() >= LONG {
            return own.split().freeze();
        }
        if *has_long {
            arena_for(arena, own.len()).extend_from_slice(own);
            own.clear();
        }
        arena.split().freeze()
    }
}

/// The memory for short frames, in which there is room for so many bytes.
fn arena_for(arena: &mut BytesMut, bytes: usize) -> &mut BytesMut {
    if arena.capacity() < bytes {
        arena.reserve(ARENA_BYTES);
    }
    arena
}

/// A socket to ask about interfaces with.
pub fn socket() -> Result<OwnedFd, Host> {
    rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)
}

impl End {
    /// `file` does not block, and `socket` is of the network of its interface.
    pub fn new(file: OwnedFd, prefix: Prefix, socket: OwnedFd, info: PacketInfo) -> HostResult<Self> {
        let pipe = SelfPipe::new().map_err(|why| errno::named(&info.name, why))?;
        let carrier = Carrier::new(!interface::is_running(&socket, &info.name).unwrap_or(false));
        let has_long = !info.offloads.is_empty() || info.mtu as usize >= LONG;
        let memory = Memory { has_long, ..Memory::default() };
        Ok(Self { file, prefix, socket, pipe, info, carrier, memory: Mutex::new(memory) })
    }

    /// Appends what is there to read, to a bound.
    fn read_all(&self, frames: &mut Vec<Received>) -> HostResult<()> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        // If those of the last time are gone, their memory serves again.
        let _ = memory.arena.try_reclaim(ARENA_BYTES);
        for _ in 0..MOST_FRAMES {
            match retry_on_intr(|| read_to(&self.file, memory.room())) {
                Ok(0) | Err(Host::AGAIN) => break,
                // One that is shorter than what is before each is none.
                Ok(_) => frames.extend(self.frame(memory.take())),
                Err(why) => return Err(self.gone(why)),
            }
        }
        Ok(())
    }

    /// What was read, if it is longer than what is before it.
    fn frame(&self, read: Bytes) -> Option<Received> {
        let begin = self.prefix.bytes();
        let before = read.get(..begin)?;
        let mut header = [0; HEADER_BYTES];
        if self.prefix == Prefix::Virtio {
            header.copy_from_slice(before);
        }
        Some(Received { header, bytes: read.slice(begin..) })
    }

    fn write(&self, frame: &Outgoing<'_>) -> Result<(), Host> {
        let family;
        let prefix = match self.prefix {
            Prefix::None => &[],
            Prefix::Virtio => &frame.header[..],
            Prefix::Family => {
                family = family_of(frame)?;
                &family
            }
        };
        let joined;
        let mut parts = [IoSlice::new(&[]); MOST_PARTS];
        parts[0] = IoSlice::new(prefix);
        let count = if frame.parts.len() < MOST_PARTS {
            parts[1..].iter_mut().zip(&frame.parts).for_each(|(place, part)| *place = IoSlice::new(part));
            1 + frame.parts.len()
        } else {
            joined = frame.parts.concat();
            parts[1] = IoSlice::new(&joined);
            2
        };
        loop {
            match rustix::io::writev(&self.file, &parts[..count]) {
                Ok(_) => return Ok(()),
                Err(Host::INTR) => {}
                Err(why) => return Err(why),
            }
        }
    }

    fn gone(&self, why: Host) -> HostError {
        let name = &self.info.name;
        let what = match why {
            DELETED => format!("{name}: the interface was deleted"),
            why => format!("{name}: {}", std::io::Error::from(why)),
        };
        HostError { errno: Errno::ENETDOWN, what }
    }
}

/// The family of a packet of IP. Errors: EINVAL (of no version).
fn family_of(frame: &Outgoing<'_>) -> Result<[u8; 4], Host> {
    let first = frame.parts.iter().find_map(|part| part.first());
    let family = match first.map(|byte| byte >> 4) {
        Some(4) => AddressFamily::INET,
        Some(6) => AddressFamily::INET6,
        _ => return Err(Host::INVAL),
    };
    Ok(u32::from(family.as_raw()).to_be_bytes())
}

impl PacketIo for End {
    fn info(&self) -> PacketInfo {
        self.info.clone()
    }

    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()> {
        let before = frames.len();
        self.read_all(frames)?;
        if self.carrier.is_down() && self.has_carrier() {
            self.carrier.note(false);
            return Ok(());
        }
        if frames.len() == before {
            let waited =
                self.pipe.wait(Some((self.file.as_fd(), PollFlags::IN)), self.carrier.patience(timeout));
            waited.map_err(|why| self.gone(why))?;
            self.read_all(frames)?;
        }
        Ok(())
    }

    fn send(&self, frames: &[Outgoing<'_>]) -> HostResult<Sent> {
        let mut sent = Sent::default();
        for frame in frames {
            match self.write(frame) {
                Ok(()) => {}
                Err(Host::AGAIN) => break,
                Err(why @ DELETED) => return Err(self.gone(why)),
                // EINVAL: the host does not like the frame. EIO: its side is down.
                Err(why) => {
                    sent.refused += 1;
                    if why == Host::IO && !self.carrier.is_down() && !self.has_carrier() {
                        self.carrier.note(true);
                        self.pipe.wake();
                    }
                }
            }
            sent.taken += 1;
        }
        Ok(sent)
    }

    fn wake(&self) {
        self.pipe.wake();
    }

    fn has_carrier(&self) -> bool {
        interface::is_running(&self.socket, &self.info.name).unwrap_or(false)
    }

    fn media(&self) -> Option<Media> {
        interface::media(&self.socket, &self.info.name)
    }

    fn carrier_changes(&self) -> u64 {
        self.carrier.changes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rump_hyper::packet::{Medium, Offloads};
    use rustix::net::{SocketFlags, socketpair};

    #[test]
    fn packets_go_with_their_family() {
        let flags = SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None).unwrap();
        let info =
            PacketInfo { name: "tun0".into(), medium: Medium::Ip, mtu: 1500, offloads: Offloads::empty() };
        let end = End::new(ours, Prefix::Family, socket().unwrap(), info).unwrap();
        let packet = |parts: Vec<&'static [u8]>| Outgoing { header: [0; HEADER_BYTES], parts: parts.into() };
        let packets =
            [packet(vec![b"E", b"ipv4"]), packet(vec![b"`ipv6"]), packet(vec![b"x"]), packet(vec![])];
        let sent = end.send(&packets).unwrap();
        assert_eq!(sent, Sent { taken: 4, refused: 2 });
        let mut buffer = [0; 100];
        for (family, text) in [(AddressFamily::INET, &b"Eipv4"[..]), (AddressFamily::INET6, b"`ipv6")] {
            let count = rustix::io::read(&theirs, &mut buffer).unwrap();
            assert_eq!(buffer[..4], u32::from(family.as_raw()).to_be_bytes());
            assert_eq!(&buffer[4..count], text);
        }
        for bytes in [&b"abc"[..], b"\0\0\0\x02", b"\0\0\0\x02Eback"] {
            rustix::io::write(&theirs, bytes).unwrap();
        }
        let mut frames = Vec::new();
        end.receive(&mut frames, Some(Duration::ZERO)).unwrap();
        assert_eq!(frames.iter().map(|frame| &frame.bytes[..]).collect::<Vec<_>>(), [&b""[..], b"Eback"]);
        end.wake();
        end.receive(&mut frames, None).unwrap();
        assert_eq!(frames.len(), 2);
    }
}
