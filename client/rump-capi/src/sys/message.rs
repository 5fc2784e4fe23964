//! send(2) and recv(2) and their like.

use super::{call, fd};
use crate::caller::Caller;
#[cfg(target_os = "linux")]
use crate::layout::same_layout;
use crate::layout::{control, sockaddr as layout, time};
use crate::memory;
use crate::pointer::{Place, Places, Room, Source, Value, Values};
use libc::{c_int, c_uint, iovec, msghdr, size_t, socklen_t, ssize_t, timespec};
use rump_abi::{AddressFamily, Errno, MessageFlags, SocketAddress};
use rump_kern::{Fd, Received, SendMessage};
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

/// A header of C's. With it comes the promise that what it points to is there for the time of the call.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Header(msghdr);

impl Header {
    /// The parts, to send. Errors: EMSGSIZE (too many), EFAULT, EINVAL.
    fn sources(&self) -> KResult<Vec<&[u8]>> {
        // SAFETY: the promise of the type.
        let source = |part: &iovec| unsafe { memory::bytes(part.iov_base.cast(), part.iov_len) };
        self.vectors()?.iter().map(source).collect()
    }

    /// The parts, to receive. Errors: as [`Header::sources`].
    fn rooms(&mut self) -> KResult<Vec<&mut [u8]>> {
        // SAFETY: the promise of the type; no part lies in another.
        let room = |part: &iovec| unsafe { memory::buffer(part.iov_base.cast(), part.iov_len) };
        self.vectors()?.iter().map(room).collect()
    }

    /// Errors: EMSGSIZE (too many), EFAULT.
    fn vectors(&self) -> KResult<&[iovec]> {
        let count = Some(self.0.msg_iovlen as usize).filter(|count| *count <= MOST_PARTS);
        match count.ok_or(Errno::EMSGSIZE)? {
            0 => Ok(&[]),
            _ if self.0.msg_iov.is_null() => Err(Errno::EFAULT.into()),
            // SAFETY: the promise of the type.
            count => Ok(unsafe { std::slice::from_raw_parts(self.0.msg_iov, count) }),
        }
    }

    /// Whom it is for. Errors: EINVAL (a length that none has), EAFNOSUPPORT.
    fn destination(&self) -> KResult<Option<SocketAddress>> {
        if self.0.msg_name.is_null() || self.0.msg_namelen == 0 {
            return Ok(None);
        }
        // SAFETY: the promise of the type.
        let name = unsafe { Source::of(self.0.msg_name.cast()) };
        layout::read(&name, self.0.msg_namelen).map(Some)
    }

    /// Errors: EINVAL.
    fn control(&self) -> KResult<&[u8]> {
        // SAFETY: the promise of the type.
        unsafe { memory::bytes(self.0.msg_control.cast(), self.control_room()) }
    }

    fn control_room(&self) -> usize {
        if self.0.msg_control.is_null() { 0 } else { self.0.msg_controllen as usize }
    }

    /// Stores what came beside the bytes. Errors: EFAULT, EINVAL.
    fn tell(&mut self, process: &Caller, socket: Fd, received: Received) -> KResult<()> {
        // SAFETY: the promise of the type.
        let mut name = unsafe { Room::of(self.0.msg_name.cast()) };
        self.0.msg_namelen = match &received.from {
            Some(from) if !name.is_null() => layout::put(from, &mut name, self.0.msg_namelen)?,
            _ => 0,
        };
        let mut flags = received.flags;
        // Who has no such data need not be asked of which family he is.
        let depends = |one: &Control| matches!(one, Control::HopLimit(_) | Control::TrafficClass(_));
        let family = match received.control.iter().any(depends) {
            true => process.getsockname(socket)?.family(),
            false => AddressFamily::Unspecified,
        };
        let (bytes, is_cut) = control::written(&received, family, self.control_room());
        flags.set(MessageFlags::CTRUNC, is_cut || flags.contains(MessageFlags::CTRUNC));
        // SAFETY: the promise of the type.
        unsafe { Room::of(self.0.msg_control.cast()) }.store(bytes.len(), &bytes)?;
        self.0.msg_controllen = bytes.len() as _;
        self.0.msg_flags = to_host(flags);
        Ok(())
    }
}

/// What a header says, if the socket is one: that counts first.
fn of_socket<T>(process: &Caller, socket: Fd, said: KResult<T>) -> KResult<T> {
    said.map_err(|error| process.getsockname(socket).err().unwrap_or(error))
}

/// A message to send, taken apart.
struct Message<'a> {
    parts: Vec<&'a [u8]>,
    to: Option<SocketAddress>,
    sent: control::Sent,
}

impl<'a> Message<'a> {
    /// Errors: EINVAL, EAFNOSUPPORT, EMSGSIZE, EFAULT, EBADF (of files that go with it).
    fn read(header: &'a Header) -> KResult<Self> {
        let to = header.destination()?;
        Ok(Self { parts: header.sources()?, to, sent: control::read(header.control()?)? })
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

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sendto(
    socket: c_int,
    bytes: Source,
    length: size_t,
    flags: c_int,
    to: Source,
    to_length: socklen_t,
) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        let (bytes, flags) = (bytes.bytes(length)?, to_kernel(flags));
        if to.is_null() {
            return process.send(socket, bytes, flags);
        }
        process.sendto(socket, bytes, flags, &layout::read(&to, to_length)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_send(socket: c_int, bytes: Source, length: size_t, flags: c_int) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        process.send(socket, bytes.bytes(length)?, to_kernel(flags))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sendmsg(socket: c_int, message: Values<Header>, flags: c_int) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        let message = of_socket(process, socket, message.first().and_then(Message::read))?;
        process.sendmsg(socket, &message.view(), to_kernel(flags))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_recvfrom(
    socket: c_int,
    mut to: Room,
    length: size_t,
    flags: c_int,
    mut from: Room,
    from_length: Place<socklen_t>,
) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        let (buffer, flags) = (to.bytes(length)?, to_kernel(flags));
        if from.is_null() {
            return process.recv(socket, buffer, flags);
        }
        let room = from_length.read()?;
        let (count, sender) = process.recvfrom(socket, buffer, flags)?;
        let told = sender.map_or(Ok(0), |sender| layout::put(&sender, &mut from, room))?;
        from_length.store(told)?;
        Ok(count)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_recv(socket: c_int, mut to: Room, length: size_t, flags: c_int) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        process.recv(socket, to.bytes(length)?, to_kernel(flags))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_recvmsg(socket: c_int, mut message: Places<Header>, flags: c_int) -> ssize_t {
    call(|process| {
        let socket = fd(socket)?;
        let header = of_socket(process, socket, message.first())?;
        let rights = control::rights_that_fit(header.control_room());
        let mut rooms = of_socket(process, socket, header.rooms())?;
        let received = process.recvmsg(socket, &mut rooms, rights, to_kernel(flags))?;
        let length = received.length;
        header.tell(process, socket, received)?;
        Ok(length)
    })
}

/// `struct mmsghdr`, which not all hosts have.
#[repr(C)]
pub struct MessageOfMany {
    header: Header,
    length: c_uint,
}

#[cfg(target_os = "linux")]
same_layout!(MessageOfMany, libc::mmsghdr, header = msg_hdr, length = msg_len);

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sendmmsg(
    socket: c_int,
    mut messages: Places<MessageOfMany>,
    count: c_uint,
    flags: c_int,
) -> c_int {
    call(|process| {
        let socket = fd(socket)?;
        let messages = messages.slice((count as usize).min(MOST_MESSAGES));
        let messages = of_socket(process, socket, messages)?;
        // One that is wrong is the end of those before it.
        let (mut all, mut wrong) = (Vec::with_capacity(messages.len()), None);
        for message in messages.iter() {
            match Message::read(&message.header) {
                Ok(message) => all.push(message),
                Err(error) => {
                    wrong = Some(error);
                    break;
                }
            }
        }
        if let (true, Some(error)) = (all.is_empty(), wrong) {
            return of_socket(process, socket, Err(error));
        }
        let views: Vec<SendMessage<'_>> = all.iter().map(Message::view).collect();
        let sent = process.sendmmsg(socket, &views, to_kernel(flags))?;
        let length = |message: &Message<'_>| message.parts.iter().map(|part| part.len()).sum::<usize>();
        let lengths: Vec<usize> = all.iter().take(sent).map(length).collect();
        for (message, length) in messages.iter_mut().zip(lengths) {
            message.length = length as c_uint;
        }
        Ok(sent as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_recvmmsg(
    socket: c_int,
    mut messages: Places<MessageOfMany>,
    count: c_uint,
    flags: c_int,
    timeout: Value<timespec>,
) -> c_int {
    call(|process| {
        let socket = fd(socket)?;
        let messages = messages.slice((count as usize).min(MOST_MESSAGES));
        let messages = of_socket(process, socket, messages)?;
        let timeout = timeout.optional().map(time::length_of_timespec).transpose()?;
        let rights = messages.iter().map(|message| control::rights_that_fit(message.header.control_room()));
        let rights = rights.min().unwrap_or(0);
        let buffers = messages.iter_mut().map(|message| Gathered::new(message.header.rooms()?));
        let mut buffers = of_socket(process, socket, buffers.collect::<KResult<Vec<_>>>())?;
        let mut slices: Vec<&mut [u8]> = buffers.iter_mut().map(Gathered::slice).collect();
        let received = process.recvmmsg(socket, &mut slices, rights, to_kernel(flags), timeout)?;
        for (buffer, received) in buffers.iter_mut().zip(&received) {
            buffer.scatter(received.length);
        }
        let count = received.len();
        for (message, received) in messages.iter_mut().zip(received) {
            message.length = received.length as c_uint;
            message.header.tell(process, socket, received)?;
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
    /// Errors: EINVAL (more bytes than a message may have).
    fn new(parts: Vec<&'a mut [u8]>) -> KResult<Self> {
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
