//! A connection: what RFC 9293, section 3.3.1, calls the transmission control block, and what it became since.

use super::congestion::Congestion;
use super::receive_buffer::ReceiveBuffer;
use super::rtt::Rtt;
use super::send_buffer::SendBuffer;
use super::seq::SeqNumber;
use super::table::TcpId;
use crate::address::{self, Version};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use rump_kpi::socket::Amounts;
use rump_kpi::{Errno, PollEvents, WaitQueue};

/// Bytes that a program may have written and the other side not acknowledged.
const SEND_BYTES: usize = 512 << 10;
/// Bytes that may wait for the program.
const RECEIVE_BYTES: usize = 512 << 10;
/// A segment that every host takes (RFC 9293, section 3.7.1).
pub const DEFAULT_SEGMENT: u32 = 536;
/// How long an acknowledgement may be held back (RFC 9293, section 3.8.6.3, allows half a second).
pub const DELAYED_ACK: Duration = Duration::from_millis(40);
/// Twice the longest life of a segment, shorter than the RFC's four minutes as everybody has it.
pub const TIME_WAIT: Duration = Duration::from_secs(60);
/// How long a closed connection waits for the other side to close, too.
pub const FIN_WAIT_2: Duration = Duration::from_secs(60);
/// How often a segment is sent again before the connection is given up (RFC 9293, section 3.8.3).
pub const MOST_RETRIES: u32 = 12;
/// The same of a SYN.
pub const MOST_SYN_RETRIES: u32 = 6;

/// States (RFC 9293, section 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl State {
    /// Both sides have agreed on their numbers.
    pub fn is_synchronized(self) -> bool {
        !matches!(self, Self::Closed | Self::Listen | Self::SynSent | Self::SynReceived)
    }

    /// The program may still send.
    pub fn may_send(self) -> bool {
        matches!(self, Self::SynSent | Self::SynReceived | Self::Established | Self::CloseWait)
    }

    /// More may come.
    pub fn may_receive(self) -> bool {
        matches!(
            self,
            Self::SynSent | Self::SynReceived | Self::Established | Self::FinWait1 | Self::FinWait2
        )
    }
}

/// What is sent, in the names of the RFC.
#[derive(Clone, Debug, Default)]
pub struct Send {
    /// `ISS`: where numbers begin.
    pub initial: SeqNumber,
    /// `SND.UNA`: the first that is not acknowledged.
    pub unacknowledged: SeqNumber,
    /// `SND.NXT`: the next to send; after a time-out it goes back.
    pub next: SeqNumber,
    /// The highest that ever was sent, and one.
    pub highest: SeqNumber,
    /// `SND.WND`.
    pub window: u32,
    /// The largest window that was seen.
    pub largest_window: u32,
    /// `SND.WL1` and `SND.WL2`: the segment that told the window.
    pub window_told: (SeqNumber, SeqNumber),
    /// By how many bits the other side's windows are to be shifted.
    pub scale: u8,
    /// Longest content of a segment, options not counted.
    pub segment: u32,
}

/// What is received.
#[derive(Clone, Debug, Default)]
pub struct Receive {
    /// `IRS`: where numbers begin.
    pub initial: SeqNumber,
    /// `RCV.NXT`.
    pub next: SeqNumber,
    /// The end of the window that was told last.
    pub advertised: SeqNumber,
    /// By how many bits our windows are shifted.
    pub scale: u8,
    /// Where the other side's FIN is, in the count of the buffer.
    pub end: Option<u64>,
    /// Bytes that came since the last acknowledgement.
    pub unacknowledged: u32,
}

/// Timestamps (RFC 7323, section 3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Timestamps {
    /// Both sides send them.
    pub on: bool,
    /// The other's, to be echoed.
    pub recent: u32,
    /// When that came.
    pub recent_at: Instant,
}

/// Going on after a loss.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Acknowledgements that said nothing new.
    pub duplicates: u32,
    /// Until this is acknowledged, a loss is being mended.
    pub until: Option<SeqNumber>,
    /// What the other side has behind gaps; in order, not overlapping.
    pub held: Vec<(SeqNumber, SeqNumber)>,
    /// Where the next segment to be sent again is looked for.
    pub again_from: SeqNumber,
}

/// Timers; each at most once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timers {
    /// To send again.
    pub retransmit: Option<Instant>,
    /// To ask for the window.
    pub persist: Option<Instant>,
    /// To acknowledge.
    pub acknowledge: Option<Instant>,
    /// To forget the connection.
    pub forget: Option<Instant>,
    /// To see whether the other side is there.
    pub keep_alive: Option<Instant>,
}

impl Timers {
    /// The first.
    pub fn next(&self) -> Option<Instant> {
        [self.retransmit, self.persist, self.acknowledge, self.forget, self.keep_alive]
            .into_iter()
            .flatten()
            .min()
    }
}

/// What a program chose.
#[derive(Clone, Debug)]
pub struct Choices {
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `SO_KEEPALIVE`: after so long without a word, and how often between.
    pub keep_alive: Option<Duration>,
    /// `SO_LINGER` with zero: closing resets.
    pub resets: bool,
    /// `SO_SNDBUF`.
    pub send_bytes: usize,
    /// `SO_RCVBUF`.
    pub receive_bytes: usize,
    /// `IPV6_V6ONLY`.
    pub v6_only: bool,
    /// `IP_TTL`, `IPV6_UNICAST_HOPS`.
    pub hop_limit: Option<u8>,
    /// `IP_TOS`, `IPV6_TCLASS`.
    pub traffic_class: u8,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            no_delay: false,
            keep_alive: None,
            resets: false,
            send_bytes: SEND_BYTES,
            receive_bytes: RECEIVE_BYTES,
            v6_only: false,
            hop_limit: None,
            traffic_class: 0,
        }
    }
}

/// A socket that listens.
#[derive(Debug, Default)]
pub struct Listener {
    /// How many connections may wait.
    pub backlog: usize,
    /// Connections that are not made yet, in the order of their SYN.
    pub begun: VecDeque<TcpId>,
    /// Connections that wait to be accepted.
    pub made: VecDeque<TcpId>,
}

/// See the module.
pub struct Pcb {
    /// Of which version its addresses are, as its program sees them.
    pub version: Version,
    /// Which state.
    pub state: State,
    /// Its own address; port zero before it has one.
    pub local: SocketAddr,
    /// The other's; port zero before there is one.
    pub remote: SocketAddr,
    /// What was chosen for it.
    pub choices: Choices,
    /// What is sent.
    pub send: Send,
    /// What is received.
    pub receive: Receive,
    /// Bytes to send.
    pub outgoing: SendBuffer,
    /// Bytes that came.
    pub incoming: ReceiveBuffer,
    /// No more will be sent than is in the buffer.
    pub is_ending: bool,
    /// Timestamps.
    pub timestamps: Timestamps,
    /// Both sides take selective acknowledgements.
    pub sack: bool,
    /// How long an answer takes.
    pub rtt: Rtt,
    /// What is being measured without timestamps: the number that is waited for, since when.
    pub measuring: Option<(SeqNumber, Instant)>,
    /// How much may be on its way.
    pub congestion: Congestion,
    /// Going on after a loss.
    pub recovery: Recovery,
    /// Timers.
    pub timers: Timers,
    /// An acknowledgement is to be sent now.
    pub must_acknowledge: bool,
    /// Who listens, of a connection that nobody accepted yet.
    pub parent: Option<TcpId>,
    /// What it is to others, if it listens.
    pub listener: Listener,
    /// What may be the reason of silence.
    pub soft_error: Option<Errno>,
    /// What went wrong since the last call.
    pub error: Option<Errno>,
    /// The program has a descriptor of it.
    pub is_held: bool,
    /// The program does not read any more.
    pub is_deaf: bool,
    /// When the last segment came.
    pub heard: Instant,
    /// Those who wait.
    pub waiters: Arc<WaitQueue>,
}

impl Pcb {
    /// A socket without a connection.
    pub fn new(version: Version) -> Self {
        let nowhere = SocketAddr::new(version.unspecified(), 0);
        Self {
            version,
            state: State::Closed,
            local: nowhere,
            remote: nowhere,
            choices: Choices::default(),
            send: Send { segment: DEFAULT_SEGMENT, ..Send::default() },
            receive: Receive::default(),
            outgoing: SendBuffer::default(),
            incoming: ReceiveBuffer::default(),
            is_ending: false,
            timestamps: Timestamps::default(),
            sack: false,
            rtt: Rtt::default(),
            measuring: None,
            congestion: Congestion::new(DEFAULT_SEGMENT),
            recovery: Recovery::default(),
            timers: Timers::default(),
            must_acknowledge: false,
            parent: None,
            listener: Listener::default(),
            soft_error: None,
            error: None,
            is_held: true,
            is_deaf: false,
            heard: Instant::ZERO,
            waiters: Arc::default(),
        }
    }

    /// Whether it receives at an address.
    pub fn has(&self, address: IpAddr) -> bool {
        address::covers(self.local.ip(), self.choices.v6_only, address)
    }

    /// Bytes on their way.
    pub fn flight(&self) -> u32 {
        self.send.highest - self.send.unacknowledged
    }

    /// The number of the first byte in the buffer: a SYN that is not acknowledged comes before it.
    pub fn first_byte(&self) -> SeqNumber {
        if self.send.unacknowledged == self.send.initial {
            self.send.initial + 1
        } else {
            self.send.unacknowledged
        }
    }

    /// The number behind the last byte: that of the FIN, if there is one.
    pub fn end_of_data(&self) -> SeqNumber {
        self.first_byte() + self.outgoing.len() as u32
    }

    /// Bytes that may come.
    pub fn receive_window(&self) -> u32 {
        if self.is_deaf {
            return u32::from(u16::MAX).min(self.choices.receive_bytes as u32);
        }
        self.choices.receive_bytes.saturating_sub(self.incoming.held_bytes()) as u32
    }

    /// Bytes that the other side was told may come.
    pub fn told_window(&self) -> u32 {
        if self.receive.advertised.is_after(self.receive.next) {
            self.receive.advertised - self.receive.next
        } else {
            0
        }
    }

    /// The place of the next byte in the count of the buffer; a FIN that was taken in has one, too.
    fn position(&self) -> i64 {
        let fin = self.receive.end == Some(self.incoming.next()) && !self.state.may_receive();
        self.incoming.next() as i64 + i64::from(fin)
    }

    /// Where a number belongs in the count of the buffer: the first byte of the stream is at zero.
    pub fn place_of(&self, number: SeqNumber) -> i64 {
        self.position() + i64::from(number.0.wrapping_sub(self.receive.next.0) as i32)
    }

    /// The number of a place.
    pub fn number_of(&self, place: u64) -> SeqNumber {
        let distance = (place as i64).wrapping_sub(self.position()) as u32;
        SeqNumber(self.receive.next.0.wrapping_add(distance))
    }

    /// How much can be done now.
    pub fn amounts(&self) -> Amounts {
        let listens = self.state == State::Listen;
        let to_receive = if listens { self.listener.made.len() } else { self.incoming.ready_bytes() };
        Amounts { to_receive, to_send: self.choices.send_bytes.saturating_sub(self.outgoing.len()) }
    }

    /// What can be done now.
    pub fn ready(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        if self.state == State::Listen {
            events.set(PollEvents::IN | PollEvents::RDNORM, !self.listener.made.is_empty());
            return events;
        }
        let has_end = !self.state.may_receive() || self.is_deaf;
        events.set(PollEvents::IN | PollEvents::RDNORM, self.incoming.ready_bytes() > 0 || has_end);
        let is_made = self.state.is_synchronized();
        let has_room = self.outgoing.len() < self.choices.send_bytes;
        let may_write = is_made && (has_room || !self.state.may_send());
        events.set(PollEvents::OUT, may_write || self.state == State::Closed);
        events.set(PollEvents::HUP, self.state == State::Closed || (has_end && !self.state.may_send()));
        events.set(PollEvents::ERR, self.error.is_some());
        events
    }
}
