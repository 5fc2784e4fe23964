//! The host's kernel.

use crate::system::*;
use nix::errno::Errno as HostErrno;
use nix::sys::socket::{
    self, AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockFlag,
    SockType, SockaddrIn, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};
use rump_kpi::{Errno, MessageFlags, SocketType};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Its descriptors.
#[derive(Default)]
pub struct Host {
    descriptors: Mutex<Vec<Option<Arc<OwnedFd>>>>,
}

impl Host {
    fn enter(&self, owned: OwnedFd) -> Fd {
        let mut descriptors = self.descriptors.lock().unwrap();
        descriptors.push(Some(Arc::new(owned)));
        descriptors.len() - 1
    }

    fn find(&self, fd: Fd) -> Arc<OwnedFd> {
        self.descriptors.lock().unwrap()[fd].clone().unwrap()
    }

    fn raw(&self, fd: Fd) -> RawFd {
        self.find(fd).as_raw_fd()
    }
}

const ERRNOS: &[(HostErrno, Errno)] = &[
    (HostErrno::EAGAIN, Errno::EAGAIN),
    (HostErrno::EINVAL, Errno::EINVAL),
    (HostErrno::EMSGSIZE, Errno::EMSGSIZE),
    (HostErrno::EPIPE, Errno::EPIPE),
    (HostErrno::EDESTADDRREQ, Errno::EDESTADDRREQ),
    (HostErrno::ENOPROTOOPT, Errno::ENOPROTOOPT),
    (HostErrno::ECONNREFUSED, Errno::ECONNREFUSED),
    (HostErrno::ECONNRESET, Errno::ECONNRESET),
    (HostErrno::ENOTCONN, Errno::ENOTCONN),
];

fn errno(host: HostErrno) -> Errno {
    let found = ERRNOS.iter().find(|(known, _)| *known == host);
    found.unwrap_or_else(|| panic!("an error without a name: {host:?}")).1
}

fn at(port: u16) -> SockaddrIn {
    SockaddrIn::new(127, 0, 0, 1, port)
}

fn flags(flags: MessageFlags) -> MsgFlags {
    let mut all = MsgFlags::MSG_NOSIGNAL;
    all.set(MsgFlags::MSG_DONTWAIT, flags.contains(MessageFlags::DONTWAIT));
    all.set(MsgFlags::MSG_PEEK, flags.contains(MessageFlags::PEEK));
    all.set(MsgFlags::MSG_WAITFORONE, flags.contains(MessageFlags::WAITFORONE));
    all
}

impl System for Host {
    fn socket(&self, kind: SocketType) -> Fd {
        let kind = if kind == SocketType::Stream { SockType::Stream } else { SockType::Datagram };
        self.enter(socket::socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None).unwrap())
    }

    fn bind(&self, fd: Fd, port: u16) -> Answer<()> {
        let to = if port == 0 { SockaddrIn::new(0, 0, 0, 0, 0) } else { at(port) };
        socket::bind(self.raw(fd), &to).map_err(errno)
    }

    fn listen(&self, fd: Fd) {
        socket::listen(&self.find(fd), Backlog::new(5).unwrap()).unwrap();
    }

    fn accept(&self, fd: Fd) -> Answer<Fd> {
        let accepted = rustix::net::accept(self.find(fd)).unwrap();
        Ok(self.enter(accepted))
    }

    fn connect(&self, fd: Fd, port: u16) -> Answer<()> {
        socket::connect(self.raw(fd), &at(port)).map_err(errno)
    }

    fn dissolve(&self, fd: Fd) -> Answer<()> {
        rustix::net::connect_unspec(self.find(fd)).unwrap();
        Ok(())
    }

    fn own(&self, fd: Fd) -> (bool, u16) {
        let own: SockaddrIn = socket::getsockname(self.raw(fd)).unwrap();
        (own.ip().is_unspecified(), own.port())
    }

    fn peer(&self, fd: Fd) -> Answer<u16> {
        socket::getpeername::<SockaddrIn>(self.raw(fd)).map(|peer| peer.port()).map_err(errno)
    }

    fn send_batch(
        &self,
        fd: Fd,
        messages: &[(&[u8], Option<u16>)],
        segment: Option<u16>,
        how: MessageFlags,
    ) -> Answer<usize> {
        let slices: Vec<[IoSlice<'_>; 1]> = messages.iter().map(|(bytes, _)| [IoSlice::new(bytes)]).collect();
        let addresses: Vec<Option<SockaddrIn>> = messages.iter().map(|(_, to)| (*to).map(at)).collect();
        let control: Vec<ControlMessage<'_>> = segment.iter().map(ControlMessage::UdpGsoSegments).collect();
        let space = segment.map(|_| nix::cmsg_space!(u16));
        let mut headers = MultiHeaders::preallocate(messages.len(), space);
        let sent = socket::sendmmsg(self.raw(fd), &mut headers, &slices, addresses, control, flags(how));
        sent.map(|sent| sent.count()).map_err(errno)
    }

    fn receive_batch(
        &self,
        fd: Fd,
        lengths: &[usize],
        how: MessageFlags,
        timeout: Option<Duration>,
    ) -> Answer<Vec<Came>> {
        let mut buffers: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0; *length]).collect();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(lengths.len(), Some(nix::cmsg_space!(i32)));
        let timeout = timeout.map(TimeSpec::from_duration);
        let all = socket::recvmmsg(self.raw(fd), &mut headers, slices.iter_mut(), flags(how), timeout);
        let came = |message: socket::RecvMsg<'_, '_, SockaddrIn>| {
            let segment = message.cmsgs().unwrap().find_map(|control| match control {
                ControlMessageOwned::UdpGroSegments(size) => Some(size as u16),
                _ => None,
            });
            let bytes = message.iovs().flatten().copied().collect();
            Came { bytes, segment, is_cut: message.flags.contains(MsgFlags::MSG_TRUNC) }
        };
        Ok(all.map_err(errno)?.map(came).collect())
    }

    fn set_segment(&self, fd: Fd, bytes: i32) -> Answer<()> {
        socket::setsockopt(&self.find(fd), sockopt::UdpGsoSegment, &bytes).map_err(errno)
    }

    fn segment(&self, fd: Fd) -> i32 {
        socket::getsockopt(&self.find(fd), sockopt::UdpGsoSegment).unwrap()
    }

    fn set_coalescing(&self, fd: Fd, on: bool) -> Answer<()> {
        socket::setsockopt(&self.find(fd), sockopt::UdpGroSegment, &on).map_err(errno)
    }

    fn set_receive_timeout(&self, fd: Fd, timeout: Duration) {
        let timeout = TimeVal::milliseconds(timeout.as_millis() as i64);
        socket::setsockopt(&self.find(fd), sockopt::ReceiveTimeout, &timeout).unwrap();
    }

    fn error(&self, fd: Fd) -> Option<i32> {
        let number = socket::getsockopt(&self.find(fd), sockopt::SocketError).unwrap();
        (number != 0).then(|| errno(HostErrno::from_raw(number)) as i32)
    }

    fn close(&self, fd: Fd) {
        self.descriptors.lock().unwrap()[fd] = None;
    }
}
