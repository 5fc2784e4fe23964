//! What others complain of: which packet it was, whether we sent it at all, and whom it concerns (RFC 1122, section
//! 3.2.2; RFC 5927; RFC 8201, section 4). Anybody can send a complaint: one is believed as far as it quotes what only who
//! is on the way can know.

use super::Stack;
use crate::address::endpoint;
use crate::interface::InterfaceId;
use crate::time::Instant;
use crate::wire::ipv4::Protocol;
use core::net::IpAddr;
use rump_kpi::Errno;
use rump_kpi::packet::Packet;

/// What somebody complains of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A packet was too long for a link.
    PacketTooBig {
        /// What the link takes.
        mtu: u32,
    },
    /// A packet did not arrive.
    Unreachable {
        /// What a program is told.
        errno: Errno,
        /// It will not get better.
        is_hard: bool,
    },
}

/// The packet that is complained of.
pub(super) struct Quoted {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    /// Where the complaint came in.
    interface: InterfaceId,
    /// What the transport's header begins with.
    head: [u8; 8],
    /// How much of that there is.
    known: usize,
}

impl Quoted {
    /// `content` begins with the header of the transport.
    pub fn new(
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        interface: InterfaceId,
        content: &Packet,
    ) -> Self {
        let mut head = [0; 8];
        let bytes = content.slice(0, content.len().min(head.len())).to_vec();
        head[..bytes.len()].copy_from_slice(&bytes);
        Self { source, destination, protocol, interface, head, known: bytes.len() }
    }

    fn ports(&self) -> Option<(u16, u16)> {
        let [a, b, c, d, ..] = self.head;
        (self.known >= 4).then(|| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }

    fn sequence(&self) -> Option<u32> {
        let [.., a, b, c, d] = self.head;
        (self.known == self.head.len()).then(|| u32::from_be_bytes([a, b, c, d]))
    }
}

impl Stack {
    /// Tells whom it concerns.
    pub(super) fn told(&mut self, now: Instant, quoted: &Quoted, what: Told) {
        let at = |ip, port| endpoint(ip, port, quoted.interface);
        let ports =
            quoted.ports().map(|(own, other)| (at(quoted.source, own), at(quoted.destination, other)));
        match (quoted.protocol, ports) {
            (Protocol::TCP, Some((local, remote))) => {
                let Some(sequence) = quoted.sequence() else { return };
                if self.has_sent(local, remote, sequence) {
                    self.learn(now, quoted, what);
                    self.tcp_told(now, local, remote, sequence, what);
                }
            }
            (Protocol::UDP, Some((local, remote))) => {
                if self.sockets.may_have_sent(local, remote) {
                    self.learn(now, quoted, what);
                    self.sockets.tell_udp(local, remote, what);
                }
            }
            (Protocol::TCP | Protocol::UDP, None) => {}
            (protocol, _) => {
                let version = crate::address::Version::of(quoted.source);
                if self.is_local(quoted.source) && self.sockets.has_raw(protocol, version) {
                    self.learn(now, quoted, what);
                    self.sockets.tell_raw(protocol, quoted.destination, what);
                }
            }
        }
    }

    fn learn(&mut self, now: Instant, quoted: &Quoted, what: Told) {
        let Told::PacketTooBig { mtu } = what else { return };
        if self.destinations.learn_mtu(now, quoted.destination, mtu) {
            if let Some(deadline) = self.destinations.next_deadline() {
                self.wake_at(deadline);
            }
        }
    }
}
