//! What names of other systems mean here.

use crate::script::Expression;
use rump_kpi::sockopt::*;
use rump_kpi::{Errno, MessageFlags, TcpInfo};
use std::collections::BTreeMap;

/// Flags of open files, as Linux has them; only their names matter.
pub const O_NONBLOCK: i64 = 0o4000;
const O_RDWR: i64 = 2;
/// Events of epoll beyond those of `poll`, as Linux has them.
pub const EPOLLRDHUP: i64 = 0x2000;
/// See there.
pub const EPOLLONESHOT: i64 = 1 << 30;
/// See there.
pub const EPOLLET: i64 = 1 << 31;

/// Numbers that `F_GETFL` may answer where a script was written, for a descriptor that blocks and one that does not:
/// Linux's and FreeBSD's.
pub const GETFL: [[i64; 2]; 2] = [[O_RDWR, O_RDWR | O_NONBLOCK], [O_RDWR, O_RDWR | 4]];

/// Names of flags that mean the same everywhere, with values of our own.
const FLAGS: &[(&str, i64)] = &[
    ("O_RDONLY", 0),
    ("O_WRONLY", 1),
    ("O_RDWR", O_RDWR),
    ("O_NONBLOCK", O_NONBLOCK),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("SOCK_SEQPACKET", 5),
    ("SOCK_NONBLOCK", O_NONBLOCK),
    ("SOCK_CLOEXEC", 0x8_0000),
    ("AF_INET", 2),
    ("PF_INET", 2),
    ("AF_INET6", 24),
    ("PF_INET6", 24),
    ("IPPROTO_IP", 0),
    ("IPPROTO_ICMP", 1),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("IPPROTO_IPV6", 41),
    ("IPPROTO_ICMPV6", 58),
    ("SHUT_RD", 0),
    ("SHUT_WR", 1),
    ("SHUT_RDWR", 2),
    ("POLLIN", 0x1),
    ("POLLPRI", 0x2),
    ("POLLOUT", 0x4),
    ("POLLERR", 0x8),
    ("POLLHUP", 0x10),
    ("POLLNVAL", 0x20),
    ("POLLRDNORM", 0x40),
    // Other systems' names for writing.
    ("POLLWRNORM", 0x4),
    ("SOMAXCONN", 128),
    ("EPOLLIN", 0x1),
    ("EPOLLPRI", 0x2),
    ("EPOLLOUT", 0x4),
    ("EPOLLERR", 0x8),
    ("EPOLLHUP", 0x10),
    ("EPOLLRDNORM", 0x40),
    ("EPOLLRDHUP", EPOLLRDHUP),
    ("EPOLLONESHOT", EPOLLONESHOT),
    ("EPOLLET", EPOLLET),
    ("EV_ADD", 0x1),
    ("EV_DELETE", 0x2),
    ("EV_ENABLE", 0x4),
    ("EV_DISABLE", 0x8),
    ("EV_ONESHOT", 0x10),
    ("EV_CLEAR", 0x20),
    ("EV_DISPATCH", 0x80),
    ("EV_ERROR", 0x4000),
    ("EV_EOF", 0x8000),
    ("NOTE_LOWAT", 0x1),
    ("NOTE_TRIGGER", 0x0100_0000),
];

/// Constants of assertions.
const INFO: &[(&str, i64)] = &[
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16),
    ("True", 1),
    ("False", 0),
];

/// What `TCP_INFO` says, in Linux's names and units: windows are counted in segments.
pub fn info_of(info: &TcpInfo) -> BTreeMap<&'static str, i64> {
    let threshold = if info.snd_ssthresh_bytes >= 0x7fff_ffff { 0x7fff_ffff } else { info.snd_ssthresh() };
    let long = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    BTreeMap::from([
        ("tcpi_state", info.state.linux_number().into()),
        ("tcpi_ca_state", info.ca_state as i64),
        ("tcpi_retransmits", info.retransmits.into()),
        ("tcpi_probes", info.probes.into()),
        ("tcpi_backoff", info.backoff.into()),
        ("tcpi_options", info.options.bits().into()),
        ("tcpi_snd_wscale", info.snd_wscale.into()),
        ("tcpi_rcv_wscale", info.rcv_wscale.into()),
        ("tcpi_rto", info.rto.into()),
        ("tcpi_ato", info.ato.into()),
        ("tcpi_snd_mss", info.snd_mss.into()),
        ("tcpi_rcv_mss", info.rcv_mss.into()),
        ("tcpi_unacked", info.unacked.into()),
        ("tcpi_sacked", info.sacked.into()),
        ("tcpi_lost", info.lost.into()),
        ("tcpi_retrans", info.retrans.into()),
        ("tcpi_last_data_sent", info.last_data_sent.into()),
        ("tcpi_last_data_recv", info.last_data_recv.into()),
        ("tcpi_last_ack_recv", info.last_ack_recv.into()),
        ("tcpi_pmtu", info.pmtu.into()),
        ("tcpi_rtt", info.rtt.into()),
        ("tcpi_rttvar", info.rttvar.into()),
        ("tcpi_snd_ssthresh", threshold.into()),
        ("tcpi_snd_cwnd", info.snd_cwnd().into()),
        ("tcpi_advmss", info.advmss.into()),
        ("tcpi_reordering", info.reordering.into()),
        ("tcpi_rcv_space", info.rcv_space.into()),
        ("tcpi_snd_wnd", info.snd_wnd.into()),
        ("tcpi_total_retrans", info.total_retrans.into()),
        ("tcpi_segs_out", info.segs_out.into()),
        ("tcpi_segs_in", info.segs_in.into()),
        ("tcpi_data_segs_out", info.data_segs_out.into()),
        ("tcpi_data_segs_in", info.data_segs_in.into()),
        ("tcpi_delivered", info.delivered.into()),
        ("tcpi_delivered_ce", info.delivered_ce.into()),
        ("tcpi_dsack_dups", info.dsack_dups.into()),
        ("tcpi_reord_seen", info.reord_seen.into()),
        ("tcpi_min_rtt", info.min_rtt.into()),
        ("tcpi_notsent_bytes", info.notsent_bytes.into()),
        ("tcpi_bytes_acked", long(info.bytes_acked)),
        ("tcpi_bytes_received", long(info.bytes_received)),
        ("tcpi_bytes_sent", long(info.bytes_sent)),
        ("tcpi_bytes_retrans", long(info.bytes_retrans)),
    ])
}

/// The number of a constant of assertions.
pub fn info_constant(name: &str) -> Option<i64> {
    INFO.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

fn flag_named(name: &str) -> Option<i64> {
    let message = match name {
        "MSG_OOB" => MessageFlags::OOB,
        "MSG_PEEK" => MessageFlags::PEEK,
        "MSG_DONTROUTE" => MessageFlags::DONTROUTE,
        "MSG_EOR" => MessageFlags::EOR,
        "MSG_TRUNC" => MessageFlags::TRUNC,
        "MSG_CTRUNC" => MessageFlags::CTRUNC,
        "MSG_WAITALL" => MessageFlags::WAITALL,
        "MSG_DONTWAIT" => MessageFlags::DONTWAIT,
        "MSG_WAITFORONE" => MessageFlags::WAITFORONE,
        "MSG_NOSIGNAL" => MessageFlags::NOSIGNAL,
        _ => return FLAGS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number),
    };
    Some(message.bits().into())
}

/// What an expression amounts to. Errors: a name that means nothing here, something that is no number.
pub fn number(expression: &Expression) -> Result<i64, String> {
    match expression {
        Expression::Number(number) => Ok(*number),
        Expression::Word(word) => flag_named(word).ok_or_else(|| format!("{word} is not supported")),
        Expression::Or(parts) => parts.iter().map(number).try_fold(0, |all, part| Ok(all | part?)),
        Expression::Applied(name, arguments) if name == "htons" || name == "htonl" => match &arguments[..] {
            [argument] => number(argument),
            _ => Err(format!("{name} takes one argument")),
        },
        _ => Err("a number is missing".into()),
    }
}

/// The error of a name.
pub fn errno(name: &str) -> Option<Errno> {
    let name = if name == "EWOULDBLOCK" { "EAGAIN" } else { name };
    Errno::ALL.iter().copied().find(|errno| errno.name() == name)
}

/// Level and name of a socket option, in the kernel's numbers. Errors: it has none.
pub fn socket_option(level: &Expression, name: &Expression) -> Result<(i32, i32), String> {
    let (Expression::Word(level), Expression::Word(name)) = (level, name) else {
        return Err("level and option of a socket are names".into());
    };
    let level_number = match level.as_str() {
        "SOL_SOCKET" => SOL_SOCKET,
        "SOL_IP" | "IPPROTO_IP" => IPPROTO_IP,
        "SOL_TCP" | "IPPROTO_TCP" => IPPROTO_TCP,
        "SOL_IPV6" | "IPPROTO_IPV6" => IPPROTO_IPV6,
        _ => return Err(format!("{level} is not supported")),
    };
    OPTIONS
        .iter()
        .find(|(of, known, _)| *of == level_number && *known == name)
        .map(|(_, _, number)| (level_number, *number))
        .ok_or_else(|| format!("the socket option {name} is not supported"))
}

/// Level, name and number.
const OPTIONS: &[(i32, &str, i32)] = &[
    (SOL_SOCKET, "SO_ACCEPTCONN", SO_ACCEPTCONN),
    (SOL_SOCKET, "SO_REUSEADDR", SO_REUSEADDR),
    (SOL_SOCKET, "SO_KEEPALIVE", SO_KEEPALIVE),
    (SOL_SOCKET, "SO_BROADCAST", SO_BROADCAST),
    (SOL_SOCKET, "SO_TIMESTAMP", SO_TIMESTAMP),
    (SOL_SOCKET, "SO_LINGER", SO_LINGER),
    (SOL_SOCKET, "SO_OOBINLINE", SO_OOBINLINE),
    (SOL_SOCKET, "SO_REUSEPORT", SO_REUSEPORT),
    (SOL_SOCKET, "SO_SNDBUF", SO_SNDBUF),
    (SOL_SOCKET, "SO_RCVBUF", SO_RCVBUF),
    (SOL_SOCKET, "SO_SNDLOWAT", SO_SNDLOWAT),
    (SOL_SOCKET, "SO_RCVLOWAT", SO_RCVLOWAT),
    (SOL_SOCKET, "SO_ERROR", SO_ERROR),
    (SOL_SOCKET, "SO_TYPE", SO_TYPE),
    (SOL_SOCKET, "SO_PROTOCOL", SO_PROTOCOL),
    (IPPROTO_IP, "IP_TOS", IP_TOS),
    (IPPROTO_IP, "IP_TTL", IP_TTL),
    (IPPROTO_IP, "IP_DONTFRAG", IP_DONTFRAG),
    (IPPROTO_IP, "IP_RECVTTL", IP_RECVTTL),
    (IPPROTO_IP, "IP_PKTINFO", IP_RECVPKTINFO),
    (IPPROTO_IPV6, "IPV6_V6ONLY", IPV6_V6ONLY),
    (IPPROTO_IPV6, "IPV6_UNICAST_HOPS", IPV6_UNICAST_HOPS),
    (IPPROTO_IPV6, "IPV6_TCLASS", IPV6_TCLASS),
    (IPPROTO_IPV6, "IPV6_DONTFRAG", IPV6_DONTFRAG),
    (IPPROTO_IPV6, "IPV6_RECVTCLASS", IPV6_RECVTCLASS),
    (IPPROTO_IPV6, "IPV6_RECVHOPLIMIT", IPV6_RECVHOPLIMIT),
    (IPPROTO_IPV6, "IPV6_RECVPKTINFO", IPV6_RECVPKTINFO),
    (IPPROTO_TCP, "TCP_NODELAY", TCP_NODELAY),
    (IPPROTO_TCP, "TCP_MAXSEG", TCP_MAXSEG),
    (IPPROTO_TCP, "TCP_KEEPIDLE", TCP_KEEPIDLE),
    (IPPROTO_TCP, "TCP_KEEPINTVL", TCP_KEEPINTVL),
    (IPPROTO_TCP, "TCP_KEEPCNT", TCP_KEEPCNT),
    (IPPROTO_TCP, "TCP_KEEPINIT", TCP_KEEPINIT),
    (IPPROTO_TCP, "TCP_CONGESTION", TCP_CONGCTL),
    (IPPROTO_TCP, "TCP_CORK", TCP_NOPUSH),
    (IPPROTO_TCP, "TCP_NOPUSH", TCP_NOPUSH),
    (IPPROTO_TCP, "TCP_USER_TIMEOUT", TCP_USER_TIMEOUT),
];
