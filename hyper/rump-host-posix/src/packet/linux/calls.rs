//! What of packet(7) and recvmmsg(2) rustix leaves out.
//!
//! `unsafe` is here for these calls: each is given exactly what the kernel reads or writes.
#![allow(unsafe_code)]

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Errno as Host;
use std::mem::{size_of, zeroed};

/// Bytes of control messages: one of `tpacket_auxdata`.
const CONTROL_BYTES: usize = 64;

/// An option of a packet socket.
fn set<T>(socket: impl AsFd, option: libc::c_int, value: &T) -> Result<(), Host> {
    let (place, length) = (std::ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the kernel reads `length` bytes, which are the value's.
    let result =
        unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_PACKET, option, place, length) };
    answer(result).map(drop)
}

/// An option that is a number.
pub fn set_number(socket: impl AsFd, option: libc::c_int, value: libc::c_int) -> Result<(), Host> {
    set(socket, option, &value)
}

/// Has the interface with this number let through what is of `kind` (`PACKET_MR_PROMISC` and others).
pub fn join(socket: impl AsFd, index: u32, kind: libc::c_int, address: [u8; 6]) -> Result<(), Host> {
    let mut bytes = [0; 8];
    bytes[..6].copy_from_slice(&address);
    let request =
        libc::packet_mreq { mr_ifindex: index as _, mr_type: kind as _, mr_alen: 6, mr_address: bytes };
    set(socket, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// Takes all frames of the interface with this number from now on.
pub fn bind(socket: impl AsFd, index: u32) -> Result<(), Host> {
    // SAFETY: all bytes of a `sockaddr_ll` may be zero.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as _;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as _;
    let (place, length) = (std::ptr::from_ref(&address).cast(), size_of::<libc::sockaddr_ll>());
    // SAFETY: the kernel reads `length` bytes, which are the address's.
    answer(unsafe { libc::bind(socket.as_fd().as_raw_fd(), place, length as libc::socklen_t) }).map(drop)
}

/// What the kernel calls the kind of the interface that a socket is bound to (ARPHRD_ETHER and others).
pub fn hardware_kind(socket: impl AsFd) -> Result<u16, Host> {
    // SAFETY: as in `bind`.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    let mut length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    let place = std::ptr::from_mut(&mut address).cast();
    // SAFETY: the kernel writes no more than `length` bytes, which are the address's.
    answer(unsafe { libc::getsockname(socket.as_fd().as_raw_fd(), place, &raw mut length) })?;
    Ok(address.sll_hatype)
}

/// A tag that the kernel took out of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What it is announced by: 0x8100 in most cases.
    pub protocol: u16,
    /// Priority and number.
    pub control: u16,
}

/// A frame to receive, with its header.
pub struct Slot<const HEADER: usize> {
    pub header: [u8; HEADER],
    /// What comes is put behind what is in it, to its capacity.
    pub frame: Vec<u8>,
    /// A tag that was taken out.
    pub tag: Option<Tag>,
    /// It was longer than there was room.
    pub is_cut: bool,
}

/// Receives as many frames as are there, and as there are slots; answers how many.
pub fn receive<const HEADER: usize>(socket: impl AsFd, slots: &mut [Slot<HEADER>]) -> Result<usize, Host> {
    let mut control = vec![Control([0; CONTROL_BYTES]); slots.len()];
    let mut places: Vec<[libc::iovec; 2]> = slots
        .iter_mut()
        .map(|slot| {
            let room = slot.frame.spare_capacity_mut();
            [
                libc::iovec { iov_base: slot.header.as_mut_ptr().cast(), iov_len: HEADER },
                libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() },
            ]
        })
        .collect();
    let message = |(places, control): (&mut [libc::iovec; 2], &mut Control)| {
        // SAFETY: all bytes of a `mmsghdr` may be zero.
        let mut message: libc::mmsghdr = unsafe { zeroed() };
        message.msg_hdr.msg_iov = places.as_mut_ptr();
        message.msg_hdr.msg_iovlen = 2;
        message.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
        message.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        message
    };
    let mut messages: Vec<_> = places.iter_mut().zip(&mut control).map(message).collect();
    let (count, flags) = (messages.len() as libc::c_uint, libc::MSG_DONTWAIT | libc::MSG_TRUNC);
    // SAFETY: `messages` has `count` elements. Each has two pieces of memory, a header and the spare capacity of a frame, and
    // one for control, with their lengths, which nothing else uses until the call returns; there is no time.
    let result = unsafe {
        libc::recvmmsg(
            socket.as_fd().as_raw_fd(),
            messages.as_mut_ptr(),
            count,
            flags as _,
            std::ptr::null_mut(),
        )
    };
    let count = answer(result)? as usize;
    for (slot, message) in slots.iter_mut().zip(&messages).take(count) {
        let (length, before) = (message.msg_len as usize, slot.frame.len());
        let room = slot.frame.capacity() - before;
        let came = length.saturating_sub(HEADER).min(room);
        slot.is_cut = length < HEADER || length - HEADER > room;
        // SAFETY: the kernel wrote the header, and then `came` bytes from the end of the frame on; they fit into it.
        unsafe { slot.frame.set_len(before + came) };
        slot.tag = tag(&message.msg_hdr);
    }
    Ok(count)
}

/// Memory for control messages, aligned as they are.
#[derive(Clone)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

const _: () = assert!(align_of::<Control>() >= align_of::<libc::cmsghdr>());

/// The tag that a message tells of.
fn tag(message: &libc::msghdr) -> Option<Tag> {
    // SAFETY: the kernel filled the message's control memory, which is still there, and said how much of it.
    let first = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    let wanted = size_of::<libc::cmsghdr>() + size_of::<libc::tpacket_auxdata>();
    if (first.cmsg_level, first.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA)
        || (first.cmsg_len as usize) < wanted
    {
        return None;
    }
    // SAFETY: the message holds a `tpacket_auxdata`, by its type and length; it may lie unaligned.
    let data = unsafe { libc::CMSG_DATA(first).cast::<libc::tpacket_auxdata>().read_unaligned() };
    if data.tp_status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let is_named = data.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    let protocol = if is_named { data.tp_vlan_tpid } else { libc::ETH_P_8021Q as u16 };
    Some(Tag { protocol, control: data.tp_vlan_tci })
}

fn answer(result: libc::c_int) -> Result<libc::c_int, Host> {
    if result >= 0 {
        return Ok(result);
    }
    Err(Host::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Host::IO))
}
