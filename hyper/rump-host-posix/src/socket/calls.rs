//! The calls of sockets that rustix leaves out or knows in part: messages with any control data, options by number, and
//! two requests (recvmsg(2), sendmsg(2), getsockopt(2), tcp(7)).
//!
//! `unsafe` is here alone: each call is given slices whose lengths are told, and nothing that it keeps.
#![allow(unsafe_code)]

use libc::{c_int, socklen_t};
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::net::SocketAddrAny;
use std::io::{IoSlice, IoSliceMut};

/// Room for control data, aligned as its headers are.
pub type ControlBuffer = [u64; 32];

/// A message as the host gave it.
pub struct Message {
    /// Bytes that came; with MSG_TRUNC, its length.
    pub length: usize,
    /// Who sent it.
    pub from: Option<SocketAddrAny>,
    /// Bytes of control data that came.
    pub control: usize,
    /// MSG_TRUNC and its like.
    pub flags: c_int,
}

fn empty() -> libc::msghdr {
    // SAFETY: `msghdr` has numbers and pointers alone, of which zeros are values.
    unsafe { std::mem::zeroed() }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// A message to send; `control` is whole control messages.
pub struct ToSend<'a> {
    pub to: Option<SocketAddrAny>,
    pub parts: Vec<IoSlice<'a>>,
    pub control: Vec<u8>,
}

/// sendmmsg(2); answers how many were sent.
pub fn send_all(socket: BorrowedFd<'_>, messages: &[ToSend<'_>], flags: c_int) -> Result<usize, Errno> {
    let mut headers: Vec<libc::mmsghdr> = messages
        .iter()
        .map(|message| libc::mmsghdr {
            msg_hdr: header(message.to.as_ref(), &message.parts, &message.control),
            msg_len: 0,
        })
        .collect();
    let count = libc::c_uint::try_from(headers.len()).unwrap_or(libc::c_uint::MAX);
    // SAFETY: There are that many headers, each of which tells the lengths of what it points to; all of that outlives the call,
    // and the headers alone are written.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, flags as _) };
    usize::try_from(sent).map_err(|_| last_error())
}

/// The header of a message that is read alone.
fn header(to: Option<&SocketAddrAny>, parts: &[IoSlice<'_>], control: &[u8]) -> libc::msghdr {
    let mut header = empty();
    if let Some(to) = to {
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.addr_len();
    }
    header.msg_iov = parts.as_ptr().cast_mut().cast();
    header.msg_iovlen = parts.len() as _;
    if !control.is_empty() {
        header.msg_control = control.as_ptr().cast_mut().cast();
        header.msg_controllen = control.len() as _;
    }
    header
}

/// sendmsg(2); `control` is whole control messages.
pub fn send(
    socket: BorrowedFd<'_>,
    to: Option<&SocketAddrAny>,
    parts: &[IoSlice<'_>],
    control: &[u8],
    flags: c_int,
) -> Result<usize, Errno> {
    let header = header(to, parts, control);
    // SAFETY: The header tells the lengths of what it points to, all of which outlives the call, and is read alone; an
    // `IoSlice` is an `iovec`.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &header, flags) };
    usize::try_from(sent).map_err(|_| last_error())
}

/// recvmsg(2).
pub fn receive(
    socket: BorrowedFd<'_>,
    parts: &mut [IoSliceMut<'_>],
    control: &mut ControlBuffer,
    flags: c_int,
) -> Result<Message, Errno> {
    let mut header = empty();
    // SAFETY: `sockaddr_storage` has numbers alone.
    let mut name: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of_val(&name) as socklen_t;
    header.msg_iov = parts.as_mut_ptr().cast();
    header.msg_iovlen = parts.len() as _;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(control) as _;
    // SAFETY: The header tells the lengths of what it points to, all of which is ours to write and outlives the call; an
    // `IoSliceMut` is an `iovec`.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, flags) };
    let length = usize::try_from(length).map_err(|_| last_error())?;
    let from = named(&name, header.msg_namelen);
    Ok(Message { length, from, control: control_bytes(&header), flags: header.msg_flags })
}

/// recvmmsg(2): each message into its part, with its control data; answers those that came.
pub fn receive_all(
    socket: BorrowedFd<'_>,
    parts: &mut [IoSliceMut<'_>],
    control: &mut [ControlBuffer],
    flags: c_int,
) -> Result<Vec<Message>, Errno> {
    // SAFETY: `sockaddr_storage` has numbers alone.
    let mut names: Vec<libc::sockaddr_storage> = vec![unsafe { std::mem::zeroed() }; parts.len()];
    let mut headers: Vec<libc::mmsghdr> = parts
        .iter_mut()
        .zip(control)
        .zip(&mut names)
        .map(|((part, control), name)| {
            let mut header = empty();
            header.msg_name = (&raw mut *name).cast();
            header.msg_namelen = size_of_val(name) as socklen_t;
            header.msg_iov = (&raw mut *part).cast();
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(control) as _;
            libc::mmsghdr { msg_hdr: header, msg_len: 0 }
        })
        .collect();
    let (count, forever) = (headers.len() as libc::c_uint, std::ptr::null_mut());
    // SAFETY: There are that many headers, each of which tells the lengths of what it points to; all of that is ours to
    // write, and outlives the call. An `IoSliceMut` is an `iovec`.
    let came =
        unsafe { libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, flags as _, forever) };
    let came = usize::try_from(came).map_err(|_| last_error())?;
    let message = |(header, name): (&libc::mmsghdr, &libc::sockaddr_storage)| Message {
        length: header.msg_len as usize,
        from: named(name, header.msg_hdr.msg_namelen),
        control: control_bytes(&header.msg_hdr),
        flags: header.msg_hdr.msg_flags,
    };
    Ok(headers.iter().zip(&names).take(came).map(message).collect())
}

/// The name that the host wrote, if it did.
fn named(name: &libc::sockaddr_storage, length: socklen_t) -> Option<SocketAddrAny> {
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    let is_named = (size_of::<libc::sockaddr_in>()..=size_of_val(name)).contains(&bytes);
    // SAFETY: `name` has that many bytes that were written, as the address of a family, and more of zeros.
    is_named.then(|| unsafe { SocketAddrAny::read((&raw const *name).cast(), length) })
}

fn control_bytes(header: &libc::msghdr) -> usize {
    let bytes: usize = header.msg_controllen as _;
    bytes.min(size_of::<ControlBuffer>())
}

/// setsockopt(2), of an option whose value has no pointers.
pub fn set_option(socket: BorrowedFd<'_>, (level, name): (c_int, c_int), value: &[u8]) -> Result<(), Errno> {
    let (pointer, length) = (value.as_ptr().cast(), value.len() as socklen_t);
    // SAFETY: The host reads that many bytes at most, which `value` has.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, pointer, length) };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

/// getsockopt(2), of such an option; answers how many bytes it has.
pub fn option(
    socket: BorrowedFd<'_>,
    (level, name): (c_int, c_int),
    value: &mut [u8],
) -> Result<usize, Errno> {
    let mut length = value.len() as socklen_t;
    let pointer = value.as_mut_ptr().cast();
    // SAFETY: The host writes `length` bytes at most, which `value` has, and then how many it wrote.
    let done = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, pointer, &mut length) };
    if done == 0 { Ok((length as usize).min(value.len())) } else { Err(last_error()) }
}

/// Bytes that were sent and not acknowledged, or not sent yet (`SIOCOUTQ`).
pub fn unsent(socket: BorrowedFd<'_>) -> Result<usize, Errno> {
    // SAFETY: SIOCOUTQ, which has the number of TIOCOUTQ, writes an `int`.
    let bytes = unsafe { ioctl(socket, Getter::<{ libc::TIOCOUTQ as Opcode }, c_int>::new()) }?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// Whether reading has come to urgent data.
pub fn is_at_mark(socket: BorrowedFd<'_>) -> Result<bool, Errno> {
    const SIOCATMARK: Opcode = 0x8905;
    // SAFETY: SIOCATMARK writes an `int`.
    let answer = unsafe { ioctl(socket, Getter::<SIOCATMARK, c_int>::new()) }?;
    Ok(answer != 0)
}
