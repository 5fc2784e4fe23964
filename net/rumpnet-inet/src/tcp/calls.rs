//! What programs do with connections, and what the stack does for them.

use super::input::Effect;
use super::output::Sending;
use super::pcb::{LEAST_SEGMENT, Listener, Pcb, State};
use super::receive_buffer::copy_out;
use super::recovery::Phase;
use super::seq::SeqNumber;
use super::table::TcpId;
use crate::address::{self, Version};
use crate::stack::{Options, Path, Stack};
use crate::time::Instant;
use crate::wire::checksum::pseudo;
use crate::wire::ipv4::{HEADER_BYTES as IP_BYTES, MOST_BYTES, Protocol};
use crate::wire::ipv6;
use crate::wire::tcp::{self, Flags, Segment};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::{IpAddr, SocketAddr};
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::{Packet, Segmentation, Segments};
use rump_kpi::{Errno, Shutdown};

impl Stack {
    /// A socket of TCP.
    pub fn tcp_socket(&mut self, version: Version) -> TcpId {
        let mut pcb = Pcb::new(version);
        let settings = &self.settings.tcp;
        (pcb.limits, pcb.choices, pcb.ecn.wanted) = (settings.limits, settings.choices, settings.ecn);
        self.tcp.add(pcb)
    }

    /// Gives it an address. Errors: EBADF, EADDRNOTAVAIL, EINVAL (it has one), EADDRINUSE.
    pub fn tcp_bind(&mut self, id: TcpId, address: SocketAddr) -> Result<(), Errno> {
        if !address.ip().is_unspecified() && !self.is_local(address.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.tcp.bind(id, address)?;
        self.tcp.find_mut(id)?.bound = address;
        Ok(())
    }

    /// Lets others connect to it. Errors: EBADF, EISCONN, EADDRINUSE (no port is free).
    pub fn tcp_listen(&mut self, id: TcpId, backlog: usize) -> Result<(), Errno> {
        let pcb = self.tcp.find(id)?;
        if !matches!(pcb.state, State::Closed | State::Listen) || pcb.remote.port() != 0 {
            return Err(Errno::EISCONN);
        }
        if pcb.local.port() == 0 {
            let any = SocketAddr::new(pcb.version.unspecified(), 0);
            self.tcp.bind(id, any)?;
        }
        let pcb = self.tcp.find_mut(id)?;
        pcb.state = State::Listen;
        match &mut pcb.listener {
            Some(listener) => listener.backlog = backlog.clamp(1, 65_535),
            none => *none = Some(Box::new(Listener::new(backlog))),
        }
        Ok(())
    }

    /// A connection that was made. Errors: EBADF, EINVAL (it does not listen), EAGAIN.
    pub fn tcp_accept(&mut self, id: TcpId) -> Result<TcpId, Errno> {
        let pcb = self.tcp.find_mut(id)?;
        if pcb.state != State::Listen {
            return Err(Errno::EINVAL);
        }
        let made = pcb.listener.as_mut().and_then(|listener| listener.made.pop_front());
        let made = made.ok_or(Errno::EAGAIN)?;
        let connection = self.tcp.find_mut(made)?;
        (connection.parent, connection.is_held) = (None, true);
        Ok(made)
    }

    /// Begins a connection. Errors: EBADF, EISCONN, EALREADY, EOPNOTSUPP (it listens), EADDRNOTAVAIL, those of
    /// [`Stack::path`], EADDRINUSE, and EINPROGRESS: it is begun.
    pub fn tcp_connect(&mut self, now: Instant, id: TcpId, remote: SocketAddr) -> Result<(), Errno> {
        let pcb = self.tcp.find(id)?;
        match pcb.state {
            State::Closed if pcb.remote.port() == 0 => {}
            State::Listen => return Err(Errno::EOPNOTSUPP),
            State::SynSent | State::SynReceived => return Err(Errno::EALREADY),
            _ => return Err(Errno::EISCONN),
        }
        let mut remote = remote;
        if remote.ip().is_unspecified() {
            remote.set_ip(Version::of(remote.ip()).loopback());
        }
        if remote.port() == 0 || remote.ip().is_multicast() || address::is_all(remote.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let options = pcb.path_options(remote);
        let path = self.path_of_program(remote.ip(), &options)?;
        if path.is_broadcast {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let mut local = path.source_endpoint(self.tcp.find(id)?.local.port());
        if local.port() == 0 {
            local.set_port(self.tcp.port_to(local.ip(), remote)?);
        }
        self.tcp.connect(id, local, remote)?;
        let initial = self.tcp.initial_number(now, local, remote);
        let link = self.link_mtu(&path);
        let pcb = self.tcp.find_mut(id)?;
        pcb.state = State::SynSent;
        pcb.begin(initial, path.mtu, link);
        self.counters.count(Counted::Tcp, TCP_STAT_CONNATTEMPT);
        self.run(now, id, |_| (None, Effect::default()));
        Err(Errno::EINPROGRESS)
    }

    /// Takes bytes to be sent; answers how many there was room for.
    ///
    /// Errors: EBADF, the error that waits, ENOTCONN, EPIPE, EAGAIN.
    pub fn tcp_send(&mut self, now: Instant, id: TcpId, parts: &[&[u8]]) -> Result<usize, Errno> {
        let memory = self.tcp.memory.clone();
        let pcb = self.tcp.find_mut(id)?;
        if let Some(errno) = pcb.error.take() {
            return Err(errno);
        }
        match pcb.state {
            State::Closed | State::Listen if pcb.remote.port() == 0 => return Err(Errno::ENOTCONN),
            _ if pcb.is_ending || !pcb.state.may_send() => return Err(Errno::EPIPE),
            State::SynSent | State::SynReceived => return Err(Errno::EAGAIN),
            _ => {}
        }
        let (mut room, mut taken) = (pcb.room(), 0);
        for part in parts {
            let count = part.len().min(room);
            pcb.outgoing.push(&part[..count], &memory);
            (taken, room) = (taken + count, room - count);
        }
        pcb.send.lacks_room = !pcb.has_room();
        if taken == 0 && parts.iter().any(|part| !part.is_empty()) {
            return Err(Errno::EAGAIN);
        }
        self.run(now, id, |_| (None, Effect::default()));
        Ok(taken)
    }

    /// As [`Stack::tcp_send`]; the last byte is urgent (RFC 6093). Errors: the same.
    pub fn tcp_send_urgent(&mut self, now: Instant, id: TcpId, parts: &[&[u8]]) -> Result<usize, Errno> {
        let pcb = self.tcp.find_mut(id)?;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let end = pcb.end_of_data() + length as u32;
        let before = pcb.send.urgent.replace(end);
        let sent = self.tcp_send(now, id, parts);
        if sent != Ok(length) {
            // What was not taken comes again, with its end.
            self.tcp.find_mut(id)?.send.urgent = before;
        }
        sent
    }

    /// The urgent byte. Errors: EBADF, EINVAL (there is none, it stays in the stream, or it was read), EAGAIN (it has not
    /// come yet).
    pub fn tcp_receive_urgent(&mut self, id: TcpId, peek: bool) -> Result<u8, Errno> {
        self.tcp.find_mut(id)?.read_urgent(peek)
    }

    /// Sends what may be sent now that something was chosen. Errors: EBADF.
    pub fn tcp_push(&mut self, now: Instant, id: TcpId) -> Result<(), Errno> {
        let pcb = self.tcp.find_mut(id)?;
        pcb.arm_keep_alive(now);
        self.run(now, id, |_| (None, Effect::default()));
        Ok(())
    }

    /// As [`Stack::tcp_take`], and copies what that answers. Errors: the same.
    pub fn tcp_receive(
        &mut self,
        now: Instant,
        id: TcpId,
        parts: &mut [&mut [u8]],
        peek: bool,
    ) -> Result<usize, Errno> {
        let limit = parts.iter().map(|part| part.len()).sum();
        Ok(copy_out(&self.tcp_take(now, id, limit, peek)?, parts))
    }

    /// The next bytes, no more than `limit`; none at the end. Errors: EBADF, the error that waits (once all is read),
    /// ENOTCONN, EAGAIN.
    pub fn tcp_take(
        &mut self,
        now: Instant,
        id: TcpId,
        limit: usize,
        peek: bool,
    ) -> Result<Vec<Bytes>, Errno> {
        let pcb = self.tcp.find_mut(id)?;
        if pcb.readable_bytes() == 0 {
            if let Some(errno) = pcb.error.take() {
                return Err(errno);
            }
            if pcb.remote.port() == 0 {
                return Err(Errno::ENOTCONN);
            }
            let has_end = pcb.is_deaf || !pcb.state.may_receive();
            return if has_end || limit == 0 { Ok(Vec::new()) } else { Err(Errno::EAGAIN) };
        }
        let pieces = pcb.read(limit, peek);
        if !peek && !pieces.is_empty() {
            pcb.grow_receive_buffer(now);
            pcb.note_read();
            if pcb.must_acknowledge {
                self.run(now, id, |_| (None, Effect::default()));
            }
        }
        Ok(pieces)
    }

    /// Ends one direction or both. Errors: EBADF, ENOTCONN.
    pub fn tcp_shutdown(&mut self, now: Instant, id: TcpId, how: Shutdown) -> Result<(), Errno> {
        let pcb = self.tcp.find_mut(id)?;
        if !pcb.state.is_synchronized() {
            return Err(Errno::ENOTCONN);
        }
        if how.reads() {
            pcb.is_deaf = true;
            pcb.incoming.forget_ready();
        }
        pcb.is_ending |= how.writes();
        self.tcp.wake(id);
        self.run(now, id, |_| (None, Effect::default()));
        Ok(())
    }

    /// Begins to close: no more is sent. Errors: EBADF, EAGAIN (what was sent has not all been acknowledged).
    pub fn tcp_finish(&mut self, now: Instant, id: TcpId) -> Result<(), Errno> {
        let pcb = self.tcp.find_mut(id)?;
        if !pcb.is_ending && matches!(pcb.state, State::Established | State::CloseWait | State::SynReceived) {
            pcb.is_ending = true;
            self.run(now, id, |_| (None, Effect::default()));
        }
        let pcb = self.tcp.find(id)?;
        let is_unfinished = matches!(
            pcb.state,
            State::SynReceived
                | State::Established
                | State::CloseWait
                | State::FinWait1
                | State::Closing
                | State::LastAck
        );
        if is_unfinished { Err(Errno::EAGAIN) } else { Ok(()) }
    }

    /// The program is done with it: what was written is still sent. What was not read, or is not wanted, resets the
    /// connection (RFC 2525, section 2.17). Errors: EBADF.
    pub fn tcp_close(&mut self, now: Instant, id: TcpId) -> Result<(), Errno> {
        let pcb = self.tcp.find_mut(id)?;
        pcb.is_held = false;
        let is_unread = pcb.incoming.ready_bytes() > 0;
        match pcb.state {
            State::Closed => drop(self.tcp.remove(id)),
            State::Listen => {
                let listener = pcb.listener.take();
                self.tcp.remove(id);
                if let Some(listener) = listener {
                    listener.begun.into_iter().chain(listener.made).for_each(|child| self.abort(now, child));
                }
            }
            State::SynSent => drop(self.tcp.remove(id)),
            State::TimeWait => {}
            _ if pcb.choices.resets() || is_unread => self.abort(now, id),
            _ => {
                pcb.is_ending = true;
                pcb.is_deaf = true;
                if pcb.state == State::FinWait2 {
                    pcb.timers.forget = Some(now + pcb.choices.fin_wait);
                }
                self.run(now, id, |_| (None, Effect::default()));
            }
        }
        Ok(())
    }

    /// Ends a connection at once.
    pub(super) fn abort(&mut self, now: Instant, id: TcpId) {
        self.reset(now, id);
        self.tcp.remove(id);
    }

    /// Tells the other side that there is no connection any more.
    pub(super) fn reset(&mut self, now: Instant, id: TcpId) {
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let next = pcb.send.next;
        self.send_reset(now, id, next, Flags::RST | Flags::ACK);
    }

    fn send_reset(&mut self, now: Instant, id: TcpId, sequence: SeqNumber, flags: Flags) {
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let reset = pcb.sending(now, sequence, flags, Vec::new());
        if let Some((path, options)) = self.way(id) {
            self.send_segment(now, &path, &options, reset);
        }
    }

    /// The other side answers, so the neighbour on the way to it forwards (RFC 4861, section 7.3.1).
    fn confirm_next(&mut self, now: Instant, id: TcpId) {
        let Some((path, _)) = self.way(id).filter(|(path, _)| !path.comes_back) else { return };
        let Some(interface) = self.interfaces.get_mut(&path.interface) else { return };
        match path.next_hop {
            IpAddr::V4(next) => interface.neighbours_mut().into_iter().for_each(|all| all.confirm(now, next)),
            IpAddr::V6(next) => {
                interface.neighbours_v6_mut().into_iter().for_each(|all| all.confirm(now, next))
            }
        }
    }

    /// Does something with a connection, and sends and tells what comes of it.
    pub(super) fn run(
        &mut self,
        now: Instant,
        id: TcpId,
        act: impl FnOnce(&mut Pcb) -> (Option<Sending>, Effect),
    ) {
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let was_waiting = pcb.state == State::TimeWait;
        let (sending, effect) = act(pcb);
        if effect.confirms {
            self.confirm_next(now, id);
        }
        if effect.is_gone {
            if let Some(sequence) = effect.resets {
                // Somebody sent what nobody will read.
                self.send_reset(now, id, sequence, Flags::RST);
            }
            return self.gone(id);
        }
        if effect.is_made {
            self.made(id);
        }
        let Ok(pcb) = self.tcp.find(id) else { return };
        let may_wait = sending.is_none() && pcb.may_wait();
        match &mut self.gathered {
            _ if sending.is_none() && !pcb.has_output() => {}
            Some(gathered) if may_wait => drop(gathered.insert(id)),
            _ => self.send_all(now, id, sending),
        }
        let Ok(pcb) = self.tcp.find(id) else { return };
        if pcb.state == State::TimeWait && !was_waiting {
            self.note_waiting(id);
        }
        self.tcp.rearm(id);
        if effect.wakes {
            self.tcp.wake(id);
        }
    }

    /// Sends what acknowledgements allowed since [`Stack::gathered`] was begun.
    pub(crate) fn send_gathered(&mut self, now: Instant) {
        for id in self.gathered.take().unwrap_or_default() {
            self.run(now, id, |_| (None, Effect::default()));
        }
    }

    /// Sends a segment, and all that may be sent after it.
    fn send_all(&mut self, now: Instant, id: TcpId, first: Option<Sending>) {
        let way = self.way(id);
        let mut all = core::mem::take(&mut self.outbox);
        all.extend(first);
        if let Ok(pcb) = self.tcp.find_mut(id) {
            pcb.output(now, |sending| all.push(sending));
        }
        for sending in all.drain(..) {
            // What cannot be sent now is sent again later.
            if let Some((path, options)) = &way {
                self.send_segment(now, path, options, sending);
            }
        }
        self.outbox = all;
    }

    /// The way of a connection, and what is asked of it.
    fn way(&self, id: TcpId) -> Option<(Path, Options)> {
        let pcb = self.tcp.find(id).ok()?;
        let options = pcb.path_options(pcb.remote);
        let path = self.path(pcb.remote.ip(), &options).ok()?;
        Some((path, options))
    }

    /// Most bytes of a packet on the link that a way begins with.
    pub(super) fn link_mtu(&self, path: &Path) -> u32 {
        self.interfaces.get(&path.interface).map_or(path.mtu, |interface| interface.mtu)
    }

    fn send_segment(&mut self, now: Instant, path: &Path, options: &Options, sending: Sending) {
        let Sending { segment, content, cut, mark } = sending;
        let options = Options { traffic_class: options.traffic_class & !3 | mark.bits(), ..*options };
        self.emit_segment(now, path, &options, &segment, content, cut);
    }

    pub(super) fn emit_segment(
        &mut self,
        now: Instant,
        path: &Path,
        options: &Options,
        segment: &Segment,
        mut packet: Packet,
        cut: Option<u16>,
    ) {
        let remote = path.destination;
        segment.emit(&mut packet, |length| pseudo(path.source, remote, Protocol::TCP, length));
        let kind = if remote.is_ipv4() { Segments::Tcp4 } else { Segments::Tcp6 };
        packet.segmentation = cut.map(|size| Segmentation { kind, size });
        let _ = self.send(now, path, Protocol::TCP, options, packet);
    }

    /// A connection has ended, and is remembered for a while. Of many, the oldest are not.
    fn note_waiting(&mut self, id: TcpId) {
        let most = self.settings.tcp.most_waiting;
        while let Some(oldest) = self.tcp.note_waiting(id, most) {
            self.gone(oldest);
        }
    }

    /// A connection is gone; what came before can still be read by who has a descriptor of it.
    pub(super) fn gone(&mut self, id: TcpId) {
        self.tcp.wake(id);
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let parent = pcb.parent;
        let keeps = pcb.is_held || pcb.parent.is_some();
        self.counters.count(Counted::Tcp, TCP_STAT_CLOSED);
        if pcb.error.is_some() {
            let is_made = pcb.state.is_synchronized();
            self.counters.count(Counted::Tcp, if is_made { TCP_STAT_DROPS } else { TCP_STAT_CONNDROPS });
        }
        pcb.state = State::Closed;
        pcb.timers = Default::default();
        let listening = parent.and_then(|parent| self.tcp.find_mut(parent).ok());
        if let Some(listener) = listening.and_then(|listening| listening.listener.as_mut()) {
            // Who was not accepted yet is taken from the queue.
            listener.begun.remove(&id);
            listener.made.retain(|made| *made != id);
        }
        if keeps && parent.is_none() {
            self.tcp.disconnect(id);
            self.tcp.rearm(id);
        } else {
            self.tcp.remove(id);
        }
    }

    /// The timers of connections.
    pub(crate) fn poll_tcp(&mut self, now: Instant) {
        while let Some(id) = self.tcp.due(now) {
            self.run(now, id, |pcb| pcb.timeout(now));
            // One that is gone has no timer any more.
            self.tcp.rearm(id);
        }
    }
}

impl Pcb {
    /// Numbers begin; segments fit into packets of `mtu` bytes. What may come does not depend on the way that packets take
    /// from here (RFC 9293, section 3.7.1): only on what the link takes.
    pub(super) fn begin(&mut self, initial: SeqNumber, mtu: u32, link: u32) {
        let send = &mut self.send;
        (send.initial, send.unacknowledged, send.next, send.highest) = (initial, initial, initial, initial);
        let segment = self.longest_segment(self.remote, mtu);
        let offered = self.longest_segment(self.remote, link);
        (self.send.segment, self.receive.segment, self.receive.offered_segment) = (segment, offered, offered);
        self.receive.scale = super::header::scale_for(self.largest_receive_buffer());
        if self.state == State::SynSent {
            self.sack = self.choices.sack;
            self.timestamps.on = self.choices.timestamps;
        }
        if self.state != State::SynSent || !self.choices.window_scale {
            self.receive.scale = 0;
        }
    }

    /// Bytes of the headers of a segment without options.
    pub(super) fn header_bytes(&self) -> u32 {
        header_bytes_to(self.remote)
    }

    /// Bytes of a segment to somebody, in packets of `mtu` bytes.
    pub(super) fn longest_segment(&self, remote: SocketAddr, mtu: u32) -> u32 {
        let most = mtu.min(MOST_BYTES as u32).saturating_sub(header_bytes_to(remote));
        most.min(self.choices.most_segment.map_or(u32::MAX, u32::from)).max(LEAST_SEGMENT)
    }

    /// Whether anything may come of [`Pcb::output`].
    fn has_output(&self) -> bool {
        let has_new = self.send.next.is_before(self.end_of_data()) || self.is_ending;
        let is_begun = matches!(self.state, State::SynSent | State::SynReceived);
        self.must_acknowledge || has_new || is_begun || self.scoreboard.lost_bytes() > 0
    }

    /// Whether nothing is to be sent but bytes that are new, so that more acknowledgements may come before.
    fn may_wait(&self) -> bool {
        let is_even = self.recovery.phase == Phase::Open && self.scoreboard.lost_bytes() == 0;
        is_even && !self.must_acknowledge && matches!(self.state, State::Established | State::CloseWait)
    }

    fn path_options(&self, remote: SocketAddr) -> Options {
        Options {
            source: Some(self.local.ip()).filter(|own| !own.is_unspecified()),
            interface: address::zone(remote),
            hop_limit: self.choices.hop_limit,
            traffic_class: self.choices.traffic_class,
            dont_fragment: true,
            ..Options::default()
        }
    }
}

/// Bytes of the headers of a segment without options.
fn header_bytes_to(remote: SocketAddr) -> u32 {
    let ip_bytes = if remote.is_ipv4() { IP_BYTES } else { ipv6::HEADER_BYTES };
    (ip_bytes + tcp::HEADER_BYTES) as u32
}
