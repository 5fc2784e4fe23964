//! An Internet in memory: streams and datagrams among the sockets of a simulated host, which has every address.
//!
//! Nothing is on its way: what is sent is there, connections are made at once. One lock holds all of it, a leaf; who is
//! to be woken is woken after it.

use crate::{SimHost, lock};
use rump_abi::sockopt::{SO_ACCEPTCONN, SO_ERROR, SO_LINGER, SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF, SOL_SOCKET};
use rump_abi::{AddressFamily, Errno, MessageFlags, PollEvents, Shutdown, SocketType};
use rump_hyper::socket::{Amounts, HostSocket, HostSockets, Incoming, OptionValue, Outgoing};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

/// Bytes that wait at a stream, and messages that wait at a socket.
const MOST_BYTES: usize = 65_536;
const MOST_MESSAGES: usize = 256;
const MOST_MESSAGE: usize = 65_507;
/// Where ports for those who have none begin.
const FIRST_PORT: u16 = 49_152;

/// Every socket, by its number.
#[derive(Default)]
pub struct Internet {
    ends: Mutex<Ends>,
    next: AtomicU64,
}

/// A socket's side of it.
struct End {
    kind: SocketType,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    /// The other side's number; it may be gone.
    peer: Option<u64>,
    /// Numbers of connections that wait, of one that listens.
    waiting: Option<(usize, VecDeque<u64>)>,
    bytes: VecDeque<u8>,
    messages: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Nothing more comes; nothing more is sent.
    is_over: [bool; 2],
    error: Option<Errno>,
    reuses_address: bool,
    linger: Option<Duration>,
    changed: Waker,
    awaited: Option<PollEvents>,
    /// What could be done when it was last told of, of one that is told of every change.
    told: Option<(PollEvents, usize)>,
}

const READS: usize = 0;
const WRITES: usize = 1;

impl End {
    fn new(kind: SocketType, local: SocketAddr, changed: Waker) -> Self {
        Self {
            kind,
            local,
            remote: None,
            peer: None,
            waiting: None,
            bytes: VecDeque::new(),
            messages: VecDeque::new(),
            is_over: [false; 2],
            error: None,
            reuses_address: false,
            linger: None,
            changed,
            awaited: None,
            told: None,
        }
    }

    fn is_stream(&self) -> bool {
        self.kind == SocketType::Stream
    }

    /// Whether what is sent to `address` is for it.
    fn is_at(&self, kind: SocketType, address: SocketAddr) -> bool {
        let is_mine = self.local.ip() == address.ip() || self.local.ip().is_unspecified();
        self.kind == kind && self.local.port() == address.port() && is_mine
    }
}

type Ends = BTreeMap<u64, End>;

fn ready(ends: &Ends, number: u64) -> PollEvents {
    let Some(end) = ends.get(&number) else { return PollEvents::NVAL };
    let mut ready = PollEvents::empty();
    ready.set(PollEvents::ERR, end.error.is_some());
    if let Some((_, waiting)) = &end.waiting {
        ready.set(PollEvents::IN, !waiting.is_empty());
        return ready;
    }
    let is_connected = end.peer.is_some() || !end.is_stream();
    let [no_more_comes, is_shut] = end.is_over;
    ready.set(PollEvents::IN, !end.bytes.is_empty() || !end.messages.is_empty() || no_more_comes);
    ready.set(PollEvents::OUT, !is_connected || is_shut || end.error.is_some() || room(ends, end) > 0);
    ready.set(PollEvents::HUP, !is_connected || no_more_comes && is_shut);
    ready
}

/// Bytes of a stream or of the first message, or connections.
fn to_receive(end: &End) -> usize {
    let first = end.messages.front().map_or(end.bytes.len(), |(_, content)| content.len());
    end.waiting.as_ref().map_or(first, |(_, waiting)| waiting.len())
}

/// Bytes that can be sent.
fn room(ends: &Ends, end: &End) -> usize {
    match end.peer.and_then(|peer| ends.get(&peer)) {
        Some(peer) if end.is_stream() => MOST_BYTES - peer.bytes.len(),
        // What nobody gets has room.
        _ => MOST_BYTES,
    }
}

impl Internet {
    /// Does something, and wakes who waited for it.
    fn change<T>(&self, change: impl FnOnce(&mut Ends) -> T) -> T {
        let mut ends = lock(&self.ends);
        let answer = change(&mut ends);
        let over = PollEvents::ERR | PollEvents::HUP;
        let now = |(number, end): (&u64, &End)| {
            let now = (ready(&ends, *number), to_receive(end));
            let is_awaited = end.awaited.is_some_and(|awaited| now.0.intersects(awaited | over));
            (is_awaited || end.told.is_some_and(|told| told != now)).then_some((*number, now))
        };
        let numbers: Vec<_> = ends.iter().filter_map(now).collect();
        let mut woken = Vec::new();
        for (number, now) in numbers {
            if let Some(end) = ends.get_mut(&number) {
                end.awaited = None;
                end.told = end.told.map(|_| now);
                woken.push(end.changed.clone());
            }
        }
        drop(ends);
        woken.iter().for_each(Waker::wake_by_ref);
        answer
    }

    fn enter(&self, ends: &mut Ends, end: End) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        ends.insert(number, end);
        number
    }
}

/// Whether somebody has it.
fn is_taken(ends: &Ends, kind: SocketType, address: SocketAddr) -> bool {
    let overlaps = |end: &End| {
        let is_any = end.local.ip().is_unspecified() || address.ip().is_unspecified();
        // Those that were accepted have the name of the one that listens.
        let is_own = end.peer.is_none() || !end.is_stream();
        is_own
            && end.kind == kind
            && end.local.port() == address.port()
            && (is_any || end.local.ip() == address.ip())
    };
    ends.values().any(overlaps)
}

/// A port that nobody has; each socket begins to look elsewhere.
fn free_port(ends: &Ends, number: u64) -> Result<u16, Errno> {
    let is_free = |port: &u16| ends.values().all(|end| end.local.port() != *port);
    let first = FIRST_PORT + (number % u64::from(u16::MAX - FIRST_PORT)) as u16;
    (first..=u16::MAX).chain(FIRST_PORT..first).find(is_free).ok_or(Errno::EADDRNOTAVAIL)
}

/// Gives a name to who has none, to talk to `to`.
fn settle(ends: &mut Ends, number: u64, to: IpAddr) -> Result<SocketAddr, Errno> {
    let port = free_port(ends, number)?;
    let end = ends.get_mut(&number).ok_or(Errno::EBADF)?;
    if end.local.port() == 0 {
        end.local.set_port(port);
    }
    if end.local.ip().is_unspecified() && end.is_stream() {
        end.local.set_ip(to);
    }
    let ip = if end.local.ip().is_unspecified() { to } else { end.local.ip() };
    Ok(SocketAddr::new(ip, end.local.port()))
}

/// A socket of the simulated host.
struct SimSocket {
    internet: Arc<Internet>,
    number: u64,
}

impl HostSockets for SimHost {
    fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        changed: Waker,
    ) -> Result<Arc<dyn HostSocket>, Errno> {
        let any: IpAddr = match family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            AddressFamily::Unspecified | AddressFamily::Local | AddressFamily::Route => {
                return Err(Errno::EAFNOSUPPORT);
            }
        };
        match (kind, protocol) {
            (SocketType::Stream, 0 | 6) | (SocketType::Datagram, 0 | 17) => {
                let end = End::new(kind, (any, 0).into(), changed);
                let internet = self.internet.clone();
                let number = internet.change(|ends| internet.enter(ends, end));
                Ok(Arc::new(SimSocket { internet, number }))
            }
            (SocketType::Stream | SocketType::Datagram, _) => Err(Errno::EPROTONOSUPPORT),
            (SocketType::Raw, _) => Err(Errno::EPERM),
            (SocketType::SeqPacket, _) => Err(Errno::ESOCKTNOSUPPORT),
        }
    }
}

impl SimSocket {
    fn with<T>(&self, call: impl FnOnce(&mut End, &mut Ends) -> Result<T, Errno>) -> Result<T, Errno> {
        self.internet.change(|ends| {
            // It is away meanwhile, and so does not find itself.
            let mut end = ends.remove(&self.number).ok_or(Errno::EBADF)?;
            let answer = call(&mut end, ends);
            ends.insert(self.number, end);
            answer
        })
    }

    fn send_message(&self, message: &Outgoing<'_>, content: Vec<u8>) -> Result<usize, Errno> {
        self.internet.change(|ends| {
            let end = &ends[&self.number];
            let to = message.to.or(end.remote).ok_or(Errno::EDESTADDRREQ)?;
            if end.is_over[WRITES] {
                return Err(Errno::EPIPE);
            }
            if content.len() > MOST_MESSAGE {
                return Err(Errno::EMSGSIZE);
            }
            let from = settle(ends, self.number, to.ip())?;
            let length = content.len();
            let target = ends.values_mut().find(|end| end.is_at(SocketType::Datagram, to));
            let is_told = target.is_none() && message.to.is_none();
            let accepts = |end: &&mut End| end.remote.is_none_or(|remote| remote == from);
            if let Some(target) = target.filter(accepts).filter(|end| end.messages.len() < MOST_MESSAGES) {
                target.messages.push_back((from, content));
            }
            if is_told {
                ends.entry(self.number).and_modify(|end| end.error = Some(Errno::ECONNREFUSED));
            }
            Ok(length)
        })
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        let gone = self.internet.change(|ends| {
            let gone = ends.remove(&self.number)?;
            let waiting = gone.waiting.iter().flat_map(|(_, waiting)| waiting).copied();
            let lost: Vec<End> = waiting.filter_map(|number| ends.remove(&number)).collect();
            for peer in lost.iter().chain([&gone]).filter_map(|end| end.peer) {
                if let Some(peer) = ends.get_mut(&peer) {
                    peer.is_over[READS] = true;
                }
            }
            Some((gone, lost))
        });
        // A waker may do anything when it is dropped.
        drop(gone);
    }
}

impl HostSocket for SimSocket {
    fn bind(&self, address: SocketAddr) -> Result<(), Errno> {
        self.with(|end, ends| {
            if end.local.port() != 0 {
                return Err(Errno::EINVAL);
            }
            let mut address = address;
            if address.port() == 0 {
                address.set_port(free_port(ends, self.number)?);
            }
            if is_taken(ends, end.kind, address) {
                return Err(Errno::EADDRINUSE);
            }
            end.local = address;
            Ok(())
        })
    }

    fn listen(&self, backlog: u32) -> Result<(), Errno> {
        self.with(|end, ends| {
            match end.kind {
                SocketType::Stream if end.peer.is_none() => {}
                SocketType::Stream => return Err(Errno::EINVAL),
                _ => return Err(Errno::EOPNOTSUPP),
            }
            if end.local.port() == 0 {
                end.local.set_port(free_port(ends, self.number)?);
            }
            let waiting = end.waiting.take().map(|(_, waiting)| waiting).unwrap_or_default();
            end.waiting = Some((backlog.max(1) as usize, waiting));
            Ok(())
        })
    }

    fn accept(&self, changed: Waker) -> Result<(Arc<dyn HostSocket>, SocketAddr), Errno> {
        let number = self.with(|end, _| {
            let (_, waiting) = end.waiting.as_mut().ok_or(Errno::EINVAL)?;
            waiting.pop_front().ok_or(Errno::EAGAIN)
        })?;
        let accepted = Arc::new(SimSocket { internet: self.internet.clone(), number });
        let from = accepted.with(|end, _| {
            end.changed = changed;
            end.remote.ok_or(Errno::ECONNABORTED)
        })?;
        Ok((accepted, from))
    }

    fn connect(&self, to: SocketAddr) -> Result<(), Errno> {
        self.internet.change(|ends| {
            let end = &ends[&self.number];
            if !end.is_stream() {
                settle(ends, self.number, to.ip())?;
                ends.entry(self.number).and_modify(|end| end.remote = Some(to));
                return Ok(());
            }
            if end.peer.is_some() {
                return Err(Errno::EISCONN);
            }
            let found =
                ends.iter().find(|(_, end)| end.waiting.is_some() && end.is_at(SocketType::Stream, to));
            let listener = *found.ok_or(Errno::ECONNREFUSED)?.0;
            let from = settle(ends, self.number, to.ip())?;
            let (most, waiting) = ends[&listener].waiting.as_ref().ok_or(Errno::ECONNREFUSED)?;
            if waiting.len() >= *most {
                return Err(Errno::ECONNREFUSED);
            }
            let mut other = End::new(SocketType::Stream, to, Waker::noop().clone());
            (other.remote, other.peer, other.linger) =
                (Some(from), Some(self.number), ends[&listener].linger);
            let number = self.internet.enter(ends, other);
            ends.entry(self.number).and_modify(|end| (end.remote, end.peer) = (Some(to), Some(number)));
            ends.entry(listener).and_modify(|end| {
                if let Some((_, waiting)) = &mut end.waiting {
                    waiting.push_back(number);
                }
            });
            Ok(())
        })
    }

    fn disconnect(&self) -> Result<(), Errno> {
        self.with(|end, _| {
            if end.is_stream() {
                return Err(Errno::EOPNOTSUPP);
            }
            end.remote = None;
            Ok(())
        })
    }

    fn send(&self, message: &Outgoing<'_>) -> Result<usize, Errno> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let content = message.parts.concat();
        if !lock(&self.internet.ends)[&self.number].is_stream() {
            return self.send_message(message, content);
        }
        self.with(|end, ends| {
            let peer = end.peer.ok_or(Errno::EPIPE)?;
            let Some(peer) = ends.get_mut(&peer).filter(|_| !end.is_over[WRITES]) else {
                return Err(Errno::EPIPE);
            };
            let count = content.len().min(MOST_BYTES - peer.bytes.len());
            if count == 0 && !content.is_empty() {
                return Err(Errno::EAGAIN);
            }
            peer.bytes.extend(&content[..count]);
            Ok(count)
        })
    }

    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> Result<Incoming, Errno> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EINVAL);
        }
        let keeps = flags.contains(MessageFlags::PEEK);
        self.with(|end, _| {
            if let Some(errno) = end.error.take() {
                return Err(errno);
            }
            if end.is_stream() {
                if end.peer.is_none() {
                    return Err(Errno::ENOTCONN);
                }
                let room: usize = parts.iter().map(|part| part.len()).sum();
                if end.bytes.is_empty() && !end.is_over[READS] && room > 0 {
                    return Err(Errno::EAGAIN);
                }
                let length = fill(parts, end.bytes.make_contiguous());
                end.bytes.drain(..if keeps { 0 } else { length });
                return Ok(Incoming { length, ..Incoming::default() });
            }
            let Some((from, content)) = end.messages.front() else {
                return if end.is_over[READS] { Ok(Incoming::default()) } else { Err(Errno::EAGAIN) };
            };
            let (from, whole, copied) = (*from, content.len(), fill(parts, content));
            if !keeps {
                end.messages.pop_front();
            }
            let mut said = MessageFlags::empty();
            said.set(MessageFlags::TRUNC, copied < whole);
            let length = if flags.contains(MessageFlags::TRUNC) { whole } else { copied };
            Ok(Incoming { length, from: Some(from), flags: said, ..Incoming::default() })
        })
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        self.with(|end, ends| {
            end.remote.ok_or(Errno::ENOTCONN)?;
            end.is_over = [end.is_over[READS] || how.reads(), end.is_over[WRITES] || how.writes()];
            if let (true, Some(peer)) = (how.writes(), end.peer.and_then(|peer| ends.get_mut(&peer))) {
                peer.is_over[READS] = true;
            }
            Ok(())
        })
    }

    fn finish(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn local_address(&self) -> Result<SocketAddr, Errno> {
        self.with(|end, _| Ok(end.local))
    }

    fn peer_address(&self) -> Result<SocketAddr, Errno> {
        self.with(|end, _| end.remote.ok_or(Errno::ENOTCONN))
    }

    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> Result<(), Errno> {
        self.with(|end, _| match (level, name, value) {
            (SOL_SOCKET, SO_REUSEADDR, OptionValue::Number(on)) => {
                end.reuses_address = *on != 0;
                Ok(())
            }
            (SOL_SOCKET, SO_LINGER, OptionValue::Linger(time)) => {
                end.linger = *time;
                Ok(())
            }
            (SOL_SOCKET, SO_SNDBUF | SO_RCVBUF, OptionValue::Number(1..)) => Ok(()),
            (SOL_SOCKET, SO_REUSEADDR | SO_LINGER | SO_SNDBUF | SO_RCVBUF, _) => Err(Errno::EINVAL),
            _ => Err(Errno::ENOPROTOOPT),
        })
    }

    fn option(&self, level: i32, name: i32) -> Result<OptionValue, Errno> {
        self.with(|end, _| {
            Ok(OptionValue::Number(match (level, name) {
                (SOL_SOCKET, SO_REUSEADDR) => end.reuses_address.into(),
                (SOL_SOCKET, SO_LINGER) => return Ok(OptionValue::Linger(end.linger)),
                (SOL_SOCKET, SO_SNDBUF | SO_RCVBUF) => MOST_BYTES as i64,
                (SOL_SOCKET, SO_ACCEPTCONN) => end.waiting.is_some().into(),
                (SOL_SOCKET, SO_ERROR) => end.error.take().map_or(0, |errno| errno as i64),
                _ => return Err(Errno::ENOPROTOOPT),
            }))
        })
    }

    fn is_at_mark(&self) -> Result<bool, Errno> {
        self.with(|end, _| if end.is_stream() { Ok(false) } else { Err(Errno::ENOTTY) })
    }

    fn ready(&self) -> PollEvents {
        ready(&lock(&self.internet.ends), self.number)
    }

    fn amounts(&self) -> Amounts {
        let ends = lock(&self.internet.ends);
        let end = &ends[&self.number];
        Amounts { to_receive: to_receive(end), to_send: room(&ends, end) }
    }

    fn notify(&self, events: PollEvents) -> Result<(), Errno> {
        self.with(|end, _| {
            end.awaited = Some(end.awaited.unwrap_or_default() | events);
            Ok(())
        })
    }

    fn notify_always(&self) -> Result<(), Errno> {
        self.with(|end, _| {
            end.told.get_or_insert_default();
            Ok(())
        })
    }
}

/// Copies as much as there is room for.
fn fill(parts: &mut [&mut [u8]], content: &[u8]) -> usize {
    let mut rest = content;
    for part in parts {
        let (now, later) = rest.split_at(rest.len().min(part.len()));
        part[..now.len()].copy_from_slice(now);
        rest = later;
    }
    content.len() - rest.len()
}
