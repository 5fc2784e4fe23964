//! What others complain of, as far as it is a connection's (RFC 5927; RFC 5461; RFC 1191; RFC 8201).

use super::input::Effect;
use super::pcb::{Pcb, State};
use super::seq::SeqNumber;
use super::table::TcpId;
use crate::stack::{Stack, Told};
use crate::time::Instant;
use crate::wire::ipv4::{HEADER_BYTES as IP_BYTES, MOST_BYTES};
use crate::wire::{ipv6, tcp};
use core::net::SocketAddr;

impl Stack {
    /// Whether a segment with this number is on its way in a connection: who knows that is probably on the way, too
    /// (RFC 5927, section 4.1).
    pub(crate) fn has_sent(&self, local: SocketAddr, remote: SocketAddr, sequence: u32) -> bool {
        self.sender(local, remote, sequence).is_some()
    }

    fn sender(&self, local: SocketAddr, remote: SocketAddr, sequence: u32) -> Option<TcpId> {
        let (id, sequence) = (self.tcp.receiver(local, remote)?, SeqNumber(sequence));
        let pcb = self.tcp.find(id).ok().filter(|pcb| pcb.remote == remote)?;
        let is_flying = !sequence.is_before(pcb.send.unacknowledged) && sequence.is_before(pcb.send.highest);
        is_flying.then_some(id)
    }

    /// Somebody complains of a segment of a connection; one that is not on its way is none.
    pub(crate) fn tcp_told(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        sequence: u32,
        what: Told,
    ) {
        let Some(id) = self.sender(local, remote, sequence) else { return };
        self.run(now, id, |pcb| match what {
            Told::PacketTooBig { mtu } => {
                pcb.told_path_mtu(now, mtu);
                (None, Effect::default())
            }
            Told::Unreachable { errno, is_hard: true } if pcb.state == State::SynSent => {
                pcb.error = Some(errno);
                (None, Effect::gone())
            }
            // Nobody can be sure that it is true: a connection that works outlives it (RFC 5461, section 2.2).
            Told::Unreachable { errno, .. } => {
                pcb.soft_error = Some(errno);
                (None, Effect::default())
            }
        });
    }
}

impl Pcb {
    /// The way takes packets of so many bytes. What was longer is sent again.
    fn told_path_mtu(&mut self, _now: Instant, mtu: u32) {
        let ip_bytes = if self.remote.is_ipv4() { IP_BYTES } else { ipv6::HEADER_BYTES };
        let headers = (ip_bytes + tcp::HEADER_BYTES) as u32;
        let segment = mtu.min(MOST_BYTES as u32).saturating_sub(headers).max(64);
        if segment < self.send.segment {
            self.send.segment = segment;
            self.send.next = self.send.unacknowledged;
        }
    }
}
