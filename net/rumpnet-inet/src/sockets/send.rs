//! Sending datagrams, one or many: the way is looked for once for all that go the same.

use super::calls::someone;
use super::{Kind, Socket, SocketId};
use crate::address::Version;
use crate::interface::InterfaceId;
use crate::stack::{Options, Path, Stack};
use crate::time::Instant;
use crate::wire::checksum::{self, pseudo};
use crate::wire::icmpv6;
use crate::wire::ipv4::{self, Ipv4, Protocol};
use crate::wire::ipv6;
use crate::wire::udp::{self, Udp};
use core::net::{IpAddr, SocketAddr};
use rump_kpi::Errno;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::{Packet, Segmentation, Segments};

/// Datagrams that one may be cut into (`UDP_SEGMENT`); Linux's bound.
const MOST_SEGMENTS: usize = 128;

/// What a datagram has otherwise than its socket (cmsg(3)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancillary {
    /// The address to send from.
    pub source: Option<IpAddr>,
    /// The interface to send through.
    pub interface: Option<InterfaceId>,
    /// How many routers may pass it on.
    pub hop_limit: Option<u8>,
    /// DSCP and ECN.
    pub traffic_class: Option<u8>,
    /// It may only go to who is on a link (`MSG_DONTROUTE`).
    pub dont_route: bool,
    /// It is several datagrams of so many bytes, but for the last; zero: it is one.
    pub segment_bytes: Option<u16>,
}

/// A datagram to send.
#[derive(Clone, Debug, Default)]
pub struct Datagram {
    /// To whom, unless that is settled.
    pub to: Option<SocketAddr>,
    /// Its content.
    pub content: Packet,
    /// What it has otherwise than its socket.
    pub ancillary: Ancillary,
}

/// What was found out for a datagram, and is the same for the next that is alike.
struct Way {
    to: SocketAddr,
    ancillary: Ancillary,
    options: Options,
    path: Path,
}

impl Stack {
    /// Sends a datagram, whose content `packet` is. Errors: as [`Stack::send_datagrams`].
    pub fn send_datagram(
        &mut self,
        now: Instant,
        id: SocketId,
        to: Option<SocketAddr>,
        packet: Packet,
    ) -> Result<(), Errno> {
        let datagram = Datagram { to, content: packet, ..Datagram::default() };
        self.send_datagrams(now, id, [Ok(datagram)]).1
    }

    /// Sends datagrams in order, until one cannot be sent; answers how many were, and why no more.
    ///
    /// Errors: that of a datagram which there is in its place; EBADF, the error that waits, EPIPE (shut down), EISCONN,
    /// EDESTADDRREQ, EMSGSIZE (too long, or its segments are), those of [`Stack::path`], EINVAL (too many segments).
    pub fn send_datagrams(
        &mut self,
        now: Instant,
        id: SocketId,
        datagrams: impl IntoIterator<Item = Result<Datagram, Errno>>,
    ) -> (usize, Result<(), Errno>) {
        let (mut sent, mut way) = (0, None);
        for datagram in datagrams {
            let result = datagram.and_then(|datagram| self.send_one(now, id, &mut way, datagram));
            if result.is_err() {
                return (sent, result);
            }
            sent += 1;
        }
        (sent, Ok(()))
    }

    fn send_one(
        &mut self,
        now: Instant,
        id: SocketId,
        way: &mut Option<Way>,
        datagram: Datagram,
    ) -> Result<(), Errno> {
        let Datagram { to, content: mut packet, ancillary } = datagram;
        let socket = self.sockets.find_mut(id)?;
        if let Some(errno) = socket.take_error() {
            return Err(errno);
        }
        let to = socket.receiver_of(to, packet.len())?;
        let (version, kind, checksum_at) = (socket.version, socket.kind, socket.options.checksum_at);
        let has_header = socket.options.has_header && version == Version::V4;
        let segment_bytes = ancillary.segment_bytes.unwrap_or(socket.options.segment_bytes);
        let (options, path) = match way {
            Some(known) if known.to == to && known.ancillary == ancillary => (known.options, known.path),
            _ => {
                let options = socket.path_options(to).with(&ancillary);
                let path = self.path_of_program(to.ip(), &options)?;
                *way = Some(Way { to, ancillary, options, path });
                (options, path)
            }
        };
        if has_header {
            return self.send_whole(now, &path, packet);
        }
        let protocol = match kind {
            Kind::Raw(protocol) => {
                let at = if protocol == Protocol::ICMPV6 { Some(icmpv6::CHECKSUM_AT) } else { checksum_at };
                if let Some(at) = at.filter(|_| version == Version::V6) {
                    put_checksum(&mut packet, at, &path, protocol)?;
                }
                protocol
            }
            Kind::Udp => {
                if to.port() == 0 {
                    return Err(Errno::EADDRNOTAVAIL);
                }
                packet.segmentation = segmentation(&packet, segment_bytes, &path)?;
                let ports = Udp { source: self.own_port(id, version)?, destination: to.port() };
                ports.emit(&mut packet, |length| pseudo(path.source, to.ip(), Protocol::UDP, length));
                Protocol::UDP
            }
        };
        self.loop_group(now, id, &path, protocol, &packet);
        self.send(now, &path, protocol, &options, packet)
    }

    /// The port of a socket, which gets one if it has none. Errors: EADDRINUSE (there is none).
    fn own_port(&mut self, id: SocketId, version: Version) -> Result<u16, Errno> {
        if self.sockets.find(id)?.local.port() == 0 {
            self.sockets.bind_udp(id, SocketAddr::new(version.unspecified(), 0))?;
        }
        Ok(self.sockets.find(id)?.local.port())
    }

    /// Sends a packet whose header is there: what it lacks is filled in (ip(4)). Errors: EINVAL (no header of IPv4),
    /// EMSGSIZE.
    fn send_whole(&mut self, now: Instant, path: &Path, mut packet: Packet) -> Result<(), Errno> {
        let bytes = packet.first(ipv4::HEADER_BYTES).ok_or(Errno::EINVAL)?;
        let lacks_source = bytes[12..16] == [0; 4];
        let lacks_identification = bytes[4..6] == [0; 2];
        // The checksum and the length are ours to make.
        let total = u16::try_from(packet.len()).map_err(|_| Errno::EMSGSIZE)?;
        packet.overwrite(2, &total.to_be_bytes());
        packet.overwrite(10, &[0; 2]);
        let header_bytes = packet.first(1).map_or(0, |bytes| usize::from(bytes[0] & 0xf) * 4);
        let sum = checksum::of(packet.first(header_bytes.max(ipv4::HEADER_BYTES)).ok_or(Errno::EINVAL)?);
        packet.overwrite(10, &sum.to_be_bytes());
        let mut header = Ipv4::take(&mut packet).map_err(|_| Errno::EINVAL)?;
        if lacks_identification && !header.is_fragment() {
            header.identification = self.next_identification();
        }
        if let (true, IpAddr::V4(source)) = (lacks_source, path.source) {
            header.source = source;
        }
        let path = Path { source: header.source.into(), ..*path };
        self.send_with_header(now, &path, &header, packet)?;
        self.counters.count(Counted::Ip, IP_STAT_RAWOUT);
        self.loop_back(now);
        Ok(())
    }

    /// What goes to a group comes back to its members here.
    fn loop_group(&mut self, now: Instant, id: SocketId, path: &Path, protocol: Protocol, packet: &Packet) {
        let loops = self.sockets.find(id).is_ok_and(|socket| socket.options.group_loops);
        let Some(interface) = self.interfaces.get(&path.interface) else { return };
        let is_wanted = (loops && path.destination.is_multicast() && interface.is_member(path.destination))
            || path.is_broadcast;
        // What goes through the loopback is there already.
        if is_wanted && !path.comes_back {
            self.receive_own(now, path, protocol, packet.clone());
        }
    }
}

impl Socket {
    /// Who gets what is sent. Errors: EPIPE, EISCONN, EDESTADDRREQ, EMSGSIZE.
    fn receiver_of(&self, to: Option<SocketAddr>, length: usize) -> Result<SocketAddr, Errno> {
        if !self.writes {
            return Err(Errno::EPIPE);
        }
        let to = match (to, self.remote) {
            (Some(to), None) | (None, Some(to)) => someone(to),
            (Some(_), Some(_)) => return Err(Errno::EISCONN),
            (None, None) => return Err(Errno::EDESTADDRREQ),
        };
        let header = if self.kind == Kind::Udp { udp::HEADER_BYTES } else { 0 };
        let most = most_content(Version::of(to.ip())) - header;
        if length > most.min(self.options.send_bytes) && !self.options.has_header {
            return Err(Errno::EMSGSIZE);
        }
        Ok(to)
    }
}

impl Options {
    fn with(self, ancillary: &Ancillary) -> Self {
        Self {
            source: ancillary.source.or(self.source),
            interface: ancillary.interface.or(self.interface),
            hop_limit: ancillary.hop_limit.or(self.hop_limit),
            traffic_class: ancillary.traffic_class.unwrap_or(self.traffic_class),
            dont_route: ancillary.dont_route || self.dont_route,
            ..self
        }
    }
}

/// How a content is cut into datagrams of so many bytes; not at all if it is no longer than one. Errors: EMSGSIZE (they are
/// longer than a packet on the way), EINVAL (they are too many).
fn segmentation(packet: &Packet, size: u16, path: &Path) -> Result<Option<Segmentation>, Errno> {
    if size == 0 {
        return Ok(None);
    }
    let ip = if path.destination.is_ipv4() { ipv4::HEADER_BYTES } else { ipv6::HEADER_BYTES };
    let longest = packet.len().min(size.into()) + ip + udp::HEADER_BYTES;
    if longest > path.mtu as usize {
        return Err(Errno::EMSGSIZE);
    }
    if packet.len() > usize::from(size) * MOST_SEGMENTS {
        return Err(Errno::EINVAL);
    }
    let is_cut = packet.len() > usize::from(size);
    Ok(is_cut.then_some(Segmentation { kind: Segments::Udp, size }))
}

/// The longest content of a packet without options.
fn most_content(version: Version) -> usize {
    match version {
        Version::V4 => ipv4::MOST_BYTES - ipv4::HEADER_BYTES,
        Version::V6 => ipv6::MOST_CONTENT,
    }
}

/// Puts the checksum of a raw socket's packet into its place. Errors: EINVAL (it is shorter).
fn put_checksum(packet: &mut Packet, at: u16, path: &Path, protocol: Protocol) -> Result<(), Errno> {
    let place = usize::from(at);
    if packet.len() < place + 2 {
        return Err(Errno::EINVAL);
    }
    packet.overwrite(place, &[0; 2]);
    let mut sum = pseudo(path.source, path.destination, protocol, packet.len());
    sum.add_packet(packet, 0);
    packet.overwrite(place, &sum.finish().to_be_bytes());
    Ok(())
}
