//! What others complain of, as far as it is a connection's (RFC 5927; RFC 5461; RFC 1191; RFC 8201).

use super::input::Effect;
use super::pcb::State;
use super::seq::SeqNumber;
use super::table::TcpId;
use crate::stack::{Stack, Told};
use crate::time::Instant;
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
