//! What can be told of a connection (`TCP_INFO`), and what is counted for it.

use super::pcb::{Pcb, State};
use super::recovery::{DUPLICATES, Phase};
use crate::time::Instant;
use core::time::Duration;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::{TcpCaState, TcpInfo, TcpOptions, TcpState};

/// Segments and bytes since a connection began. They come round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Segments that were sent, as a packet can carry them.
    pub sent: u32,
    /// Those of them with content.
    pub data_sent: u32,
    /// Those of them that were sent before.
    pub again: u32,
    /// Segments that came, as a packet can carry them.
    pub received: u32,
    /// Those of them with content.
    pub data_received: u32,
    /// Those of them that came behind a gap.
    pub out_of_order: u32,
    /// How often no room was told.
    pub zero_windows: u32,
    /// Segments that arrived, as far as was told.
    pub delivered: u32,
    /// Acknowledgements that said that the network is crowded.
    pub delivered_crowded: u32,
    /// Acknowledgements that said that something came twice.
    pub twice: u32,
    /// How often no answer came in time.
    pub timeouts: u32,
    /// Windows that were asked for.
    pub window_probes: u32,
    /// How often the other side was asked whether it is there.
    pub keep_probes: u32,
    /// Windows that were asked for since the last answer.
    pub probes: u8,
    /// Bytes that were sent, again or not.
    pub bytes_sent: u64,
    /// Bytes that were sent again.
    pub bytes_again: u64,
    /// Bytes that were acknowledged.
    pub bytes_acknowledged: u64,
    /// When content was sent last.
    pub sent_at: Instant,
    /// When content came last.
    pub received_at: Instant,
    /// When an acknowledgement came last.
    pub acknowledged_at: Instant,
}

impl Counts {
    /// `bytes` of content were sent in segments of `segment`.
    pub fn note_sent(&mut self, now: Instant, bytes: u32, segment: u32) {
        let segments = bytes.div_ceil(segment.max(1)).max(1);
        self.sent = self.sent.wrapping_add(segments);
        if bytes > 0 {
            self.data_sent = self.data_sent.wrapping_add(segments);
            self.bytes_sent = self.bytes_sent.wrapping_add(bytes.into());
            self.sent_at = now;
        }
    }

    /// Of those that were sent last, `bytes` in `segments` had been sent before.
    pub fn note_again(&mut self, bytes: u32, segment: u32) {
        self.again = self.again.wrapping_add(bytes.div_ceil(segment.max(1)).max(1));
        self.bytes_again = self.bytes_again.wrapping_add(bytes.into());
    }

    /// `bytes` of content came, in segments of `segment` if they are several.
    pub fn note_received(&mut self, now: Instant, bytes: u32, segment: Option<u16>) {
        let segments = segment.map_or(1, |segment| bytes.div_ceil(u32::from(segment).max(1)).max(1));
        self.received = self.received.wrapping_add(segments);
        if bytes > 0 {
            self.data_received = self.data_received.wrapping_add(segments);
            self.received_at = now;
        }
    }
}

/// What was counted for many connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    data_sent: u64,
    again: u64,
    bytes_sent: u64,
    bytes_again: u64,
    bytes_received: u64,
    bytes_acknowledged: u64,
    out_of_order: u64,
    timeouts: u64,
    window_probes: u64,
    keep_probes: u64,
}

impl Totals {
    /// Adds those of a connection.
    pub fn add(&mut self, pcb: &Pcb) {
        let counts = &pcb.counts;
        self.data_sent += u64::from(counts.data_sent);
        self.again += u64::from(counts.again);
        self.bytes_sent += counts.bytes_sent;
        self.bytes_again += counts.bytes_again;
        self.bytes_received += pcb.incoming.next();
        self.bytes_acknowledged += counts.bytes_acknowledged;
        self.out_of_order += u64::from(counts.out_of_order);
        self.timeouts += u64::from(counts.timeouts);
        self.window_probes += u64::from(counts.window_probes);
        self.keep_probes += u64::from(counts.keep_probes);
    }

    /// In NetBSD's places. What was sent again counts there alone.
    pub fn told(&self) -> [(usize, u64); 10] {
        [
            (TCP_STAT_SNDPACK, self.data_sent.saturating_sub(self.again)),
            (TCP_STAT_SNDBYTE, self.bytes_sent.saturating_sub(self.bytes_again)),
            (TCP_STAT_SNDREXMITPACK, self.again),
            (TCP_STAT_SNDREXMITBYTE, self.bytes_again),
            (TCP_STAT_RCVBYTE, self.bytes_received),
            (TCP_STAT_RCVACKBYTE, self.bytes_acknowledged),
            (TCP_STAT_RCVOOPACK, self.out_of_order),
            (TCP_STAT_REXMTTIMEO, self.timeouts),
            (TCP_STAT_PERSISTTIMEO, self.window_probes),
            (TCP_STAT_KEEPPROBE, self.keep_probes),
        ]
    }
}

fn micros(duration: Duration) -> u32 {
    duration.as_micros().min(u32::MAX.into()) as u32
}

impl From<State> for TcpState {
    fn from(state: State) -> Self {
        match state {
            State::Closed => Self::Closed,
            State::Listen => Self::Listen,
            State::SynSent => Self::SynSent,
            State::SynReceived => Self::SynReceived,
            State::Established => Self::Established,
            State::FinWait1 => Self::FinWait1,
            State::FinWait2 => Self::FinWait2,
            State::CloseWait => Self::CloseWait,
            State::Closing => Self::Closing,
            State::LastAck => Self::LastAck,
            State::TimeWait => Self::TimeWait,
        }
    }
}

impl Pcb {
    /// All that can be told of it.
    pub fn info(&self, now: Instant) -> TcpInfo {
        let segment = self.segment_bytes();
        let segments = |bytes: u32| bytes.div_ceil(segment.max(1));
        let since = |moment: Instant| micros(now.saturating_sub(moment));
        let (counts, rtt) = (&self.counts, &self.rtt);
        let backoff = rtt.backoff().min(255) as u8;
        TcpInfo {
            state: self.state.into(),
            ca_state: self.ca_state(),
            retransmits: backoff,
            probes: counts.probes,
            backoff,
            options: self.agreed_options(),
            snd_wscale: self.send.scale,
            rcv_wscale: self.receive.scale,
            rto: micros(rtt.timeout()),
            ato: micros(self.choices.delayed_ack),
            snd_mss: segment,
            rcv_mss: if self.receive.longest > 0 { self.receive.longest } else { self.receive.segment },
            unacked: segments(self.flight()),
            sacked: segments(self.scoreboard.held_bytes()),
            lost: segments(self.scoreboard.lost_bytes()),
            retrans: segments(self.scoreboard.again_bytes()),
            total_retrans: counts.again,
            last_data_sent: since(counts.sent_at),
            last_data_recv: since(counts.received_at),
            last_ack_recv: since(counts.acknowledged_at),
            pmtu: self.send.segment + self.header_bytes(),
            rtt: rtt.smoothed().map_or(0, micros),
            rttvar: micros(rtt.variation()),
            snd_ssthresh_bytes: self.congestion.threshold(),
            snd_cwnd_bytes: self.congestion.window(),
            advmss: self.receive.offered_segment,
            reordering: segments(self.rack.most_disorder()).max(DUPLICATES),
            reord_seen: self.rack.disorders(),
            min_rtt: self.rack.shortest().map_or(0, micros),
            rcv_rtt: self.rate.rtt().map_or(0, micros),
            delivered: counts.delivered,
            delivered_ce: counts.delivered_crowded,
            dsack_dups: counts.twice,
            rcv_space: self.choices.receive_bytes as u32,
            snd_wnd: self.send.window,
            snd_nxt: self.send.next.0,
            rcv_nxt: self.receive.next.0,
            rcv_ooopack: counts.out_of_order,
            snd_zerowin: counts.zero_windows,
            segs_out: counts.sent,
            segs_in: counts.received,
            data_segs_out: counts.data_sent,
            data_segs_in: counts.data_received,
            notsent_bytes: self.outgoing.len() as u32 - self.flight().min(self.outgoing.len() as u32),
            bytes_acked: counts.bytes_acknowledged,
            bytes_received: self.incoming.next(),
            bytes_sent: counts.bytes_sent,
            bytes_retrans: counts.bytes_again,
        }
    }

    fn agreed_options(&self) -> TcpOptions {
        let mut options = TcpOptions::empty();
        options.set(TcpOptions::TIMESTAMPS, self.timestamps.on);
        options.set(TcpOptions::SACK, self.sack);
        options.set(TcpOptions::WSCALE, self.receive.scale > 0);
        options.set(TcpOptions::ECN, self.ecn.on);
        options
    }

    fn ca_state(&self) -> TcpCaState {
        match self.recovery.phase {
            Phase::Recovery => TcpCaState::Recovery,
            Phase::Loss => TcpCaState::Loss,
            Phase::Crowded => TcpCaState::Cwr,
            Phase::Open if self.is_disordered() => TcpCaState::Disorder,
            Phase::Open => TcpCaState::Open,
        }
    }
}
