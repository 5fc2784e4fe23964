//! The host's own sockets.

use crate::system::*;
use rump_abi::{Errno, MessageFlags, PollEvents, Shutdown, SocketType};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::Errno as HostErrno;
use rustix::net::sockopt as options;
use rustix::net::{self, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendFlags, SocketAddrAny, SocketFlags};
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Descriptors by their numbers here.
#[derive(Default)]
pub struct Host(Mutex<Vec<Option<Arc<OwnedFd>>>>);

const ERRNOS: &[(HostErrno, Errno)] = &[
    (HostErrno::AGAIN, Errno::EAGAIN),
    (HostErrno::INVAL, Errno::EINVAL),
    (HostErrno::PIPE, Errno::EPIPE),
    (HostErrno::NOENT, Errno::ENOENT),
    (HostErrno::NOTTY, Errno::ENOTTY),
    (HostErrno::INPROGRESS, Errno::EINPROGRESS),
    (HostErrno::ALREADY, Errno::EALREADY),
    (HostErrno::DESTADDRREQ, Errno::EDESTADDRREQ),
    (HostErrno::MSGSIZE, Errno::EMSGSIZE),
    (HostErrno::NOPROTOOPT, Errno::ENOPROTOOPT),
    (HostErrno::PROTONOSUPPORT, Errno::EPROTONOSUPPORT),
    (HostErrno::SOCKTNOSUPPORT, Errno::ESOCKTNOSUPPORT),
    (HostErrno::OPNOTSUPP, Errno::EOPNOTSUPP),
    (HostErrno::ADDRINUSE, Errno::EADDRINUSE),
    (HostErrno::ADDRNOTAVAIL, Errno::EADDRNOTAVAIL),
    (HostErrno::NETUNREACH, Errno::ENETUNREACH),
    (HostErrno::NODEV, Errno::ENODEV),
    (HostErrno::CONNRESET, Errno::ECONNRESET),
    (HostErrno::CONNREFUSED, Errno::ECONNREFUSED),
    (HostErrno::ISCONN, Errno::EISCONN),
    (HostErrno::NOTCONN, Errno::ENOTCONN),
    (HostErrno::AFNOSUPPORT, Errno::EAFNOSUPPORT),
    (HostErrno::ACCESS, Errno::EACCES),
    (HostErrno::PERM, Errno::EPERM),
];

fn errno(host: HostErrno) -> Errno {
    let found = ERRNOS.iter().find(|(known, _)| *known == host);
    found.unwrap_or_else(|| panic!("an error without a name: {host:?}")).1
}

fn address(name: SocketAddrAny) -> SocketAddr {
    name.try_into().unwrap()
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

impl Host {
    fn enter(&self, owned: OwnedFd) -> Fd {
        let mut descriptors = self.0.lock().unwrap();
        descriptors.push(Some(Arc::new(owned)));
        descriptors.len() as u32 - 1
    }

    fn find(&self, fd: Fd) -> Arc<OwnedFd> {
        self.0.lock().unwrap()[fd as usize].clone().unwrap()
    }
}

impl System for Host {
    fn is_host(&self) -> bool {
        true
    }

    fn socket(&self, like: SocketAddr, kind: SocketType, protocol: u8) -> Answer<Fd> {
        let family = if like.is_ipv4() { net::AddressFamily::INET } else { net::AddressFamily::INET6 };
        let kind = match kind {
            SocketType::Stream => net::SocketType::STREAM,
            SocketType::Datagram => net::SocketType::DGRAM,
            SocketType::Raw => net::SocketType::RAW,
            SocketType::SeqPacket => net::SocketType::SEQPACKET,
        };
        let protocol = NonZeroU32::new(protocol.into()).map(net::Protocol::from_raw);
        Ok(self.enter(net::socket_with(family, kind, FLAGS, protocol).map_err(errno)?))
    }

    fn bind(&self, fd: Fd, to: SocketAddr) -> Answer<()> {
        net::bind(self.find(fd), &to).map_err(errno)
    }

    fn listen(&self, fd: Fd, backlog: u32) -> Answer<()> {
        net::listen(self.find(fd), backlog as i32).map_err(errno)
    }

    fn accept(&self, fd: Fd) -> Answer<(Fd, SocketAddr)> {
        let (accepted, from) = net::acceptfrom_with(self.find(fd), FLAGS).map_err(errno)?;
        Ok((self.enter(accepted), address(from.unwrap())))
    }

    fn connect(&self, fd: Fd, to: SocketAddr) -> Answer<()> {
        net::connect(self.find(fd), &to).map_err(errno)
    }

    fn send(&self, fd: Fd, bytes: &[u8], flags: MessageFlags, to: Option<SocketAddr>) -> Answer<usize> {
        let mut host = SendFlags::NOSIGNAL;
        host.set(SendFlags::OOB, flags.contains(MessageFlags::OOB));
        let fd = self.find(fd);
        match to {
            Some(to) => net::sendto(fd, bytes, host, &to),
            None => net::send(fd, bytes, host),
        }
        .map_err(errno)
    }

    fn receive(&self, fd: Fd, length: usize, flags: MessageFlags) -> Answer<Came> {
        let mut host = RecvFlags::empty();
        host.set(RecvFlags::OOB, flags.contains(MessageFlags::OOB));
        host.set(RecvFlags::PEEK, flags.contains(MessageFlags::PEEK));
        host.set(RecvFlags::TRUNC, flags.contains(MessageFlags::TRUNC));
        let mut bytes = vec![0; length];
        let mut control = RecvAncillaryBuffer::default();
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let message = net::recvmsg(self.find(fd), &mut parts, &mut control, host).map_err(errno)?;
        let mut flags = MessageFlags::empty();
        flags.set(MessageFlags::TRUNC, message.flags.contains(ReturnFlags::TRUNC));
        flags.set(MessageFlags::OOB, message.flags.contains(ReturnFlags::OOB));
        bytes.truncate(message.bytes);
        Ok(Came { bytes, length: message.bytes, from: message.address.map(address), flags })
    }

    fn shutdown(&self, fd: Fd, how: Shutdown) -> Answer<()> {
        let how = match how {
            Shutdown::Read => net::Shutdown::Read,
            Shutdown::Write => net::Shutdown::Write,
            Shutdown::Both => net::Shutdown::Both,
        };
        net::shutdown(self.find(fd), how).map_err(errno)
    }

    fn name(&self, fd: Fd) -> Answer<SocketAddr> {
        net::getsockname(self.find(fd)).map(address).map_err(errno)
    }

    fn peer(&self, fd: Fd) -> Answer<SocketAddr> {
        net::getpeername(self.find(fd)).map(|name| address(name.unwrap())).map_err(errno)
    }

    fn close(&self, fd: Fd) {
        self.0.lock().unwrap()[fd as usize] = None;
    }

    fn poll(&self, fd: Fd, events: PollEvents, timeout: Duration) -> PollEvents {
        let fd = self.find(fd);
        let mut fds = [PollFd::new(&fd, PollFlags::from_bits_retain(events.bits()))];
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        rustix::event::poll(&mut fds, Some(&timeout)).unwrap();
        PollEvents::from_bits_retain(fds[0].revents().bits())
    }

    fn readable(&self, fd: Fd) -> Answer<usize> {
        rustix::io::ioctl_fionread(self.find(fd)).map(|bytes| bytes as usize).map_err(errno)
    }

    fn number(&self, fd: Fd, option: Number) -> Answer<i64> {
        let fd = self.find(fd);
        let switch = |on: Result<bool, HostErrno>| on.map(i64::from);
        match option {
            Number::Error => match options::socket_error(&fd).map_err(errno)? {
                Ok(()) => Ok(0),
                Err(error) => Ok(errno(error) as i64),
            },
            Number::Listens => switch(options::socket_acceptconn(&fd)),
            Number::ReuseAddress => switch(options::socket_reuseaddr(&fd)),
            Number::ReusePort => switch(options::socket_reuseport(&fd)),
            Number::KeepAlive => switch(options::socket_keepalive(&fd)),
            Number::Broadcast => switch(options::socket_broadcast(&fd)),
            Number::OobInline => switch(options::socket_oobinline(&fd)),
            Number::Protocol => options::socket_protocol(&fd)
                .map(|protocol| protocol.map_or(0, |protocol| protocol.as_raw().get().into())),
            Number::Ttl => options::ip_ttl(&fd).map(i64::from),
            Number::Tos => options::ip_tos(&fd).map(i64::from),
            Number::MulticastTtl => options::ip_multicast_ttl(&fd).map(i64::from),
            Number::MulticastLoop => switch(options::ip_multicast_loop(&fd)),
            Number::UnicastHops => options::ipv6_unicast_hops(&fd).map(i64::from),
            Number::MulticastHops => options::ipv6_multicast_hops(&fd).map(i64::from),
            Number::TrafficClass => options::ipv6_tclass(&fd).map(i64::from),
            Number::V6Only => switch(options::ipv6_v6only(&fd)),
            Number::NoDelay => switch(options::tcp_nodelay(&fd)),
            Number::Cork => switch(options::tcp_cork(&fd)),
            Number::KeepIdle => options::tcp_keepidle(&fd).map(|time| time.as_secs() as i64),
            Number::KeepInterval => options::tcp_keepintvl(&fd).map(|time| time.as_secs() as i64),
            Number::KeepCount => options::tcp_keepcnt(&fd).map(i64::from),
            Number::UserTimeout => options::tcp_user_timeout(&fd).map(i64::from),
        }
        .map_err(errno)
    }

    fn set_number(&self, fd: Fd, option: Number, to: i64) -> Answer<()> {
        let fd = self.find(fd);
        let (on, seconds) = (to != 0, Duration::from_secs(to.unsigned_abs()));
        match option {
            Number::Error | Number::Listens | Number::Protocol => return Err(Errno::ENOPROTOOPT),
            Number::ReuseAddress => options::set_socket_reuseaddr(&fd, on),
            Number::ReusePort => options::set_socket_reuseport(&fd, on),
            Number::KeepAlive => options::set_socket_keepalive(&fd, on),
            Number::Broadcast => options::set_socket_broadcast(&fd, on),
            Number::OobInline => options::set_socket_oobinline(&fd, on),
            Number::Ttl => options::set_ip_ttl(&fd, to as u32),
            Number::Tos => options::set_ip_tos(&fd, to as u8),
            Number::MulticastTtl => options::set_ip_multicast_ttl(&fd, to as u32),
            Number::MulticastLoop => options::set_ip_multicast_loop(&fd, on),
            Number::UnicastHops => options::set_ipv6_unicast_hops(&fd, u8::try_from(to).ok()),
            Number::MulticastHops => options::set_ipv6_multicast_hops(&fd, to as u32),
            Number::TrafficClass => options::set_ipv6_tclass(&fd, to as u32),
            Number::V6Only => options::set_ipv6_v6only(&fd, on),
            Number::NoDelay => options::set_tcp_nodelay(&fd, on),
            Number::Cork => options::set_tcp_cork(&fd, on),
            Number::KeepIdle => options::set_tcp_keepidle(&fd, seconds),
            Number::KeepInterval => options::set_tcp_keepintvl(&fd, seconds),
            Number::KeepCount => options::set_tcp_keepcnt(&fd, to as u32),
            Number::UserTimeout => options::set_tcp_user_timeout(&fd, to as u32),
        }
        .map_err(errno)
    }

    fn set_linger(&self, fd: Fd, linger: Option<Duration>) -> Answer<()> {
        options::set_socket_linger(self.find(fd), linger).map_err(errno)
    }

    fn linger(&self, fd: Fd) -> Answer<Option<Duration>> {
        options::socket_linger(self.find(fd)).map_err(errno)
    }

    fn join(&self, fd: Fd, group: Ipv4Addr, interface: Ipv4Addr) -> Answer<()> {
        options::set_ip_add_membership(self.find(fd), &group, &interface).map_err(errno)
    }

    fn leave(&self, fd: Fd, group: Ipv4Addr, interface: Ipv4Addr) -> Answer<()> {
        options::set_ip_drop_membership(self.find(fd), &group, &interface).map_err(errno)
    }

    fn set_congestion(&self, fd: Fd, name: &str) -> Answer<()> {
        options::set_tcp_congestion(self.find(fd), name).map_err(errno)
    }
}
