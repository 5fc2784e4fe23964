//! What is known of a connection (`TCP_INFO`, tcp(4)), and NetBSD's `struct tcp_info`.
//!
//! That structure has names of Linux's for what it leaves out; those fields are filled here. Counters that it has no
//! place for stand in its padding, where a program that knows nothing of them does not look.

use alloc::vec::Vec;

/// States of a connection, with NetBSD's numbers (`tcp_fsm.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum TcpState {
    #[default]
    Closed = 0,
    Listen = 1,
    SynSent = 2,
    SynReceived = 3,
    Established = 4,
    CloseWait = 5,
    FinWait1 = 6,
    Closing = 7,
    LastAck = 8,
    FinWait2 = 9,
    TimeWait = 10,
}

impl TcpState {
    const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::CloseWait,
        Self::FinWait1,
        Self::Closing,
        Self::LastAck,
        Self::FinWait2,
        Self::TimeWait,
    ];

    /// Linux's number (`enum` of `netinet/tcp.h`).
    pub fn linux_number(self) -> u8 {
        match self {
            Self::Established => 1,
            Self::SynSent => 2,
            Self::SynReceived => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::Closed => 7,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listen => 10,
            Self::Closing => 11,
        }
    }
}

/// What a sender does about losses, with Linux's numbers (`enum tcp_ca_state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum TcpCaState {
    /// Nothing is missing.
    #[default]
    Open = 0,
    /// Something may be.
    Disorder = 1,
    /// The network said that it is crowded.
    Cwr = 2,
    /// Something is missing, and is sent again.
    Recovery = 3,
    /// A timer ran out.
    Loss = 4,
}

bitflags::bitflags! {
    /// `tcpi_options`: what both sides agreed on.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct TcpOptions: u8 {
        /// Timestamps.
        const TIMESTAMPS = 0x01;
        /// Selective acknowledgement.
        const SACK = 0x02;
        /// Window scale.
        const WSCALE = 0x04;
        /// Explicit congestion notification.
        const ECN = 0x08;
    }
}

/// See the module. Times are in microseconds; counts are in segments unless their names say bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TcpInfo {
    pub state: TcpState,
    pub ca_state: TcpCaState,
    /// How often in a row the first segment was sent again by a timer.
    pub retransmits: u8,
    /// How often the window was asked for in vain.
    pub probes: u8,
    /// How often the timer was doubled.
    pub backoff: u8,
    pub options: TcpOptions,
    pub snd_wscale: u8,
    pub rcv_wscale: u8,
    pub rto: u32,
    /// How long an acknowledgement is held back.
    pub ato: u32,
    pub snd_mss: u32,
    pub rcv_mss: u32,
    pub unacked: u32,
    pub sacked: u32,
    pub lost: u32,
    pub retrans: u32,
    pub last_data_sent: u32,
    pub last_data_recv: u32,
    pub last_ack_recv: u32,
    pub pmtu: u32,
    pub rtt: u32,
    pub rttvar: u32,
    pub snd_ssthresh_bytes: u32,
    pub snd_cwnd_bytes: u32,
    pub advmss: u32,
    /// By how many segments the order was seen to be mixed up, or three.
    pub reordering: u32,
    pub rcv_rtt: u32,
    /// Bytes that the receive buffer grew to.
    pub rcv_space: u32,
    pub snd_wnd: u32,
    pub snd_nxt: u32,
    pub rcv_nxt: u32,
    /// Segments that were ever sent again.
    pub total_retrans: u32,
    pub rcv_ooopack: u32,
    /// How often no room was told.
    pub snd_zerowin: u32,
    pub segs_out: u32,
    pub segs_in: u32,
    pub data_segs_out: u32,
    pub data_segs_in: u32,
    /// Segments that arrived, as far as was told.
    pub delivered: u32,
    /// The same, of which the network said that it was crowded.
    pub delivered_ce: u32,
    /// Segments that arrived twice, as the other side told.
    pub dsack_dups: u32,
    /// How often the order was seen to be mixed up.
    pub reord_seen: u32,
    pub min_rtt: u32,
    /// Bytes that were written and not sent.
    pub notsent_bytes: u32,
    pub bytes_acked: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub bytes_retrans: u64,
}

impl TcpInfo {
    /// Bytes of the structure.
    pub const BYTES: usize = 8 + 4 * Self::WORDS;
    const WORDS: usize = 57;
    /// Where the padding begins.
    const PADDING: usize = 31;

    /// `snd_cwnd`, as Linux tells it.
    pub fn snd_cwnd(&self) -> u32 {
        self.snd_cwnd_bytes / self.snd_mss.max(1)
    }

    /// `snd_ssthresh`, as Linux tells it.
    pub fn snd_ssthresh(&self) -> u32 {
        match self.snd_ssthresh_bytes {
            u32::MAX => 0x7fff_ffff,
            bytes => bytes / self.snd_mss.max(1),
        }
    }

    /// The structure, in the order of bytes of this machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend([self.state as u8, self.ca_state as u8, self.retransmits, self.probes, self.backoff]);
        bytes.extend([self.options.bits(), self.snd_wscale & 0xf | self.rcv_wscale << 4, 0]);
        self.words().iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        bytes
    }

    fn words(&self) -> [u32; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        let known = [self.rto, self.ato, self.snd_mss, self.rcv_mss];
        words[..4].copy_from_slice(&known);
        words[4..9].copy_from_slice(&[self.unacked, self.sacked, self.lost, self.retrans, 0]);
        words[9..13].copy_from_slice(&[self.last_data_sent, 0, self.last_data_recv, self.last_ack_recv]);
        let metrics = [self.pmtu, 0, self.rtt, self.rttvar, self.snd_ssthresh_bytes, self.snd_cwnd_bytes];
        words[13..19].copy_from_slice(&metrics);
        words[19..23].copy_from_slice(&[self.advmss, self.reordering, self.rcv_rtt, self.rcv_space]);
        let own = [self.snd_wnd, 0, self.snd_nxt, self.rcv_nxt, 0];
        words[23..28].copy_from_slice(&own);
        words[28..31].copy_from_slice(&[self.total_retrans, self.rcv_ooopack, self.snd_zerowin]);
        let counts = [self.segs_out, self.segs_in, self.data_segs_out, self.data_segs_in, self.delivered];
        words[31..36].copy_from_slice(&counts);
        let more = [self.delivered_ce, self.dsack_dups, self.reord_seen, self.min_rtt, self.notsent_bytes];
        words[36..41].copy_from_slice(&more);
        let long = [self.bytes_acked, self.bytes_received, self.bytes_sent, self.bytes_retrans];
        for (index, value) in long.into_iter().enumerate() {
            words[41 + 2 * index] = value as u32;
            words[42 + 2 * index] = (value >> 32) as u32;
        }
        words
    }

    /// What a structure says; `None` if it is too short, or its numbers stand for nothing. Counters in the padding are zero
    /// in one that is cut before it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..8 + 4 * Self::PADDING)?;
        let word = |at: usize| -> u32 {
            let place = bytes.get(8 + 4 * at..12 + 4 * at).and_then(|word| word.try_into().ok());
            place.map_or(0, u32::from_ne_bytes)
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 1)) << 32;
        let ca_states =
            [TcpCaState::Open, TcpCaState::Disorder, TcpCaState::Cwr, TcpCaState::Recovery, TcpCaState::Loss];
        Some(Self {
            state: *TcpState::ALL.get(usize::from(head[0]))?,
            ca_state: *ca_states.get(usize::from(head[1]))?,
            retransmits: head[2],
            probes: head[3],
            backoff: head[4],
            options: TcpOptions::from_bits_retain(head[5]),
            snd_wscale: head[6] & 0xf,
            rcv_wscale: head[6] >> 4,
            rto: word(0),
            ato: word(1),
            snd_mss: word(2),
            rcv_mss: word(3),
            unacked: word(4),
            sacked: word(5),
            lost: word(6),
            retrans: word(7),
            last_data_sent: word(9),
            last_data_recv: word(11),
            last_ack_recv: word(12),
            pmtu: word(13),
            rtt: word(15),
            rttvar: word(16),
            snd_ssthresh_bytes: word(17),
            snd_cwnd_bytes: word(18),
            advmss: word(19),
            reordering: word(20),
            rcv_rtt: word(21),
            rcv_space: word(22),
            snd_wnd: word(23),
            snd_nxt: word(25),
            rcv_nxt: word(26),
            total_retrans: word(28),
            rcv_ooopack: word(29),
            snd_zerowin: word(30),
            segs_out: word(31),
            segs_in: word(32),
            data_segs_out: word(33),
            data_segs_in: word(34),
            delivered: word(35),
            delivered_ce: word(36),
            dsack_dups: word(37),
            reord_seen: word(38),
            min_rtt: word(39),
            notsent_bytes: word(40),
            bytes_acked: long(41),
            bytes_received: long(43),
            bytes_sent: long(45),
            bytes_retrans: long(47),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_has_netbsds_layout_and_comes_back() {
        let info = TcpInfo {
            state: TcpState::FinWait2,
            ca_state: TcpCaState::Recovery,
            options: TcpOptions::SACK | TcpOptions::ECN,
            snd_wscale: 7,
            rcv_wscale: 14,
            rto: 200_000,
            rtt: 77,
            snd_cwnd_bytes: 14_600,
            snd_mss: 1460,
            snd_nxt: 9,
            snd_zerowin: 3,
            bytes_acked: 1 << 40,
            bytes_retrans: 5,
            ..TcpInfo::default()
        };
        let bytes = info.to_bytes();
        assert_eq!((bytes.len(), bytes[0], bytes[5], bytes[6]), (236, 9, 0x0a, 0xe7));
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        // Offsets that a C compiler gives rto, rtt, snd_cwnd, snd_nxt and snd_zerowin.
        assert_eq!([8, 68, 80, 108, 128].map(word), [200_000, 77, 14_600, 9, 3]);
        assert_eq!(TcpInfo::from_bytes(&bytes), Some(info));
        assert_eq!(info.snd_cwnd(), 10);
        assert_eq!(TcpInfo::from_bytes(&bytes[..131]), None);
        assert_eq!(TcpInfo::from_bytes(&[255; 236]), None);
    }
}
