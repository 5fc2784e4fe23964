//! Options of sockets: the kernel's numbers, which are NetBSD's, and the host's (socket(7), ip(7), ipv6(7), tcp(7)).

use super::calls;
use super::tcp_info;
use crate::errno;
use libc::c_int;
use rump_abi::Errno;
use rump_abi::sockopt::*;
use rump_hyper::socket::OptionValue;
use rustix::fd::BorrowedFd;
use std::io;

/// Level and name.
type Option = (c_int, c_int);

/// The longest name of an algorithm, with its end (`TCP_CA_NAME_MAX`).
const MOST_NAME: usize = 16;
/// `IP_PMTUDISC_WANT` and `IP_PMTUDISC_DO`: packets may be cut, or must not be.
const MAY_BE_CUT: i64 = libc::IP_PMTUDISC_WANT as i64;
const MUST_NOT_BE_CUT: i64 = libc::IP_PMTUDISC_DO as i64;
const IPV6_MTU: c_int = 24;
const ICMPV6_FILTER: c_int = 1;

/// Options that are a number, the same here and there.
const NUMBERS: &[(Option, Option)] = &[
    ((SOL_SOCKET, SO_ACCEPTCONN), (libc::SOL_SOCKET, libc::SO_ACCEPTCONN)),
    ((SOL_SOCKET, SO_REUSEADDR), (libc::SOL_SOCKET, libc::SO_REUSEADDR)),
    ((SOL_SOCKET, SO_KEEPALIVE), (libc::SOL_SOCKET, libc::SO_KEEPALIVE)),
    ((SOL_SOCKET, SO_DONTROUTE), (libc::SOL_SOCKET, libc::SO_DONTROUTE)),
    ((SOL_SOCKET, SO_BROADCAST), (libc::SOL_SOCKET, libc::SO_BROADCAST)),
    ((SOL_SOCKET, SO_OOBINLINE), (libc::SOL_SOCKET, libc::SO_OOBINLINE)),
    ((SOL_SOCKET, SO_REUSEPORT), (libc::SOL_SOCKET, libc::SO_REUSEPORT)),
    ((SOL_SOCKET, SO_TIMESTAMP), (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)),
    ((SOL_SOCKET, SO_SNDLOWAT), (libc::SOL_SOCKET, libc::SO_SNDLOWAT)),
    ((SOL_SOCKET, SO_RCVLOWAT), (libc::SOL_SOCKET, libc::SO_RCVLOWAT)),
    ((SOL_SOCKET, SO_PROTOCOL), (libc::SOL_SOCKET, libc::SO_PROTOCOL)),
    ((IPPROTO_IP, IP_HDRINCL), (libc::IPPROTO_IP, libc::IP_HDRINCL)),
    ((IPPROTO_IP, IP_TOS), (libc::IPPROTO_IP, libc::IP_TOS)),
    ((IPPROTO_IP, IP_TTL), (libc::IPPROTO_IP, libc::IP_TTL)),
    ((IPPROTO_IP, IP_MULTICAST_TTL), (libc::IPPROTO_IP, libc::IP_MULTICAST_TTL)),
    ((IPPROTO_IP, IP_MULTICAST_LOOP), (libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP)),
    ((IPPROTO_IP, IP_RECVTTL), (libc::IPPROTO_IP, libc::IP_RECVTTL)),
    ((IPPROTO_IPV6, IPV6_UNICAST_HOPS), (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS)),
    ((IPPROTO_IPV6, IPV6_MULTICAST_IF), (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF)),
    ((IPPROTO_IPV6, IPV6_MULTICAST_HOPS), (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS)),
    ((IPPROTO_IPV6, IPV6_MULTICAST_LOOP), (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP)),
    ((IPPROTO_IPV6, IPV6_CHECKSUM), (libc::IPPROTO_IPV6, libc::IPV6_CHECKSUM)),
    ((IPPROTO_IPV6, IPV6_V6ONLY), (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY)),
    ((IPPROTO_IPV6, IPV6_RECVPKTINFO), (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)),
    ((IPPROTO_IPV6, IPV6_RECVHOPLIMIT), (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT)),
    ((IPPROTO_IPV6, IPV6_RECVTCLASS), (libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS)),
    ((IPPROTO_IPV6, IPV6_TCLASS), (libc::IPPROTO_IPV6, libc::IPV6_TCLASS)),
    ((IPPROTO_IPV6, IPV6_DONTFRAG), (libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG)),
    ((IPPROTO_UDP, UDP_SEGMENT), (libc::SOL_UDP, libc::UDP_SEGMENT)),
    ((IPPROTO_UDP, UDP_GRO), (libc::SOL_UDP, libc::UDP_GRO)),
    ((IPPROTO_TCP, TCP_NODELAY), (libc::IPPROTO_TCP, libc::TCP_NODELAY)),
    ((IPPROTO_TCP, TCP_MAXSEG), (libc::IPPROTO_TCP, libc::TCP_MAXSEG)),
    ((IPPROTO_TCP, TCP_KEEPIDLE), (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE)),
    ((IPPROTO_TCP, TCP_NOPUSH), (libc::IPPROTO_TCP, libc::TCP_CORK)),
    ((IPPROTO_TCP, TCP_KEEPINTVL), (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL)),
    ((IPPROTO_TCP, TCP_KEEPCNT), (libc::IPPROTO_TCP, libc::TCP_KEEPCNT)),
    ((IPPROTO_TCP, TCP_USER_TIMEOUT), (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT)),
];

/// Structures of the same layout that change something: the longest there is.
const STRUCTURES: &[(Option, Option, usize)] = &[
    ((IPPROTO_IP, IP_MULTICAST_IF), (libc::IPPROTO_IP, libc::IP_MULTICAST_IF), 4),
    ((IPPROTO_IP, IP_ADD_MEMBERSHIP), (libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP), 8),
    ((IPPROTO_IP, IP_DROP_MEMBERSHIP), (libc::IPPROTO_IP, libc::IP_DROP_MEMBERSHIP), 8),
    ((IPPROTO_IPV6, IPV6_JOIN_GROUP), (libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP), 20),
    ((IPPROTO_IPV6, IPV6_LEAVE_GROUP), (libc::IPPROTO_IPV6, libc::IPV6_DROP_MEMBERSHIP), 20),
    ((IPPROTO_ICMPV6, ICMP6_FILTER), (libc::IPPROTO_ICMPV6, ICMPV6_FILTER), 32),
];

/// `struct ip_mreq_source`: a group, a source and an interface; the host has the last two the other way round.
const SOURCES: &[(c_int, c_int)] = &[
    (IP_ADD_SOURCE_MEMBERSHIP, libc::IP_ADD_SOURCE_MEMBERSHIP),
    (IP_DROP_SOURCE_MEMBERSHIP, libc::IP_DROP_SOURCE_MEMBERSHIP),
    (IP_BLOCK_SOURCE, libc::IP_BLOCK_SOURCE),
    (IP_UNBLOCK_SOURCE, libc::IP_UNBLOCK_SOURCE),
];

fn number_of(option: Option) -> std::option::Option<Option> {
    NUMBERS.iter().find(|(ours, _)| *ours == option).map(|(_, host)| *host)
}

fn structure_of(option: Option) -> std::option::Option<(Option, usize)> {
    STRUCTURES.iter().find(|(ours, ..)| *ours == option).map(|(_, host, bytes)| (*host, *bytes))
}

fn set_number(socket: BorrowedFd<'_>, option: Option, number: i64) -> Result<(), Errno> {
    let number = c_int::try_from(number).map_err(|_| Errno::EINVAL)?;
    calls::set_option(socket, option, &number.to_ne_bytes()).map_err(errno::of_socket)
}

fn number(socket: BorrowedFd<'_>, option: Option) -> Result<i64, Errno> {
    let mut value = [0; size_of::<c_int>()];
    let length = calls::option(socket, option, &mut value).map_err(errno::of_socket)?;
    // Some are a byte if there is room for one alone, never here.
    if length == value.len() { Ok(c_int::from_ne_bytes(value).into()) } else { Err(Errno::EINVAL) }
}

/// Changes an option. Errors: ENOPROTOOPT, EINVAL, those of the host.
pub fn set(socket: BorrowedFd<'_>, option: Option, value: &OptionValue) -> Result<(), Errno> {
    match (option, value) {
        // The host counts what it needs besides, and so doubles what it is given.
        ((SOL_SOCKET, SO_SNDBUF), OptionValue::Number(bytes @ 1..)) => {
            set_number(socket, (libc::SOL_SOCKET, libc::SO_SNDBUF), *bytes)
        }
        ((SOL_SOCKET, SO_RCVBUF), OptionValue::Number(bytes @ 1..)) => {
            set_number(socket, (libc::SOL_SOCKET, libc::SO_RCVBUF), *bytes)
        }
        ((IPPROTO_IP, IP_DONTFRAG), OptionValue::Number(on)) => {
            let how = if *on == 0 { MAY_BE_CUT } else { MUST_NOT_BE_CUT };
            set_number(socket, (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER), how)
        }
        ((IPPROTO_TCP, TCP_CONGCTL), OptionValue::Bytes(name)) => set_congestion(socket, name),
        ((IPPROTO_IP, name), OptionValue::Bytes(bytes)) if SOURCES.iter().any(|(ours, _)| *ours == name) => {
            let host = SOURCES.iter().find(|(ours, _)| *ours == name).map_or(0, |(_, host)| *host);
            let [group, source, interface] = [0, 4, 8].map(|at| bytes.get(at..at + 4).ok_or(Errno::EINVAL));
            let value = [group?, interface?, source?].concat();
            calls::set_option(socket, (libc::IPPROTO_IP, host), &value).map_err(errno::of_socket)
        }
        (_, OptionValue::Number(value)) => match number_of(option) {
            Some(host) => set_number(socket, host, *value),
            None => Err(unknown(option)),
        },
        (_, OptionValue::Bytes(bytes)) => match structure_of(option) {
            Some((host, length)) => {
                let value = bytes.get(..length).ok_or(Errno::EINVAL)?;
                calls::set_option(socket, host, value).map_err(errno::of_socket)
            }
            None => Err(unknown(option)),
        },
        (_, OptionValue::Linger(_)) => Err(unknown(option)),
    }
}

/// Why a value was refused: there is no such option, or it is no such value.
fn unknown(option: Option) -> Errno {
    let known = [(SOL_SOCKET, SO_SNDBUF), (SOL_SOCKET, SO_RCVBUF), (IPPROTO_IP, IP_DONTFRAG)];
    let is_known = known.contains(&option)
        || option == (IPPROTO_TCP, TCP_CONGCTL)
        || number_of(option).is_some()
        || structure_of(option).is_some()
        || option.0 == IPPROTO_IP && SOURCES.iter().any(|(ours, _)| *ours == option.1);
    if is_known { Errno::EINVAL } else { Errno::ENOPROTOOPT }
}

/// What an option is. Errors: ENOPROTOOPT, those of the host.
pub fn find(socket: BorrowedFd<'_>, option: Option) -> Result<OptionValue, Errno> {
    let number = match option {
        (SOL_SOCKET, SO_SNDBUF) => number(socket, (libc::SOL_SOCKET, libc::SO_SNDBUF))? / 2,
        (SOL_SOCKET, SO_RCVBUF) => number(socket, (libc::SOL_SOCKET, libc::SO_RCVBUF))? / 2,
        (SOL_SOCKET, SO_ERROR) => match number(socket, (libc::SOL_SOCKET, libc::SO_ERROR))? {
            0 => 0,
            host => {
                let error = io::Error::from_raw_os_error(host as i32);
                errno::of_socket(rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO))
                    as i64
            }
        },
        (IPPROTO_IP, IP_DONTFRAG) => {
            let how = number(socket, (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER))?;
            (how >= MUST_NOT_BE_CUT).into()
        }
        (IPPROTO_IPV6, IPV6_PATHMTU) => number(socket, (libc::IPPROTO_IPV6, IPV6_MTU))?,
        (IPPROTO_TCP, TCP_INFO) => {
            let mut bytes = [0; tcp_info::MOST_BYTES];
            let length = calls::option(socket, (libc::IPPROTO_TCP, libc::TCP_INFO), &mut bytes);
            let length = length.map_err(errno::of_socket)?;
            return Ok(OptionValue::Bytes(tcp_info::translate(&bytes[..length]).to_bytes()));
        }
        (IPPROTO_TCP, TCP_CONGCTL) => return congestion(socket),
        _ => match (number_of(option), structure_of(option)) {
            (Some(host), _) => number(socket, host)?,
            (None, Some((host, length))) => {
                let mut bytes = vec![0; length];
                let length = calls::option(socket, host, &mut bytes).map_err(errno::of_socket)?;
                bytes.truncate(length);
                return Ok(OptionValue::Bytes(bytes));
            }
            _ => return Err(Errno::ENOPROTOOPT),
        },
    };
    Ok(OptionValue::Number(number))
}

/// NetBSD and the host call one algorithm by different names.
const RENO: (&[u8], &[u8]) = (b"newreno", b"reno");

/// Errors: ENOENT (the host has none of the name).
fn set_congestion(socket: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = if name == RENO.0 { RENO.1 } else { name };
    if name.is_empty() || name.len() >= MOST_NAME {
        return Err(Errno::ENOENT);
    }
    calls::set_option(socket, (libc::IPPROTO_TCP, libc::TCP_CONGESTION), name).map_err(errno::of_socket)
}

fn congestion(socket: BorrowedFd<'_>) -> Result<OptionValue, Errno> {
    let mut name = [0; MOST_NAME];
    let length = calls::option(socket, (libc::IPPROTO_TCP, libc::TCP_CONGESTION), &mut name);
    let name = name[..length.map_err(errno::of_socket)?].split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(OptionValue::Bytes(if name == RENO.1 { RENO.0 } else { name }.into()))
}
