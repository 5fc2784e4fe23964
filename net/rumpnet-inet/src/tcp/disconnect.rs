//! Dissolving a connection so that its socket can be used anew: connect(2) with AF_UNSPEC, as Linux has it.

use super::pcb::{Pcb, State};
use super::table::TcpId;
use crate::stack::Stack;
use crate::time::Instant;
use alloc::boxed::Box;
use rump_kpi::Errno;

impl Stack {
    /// Ends a connection at once, or listening, and makes the socket what it was before; it keeps its options and what its
    /// program chose of its address. What was a connection, or was to be one, has the error ECONNRESET then.
    ///
    /// Errors: EBADF, EADDRINUSE (somebody else took its port).
    pub fn tcp_disconnect(&mut self, now: Instant, id: TcpId) -> Result<(), Errno> {
        let pcb = self.tcp.find_mut(id)?;
        let state = pcb.state;
        let listener = pcb.listener.take();
        let is_reset = matches!(
            state,
            State::SynReceived | State::Established | State::CloseWait | State::FinWait1 | State::FinWait2
        );
        if is_reset {
            self.reset(now, id);
        }
        let children =
            listener.into_iter().flat_map(|listener| listener.begun.into_iter().chain(listener.made));
        children.for_each(|child| self.abort(now, child));
        let old = self.tcp.remove(id).ok_or(Errno::EBADF)?;
        let mut pcb = Box::new(Pcb::new(old.version));
        (pcb.choices, pcb.limits, pcb.ecn.wanted) = (old.choices, old.limits, old.ecn.wanted);
        (pcb.waiters, pcb.bound) = (old.waiters, old.bound);
        pcb.error = (is_reset || state == State::SynSent).then_some(Errno::ECONNRESET);
        let bound = pcb.bound;
        pcb.local.set_ip(bound.ip());
        self.tcp.put_back(id, pcb);
        if bound.port() != 0 {
            self.tcp.bind(id, bound)?;
        }
        self.tcp.wake(id);
        Ok(())
    }
}
