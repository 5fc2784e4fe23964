//! Calls of sockets but for sending, receiving and options.

use super::calls::{Answer, Attempt, Progress, answer, field, skipped, value};
use super::{Open, Runner, Step, Stop};
use crate::conversation::Transport;
use crate::script::{Call, Expression};
use crate::settings::IpVersion;
use crate::symbols::{O_NONBLOCK, number};
use rump_kern::{Fd, Ioctl, PollFd};
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{SO_ERROR, SO_SNDBUF, SOL_SOCKET};
use rump_kpi::{AddressFamily, Errno, OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

impl Runner<'_> {
    pub(super) fn socket(
        &mut self,
        domain: &Expression,
        kind: &Expression,
        protocol: &Expression,
    ) -> Attempt {
        let is_v4 = self.settings.version == IpVersion::V4;
        let family = match domain {
            Expression::Ellipsis if is_v4 => AddressFamily::Inet,
            Expression::Ellipsis => AddressFamily::Inet6,
            domain => match value(domain)? {
                2 => AddressFamily::Inet,
                24 => AddressFamily::Inet6,
                _ => return skipped("this family of sockets is not supported"),
            },
        };
        let flags = value(kind)?;
        let kind = match flags & 0xf {
            1 => SocketType::Stream,
            2 => SocketType::Datagram,
            3 => SocketType::Raw,
            _ => SocketType::SeqPacket,
        };
        let protocol = u8::try_from(value(protocol)?).unwrap_or(u8::MAX);
        match self.process.socket(family, kind, protocol, OpenFlags::NONBLOCK) {
            Ok(fd) => Ok(Answer::Descriptor(Open::new(fd, kind, flags & O_NONBLOCK == 0))),
            Err(error) => Ok(Answer::Error(error.errno)),
        }
    }

    /// An address of the script. Errors: none that is supported.
    pub(super) fn address(&self, address: &Expression, usual: (IpAddr, u16)) -> Result<SocketAddress, Stop> {
        let (ip, port) = match address {
            Expression::Ellipsis => usual,
            Expression::Struct(fields) => sockaddr(fields)?,
            _ => return skipped("an address of this form is not supported"),
        };
        Ok(match SocketAddr::new(ip, port) {
            SocketAddr::V4(address) if self.settings.version == IpVersion::Mapped => {
                SocketAddress::Inet6(SocketAddrV6::new(address.ip().to_ipv6_mapped(), address.port(), 0, 0))
            }
            SocketAddr::V4(address) => SocketAddress::Inet(address),
            SocketAddr::V6(address) => SocketAddress::Inet6(address),
        })
    }

    pub(super) fn bind(&mut self, fd: &Expression, address: &Expression) -> Attempt {
        let address = self.address(address, (self.settings.local(), self.settings.bind_port))?;
        let fd_number = self.fd(fd)?;
        let bound = self.process.bind(fd_number, &address);
        if bound.is_ok() {
            self.note_datagrams(fd, None)?;
        }
        Ok(answer(bound.map(|()| 0)))
    }

    pub(super) fn listen(&mut self, fd: &Expression, backlog: &Expression) -> Attempt {
        let backlog = u32::try_from(value(backlog)?).unwrap_or(0);
        let listens = self.process.listen(self.fd(fd)?, backlog);
        if let Some(open) = self.open_of(fd)?.filter(|_| listens.is_ok()) {
            open.listens = true;
        }
        Ok(answer(listens.map(|()| 0)))
    }

    pub(super) fn accept(&mut self, fd: &Expression, flags: i64, call: &Call) -> Attempt {
        let blocks = self.blocks(fd)?;
        let (new, from) = match self.process.accept4(self.fd(fd)?, OpenFlags::NONBLOCK) {
            Ok(accepted) => accepted,
            Err(error) if error.errno == Errno::EAGAIN && blocks => return Ok(Answer::Blocks),
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        let local = self.port_of(new).unwrap_or(0);
        let index = self.talk(Transport::Tcp, local, port(&from));
        self.conversations[index].fd = number(&call.result).ok();
        Ok(Answer::Descriptor(Open::new(new, SocketType::Stream, flags & O_NONBLOCK == 0)))
    }

    /// The port that a socket has.
    pub(super) fn port_of(&self, fd: Fd) -> Option<u16> {
        self.process.getsockname(fd).ok().map(|address| port(&address))
    }

    pub(super) fn connect(
        &mut self,
        fd: &Expression,
        address: &Expression,
        progress: &mut Progress,
    ) -> Attempt {
        let address = self.address(address, (self.settings.remote(), self.settings.connect_port))?;
        let (kernel_fd, blocks) = (self.fd(fd)?, self.blocks(fd)?);
        if progress.is_begun {
            return self.connected(kernel_fd);
        }
        let before = self.port_of(kernel_fd);
        let result = self.process.connect(kernel_fd, &address);
        let is_datagram = self.open_of(fd)?.is_some_and(|open| open.kind == Some(SocketType::Datagram));
        if is_datagram {
            self.note_datagrams(fd, Some(port(&address)))?;
        }
        match result {
            Ok(()) => Ok(Answer::Done(0)),
            Err(error) if error.errno == Errno::EINPROGRESS => {
                let local = self.port_of(kernel_fd).or(before).unwrap_or(0);
                let index = self.talk(Transport::Tcp, local, port(&address));
                self.conversations[index].fd = number(fd).ok();
                progress.is_begun = true;
                Ok(if blocks { Answer::Blocks } else { Answer::Error(Errno::EINPROGRESS) })
            }
            Err(error) => Ok(Answer::Error(error.errno)),
        }
    }

    /// How a connection that was begun went.
    fn connected(&mut self, fd: Fd) -> Attempt {
        let mut poll = [PollFd::new(fd, PollEvents::OUT)];
        match self.process.poll(&mut poll, Some(Duration::ZERO)) {
            Ok(0) => return Ok(Answer::Blocks),
            Ok(_) => {}
            Err(error) => return Ok(Answer::Error(error.errno)),
        }
        Ok(match self.process.getsockopt(fd, SOL_SOCKET, SO_ERROR) {
            Ok(OptionValue::Number(0)) => Answer::Done(0),
            Ok(OptionValue::Number(number)) => {
                let errno = Errno::ALL.iter().copied().find(|errno| *errno as i64 == number);
                Answer::Error(errno.unwrap_or(Errno::EIO))
            }
            Ok(_) => Answer::Other("SO_ERROR is no number".into()),
            Err(error) => Answer::Error(error.errno),
        })
    }

    /// A socket of datagrams has a port: what comes without ports is for it.
    pub(super) fn note_datagrams(&mut self, fd: &Expression, remote: Option<u16>) -> Step {
        let (kernel_fd, script_fd) = (self.fd(fd)?, value(fd)?);
        if self.open_of(fd)?.is_none_or(|open| open.kind != Some(SocketType::Datagram)) {
            return Ok(());
        }
        let Some(local) = self.port_of(kernel_fd).filter(|port| *port != 0) else { return Ok(()) };
        let known =
            self.conversations.iter().find(|pair| pair.fd == Some(script_fd) && pair.local_port == local);
        let remote = remote.or(known.map(|pair| pair.remote_port)).unwrap_or(self.settings.connect_port);
        let index = self.talk(Transport::Udp, local, remote);
        self.conversations[index].fd = Some(script_fd);
        Ok(())
    }

    pub(super) fn close(&mut self, fd: &Expression) -> Attempt {
        let closed = self.process.close(self.fd(fd)?);
        self.open.remove(&value(fd)?);
        Ok(answer(closed.map(|()| 0)))
    }

    pub(super) fn shutdown(&mut self, fd: &Expression, how: &Expression) -> Attempt {
        let how = match value(how)? {
            0 => Shutdown::Read,
            1 => Shutdown::Write,
            2 => Shutdown::Both,
            _ => return Ok(Answer::Error(Errno::EINVAL)),
        };
        Ok(answer(self.process.shutdown(self.fd(fd)?, how).map(|()| 0)))
    }

    /// The kernel's descriptors never block; whether the script's do is kept here.
    pub(super) fn fcntl(&mut self, fd: &Expression, request: &Expression, rest: &[Expression]) -> Attempt {
        let Some(open) = self.open_of(fd)? else { return Ok(Answer::Error(Errno::EBADF)) };
        match (request, rest) {
            (Expression::Word(name), _) if name == "F_GETFL" => {
                Ok(Answer::Done(if open.blocks { 0 } else { O_NONBLOCK }))
            }
            (Expression::Word(name), [flags]) if name == "F_SETFL" => {
                open.blocks = value(flags)? & O_NONBLOCK == 0;
                Ok(Answer::Done(0))
            }
            _ => skipped("this request of fcntl is not supported"),
        }
    }

    pub(super) fn ioctl(&mut self, fd: &Expression, request: &Expression, rest: &[Expression]) -> Attempt {
        let kernel_fd = self.fd(fd)?;
        let Expression::Word(name) = request else { return skipped("a request of ioctl is a name") };
        let counted = match name.as_str() {
            "FIONREAD" | "SIOCINQ" => self.process.ioctl(kernel_fd, Ioctl::Readable),
            "FIONSPACE" => self.process.ioctl(kernel_fd, Ioctl::Space),
            "SIOCOUTQ" | "FIONWRITE" => self.process.ioctl(kernel_fd, Ioctl::Space).and_then(|space| {
                match self.process.getsockopt(kernel_fd, SOL_SOCKET, SO_SNDBUF)? {
                    OptionValue::Number(room) => Ok((room as usize).saturating_sub(space)),
                    _ => Ok(0),
                }
            }),
            "FIONBIO" => {
                let on = match rest {
                    [Expression::List(list)] => list.first().map(value).transpose()?.unwrap_or(0),
                    _ => return skipped("FIONBIO takes a list of one number"),
                };
                return Ok(match self.open_of(fd)? {
                    Some(open) => {
                        open.blocks = on == 0;
                        Answer::Done(0)
                    }
                    None => Answer::Error(Errno::EBADF),
                });
            }
            _ => return skipped(format!("the request {name} of ioctl is not supported")),
        };
        let counted = match counted {
            Ok(counted) => counted as i64,
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        match rest {
            [Expression::List(list)] if list.len() == 1 => {
                let expected = value(&list[0])?;
                let what = format!("{name}: expected {expected}, got {counted}");
                Ok(if expected == counted { Answer::Done(0) } else { Answer::Other(what) })
            }
            _ => Ok(Answer::Done(0)),
        }
    }

    pub(super) fn poll(&mut self, fds: &Expression, timeout: &Expression, since: Duration) -> Attempt {
        let Expression::List(entries) = fds else { return skipped("poll takes a list") };
        let (mut polled, mut expected) = (Vec::new(), Vec::new());
        for entry in entries {
            let Expression::Struct(fields) = entry else { return skipped("poll takes a list of structures") };
            let Some(fd) = field(fields, "fd") else { return skipped("poll: fd is missing") };
            let events = field(fields, "events").map(value).transpose()?.unwrap_or(0);
            polled.push(PollFd::new(self.fd(fd)?, PollEvents::from_bits_truncate(events as u16)));
            expected.push(field(fields, "revents").map(value).transpose()?.unwrap_or(0));
        }
        let count = match self.process.poll(&mut polled, Some(Duration::ZERO)) {
            Ok(count) => count,
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        if count == 0 && !self.is_over(since, value(timeout)?) {
            return Ok(Answer::Blocks);
        }
        for (polled, expected) in polled.iter().zip(expected) {
            let seen = i64::from(polled.revents.bits());
            if seen != expected {
                return Ok(Answer::Other(format!("expected the events {expected:#x}, got {seen:#x}")));
            }
        }
        Ok(Answer::Done(count as i64))
    }
}

impl Open {
    pub(super) fn new(fd: Fd, kind: impl Into<Option<SocketType>>, blocks: bool) -> Self {
        let kind = kind.into();
        let is_checked = kind == Some(SocketType::Stream);
        let watched = Default::default();
        Self { fd, kind, watched, blocks, listens: false, written: 0, read: 0, is_checked }
    }
}

/// The port of an address.
pub(super) fn port(address: &SocketAddress) -> u16 {
    match address {
        SocketAddress::Inet(address) => address.port(),
        SocketAddress::Inet6(address) => address.port(),
        SocketAddress::Unspecified | SocketAddress::Local(_) => 0,
    }
}

/// `{sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("192.0.2.1")}`.
fn sockaddr(fields: &[Expression]) -> Result<(IpAddr, u16), Stop> {
    let port = field(fields, "sin_port").or(field(fields, "sin6_port")).map(value).transpose()?;
    let address = field(fields, "sin_addr").or(field(fields, "sin6_addr"));
    let ip = match address {
        Some(Expression::Applied(name, arguments)) => match (name.as_str(), &arguments[..]) {
            ("inet_addr", [Expression::Text(text)]) => text.parse().ok(),
            ("inet6_addr" | "inet_pton", [.., Expression::Text(text)]) => text.parse().ok(),
            _ => None,
        },
        Some(Expression::Word(name)) if name == "INADDR_ANY" => Some(Ipv4Addr::UNSPECIFIED.into()),
        Some(Expression::Word(name)) if name == "in6addr_any" => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    };
    match (ip, port.map(u16::try_from)) {
        (Some(ip), Some(Ok(port))) => Ok((ip, port)),
        _ => skipped("an address of this form is not supported"),
    }
}
