//! A connection: what RFC 9293, section 3.3.1, calls the transmission control block, and what it became since.

use super::autotune::{Limits, ReceiveRate};
use super::black_hole::BlackHole;
use super::choices::Choices;
use super::congestion::Congestion;
use super::ecn::Ecn;
use super::info::Counts;
use super::rack::Rack;
use super::receive_buffer::ReceiveBuffer;
use super::recovery::Recovery;
use super::rtt::Rtt;
use super::scoreboard::Scoreboard;
use super::send_buffer::SendBuffer;
use super::seq::SeqNumber;
use super::table::TcpId;
use super::timers::Timers;
use super::urgent::Urgent;
use crate::address::{self, Version};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use rump_kpi::socket::Amounts;
use rump_kpi::{Errno, PollEvents, WaitQueue};

/// A segment that every host takes (RFC 9293, section 3.7.1).
pub const DEFAULT_SEGMENT: u32 = 536;
/// Shorter segments are not believed in.
pub const LEAST_SEGMENT: u32 = 64;
/// Challenges to segments that may be blind, in a time (RFC 5961, section 7).
const CHALLENGES: (u8, Duration) = (10, Duration::from_secs(5));

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
    /// Where that is in the count of all that was sent, in which a SYN and a FIN have a place each.
    pub place: u64,
    /// `SND.NXT`: the next to send for the first time.
    pub next: SeqNumber,
    /// The highest that may be acknowledged, and one: that of a byte that asks for the window comes before it, too.
    pub highest: SeqNumber,
    /// The congestion window was full when this was next.
    pub filled: u64,
    /// Since when something waits to be acknowledged.
    pub stalled: Option<Instant>,
    /// When the SYN was sent, unless it was sent again.
    pub syn_sent: Option<Instant>,
    /// Where urgent data ends.
    pub urgent: Option<SeqNumber>,
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
    /// There was no room for more when the program wrote last, and it was not told of any since.
    pub lacks_room: bool,
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
    /// Longest segment that the other side may send: as it was offered, and its content.
    pub offered_segment: u32,
    /// See there.
    pub segment: u32,
    /// Where the other side's FIN is, in the count of the buffer.
    pub end: Option<u64>,
    /// The longest content of a segment that came, as far as it may be of that length: a way may take no longer ones.
    pub longest: u32,
    /// Bytes that came since the last acknowledgement.
    pub unacknowledged: u32,
    /// What came a second time, to be told (RFC 2883).
    pub twice: Option<(SeqNumber, SeqNumber)>,
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

/// A socket that listens.
#[derive(Debug, Default)]
pub struct Listener {
    /// How many connections may wait.
    pub backlog: usize,
    /// Connections that are not made yet, in the order of their SYN.
    pub begun: BTreeSet<TcpId>,
    /// When a cookie was given last instead of a connection.
    pub cookie_given: Option<Instant>,
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
    /// What of that its program chose: nothing of it is taken back.
    pub bound: SocketAddr,
    /// The other's; port zero before there is one.
    pub remote: SocketAddr,
    /// What was chosen for it.
    pub choices: Choices,
    /// How far its buffers grow.
    pub limits: Limits,
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
    /// How much may be on its way.
    pub congestion: Congestion,
    /// What is on its way.
    pub scoreboard: Scoreboard,
    /// Which of it is lost.
    pub rack: Rack,
    /// Going on after a loss.
    pub recovery: Recovery,
    /// Explicit congestion notification.
    pub ecn: Ecn,
    /// Urgent data that comes.
    pub urgent: Urgent,
    /// How fast the program reads.
    pub rate: ReceiveRate,
    /// Packets that are too long for the way.
    pub black_hole: BlackHole,
    /// Timers.
    pub timers: Timers,
    /// An acknowledgement is to be sent now.
    pub must_acknowledge: bool,
    /// What is held back has waited long enough.
    pub is_overdue: bool,
    /// The sending after which a rest was noted.
    pub rested: Instant,
    /// How often the other side was asked in vain whether it is there.
    pub keep_asked: u32,
    /// Challenges since a moment.
    challenges: (Instant, u8),
    /// Who listens, of a connection that nobody accepted yet.
    pub parent: Option<TcpId>,
    /// What it is to others, if it listens.
    pub listener: Option<Box<Listener>>,
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
    /// When it was said last that who is next on the way answers.
    pub confirmed: Option<Instant>,
    /// What is counted for it.
    pub counts: Counts,
    /// When the table of all looks at its timers.
    pub armed: Option<Instant>,
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
            bound: nowhere,
            remote: nowhere,
            choices: Choices::default(),
            limits: Limits::default(),
            send: Send { segment: DEFAULT_SEGMENT, ..Send::default() },
            receive: Receive::default(),
            outgoing: SendBuffer::default(),
            incoming: ReceiveBuffer::default(),
            is_ending: false,
            timestamps: Timestamps::default(),
            sack: false,
            rtt: Rtt::default(),
            congestion: Congestion::new(Default::default(), super::congestion::first_window(DEFAULT_SEGMENT)),
            scoreboard: Scoreboard::default(),
            rack: Rack::default(),
            ecn: Ecn::default(),
            urgent: Urgent::default(),
            rate: ReceiveRate::default(),
            black_hole: BlackHole::default(),
            recovery: Recovery::default(),
            timers: Timers::default(),
            must_acknowledge: false,
            is_overdue: false,
            rested: Instant::ZERO,
            keep_asked: 0,
            challenges: (Instant::ZERO, 0),
            armed: None,
            soft_error: None,
            parent: None,
            listener: None,
            error: None,
            is_held: true,
            is_deaf: false,
            heard: Instant::ZERO,
            confirmed: None,
            counts: Counts::default(),
            waiters: Arc::default(),
        }
    }

    /// Whether it receives at an address.
    pub fn has(&self, address: IpAddr) -> bool {
        address::covers(self.local.ip(), self.choices.v6_only, address)
    }

    /// Bytes that were sent and not acknowledged.
    pub fn flight(&self) -> u32 {
        self.send.next - self.send.unacknowledged
    }

    /// A segment may be blind: whoever sent it in earnest is told where the connection is, but nobody as often as he likes
    /// (RFC 5961, section 10).
    pub fn challenge(&mut self, now: Instant) {
        let (since, count) = self.challenges;
        let (most, time) = CHALLENGES;
        self.challenges =
            if now.saturating_sub(since) >= time { (now, 1) } else { (since, count.saturating_add(1)) };
        self.must_acknowledge |= self.challenges.1 <= most;
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

    /// Connections that wait to be accepted.
    fn waiting_connections(&self) -> usize {
        self.listener.as_ref().map_or(0, |listener| listener.made.len())
    }

    /// How many more bytes the program may write.
    pub fn room(&self) -> usize {
        self.choices.send_bytes.saturating_sub(self.outgoing.len())
    }

    /// Whether it is worth to wake who waits to write: a third of the buffer is free, as Linux has it.
    pub fn has_room(&self) -> bool {
        let room = self.room();
        room > 0 && room >= self.outgoing.len() / 2
    }

    /// How much can be done now.
    pub fn amounts(&self) -> Amounts {
        let listens = self.state == State::Listen;
        let to_receive = if listens { self.waiting_connections() } else { self.readable_bytes() };
        Amounts { to_receive, to_send: self.room() }
    }

    /// What can be done now.
    pub fn ready(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        if self.state == State::Listen {
            events.set(PollEvents::IN | PollEvents::RDNORM, self.waiting_connections() > 0);
            return events;
        }
        let has_end = !self.state.may_receive() || self.is_deaf;
        events.set(PollEvents::IN | PollEvents::RDNORM, self.readable_bytes() > 0 || has_end);
        events.set(PollEvents::PRI | PollEvents::RDBAND, self.urgent.is_waiting());
        let is_made = self.state.is_synchronized();
        let may_write = is_made && (self.has_room() || !self.state.may_send());
        events.set(PollEvents::OUT, may_write || self.state == State::Closed);
        events.set(PollEvents::HUP, self.state == State::Closed || (has_end && !self.state.may_send()));
        events.set(PollEvents::ERR, self.error.is_some());
        events
    }
}
