//! What programs do with connections, and what the stack does for them.

use super::input::Effect;
use super::output::Sending;
use super::pcb::{FIN_WAIT_2, Pcb, State};
use super::seq::SeqNumber;
use super::table::TcpId;
use crate::address::{self, Version, endpoint};
use crate::interface::InterfaceId;
use crate::stack::{Options, Stack};
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::checksum::pseudo;
use crate::wire::ip::IpHeader;
use crate::wire::ipv4::{HEADER_BYTES as IP_BYTES, MOST_BYTES, Protocol};
use crate::wire::ipv6;
use crate::wire::tcp::{self, Flags, Segment};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use rump_kpi::device::Offloads;
use rump_kpi::packet::{Packet, Segmentation, Segments};
use rump_kpi::{Errno, Shutdown};

/// Connections that are begun and not made, for each that a listener lets wait.
const BEGUN_FACTOR: usize = 4;

impl Stack {
    /// A socket of TCP.
    pub fn tcp_socket(&mut self, version: Version) -> TcpId {
        self.tcp.add(Pcb::new(version))
    }

    /// Gives it an address. Errors: EBADF, EADDRNOTAVAIL, EINVAL (it has one), EADDRINUSE.
    pub fn tcp_bind(&mut self, id: TcpId, address: SocketAddr) -> Result<(), Errno> {
        if !address.ip().is_unspecified() && !self.is_local(address.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.tcp.bind(id, address)
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
        pcb.listener.backlog = backlog.clamp(1, 65_535);
        Ok(())
    }

    /// A connection that was made. Errors: EBADF, EINVAL (it does not listen), EAGAIN.
    pub fn tcp_accept(&mut self, id: TcpId) -> Result<TcpId, Errno> {
        let pcb = self.tcp.find_mut(id)?;
        if pcb.state != State::Listen {
            return Err(Errno::EINVAL);
        }
        let made = pcb.listener.made.pop_front().ok_or(Errno::EAGAIN)?;
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
        let path = self.path(remote.ip(), &pcb.path_options(remote))?;
        if path.is_broadcast {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if self.tcp.find(id)?.local.port() == 0 {
            self.tcp.bind(id, path.source_endpoint(0))?;
        }
        let local = path.source_endpoint(self.tcp.find(id)?.local.port());
        self.tcp.connect(id, local, remote)?;
        let initial = self.tcp.initial_number(now, local, remote);
        let pcb = self.tcp.find_mut(id)?;
        pcb.state = State::SynSent;
        pcb.begin(initial, path.mtu);
        self.run(now, id, |_| (None, Effect::default()));
        Err(Errno::EINPROGRESS)
    }

    /// Takes bytes to be sent; answers how many there was room for.
    ///
    /// Errors: EBADF, the error that waits, ENOTCONN, EPIPE, EAGAIN.
    pub fn tcp_send(&mut self, now: Instant, id: TcpId, parts: &[&[u8]]) -> Result<usize, Errno> {
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
        let mut room = pcb.choices.send_bytes.saturating_sub(pcb.outgoing.len());
        let mut taken = 0;
        for part in parts {
            let count = part.len().min(room);
            pcb.outgoing.push(&part[..count]);
            (taken, room) = (taken + count, room - count);
        }
        if taken == 0 && parts.iter().any(|part| !part.is_empty()) {
            return Err(Errno::EAGAIN);
        }
        self.run(now, id, |_| (None, Effect::default()));
        Ok(taken)
    }

    /// Reads bytes; none at the end. Errors: EBADF, the error that waits (once all is read), ENOTCONN, EAGAIN.
    pub fn tcp_receive(
        &mut self,
        now: Instant,
        id: TcpId,
        parts: &mut [&mut [u8]],
        peek: bool,
    ) -> Result<usize, Errno> {
        let pcb = self.tcp.find_mut(id)?;
        if pcb.incoming.ready_bytes() == 0 {
            if let Some(errno) = pcb.error.take() {
                return Err(errno);
            }
            if pcb.remote.port() == 0 {
                return Err(Errno::ENOTCONN);
            }
            let has_end = pcb.is_deaf || !pcb.state.may_receive();
            return if has_end || parts.iter().all(|part| part.is_empty()) {
                Ok(0)
            } else {
                Err(Errno::EAGAIN)
            };
        }
        let count = pcb.incoming.read(parts, peek);
        if !peek && count > 0 {
            pcb.note_read();
            if pcb.must_acknowledge {
                self.run(now, id, |_| (None, Effect::default()));
            }
        }
        Ok(count)
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

    /// The program is done with it: what was written is still sent. What was not read, or is not wanted, resets the
    /// connection (RFC 2525, section 2.17). Errors: EBADF.
    pub fn tcp_close(&mut self, now: Instant, id: TcpId) -> Result<(), Errno> {
        let pcb = self.tcp.find_mut(id)?;
        pcb.is_held = false;
        let is_unread = pcb.incoming.ready_bytes() > 0;
        match pcb.state {
            State::Closed => drop(self.tcp.remove(id)),
            State::Listen => {
                let listener = core::mem::take(&mut pcb.listener);
                self.tcp.remove(id);
                for child in listener.begun.into_iter().chain(listener.made) {
                    self.abort(now, child);
                }
            }
            State::SynSent => drop(self.tcp.remove(id)),
            State::TimeWait => {}
            _ if pcb.choices.resets || is_unread => self.abort(now, id),
            _ => {
                pcb.is_ending = true;
                pcb.is_deaf = true;
                if pcb.state == State::FinWait2 {
                    pcb.timers.forget = Some(now + FIN_WAIT_2);
                }
                self.run(now, id, |_| (None, Effect::default()));
            }
        }
        Ok(())
    }

    /// Ends a connection at once.
    fn abort(&mut self, now: Instant, id: TcpId) {
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let next = pcb.send.highest;
        let reset = pcb.sending(now, next, Flags::RST | Flags::ACK, Vec::new());
        self.send_segment(now, id, reset);
        self.tcp.remove(id);
    }

    /// Does something with a connection, and sends and tells what comes of it.
    pub(super) fn run(
        &mut self,
        now: Instant,
        id: TcpId,
        act: impl FnOnce(&mut Pcb) -> (Option<Sending>, Effect),
    ) {
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let (sending, effect) = act(pcb);
        let remote = pcb.remote;
        if let Some(sending) = sending {
            self.send_segment(now, id, sending);
        }
        if effect.is_gone {
            return self.gone(id);
        }
        if effect.is_made {
            self.made(id);
        }
        let uncut = self.takes_uncut(remote);
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let all = pcb.output(now, uncut);
        for sending in all {
            self.send_segment(now, id, sending);
        }
        self.tcp.rearm(id);
        if effect.wakes {
            self.tcp.wake(id);
        }
    }

    /// Whether the way to a host takes segments that are to be cut.
    fn takes_uncut(&self, remote: SocketAddr) -> bool {
        let needed = Offloads::CHECKSUM | if remote.is_ipv4() { Offloads::TCP4 } else { Offloads::TCP6 };
        let path =
            self.path(remote.ip(), &Options { interface: address::zone(remote), ..Options::default() });
        path.is_ok_and(|path| {
            self.interfaces.get(&path.interface).is_some_and(|interface| interface.offloads.contains(needed))
        })
    }

    fn send_segment(&mut self, now: Instant, id: TcpId, sending: Sending) {
        let Ok(pcb) = self.tcp.find(id) else { return };
        let (options, remote) = (pcb.path_options(pcb.remote), pcb.remote.ip());
        let Sending { segment, content, cut } = sending;
        self.emit_segment(now, remote, &options, &segment, content, cut);
    }

    fn emit_segment(
        &mut self,
        now: Instant,
        remote: IpAddr,
        options: &Options,
        segment: &Segment,
        mut packet: Packet,
        cut: Option<u16>,
    ) {
        // What cannot be sent now is sent again later.
        let Ok(path) = self.path(remote, options) else { return };
        segment.emit(&mut packet, |length| pseudo(path.source, remote, Protocol::TCP, length));
        let kind = if remote.is_ipv4() { Segments::Tcp4 } else { Segments::Tcp6 };
        packet.segmentation = cut.map(|size| Segmentation { kind, size });
        let _ = self.send(now, &path, Protocol::TCP, options, packet);
    }

    /// A connection is made: its listener has one more.
    fn made(&mut self, id: TcpId) {
        let Some(parent) = self.tcp.find(id).ok().and_then(|pcb| pcb.parent) else { return };
        if let Ok(listening) = self.tcp.find_mut(parent) {
            listening.listener.begun.retain(|begun| *begun != id);
            listening.listener.made.push_back(id);
            self.tcp.wake(parent);
        }
    }

    /// A connection is gone; what came before can still be read by who has a descriptor of it.
    fn gone(&mut self, id: TcpId) {
        self.tcp.wake(id);
        let Ok(pcb) = self.tcp.find_mut(id) else { return };
        let parent = pcb.parent;
        let keeps = pcb.is_held || pcb.parent.is_some();
        pcb.state = State::Closed;
        pcb.timers = Default::default();
        if let Some(listening) = parent.and_then(|parent| self.tcp.find_mut(parent).ok()) {
            // Who was not accepted yet is taken from the queue.
            listening.listener.begun.retain(|begun| *begun != id);
            listening.listener.made.retain(|made| *made != id);
        }
        if keeps && parent.is_none() {
            self.tcp.disconnect(id);
            self.tcp.rearm(id);
        } else {
            self.tcp.remove(id);
        }
    }

    /// Takes a segment. Errors: it is malformed.
    pub(crate) fn input_tcp(
        &mut self,
        now: Instant,
        header: &IpHeader,
        interface: InterfaceId,
        mut packet: Packet,
    ) -> Result<(), Malformed> {
        let (source, destination) = (header.source, header.destination);
        let pseudo = |length| pseudo(source, destination, Protocol::TCP, length);
        let segment = Segment::take(&mut packet, pseudo)?;
        let remote = endpoint(source, segment.source, interface);
        let local = endpoint(destination, segment.destination, interface);
        self.reuse(&segment, local, remote);
        let receiver = self.tcp.receiver(local, remote);
        let state = receiver.and_then(|id| self.tcp.find(id).ok()).map_or(State::Closed, |pcb| pcb.state);
        let Some(id) = receiver.filter(|_| state != State::Closed) else {
            self.refuse(now, local, remote, &segment, packet.len());
            return Ok(());
        };
        if state == State::Listen {
            self.input_listen(now, id, (local, remote), segment, packet);
            return Ok(());
        }
        let is_stray_ack = match self.tcp.find(id) {
            Ok(pcb) => {
                let begun = matches!(state, State::SynSent | State::SynReceived);
                let has_ack = segment.flags.contains(Flags::ACK) && !segment.flags.contains(Flags::RST);
                begun && has_ack && segment.acknowledgment != pcb.send.initial + 1
            }
            Err(_) => false,
        };
        if is_stray_ack {
            self.refuse(now, local, remote, &segment, packet.len());
            if state == State::SynSent {
                return Ok(());
            }
        }
        self.run(now, id, |pcb| (None, pcb.input(now, segment, packet)));
        Ok(())
    }

    /// A new connection may take the place of one that has ended, if its numbers are higher (RFC 6191; RFC 9293,
    /// section 3.6.1).
    fn reuse(&mut self, segment: &Segment, local: SocketAddr, remote: SocketAddr) {
        let is_syn = segment.flags & (Flags::SYN | Flags::ACK | Flags::RST) == Flags::SYN;
        let Some(id) = self.tcp.waiting(local, remote).filter(|_| is_syn) else { return };
        let Ok(pcb) = self.tcp.find(id) else { return };
        let is_newer = match segment.options.timestamps.filter(|_| pcb.timestamps.on) {
            Some((value, _)) => (value.wrapping_sub(pcb.timestamps.recent) as i32) > 0,
            None => segment.sequence.is_after(pcb.receive.next),
        };
        if is_newer {
            match pcb.is_held {
                true => self.gone(id),
                false => drop(self.tcp.remove(id)),
            }
        }
    }

    /// RFC 9293, section 3.10.7.2.
    fn input_listen(
        &mut self,
        now: Instant,
        id: TcpId,
        (local, remote): (SocketAddr, SocketAddr),
        segment: Segment,
        content: Packet,
    ) {
        if segment.flags.contains(Flags::RST) {
            return;
        }
        if segment.flags.contains(Flags::ACK) {
            return self.refuse(now, local, remote, &segment, content.len());
        }
        if !segment.flags.contains(Flags::SYN) {
            return;
        }
        let Ok(listening) = self.tcp.find_mut(id) else { return };
        let backlog = listening.listener.backlog;
        if listening.listener.made.len() > backlog {
            // Full: the other side asks again.
            return;
        }
        let (version, choices) = (listening.version, listening.choices.clone());
        if listening.listener.begun.len() >= backlog.saturating_mul(BEGUN_FACTOR) {
            // A flood: the oldest that was not made goes.
            if let Some(oldest) = listening.listener.begun.pop_front() {
                self.tcp.remove(oldest);
            }
        }
        let options =
            Options { source: Some(local.ip()), interface: address::zone(remote), ..Options::default() };
        let Ok(path) = self.path(remote.ip(), &options) else { return };
        let mut pcb = Pcb::new(version);
        pcb.choices = choices;
        (pcb.state, pcb.parent, pcb.is_held) = (State::SynReceived, Some(id), false);
        let child = self.tcp.add(pcb);
        if self.tcp.connect(child, local, remote).is_err() {
            self.tcp.remove(child);
            return;
        }
        let initial = self.tcp.initial_number(now, local, remote);
        if let Ok(pcb) = self.tcp.find_mut(child) {
            pcb.begin(initial, path.mtu);
            pcb.take_syn(now, &segment);
        }
        if let Ok(listening) = self.tcp.find_mut(id) {
            listening.listener.begun.push_back(child);
        }
        self.run(now, child, |_| (None, Effect::default()));
    }

    /// There is no such connection (RFC 9293, section 3.10.7.1).
    fn refuse(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment,
        length: usize,
    ) {
        if segment.flags.contains(Flags::RST) {
            return;
        }
        let has_ack = segment.flags.contains(Flags::ACK);
        let length = length as u32
            + u32::from(segment.flags.contains(Flags::SYN))
            + u32::from(segment.flags.contains(Flags::FIN));
        let reset = Segment {
            source: local.port(),
            destination: remote.port(),
            sequence: if has_ack { segment.acknowledgment } else { SeqNumber(0) },
            acknowledgment: if has_ack { SeqNumber(0) } else { segment.sequence + length },
            flags: if has_ack { Flags::RST } else { Flags::RST | Flags::ACK },
            window: 0,
            urgent: 0,
            options: tcp::Options::default(),
        };
        let options =
            Options { source: Some(local.ip()), interface: address::zone(remote), ..Options::default() };
        self.emit_segment(now, remote.ip(), &options, &reset, Packet::with_content([]), None);
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
    /// Numbers begin; segments fit into packets of `mtu` bytes.
    fn begin(&mut self, initial: SeqNumber, mtu: u32) {
        let send = &mut self.send;
        (send.initial, send.unacknowledged, send.next, send.highest) = (initial, initial, initial, initial);
        let mtu = mtu.min(MOST_BYTES as u32);
        let ip_bytes = if self.remote.is_ipv4() { IP_BYTES } else { ipv6::HEADER_BYTES };
        send.segment = mtu.saturating_sub((ip_bytes + tcp::HEADER_BYTES) as u32).max(64);
        self.congestion = super::congestion::Congestion::new(send.segment);
        self.receive.scale = super::output::scale_for(self.choices.receive_bytes);
        if self.state == State::SynSent {
            self.sack = true;
            self.timestamps.on = true;
        } else {
            self.receive.scale = 0;
        }
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
