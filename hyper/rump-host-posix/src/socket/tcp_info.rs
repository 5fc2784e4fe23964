//! `struct tcp_info` of Linux (`include/uapi/linux/tcp.h`), which grew at its end, read by the places of its fields.

use rump_abi::{TcpCaState, TcpInfo, TcpOptions, TcpState};

/// As many bytes as are read.
pub const MOST_BYTES: usize = 240;
/// `snd_ssthresh` of a connection that has lost nothing yet.
const NO_THRESHOLD: u32 = 0x7fff_ffff;

/// States by their numbers there; the last is one whose acknowledgement is awaited (`TCP_NEW_SYN_RECV`).
const STATES: [TcpState; 13] = [
    TcpState::Closed,
    TcpState::Established,
    TcpState::SynSent,
    TcpState::SynReceived,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::TimeWait,
    TcpState::Closed,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Listen,
    TcpState::Closing,
    TcpState::SynReceived,
];

/// What the structure says; fields that an older host has not are zero.
pub fn translate(bytes: &[u8]) -> TcpInfo {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let word = |at: usize| -> u32 {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().map_or(0, u32::from_ne_bytes)
    };
    let long = |at: usize| -> u64 {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().map_or(0, u64::from_ne_bytes)
    };
    let micros = |at: usize| word(at).saturating_mul(1000);
    let segment = word(16);
    let scales = if cfg!(target_endian = "big") { byte(6).rotate_left(4) } else { byte(6) };
    let ca_state = match byte(1) {
        1 => TcpCaState::Disorder,
        2 => TcpCaState::Cwr,
        3 => TcpCaState::Recovery,
        4 => TcpCaState::Loss,
        _ => TcpCaState::Open,
    };
    TcpInfo {
        state: STATES.get(usize::from(byte(0))).copied().unwrap_or_default(),
        ca_state,
        retransmits: byte(2),
        probes: byte(3),
        backoff: byte(4),
        options: TcpOptions::from_bits_truncate(byte(5)),
        snd_wscale: scales & 0xf,
        rcv_wscale: scales >> 4,
        rto: word(8),
        ato: word(12),
        snd_mss: segment,
        rcv_mss: word(20),
        unacked: word(24),
        sacked: word(28),
        lost: word(32),
        retrans: word(36),
        last_data_sent: micros(44),
        last_data_recv: micros(52),
        last_ack_recv: micros(56),
        pmtu: word(60),
        rtt: word(68),
        rttvar: word(72),
        snd_ssthresh_bytes: match word(76) {
            NO_THRESHOLD.. => u32::MAX,
            segments => segments.saturating_mul(segment),
        },
        snd_cwnd_bytes: word(80).saturating_mul(segment),
        advmss: word(84),
        reordering: word(88),
        rcv_rtt: word(92),
        rcv_space: word(96),
        total_retrans: word(100),
        bytes_acked: long(120),
        bytes_received: long(128),
        segs_out: word(136),
        segs_in: word(140),
        notsent_bytes: word(144),
        min_rtt: word(148),
        data_segs_in: word(152),
        data_segs_out: word(156),
        delivered: word(192),
        delivered_ce: word(196),
        bytes_sent: long(200),
        bytes_retrans: long(208),
        dsack_dups: word(216),
        reord_seen: word(220),
        rcv_ooopack: word(224),
        snd_wnd: word(228),
        ..TcpInfo::default()
    }
}

/// Connections that wait at one that listens, which the host tells as `unacked`.
pub fn backlog(bytes: &[u8]) -> usize {
    let info = translate(bytes);
    if info.state == TcpState::Listen { info.unacked as usize } else { 0 }
}

/// Whether it is of one that listens.
pub fn is_listening(bytes: &[u8]) -> bool {
    translate(bytes).state == TcpState::Listen
}
