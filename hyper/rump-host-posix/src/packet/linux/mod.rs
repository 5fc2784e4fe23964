//! A socket of packet(7).

mod calls;

use super::{Options, Queueing, Reception};
use crate::carrier::Carrier;
use crate::interface::{self, InterfaceRequest};
use crate::selfpipe::SelfPipe;
use crate::{errno, random_address};
use calls::{Slot, Tag};
use rump_abi::Errno;
use rump_hyper::packet::{
    HEADER_BYTES, Media, Medium, Offloads, Outgoing, PacketInfo, PacketIo, Received, Sent,
};
use rump_hyper::{HostError, HostResult};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno as Host;
use rustix::net::{AddressFamily, MMsgHdr, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, sockopt};
use std::io::IoSlice;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The header that the kernel has: the one of VIRTIO's beginnings, without the number of buffers. It is of the machine's
/// order of bytes.
const KERNEL_HEADER_BYTES: usize = 10;
/// Frames that are received or sent at once.
const MOST_FRAMES: usize = 32;
/// A tag of 802.1Q, for which there is room before each frame.
const TAG_BYTES: usize = 4;
/// Bytes of both addresses, behind which a tag is.
const ADDRESSES_BYTES: usize = 12;
/// The longest frame, with a tag.
const MOST_BYTES: usize = 2 * TAG_BYTES + 14 + 65_535;
/// Frames below are copied.
const LONG: usize = 16_384;
/// Parts that one frame may have (UIO_MAXIOV), less one for its header.
const MOST_PARTS: usize = 1023;
/// What the kernel is asked to keep for us.
const BUFFER_BYTES: usize = 4 << 20;

/// An interface that is open.
pub struct End {
    socket: OwnedFd,
    index: u32,
    pipe: SelfPipe,
    carrier: Carrier,
    info: PacketInfo,
    slots: Mutex<Vec<Slot<KERNEL_HEADER_BYTES>>>,
}

impl End {
    pub fn open(options: &Options) -> HostResult<Self> {
        let name = &options.name;
        let failed = |why: Host| errno::named(&format!("packet {name}"), why.into());
        if InterfaceRequest::new(name).is_none() {
            let what = format!("{name:?}: names of interfaces have 1 to 15 bytes, no slash");
            return Err(HostError { errno: Errno::EINVAL, what });
        }
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // Nothing comes until it is bound.
        let socket = rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None);
        let socket = socket.map_err(|why| refused(name, why))?;
        let index = rustix::net::netdevice::name_to_index(&socket, name).map_err(failed)?;
        let mtu = interface::mtu(&socket, name).map_err(failed)?;
        let address = options.address.map_or_else(random_address, Ok)?;
        prepare(&socket, options, index, address).map_err(failed)?;
        calls::bind(&socket, index).map_err(failed)?;
        if calls::hardware_kind(&socket).map_err(failed)? != libc::ARPHRD_ETHER {
            return Err(HostError {
                errno: Errno::EINVAL,
                what: format!("packet {name}: carries no Ethernet"),
            });
        }
        let pipe = SelfPipe::new().map_err(|why| errno::named(name, why))?;
        let medium = Medium::Ethernet { address };
        let info = PacketInfo { name: name.clone(), medium, mtu, offloads: offloads() };
        let slots = (0..MOST_FRAMES).map(|_| slot()).collect();
        Ok(Self { socket, index, pipe, carrier: Carrier::default(), info, slots: Mutex::new(slots) })
    }

    /// Appends what is there. Errors: ENETDOWN.
    fn read(&self, frames: &mut Vec<Received>) -> HostResult<()> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match calls::receive(&self.socket, &mut slots) {
            Ok(count) => {
                frames.extend(slots[..count].iter_mut().filter_map(take));
                Ok(())
            }
            Err(Host::AGAIN | Host::INTR) => Ok(()),
            // This is said once, when it is set down: it may be set up again, or be gone in a moment.
            Err(Host::NETDOWN) => {
                self.carrier.note(true);
                Ok(())
            }
            Err(why) => Err(self.gone(why)),
        }
    }

    /// Whether the interface is still there, by whatever name.
    fn is_there(&self) -> bool {
        rustix::net::netdevice::index_to_name(&self.socket, self.index).is_ok()
    }

    fn gone(&self, why: Host) -> HostError {
        let name = &self.info.name;
        let what = match self.is_there() {
            false => format!("{name}: the interface was deleted"),
            true => format!("{name}: {}", std::io::Error::from(why)),
        };
        HostError { errno: Errno::ENETDOWN, what }
    }

    /// Sends as many of these as the kernel takes in one call. Errors: why the first of them was not taken.
    fn send_some(&self, frames: &[Outgoing<'_>]) -> Result<usize, Host> {
        let headers: Vec<_> = frames.iter().map(|frame| to_kernel(&frame.header)).collect();
        let joined: Vec<_> = frames.iter().map(joined).collect();
        let (mut slices, mut ends) = (Vec::new(), Vec::with_capacity(frames.len()));
        for ((frame, header), joined) in frames.iter().zip(&headers).zip(&joined) {
            slices.push(IoSlice::new(header));
            match joined {
                Some(bytes) => slices.push(IoSlice::new(bytes)),
                None => slices.extend(frame.parts.iter().map(|part| IoSlice::new(part))),
            }
            ends.push(slices.len());
        }
        let mut control: Vec<_> = frames.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let (mut messages, mut begin) = (Vec::with_capacity(frames.len()), 0);
        for (end, control) in ends.into_iter().zip(&mut control) {
            messages.push(MMsgHdr::new(&slices[begin..end], control));
            begin = end;
        }
        rustix::net::sendmmsg(&self.socket, &mut messages, SendFlags::DONTWAIT)
    }
}

fn slot() -> Slot<KERNEL_HEADER_BYTES> {
    Slot { header: [0; KERNEL_HEADER_BYTES], frame: empty(), tag: None, is_cut: false }
}

/// Memory for a frame, behind room for its tag.
fn empty() -> Vec<u8> {
    let mut frame = Vec::with_capacity(TAG_BYTES + MOST_BYTES);
    frame.resize(TAG_BYTES, 0);
    frame
}

/// The frame of a slot, which can then be used again.
fn take(slot: &mut Slot<KERNEL_HEADER_BYTES>) -> Option<Received> {
    let (mut header, mut begin) = (from_kernel(&slot.header), TAG_BYTES);
    if let Some(tag) = slot.tag.filter(|_| slot.frame.len() >= TAG_BYTES + ADDRESSES_BYTES) {
        put_back(tag, &mut slot.frame, &mut header);
        begin = 0;
    }
    let is_whole = !std::mem::take(&mut slot.is_cut);
    let bytes = match slot.frame.len() {
        ..LONG => {
            let bytes = bytes::Bytes::copy_from_slice(&slot.frame[begin..]);
            slot.frame.truncate(TAG_BYTES);
            bytes
        }
        _ => bytes::Bytes::from(std::mem::replace(&mut slot.frame, empty())).slice(begin..),
    };
    is_whole.then_some(Received { header, bytes })
}

/// Puts a tag where it was, before the room for it: what the header says of places is then further behind.
fn put_back(tag: Tag, frame: &mut [u8], header: &mut [u8; HEADER_BYTES]) {
    frame.copy_within(TAG_BYTES..TAG_BYTES + ADDRESSES_BYTES, 0);
    frame[ADDRESSES_BYTES..ADDRESSES_BYTES + 2].copy_from_slice(&tag.protocol.to_be_bytes());
    frame[ADDRESSES_BYTES + 2..ADDRESSES_BYTES + TAG_BYTES].copy_from_slice(&tag.control.to_be_bytes());
    // Length of headers, and where the checksum begins.
    for at in [2, 6] {
        let place = u16::from_le_bytes([header[at], header[at + 1]]);
        if place > 0 {
            header[at..at + 2].copy_from_slice(&place.saturating_add(TAG_BYTES as u16).to_le_bytes());
        }
    }
}

/// The kernel's header, in our order of bytes.
fn from_kernel(header: &[u8; KERNEL_HEADER_BYTES]) -> [u8; HEADER_BYTES] {
    let mut ours = [0; HEADER_BYTES];
    ours[..KERNEL_HEADER_BYTES].copy_from_slice(header);
    swap(&mut ours[2..KERNEL_HEADER_BYTES]);
    ours
}

fn to_kernel(header: &[u8; HEADER_BYTES]) -> [u8; KERNEL_HEADER_BYTES] {
    let mut kernel = [0; KERNEL_HEADER_BYTES];
    kernel.copy_from_slice(&header[..KERNEL_HEADER_BYTES]);
    swap(&mut kernel[2..]);
    kernel
}

/// Between the order of bytes of the machine and little-endian.
fn swap(fields: &mut [u8]) {
    for field in fields.chunks_exact_mut(2) {
        field.copy_from_slice(&u16::from_ne_bytes([field[0], field[1]]).to_le_bytes());
    }
}

/// A frame in one piece, if it is in too many.
fn joined(frame: &Outgoing<'_>) -> Option<Vec<u8>> {
    (frame.parts.len() > MOST_PARTS).then(|| frame.parts.concat())
}

/// Before it is bound: nothing comes that is not to come.
fn prepare(socket: &OwnedFd, options: &Options, index: u32, address: [u8; 6]) -> Result<(), Host> {
    calls::set_number(socket, libc::PACKET_VNET_HDR, 1)?;
    calls::set_number(socket, libc::PACKET_AUXDATA, 1)?;
    calls::set_number(socket, libc::PACKET_IGNORE_OUTGOING, 1)?;
    if options.queueing == Queueing::Bypass {
        calls::set_number(socket, libc::PACKET_QDISC_BYPASS, 1)?;
    }
    match options.reception {
        Reception::Ours => {
            calls::join(socket, index, libc::PACKET_MR_UNICAST, address)?;
            calls::join(socket, index, libc::PACKET_MR_ALLMULTI, address)?;
        }
        Reception::All => calls::join(socket, index, libc::PACKET_MR_PROMISC, address)?,
    }
    // What is refused costs speed alone; who administers networks is given what it asks for.
    if sockopt::set_socket_recv_buffer_size_force(socket, BUFFER_BYTES).is_err() {
        let _ = sockopt::set_socket_recv_buffer_size(socket, BUFFER_BYTES);
    }
    if sockopt::set_socket_send_buffer_size_force(socket, BUFFER_BYTES).is_err() {
        let _ = sockopt::set_socket_send_buffer_size(socket, BUFFER_BYTES);
    }
    Ok(())
}

/// What the kernel does of its own if the interface does not. Cutting UDP came with Linux 6.2.
fn offloads() -> Offloads {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers =
        release.split(|letter: char| !letter.is_ascii_digit()).map(|it| it.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (6, 2) { Offloads::all() } else { Offloads::all() - Offloads::UDP }
}

fn refused(name: &str, why: Host) -> HostError {
    match why {
        Host::PERM | Host::ACCESS => HostError {
            errno: Errno::EPERM,
            what: format!("packet {name}: sharing an interface of the host takes CAP_NET_RAW"),
        },
        Host::AFNOSUPPORT => HostError {
            errno: Errno::ENOTSUP,
            what: format!("packet {name}: this kernel has no packet sockets (CONFIG_PACKET)"),
        },
        why => errno::named(&format!("packet {name}"), why.into()),
    }
}

impl PacketIo for End {
    fn info(&self) -> PacketInfo {
        self.info.clone()
    }

    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()> {
        let before = frames.len();
        self.read(frames)?;
        if frames.len() == before {
            if self.carrier.is_down() {
                if !self.is_there() {
                    return Err(self.gone(Host::NETDOWN));
                }
                if self.has_carrier() {
                    self.carrier.note(false);
                    return Ok(());
                }
            }
            let timeout = self.carrier.patience(timeout);
            let waited = self.pipe.wait(Some((self.socket.as_fd(), PollFlags::IN)), timeout);
            waited.map_err(|why| self.gone(why))?;
            self.read(frames)?;
        }
        Ok(())
    }

    fn send(&self, frames: &[Outgoing<'_>]) -> HostResult<Sent> {
        let mut sent = Sent::default();
        while sent.taken < frames.len() {
            let end = frames.len().min(sent.taken + MOST_FRAMES);
            match self.send_some(&frames[sent.taken..end]) {
                Ok(count) => sent.taken += count,
                Err(Host::INTR) => {}
                Err(Host::AGAIN) => break,
                Err(why @ (Host::NXIO | Host::NODEV)) if !self.is_there() => return Err(self.gone(why)),
                // ENOBUFS: a queue was full, and it is lost. ENETDOWN: the interface is down. EINVAL, EMSGSIZE: it is no
                // frame for it.
                Err(_) => {
                    sent.taken += 1;
                    sent.refused += 1;
                }
            }
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

    #[test]
    fn a_tag_goes_where_it_was() {
        let mut slot = slot();
        slot.frame.extend(b"aaaaaabbbbbb\x08\0content");
        (slot.header[6..8]).copy_from_slice(&34_u16.to_ne_bytes());
        slot.tag = Some(Tag { protocol: 0x88a8, control: 0x2005 });
        let frame = take(&mut slot).unwrap();
        assert_eq!(&frame.bytes[..], b"aaaaaabbbbbb\x88\xa8\x20\x05\x08\0content");
        assert_eq!(frame.header, [0, 0, 0, 0, 0, 0, 38, 0, 0, 0, 0, 0]);
        assert_eq!(slot.frame.len(), TAG_BYTES);
        slot.tag = None;
        slot.frame.extend([7; LONG]);
        assert_eq!(take(&mut slot).unwrap().bytes, [7; LONG][..]);
        slot.frame.extend(b"less");
        slot.is_cut = true;
        assert_eq!(take(&mut slot), None);
        slot.frame.extend(b"short");
        slot.tag = Some(Tag { protocol: 0x8100, control: 1 });
        assert_eq!(&take(&mut slot).unwrap().bytes[..], b"short");
    }
}
