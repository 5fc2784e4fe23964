//! Options of sockets: the host's levels, names and values, and the kernel's, which are NetBSD's.

use super::sockaddr::{bytes_of, structure};
use super::{tcp_info, time};
use libc::{c_int, linger};
use rump_abi::sockopt::*;
use rump_abi::{Errno, TcpInfo};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;
use std::time::Duration;

/// What a value looks like in C.
#[derive(Clone, Copy)]
enum Form {
    /// An `int`; of some options of IP, a byte will do.
    Number,
    /// `struct timeval`, where zero is "for ever".
    Time,
    Linger,
    /// `struct ucred`, or what the host has for it.
    Credentials,
    /// A structure that both have: its length.
    Structure(usize),
    /// `struct in_addr`, `struct ip_mreq` or `struct ip_mreqn`: an address of an interface.
    GroupInterface,
    /// `struct ip_mreq`, or `struct ip_mreqn` without a number.
    Membership,
    /// `struct ip_mreq_source`, the last two members of which the host may have the other way round.
    Source,
    /// A name.
    Text,
    TcpInfo,
}

struct Entry {
    host: (c_int, c_int),
    kernel: (i32, i32),
    form: Form,
}

const fn entry(host: (c_int, c_int), kernel: (i32, i32), form: Form) -> Entry {
    Entry { host, kernel, form }
}

const TABLE: &[Entry] = &[
    entry((libc::SOL_SOCKET, libc::SO_ACCEPTCONN), (SOL_SOCKET, SO_ACCEPTCONN), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_REUSEADDR), (SOL_SOCKET, SO_REUSEADDR), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_KEEPALIVE), (SOL_SOCKET, SO_KEEPALIVE), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_DONTROUTE), (SOL_SOCKET, SO_DONTROUTE), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_BROADCAST), (SOL_SOCKET, SO_BROADCAST), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_LINGER), (SOL_SOCKET, SO_LINGER), Form::Linger),
    entry((libc::SOL_SOCKET, libc::SO_OOBINLINE), (SOL_SOCKET, SO_OOBINLINE), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_REUSEPORT), (SOL_SOCKET, SO_REUSEPORT), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_TIMESTAMP), (SOL_SOCKET, SO_TIMESTAMP), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_SNDBUF), (SOL_SOCKET, SO_SNDBUF), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_RCVBUF), (SOL_SOCKET, SO_RCVBUF), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_SNDLOWAT), (SOL_SOCKET, SO_SNDLOWAT), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_RCVLOWAT), (SOL_SOCKET, SO_RCVLOWAT), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_ERROR), (SOL_SOCKET, SO_ERROR), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_TYPE), (SOL_SOCKET, SO_TYPE), Form::Number),
    entry((libc::SOL_SOCKET, libc::SO_SNDTIMEO), (SOL_SOCKET, SO_SNDTIMEO), Form::Time),
    entry((libc::SOL_SOCKET, libc::SO_RCVTIMEO), (SOL_SOCKET, SO_RCVTIMEO), Form::Time),
    #[cfg(target_os = "linux")]
    entry((libc::SOL_SOCKET, libc::SO_PROTOCOL), (SOL_SOCKET, SO_PROTOCOL), Form::Number),
    #[cfg(target_os = "linux")]
    entry((libc::SOL_SOCKET, libc::SO_PEERCRED), (SOL_LOCAL, LOCAL_PEEREID), Form::Credentials),
    #[cfg(target_os = "linux")]
    entry((libc::SOL_SOCKET, libc::SO_PASSCRED), (SOL_LOCAL, LOCAL_CREDS), Form::Number),
    entry((libc::IPPROTO_IP, libc::IP_HDRINCL), (IPPROTO_IP, IP_HDRINCL), Form::Number),
    entry((libc::IPPROTO_IP, libc::IP_TOS), (IPPROTO_IP, IP_TOS), Form::Number),
    entry((libc::IPPROTO_IP, libc::IP_TTL), (IPPROTO_IP, IP_TTL), Form::Number),
    entry((libc::IPPROTO_IP, libc::IP_MULTICAST_IF), (IPPROTO_IP, IP_MULTICAST_IF), Form::GroupInterface),
    entry((libc::IPPROTO_IP, libc::IP_MULTICAST_TTL), (IPPROTO_IP, IP_MULTICAST_TTL), Form::Number),
    entry((libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP), (IPPROTO_IP, IP_MULTICAST_LOOP), Form::Number),
    entry((libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP), (IPPROTO_IP, IP_ADD_MEMBERSHIP), Form::Membership),
    entry((libc::IPPROTO_IP, libc::IP_DROP_MEMBERSHIP), (IPPROTO_IP, IP_DROP_MEMBERSHIP), Form::Membership),
    entry((libc::IPPROTO_IP, libc::IP_RECVTTL), (IPPROTO_IP, IP_RECVTTL), Form::Number),
    entry(
        (libc::IPPROTO_IP, libc::IP_ADD_SOURCE_MEMBERSHIP),
        (IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP),
        Form::Source,
    ),
    entry(
        (libc::IPPROTO_IP, libc::IP_DROP_SOURCE_MEMBERSHIP),
        (IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP),
        Form::Source,
    ),
    entry((libc::IPPROTO_IP, libc::IP_BLOCK_SOURCE), (IPPROTO_IP, IP_BLOCK_SOURCE), Form::Source),
    entry((libc::IPPROTO_IP, libc::IP_UNBLOCK_SOURCE), (IPPROTO_IP, IP_UNBLOCK_SOURCE), Form::Source),
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_IP, libc::IP_PKTINFO), (IPPROTO_IP, IP_RECVPKTINFO), Form::Number),
    #[cfg(not(target_os = "linux"))]
    entry((libc::IPPROTO_IP, libc::IP_RECVDSTADDR), (IPPROTO_IP, IP_RECVDSTADDR), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS), (IPPROTO_IPV6, IPV6_UNICAST_HOPS), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF), (IPPROTO_IPV6, IPV6_MULTICAST_IF), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS), (IPPROTO_IPV6, IPV6_MULTICAST_HOPS), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP), (IPPROTO_IPV6, IPV6_MULTICAST_LOOP), Form::Number),
    #[cfg(target_os = "linux")]
    entry(
        (libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP),
        (IPPROTO_IPV6, IPV6_JOIN_GROUP),
        Form::Structure(20),
    ),
    #[cfg(target_os = "linux")]
    entry(
        (libc::IPPROTO_IPV6, libc::IPV6_DROP_MEMBERSHIP),
        (IPPROTO_IPV6, IPV6_LEAVE_GROUP),
        Form::Structure(20),
    ),
    #[cfg(not(target_os = "linux"))]
    entry((libc::IPPROTO_IPV6, libc::IPV6_JOIN_GROUP), (IPPROTO_IPV6, IPV6_JOIN_GROUP), Form::Structure(20)),
    #[cfg(not(target_os = "linux"))]
    entry(
        (libc::IPPROTO_IPV6, libc::IPV6_LEAVE_GROUP),
        (IPPROTO_IPV6, IPV6_LEAVE_GROUP),
        Form::Structure(20),
    ),
    entry((libc::IPPROTO_IPV6, libc::IPV6_CHECKSUM), (IPPROTO_IPV6, IPV6_CHECKSUM), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_V6ONLY), (IPPROTO_IPV6, IPV6_V6ONLY), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO), (IPPROTO_IPV6, IPV6_RECVPKTINFO), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT), (IPPROTO_IPV6, IPV6_RECVHOPLIMIT), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS), (IPPROTO_IPV6, IPV6_RECVTCLASS), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_TCLASS), (IPPROTO_IPV6, IPV6_TCLASS), Form::Number),
    entry((libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG), (IPPROTO_IPV6, IPV6_DONTFRAG), Form::Number),
    // `IPV6_MTU`, which libc leaves out, and `ICMPV6_FILTER`.
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_IPV6, 24), (IPPROTO_IPV6, IPV6_PATHMTU), Form::Number),
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_ICMPV6, 1), (IPPROTO_ICMPV6, ICMP6_FILTER), Form::Structure(32)),
    #[cfg(target_os = "linux")]
    entry((libc::SOL_UDP, libc::UDP_SEGMENT), (IPPROTO_UDP, UDP_SEGMENT), Form::Number),
    #[cfg(target_os = "linux")]
    entry((libc::SOL_UDP, libc::UDP_GRO), (IPPROTO_UDP, UDP_GRO), Form::Number),
    entry((libc::IPPROTO_TCP, libc::TCP_NODELAY), (IPPROTO_TCP, TCP_NODELAY), Form::Number),
    entry((libc::IPPROTO_TCP, libc::TCP_MAXSEG), (IPPROTO_TCP, TCP_MAXSEG), Form::Number),
    entry((libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), (IPPROTO_TCP, TCP_KEEPINTVL), Form::Number),
    entry((libc::IPPROTO_TCP, libc::TCP_KEEPCNT), (IPPROTO_TCP, TCP_KEEPCNT), Form::Number),
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), (IPPROTO_TCP, TCP_KEEPIDLE), Form::Number),
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_TCP, libc::TCP_CORK), (IPPROTO_TCP, TCP_NOPUSH), Form::Number),
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT), (IPPROTO_TCP, TCP_USER_TIMEOUT), Form::Number),
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_TCP, libc::TCP_INFO), (IPPROTO_TCP, TCP_INFO), Form::TcpInfo),
    #[cfg(target_os = "linux")]
    entry((libc::IPPROTO_TCP, libc::TCP_CONGESTION), (IPPROTO_TCP, TCP_CONGCTL), Form::Text),
];

/// `IP_MTU_DISCOVER` of the host is `IP_DONTFRAG` of the kernel: packets must not be cut, or may be.
#[cfg(target_os = "linux")]
const DISCOVERY: (c_int, c_int) = (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER);

fn find(level: c_int, name: c_int) -> KResult<&'static Entry> {
    TABLE.iter().find(|entry| entry.host == (level, name)).ok_or_else(|| Errno::ENOPROTOOPT.into())
}

/// The kernel's level, name and value. Errors: ENOPROTOOPT, EINVAL (the value is too short, or none).
pub(crate) fn to_kernel(level: c_int, name: c_int, value: &[u8]) -> KResult<((i32, i32), OptionValue)> {
    #[cfg(target_os = "linux")]
    if (level, name) == DISCOVERY {
        let is_forbidden = number(value)? >= i64::from(libc::IP_PMTUDISC_DO);
        return Ok(((IPPROTO_IP, IP_DONTFRAG), OptionValue::Number(is_forbidden.into())));
    }
    let entry = find(level, name)?;
    let value = match entry.form {
        Form::Number if level == libc::IPPROTO_IP && value.len() < size_of::<c_int>() => {
            let byte = value.first().ok_or(Errno::EINVAL)?;
            OptionValue::Number((*byte).into())
        }
        Form::Number => OptionValue::Number(number(value)?),
        Form::Time => {
            // SAFETY: any bytes are a time.
            let time = time::length_of_timeval(unsafe { structure(value) }?).map_err(|_| Errno::EDOM)?;
            OptionValue::Time((time > Duration::ZERO).then_some(time))
        }
        Form::Linger => {
            // SAFETY: any bytes are one.
            let linger: linger = unsafe { structure(value) }?;
            let seconds = u64::try_from(linger.l_linger).map_err(|_| Errno::EINVAL)?;
            OptionValue::Linger((linger.l_onoff != 0).then_some(Duration::from_secs(seconds)))
        }
        Form::Structure(length) => OptionValue::Bytes(value.get(..length).ok_or(Errno::EINVAL)?.to_vec()),
        // Of the longer two the second address is meant.
        Form::GroupInterface if value.len() >= 8 => OptionValue::Bytes(value[4..8].to_vec()),
        Form::GroupInterface => OptionValue::Bytes(value.get(..4).ok_or(Errno::EINVAL)?.to_vec()),
        Form::Membership => OptionValue::Bytes(value.get(..8).ok_or(Errno::EINVAL)?.to_vec()),
        Form::Source => {
            let [group, second, third] = [0, 4, 8].map(|at| value.get(at..at + 4).ok_or(Errno::EINVAL));
            // Linux has the interface before the source.
            let last = if cfg!(target_os = "linux") { [third?, second?] } else { [second?, third?] };
            OptionValue::Bytes([&[group?], &last[..]].concat().concat())
        }
        Form::Text => OptionValue::Bytes(algorithm(value, NAMES_TO_KERNEL)),
        Form::Credentials | Form::TcpInfo => return Err(Errno::ENOPROTOOPT.into()),
    };
    Ok((entry.kernel, value))
}

fn number(value: &[u8]) -> KResult<i64> {
    let bytes = value.first_chunk().ok_or(Errno::EINVAL)?;
    Ok(c_int::from_ne_bytes(*bytes).into())
}

/// One algorithm has two names.
const NAMES_TO_KERNEL: (&[u8], &[u8]) = (b"reno", b"newreno");
const NAMES_TO_HOST: (&[u8], &[u8]) = (b"newreno", b"reno");

fn algorithm(name: &[u8], (from, to): (&[u8], &[u8])) -> Vec<u8> {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    if cfg!(target_os = "linux") && name == from { to } else { name }.to_vec()
}

/// Where to ask the kernel for an option. Errors: ENOPROTOOPT.
pub(crate) fn name_in_kernel(level: c_int, name: c_int) -> KResult<(i32, i32)> {
    #[cfg(target_os = "linux")]
    if (level, name) == DISCOVERY {
        return Ok((IPPROTO_IP, IP_DONTFRAG));
    }
    Ok(find(level, name)?.kernel)
}

/// What the kernel answered, as the host has it; `errno` makes a number of an error the host's.
pub(crate) fn to_host(
    (level, name): (c_int, c_int),
    value: OptionValue,
    errno: impl Fn(i64) -> c_int,
) -> KResult<Vec<u8>> {
    #[cfg(target_os = "linux")]
    if (level, name) == DISCOVERY {
        let on = value == OptionValue::Number(1);
        let how = if on { libc::IP_PMTUDISC_DO } else { libc::IP_PMTUDISC_WANT };
        return Ok(how.to_ne_bytes().to_vec());
    }
    Ok(match value {
        OptionValue::Number(number) if (level, name) == (libc::SOL_SOCKET, libc::SO_ERROR) => {
            errno(number).to_ne_bytes().to_vec()
        }
        OptionValue::Number(number) => (number as c_int).to_ne_bytes().to_vec(),
        OptionValue::Time(limit) => {
            let time = time::timeval_of_length(limit.unwrap_or_default());
            // SAFETY: it was zero.
            unsafe { bytes_of(&time) }.to_vec()
        }
        OptionValue::Linger(limit) => {
            let seconds = limit.unwrap_or_default().as_secs().try_into().unwrap_or(c_int::MAX);
            let linger = linger { l_onoff: limit.is_some().into(), l_linger: seconds };
            // SAFETY: it has no padding.
            unsafe { bytes_of(&linger) }.to_vec()
        }
        OptionValue::Credentials(who) => [who.pid, who.uid, who.gid].map(u32::to_ne_bytes).concat(),
        OptionValue::Bytes(bytes) => match find(level, name)?.form {
            Form::Text => {
                let mut name = algorithm(&bytes, NAMES_TO_HOST);
                name.push(0);
                name
            }
            Form::TcpInfo => tcp_info::bytes(&TcpInfo::from_bytes(&bytes).ok_or(Errno::EIO)?),
            _ => bytes,
        },
    })
}
