//! TCP (RFC 9293). A connection is pure: segments, calls and time go in, segments and wake-ups come out.
//!
//! Extensions: window scale, timestamps and PAWS (RFC 7323), selective acknowledgement (RFC 2018) for receiving and for
//! choosing what to send again (RFC 6675), NewReno (RFC 6582), larger first windows (RFC 6928), challenges to blind
//! resets (RFC 5961), numbers that cannot be foreseen (RFC 6528).

mod calls;
mod congestion;
mod input;
mod output;
mod pcb;
mod receive_buffer;
mod rtt;
mod send_buffer;
mod seq;
mod table;
mod told;

pub use pcb::{Pcb, State};
pub use seq::SeqNumber;
pub use table::{Table, TcpId};
