//! send(2) and recv(2) and their like.

use super::{call, fd};
use crate::layout::{control, sockaddr as layout, time};
use crate::memory;
use libc::{c_int, c_uint, c_void, iovec, msghdr, size_t, sockaddr, socklen_t, ssize_t, timespec};
use rump_abi::{AddressFamily, Errno, MessageFlags, SocketAddress};
use rump_kern::{Fd, Process, Received, SendMessage};
use rump_kpi::KResult;
use rump_kpi::socket::Control;

/// Most parts of a message (`IOV_MAX`).
const MOST_PARTS: usize = 1024;
/// Most messages of one call; the others are left for the next.
const MOST_MESSAGES: usize = 1024;
/// Most bytes of a message whose parts are put together here; no datagram is longer than what a buffer may be set to.
const MOST_BYTES: usize = 16 << 20;

/// Flags by their numbers at the host.
const FLAGS: &[(c_int, MessageFlags)] = &[
    (libc::MSG_OOB, MessageFlags::OOB),
    (libc::MSG_PEEK, MessageFlags::PEEK),
    (libc::MSG_DONTROUTE, MessageFlags::DONTROUTE),
    (libc::MSG_EOR, MessageFlags::EOR),
    (libc::MSG_TRUNC, MessageFlags::TRUNC),
    (libc::MSG_CTRUNC, MessageFlags::CTRUNC),
    (libc::MSG_WAITALL, MessageFlags::WAITALL),
    (libc::MSG_DONTWAIT, MessageFlags::DONTWAIT),
    #[cfg(not(target_os = "macos"))]
    (libc::MSG_NOSIGNAL, MessageFlags::NOSIGNAL),
    #[cfg(target_os = "linux")]
    (libc::MSG_CMSG_CLOEXEC, MessageFlags::CMSG_CLOEXEC),
    #[cfg(target_os = "linux")]
    (libc::MSG_WAITFORONE, MessageFlags::WAITFORONE),
];

/// What the host's flags are; those that the kernel has not mean nothing.
fn to_kernel(flags: c_int) -> MessageFlags {
    FLAGS.iter().filter(|(host, _)| flags & host != 0).map(|(_, ours)| *ours).collect()
}

fn to_host(flags: MessageFlags) -> c_int {
    FLAGS.iter().filter(|(_, ours)| flags.contains(*ours)).fold(0, |all, (host, _)| all | host)
}

/// The parts of a message as C has them. Errors: EMSGSIZE (too many), EFAULT.
///
/// # Safety
/// So many are there, unless they are null.
unsafe fn vectors<'a>(parts: *const iovec, count: usize) -> KResult<&'a [iovec]> {
    if count > MOST_PARTS {
        return Err(Errno::EMSGSIZE.into());
    }
    if count == 0 {
        return Ok(&[]);
    }
    if parts.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(parts, count) })
}

/// The parts of a message that is sent. Errors: EMSGSIZE (too many), EFAULT, EINVAL.
///
/// # Safety
/// What they point to is there.
unsafe fn sources<'a>(parts: *const iovec, count: usize) -> KResult<Vec<&'a [u8]>> {
    // SAFETY: the caller's promise, here and below.
    let parts = unsafe { vectors(parts, count) }?;
    parts.iter().map(|part| unsafe { memory::bytes(part.iov_base.cast(), part.iov_len) }).collect()
}

/// The parts of a message that is received. Errors: as [`sources`].
///
/// # Safety
/// What they point to can be written, and no part lies in another.
unsafe fn places<'a>(parts: *const iovec, count: usize) -> KResult<Vec<&'a mut [u8]>> {
    // SAFETY: the caller's promise, here and below.
    let parts = unsafe { vectors(parts, count) }?;
    parts.iter().map(|part| unsafe { memory::buffer(part.iov_base.cast(), part.iov_len) }).collect()
}

/// A message of C, taken apart.
struct Message<'a> {
    parts: Vec<&'a [u8]>,
    to: Option<SocketAddress>,
    sent: control::Sent,
}

impl<'a> Message<'a> {
    /// Errors: EFAULT, EMSGSIZE, EINVAL, EAFNOSUPPORT, EBADF (of files that go with it).
    ///
    /// # Safety
    /// As sendmsg(2) has it.
    unsafe fn read(header: *const msghdr) -> KResult<Self> {
        if header.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the caller's promise, here and below.
        let header = unsafe { header.read_unaligned() };
        let to = if header.msg_name.is_null() || header.msg_namelen == 0 {
            None
        } else {
            Some(unsafe { layout::read(header.msg_name.cast(), header.msg_namelen) }?)
        };
        let parts = unsafe { sources(header.msg_iov, header.msg_iovlen as usize) }?;
        let control = if header.msg_control.is_null() { 0 } else { header.msg_controllen as usize };
        let sent = control::read(unsafe { memory::bytes(header.msg_control.cast(), control) }?)?;
        Ok(Self { parts, to, sent })
    }

    fn view(&self) -> SendMessage<'_> {
        SendMessage {
            parts: &self.parts,
            to: self.to.as_ref(),
            rights: &self.sent.rights,
            control: &self.sent.control,
        }
    }
}

/// # Safety
/// As sendto(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_sendto(
    socket: c_int,
    bytes: *const c_void,
    length: size_t,
    flags: c_int,
    to: *const sockaddr,
    to_length: socklen_t,
) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        // SAFETY: the caller's promise, here and below.
        let bytes = unsafe { memory::bytes(bytes.cast(), length) }?;
        let flags = to_kernel(flags);
        if to.is_null() {
            return process.send(socket, bytes, flags);
        }
        process.sendto(socket, bytes, flags, &unsafe { layout::read(to, to_length) }?)
    })
}

/// # Safety
/// As send(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_send(
    socket: c_int,
    bytes: *const c_void,
    length: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { rump_sys_sendto(socket, bytes, length, flags, std::ptr::null(), 0) }
}

/// # Safety
/// As sendmsg(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_sendmsg(socket: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        // SAFETY: the caller's promise.
        let message = unsafe { Message::read(message) }?;
        process.sendmsg(socket, &message.view(), to_kernel(flags))
    })
}

/// # Safety
/// As recvfrom(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_recvfrom(
    socket: c_int,
    to: *mut c_void,
    length: size_t,
    flags: c_int,
    from: *mut sockaddr,
    from_length: *mut socklen_t,
) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        // SAFETY: the caller's promise, here and below.
        let buffer = unsafe { memory::buffer(to.cast(), length) }?;
        let flags = to_kernel(flags);
        if from.is_null() {
            return process.recv(socket, buffer, flags);
        }
        if from_length.is_null() {
            return Err(Errno::EFAULT.into());
        }
        let (count, sender) = process.recvfrom(socket, buffer, flags)?;
        match sender {
            Some(sender) => unsafe { layout::write(&sender, from, from_length) }?,
            None => unsafe { memory::store(from_length, 0) }?,
        }
        Ok(count)
    })
}

/// # Safety
/// As recv(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_recv(
    socket: c_int,
    to: *mut c_void,
    length: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { rump_sys_recvfrom(socket, to, length, flags, std::ptr::null_mut(), std::ptr::null_mut()) }
}

/// # Safety
/// As recvmsg(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_recvmsg(socket: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        if message.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the caller's promise, here and below.
        let header = unsafe { &mut *message };
        let mut parts = unsafe { places(header.msg_iov, header.msg_iovlen as usize) }?;
        let rights = control::rights_that_fit(control_room(header));
        let received = process.recvmsg(socket, &mut parts, rights, to_kernel(flags))?;
        let length = received.length;
        unsafe { tell(process, socket, received, header) }?;
        Ok(length)
    })
}

fn control_room(header: &msghdr) -> usize {
    if header.msg_control.is_null() { 0 } else { header.msg_controllen as usize }
}

/// Fills a header with what came beside the bytes. Errors: EFAULT, EINVAL.
///
/// # Safety
/// What it points to can be written.
unsafe fn tell(process: &Process, socket: Fd, received: Received, header: &mut msghdr) -> KResult<()> {
    match &received.from {
        Some(from) if !header.msg_name.is_null() => {
            let mut length = header.msg_namelen;
            // SAFETY: the caller's promise.
            unsafe { layout::write(from, header.msg_name.cast(), &mut length) }?;
            header.msg_namelen = length;
        }
        _ => header.msg_namelen = 0,
    }
    let mut flags = received.flags;
    let room = control_room(header);
    // Who has no such data need not be asked of which family he is.
    let depends = |one: &Control| matches!(one, Control::HopLimit(_) | Control::TrafficClass(_));
    let family = match received.control.iter().any(depends) {
        true => process.getsockname(socket)?.family(),
        false => AddressFamily::Unspecified,
    };
    let (bytes, is_cut) = control::written(&received, family, room);
    flags.set(MessageFlags::CTRUNC, is_cut || flags.contains(MessageFlags::CTRUNC));
    // SAFETY: the caller's promise.
    unsafe { memory::buffer(header.msg_control.cast(), bytes.len()) }?.copy_from_slice(&bytes);
    header.msg_controllen = bytes.len() as _;
    header.msg_flags = to_host(flags);
    Ok(())
}

/// `struct mmsghdr`, which not all hosts have.
#[repr(C)]
pub struct MessageOfMany {
    header: msghdr,
    length: c_uint,
}

/// # Safety
/// As sendmmsg(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_sendmmsg(
    socket: c_int,
    messages: *mut MessageOfMany,
    count: c_uint,
    flags: c_int,
) -> c_int {
    call(|process| {
        let socket = fd(socket)?;
        let count = (count as usize).min(MOST_MESSAGES);
        // SAFETY: the caller's promise, here and below.
        let messages = unsafe { many(messages, count) }?;
        let read = messages.iter().map(|message| unsafe { Message::read(&message.header) });
        // One that is wrong is the end of those before it.
        let (mut all, mut wrong) = (Vec::with_capacity(count), None);
        for message in read {
            match message {
                Ok(message) => all.push(message),
                Err(error) => {
                    wrong = Some(error);
                    break;
                }
            }
        }
        if let (true, Some(error)) = (all.is_empty(), wrong) {
            return Err(error);
        }
        let views: Vec<SendMessage<'_>> = all.iter().map(Message::view).collect();
        let sent = process.sendmmsg(socket, &views, to_kernel(flags))?;
        for (message, view) in messages.iter_mut().zip(&views).take(sent) {
            message.length = view.parts.iter().map(|part| part.len()).sum::<usize>() as c_uint;
        }
        Ok(sent as c_int)
    })
}

/// # Safety
/// So many are there, unless they are null.
unsafe fn many<'a>(messages: *mut MessageOfMany, count: usize) -> KResult<&'a mut [MessageOfMany]> {
    if count > 0 && messages.is_null() {
        return Err(Errno::EFAULT.into());
    }
    if count == 0 {
        return Ok(&mut []);
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts_mut(messages, count) })
}

/// # Safety
/// As recvmmsg(2) has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_recvmmsg(
    socket: c_int,
    messages: *mut MessageOfMany,
    count: c_uint,
    flags: c_int,
    timeout: *const timespec,
) -> c_int {
    call(|process| {
        let socket = fd(socket)?;
        let count = (count as usize).min(MOST_MESSAGES);
        // SAFETY: the caller's promise, here and below.
        let messages = unsafe { many(messages, count) }?;
        let timeout = match unsafe { timeout.as_ref() } {
            Some(timeout) => Some(time::of_timespec(timeout)?),
            None => None,
        };
        let mut buffers = messages
            .iter()
            .map(|message| unsafe {
                Gathered::new(message.header.msg_iov, message.header.msg_iovlen as usize)
            })
            .collect::<KResult<Vec<_>>>()?;
        let rights = messages.iter().map(|message| control::rights_that_fit(control_room(&message.header)));
        let rights = rights.min().unwrap_or(0);
        let mut slices: Vec<&mut [u8]> = buffers.iter_mut().map(Gathered::slice).collect();
        let received = process.recvmmsg(socket, &mut slices, rights, to_kernel(flags), timeout)?;
        let count = received.len();
        for ((message, buffer), received) in messages.iter_mut().zip(&mut buffers).zip(received) {
            buffer.scatter(received.length);
            message.length = received.length as c_uint;
            unsafe { tell(process, socket, received, &mut message.header) }?;
        }
        Ok(count as c_int)
    })
}

/// Where a message is received: its only part, or memory whose content is dealt out to the parts.
struct Gathered<'a> {
    parts: Vec<&'a mut [u8]>,
    together: Vec<u8>,
}

impl<'a> Gathered<'a> {
    /// Errors: EMSGSIZE, EFAULT, EINVAL (more bytes than a message may have).
    ///
    /// # Safety
    /// As [`places`].
    unsafe fn new(parts: *const iovec, count: usize) -> KResult<Self> {
        // SAFETY: the caller's promise.
        let parts = unsafe { places(parts, count) }?;
        let mut together = Vec::new();
        if parts.len() > 1 {
            let length = parts.iter().fold(0, |all: usize, part| all.saturating_add(part.len()));
            if length > MOST_BYTES {
                return Err(Errno::EINVAL.into());
            }
            together.resize(length, 0);
        }
        Ok(Self { parts, together })
    }

    fn slice(&mut self) -> &mut [u8] {
        match &mut self.parts[..] {
            [] => &mut [],
            [only] => only,
            _ => &mut self.together,
        }
    }

    fn scatter(&mut self, length: usize) {
        if self.parts.len() < 2 {
            return;
        }
        let mut rest = &self.together[..length.min(self.together.len())];
        for part in &mut self.parts {
            let fits = part.len().min(rest.len());
            part[..fits].copy_from_slice(&rest[..fits]);
            rest = &rest[fits..];
        }
    }
}
