//! TCP (RFC 9293). A connection is pure: segments, calls and time go in, segments and wake-ups come out.
//!
//! Extensions: window scale, timestamps and PAWS (RFC 7323), selective acknowledgement (RFC 2018, RFC 2883), detection of
//! losses by time (RFC 8985), proportional rate reduction (RFC 6937), what was lost for nothing taken back (RFC 3522, RFC
//! 3708), CUBIC (RFC 9438), NewReno (RFC 6582), HyStart++ (RFC 9406), larger first windows (RFC 6928), explicit congestion
//! notification (RFC 3168), paths that swallow long packets (RFC 4821), urgent data (RFC 6093), challenges to blind segments
//! (RFC 5961), numbers and ports that cannot be foreseen (RFC 6528, RFC 6056), cookies (RFC 4987).

mod acknowledge;
mod autotune;
mod black_hole;
mod calls;
mod choices;
mod congestion;
mod cookies;
mod disconnect;
mod ecn;
mod header;
mod info;
mod input;
mod listen;
mod memory;
pub(crate) mod names;
mod output;
mod pcb;
mod rack;
mod receive_buffer;
mod recovery;
mod rtt;
mod scoreboard;
mod send_buffer;
mod seq;
mod settings;
mod table;
mod timers;
mod told;
mod urgent;

pub use autotune::Limits;
pub use choices::{Choices, KeepAlive};
pub use congestion::Kind as CongestionKind;
pub use ecn::Use as EcnUse;
pub use info::Counts;
pub(crate) use output::Sending;
pub use pcb::{Pcb, State};
pub(crate) use receive_buffer::copy_out;
pub use seq::SeqNumber;
pub use settings::Settings;
pub use table::{Table, TcpId};
