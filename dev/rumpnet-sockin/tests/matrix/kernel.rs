//! A kernel over the host's sockets.

use crate::system::*;
use rump_abi::{
    AddressFamily, MessageFlags, OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType, sockopt::*,
};
use rump_host_posix::PosixHost;
use rump_kern::{Ioctl, PollFd, Process, SendMessage};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub struct Kernel(Process);

impl Kernel {
    pub fn boot() -> Self {
        let host = PosixHost::new();
        let builder = rump_kern::Kernel::builder(host.clone());
        Self(builder.component(rumpnet_sockin::component(host)).boot().unwrap().process())
    }
}

fn fd(fd: Fd) -> rump_kern::Fd {
    rump_kern::Fd(fd)
}

fn answer<T>(result: KResult<T>) -> Answer<T> {
    result.map_err(|error| error.errno)
}

fn name(address: SocketAddr) -> SocketAddress {
    match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

fn address(name: SocketAddress) -> SocketAddr {
    match name {
        SocketAddress::Inet(address) => address.into(),
        SocketAddress::Inet6(address) => address.into(),
        SocketAddress::Local(_) | SocketAddress::Unspecified => panic!("an address of another family"),
    }
}

fn option(number: Number) -> (i32, i32) {
    match number {
        Number::Error => (SOL_SOCKET, SO_ERROR),
        Number::Listens => (SOL_SOCKET, SO_ACCEPTCONN),
        Number::ReuseAddress => (SOL_SOCKET, SO_REUSEADDR),
        Number::ReusePort => (SOL_SOCKET, SO_REUSEPORT),
        Number::KeepAlive => (SOL_SOCKET, SO_KEEPALIVE),
        Number::Broadcast => (SOL_SOCKET, SO_BROADCAST),
        Number::OobInline => (SOL_SOCKET, SO_OOBINLINE),
        Number::Protocol => (SOL_SOCKET, SO_PROTOCOL),
        Number::Ttl => (IPPROTO_IP, IP_TTL),
        Number::Tos => (IPPROTO_IP, IP_TOS),
        Number::MulticastTtl => (IPPROTO_IP, IP_MULTICAST_TTL),
        Number::MulticastLoop => (IPPROTO_IP, IP_MULTICAST_LOOP),
        Number::UnicastHops => (IPPROTO_IPV6, IPV6_UNICAST_HOPS),
        Number::MulticastHops => (IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
        Number::TrafficClass => (IPPROTO_IPV6, IPV6_TCLASS),
        Number::V6Only => (IPPROTO_IPV6, IPV6_V6ONLY),
        Number::NoDelay => (IPPROTO_TCP, TCP_NODELAY),
        Number::Cork => (IPPROTO_TCP, TCP_NOPUSH),
        Number::KeepIdle => (IPPROTO_TCP, TCP_KEEPIDLE),
        Number::KeepInterval => (IPPROTO_TCP, TCP_KEEPINTVL),
        Number::KeepCount => (IPPROTO_TCP, TCP_KEEPCNT),
        Number::UserTimeout => (IPPROTO_TCP, TCP_USER_TIMEOUT),
    }
}

impl System for Kernel {
    fn is_host(&self) -> bool {
        false
    }

    fn socket(&self, like: SocketAddr, kind: SocketType, protocol: u8) -> Answer<Fd> {
        let family = if like.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        answer(self.0.socket(family, kind, protocol, OpenFlags::NONBLOCK)).map(|fd| fd.0)
    }

    fn bind(&self, at: Fd, to: SocketAddr) -> Answer<()> {
        answer(self.0.bind(fd(at), &name(to)))
    }

    fn listen(&self, at: Fd, backlog: u32) -> Answer<()> {
        answer(self.0.listen(fd(at), backlog))
    }

    fn accept(&self, at: Fd) -> Answer<(Fd, SocketAddr)> {
        answer(self.0.accept4(fd(at), OpenFlags::NONBLOCK)).map(|(fd, from)| (fd.0, address(from)))
    }

    fn connect(&self, at: Fd, to: SocketAddr) -> Answer<()> {
        answer(self.0.connect(fd(at), &name(to)))
    }

    fn send(&self, at: Fd, bytes: &[u8], flags: MessageFlags, to: Option<SocketAddr>) -> Answer<usize> {
        let to = to.map(name);
        let message = SendMessage { parts: &[bytes], to: to.as_ref(), ..SendMessage::default() };
        answer(self.0.sendmsg(fd(at), &message, flags))
    }

    fn receive(&self, at: Fd, length: usize, flags: MessageFlags) -> Answer<Came> {
        let mut bytes = vec![0; length];
        let received = answer(self.0.recvmsg(fd(at), &mut [&mut bytes], 0, flags))?;
        bytes.truncate(received.length);
        let (length, from) = (received.length, received.from.map(address));
        Ok(Came { bytes, length, from, flags: received.flags })
    }

    fn shutdown(&self, at: Fd, how: Shutdown) -> Answer<()> {
        answer(self.0.shutdown(fd(at), how))
    }

    fn name(&self, at: Fd) -> Answer<SocketAddr> {
        answer(self.0.getsockname(fd(at))).map(address)
    }

    fn peer(&self, at: Fd) -> Answer<SocketAddr> {
        answer(self.0.getpeername(fd(at))).map(address)
    }

    fn close(&self, at: Fd) {
        self.0.close(fd(at)).unwrap();
    }

    fn poll(&self, at: Fd, events: PollEvents, timeout: Duration) -> PollEvents {
        let mut fds = [PollFd::new(fd(at), events)];
        self.0.poll(&mut fds, Some(timeout)).unwrap();
        fds[0].revents
    }

    fn readable(&self, at: Fd) -> Answer<usize> {
        answer(self.0.ioctl(fd(at), Ioctl::Readable))
    }

    fn number(&self, at: Fd, number: Number) -> Answer<i64> {
        let (level, name) = option(number);
        match answer(self.0.getsockopt(fd(at), level, name))? {
            OptionValue::Number(number) => Ok(number),
            other => panic!("{other:?} is no number"),
        }
    }

    fn set_number(&self, at: Fd, number: Number, to: i64) -> Answer<()> {
        let (level, name) = option(number);
        answer(self.0.setsockopt(fd(at), level, name, &OptionValue::Number(to)))
    }

    fn set_linger(&self, at: Fd, linger: Option<Duration>) -> Answer<()> {
        answer(self.0.setsockopt(fd(at), SOL_SOCKET, SO_LINGER, &OptionValue::Linger(linger)))
    }

    fn linger(&self, at: Fd) -> Answer<Option<Duration>> {
        match answer(self.0.getsockopt(fd(at), SOL_SOCKET, SO_LINGER))? {
            OptionValue::Linger(time) => Ok(time),
            other => panic!("{other:?} is no linger"),
        }
    }

    fn join(&self, at: Fd, group: Ipv4Addr, interface: Ipv4Addr) -> Answer<()> {
        let value = OptionValue::Bytes([group.octets(), interface.octets()].concat());
        answer(self.0.setsockopt(fd(at), IPPROTO_IP, IP_ADD_MEMBERSHIP, &value))
    }

    fn leave(&self, at: Fd, group: Ipv4Addr, interface: Ipv4Addr) -> Answer<()> {
        let value = OptionValue::Bytes([group.octets(), interface.octets()].concat());
        answer(self.0.setsockopt(fd(at), IPPROTO_IP, IP_DROP_MEMBERSHIP, &value))
    }

    fn set_congestion(&self, at: Fd, name: &str) -> Answer<()> {
        let name = if name == "reno" { "newreno" } else { name };
        answer(self.0.setsockopt(fd(at), IPPROTO_TCP, TCP_CONGCTL, &OptionValue::Bytes(name.into())))
    }
}
