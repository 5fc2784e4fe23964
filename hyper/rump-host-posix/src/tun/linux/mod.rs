//! `/dev/net/tun`.
//!
//! Nothing is read or written twice: a frame is one `read` into memory that becomes its content, or one `writev` of its
//! parts. Short frames are copied out of that memory to where others are, so that they take little, and take it seldom.

mod ioctl;

use super::{Kind, Offload, Options};
use crate::errno;
use bytes::{Bytes, BytesMut};
use ioctl::InterfaceRequest;
use rump_abi::Errno;
use rump_hyper::packet::{HEADER_BYTES, Medium, Offloads, Outgoing, PacketInfo, PacketIo, Received, Sent};
use rump_hyper::{HostError, HostResult};
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno as Host, retry_on_intr};
use rustix::net::{AddressFamily, SocketType};
use std::io::IoSlice;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const DEVICE: &str = "/dev/net/tun";
/// Frames that are received at once.
const MOST_FRAMES: usize = 128;
/// The longest frame, with its header: what is to be cut is no longer than a packet of IP.
const MOST_BYTES: usize = HEADER_BYTES + 22 + 65_535;
/// Frames below are copied.
const LONG: usize = 16_384;
/// Memory for short ones that is taken at once, and again when they are gone.
const ARENA_BYTES: usize = 256 << 10;
/// Parts that `writev` takes at least.
const MOST_PARTS: usize = 512;
/// What the other side may leave to us in any case; cutting UDP came with Linux 6.2.
const OFFLOADS: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
const OFFLOADS_OF_UDP: u32 = libc::TUN_F_USO4 | libc::TUN_F_USO6;

/// An interface that is open.
pub struct Tun {
    file: OwnedFd,
    /// Set to end the waiting of who receives.
    woken: OwnedFd,
    info: PacketInfo,
    /// Frames have headers.
    has_header: bool,
    memory: Mutex<Memory>,
}

/// Where frames go.
#[derive(Default)]
struct Memory {
    /// The next one.
    buffer: Vec<u8>,
    /// Short ones, from there.
    arena: BytesMut,
}

impl Memory {
    /// The frame in the buffer, but for its first bytes.
    fn take(&mut self, begin: usize) -> Bytes {
        if self.buffer.len() >= LONG {
            return Bytes::from(std::mem::take(&mut self.buffer)).slice(begin..);
        }
        let frame = &self.buffer[begin..];
        if self.arena.capacity() < frame.len() {
            self.arena.reserve(ARENA_BYTES);
        }
        self.arena.extend_from_slice(frame);
        self.arena.split().freeze()
    }
}

impl Tun {
    pub fn open(options: &Options) -> HostResult<Self> {
        let name = &options.name;
        let Some(mut request) = InterfaceRequest::new(name) else {
            return Err(error(
                Errno::EINVAL,
                format!("{name:?}: names of interfaces have 1 to 15 bytes, no slash"),
            ));
        };
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(DEVICE, flags, Mode::empty()).map_err(|why| without_device(name, why))?;
        let kind = match options.kind {
            Kind::Tap => libc::IFF_TAP,
            Kind::Tun => libc::IFF_TUN,
        };
        let has_header = options.offload == Offload::All;
        let header = if has_header { libc::IFF_VNET_HDR } else { 0 };
        let flags = (kind | libc::IFF_NO_PI | header) as u16;
        ioctl::attach(&file, &mut request, flags).map_err(|why| refused(options, why))?;
        let name = request.name();
        let failed = |why: Host| errno::named(&format!("tap {name}"), why.into());
        let offloads = if has_header { negotiate(&file).map_err(failed)? } else { Offloads::empty() };
        let mtu = mtu(&name).map_err(failed)?;
        let medium = match options.kind {
            Kind::Tap => Medium::Ethernet { address: options.address.map_or_else(random_address, Ok)? },
            Kind::Tun => Medium::Ip,
        };
        let woken = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map_err(failed)?;
        let info = PacketInfo { name, medium, mtu, offloads };
        Ok(Self { file, woken, info, has_header, memory: Mutex::default() })
    }

    /// Appends what is there to read, to a bound.
    fn read_all(&self, frames: &mut Vec<Received>) -> HostResult<()> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        // If those of the last time are gone, their memory serves again.
        let _ = memory.arena.try_reclaim(ARENA_BYTES);
        for _ in 0..MOST_FRAMES {
            let buffer = &mut memory.buffer;
            buffer.clear();
            // What was given away is made anew.
            buffer.reserve_exact(MOST_BYTES);
            match retry_on_intr(|| rustix::io::read(&self.file, spare_capacity(buffer))) {
                Ok(_) => frames.extend(self.frame(&mut memory)),
                Err(Host::AGAIN) => break,
                Err(why) => return Err(self.gone(why)),
            }
        }
        Ok(())
    }

    /// What was read, if it is longer than its header.
    fn frame(&self, memory: &mut Memory) -> Option<Received> {
        let begin = if self.has_header { HEADER_BYTES } else { 0 };
        let mut header = [0; HEADER_BYTES];
        header[..begin].copy_from_slice(memory.buffer.get(..begin)?);
        Some(Received { header, bytes: memory.take(begin) })
    }

    /// Waits until there is something to read, or until woken.
    fn wait(&self, timeout: Option<Duration>) -> HostResult<()> {
        let mut ends = [
            PollFd::new(&self.file, PollFlags::IN),
            PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN),
        ];
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match poll(&mut ends, timeout.as_ref()) {
            Ok(_) | Err(Host::INTR) => {}
            Err(why) => return Err(self.gone(why)),
        }
        if !ends[1].revents().is_empty() {
            // It may have been read already: then there is nothing to do.
            let _ = rustix::io::read(&self.woken, &mut [0_u8; 8]);
        }
        Ok(())
    }

    fn write(&self, frame: &Outgoing<'_>) -> Result<(), Host> {
        let header = if self.has_header { &frame.header[..] } else { &[] };
        let joined;
        let mut parts = vec![IoSlice::new(header)];
        if frame.parts.len() < MOST_PARTS {
            parts.extend(frame.parts.iter().map(|part| IoSlice::new(part)));
        } else {
            joined = frame.parts.concat();
            parts.push(IoSlice::new(&joined));
        }
        loop {
            match rustix::io::writev(&self.file, &parts) {
                Ok(_) => return Ok(()),
                Err(Host::INTR) => {}
                Err(why) => return Err(why),
            }
        }
    }

    fn gone(&self, why: Host) -> HostError {
        let name = &self.info.name;
        match why {
            Host::BADFD => error(Errno::ENETDOWN, format!("{name}: the interface was deleted")),
            why => error(Errno::ENETDOWN, format!("{name}: {}", std::io::Error::from(why))),
        }
    }
}

impl PacketIo for Tun {
    fn info(&self) -> PacketInfo {
        self.info.clone()
    }

    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()> {
        let before = frames.len();
        self.read_all(frames)?;
        if frames.len() == before {
            self.wait(timeout)?;
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
                Err(why @ Host::BADFD) => return Err(self.gone(why)),
                // EIO: the host's side is down. EINVAL: it does not like the frame.
                Err(_) => sent.refused += 1,
            }
            sent.taken += 1;
        }
        Ok(sent)
    }

    fn wake(&self) {
        // It is full only if it was set before.
        let _ = rustix::io::write(&self.woken, &1_u64.to_ne_bytes());
    }
}

fn error(errno: Errno, what: String) -> HostError {
    HostError { errno, what }
}

/// Agrees upon headers, and upon what the other side may leave to us. It takes all of that itself.
fn negotiate(file: &OwnedFd) -> Result<Offloads, Host> {
    ioctl::set_header(file, HEADER_BYTES as i32)?;
    match ioctl::set_offload(file, OFFLOADS | OFFLOADS_OF_UDP) {
        Ok(()) => Ok(Offloads::all()),
        Err(Host::INVAL) => {
            ioctl::set_offload(file, OFFLOADS)?;
            Ok(Offloads::all() - Offloads::UDP)
        }
        Err(why) => Err(why),
    }
}

fn mtu(name: &str) -> Result<u32, Host> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    ioctl::mtu(socket, &mut InterfaceRequest::new(name).ok_or(Host::INVAL)?)
}

/// One that nobody else was given: of the administration of whoever is here (IEEE 802, clause 8.4).
fn random_address() -> HostResult<[u8; 6]> {
    let mut address = [0; 6];
    crate::fill_random(&mut address)?;
    address[0] = (address[0] & 0xfc) | 0x02;
    Ok(address)
}

fn without_device(name: &str, why: Host) -> HostError {
    let (errno, text) = match why {
        Host::NOENT | Host::NODEV | Host::NXIO => {
            (Errno::ENODEV, "this kernel has no taps (modprobe tun), or the container was given none")
        }
        Host::ACCESS | Host::PERM => (Errno::EACCES, "no permission to open it"),
        why => return errno::of_path(Path::new(DEVICE), why.into()),
    };
    error(errno, format!("{name}: {DEVICE}: {text}"))
}

/// Why an interface was not attached to.
fn refused(options: &Options, why: Host) -> HostError {
    let name = &options.name;
    let exists = mtu(name).is_ok();
    let mode = match options.kind {
        Kind::Tap => "tap",
        Kind::Tun => "tun",
    };
    let (errno, text) = match why {
        Host::PERM if exists => (
            Errno::EPERM,
            format!("it is not for this user (ip tuntap add dev {name} mode {mode} user NAME)"),
        ),
        Host::PERM => (
            Errno::EPERM,
            format!(
                "there is no such interface, and making one takes CAP_NET_ADMIN; an administrator prepares it by \
                 ip tuntap add dev {name} mode {mode} user NAME"
            ),
        ),
        Host::BUSY => (Errno::EBUSY, "another program has it open".into()),
        Host::INVAL if exists => (Errno::EINVAL, format!("is no {mode} interface with one queue")),
        why => return errno::named(name, why.into()),
    };
    error(errno, format!("{name}: {text}"))
}
