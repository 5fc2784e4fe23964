//! `struct tcp_info` of Linux, field by field at its place, as far as the kernel knows it.

use rump_abi::TcpInfo;

/// Up to the field `snd_wnd`, and what stands behind it.
const BYTES: usize = 240;

/// The structure.
pub(crate) fn bytes(info: &TcpInfo) -> Vec<u8> {
    let mut bytes = vec![0; BYTES];
    let scales = info.snd_wscale & 0xf | info.rcv_wscale << 4;
    let scales = if cfg!(target_endian = "big") { scales.rotate_left(4) } else { scales };
    let head = [info.state.linux_number(), info.ca_state as u8, info.retransmits, info.probes, info.backoff];
    bytes[..5].copy_from_slice(&head);
    bytes[5..7].copy_from_slice(&[info.options.bits(), scales]);
    let millis = |micros: u32| micros / 1000;
    let words = [
        (8, info.rto),
        (12, info.ato),
        (16, info.snd_mss),
        (20, info.rcv_mss),
        (24, info.unacked),
        (28, info.sacked),
        (32, info.lost),
        (36, info.retrans),
        (44, millis(info.last_data_sent)),
        (52, millis(info.last_data_recv)),
        (56, millis(info.last_ack_recv)),
        (60, info.pmtu),
        (68, info.rtt),
        (72, info.rttvar),
        (76, info.snd_ssthresh()),
        (80, info.snd_cwnd()),
        (84, info.advmss),
        (88, info.reordering),
        (92, info.rcv_rtt),
        (96, info.rcv_space),
        (100, info.total_retrans),
        (136, info.segs_out),
        (140, info.segs_in),
        (144, info.notsent_bytes),
        (148, info.min_rtt),
        (152, info.data_segs_in),
        (156, info.data_segs_out),
        (192, info.delivered),
        (196, info.delivered_ce),
        (216, info.dsack_dups),
        (220, info.reord_seen),
        (224, info.rcv_ooopack),
        (228, info.snd_wnd),
    ];
    for (at, word) in words {
        bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    let longs = [
        (120, info.bytes_acked),
        (128, info.bytes_received),
        (200, info.bytes_sent),
        (208, info.bytes_retrans),
    ];
    for (at, long) in longs {
        bytes[at..at + 8].copy_from_slice(&long.to_ne_bytes());
    }
    bytes
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::bytes;
    use crate::layout::sockaddr::structure;
    use rump_abi::TcpInfo;

    #[test]
    fn fields_are_where_libc_has_them() {
        let info =
            TcpInfo { rto: 2, snd_mss: 3, pmtu: 4, rtt: 5, advmss: 6, rcv_space: 7, ..TcpInfo::default() };
        // libc's may have fields at its end that are newer.
        let mut bytes = bytes(&info).to_vec();
        bytes.resize(bytes.len().max(size_of::<libc::tcp_info>()), 0);
        // SAFETY: any bytes are one.
        let read: libc::tcp_info = unsafe { structure(&bytes) }.unwrap();
        let read = [
            read.tcpi_rto,
            read.tcpi_snd_mss,
            read.tcpi_pmtu,
            read.tcpi_rtt,
            read.tcpi_advmss,
            read.tcpi_rcv_space,
        ];
        assert_eq!(read, [2, 3, 4, 5, 6, 7]);
    }
}
