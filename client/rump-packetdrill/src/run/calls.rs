//! System calls.

use super::{Open, Pending, Runner, Step, Stop};
use crate::conversation::Transport;
use crate::report::Failure;
use crate::script::{Call, Expression};
use crate::settings::IpVersion;
use crate::symbols::{self, O_NONBLOCK, number};
use rump_kern::{Fd, Ioctl, PollFd};
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{SO_ERROR, SO_SNDBUF, SOL_SOCKET};
use rump_kpi::{AddressFamily, Errno, KError, OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// What became of a call.
pub(super) enum Answer {
    /// It answers a number.
    Done(i64),
    /// It answers an error.
    Error(Errno),
    /// It answers a descriptor.
    Descriptor(Open),
    /// It put out something else than the script says.
    Other(String),
    /// It blocks.
    Blocks,
}

/// How far a call that blocks has come.
#[derive(Default)]
pub(super) struct Progress {
    /// Bytes that were taken or given.
    pub(super) bytes: usize,
    /// The connection is begun.
    pub(super) is_begun: bool,
}

pub(super) type Attempt = Result<Answer, Stop>;

/// An answer of the kernel.
pub(super) fn answer(result: Result<i64, KError>) -> Answer {
    match result {
        Ok(number) => Answer::Done(number),
        Err(error) => Answer::Error(error.errno),
    }
}

pub(super) fn skipped<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Skipped(what.into()))
}

/// What an expression amounts to. Errors: a name that means nothing here.
pub(super) fn value(expression: &Expression) -> Result<i64, Stop> {
    number(expression).map_err(Stop::Skipped)
}

impl Runner<'_> {
    /// A program calls at a moment; what its end is counted from is `base`.
    pub(super) fn call(&mut self, call: &Call, at: Duration, base: Duration) -> Step {
        let due = call.end.map(|end| base + end);
        if due.is_some_and(|due| due < at) {
            return Err(self.fail("the call ends before it begins"));
        }
        let line = self.line;
        self.pending =
            Some(Pending { line, call: call.clone(), since: at, due, progress: Progress::default() });
        self.settle()?;
        if let Some(pending) = self.pending.as_ref().filter(|pending| pending.due.is_none()) {
            // A timeout of the call itself may end it.
            let wait = self.wait_of(&pending.call);
            match wait {
                Some(wait) => {
                    let until = at + wait;
                    if let Some(pending) = &mut self.pending {
                        pending.due = Some(until);
                    }
                    self.finish_pending()?;
                }
                None => return Err(self.fail(format!("{} blocks", call.name))),
            }
        }
        Ok(())
    }

    /// How long a call waits by itself: that of `poll`.
    pub(super) fn wait_of(&self, call: &Call) -> Option<Duration> {
        let timeout = call.arguments.get(2).filter(|_| call.name == "poll")?;
        let milliseconds = u64::try_from(number(timeout).ok()?).ok()?;
        Some(Duration::from_millis(milliseconds))
    }

    /// Tries the call that did not end yet.
    pub(super) fn try_pending(&mut self) -> Step {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let answer = self.attempt(&pending.call, &mut pending.progress, pending.since)?;
        if let Answer::Blocks = answer {
            self.pending = Some(pending);
            return Ok(());
        }
        let outcome = self.judge(&pending.call, answer);
        self.say(format!(
            "{}({})",
            pending.call.name,
            if outcome.is_ok() { "as expected" } else { "otherwise" }
        ));
        if let Err(what) = outcome {
            let what = format!("{}: {what}", pending.call.name);
            return Err(Stop::Failed(Failure::new(pending.line, what)));
        }
        self.check_end(&pending)
    }

    /// A call that blocks ends when it should, and blocks until then.
    fn check_end(&self, pending: &Pending) -> Step {
        let Some(due) = pending.due.filter(|_| pending.call.end.is_some()) else { return Ok(()) };
        let tolerance = self.settings.tolerance_of(due.saturating_sub(pending.since));
        let now = self.now();
        if now + tolerance >= due && now <= due + tolerance {
            return Ok(());
        }
        let when = |at: Duration| at.saturating_sub(super::BEGIN).as_secs_f64();
        let what = format!("{} was to end at {:.6}, ended at {:.6}", pending.call.name, when(due), when(now));
        Err(Stop::Failed(Failure::new(pending.line, what)))
    }

    /// Compares an answer with what the script says. Errors: what is not so.
    fn judge(&mut self, call: &Call, answer: Answer) -> Result<(), String> {
        let expected = match &call.result {
            Expression::Ellipsis => None,
            result => Some(number(result)?),
        };
        let shown = |errno: &Option<String>| errno.as_ref().map_or(String::new(), |name| format!(" {name}"));
        let wanted = expected.map_or("...".into(), |number| format!("{number}{}", shown(&call.errno)));
        match answer {
            Answer::Done(number) if is_flags(call) => {
                let is_good = expected.is_none_or(|expected| {
                    symbols::GETFL.iter().any(|[blocks, not]| {
                        expected == if number & O_NONBLOCK == 0 { *blocks } else { *not }
                    })
                });
                if is_good { Ok(()) } else { Err(format!("expected {wanted}, got {number:#x}")) }
            }
            Answer::Done(number) if expected.is_none_or(|expected| expected == number) => Ok(()),
            Answer::Done(number) => Err(format!("expected {wanted}, got {number}")),
            Answer::Error(errno) => {
                let is_wanted = call.errno.as_deref().map(symbols::errno);
                match (expected, is_wanted) {
                    (Some(-1), Some(Some(wanted))) if wanted == errno => Ok(()),
                    // Any.
                    (Some(-1), None) => Ok(()),
                    _ => Err(format!("expected {wanted}, got -1 {}", errno.name())),
                }
            }
            Answer::Descriptor(open) => match expected {
                Some(fd) if fd >= 0 => {
                    if let Some(old) = self.open.insert(fd, open) {
                        let _ = self.process.close(old.fd);
                    }
                    Ok(())
                }
                _ => Err(format!("expected {wanted}, got a descriptor")),
            },
            Answer::Other(what) => Err(what),
            Answer::Blocks => Ok(()),
        }
    }

    fn attempt(&mut self, call: &Call, progress: &mut Progress, since: Duration) -> Attempt {
        let arguments = &call.arguments[..];
        match (call.name.as_str(), arguments) {
            ("socket", [domain, kind, protocol]) => self.socket(domain, kind, protocol),
            ("bind", [fd, address, ..]) => self.bind(fd, address),
            ("listen", [fd, backlog]) => self.listen(fd, backlog),
            ("accept", [fd, ..]) => self.accept(fd, 0, call),
            ("accept4", [fd, _, _, flags]) => self.accept(fd, value(flags)?, call),
            ("connect", [fd, address, ..]) => self.connect(fd, address, progress),
            ("close", [fd]) => self.close(fd),
            ("shutdown", [fd, how]) => self.shutdown(fd, how),
            ("fcntl", [fd, request, rest @ ..]) => self.fcntl(fd, request, rest),
            ("ioctl", [fd, request, rest @ ..]) => self.ioctl(fd, request, rest),
            ("poll", [fds, _, timeout]) => self.poll(fds, timeout, since),
            ("setsockopt", [fd, level, name, value, ..]) => self.set_option(fd, level, name, value),
            ("getsockopt", [fd, level, name, value, ..]) => self.option(fd, level, name, value),
            ("read", [fd, _, length]) => self.receive(fd, &[value(length)?], 0, progress),
            ("recv", [fd, _, length, flags]) => self.receive(fd, &[value(length)?], value(flags)?, progress),
            ("recvfrom", [fd, _, length, flags, ..]) => {
                self.receive(fd, &[value(length)?], value(flags)?, progress)
            }
            ("readv", [fd, parts, _]) => self.receive(fd, &lengths(parts)?, 0, progress),
            ("recvmsg", [fd, message, flags]) => self.receive_message(fd, message, value(flags)?, progress),
            ("write", [fd, _, length]) => self.send(fd, &[value(length)?], 0, None, progress),
            ("send", [fd, _, length, flags]) => {
                self.send(fd, &[value(length)?], value(flags)?, None, progress)
            }
            ("sendto", [fd, _, length, flags, to, ..]) => {
                self.send(fd, &[value(length)?], value(flags)?, Some(to), progress)
            }
            ("writev", [fd, parts, _]) => self.send(fd, &lengths(parts)?, 0, None, progress),
            ("sendmsg", [fd, message, flags]) => self.send_message(fd, message, value(flags)?, progress),
            (name, _) => {
                skipped(format!("the call {name} of {} arguments is not supported", arguments.len()))
            }
        }
    }

    /// A descriptor of the script. Errors: none; an unknown one is one that the kernel does not know.
    pub(super) fn fd(&self, fd: &Expression) -> Result<Fd, Stop> {
        let number = value(fd)?;
        Ok(self.open.get(&number).map_or(Fd(u32::MAX), |open| open.fd))
    }

    pub(super) fn open_of(&mut self, fd: &Expression) -> Result<Option<&mut Open>, Stop> {
        let number = value(fd)?;
        Ok(self.open.get_mut(&number))
    }

    pub(super) fn blocks(&mut self, fd: &Expression) -> Result<bool, Stop> {
        Ok(self.open_of(fd)?.is_some_and(|open| open.blocks))
    }

    fn socket(&mut self, domain: &Expression, kind: &Expression, protocol: &Expression) -> Attempt {
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

    fn bind(&mut self, fd: &Expression, address: &Expression) -> Attempt {
        let address = self.address(address, (self.settings.local(), self.settings.bind_port))?;
        let fd_number = self.fd(fd)?;
        let bound = self.process.bind(fd_number, &address);
        if bound.is_ok() {
            self.note_datagrams(fd, None)?;
        }
        Ok(answer(bound.map(|()| 0)))
    }

    fn listen(&mut self, fd: &Expression, backlog: &Expression) -> Attempt {
        let backlog = u32::try_from(value(backlog)?).unwrap_or(0);
        let listens = self.process.listen(self.fd(fd)?, backlog);
        if let Some(open) = self.open_of(fd)?.filter(|_| listens.is_ok()) {
            open.listens = true;
        }
        Ok(answer(listens.map(|()| 0)))
    }

    fn accept(&mut self, fd: &Expression, flags: i64, call: &Call) -> Attempt {
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

    fn connect(&mut self, fd: &Expression, address: &Expression, progress: &mut Progress) -> Attempt {
        let address = self.address(address, (self.settings.remote(), self.settings.connect_port))?;
        let (kernel_fd, blocks) = (self.fd(fd)?, self.blocks(fd)?);
        if progress.is_begun {
            return self.connected(kernel_fd);
        }
        let before = self.port_of(kernel_fd);
        let result = self.process.connect(kernel_fd, &address);
        let is_datagram = self.open_of(fd)?.is_some_and(|open| open.kind == SocketType::Datagram);
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
        if self.open_of(fd)?.is_none_or(|open| open.kind != SocketType::Datagram) {
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

    fn close(&mut self, fd: &Expression) -> Attempt {
        let closed = self.process.close(self.fd(fd)?);
        self.open.remove(&value(fd)?);
        Ok(answer(closed.map(|()| 0)))
    }

    fn shutdown(&mut self, fd: &Expression, how: &Expression) -> Attempt {
        let how = match value(how)? {
            0 => Shutdown::Read,
            1 => Shutdown::Write,
            2 => Shutdown::Both,
            _ => return Ok(Answer::Error(Errno::EINVAL)),
        };
        Ok(answer(self.process.shutdown(self.fd(fd)?, how).map(|()| 0)))
    }

    /// The kernel's descriptors never block; whether the script's do is kept here.
    fn fcntl(&mut self, fd: &Expression, request: &Expression, rest: &[Expression]) -> Attempt {
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

    fn ioctl(&mut self, fd: &Expression, request: &Expression, rest: &[Expression]) -> Attempt {
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

    fn poll(&mut self, fds: &Expression, timeout: &Expression, since: Duration) -> Attempt {
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
        let timeout = value(timeout)?;
        let is_over =
            u64::try_from(timeout).is_ok_and(|timeout| self.now() >= since + Duration::from_millis(timeout));
        if count == 0 && !is_over {
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
    fn new(fd: Fd, kind: SocketType, blocks: bool) -> Self {
        let is_checked = kind == SocketType::Stream;
        Self { fd, kind, blocks, listens: false, written: 0, read: 0, is_checked }
    }
}

fn is_flags(call: &Call) -> bool {
    matches!(&call.arguments[..], [_, Expression::Word(name)] if name == "F_GETFL") && call.name == "fcntl"
}

/// The port of an address.
pub(super) fn port(address: &SocketAddress) -> u16 {
    match address {
        SocketAddress::Inet(address) => address.port(),
        SocketAddress::Inet6(address) => address.port(),
        SocketAddress::Local(_) => 0,
    }
}

/// A field of a structure.
pub(super) fn field<'e>(fields: &'e [Expression], name: &str) -> Option<&'e Expression> {
    fields.iter().find_map(|field| match field {
        Expression::Named(known, value) if known == name => Some(&**value),
        _ => None,
    })
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

/// Lengths of the parts of a vector.
pub(super) fn lengths(parts: &Expression) -> Result<Vec<i64>, Stop> {
    let Expression::List(parts) = parts else { return skipped("a vector is a list") };
    let length = |part: &Expression| match part {
        Expression::Struct(fields) => match &fields[..] {
            [_, length] => value(length),
            _ => skipped("a part has an address and a length"),
        },
        _ => skipped("a part is a structure"),
    };
    parts.iter().map(length).collect()
}
